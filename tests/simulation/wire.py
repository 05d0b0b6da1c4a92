"""A process's way to a remote system: satisfies connector.adapter.Adapter, and everything that goes wrong on the way.

A request, once it has left, takes effect or not whatever becomes of whoever sent it: its effect is an event of the world.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel

from connector.adapter import Stream
from connector.errors import (
    AuthFailed,
    Misconfigured,
    RateLimited,
    RemoteError,
    Transient,
    Unavailable,
)
from connector.model import Cursor, Page, Record, Report, Result, Select, StreamUse, Write
from connector.stamps import parse, stamp
from tests.simulation.commits import Commits
from tests.simulation.course import SETTLE_AFTER, Fault
from tests.simulation.systems import EPOCH, US, Thing, claimed

if TYPE_CHECKING:
    from tests.simulation.process import Process

DEADLINE = 10.0
LONGEST = 20.0
MARGIN = 5.0
_NEVER = "9999"


class Nothing(BaseModel):
    """A simulated system needs no settings."""


class _Reply:
    """Of one request. `value` once it took effect, `here` once it has been read."""

    value: Any = None
    error: Exception | None = None
    here = False


class Wire:
    """One process and one system."""

    Settings: ClassVar[type[BaseModel]] = Nothing

    def __init__(self, process: Process, name: str, streams: Sequence[Stream]) -> None:
        self.process, self.world = process, process.world
        self.system = self.world.systems[name]
        self.streams: Mapping[str, Stream] = {stream.name: stream for stream in streams}
        self._commits = Commits(self.world, self.system, self.streams, process.name)
        self._calls = 0
        plain = [f"{stream.name}.create" for stream in streams if stream.create == "plain"]
        self._taken_twice = (".append", *plain)

    # -- one request -----------------------------------------------------------------------------------------------------

    def _call(
        self, verb: str, effect: Callable[[float, str], Any], *, writing: bool = False, until: datetime | None = None,
        sent_for: Sequence[Write] = (),
    ) -> Any:  # fmt: skip
        """`effect` is given when the request left and which fault it met. `sent_for`: writes that need the answer. Raises what
        its sender sees."""
        world, scheduler = self.world, self.world.scheduler
        place = f"{self.system.name}.{verb}"
        limit = 0.8 * SETTLE_AFTER[self.system.name] - DEADLINE
        kind_of = "write" if writing else "read"
        names = (place, f"{self.system.name} {kind_of}", kind_of)
        self.process.step(f"{place} before", limit=limit, names=[f"{name} before" for name in names])
        if until is not None and world.time() + timedelta(seconds=self.process.skew) > until:
            world.tell(self.process.name, f"{place} is not sent: its time is over")
            raise Unavailable(f"{place}: the call's time was over before anything was sent")
        self._calls += 1
        world.history.counts[f"calls {self.system.name}"] += 1
        fault, sent = world.fault(*names), scheduler.now
        if fault is not None and fault.kind == "doubled" and verb.endswith(self._taken_twice):
            fault = replace(fault, kind="lost")  # what a system takes twice is there twice, whoever sent it
        there, back = world.latency(self.system.name), world.latency(self.system.name)
        kind = fault.kind if fault else world.outage(self.system.name) or ""
        if kind in ("down", "limited", "auth", "misconfigured") or (kind == "unclear" and not writing):
            world.tell(self.process.name, f"{place} fails", kind=kind)
            scheduler.sleep(there + back)
            self.process.step(f"{place} after", limit=limit, names=[f"{name} after" for name in names])
            raise self._refusal(kind, place, sent_for)
        reply = _Reply()

        def act() -> None:
            try:
                reply.value = effect(sent, kind)
            except RemoteError as error:
                reply.error = error

        lost = self._schedule(fault, act, reply, there, back)
        scheduler.wait(lambda: reply.here, DEADLINE)
        self.process.step(f"{place} after", limit=limit, names=[f"{name} after" for name in names])
        if lost or not reply.here:
            world.tell(self.process.name, f"{place} got no answer", kind=kind)
            raise self._no_answer(place, fault, sent_for)
        if reply.error is not None:
            raise reply.error
        return reply.value

    def _schedule(self, fault: Fault | None, act: Callable[[], None], reply: _Reply, there: float, back: float) -> bool:
        """When the request takes effect and its answer comes; whether no answer will."""
        world, scheduler = self.world, self.world.scheduler
        kind, x = (fault.kind, fault.x) if fault else ("", 0.0)
        if kind == "never":
            return True
        if kind == "late":
            rest = SETTLE_AFTER[self.system.name] * 0.95 - DEADLINE
            there = DEADLINE + x * rest
            world.late_until = max(world.late_until, scheduler.now + there)
        if kind == "slow":
            there = 0.8 * DEADLINE
        scheduler.at(scheduler.now + there, act)
        if kind == "doubled":
            world.lost += 1
            scheduler.at(scheduler.now + there + back, act)
            there += back
        if kind in ("lost", "late"):
            return True

        def arrive() -> None:
            reply.here = True

        scheduler.at(scheduler.now + there + back, arrive)
        return False

    def _refusal(self, kind: str, place: str, sent_for: Sequence[Write]) -> RemoteError:
        self.world.history.counts[f"refused {kind}"] += 1
        if kind == "limited":
            until = self.world.time() + timedelta(seconds=self.process.skew + 20)
            return RateLimited(f"{place}: 429", code="429", until=until if self._calls % 2 else None)
        if kind == "auth":
            return AuthFailed(f"{place}: 401", code="401")
        if kind == "misconfigured":
            return Misconfigured(f"{place}: 403", code="403", remedy="give the permission")
        if kind == "unclear":
            self.world.record_faults |= {write.key for write in sent_for}
            return Transient(f"{place}: 500", code="500")
        return Unavailable(f"{place}: 503", code="503")

    def _no_answer(self, place: str, fault: Fault | None, sent_for: Sequence[Write]) -> RemoteError:
        self.world.lost += 1
        self.world.record_faults |= {write.key for write in sent_for}
        if fault is not None and fault.x > 0.5:
            return Unavailable(f"{place}: reset", code="reset", uncertain=True)
        return Transient(f"{place}: no answer", code="timeout", uncertain=True)

    # -- verbs -----------------------------------------------------------------------------------------------------------

    def check(self, uses: Sequence[StreamUse] = ()) -> Report:
        self._call("check", lambda sent, kind: None)
        return Report({"system": self.system.name})

    def read(
        self, stream: str, since: Cursor | datetime | None, *, select: Select, overlap: float = 60.0
    ) -> Iterator[Page]:
        place, begin, bound = ("", ""), _since(since, overlap), _NEVER
        while True:

            def effect(
                sent: float, kind: str, after: tuple[str, str] = place, bound: str = bound
            ) -> tuple[Page, bool, bool]:
                page, more = self._page(stream, begin, after, select, bound)
                if kind == "in page twice":  # the set moved while it was read
                    page = replace(page, records=[*page.records, *page.records[:1]])
                return page, more, kind == "again"

            page, more, repeat = self._call(f"{stream}.read", effect)
            if page.records:
                place = max((record.stamp or "", record.key) for record in page.records)
            if place[0] > _cap(page.read_at, overlap):  # what commits later behind this page, no later page shows
                bound = min(bound, _cap(page.read_at))
            yield page
            if repeat:
                yield page
            if not more:
                return

    def _page(self, stream: str, begin: str, after: tuple[str, str], select: Select, bound: str) -> tuple[Page, bool]:
        found = sorted(
            (record.stamp or "", record.key, record)
            for record in (self._record(stream, thing) for thing in self._listed(stream))
            if (record.stamp or "") >= begin and (record.stamp or "", record.key) > after and _wanted(record, select)
        )
        here = [record for _, _, record in found[: self.world.plan.settings["page"]]]
        now = self.system.clock()
        cursor = json.dumps(min(here[-1].stamp or "", _cap(now), bound)) if here else None
        shown = [_narrowed(record, select) for record in here]
        self.world.listed(self.system.name, stream, here, cursor)
        return Page(shown, cursor, now, len(found)), len(found) > len(here)

    def _listed(self, stream: str) -> list[Thing]:
        return self.system.in_index(stream) if self.system.name == "shop" else list(self.system.all(stream).values())

    def fetch(
        self, stream: str, keys: Sequence[str], *, by: Literal["key", "our_key"] = "key", select: Select
    ) -> Mapping[str, Record]:
        assert len(keys) <= self.streams[stream].fetch_batch, "the engine keeps to the stream's batch"
        return self._call(f"{stream}.fetch", lambda sent, kind: self._found(stream, keys, by, select))  # type: ignore[no-any-return]

    def _found(self, stream: str, keys: Sequence[str], by: str, select: Select) -> dict[str, Record]:
        indexed = by == "our_key" and self.streams[stream].fetch == "indexed"
        things = self.system.in_index(stream) if indexed else list(self.system.all(stream).values())
        held = {thing.key if by == "our_key" else thing.id: thing for thing in things}
        found = {}
        if by == "key":  # what a person deleted a moment ago is shown no more to whoever was told that it stands
            deleted = {thing.id for thing in self.system.bin}
            self.world.object_faults |= {(f"{self.system.name}.{stream}", key) for key in keys if key in deleted}
        for key in keys:
            if key in held:
                thing = held[key]
                self._commits.saw(stream, thing)
                guard = self._guard(stream, thing)
                if guard is None and self.streams[stream].conditional != "none":
                    self.world.object_faults.add((f"{self.system.name}.{stream}", thing.id))
                record = _narrowed(self._record(stream, thing), select)
                found[key] = Record(
                    record.key, record.fields, record.stamp, record.site, record.our_key, record.claimed_by,
                    record.own, record.deleted, guard,
                )  # fmt: skip
        return found

    def _guard(self, stream: str, thing: Thing) -> str | None:
        """By whole seconds: a thing that was saved in the second of our look has none."""
        if self.streams[stream].conditional != "1s" or int(thing.saved) >= int(self.system.now()):
            return None
        return str(int(thing.saved))

    def _record(self, stream: str, thing: Thing) -> Record:
        at = thing.stamp + self.system.skew
        if self.world.whole_seconds or self.system.name == "desk":
            at = float(int(at))
        key, own, site = thing.key, False, "RefArch" if self.system.name == "shop" else ""
        if stream == "CaseComment":
            parent = self.system.all("Case").get(thing.parent or "")
            key, own = parent.key if parent else None, thing.by == US and thing.mark is not None
        names = {"orders": "order_no"}
        fields = {**thing.fields, names.get(stream, "Id" if self.system.name == "desk" else "id"): thing.id}
        return Record(
            thing.id, fields, stamp(EPOCH + timedelta(seconds=at)), site, key,
            claimed(thing) if self.streams[stream].claims else None, own,
        )  # fmt: skip

    def write(self, stream: str, batch: Sequence[Write]) -> Sequence[Result]:
        facts = self.streams[stream]
        assert len({write.op for write in batch}) == 1, "a batch is of one kind"
        assert 0 < len(batch) <= facts.batch, "the engine keeps to the stream's batch"
        assert batch[0].op in facts.writes, f"{stream} takes no {batch[0].op}"
        self.world.before_writing(self.process, stream, batch)
        if batch[0].op == "append":
            return self._append(stream, batch)
        if facts.conditions:
            return [self._guarded(stream, write) for write in batch]
        return self._rows(f"{stream}.{batch[0].op}", stream, batch)

    def _rows(self, verb: str, stream: str, batch: Sequence[Write]) -> list[Result]:
        """One call for all of them; single rows may be locked, or left unclear."""

        def effect(sent: float, kind: str) -> list[Result]:
            self._commits.refuse_chunk(stream, batch)
            results = []
            for at, write in enumerate(batch):
                if kind == "locked" and at == 0:
                    self.world.record_faults.add(write.key)
                    results.append(Result(write.target, Transient(f"{stream}: row locked", code="locked")))
                    continue
                result = self._commits.commit(stream, write, sent)
                if kind == "part unclear" and at == 0:
                    self.world.lost += 1
                    self.world.record_faults.add(write.key)
                    result = Result(write.target, Transient(f"{stream}: 500", code="500", uncertain=True))
                results.append(result)
            return results

        return self._call(verb, effect, writing=True, until=batch[0].until, sent_for=batch)  # type: ignore[no-any-return]

    def _append(self, stream: str, batch: Sequence[Write]) -> list[Result]:
        """Look for our markers, but on objects made a moment ago; then append what is missing, in one call."""
        looking = [write for write in batch if not write.fresh]
        standing: set[tuple[str | None, str]] = set()
        if looking:
            standing = self._call(
                f"{stream}.look", lambda sent, kind: self._commits.standing(stream, looking), until=batch[0].until,
                sent_for=batch,
            )  # fmt: skip
        new = [write for write in batch if (write.target, write.key) not in standing]
        sent = iter(self._rows(f"{stream}.append", stream, new) if new else ())
        return [next(sent) if write in new else Result(write.key, existed=True) for write in batch]

    def _guarded(self, stream: str, write: Write) -> Result:
        """The object is read directly before; nothing is sent that is there already, or that may not follow."""
        decided = self._call(
            f"{stream}.look",
            lambda sent, kind: self._commits.look_at(stream, write),
            until=write.until,
            sent_for=[write],
        )
        if decided is not None:
            return decided  # type: ignore[no-any-return]
        [result] = self._rows(f"{stream}.put", stream, [write])
        return result

    def calls(self) -> int:
        return self._calls

    def longest_call(self) -> float:
        return LONGEST

    def close(self) -> None:
        """Nothing is held."""


def _since(since: Cursor | datetime | None, overlap: float) -> str:
    if since is None:
        return ""
    at = parse(json.loads(since)) if isinstance(since, str) else since
    return stamp(at - timedelta(seconds=overlap))


def _wanted(record: Record, select: Select) -> bool:
    return select.key_prefix is None or (record.our_key or "").startswith(select.key_prefix)


def _narrowed(record: Record, select: Select) -> Record:
    if select.keys_only:
        fields: dict[str, Any] = {}
    elif select.fields:
        fields = {name: record.fields[name] for name in select.fields if record.fields.get(name) is not None}
    else:
        fields = dict(record.fields)
    return Record(
        record.key, fields, record.stamp, record.site, record.our_key, record.claimed_by, record.own, record.deleted
    )


def _cap(read_at: datetime, overlap: float = 0.0) -> str:
    return stamp(read_at - timedelta(seconds=MARGIN + overlap))
