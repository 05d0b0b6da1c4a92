"""Any course of documents: they come, go and change, their hosts fail, agents delete them, processes die or are stopped for
longer than their lease. In the end each that can be had is there once with its case, whatever became of others."""

from __future__ import annotations

import contextlib
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.adapter import Stream
from connector.errors import RateLimited, Rejected, RemoteError, Transient, Unavailable
from connector.model import File, Write
from connector.retry import Policy
from tests.unit.engine.world import Dying, Killed, World

FLOW = "orders-to-cases"
CLAIMS = """
summary: a claim with its documents, and papers that stand in records of their own
lookups:
  papers: {stream: source.returns, keys: "{{ paper_nos }}", missing: {wait: 15m, then: "null"}, watch: true}
fields: {Subject: "Claim {{ record.key }}", Papers: "{{ papers | length }}"}
also:
  - id: files
    to: destination.Upload
    for: "{{ documents }}"
    key: "{{ this.id }}"
    write: once
    fields:
      Title: "{{ this.id }}"
      Parent: "{{ main.id }}"
      Data: {file: "{{ this.url }}", types: [application/pdf], largest: 10MB}
  - id: papers
    to: destination.Upload
    for: "{{ papers }}"
    key: "{{ this.no }}"
    write: on-create
    fields:
      Title: "{{ this.no }}"
      Parent: "{{ main.id }}"
      Data: {file: "{{ this.url }}", types: [application/pdf], largest: 10MB}
"""
UPLOAD = Stream(
    "Upload",
    "Id",
    writes=frozenset({"create"}),
    batch=1,
    create="exclusive",
    files=frozenset({"Data"}),
    settle_after=120,
)
BAD: dict[str, RemoteError] = {
    "missing": Rejected("media.example answered 404: the file cannot be had", field="Data", code="FILE/MISSING"),
    "silent": Transient("desk: a file at media.example: no answer in time", code="FETCH"),
}
_CLAIMS, _NAMES = st.sampled_from(["0001", "0002"]), st.sampled_from("abc")
_PAPERS = st.sampled_from(["p1", "p2"])
_ACTS = st.one_of(
    st.tuples(st.just("documents"), _CLAIMS, st.frozensets(_NAMES, max_size=3)),
    st.tuples(st.just("documents"), _CLAIMS, st.frozensets(_NAMES, max_size=3)),
    st.tuples(st.just("names papers"), _CLAIMS, st.frozensets(_PAPERS, max_size=2)),
    st.tuples(st.just("moved"), _CLAIMS, _NAMES),
    st.tuples(st.just("host"), st.tuples(_CLAIMS, _NAMES), st.sampled_from(["", "missing", "silent"])),
    st.tuples(st.just("paper"), _PAPERS, st.sampled_from(["1", "2", None])),
    st.tuples(st.just("deleted"), st.integers(0, 5), st.none()),
    st.tuples(st.just("waited"), st.sampled_from([0.1, 3.0, 16.0]), st.none()),
)
_CALLS = st.integers(1, 9)
_PASSES = st.one_of(
    st.tuples(st.just("passed"), st.none(), st.none()),
    st.tuples(st.just("killed"), st.sampled_from(["settle", "settle", "ingest", "lease", "wake"]), st.none()),
    st.tuples(st.just("killed in a call"), _CALLS, st.booleans()),
    st.tuples(st.just("stopped in a call"), _CALLS, st.booleans()),
    st.tuples(st.sampled_from(["unclear", "reset"]), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("down"), st.sampled_from(["write", "fetch", "check"]), st.none()),
    st.tuples(st.sampled_from(["full", "refused"]), st.integers(0, 2), st.none()),
)
_EVENTS = st.lists(st.tuples(_ACTS, _PASSES), min_size=4, max_size=12).map(
    lambda pairs: list(chain.from_iterable(pairs))
)
Key = tuple[str, str, str]
"""Of a file: its claim, its line, its own key."""


