"""How many calls a connection may make, and for what: pure arithmetic over counts of a rolling day, tested as a table.

Calls are counted in slots of ten minutes, so that a day has few of them and the ledger can keep them. What is left of a
budget goes to write-backs before live flows before sweeps before backfills: each kind stops while the kinds before it
still have something.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from connector.model import Usage

Lane = Literal["write-back", "live", "sweep", "backfill"]
"""What calls are made for. `write-back`: flows that answer; `live`: all others."""

KEEPS: Mapping[Lane, float] = {"write-back": 0.0, "live": 0.1, "sweep": 0.3, "backfill": 0.5}
"""The share of the budget that a lane leaves to the lanes before it."""
SLOT = 600
"""Seconds of a slot."""
SLOTS = 86400 // SLOT
PAUSE = timedelta(minutes=15)
"""How long a server's count is believed when no call tells a newer one; then calls go out and ask anew."""
SOON = timedelta(hours=12)
"""A budget that ends within this time is short; it lasts again when no end is seen within a day."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is configured of one connection. `reserve`: share of what the server allows that is left to people and others."""

    calls_per_day: int | None = None
    reserve: float = 0.2


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used of one connection: our calls by slot, from every process on the ledger, and the server's last count."""

    slots: Mapping[int, int] = field(default_factory=dict)
    usage: Usage | None = None

    def own(self, now: datetime) -> int:
        """Our calls of the last 24 hours. The server's count of our app wins where it tells one."""
        if self.usage is not None and self.usage.app is not None and fresh(self.usage, now):
            return self.usage.app
        here = slot(now)
        return sum(calls for at, calls in self.slots.items() if in_day(at, here))

    def and_now(self, calls: int, usage: Usage | None, now: datetime) -> Spent:
        """The same with calls of this moment, and the server's count as heard last."""
        if not calls:
            return Spent(self.slots, usage)
        here = slot(now)
        return Spent({**self.slots, here: self.slots.get(here, 0) + calls}, usage)

    def an_hour(self, now: datetime) -> float:
        """Our calls an hour, by the last hour."""
        last = slot(now)
        begun = now.timestamp() % SLOT
        calls = sum(self.slots.get(at, 0) for at in range(last - 6, last + 1))
        return calls * 3600 / (6 * SLOT + begun)


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound that holds: `used` of `budget` calls; what `allowed` had before the reserve was taken off, if any."""

    used: int
    budget: int
    by: Literal["calls_per_day", "server"]
    allowed: int

    @property
    def left(self) -> int:
        return max(0, self.budget - self.used)

    def lets(self, lane: Lane) -> bool:
        """Whether something is left for this lane."""
        return self.left > KEEPS[lane] * self.budget


def slot(at: datetime) -> int:
    """The slot that a moment falls into."""
    return int(at.timestamp() // SLOT)


def in_day(counted: int, now: int) -> bool:
    """Whether what was counted in a slot still counts. One that lies ahead counts too: a clock was put back. One that lies
    more than a day ahead was counted by a clock that was wrong."""
    return now - SLOTS <= counted <= now + SLOTS


def fresh(usage: Usage, now: datetime) -> bool:
    """Whether a server's count can still be believed."""
    return abs(now - usage.at) < PAUSE


def bounds(limits: Limits | None, spent: Spent, now: datetime) -> Iterator[Bound]:
    """The bounds that hold now: our own number, and the share of the server's."""
    if limits is None:
        return
    if limits.calls_per_day is not None:
        yield Bound(spent.own(now), limits.calls_per_day, "calls_per_day", limits.calls_per_day)
    if spent.usage is not None and fresh(spent.usage, now):
        allowed = spent.usage.allowed
        yield Bound(spent.usage.used, math.floor(allowed * (1 - limits.reserve)), "server", allowed)


def tightest(found: Iterable[Bound]) -> Bound | None:
    """The bound that leaves the smallest part of its budget."""
    return min(found, key=lambda bound: bound.left / bound.budget if bound.budget else 0.0, default=None)


def again_at(bound: Bound, lane: Lane, spent: Spent, now: datetime) -> datetime:
    """When this lane may go on under a bound that holds it: when enough calls are a day old, or when to ask the server."""
    if bound.by == "server" and spent.usage is not None:
        return spent.usage.at + PAUSE
    used, enough = bound.used, bound.budget * (1 - KEEPS[lane])
    for at, calls in sorted(spent.slots.items()):
        if not in_day(at, slot(now)):
            continue
        used -= calls
        if used < enough:
            return max(_begins(at + SLOTS + 1), now + timedelta(seconds=SLOT / 10))
    return now + PAUSE  # the server counts calls that we do not know of


def ends_at(bound: Bound, spent: Spent, now: datetime) -> datetime | None:
    """When nothing is left if we go on as in the last hour, while calls of yesterday fall out of the day; None: not within
    24 hours. Calls of others are taken as steady."""
    if not bound.left:
        return now
    used, rate, first = float(bound.used), spent.an_hour(now) * SLOT / 3600, slot(now)
    for ahead in range(1, SLOTS + 1):
        used += rate - spent.slots.get(first - SLOTS - 1 + ahead, 0)
        if used >= bound.budget:
            return now + timedelta(seconds=ahead * SLOT)
    return None


def _begins(at: int) -> datetime:
    return datetime.fromtimestamp(at * SLOT, UTC)
