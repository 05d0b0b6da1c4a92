"""What failed, and when: the last few attempts of each row, kept for whoever asks later why it took so long."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from connector.model import Attempt
from connector.store import Settle
from connector.store.sqlite_values import at_time, bound, marks, shown

KEPT = 20
"""Attempts of one row; older ones make room."""

Failure = tuple[int, str, str, str, str, str, str]
"""Row, line and its key ("" for the record as a whole), the fault's class and code, reason, field."""

_LAST = 'SELECT coalesce(max(n), 0) FROM attempt WHERE "row"=?'
_ADD = "INSERT INTO attempt VALUES (?,?,?,?,?,?,?,?,?)"
_ATTEMPTS = 'SELECT "row", at, line, key, fault, code, reason, field FROM attempt WHERE "row" IN ({}) ORDER BY "row", n'


def failures(settle: Settle) -> Iterator[Failure]:
    """What a settle reports as tried and failed: lines, or the record as a whole where nothing could be tried."""
    found = False
    for line in settle.lines:
        if line.failed:
            found = True
            yield settle.row, line.id, line.key, line.failed, line.code, line.reason, line.field
    if settle.state == "parked" and (settle.whole or not (found or settle.lines)):
        yield settle.row, "", "", "MappingFault", "", settle.reason, settle.field


def remember_attempts(db: sqlite3.Connection, failed: Sequence[Failure], at: float) -> None:
    """Within the transaction of the settle. Costs nothing where nothing failed."""
    for row, line, key, fault, code, reason, field in failed:
        number = int(db.execute(_LAST, (row,)).fetchone()[0]) + 1
        given: tuple[Any, ...] = (row, number, at, bound(line), bound(key), fault, bound(code or None))
        db.execute(_ADD, (*given, bound(reason), bound(field or None)))
        if number > KEPT:
            db.execute('DELETE FROM attempt WHERE "row"=? AND n<=?', (row, number - KEPT))


def attempts_of(db: sqlite3.Connection, rows: Sequence[int]) -> dict[int, list[Attempt]]:
    """Attempts by row id, the oldest first."""
    found: dict[int, list[Attempt]] = {}
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        for row, at, line, key, fault, code, reason, field in db.execute(
            _ATTEMPTS.format(marks(len(part))), part
        ).fetchall():
            made = Attempt(
                at_time(at), shown(line), shown(key), fault, shown(code) or "", shown(reason), shown(field) or ""
            )
            found.setdefault(row, []).append(made)
    return found


def prune_attempts(db: sqlite3.Connection, before: float, most: int) -> bool:
    """Those older than this go, `most` a call; whether there may be more."""
    gone = 'DELETE FROM attempt WHERE ("row", n) IN (SELECT "row", n FROM attempt WHERE at < ? LIMIT ?)'
    return db.execute(gone, (before, most)).rowcount == most
