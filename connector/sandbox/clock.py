"""The time of the simulated systems: the machine's, moved by a skew and by `advance`, so that tests need not sleep."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from itertools import count


def iso(at: float) -> str:
    """Epoch seconds as `2026-11-20T10:02:00.123Z`, the form in which both systems are kept."""
    second, thousandths = divmod(int(at * 1000), 1000)
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{thousandths:03d}Z"


class Clock:
    """Tells the time and runs what falls due. Everything happens on the loop's thread."""

    def __init__(self, skew: float = 0.0) -> None:
        self.offset = skew
        self.loop: asyncio.AbstractEventLoop | None = None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def now(self) -> float:
        return time.time() + self.offset

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Runs `act` when the simulated time has moved on by `seconds`."""
        heapq.heappush(self._due, (self.now() + seconds, next(self._order), act))
        if self.loop is not None:
            self.loop.call_later(max(seconds, 0), self.run_due)

    def advance(self, seconds: float) -> None:
        """Moves the time and runs what has fallen due meanwhile."""
        self.offset += seconds
        self.run_due()

    def run_due(self) -> None:
        now = self.now() + 0.001  # the loop may wake a timer by a clock tick too early
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()

    def forget(self) -> None:
        """Drops everything that was to happen (reset)."""
        self._due.clear()


class Dial:
    """What one system's own clock shows: the simulated time, ahead or behind by its skew. What falls due is the Clock's."""

    def __init__(self, clock: Clock, skew: float) -> None:
        self._clock = clock
        self.skew = skew
        self._date = (0, b"")

    def now(self) -> float:
        return self._clock.now() + self.skew

    def stamp(self) -> str:
        return iso(self.now())

    def date(self) -> bytes:
        """The value of the Date header, built once a second."""
        second = int(self.now())
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True).encode())
        return self._date[1]
