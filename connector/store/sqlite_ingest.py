"""One page on its way into the SQLite ledger: what is new, what changed, what was only read again."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.digests import keyed
from connector.model import Record
from connector.store import Ingested, Leased
from connector.store.sqlite_bodies import Seal
from connector.store.sqlite_many import write_many
from connector.store.sqlite_rows import lines_of
from connector.store.sqlite_schema import DEAD, DELETED, DROPPED, OVERTAKEN, OWN, PENDING, STATES
from connector.store.sqlite_tombstones import any_forgotten, forgotten_among
from connector.store.sqlite_values import at_time, bound, dump, marks, shown
from connector.store.sqlite_words import Words

_INSERT = (
    'INSERT INTO "row" (rev, state, flow, due, token, first_seen, last_seen, since, id, site, key, stamp, content, flags{more}) '
    f"SELECT 1, {PENDING}, ?, ?, ?, ?, ?, ?, * FROM (VALUES {{}})"
)
_BODIES = 'INSERT OR REPLACE INTO record (selection, at, "row", body{more}) SELECT ?, ?, * FROM (VALUES {{}})'
_ADDS = {
    False: (_INSERT.replace("{more}", ""), _BODIES.format(more="")),
    True: (_INSERT.replace("{more}", ", our_key"), _BODIES.format(more=", claimed_by")),
}
"""Without, and with, what most records have not: to bind a value that is null costs as much as any."""
_NEW, _BODY = 6, 2
"""Values without it."""
_UPDATE = (
    'UPDATE "row" SET rev=?, stamp=?, content=?, our_key=?, flags=?, state=?, due=?, token=?, uncertain=?, attempts=0, '
    "last_seen=?, since=iif(state=0, since, ?), reason=iif(state=4, reason, NULL), field=NULL, remedy=NULL "
    "WHERE id=?"  # why it was dropped stays
)
_KNOWN = (
    "SELECT site, key, id, rev, stamp, content, state, due, token, uncertain, entered, first_seen "
    'FROM "row" WHERE flow=? AND key IN ({})'
)


@dataclass(slots=True)
class Intake:
    """A page and the circumstances of its arrival. `until` is the lease's end; `token` None: lease nothing. `key` is the
    ledger's own, for digests."""

    flow: int
    key: bytes
    now: datetime
    token: str | None
    until: float
    selection: int | None
    fields: frozenset[str] | None
    seal: Seal | None = None
    flying: Collection[str] = ()
    new: list[tuple[Any, ...]] = field(default_factory=list)
    changed: list[tuple[Any, ...]] = field(default_factory=list)
    bodies: list[tuple[Any, ...]] = field(default_factory=list)
    leased: list[Leased] = field(default_factory=list)
    books: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    at: float = 0.0

    def __post_init__(self) -> None:
        self.at = self.now.timestamp()

    def keep(self, number: int, body: bytes, claimed_by: str | None) -> None:
        """The document of a row."""
        stored = bytearray(body if self.seal is None else self.seal(number, body))
        self.bodies.append((number, stored) if claimed_by is None else (number, stored, bound(claimed_by)))

    def count(self, name: str, by: int = 1) -> None:
        self.books[name] = self.books.get(name, 0) + by


def content_digest(key: bytes, record: Record, body: bytes) -> bytes:
    """What makes two reads of one stamp the same version: the document, who has taken it, whether it was deleted."""
    if record.claimed_by or record.deleted or record.our_key:
        body += dump([record.claimed_by, record.deleted, record.our_key])
    return keyed(key, body)


def ingest_page(words: Words, db: sqlite3.Connection, intake: Intake, records: Sequence[Record]) -> Ingested:
    """Store what really changed; the caller moves the cursor in the same transaction."""
    chosen = _newest(records, intake)
    known = _known(words, db, intake.flow, [key for _, key in chosen])
    next_id = int(db.execute('SELECT coalesce(max(id), 0) FROM "row"').fetchone()[0]) + 1
    older: list[Leased] = []
    forgotten = _forgotten(words, db, intake, chosen, known) if any_forgotten(db) else ()
    for place, record in chosen.items():
        body = dump(record.fields)
        old = known.get(place)
        if place in forgotten:
            intake.repeated += 1
        elif old is None:
            _add(words, intake, next_id, record, body)
            next_id += 1
        elif _is_new(old, record, digest := content_digest(intake.key, record, body)):
            leased = _change(intake, old, record, body, digest)
            if leased:
                older.append(leased)
        else:
            intake.repeated += 1
    _write(db, intake, len(records))
    found = lines_of(words, db, [one.row for one in older])
    for one in older:
        one.lines = {(line.id, line.key): line for line in found.get(one.row, ())}
    intake.leased.extend(older)
    return Ingested(len(records), intake.repeated, len(records) - intake.repeated, intake.token, intake.leased)


def _newest(records: Sequence[Record], intake: Intake) -> dict[tuple[str, str], Record]:
    """One version of each record of the page: offset paging over a moving set shows some twice."""
    chosen: dict[tuple[str, str], Record] = {}
    for record in records:
        place = (record.site, record.key)
        other = chosen.get(place)
        if other is not None:
            intake.repeated += 1
            if record.stamp is not None and other.stamp is not None and record.stamp < other.stamp:
                continue
        chosen[place] = record
    return chosen


