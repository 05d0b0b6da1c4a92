"""Who had which record from when to when, in the SQLite ledger: stays in queues, and claims by people."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.model import Stay
from connector.stamps import parse, stamp
from connector.states import row_key
from connector.store.nouns import Dwell, Held
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_many import write_many
from connector.store.sqlite_tombstones import any_forgotten, names_forgotten
from connector.store.sqlite_values import bound, marks, shown

STILL, CLAIMED, MOVED, CLOSED = range(4)
_STAYS = (
    "SELECT key, seen, watch, owner, name, person, since, until, ours FROM stay WHERE stream=? AND key IN ({}) "
    "ORDER BY key, n"
)
_ADD = "INSERT INTO stay (stream, key, n, seen, owner, name, person, since, until, ours, took, went, returned, watch) VALUES {}"
_DWELL = """
WITH wait AS (
  SELECT substr(since, 1, 10) AS day, name, coalesce(took, max(0.0, (julianday(:now) - julianday(since)) * 86400)) AS took,
    went, returned
  FROM stay WHERE person=0 AND since>=:begin AND since<:end AND (:queue IS NULL OR name=:queue)),
ranked AS (
  SELECT *, row_number() OVER (PARTITION BY day, name ORDER BY took) AS n, count(*) OVER (PARTITION BY day, name) AS c
  FROM wait)
SELECT day, name, c, sum(went=1), sum(went=2), sum(went=3), sum(went=0), sum(returned),
  max(iif(n=(c*50+99)/100, took, NULL)), max(iif(n=(c*90+99)/100, took, NULL)), max(iif(n=(c*95+99)/100, took, NULL)), max(took)
