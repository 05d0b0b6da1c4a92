"""What a pass tells about itself: numbers for logs and progress bars, nothing of a customer."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.errors import RemoteError
from connector.store import Settle


@dataclass(frozen=True, slots=True)
class Progress:
    """A pass under way. `total` is how many records it will read, where the source says so."""

    flow: str
    read: int
    delivered: int
    parked: int
    total: int | None


@dataclass(frozen=True, slots=True)
class PassReport:
    """One pass of one flow. `waiting`: rows still owed something (retry, outage, brake, look-up); `problem`: what stopped it."""

    flow: str
    read: int = 0
    repeated: int = 0
    changed: int = 0
    done: int = 0
    filtered: int = 0
    foreign: int = 0
    parked: int = 0
    waiting: int = 0
    created: int = 0
    updated: int = 0
    appended: int = 0
    unchanged: int = 0
    calls: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    problem: RemoteError | None = None
    delays: Mapping[int, int] = field(default_factory=dict)
    """Whole seconds from the coming of a version to its delivery → rows. What `remap` put back is left out."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a write: what the live object holds (None where it was not looked at or is empty) and what would go."""

    field: str
    live: Any
    wanted: Any


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One write that a record asks for now."""

    line: str
    stream: str
    op: str
    key: str
    target: str | None
    changes: Sequence[Change]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of one record, with nothing sent. `outcome`: write, unchanged, filtered, foreign, waiting or parked."""

    flow: str
    site: str
    key: str
    outcome: str
    reason: str = ""
    remedy: str = ""
    route: str = ""
    writes: Sequence[PlannedWrite] = ()


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a pass would do on real data: counts by outcome and by route; nothing was sent or stored."""

    flow: str
    read: int
    outcomes: Mapping[str, int]
    routes: Mapping[str, int]
    reasons: Mapping[str, int]
    calls: Mapping[str, int] = field(default_factory=dict)
    problem: RemoteError | None = None


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a backfill did in this process. `finished`: it came to its end; else the next one goes on."""

    flow: str
    finished: bool
    counts: Mapping[str, int]
    routes: Mapping[str, int]
    waiting: int
    calls: Mapping[str, int]
    problem: RemoteError | None


@dataclass(frozen=True, slots=True)
class Remapped:
    """What a changed mapping would do to the records of a flow that were settled under another version of it. `outcomes`:

    unchanged    mapped to what was sent already
    changed      other values would go to what was made before: `fields` says which, by line
    entered      left out before, would be written now
    still out    left out before and now
    left out     delivered before, left out now; what was made stays as it is
    parked       `reasons` says why
    waiting      for a lookup
    gone         no longer at its source, or what it answers is not: stays what it was

    `keys`: a few of each. `routes`: of those that would be written.
    """

    flow: str
    rows: int
    outcomes: Mapping[str, int]
    fields: Mapping[tuple[str, str, str, str], int]
    """Rows by line, stream, kind of write and field (of updates; "" otherwise)."""
    routes: Mapping[str, int]
    reasons: Mapping[str, int]
    keys: Mapping[str, Sequence[str]]
    calls: Mapping[str, int] = field(default_factory=dict)
    problem: RemoteError | None = None


class Tally:
    """Counters of one pass, moved by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.parked: Counter[tuple[str, str]] = Counter()
        self.remedies: dict[tuple[str, str], str] = {}
        self.problem: RemoteError | None = None
        self.delays: Counter[int] = Counter()
        self.routes: Counter[str] | None = None
        """By route, what was delivered; counted where somebody asks for it."""

    def by_route(self, settles: Iterable[Settle]) -> None:
        if self.routes is not None:
            with self._lock:
                self.routes.update(settle.route for settle in settles if settle.state == "done")

    def delivered(self, came: Mapping[datetime, int], now: datetime) -> None:
        """Rows that are done now, by when their versions came: those of a page came at the same time."""
        with self._lock:
            for since, rows in came.items():
                self.delays[max(0, int((now - since).total_seconds()))] += rows

    def add(self, **counts: int) -> None:
        with self._lock:
            self.counts.update(counts)

    def park(self, reason: str, field_name: str, remedy: str) -> None:
        with self._lock:
            self.parked[(reason, field_name)] += 1
            self.remedies.setdefault((reason, field_name), remedy)  # the first one's: it may name its record

    def stopped_by(self, problem: RemoteError) -> None:
        with self._lock:
            self.problem = self.problem or problem
