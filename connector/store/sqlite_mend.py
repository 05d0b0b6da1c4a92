"""Repairs of the SQLite ledger: walking a flow's rows, and putting settled ones back so that what differs is sent again."""

from __future__ import annotations

import re
import sqlite3
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from connector.digests import pack, unpack
from connector.model import Record, Row
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_hand import forget_objects
from connector.store.sqlite_ingest import add_to_books
from connector.store.sqlite_rows import read_rows
from connector.store.sqlite_schema import DONE, FILTERED, WAS_DONE, WAS_FILTERED
from connector.store.sqlite_values import bound, dump, marks, shown
from connector.store.tools import Mend

UNSENT = b"\xff" * 8
"""The digest of a value that nobody can have sent: the wish differs from it, be it null."""
_FOUND = (
    f'SELECT state, our_key IS NOT NULL FROM "row" WHERE id=? AND flow=? AND rev=? AND state IN ({DONE}, {FILTERED})'
)
_BACK = (
    'UPDATE "row" SET state=0, due=?, since=?, attempts=0, token=NULL, reason=?, field=NULL, remedy=NULL, '
    f"flags=(flags & 3) | iif(state={DONE}, {WAS_DONE}, {WAS_FILTERED}) WHERE id=?"
)


SHORTEST = 4
"""Characters of a name that is looked for in texts: a shorter one would be found in words that have nothing to do with it."""


def standing_alone(names: Collection[str]) -> re.Pattern[str] | None:
    """Any of these names where it stands by itself."""
    longest = sorted({name for name in names if len(name) >= SHORTEST}, key=len, reverse=True)
    if not longest:
        return None
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest))})(?![\w-])")


class Mending(LedgerFile):
    """Part of SqliteStore."""

    def walk(self, flow: str, *, since: str = "", after: int = 0, limit: int = 500) -> Sequence[Row]:
        where = "flow=(SELECT id FROM flow WHERE name=?) AND (stamp IS NULL OR stamp>=?)"
        with self._snapshot() as db:
            return list(read_rows(self._words, db, where, (flow, since), limit, after=after))

    def bearing(self, our_keys: Collection[str]) -> Sequence[Row]:
        keys = [bound(key) for key in our_keys]
        found: list[Row] = []
        with self._snapshot() as db:
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                found += read_rows(self._words, db, f'"row".our_key IN ({marks(len(part))})', part, -1)
        return found

    def borne(self, rows: Collection[int]) -> Mapping[int, str]:
        found: dict[int, str] = {}
        with self._read() as db:
            for row in rows:
                (key,) = db.execute('SELECT our_key FROM "row" WHERE id=?', (row,)).fetchone() or (None,)
                if key is not None:
                    found[row] = shown(key)
        return found

    def naming(self, names: Collection[str]) -> Sequence[Row]:
        pattern = standing_alone(names)
        with self._snapshot() as db:
            wanted = [bound(name) for name in names]
            writing = f'SELECT DISTINCT "row" FROM line WHERE target IN ({marks(len(wanted))})'
            found = {row for (row,) in db.execute(writing, wanted).fetchall()}
            stored = [row for (row,) in db.execute('SELECT "row" FROM record').fetchall()]
        for start in range(0, len(stored) if pattern else 0, 500):
            for row, (record, _) in self.records(stored[start : start + 500]).items():
                if pattern and pattern.search(dump(record.fields).decode()):
                    found.add(row)
        numbers, rows = sorted(found), list[Row]()
        with self._snapshot() as db:
            for start in range(0, len(numbers), 500):
                part = numbers[start : start + 500]
                rows += read_rows(self._words, db, f'"row".id IN ({marks(len(part))})', part, -1)
        return rows

    @abstractmethod
    def records(self, rows: Iterable[int]) -> Mapping[int, tuple[Record, frozenset[str] | None]]:
        """As `Store.records`."""

    def mend(self, flow: str, mends: Sequence[Mend], now: datetime, why: str) -> int:
        number, at = self._prepare(flow), now.timestamp()
        states = []
        with self._write() as db:
            for one in mends:
                found = db.execute(_FOUND, (one.row, number, one.rev)).fetchone()
                if found is None:
                    continue
                states.append(found[0])
                if found[1]:  # an answer is fetched again before it counts anew
                    db.execute('DELETE FROM record WHERE "row"=?', (one.row,))
                _unsend(db, one.row, one.fields)
                if one.gone:
                    forget_objects(db, one.row, {bound(each) for each in one.gone}, at)
                db.execute(_BACK, (at, at, bound(why), one.row))
            filtered, moved = states.count(FILTERED), len(states)
            books = {
                "done": filtered - moved,
                "filtered": -filtered,
                "pending": moved,
                "open": moved,
                "settled": -moved,
            }
            add_to_books(db, number, books)
        return moved


def _unsend(db: sqlite3.Connection, row: int, fields: Mapping[tuple[str, str], Collection[bytes]]) -> None:
    """These fields count as sent with another value than any that may be wished."""
    for (line, key), names in fields.items():
        place = (row, bound(line), bound(key))
        found = db.execute('SELECT digests FROM line WHERE "row"=? AND id=? AND key=?', place).fetchone()
        if found is not None:
            digests = unpack(found[0]) | dict.fromkeys(names, UNSENT)
            db.execute('UPDATE line SET digests=? WHERE "row"=? AND id=? AND key=?', (pack(digests), *place))
