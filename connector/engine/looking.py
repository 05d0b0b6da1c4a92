"""Looking without sending: what a pass would do on real data, and what one record would write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.engine.deliver import Workshop, enrichment
from connector.engine.fetch import Stopped, fetch_all
from connector.engine.plan import Step, Work, prepare
from connector.engine.planner import Planner
from connector.engine.report import Change, PlannedWrite, Preview, Progress
from connector.engine.several import as_one
from connector.errors import MappingFault, RemoteError
from connector.mapping.spec import Ending
from connector.model import Cursor, Record, Select
from connector.stamps import stamp
from connector.store import Leased

FORGOTTEN = "it was forgotten (connector forget)"
_OUTCOMES = {
    "filtered": "filtered",
    "foreign": "foreign",
    "parked": "parked",
    "pending": "waiting",
    "done": "unchanged",
}


def _within(record: Record, first: str, last: str | None) -> bool:
    return record.stamp is None or last is None or first <= record.stamp <= last


class Looking:
    """Plans records of one flow as a delivery would, and stops before the first byte."""

    def __init__(self, shop: Workshop, select: Select) -> None:
        self._shop, self._select = shop, select
        self._planner = Planner(shop.flow, shop.answered, shop.places, shop.clock.now())
        self.problem: RemoteError | None = None

    def dry_run(
        self,
        since: Cursor | datetime | None,
        progress: Callable[[Progress], None] | None,
        until: datetime | None = None,
    ) -> tuple[int, Mapping[str, int], Mapping[str, int], Mapping[str, int]]:
        """Records read, and counts by outcome, by route, and by reason of those that would not be written. With `until` the
        read is of a window of time, its ends included."""
        shop = self._shop
        first = stamp(since) if until is not None and isinstance(since, datetime) else ""
        last = stamp(until) if until is not None else None
        overlap = shop.flow.overlap if until is None else 0.0
        outcomes: Counter[str] = Counter()
        routes: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        read = 0
        place = shop.places.source(shop.flow)
        try:
            for page in place.adapter.read(place.name, since, select=self._select, overlap=overlap):
                records = [one for one in page.records if _within(one, first, last)]
                if page.records and not records and all(last and (one.stamp or "") > last for one in page.records):
                    break
                read += len(records)
                for preview in self.preview(records, live=False):
                    outcomes[preview.outcome] += 1
                    if preview.outcome in ("write", "unchanged"):
                        routes[preview.route] += 1
                    else:
                        reasons[preview.reason] += 1
                if progress is not None:
                    progress(Progress(shop.flow.name, read, read, outcomes["parked"], page.total))
                if shop.stopping():
                    break
        except RemoteError as problem:
            self.problem = problem
        return read, outcomes, routes, reasons

    def preview(self, records: Sequence[Record], *, live: bool) -> list[Preview]:
        """What each record would write. With `live`, the objects as they are now stand beside it."""
        flow, names = self._shop.flow, [(record.site, record.key) for record in records]
        forgotten = self.forgotten(records)
        known = [record for record in records if (record.site, record.key) not in forgotten]
        gone = [Preview(flow.name, site, key, "filtered", FORGOTTEN) for site, key in names if (site, key) in forgotten]
        return self.plan([self.leased(record) for record in known], live=live) + gone

    def forgotten(self, records: Sequence[Record]) -> Collection[tuple[str, str]]:
        """Site and key of those that a page would pass over, for they were forgotten, or what they bear our key for was."""
        store, flow = self._shop.store, self._shop.flow
        bearing = [
            (record.site, record.key)
            for record in records
            if record.our_key and store.is_name_forgotten(record.our_key)
        ]
        return {*store.is_forgotten(flow.id, [(record.site, record.key) for record in records]), *bearing}

    def plan(self, leased: Sequence[Leased], *, live: bool) -> list[Preview]:
        """The same for rows as the ledger has them; records that are not stored are fetched."""
        works = [Work(one, one.record) for one in leased]
        shop = self._shop
        try:
            complete = enrichment(shop)
            complete.run(works)
            complete.holds(works)
        except Stopped as stopped:
            raise stopped.problem from stopped
        return as_one(works, [self._preview(work, live=live) for work in works])

    def leased(self, record: Record) -> Leased:
        """The row as the ledger has it, or as it would be when it came for the first time."""
        shop, now = self._shop, self._shop.clock.now()
        fields = frozenset(self._select.fields) if self._select.fields else None
        row = shop.store.row(shop.flow.id, record.site, record.key)
        if row is None:
            return Leased(0, 0, record.site, record.key, record, fields, 0, False, None, now, now)
        lines = {(line.id, line.key): line for line in row.lines}
        return Leased(
            row.id,
            row.rev,
            row.site,
            row.key,
            record,
            fields,
            0,
            row.entered,
            row.uncertain,
            row.first_seen,
            row.last_seen,
            lines,
        )

    def _preview(self, work: Work, *, live: bool) -> Preview:
        flow, leased = self._shop.flow.name, work.leased
        try:
            if work.settle is None:
                self._planner.map(work)
            if work.settle is not None:
                outcome = _OUTCOMES[work.settle.state]
                settle = work.settle
                return Preview(flow, leased.site, leased.key, outcome, settle.reason, settle.remedy, settle.route)
            writes = [self._write(step, live=live) for step in work.steps]
        except MappingFault as fault:
            return Preview(flow, leased.site, leased.key, "parked", str(fault), fault.remedy)
        route = work.mapped.route if work.mapped else ""
        due = [write for write in writes if write is not None]
        return Preview(flow, leased.site, leased.key, "write" if due else "unchanged", "", "", route, due)

    def _write(self, step: Step, *, live: bool) -> PlannedWrite | None:
        spec = step.wanted.spec
        note = ""
        if step.ending is not None:
            return self._end(step, step.ending, live=live)
        if step.wanted.values is None:
            main = next((other.target for other in step.work.steps if other.wanted.spec.id == "main"), None)
            if main is None:
                op = "append" if step.append else "create"
                return PlannedWrite(spec.id, step.place.full, op, step.key, None, (), "waits for the main object")
            self._planner.complete(step)
        prepare(step, self._shop.digester)
        if step.state == "unchanged":
            return None
        op = "append" if step.append else "create" if step.create else "update"
        held = self._live(step) if live and not step.append else None
        if op == "create" and held is not None:
            op, note = "update", "an object stands under this key already"
        fields: dict[str, Any] = {**step.sending, **step.claimable}
        if step.claimable and held is not None and held.claimed_by is not None:
            note = f"{', '.join(step.claimable)} left alone: somebody has taken it"
            fields = dict(step.sending)
        changes = [Change(name, held.fields.get(name) if held else None, value) for name, value in fields.items()]
        return PlannedWrite(spec.id, step.place.full, op, step.key, step.target, changes, note)

    def _end(self, step: Step, ending: Ending, *, live: bool) -> PlannedWrite:
        """What would become of a line that its record asks for no longer."""
        held = {one.field: one for one in step.work.held.get(step.name, ())}
        fields = dict(ending.fields) or {name: one.original for name, one in held.items() if one.original is not ...}
        step.sending = {**fields, **(ending.only_if or {})}
        shown = self._live(step) if live and step.target else None
        op, note = ("update" if ending.kind in ("leave", "write") else ending.kind), ""
        if ending.kind == "undo":
            note = "what stood there before, where it is still ours and nobody else holds it"
        elif ending.kind == "choose":
            terms = ", ".join(f"{name} is {value}" for name, value in (ending.only_if or {}).items())
            note = f"deleted if {terms}, else written to"
        changes = [Change(name, shown.fields.get(name) if shown else None, value) for name, value in fields.items()]
        return PlannedWrite(step.wanted.spec.id, step.place.full, op, step.key, step.target, changes, note)

    def _live(self, step: Step) -> Record | None:
        by = "our_key" if step.target is None else "key"
        wanted = step.target or step.key
        found = fetch_all(
            step.place, [wanted], flow=self._shop.flow.id, health=self._shop.health,
            fields=step.wished or step.wanted.values or (), by="our_key" if by == "our_key" else "key",
        )  # fmt: skip
        return found.get(wanted)
