"""`answers: {flow, line, by}`, and objects that several records share: each record that a decision is about hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.cli.uncertain import _our_key
from connector.document import load
from connector.errors import Rejected, Transient
from connector.mapping.finding import finding
from tests.unit.engine.world import World

BY_HAND = """
summary: the decision on a case that an agent opened by hand
when: "{{ Resolution }}"
fields: {c_decision: "{{ Resolution }}"}
also:
  - id: note
    to: destination.orders.notes
    key: "{{ CaseNumber }}"
    fields: {subject: "Decided", text: "{{ Resolution }} for {{ origin.key }} over {{ origin.total }}"}
"""
RETURNS = """
summary: all returns of an order are one case
key: "{{ order_no }}"
fields: {Subject: {from: "Order {{ order_no }}", write: on-create}}
"""
DECISIONS = """
summary: the decision goes back to every return of the case
when: "{{ Resolution }}"
fields: {c_status: "{{ Resolution }}"}
also:
  - id: refund
    to: destination.refunds
    write: once
    when: "{{ Resolution == 'Refund' }}"
    fields: {amount: "{{ origin.amount }}", of: "{{ origin.key }}"}
"""
LINES = """
summary: an order whose lines are objects of their own
fields: {Subject: "Order {{ record.key }}"}
also:
  - id: lines
    to: destination.Comment
    for: "{{ lines }}"
    key: "{{ this.item }}"
    fields: {ParentId: "{{ main.id }}", Item: "{{ this.item }}"}
"""
OUTCOMES = """
summary: what becomes of each line
when: "{{ Outcome }}"
also:
  - id: outcome
    to: destination.orders.notes
    key: "{{ Outcome }}"
    fields:
      subject: "Line"
      text: "{{ origin.this.item }} x {{ origin.this.qty }} of {{ origin.key }}, {{ origin.status }}: {{ Outcome }}"
  - id: refund
    to: destination.refunds
    write: once
    fields: {of: "{{ origin.this.item }}"}
