"""The table at the end: what happened in all those courses of events."""

from __future__ import annotations

from collections import Counter

_GROUPS = (("faults", ("fault ", "refused ")), ("people and operators", ("act ",)))


def table(counts: Counter[str], *, seeds: int, seconds: float, found: int) -> str:
    """Plain text, a line a number, then the kinds of faults and acts."""
    lines = [
        ("seeds", seeds),
        ("steps of the scheduler", counts["steps"]),
        ("calls", counts["calls shop"] + counts["calls desk"]),
        ("writes that reached a system", counts["writes"]),
        ("kills", counts["crashes"]),
        ("processes stopped and continued", counts["pauses"]),
        ("acts of people", counts["acts"]),
        ("remote objects", counts["objects"]),
        ("seconds", round(seconds)),
        ("broken promises", found),
    ]
    text = "\n".join(f"{name:36} {number:>12,}" for name, number in lines)
    for title, begins in _GROUPS:
        kinds = {name: number for name, number in counts.items() if name.startswith(begins)}
        shown = ", ".join(f"{name.removeprefix(begins[0])} {number:,}" for name, number in sorted(kinds.items()))
        text += f"\n{title}: {shown}"
    return text
