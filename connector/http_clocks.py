"""The clock of a remote system beside ours, as its answers tell it."""

from __future__ import annotations

from collections.abc import Iterator

from connector.model import Problem

APART = 60.0
"""Seconds that clocks may differ: a flow reads back by 60 s at least (its overlap), so that much is never missed."""


def clock_problems(whose: str, seconds: float | None) -> Iterator[Problem]:
    """What `check` says of clocks that are apart: where a flow begins is told by ours, where its cursor stands by theirs.
    `seconds`: `Response.ahead` of an answer."""
    if seconds is None or abs(seconds) <= APART:
        return
    side = "behind" if seconds > 0 else "ahead of"
    yield Problem(
        f"the clock of this machine is {abs(seconds):,.0f} s {side} {whose}",
        "let this machine keep its time by NTP",
    )
