"""`connector forget`: a customer's record erased from the ledger, and what remains elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import click

from connector.cli.root import Session, by, with_config
from connector.cli.table import plural, table

if TYPE_CHECKING:
    from connector.flow import Flow
    from connector.model import Row
    from connector.runner.assembly import Assembly

_SHOWN = 10
"""Other records that are named."""
_PATIENCE = 120.0
"""Seconds to wait for passes that are under way."""


@dataclass(slots=True)
class Belonging:
    """All that belongs to some names: rows by id, our keys on remote objects, and every name to be taken out of texts."""

    rows: dict[int, Row] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    @property
    def flows(self) -> list[str]:
        return sorted({row.flow for row in self.rows.values()})


@click.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY…")
@click.option(
    "--dry-run", is_flag=True, help="Say what would be erased, and what would remain elsewhere; change nothing."
)
@with_config
def command(session: Session, keys: tuple[str, ...], dry_run: bool) -> int:
    """Erase a customer's record from the ledger: its rows in all flows, what they wrote and read back, stored records, reasons,
    digests, and its name in the audit and in what is said of other records. There is no way back.

    KEY is what `connector explain` takes: an order or return number, a case's Id, our key. Erased is also what was read back of
    it (its cases, their comments); a return of an order is a record of its own. The ledger's file is written anew, so that no
    remnant stays in it. A keyed digest of the key stays, so that reading the record again makes no new case. If one KEY is not
    known, nothing is changed: a mistyped one would be passed over for ever.

    Works while the daemon runs: it waits until passes of these flows have ended. The remote systems are not touched.

    \b
    Example:
      connector forget 00001301 --dry-run
      connector forget 00001301
    """
    from connector.runner.assembly import assembled
    from connector.runner.turns import held_in_turn

    config = session.load()
    with assembled(config, tell=session.tell(config, level="warning")) as assembly:
        if missing := unknown(assembly, keys):
            click.echo(f"{', '.join(missing)}: no flow has read such a record; nothing was changed", err=True)
            return 1
        found = belonging(assembly, keys)
        if not found.rows:
            click.echo(f"{', '.join(keys)}: forgotten already")
            return 0 if dry_run else _scrubbed(assembly)
        if dry_run:
            _show(assembly, found, "would be erased; nothing was changed")
            return 0
        names = {flow.id: name for name, flow in config.flows.items()}

        def waits(flow: str) -> None:
            click.echo(f"waits for the pass of {names.get(flow, flow)} that is under way", err=True)

        with held_in_turn(assembly.store, found.flows, _PATIENCE, waits):
            found = belonging(assembly, keys)  # what a pass has written meanwhile belongs to it too
            erased = assembly.store.forget(list(found.rows), found.names, assembly.clock.now(), by=by())
        _show(assembly, found, "erased")
        if erased.texts or erased.entries:
            click.echo(
                f"its name was taken out of {plural(erased.texts, 'text')} and {erased.entries} of the audit's entries"
            )
        return _scrubbed(assembly)


def unknown(assembly: Assembly, keys: Sequence[str]) -> list[str]:
    """Names of nothing. Not one record is erased then: a name that was mistyped would be passed over for ever. What was forgotten
    before is none of them: perhaps only the file is still to be written anew."""
    return [key for key in keys if not belonging(assembly, [key]).rows and not assembly.store.is_name_forgotten(key)]


def belonging(assembly: Assembly, keys: Sequence[str]) -> Belonging:
    """Rows of these names, of what they wrote and of what was read back of that, however many steps away."""
    from connector.cli.story import find

    store = assembly.store
    found = Belonging(names=set(keys))
    for row in (row for key in keys for row in find(store, key)):
        flow = _flow(assembly, row.flow)
        if (
            row.key in keys or flow is None or not flow.answers
        ):  # an answer that wrote to it may be about another record
            found.rows[row.id] = row
    known = -1
    while len(found.rows) > known:
        known = len(found.rows)
        rows = [_alone(assembly, row, found.rows) for row in found.rows.values()]
        ours = {each for row in rows for each in _our_keys(assembly, row)}
        found.names |= ours | {row.key for row in rows} | {each for row in rows for each in _made(assembly, row)}
        more: list[Row] = [*_answers(assembly, rows), *store.bearing(ours), *_origins(assembly, rows)]
        found.rows |= {row.id: row for row in more}
    return found


def _alone(assembly: Assembly, row: Row, found: Mapping[int, Row]) -> Row:
    """A row without its main line, where another record that stays shares that object: neither the object's key nor what was
    read back of it is this record's alone."""
    flow = _flow(assembly, row.flow)
    shared = {line.key for line in row.lines if line.id == "main" and line.key}
    if not shared or flow is None or flow.answers:
        return row
    sharing = assembly.store.sharing(row.flow, shared)
    kept = {key for key in shared if any(each.id not in found for each in sharing.get(key, ()))}
    return replace(row, lines=[line for line in row.lines if line.id != "main" or line.key not in kept])


