"""The nouns of a ledger: what is leased, what was taken in, what became of it, and what people are told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connector.model import Cursor, Line, Record, Stay

LeaseToken = str
GoOn = Callable[[], bool]
"""Asked between two transactions of upkeep, with nothing held: it may wait, and says whether to go on."""


@dataclass(slots=True)
class Leased:
    """A row held by us until `until`, with what mapping it needs. `record` is None when it is no longer stored."""

    row: int
    rev: int
    site: str
    key: str
    record: Record | None
    fields: frozenset[str] | None
    """The selection under which `record` was read; None: everything."""
    attempts: int
    entered: bool
    uncertain: datetime | None
    first_seen: datetime
    last_seen: datetime
    """When this version came."""
    lines: dict[tuple[str, str], Line] = field(default_factory=dict)
    was: Literal["", "done", "filtered"] = ""
    """What it was settled as, if `remap` put it back since."""
    overtaken: bool = False
    """Whether a delivery that was cut off had an older version than this one, which came while it was under way or after it."""
    size: int | None = None
    """Bytes of `record` in the ledger; None: not known."""


@dataclass(slots=True)
class Ingested:
    """What a page did to the ledger. `leased` are the changed rows if a lease was asked for."""

    read: int
    repeated: int
    changed: int
    token: LeaseToken | None
    leased: list[Leased]


@dataclass(slots=True)
class LineSettle:
    """A line's new truth, whole: `digests` are all that the line keeps (the caller merged the old ones)."""

    id: str
    key: str
    stream: str
    state: Literal["owed", "sent", "rejected", "ended"]
    target: str | None = None
    digests: Mapping[bytes, bytes] | None = None
    uncertain: datetime | None = None
    reason: str = ""
    field: str = ""
    remedy: str = ""
    gone: bool = False
    """A person deleted the object of ours that it writes to."""
    code: str = ""
    """The system's own, of the fault that `reason` tells."""
    failed: str = ""
    """The class of the fault, where it was tried and failed: remembered as an attempt."""
    history: bytes = b""
    """What the loop breaker remembers, whole."""
    fight: Mapping[str, tuple[Any, Any]] | None = None
    """What was sent of a field that goes back and forth, and what is not sent any more; `...` leaves what is known of either,
    None is null."""
    answered: bool = False
    """It was sent in this delivery although it is owed once more."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A looked-up record that a row watches: its stream (`shop.orders`), its key, and its stamp as it was mapped last (None: it
    was not there, or its system shows none)."""

    stream: str
    key: str
    stamp: str | None = None


@dataclass(frozen=True, slots=True)
class Watching:
    """Where a flow stands with a stream that its rows watch. Without a `cursor` it reads from `since`."""

    stream: str
    since: datetime
    cursor: Cursor | None = None
    swept: Cursor | None = None
    swept_wide: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A line that has come to its end: it holds nothing any more. `deleted`: the id of its object that we deleted."""

    id: str
    key: str
    deleted: str | None = None


@dataclass(slots=True)
class Settle:
    """A leased row's outcome. `state` pending: again at `due`. `created`: new remote objects made (the brake counts them).

    `attempts`: the new count. `uncertain` stays on the row while the outcome of a whole lease is unknown.
    """

    row: int
    rev: int
    state: Literal["pending", "done", "filtered", "parked", "foreign"]
    due: datetime | None = None
    attempts: int = 0
    route: str = ""
    entered: bool = False
    reason: str = ""
    field: str = ""
    remedy: str = ""
    uncertain: datetime | None = None
    lines: Sequence[LineSettle] = ()
    created: int = 0
    keep_record: bool = True
    watched: Sequence[Watch] | None = None
    """The records that it looked up and watches, all of them; None: as before."""
    whole: bool = False
    """Parked for the record as a whole, whatever became of its lines: remembered as an attempt."""
    ended: Sequence[Ended] = ()
    """Lines that have come to their end in this delivery."""


@dataclass(slots=True)
class Moved:
    """What a settle did: rows settled, and rows whose lease or rev had passed to somebody else (nothing of the row's
    state was written for these; what was sent is recorded on their lines if the lease was still ours)."""

    settled: int
    lost: int


@dataclass(frozen=True, slots=True)
class Books:
    """A flow's counters. Both equations hold in every committed state:

    rows = done + filtered + foreign + parked + pending + dropped
    read = repeated + superseded + settled + open
    """

    flow: str
    rows: int
    done: int
    filtered: int
    foreign: int
    parked: int
    pending: int
    dropped: int
    read: int
    repeated: int
    superseded: int
    settled: int
    open: int

    @property
    def balanced(self) -> bool:
        return (
            self.rows == self.done + self.filtered + self.foreign + self.parked + self.pending + self.dropped
            and self.read == self.repeated + self.superseded + self.settled + self.open
        )


@dataclass(frozen=True, slots=True)
class Cause:
    """Rows of one flow that wait for the same thing; `remedy` and `keys` (at most three) are those of the longest waiting.
    `oldest`: since when that one has been pending; of parked ones, when its version came; `newest`: the same of the latest."""

    state: Literal["parked", "dropped", "pending"]
    flow: str
    reason: str
    field: str
    remedy: str
    rows: int
    keys: Sequence[str]
    oldest: datetime
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Who had a record, the oldest first, and the stamp of it at which that was last looked at. `watched`: a flow by state has
    it in view, and will look where it went (None, to note: as it was). `left`: it has it in view no more, and goes on looking
    where it goes until another flow has it in view."""

    seen: str | None
    stays: Sequence[Stay]
    watched: bool | None = False
    left: bool = False


@dataclass(frozen=True, slots=True)
class Dwell:
    """Stays that began in one queue on one day (UTC). Times are seconds; who waits still has waited until now.

    `returned`: how many of them were given back by a person. `claimed`, `moved` (to another queue), `closed` (while it waited)
    and `waiting` are how they ended, and add up to `stays`. Percentiles are waits that occurred (nearest rank).
    """

    day: str
    queue: str
    stays: int
    claimed: int
    moved: int
    closed: int
    waiting: int
    returned: int
    p50: float
    p90: float
    p95: float
    max: float


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a ledger is, in bytes: the whole, the part of it that is free for what comes, the log of what was written last.

    `rekeying`: stored records may still be under another key than the configured one, or under none. `remnants`: of some that
    were encrypted afterwards, copies may be left in unused space. `readable`: other users than its owner may read its files.
    """

    total: int
    free: int
    log: int
    rows: int
    records: int
    encrypted: bool = False
    rekeying: bool = False
    remnants: bool = False
    readable: bool = False


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """Stored records that came under the configured key, those forgotten because no key opens them, and how many keys are
    no longer needed since. `left`: it is not finished."""

    records: int = 0
    forgotten: int = 0
    retired: int = 0
    left: bool = False
