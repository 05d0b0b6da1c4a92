"""What a store remembers of fields that are written for a while (`undo: restore`): what stood there before our first write.

A hold is stored before that write goes out, and goes in the transaction that settles the line's end (`Settle.ended`). Lines that
hold one field of one object at the same time all know the same value: what stood there before the first of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from connector.store.nouns import LeaseToken


@dataclass(frozen=True, slots=True)
class Hold:
    """One field of one object, held by one line.

    row, line, key   who holds it
    wish             the value that it wants there
    ours             digests of the values that it may have written
    original         what stood there before; `...`: not known yet, and nothing was written
    since            since when it is held; None: now
    flow, record     of the row, for people
    busy             another delivery has the row right now, or died with it
    doubt            since when a write of it has had no answer
    deleted          its record is not at its source any more (the ledger does not know: whoever looked says so)
    given_up         its row was dropped, or is left out: it holds nothing any more, and still knows the original
    """

    row: int
    line: str
    key: str
    stream: str
    target: str
    field: str
    wish: Any
    ours: Sequence[bytes] = ()
    original: Any = ...
    since: datetime | None = None
    flow: str = ""
    record: str = ""
    busy: bool = False
    doubt: datetime | None = None
    given_up: bool = False
    deleted: bool = False

    @property
    def name(self) -> tuple[int, str, str]:
        """Row, line and key."""
        return (self.row, self.line, self.key)


class Holds(Protocol):
    """Every verb is one transaction."""

    def hold_fields(self, token: LeaseToken, holds: Collection[Hold], now: datetime) -> Sequence[Hold]:
        """Hold these fields, or hold them on with another wish; all holds on their objects, whoever has them, as they are then.
        An original that another line of the same field knows is taken from there. Rows whose lease has passed to somebody
        else hold nothing."""
        ...

    def found(self, token: LeaseToken, holds: Collection[Hold]) -> None:
        """Originals that were not known, as they were read since. What is known stays."""
        ...

    def saved_since(self, token: LeaseToken, holds: Collection[Hold]) -> None:
        """Originals that somebody has put in the place of those that are known: all lines of the same field know them now."""
        ...

    def intend(self, token: LeaseToken, lines: Collection[tuple[int, str, str, str, str | None]]) -> None:
        """Lines (row, id, key, stream, object) that will be sent: they are owed from now on, so that one whose process died is
        found and ended. What is known of a line stays; one that had ended is owed again."""
        ...

    def holds(self, rows: Iterable[int]) -> Mapping[int, Sequence[Hold]]:
        """By row id what its lines hold."""
        ...

    def holders(self, objects: Collection[tuple[str, str]], token: LeaseToken = "") -> Sequence[Hold]:
        """All holds on these objects (stream, id); with `token`, rows that it leases are not busy."""
        ...
