"""`connector demo`: the sandbox, the real daemon, and the whole way of a few dozen records, checked at the end."""

from __future__ import annotations

import signal

import click

from connector.cli.root import Session


@click.command()
@click.option("--stay", is_flag=True, help="Keep everything up afterwards, until Ctrl-C.")
@click.option("--orders", default=60, show_default=True, type=click.IntRange(5, 20_000), help="Orders in the shop.")
@click.option("--folder", metavar="PATH", help="Where configuration, ledger and log go (a new temporary folder).")
@click.option("--mappings", metavar="PATH", help="The shipped mappings, if they are not found by themselves.")
@click.option("--within", default=120, show_default=True, help="Seconds after which the demo has failed.")
@click.pass_obj
def command(session: Session, stay: bool, orders: int, folder: str | None, mappings: str | None, within: int) -> int:
    """Start the simulated shop and case system and the real daemon, show orders, returns and complaints becoming cases, agents
    deciding and the decisions arriving in the shop, and end with numbers from both systems and the ledger.

    Exits with 1 when something does not add up.

    \b
    Example:
      connector demo
    """
    from connector.cli.demonstration.stage import Stage
    from connector.cli.demonstration.story import tell

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: the sandbox and the daemon with it
    with Stage.set_up(folder, mappings, orders, config=session.path) as stage:
        return tell(stage, within=within, stay=stay)
