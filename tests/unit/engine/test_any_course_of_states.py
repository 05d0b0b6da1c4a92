"""Any course of claims: people take cases, return, close and delete them, while everything fails and dies. What was so for longer
than its limit is acted on once, what never was so is not, and nobody's case is moved out of their hands."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from connector.engine import Engine
from connector.engine.crew import Pool
from connector.errors import Busy, Conflict, RateLimited, Transient, Unavailable
from connector.model import Record, Result, Stay, Write
from connector.stamps import stamp
from connector.store import Store
from connector.testing import FrozenClock, ScriptedAdapter
from tests.unit.engine.world import Killed, World

WAITS = """
summary: escalates what nobody has claimed in time
target: "{{ record.key }}"
once_per: "{{ record.key }}:{{ queued_since }}"
fields:
  Priority: {from: High, write: until-claimed}
  OwnerId: {ref: queue, name: Escalation, write: until-claimed}
also:
  - {id: told, to: destination.Remark, target: "{{ record.key }}", write: once, fields: {text: "waits {{ queued_since }}"}}
"""
IDLE = """
summary: gives back what nobody works on
target: "{{ record.key }}"
once_per: "{{ record.key }}:{{ claimed_since }}:{{ active_since }}"
fields:
  claimed_by: {from: "", write: until-claimed}
  OwnerId: {ref: queue, name: "{{ claimed_from or 'Orders' }}", write: until-claimed}
also:
  - id: told
    to: destination.Remark
    target: "{{ record.key }}"
    write: once
    fields: {text: "idle {{ claimed_since }}:{{ active_since }}"}
