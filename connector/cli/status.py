"""`connector status`: the books, and who works with whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from connector.cli.root import Session, with_config
from connector.cli.table import plural, table, text

if TYPE_CHECKING:
    from connector.config import Config
    from connector.store import Books, Store

_PLAIN = {"": "due soon, or held by a worker", "remap": "put back by `connector remap`; the next pass maps them anew"}


@click.command()
@click.option(
    "--uncertain", "in_doubt", is_flag=True, help="Writes without an answer: since when, what is looked up, when."
)
@with_config
def command(session: Session, in_doubt: bool) -> int:
    """Show the books of every flow, with both equations, what its records wait for, and the health of every connection.

    Reads the ledger only: it works beside a running daemon and touches no network. Exits with 1 if a flow's books do not
    balance, which must never be.

    \b
    Example:
      connector status
      connector status --uncertain
    """
    config = session.load()
    if in_doubt:
        return _show_uncertain(config)
    with ledger(config) as store:
        books, healths = store.counts(), store.healths()
        doubted = store.doubted()
        waiting = {each.flow: _waiting(store, each.flow) for each in books if each.pending}
    for flow, (rows, since) in doubted.items():
        told = f"{plural(rows, 'record')} uncertain, the first since {text(since)}: connector status --uncertain"
        waiting[flow] = [*waiting.get(flow, []), told]
    names = {flow.id: name for name, flow in config.flows.items()}
    _show_books(config, books, waiting)
    click.echo("")
    _show_health(config, healths, names)
    return 0 if all(each.balanced for each in books) else 1


@contextmanager
def ledger(config: Config) -> Iterator[Store]:
    """The ledger alone, for commands that need no remote system."""
    from connector.store import open_store

    store = open_store(config.store, base=config.folder)
    try:
        yield store
    finally:
        store.close()


def _show_uncertain(config: Config) -> int:
    from connector.cli.uncertain import uncertain

    with ledger(config) as store:
        for line in uncertain(store, config, datetime.now(UTC)):
            click.echo(line)
    return 0


def _waiting(store: Store, flow: str) -> list[str]:
    """Why a flow's pending rows wait, the most frequent reasons first, each with one of its keys."""
    return [
        f"{plural(cause.rows, 'record')} pending, as {cause.keys[0]}: {_PLAIN.get(cause.reason, cause.reason)}; "
        f"the first since {text(cause.oldest)}"
        for cause in store.causes("pending", flow=flow, limit=3)
    ]


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
        click.echo(f"  {line}")


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
