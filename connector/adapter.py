"""The seam to remote systems: four verbs, all in batches, because calls are what users pay with.

An adapter knows its vendor's wire and nothing of the engine, the store or other adapters. It is an entry point of the
group `connector.adapters`; the built-in ones come through the same door. `connector/adapters/jsonl.py` is the one to copy,
`connector.testing.AdapterContract` is the suite that every adapter passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import entry_points
from typing import ClassVar, Literal, Protocol, runtime_checkable

from pydantic import BaseModel

from connector.model import (
    Attribute,
    Cursor,
    Op,
    Page,
    Problem,
    Record,
    Report,
    Result,
    Select,
    Setup,
    Stay,
    StreamUse,
    Usage,
    Write,
)

Declared = Mapping[str, Mapping[str, Attribute]]
"""Stream → field → how it is declared in the remote system."""


class Clock(Protocol):
    """Where time comes from. Aware UTC; tests pass FrozenClock."""

    def now(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Stream:
    """What one stream can do. Facts of the vendor, not settings of a flow.

    key            the field that names a record
    number         the field by which people name a record, where it is not the key (`CaseNumber`)
    needs          fields that every read must select (key, stamp, claim, our key)
    writes         kinds of write it takes
    batch          writes in one call at most; the engine sends chunks of at most this many
    fetch_batch    keys in one `fetch` at most
    create         exclusive: a second create of the same key is refused by the system, so no look is needed first;
                   plain: the engine looks first
    fetch          direct, or indexed: a search index is no proof of absence until `settle_after` has passed since the commit
    settle_after   seconds that a request may still commit after we gave up on it
    claims         True when a record says who has taken it (`Record.claimed_by`)
    conditional    whether an update can be made to depend on the object being unchanged (`Write.unless_changed`): none; 1s, by
                   a stamp of whole seconds, so that a record just changed has no guard; exact, by a version or tag
    object         for a guarded or append stream: the stream whose records it writes to (`orders` for `orders.notes`)
    part_of        for a stream that makes objects of its own: the stream to whose records they belong (`Case` for its files)
    conditions     fields that say when an update may go (`only_from` of `orders.status`): they go with each update, alone
                   they are none, and what was sent of them is not remembered
    names_object   for an append stream: the field that names the object to a line without `target:` (`ParentId`)
    key_length     how long a key may be on the remote object
    bears          the field that carries our key, where it is one that a mapping can read
    variants       whether a field's name may carry one entry of a map in brackets (`online_flag[default@RefArch]`)
    lengths        longest text by field, where known without asking; `truncate` uses it
    parts          whether a read brings parts of a field where `Select.fields` names them (`customer_info.email`)
    states         the words that `where:` of a flow by state may say here, translated by the adapter (`connector.states`)
    facts          names that the engine adds to its records where a flow asks: who has them since when (`connector.states`);
                   the adapter is then `Attended`
    attended       fields that the adapter needs to see for these
    files          fields that take a file (`File`)
    """

    name: str
    key: str
    needs: tuple[str, ...] = ()
    writes: frozenset[Op] = frozenset()
    batch: int = 1
    fetch_batch: int = 100
    create: Literal["exclusive", "plain"] = "plain"
    fetch: Literal["direct", "indexed"] = "direct"
    settle_after: float = 120.0
    order: Literal["stamp", "none"] = "stamp"
    claims: bool = False
    conditional: Literal["none", "1s", "exact"] = "none"
    object: str | None = None
    conditions: frozenset[str] = frozenset()
    names_object: str | None = None
    key_length: int = 255
    lengths: Mapping[str, int] = field(default_factory=dict)
    number: str | None = None
    bears: str | None = None
    states: frozenset[str] = frozenset()
    facts: frozenset[str] = frozenset()
    attended: tuple[str, ...] = ()
    files: frozenset[str] = frozenset()
    part_of: str | None = None
    variants: bool = False
    parts: bool = False

    @property
    def belongs_to(self) -> str | None:
        """The stream whose records its records belong to: comments and files belong to cases."""
        return self.object or self.part_of

    @property
    def proof_after(self) -> float:
        """Seconds since a request without an answer, after which what is not found was not made. An index shows what committed
        last later still."""
        return self.settle_after * (2 if self.fetch == "indexed" else 1)


class NoStream(KeyError):
    """A stream that this system cannot have, where it is worth saying why: `why`, and the way round in `remedy`."""

    def __init__(self, name: str, why: str, remedy: str) -> None:
        super().__init__(name)
        self.why, self.remedy = why, remedy


@runtime_checkable
class Adapter(Protocol):
    """One connection to one remote system. Safe to call from several threads.

    Built as `cls(name, settings, clock=clock)`, where `settings` is a validated `cls.Settings`. Building touches no network.
    Every verb may raise ConnectionFault or Misconfigured for the whole call; `write` may also raise Transient for the
    whole call (no answer to a batch), and returns RecordFaults in the results of single rows.
    """

    Settings: ClassVar[type[BaseModel]]
    streams: Mapping[str, Stream]
    """By name. May be open-ended (`custom_objects/<Type>`): `__getitem__` answers for names that iteration does not list;
    KeyError for names that the system cannot have."""

    def check(self, uses: Sequence[StreamUse] = ()) -> Report:
        """One cheap authenticated call. For each of `uses`: is the stream there, may we do what the flows do with it, and
        do its fields take what the mappings write, as far as the system describes itself? All problems at once."""
        ...

    def read(
        self, stream: str, since: Cursor | datetime | None, *, select: Select, overlap: float = 60.0
    ) -> Iterator[Page]:
        """Records changed since the cursor or instant less `overlap` seconds (None: from the beginning), oldest first.

        Yields at least one page, be it empty; the iterator ends when the stream is read up. One page is one call. A read may
        stand still between two pages for as long as it likes: no page's cursor passes the time of an earlier page behind which
        something may still surface within the overlap, for later pages do not look there again.
        """
        ...

    def fetch(
        self, stream: str, keys: Sequence[str], *, by: Literal["key", "our_key"] = "key", select: Select
    ) -> Mapping[str, Record]:
        """Records by their own key, or by our key on them; those that are missing are left out."""
        ...

    def write(self, stream: str, batch: Sequence[Write]) -> Sequence[Result]:
        """One Result per Write, in order. All of one op. Raise = the whole call; return = this row."""
        ...

    def calls(self) -> int:
        """Requests sent to the remote system so far, sign-in included."""
        ...

    def longest_call(self) -> float:
        """Seconds after which a write has certainly ended: a lease must outlive it."""
        ...

    def close(self) -> None:
        """Give connections back. No call follows."""
        ...


@runtime_checkable
class SetsUp(Protocol):
    """What an adapter may have beside its verbs, where its system can take files from an administrator."""

    def setup(self, uses: Sequence[StreamUse], declared: Declared) -> Setup:
        """The files for what the flows do. Touches no network; no secret stands in any of them."""
        ...


@runtime_checkable
class Limited(Protocol):
    """What an adapter may have beside its verbs, where its system can do less than its streams let one think."""

    def limits(self, uses: Sequence[StreamUse]) -> Sequence[Problem]:
        """What of these uses can never work, by what is documented of the system. Touches no network; said with the faults of our
        files, each with its place in them."""
        ...


@runtime_checkable
class Gauged(Protocol):
    """What an adapter may have beside its verbs, where its system tells how many calls were used of how many."""

    def usage(self) -> Usage | None:
        """The server's last count; None before the first answer. Makes no call."""
        ...


