"""A copy of the SQLite ledger while others write to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from connector.errors import LedgerError
from connector.store.sqlite_faults import file_faults
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_hand import audited
from connector.store.sqlite_schema import DEAD


class Copying(LedgerFile):
    """Part of SqliteStore."""

    def backup(self, path: Path, now: datetime) -> int:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            remedy = (
                "name a file that is not there"
                if isinstance(error, FileExistsError)
                else "the folder must be there, and ours to write to"
            )
            raise LedgerError(f"cannot write the copy {path}: {error.strerror}; {remedy}") from error
        try:
            with self._mutex, self._faults():
                self._conn.execute("VACUUM INTO ?", (str(path),))
            with file_faults(path), closing(sqlite3.connect(path, isolation_level=None)) as copy:
                _as_left_by_the_dead(copy)
                audited(copy, "backup", now.timestamp(), {})
            with path.open("rb+") as written:
                os.fsync(written.fileno())
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise
        return path.stat().st_size


def _as_left_by_the_dead(copy: sqlite3.Connection) -> None:
    """What is pending here may have been sent by the time this copy is put back: that is what a lease says which was never
    settled, so that everything is looked up before it is made or appended."""
    copy.execute('UPDATE "row" SET token=?, due=0 WHERE state=0', (DEAD,))
