"""A backfill reads a window of time beside the flow's cursor, in a lane of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connector.engine.backfill import Backfilling, Wait
from connector.engine.report import Backfilled
from connector.errors import Misconfigured, RateLimited, Unavailable
from connector.flow import Flow
from tests.unit.engine.world import World

FLOW = "orders-to-cases"
ASKED = "30d to 1d"


def ago(world: World, **by: float) -> datetime:
    return world.clock.now() - timedelta(**by)


def old_orders(world: World, *keys: str, days: float = 10) -> None:
    """Orders that were changed long ago, a second apart."""
    for at, key in enumerate(keys):
        world.shop.put("orders", key, at=ago(world, days=days) + timedelta(seconds=at), needs_care=True, total=1)


def backfilling(world: World, *, begins: float | None = 30, ends: float = 1, flow: str = FLOW) -> Backfilling:
    """One that begins, or goes on where the last one stopped."""
    state = world.store.backfill(flow, ASKED) or world.store.begin_backfill(
        flow,
        ASKED,
        world.clock.now(),
        begins=None if begins is None else ago(world, days=begins),
        ends=ago(world, days=ends),
    )
    return Backfilling(world.engine, flow, state)


def through(world: World, one: Backfilling) -> Backfilled:
    """To its end, waiting whenever it says so."""
    for wait in one.steps():
        if wait is not None and wait.until is not None:
            world.clock.forward(seconds=(wait.until - world.clock.now()).total_seconds())
    assert all(books.balanced for books in world.store.counts()), world.store.counts()
    return one.report()


@pytest.fixture
def late(tmp_path: Path) -> World:
    """A flow that began today: what was changed before it never saw."""
    world = World(tmp_path, start=datetime.fromisoformat("2026-11-20T09:00:00Z"))
    world.shop.page = 2
    return world


def test_what_lies_in_its_window_becomes_a_case_and_the_flow_goes_on_where_it_was(late: World) -> None:
    old_orders(late, "before", days=40)
    old_orders(late, "1", "2", "3")
    old_orders(late, "after", days=0.5)
    late.tick()
    assert late.cases() == {}
    cursor = late.store.cursor(FLOW)
    done = through(late, backfilling(late))
    assert sorted(late.cases()) == ["1", "2", "3"]
    assert (done.finished, done.counts["done"], done.problem) == (True, 3, None)
    assert late.store.cursor(FLOW) == cursor
    late.order("new")
    late.tick()
    assert sorted(late.cases()) == ["1", "2", "3", "new"]


def test_it_counts_by_route(tmp_path: Path) -> None:
    mapping = """
summary: by total
routes:
  - {when: "{{ total > 5 }}", queue: Dear}
  - {queue: Cheap}
