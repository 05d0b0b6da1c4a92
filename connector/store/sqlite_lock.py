"""Who holds the runner or a flow, across processes: byte ranges of one lock file, given back by the kernel at death.

A lease in a table would make a restart after kill -9 wait for its end; a POSIX record lock is free the moment its process
is gone. It works on Linux and macOS, between containers of one machine too, and not on network file systems: nor does
SQLite's WAL. Source: fcntl(2), "Traditional (process-associated) record locks".
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.errors import Busy, LedgerError


class Locks:
    """Byte-range locks of one process. The file stays open as long as the store: closing any handle of it in this
    process would drop all its locks."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerError(f"cannot open {path}: {error.strerror}; make its folder writable") from error
        self._mutex = threading.Lock()
        self._held: set[int] = set()

    @contextmanager
    def hold(self, offset: int, what: str) -> Iterator[None]:
        """Hold one byte until the block ends; Busy when this or another process has it."""
        with self._mutex:
            if offset in self._held:
                raise Busy(f"{what} is at work in this process already")
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
            except OSError as error:
                raise Busy(f"{what} is held by another process on this ledger") from error
            self._held.add(offset)
        try:
            yield
        finally:
            with self._mutex:
                self._held.discard(offset)
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, offset)

    def close(self) -> None:
        os.close(self._file)
