"""Who may make calls now: each connection's budget, counted in the ledger, shared out by lanes, with a forecast.

The engine asks before a pass, a page and a chunk (`held`); what is under way is finished. Nothing is written for each call:
what the adapters counted since the last time goes into the ledger every few seconds and at the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from connector.adapter import Adapter, Clock, Gauged
from connector.budget import SOON, Bound, Lane, Limits, Spent, again_at, bounds, ends_at
from connector.engine.places import Places
from connector.engine.report import Tally
from connector.errors import RateLimited
from connector.flow import Flow
from connector.model import Usage
from connector.store import Store

_EVERY = 2.0
"""Seconds between two writes of what was counted."""
_MANY = 100
"""Calls after which it is written at once: a kill forgets no more."""
_FORECAST = 60.0
"""Seconds between two forecasts."""
_BY_HAND = "raise budget.calls_per_day, or poll less often"
_BY_SERVER = "lower budget.reserve, or find out who else calls this system"


class Budgets:
    """The budgets of all connections. Safe for threads; writes to the ledger, so it may raise LedgerError."""

    def __init__(
        self,
        *,
        store: Store,
        connections: Mapping[str, Adapter],
        limits: Mapping[str, Limits],
        clock: Clock,
        tell: Callable[..., None],
    ) -> None:
        self._store, self._connections, self._limits, self._clock, self._tell = store, connections, limits, clock, tell
        self._gauged = {name: adapter for name, adapter in connections.items() if isinstance(adapter, Gauged)}
        self._lock = threading.Lock()
        self._noted = {name: adapter.calls() for name, adapter in connections.items()}
        self._spent: Mapping[str, Spent] = {}
        self._written = self._looked = self._foretold = clock.now()
        self._known = False
        self._held: set[tuple[str, Lane]] = set()
        self._short: set[str] = set()

    # -- counting ------------------------------------------------------------------------------------------------------

    def note(self, *, now: bool = False) -> None:
        """Write down what was called since the last time, if it is worth a transaction, or `now`. Whoever is writing or looking
        already is not waited for: the rest goes next time, and dozens of flows that end a pass together would stand in a row."""
        at = self._clock.now()
        if not self._lock.acquire(blocking=False):
            return
        try:
            calls = self._unwritten()
            waited = abs((at - self._written).total_seconds())
            if not any(calls.values()) or not (now or waited >= _EVERY or sum(calls.values()) >= _MANY):
                return
            self._spent = self._store.spend(calls, self._usages(calls), at)
            self._known = True
            for name, count in calls.items():
                self._noted[name] += count
            self._written = self._looked = at
        finally:
            self._lock.release()
        self._foretell(at)

    def look(self) -> None:
        """See what other processes on this ledger have used."""
        if not self._limits:
            return
        at = self._clock.now()
        if not self._lock.acquire(blocking=not self._known):
            return
        try:
            if not self._known or abs((at - self._looked).total_seconds()) >= _EVERY:
                self._spent, self._looked, self._known = self._store.spent(at), at, True
        finally:
            self._lock.release()

    def _unwritten(self) -> dict[str, int]:
        return {name: adapter.calls() - self._noted[name] for name, adapter in self._connections.items()}

    def _usages(self, calls: Mapping[str, int]) -> dict[str, Usage]:
        """Counts that the servers told with these calls."""
        heard = {name: self._usage(name) for name, count in calls.items() if count}
        return {name: usage for name, usage in heard.items() if usage is not None}

    def _usage(self, name: str) -> Usage | None:
        adapter = self._gauged.get(name)
        return adapter.usage() if adapter else None

    def _now(self, name: str) -> Spent:
        """What was used, calls that are not written yet included."""
        known = self._spent.get(name) or Spent()
        usage = self._usage(name)
        if usage is None or (known.usage is not None and known.usage.at > usage.at):
            usage = known.usage
        more = self._connections[name].calls() - self._noted[name]
        return known.and_now(more, usage, self._clock.now())

    # -- asking --------------------------------------------------------------------------------------------------------

    def held(self, name: str, lane: Lane) -> RateLimited | None:
        """Why nothing may be called for this lane now; None: go on. Said once, and once when it goes on again."""
        limits = self._limits.get(name)
        if limits is None:
            return None
        now, spent = self._clock.now(), self._now(name)
        holding = [bound for bound in bounds(limits, spent, now) if not bound.lets(lane)]
        if not holding:
            if (name, lane) in self._held:
                self._held.discard((name, lane))
                self._tell("budget_free", connection=name, lane=lane)
            return None
        bound = max(holding, key=lambda each: again_at(each, lane, spent, now))
        problem = _problem(name, bound, lane, limits, again_at(bound, lane, spent, now))
        if (name, lane) not in self._held:
            self._held.add((name, lane))
            self._tell("budget_held", connection=name, lane=lane, reason=str(problem), remedy=problem.remedy,
                       until=_shown(problem.until))  # fmt: skip
        return problem

    # -- forecast ------------------------------------------------------------------------------------------------------

    def _foretell(self, now: datetime) -> None:
        """Say once that a budget ends soon, and once that it lasts again."""
        with self._lock:
            if abs((now - self._foretold).total_seconds()) < _FORECAST:
                return
            self._foretold = now
        for name, limits in self._limits.items():
            spent = self._now(name)
            found = [(ends_at(bound, spent, now), bound) for bound in bounds(limits, spent, now)]
            ends = [(at, bound) for at, bound in found if at is not None]
            if not ends:
                if name in self._short and found:
                    self._short.discard(name)
                    self._tell("budget_lasts", connection=name, an_hour=round(spent.an_hour(now)))
                continue
            at, bound = min(ends, key=lambda each: each[0])
            if at - now <= SOON and name not in self._short:
                self._short.add(name)
                self._tell("budget_short", connection=name, ends=_shown(at), left=bound.left, budget=bound.budget,
                           an_hour=round(spent.an_hour(now)))  # fmt: skip


class Allowance:
    """What one pass asks of the budgets: may it go on reading its source, and delivering?"""

    def __init__(self, budgets: Budgets, lane: Lane, flow: Flow, places: Places, tally: Tally) -> None:
        self._budgets, self._lane, self._tally = budgets, lane, tally
        streams = [*(line.to for line in flow.mapping.lines), *(lookup.stream for lookup in flow.mapping.lookups)]
        called = [flow.destination[0], *(places.named(flow, stream).connection for stream in streams)]
        self._of = {"source": [flow.source[0]], "delivery": list(dict.fromkeys(called))}
        budgets.look()

    def problem(self, what: Literal["source", "delivery"]) -> RateLimited | None:
        """Why a budget leaves nothing for this now, if so. What was called so far is noted."""
        self._budgets.note()
        problems = (self._budgets.held(name, self._lane) for name in self._of[what])
        return next((problem for problem in problems if problem is not None), None)

    def held(self, what: Literal["source", "delivery"]) -> bool:
        """The same as a question; the report then tells what stopped the pass."""
        problem = self.problem(what)
        if problem is not None:
            self._tally.stopped_by(problem)
        return problem is not None


def lane_of(flow: Flow) -> Lane:
    """What a flow's own passes are for."""
    return flow.lane or ("write-back" if flow.answers else "live")


def _problem(name: str, bound: Bound, lane: Lane, limits: Limits, until: datetime) -> RateLimited:
    if bound.by == "server":
        used = f"{bound.used} of {bound.allowed} calls are used, {limits.reserve:.0%} are reserved for others"
    else:
        used = f"{bound.used} calls in 24 hours, budget.calls_per_day is {bound.budget}"
    rest = "" if not bound.left else f"; the {bound.left} left are for what goes before {lane}"
    remedy = _BY_SERVER if bound.by == "server" else _BY_HAND
    return RateLimited(f"{name}: {used}{rest}", until=until, code="BUDGET", remedy=remedy)


def _shown(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
