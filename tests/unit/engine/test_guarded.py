"""Guarded lines: the decision is carried out first, and shown only when that is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.digests import name_digest
from connector.errors import Misconfigured, Rejected, Transient
from connector.model import Write
from tests.unit.engine.world import World

GUARDED = """
summary: a decision is carried out, then shown
fields:
  c_state: "{{ State }}"
also:
  - id: cancel
    to: destination.orders.status
    when: "{{ Resolution == 'Cancel' }}"
    key: "{{ Decided }}"
    fields: {status: cancelled, only_from: "created, new"}
  - id: shown
    to: main
    after: [cancel]
    fields: {c_decision: "{{ Resolution }}"}
  - id: note
    to: destination.orders.notes
    when: "{{ Resolution }}"
    key: "{{ Decided }}"
    after: [cancel]
    fields: {subject: Decided, text: "{{ Resolution }}"}
"""
REFUSED = Rejected("409 OrderStatusTransitionException", field="status", remedy="decide anew")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, answers=GUARDED)
    made.order("0001")
    made.tick()
    yield made
    made.store.close()


def decide(world: World, resolution: str | None, decided: str = "1", state: str = "Closed") -> None:
    case = world.case_id("0001")
    world.desk.put("Case", case, Resolution=resolution, Decided=decided, State=state)
    world.tick("cases-to-orders", minutes=1)


def order(world: World) -> dict[str, Any]:
    return world.shop.objects["orders"]["0001"].fields


def guards(world: World) -> list[Write]:
    return [write for stream, write in world.shop.sent if stream == "orders.status"]


def status_writes(write: Write) -> bool:
    return "status" in write.fields


def test_a_decision_is_carried_out_before_it_is_shown(guarded: World) -> None:
    decide(guarded, "Cancel")

    assert [stream for stream, _ in guarded.shop.sent] == ["orders", "orders.status", "orders", "orders.notes"]
    assert order(guarded)["status"] == "cancelled"
    assert order(guarded)["c_decision"] == "Cancel"
    assert guarded.notes("0001") == ["Cancel"]
    assert guarded.states("cases-to-orders") == {guarded.case_id("0001"): "done"}


def test_a_guarded_line_addresses_the_origin_and_takes_its_conditions_along(guarded: World) -> None:
    decide(guarded, "Cancel")
    (write,) = guards(guarded)
    assert (write.op, write.target) == ("update", "0001")
    assert dict(write.fields) == {"status": "cancelled", "only_from": "created, new"}


def test_a_refused_decision_parks_with_its_reason_and_is_not_shown(guarded: World) -> None:
    guarded.shop.fail("write", REFUSED, when=status_writes)

    decide(guarded, "Cancel")

    (row,) = guarded.store.rows(flow="cases-to-orders", limit=10)
    assert (row.state, row.reason, row.field, row.remedy) == ("parked", str(REFUSED), "status", "decide anew")
    assert order(guarded)["c_state"] == "Closed"
    assert "c_decision" not in order(guarded)
    assert guarded.notes("0001") == []


def test_a_refused_decision_is_shown_when_the_retry_goes_through(guarded: World) -> None:
    guarded.shop.fail("write", REFUSED, when=status_writes)
    decide(guarded, "Cancel")

    guarded.store.replay(guarded.clock.now())
    guarded.tick("cases-to-orders", minutes=1)

    assert order(guarded)["c_decision"] == "Cancel"
    assert guarded.notes("0001") == ["Cancel"]
    assert guarded.states("cases-to-orders") == {guarded.case_id("0001"): "done"}


@pytest.mark.parametrize("by", ["replay", "remap"])
def test_a_case_that_was_deleted_decides_nothing_any_more(guarded: World, by: str) -> None:
    """Another one may have been made in its place, and have decided otherwise since."""
    if by == "replay":
        guarded.shop.fail("write", REFUSED, when=status_writes)
    decide(guarded, "Cancel" if by == "replay" else None)
    before = order(guarded).copy()
    guarded.desk.remove("Case", guarded.case_id("0001"))

    if by == "replay":
        guarded.store.replay(guarded.clock.now())
    else:
        again = GUARDED.replace("c_state", "c_other")
        guarded.flow("cases-to-orders", "desk.Case", "shop.orders", again, answers="orders-to-cases", brake=None)
        guarded.restart()
        version = guarded.flows["cases-to-orders"].mapping.version
        rows = [row.id for row in guarded.store.rows(flow="cases-to-orders")]
        assert guarded.store.remap("cases-to-orders", rows, version, guarded.clock.now()) == 1
    guarded.tick("cases-to-orders", minutes=1)

    assert order(guarded) == before
    assert guarded.notes("0001") == []
    (row,) = guarded.store.rows(flow="cases-to-orders")
    assert row.state == ("parked" if by == "replay" else "done")
    assert row.reason == "desk.Case no longer has this record"


def test_a_case_made_anew_takes_back_what_the_deleted_one_had_shown(guarded: World) -> None:
    decide(guarded, "Cancel")
    old = guarded.case_id("0001")
    guarded.desk.remove("Case", old)
    guarded.order("0001", total=99)
    guarded.tick()
    assert guarded.store.replay(guarded.clock.now(), flow="orders-to-cases", recreate=True) == 1
    guarded.tick(minutes=1)
    new = guarded.case_id("0001")
    assert new != old
    guarded.desk.put("Case", new, Resolution=None, State="New")
    guarded.tick("cases-to-orders", minutes=1)

    assert order(guarded)["c_state"] == "New"
    assert order(guarded)["c_decision"] is None
    assert len(guards(guarded)) == 1
    decide(guarded, "Cancel", "2")
    assert order(guarded)["c_decision"] == "Cancel"
    assert guarded.notes("0001") == ["Cancel", "Cancel"]


def test_what_a_deleted_case_had_still_to_say_is_not_said_once_another_was_made(guarded: World) -> None:
    guarded.shop.fail("write", Transient("locked"), when=lambda write: "c_state" in write.fields)
    decide(guarded, None, state="Old")
    old = guarded.case_id("0001")
    guarded.desk.remove("Case", old)
    guarded.order("0001", total=99)
    guarded.tick()
    guarded.store.replay(guarded.clock.now(), flow="orders-to-cases", recreate=True)
    guarded.tick()
    guarded.desk.put("Case", guarded.case_id("0001"), State="New")
    guarded.tick("cases-to-orders")
    assert order(guarded)["c_state"] == "New"

    guarded.tick("cases-to-orders", minutes=5)
    assert order(guarded)["c_state"] == "New"
    assert guarded.states("cases-to-orders")[old] == "filtered"


def test_a_case_that_is_undeleted_before_it_is_made_anew_goes_on_deciding(guarded: World) -> None:
    case = guarded.case_id("0001")
    record = guarded.desk.objects["Case"][case]
    guarded.desk.remove("Case", case)
    guarded.order("0001", total=99)
    guarded.tick()
    assert guarded.store.replay(guarded.clock.now(), flow="orders-to-cases", recreate=True) == 1
    guarded.desk.objects["Case"][case] = record  # out of the recycle bin
    guarded.tick(minutes=1)
    assert guarded.case_id("0001") == case

    decide(guarded, "Cancel")
    assert order(guarded)["c_decision"] == "Cancel"
    assert guarded.notes("0001") == ["Cancel"]


def test_what_comes_after_a_guarded_line_waits_while_that_is_tried_again(guarded: World) -> None:
    guarded.shop.fail("write", Transient("504", uncertain=True), when=status_writes)
    decide(guarded, "Cancel")
    assert "c_decision" not in order(guarded)
    assert guarded.states("cases-to-orders") == {guarded.case_id("0001"): "pending"}

    guarded.tick("cases-to-orders", minutes=5)

    assert order(guarded)["c_decision"] == "Cancel"
    assert guarded.notes("0001") == ["Cancel"]


def test_a_missing_permission_shows_no_decision_and_parks_nothing(guarded: World) -> None:
    guarded.shop.fail("write", Misconfigured("may not PUT status", remedy="add the entry"), times=99)
    decide(guarded, "Cancel")
    assert guarded.states("cases-to-orders") == {guarded.case_id("0001"): "pending"}
    assert "c_decision" not in order(guarded)


def test_the_same_decision_made_again_after_another_is_carried_out_again(guarded: World) -> None:
    decide(guarded, "Cancel", "1")
    decide(guarded, None, "1", state="Working")
    guarded.shop.put("orders", "0001", status="new")
    decide(guarded, "Release", "2")
    decide(guarded, "Cancel", "3")

    assert len(guards(guarded)) == 2
    assert order(guarded)["status"] == "cancelled"
    assert guarded.notes("0001") == ["Cancel", "Release", "Cancel"]


def test_a_case_touched_after_its_decision_moves_the_order_no_more(guarded: World) -> None:
    decide(guarded, "Cancel")
    guarded.shop.put("orders", "0001", status="new")  # somebody in the shop revived it
    decide(guarded, "Cancel", state="Closed again by a rule")
    assert len(guards(guarded)) == 1
    assert order(guarded)["status"] == "new"


def test_other_conditions_in_the_mapping_do_not_send_an_old_wish_again(guarded: World) -> None:
    decide(guarded, "Cancel")
    again = GUARDED.replace('"created, new"', '"created, new, open"')
    guarded.flow("cases-to-orders", "desk.Case", "shop.orders", again, answers="orders-to-cases", brake=None)
    guarded.restart()
    decide(guarded, "Cancel", state="Touched")
    assert len(guards(guarded)) == 1


def test_conditions_are_not_remembered(guarded: World) -> None:
    decide(guarded, "Cancel")
    (row,) = guarded.store.rows(flow="cases-to-orders", limit=10)
    (line,) = [line for line in row.lines if line.id == "cancel"]
    assert set(line.digests) == {name_digest("status")}


def test_a_changed_wish_takes_all_its_conditions_along(tmp_path: Path) -> None:
    answers = """
