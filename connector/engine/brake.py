"""Bounds new objects an hour, so that a wrong mapping cannot flood a case system."""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta

from connector.adapter import Clock
from connector.store import Store

HOUR = timedelta(hours=1)
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(minutes=10)
"""A held record is mapped again with its look-ups each time it is due: not every minute for a whole backlog. Nor only when
there is room again, for an operator may release the brake."""


class Brake:
    """New objects of one flow in the last hour; starts from what the ledger knows, so a restart does not release it."""

    def __init__(self, flow: str, limit: int | None, store: Store, clock: Clock) -> None:
        self.limit = limit
        self._flow, self._store, self._clock = flow, store, clock
        self._lock = threading.Lock()
        self._made: deque[tuple[datetime, int]] = deque()
        self._sum = 0
        self._held = False
        self.held = False
        """Whether it has held something back since it was looked at."""
        self.look()

    def look(self) -> None:
        """Begin with what the ledger knows: other processes work on the flow too. To be called by who holds it, when nothing of
        it is under way. The ledger counts by the minute, so what was made counts a little longer than an hour."""
        if self.limit is None:
            return
        made = self._store.created_by_minute(self._flow, self._clock.now() - HOUR)
        with self._lock:
            self._made, self._sum, self.held = deque(made), sum(count for _, count in made), False

    def _add(self, now: datetime, count: int) -> None:
        if count:
            self._made.append((now, count))
            self._sum += count

    def take(self, wanted: int) -> int:
        """How many of `wanted` new objects may be made now; these are counted."""
        if self.limit is None:
            return wanted
        now = self._clock.now()
        with self._lock:
            while self._made and self._made[0][0] <= now - HOUR:
                self._sum -= self._made.popleft()[1]
            granted = max(0, min(wanted, self.limit - self._sum))
            self._add(now, granted)
            if granted == wanted:
                self._held = False
            else:
                self.held = True
            return granted

    def again_at(self) -> datetime:
        """When held records are due again: when there is room, in one minute at the soonest and ten at the latest."""
        now = self._clock.now()
        with self._lock:
            room = self._made[0][0] + HOUR if self._made else now
        return min(max(room, now + SHORTEST), now + LONGEST)

    def first_held(self) -> bool:
        """True once for every time that the brake takes hold."""
        with self._lock:
            first, self._held = not self._held, True
            return first

    def give_back(self, count: int) -> None:
        """Objects that were not made after all."""
        if self.limit is not None and count:
            with self._lock:
                self._add(self._clock.now(), -count)
