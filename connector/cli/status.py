"""`connector status`: the books, and who works with whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import click

from connector.cli.calls import calls_of, calls_table
from connector.cli.root import Session, with_config
from connector.cli.table import plural, table, text
from connector.visible import visible

if TYPE_CHECKING:
    from connector.config import Config
    from connector.flow import Flow
    from connector.store import Books, Cause, Store

WELL, LOOK, UNREACHABLE = 0, 1, 3
"""Exit codes: the worst of all sections counts."""
_ROWS = ("done", "filtered", "foreign", "parked", "pending", "dropped")
_READ = ("repeated", "superseded", "settled", "open")
_CAUSES = 3
_ILL = ("down", "refused", "limited")
_PLAIN = {
    "": "due soon, or held by a worker",
    "remap": "put back by `connector remap`; the next pass maps them anew",
    "reconcile": "put back by `connector reconcile`; the next pass sends what differs",
}


@dataclass(slots=True)
class Told:
    """What one section says: lines for people, `data` under its name for machines, and its exit code."""

    name: str
    data: Any
    lines: list[str] = field(default_factory=list)
    code: int = WELL


Section = Callable[["Config", "Store", datetime], Told]


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="json: for machines.")
@click.option(
    "--uncertain", "in_doubt", is_flag=True, help="Writes without an answer: since when, what is looked up, when."
)
@with_config
def command(session: Session, form: Literal["text", "json"], in_doubt: bool) -> int:
    """Show the books of every flow with both equations, what its records wait for, how old its cursor is, what its brake leaves,
    the health of every connection, the calls of the last 24 hours (what the budget leaves, and how long that lasts at the present
    rate), and how large the ledger is.

    Reads the ledger only: it works beside a running daemon and touches no network. Exits with 0 when all is well; with 1 when
    something is parked, a flow waits for an administrator, or books do not balance, which must never be; with 3 when a remote
    system is known not to work. With --uncertain always with 0.

    \b
    Example:
      connector status
      connector status --format json
      connector status --uncertain
    """
    from connector.config import SystemClock

    config = session.load()
    if in_doubt:
        return _show_uncertain(config, form)
    with ledger(config) as store:
        told = [section(config, store, SystemClock().now()) for section in SECTIONS]
    code = max(each.code for each in told)
    if form == "json":
        click.echo(_json({"exit_code": code, **{each.name: each.data for each in told}}))
        return code
    for at, each in enumerate(each for each in told if each.lines):
        click.echo("\n".join(["", *map(visible, each.lines)] if at else map(visible, each.lines)))
    return code


@contextmanager
def ledger(config: Config) -> Iterator[Store]:
    """The ledger alone, for commands that need no remote system."""
    from connector.store import open_store

    store = open_store(config.store, base=config.folder, keys=config.record_keys)
    try:
        yield store
    finally:
        store.close()


def _json(document: Any) -> str:
    import orjson

    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()


def _show_uncertain(config: Config, form: Literal["text", "json"]) -> int:
    from connector.cli.uncertain import doubts, uncertain
    from connector.config import SystemClock

    with ledger(config) as store:
        if form == "json":
            click.echo(_json(doubts(store, config, SystemClock().now())))
            return WELL
        for line in uncertain(store, config, SystemClock().now()):
            click.echo(visible(line))
    return WELL


# -- flows -------------------------------------------------------------------------------------------------------------


_SILENT = 300.0
"""Seconds without a read that say nothing yet, however often a flow is polled."""


def flows_section(config: Config, store: Store, now: datetime) -> Told:
    """Every flow: its books, its pace, what its records wait for and are parked for."""
    known, pulses, doubted = {each.flow: each for each in store.counts()}, store.pulses(), store.doubted()
    told, ill = Told("flows", {}), {scope for scope, (state, *_) in store.healths().items() if state != "ok"}
    for name, flow in config.flows.items():
        off = "" if flow.enabled else "  (off)"
        books = known.pop(flow.id, None)
        if books is None:
            told.data[name] = {"id": flow.id, "enabled": flow.enabled}
            told.lines.append(f"{name}{off}: not run yet")
            continue
        moved, due = pulses.get(flow.id, (None, None))
        one = _books(books) | {"id": flow.id, "enabled": flow.enabled, "cursor_moved": moved, "next_due": due}
        one["silent"] = not ill & {f"flow:{flow.id}", f"connection:{flow.source[0]}"} and _silent(flow, moved, now)
        told.data[name] = one | _brake(store, flow, now)
        told.data[name] |= _doubt(doubted.get(flow.id))
        told.lines += [name + off, *_equations(books), *_pace(one, flow, now), *_braked(told.data[name])]
        if (doubt := told.data[name]["uncertain"])["rows"]:
            since = f"{plural(doubt['rows'], 'record')} uncertain, the first since {text(doubt['since'])}"
            told.lines.append(f"  {since}: connector status --uncertain")
        _causes(store, told, name, books)
    for books in known.values():
        told.data[books.flow] = _books(books) | {"id": books.flow, "configured": False}
        told.lines += [f"{books.flow}  (not configured)", *_equations(books)]
        _causes(store, told, books.flow, books)
    told.code = (
        LOOK if any(each.get("parked") or each.get("balanced") is False for each in told.data.values()) else WELL
    )
    return told


def total_section(config: Config, store: Store, now: datetime) -> Told:
    """Both equations over all flows."""
    every = store.counts()
    sums = {name: sum(getattr(each, name) for each in every) for name in ("rows", *_ROWS, "read", *_READ)}
    from connector.store import Books

    total = Books("all flows", **sums)
    lines = ["all flows", *_equations(total)] if len(every) > 1 else []
    if total.parked:
        lines.append("look further: connector parked list")
    return Told("total", _books(total), lines)


def _books(books: Books) -> dict[str, Any]:
    return {name: getattr(books, name) for name in ("rows", *_ROWS, "read", *_READ)} | {"balanced": books.balanced}


def _equations(books: Books) -> Iterator[str]:
    for total, parts in (("rows", _ROWS), ("read", _READ)):
        counts = [getattr(books, part) for part in parts]
        right = getattr(books, total) == sum(counts)
        sums = " + ".join(f"{count:,} {part}" for part, count in zip(parts, counts, strict=True))
        yield f"  {getattr(books, total):,} {total} = {sums}" + ("" if right else "  DOES NOT BALANCE")


def _silent(flow: Flow, moved: datetime | None, now: datetime) -> bool:
    """Whether nobody has read for so long that polls are not made, or fail; a system that is down is no reason."""
    return flow.enabled and moved is not None and (now - moved).total_seconds() > max(5 * flow.every, _SILENT)


def _pace(one: dict[str, Any], flow: Flow, now: datetime) -> Iterator[str]:
    if one["cursor_moved"] is not None:
        yield f"  cursor moved {_ago(now - one['cursor_moved'])} ago, {text(one['cursor_moved'])}"
    if one["silent"]:
        every = _ago(timedelta(seconds=flow.every))
        yield f"  not read since, though due every {every}: no daemon runs, its passes fail (its log says why), or a budget holds"
    if one["next_due"] is not None:
        at = one["next_due"]
        yield (
            f"  next due {text(at)}" if at > now else f"  due since {_ago(now - at)}" if at.year > 1970 else "  due now"
        )


def _brake(store: Store, flow: Flow, now: datetime) -> dict[str, Any]:
    if flow.brake is None:
        return {"brake": None}
    return {"brake": {"limit": flow.brake, "last_hour": store.created(flow.id, now - timedelta(hours=1))}}


def _doubt(doubted: tuple[int, datetime] | None) -> dict[str, Any]:
    """Rows with writes that were not answered, and since when the first of them waits."""
    rows, since = doubted or (0, None)
    return {"uncertain": {"rows": rows, "since": since}}


def _braked(one: dict[str, Any]) -> Iterator[str]:
    brake = one["brake"]
    if brake is not None and brake["last_hour"]:
        held = "; it holds" if brake["last_hour"] >= brake["limit"] else ""
        yield f"  brake: {brake['last_hour']:,} of {brake['limit']:,} new objects in the last hour{held}"


def _causes(store: Store, told: Told, name: str, books: Books) -> None:
    """What rows wait for and are parked for, the most frequent first, each with one of its keys."""
    for state, rows in (("pending", books.pending), ("parked", books.parked)):
        found = store.causes(state, flow=books.flow, limit=_CAUSES) if rows else ()  # type: ignore[arg-type]
        told.data[name]["causes_" + state] = [_cause(each) for each in found]
        for each in found:
            where = f" (field {each.field})" if each.field else ""
            why = _PLAIN.get(each.reason, each.reason) if state == "pending" else each.reason
            told.lines.append(
                f"  {plural(each.rows, 'record')} {state}, as {each.keys[0]}: {why}{where}; the first since {text(each.oldest)}"
            )


def _cause(cause: Cause) -> dict[str, Any]:
    return {name: getattr(cause, name) for name in ("rows", "reason", "field", "remedy", "oldest")} | {
        "keys": list(cause.keys)
    }


def _ago(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


# -- beside the flows --------------------------------------------------------------------------------------------------


def backfills_section(config: Config, store: Store, now: datetime) -> Told:
    """Backfills that have not come to their end."""
    names = {flow.id: name for name, flow in config.flows.items()}
    told = Told("backfills", [])
    for each in store.backfills():
        name = names.get(each.flow, each.flow)
        told.data.append({"flow": name, "asked": each.asked, "since": each.since, "read": each.read, "ends": each.ends})
        told.lines.append(
            f"backfill of {name} not ended: {each.asked}, since {text(each.since)}, {plural(each.read, 'record')} read"
        )
    if told.lines:
        told.lines.append("  one that was cut off goes on when its command is given again")
    return told


def health_section(config: Config, store: Store, now: datetime) -> Told:
    """Connections, and flows that wait for an administrator."""
    healths = store.healths()
    told = Told("health", {"connections": {}, "paused": {}})
    rows = []
    names = {f"flow:{flow.id}": name for name, flow in config.flows.items()}
    for scope, name in [(f"connection:{name}", name) for name in config.connections] + list(names.items()):
        kind = scope.partition(":")[0]
        if kind == "flow" and scope not in healths:
            continue
        state, since, message, remedy = healths.get(scope, ("no trouble known", None, "", ""))
        why = "; ".join(filter(None, (message, remedy))) if state != "ok" else ""
        rows.append((kind, name, state, since, text(why)))
        one = {"state": state, "since": since, "message": message, "remedy": remedy}
        told.data["connections" if kind == "connection" else "paused"][name] = one
        told.code = max(told.code, UNREACHABLE if state in _ILL else LOOK if kind == "flow" and state != "ok" else WELL)
    told.lines += table(["", "name", "state", "since", "why"], rows)
    return told


def calls_section(config: Config, store: Store, now: datetime) -> Told:
    """Calls of the last 24 hours by connection."""
    spent = store.spent(now)
    return Told("calls", calls_of(config, spent, now), list(calls_table(config, spent, now)))


def ledger_section(config: Config, store: Store, now: datetime) -> Told:
    """How large the ledger is, and what a person should know of its records."""
    extent = store.extent()
    kept = "encrypted" if extent.encrypted else "not encrypted"
    told = Told("ledger", asdict(extent))
    told.lines.append(
        f"ledger: {_mib(extent.total)} MiB on disk, {_mib(extent.free)} of it free, {_mib(extent.log)} in its log; "
        f"{plural(extent.rows, 'row')}, {plural(extent.records, 'stored record')}, {kept}"
    )
    for asked, line in (
        (
            extent.rekeying,
            "some records may still be under an older key, or under none: the daemon changes that, connector rekey at once",
        ),
        (
            extent.remnants,
            "copies of records from before encryption may be left in unused space: connector rekey clears them",
        ),
        (
            extent.readable,
            "other users may read its files: give them to the user that runs the connector, with mode 600",
        ),
    ):
        if asked:
            told.lines.append(f"  {line}")
    return told


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f}"


SECTIONS: tuple[Section, ...] = (
    flows_section,
    total_section,
    backfills_section,
    health_section,
    calls_section,
    ledger_section,
)
"""In the order in which they are shown."""
