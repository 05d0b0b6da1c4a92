"""Fields that are held for a while, in the SQLite ledger: sealed as stored records are, and kept as long as they are held."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from connector.model import Ref
from connector.store.holds import Hold
from connector.store.nouns import Ended, LeaseToken, Settle
from connector.store.sqlite_bodies import Bodies
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_schema import DONE, LINE_STATES, PARKED, PENDING
from connector.store.sqlite_values import at_time, bound, dump, load, marks, shown
from connector.store.sqlite_words import Words

_LIVING = (PENDING, DONE, PARKED)
_MOST = 16
"""Digests of own values that are remembered for one field; the oldest go first."""
_FOUND = (
    'SELECT held."row", held.id, held.key, held.stream, held.target, held.field, wish, ours, original, held.since, flow.name, '
    '"row".key, "row".token, "row".state, max(coalesce(line.uncertain, 0), coalesce("row".uncertain, 0)) FROM held '
    'JOIN "row" ON "row".id=held."row" JOIN flow ON flow.id="row".flow '
    'LEFT JOIN line ON line."row"=held."row" AND line.id=held.id AND line.key=held.key WHERE {} '
    'ORDER BY held.since, held."row", held.id, held.key, held.field'
)
_HOLD = (
    'INSERT INTO held ("row", id, key, field, stream, target, wish, ours, original, since) VALUES (?,?,?,?,?,?,?,?,?,?) '
    "ON CONFLICT DO UPDATE SET wish=excluded.wish, ours=excluded.ours, original=coalesce(original, excluded.original)"
)
_INTENDED = (
    "INSERT INTO line (\"row\", id, key, stream, target, state, digests) VALUES (?,?,?,?,?,0,x'') "
    f"ON CONFLICT DO UPDATE SET state=0 WHERE state={LINE_STATES.index('ended')}"
)
_KNOWN = (
    'SELECT original, "row" FROM held WHERE stream=? AND target=? AND field=? AND original IS NOT NULL '
    "ORDER BY since LIMIT 1"
)

_KNOWING = 'SELECT "row" FROM held WHERE stream=? AND target=? AND field=? AND original IS NOT NULL'
_SINCE = 'UPDATE held SET original=? WHERE stream=? AND target=? AND field=? AND "row"=? AND original IS NOT NULL'


class SqliteHolds(LedgerFile):
    """Part of SqliteStore."""

    def hold_fields(self, token: LeaseToken, holds: Collection[Hold], now: datetime) -> Sequence[Hold]:
        at = now.timestamp()
        self._adopt_key(at)
        self._learn(*{one.stream for one in holds})
        with self._write() as db:
            ours = _leased(db, token, {one.row for one in holds})
            for one in holds:
                if one.row in ours:
                    self._hold(db, one, at)
            return self._on(db, {(one.stream, one.target) for one in holds}, token)

    def _learn(self, *texts: str) -> None:
        """Numbers for words, given before a transaction begins."""
        with self._mutex, self._faults():
            for text in texts:
                self._words.number(text)

    def _hold(self, db: sqlite3.Connection, one: Hold, at: float) -> None:
        place = (self._words.number(one.stream), bound(one.target))
        who = (one.row, bound(one.line), bound(one.key), bound(one.field))
        before = db.execute('SELECT ours FROM held WHERE "row"=? AND id=? AND key=? AND field=?', who).fetchone()
        written = list(dict.fromkeys([*(_digests(before[0]) if before else ()), *one.ours]))[-_MOST:]
        known = db.execute(_KNOWN, (*place, who[3])).fetchone()
        original = None
        if known is not None and (plain := self._bodies.plain(db, known[1], known[0])) is not None:
            original = self._sealed(db, one.row, plain)
        wish = self._sealed(db, one.row, _written(one.wish))
        db.execute(_HOLD, (*who, *place, wish, b"".join(written), original, at))

    def _sealed(self, db: sqlite3.Connection, row: int, plain: bytes) -> bytes:
        seal = self._bodies.seal(db)
        return plain if seal is None else seal(row, plain)

    def found(self, token: LeaseToken, holds: Collection[Hold]) -> None:
        with self._write() as db:
            ours = _leased(db, token, {one.row for one in holds})
            db.executemany(
                'UPDATE held SET original=coalesce(original, ?) WHERE "row"=? AND id=? AND key=? AND field=?',
                [
                    (
                        self._sealed(db, one.row, _written(one.original)),
                        one.row,
                        bound(one.line),
                        bound(one.key),
                        bound(one.field),
                    )
                    for one in holds
                    if one.row in ours
                ],
            )

    def saved_since(self, token: LeaseToken, holds: Collection[Hold]) -> None:
        self._learn(*{one.stream for one in holds})
        with self._write() as db:
            ours = _leased(db, token, {one.row for one in holds})
            for one in holds:
                place = (self._words.number(one.stream), bound(one.target), bound(one.field))
                rows = db.execute(_KNOWING, place).fetchall() if one.row in ours else ()
                plain = _written(one.original)
                db.executemany(_SINCE, [(self._sealed(db, row, plain), *place, row) for (row,) in rows])

    def intend(self, token: LeaseToken, lines: Collection[tuple[int, str, str, str, str | None]]) -> None:
        self._learn(*{stream for _, _, _, stream, _ in lines})
        with self._write() as db:
            ours = _leased(db, token, {row for row, *_ in lines})
            db.executemany(
                _INTENDED,
                [
                    (row, bound(name), bound(key), self._words.number(stream), bound(target))
                    for row, name, key, stream, target in lines
                    if row in ours
                ],
            )

    def holds(self, rows: Iterable[int]) -> Mapping[int, Sequence[Hold]]:
        wanted, found = list(rows), dict[int, list[Hold]]()
        with self._read() as db:
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                for one in self._those(db, f'held."row" IN ({marks(len(part))})', part, ""):
                    found.setdefault(one.row, []).append(one)
        return found

    def holders(self, objects: Collection[tuple[str, str]], token: LeaseToken = "") -> Sequence[Hold]:
        self._learn(*{stream for stream, _ in objects})
        with self._read() as db:
            return self._on(db, objects, token)

    def _on(self, db: sqlite3.Connection, objects: Collection[tuple[str, str]], token: LeaseToken) -> list[Hold]:
        found: list[Hold] = []
        for stream, target in objects:
            where = "held.stream=? AND held.target=?"
            found += self._those(db, where, (self._words.number(stream), bound(target)), token)
        return found

    def _those(self, db: sqlite3.Connection, where: str, given: Sequence[Any], token: LeaseToken) -> list[Hold]:
        return [
            _shown(self._words, self._bodies, db, row, token)
            for row in db.execute(_FOUND.format(where), given).fetchall()
        ]


def _shown(words: Words, bodies: Bodies, db: sqlite3.Connection, row: Sequence[Any], token: LeaseToken) -> Hold:
    return Hold(
        row=row[0],
        line=shown(row[1]),
        key=shown(row[2]),
        stream=words.text(row[3]),
        target=shown(row[4]),
        field=shown(row[5]),
        wish=_read(bodies, db, row[0], row[6]),
        ours=tuple(_digests(row[7])),
        original=_read(bodies, db, row[0], row[8]),
        since=at_time(row[9]),
        flow=shown(row[10]),
        record=shown(row[11]),
        busy=row[12] is not None and row[12] != token and row[13] == PENDING,
        doubt=at_time(row[14] or None),
        given_up=row[13] not in _LIVING,
    )


def _leased(db: sqlite3.Connection, token: LeaseToken, rows: Collection[int]) -> set[int]:
    wanted = list(rows)
    return {
        row
        for start in range(0, len(wanted), 500)
        for (row,) in db.execute(
            f'SELECT id FROM "row" WHERE token=? AND id IN ({marks(len(wanted[start : start + 500]))})',
            (token, *wanted[start : start + 500]),
        ).fetchall()
    }


def _digests(kept: bytes) -> list[bytes]:
    return [kept[at : at + 8] for at in range(0, len(kept), 8)]


def _written(value: Any) -> bytes:
    """A value of a field, references and exact numbers among them."""
    if isinstance(value, Decimal):
        return dump(["number", str(value)])
    if isinstance(value, Ref):
        return dump(["ref", value.kind, value.name])
    return dump(["plain", value])


def _read(bodies: Bodies, db: sqlite3.Connection, row: int, kept: bytes | None) -> Any:
    """`...` where there is none, or where it cannot be opened."""
    plain = None if kept is None else bodies.plain(db, row, kept)
    if plain is None:
        return ...
    match load(plain):
        case ["number", text]:
            return Decimal(text)
        case ["ref", kind, name]:
            return Ref(kind, name)
        case [_, value]:
            return value
    return ...


def write_ends(db: sqlite3.Connection, settles: Sequence[Settle]) -> None:
    """Lines that have come to their end: what they held is held no more, and objects that we deleted are known as such."""
    for one in settles:
        for end in one.ended:
            place = (one.row, bound(end.id), bound(end.key))
            _hand_over(db, place)
            db.execute('DELETE FROM held WHERE "row"=? AND id=? AND key=?', place)
            if end.deleted is not None:
                _forgotten(db, place, end)


def _hand_over(db: sqlite3.Connection, place: tuple[Any, ...]) -> None:
    """What this line wrote may still stand where another goes on: the other knows it for ours, and not for a person's."""
    held = 'SELECT stream, target, field, ours FROM held WHERE "row"=? AND id=? AND key=?'
    for stream, target, field, ours in db.execute(held, place).fetchall():
        others = (
            'SELECT "row", id, key, ours FROM held WHERE stream=? AND target=? AND field=? '
            'AND NOT ("row"=? AND id=? AND key=?)'
        )
        for *other, theirs in db.execute(others, (stream, target, field, *place)).fetchall():
            known = list(dict.fromkeys([*_digests(ours), *_digests(theirs)]))[-_MOST:]
            db.execute(
                'UPDATE held SET ours=? WHERE "row"=? AND id=? AND key=? AND field=?', (b"".join(known), *other, field)
            )


def _forgotten(db: sqlite3.Connection, place: tuple[Any, ...], end: Ended) -> None:
    found = db.execute('SELECT forgotten FROM line WHERE "row"=? AND id=? AND key=?', place).fetchone()
    ids = [*(load(found[0]) if found and found[0] else ()), end.deleted]
    db.execute('UPDATE line SET forgotten=? WHERE "row"=? AND id=? AND key=?', (dump(list(dict.fromkeys(ids))), *place))
