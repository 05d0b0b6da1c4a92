"""Watched lookups in the SQLite ledger: who looked at which version of which record, and rows due again when one changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.model import Cursor, Record
from connector.store.nouns import Watch, Watching
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_ingest import add_to_books
from connector.store.sqlite_schema import DONE, FILTERED, PARKED, STATES, WAS_DONE, WAS_FILTERED
from connector.store.sqlite_values import at_time, bound, marks, shown

WOKEN = "a record that it looks up has changed"
"""Why such a row is pending."""
_FOUND = (
    'SELECT watch."row", watch.key, watch.stamp, state FROM watch JOIN "row" ON "row".id=watch."row" '
    "WHERE watch.flow=? AND watch.stream=? AND watch.key IN ({})"
)
_SEEN = "UPDATE watch SET stamp=? WHERE flow=? AND stream=? AND key=? AND (stamp IS NULL OR stamp<?)"
_BACK = (
    'UPDATE "row" SET state=0, due=?, since=?, attempts=0, token=NULL, reason=?, field=NULL, remedy=NULL, '
    f"flags=(flags & 3) | CASE state WHEN {DONE} THEN {WAS_DONE} WHEN {FILTERED} THEN {WAS_FILTERED} ELSE 0 END WHERE id=?"
)
_FORGET_ANSWER = 'DELETE FROM record WHERE "row"=(SELECT id FROM "row" WHERE id=? AND our_key IS NOT NULL)'
"""An answer is fetched again before it counts anew, as when it is put back by hand."""


class SqliteWatches(LedgerFile):
    """Part of SqliteStore."""

    def watching(self, flow: str) -> Sequence[Watching]:
        with self._read() as db:
            found = db.execute(
                "SELECT word.text, since, watched.cursor, watched.swept, watched.swept_wide FROM watched "
                "JOIN word ON word.id=watched.stream WHERE flow=(SELECT id FROM flow WHERE name=?) ORDER BY word.text",
                (flow,),
            ).fetchall()
        return [Watching(shown(row[0]), at_time(row[1]), shown(row[2]), shown(row[3]), shown(row[4])) for row in found]

    def wake(self, flow: str, stream: str, records: Sequence[Record], now: datetime, *, cursor: Cursor | None) -> int:
        number = self._prepare(flow, stream)
        at, place = now.timestamp(), (number, self._words.number(stream))
        stamps = {bound(record.key): record.stamp for record in records}
        states: dict[int, int] = {}
        with self._write() as db:
            keys = list(stamps)
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                for row, key, seen, state in db.execute(_FOUND.format(marks(len(part))), (*place, *part)).fetchall():
                    stamp = stamps[key]
                    newer = stamp is None or seen is None or stamp > seen
                    if newer and state in (DONE, FILTERED, PARKED):
                        states[row] = state
            known = [(stamp, *place, key, stamp) for key, stamp in stamps.items() if stamp is not None]
            db.executemany(_SEEN, known)
            _put_back(db, number, states, at)
            if cursor is not None:
                db.execute("UPDATE watched SET cursor=? WHERE flow=? AND stream=?", (bound(cursor), *place))
        return len(states)

    def watch_swept(self, flow: str, stream: str, cursor: Cursor, *, wide: bool = False) -> None:
        place = (self._prepare(flow, stream), self._words.number(stream))
        column = "swept_wide" if wide else "swept"
        with self._write() as db:
            db.execute(f"UPDATE watched SET {column}=? WHERE flow=? AND stream=?", (bound(cursor), *place))

    def watches(self, rows: Iterable[int]) -> Mapping[int, Sequence[Watch]]:
        wanted, found = list(rows), dict[int, list[Watch]]()
        with self._read() as db:
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                for row, stream, key, stamp in db.execute(
                    'SELECT "row", stream, key, stamp FROM watch WHERE "row" IN '
                    f'({marks(len(part))}) ORDER BY "row", stream, key',
                    part,
                ).fetchall():
                    found.setdefault(row, []).append(Watch(self._words.text(stream), shown(key), stamp))
        return found


def _put_back(db: sqlite3.Connection, flow: int, states: Mapping[int, int], at: float) -> None:
    """These rows are due again, without a new version: as if they had never been settled."""
    db.executemany(_FORGET_ANSWER, [(row,) for row in states])
    db.executemany(_BACK, [(at, at, WOKEN, row) for row in states])
    moved: dict[str, Any] = {"pending": len(states), "open": len(states), "settled": -len(states)}
    for state in states.values():
        moved[STATES[state]] = moved.get(STATES[state], 0) - 1
    add_to_books(db, flow, moved)
