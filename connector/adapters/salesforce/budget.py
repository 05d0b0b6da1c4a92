"""How many calls are left, by the server's own count, and when to stop of our own accord.

Every reply carries `Sforce-Limit-Info: api-usage=10018/100000`, sometimes followed by `per-app-api-usage=17/250(appName=x)`:
calls of the whole org, and of our app, in the last 24 hours (REST API Developer Guide, "Limit Info Header").
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.adapter import Clock
from connector.adapters.salesforce.settings import Budget
from connector.errors import RateLimited

_USAGE = re.compile(r"(?:^|[;\s])api-usage=(\d+)/(\d+)")
_APP_USAGE = re.compile(r"per-app-api-usage=(\d+)/(\d+)")
PAUSE = timedelta(minutes=15)
"""How long a spent budget is believed; then one call is let through and asks anew."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls used and allowed in 24 hours as the server counted them at `at`; `app` are those of our own app, if told."""

    used: int
    allowed: int
    app: int | None
    at: datetime


def parse_usage(header: str, at: datetime) -> Usage | None:
    """The counts in a Sforce-Limit-Info header; None when it holds none."""
    org, app = _USAGE.search(header), _APP_USAGE.search(header)
    if org is None:
        return None
    return Usage(int(org[1]), int(org[2]), int(app[1]) if app else None, at)


class Gauge:
    """Hears every reply, and refuses further reads and creates once the budget is spent. Safe for threads."""

    def __init__(self, name: str, budget: Budget | None, clock: Clock) -> None:
        self._name, self._budget, self._clock = name, budget, clock
        self._lock = threading.Lock()
        self._hours: dict[int, int] = {}
        self.usage: Usage | None = None

    def hear(self, status: int, headers: Mapping[str, str]) -> None:
        """Note one reply, whatever its status."""
        now = self._clock.now()
        hour = int(now.timestamp()) // 3600
        with self._lock:
            if hour not in self._hours:
                self._hours = {old: calls for old, calls in self._hours.items() if old > hour - 24}
            self._hours[hour] = self._hours.get(hour, 0) + 1
        if header := headers.get("Sforce-Limit-Info"):
            self.usage = parse_usage(header, now) or self.usage

    @property
    def own(self) -> int:
        """Our calls of the last 24 hours: the server's count of our app where it tells, never less than we know of."""
        first = int(self._clock.now().timestamp()) // 3600 - 24
        with self._lock:
            counted = sum(calls for hour, calls in self._hours.items() if hour > first)
        return max(counted, self.usage.app or 0) if self.usage else counted

    def check(self) -> None:
        """Raise RateLimited when the budget is spent. Call it before reads and creates, not before updates by id."""
        budget, usage = self._budget, self.usage
        if budget is None or usage is None:
            return
        until = usage.at + PAUSE
        if self._clock.now() >= until:  # the count is old: let a call through, its reply tells the new one
            return
        own = self.own
        if budget.calls_per_day is not None and own >= budget.calls_per_day:
            raise RateLimited(
                f"{self._name}: {own} calls in 24 hours, budget.calls_per_day is {budget.calls_per_day}",
                until=until,
                code="BUDGET",
                remedy="raise budget.calls_per_day, or poll less often",
            )
        if usage.used >= usage.allowed * (1 - budget.reserve):
            raise RateLimited(
                f"{self._name}: the org used {usage.used} of {usage.allowed} calls; "
                f"{budget.reserve:.0%} are reserved for others",
                until=until,
                code="BUDGET",
                remedy="lower budget.reserve, or find out who else calls the org (Setup, API Usage)",
            )

    @property
    def left(self) -> str:
        """For people: how many calls the org has left."""
        usage = self.usage
        return f"{usage.allowed - usage.used} of {usage.allowed}" if usage else "unknown"
