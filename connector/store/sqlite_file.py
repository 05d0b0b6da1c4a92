"""The open file of a SQLite ledger: one connection under a lock, transactions, numbers for words."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from connector.secret import RecordKeys
from connector.store.sqlite_bodies import Bodies
from connector.store.sqlite_faults import file_faults
from connector.store.sqlite_open import identity, open_file, same_file
from connector.store.sqlite_words import Words


class LedgerFile:
    """What every part of SqliteStore works with."""

    def __init__(self, path: Path, keys: RecordKeys | None = None) -> None:
        self.path = path
        self._mutex = threading.RLock()
        self._conn, self.digest_key = open_file(path)
        with self.closed_on_failure():
            self._file = identity(path)
            self._words = Words(self._conn)
            with self._faults():
                self._bodies = Bodies(path, self._conn, keys)

    @contextmanager
    def closed_on_failure(self) -> Iterator[None]:
        """Opening goes on: a fault gives the connection back."""
        try:
            yield
        except BaseException:
            self._conn.close()
            raise

    def _faults(self) -> AbstractContextManager[None]:
        return file_faults(self.path)

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that has the write lock from its first statement: a deferred one that upgrades never waits."""
        with self._mutex, self._faults():
            same_file(self.path, self._file)
            self._conn.execute("BEGIN IMMEDIATE")
            try:
                yield self._conn
                self._conn.execute("COMMIT")
            except BaseException:
                if self._conn.in_transaction:
                    self._conn.execute("ROLLBACK")
                raise

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, self._faults():
            yield self._conn

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """Several questions, answered as of one moment: between two of them another process may settle what they are about."""
        with self._read() as db:
            db.execute("BEGIN")
            try:
                yield db
            finally:
                if db.in_transaction:  # a fault may have ended it
                    db.execute("COMMIT")

    def _prepare(self, flow: str, *texts: str) -> int:
        """Numbers for a flow and for words, given before a transaction begins."""
        with self._mutex, self._faults():
            for text in texts:
                self._words.number(text)
            return self._words.flow(flow)

    def _adopt_key(self, at: float) -> None:
        """The configured key is used from here on, if this process has not begun yet."""
        with self._mutex:
            if self._bodies.fresh:
                with self._write() as db:
                    self._bodies.adopt(db, at)
                self._bodies.adopted(self._conn)
