"""Flows by state, and whoever asks who has a record since when: the source of such a flow is read through this.

It keeps what it learns in the ledger, asks the system only about records that changed since, and adds the facts to the
records. Of a flow by state it lets pass what is so and was not evaluated yet. The engine reads through it as through any
adapter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from connector import states
from connector.adapter import Adapter, Attended, Clock, Stream
from connector.errors import MappingFault, Misconfigured
from connector.flow import Flow
from connector.model import Cursor, Page, Record, Report, Result, Select, Stay, StreamUse, Write
from connector.stamps import stamp
from connector.states import CLAIMED_BESIDE
from connector.store import Held, Leased, Store

ROOM = 4000
"""Characters of the values by which a look for the other records is narrowed; more of them: all that is so is looked at."""
OVER = "was no longer so when it could be acted on"
"""Why a row of a flow by state ends without what its record asked for."""


def stale(flow: Flow, leased: Leased, now: datetime) -> bool:
    """Whether what a flow by state found is so long ago, and nothing of it sent, that it must be looked at again first."""
    sent = any(line.state == "sent" or line.uncertain is not None for line in leased.lines.values())
    if sent or leased.uncertain is not None:
        return False
    since = (now - leased.last_seen).total_seconds()
    return leased.was != "" or leased.attempts > 0 or not 0 <= since <= flow.every  # below 0: our clock was put back


def asks(flow: Flow, stream: Stream) -> bool:
    """Whether a flow reads its source through this."""
    return flow.by_state or bool(stream.facts & (flow.mapping.fields or frozenset()))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A record with its stays."""

    record: Record
    stays: Sequence[Stay]


