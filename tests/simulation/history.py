"""What happened, in order, as text that is the same for the same seed; and the writes among it, as facts to be judged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Effect:
    """One write that took effect (or did not: `outcome`) at a remote system.

    `sent`: when the request left; `looked`: when its sender last saw the object. `before`: what the written fields held.
    """

    number: int
    at: float
    sent: float
    process: str
    stream: str
    op: str
    key: str
    target: str
    fields: Mapping[str, Any]
    outcome: str
    before: Mapping[str, Any] = field(default_factory=dict)
    claimed: str | None = None
    claimed_at: float = 0.0
    looked: float = 0.0
    guarded: bool = False


@dataclass
class History:
    """`lines` are for people; `effects` for the invariants; `counts` for the table."""

    lines: list[str] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    """What broke a promise while it happened."""

    def tell(self, at: float, who: str, what: str, **facts: Any) -> None:
        """One line: when, who, what."""
        said = " ".join(f"{name}={_short(value)}" for name, value in facts.items() if value not in (None, "", ()))
        self.lines.append(f"{at:9.2f}  {who:<9} {what}{' ' if said else ''}{said}")

    def broken(self, promise: str, why: str) -> None:
        """A promise did not hold."""
        self.found.append(f"{promise}: {why}")
        self.lines.append(f"           !!        {promise}: {why}")

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