def _flow(assembly: Assembly, flow: str) -> Flow | None:
    return next((each for each in assembly.config.flows.values() if flow in (each.id, *each.moved_from)), None)


def _our_keys(assembly: Assembly, row: Row) -> Iterator[str]:
    """Keys that objects made for this row bear, whatever the flow was called when it made them."""
    from connector import keys

    flow = _flow(assembly, row.flow)
    if flow is None or flow.answers:
        return
    longest = assembly.engine.places.at(*flow.destination).stream.key_length
    for name in (flow.id, *flow.moved_from):
        for line in row.lines:
            if line.id != "main":
                yield keys.make(name, row.site, row.key, line.id, line.key, longest=longest)
            elif line.key:
                yield keys.make(name, row.site, line.key, longest=longest)
        yield keys.make(name, row.site, row.key, longest=longest)


def _made(assembly: Assembly, row: Row) -> Iterator[str]:
    """Ids of what a flow made at its destination; an answer writes to objects of others."""
    flow = _flow(assembly, row.flow)
    if flow is not None and not flow.answers:
        for line in row.lines:
            if line.target and line.stream.partition(".")[0] == flow.destination[0]:
                yield line.target
            yield from line.forgotten


def _answers(assembly: Assembly, rows: Iterable[Row]) -> Iterator[Row]:
    """What flows that answer these have read of what these made."""
    flows = assembly.config.flows
    for flow in flows.values():
        answered = flows[flow.answers].id if flow.answers else None
        for target in {line.target for row in rows if row.flow == answered for line in row.lines if line.target}:
            yield from assembly.store.rows(flow=flow.id, key=target)


def _origins(assembly: Assembly, rows: Iterable[Row]) -> Iterator[Row]:
    """What answers answer."""
    from connector import keys

    store = assembly.store
    answers = [row for row in rows if (flow := _flow(assembly, row.flow)) and flow.answers]
    borne: Mapping[int, str] = store.borne([row.id for row in answers])
    for row in answers:
        answered = assembly.config.flows[str(getattr(_flow(assembly, row.flow), "answers", ""))]
        yield from store.rows(flow=answered.id, target=row.key)
        parsed = keys.parse(borne.get(row.id, ""))
        if parsed is not None:
            origin = store.row(answered.id, parsed.site, parsed.record)
            yield from [origin] if origin else []


def _named(assembly: Assembly, row: Row) -> str:
    flow = _flow(assembly, row.flow)
    return f"{flow.name if flow else row.flow}: {row.key}"


def _show(assembly: Assembly, found: Belonging, what: str) -> None:
    click.echo(f"{plural(len(found.rows), 'record')} {what}:")
    places: dict[tuple[str, str], str] = {}
    for row in found.rows.values():
        flow = _flow(assembly, row.flow)
        click.echo(f"  {_named(assembly, row)}, {plural(len(row.lines), 'line')}")
        if flow is not None:
            places.setdefault((".".join(flow.source), row.key), "")
        ours = list(_our_keys(assembly, row))
        for line in row.lines:
            if line.target:
                key = next((each for each in ours if each.count(":") == 2), "") if line.id == "main" else ""
                places[(line.stream, line.target)] = places.get((line.stream, line.target)) or key
    click.echo("what remains in the remote systems, to be erased there:")
    rows = [(stream, target, key) for (stream, target), key in sorted(places.items())]
    for shown in table(["stream", "key or Id", "our key on it"], rows, indent="  "):
        click.echo(shown)
    for flow in assembly.config.flows.values():
        if any(name in (assembly.store.cursor(flow.id) or "") for name in found.names):
            click.echo(f"the cursor of {flow.name} may name it until the next record is read")
    for row in [row for row in assembly.store.naming(found.names) if row.id not in found.rows][:_SHOWN]:
        click.echo(f"named still by {_named(assembly, row)}, a record of its own: connector forget {row.key}")
    click.echo(
        "logs that were written before hold its key, never its contents; backups of the ledger hold all that it held"
    )


def _scrubbed(assembly: Assembly) -> int:
    if assembly.store.scrub():
        click.echo("the ledger's file was written anew: nothing of it is left there")
        return 0
    click.echo(
        "the ledger's log could not be cut, since another process reads it all the while: give the same command again",
        err=True,
    )
    return 1
