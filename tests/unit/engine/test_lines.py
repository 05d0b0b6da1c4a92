"""Lines: what is sent field by field, what waits for what, what a person's hand keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.errors import Rejected, Transient
from connector.model import Ref
from tests.unit.engine.world import RETURNS, World

WITH_COMMENTS = """
summary: with comments
fields:
  Subject: "Order {{ record.key }}"
  Status: {from: New, write: on-create}
also:
  - id: comments
    to: destination.Comment
    for: "{{ messages }}"
    key: "{{ this.id }}"
    fields: {ParentId: "{{ main.id }}", Body: "{{ this.text }}"}
"""
ONCE = """
summary: a refund is asked for once
when: "{{ Resolution == 'Refund' }}"
also:
  - id: refund
    to: destination.returns
    write: once
    fields: {amount: "{{ Amount }}", order: "{{ origin.key }}"}
"""


@pytest.fixture
def comments(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, orders=WITH_COMMENTS)
    yield made
    made.store.close()


def test_only_fields_whose_wanted_value_changed_are_sent(world: World) -> None:
    world.order("0001")
    world.tick()
    world.clock.forward(minutes=1)
    world.order("0001", total=99)

    world.tick()

    assert world.desk.sent[-1][1].op == "update"
    assert dict(world.desk.sent[-1][1].fields) == {"Total": 99}


def test_null_clears_what_was_sent_before_and_leaves_alone_what_was_not(world: World) -> None:
    world.order("0001", total=None)
    world.tick()
    world.clock.forward(minutes=1)
    world.order("0001", total=5)
    world.tick()
    world.clock.forward(minutes=1)
    world.order("0001", total=None)
    world.tick()
    world.clock.forward(minutes=1)
    world.order("0001", total=None, other=1)
    world.tick()

    sent = [dict(write.fields) for _, write in world.desk.sent]
    assert "Total" not in sent[0]
    assert sent[1:] == [{"Total": 5}, {"Total": None}]


def test_an_until_claimed_field_moves_while_nobody_has_the_case_and_stays_when_somebody_has(world: World) -> None:
    world.order("0001")
    world.tick()
    world.clock.forward(minutes=1)
    world.order("0001", queue="Payments")
    world.tick()
    assert world.cases()["0001"]["OwnerId"] == Ref("queue", "Payments")

    world.desk.put("Case", world.case_id("0001"), OwnerId="ann", claimed_by="ann")
    world.clock.forward(minutes=1)
    world.order("0001", queue="Concierge", status="late")
    world.tick()

    assert world.cases()["0001"]["OwnerId"] == "ann"
    assert world.cases()["0001"]["Subject"] == "Order 0001 is late"


def test_on_create_fields_are_never_sent_again(world: World) -> None:
    world.order("0001")
    world.tick()
    world.desk.put("Case", world.case_id("0001"), Status="Working")
    world.clock.forward(minutes=1)
    world.order("0001", status="late")

    world.tick()

    assert world.cases()["0001"]["Status"] == "Working"


def test_a_record_that_entered_is_kept_current_after_its_when_turned_false(world: World) -> None:
    world.order("0001")
    world.tick()
    world.clock.forward(minutes=1)
    world.order("0001", status="mended", needs_care=False)

    world.tick()

    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"


def test_a_flow_that_answers_decides_every_time(world: World) -> None:
    world.order("0001")
    world.tick()
    case = world.case_id("0001")
    world.desk.put("Case", case, Resolution="HOLD", Decided="1")
    world.tick("cases-to-orders", minutes=1)
    world.desk.put("Case", case, Resolution=None)
    world.tick("cases-to-orders", minutes=1)

    assert world.shop.objects["orders"]["0001"].fields["c_decision"] == "HOLD"
    assert world.states("cases-to-orders") == {case: "filtered"}


def test_a_reopened_case_says_something_new_and_nothing_twice(world: World) -> None:
    world.order("0001")
    world.tick()
    case = world.case_id("0001")
    for decided, resolution in (("1", "HOLD"), ("1", "HOLD"), ("2", "RELEASE")):
        world.clock.forward(minutes=1)
        world.desk.put("Case", case, Resolution=resolution, Decided=decided, touched=decided)
        world.tick("cases-to-orders")

    assert world.notes("0001") == ["HOLD for 0001 over 10.5", "RELEASE for 0001 over 10.5"]


def test_a_case_without_our_key_is_foreign(world: World) -> None:
    world.desk.put("Case", "by-hand", Resolution="RELEASE")

    from dataclasses import replace

    record = world.desk.objects["Case"]["by-hand"]
    world.desk.objects["Case"]["by-hand"] = replace(record, our_key="orders-to-cases-too:_ref_arch:1")
    flow = world.flows["cases-to-orders"]
    page = next(iter(world.desk.read("Case", None, select=world.engine.selection(flow))))
    assert page.records == []  # the read asks for keys of the answered flow only

    world.desk.objects["Case"]["by-hand"] = replace(record, our_key="orders-to-cases:oops")
    world.tick("cases-to-orders")
    assert world.states("cases-to-orders") == {"by-hand": "foreign"}


def test_an_origin_that_is_no_longer_stored_is_fetched_again_one_call_a_batch(world: World) -> None:
    for number in range(20):
        world.order(f"{number:04}")
    world.tick()
    world.store.prune(world.clock.forward(days=30), delivered=1, parked=1, audit=1)
    for number in range(20):
        world.desk.put("Case", world.case_id(f"{number:04}"), Resolution="RELEASE", Decided="1")
    fetches = world.shop.count("fetch")

    world.tick("cases-to-orders")

    assert world.shop.count("fetch") - fetches <= 2
    assert world.notes("0007") == ["RELEASE for 0007 over 10.5"]


def test_lines_that_use_main_id_wait_for_it(comments: World) -> None:
    comments.order("0001", messages=[{"id": "a", "text": "hello"}, {"id": "b", "text": "again"}])

    comments.tick()

    bodies = {r.fields["Body"]: r.fields["ParentId"] for r in comments.desk.objects["Comment"].values()}
    assert bodies == {"hello": comments.case_id("0001"), "again": comments.case_id("0001")}


def test_a_line_that_fails_holds_up_neither_main_nor_its_siblings(comments: World) -> None:
    comments.order("0001", messages=[{"id": "a", "text": "bad"}, {"id": "b", "text": "good"}])
    comments.desk.fail("write", Rejected("no"), when=lambda write: write.fields.get("Body") == "bad", times=9)

    comments.tick()

    assert [record.fields["Body"] for record in comments.desk.objects["Comment"].values()] == ["good"]
    assert comments.states() == {"0001": "parked"}
    row = next(iter(comments.store.rows(state="parked")))
    assert {(line.id, line.key): line.state for line in row.lines} == {
        ("main", ""): "sent",
        ("comments", "a"): "rejected",
        ("comments", "b"): "sent",
    }


def test_lines_wait_when_main_fails_and_go_when_it_is_there(comments: World) -> None:
    comments.order("0001", messages=[{"id": "a", "text": "hello"}])
    comments.desk.fail("write", Transient("locked"), when=lambda write: "Subject" in write.fields)

    comments.tick()
    assert comments.desk.objects["Comment"] == {}
    comments.tick(minutes=1)

    assert len(comments.desk.objects["Comment"]) == 1
    assert comments.states() == {"0001": "done"}


def test_a_new_element_makes_one_new_line(comments: World) -> None:
    comments.order("0001", messages=[{"id": "a", "text": "hello"}])
    comments.tick()
    comments.clock.forward(minutes=1)
    comments.order("0001", messages=[{"id": "a", "text": "hello"}, {"id": "b", "text": "more"}])

    comments.tick()

    assert len(comments.desk.objects["Comment"]) == 2
    assert max(comments.desk.created.values()) == 1


def test_what_is_sent_once_stays_and_a_different_later_value_parks(tmp_path: Path) -> None:
    world = World(tmp_path, answers=ONCE)
    world.order("0001")
    world.tick()
    case = world.case_id("0001")
    world.desk.put("Case", case, Resolution="Refund", Amount=10)
    world.tick("cases-to-orders", minutes=1)
    world.desk.put("Case", case, Amount=10, touched=1)
    world.tick("cases-to-orders", minutes=1)
    assert [record.fields["amount"] for record in world.shop.objects["returns"].values()] == [10]

    world.desk.put("Case", case, Amount=20)
    world.tick("cases-to-orders", minutes=1)

    assert [record.fields["amount"] for record in world.shop.objects["returns"].values()] == [10]
    assert world.states("cases-to-orders") == {case: "parked"}
    row = next(iter(world.store.rows(flow="cases-to-orders", state="parked")))
    assert "amount" in row.reason
    world.store.close()


def test_a_refund_whose_reply_was_lost_is_asked_for_once(tmp_path: Path) -> None:
    world = World(tmp_path, answers=ONCE)
    world.order("0001")
    world.tick()
    world.desk.put("Case", world.case_id("0001"), Resolution="Refund", Amount=10)
    world.clock.forward(minutes=1)
    world.shop.fail("write", Transient("reset", uncertain=True), committed=True)

    for _ in range(6):
        world.tick("cases-to-orders", minutes=1)

    assert list(world.shop.created.values()) == [1]
    assert set(world.states("cases-to-orders").values()) == {"done"}
    world.store.close()


def test_a_lookup_that_comes_late_is_waited_for_then_parks(world: World) -> None:
    world.flow("returns-to-cases", "shop.returns", "desk.Ticket", RETURNS, brake=None)
    world.restart()
    world.shop.put("returns", "R1", order_no="0001")
    world.shop.put("returns", "R2", order_no="0404")

    world.tick("returns-to-cases")
    assert world.states("returns-to-cases") == {"R1": "pending", "R2": "pending"}
    world.order("0001")
    world.tick("returns-to-cases", minutes=5)
    assert world.states("returns-to-cases") == {"R1": "done", "R2": "pending"}
    world.tick("returns-to-cases", minutes=11)
    assert world.states("returns-to-cases")["R2"] == "parked"
    ticket = next(iter(world.desk.objects["Ticket"].values()))
    assert ticket.fields["Subject"] == "Return R1 for new"


def test_lookups_are_one_call_a_chunk(world: World) -> None:
    world.flow("returns-to-cases", "shop.returns", "desk.Ticket", RETURNS, brake=None)
    world.restart()
    for number in range(50):
        world.order(f"{number:04}")
        world.shop.put("returns", f"R{number}", order_no=f"{number:04}")

    world.tick("returns-to-cases")

    assert world.shop.count("fetch") == 1


def test_a_plain_create_is_looked_up_first(world: World) -> None:
    world.flow("returns-to-cases", "shop.returns", "desk.Ticket", RETURNS, brake=None)
    world.restart()
    world.order("0001")
    world.shop.put("returns", "R1", order_no="0001")
    world.killed_pass("returns-to-cases")

    for _ in range(4):
        world.tick("returns-to-cases", minutes=1)

    assert list(world.desk.created.values()) == [1]
    assert world.states("returns-to-cases") == {"R1": "done"}


def test_two_flows_on_one_object_do_not_write_it_at_the_same_time(world: World) -> None:
    world.order("0001")
    world.tick()
    held = object()
    place = world.engine.places.at("shop", "orders")
    assert world.engine._targets.take(held, place, "0001")
    world.desk.put("Case", world.case_id("0001"), Resolution="RELEASE", Decided="1")

    world.tick("cases-to-orders", minutes=1)
    assert "c_decision" not in world.shop.objects["orders"]["0001"].fields
    world.engine._targets.give_back(held)
    world.tick("cases-to-orders", minutes=1)

    assert world.shop.objects["orders"]["0001"].fields["c_decision"] == "RELEASE"


def test_a_broken_mapping_parks_with_its_place_and_a_mended_one_maps_again(tmp_path: Path) -> None:
    world = World(tmp_path, orders='summary: s\nfields:\n  Subject: "{{ total + status }}"\n')
    world.order("0001")
    world.tick()
    row = next(iter(world.store.rows(state="parked")))
    assert "orders-to-cases.yaml:3" in row.reason

    world.flow("orders-to-cases", "shop.orders", "desk.Case", 'summary: s\nfields:\n  Subject: "{{ total }}"\n')
    world.restart()
    world.store.replay(world.clock.now())
    world.tick()

    assert world.states() == {"0001": "done"}
    world.store.close()


TO_MAIN = """
summary: a note on the case itself
fields:
  Subject: "Order {{ record.key }}"
