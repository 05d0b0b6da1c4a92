"""A backfill: records of a window of time, read beside the flow's cursor and delivered like any others.

It has a lane of its own. It holds its flow for one page at a time, and not while somebody waits for the flow's turn, so that
live polls pass in between; it leaves them a quarter of the brake, and waits when it is held. Its own cursor is saved with
each page, so that one that was cut off goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from connector import stamps
from connector.engine import Engine, _Pass
from connector.engine.brake import Brake
from connector.engine.fetch import Stopped, stop
from connector.engine.looking import Looking
from connector.engine.pull import check_presence
from connector.engine.report import Backfilled, DryRun, Progress, Tally
from connector.errors import Busy, ConnectionFault, Misconfigured, RateLimited, RecordFault, RemoteError
from connector.model import Page, Record, Select
from connector.store import Backfill

SHARE = 0.75
"""Of the brake: the rest is left to what is new."""
PAUSE = timedelta(seconds=30)
"""After a fault that says nothing of when to come again."""
TRIES = 6
"""Faults of a remote system in a row, without a page between, after which it gives up; the next one goes on."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a backfill waits, and until when. `busy`: for its flow, a moment."""

    why: Literal["busy", "brake", "trouble"]
    until: datetime | None = None
    problem: RemoteError | None = None


class _Page(_Pass):
    """A pass over one page that was read already."""

    def held_by_budget(self) -> RateLimited | None:
        """Why a budget leaves nothing for a backfill now, if so."""
        return self._allowance.problem("source") or self._allowance.problem("delivery")

    def take(self, page: Page | None, select: Select, *, push: bool) -> None:
        """Take it in and deliver it, and with `push` what else is due."""
        with self._engine.crew.pool(max(1, self._flow.concurrency), self._flow.id) as pool:
            if page is not None:
                check_presence(self._engine.presence(self._flow), self._source, page, select)
                self._take_in(pool, page, select, move=False)
            if push or not self._can_deliver():
                self._push(pool)
            self._wait_all()


