"""What the ledger's file does to us, as LedgerError with the way out.

SQLite's primary result codes decide: https://www.sqlite.org/rescode.html
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.errors import LedgerError

BUSY = 30.0
"""Seconds to wait for another process's transaction."""
_DAMAGED = (
    "is damaged; stop the connector, keep this file with its -wal and -shm, and put a backup in its place. Without one, "
    "`sqlite3 FILE .recover` may save most; or begin with an empty one: objects that were made are found under their keys "
    "(`sqlite3 FILE 'pragma integrity_check'` tells the extent)"
)
_WAYS_OUT = {
    sqlite3.SQLITE_FULL: "the disk is full; free some of it, and the work goes on by itself",
    sqlite3.SQLITE_IOERR: "cannot be read or written; look at its disk (full? a quota, a limit of file size, taken away?). When "
    "that is over, the work goes on by itself",
    sqlite3.SQLITE_READONLY: "cannot be written; make it, its folder and its disk writable for the user that runs this",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; make it and its folder writable, and look whether this process may open more "
    "files (ulimit -n)",
    sqlite3.SQLITE_PERM: "cannot be opened; make it and its folder writable for the user that runs this",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_BUSY: f"another process has been writing to it for {BUSY:.0f} s (a backup, a shell? `fuser FILE` names it); "
    "when it ends, the work goes on by itself",
    sqlite3.SQLITE_LOCKED: "another process writes to it; when it ends, the work goes on by itself",
}
_ANY = (
    "check free disk, that it and its folder are writable, and that it is not damaged "
    "(sqlite3 FILE 'pragma integrity_check')"
)


class Damaged(sqlite3.DatabaseError):
    """What stands in the ledger cannot be: something that is referred to is missing, or indexes disagree."""


def way_out(error: OSError) -> str:
    """What to do about a file that cannot be opened or made."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "let this process open more files (ulimit -n)"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some of its disk"
    return "make the file and its folder writable"


@contextmanager
def file_faults(path: Path) -> Iterator[None]:
    """What the file does to us, as LedgerError; our own mistakes stay as they are."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
        raise
    except Damaged as error:
        raise LedgerError(f"ledger {path} {_DAMAGED} ({error})") from error
    except UnicodeDecodeError as error:  # text in it is none any more
        raise LedgerError(f"ledger {path} {_DAMAGED} (a text in it is no UTF-8)") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if not code:  # found by Python, not by SQLite: text that cannot be decoded, which the message would repeat
            raise LedgerError(f"ledger {path} {_DAMAGED} (a text in it is no UTF-8)") from None
        raise LedgerError(_told(path, code, str(error))) from error


def _told(path: Path, code: int, said: str) -> str:
    way_out = _WAYS_OUT.get(code)
    if way_out is None:
        return f"ledger {path}: {said}; {_ANY}"
    joint = ": " if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) else " "
    return f"ledger {path}{joint}{way_out} ({said})"
