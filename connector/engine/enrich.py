"""What a row needs before it can be mapped: its record, the origin it answers, the records it looks up. All in batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from connector.adapter import Clock
from connector.engine.fetch import fetch_all
from connector.engine.health import Health
from connector.engine.origins import Origins, gone
from connector.engine.places import Place, Places
from connector.engine.plan import Work
from connector.engine.selection import both, covers, read_by
from connector.engine.states import OVER, stale
from connector.errors import MappingFault
from connector.flow import Flow
from connector.mapping.spec import Lookup
from connector.model import Record
from connector.stamps import stamp
from connector.states import record_key
from connector.store import Hold, Store, Watch

SHORTEST_WAIT = timedelta(seconds=15)
LATELY = timedelta(seconds=60)
"""So long after its stamp, by the clock of its system, another change of the same second may still show."""


class Enrichment:
    """Completes the rows of one chunk; rows whose outcome is known already get their settle."""

    def __init__(
        self, flow: Flow, answered: Flow | None, places: Places, store: Store, clock: Clock, health: Health
    ) -> None:
        self._flow, self._answered, self._places = flow, answered, places
        self._store, self._clock, self._health = store, clock, health

    def run(self, works: list[Work]) -> None:
        """A row that answers several records gets a work for each: they are added to the list."""
        self._records(works)
        if self._flow.by_state:
            self._look_again(works)
        if self._answered is not None:
            Origins(self._flow, self._answered, self._places, self._store, self._clock, self._health).run(works)
        if self._flow.mapping.lookups:
            self._look_up([work for work in works if work.settle is None])

    def _fetch(self, place: Place, wanted: Iterable[str], fields: frozenset[str] | None) -> dict[str, Record]:
        return fetch_all(place, wanted, flow=self._flow.id, health=self._health, fields=fields)

    def holds(self, works: Sequence[Work]) -> None:
        """What their lines hold for a while: also lines that no settle has told of, for their process died. Asked of the ledger
        directly before they are planned."""
        if not self._flow.mapping.undoes:
            return
        found = self._store.holds([work.leased.row for work in works])
        for work in works:
            held: dict[tuple[str, str], list[Hold]] = {}
            for one in found.get(work.leased.row, ()):
                held.setdefault((one.line, one.key), []).append(one)
            work.held = held

    # -- the record itself ---------------------------------------------------------------------------------------------

    def _records(self, works: Sequence[Work]) -> None:
        place = self._places.source(self._flow)
        needs = read_by(self._flow.mapping, place.stream)
        if self._flow.by is not None:
            needs = both(needs, self._flow.by.fields)
        short = [work for work in works if work.record is None or not covers(work.leased.fields, needs)]
        if short:
            found = self._fetch(place, [work.leased.key for work in short], needs)
            for work in short:
                work.record = found.get(work.leased.key)
                if work.record is None:
                    gone(work, no_longer(place), "retry when it is back, or leave it parked")
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
                work.ends(work.leased.was or "filtered", OVER)

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
                    work.watched = _oldest([*(work.watched or ()), *self._watched(place, _as_list(key), found)])
                self._take(work, lookup, key, found)

    def _watched(self, place: Place, keys: Iterable[str], found: Mapping[str, Record]) -> list[Watch]:
        """What was looked at, and which version of it. Where stamps are whole seconds, one just made may hide another change:
        it is remembered as older than itself, so that it is looked at once more."""
        time = self._places.time(place.connection)
        lately = "" if time is None else stamp(time - LATELY)
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


def _oldest(links: Iterable[Watch]) -> list[Watch]:
    """What two lookups looked at is remembered as the first of them saw it: the other may have seen a change in between."""
    known: dict[tuple[str, str], Watch] = {}
    for one in links:
        other = known.setdefault((one.stream, one.key), one)
        if (one.stamp or "") < (other.stamp or ""):
            known[one.stream, one.key] = one
    return list(known.values())


def _as_list(key: str | list[str] | None) -> list[str]:
    return [] if key is None else key if isinstance(key, list) else [key]


def no_longer(place: Place) -> str:
    """Why a row has no record any more."""
    return f"{place.full} no longer has this record"
