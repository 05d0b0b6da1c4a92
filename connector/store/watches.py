"""What a store remembers of records that others look up and watch (`watch: true` of a lookup): which row looked at which version.

Links are written by `Store.settle` (`Settle.watched`), so that they stand with what was mapped from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from connector.model import Cursor, Record
from connector.store.nouns import Watch, Watching


class Watches(Protocol):
    """Every verb is one transaction."""

    def watching(self, flow: str) -> Sequence[Watching]:
        """The streams that rows of this flow watch, or have watched."""
        ...

    def wake(self, flow: str, stream: str, records: Sequence[Record], now: datetime, *, cursor: Cursor | None) -> int:
        """Rows that are done, filtered or parked and that looked up an older version of one of these records: pending, due now,
        attempts reset, their own version unchanged; how many. The cursor of the watched stream moves with it."""
        ...

    def watch_swept(self, flow: str, stream: str, cursor: Cursor, *, wide: bool = False) -> None:
        """A sweep of the watched stream that began when the cursor stood there has read everything."""
        ...

    def watches(self, rows: Iterable[int]) -> Mapping[int, Sequence[Watch]]:
        """By row id what it watches."""
        ...