class Course:
    """Claims with documents, and what must be true of them in the end."""

    def __init__(self, folder: Path) -> None:
        self.world = world = World(folder, orders=CLAIMS)
        world.desk.streams = {**world.desk.streams, "Upload": UPLOAD}
        world.policy = Policy(attempts=4)
        world.restart()
        self.hosts: dict[str, str] = {}
        """By URL what is wrong with it."""
        self.urls: dict[Key, list[str]] = {}
        """All that a file was ever said to be at."""
        self.named: dict[str, frozenset[str]] = {"0001": frozenset(), "0002": frozenset()}
        self.deleted: set[str] = set()
        self.removed: set[str] = set()
        self.versions = 0
        self._hosts_fail()
        for key, papers in (("0001", {"p1", "p2"}), ("0002", {"p2"})):
            self.happen("documents", key, frozenset("ab"))
            self.happen("names papers", key, frozenset(papers))
        for minutes in (0.0, 16.0):  # their papers are not there, and no longer waited for
            world.tick(minutes=minutes)

    def _hosts_fail(self) -> None:
        for kind, error in BAD.items():
            self.world.desk.fail("write", error, times=10**9, when=partial(self._is, kind))

    def _is(self, kind: str, write: Write) -> bool:
        return self._bad(write) == kind

    def _bad(self, write: Write) -> str:
        """What is wrong with the host of a file; one that may be there already is looked for before it is fetched."""
        file = write.fields.get("Data")
        if not isinstance(file, File) or (write.uncertain and write.key in self.world.desk.by_our_key("Upload")):
            return ""
        return self.hosts.get(file.source, "")

    # -- what happens --------------------------------------------------------------------------------------------------

    def happen(self, event: str, first: Any, second: Any) -> None:
        world = self.world
        world.clock.forward(seconds=1)
        match event:
            case "documents":
                self._documents(first, second)
            case "moved":
                self.versions += 1
                said = self.urls.setdefault((first, "files", second), [])
                said.append(f"https://media.example/{first}/{second}/{self.versions}?sig=hunter2")
                self._documents(first, self._held(first))
            case "host":
                for url in self.urls.get((first[0], "files", first[1]), ()):
                    self.hosts[url] = second
            case "names papers":
                world.order(first, documents=self._listed(first), paper_nos=sorted(second))
                self.named[first] = second
            case "paper" if second is None and first in world.shop.objects["returns"]:
                self.removed.add(first)
                world.shop.remove("returns", first)
            case "paper" if second is not None:
                world.shop.put("returns", first, no=first, url=f"https://papers.example/{first}/{second}?sig=hunter2")
            case "deleted":
                there = sorted(world.desk.objects["Upload"])
                if there:
                    one = there[first % len(there)]
                    self.deleted.add(world.desk.objects["Upload"][one].our_key or "")
                    world.desk.remove("Upload", one)
            case "waited":
                world.clock.forward(minutes=first)
            case "passed":
                world.tick()
            case _:
                self._fault(event, first, second)

    def _documents(self, claim: str, names: frozenset[str]) -> None:
        for name in names:
            self.urls.setdefault((claim, "files", name), [f"https://media.example/{claim}/{name}/0?sig=hunter2"])
        listed = [{"id": name, "url": self.urls[claim, "files", name][-1]} for name in sorted(names)]
        self.world.order(claim, documents=listed, paper_nos=sorted(self.named[claim]))

    def _listed(self, claim: str) -> list[dict[str, str]]:
        listed: list[dict[str, str]] = self.world.shop.objects["orders"][claim].fields["documents"]
        return listed

    def _held(self, claim: str) -> frozenset[str]:
        return frozenset(each["id"] for each in self._listed(claim))

    def _fault(self, event: str, first: Any, second: Any) -> None:
        world = self.world
        match event:
            case "killed":
                world.engine.store = Dying(world.store, first)
                self._dies()
            case "killed in a call":
                world.desk.meanwhile(_end, call=first, after=second)
                self._dies()
            case "stopped in a call":
                world.desk.meanwhile(self._stands_still, call=first, after=second)
                world.tick()
            case "unclear" | "reset":
                kind = Transient if event == "unclear" else Unavailable
                error = kind("no answer in time", uncertain=True)
                self._in_write(first, lambda: world.desk.fail("write", error, committed=second))
            case "down":
                world.desk.fail(first, Unavailable("503"))
                world.tick()
            case "full":
                until = world.clock.now()
                self._in_write(first, lambda: world.desk.fail("write", RateLimited("storage is full", until=until)))
            case "refused":
                fault = Rejected("refused", code="413")
                upload = lambda write: "Data" in write.fields  # noqa: E731
                self._in_write(first, lambda: world.desk.fail("write", fault, when=upload))
        world.desk._meanwhile.clear()
        world.desk._during.clear()

    def _in_write(self, after: int, act: Any) -> None:
        """A pass in which something begins with the write after so many."""
        if not after:
            act()
        for place in range(after):
            self.world.desk.during(lambda *_, last=place == after - 1: act() if last else None)
        self.world.tick()

    def _stands_still(self) -> None:
        """For longer than its lease."""
        self.world.clock.forward(minutes=10)

    def _dies(self) -> None:
        with contextlib.suppress(Killed):
            self.world.engine.run_pass(FLOW)
        self.world.restart()

    # -- the end -------------------------------------------------------------------------------------------------------

    def calm(self) -> None:
        """All is well again but the hosts of some files; time passes, and what was parked is tried once more."""
        world = self.world
        world.desk._scripts.clear()
        self._hosts_fail()
        for _ in range(3):
            for _ in range(5):  # until what a host keeps waiting parks too
                world.tick(minutes=20)
            world.store.replay(world.clock.now())
        world.tick(minutes=20)

    def judge(self) -> None:
        world = self.world
        assert all(times == 1 for times in world.desk.created.values()), world.desk.created
        held = world.desk.by_our_key("Upload")
        states = world.states()
        for claim in self.named:
            case, well = world.case_id(claim), True
            for name in self._held(claim):
                urls = self.urls[claim, "files", name]
                key = next((key for key in held if key.endswith(f":{claim}:files:{name}")), "")
                gone = any(one.endswith(f":{claim}:files:{name}") for one in self.deleted)
                well = well and len(urls) == 1 and not self.hosts.get(urls[-1]) and not gone
                if key:
                    assert held[key].fields["Parent"] == case
                    assert held[key].fields["Data"].source in urls
                else:
                    assert gone or self.hosts.get(urls[-1]), f"{claim} has lost {name}"
            for no in self.named[claim] & world.shop.objects["returns"].keys():
                key = next((key for key in held if key.endswith(f":{claim}:papers:{no}")), "")
                gone = any(one.endswith(f":{claim}:papers:{no}") for one in self.deleted)
                assert key or gone, f"{claim} has lost {no}"
                well = well and not gone
            there = self.named[claim] & world.shop.objects["returns"].keys()
            if not self.removed & self.named[claim]:  # that something is no longer there, no stream shows
                assert world.cases()[claim]["Papers"] == len(there), "a paper came unseen"
            assert states[claim] in (("done",) if well else ("done", "parked", "pending")), (claim, states)
        for row in world.store.rows(flow=FLOW, limit=100):
            told = f"{row.reason} {row.remedy} {[(line.reason, line.remedy) for line in row.lines]}"
            assert "hunter2" not in told + repr(world.told)
            assert row.state == "done" or row.reason, "it is told why"


def _end() -> None:
    raise Killed


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(_EVENTS)
def test_each_file_that_can_be_had_is_there_once_whatever_becomes_of_others(events: list[tuple[str, Any, Any]]) -> None:
    with TemporaryDirectory() as folder:
        course = Course(Path(folder))
        try:
            for event in events:
                course.happen(*event)
            course.calm()
            course.judge()
        finally:
            course.world.store.close()