"""
LONG = """
summary: says what somebody has for long
once_per: "{{ record.key }}:{{ claimed_since }}"
also: [{id: told, to: destination.Comment, write: once, fields: {case: "{{ record.key }}", text: "long {{ claimed_since }}"}}]
"""
BESIDE = """
summary: tells two people of one another
once_per: "{{ record.key }}:{{ beside.key }}:{{ beside.since }}"
also: [{id: told, to: destination.Remark, target: "{{ record.key }}", write: once, fields: {text: "beside {{ beside.key }}"}}]
"""
MAPPINGS = {"waits": WAITS, "idle": IDLE, "long": LONG, "beside": BESIDE}
LIMITS = {"waits": 900.0, "idle": 1800.0, "long": 1200.0}
WHERE: dict[str, dict[str, Any]] = {
    "waits": {"open": True, "claimed": False, "waiting_longer_than": 900.0},
    "idle": {"open": True, "claimed": True, "idle_longer_than": 1800.0},
    "long": {"open": True, "claimed": True, "claimed_longer_than": 1200.0},
    "beside": {"open": True, "claimed": True, "claimed_beside": ("Order",)},
}
FLOWS = [("waits", "idle"), ("waits", "idle", "beside"), ("beside",), ("waits", "long", "beside"), ("idle",)]
SAVES = ["take"] * 4 + ["return", "return", "move", "close", "reopen", "reopen", "edit", "edit", "order", "comment"]
T = TypeVar("T")


class OneByOne:
    """A crew of nobody: everything is done in turn, so that a course is the same each time."""

    def submit(self, work: Callable[[], int]) -> Future[int]:
        done: Future[int] = Future()
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result is told
            done.set_exception(error)
        return done

    @contextmanager
    def pool(self, size: int, name: str) -> Iterator[Pool]:
        yield self

    def first(self, running: set[Future[int]]) -> tuple[set[Future[int]], set[Future[int]]]:
        return set(running), set()

    def ahead(self, pages: Iterator[T], name: str) -> Iterator[T]:
        yield from pages


class Desk(ScriptedAdapter):
    """Remembers every owner that a case had, and judges each of our moves in the moment in which it is made."""

    hook: Callable[[str, str], None] | None = None
    """Called before and after each call, with that and its verb."""

    def prepare(self) -> None:
        self.ours, self.wrong, self.moved = False, list[str](), set[tuple[str, str, str]]()

    def since(self, flow: str, key: str) -> str | None:
        """What its present stay is known by, if that is of the kind that this flow is about."""
        stays = self.histories["Case"][key]
        if stays[-1].person is (flow == "waits"):
            return None
        at = len(stays) - 1
        while flow == "waits" and at and stays[at].ours and not stays[at - 1].person:
            at -= 1
        began = stays[at].since
        return f"{began}:{max(began, self.activity['Case'][key])}" if flow == "idle" else began

    def is_so(self, flow: str, key: str) -> str | None:
        """The same, once it has lasted."""
        since = self.since(flow, key)
        late = stamp(self.clock.now() - timedelta(seconds=LIMITS[flow]))
        return since if since is not None and since[-len(late) :] <= late else None

    def put(self, stream: str, key: str, *, at: datetime | None = None, **fields: Any) -> Record:
        if stream == "Case":
            self._own(key, fields)
        return super().put(stream, key, at=at, **fields)

    def _own(self, key: str, fields: dict[str, Any]) -> None:
        known = self.objects["Case"].get(key)
        now, stays = stamp(self.clock.now()), self.histories["Case"].setdefault(key, [])
        if self.ours and known is not None:
            flow = "idle" if "claimed_by" in fields else "waits"
            since = self.is_so(flow, key)
            if since is None or known.fields["closed"]:
                self.wrong.append(f"{flow}: {key} was moved at {now}, when that was not so")
            self.moved.add((flow, key, since or ""))
        new = {**(known.fields if known else {}), **fields}
        name = str(new.get("claimed_by") or getattr(new["OwnerId"], "name", new["OwnerId"]))
        if not self.ours:
            self.activity["Case"][key] = now
        if not stays or stays[-1].owner != name:
            stays[-1:] = [replace(stay, until=now) for stay in stays[-1:]]
            stays.append(Stay(name, name, bool(new.get("claimed_by")), now, None, self.ours))

    def stays(self, stream: str, records: Sequence[Record]) -> dict[str, Sequence[Stay]]:
        told, found = super().stays(stream, records), dict[str, Sequence[Stay]]()
        for record in records:
            now, stays = self.owner(stream, record), told.get(record.key, ())
            if stays and stays[-1].owner == now.owner:
                found[record.key] = [*stays[:-1], replace(stays[-1], until=now.until)]
        return found

    def _commit(self, stream: str, write: Write) -> Result:
        self.ours = True
        try:
            return super()._commit(stream, write)
        finally:
            self.ours = False

    def _begin_call(self, verb: str, stream: str, count: int) -> None:
        super()._begin_call(verb, stream, count)
        if self.hook is not None:
            self.hook("before", verb)

    def _people(self, *, after: bool) -> None:
        super()._people(after=after)
        if after and self.hook is not None:
            self.hook("after", self.log[-1][0])


class Mortal:
    """A ledger whose process ends at the n-th verb from now: before it, or after."""

    def __init__(self, store: Store, count: int, when: str) -> None:
        self._store, self._count, self._when = store, count, when

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)
        if not callable(verb) or name == "hold":
            return verb

        def call(*given: Any, **named: Any) -> Any:
            self._count -= 1
            if self._count == 0 and self._when == "before":
                raise Killed
            told = verb(*given, **named)
            if self._count == 0:
                raise Killed
            return told

        return call


class Course(World):
    """Cases A to D of two orders, three people, and what was so meanwhile."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = chance = random.Random(seed)
        self.faults = chance.random() < 0.8
        super().__init__(folder, conditional=chance.choice(["exact", "exact", "1s"]))
        streams = list(self.desk.streams.values())
        there = FrozenClock(self.clock.now() + timedelta(seconds=chance.choice([0, 45, 7200, -7200])))
        self.desk = self.cases_of = Desk(there, streams, page=chance.choice([1, 2, 200]))
        self.cases_of.prepare()
        self.desk.here, self.there = self.clock, there
        self.flows.clear()
        self.names = list(chance.choice(FLOWS))
        for name in self.names:
            self.flow(name, "desk.Case", "desk.Case", MAPPINGS[name], by_state=True, where=WHERE[name], brake=None)
        self.restart()
        self.ever: set[tuple[str, str, str]] = set()
        self.must: set[tuple[str, str, str]] = set()
        self.pairs: dict[tuple[str, str], tuple[Stay, Stay]] = {}
        self.most: Counter[tuple[str, str]] = Counter()

    def engine_on(self, store: Store) -> Engine:
        made = super().engine_on(store)
        made.crew = OneByOne()
        return made

    # -- what happens --------------------------------------------------------------------------------------------------

    def passes(self, seconds: float) -> None:
        self.clock.forward(seconds=seconds)
        self.there.forward(seconds=seconds)
        self.observe()

    def saves(self) -> None:
        """A person does something with a case."""
        self.passes(0.001)
        chance, desk, key = self.random, self.cases_of, self.random.choice("ABCD")
        queue, known = chance.choice(["Returns", "Payments"]), desk.objects["Case"].get(key)
        what = "delete" if chance.random() < 0.01 else chance.choice(SAVES)
        if known is None:
            if key not in desk.histories["Case"]:
                order = chance.choice(["1301", "1301", "1302"])
                desk.put("Case", key, Id=key, OwnerId=queue, Priority="Low", Order=order, closed=False)
        elif known.fields["closed"]:
            desk.put("Case", key, closed=False)
        elif what == "take":
            desk.put("Case", key, claimed_by=chance.choice(["Ines", "Omar", "Zoe"]))
        elif what in ("return", "move") and bool(known.claimed_by) is (what == "return"):
            desk.put("Case", key, claimed_by=None, OwnerId=queue, Priority="Low")
        elif what == "order":
            desk.put("Case", key, Order=chance.choice(["1301", "1302", ""]))
        elif what == "comment":
            desk.activity["Case"][key] = stamp(self.there.now())
        elif what == "delete":
            desk.remove("Case", key)
        else:
            desk.put("Case", key, closed=what == "close", Comment=str(chance.random()))
        self.observe()

    def polls(self) -> None:
        for name in self.random.sample(self.names, len(self.names)):
            now = {one for one in self.so() if one[0] == name}
            self.tries(name)
            if not any(self.engine.health.problem(scope) for scope in ("connection:desk", f"flow:{name}")):
                self.must |= now

    def tries(self, name: str) -> None:
        self.observe()
        try:
            self.engine.run_pass(name)
        except Killed:
            self.restart()
        self.observe()

    def storm(self) -> None:
        """A pass in which something goes wrong: at any call, or at any verb of the ledger."""
        chance, desk, name = self.random, self.cases_of, self.random.choice(self.names)
        count, when = chance.randint(1, 9), chance.choice(["before", "after"])
        kind = chance.choice(["fault", "kill", "kill", "person", "person", "other", "ledger", "ledger", "lost", "row"])
        fault = chance.choice([Unavailable, Transient, None])

        def hook(then: str, verb: str) -> None:
            nonlocal count
            count -= then == when
            if then != when or count != 0:
                return
            desk.hook = None
            if kind == "kill":
                raise Killed
            if kind == "fault":
                raise RateLimited("429") if fault is None else fault("5xx", uncertain=when == "after")
            for _ in range(chance.randint(0, 2)):
                self.saves()
            if kind == "other":  # our process stands still for longer than its leases, and another one is at work
                self.passes(400)
                with suppress(Busy):
                    self.engine_on(self.store).run_pass(chance.choice(self.names))

        if kind == "ledger":
            self.engine = self.engine_on(cast("Store", Mortal(self.store, chance.randint(1, 25), when)))
        elif kind == "lost":
            lost = Transient("no answer", uncertain=True) if count % 2 else Unavailable("reset", uncertain=True)
            desk.fail("write", lost, committed=when == "after")
        elif kind == "row":
            row = Transient("row lock") if count % 2 else Conflict("changed")
            desk.fail("write", row, when=lambda write: write.target == "A")
        else:
            desk.hook = hook
        self.tries(name)
        desk.hook = None
        desk._scripts.clear()
        if kind == "ledger":
            self.restart()

    def goes_on(self) -> None:
        chance, turn = self.random, self.random.random()
        if turn < 0.45:
            self.saves()
        elif turn < 0.65:
            self.passes(chance.choice([1, 20, 60, 60, 300, 600, 900, 1200, 1800, 3600]))
        elif turn < 0.85 or not self.faults:
            self.polls()
        else:
            self.storm()
        if self.faults and chance.random() < 0.03:
            self.clock.forward(seconds=chance.choice([-3600, -120, 30, 3600]))
        if chance.random() < 0.05:
            self.restart()

    # -- what is so ----------------------------------------------------------------------------------------------------

    def so(self) -> set[tuple[str, str, str]]:
        desk = self.cases_of
        opened = [key for key, case in desk.objects["Case"].items() if not case.fields["closed"]]
        named = [(name, key) for name in self.names if name in LIMITS for key in opened]
        return {(name, key, since) for name, key in named if (since := desk.is_so(name, key)) is not None}

    def observe(self) -> None:
        """What is so at any moment may be acted on."""
        self.ever |= self.so()
        cases = {key: case for key, case in sorted(self.cases_of.objects["Case"].items()) if case.claimed_by}
        found = {}
        for one, other in combinations(cases.values(), 2):
            alike = one.fields["Order"] == other.fields["Order"] != "" and one.claimed_by != other.claimed_by
            if alike and not (one.fields["closed"] or other.fields["closed"]):
                history = self.cases_of.histories["Case"]
                found[one.key, other.key] = (history[one.key][-1], history[other.key][-1])
        self.most.update(pair for pair, stays in found.items() if self.pairs.get(pair) != stays)
        self.pairs = found

    def judge(self) -> None:
        desk, told = self.cases_of, list[tuple[str, str]]()
        assert desk.wrong == []
        for key, remarks in desk.appended["Remark"].items():
            told += [(key, fields["text"]) for _, fields in remarks]
        told += [(one.fields["case"], one.fields["text"]) for one in desk.objects["Comment"].values()]
        done = {(text.split()[0], key, text.split()[1]) for key, text in told if not text.startswith("beside")}
        assert len(done) == sum(not text.startswith("beside") for _, text in told), "said twice"
        rows = {(name, row.key): row for name in self.names for row in self.store.rows(flow=name, limit=10_000)}
        parked = [row for row in rows.values() if row.state not in ("done", "filtered")]
        assert all("is gone" in row.reason for row in parked), "deleted between look and write"
        over = {(name, *key.split(":", 1)) for (name, key), row in rows.items() if row.state != "done"}
        assert done <= self.ever, "acted on, and never so"
        assert self.must | self.so() <= done | over, "so, and never acted on"
        sure = {"waits"} if self.faults else {"waits", "idle"}  # who lost a case whose move was not answered is told
        assert {one for one in done if one[0] in sure} <= desk.moved, "said, and not done"
        met = Counter((key, text.split()[1]) for key, text in told if text.startswith("beside"))
        for pair in {*combinations("ABCD", 2)} if "beside" in self.names else ():
            for own in (pair, pair[::-1]):
                assert met[own] <= self.most[pair], "told of what never was so"
                assert met[own] or pair not in self.pairs, "never told of what is so"
        self.judge_stays()

    def judge_stays(self) -> None:
        """Who had what, as `report dwell` tells it, where flows look at whatever is open."""
        if len(self.names) < 2:
            return
        noted, truth = self.store.stays("desk.Case", "ABCD"), self.cases_of.histories["Case"]
        ended = defaultdict[str, bool](lambda: True)
        for key, case in self.cases_of.objects["Case"].items():
            ended[key] = case.fields["closed"]
            if not ended[key]:
                assert [replace(one, until=None) for one in noted[key].stays] == [
                    replace(one, until=None) for one in truth[key]
                ]
        waiting = [key for key, held in noted.items() if held.stays[-1].until is None and not held.stays[-1].person]
        assert not any(ended[key] for key in waiting), "waits for ever"
        assert all(books.balanced for books in self.store.counts())


@pytest.mark.parametrize("seed", [*range(12), 210, 677, 745, 792, 800, 916, 1153, 1214])
def test_whatever_lasts_is_acted_on_once_and_nothing_else_is(tmp_path: Path, seed: int) -> None:
    course = Course(tmp_path, seed)
    for _ in range(course.random.randint(6, 30)):
        course.goes_on()
    for seconds in (60, 60, 400, 4000, 60, 4000, 60, 400, 60):
        course.passes(seconds)
        course.polls()
    course.judge()
    course.store.close()