FROM ranked GROUP BY day, name ORDER BY day, name
"""
_PRUNE = """
DELETE FROM stay WHERE (stream, key, n) IN (SELECT stream, key, n FROM stay AS old WHERE until < ? AND (
  person=1
  OR NOT EXISTS (SELECT 1 FROM stay WHERE stream=old.stream AND key=old.key AND until IS NULL)
  OR EXISTS (
    SELECT 1 FROM stay AS claim JOIN stay AS later ON later.stream=claim.stream AND later.key=claim.key AND later.n>claim.n
    WHERE claim.stream=old.stream AND claim.key=old.key AND claim.n>old.n AND claim.person=1 AND later.person=0)
) LIMIT ?)
"""
_PART = 500
Span = tuple[str, str | None]
"""Since when and until when."""
_ROWS = 'SELECT id, key FROM "row" WHERE flow=? AND key>? AND key<?'
_BESIDE = "SELECT key, other, since FROM beside WHERE flow=? AND until IS NULL"
_PAIRS = "SELECT flow, key, other FROM beside WHERE key=:key OR other=:key"
_MET = "SELECT since, until FROM beside WHERE flow=? AND key=? AND other=?"
_MEET = "INSERT OR REPLACE INTO beside (flow, key, other, since, until) VALUES (?,?,?,?,?)"


class Stays(LedgerFile):
    """Part of SqliteStore."""

    def stays(self, stream: str, keys: Sequence[str]) -> Mapping[str, Held]:
        found: dict[str, Held] = {}
        lists: dict[str, list[Stay]] = {}
        with self._read() as db:
            number = self._words.number(stream)
            for start in range(0, len(keys), _PART):
                part = [bound(key) for key in keys[start : start + _PART]]
                for key, seen, watch, owner, name, person, since, until, ours in db.execute(
                    _STAYS.format(marks(len(part))), (number, *part)
                ).fetchall():
                    stay = Stay(shown(owner), shown(name), bool(person), since, until, bool(ours))
                    name = shown(key)
                    lists.setdefault(name, []).append(stay)
                    found[name] = Held(seen, lists[name], watch is not None and watch > 0)
        return found

    def note_stays(self, stream: str, seen: Mapping[str, Held], *, flow: str | None = None) -> None:
        with self._read():
            number = self._words.number(stream)
            watch = None if flow is None else self._words.flow(flow)
        with self._write() as db:
            kept = _watches(db, number, [key for key, held in seen.items() if held.watched is None])
            rows = [
                row
                for key, held in seen.items()
                for row in _rows(number, key, held, kept.get(key) if held.watched is None else _watch(held, watch))
            ]
            if any_forgotten(db):
                gone = names_forgotten(db, self.digest_key, seen)
                rows = [row for row in rows if row[1] not in gone]
            db.executemany("DELETE FROM stay WHERE stream=? AND key=?", [(number, bound(key)) for key in seen])
            write_many(db, _ADD, rows)

    def in_view(self, flow: str) -> Sequence[str]:
        with self._read() as db:
            number = self._words.flow(flow)
            found = db.execute(
                "SELECT key FROM stay WHERE watch IN (?, ?) AND until IS NULL", (number, -number)
            ).fetchall()
        return [shown(key) for (key,) in found]

    def meet(
        self, flow: str, found: Mapping[tuple[str, str], str], at: str, *, whole: bool
    ) -> Mapping[tuple[str, str], str]:
        with self._read() as db:
            number = self._words.flow(flow)
            met, news = _meeting(db, number, found, at, whole)
        if news:
            with self._write() as db:  # another process may have looked meanwhile
                met, news = _meeting(db, number, found, at, whole)
                db.executemany(_MEET, [(number, *map(bound, pair), *held) for pair, held in news.items()])
        return met

    def dwell(self, begin: datetime, end: datetime, now: datetime, *, queue: str | None = None) -> Sequence[Dwell]:
        given = {"begin": stamp(begin), "end": stamp(end), "now": stamp(now), "queue": bound(queue)}
        with self._snapshot() as db:
            found = db.execute(_DWELL, given).fetchall()
        return [Dwell(day, shown(name), *rest) for day, name, *rest in found]


def forget_stays(db: sqlite3.Connection, keys: Collection[str]) -> None:
    """Of records with these keys nothing stays, whichever stream shows them."""
    db.executemany("DELETE FROM stay WHERE key=?", [(bound(key),) for key in keys])
    db.executemany("DELETE FROM beside WHERE key=:key OR other=:key", [{"key": bound(key)} for key in keys])


def watched(db: sqlite3.Connection, keys: Collection[str]) -> list[str]:
    """Those of these keys under which the ledger knows who had a record, or what stood beside it."""
    asked = "SELECT 1 FROM stay WHERE key=:key UNION ALL SELECT 1 FROM beside WHERE key=:key OR other=:key LIMIT 1"
    return [key for key in keys if db.execute(asked, {"key": bound(key)}).fetchone()]


def told_of(db: sqlite3.Connection, keys: Collection[str]) -> list[int]:
    """Ids of rows in which another record was told of one of these."""
    found = []
    for name in keys:
        pairs = db.execute(_PAIRS, {"key": bound(name)}).fetchall()
        for flow, one, other in pairs:
            begin = f"{row_key(shown(other) if shown(one) == name else shown(one), '')}:"
            rows = db.execute(_ROWS, (flow, bound(begin), bound(begin[:-1] + ";"))).fetchall()
            found += [row for row, key in rows if name in shown(key)]
    return found


def prune_stays(db: sqlite3.Connection, before: str, limit: int) -> bool:
    """The oldest that have ended, but for queues of which the present stay of a record is told; whether there may be more."""
    gone = db.execute(_PRUNE, (before, limit)).rowcount
    return bool(gone == limit)


def _watch(held: Held, flow: int | None) -> int | None:
    """How it is written who watches a record: the flow that has it in view, below 0 one that had it and looks after it."""
    if flow is None:
        return None
    return flow if held.watched else -flow if held.left else None


def _watches(db: sqlite3.Connection, stream: int, keys: Sequence[str]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for start in range(0, len(keys), _PART):
        part = [bound(key) for key in keys[start : start + _PART]]
        asked = f"SELECT DISTINCT key, watch FROM stay WHERE stream=? AND key IN ({marks(len(part))})"
        found |= {shown(key): watch for key, watch in db.execute(asked, (stream, *part)).fetchall()}
    return found


def _rows(stream: int, key: str, held: Held, watch: int | None) -> Iterator[tuple[Any, ...]]:
    stays = held.stays
    for n, stay in enumerate(stays):
        after = stays[n + 1] if n + 1 < len(stays) else None
        went = STILL if stay.until is None else CLOSED
        if after is not None:
            went = CLAIMED if after.person else MOVED
        yield (
            stream, bound(key), n, held.seen, bound(stay.owner), bound(stay.name), stay.person, stay.since, stay.until,
            stay.ours, _took(stay), went, n > 0 and stays[n - 1].person and not stay.person, watch,
        )  # fmt: skip


def _meeting(
    db: sqlite3.Connection, flow: int, found: Mapping[tuple[str, str], str], at: str, whole: bool
) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], Span]]:
    """Since when the pairs that were found stand beside one another, and what is to be noted of these and others."""
    known: dict[tuple[str, str], Span] = {
        (shown(key), shown(other)): (since, None) for key, other, since in db.execute(_BESIDE, (flow,)).fetchall()
    }
    over = {pair: (since, at) for pair, (since, _) in known.items() if whole and pair not in found}
    for pair in found.keys() - known.keys():
        if before := db.execute(_MET, (flow, *map(bound, pair))).fetchone():
            known[pair] = before
    met = {pair: _since(claim, known.get(pair), at) for pair, claim in found.items()}
    begun: dict[tuple[str, str], Span] = {pair: (since, None) for pair, since in met.items()}
    return met, over | {pair: span for pair, span in begun.items() if known.get(pair) != span}


def _since(claim: str, known: Span | None, at: str) -> str:
    """Since when two records stand beside one another: a claim that began later begins it anew."""
    if known is None or claim > known[0]:
        return claim
    since, until = known
    return since if until is None else at


def _took(stay: Stay) -> float | None:
    return None if stay.until is None else max(0.0, (parse(stay.until) - parse(stay.since)).total_seconds())
