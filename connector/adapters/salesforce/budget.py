"""How many calls the org has left, by its own count.

Every reply carries `Sforce-Limit-Info: api-usage=10018/100000`, sometimes followed by `per-app-api-usage=17/250(appName=x)`:
calls of the whole org, and of our app, in the last 24 hours (REST API Developer Guide, "Limit Info Header").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from connector.adapter import Clock
from connector.model import Usage

_USAGE = re.compile(r"(?:^|[;\s])api-usage=(\d+)/(\d+)")
_APP_USAGE = re.compile(r"per-app-api-usage=(\d+)/(\d+)")


def parse_usage(header: str, at: datetime) -> Usage | None:
    """The counts in a Sforce-Limit-Info header; None when it holds none."""
    org, app = _USAGE.search(header), _APP_USAGE.search(header)
    if org is None:
        return None
    return Usage(int(org[1]), int(org[2]), int(app[1]) if app else None, at)


class Gauge:
    """Hears every reply. Safe for threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.usage: Usage | None = None

    def hear(self, status: int, headers: Mapping[str, str]) -> None:
        """Note one reply, whatever its status."""
        if header := headers.get("Sforce-Limit-Info"):
            self.usage = parse_usage(header, self._clock.now()) or self.usage

    @property
    def left(self) -> str:
        """For people: how many calls the org has left."""
        usage = self.usage
        return f"{usage.allowed - usage.used:,} of {usage.allowed:,}" if usage else "unknown"
