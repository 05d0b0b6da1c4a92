"""Upkeep of the SQLite ledger: old records go, keys change, the log stays short; and how large it all is.

In small transactions with nothing held between them: whoever delivers waits for one of them at most.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from datetime import UTC, datetime

from connector.stamps import stamp
from connector.store import Extent, GoOn, Rekeyed
from connector.store.sqlite_attempts import prune_attempts
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_open import open_to_others
from connector.store.sqlite_schema import DONE, DROPPED, FILTERED, FOREIGN, PARKED
from connector.store.sqlite_stays import prune_stays

_PART = 200
_PATIENCE_MS = 200

OLD = (
    'SELECT record.at, record."row", state FROM record INDEXED BY record_at JOIN "row" ON "row".id = record."row" '
    'WHERE record.at >= ? AND record.at < ? AND (record.at > ? OR record."row" > ?) ORDER BY record.at, record."row" LIMIT ?'
)
_FORGET = 'DELETE FROM record WHERE "row"=? AND at=? AND (SELECT state FROM "row" WHERE id=?)=?'
_SETTLED = (DONE, FILTERED, DROPPED, FOREIGN)


def _always() -> bool:
    return True


class Upkeep(LedgerFile):
    """Part of SqliteStore."""

    def prune(self, now: datetime, *, delivered: float, parked: float, audit: float, go_on: GoOn | None = None) -> int:
        at, on, gone = now.timestamp(), go_on or _always, 0
        limits = {**dict.fromkeys(_SETTLED, at - delivered), PARKED: at - parked}
        newest = max(limits.values())
        last, row = float("-inf"), 0
        while True:
            with self._read() as db:
                found = db.execute(OLD, (last, newest, last, row, _PART)).fetchall()
            old = [(row, at, row, state) for at, row, state in found if at < limits.get(state, float("-inf"))]
            if old:
                with self._write() as db:
                    gone += db.executemany(_FORGET, old).rowcount
            if len(found) < _PART or not on():
                break
            last, row = found[-1][:2]
        with self._write() as db:
            db.execute("DELETE FROM created WHERE minute < ?", (int((at - 86400) // 60),))
        while self._forget_audit(at - audit) and on():
            pass
        while self._forget_attempts(at - parked) and on():
            pass
        while self._forget_stays(at - audit) and on():
            pass
        self._empty_log()
        return gone

    def _forget_stays(self, before: float) -> bool:
        """Stays of long ago that have ended; whether there may be more."""
        with self._write() as db:
            return prune_stays(db, stamp(datetime.fromtimestamp(max(before, 0.0), UTC)), _PART)

    def _forget_audit(self, before: float) -> bool:
        """The oldest entries; whether there may be more. They stand in the order of their time."""
        with self._write() as db:
            found = db.execute("SELECT id, at FROM audit ORDER BY id LIMIT ?", (_PART,)).fetchall()
            old = [(number,) for number, at in found if at < before]
            if old:
                db.executemany("DELETE FROM audit WHERE id=?", old)
        return len(old) == _PART

    def _forget_attempts(self, before: float) -> bool:
        """Failed attempts of long ago; whether there may be more."""
        with self._write() as db:
            return prune_attempts(db, before, _PART)

    def _empty_log(self) -> bool:
        """Move what the log holds into the ledger and cut it to nothing: it grows as long as somebody always reads. Whoever still
        reads an older state is not waited for long; False then."""
        with self._read() as db, suppress(sqlite3.OperationalError):  # in use: the next time
            busy = db.execute("PRAGMA busy_timeout").fetchone()[0]
            db.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}").close()
            try:
                return bool(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
            finally:
                db.execute(f"PRAGMA busy_timeout={busy}").close()
        return False

    def compact(self) -> bool:
        with self._read() as db:
            db.execute("PRAGMA temp_store=FILE").close()  # the copy may be larger than our memory
            try:
                db.execute("VACUUM").close()
            finally:
                db.execute("PRAGMA temp_store=MEMORY").close()
        if done := self._empty_log():
            with self._write() as db:
                db.execute("DELETE FROM meta WHERE name='remnants'")
        return done

    def rekey(self, now: datetime, *, go_on: GoOn | None = None) -> Rekeyed:
        on, done = go_on or _always, Rekeyed()
        self._adopt_key(now.timestamp())
        while True:
            with self._read() as db:
                if not self._bodies.left(db):
                    return done
            with self._write() as db:
                part = self._bodies.rekey(db, _PART)
            done = Rekeyed(
                done.records + part.records, done.forgotten + part.forgotten, done.retired + part.retired, part.left
            )
            if not part.left:
                self._empty_log()
                return done
            if not on():
                return done

    def size(self) -> int:
        """Bytes on the disk."""
        return sum(self._bytes(end) for end in ("", "-wal", "-shm"))

    def extent(self) -> Extent:
        with self._snapshot() as db:
            pages, free, page = (
                db.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "freelist_count", "page_size")
            )
            rows = db.execute('SELECT coalesce(sum("rows"), 0) FROM flow').fetchone()[0]
            records = db.execute("SELECT count(*) FROM record").fetchone()[0]
            encrypted = self._bodies.in_use(db) != 0
            rekeying = self._bodies.left(db)
            remnants = db.execute("SELECT 1 FROM meta WHERE name='remnants'").fetchone() is not None
        log = self._log()
        total = pages * page + log + self._bytes("-shm")
        readable = open_to_others(self.path)
        return Extent(total, free * page, log, rows, records, encrypted, rekeying, remnants, readable)

    def _log(self) -> int:
        return self._bytes("-wal")

    def _bytes(self, end: str) -> int:
        with suppress(FileNotFoundError):
            return self.path.with_name(self.path.name + end).stat().st_size
        return 0