summary: one line without episodes
also:
  - id: move
    to: destination.orders.status
    fields: {status: "{{ Resolution }}", only_from: "created, new"}
"""
    world = World(tmp_path, answers=answers)
    world.order("0001")
    world.tick()
    decide(world, "open")
    decide(world, "cancelled")
    assert [dict(write.fields) for write in guards(world)] == [
        {"status": "open", "only_from": "created, new"},
        {"status": "cancelled", "only_from": "created, new"},
    ]
    world.store.close()


def test_a_process_that_dies_after_the_guarded_call_shows_the_decision_next_time(guarded: World) -> None:
    case = guarded.case_id("0001")
    guarded.desk.put("Case", case, Resolution="Cancel", Decided="1", State="Closed")
    guarded.clock.forward(minutes=1)
    guarded.killed_pass("cases-to-orders")
    guarded.tick("cases-to-orders", minutes=10)
    guarded.tick("cases-to-orders", minutes=10)  # the note may have been sent: it is looked for after a while

    assert order(guarded)["c_decision"] == "Cancel"
    assert guarded.notes("0001") == ["Cancel"]
    assert guarded.states("cases-to-orders") == {case: "done"}


def test_a_kill_in_a_later_delivery_carries_out_no_decision_again(guarded: World) -> None:
    decide(guarded, "Cancel")
    guarded.shop.put("orders", "0001", status="new")  # somebody in the shop revived it
    guarded.desk.put("Case", guarded.case_id("0001"), Resolution="Cancel", Decided="1", State="Touched")
    guarded.clock.forward(minutes=1)
    guarded.killed_pass("cases-to-orders")
    guarded.tick("cases-to-orders", minutes=10)

    assert len(guards(guarded)) == 1
    assert order(guarded)["status"] == "new"
    assert order(guarded)["c_state"] == "Touched"
    assert guarded.states("cases-to-orders") == {guarded.case_id("0001"): "done"}


def test_a_kill_leaves_a_guarded_line_without_episodes_in_doubt(tmp_path: Path) -> None:
    answers = """