class Attending:
    """An adapter whose records tell who has them since when. Satisfies connector.adapter.Adapter."""

    def __init__(self, flow: Flow, adapter: Adapter, stream: Stream, store: Store, clock: Clock) -> None:
        if not isinstance(adapter, Attended):
            raise Misconfigured(
                f"{'.'.join(flow.source)} does not tell who has its records", remedy="read another stream by state"
            )
        self._flow, self._adapter, self._attended = flow, adapter, adapter
        self._stream, self._store, self._clock = stream, store, clock
        self._full = ".".join(flow.source)
        self._by: Sequence[str] = flow.where.get(CLAIMED_BESIDE, ())
        """The fields by which a record is looked at together with others."""
        self.streams = adapter.streams
        self._ahead = timedelta(0)
        """How far the remote system's clock is ahead of ours, as the last page told: a fetch tells no time."""
        self._view: set[str] = set()
        """What the last poll found: in the ledger a record is in view of one flow alone, which may be slower, paused, or off."""

    # -- reading -------------------------------------------------------------------------------------------------------

    def read(
        self, stream: str, since: Cursor | datetime | None, *, select: Select, overlap: float = 60.0
    ) -> Iterator[Page]:
        """What changed; of a flow by state all that is so and new to it, whatever `since` says."""
        if select.keys_only:
            yield from self._adapter.read(stream, since, select=select, overlap=overlap)
            return
        asked = self._asked(select)
        if not self._flow.by_state:
            for page in self._adapter.read(stream, since, select=asked, overlap=overlap):
                yield replace(page, records=[one.record for one in self._seen(page.records)])
            return
        watched, here = set(self._store.in_view(self._flow.id)), set[str]()
        whole: dict[str, _Seen] = {}
        read_at = self._clock.now()
        for page in self._adapter.read(stream, None, select=asked, overlap=overlap):
            seen, read_at = self._seen(page.records), page.read_at
            here |= {record.key for record in page.records}
            self._ahead = read_at - self._clock.now()
            if self._by:  # the other record may stand on any page
                whole |= {one.record.key: one for one in seen}
            else:
                yield Page(self._new(self._hits(seen, read_at)), None, read_at)
        if self._by:
            yield Page(self._new(self._hits(list(whole.values()), read_at, whole=True)), None, read_at)
        self._look_after(sorted(watched - here), asked, watched=False)
        self._look_after(sorted(self._view - watched - here), asked, watched=None)
        self._view = here

    def _look_after(self, keys: Sequence[str], asked: Select, *, watched: bool | None) -> None:
        """Records that this flow had in view and has no more: who has them now ends their stay in the ledger. What is not found
        was deleted, and ends now. What waits in a queue is looked at again until a flow has it in view (`watched` False), or is
        left to the flow that has."""
        for start in range(0, len(keys), self._stream.fetch_batch):
            part = keys[start : start + self._stream.fetch_batch]
            found = self._adapter.fetch(self._stream.name, part, select=asked)
            self._seen(list(found.values()), watched=watched)
            gone = self._store.stays(self._full, [key for key in part if key not in found])
            ends = stamp(self._clock.now() + self._ahead)
            closed = {key: Held(held.seen, states.ended(held.stays, ends)) for key, held in gone.items()}
            self._store.note_stays(self._full, closed)

    def fetch(
        self, stream: str, keys: Sequence[str], *, by: Literal["key", "our_key"] = "key", select: Select
    ) -> Mapping[str, Record]:
        """By key. Of a flow by state by the key of a row, as long as what it was evaluated for is still so; or by the record's
        own key, as it would be evaluated now."""
        if not self._flow.by_state or by == "our_key":
            found = self._adapter.fetch(stream, keys, by=by, select=self._asked(select))
            seen = self._seen(list(found.values()))
            return {key: one.record for key, one in zip(found, seen, strict=True)}
        own = {key: states.record_key(key) for key in keys}
        asked = self._asked(select)
        found = self._adapter.fetch(stream, list(dict.fromkeys(own.values())), select=asked)
        seen = self._seen(list(found.values()))
        hits = self._hits(seen + self._others(seen, asked), self._clock.now() + self._ahead)
        named = {states.record_key(hit.key): hit for hit in reversed(hits)} | {hit.key: hit for hit in hits}
        return {key: named[key] for key in own if key in named}

    def _others(self, seen: Sequence[_Seen], asked: Select) -> list[_Seen]:
        """Records that may stand beside these."""
        if not self._by or not seen:
            return []
        where = dict(self._flow.where)
        for name in self._by:
            values = [one.record.fields.get(name) for one in seen]
            texts = sorted({value for value in values if isinstance(value, str)})
            if all(isinstance(value, str) for value in values) and sum(map(len, texts)) < ROOM:
                where[name] = texts
        wanted = replace(asked, where=where)
        known = {one.record.key for one in seen}
        found: dict[str, Record] = {}
        for page in self._adapter.read(self._stream.name, None, select=wanted):
            found |= {record.key: record for record in page.records if record.key not in known}
        return self._seen(list(found.values()))

    def _asked(self, select: Select) -> Select:
        """The fields of the source itself: facts are ours to add."""
        if not select.fields:
            return select
        wanted = {*select.fields, *self._stream.attended} - self._stream.facts - {states.NOW}
        where = self._flow.where.items() if self._flow.by_state else ()
        fields = {name for word, value in where for name in states.fields_of(word, value)}
        return replace(select, fields=tuple(sorted(wanted | fields)))

    # -- who has it since when -----------------------------------------------------------------------------------------

    def _seen(self, records: Sequence[Record], *, watched: bool | None = True) -> list[_Seen]:
        """Records with their stays: of those that changed since they were last seen, as the system remembers, else by what
        differs from then. What is new is noted in the ledger, also of records that nothing becomes of."""
        if not self._flow.by_state:
            watched = None
        known = self._store.stays(self._full, [record.key for record in records])
        owners = {record.key: self._attended.owner(self._stream.name, record) for record in records}
        changed = [record for record in records if self._is_news(record, owners[record.key], known.get(record.key))]
        told = self._attended.stays(self._stream.name, changed) if changed else {}
        noted: dict[str, Held] = {}
        for record in changed:
            before = known[record.key].stays if record.key in known else ()
            found = told.get(record.key) or states.by_difference(before, owners[record.key])
            noted[record.key] = Held(record.stamp, found, watched, watched is False and states.waits(found))
        for key in known.keys() - noted.keys() if watched is not None else ():
            if known[key].watched is not watched:
                left = watched is False and states.waits(known[key].stays)
                noted[key] = replace(known[key], watched=watched, left=left)
        if noted:
            self._store.note_stays(self._full, noted, flow=self._flow.id)
        together = {**known, **noted}
        seen = []
        for record in records:
            stays = together[record.key].stays
            seen.append(_Seen(_with(record, states.facts(stays)), stays))
        return seen

    @staticmethod
    def _is_news(record: Record, owner: Stay, known: Held | None) -> bool:
        if known is None or not known.stays:
            return True
        if record.stamp is not None and known.seen is not None and record.stamp != known.seen:
            return record.stamp > known.seen  # an older version that surfaced late says nothing new
        return (known.stays[-1].owner, known.stays[-1].until) != (owner.owner, owner.until)

    # -- flows by state ------------------------------------------------------------------------------------------------

    def _hits(self, seen: Sequence[_Seen], at: datetime, *, whole: bool = False) -> list[Record]:
        """Those of which all of `where` is so, each under the key of its evaluation. `whole`: this is all that may be so."""
        left = self._so(seen, at)
        records = self._beside(left, at, whole=whole) if self._by else [one.record for one in left]
        return [self._evaluated(record, at) for record in records]

    def _beside(self, left: Sequence[_Seen], at: datetime, *, whole: bool) -> list[Record]:
        """Each record once for every other one beside it. The ledger tells since when, so that what ended and begins anew is
        evaluated anew."""
        named = {one.record.key: one for one in left}
        try:
            found = states.beside(((key, one.record.fields, one.stays) for key, one in named.items()), self._by)
        except ValueError as many:
            raise Misconfigured(
                f"more than {states.MOST_BESIDE} claimed records of {self._full} share {' and '.join(self._by)} with {many}",
                remedy="that value stands for nothing: correct these records, or leave them out by `where`",
            ) from many
        found = {pair: since for pair, since in found.items() if not any(map(self._store.is_name_forgotten, pair))}
        met = self._store.meet(self._flow.id, found, stamp(at), whole=whole)
        return [
            _with(named[own].record, {states.BESIDE: {**named[other].record.fields, "key": other, "since": met[pair]}})
            for pair in found
            for own, other in (pair, pair[::-1])
        ]

    def _so(self, seen: Sequence[_Seen], at: datetime) -> Sequence[_Seen]:
        """Those of which the words about a record alone are so. What somebody did last is asked only of those of which the rest
        is so."""
        where = {word: wanted for word, wanted in self._flow.where.items() if word != CLAIMED_BESIDE}
        words, idle = dict(where), where.pop("idle_longer_than", None)
        left = [one for one in seen if states.so(where, one.stays, one.record.fields, at)]
        if idle is not None and left:
            early = {"claimed_longer_than": idle}
            left = [one for one in left if states.so(early, one.stays, one.record.fields, at)]
            active = self._attended.active(self._stream.name, [one.record for one in left]) if left else {}
            left = [
                replace(one, record=_with(one.record, states.facts(one.stays, active.get(one.record.key))))
                for one in left
            ]
            left = [one for one in left if states.so(words, one.stays, one.record.fields, at)]
        return left

    def _evaluated(self, record: Record, at: datetime) -> Record:
        stored = _with(record, {states.NOW: stamp(at)})
        try:
            once = self._flow.mapping.once(stored)
        except MappingFault:  # its row parks when it is mapped
            once = record.key
        return replace(stored, key=states.row_key(record.key, once))

    def _new(self, hits: Sequence[Record]) -> list[Record]:
        """Those that were not evaluated before, and are not of a record that was forgotten."""
        known = self._store.known(self._flow.id, [(hit.site, hit.key) for hit in hits])
        new = [hit for hit in hits if (hit.site, hit.key) not in known]
        return [hit for hit in new if not self._store.is_name_forgotten(states.record_key(hit.key))]

    # -- everything else goes by ---------------------------------------------------------------------------------------

    def check(self, uses: Sequence[StreamUse] = ()) -> Report:
        return self._adapter.check(uses)

    def write(self, stream: str, batch: Sequence[Write]) -> Sequence[Result]:
        return self._adapter.write(stream, batch)

    def calls(self) -> int:
        return self._adapter.calls()

    def longest_call(self) -> float:
        return self._adapter.longest_call()

    def close(self) -> None:
        self._adapter.close()


def _with(record: Record, more: Mapping[str, Any]) -> Record:
    return replace(record, fields={**record.fields, **more})
