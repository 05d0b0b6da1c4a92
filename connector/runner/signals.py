"""SIGTERM and SIGINT, turned into one question that the main thread waits on. Works as process 1 of a container too.

Process 1 has no default action for these signals: without handlers they are ignored until SIGKILL comes.
"""

from __future__ import annotations

import os
import select
import signal
import time
from types import FrameType

_SAME = 0.5
"""Seconds within which a second signal is the first one again: `timeout` and some supervisors signal process and group."""


class Signals:
    """The first signal asks to stop, the second ends the process at once."""

    def __init__(self) -> None:
        # A pipe and not an Event: setting an Event inside a handler may wait for a lock that the interrupted code holds.
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._seen: list[int] = []
        self._first = 0.0
        self._before: dict[int, object] = {}

    def install(self) -> Signals:
        """Take over SIGTERM and SIGINT; main thread only."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def restore(self) -> None:
        """Give the signals back as they were."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal gave us
        os.close(self._read)
        os.close(self._write)

    @property
    def name(self) -> str:
        """The first signal that came, or an empty text."""
        return signal.Signals(self._seen[0]).name if self._seen else ""

    def wait(self, seconds: float | None = None) -> bool:
        """Until a signal came (true) or the time is over."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self._seen:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return False
            select.select([self._read], [], [], left)
            if self._seen:
                break
        return True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._seen and now - self._first < _SAME:
            return
        self._first = self._first or now
        self._seen.append(number)
        if len(self._seen) > 1:
            os.write(2, b"stopped at once by a second signal; what was in flight is looked up at the next start\n")
            os._exit(1)
        os.write(self._write, b".")
