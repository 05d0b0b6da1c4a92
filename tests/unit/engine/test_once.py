"""What is sent once stays: whoever made it, whatever the ledger remembers of it, and however often its record is mapped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.errors import Transient
from tests.unit.engine.test_lines import ONCE
from tests.unit.engine.world import ORDERS, World

FLOW = "cases-to-orders"


@pytest.fixture
def refunding(tmp_path: Path) -> Iterator[World]:
    """A refund of 10 was asked for by a process that died before it could note so, and 20 is wanted now."""
    made = World(tmp_path, answers=ONCE)
    made.order("0001")
    made.tick()
    made.desk.put("Case", made.case_id("0001"), Resolution="Refund", Amount=10)
    made.clock.forward(minutes=1)
    made.killed_pass(FLOW)
    made.desk.put("Case", made.case_id("0001"), Amount=20)
    made.tick(FLOW, minutes=1)
    made.tick(FLOW, minutes=3)
    yield made
    made.store.close()


def amounts(world: World) -> list[int]:
    return [record.fields["amount"] for record in world.shop.objects["returns"].values()]


def test_another_amount_than_the_one_that_stands_parks(refunding: World) -> None:
    assert amounts(refunding) == [10]
    assert set(refunding.states(FLOW).values()) == {"parked"}


def test_a_later_version_of_the_record_does_not_write_over_it(refunding: World) -> None:
    refunding.desk.put("Case", refunding.case_id("0001"), touched=1)
    refunding.tick(FLOW, minutes=1)
    assert amounts(refunding) == [10]
    assert set(refunding.states(FLOW).values()) == {"parked"}


def test_a_retry_does_not_write_over_it(refunding: World) -> None:
    refunding.store.replay(refunding.clock.now())
    refunding.tick(FLOW, minutes=1)
    assert amounts(refunding) == [10]


def test_the_amount_that_stands_ends_it(refunding: World) -> None:
    refunding.desk.put("Case", refunding.case_id("0001"), Amount=10)
    refunding.tick(FLOW, minutes=1)
    assert amounts(refunding) == [10]
    assert set(refunding.states(FLOW).values()) == {"done"}
    assert list(refunding.shop.created.values()) == [1]


ALERT = """
  - {id: alert, to: destination.Comment, when: "{{ alert }}", write: once, fields: {Amount: "{{ alert }}"}}
"""


def test_another_amount_than_the_one_that_stands_stays_parked_whatever_was_tried_meanwhile(tmp_path: Path) -> None:
    world = World(tmp_path, orders=ORDERS + "also:" + ALERT)
    world.order("0001")
    world.tick()
    for alert in (5, 7):
        world.order("0001", alert=alert)
        world.desk.fail("write", Transient("no answer", uncertain=True), committed=True)
        world.tick(minutes=3)
    for _ in range(3):
        world.tick(minutes=3)
        assert world.states() == {"0001": "parked"}
        world.store.replay(world.clock.now())
    assert [record.fields["Amount"] for record in world.desk.objects["Comment"].values()] == [5]


@pytest.mark.parametrize(("first", "other"), [(5, 7), ("five", "seven")])
def test_what_stands_is_wanted_again_after_another_try_without_an_answer(
    tmp_path: Path, first: object, other: object
) -> None:
    world = World(tmp_path, orders=ORDERS + "also:" + ALERT)
    world.order("0001")
    world.tick()
    for alert in (first, other):
        world.order("0001", alert=alert)
        world.desk.fail("write", Transient("no answer", uncertain=True), committed=True)
        world.tick(minutes=3)
    world.order("0001", alert=first)
    world.tick(minutes=3)
    assert world.states() == {"0001": "done"}
    assert [record.fields["Amount"] for record in world.desk.objects["Comment"].values()] == [first]


def test_a_field_that_is_sent_once_goes_again_if_its_update_got_no_answer_and_never_arrived(tmp_path: Path) -> None:
    world = World(tmp_path, orders=ORDERS + '  First: {from: "{{ first }}", write: once}\n')
    world.order("0001")
    world.tick()
    world.order("0001", first="one")
    world.desk.fail("write", Transient("no answer", uncertain=True))
    world.tick(minutes=1)
    world.tick(minutes=1)
    assert world.cases()["0001"]["First"] == "one"
    assert world.states() == {"0001": "done"}


def test_another_value_than_the_one_whose_answer_was_lost_parks_too(tmp_path: Path) -> None:
    world = World(tmp_path, orders=ORDERS + '  First: {from: "{{ first }}", write: once}\n')
    world.order("0001")
    world.tick()
    world.order("0001", first="one")
    world.desk.fail("write", Transient("no answer", uncertain=True), committed=True)
    world.tick(minutes=1)
    world.order("0001", first="two")
    world.tick(minutes=1)
    assert world.cases()["0001"]["First"] == "one"
    assert world.states() == {"0001": "parked"}


@pytest.mark.parametrize(("number", "ends"), [(5, "done"), (8, "parked")])
def test_a_request_whose_answer_was_lost_may_have_been_worked_on_but_its_amount_not_changed(
    tmp_path: Path, number: int, ends: str
) -> None:
    alert = ALERT.replace('"{{ alert }}"}}', '"{{ alert }}", State: asked}}')
    world = World(tmp_path, orders=ORDERS + "also:" + alert)
    world.order("0001")
    world.tick()
    world.order("0001", alert=5)
    world.desk.fail("write", Transient("no answer", uncertain=True), committed=True)
    world.tick(minutes=3)
    (key,) = world.desk.objects["Comment"]
    world.desk.put("Comment", key, State="carried out", Amount=number)
    world.tick(minutes=3)
    assert world.states() == {"0001": ends}
    assert world.desk.objects["Comment"][key].fields == {"Amount": number, "State": "carried out"}
