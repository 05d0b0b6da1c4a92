"""What a reconciliation found: kinds of differences, and whether two values are the same in spite of how they are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from connector.engine.equal import instant, same
from connector.errors import RemoteError
from connector.store import Mend

Kind = Literal["missing", "unlinked", "behind", "gone", "elsewhere", "differs", "orphan", "twice"]
"""
missing    neither a row nor an object: it was never read
unlinked   its object stands, and no row knows it
behind     the source shows a later version than was ever read
gone       its row is done, and what it made is not there any more
elsewhere  its row knows another object than the one that bears its key
differs    fields that the flow always writes hold something else than was sent
orphan     an object bears our key, and the source has no such record
twice      several objects bear one key
"""
READ: tuple[Kind, ...] = ("missing", "unlinked", "behind")
"""Repaired by taking the record in."""
SENT: tuple[Kind, ...] = ("gone", "elsewhere", "differs")
"""Repaired by putting the row back."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One record that is not the same on both sides. `told`: fields or ids, never a value."""

    kind: Kind
    site: str
    key: str
    told: str = ""
    repair: bool = True
    mend: Mend | None = None


@dataclass(slots=True)
class Reconciled:
    """What was compared, and what differs. `left`: records that were not judged, by why."""

    flow: str
    records: int = 0
    rows: int = 0
    objects: int = 0
    same: int = 0
    differences: list[Difference] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    calls: Mapping[str, int] = field(default_factory=dict)
    problem: RemoteError | None = None

    @property
    def repairs(self) -> Sequence[Difference]:
        return [each for each in self.differences if each.repair]

    @property
    def compared(self) -> int:
        return self.same + len(self.differences)


def alike(live: Any, wanted: Any) -> bool:
    """Whether a remote field shows what was sent: systems trim texts, write times their own way, and keep no empty text."""
    if same(live, wanted) or (live in (None, "") and wanted in (None, "")):
        return True
    if not isinstance(live, str) or not isinstance(wanted, str):
        return False
    times = instant(live), instant(wanted)
    if times[0] and times[1]:
        shorter = 10 if 10 in (len(live), len(wanted)) else 19  # a day, or whole seconds: what systems keep of a time
        return times[0][:shorter] == times[1][:shorter]
    return _plain(live) == _plain(wanted)


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").strip().split("\n"))