fields: {Subject: "{{ record.key }}", OwnerId: {ref: queue, name: "{{ route.queue }}"}}
"""
    world = World(tmp_path, orders=mapping)
    for key, total in (("1", 9), ("2", 1), ("3", 8)):
        world.shop.put("orders", key, at=ago(world, days=3), total=total)
    done = through(world, backfilling(world))
    assert done.routes == {"queue=Dear": 2, "queue=Cheap": 1}


def test_a_second_one_finds_nothing_to_do_and_costs_only_the_reads(late: World) -> None:
    old_orders(late, "1", "2", "3")
    through(late, backfilling(late))
    late.store.end_backfill(FLOW, ASKED, late.clock.now())
    writes = late.desk.calls()
    done = through(late, backfilling(late))
    assert (done.counts["read"], done.counts["repeated"], done.counts.get("done", 0)) == (3, 3, 0)
    assert late.desk.calls() == writes
    assert done.calls == {"shop": 2, "desk": 0}


def test_one_that_was_cut_off_goes_on_after_the_last_page_that_was_stored(late: World) -> None:
    old_orders(late, *"123456")
    steps = backfilling(late).steps()
    assert next(steps) is None
    late.restart()
    assert sorted(late.cases()) == ["1", "2"]
    kept = late.store.backfill(FLOW, ASKED)
    assert kept is not None
    assert (kept.read, kept.cursor is not None) == (2, True)
    late.clock.forward(days=3)  # its window stays the one that was asked for
    done = through(late, backfilling(late))
    assert sorted(late.cases()) == list("123456")
    assert done.counts["read"] < 6
    assert all(count == 1 for count in late.desk.created.values())


def test_a_page_and_the_cursor_behind_it_are_stored_in_one_transaction(late: World) -> None:
    """Given up in another process: what is read after that must not be lost behind a cursor that nobody keeps."""
    old_orders(late, *"1234")
    one = backfilling(late)
    steps = one.steps()
    assert next(steps) is None
    late.store.end_backfill(FLOW, ASKED, late.clock.now())
    rows = len(late.states())
    with pytest.raises(Exception, match="not under way any more; nothing of this page was stored"):
        next(steps)
    assert len(late.states()) == rows


def test_it_lets_in_whoever_waits_for_the_flow(late: World) -> None:
    old_orders(late, *"1234")
    one = backfilling(late)
    steps = one.steps()
    with late.store.hold(f"flow:{FLOW}"):
        assert next(steps) == Wait("busy")
    with late.store.hold(f"turn:{FLOW}"):
        assert next(steps) == Wait("busy")
        late.order("new")
        late.tick()  # the live pass has it
    assert "new" in late.cases()
    assert next(steps) is None
    with late.store.hold(f"flow:{FLOW}"):  # between two pages it is free
        pass
    through(late, one)
    assert set("1234") <= set(late.cases())


def test_it_obeys_the_brake_and_leaves_a_part_of_it_to_what_is_new(tmp_path: Path) -> None:
    world = World(tmp_path, start=datetime.fromisoformat("2026-11-20T09:59:00Z"), brake=4)
    world.shop.page = 2
    old_orders(world, *"123456")
    steps = backfilling(world).steps()
    wait = None
    while wait is None:
        wait = next(steps)
    assert wait.why == "brake"
    assert len(world.cases()) == 3, "three quarters of four"
    world.order("new")
    world.order("newer")
    world.tick()
    assert "new" in world.cases()
    assert len(world.cases()) == 4, "four an hour, whichever process made them"
    assert world.engine.selection(world.flows[FLOW])
    for wait in steps:
        if wait is not None and wait.until is not None:
            world.clock.forward(seconds=(wait.until - world.clock.now()).total_seconds())
            assert world.store.created(FLOW, ago(world, minutes=58)) <= 4
    world.tick(minutes=61)
    assert sorted(world.cases()) == [*"123456", "new", "newer"]


@pytest.mark.parametrize("end", ["shop", "desk"])
def test_it_waits_out_a_system_that_is_down_and_loses_nothing(late: World, end: str) -> None:
    old_orders(late, *"123456")
    adapter, verb = (late.shop, "read") if end == "shop" else (late.desk, "write")
    adapter.fail(verb, Unavailable("down"), times=3)  # type: ignore[arg-type]
    waits = []
    one = backfilling(late)
    for wait in one.steps():
        if wait is not None:
            waits.append(wait.why)
            assert wait.until is not None
            late.clock.forward(seconds=(wait.until - late.clock.now()).total_seconds())
    assert waits == ["trouble"] * 3
    assert one.report().finished
    assert sorted(late.cases()) == list("123456")
    assert all(count == 1 for count in late.desk.created.values())


def test_it_waits_as_long_as_a_system_asks_it_to(late: World) -> None:
    old_orders(late, "1")
    until = late.clock.now() + timedelta(hours=3)
    late.desk.fail("write", RateLimited("slow down", until=until))
    waits = [wait for wait in _waiting(late, backfilling(late)) if wait]
    assert [(wait.why, wait.until) for wait in waits] == [("trouble", until)]
    assert sorted(late.cases()) == ["1"]


def _waiting(world: World, one: Backfilling) -> Iterator[Wait | None]:
    for wait in one.steps():
        yield wait
        if wait is not None and wait.until is not None:
            world.clock.forward(seconds=(wait.until - world.clock.now()).total_seconds())


def test_it_gives_up_in_the_end_and_the_next_one_goes_on(late: World) -> None:
    old_orders(late, *"1234")
    late.shop.fail("read", Misconfigured("no permission", remedy="grant it"), times=9)
    done = through(late, backfilling(late))
    assert not done.finished
    assert isinstance(done.problem, Misconfigured)
    late.shop._scripts.clear()
    late.clock.forward(minutes=10)
    assert through(late, backfilling(late)).finished
    assert sorted(late.cases()) == list("1234")


def test_it_stops_when_told_to_and_what_it_took_in_is_owed(late: World) -> None:
    old_orders(late, *"123456")
    steps = backfilling(late).steps()
    assert next(steps) is None
    late.stop.set()
    assert list(steps) == []
    late.stop.clear()
    assert through(late, backfilling(late)).finished
    assert sorted(late.cases()) == list("123456")


def test_a_newer_version_that_a_live_pass_delivered_is_not_overwritten(late: World) -> None:
    old_orders(late, "1", "2", "3")
    steps = backfilling(late)
    late.shop.put("orders", "3", status="newest")
    late.tick()
    through(late, steps)
    assert late.cases()["3"]["Subject"] == "Order 3 is newest"


def test_decisions_of_long_ago_go_back_too(late: World) -> None:
    old_orders(late, "1")
    through(late, backfilling(late))
    case = late.case_id("1")
    late.desk.put("Case", case, at=ago(late, days=5), Resolution="Release", Decided="d1")
    flow: Flow = late.flows["cases-to-orders"]
    assert flow.start is None
    through(late, backfilling(late, flow="cases-to-orders"))
    assert late.notes("1") == ["Release for 1 over 1"]
