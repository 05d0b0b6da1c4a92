"""`connector explain`: everything the ledger knows about one record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from connector.cli.root import Session, with_config
from connector.cli.table import text

if TYPE_CHECKING:
    from connector.config import Config
    from connector.flow import Flow
    from connector.model import Line, Row
    from connector.store import Store


@click.command()
@click.argument("key")
@click.option("--flow", metavar="FLOW", help="Only this flow.")
@with_config
def command(session: Session, key: str, flow: str | None) -> int:
    """Say what became of a record: seen when, filtered by which rule, or written where, by its key, its target's id or our key.

    \b
    Example:
      connector explain 00001301
    """
    config = session.load()
    from connector.cli.status import ledger
    from connector.cli.sync import chosen_flows

    chosen_flows(config.flows, [flow] if flow else [])
    with ledger(config) as store:
        rows = find(store, key, flow=config.flows[flow].id if flow else None)
    for row in rows:
        for line in explained(row, config):
            click.echo(line)
    if rows:
        return 0
    click.echo(f"{key}: no flow has read such a record", err=True)
    click.echo(
        "  it may be older than the flow's `start`, not changed since, or not visible to us: "
        f"try `connector preview FLOW --key {key}`",
        err=True,
    )
    return 1


def find(store: Store, key: str, *, flow: str | None = None) -> list[Row]:
    """Rows by record key, by the id of what they wrote, or by our key on it."""
    from connector import keys

    found = {row.id: row for row in store.rows(flow=flow, key=key)}
    found |= {row.id: row for row in store.rows(flow=flow, target=key)}
    ours = keys.parse(key)
    if not found and ours is not None:
        row = store.row(ours.flow, ours.site, ours.record)
        found = {row.id: row} if row and flow in (None, ours.flow) else {}
    return list(found.values())


def explained(row: Row, config: Config) -> Iterable[str]:
    """One row in words."""
    flow = next((each for each in config.flows.values() if each.id == row.flow), None)
    site = f" of {row.site}" if row.site else ""
    yield f"{flow.name if flow else row.flow}: {row.key}{site} is {row.state}{_why(row)}"
    if flow and row.state == "filtered" and row.reason == "when":
        yield f"  the rule stands at {rule(flow)}"
    yield f"  version {row.rev}, changed {row.stamp or 'at an unknown time'}"
    yield f"  first seen {text(row.first_seen)}, last seen {text(row.last_seen)}"
    if row.route:
        yield f"  route {row.route}"
    if row.remedy:
        yield f"  to do: {row.remedy}"
    elif row.state == "parked":
        yield f"  to do: change what the reason names, then `connector parked retry --key {row.key}`"
    if row.state == "pending":
        held = f", held by a worker until {text(row.leased_until)}" if row.leased_until else ""
        yield f"  {row.attempts} attempts so far, due {text(row.due)}{held}"
    for line in row.lines:
        yield from _line(line)
    if row.state not in ("filtered", "foreign"):
        yield f"  its record is {'stored' if row.stored else 'no longer stored (links and digests stay)'}"


def rule(flow: Flow) -> str:
    """Where the `when` of a flow's mapping stands."""
    from connector.document import load

    return str(load(flow.mapping.file).place(("when",)))


def _why(row: Row) -> str:
    field = f" (field {row.field})" if row.field else ""
    return f": {row.reason}{field}" if row.reason else ""


def _line(line: Line) -> Iterable[str]:
    target = f" → {line.target}" if line.target else ""
    sent = f", last sent {text(line.sent_at)}" if line.sent_at else ""
    yield f"  {line.id}: {line.stream}{target}  {line.state}{sent}, key {line.key or '-'}"
    if line.reason:
        field = f" (field {line.field})" if line.field else ""
        yield f"    {line.reason}{field}"
    if line.remedy:
        yield f"    to do: {line.remedy}"
    if line.uncertain:
        yield f"    uncertain since {text(line.uncertain)}: it is looked up before anything is repeated"
