"""What a row needs before it can be mapped: its record, the origin it answers, the records it looks up. All in batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from connector import keys
from connector.adapter import Clock
from connector.engine.fetch import fetch_all
from connector.engine.health import Health
from connector.engine.places import Place, Places
from connector.engine.plan import Work
from connector.engine.states import stale
from connector.errors import MappingFault
from connector.flow import Flow
from connector.mapping.spec import Lookup
from connector.model import Record, Row
from connector.stamps import stamp
from connector.states import record_key
from connector.store import Hold, Store, Watch

SHORTEST_WAIT = timedelta(seconds=15)
LATELY = timedelta(seconds=60)
"""So long after its stamp, by whichever clock, another change of the same second may still show."""


class Enrichment:
    """Completes the rows of one chunk; rows whose outcome is known already get their settle."""

    def __init__(
        self, flow: Flow, answered: Flow | None, places: Places, store: Store, clock: Clock, health: Health
    ) -> None:
        self._flow, self._answered, self._places = flow, answered, places
        self._store, self._clock, self._health = store, clock, health

    def run(self, works: Sequence[Work]) -> None:
        self._records(works)
        if self._flow.by_state:
            self._look_again(works)
        if self._answered is not None:
            self._origins(works)
        if self._flow.mapping.undoes:
            self._held(works)
        if self._flow.mapping.lookups:
            self._look_up([work for work in works if work.settle is None])

    def _fetch(self, place: Place, wanted: Iterable[str], fields: frozenset[str] | None) -> dict[str, Record]:
        return fetch_all(place, wanted, flow=self._flow.id, health=self._health, fields=fields)

    def _held(self, works: Sequence[Work]) -> None:
        """What their lines hold for a while: also lines that no settle has told of, for their process died."""
        found = self._store.holds([work.leased.row for work in works])
        for work in works:
            held: dict[tuple[str, str], list[Hold]] = {}
            for one in found.get(work.leased.row, ()):
                held.setdefault((one.line, one.key), []).append(one)
            work.held = held

    # -- the record itself ---------------------------------------------------------------------------------------------

    def _records(self, works: Sequence[Work]) -> None:
        needs = self._flow.mapping.fields
        short = [work for work in works if work.record is None or not _covers(work.leased.fields, needs)]
        if short:
            place = self._places.source(self._flow)
            found = self._fetch(place, [work.leased.key for work in short], needs)
            for work in short:
                work.record = found.get(work.leased.key)
                if work.record is None:
                    self._gone(work, no_longer(place), "retry when it is back, or leave it parked")
        for work in works:
            if work.record is not None and (work.record.own or work.record.deleted):
                reason = "we wrote it ourselves" if work.record.own else "deleted at its source"
                work.ends("filtered", reason, keep_record=False)

    def _look_again(self, works: Sequence[Work]) -> None:
        """What waited before anything of it was sent may be over: nothing is done then. The mapping sees the record under its own
        key, not under that of its row."""
        now = self._clock.now()
        for work in works:
            if work.record is not None:
                work.record = replace(work.record, key=record_key(work.leased.key))
        late = [work for work in works if work.settle is None and stale(self._flow, work.leased, now)]
        if not late:
            return
        found = self._fetch(
            self._places.source(self._flow), [work.leased.key for work in late], self._flow.mapping.fields
        )
        for work in late:
            if work.leased.key not in found:
                work.ends(work.leased.was or "filtered", "was no longer so when it could be acted on")

    @staticmethod
    def _gone(work: Work, reason: str, remedy: str) -> None:
        """What was settled before and is only mapped anew stays what it was: a mapping that changed is no reason to call
        somebody. What was never settled needs a person."""
        if work.leased.was:
            work.ends(work.leased.was, reason)
        else:
            work.ends("parked", reason, remedy=remedy)

    # -- the origin of an answer ---------------------------------------------------------------------------------------

    def _origins(self, works: Sequence[Work]) -> None:
        assert self._answered is not None
        wanted: dict[int, list[Work]] = {}
        missing: list[tuple[Work, str, str]] = []
        own = (
            self._places.source(self._flow).stream.belongs_to is None
        )  # the object that bears our key, not one beneath it
        for work in works:
            if work.settle is not None or work.record is None:
                continue
            name = self._origin_name(work.record.our_key)
            if name is None:
                work.ends("foreign", "bears no key of the answered flow", keep_record=False)
                continue
            site, key = name
            work.origin = Record(key=key, fields={}, site=site)
            row = self._store.row(self._answered.id, site, key) if own or self._flow.mapping.uses_origin else None
            if own and row is not None and self._replaced(work, row):
                continue
            if self._flow.mapping.uses_origin:
                if row is not None and row.stored:
                    wanted.setdefault(row.id, []).append(work)
                else:
                    missing.append((work, site, key))
        stored = self._store.records(wanted)
        for number, those in wanted.items():
            record, fields = stored.get(number, (None, None))
            for work in those:
                if record is not None and _covers(fields, self._flow.mapping.origin_fields):
                    work.origin = record
                elif work.origin is not None:
                    missing.append((work, work.origin.site, work.origin.key))
        self._fetch_origins(missing)

    def _replaced(self, work: Work, answered: Row) -> bool:
        """Whether a person had another object made in place of this one, which then has nothing to say any more. The other one
        goes on where this one stopped: what it wrote to the origin is not left standing, nor done twice."""
        main = next((line for line in answered.lines if line.id == "main"), None)
        forgotten = main.forgotten if main else ()
        if (
            main and work.leased.key in forgotten and main.target not in (None, work.leased.key)
        ):  # else it was undeleted
            work.ends("filtered", "another object was made in its place", keep_record=False)
            return True
        for old in reversed(forgotten if not work.leased.lines else ()):
            row = self._store.row(self._flow.id, work.leased.site, old)
            if row is not None and row.lines:
                work.leased.lines = {(line.id, line.key): line for line in row.lines}
                break
        return False

    def _fetch_origins(self, missing: Sequence[tuple[Work, str, str]]) -> None:
        """Records are pruned, keys are not: what is needed again is fetched again, one call a batch."""
        if not missing:
            return
        assert self._answered is not None
        place = self._places.source(self._answered)
        found = self._fetch(place, [key for _, _, key in missing], self._flow.mapping.origin_fields)
        for work, site, key in missing:
            record = found.get(key)
            if record is None:
                self._gone(work, no_origin(place), f"restore {key}, then retry")
            else:
                work.origin = Record(record.key, record.fields, record.stamp, site, record.our_key)

    def _origin_name(self, our_key: str | None) -> tuple[str, str] | None:
        """Site and key of the origin, read from our key on the remote object; None: none of ours."""
        if not our_key:
            return None
        assert self._answered is not None
        ours = {self._answered.id, *self._answered.moved_from}
        parsed = keys.parse(our_key)
        if parsed is not None:
            return (parsed.site, parsed.record) if parsed.flow in ours and not parsed.line else None
        if not keys.hashed(our_key):
            return None
        return self._cut_name(our_key.lower(), ours)

    def _cut_name(self, our_key: str, ours: set[str]) -> tuple[str, str] | None:
        """The origin of a key that was cut: the whole key is made again for the rows whose key begins so."""
        for flow in ours:
            begins = keys.beginning(our_key, flow)
            if begins is None:
                continue
            for row in self._store.rows(flow=flow, key_prefix=begins[1], limit=10_000):
                if keys.make(flow, row.site, row.key, longest=len(our_key)) == our_key:
                    return row.site, row.key
        return None

    # -- lookups -------------------------------------------------------------------------------------------------------

    def _look_up(self, works: Sequence[Work]) -> None:
        asked: dict[int, dict[str, str | list[str] | None]] = {}
        for work in works:
            assert work.record is not None
            try:
                may_matter = work.leased.entered or work.leased.uncertain is not None
                asked[id(work)] = self._flow.mapping.lookup_keys(
                    work.record, origin=work.origin, entered=self._answered is None and may_matter
                )
            except MappingFault as fault:
                work.ends("parked", str(fault), remedy=fault.remedy, field=fault.field)
        for lookup in self._flow.mapping.lookups:
            rows = [work for work in works if work.settle is None]
            wanted = [key for work in rows for key in _as_list(asked[id(work)][lookup.name])]
            place = self._places.named(self._flow, lookup.stream)
            found = self._fetch(place, wanted, lookup.fields) if wanted else {}
            for work in rows:
                key = asked[id(work)][lookup.name]
                if lookup.watch:
                    work.watched = (work.watched or []) + self._watched(place, _as_list(key), found)
                self._take(work, lookup, key, found)

    def _watched(self, place: Place, keys: Iterable[str], found: Mapping[str, Record]) -> list[Watch]:
        """What was looked at, and which version of it. Where stamps are whole seconds, one just made may hide another change:
        it is remembered as older than itself, so that it is looked at once more."""
        lately = stamp(self._clock.now() - LATELY)
        links = []
        for key in keys:
            record = found.get(key)
            seen = record.stamp if record is not None else None
            if seen is not None and seen.endswith(".000Z") and seen >= lately:
                seen = seen.removesuffix(".000Z")
            links.append(Watch(place.full, key if record is None else record.key, seen))
        return links

    def _take(self, work: Work, lookup: Lookup, key: str | list[str] | None, found: dict[str, Record]) -> None:
        work.lookups[lookup.name] = None
        missing = [one for one in _as_list(key) if one not in found]
        if isinstance(key, list):
            work.lookups[lookup.name] = [found[one].fields for one in key if one in found]
        elif key is not None and not missing:
            work.lookups[lookup.name] = found[key].fields
        if missing:
            self._missing(work, lookup, missing)

    def _missing(self, work: Work, lookup: Lookup, missing: Sequence[str]) -> None:
        """One that is missing is waited for. Then, of a list, those that were found do; without any, `then` says what happens."""
        leased, now, key = work.leased, self._clock.now(), missing[0]
        end = leased.last_seen + timedelta(seconds=lookup.wait)  # of this version: it may name another key
        if now < end:
            pause = max(SHORTEST_WAIT, (now - leased.last_seen) / 2)
            reason = f"waits for lookup {lookup.name!r}: {lookup.stream} has no {key} yet"
            work.ends("pending", reason, due=min(end, now + pause))
        elif work.lookups[lookup.name] or lookup.then == "null":
            return
        elif lookup.then == "skip":
            work.ends("filtered", f"lookup {lookup.name!r} found nothing")
        else:
            work.ends(
                "parked",
                f"lookup {lookup.name!r}: {lookup.stream} has no such record",  # one cause, however many records miss theirs
                remedy=f"{key} was looked for: add it, or correct the record that names it, then retry",
            )


def _as_list(key: str | list[str] | None) -> list[str]:
    return [] if key is None else key if isinstance(key, list) else [key]


def _covers(read: frozenset[str] | None, needs: frozenset[str] | None) -> bool:
    """Whether a record read under one selection has what another needs: a field that was not read is not null."""
    return read is None or (needs is not None and needs <= read)


def no_longer(place: Place) -> str:
    """Why a row has no record any more."""
    return f"{place.full} no longer has this record"


def no_origin(place: Place) -> str:
    """Why a row of an answering flow has nothing to answer any more."""
    return f"the record that it answers is not at {place.full}"