"""
FLOW = "answers"


def laid(folder: Path) -> World:
    world = World(folder)
    world.shop.streams = {**world.shop.streams, "refunds": world.shop.streams["returns"]}
    return world


@pytest.fixture
def by_hand(tmp_path: Path) -> Iterator[World]:
    world = laid(tmp_path)
    found = finding(load("config.yaml", 'by: "{{ Order_No__c }}"'), ("by",), "{{ Order_No__c }}", [])
    world.flow(FLOW, "desk.Case", "shop.orders", BY_HAND, answers="orders-to-cases", brake=None, by=found)
    world.restart()
    for key, total in (("1", 10), ("2", 20)):
        world.shop.put("orders", key, needs_care=False, total=total)
    yield world
    world.store.close()


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[World]:
    world = laid(tmp_path)
    world.flow("returns-to-cases", "shop.returns", "desk.Case", RETURNS, brake=None)
    world.flow(FLOW, "desk.Case", "shop.returns", DECISIONS, answers="returns-to-cases", brake=None)
    world.restart()
    for key in ("a", "b"):
        world.shop.put("returns", key, order_no="1", amount=len(key))
    world.tick("returns-to-cases")
    yield world
    world.store.close()


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[World]:
    world = laid(tmp_path)
    world.flow("orders-to-cases", "shop.orders", "desk.Case", LINES, brake=None)
    world.flow(FLOW, "desk.Comment", "shop.orders", OUTCOMES, answers="orders-to-cases", brake=None, of_line="lines")
    world.restart()
    world.shop.put("orders", "1", status="new", lines=[{"item": "A", "qty": 2}, {"item": "B", "qty": 1}])
    world.tick()
    yield world
    world.store.close()


def decide(world: World, case: str, **fields: Any) -> None:
    world.clock.forward(minutes=1)
    world.desk.put("Case", case, **fields)


def order(world: World, key: str, field: str = "c_decision") -> Any:
    return world.shop.objects["orders"][key].fields.get(field)


def rest(world: World, flow: str = FLOW) -> None:
    for _ in range(5):
        world.tick(flow, minutes=6)


# -- by --------------------------------------------------------------------------------------------------------------------


def test_a_case_that_was_opened_by_hand_answers_the_order_that_it_names(by_hand: World) -> None:
    world = by_hand
    decide(world, "500A", Order_No__c="1", Resolution="HOLD", CaseNumber="c1")
    world.tick(FLOW)
    assert order(world, "1") == "HOLD"
    assert world.notes("1") == ["HOLD for 1 over 10"]
    rest(world)
    assert world.shop.count("write") == 2


def test_several_cases_of_one_order_answer_it_each_for_itself(by_hand: World) -> None:
    world = by_hand
    decide(world, "500A", Order_No__c="1", Resolution="HOLD", CaseNumber="c1")
    decide(world, "500B", Order_No__c="1", Resolution="RELEASE", CaseNumber="c2")
    world.tick(FLOW)
    rest(world)
    assert sorted(world.notes("1")) == ["HOLD for 1 over 10", "RELEASE for 1 over 10"]
    assert set(world.states(FLOW).values()) == {"done"}


def test_a_case_that_names_none_is_foreign_and_one_that_says_nothing_yet_asks_nothing(by_hand: World) -> None:
    world = by_hand
    decide(world, "500A", Order_No__c=None, Resolution="HOLD")
    decide(world, "500B", Order_No__c="nonsense", Resolution=None)
    world.tick(FLOW)
    assert world.states(FLOW) == {"500A": "foreign", "500B": "filtered"}
    assert world.shop.count("fetch") == 0


def test_a_mistyped_number_parks_and_the_corrected_one_goes_by_itself(by_hand: World) -> None:
    world = by_hand
    decide(world, "500A", Order_No__c="l", Resolution="HOLD", CaseNumber="c1")
    world.tick(FLOW)
    (row,) = world.store.rows(flow=FLOW)
    assert (row.state, row.reason) == ("parked", "the record that it answers is not at shop.orders")
    assert row.remedy == "correct the record that names l, or restore l, then retry"
    decide(world, "500A", Order_No__c="1")
    world.tick(FLOW)
    assert order(world, "1") == "HOLD"


def test_a_corrected_number_brings_the_decision_to_the_other_order_too(by_hand: World) -> None:
    world = by_hand
    decide(world, "500A", Order_No__c="1", Resolution="HOLD", CaseNumber="c1")
    world.tick(FLOW)
    decide(world, "500A", Order_No__c="2")
    world.tick(FLOW)
    assert (order(world, "2"), world.notes("2")) == ("HOLD", ["HOLD for 2 over 20"])


def test_a_case_that_names_several_orders_answers_each_of_them(by_hand: World) -> None:
    world = by_hand
    decide(world, "500A", Order_No__c=["1", "2", "1"], Resolution="HOLD", CaseNumber="c1")
    previews = world.engine.preview(FLOW, [world.desk.objects["Case"]["500A"]])
    assert [(each.outcome, len(each.writes)) for each in previews] == [("write", 4)]
    world.tick(FLOW)
    assert (order(world, "1"), order(world, "2")) == ("HOLD", "HOLD")
    assert world.notes("2") == ["HOLD for 2 over 20"]
    assert world.states(FLOW) == {"500A": "done"}


def test_its_fields_are_selected_and_cases_without_a_key_are_read(by_hand: World) -> None:
    select = by_hand.engine.selection(by_hand.flows[FLOW])
    assert select.key_prefix is None
    assert {"Order_No__c", "Resolution"} <= set(select.fields)


@pytest.mark.parametrize("at", ["ingest", "settle"])
def test_a_kill_says_it_once(by_hand: World, at: str) -> None:
    world = by_hand
    decide(world, "500A", Order_No__c="1", Resolution="HOLD", CaseNumber="c1")
    world.killed_pass(FLOW, at=at)
    rest(world)
    assert (order(world, "1"), world.notes("1")) == ("HOLD", ["HOLD for 1 over 10"])


# -- several records, one object -------------------------------------------------------------------------------------------


def status(world: World) -> dict[str, Any]:
    return {key: record.fields.get("c_status") for key, record in world.shop.objects["returns"].items()}


def refunds(world: World) -> dict[str, Any]:
    assert all(count == 1 for count in world.shop.created.values()), world.shop.created
    return {record.fields["of"]: record.fields.get("amount") for record in world.shop.objects["refunds"].values()}


def the_case(world: World) -> str:
    (case,) = world.desk.objects["Case"]
    return case


def test_each_record_that_shares_a_case_hears_of_the_decision(shared: World) -> None:
    world = shared
    decide(world, the_case(world), Resolution="Refund")
    world.tick(FLOW)
    assert status(world) == {"a": "Refund", "b": "Refund"}
    assert refunds(world) == {"a": 1, "b": 1}
    assert world.states(FLOW) == {the_case(world): "done"}
    writes = world.shop.count("write")
    rest(world)
    assert world.shop.count("write") == writes


def test_one_that_joins_after_the_decision_is_answered_too_without_a_change_of_the_case(shared: World) -> None:
    world = shared
    decide(world, the_case(world), Resolution="Refund")
    world.tick(FLOW)
    world.tick(FLOW, minutes=5)
    world.shop.put("returns", "c", order_no="1", amount=3)
    world.tick("returns-to-cases")
    world.tick(FLOW, minutes=1)
    assert status(world)["c"] == "Refund"
    assert refunds(world) == {"a": 1, "b": 1, "c": 3}
    rest(world)
    fetched = world.desk.count("fetch")
    rest(world)
    assert world.desk.count("fetch") == fetched, "it is looked at no more"


def test_one_that_is_refused_parks_the_answer_and_the_others_pass(shared: World) -> None:
    world = shared
    decide(world, the_case(world), Resolution="Refund")
    world.shop.fail("write", Rejected("archived", code="X"), when=lambda write: write.target == "a", times=9)
    world.tick(FLOW)
    assert status(world)["b"] == "Refund"
    assert refunds(world) == {"a": 1, "b": 1}
    assert world.states(FLOW) == {the_case(world): "parked"}
    (row,) = world.store.rows(flow=FLOW)
    assert {line.key: line.state for line in row.lines if line.id == "main"} == {
        "_ref_arch:a": "rejected",
        "_ref_arch:b": "sent",
    }


def test_what_was_refused_for_one_is_not_tried_again_while_another_waits(shared: World) -> None:
    world = shared
    decide(world, the_case(world), Resolution="Exchange")
    place, other = world.engine.places.at("shop", "returns"), object()
    assert world.engine._targets.take(other, place, "b")
    world.shop.fail("write", Rejected("archived", code="X"), when=lambda write: write.target == "a", times=1)
    world.tick(FLOW)
    assert world.states(FLOW) == {the_case(world): "pending"}
    world.engine._targets.give_back(other)
    world.tick(FLOW, minutes=1)
    assert status(world) == {"a": None, "b": "Exchange"}
    assert world.states(FLOW) == {the_case(world): "parked"}


def test_a_line_that_ends_for_one_record_leaves_those_of_the_others_alone(shared: World) -> None:
    world = shared
    mapping = """
