"""The nouns that pass between the seams. Frozen, standard library only, nothing of ours imported but errors.

Record, Write and Result are made for every record: their fields are `Final` instead, which a type checker holds, and which costs
nothing when one is made (a frozen dataclass sets its fields one by one through `object`: 4 % of a record's instructions).

Stamps are strings in one form, `2026-11-20T10:02:00.000Z` (`connector.stamps` makes them), so that they compare as text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from connector.errors import RecordFault

Cursor = str
"""Where a flow's next read begins. Opaque outside its adapter; it holds time *and* id."""

Op = Literal["create", "update", "append", "delete"]


@dataclass(frozen=True, slots=True)
class Ref:
    """A remote object by name (a queue, a user, a choice label). The adapter resolves it at write; digests use the name."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class File:
    """A file that the adapter brings when it writes: `source` is an https URL, a `data:` URL or base64. Of `types` (media types)
    and of `largest` bytes at most. Its content is never stored; digests and comparisons use the source.
    """

    source: str
    types: tuple[str, ...]
    largest: int

    def __repr__(self) -> str:
        """Without what gives access: a signed URL is as good as a password."""
        remote = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\\]*)", self.source)
        if remote is None:
            return f"a file of {len(self.source):,} characters in the record"
        return f"a file at {remote[1]}://{remote[2].rpartition('@')[2][:300]}"


@dataclass(slots=True)
class Record:
    """One record as a stream showed it.

    `key` names it within its stream and site (order number, Case Id). `fields` is the decoded document, untouched.
    `stamp` is its modification time in the one form, or None where the system shows none.
    `our_key` is our key if the remote object bears one. `claimed_by` says which person has taken it, if any.
    `own` is true when we wrote it ourselves (an appended comment): it is never mapped. `deleted` when a person removed it.
    `guard` is what a fetch of a stream with conditional writes gives: the condition "as it is shown here", opaque outside its
    adapter; None when another change could hide behind it (one just made, where stamps are whole seconds).
    """

    key: Final[str]
    fields: Final[dict[str, Any]]
    stamp: Final[str | None] = None
    site: Final[str] = ""
    our_key: Final[str | None] = None
    claimed_by: Final[str | None] = None
    own: Final[bool] = False
    deleted: Final[bool] = False
    guard: Final[str | None] = None


@dataclass(frozen=True, slots=True)
class Stay:
    """A record's time with one owner: a queue where it waits, or a person who has claimed it.

    `owner` is the owner's id, `name` what people call it. `since` and `until` are stamps; `until` None: still there, and the
    record is open. `ours`: we gave it to this owner. Where a system keeps no history, `since` is the latest that it can be.
    """

    owner: str
    name: str
    person: bool
    since: str
    until: str | None = None
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Records of one call, oldest first, and the cursor that may be saved in the transaction that stores them.

    `cursor` is None when the saved cursor must stay (a sweep, a page whose records are all newer than the cap).
    `read_at` is when it was read, by the clock of its system where that tells, else by ours.
    `total` is how many records this read will yield in all, where the system says so (for the progress bar).
    """

    records: Sequence[Record]
    cursor: Cursor | None
    read_at: datetime
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """What a read should bring. `fields` empty: everything; of a stream with `parts` also parts of fields, by paths with dots
    (more than that may come). `keys_only`: key and stamp suffice (the sweep).

    `key_prefix` keeps only records that bear one of our keys beginning so. `where` is translated by the adapter.
    """

    fields: tuple[str, ...] = ()
    key_prefix: str | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    keys_only: bool = False


@dataclass(slots=True)
class Write:
    """One write that a line asks for.

    `key` is our key; a create carries it on the remote object, an append in its marker. `target` is the remote id
    (update, delete) or the object that is appended to. `uncertain` says that an earlier try may have been committed:
    an append is looked up before it is sent (the engine has waited `settle_after` already). `fresh`: the object that is
    appended to was made a moment ago by this same delivery, so that nothing can stand there under this key: no look is needed.
    `unless_changed` is the `guard` of the object as it was fetched: an update that must not happen if it changed since then;
    its result is then a `Changed`. `forgotten` are ids of objects under this key that are deleted, and that a person told us
    to make anew: finding those deleted says nothing about a try of ours. `until` is when its row may be somebody else's, by the
    adapter's clock: nothing of it may go out later, whoever was stopped on the way; the whole call fails as Unavailable then.
    Values of `fields` are JSON values, Decimal, Ref or File; None clears the remote field.
    """

    op: Final[Op]
    key: Final[str]
    fields: Final[Mapping[str, Any]]
    target: Final[str | None] = None
    uncertain: Final[bool] = False
    fresh: Final[bool] = False
    unless_changed: Final[str | None] = None
    forgotten: Final[tuple[str, ...]] = ()
    until: Final[datetime | None] = None


@dataclass(slots=True)
class Result:
    """What became of one Write. `target` is the remote id, with a Gone that of what was deleted, where it is known.
    `error` is set when the row failed.

    `existed`: a create found an object under our key and wrote nothing; the engine then decides as an update.
    """

    target: Final[str | None] = None
    error: Final[RecordFault | None] = None
    existed: Final[bool] = False


