"""Calls of the last 24 hours by connection, for people: what the budget leaves, until when it lasts, what it holds back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from connector.cli.table import table, text

if TYPE_CHECKING:
    from connector.adapter import Adapter
    from connector.budget import Limits, Spent
    from connector.config import Config
    from connector.model import Problem


def budget_problems(limits: Limits | None, adapter: Adapter, now: datetime) -> list[Problem]:
    """What `check --live` says of a budget that the server's own count shows as spent."""
    from connector.adapter import Gauged
    from connector.budget import Spent, bounds
    from connector.model import Problem

    spent = Spent(usage=adapter.usage() if isinstance(adapter, Gauged) else None)
    return [
        Problem(
            f"{bound.used} of {bound.allowed} calls of the last 24 hours are used, so nothing is left for us",
            "lower budget.reserve, or find out who else calls this system",
            setting="budget",
        )
        for bound in bounds(limits, spent, now)
        if bound.by == "server" and not bound.left
    ]


def calls_table(config: Config, spent: Mapping[str, Spent], now: datetime) -> Iterator[str]:
    """One line a connection."""
    from connector.budget import KEEPS, Spent, bounds, ends_at, tightest

    rows = []
    for name, connection in config.connections.items():
        one = spent.get(name, Spent())
        held = list(bounds(connection.limits, one, now))
        bound = tightest(held)
        ends = min((at for at in (ends_at(each, one, now) for each in held) if at), default=None)
        waits = [lane for lane in KEEPS if not all(each.lets(lane) for each in held)]
        left = f"{bound.left:,} of {bound.budget:,}" if bound else "not known" if connection.limits else "no budget"
        until = "" if bound is None else text(ends) if ends else "longer than a day"
        rows.append((name, one.own(now), round(one.an_hour(now)), left, until, ", ".join(waits)))
    return table(["connection", "calls in 24 h", "an hour now", "left", "lasts until", "held back"], rows)
