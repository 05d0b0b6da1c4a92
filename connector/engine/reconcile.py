"""Both sides compared by key: a flow's source, its rows in the ledger, and what stands at its destination.

Looking writes nothing anywhere. Repairs are rows put back on their way, which the next pass delivers like any others: braked,
looked up, compared. What is compared is what the flow owns: its objects, and the fields that it always writes. What people may
have moved (`on-create`, `until-claimed`, `once`), appends and guarded steps are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from connector import keys, stamps
from connector.digests import Digester, name_digest
from connector.engine import Engine
from connector.engine.deliver import enrichment
from connector.engine.differences import READ, SENT, Difference, Kind, Reconciled, alike
from connector.engine.fetch import Stopped, fetch_all
from connector.engine.looking import Looking
from connector.engine.places import Place
from connector.engine.plan import Step, Work
from connector.engine.planner import Planner
from connector.engine.report import Progress
from connector.errors import MappingFault, Misconfigured, RemoteError
from connector.model import Page, Record, Ref, Row, Select
from connector.store import Mend

T = TypeVar("T")
_CHUNK = 200


class Reconciling:
    """One look at one flow since `begins` (None: since ever). `recreate`: objects that are gone are to be made anew."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        begins: datetime | None,
        *,
        recreate: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._engine, self._flow = engine, engine.flows[name]
        self._shop = engine.workshop(self._flow)
        self._select = engine.selection(self._flow)
        self._looking = Looking(self._shop, self._select)
        self._planner = Planner(self._flow, self._shop.answered, self._shop.places, engine.clock.now())
        self._digester = Digester(engine.store.digest_key)
        self._source = engine.places.source(self._flow)
        self._begins, self._recreate, self._progress = begins, recreate, progress
        polled = engine.store.pulses().get(self._flow.id, (None, None))[0] or engine.clock.now()
        pause = timedelta(seconds=2 * self._flow.every + self._flow.overlap)
        self._late = stamps.stamp(min(polled, engine.clock.now()) - pause)
        """What was changed after it is the next poll's."""
        self._seen: set[tuple[str, str]] = set()
        self._keys: dict[str, str] = {}
        """Our keys that were met: the object that bears each."""
        self.found = Reconciled(name)

    def run(self) -> Reconciled:
        """A remote fault ends it; `problem` names it, and what was found until then stands."""
        before = self._calls()
        try:
            self._by_source()
            self._by_ledger()
            if self._shop.answered is None:
                self._by_destination()
        except Stopped as stopped:
            self.found.problem = stopped.problem
        except RemoteError as problem:
            self.found.problem = problem
        self.found.calls = {name: after - before[name] for name, after in self._calls().items()}
        return self.found

    def apply(self, chosen: Sequence[Difference]) -> int:
        """Queue these repairs, a chunk a transaction; how many rows are pending for it. What has changed since the look is left
        as it is. Raises RemoteError."""
        store, flow, done = self._engine.store, self._flow, 0
        for part in _chunks([each for each in chosen if each.kind in READ], _CHUNK):
            records = self._fetched([each.key for each in part])
            fields = frozenset(self._select.fields) if self._select.fields else None
            now = self._engine.clock.now()
            done += store.ingest(flow.id, Page(records, None, now), now, fields=fields, move=False).changed
        mends = [each.mend for each in chosen if each.kind in SENT and each.mend is not None]
        for some in _chunks(mends, _CHUNK):
            done += store.mend(flow.id, some, self._engine.clock.now(), "reconcile")
        return done

    # -- three ways to what is compared --------------------------------------------------------------------------------

    def _by_source(self) -> None:
        """What the source shows."""
        place = self._source
        for page in place.adapter.read(place.name, self._begins, select=self._select, overlap=0.0):
            self.found.records += len(page.records)
            for records in _chunks(list(page.records), _CHUNK):
                self._judge(records)
            if self._progress is not None:
                differ = len(self.found.differences)
                self._progress(Progress(self._flow.name, self.found.records, self.found.compared, differ, page.total))
            if self._engine.stopping:
                return

    def _by_ledger(self) -> None:
        """Rows that the source did not show: their records are deleted, or lie outside of the window."""
        store, flow, after = self._engine.store, self._flow, 0
        since = stamps.stamp(self._begins) if self._begins else ""
        while not self._engine.stopping and (rows := store.walk(flow.id, since=since, after=after, limit=_CHUNK)):
            after = rows[-1].id
            self.found.rows += len(rows)
            left = [row for row in rows if (row.site, row.key) not in self._seen and row.entered]
            records = self._fetched([row.key for row in left])
            self._judge(records)
            shown = {record.key for record in records}
            self.found.left["no longer at the source"] += sum(row.key not in shown for row in left)

    def _by_destination(self) -> None:
        """Objects that bear a key of this flow: those whose record was not met, and keys that stand twice."""
        flow, place = self._flow, self._engine.places.at(*self._flow.destination)
        ids = {flow.id, *flow.moved_from}
        select = Select(key_prefix="" if flow.moved_from else keys.prefix(flow.id), keys_only=True)
        if "create" not in place.stream.writes:
            return
        strangers: dict[str, tuple[str, str]] = {}
        try:
            for page in place.adapter.read(place.name, self._begins, select=select, overlap=0.0):
                for record in page.records:
                    parsed = keys.parse(record.our_key or "")
                    if record.our_key is None or record.deleted or (parsed is not None and parsed.flow not in ids):
                        continue
                    self.found.objects += 1
                    held = self._keys.setdefault(record.our_key, record.key)
                    if held != record.key:
                        told = f"{place.full} {held}, {record.key}"
                        site, key = (parsed.site, parsed.record) if parsed else ("", record.our_key)
                        self.found.differences.append(Difference("twice", site, key, told, repair=False))
                    elif parsed is not None and not parsed.line and (parsed.site, parsed.record) not in self._seen:
                        strangers[record.our_key] = (parsed.site, parsed.record)
                if self._engine.stopping:
                    return
        except Misconfigured:  # a stream that cannot be asked for our keys
            self.found.left[f"{place.full} cannot be searched by our keys"] += 1
            return
        self._strangers(place, strangers)

    def _strangers(self, place: Place, strangers: Mapping[str, tuple[str, str]]) -> None:
        store = self._engine.store
        if any(spec.id == "main" and spec.has_key for spec in self._flow.mapping.lines):
            shared = store.sharing(self._flow.id, {key for _, key in strangers.values()})
            strangers = {ours: name for ours, name in strangers.items() if name[1] not in shared}
        asked = {ours: name for ours, name in strangers.items() if not store.is_name_forgotten(ours)}
        self.found.left["forgotten"] += len(strangers) - len(asked)
        for part in _chunks(list(asked), _CHUNK):
            records = self._fetched([asked[ours][1] for ours in part])
            self._judge(records)
            shown = {record.key for record in records}
            for ours in part:
                site, key = asked[ours]
                if key not in shown:
                    told = f"{place.full} {self._keys[ours]}"
                    self.found.differences.append(Difference("orphan", site, key, told, repair=False))

    # -- judging -------------------------------------------------------------------------------------------------------

    def _judge(self, records: Sequence[Record]) -> None:
        """Records of the source beside their rows and their objects; a call a batch and stream."""
        fresh = [record for record in records if (record.site, record.key) not in self._seen]
        self._seen |= {(record.site, record.key) for record in fresh}
        works: list[tuple[Work, Row | None]] = []
        store, flow = self._engine.store, self._flow
        forgotten = self._looking.forgotten(fresh)
        for record in fresh:
            row = store.row(flow.id, record.site, record.key)
            if row is None and (record.site, record.key) in forgotten:
                self.found.left["forgotten"] += 1
            elif record.own or record.deleted or (record.stamp or "") > self._late:
                self.found.left["changed since the last poll, or our own"] += 1
            elif row is not None and row.state in ("pending", "parked", "dropped", "foreign"):
                self.found.left[row.state] += 1
            else:
                works.append((Work(self._looking.leased(record), record), row))
        shop = self._shop
        every, rows = [work for work, _ in works], {id(work.leased): row for work, row in works}
        complete = enrichment(shop)
        complete.run(every)
        complete.holds(every)
        planned = [(work, rows[id(work.leased)]) for work in every if self._planned(work)]
        objects = self._objects([step for work, _ in planned for step in work.steps])
        for work, row in planned:
            self._compare(work, row, objects)

    def _planned(self, work: Work) -> bool:
        """Whether its mapping asks for something that can be compared."""
        try:
            if work.settle is None:
                self._planner.map(work)
        except MappingFault:
            self.found.left["cannot be mapped"] += 1
            return False
        if work.settle is not None:
            self.found.left[work.settle.state] += 1
            return False
        work.steps = [step for step in work.steps if _comparable(step)]
        return True

    def _objects(self, steps: Sequence[Step]) -> dict[tuple[str, str], Record]:
        """What stands under the keys of these steps, or under the ids of what they write to; by stream and name."""
        asked: dict[tuple[str, bool], list[Step]] = {}
        for step in steps:
            asked.setdefault((step.place.full, step.makes), []).append(step)
        found: dict[tuple[str, str], Record] = {}
        for (full, makes), those in asked.items():
            names = {name for step in those for name in step.wanted.values or {}}
            wanted = [name for step in those if (name := step.key if makes else step.target)]
            records = fetch_all(
                those[0].place, wanted, flow=self._flow.id, health=self._shop.health, fields=names,
                by="our_key" if makes else "key",
            )  # fmt: skip
            found |= {(full, name): record for name, record in records.items()}
        for step in steps:
            live = found.get((step.place.full, step.key)) if step.makes else None
            if live is not None:
                self._keys[step.key] = live.key
        return found

    def _compare(self, work: Work, row: Row | None, objects: Mapping[tuple[str, str], Record]) -> None:
        record = work.leased
        live = {
            step.name: objects.get((step.place.full, step.key if step.makes else step.target or ""))
            for step in work.steps
        }
        made = [step for step in work.steps if step.makes]
        if row is None:
            standing = [found for step in made if (found := live[step.name]) is not None]
            kind: Kind = "unlinked" if standing else "missing"
            self._differ(kind, record.site, record.key, ", ".join(each.key for each in standing))
        elif row.stamp is not None and ((work.record and work.record.stamp) or "") > row.stamp:
            self._differ("behind", row.site, row.key)
        elif row.state == "filtered" and not row.entered:
            self.found.left["left out by an older mapping"] += 1
        else:
            self._compare_lines(row, work.steps, live)

    def _compare_lines(self, row: Row, steps: Sequence[Step], live: Mapping[tuple[str, str], Record | None]) -> None:
        fields: dict[tuple[str, str], list[str]] = {}
        gone: list[str] = []
        elsewhere: list[str] = []
        for step in steps:
            held = live[step.name]
            if step.before is None or step.before.state != "sent":
                continue
            if held is None or held.deleted:
                gone += [step.before.target] if step.makes and step.before.target else []
            elif step.makes and step.before.target not in (None, held.key):
                elsewhere.append(str(step.before.target))
            elif names := self._differing(step, held):
                fields[step.name] = names
        if gone:
            mend = Mend(row.id, row.rev, {}, gone)
            self._differ("gone", row.site, row.key, ", ".join(gone), repair=self._recreate, mend=mend)
        elif elsewhere:
            self._differ(
                "elsewhere", row.site, row.key, ", ".join(elsewhere), mend=Mend(row.id, row.rev, {}, elsewhere)
            )
        elif fields:
            mend = Mend(row.id, row.rev, {name: [name_digest(one) for one in names] for name, names in fields.items()})
            told = ", ".join(sorted({one for names in fields.values() for one in names}))
            self._differ("differs", row.site, row.key, told, mend=mend)
        else:
            self.found.same += 1

    def _differing(self, step: Step, live: Record) -> list[str]:
        """Fields that the flow always writes, and that hold something else than what it wants and has sent."""
        if step.wanted.spec.once or step.before is None:
            return []
        policies, digests = step.wanted.spec.policies, step.before.digests
        return [
            name
            for name, value in (step.wanted.values or {}).items()
            if policies.get(name, "always") == "always"
            and not isinstance(value, Ref)
            and digests.get(name_digest(name)) == self._digester.value(value)
            and not alike(live.fields.get(name), value)
        ]

    def _differ(
        self, kind: Kind, site: str, key: str, told: str = "", *, repair: bool = True, mend: Mend | None = None
    ) -> None:
        self.found.differences.append(Difference(kind, site, key, told, repair, mend))

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _fetched(self, wanted: Sequence[str]) -> list[Record]:
        if not wanted:
            return []
        fields = self._select.fields or None
        found = fetch_all(self._source, wanted, flow=self._flow.id, health=self._shop.health, fields=fields)
        return [replace(record, guard=None) for record in found.values()]

    def _calls(self) -> Mapping[str, int]:
        return {name: adapter.calls() for name, adapter in self._shop.places.connections.items()}


def _comparable(step: Step) -> bool:
    """An object of its own, or the one that is answered. What was sent once may have been moved on, or cleared away, by those
    who work on it: money is never sent again because its request is gone."""
    if step.ending is not None:
        return False
    guarded = step.append or step.place.stream.object is not None
    return not guarded and step.wanted.spec.to != "main" and not step.wanted.spec.once


def _chunks(whole: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]