Kind = Literal["text", "number", "boolean", "instant", "date", "list", "ref", "choice", "file"]
"""What a mapping writes: `instant` is a time in the one form, `date` a day, `ref` and `choice` are resolved by name, a
`file` is brought by the adapter."""


@dataclass(frozen=True, slots=True)
class FieldUse:
    """What the flows do with one field of a stream, as far as their mappings say without any record.

    reads      an expression reads it
    creates    it is written when an object is made (or appended)
    updates    it is written to an object that stands already
    kinds      which kinds of values may be written; empty: not known
    values     constants that may be written (texts, numbers, booleans)
    closed     nothing but `values` (and null) is ever written
    longest    most characters of a written text; None: no bound known
    refs       references and choices by name that may be written
    """

    name: str
    reads: bool = False
    creates: bool = False
    updates: bool = False
    kinds: frozenset[Kind] = frozenset()
    values: tuple[str | int | float | bool, ...] = ()
    closed: bool = False
    longest: int | None = None
    refs: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamUse:
    """What the flows do with one stream: for `check`, and for what an administrator must set up.

    `changes`: a flow reads what changed; `keyed`: it reads by the beginning of our keys; `fetches`: records are fetched
    by key. `writes`: kinds of write that lines ask for. `everything`: a mapping reads whole records. `selects`: by name the
    values of `where:` at the flows that read it. `awaits`: by field the values that a mapping's `when` compares it with to let
    a record in, where no `where:` of the flow names the field.
    """

    stream: str
    changes: bool = False
    keyed: bool = False
    fetches: bool = False
    everything: bool = False
    writes: frozenset[Op] = frozenset()
    fields: Mapping[str, FieldUse] = field(default_factory=dict)
    selects: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    awaits: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attribute:
    """How a field of a remote object is declared there: `type` in its system's own words (`Text(255)`, `enum-of-string`),
    `values` of a closed list."""

    type: str
    label: str = ""
    description: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that `check` found wrong at a remote system, and what an administrator must do.

    `field` and `value` name what it is about, where it is about one of our uses; `setting` a key of the connection, where
    it is about that. Whoever wrote them is shown the place. `flow`: what the flow may say to do without it.
    """

    message: str
    remedy: str = ""
    stream: str = ""
    field: str = ""
    value: Any = None
    setting: str = ""
    flow: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """What an administrator needs of one connection: files by their path, as that system's tools take them.

    `guessed`: (stream, field) whose type nobody declared → the type that was taken from what the mappings write.
    `problems`: declarations that the system cannot have; nothing is written then.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    guessed: Mapping[tuple[str, str], str] = field(default_factory=dict)
    problems: Sequence[Problem] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found: facts for people (api version, token lifetime, calls left) and problems."""

    facts: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[Problem] = ()

    @property
    def well(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls used and allowed in 24 hours as the server counted them at `at`; `app`: those of our own app, if told."""

    used: int
    allowed: int
    app: int | None
    at: datetime


RowState = Literal["pending", "done", "filtered", "parked", "dropped", "foreign"]
LineState = Literal["owed", "sent", "rejected", "ended"]


@dataclass(frozen=True, slots=True)
class Line:
    """One write that a row's record asked for, as the ledger keeps it.

    `digests`: field → keyed digest of the value sent last (b"" stands for null); kept for ever. `target` is the remote id.
    `uncertain`: since when it may have been committed without our having read the answer. `gone`: a person deleted the object
    of ours that it writes to. `forgotten`: ids of such objects, in whose place a person asked for a new one. `code` is the
    system's own, of the fault that `reason` tells. `history`: which values were replaced when, as far as the loop breaker needs
    it; opaque here. `fight`: for people, by field that goes back and forth, the value that was sent last and the one that is
    not sent any more (`...`: not known); it goes with the stored record.
    """

    id: str
    key: str
    stream: str
    state: LineState
    target: str | None = None
    digests: Mapping[bytes, bytes] = field(default_factory=dict)
    history: bytes = b""
    fight: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    uncertain: datetime | None = None
    reason: str = ""
    field: str = ""
    remedy: str = ""
    sent_at: datetime | None = None
    gone: bool = False
    forgotten: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try that failed, as the ledger remembers it: of a line by id and key, or of the record as a whole ("").

    `fault` is the class of the error (`Rejected`, `Transient`, `Gone`, …), `code` the system's own.
    """

    at: datetime
    line: str
    key: str
    fault: str
    code: str
    reason: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One record in one flow, as the ledger keeps it."""

    id: int
    flow: str
    site: str
    key: str
    rev: int
    stamp: str | None
    state: RowState
    attempts: int
    due: datetime
    first_seen: datetime
    last_seen: datetime
    entered: bool = False
    mapping: str = ""
    route: str = ""
    reason: str = ""
    field: str = ""
    remedy: str = ""
    uncertain: datetime | None = None
    leased_until: datetime | None = None
    lines: Sequence[Line] = ()
    stored: bool = False
    our_key: str | None = None
