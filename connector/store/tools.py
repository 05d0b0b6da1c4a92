"""What the tools of operators ask of a store: backfills, repairs, forgetting, backups. Part of `connector.store.Store`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from connector.model import Cursor, Row

Pulse = tuple[datetime | None, datetime | None]
"""When a flow's cursor moved last, and when its next pending row is due."""
Name = tuple[str, str]
"""Site and key of a record."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill that has not come to its end. `asked` names it: its window as it was typed. `begins` None: the beginning.
    `read`: records so far."""

    flow: str
    asked: str
    begins: datetime | None
    ends: datetime
    cursor: Cursor | None
    since: datetime
    read: int


@dataclass(frozen=True, slots=True)
class Mend:
    """One settled row to be sent again: `fields` of these lines (id, key → digests of field names) count as not sent, and lines
    on objects in `gone` begin anew. Nothing happens if the row has another `rev` by now."""

    row: int
    rev: int
    fields: Mapping[tuple[str, str], Collection[bytes]]
    gone: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased: rows by flow, and how many entries of the audit and texts elsewhere named the record."""

    rows: Mapping[str, int]
    entries: int
    texts: int


class Tools(Protocol):
    """Every verb is one transaction, but `backup` and `scrub`."""

    def backfill(self, flow: str, asked: str) -> Backfill | None:
        """The unfinished backfill of this name."""
        ...

    def begin_backfill(
        self, flow: str, asked: str, now: datetime, *, begins: datetime | None, ends: datetime
    ) -> Backfill:
        """Remember that it is under way; `ingest(backfill=asked)` moves its cursor."""
        ...

    def end_backfill(self, flow: str, asked: str, now: datetime, **facts: str) -> None:
        """It came to its end: forgotten, and audited with these facts."""
        ...

    def backfills(self) -> Sequence[Backfill]:
        """All that have not come to their end."""
        ...

    def pulses(self) -> Mapping[str, Pulse]:
        """By flow."""
        ...

    def created_by_minute(self, flow: str, since: datetime) -> Sequence[tuple[datetime, int]]:
        """New remote objects that settled rows made, by the end of the minute, oldest first."""
        ...

    def walk(self, flow: str, *, since: str = "", after: int = 0, limit: int = 500) -> Sequence[Row]:
        """Rows with lines whose stamp is not before `since`, or that have none, by row id from `after` on."""
        ...

    def mend(self, flow: str, mends: Sequence[Mend], now: datetime, why: str) -> int:
        """Rows that are done or filtered: back to pending, due now, attempts reset, `why` as their reason; how many."""
        ...

    def bearing(self, our_keys: Collection[str]) -> Sequence[Row]:
        """Rows whose record bears one of our keys: answers. Reads every row."""
        ...

    def borne(self, rows: Collection[int]) -> Mapping[int, str]:
        """Our key on the record of each of these rows, where it bears one."""
        ...

    def naming(self, names: Collection[str]) -> Sequence[Row]:
        """Rows that write to one of these, or whose stored record names one. Reads every stored record."""
        ...

    def forget(self, rows: Sequence[int], names: Collection[str], now: datetime, *, by: str) -> Forgotten:
        """Erase these rows with all that hangs on them, and `names` (keys and ids of at least four characters) in the texts of
        others, in the audit and in faults. A keyed digest of each record and of each of our keys stays, so that `ingest` passes
        over what is read of them again. Audited without any of the names. Busy when a worker holds one of the rows."""
        ...

    def is_forgotten(self, flow: str, names: Sequence[Name]) -> Collection[Name]:
        """Those of these records that were forgotten."""
        ...

    def is_name_forgotten(self, name: str) -> bool:
        """Whether `forget` was given this name."""
        ...

    def scrub(self) -> bool:
        """Leave no remnant of what was erased in the ledger's files: the file is written anew, and its log cut. False when
        another process reads it all the while, and remnants may be left in the log until it ends or checkpoints."""
        ...

    def backup(self, path: Path, now: datetime) -> int:
        """A copy as of one moment, for its owner's eyes only, while others write; bytes. In it, what was pending counts as sent
        perhaps: what happened after it, the copy cannot know. LedgerError when the file is there already."""
        ...