also:
  - id: mark
    to: destination.Case
    target: "{{ main.id }}"
    fields: {Marked: true}
"""


def test_a_line_whose_target_is_the_main_object_waits_for_it(tmp_path: Path) -> None:
    world = World(tmp_path, orders=TO_MAIN)
    world.order("0001")

    world.tick()

    assert world.cases()["0001"]["Marked"] is True
    assert len(world.desk.objects["Case"]) == 1
    world.store.close()


def test_a_line_whose_target_is_null_parks_and_creates_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, orders=TO_MAIN.replace("main.id", "nobody"))
    world.order("0001")

    world.tick()

    assert world.states() == {"0001": "parked"}
    assert world.desk.objects["Case"] == {}
    world.store.close()


def test_what_misses_its_lookup_is_one_cause_that_names_each_key_in_its_remedy(world: World) -> None:
    world.flow("returns-to-cases", "shop.returns", "desk.Case", RETURNS)
    world.restart()
    for number in ("R1", "R2"):
        world.shop.put("returns", number, order_no=f"none-{number}")
    world.tick("returns-to-cases")
    world.tick("returns-to-cases", minutes=16)
    parked = {row.key: row for row in world.store.rows(flow="returns-to-cases", state="parked")}
    assert {row.reason for row in parked.values()} == {"lookup 'order': source.orders has no such record"}
    assert "none-R1" in parked["R1"].remedy
    assert "none-R2" in parked["R2"].remedy
    assert [event["rows"] for event in world.events("parked")] == [2], "said once"
