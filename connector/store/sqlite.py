"""The ledger on SQLite (sqlite-utils; WAL, synchronous FULL, begin immediate). One file, one writer connection a process."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from connector.model import Attempt, Page, Record, Row, RowState
from connector.secret import RecordKeys
from connector.store import Books, Cause, Ingested, Leased, LeaseToken, Moved, Settle
from connector.store import sqlite_schema as schema
from connector.store.sqlite_attempts import attempts_of
from connector.store.sqlite_backfill import Backfills, move_backfill
from connector.store.sqlite_backup import Copying
from connector.store.sqlite_budget import BudgetBook
from connector.store.sqlite_clock import PutBack
from connector.store.sqlite_cursors import Cursors
from connector.store.sqlite_desk import CAUSED, Desk
from connector.store.sqlite_doubt import Doubts
from connector.store.sqlite_forget import Forgetting
from connector.store.sqlite_hand import Choice, audited, drop_rows, replay_rows
from connector.store.sqlite_holds import SqliteHolds
from connector.store.sqlite_ingest import Intake, add_to_books, ingest_page
from connector.store.sqlite_lock import Locks
from connector.store.sqlite_mend import Mending
from connector.store.sqlite_numbers import NUMBERED, remember_numbers
from connector.store.sqlite_rows import lines_of, read_rows, settle_rows
from connector.store.sqlite_sharing import SqliteSharing
from connector.store.sqlite_stays import Stays
from connector.store.sqlite_upkeep import Upkeep
from connector.store.sqlite_values import at_time, bound, load, marks, shown
from connector.store.sqlite_watch import SqliteWatches

_RUNNER_BYTE = 0
_NEWEST = "~"
"""The stamp of what was forgotten: no version is newer."""
_BYTES = {"flow": 1, "turn": 1 << 20, "backfill": 2 << 20}
"""Where the bytes begin that stand for a flow each."""
_MOVE = (  # the first sweep begins where the first read did; a flow by state has no cursor, and is read all the same
    "UPDATE flow SET swept=coalesce(swept, cursor, :cursor), swept_wide=coalesce(swept_wide, cursor, :cursor), polled_at=:at, "
    "cursor=coalesce(:cursor, cursor), cursor_at=iif(:cursor IS NULL, cursor_at, :at) WHERE id=:flow"
)


def _record(
    key: Any, site: str, stamp: str | None, our_key: Any, flags: int, body: bytes, claimed_by: Any
) -> Record | None:
    """None when the stored document is damaged: as if it had been pruned, it is fetched again."""
    try:
        fields = load(body)
    except (ValueError, TypeError):
        return None
    if not isinstance(fields, dict):
        return None
    return Record(
        shown(key),
        fields,
        stamp,
        site,
        shown(our_key),
        shown(claimed_by),
        bool(flags & schema.OWN),
        bool(flags & schema.DELETED),
    )


class SqliteStore(
    Cursors,
    PutBack,
    Desk,
    Doubts,
    BudgetBook,
    Upkeep,
    Backfills,
    Mending,
    Forgetting,
    Copying,
    SqliteWatches,
    SqliteSharing,
    Stays,
    SqliteHolds,
):
    """Satisfies connector.store.Store. Threads share one connection under a lock: SQLite has one writer anyway."""

    def __init__(self, path: Path, keys: RecordKeys | None = None) -> None:
        super().__init__(path, keys)
        self._holder = secrets.token_hex(6)
        self._leases = 0
        with self.closed_on_failure():
            self._locks = Locks(path.with_name(path.name + ".lock"))

    # -- holding, cursors ----------------------------------------------------------------------------------------------

    @contextmanager
    def hold(self, what: str) -> Iterator[None]:
        kind, _, name = what.partition(":")
        if kind not in _BYTES and what != "runner":
            raise ValueError(f"{what!r} cannot be held: `runner` or `flow:<id>`")
        flow = self._prepare(name) if kind in _BYTES else None
        with self._locks.hold(_RUNNER_BYTE if flow is None else _BYTES[kind] + flow, what):
            if flow is not None and kind == "flow":
                self._take_over(flow)
            yield

    def _take_over(self, flow: int) -> None:
        """Rows leased by a holder that is gone are due now: whoever held the flow before us has let go of it, or is dead.

        `due` of a leased row is its lease's end; what was never settled stays marked by its token, which makes the next
        lease call it uncertain.
        """
        with self._write() as db:
            db.execute(
                'UPDATE "row" SET due=0, token=? WHERE flow=? AND state=0 AND token IS NOT NULL AND token NOT LIKE ?',
                (schema.DEAD, flow, self._holder + ".%"),
            )

    # -- ingest --------------------------------------------------------------------------------------------------------

    def ingest(
        self,
        flow: str,
        page: Page,
        now: datetime,
        *,
        lease: float | None = None,
        fields: frozenset[str] | None = None,
        move: bool = True,
        flying: Collection[LeaseToken] = (),
        backfill: str | None = None,
        number: str | Sequence[str] | None = None,
    ) -> Ingested:
        at = now.timestamp()
        selection = None if fields is None else orjson.dumps(sorted(fields)).decode()
        self._adopt_key(at)
        owner = self._prepare(flow, *{record.site for record in page.records}, *([selection] if selection else ()))
        intake = Intake(
            flow=owner,
            key=self.digest_key,
            now=now,
            token=None if lease is None else self._token(),
            until=at + (lease or 0.0),
            selection=None if selection is None else self._words.number(selection),
            fields=fields,
            flying=flying,
        )
        with self._write() as db:
            intake.seal = self._bodies.seal(db)
            done = ingest_page(self._words, db, intake, page.records)
            for name in (number,) if isinstance(number, str) else number or ():
                remember_numbers(self._words, db, owner, page.records, name)
            if backfill is not None:
                move_backfill(db, owner, backfill, page)
            elif move:
                db.execute(_MOVE, {"cursor": bound(page.cursor), "at": at, "flow": owner})
        return done

    def _token(self) -> LeaseToken:
        with self._mutex:
            self._leases += 1
            return f"{self._holder}.{self._leases}"

    # -- lease, settle -------------------------------------------------------------------------------------------------

    def lease(
        self, flow: str, now: datetime, *, seconds: float, limit: int, flying: Collection[LeaseToken] = ()
    ) -> tuple[LeaseToken, list[Leased]]:
        at, token = now.timestamp(), self._token()
        number = self._prepare(flow)
        with self._read() as db:
            due = 'SELECT 1 FROM "row" WHERE flow=? AND state=0 AND due<=? LIMIT 1'
            if not db.execute(due, (number, at)).fetchone():
                return token, []
        with self._write() as db:
            rows = db.execute(
                "SELECT id, rev, site, key, stamp, our_key, flags, attempts, entered, token, due, uncertain, "
                'first_seen, last_seen, body, claimed_by, selection FROM "row" LEFT JOIN record ON record."row" = "row".id '
                f"WHERE flow=? AND state=0 AND due<=? AND (token IS NULL OR token NOT IN ({marks(len(flying))})) "
                "ORDER BY due LIMIT ?",
                (number, at, *flying, limit),
            ).fetchall()
            leased = []
            for row in rows:
                uncertain = row[11]
                if row[9] is not None:  # a lease that was never settled
                    uncertain = row[10] or at  # its end; of a dead holder: now
                leased.append(self._leased(db, row, uncertain))
            db.executemany(
                'UPDATE "row" SET token=?, due=?, uncertain=? WHERE id=?',
                [(token, at + seconds, one.uncertain and one.uncertain.timestamp(), one.row) for one in leased],
            )
            found = lines_of(self._words, db, [one.row for one in leased])
            for one in leased:
                one.lines = {(line.id, line.key): line for line in found.get(one.row, ())}
        return token, leased

    def _leased(self, db: sqlite3.Connection, row: Sequence[Any], uncertain: float | None) -> Leased:
        site = self._words.text(row[2])
        record = None
        if row[14] is not None:
            body = self._bodies.plain(db, row[0], row[14])
            if body is not None:
                record = _record(row[3], site, row[4], row[5], row[6], body, row[15])
        return Leased(
            row=row[0],
            rev=row[1],
            site=site,
            key=shown(row[3]),
            record=record,
            fields=self._words.selection(row[16]),
            attempts=row[7],
            entered=bool(row[8]),
            uncertain=at_time(uncertain),
            first_seen=at_time(row[12]),
            last_seen=at_time(row[13]),
            was="done" if row[6] & schema.WAS_DONE else "filtered" if row[6] & schema.WAS_FILTERED else "",
            overtaken=bool(row[6] & schema.OVERTAKEN),
        )

    def settle(self, flow: str, token: LeaseToken, settles: Sequence[Settle], now: datetime, *, mapping: str) -> Moved:
        routes = {one.route for one in settles if one.route}
        streams = {line.stream for one in settles for line in one.lines}
        streams |= {each.stream for one in settles if one.watched for each in one.watched}
        number = self._prepare(flow, mapping, *routes, *streams)
        with self._write() as db:
            moved, books = settle_rows(self._words, db, self._bodies, number, token, settles, now.timestamp(), mapping)
            add_to_books(db, number, books)
        return moved

    # -- looking -------------------------------------------------------------------------------------------------------

    def row(self, flow: str, site: str, key: str) -> Row | None:
        with self._read() as db:
            rows = list(
                read_rows(
                    self._words,
                    db,
                    'flow=(SELECT id FROM flow WHERE name=?) AND site=(SELECT id FROM word WHERE text=?) AND "row".key=?',
                    (flow, bound(site), bound(key)),
                    1,
                    bodies=self._bodies,
                )
            )
        return rows[0] if rows else None

    def rows(
        self,
        *,
        flow: str | None = None,
        state: RowState | None = None,
        key: str | None = None,
        key_prefix: str | None = None,
        target: str | None = None,
        our_key: str | None = None,
        number: str | None = None,
        cause: Cause | None = None,
        limit: int = 1000,
    ) -> Iterator[Row]:
        wanted: list[str] = ["1"]
        given: list[Any] = []
        if cause is not None:
            wanted.append(f'"row".id IN ({CAUSED[cause.state]})')
            given += [cause.flow, bound(cause.reason or None), bound(cause.field or None), limit]
        if flow is not None:
            wanted.append("flow=(SELECT id FROM flow WHERE name=?)")
            given.append(flow)
        if state is not None:
            wanted.append(f"state={schema.STATES.index(state)}")
        if key is not None:
            wanted.append('"row".key=?')
            given.append(bound(key))
        if key_prefix:
            wanted.append('"row".key>=? AND "row".key<?')
            given += [bound(key_prefix), bound(key_prefix + "\U0010ffff")]
        if target is not None:
            wanted.append('"row".id IN (SELECT "row" FROM line WHERE target=?)')
            given.append(bound(target))
        if our_key is not None:
            wanted.append("our_key=?")
            given.append(bound(our_key))
        if number is not None:
            wanted.append(NUMBERED)
            given.append(bound(number))
        with self._snapshot() as db:
            return iter(list(read_rows(self._words, db, " AND ".join(wanted), given, limit, bodies=self._bodies)))

    def records(self, rows: Iterable[int]) -> Mapping[int, tuple[Record, frozenset[str] | None]]:
        found: dict[int, tuple[Record, frozenset[str] | None]] = {}
        wanted = list(rows)
        with self._read() as db:
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                for row in db.execute(
                    "SELECT id, key, site, stamp, our_key, flags, body, claimed_by, selection FROM record "
                    f'JOIN "row" ON "row".id = record."row" WHERE record."row" IN ({marks(len(part))})',
                    part,
                ).fetchall():
                    if (body := self._bodies.plain(db, row[0], row[6])) is None:
                        continue
                    record = _record(row[1], self._words.text(row[2]), row[3], row[4], row[5], body, row[7])
                    if record is not None:
                        found[row[0]] = (record, self._words.selection(row[8]))
        return found

    def attempts(self, rows: Iterable[int]) -> Mapping[int, Sequence[Attempt]]:
        with self._read() as db:
            return attempts_of(db, list(rows))

    def known(self, flow: str, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str | None]:
        found: dict[tuple[str, str], str | None] = {}
        with self._read() as db:
            for start in range(0, len(keys), 500):
                part = {bound(key) for _, key in keys[start : start + 500]}
                for site, key, stamp in db.execute(
                    f'SELECT site, key, stamp FROM "row" WHERE key IN ({marks(len(part))}) '
                    "AND flow=(SELECT id FROM flow WHERE name=?)",
                    (*part, flow),
                ).fetchall():
                    found[(self._words.text(site), shown(key))] = stamp
        unknown = [place for place in keys if place not in found]
        return found | dict.fromkeys(self.is_forgotten(flow, unknown) if unknown else (), _NEWEST)

    def counts(self) -> Sequence[Books]:
        names = ("rows", "done", "filtered", "foreign", "parked", "pending", "dropped", "read", "repeated", "superseded",
                 "settled", "open")  # fmt: skip
        quoted = ", ".join(f'"{name}"' for name in names)
        with self._read() as db:
            found = db.execute(f"SELECT name, {quoted} FROM flow ORDER BY id").fetchall()
        return [Books(row[0], **dict(zip(names, row[1:], strict=True))) for row in found]

    def created(self, flow: str, since: datetime) -> int:
        with self._read() as db:
            found = db.execute(
                "SELECT coalesce(sum(n), 0) FROM created WHERE flow=(SELECT id FROM flow WHERE name=?) AND minute>=?",
                (flow, int(since.timestamp() // 60)),
            ).fetchone()
        return int(found[0])

    # -- by hand and by clock ------------------------------------------------------------------------------------------

    def replay(
        self,
        now: datetime,
        *,
        flow: str | None = None,
        key: str | None = None,
        reason: str | None = None,
        field: str | None = None,
        dropped: bool = False,
        recreate: bool = False,
    ) -> int:
        choice = Choice(flow, key, reason, field)
        with self._write() as db:
            return replay_rows(db, choice, now.timestamp(), dropped=dropped, recreate=recreate)

    def drop(
        self,
        now: datetime,
        *,
        why: str,
        by: str,
        flow: str | None = None,
        key: str | None = None,
        reason: str | None = None,
        field: str | None = None,
    ) -> int:
        chosen = {"flow": flow or "", "key": key or "", "reason": reason or "", "field": field or ""}
        with self._write() as db:
            count = drop_rows(db, Choice(flow, key, reason, field), why)
            audited(db, "parked drop", now.timestamp(), {"by": by, "why": why, "rows": str(count), **chosen})
        return count

    def audit(self, what: str, now: datetime, **facts: str) -> None:
        with self._write() as db:
            audited(db, what, now.timestamp(), facts)

    def health(self, scope: str, state: str, now: datetime, message: str = "", remedy: str = "") -> None:
        with self._write() as db:
            db.execute(
                "INSERT INTO health VALUES (?,?,?,?,?) ON CONFLICT (scope) DO UPDATE SET "
                "since=iif(state=excluded.state, since, excluded.since), state=excluded.state, "
                "message=excluded.message, remedy=excluded.remedy",
                (bound(scope), bound(state), now.timestamp(), bound(message), bound(remedy)),
            )

    def healths(self) -> Mapping[str, tuple[str, datetime, str, str]]:
        with self._read() as db:
            found = db.execute("SELECT scope, state, since, message, remedy FROM health ORDER BY scope").fetchall()
        return {shown(row[0]): (shown(row[1]), at_time(row[2]), shown(row[3]), shown(row[4])) for row in found}

    def close(self) -> None:
        with self._mutex:
            self._conn.close()
            self._locks.close()
