"""What people and scrapes ask of the SQLite ledger, answered from its indexes; and rows put back for a changed mapping."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from connector.model import Row
from connector.store import Cause
from connector.store.sqlite_faults import Damaged
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_ingest import add_to_books
from connector.store.sqlite_rows import read_rows
from connector.store.sqlite_schema import DONE, DROPPED, FILTERED, PARKED, WAS_DONE, WAS_FILTERED
from connector.store.sqlite_values import at_time, bound, marks, shown

_KEYS = 3
_NEAR = 10_000
"""Pending rows that are looked through for an example without a reason."""

OLDEST = (
    'SELECT name, (SELECT min(since) FROM "row" INDEXED BY row_due WHERE state=0 AND "row".flow=flow.id) FROM flow '
    "WHERE pending > 0"
)
TRIES = (
    'SELECT id, attempts, token, due FROM "row" INDEXED BY row_due '
    "WHERE state=0 AND flow=(SELECT id FROM flow WHERE name=?)"
)
_BY = (
    'SELECT "row".flow, name, reason, field, count(*), min(last_seen), max(last_seen) FROM "row" {} '
    'JOIN flow ON flow.id="row".flow WHERE state={} AND {{}} GROUP BY "row".flow, reason, field ORDER BY 5 DESC LIMIT ?'
)
_KEYS_OF = 'SELECT key, remedy FROM "row" {} WHERE state={} AND flow=? AND reason IS ? AND field IS ? ORDER BY last_seen LIMIT ?'
_ROWS_OF = (
    'SELECT id FROM "row" {} WHERE state={} AND flow=(SELECT id FROM flow WHERE name=?) AND reason IS ? '
    "AND field IS ? ORDER BY last_seen LIMIT ?"
)
_PARKED, _DROPPED = ("INDEXED BY row_cause", PARKED), ("INDEXED BY row_given_up", DROPPED)
PARKED_BY, DROPPED_BY = _BY.format(*_PARKED), _BY.format(*_DROPPED)
PARKED_KEYS, DROPPED_KEYS = _KEYS_OF.format(*_PARKED), _KEYS_OF.format(*_DROPPED)
CAUSED = {"parked": _ROWS_OF.format(*_PARKED), "dropped": _ROWS_OF.format(*_DROPPED)}
"""State → ids of its rows of one cause, the longest waiting first."""
PENDING_BY = (
    'SELECT "row".flow, name, reason, NULL, count(*), min(since), max(since) FROM "row" INDEXED BY row_waits '
    'JOIN flow ON flow.id="row".flow WHERE state=0 AND reason IS NOT NULL AND {} GROUP BY "row".flow, reason '
    "ORDER BY 5 DESC LIMIT ?"
)
PENDING_KEYS = (
    'SELECT key, remedy FROM "row" INDEXED BY row_waits WHERE state=0 AND flow=? AND reason=? ORDER BY since LIMIT ?'
)
UNSAID = 'SELECT count(*) FROM "row" INDEXED BY row_waits WHERE state=0 AND reason IS NOT NULL AND flow=?'
UNSAID_KEYS = (
    'SELECT key, since FROM (SELECT key, reason, since FROM "row" INDEXED BY row_due WHERE state=0 AND flow=? '
    "ORDER BY due LIMIT ?) WHERE reason IS NULL LIMIT ?"
)
STALE = (
    "flow=(SELECT id FROM flow WHERE name=?) AND state IN ({}) AND mapping IS NOT (SELECT id FROM word WHERE text=?)"
)
_BACK = (
    "UPDATE \"row\" SET state=0, due=?, since=?, attempts=0, token=NULL, reason='remap', field=NULL, remedy=NULL, "
    f"flags=(flags & 3) | iif(state={DONE}, {WAS_DONE}, {WAS_FILTERED}) WHERE id=?"
)
_FORGET_ANSWER = 'DELETE FROM record WHERE "row"=(SELECT id FROM "row" WHERE id=? AND our_key IS NOT NULL)'
"""An answer is fetched again before it counts anew: its object may have been deleted since, and another one made."""

_CAUSES = {
    "parked": (PARKED_BY, PARKED_KEYS),
    "dropped": (DROPPED_BY, DROPPED_KEYS),
    "pending": (PENDING_BY, PENDING_KEYS),
}


class Desk(LedgerFile):
    """Part of SqliteStore."""

    def causes(
        self, state: Literal["parked", "dropped", "pending"], *, flow: str | None = None, limit: int | None = None
    ) -> Sequence[Cause]:
        grouped, keys = _CAUSES[state]
        where, given = ("1", ()) if flow is None else ("name=?", (flow,))
        found: list[Cause] = []
        with self._snapshot() as db:
            for number, name, reason, field, rows, oldest, newest in db.execute(
                grouped.format(where), (*given, -1 if limit is None else limit)
            ).fetchall():
                which = (number, reason, field) if state != "pending" else (number, reason)
                some = db.execute(keys, (*which, _KEYS)).fetchall()
                if not some:
                    raise Damaged("its indexes disagree")
                shown_keys, remedy = tuple(shown(key) for key, _ in some), shown(some[0][1]) or ""
                told = (shown(reason) or "", shown(field) or "", remedy, rows, shown_keys)
                found.append(Cause(state, name, *told, at_time(oldest), at_time(newest)))
            if state == "pending":
                found += self._unsaid(db, where, given)
        return sorted(found, key=lambda cause: -cause.rows)[:limit]

    def _unsaid(self, db: sqlite3.Connection, where: str, given: Sequence[Any]) -> list[Cause]:
        """Pending rows that say nothing of why they wait, by flow: those just read, or held by a worker."""
        found = []
        for number, name, pending in db.execute(f"SELECT id, name, pending FROM flow WHERE {where}", given).fetchall():
            rows = pending - db.execute(UNSAID, (number,)).fetchone()[0]
            some = db.execute(UNSAID_KEYS, (number, _NEAR, _KEYS)).fetchall() if rows else []
            if some:
                oldest = at_time(min(each[1] for each in some))
                found.append(Cause("pending", name, "", "", "", rows, tuple(shown(each[0]) for each in some), oldest))
        return found

    def oldest(self) -> Mapping[str, datetime]:
        with self._read() as db:
            found = db.execute(OLDEST).fetchall()
        return {name: at_time(since) for name, since in found if since is not None}

    def tries(self, flow: str) -> Mapping[int, tuple[int, datetime | None]]:
        with self._read() as db:
            found = db.execute(TRIES, (flow,)).fetchall()
        return {row: (attempts, None if token is None else at_time(due)) for row, attempts, token, due in found}

    def stale(
        self,
        flow: str,
        mapping: str,
        *,
        filtered: bool = False,
        key: str | None = None,
        after: int = 0,
        limit: int = 500,
    ) -> Sequence[Row]:
        states = str(FILTERED) if filtered else f"{DONE}, {FILTERED}"
        wanted, given = STALE.format(states), [flow, bound(mapping)]
        if key is not None:
            wanted, given = f'{wanted} AND "row".key=?', [*given, bound(key)]
        with self._snapshot() as db:
            return list(read_rows(self._words, db, wanted, given, limit, after=after))

    def remap(self, flow: str, rows: Sequence[int], mapping: str, now: datetime) -> int:
        number = self._prepare(flow, mapping)
        with self._write() as db:
            found: dict[int, int] = {}
            for start in range(0, len(rows), 500):
                part = rows[start : start + 500]
                found.update(
                    db.execute(
                        f'SELECT id, state FROM "row" WHERE id IN ({marks(len(part))}) AND flow=? '
                        f"AND state IN ({DONE}, {FILTERED}) AND mapping IS NOT ?",
                        (*part, number, self._words.number(mapping)),
                    ).fetchall()
                )
            db.executemany(_FORGET_ANSWER, [(row,) for row in found])
            db.executemany(_BACK, [(now.timestamp(), now.timestamp(), row) for row in found])
            moved = len(found)
            filtered = sum(state == FILTERED for state in found.values())
            books = {
                "done": filtered - moved,
                "filtered": -filtered,
                "pending": moved,
                "open": moved,
                "settled": -moved,
            }
            add_to_books(db, number, books)
        return moved
