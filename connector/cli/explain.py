"""`connector explain`: everything the ledger knows about one record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import click

from connector.cli.root import Session, with_config
from connector.cli.table import plural, text
from connector.visible import visible

if TYPE_CHECKING:
    from connector.config import Config
    from connector.flow import Flow
    from connector.model import Line, Row
    from connector.store import Store

_OBJECTS = 20
"""Objects that are named."""


@click.command()
@click.argument("key")
@click.option("--flow", metavar="FLOW", help="Only this flow.")
@click.option("--values", is_flag=True, help="Also the values that its stored record is mapped to: a customer's data.")
@with_config
def command(session: Session, key: str, flow: str | None, values: bool) -> int:
    """Say what became of a record in all flows: seen when, filtered by which rule or written where, every attempt that
    failed, what is owed, and what to do.

    KEY is a record's key (an order or return number), a case's number or Id, the id of anything that was written, or our key
    on it. A record is told together with its answers.

    \b
    Example:
      connector explain 00001301
    """
    config = session.load()
    from connector.cli.status import ledger
    from connector.cli.story import find, story
    from connector.cli.sync import chosen_flows

    chosen_flows(config.flows, [flow] if flow else [])
    with ledger(config) as store:
        rows = find(store, key, flow=config.flows[flow].id) if flow else story(store, config, key)
        if rows:
            for line in told(store, rows, config, values=values):
                click.echo(visible(line))
            return 0
        forgotten = store.is_name_forgotten(key)
    if forgotten:
        click.echo(
            f"{key}: was forgotten (connector forget): nothing is known of it, and what is read of it is passed over"
        )
        return 1
    click.echo(f"{key}: no flow has read such a record", err=True)
    click.echo(
        "  it may be older than the flow's `start`, not changed since, or not visible to us: "
        f"try `connector preview FLOW --key {key}`. A case is found by its number once a flow that answers has read it, "
        "by its Id as soon as it is made",
        err=True,
    )
    return 1


def told(store: Store, rows: Sequence[Row], config: Config, *, values: bool) -> Iterable[str]:
    """All rows of one story in words, and then in order of time; with `values` what their records are mapped to."""
    from connector.cli.story import timeline
    from connector.cli.values import mapped

    ill = store.healths()
    for row in rows:
        yield from explained(row, config)
        for each in store.watches([row.id]).get(row.id, ()):
            yield f"  looked up {each.stream} {each.key}, looked at again when that changes"
        yield from held(store, row, values=values)
        if row.state == "pending":
            yield from held_up(row, config, ill)
        if values:
            yield from mapped(store, row, config)
    yield "in order of time:"
    yield from timeline(store, rows, config)


def held(store: Store, row: Row, *, values: bool) -> Iterable[str]:
    """What its lines have written for a while, and what is put back at the end; with `values` also what that is."""
    for one in store.holds([row.id]).get(row.id, ()):
        what = "what stood there before" if not values else _said(one.original)
        known = f"{what} comes back when it ends" if one.original is not ... else "nothing was written yet"
        if one.given_up and one.original is not ...:
            known = f"it is {row.state}, so {what} does not come back"
        since = f" since {text(one.since)}" if one.since else ""
        yield f"  {_line_name(one.line, one.key)} holds {one.field} of {one.stream} {one.target}{since}: {known}"


def not_put_back(store: Store, rows: Sequence[Row]) -> Iterable[str]:
    """What rows that are given up leave behind: fields of objects that were to be put back at their end."""
    found = store.holds([row.id for row in rows])
    objects = {
        f"{one.stream} {one.target}": None for row in rows for one in found.get(row.id, ()) if one.original is not ...
    }
    for name in islice(objects, _OBJECTS):
        yield f"  {name} keeps what was written to it: what stood there before is not put back by a dropped record"
    if len(objects) > _OBJECTS:
        yield f"  … and {len(objects) - _OBJECTS:,} more"


def _line_name(line: str, key: str) -> str:
    return f"{line} {key}" if key else line


def held_up(row: Row, config: Config, ill: Mapping[str, tuple[str, datetime, str, str]]) -> Iterable[str]:
    """What a pending row waits for beside its own faults: a connection that is down, a flow that is paused."""
    flow = next((each for each in config.flows.values() if each.id == row.flow), None)
    if flow is None:
        return
    for scope in (f"flow:{flow.id}", *(f"connection:{name}" for name in sorted({flow.source[0], flow.destination[0]}))):
        state, since, message, remedy = ill.get(scope, ("ok", row.due, "", ""))
        if state != "ok":
            kind, _, name = scope.partition(":")
            yield f"  {kind} {name} is {state} since {text(since)}: {message}"
            if remedy:
                yield f"    to do: {remedy}"


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
    elif row.state == "dropped":
        yield f"  to take it back: connector parked retry --dropped --key {row.key}"
    elif row.state == "parked":
        yield f"  to do: change what the reason names, then `connector parked retry --key {row.key}`"
    if row.state == "pending":
        held = f", held by a worker until {text(row.leased_until)}" if row.leased_until else ""
        yield f"  {plural(row.attempts, 'attempt')} so far, due {text(row.due)}{held}"
    for line in _in_order(row.lines, flow):
        yield from _line(line, _our_key(row, line, flow), known=(row.reason, row.field, row.remedy))
    if row.state not in ("filtered", "foreign"):
        yield f"  its record is {'stored' if row.stored else 'no longer stored (links and digests stay)'}"


def _in_order(lines: Sequence[Line], flow: Flow | None) -> list[Line]:
    """As the mapping has them, main first; what it has no more stands last."""
    places = {spec.id: at for at, spec in enumerate(flow.mapping.lines)} if flow else {}
    return sorted(lines, key=lambda line: places.get(line.id, len(places)))


def rule(flow: Flow) -> str:
    """Where the `when` of a flow's mapping stands."""
    from connector.document import load

    return str(load(flow.mapping.file).place(("when",)))


