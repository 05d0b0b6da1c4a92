"""Who holds the runner or a flow, across processes: byte ranges of one lock file, given back by the kernel at death.

A lease in a table would make a restart after kill -9 wait for its end; a POSIX record lock is free the moment its process
is gone. It works on Linux and macOS, between containers of one machine too, and not on network file systems: nor does
SQLite's WAL. Source: fcntl(2), "Traditional (process-associated) record locks".

Such a lock belongs to the process, not to the handle: a second handle would be granted what the first one holds, and
closing either drops the locks of both. So all stores of one process on one ledger share one handle.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from connector.errors import Busy, LedgerError
from connector.store.sqlite_faults import way_out


@dataclass(slots=True)
class _LockFile:
    """One lock file of this process, and the bytes of it that are held."""

    handle: int
    users: int = 0
    held: set[int] = field(default_factory=set)


_FILES: dict[tuple[int, int], _LockFile] = {}
"""By device and inode, since a file may have several paths."""
_MUTEX = threading.Lock()


class Locks:
    """One store's way to the locks of its ledger."""

    def __init__(self, path: Path) -> None:
        with _MUTEX:
            try:
                self._id = _identity(path)
                if self._id not in _FILES:
                    _FILES[self._id] = _LockFile(os.open(path, os.O_RDWR | os.O_CLOEXEC))
            except OSError as error:
                raise LedgerError(f"cannot open {path}: {error.strerror}; {way_out(error)}") from error
            self._file: _LockFile | None = _FILES[self._id]
            self._file.users += 1

    @contextmanager
    def hold(self, offset: int, what: str) -> Iterator[None]:
        """Hold one byte until the block ends; Busy when this or another process has it."""
        file = self._file
        if file is None:
            raise ValueError(f"{what} cannot be held: the store is closed")
        with _MUTEX:
            if offset in file.held:
                raise Busy(f"{what} is at work in this process already")
            try:
                fcntl.lockf(file.handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
            except OSError as error:
                raise Busy(f"{what} is held by another process on this ledger") from error
            file.held.add(offset)
        try:
            yield
        finally:
            with _MUTEX:
                file.held.discard(offset)
                if file.users:  # else the handle is closed, and its locks with it
                    fcntl.lockf(file.handle, fcntl.LOCK_UN, 1, offset)

    def close(self) -> None:
        """Give the handle back; the last store of this process on this ledger closes it. Again: nothing."""
        with _MUTEX:
            file, self._file = self._file, None
            if file is None:
                return
            file.users -= 1
            if not file.users:
                del _FILES[self._id]
                os.close(file.handle)


def _identity(path: Path) -> tuple[int, int]:
    """Which file this is, without leaving a handle behind; it is made when it is missing."""
    try:
        status = path.stat()
    except FileNotFoundError:  # a file that is new has no locks of ours that this close could drop
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        status = path.stat()
    return status.st_dev, status.st_ino