class Backfilling:
    """One backfill of one flow, step by step. Who drives it does the waiting, and holds `backfill:<id>` meanwhile."""

    def __init__(
        self, engine: Engine, name: str, state: Backfill, progress: Callable[[Progress], None] | None = None
    ) -> None:
        flow = engine.flows[name]
        shop = engine.workshop(flow)
        if flow.brake is not None:
            share = max(1, int(flow.brake * SHARE))
            shop = replace(shop, brake=Brake(flow.id, share, engine.store, engine.clock))
        self._engine, self._shop, self._flow, self._progress = engine, shop, flow, progress
        self._source = engine.places.source(flow)
        self._state, self._select = state, engine.selection(flow)
        self._begins = stamps.stamp(state.begins) if state.begins else ""
        self._ends = stamps.stamp(state.ends)
        self._before = engine.calls_of(flow)
        self._tally = Tally()
        self._tally.routes = Counter()
        self._total: int | None = None
        self._failures = 0
        self._finished = False
        self._problem: RemoteError | None = None

    def steps(self) -> Iterator[Wait | None]:
        """Each step takes in one page, or says that it must wait. Ends when all is read, or when told to stop."""
        while not self._finished and self._problem is None and not self._engine.stopping:
            try:
                for page in self._pages():
                    yield from self._taken(page)
                    if self._engine.stopping or self._problem is not None:
                        return
                yield from self._taken(None)  # what the brake or a fault has held back
                self._finished = self._problem is None and not self._engine.stopping
            except Stopped as stopped:
                if (wait := self._failed(stopped.problem, stopped.until)) is not None:
                    yield wait

    def report(self) -> Backfilled:
        """What it did so far."""
        counts, flow = dict(self._tally.counts), self._flow
        calls = {name: after - self._before[name] for name, after in self._engine.calls_of(flow).items()}
        return Backfilled(
            flow.name,
            self._finished,
            counts,
            self._tally.routes or {},
            self._engine.pending(flow),
            calls,
            self._problem,
        )

    # -- reading -------------------------------------------------------------------------------------------------------

    def _pages(self) -> Iterator[Page]:
        """From its own cursor, cut to its window. A later stamp than the window's end is the live flow's."""
        place = self._source
        kept = self._engine.store.backfill(self._flow.id, self._state.asked) or self._state
        since = kept.cursor or kept.begins
        try:
            for page in place.adapter.read(place.name, since, select=self._select, overlap=0.0):
                self._shop.health.works(f"connection:{place.connection}")
                self._total = self._total or page.total
                records = [record for record in page.records if self._within(record)]
                if page.records and not records and all(self._beyond(record) for record in page.records):
                    return
                yield Page(records, page.cursor, page.read_at, page.total)
        except (ConnectionFault, Misconfigured, RecordFault) as problem:
            raise stop(place, self._flow.id, self._shop.health, problem) from problem

    def _within(self, record: Record) -> bool:
        return record.stamp is None or (self._begins <= record.stamp and not self._beyond(record))

    def _beyond(self, record: Record) -> bool:
        return record.stamp is not None and record.stamp > self._ends

    # -- taking in -----------------------------------------------------------------------------------------------------

    def _taken(self, page: Page | None) -> Iterator[Wait | None]:
        """One page delivered; again what the brake or a fault held back of it, when its time has come."""
        left, push = page, page is None
        while not self._engine.stopping:
            try:
                until = self._turn(left, push=push)
            except Busy:
                yield Wait("busy")
                continue
            problem, self._tally.problem = self._tally.problem, None
            left = left if until else None
            if until or problem:
                wait = self._failed(problem, until or self._paused(problem))
                if wait is None:
                    return
                yield wait
            elif self._shop.brake.held:
                yield Wait("brake", self._shop.brake.again_at())
            else:
                self._failures = 0
                yield None
                return
            push = left is None

    def _turn(self, page: Page | None, *, push: bool) -> datetime | None:
        """Hold the flow for one page; until when a system must be left alone, if nothing was taken. Raises Busy."""
        shop, store, flow = self._shop, self._engine.store, self._flow
        with ExitStack() as held:
            with store.hold(f"turn:{flow.id}"):
                held.enter_context(store.hold(f"flow:{flow.id}"))
            shop.health.look()
            shop.brake.look()
            run = _Page(self._engine, shop, self._tally, self._tell, "backfill")
            run.backfill = self._state.asked
            if (spent := run.held_by_budget()) is not None:
                self._tally.stopped_by(spent)
                return spent.until
            for scope in (f"flow:{flow.id}", f"connection:{flow.destination[0]}"):
                if run.blocked(scope):
                    return shop.health.until(scope)
            try:
                run.take(page, self._select, push=push)
            except (ConnectionFault, Misconfigured, RecordFault) as problem:
                raise stop(self._source, flow.id, shop.health, problem) from problem
        return None

    def _tell(self, progress: Progress) -> None:
        if self._progress is not None:
            self._progress(replace(progress, total=self._total))

    def _paused(self, problem: RemoteError | None) -> datetime:
        """Until when the systems that it works with are left alone: as one of them said, or as their health says."""
        scopes = [
            f"flow:{self._flow.id}",
            *(f"connection:{end[0]}" for end in (self._flow.source, self._flow.destination)),
        ]
        untils = [*map(self._shop.health.until, scopes), getattr(problem, "until", None)]
        return max(filter(None, untils), default=self._engine.clock.now() + PAUSE)

    def _failed(self, problem: RemoteError | None, until: datetime | None) -> Wait | None:
        """Wait out a fault of a remote system, a bounded number of times without a page between."""
        self._failures += 1
        if self._failures >= TRIES and problem is not None:
            self._problem = problem
            return None
        return Wait("trouble", until, problem)


def look(
    engine: Engine, name: str, begins: datetime | None, ends: datetime, progress: Callable[[Progress], None] | None
) -> DryRun:
    """What a backfill of this window would do; sends and stores nothing."""
    flow = engine.flows[name]
    before = engine.calls_of(flow)
    looking = Looking(engine.workshop(flow), engine.selection(flow))
    result = looking.dry_run(begins, progress, until=ends)
    calls = {each: after - before[each] for each, after in engine.calls_of(flow).items()}
    return DryRun(name, *result, calls=calls, problem=looking.problem)