def _why(row: Row) -> str:
    field = f" (field {row.field})" if row.field else ""
    return f": {row.reason}{field}" if row.reason else ""


def _our_key(row: Row, line: Line, flow: Flow | None) -> str:
    """The key on the main object that a flow made; "" where the object is not ours or the key bears another record's name."""
    from connector import keys

    if (
        flow is None
        or flow.answers
        or line.id != "main"
        or any(spec.has_target for spec in flow.mapping.lines if spec.id == "main")
    ):
        return ""
    return keys.make(row.flow, row.site, line.key or row.key)


def _line(line: Line, our_key: str, *, known: tuple[str, str, str]) -> Iterable[str]:
    """One line in words; a reason that the row has said (`known`) is not said again."""
    target = f" → {line.target}" if line.target else ""
    sent = f", last sent {text(line.sent_at)}" if line.sent_at and line.target else ""
    key = f", our key {our_key}" if our_key else f", key {line.key}" if line.key else ""
    yield f"  {line.id}: {line.stream}{target}  {line.state}{sent}{key}"
    if line.reason and (line.reason, line.field, line.remedy) != known:
        field = f" (field {line.field})" if line.field else ""
        yield f"    {line.reason}{field}"
        if line.remedy:
            yield f"    to do: {line.remedy}"
    for name, (sent, wanted) in line.fight.items():
        if wanted is not ...:
            yield f"    {name}: {_said(sent)} was sent last, {_said(wanted)} is not sent any more"
    if line.forgotten:
        yield f"    made anew by hand, in place of {', '.join(line.forgotten)}"
    if line.uncertain:
        yield f"    uncertain since {text(line.uncertain)}: nothing is made twice of it (how: connector status --uncertain)"


def _said(value: object) -> str:
    """A value of the record for people."""
    return "what is not kept" if value is ... else "null" if value is None else repr(value)
