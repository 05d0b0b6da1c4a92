"""`explain`: one record over all flows, found by any of its names, and told in order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from connector.cli.story import find, story, timeline
from connector.cli.values import mapped
from connector.config import Config
from connector.errors import Rejected, Transient
from tests.unit.engine.test_told import SHIPPED, TELLING, moves
from tests.unit.engine.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An order whose cancellation was tried twice and then refused, and another one that nobody touched."""
    made = World(tmp_path, answers=TELLING)
    made.desk.streams = {**made.desk.streams, "Case": replace(made.desk.streams["Case"], number="No")}
    for key in ("0001", "0002"):
        made.order(key)
    made.tick()
    made.shop.fail("write", Transient("503 busy", code="503"), times=1, when=moves)
    made.desk.put("Case", made.case_id("0001"), No="C-17", Resolution="Cancel", Decided="1", State="Closed")
    made.tick("cases-to-orders", minutes=1)
    made.shop.fail("write", SHIPPED, when=moves)
    made.tick("cases-to-orders", minutes=5)
    yield made
    made.store.close()


def config(world: World) -> Config:
    return cast(Config, SimpleNamespace(flows=world.flows))


def rows(world: World, key: str) -> list[tuple[str, str]]:
    return [(row.flow, row.key) for row in story(world.store, config(world), key)]


def test_any_name_of_a_record_tells_it_with_its_answers(world: World) -> None:
    case = world.case_id("0001")
    whole = [("orders-to-cases", "0001"), ("cases-to-orders", case)]
    our_key = next(key for key in world.desk.by_our_key("Case") if key.endswith(":0001"))
    for name in ("0001", case, "C-17", our_key, f"{our_key}:told:1"):
        assert rows(world, name) == whole, name
    assert rows(world, "0002") == [("orders-to-cases", "0002"), ("cases-to-orders", world.case_id("0002"))]
    for nobody in ("0003", "C-18", "", "c-17", "orders-to-cases::0003"):
        assert rows(world, nobody) == []


def test_a_key_that_was_cut_finds_its_record(tmp_path: Path) -> None:
    world = World(tmp_path)
    long = "x" * 300
    world.order(long)
    world.tick()
    (our_key,) = world.desk.by_our_key("Case")
    (case,) = world.desk.objects["Case"]
    world.desk.put("Case", case, Resolution="Release")
    world.tick("cases-to-orders", minutes=2)
    for name in (our_key, case, long):
        assert rows(world, name) == [("orders-to-cases", long), ("cases-to-orders", case)]
    world.store.close()


def test_everything_that_happened_stands_in_order_of_time(world: World) -> None:
    told = list(timeline(world.store, story(world.store, config(world), "C-17"), config(world)))
    case = world.case_id("0001")
    says = [line[24:] for line in told]
    assert [line[2:22] for line in told] == sorted(line[2:22] for line in told)
    assert says[0] == "orders-to-cases 0001: read for the first time"
    for expected in (
        f"orders-to-cases 0001: main sent to desk.Case {case}",
        f"cases-to-orders {case}: read for the first time",
        f"cases-to-orders {case}: main sent to shop.orders 0001",
        f"cases-to-orders {case}: cancel 1 failed, Transient failing/503: 503 busy",
        f"cases-to-orders {case}: cancel 1 failed, Rejected ONLY_FROM/completed: status is completed (field status)",
    ):
        assert expected in says
    assert says.index(f"cases-to-orders {case}: cancel 1 failed, Transient failing/503: 503 busy") < says.index(
        f"cases-to-orders {case}: cancel 1 failed, Rejected ONLY_FROM/completed: status is completed (field status)"
    )
    assert any("told 1-cancel-" in line and "sent to desk.Remark" in line for line in says)


def test_a_line_that_is_only_held_back_by_another_is_no_attempt(world: World) -> None:
    (row,) = world.store.rows(flow="cases-to-orders", key=world.case_id("0001"))
    assert {attempt.line for attempt in world.store.attempts([row.id])[row.id]} == {"cancel"}


def test_a_refusal_that_is_repeated_only_in_the_ledger_is_no_new_attempt(world: World) -> None:
    """Its telling waits, so the row comes back; the shop is not asked again."""
    (row,) = world.store.rows(flow="cases-to-orders", key=world.case_id("0001"))
    before = len(world.store.attempts([row.id])[row.id])
    world.desk.fail("write", Transient("locked"), when=lambda write: write.op == "append")
    world.shop.fail("write", Rejected("409 frozen", code="Frozen"), when=moves)
    world.store.replay(world.clock.now(), flow="cases-to-orders")
    world.tick("cases-to-orders", minutes=5)
    world.tick("cases-to-orders", minutes=5)
    tried = world.store.attempts([row.id])[row.id][before:]
    assert [(each.line, each.fault) for each in tried] == [("cancel", "Rejected"), ("told", "Transient")]


def test_values_are_worked_out_from_what_is_stored(world: World) -> None:
    (row,) = find(world.store, world.case_id("0001"), flow="cases-to-orders")
    assert [line.strip() for line in mapped(world.store, row, config(world))] == [
        "values of main:",
        "c_state  'CLOSED'",
        "values of cancel 1:",
        "status  'cancelled'",
        "only_from  'created, new'",
        "values of shown:",
        "c_decision  'Cancel'",
    ]


def test_values_of_a_record_that_is_no_longer_stored_name_the_way_to_them(world: World) -> None:
    world.store.prune(world.clock.now().replace(year=2030), delivered=0, parked=0, audit=1e9)
    (row,) = find(world.store, "0001", flow="orders-to-cases")
    (line,) = mapped(world.store, row, config(world))
    assert "its record is not stored; `connector preview orders-to-cases --key 0001`" in line
