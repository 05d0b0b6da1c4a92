"""`connector check`: are our files right, and with `--live`, are the remote systems as the files say?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from connector.cli.calls import budget_problems
from connector.cli.root import Session, with_config
from connector.cli.table import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from connector.adapter import Adapter
    from connector.budget import Limits
    from connector.config import Config
    from connector.config.uses import Uses
    from connector.document import Document
    from connector.errors import Place
    from connector.model import Problem


@click.command()
@click.option("--live", is_flag=True, help="Also ask the remote systems whether they are as the files say.")
@with_config
def command(session: Session, live: bool) -> int:
    """Read the configuration and every mapping and report all faults at once, with file, line, column and remedy.

    Without --live the network is not touched. With it, each connection signs in, and what the flows that are enabled do is held
    against what the system says of itself: streams, fields, rights, types, lengths, listed values, queues and users, the key
    field, the clock. Every problem is shown with the place in our files that it is about, and its remedy: 1 if something must be
    changed, 3 if a system could not be reached or refused the credentials; the other systems are asked all the same.

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
    from connector.adapter import SetsUp
    from connector.config import SystemClock
    from connector.document import load

    clock = SystemClock()
    adapters = {name: connection.open(clock) for name, connection in config.connections.items()}
    try:
        uses, places = uses_of(config, adapters, disabled=False), load(str(config.path))
        codes = {
            name: _ask(name, adapter, uses, places, config.connections[name].limits)
            for name, adapter in adapters.items()
        }
        if any(code == 1 and isinstance(adapters[name], SetsUp) for name, code in codes.items()):
            click.echo("what is missing in a system, connector setup writes as files for its administrator")
        return max(codes.values(), default=0)
    finally:
        for adapter in adapters.values():
            adapter.close()


def uses_of(config: Config, adapters: Mapping[str, Adapter], *, disabled: bool = True) -> Uses:
    """What the configured flows do with every stream, and where that is written; without `disabled` those that run."""
    from connector.config.uses import collect
    from connector.document import load

    document = load(str(config.path))
    return collect(
        config.flows,
        adapters,
        lambda flow: document.place(("flows", flow, "mapping")),
        lambda flow, end: document.place(("flows", flow, end)),
        disabled=disabled,
    )


def _ask(name: str, adapter: Adapter, uses: Uses, document: Document, limits: Limits | None) -> int:
    """Ask one system, and print what it found."""
    from connector.config import SystemClock
    from connector.errors import ConnectionFault, RemoteError

    began = time.monotonic()
    try:
        report = adapter.check(uses.of(name))
    except RemoteError as error:
        click.echo(f"{name}: FAIL  {type(error).__name__}: {error}")
        if error.remedy:
            click.echo(f"  {error.remedy}")
        return 3 if isinstance(error, ConnectionFault) else 1
    problems = [*report.problems, *budget_problems(limits, adapter, SystemClock().now())]
    facts = ", ".join(f"{key} {value}" for key, value in report.facts.items())
    seconds = f"{time.monotonic() - began:.1f} s"
    click.echo(f"{name}: {'FAIL' if problems else 'ok'}  {facts}{', ' if facts else ''}{seconds}")
    for text in _told(name, problems, uses, document):
        click.echo(text)
    return 1 if problems else 0


def _told(name: str, problems: Iterable[Problem], uses: Uses, document: Document) -> list[str]:
    """Problems as faults of our files are told, in the order of the places that they are about."""
    from connector.errors import Fault

    placed = []
    for problem in problems:
        places = uses.about(name, problem, document)
        also = f"also at {', '.join(map(str, places[1:]))}" if len(places) > 1 else ""
        remedy = "\n".join(text for text in (problem.remedy, also) if text)
        fault = Fault(places[0], problem.message, remedy)
        placed.append((_order(places[0], document), problem.message, str(fault)))
    return [text for _, _, text in sorted(placed)]


def _order(place: Place, document: Document) -> tuple[bool, str, int, int]:
    """The configuration first, then its mappings by name; in each from top to bottom."""
    return place.file != document.file, place.file, place.line, place.column
