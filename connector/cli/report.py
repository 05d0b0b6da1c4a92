"""`connector report`: what the ledger knows about the work of people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import click

from connector.cli.root import Session, with_config
from connector.cli.table import table

if TYPE_CHECKING:
    from connector.config import Config
    from connector.store import Dwell


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Tell what the ledger knows about the work: how long cases wait in their queues.

    \b
    Example:
      connector report dwell
    """


@command.command("dwell", short_help="Time in queue, by queue and day.")
@click.option("--from", "begin", metavar="WHEN", default="30d", show_default=True,
              help="Stays that began since: 30d (before now), an instant, beginning.")  # fmt: skip
@click.option("--to", "end", metavar="WHEN", default="now", show_default=True, help="And before this.")
@click.option("--queue", metavar="NAME", help="Only this queue, by the name that people know.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
              help="csv and json: times in seconds, for machines.")  # fmt: skip
@with_config
def dwell(session: Session, begin: str, end: str, queue: str | None, form: Literal["table", "csv", "json"]) -> int:
    """Time in queue, by queue and day (UTC) on which cases came into it: how many were claimed, moved to another queue, closed
    while they waited or are waiting still, how many had been given back by a person, and how long they waited. A case that
    waits still has waited until now.

    It is told of the cases that a flow has looked at who has them: flows by state, and flows whose mapping reads
    `claimed_by`, `queued_since` or the like. Asks no remote system.

    \b
    Example:
      connector report dwell --from 7d
      connector report dwell --queue Returns --format csv
    """
    from connector.cli.backfill import window
    from connector.cli.status import ledger
    from connector.config import SystemClock
    from connector.store import Dwell

    now = SystemClock().now()
    begins, ends = window(begin, end, now)
    config = session.load()
    with ledger(config) as store:
        found = store.dwell(begins or datetime.min.replace(tzinfo=now.tzinfo), ends, now, queue=queue)
    if form == "json":
        import orjson

        click.echo(orjson.dumps([asdict(each) for each in found], option=orjson.OPT_INDENT_2).decode())
        return 0
    names = [field.name for field in fields(Dwell)]
    if form == "csv":
        click.echo(_csv(names, found), nl=False)
        return 0
    if not found:
        click.echo(
            f"no case is known to have come into {f'the queue {queue}' if queue else 'a queue'} then{_why(config)}"
        )
        return 0
    for line in table(names, _rows(found)):
        click.echo(line)
    return 0


def _why(config: Config) -> str:
    """What to do where no flow looks."""
    from connector.states import FACTS

    looking = any(flow.by_state or set(FACTS) & (flow.mapping.fields or set()) for flow in config.flows.values())
    return "" if looking else ": no flow looks at who has the cases (docs/flows/claims.md)"


def _csv(names: Sequence[str], found: Iterable[Dwell]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_safe(value) for value in asdict(each).values()] for each in found)
    return text.getvalue()


def _safe(value: object) -> object:
    """A queue's name is no formula, whatever a spreadsheet makes of its first character."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value


def _rows(found: Iterable[Dwell]) -> Iterator[list[object]]:
    for each in found:
        yield [duration(value) if isinstance(value, float) else value for value in asdict(each).values()]


def duration(seconds: float) -> str:
    """`45s`, `12m 30s`, `3h 05m`, `2d 04h`: two units are enough for people."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d {hour:02}h"
    if hours:
        return f"{hours}h {minute:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"
