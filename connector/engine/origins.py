"""What an answer is about: the records of the answered flow, found by our key on the remote object, or as the flow says (`by`).

Usually one. Several records may share an object, and several keys may stand on one: the row then gets a work for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from connector import keys
from connector.adapter import Clock
from connector.engine.fetch import fetch_all
from connector.engine.health import Health
from connector.engine.places import Place, Places
from connector.engine.plan import Work
from connector.engine.selection import both, covers, read_by
from connector.engine.several import beside
from connector.errors import MappingFault
from connector.flow import Flow
from connector.model import Record, Row
from connector.stamps import stamp
from connector.store import Store, Watch

_WAIT = timedelta(minutes=15)
_PAUSE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Name:
    """One record that is answered. `row`: of the answered flow, where it is known. `element`: the key of its line."""

    site: str
    key: str
    element: str = ""
    row: Row | None = None


class Origins:
    """Finds the origins of one chunk; rows whose outcome is known already get their settle."""

    def __init__(self, flow: Flow, answered: Flow, places: Places, store: Store, clock: Clock, health: Health) -> None:
        self._flow, self._answered, self._places = flow, answered, places
        self._store, self._clock, self._health = store, clock, health
        self._needed = flow.mapping.uses_origin or flow.by is not None
        self._shared = shared_by(flow, answered)
        self._needs = flow.mapping.origin_fields
        if flow.mapping.uses_this:
            self._needs = both(self._needs, read_by(answered.mapping, places.source(answered).stream))

    def run(self, works: list[Work]) -> None:
        own = self._places.source(self._flow).stream.belongs_to is None  # it bears our key itself
        found: list[tuple[Work, Name]] = []
        for work in list(works):
            if work.settle is None and work.record is not None:
                parts = self._parts(work)
                works += [part for part, _ in parts[1:]]
                found += parts
        wanted: dict[int, list[Work]] = {}
        missing: list[Work] = []
        for work, name in found:
            work.origin = Record(key=name.key, fields={}, site=name.site)
            row = name.row
            if row is None and (own or self._needed) and self._flow.by is None:
                row = self._store.row(self._answered.id, name.site, name.key)
            if own and row is not None and self._flow.by is None and self._replaced(work, row):
                continue
            if self._needed:
                if row is not None and row.stored:
                    wanted.setdefault(row.id, []).append(work)
                else:
                    missing.append(work)
        self._take_stored(wanted, missing)
        self._fetch(missing)
        several = [work for work, _ in found if work.settle is None]
        if scoped_by(self._flow, self._answered):
            for work in several:
                assert work.origin is not None
                work.scope = f"{keys.escape(work.origin.site)}:{keys.escape(work.origin.key)}"
        if self._flow.mapping.uses_this:
            self._elements(several)

    # -- which ---------------------------------------------------------------------------------------------------------

    def _parts(self, work: Work) -> list[tuple[Work, Name]]:
        """A work for each record that this row answers."""
        try:
            names = self._named(work) if self._flow.by is not None else self._borne(work)
        except MappingFault as fault:
            work.ends("parked", str(fault), field=fault.field, remedy=fault.remedy)
            return []
        if work.settle is not None:
            return []
        if not names:
            why = "names no record of the answered flow" if self._flow.by else "bears no key of the answered flow"
            work.ends("foreign", why, keep_record=False)
            return []
        parts = [(work, names[0]), *((beside(work), name) for name in names[1:])]
        for part, name in parts:
            part.element = name.element
        return parts

    def _named(self, work: Work) -> list[Name]:
        """By the flow's own expression; nothing is asked about a record that `when` leaves out."""
        assert self._flow.by is not None
        assert work.record is not None
        if self._flow.mapping.leaves_out(work.record):
            work.ends("filtered", "when", keep_record=work.leased.entered)
            return []
        names = []
        for key in self._flow.by.origins(work.record):
            row = next(iter(self._store.rows(flow=self._answered.id, key=key, limit=1)), None)
            names.append(Name(row.site if row is not None else "", key, row=row))
        return names

    def _borne(self, work: Work) -> list[Name]:
        """By our key on the remote object."""
        assert work.record is not None
        name = self._of_key(work.record.our_key)
        if name is None or not self._shared:
            return [] if name is None else [name]
        work.watched = [Watch(joined_name(self._answered), name.key, stamp(self._clock.now()))]
        rows = [row for row in self._sharing(work, name) if row.site == name.site]
        if rows:
            return [Name(row.site, row.key, row=row) for row in rows]
        now, since = self._clock.now(), work.leased.last_seen
        if now < since + _WAIT:  # of a lost ledger, they are read again
            work.ends("pending", "no record that shares it is known yet", due=min(now + _PAUSE, since + _WAIT))
        else:
            remedy = f"let {self._answered.name!r} read them (connector backfill), then retry"
            work.ends("parked", "no record that shares this object is known", remedy=remedy)
        return []

    def _sharing(self, work: Work, name: Name) -> Sequence[Row]:
        rows = self._store.sharing(self._answered.id, [name.key]).get(name.key, ())
        if rows or not keys.hashed((work.record.our_key or "") if work.record else ""):
            return rows
        return [
            row for row in self._store.rows(flow=self._answered.id, target=work.leased.key) if row.site == name.site
        ]

    def _of_key(self, our_key: str | None) -> Name | None:
        """Site and key of the origin (of a shared object, what it is shared under) and the element; None: none of ours."""
        if not our_key:
            return None
        ours, line = {self._answered.id, *self._answered.moved_from}, self._flow.of_line or ""
        parsed = keys.parse(our_key)
        if parsed is not None:
            mine = parsed.flow in ours and parsed.line == line
            return Name(parsed.site, parsed.record, parsed.line_key) if mine else None
        if not keys.hashed(our_key):
            return None
        return self._cut(our_key.lower(), ours, line)

    def _cut(self, our_key: str, ours: set[str], line: str) -> Name | None:
        """The origin of a key that was cut: the whole key is made again for the rows whose key begins so."""
        for flow in ours:
            begins = keys.beginning(our_key, flow)
            if begins is None:
                continue
            rows = self._store.rows(flow=flow, key_prefix="" if self._shared else begins[1], limit=10_000)
            for row in rows:
                for name in self._keyed(row, line):
                    under = (name.key,) if not line else (name.key, line, name.element)
                    if keys.make(flow, row.site, *under, longest=len(our_key)) == our_key:
                        return name
        return None

    def _keyed(self, row: Row, line: str) -> list[Name]:
        """What the keys that this row has made were made of."""
        if line:
            return [Name(row.site, row.key, each.key) for each in row.lines if each.id == line]
        if self._shared:
            return [Name(row.site, each.key) for each in row.lines if each.id == "main" and each.key]
        return [Name(row.site, row.key)]

    def _replaced(self, work: Work, answered: Row) -> bool:
        """Whether a person had another object made in place of this one, which then has nothing to say any more. The other one
        goes on where this one stopped: what it wrote to the origin is not left standing, nor done twice."""
        main = next((line for line in answered.lines if line.id == "main"), None)
        if self._shared:
            mine = [line for line in answered.lines if line.id == "main" and line.key]
            main = next((line for line in mine if work.leased.key in (line.target, *line.forgotten)), None)
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

    # -- what they hold ------------------------------------------------------------------------------------------------

    def _take_stored(self, wanted: dict[int, list[Work]], missing: list[Work]) -> None:
        stored = self._store.records(wanted) if wanted else {}
        for number, those in wanted.items():
            record, fields = stored.get(number, (None, None))
            for work in those:
                if record is not None and covers(fields, self._needs):
                    work.origin = record
                else:
                    missing.append(work)

    def _fetch(self, missing: Sequence[Work]) -> None:
        """Records are pruned, keys are not: what is needed again is fetched again, one call a batch."""
        if not missing:
            return
        place = self._places.source(self._answered)
        found = fetch_all(
            place,
            [work.origin.key for work in missing if work.origin is not None],
            flow=self._flow.id,
            health=self._health,
            fields=self._needs,
        )
        for work in missing:
            assert work.origin is not None
            key, site = work.origin.key, work.origin.site
            record = found.get(key)
            if record is None:
                named = f"correct the record that names {key}, or " if self._flow.by is not None else ""
                gone(work, no_origin(place), f"{named}restore {key}, then retry")
            else:
                work.origin = Record(record.key, record.fields, record.stamp, site or record.site, record.our_key)

    def _elements(self, works: Sequence[Work]) -> None:
        """`origin.this`: the element that the object was made of, as the record has it now. What the answered mapping looks up
        to list its elements is fetched like its own lookups, one call a batch."""
        mapping, line = self._answered.mapping, self._flow.of_line or ""
        values: dict[int, dict[str, Any]] = {id(work): {} for work in works}
        try:
            asked = {id(work): mapping.lookup_keys(work.origin) for work in works if work.origin is not None}
            for lookup in mapping.lookups:
                place = self._places.named(self._answered, lookup.stream)
                wanted = [key for each in asked.values() for key in _as_list(each[lookup.name])]
                found = fetch_all(place, wanted, flow=self._flow.id, health=self._health, fields=lookup.fields)
                for number, each in asked.items():
                    some = [found[key].fields for key in _as_list(each[lookup.name]) if key in found]
                    values[number][lookup.name] = some if lookup.many else next(iter(some), None)
        except MappingFault as fault:
            for work in works:
                work.ends("parked", str(fault), field=fault.field, remedy=fault.remedy)
            return
        for work in works:
            origin = work.origin
            assert origin is not None
            try:
                this = mapping.element(line, origin, work.element, lookups=values[id(work)])
            except MappingFault as fault:
                work.ends("parked", str(fault), field=fault.field, remedy=fault.remedy)
                continue
            work.origin = Record(origin.key, {**origin.fields, "this": this}, origin.stamp, origin.site, origin.our_key)


def shared_by(flow: Flow, answered: Flow | None) -> bool:
    """Whether several records may share the objects that this flow reads."""
    if answered is None or flow.by is not None or flow.of_line is not None:
        return False
    return any(spec.id == "main" and spec.has_key and not spec.each for spec in answered.mapping.lines)


def scoped_by(flow: Flow, answered: Flow | None) -> bool:
    """Whether a row of this flow may answer several records, so that its lines bear their names."""
    return flow.by is not None or shared_by(flow, answered)


def joined_name(answered: Flow) -> str:
    """Under which name an answer watches who joins the object that it is about. No stream is called so."""
    return f"shared {answered.id}"


def gone(work: Work, reason: str, remedy: str) -> None:
    """What was settled before and is only mapped anew stays what it was: a mapping that changed is no reason to call
    somebody. What was never settled needs a person."""
    if work.leased.was:
        work.ends(work.leased.was, reason)
    else:
        work.ends("parked", reason, remedy=remedy)


def no_origin(place: Place) -> str:
    """Why a row of an answering flow has nothing to answer any more."""
    return f"the record that it answers is not at {place.full}"


def _as_list(key: str | list[str] | None) -> list[str]:
    return [] if key is None else key if isinstance(key, list) else [key]