@runtime_checkable
class Attended(Protocol):
    """What an adapter may have beside its verbs, where people and queues own records: who has them since when."""

    def owner(self, stream: str, record: Record) -> Stay:
        """Who has this record, from its fields alone (those in `Stream.attended` were read); makes no call."""
        ...

    def stays(self, stream: str, records: Sequence[Record]) -> Mapping[str, Sequence[Stay]]:
        """By key, every stay of these records, the oldest first, as the system remembers it. Left out: it does not; then
        the ledger goes by the difference between two reads."""
        ...

    def active(self, stream: str, records: Sequence[Record]) -> Mapping[str, str]:
        """By key, when somebody other than we last did something with these records, as a stamp."""
        ...


def adapters() -> dict[str, type[Adapter]]:
    """Installed adapters by name. Loads their modules."""
    return {entry.name: entry.load() for entry in entry_points(group="connector.adapters")}


def adapter_names() -> list[str]:
    """Names of the installed adapters, without loading them."""
    return sorted(entry.name for entry in entry_points(group="connector.adapters"))


def adapter_class(name: str) -> type[Adapter]:
    """The adapter of this name; KeyError if none is installed. Loads only that one."""
    for entry in entry_points(group="connector.adapters"):
        if entry.name == name:
            loaded: type[Adapter] = entry.load()
            return loaded
    raise KeyError(name)
