"""One course of events as data: what people do and when, which faults fall where, how the world is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

READ_FAULTS = ("down", "limited", "auth", "unclear", "misconfigured", "again", "in page twice")
WRITE_FAULTS = ("lost", "late", "late", "never", "doubled", "down", "limited", "auth", "locked", "part unclear", "slow")
OPERATOR_ACTS = ("retry", "recreate", "drop")
MEANWHILE = "meanwhile "
SETTLE_AFTER = {"shop": 120.0, "desk": 600.0}


@dataclass(frozen=True, slots=True)
class Act:
    """A person (or the shop, or an operator) does something at a time; `who` and `x` choose to whom and how."""

    at: float
    what: str
    who: int
    x: float


@dataclass(frozen=True, slots=True)
class Fault:
    """The first time that a place is reached `after` a time. `x` (0..1) says how much of it; where
    somebody acts meanwhile, a whole number says who.

    A place is `desk.Case.update`, or any write to a system (`desk write`), or any at all (`write`); for kills and pauses with
    `before` or `after` behind it.
    """

    place: str
    after: float
    kind: str
    x: float


@dataclass(frozen=True, slots=True)
class Outage:
    """A whole system, from when to when."""

    system: str
    begins: float
    ends: float
    kind: str


@dataclass(frozen=True)
class Plan:
    """One course of events."""

    seed: int
    length: float
    flows: tuple[str, ...]
    settings: Mapping[str, Any]
    acts: Sequence[Act] = ()
    faults: Sequence[Fault] = ()
    outages: Sequence[Outage] = ()
    calm_scheduler: bool = False

    def without(self, **parts: Sequence[Any]) -> Plan:
        return replace(self, **parts)  # type: ignore[arg-type]


@dataclass
class Choice:
    """Draws from a seed."""

    rng: Random
    taken: list[str] = field(default_factory=list)

    def some(self, of: Sequence[str], share: float) -> list[str]:
        """Each with this chance, in order; at least one."""
        return [one for one in of if self.rng.random() < share] or [self.rng.choice(of)]


def one_of(choices: Any, x: float) -> Any:
    """The choice that a number between 0 and 1 stands for."""
    return choices[min(int(x * len(choices)), len(choices) - 1)]
