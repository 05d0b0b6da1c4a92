"""The ledger's seam: about *truth*. One row per flow and record, one line per write. `open_store(url)` opens one.

`connector.testing.StoreContract` is the suite that every store passes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from connector.budget import Spent
from connector.model import Attempt, Cursor, Page, Record, Row, RowState, Usage
from connector.secret import RecordKeys
from connector.store.holds import Hold, Holds
from connector.store.nouns import (
    Books,
    Cause,
    Dwell,
    Ended,
    Extent,
    GoOn,
    Held,
    Ingested,
    Leased,
    LeaseToken,
    LineSettle,
    Moved,
    Rekeyed,
    Settle,
    Watch,
    Watching,
)
from connector.store.sharing import Shared
from connector.store.tools import Backfill, Forgotten, Mend, Tools
from connector.store.watches import Watches

__all__ = [
    "Backfill",
    "Books",
    "Cause",
    "Dwell",
    "Ended",
    "Extent",
    "Forgotten",
    "GoOn",
    "Held",
    "Hold",
    "Ingested",
    "LeaseToken",
    "Leased",
    "LineSettle",
    "Mend",
    "Moved",
    "Rekeyed",
    "Settle",
    "Store",
    "Watch",
    "Watching",
    "open_store",
]


class Store(Tools, Watches, Shared, Holds, Protocol):
    """About ten verbs, and those of `Tools`, `Watches`, `Shared` and `Holds`. Every verb is one transaction; each may raise
    LedgerError.

    Flows are named by their id. Times are aware UTC and come from the caller: the store has no clock.
    """

    digest_key: bytes
    """Random per ledger, made once; field digests are keyed with it."""

    def hold(self, what: str) -> AbstractContextManager[None]:
        """Hold `runner` or `flow:<id>` across processes until the block ends or the process dies; raises Busy.

        `backfill:<id>`: one backfill of a flow at a time. `turn:<id>`: who waits for a flow holds its turn, so that a backfill,
        which takes it page by page, lets them in."""
        ...

    def cursor(self, flow: str) -> Cursor | None: ...

    def swept(self, flow: str, *, wide: bool = False) -> Cursor | None:
        """The cursor as it stood when the last whole sweep began (`wide`: the nightly one); before any sweep, the first
        cursor that was saved."""
        ...

    def sweep_done(self, flow: str, cursor: Cursor, *, wide: bool = False) -> None:
        """A sweep that began when the cursor stood there has read everything, and what it found is stored."""
        ...

    def ingest(
        self,
        flow: str,
        page: Page,
        now: datetime,
        *,
        lease: float | None = None,
        fields: frozenset[str] | None = None,
        move: bool = True,
        flying: Collection[LeaseToken] = (),
        backfill: str | None = None,
        number: str | Sequence[str] | None = None,
    ) -> Ingested:
        """Store what really changed, raise its rev, and move the cursor, in one transaction; with `backfill` that of the
        backfill of this name, and the flow's stays. What was forgotten is counted as repeated.

        Equal stamp with other content is a new version, a lower stamp is refused (repeated), equal stamp and content is
        repeated. `number` is the field by which people name a record, or
        several: `rows` finds it by that. With `lease` (seconds) changed
        rows come back leased, unless another lease on them is alive. `flying`: leases of the caller's own under which something
        is being delivered: alive whatever the clock says.
        """
        ...

    def lease(
        self, flow: str, now: datetime, *, seconds: float, limit: int, flying: Collection[LeaseToken] = ()
    ) -> tuple[LeaseToken, list[Leased]]:
        """Up to `limit` pending rows that are due, oldest due first, committed as held. A lease that had run out, or whose
        holder is dead, and that was never settled makes the row uncertain from then. `flying`: as in `ingest`."""
        ...

    def put_back(self, flow: str, now: datetime) -> float:
        """Set right what a clock that ran ahead has left, if the flow's last read lies more than a minute after `now`: nothing
        is due later than now, or in doubt since later. The seconds that it lay ahead; 0.0 otherwise."""
        ...

    def settle(self, flow: str, token: LeaseToken, settles: Sequence[Settle], now: datetime, *, mapping: str) -> Moved:
        """Write outcomes for rows whose lease token and rev still match; lines' truth is written when the token matches
        even though the rev has moved on (the row then stays pending and due)."""
        ...

    def row(self, flow: str, site: str, key: str) -> Row | None:
        """One row with its lines."""
        ...

    def rows(
        self,
        *,
        flow: str | None = None,
        state: RowState | None = None,
        key: str | None = None,
        key_prefix: str | None = None,
        target: str | None = None,
        our_key: str | None = None,
        number: str | None = None,
        cause: Cause | None = None,
        limit: int = 1000,
    ) -> Iterator[Row]:
        """Rows with lines, newest first; `key` matches a record key, `key_prefix` its beginning, `target` a line's remote id,
        `our_key` what a record that was read bears of ours, `number` what people call it; `cause`: those of it, the longest
        waiting if there are more than `limit`."""
        ...

    def records(self, rows: Iterable[int]) -> Mapping[int, tuple[Record, frozenset[str] | None]]:
        """Stored records by row id, with the selection they were read under; those pruned are left out."""
        ...

    def attempts(self, rows: Iterable[int]) -> Mapping[int, Sequence[Attempt]]:
        """By row id the last tries that failed, at most a few, the oldest first."""
        ...

    def known(self, flow: str, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str | None]:
        """Stamps by (site, key), for the sweep: what is not there was never seen."""
        ...

    def stays(self, stream: str, keys: Sequence[str]) -> Mapping[str, Held]:
        """By key who had these records of a stream (`connection.stream`). Left out: they were never looked at."""
        ...

    def note_stays(self, stream: str, seen: Mapping[str, Held], *, flow: str | None = None) -> None:
        """Remember these instead of what is known of the same records; `flow` has those in view that are `watched`. Of names that
        were forgotten nothing is remembered."""
        ...

    def in_view(self, flow: str) -> Sequence[str]:
        """Keys of records that this flow has in view, or looks after since it `left` them, and whose last stay has not ended."""
        ...

    def meet(
        self, flow: str, found: Mapping[tuple[str, str], str], at: str, *, whole: bool
    ) -> Mapping[tuple[str, str], str]:
        """Since when these pairs of records stand beside one another, as a flow by state found them: what was given with them
        (the later claim), or `at` if they did so before under the same claims and it had ended. Pairs that are known and not
        among them have ended at `at`, if this is the `whole`."""
        ...

    def dwell(self, begin: datetime, end: datetime, now: datetime, *, queue: str | None = None) -> Sequence[Dwell]:
        """Stays in queues that began in this window, its end excluded: one for each day and queue, in that order."""
        ...

    def replay(
        self,
        now: datetime,
        *,
        flow: str | None = None,
        key: str | None = None,
        reason: str | None = None,
        field: str | None = None,
        dropped: bool = False,
        recreate: bool = False,
    ) -> int:
        """Parked (or dropped) → pending, attempts reset, what the loop breaker remembers forgotten; how many. `field` "" means
        a reason without one.

        `recreate`: only rows one of whose lines is `gone`; lines on that object begin anew, as if nothing had been sent, and
        keep its id in `Line.forgotten`. Lines on other objects stay as they are.
        """
        ...

    def drop(
        self,
        now: datetime,
        *,
        why: str,
        by: str,
        flow: str | None = None,
        key: str | None = None,
        reason: str | None = None,
        field: str | None = None,
    ) -> int:
        """Parked → dropped for a reason, audited in the same transaction; how many. New versions of a dropped row are
        taken in and not delivered; its reason stays."""
        ...

    def stale(
        self,
        flow: str,
        mapping: str,
        *,
        filtered: bool = False,
        key: str | None = None,
        after: int = 0,
        limit: int = 500,
    ) -> Sequence[Row]:
        """Rows with lines that were settled as done or filtered (`filtered`: only these) under another mapping version than
        this, by row id from `after` on."""
        ...

    def remap(self, flow: str, rows: Sequence[int], mapping: str, now: datetime) -> int:
        """Those of these rows that are still done or filtered under another version: back to pending, due now, attempts
        reset; how many. Lines and doubt stay."""
        ...

    def counts(self) -> Sequence[Books]: ...

    def causes(
        self, state: Literal["parked", "dropped", "pending"], *, flow: str | None = None, limit: int | None = None
    ) -> Sequence[Cause]:
        """What rows are parked, dropped or pending for, the most frequent first. Never reads every row."""
        ...

    def doubted(self) -> Mapping[str, tuple[int, datetime]]:
        """By flow how many rows may have been written without an answer having been read, and since when the first: pending
        or parked ones with an uncertain line, and pending ones whose delivery was cut off."""
        ...

    def doubts(self, *, flow: str | None = None, limit: int = 100) -> Sequence[Row]:
        """These rows with their lines, the longest in doubt first."""
        ...

    def oldest(self) -> Mapping[str, datetime]:
        """By flow, since when its longest waiting row has been pending; flows without a pending row are left out. A newer
        version that replaces a pending one waits as long as that; what was put back by hand waits from then."""
        ...

    def tries(self, flow: str) -> Mapping[int, tuple[int, datetime | None]]:
        """Pending rows of a flow by row id: attempts so far, and until when somebody holds it (None: nobody does). Without
        records and lines, so that it may be asked at any backlog."""
        ...

    def size(self) -> int:
        """Bytes that the ledger takes on its disk."""
        ...

    def created(self, flow: str, since: datetime) -> int:
        """New remote objects that settled rows of this flow made since (the brake)."""
        ...

    def reads(self, flow: str, stream: str) -> str | None:
        """Remember that a flow reads this stream. Returns the one that it read before, if it has read some of that: what the
        ledger knows of the flow is about the other one then, and nothing is changed."""
        ...

    def rename(self, old: str, new: str, now: datetime) -> int:
        """Give a flow's rows, cursor and counters to another id; how many rows. LedgerError when the new id owns rows
        already, or when a delivery of the old one was cut off, or a write of a pending or parked row got no answer: what it
        may have made bears the old key, and only the old id would find it."""
        ...

    def audit(self, what: str, now: datetime, **facts: str) -> None:
        """Remember who did what by hand."""
        ...

    def health(self, scope: str, state: str, now: datetime, message: str = "", remedy: str = "") -> None:
        """Remember how a connection or flow is (`ok`, `down`, `paused`, …), for `status` in another process."""
        ...

    def healths(self) -> Mapping[str, tuple[str, datetime, str, str]]:
        """scope → state, since, message, remedy."""
        ...

    def spend(self, calls: Mapping[str, int], usages: Mapping[str, Usage], now: datetime) -> Mapping[str, Spent]:
        """Add calls, by connection, to those of the last 24 hours, and keep a server's newer count; `spent` after it."""
        ...

    def spent(self, now: datetime) -> Mapping[str, Spent]:
        """By connection, the calls of the last 24 hours, whichever process made them, and the server's last count."""
        ...

    def prune(self, now: datetime, *, delivered: float, parked: float, audit: float, go_on: GoOn | None = None) -> int:
        """Remove stored records and audit entries older than these seconds; rows, lines and links stay. In small
        transactions, so that deliveries go on beside it."""
        ...

    def rekey(self, now: datetime, *, go_on: GoOn | None = None) -> Rekeyed:
        """Bring stored records under the configured key, or under none if there is none, in small transactions. Where it was
        cut off, the next call goes on. LedgerError when a record's key is not configured."""
        ...

    def compact(self) -> bool:
        """Write the whole ledger anew, so that nothing of what was removed or encrypted is left in unused space, which is given
        back to the disk. Nobody else can write meanwhile. False when somebody who reads kept the old one from going."""
        ...

    def extent(self) -> Extent: ...

    def close(self) -> None: ...


def open_store(url: str, *, base: Path | None = None, keys: RecordKeys | None = None) -> Store:
    """The ledger at `sqlite:///relative.db` (to `base`) or `sqlite:////absolute.db`; `keys` for its stored records.
    LedgerError says what is wrong."""
    from connector.store.sqlite import SqliteStore  # one vendor library, one module

    prefix = "sqlite:///"
    if not url.startswith(prefix) or url == prefix:
        from connector.errors import LedgerError

        raise LedgerError(f"unknown store {url!r}: write sqlite:///ledger.db or sqlite:////var/lib/connector/ledger.db")
    return SqliteStore((base or Path()) / url.removeprefix(prefix), keys)
