"""Who may be called now: connections that are down and flows that are paused, each said once and healed once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from connector.adapter import Clock
from connector.errors import AuthFailed, ConnectionFault, Misconfigured, RateLimited, RemoteError
from connector.retry import Policy, Snooze, decide
from connector.store import Store

Tell = Callable[..., None]


@dataclass(slots=True)
class _Pause:
    until: datetime
    noted: datetime
    since: datetime
    times: int
    problem: RemoteError


class Health:
    """Pauses by scope: `connection:<name>` and `flow:<id>`. Kept in the ledger too, for `status` in another process."""

    def __init__(self, *, store: Store, clock: Clock, policy: Policy, tell: Tell) -> None:
        self._store, self._clock, self._policy, self._tell = store, clock, policy, tell
        self._lock = threading.Lock()
        self._pauses: dict[str, _Pause] = {}
        self._failed: dict[str, int] = {}
        self._inherited: dict[str, tuple[datetime, datetime]] = {}
        """Since when, and when it was first seen here."""

    def look(self) -> None:
        """See what other processes left in the ledger: one that ended during an outage never said that it is over."""
        ill = {scope: since for scope, (state, since, *_) in self._store.healths().items() if state != "ok"}
        now = self._clock.now()
        with self._lock:
            seen = {scope: first for scope, (_, first) in self._inherited.items()}
            self._inherited = {
                scope: (since, seen.get(scope, now)) for scope, since in ill.items() if scope not in self._pauses
            }

    def left(self, flow: str) -> bool:
        """Whether another process paused this flow, and something that was pending when that was seen here first still is."""
        found = self._inherited.get(f"flow:{flow}")
        oldest = self._store.oldest().get(flow) if found else None
        return found is not None and oldest is not None and oldest <= found[1]

    def problem(self, scope: str) -> RemoteError | None:
        """What is wrong with this scope, if anything."""
        pause = self._pauses.get(scope)
        return pause.problem if pause else None

    def until(self, scope: str) -> datetime | None:
        """When this scope may be tried again, None if now."""
        pause, now = self._pauses.get(scope), self._clock.now()
        if (
            pause is None or pause.noted > now
        ):  # noted by a clock that was put back since: how long it lasts is not known
            return None
        return pause.until if pause.until > now else None

    def probing(self, scope: str) -> bool:
        """Its pause is over but no call has succeeded since: one call at a time."""
        return scope in self._pauses

    def broken(self, scope: str, problem: RemoteError) -> datetime:
        """Note a fault of a whole scope; returns when to try again. Said once, counted afterwards."""
        now = self._clock.now()
        with self._lock:
            before = self._pauses.get(scope)
            if before and before.noted <= now < before.until and not isinstance(problem, RateLimited):
                return before.until  # calls that were in flight when it broke do not lengthen the pause
            times = before.times if before else 0
            outcome = decide(problem, times, now, self._policy)
            assert isinstance(outcome, Snooze), "only faults of a connection or stream come here"
            since = before.since if before else now
            self._pauses[scope] = _Pause(outcome.until, now, since, times + 1, problem)
            self._inherited.pop(scope, None)
        try:  # first: who hears of it may ask other processes at once
            self._store.health(scope, _state(problem), now, str(problem), problem.remedy)
        finally:
            self._say(scope, before, problem, outcome.until)
        return outcome.until

    def _say(self, scope: str, before: _Pause | None, problem: RemoteError, until: datetime) -> None:
        if before is None or type(before.problem) is not type(problem):
            kind, _, name = scope.partition(":")
            event = "connection_down" if kind == "connection" else "flow_paused"
            self._tell(event, **{kind: name}, error=type(problem).__name__, code=problem.code, reason=str(problem),
                       remedy=problem.remedy, until=until.isoformat(timespec="seconds"))  # fmt: skip

    def works(self, scope: str) -> None:
        """A call succeeded. Cheap when nothing was wrong."""
        if self._failed.get(scope):
            self._failed[scope] = 0
        if scope not in self._pauses and scope not in self._inherited:
            return
        now = self._clock.now()
        with self._lock:
            pause, inherited = self._pauses.pop(scope, None), self._inherited.pop(scope, None)
        since = pause.since if pause else inherited[0] if inherited else None
        if since:
            kind, _, name = scope.partition(":")
            event = "connection_up" if kind == "connection" else "flow_resumed"
            self._store.health(scope, "ok", now)  # first: who hears of it may ask other processes at once
            self._tell(event, **{kind: name}, down_s=round((now - since).total_seconds(), 1))

    def failed_again(self, scope: str) -> bool:
        """Note an unclear failure (Transient for a whole call); true when it is the second in a row with no success between."""
        self._failed[scope] = self._failed.get(scope, 0) + 1
        return self._failed[scope] >= 2


def scope_of(connection: str, flow: str, problem: RemoteError) -> str:
    """Whom a fault of a whole call pauses: its connection, or the flow when an administrator must change something."""
    return f"flow:{flow}" if isinstance(problem, Misconfigured) else f"connection:{connection}"


def _state(problem: RemoteError) -> str:
    match problem:
        case AuthFailed():
            return "refused"
        case RateLimited():
            return "limited"
        case ConnectionFault():
            return "down"
        case _:
            return "paused"
