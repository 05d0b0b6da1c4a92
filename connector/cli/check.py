"""`connector check`: are our files right, and with `--live`, are the remote systems as the files say?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from connector.cli.root import Session, with_config
from connector.cli.table import plural

if TYPE_CHECKING:
    from connector.adapter import Adapter
    from connector.config import Config


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

    codes = [0]
    for name, connection in config.connections.items():
        adapter = connection.open(SystemClock())
        try:
            codes.append(_ask(name, adapter, streams_of(config, name)))
        finally:
            adapter.close()
    return max(codes)


def streams_of(config: Config, connection: str) -> list[str]:
    """The streams of this connection that flows read, write or look up."""
    from connector.config.flows import resolve_stream

    found: dict[str, None] = {}
    for flow in config.flows.values():
        source, destination = ".".join(flow.source), ".".join(flow.destination)
        named = [line.to for line in flow.mapping.lines if line.to and line.to != "main"]
        named += [lookup.stream for lookup in flow.mapping.lookups]
        for text in (source, destination, *named):
            owner, stream = resolve_stream(text, source, destination)
            if owner == connection:
                found[stream] = None
    return list(found)


def _ask(name: str, adapter: Adapter, streams: list[str]) -> int:
    from connector.errors import ConnectionFault, RemoteError

    began = time.monotonic()
    try:
        report = adapter.check(streams)
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
        if problem.remedy:
            click.echo(f"    {problem.remedy}")
    return 0 if report.well else 1
