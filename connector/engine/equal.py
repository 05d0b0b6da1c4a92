"""Whether a remote field holds what is wanted already, however its system writes it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connector import stamps


def number(value: Any) -> bool:
    """Whether it counts: True and False do not."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def same(live: Any, wanted: Any) -> bool:
    """A number is the same in every notation, an instant in every zone and precision; texts to the letter."""
    if live == wanted:
        return True
    if number(live) and number(wanted):
        return Decimal(str(live)) == Decimal(str(wanted))
    if isinstance(live, str) and isinstance(wanted, str) and live[10:11] == wanted[10:11] == "T":
        first = instant(live)
        return first is not None and first == instant(wanted)
    return False


def instant(text: str) -> str | None:
    """A time in the one form (`connector.stamps`), None for any other text."""
    try:
        return stamps.normal(text)
    except ValueError:
        return None
