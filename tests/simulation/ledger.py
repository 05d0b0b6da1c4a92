"""The real SQLite ledger, with a boundary before and after each of its commits, where its process may end or lose its turn."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector.errors import Busy
from connector.model import Cursor, Page, Record
from connector.store import Hold, Ingested, Leased, LeaseToken, Moved, Settle
from connector.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from tests.simulation.process import Process


class _Commits:
    """A connection whose COMMIT is a place where a process may end: right before it, or right after it."""

    def __init__(self, conn: sqlite3.Connection, process: Process) -> None:
        self._conn, self._process = conn, process

    def execute(self, statement: str, *given: Any) -> sqlite3.Cursor:
        if statement != "COMMIT" or not self._conn.in_transaction:
            return self._conn.execute(statement, *given)
        self._process.commits("before")
        cursor = self._conn.execute(statement)
        self._process.commits("after")
        return cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)


class SimulatedLedger(SqliteStore):
    """One process's store. Its locks are those of a process of its own: it opens the ledger by a link of its own name."""

    def __init__(self, process: Process, file: Path) -> None:
        link = file.with_name(f"{process.name}.db")
        link.symlink_to(file.name)
        super().__init__(link)
        self._process = process
        self._conn.execute("PRAGMA synchronous=OFF").close()  # a process ends here, never the machine
        self._real = self._conn
        self._conn = _Commits(self._conn, process)  # type: ignore[assignment]

    @contextmanager
    def hold(self, what: str) -> Iterator[None]:
        """Whoever is stopped or dead holds nothing: as if its machine were gone."""
        process, held = self._process, self._process.world.held
        process.step("ledger.hold before")
        holder = held.get(what)
        if holder is not None and holder is not process and not holder.away:
            raise Busy(f"{what} is held by {holder.name}")
        held[what] = process
        try:
            with super().hold(what):
                self._process.world.watch_over.taken_over(what, self)
                yield
        finally:
            if held.get(what) is process:
                del held[what]

    def ingest(
        self, flow: str, page: Page, now: datetime, *, lease: float | None = None, fields: frozenset[str] | None = None,
        move: bool = True, flying: Collection[LeaseToken] = (), backfill: str | None = None,
        number: str | Sequence[str] | None = None,
    ) -> Ingested:  # fmt: skip
        here = {(flow, record.key, record.stamp) for record in page.records}
        name = "ledger.ingest" if here <= self._process.world.taken_in else "ledger.ingest news"
        self._process.world.taken_in |= here
        with self._process.verb(name):
            before = self._stamps(flow, page)
            done = super().ingest(
                flow, page, now, lease=lease, fields=fields, move=move, flying=flying, backfill=backfill, number=number
            )
            self._process.world.watch_over.taken_in(flow, before, self._stamps(flow, page))
            return done

    def _stamps(self, flow: str, page: Page) -> dict[str, str]:
        keys = [record.key for record in page.records]
        marks = ",".join("?" * len(keys))
        statement = (
            f'SELECT "row".key, stamp FROM "row" JOIN flow ON flow.id=flow WHERE name=? AND "row".key IN ({marks})'
        )
        return dict(self._real.execute(statement, [flow, *keys]).fetchall())

    def lease(
        self, flow: str, now: datetime, *, seconds: float, limit: int, flying: Collection[LeaseToken] = ()
    ) -> tuple[LeaseToken, list[Leased]]:
        with self._process.verb("ledger.lease"):
            return super().lease(flow, now, seconds=seconds, limit=limit, flying=flying)

    def settle(self, flow: str, token: LeaseToken, settles: Sequence[Settle], now: datetime, *, mapping: str) -> Moved:
        with self._process.verb("ledger.settle"):
            rows = [one.row for one in settles]
            before = self._rows(rows)
            moved = super().settle(flow, token, settles, now, mapping=mapping)
            self._process.world.settled(self._process, token, settles, before, self._rows(rows))
        return moved

    def hold_fields(self, token: LeaseToken, holds: Collection[Hold], now: datetime) -> Sequence[Hold]:
        with self._process.verb("ledger.hold_fields"):
            return super().hold_fields(token, holds, now)

    def found(self, token: LeaseToken, holds: Collection[Hold]) -> None:
        with self._process.verb("ledger.found"):
            super().found(token, holds)

    def saved_since(self, token: LeaseToken, holds: Collection[Hold]) -> None:
        with self._process.verb("ledger.saved_since"):
            super().saved_since(token, holds)

    def intend(self, token: LeaseToken, lines: Collection[tuple[int, str, str, str, str | None]]) -> None:
        with self._process.verb("ledger.intend"):
            super().intend(token, lines)

    def wake(self, flow: str, stream: str, records: Sequence[Record], now: datetime, *, cursor: Cursor | None) -> int:
        with self._process.verb("ledger.wake"):
            return super().wake(flow, stream, records, now, cursor=cursor)

    def _rows(self, rows: Sequence[int]) -> Mapping[int, tuple[Any, ...]]:
        marks = ",".join("?" * len(rows))
        names = "id, rev, state, token, due, attempts"
        found = self._real.execute(f'SELECT {names} FROM "row" WHERE id IN ({marks})', list(rows)).fetchall()
        return {row[0]: row for row in found}

    def end(self) -> None:
        """The process is gone: nothing more is written, and the file is as its last commit left it."""
        if self._real.in_transaction:
            self._real.execute("ROLLBACK")
        self._real.close()
        self._locks.close()
        self.path.unlink()
        self.path.with_name(self.path.name + ".lock").unlink()

    def tokens(self, where: str, given: Sequence[Any]) -> list[tuple[str | None, float]]:
        """Leases on some rows and their ends, as they are committed."""
        statement = f'SELECT token, due FROM "row" JOIN flow ON flow.id="row".flow WHERE {where} AND state=0'
        return self._real.execute(statement, list(given)).fetchall()

    def is_mine(self, token: str) -> bool:
        return token.startswith(f"{self._holder}.")
