"""What the loop breaker leaves for people in the SQLite ledger: the values that a field goes back and forth between.

They are a customer's perhaps, so they are kept as long as the stored record is (the trigger `record_goes` sees to that), only
while it is, and under its key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from connector.model import Line
from connector.store import LineSettle
from connector.store.sqlite_bodies import Bodies
from connector.store.sqlite_values import bound, dump, load, marks, shown

_SENT = (
    'INSERT INTO fight ("row", id, key, field, sent) SELECT ?,?,?,?,? WHERE EXISTS (SELECT 1 FROM record WHERE "row"=?) '
    "ON CONFLICT DO UPDATE SET sent=excluded.sent, wanted=NULL"
)
_WANTED = (
    'INSERT INTO fight ("row", id, key, field, wanted) SELECT ?,?,?,?,? WHERE EXISTS (SELECT 1 FROM record WHERE "row"=?) '
    "ON CONFLICT DO UPDATE SET wanted=excluded.wanted"
)


def write_fights(db: sqlite3.Connection, bodies: Bodies, lines: Sequence[tuple[int, LineSettle]]) -> None:
    """Remember what these lines sent, or did not send any more, of fields that go back and forth."""
    for row, line in lines:
        for field, (sent, wanted) in (line.fight or {}).items():
            statement, value = (_SENT, sent) if wanted is ... else (_WANTED, wanted)
            kept = bodies.sealed(db, row, dump(value))
            if kept is not None:
                db.execute(statement, (row, bound(line.id), bound(line.key), bound(field), kept, row))


def with_fights(db: sqlite3.Connection, bodies: Bodies, lines: dict[int, list[Line]]) -> None:
    """Adds the values to lines that are shown to people."""
    rows = list(lines)
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        found: dict[tuple[int, str, str], dict[str, tuple[Any, Any]]] = {}
        for row, name, key, field, sent, wanted in db.execute(
            f'SELECT "row", id, key, field, sent, wanted FROM fight WHERE "row" IN ({marks(len(part))})', part
        ).fetchall():
            values = (_opened(db, bodies, row, sent), _opened(db, bodies, row, wanted))
            found.setdefault((row, shown(name), shown(key)), {})[shown(field)] = values
        for (row, name, key), fight in found.items():
            lines[row] = [replace(one, fight=fight) if (one.id, one.key) == (name, key) else one for one in lines[row]]


def _opened(db: sqlite3.Connection, bodies: Bodies, row: int, kept: bytes | None) -> Any:
    plain = None if kept is None else bodies.plain(db, row, kept)
    return ... if plain is None else load(plain)


def forget_flips(db: sqlite3.Connection, where: str, given: Sequence[Any]) -> None:
    """Rows that a person puts back on their way: counting begins anew."""
    db.execute(
        'UPDATE line SET history=NULL WHERE history IS NOT NULL AND "row" IN '
        f'(SELECT id FROM "row" WHERE {where})', given
    )  # fmt: skip
    db.execute(f'DELETE FROM fight WHERE "row" IN (SELECT id FROM "row" WHERE {where})', given)
