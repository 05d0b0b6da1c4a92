"""`connector status`: the books, and who works with whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from connector.cli.calls import calls_table
from connector.cli.root import Session, with_config
from connector.cli.table import plural, table, text
from connector.visible import visible

if TYPE_CHECKING:
    from connector.config import Config
    from connector.store import Books, Extent, Store

_PLAIN = {"": "due soon, or held by a worker", "remap": "put back by `connector remap`; the next pass maps them anew"}


@click.command()
@with_config
def command(session: Session) -> int:
    """Show the books of every flow, with both equations, what its records wait for, the health of every connection, the
    calls of the last 24 hours (what the budget leaves, and how long that lasts at the present rate), and how large the
    ledger is.

    Reads the ledger only: it works beside a running daemon and touches no network. Exits with 1 if a flow's books do not
    balance, which must never be.

    \b
    Example:
      connector status
    """
    from connector.config import SystemClock

    config = session.load()
    with ledger(config) as store:
        books, healths = store.counts(), store.healths()
        extent = store.extent()
        spent = store.spent(now := SystemClock().now())
        waiting = {each.flow: _waiting(store, each.flow) for each in books if each.pending}
    names = {flow.id: name for name, flow in config.flows.items()}
    _show_books(config, books, waiting)
    click.echo("")
    _show_health(config, healths, names)
    click.echo("")
    for line in calls_table(config, spent, now):
        click.echo(line)
    click.echo("")
    for line in extent_lines(extent):
        click.echo(line)
    return 0 if all(each.balanced for each in books) else 1


@contextmanager
def ledger(config: Config) -> Iterator[Store]:
    """The ledger alone, for commands that need no remote system."""
    from connector.store import open_store

    store = open_store(config.store, base=config.folder, keys=config.record_keys)
    try:
        yield store
    finally:
        store.close()


def _waiting(store: Store, flow: str) -> list[str]:
    """Why a flow's pending rows wait, the most frequent reasons first, each with one of its keys."""
    return [
        f"{plural(cause.rows, 'record')} pending, as {cause.keys[0]}: {_PLAIN.get(cause.reason, cause.reason)}; "
        f"the first since {text(cause.oldest)}"
        for cause in store.causes("pending", flow=flow, limit=3)
    ]


def extent_lines(extent: Extent) -> Iterator[str]:
    """How large the ledger is, and what a person should know of its records."""
    kept = "encrypted" if extent.encrypted else "not encrypted"
    yield (
        f"ledger: {_mib(extent.total)} MiB on disk, {_mib(extent.free)} of it free, {_mib(extent.log)} in its log; "
        f"{plural(extent.rows, 'row')}, {plural(extent.records, 'stored record')}, {kept}"
    )
    if extent.rekeying:
        yield "  some records may still be under an older key, or under none: the daemon changes that; at once: connector rekey"
    if extent.remnants:
        yield "  copies of records from before encryption may be left in unused space: connector rekey clears them"
    if extent.readable:
        yield "  other users may read its files: give them to the user that runs the connector, with mode 600"


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f}"


def _show_books(config: Config, books: Sequence[Books], waiting: Mapping[str, Sequence[str]]) -> None:
    known = {each.flow: each for each in books}
    for name, flow in config.flows.items():
        off = "" if flow.enabled else "  (off)"
        each = known.pop(flow.id, None)
        if each is None:
            click.echo(f"{name}{off}: not run yet")
            continue
        _show_flow(name + off, each, waiting.get(flow.id, ()))
    for each in known.values():
        _show_flow(f"{each.flow}  (not configured)", each, waiting.get(each.flow, ()))
    if any(each.parked for each in books):
        click.echo("look further: connector parked list")


def _show_flow(name: str, books: Books, waiting: Sequence[str]) -> None:
    click.echo(name)
    for total, parts in (
        ("rows", ("done", "filtered", "foreign", "parked", "pending", "dropped")),
        ("read", ("repeated", "superseded", "settled", "open")),
    ):
        counts = [getattr(books, part) for part in parts]
        right = getattr(books, total) == sum(counts)
        sums = " + ".join(f"{count:,} {part}" for part, count in zip(parts, counts, strict=True))
        click.echo(f"  {getattr(books, total):,} {total} = {sums}" + ("" if right else "  DOES NOT BALANCE"))
    for line in waiting:
        click.echo(f"  {visible(line)}")


def _show_health(config: Config, healths: Mapping[str, tuple[str, object, str, str]], names: Mapping[str, str]) -> None:
    rows = []
    scopes = [f"connection:{name}" for name in config.connections] + [f"flow:{each}" for each in names]
    for scope in scopes:
        kind, _, name = scope.partition(":")
        if kind == "flow" and scope not in healths:
            continue
        state, since, message, remedy = healths.get(scope, ("no trouble known", None, "", ""))
        shown = names.get(name, name) if kind == "flow" else name
        rows.append((kind, shown, state, since, "; ".join(filter(None, (message, remedy))) if state != "ok" else ""))
    for line in table(["", "name", "state", "since", "why"], [(*row[:4], text(row[4])) for row in rows]):
        click.echo(line)
