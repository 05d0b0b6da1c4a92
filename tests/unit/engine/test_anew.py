"""Cases that people deleted: parked as one cause, made anew only when a person asks for it, dropped when nobody wants them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.adapter import Stream
from connector.errors import Rejected, Transient
from connector.model import Row
from connector.testing import ScriptedAdapter
from tests.unit.engine.world import World

MAPPING = """
summary: orders with notes on the case and on the order
fields:
  Subject: "Order {{ record.key }} is {{ status }}"
  OwnerId: {ref: queue, name: "{{ queue | default('Orders') }}", write: until-claimed}
also:
  - id: remark
    to: destination.Case.remarks
    target: "{{ main.id }}"
    key: "{{ status }}"
    fields: {text: "is {{ status }}"}
  - id: told
    to: source.orders.notes
    target: "{{ order_no }}"
    fields: {subject: "a case", text: "case {{ main.id }}"}
    write: once
"""
GONE = "desk.Case: the object was deleted or merged by a person"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, orders=MAPPING.replace("{{ order_no }}", "{{ record.key }}"))
    remarks = Stream("Case.remarks", "id", writes=frozenset({"append"}), batch=10, object="Case", settle_after=120)
    world.desk = ScriptedAdapter(world.clock, [*world.desk.streams.values(), remarks])
    world.restart()
    world.order("0001")
    world.tick()
    world.clock.forward(minutes=2)
    yield world
    world.store.close()


def deleted(world: World) -> Row:
    """The agent deletes the case, and the order changes."""
    world.desk.remove("Case", world.case_id("0001"))
    world.order("0001", status="late")
    world.tick()
    (row,) = world.store.rows(flow="orders-to-cases")
    assert (row.state, row.reason) == ("parked", GONE)
    assert "connector parked retry --recreate" in row.remedy
    return row


def made_anew(world: World) -> None:
    assert world.store.replay(world.clock.now(), key="0001", recreate=True) == 1
    world.clock.forward(minutes=1)


def remarks(world: World) -> list[str]:
    case = world.case_id("0001")
    return [fields["text"] for _, fields in world.desk.appended["Case.remarks"][case]]


def test_a_plain_retry_parks_again_for_the_same_reason_and_makes_nothing(world: World) -> None:
    deleted(world)
    for _ in range(2):
        world.store.replay(world.clock.now())
        world.tick(minutes=1)
        (row,) = world.store.rows(flow="orders-to-cases")
        assert (row.state, row.reason) == ("parked", GONE)
    assert world.cases() == {}


def test_made_anew_is_a_new_case_under_the_same_key_with_what_belongs_to_it(world: World) -> None:
    old = deleted(world)
    made_anew(world)
    world.tick()
    assert world.states() == {"0001": "done"}
    case = world.cases()["0001"]
    assert case["Subject"] == "Order 0001 is late"
    assert remarks(world) == ["is late"], "what the order says now; what it said once is not said again"
    assert len(world.notes("0001")) == 1, "what was written elsewhere stays, and is not written twice"
    (row,) = world.store.rows(flow="orders-to-cases")
    main = next(line for line in row.lines if line.id == "main")
    assert main.target == world.case_id("0001") != old.lines[0].target
    assert main.forgotten == (next(line.target for line in old.lines if line.id == "main"),)


@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_reply_of_the_new_create_is_about_the_new_case_and_not_the_old_one(
    world: World, *, committed: bool
) -> None:
    """The old case lies in the recycle bin under the same key: finding it there says nothing about this try."""
    deleted(world)
    made_anew(world)
    world.desk.fail("write", Transient("reset", uncertain=True), committed=committed)
    world.tick()
    world.tick(minutes=5)
    assert world.states() == {"0001": "done"}
    assert world.cases()["0001"]["Subject"] == "Order 0001 is late"
    assert max(world.desk.created.values()) == 2, "the one that was deleted, and the new one"


def test_a_new_case_that_is_deleted_after_a_lost_reply_parks_again(world: World) -> None:
    deleted(world)
    made_anew(world)
    world.desk.fail("write", Transient("reset", uncertain=True), committed=True)
    world.tick()
    world.desk.remove("Case", world.case_id("0001"))
    world.tick(minutes=5)
    (row,) = world.store.rows(flow="orders-to-cases")
    assert (row.state, row.reason) == ("parked", GONE)
    assert world.cases() == {}
    made_anew(world)
    world.tick()
    assert world.states() == {"0001": "done"}
    (row,) = world.store.rows(flow="orders-to-cases")
    assert len(next(line for line in row.lines if line.id == "main").forgotten) == 2


def test_a_kill_in_the_middle_of_making_it_anew_makes_one_case(world: World) -> None:
    deleted(world)
    made_anew(world)
    world.killed_pass()
    world.tick(minutes=5)
    world.tick(minutes=5)
    assert world.states() == {"0001": "done"}
    assert max(world.desk.created.values()) == 2
    assert remarks(world) == ["is late"]


def test_a_doubt_from_before_the_case_was_deleted_is_over(world: World) -> None:
    world.order("0001", status="odd")
    world.killed_pass()
    world.desk.remove("Case", world.case_id("0001"))
    world.tick(minutes=5)
    (row,) = world.store.rows(flow="orders-to-cases")
    assert row.state == "parked"
    assert row.uncertain is not None
    made_anew(world)
    world.tick()
    assert world.cases()["0001"]["Subject"] == "Order 0001 is odd"
    world.tick(minutes=3)  # where the last remark went, nobody knows: it is looked for at the new case, later
    assert remarks(world) == ["is odd"]


def test_an_existing_case_under_the_key_is_linked_and_not_made_twice(world: World) -> None:
    """Somebody took the deleted case out of the recycle bin before the pass."""
    row = deleted(world)
    made_anew(world)
    old = next(line for line in row.lines if line.id == "main")
    assert old.target is not None
    world.desk.put("Case", old.target, Subject="restored")
    restored = world.desk.objects["Case"][old.target]
    world.desk.objects["Case"][old.target] = replace(restored, our_key="orders-to-cases:_ref_arch:0001")
    world.tick()
    assert list(world.desk.by_our_key("Case")) == ["orders-to-cases:_ref_arch:0001"]
    assert world.cases()["0001"]["Subject"] == "Order 0001 is late"
    assert world.states() == {"0001": "done"}


def test_only_rows_whose_own_object_is_gone_are_made_anew(world: World) -> None:
    deleted(world)
    world.order("0002")
    world.tick()
    world.desk.put("Case", world.case_id("0002"), Resolution="RELEASE", Decided="1")
    world.shop.remove("orders", "0002")
    world.tick("cases-to-orders", minutes=1)
    states = {row.flow: row for row in world.store.rows(state="parked")}
    assert set(states) == {"orders-to-cases", "cases-to-orders"}
    assert not any(line.gone for line in states["cases-to-orders"].lines), "the order was not ours to make"
    assert world.store.replay(world.clock.now(), recreate=True) == 1


def test_a_remark_that_was_sent_is_not_sent_again_when_its_case_was_refused_for_a_while(world: World) -> None:
    world.desk.fail("write", Rejected("not now"), when=lambda write: write.op == "update")
    world.order("0001", total=7, queue="Payments")  # the same status, so the same remark
    world.tick()
    assert world.states() == {"0001": "parked"}
    world.store.replay(world.clock.now())
    world.tick(minutes=5)
    assert world.states() == {"0001": "done"}
    assert remarks(world) == ["is new"]
    assert world.desk.appended["Case.remarks"].keys() == {world.case_id("0001")}


def test_what_was_dropped_is_not_delivered_again_until_it_is_taken_back(world: World) -> None:
    deleted(world)
    assert world.store.drop(world.clock.now(), why="settled", by="uid 7", key="0001") == 1
    world.order("0001", status="later")
    world.tick(minutes=5)
    (row,) = world.store.rows(flow="orders-to-cases")
    assert (row.state, row.reason) == ("dropped", "settled")
    world.store.replay(world.clock.now(), key="0001", dropped=True)
    world.tick(minutes=5)
    (row,) = world.store.rows(flow="orders-to-cases")
    assert (row.state, row.reason) == ("parked", GONE)
