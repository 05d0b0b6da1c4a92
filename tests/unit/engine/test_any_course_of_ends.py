"""Any course of recalls, and of lines that come and go: kills at every verb, lost replies, outages. In the end everything stands
as people left it, and nothing that should be gone is left."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connector.errors import Transient, Unavailable
from connector.testing import ScriptedAdapter
from tests.unit.engine.test_gone import CHOICE, Changes
from tests.unit.engine.test_undo import FLOW, Recalls
from tests.unit.engine.world import Dying, Killed, World

ORDERS = "orders-to-cases"
_VERBS = st.sampled_from(["hold_fields", "found", "holders", "intend", "settle", "settle", "ingest", "lease"])
_PASS = st.one_of(
    st.tuples(st.just("passed"), st.none()),
    st.tuples(st.just("killed"), _VERBS),
    st.tuples(st.just("unclear"), st.booleans()),
    st.tuples(st.just("down"), st.sampled_from(["write", "fetch"])),
)
_RECALL = st.one_of(
    st.tuples(st.just("recall"), st.sampled_from(["C1", "C2", "C3"]), st.sampled_from(["P1", "P2", "P1;P2", ""])),
    st.tuples(st.just("lift"), st.sampled_from(["C1", "C2", "C3"]), st.none()),
    st.tuples(st.just("saved"), st.sampled_from(["P1", "P2"]), st.booleans()),
    st.tuples(st.just("waited"), st.sampled_from([1.0, 3.0]), st.none()),
)
_LINES = st.one_of(
    st.tuples(st.just("lines"), st.frozensets(st.sampled_from("abc")), st.integers(1, 3)),
    st.tuples(st.just("ordered"), st.sampled_from("abc"), st.none()),
    st.tuples(st.just("waited"), st.sampled_from([1.0, 3.0]), st.none()),
)


def passed(world: World, flow: str, system: ScriptedAdapter, event: str, how: Any) -> None:
    """One pass that goes well, meets a fault, or ends with its process."""
    world.clock.forward(seconds=1)
    match event:
        case "killed":
            world.engine.store = Dying(world.store, how)
            with contextlib.suppress(Killed):
                world.engine.run_pass(flow)
            world.restart()
            return
        case "unclear":
            system.fail("write", Transient("no answer", uncertain=True), committed=how)
        case "down":
            system.fail(how, Unavailable("503"))
    world.tick(flow)


def run(build: Callable[[Path], Any]) -> None:
    with TemporaryDirectory() as folder:
        build(Path(folder))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(_RECALL, _PASS), min_size=4, max_size=12))
@example(
    [
        (("recall", "C3", "P1;P2"), ("passed", None)),
        (("saved", "P1", False), ("down", "write")),
        (("recall", "C2", "P1"), ("unclear", False)),
        (("lift", "C1", None), ("killed", "ingest")),
        (("recall", "C3", ""), ("passed", None)),
    ]
).via("one that ends while another, which has not written yet, goes on")
def test_every_product_is_as_people_left_it_once_all_recalls_are_lifted(events: list[tuple[Any, Any]]) -> None:
    def course(folder: Path) -> None:
        world = Recalls(folder)
        left = {"P1": (True, None), "P2": (False, "sold out")}
        open_: set[str] = set()
        for at, ((act, first, second), (event, how)) in enumerate(events):
            match act:
                case "recall":
                    world.recall(first, Products=second, Lifted=False)
                    open_.add(first)
                case "lift" if first in open_:
                    world.lift(first)
                case "saved" if not world.held() and "pending" not in world.states(FLOW).values():
                    left[first] = (second, f"note {at}")
                    world.shop.put("orders", first, online=second, notice=f"note {at}")
                case "waited":
                    world.clock.forward(minutes=first)
            passed(world, FLOW, world.shop, event, how)
        world.shop._scripts.clear()
        for key in sorted(open_):
            world.lift(key)
        for _ in range(8):
            world.tick(FLOW, minutes=10)
        try:
            assert {key: world.product(key) for key in left} == left
            assert world.held() == 0
            assert set(world.states(FLOW).values()) <= {"done", "filtered"}
        finally:
            world.store.close()

    run(course)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(_LINES, _PASS), min_size=4, max_size=10), st.sampled_from(["Part", "Slip"]), st.booleans())
@example(
    [
        (("lines", frozenset("a"), 1), ("passed", None)),
        (("lines", frozenset(), 1), ("unclear", True)),
        (("waited", 1.0, None), ("passed", None)),
        (("lines", frozenset("a"), 1), ("unclear", True)),
    ],
    "Part",
    False,
).via("one that comes back after its deletion, and both answers are lost")
@example(
    [
        (("lines", frozenset("a"), 1), ("passed", None)),
        (("lines", frozenset(), 1), ("killed", "settle")),
        (("ordered", "a", None), ("passed", None)),
        (("lines", frozenset("a"), 1), ("passed", None)),
    ],
    "Part",
    False,
).via("one that comes back after a process deleted it and died")
def test_there_is_one_object_for_each_line_and_none_that_is_gone(
    events: list[tuple[Any, Any]], stream: str, choosing: bool
) -> None:
    def course(folder: Path) -> None:
        world = Changes(folder, gone=CHOICE if choosing else "delete", stream=stream)
        wanted: frozenset[str] = frozenset()
        ordered: set[str] = set()
        for (act, first, second), (event, how) in events:
            match act:
                case "lines":
                    wanted = first
                    world.change(*sorted(first), qty=second)
                case "ordered" if choosing and first in world.parts():
                    world.desk.put(stream, world.part(first), State="Ordered")
                    ordered.add(first)
                case "waited":
                    world.clock.forward(minutes=first)
            passed(world, ORDERS, world.desk, event, how)
        world.desk._scripts.clear()
        for _ in range(8):
            world.tick(minutes=20)
        try:
            parts = world.parts()
            assert wanted <= set(parts)
            assert set(parts) - wanted <= ordered, "a draft that is gone was left"
            assert len(world.desk.by_our_key(stream)) == len(world.desk.objects[stream]), "two objects under one key"
            assert set(world.states().values()) <= {"done", "filtered"}
        finally:
            world.store.close()

    run(course)
