"""Calls of the last 24 hours by connection, for people: what the budget leaves, until when it lasts, what it holds back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

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


def calls_of(config: Config, spent: Mapping[str, Spent], now: datetime) -> dict[str, dict[str, Any]]:
    """For machines: by connection, the calls of 24 hours, what its budget leaves, and the lanes that it holds back."""
    from connector.budget import KEEPS, Spent, bounds, ends_at, tightest

    found: dict[str, dict[str, Any]] = {}
    for name, connection in config.connections.items():
        one = spent.get(name, Spent())
        held = list(bounds(connection.limits, one, now))
        bound = tightest(held)
        found[name] = {
            "calls": one.own(now),
            "an_hour": round(one.an_hour(now)),
            "limited": connection.limits is not None,
            "left": bound.left if bound else None,
            "budget": bound.budget if bound else None,
            "lasts_until": min((at for at in (ends_at(each, one, now) for each in held) if at), default=None),
            "held_back": [lane for lane in KEEPS if not all(each.lets(lane) for each in held)],
        }
    return found


def calls_table(config: Config, spent: Mapping[str, Spent], now: datetime) -> Iterator[str]:
    """One line a connection."""
    rows = []
    for name, one in calls_of(config, spent, now).items():
        known = one["left"] is not None
        left = f"{one['left']:,} of {one['budget']:,}" if known else "not known" if one["limited"] else "no budget"
        until = "" if not known else text(one["lasts_until"]) if one["lasts_until"] else "longer than a day"
        rows.append((name, one["calls"], one["an_hour"], left, until, ", ".join(one["held_back"])))
    return table(["connection", "calls in 24 h", "an hour now", "left", "lasts until", "held back"], rows)
