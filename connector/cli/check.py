"""`connector check`: are our files right, and with `--live`, are the remote systems as the files say?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from connector.cli.root import Session, with_config
from connector.cli.table import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.adapter import Adapter
    from connector.config import Config
    from connector.config.uses import Uses


@click.command()
@click.option("--live", is_flag=True, help="Also make one authenticated call per connection.")
@with_config
def command(session: Session, live: bool) -> int:
    """Read the configuration and every mapping and report all faults at once, with file, line, column and remedy.

    Without --live the network is not touched. With it, each connection signs in and looks for the streams and the key
    field that the flows need: 1 if something there must be changed, 3 if a system could not be reached or refused the
    credentials.

    \b
    Example:
      connector check
      connector check --live
    """
    config = session.load()
    flows, connections = plural(len(config.flows), "flow"), plural(len(config.connections), "connection")
    click.echo(f"{config.path}: {flows}, {connections}, no faults")
    if not live:
        return 0
    from connector.config import SystemClock

    clock = SystemClock()
    adapters = {name: connection.open(clock) for name, connection in config.connections.items()}
    try:
        uses = uses_of(config, adapters)
        return max([_ask(name, adapter, uses) for name, adapter in adapters.items()], default=0)
    finally:
        for adapter in adapters.values():
            adapter.close()


def uses_of(config: Config, adapters: Mapping[str, Adapter]) -> Uses:
    """What the configured flows do with every stream, and where that is written."""
    from connector.config.uses import collect
    from connector.document import load

    document = load(str(config.path))
    return collect(config.flows, adapters, lambda flow: document.place(("flows", flow, "mapping")))


def _ask(name: str, adapter: Adapter, uses: Uses) -> int:
    from connector.errors import ConnectionFault, RemoteError

    began = time.monotonic()
    try:
        report = adapter.check(uses.of(name))
    except RemoteError as error:
        click.echo(f"{name}: FAIL  {type(error).__name__}: {error}")
        if error.remedy:
            click.echo(f"  {error.remedy}")
        return 3 if isinstance(error, ConnectionFault) else 1
    facts = ", ".join(f"{key} {value}" for key, value in report.facts.items())
    seconds = f"{time.monotonic() - began:.1f} s"
    click.echo(f"{name}: {'ok' if report.well else 'FAIL'}  {facts}{', ' if facts else ''}{seconds}")
    for problem in report.problems:
        click.echo(f"  {problem.stream + ': ' if problem.stream else ''}{problem.message}")
        for place in uses.places(name, problem.stream, problem.field, problem.value) if problem.field else ():
            click.echo(f"    {place}")
        if problem.remedy:
            click.echo(f"    {problem.remedy}")
    return 0 if report.well else 1