def _known(
    words: Words, db: sqlite3.Connection, flow: int, keys: Sequence[str]
) -> dict[tuple[str, str], tuple[Any, ...]]:
    found: dict[tuple[str, str], tuple[Any, ...]] = {}
    for start in range(0, len(keys), 500):
        part = [bound(key) for key in keys[start : start + 500]]
        for row in db.execute(_KNOWN.format(marks(len(part))), (flow, *part)).fetchall():
            found[(words.text(row[0]), shown(row[1]))] = row[2:]
    return found


def _forgotten(
    words: Words,
    db: sqlite3.Connection,
    intake: Intake,
    chosen: dict[tuple[str, str], Record],
    known: dict[tuple[str, str], tuple[Any, ...]],
) -> set[tuple[str, str]]:
    """Records of the page that nothing is to be made of any more."""
    unknown = [(*place, record.our_key) for place, record in chosen.items() if place not in known]
    return forgotten_among(db, intake.key, intake.flow, words.number, unknown)


def _is_new(old: tuple[Any, ...], record: Record, digest: bytes) -> bool:
    stamp, content = old[2], old[3]
    if record.stamp is not None and stamp is not None and record.stamp != stamp:
        return bool(record.stamp > stamp)  # a lower stamp is an older version that surfaced late
    return bool(digest != content)


def _flags(record: Record) -> int:
    return (OWN if record.own else 0) | (DELETED if record.deleted else 0)


def _add(words: Words, intake: Intake, number: int, record: Record, body: bytes) -> None:
    # the driver asks a blob of any other class than bytearray how it is to be adapted, which costs more than to bind it
    new = (number, words.number(record.site), bound(record.key), record.stamp,
           bytearray(content_digest(intake.key, record, body)), _flags(record))  # fmt: skip
    intake.new.append(new if record.our_key is None else (*new, bound(record.our_key)))
    intake.keep(number, body, record.claimed_by)
    if intake.token is not None:
        intake.leased.append(
            Leased(number, 1, record.site, record.key, record, intake.fields, 0, False, None, intake.now, intake.now,
                   size=len(body))
        )  # fmt: skip


def _change(intake: Intake, old: tuple[Any, ...], record: Record, body: bytes, digest: bytes) -> Leased | None:
    """A new version of a known row; leased with the page unless another lease on it is alive."""
    number, rev, _, _, state, due, token, uncertain, entered, first_seen = old
    at = intake.at
    alive = token is not None and token != DEAD and (due > at or token in intake.flying)
    overtaken = token is not None or uncertain is not None
    if token is not None and not alive:
        uncertain = due or at  # its lease ran out and was never settled
    leased = None
    if state == DROPPED:
        intake.count("settled")
        new_state, due, token = DROPPED, at, None
    else:
        new_state = PENDING
        if state == PENDING:
            intake.count("superseded")
        else:
            intake.count("open")
            intake.count(STATES[state], -1)
            intake.count("pending")
        if not alive:
            token, due = intake.token, (at if intake.token is None else intake.until)
            if intake.token is not None:
                leased = Leased(
                    number, rev + 1, record.site, record.key, record, intake.fields, 0, bool(entered),
                    at_time(uncertain), at_time(first_seen), intake.now, overtaken=overtaken, size=len(body),
                )  # fmt: skip
    intake.changed.append(
        (
            rev + 1,
            record.stamp,
            digest,
            bound(record.our_key),
            _flags(record) | (OVERTAKEN if overtaken else 0),
            new_state,
            due,
            token,
            uncertain,
            at,
            at,
            number,
        )
    )
    intake.keep(number, body, record.claimed_by)
    return leased


def _write(db: sqlite3.Connection, intake: Intake, read: int) -> None:
    if intake.new:
        at, due = intake.at, intake.at if intake.token is None else intake.until
        for more, (insert, _) in _ADDS.items():
            new = [each for each in intake.new if (len(each) > _NEW) is more]
            write_many(db, insert, new, (intake.flow, due, intake.token, at, at, at))
        for name in ("rows", "pending", "open"):
            intake.count(name, len(intake.new))
    if intake.changed:
        db.executemany(_UPDATE, intake.changed)
    for more, (_, insert) in _ADDS.items():
        bodies = [each for each in intake.bodies if (len(each) > _BODY) is more]
        write_many(db, insert, bodies, (intake.selection, intake.at))
    if read:
        intake.count("read", read)
        intake.count("repeated", intake.repeated)
    add_to_books(db, intake.flow, intake.books)


def add_to_books(db: sqlite3.Connection, flow: int, deltas: dict[str, int]) -> None:
    """Move a flow's counters; the names are the columns of `flow`."""
    moved = {name: by for name, by in deltas.items() if by}
    if moved:
        sets = ", ".join(f'"{name}"="{name}"+?' for name in moved)
        db.execute(f"UPDATE flow SET {sets} WHERE id=?", (*moved.values(), flow))
