"""Any course of events: faults, lost replies, kills, people. In the end nothing is lost and nothing happened twice."""

from __future__ import annotations

import contextlib
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.errors import RateLimited, Transient, Unavailable
from connector.testing import ScriptedAdapter
from tests.unit.engine.world import Dying, Killed, World

ORDERS, ANSWERS = "orders-to-cases", "cases-to-orders"
_KEYS = st.sampled_from(["0001", "0002", "0003"])
_DECISIONS = st.sampled_from(["RELEASE", "HOLD"])
_ACTS = st.one_of(
    st.tuples(st.just("saved"), _KEYS, st.integers(0, 3)),
    st.tuples(st.sampled_from(["mended", "claimed"]), _KEYS, st.none()),
    st.tuples(st.just("decided"), _KEYS, _DECISIONS),
    st.tuples(st.just("decided"), _KEYS, _DECISIONS),
    st.tuples(st.just("waited"), st.sampled_from([0.1, 3.0]), st.none()),
)
_PASSES = st.one_of(
    st.tuples(st.just("passed"), st.sampled_from([ORDERS, ANSWERS]), st.none()),
    st.tuples(
        st.just("killed"), st.sampled_from([ORDERS, ANSWERS]), st.sampled_from(["settle", "settle", "ingest", "lease"])
    ),
    st.tuples(st.just("down"), st.sampled_from(["shop", "desk"]), st.sampled_from(["write", "read", "fetch", "check"])),
    st.tuples(st.just("limited"), st.sampled_from(["shop", "desk"]), st.sampled_from(["write", "read"])),
    st.tuples(st.sampled_from(["unclear", "reset"]), st.sampled_from(["shop", "desk"]), st.booleans()),
)
_EVENTS = st.lists(st.tuples(_ACTS, _PASSES), min_size=6, max_size=12).map(
    lambda pairs: list(chain.from_iterable(pairs))
)
"""Somebody acts, then a pass: it goes well, is killed at a verb of the ledger, or meets a fault and is made again."""


class Course:
    """A world to which things happen, and what must be true of it in the end."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.decided: dict[str, tuple[str, int]] = {}
        self.episode = 0
        for key in ("0001", "0002"):  # two cases are open already
            self.happen("saved", key, 1)
        self.happen("passed", ORDERS, None)

    def happen(self, event: str, first: Any, second: Any) -> None:
        world = self.world
        world.clock.forward(seconds=1)
        match event:
            case "saved":
                world.order(first, total=second)
            case "mended" if first in world.shop.objects["orders"]:
                world.shop.put("orders", first, needs_care=False)
            case "decided" if first in world.cases():
                self.episode += 1
                self.decided[first] = (second, self.episode)
                world.desk.put("Case", world.case_id(first), Resolution=second, Decided=str(self.episode))
            case "claimed" if first in world.cases():
                world.desk.put("Case", world.case_id(first), claimed_by="Ada", OwnerId="Ada")
            case "waited":
                world.clock.forward(minutes=first)
            case "passed":
                world.tick(first)
            case "killed":
                self._killed(first, second)
            case "down" | "limited":
                error = Unavailable("503") if event == "down" else RateLimited("429")
                self._system(first).fail(second, error)
                self._passes(first)
            case "unclear" | "reset":
                kind = Transient if event == "unclear" else Unavailable
                self._system(first).fail("write", kind("no answer", uncertain=True), committed=second)
                self._passes(first)

    def _killed(self, flow: str, verb: str) -> None:
        """The process ends when it calls this verb, if the pass comes so far."""
        self.world.engine.store = Dying(self.world.store, verb)
        with contextlib.suppress(Killed):
            self.world.engine.run_pass(flow)
        self.world.restart()

    def _passes(self, system: str) -> None:
        """The flow that writes to this system, now and when its pauses are over."""
        for minutes in (0.0, 1.5):
            self.world.tick(ANSWERS if system == "shop" else ORDERS, minutes=minutes)

    def _system(self, name: str) -> ScriptedAdapter:
        return self.world.shop if name == "shop" else self.world.desk

    def calm(self) -> None:
        """All systems are well again, and time passes."""
        self.world.shop._scripts.clear()
        self.world.desk._scripts.clear()
        for _ in range(8):
            self.world.tick(ORDERS, minutes=20)
            self.world.tick(ANSWERS, minutes=20)

    def judge(self) -> None:
        world = self.world
        assert set(world.states(ORDERS).values()) <= {"done", "filtered"}
        assert set(world.states(ANSWERS).values()) <= {"done", "filtered"}
        assert all(times == 1 for times in world.desk.created.values()), world.desk.created
        for key, order in world.shop.objects["orders"].items():
            if order.fields["needs_care"]:
                assert world.cases()[key]["Total"] == order.fields["total"], "the newest version is there"
        for key, (resolution, episode) in self.decided.items():
            assert world.shop.objects["orders"][key].fields["c_decision"] == resolution
            notes = [our_key for our_key, _ in world.shop.appended["orders.notes"][key]]
            assert len(notes) == len(set(notes)), "a note was posted twice"
            assert any(our_key.endswith(f"decided-{episode}") for our_key in notes), "a note was lost"


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(_EVENTS)
def test_nothing_is_lost_and_nothing_happens_twice(events: list[tuple[str, Any, Any]]) -> None:
    with TemporaryDirectory() as folder:
        course = Course(Path(folder))
        try:
            for event in events:
                course.happen(*event)
            course.calm()
            course.judge()
        finally:
            course.world.store.close()
