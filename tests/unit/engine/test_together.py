"""Rows that are written one by one, or few at once: what they need before is fetched for many of them in one call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Rejected, Unavailable
from tests.unit.engine.world import World

FLOW = "returns-to-orders"
MANY = 45
"""More than one write takes (10), fewer than one look."""
FLAGS = """
summary: an order shows that something of it came back
lookups:
  order: {stream: source.orders, key: "{{ order_no }}", missing: {wait: 15m, then: park}}
target: "{{ order_no }}"
fields: {flag: "{{ order.total }}"}
"""
ORDERS = """
summary: orders that need care
fields: {Subject: "Order {{ record.key }}", Status: {from: New, write: on-create}}
"""
ANSWERS = """
summary: what was decided, with the order's own total
when: "{{ Resolution }}"
fields: {decision: "{{ Resolution }} of {{ origin.total }}"}
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, orders=ORDERS, answers=ANSWERS)
    made.flow(FLOW, "shop.returns", "shop.orders", FLAGS, brake=None, concurrency=2)
    made.restart()
    yield made
    made.store.close()


def numbers() -> list[str]:
    return [f"{number:04}" for number in range(MANY)]


def orders(world: World) -> None:
    for number in numbers():
        world.order(number, total=int(number))


def returns(world: World) -> None:
    for number in numbers():
        world.shop.put("returns", f"r{number}", order_no=number)


def flags(world: World) -> dict[str, Any]:
    return {key: record.fields.get("flag") for key, record in world.shop.objects["orders"].items()}


def looks(world: World) -> list[tuple[str, int]]:
    return [(stream, count) for verb, stream, count in world.shop.log if verb == "fetch"]


def test_lookups_of_a_page_are_one_call(world: World) -> None:
    orders(world)
    returns(world)
    assert world.tick(FLOW).done == MANY
    assert flags(world) == {number: int(number) for number in numbers()}
    assert looks(world) == [("orders", MANY)]


def test_origins_that_are_no_longer_stored_are_one_call(world: World) -> None:
    orders(world)
    world.tick()
    world.store.prune(world.clock.now() + timedelta(days=8), delivered=7 * 86400, parked=90 * 86400, audit=400 * 86400)
    for number in numbers():
        world.desk.put("Case", world.case_id(number), Resolution="Hold")
    assert world.tick("cases-to-orders").done == MANY
    assert world.shop.objects["orders"]["0007"].fields["decision"] == "Hold of 7"
    assert looks(world) == [("orders", MANY)]


def test_rows_that_come_due_are_looked_up_together_too(world: World) -> None:
    returns(world)
    assert world.tick(FLOW).waiting == MANY
    orders(world)
    before = len(looks(world))
    assert world.tick(FLOW, minutes=10).done == MANY
    assert looks(world)[before:] == [("orders", MANY)]


def test_a_look_that_fails_is_not_made_for_every_row(world: World) -> None:
    orders(world)
    returns(world)
    world.shop.fail("fetch", Unavailable("gone for lunch"))
    assert world.tick(FLOW).waiting == MANY
    assert len(looks(world)) == 1
    assert {row.attempts for row in world.store.rows(flow=FLOW, limit=MANY)} == {0}
    assert world.tick(FLOW, minutes=10).done == MANY
    assert flags(world) == {number: int(number) for number in numbers()}


def test_an_outage_in_the_middle_of_a_page_costs_no_call_for_each_row_that_is_left(world: World) -> None:
    world.flow(FLOW, "shop.returns", "shop.orders", FLAGS, brake=None, concurrency=1)
    world.restart()
    orders(world)
    returns(world)
    world.shop.fail("write", Unavailable("gone for lunch"))
    assert world.tick(FLOW).waiting == MANY
    assert world.shop.count("write") == 1
    assert {row.attempts for row in world.store.rows(flow=FLOW, limit=MANY)} == {0}
    assert world.tick(FLOW, minutes=10).done == MANY


def test_a_row_that_fails_goes_alone_and_its_neighbours_pass(world: World) -> None:
    orders(world)
    returns(world)
    world.shop.fail("write", Rejected("no flags here"), times=99, when=lambda write: write.target == "0013")
    report = world.tick(FLOW)
    assert (report.done, report.parked) == (MANY - 1, 1)
    assert looks(world) == [("orders", MANY)]


def test_a_process_that_dies_while_some_are_written_leaves_nothing_undone(world: World) -> None:
    orders(world)
    returns(world)
    world.killed_pass(FLOW)
    assert world.tick(FLOW, minutes=10).done == MANY
    assert flags(world) == {number: int(number) for number in numbers()}
