"""`connector run`."""

from __future__ import annotations

import click

from connector.cli.root import Session, with_config


@click.command()
@with_config
def command(session: Session) -> int:
    """Run the daemon: every flow on its schedule, until SIGTERM or Ctrl-C.

    What is in flight is finished (at most `daemon.stop_grace`); a second signal ends the process at once. A remote system
    that is down does not stop the start. Another daemon on the same ledger does.

    \b
    Example:
      connector run
    """
    from connector.runner.signals import Signals  # first of all: process 1 has no default handlers

    signals = Signals().install()
    try:
        config = session.load()
        tell = session.tell(config)
        tell("starting", config=str(config.path))
        from connector.runner.serve import serve

        return serve(config, signals, tell)
    finally:
        signals.restore()
