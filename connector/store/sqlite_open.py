"""Opening the SQLite ledger: the file, its pragmas, its migrations. What cannot be used is refused with the way out."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from connector.errors import LedgerError
from connector.store import sqlite_schema as schema
from connector.store.sqlite_faults import BUSY, Damaged, file_faults, way_out

_PRAGMAS = (
    "page_size=8192",
    "journal_mode=WAL",
    "synchronous=FULL",
    "temp_store=MEMORY",
    "cache_size=-8000",
    "secure_delete=ON",  # what was pruned, forgotten or encrypted must not be left in a free page; it costs nothing measurable
    "journal_size_limit=67108864",
)
"""Pages of 8 KiB, in new files: a page of 4 holds one order of 2 KiB and is half empty, and its commit costs twice the CPU."""
_OLDEST = (3, 33)
"""The version of SQLite that brought UPDATE … FROM."""


def open_file(path: Path) -> tuple[sqlite3.Connection, bytes]:
    """A connection to the ledger at `path` and its key for digests. A missing file is made, for its owner's eyes only."""
    if sqlite3.sqlite_version_info < _OLDEST:
        needed = ".".join(map(str, _OLDEST))
        raise LedgerError(
            f"this Python has SQLite {sqlite3.sqlite_version}, the ledger needs {needed} or newer; use another Python"
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path)
        _close_to_others(path)
    except OSError as error:
        raise LedgerError(
            f"cannot open the ledger {path}: {error.strerror}; see `store` in the configuration, and {way_out(error)}"
        ) from error
    with file_faults(path):
        conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY)
        try:
            for pragma in _PRAGMAS:
                conn.execute(f"PRAGMA {pragma}").close()
            _migrate(path, conn)
            key = conn.execute("SELECT value FROM meta WHERE name='digest_key'").fetchone()
            if key is None:
                raise Damaged("its key is missing")
        except BaseException:
            conn.close()
            raise
    return conn, bytes(key[0])


def _make(path: Path) -> None:
    """Make a missing file. One that is there is not opened: closing it would drop the POSIX locks that SQLite holds on it for
    another store of this process, and the next process to close the ledger would take away the WAL that this one writes to.
    Source: https://www.sqlite.org/howtocorrupt.html, 2.2."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
        if not os.access(path, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None


def files(path: Path) -> Iterator[Path]:
    """The ledger's files that are there, the one with its locks too."""
    for end in ("", "-wal", "-shm", ".lock"):
        each = path.with_name(path.name + end)
        if each.exists():
            yield each


def open_to_others(path: Path) -> bool:
    """Whether users beside the owner may read one of the ledger's files."""
    return any(stat.S_IMODE(each.stat().st_mode) & 0o077 for each in files(path))


def _close_to_others(path: Path) -> None:
    """Customers' data is for the owner's eyes only, however loose the file was. What belongs to somebody else stays as it is:
    `open_to_others` tells."""
    for each in files(path):
        with suppress(PermissionError):
            if stat.S_IMODE(each.stat().st_mode) & 0o077:
                each.chmod(0o600)


def same_file(path: Path, opened: tuple[int, int]) -> None:
    """LedgerError when another file, or none, stands where the ledger was opened: what is written now would be lost."""
    try:
        if identity(path) == opened:
            return
        what = "replaced"
    except OSError:
        what = "deleted"
    raise LedgerError(
        f"ledger {path} was {what} while it was in use; restart the connector to go on with what is there"
    )


def identity(path: Path) -> tuple[int, int]:
    """Which file this is, whatever its name."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _migrate(path: Path, conn: sqlite3.Connection) -> None:
    if schema.ledger.applied(conn) == schema.KNOWN:  # nothing to do: no lock to wait for, no library to load
        return
    conn.execute("BEGIN IMMEDIATE")
    try:
        applied = schema.ledger.applied(conn)
        if not applied and conn.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise LedgerError(f"{path} is a database of something else; name another file under `store`")
        newer = applied - schema.KNOWN
        if newer:
            raise LedgerError(f"{path} was written by a newer version ({', '.join(sorted(newer))}); upgrade first")
        schema.ledger.apply(conn)
        conn.execute("COMMIT")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