summary: a state that follows the case
also:
  - id: move
    to: destination.orders.status
    fields: {status: "{{ Resolution }}"}
"""
    world = World(tmp_path, answers=answers)
    world.order("0001")
    world.tick()
    decide(world, "open")
    world.desk.put("Case", world.case_id("0001"), Resolution="failed")
    world.clock.forward(minutes=1)
    world.killed_pass("cases-to-orders")  # it was sent, and nobody remembers
    decide(world, "open")
    world.tick("cases-to-orders", minutes=2)  # what the kill cut off may arrive until then
    assert order(world)["status"] == "open"
    world.store.close()


@pytest.mark.parametrize("late", [True, False])
def test_a_decision_waits_until_an_earlier_one_without_answer_can_arrive_no_more(tmp_path: Path, late: bool) -> None:
    answers = GUARDED.replace(
        "  - id: shown",
        """  - id: open
    to: destination.orders.status
    when: "{{ Resolution == 'Release' }}"
    key: "{{ Decided }}"
    fields: {status: open, only_from: "created, new"}
  - id: shown""",
    ).replace("after: [cancel]", "after: [cancel, open]")
    world = World(tmp_path, answers=answers)
    world.order("0001")
    world.tick()
    world.shop.fail("write", Transient("no answer", uncertain=True), when=status_writes)
    decide(world, "Cancel", "1")

    decide(world, "Release", "2")
    assert order(world)["status"] == "new"
    assert "c_decision" not in order(world)
    if late:
        world.shop.put("orders", "0001", status="cancelled")  # it was carried out after all
    world.tick("cases-to-orders", minutes=2)

    (row,) = world.store.rows(flow="cases-to-orders")
    assert row.state == "done"
    assert order(world)["c_decision"] == "Release"
    assert order(world)["status"] == "open"
    world.store.close()


def test_a_guarded_line_without_an_object_parks_and_creates_nothing(tmp_path: Path) -> None:
    orders = """
summary: a guarded line that says nothing of its object
fields: {Subject: "{{ record.key }}"}
also:
  - id: move
    to: shop.orders.status
    fields: {status: cancelled}
"""
    world = World(tmp_path, orders=orders)
    world.order("0001")
    world.tick()
    (row,) = world.store.rows(flow="orders-to-cases", limit=10)
    assert row.state == "parked"
    assert "nothing says to which object" in row.reason
    assert guards(world) == []
    assert world.desk.objects["Case"] == {}, "nobody has to look for what is missing beside a case"
    world.store.close()


def test_a_preview_shows_the_wish_with_its_conditions(guarded: World) -> None:
    case = guarded.case_id("0001")
    guarded.desk.put("Case", case, Resolution="Cancel", Decided="1", State="Closed")
    record = guarded.desk.objects["Case"][case]
    (preview,) = guarded.engine.preview("cases-to-orders", [record])
    shown = {write.line: {change.field: change.wanted for change in write.changes} for write in preview.writes}
    assert shown["cancel"] == {"status": "cancelled", "only_from": "created, new"}
    assert shown["shown"] == {"c_decision": "Cancel"}