summary: remarks on what was decided, as long as it is so
when: "{{ Resolution }}"
also:
  - id: part
    to: source.Comment
    when: "{{ Resolution != 'Partly' or origin.key == 'a' }}"
    gone: {Body: over}
    fields: {Body: "{{ Resolution }} for {{ origin.key }}"}
"""
    world.flow(FLOW, "desk.Case", "shop.returns", mapping, answers="returns-to-cases", brake=None)
    world.restart()
    decide(world, the_case(world), Resolution="Refund")
    world.tick(FLOW)
    decide(world, the_case(world), Resolution="Partly")
    world.tick(FLOW)
    rest(world)
    bodies = {ours.split(":")[2]: one.fields["Body"] for ours, one in world.desk.by_our_key("Comment").items()}
    assert bodies == {"a": "Partly for a", "b": "over"}


@pytest.mark.parametrize("at", ["ingest", "settle"])
def test_a_kill_refunds_each_of_them_once(shared: World, at: str) -> None:
    world = shared
    decide(world, the_case(world), Resolution="Refund")
    world.killed_pass(FLOW, at=at)
    rest(world)
    assert (refunds(world), status(world)) == ({"a": 1, "b": 1}, {"a": "Refund", "b": "Refund"})


def test_a_lost_reply_refunds_each_of_them_once(shared: World) -> None:
    world = shared
    decide(world, the_case(world), Resolution="Refund")
    world.shop.fail("write", Transient("reset", uncertain=True), committed=True, times=2)
    world.tick(FLOW)
    rest(world)
    assert (refunds(world), status(world)) == ({"a": 1, "b": 1}, {"a": "Refund", "b": "Refund"})


def test_a_case_whose_records_are_not_known_yet_waits_and_is_answered_when_they_are(shared: World) -> None:
    world = shared
    decide(world, the_case(world), Resolution="Refund")
    world.store.close()
    (world.folder / "ledger.db").unlink()
    world.restart()
    world.tick(FLOW)
    assert world.states(FLOW) == {the_case(world): "pending"}
    world.tick("returns-to-cases", minutes=1)
    world.tick(FLOW, minutes=1)
    assert status(world) == {"a": "Refund", "b": "Refund"}


def test_a_shared_key_that_was_cut_is_found_by_what_its_records_wrote(shared: World) -> None:
    world = shared
    for key in ("x", "y"):
        world.shop.put("returns", key, order_no="9" * 300, amount=5)
    world.tick("returns-to-cases", minutes=1)
    (case,) = (record.key for key, record in world.desk.by_our_key("Case").items() if "_9" in key[-40:])
    decide(world, case, Resolution="Exchange")
    world.tick(FLOW)
    assert {key: status(world)[key] for key in ("x", "y")} == {"x": "Exchange", "y": "Exchange"}


# -- lines -----------------------------------------------------------------------------------------------------------------


def line_id(world: World, item: str) -> str:
    return next(one.key for one in world.desk.objects["Comment"].values() if one.fields["Item"] == item)


def test_what_becomes_of_a_line_goes_back_with_its_element(lines: World) -> None:
    world = lines
    world.clock.forward(minutes=1)
    world.desk.put("Comment", line_id(world, "A"), Outcome="SHIPPED")
    world.desk.put("Comment", line_id(world, "B"), Outcome="SHIPPED")
    world.tick(FLOW)
    assert sorted(world.notes("1")) == ["A x 2 of 1, new: SHIPPED", "B x 1 of 1, new: SHIPPED"]
    assert {record.fields["of"] for record in world.shop.objects["refunds"].values()} == {"A", "B"}
    assert sorted(world.shop.created) == ["answers:_ref_arch:1:refund:_a", "answers:_ref_arch:1:refund:_b"]


def test_an_object_of_another_line_or_of_nobody_is_foreign(lines: World) -> None:
    world = lines
    world.clock.forward(minutes=1)
    world.desk.put("Comment", "stray", Outcome="SHIPPED")
    world.desk.put("Comment", line_id(world, "A"), Outcome=None)
    world.tick(FLOW)
    assert world.states(FLOW)[line_id(world, "A")] == "filtered"
    assert world.states(FLOW).get("stray") in ("foreign", None)


def test_an_element_that_is_no_longer_there_is_null(lines: World) -> None:
    world = lines
    world.shop.put("orders", "1", lines=[{"item": "B", "qty": 5}])
    world.tick(minutes=1)
    world.desk.put("Comment", line_id(world, "A"), Outcome="LATE")
    world.desk.put("Comment", line_id(world, "B"), Outcome="LATE")
    world.tick(FLOW, minutes=1)
    assert sorted(world.notes("1")) == [" x  of 1, new: LATE", "B x 5 of 1, new: LATE"]


def test_a_line_whose_key_was_cut_finds_its_record(lines: World) -> None:
    world = lines
    world.shop.put("orders", "8" * 260, lines=[{"item": "C", "qty": 1}])
    world.tick(minutes=1)
    world.desk.put("Comment", line_id(world, "C"), Outcome="SHIPPED")
    world.tick(FLOW, minutes=1)
    assert world.notes("8" * 260)[0].startswith("C x 1 of 888")


def test_the_element_of_a_pruned_record_is_fetched_with_all_that_the_line_is_made_of(lines: World) -> None:
    world = lines
    world.store.prune(world.clock.now(), delivered=0, parked=0, audit=0)
    world.desk.put("Comment", line_id(world, "A"), Outcome="SHIPPED")
    world.tick(FLOW, minutes=1)
    assert world.notes("1") == ["A x 2 of 1, new: SHIPPED"]


def test_what_is_in_doubt_is_told_under_the_key_that_the_record_which_is_answered_gives_it(shared: World) -> None:
    world = shared
    decide(world, the_case(world), Resolution="Refund")
    world.tick(FLOW)
    (row,) = world.store.rows(flow=FLOW)
    stream = world.shop.streams["refunds"]
    keys = {_our_key(row, line, world.flows[FLOW], stream, True) for line in row.lines if line.id == "refund"}
    assert keys == set(world.shop.created)
