"""Who had which record from when to when, in the SQLite ledger: stays in queues, and claims by people."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from connector.model import Stay
from connector.stamps import stamp
from connector.store.nouns import Wait
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_many import write_many
from connector.store.sqlite_values import bound, marks, shown

STILL, CLAIMED, MOVED, CLOSED = range(4)
_WENT: tuple[Literal["waiting", "claimed", "moved", "closed"], ...] = ("waiting", "claimed", "moved", "closed")
_STAYS = (
    "SELECT key, seen, owner, name, person, since, until, ours FROM stay WHERE stream=? AND key IN ({}) ORDER BY key, n"
)
_ADD = "INSERT INTO stay (stream, key, n, seen, owner, name, person, since, until, ours, went, returned) VALUES {}"
_WAITS = "SELECT name, since, until, went, returned FROM stay WHERE person=0 AND since>=? AND since<? ORDER BY since"
_PART = 500


class Stays(LedgerFile):
    """Part of SqliteStore."""

    def stays(self, stream: str, keys: Sequence[str]) -> Mapping[str, tuple[str | None, Sequence[Stay]]]:
        found: dict[str, tuple[str | None, list[Stay]]] = {}
        with self._read() as db:
            number = self._words.number(stream)
            for start in range(0, len(keys), _PART):
                part = [bound(key) for key in keys[start : start + _PART]]
                for key, seen, owner, name, person, since, until, ours in db.execute(
                    _STAYS.format(marks(len(part))), (number, *part)
                ).fetchall():
                    stay = Stay(shown(owner), shown(name), bool(person), since, until, bool(ours))
                    known = found.setdefault(shown(key), (seen, []))
                    known[1].append(stay)
        return found

    def note_stays(self, stream: str, seen: Mapping[str, tuple[str | None, Sequence[Stay]]]) -> None:
        with self._read():
            number = self._words.number(stream)
        rows = [row for key, (stamp_, stays) in seen.items() for row in _rows(number, key, stamp_, stays)]
        with self._write() as db:
            db.executemany("DELETE FROM stay WHERE stream=? AND key=?", [(number, bound(key)) for key in seen])
            write_many(db, _ADD, rows)

    def waits(self, begin: datetime, end: datetime) -> Iterator[Wait]:
        with self._snapshot() as db:
            found = db.execute(_WAITS, (stamp(begin), stamp(end)))
            while part := found.fetchmany(_PART):
                for name, since, until, went, returned in part:
                    yield Wait(shown(name), since, until, _WENT[went], bool(returned))


def forget_stays(db: sqlite3.Connection, keys: Collection[str]) -> None:
    """Of records with these keys nothing stays, whichever stream shows them."""
    db.executemany("DELETE FROM stay WHERE key=?", [(bound(key),) for key in keys])


def prune_stays(db: sqlite3.Connection, before: str, limit: int) -> bool:
    """The oldest that have ended; whether there may be more."""
    gone = db.execute(
        "DELETE FROM stay WHERE (stream, key, n) IN (SELECT stream, key, n FROM stay WHERE until < ? LIMIT ?)",
        (before, limit),
    ).rowcount
    return bool(gone == limit)


def _rows(stream: int, key: str, seen: str | None, stays: Sequence[Stay]) -> Iterator[tuple[Any, ...]]:
    for n, stay in enumerate(stays):
        after = stays[n + 1] if n + 1 < len(stays) else None
        went = STILL if stay.until is None else CLOSED
        if after is not None:
            went = CLAIMED if after.person else MOVED
        yield (
            stream, bound(key), n, seen, bound(stay.owner), bound(stay.name), stay.person, stay.since, stay.until,
            stay.ours, went, n > 0 and stays[n - 1].person and not stay.person,
        )  # fmt: skip
