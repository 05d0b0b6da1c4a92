"""The machine's clock, made safe against being put forward."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

APART = 30.0
"""Seconds by which the machine's clock may move against its monotonic one without having been put forward or back."""
HOLD = 900.0
"""Seconds that a leap forward is not believed: a write without an answer may commit that long, a call last that long."""


class SystemClock:
    """The machine's clock. When it leaps forward (set by a person or NTP, a virtual machine that was paused), time goes on for
    HOLD seconds as if it had not: what waits "until it can no longer commit" must really have waited. A leap back is
    believed at once. `wall`: seconds since 1970; `monotonic`: seconds since anything. Safe for threads.
    """

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clocks = wall, monotonic
        self._lock = threading.Lock()
        self._wall, self._mono = wall(), monotonic()
        self._ahead = self._until = 0.0

    def now(self) -> datetime:
        wall, monotonic = self._clocks
        with self._lock:
            at, elapsed = wall(), monotonic()
            leap = (at - self._wall) - (elapsed - self._mono)
            self._wall, self._mono = at, elapsed
            if leap > APART:
                self._ahead, self._until = self._ahead + leap, elapsed + HOLD
            elif leap < -APART:
                self._ahead = max(0.0, self._ahead + leap)
            if elapsed >= self._until:
                self._ahead = 0.0
            return datetime.fromtimestamp(at - self._ahead, UTC)
