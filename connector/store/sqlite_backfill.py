"""Backfills under way in the SQLite ledger, and what is told of each flow's pace."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.errors import LedgerError
from connector.model import Page
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_hand import audited
from connector.store.sqlite_values import at_time, bound, shown
from connector.store.tools import Backfill, Pulse

_OPEN = (
    'SELECT name, asked, begins, ends, backfill.cursor, since, backfill."read" FROM backfill '
    "JOIN flow ON flow.id=backfill.flow"
)
DUE = (
    'SELECT name, cursor_at, (SELECT due FROM "row" INDEXED BY row_due WHERE state=0 AND "row".flow=flow.id '
    "ORDER BY due LIMIT 1) FROM flow"
)


class Backfills(LedgerFile):
    """Part of SqliteStore."""

    def backfill(self, flow: str, asked: str) -> Backfill | None:
        with self._read() as db:
            found = db.execute(f"{_OPEN} WHERE name=? AND asked=?", (flow, bound(asked))).fetchone()
        return _backfill(found) if found else None

    def begin_backfill(
        self, flow: str, asked: str, now: datetime, *, begins: datetime | None, ends: datetime
    ) -> Backfill:
        number = self._prepare(flow)
        with self._write() as db:
            db.execute(
                "INSERT INTO backfill (flow, asked, begins, ends, since) VALUES (?,?,?,?,?)",
                (number, bound(asked), begins and begins.timestamp(), ends.timestamp(), now.timestamp()),
            )
        return Backfill(flow, asked, begins, ends, None, now, 0)

    def end_backfill(self, flow: str, asked: str, now: datetime, **facts: str) -> None:
        number = self._prepare(flow)
        with self._write() as db:
            db.execute("DELETE FROM backfill WHERE flow=? AND asked=?", (number, bound(asked)))
            audited(db, "backfill", now.timestamp(), {"flow": flow, "asked": asked, **facts})

    def backfills(self) -> Sequence[Backfill]:
        with self._read() as db:
            return [_backfill(each) for each in db.execute(f"{_OPEN} ORDER BY since").fetchall()]

    def pulses(self) -> Mapping[str, Pulse]:
        with self._read() as db:
            found = db.execute(DUE).fetchall()
        return {name: (at_time(moved), at_time(due)) for name, moved, due in found}

    def created_by_minute(self, flow: str, since: datetime) -> Sequence[tuple[datetime, int]]:
        with self._read() as db:
            found = db.execute(
                "SELECT (minute + 1) * 60.0, n FROM created WHERE flow=(SELECT id FROM flow WHERE name=?) AND minute>=? "
                "ORDER BY minute",
                (flow, int(since.timestamp() // 60)),
            ).fetchall()
        return [(at_time(end), n) for end, n in found]


def move_backfill(db: sqlite3.Connection, flow: int, asked: str, page: Page) -> None:
    """In the transaction that stores the page."""
    moved = db.execute(
        'UPDATE backfill SET cursor=coalesce(?, cursor), "read"="read"+? WHERE flow=? AND asked=?',
        (bound(page.cursor), len(page.records), flow, bound(asked)),
    ).rowcount
    if not moved:
        raise LedgerError(f"the backfill {asked!r} is not under way any more; nothing of this page was stored")


def _backfill(row: Sequence[Any]) -> Backfill:
    name, asked, begins, ends, cursor, since, read = row
    return Backfill(name, shown(asked), at_time(begins), at_time(ends), shown(cursor), at_time(since), read)
