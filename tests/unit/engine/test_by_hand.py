"""Hard case (f): a case that an agent opened by hand, with an order number and no key of ours, gets its order's context."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.errors import Transient
from tests.unit.engine.world import World

CONTEXT = """
summary: (f)
when: "{{ Order_No__c and not Commerce_Key__c }}"
target: "{{ record.key }}"
lookups: {order: {stream: shop.orders, key: "{{ Order_No__c }}", missing: {wait: 1h, then: skip}, watch: true}}
fields: {Order_Total__c: "{{ order.order_total }}", Payment_Status__c: "{{ order.payment_status }}"}
"""
FLOW = "context"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.flow(FLOW, "desk.Case", "desk.Case", CONTEXT, brake=None)
    made.restart()
    made.shop.put("orders", "1", order_total=10.5, payment_status="not_paid", needs_care=False)
    yield made
    made.store.close()


def case(world: World, key: str = "500A") -> dict[str, object]:
    return world.desk.objects["Case"][key].fields


def opened(world: World, number: str | None = "1") -> None:
    world.desk.put("Case", "500A", Order_No__c=number)


def test_it_gets_the_order_and_its_own_echo_ends_there(world: World) -> None:
    opened(world)
    world.tick(FLOW, minutes=1)
    assert (case(world)["Order_Total__c"], case(world)["Payment_Status__c"]) == (10.5, "not_paid")
    for _ in range(5):
        world.tick(FLOW, minutes=1)
    assert world.desk.count("write") == 1
    assert world.desk.created == {}


def test_it_is_kept_current_although_the_case_itself_does_not_change(world: World) -> None:
    opened(world)
    world.tick(FLOW, minutes=1)
    world.tick(FLOW, minutes=5)
    world.shop.put("orders", "1", payment_status="paid")
    world.tick(FLOW, minutes=1)
    assert case(world)["Payment_Status__c"] == "paid"
    assert dict(world.desk.sent[-1][1].fields) == {"Payment_Status__c": "paid"}


def test_a_case_with_a_key_of_ours_and_one_without_a_number_are_left_alone_and_look_nothing_up(world: World) -> None:
    opened(world, None)
    world.desk.put("Case", "500B", Order_No__c="1", Commerce_Key__c="orders-to-cases:x:1")
    report = world.tick(FLOW, minutes=1)
    assert (report.filtered, world.desk.count("write"), world.shop.count("fetch")) == (2, 0, 0)


def test_a_number_that_no_order_has_is_waited_for_then_skipped_and_made_up_for_when_it_comes(world: World) -> None:
    opened(world, "9")
    world.tick(FLOW)
    world.tick(FLOW, minutes=61)
    assert world.states(FLOW) == {"500A": "filtered"}
    world.shop.put("orders", "9", order_total=7, payment_status="paid")
    world.tick(FLOW, minutes=1)
    assert case(world)["Order_Total__c"] == 7


@pytest.mark.parametrize("verb", ["ingest", "wake", "settle"])
def test_a_kill_at_any_moment_writes_the_right_order_in_the_end(world: World, verb: str) -> None:
    opened(world)
    if verb == "wake":
        world.tick(FLOW, minutes=1)
        world.tick(FLOW, minutes=5)
    world.shop.put("orders", "1", payment_status="paid")
    world.killed_pass(FLOW, at=verb)
    world.tick(FLOW, minutes=5)
    world.tick(FLOW, minutes=15)
    assert case(world)["Payment_Status__c"] == "paid"
    writes = world.desk.count("write")
    world.tick(FLOW, minutes=15)
    assert world.desk.count("write") == writes


def test_a_lost_reply_to_the_context_says_it_twice_and_no_more(world: World) -> None:
    opened(world)
    world.desk.fail("write", Transient("reset", uncertain=True), committed=True)
    world.tick(FLOW, minutes=1)
    for _ in range(5):
        world.tick(FLOW, minutes=5)
    assert world.desk.count("write") == 2
    assert case(world)["Payment_Status__c"] == "not_paid"
