"""A flow as the engine runs it: source stream → mapping → destination stream, on a schedule."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from connector.mapping.spec import Ending, LineSpec, Lookup, Mapped, Refusal, Wanted
from connector.model import Record


class Mapping(Protocol):
    """A compiled mapping. Pure: same record, same lines."""

    file: str
    summary: str
    version: str
    """A digest of the file's content; rows remember the one they were settled with."""
    fields: frozenset[str] | None
    """Top-level source fields that its expressions read; None: all of them."""
    paths: frozenset[str] | None
    """What of these fields, by paths with dots (`customer_info.email`); a name without: all of the field."""
    lookups: tuple[Lookup, ...]
    lines: tuple[LineSpec, ...]
    uses_origin: bool
    origin_fields: frozenset[str] | None
    """Top-level fields of the origin that its expressions read; None: all of them."""

    def lookup_keys(
        self, record: Record, *, origin: Record | None = None, entered: bool = True
    ) -> dict[str, str | list[str] | None]:
        """By lookup name: the key to fetch, the list of keys, or None when it is null. Raises MappingFault.

        With `entered=False` (as for `map`) a record that `when` leaves out looks nothing up, where `when` reads no lookup.
        """
        ...

    def map(
        self,
        record: Record,
        *,
        lookups: MappingOf[str, Any] | None = None,
        origin: Record | None = None,
        entered: bool = False,
        main_id: str | None = None,
        size: int | None = None,
    ) -> Mapped:
        """The lines that this record asks for. `lookups`: name → fields, list of fields, or None. `size`: bytes of the record as
        JSON, where that is known: what it holds is not longer.

        `entered`: the record is under care already, so `when` no longer filters (never passed in a flow that answers).
        `main_id`: the target of the main line; without it lines that use `main.id` come with `values=None`.
        Raises MappingFault with the place of the expression.
        """
        ...

    uses_this: bool
    """Whether its expressions read `origin.this`."""

    def leaves_out(self, record: Record) -> bool:
        """Whether `when` leaves a record out without regard to what it looks up or answers. Raises MappingFault."""
        ...

    def element(self, line: str, record: Record, key: str, *, lookups: MappingOf[str, Any]) -> Any:
        """The element of this line's `for` that has this key; None: there is none any more. Raises MappingFault."""
        ...

    ends: bool
    """Whether something is done about lines that are no longer asked for (`while`, `undo`, `gone`)."""
    undoes: bool
    """Whether a line puts back what was there before its first write."""

    def ending(
        self,
        line: str,
        key: str,
        record: Record,
        *,
        lookups: MappingOf[str, Any] | None = None,
        origin: Record | None = None,
        main_id: str | None = None,
    ) -> Ending | None:
        """What is to be done about a line (by id and key) that this record no longer asks for; None: it stays as it is.
        Raises MappingFault."""
        ...

    once_per: bool
    """Whether it says how often a record is evaluated that a flow by state finds."""
    once_beside: bool
    """Whether that depends on the other record (`beside`)."""

    def once(self, record: Record) -> str:
        """What a record is evaluated once for (`once_per`). Raises MappingFault."""
        ...

    told: LineSpec | None
    """What is told at the source when a line was refused for good; None: nothing."""

    def tell(
        self,
        record: Record,
        refusal: Refusal,
        *,
        lookups: MappingOf[str, Any] | None = None,
        origin: Record | None = None,
    ) -> Wanted | None:
        """The append that tells of this refusal, under a key that names it; None where the mapping leaves it out.
        Raises MappingFault."""
        ...


class Finds(Protocol):
    """How an answering flow finds what it answers, where that is not by our key."""

    @property
    def fields(self) -> frozenset[str] | None:
        """Top-level fields of the record that it reads; None: all of them."""
        ...

    def origins(self, record: Record) -> list[str]:
        """Keys of the records that this one answers. Raises MappingFault."""
        ...


@dataclass(frozen=True, slots=True)
class Flips:
    """How often a value may return to one that was sent before, within so many seconds."""

    most: int
    seconds: float

    def __str__(self) -> str:
        unit = next((unit for unit, length in _UNITS.items() if length == self.seconds), f"{self.seconds:g}s")
        return f"{self.most}/{unit}"


_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow. Durations are seconds. `answers` is the name of the flow whose records this one writes back to."""

    name: str
    id: str
    source: tuple[str, str]
    destination: tuple[str, str]
    mapping: Mapping
    every: float = 60.0
    start: datetime | None = None
    """Where a flow without a cursor begins; None: from the beginning. Resolved when the configuration is loaded."""
    overlap: float = 60.0
    concurrency: int = 8
    brake: int | None = 1000
    """New objects an hour; None: no bound."""
    flips: Flips | None = Flips(10, 3600.0)
    """How often a field may go back and forth; None: no bound."""
    lease: float = 300.0
    enabled: bool = True
    answers: str | None = None
    of_line: str | None = None
    """The line of the answered flow whose objects this one reads; None: its main line."""
    by: Finds | None = None
    """How the answered record is found, where not by our key."""
    moved_from: Sequence[str] = ()
    by_state: bool = False
    """It selects by what is so (`where`), not by what changed."""
    where: MappingOf[str, Any] = field(default_factory=dict)
    """Durations in seconds."""
    sweep_every: float = 600.0
    sweep_width: float = 1800.0
    deep_sweep_width: float = 86400.0
    lane: Literal["write-back", "live"] | None = None
    """Which share of a budget of calls its own passes use; None: write-back if it answers another flow, else live."""
    tell: bool = True
    """Whether what was refused for good is told at the source, where the mapping says how (`refused`)."""

    @property
    def idle_after(self) -> float:
        """Seconds without a poll after which the watchdog calls the flow unhealthy."""
        return max(5 * self.every, 60.0)
