"""Time that passes only when a test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FrozenClock:
    """Satisfies connector.adapter.Clock."""

    def __init__(self, at: datetime = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)) -> None:
        self._now = at

    def now(self) -> datetime:
        return self._now

    def forward(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> datetime:
        """Let time pass; returns the new now."""
        self._now += timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
        return self._now
