"""The known name that somebody most likely meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The most alike of the known names, upper and lower case being the same; None when none is alike (`cutoff`: 0 to 1)."""
    folded = {name.lower(): name for name in sorted(set(known), reverse=True)}
    near = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=cutoff)
    return folded[near[0]] if near else None


def meant(word: str, known: Iterable[str]) -> str:
    """How a remedy begins: the name that is meant, and a blank; "" when none is near."""
    near = nearest(word, known)
    return f"did you mean {near}? " if near else ""
