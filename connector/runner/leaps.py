"""Leaps of the machine's clock, seen by comparing it with the monotonic one."""

from __future__ import annotations

import time
from collections.abc import Callable

from connector.config.clock import APART


class Leaps:
    """Asked every few seconds. `wall`: seconds since 1970; `monotonic`: seconds since anything."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clocks = wall, monotonic
        self._last = wall() - monotonic()

    def seconds(self) -> float:
        """By how much it was put forward (or back, negative) since it was last asked; 0.0 for what clocks do by themselves."""
        wall, monotonic = self._clocks
        before, self._last = self._last, wall() - monotonic()
        leap = self._last - before
        return leap if abs(leap) > APART else 0.0
