"""Where two parts of the engine meet: each was right alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.engine.reconcile import Reconciling
from connector.errors import Rejected, Transient
from tests.unit.engine.world import Killed, World

ORDERS, ANSWERS = "orders-to-cases", "cases-to-orders"
LOST = Transient("no answer", uncertain=True)


def killed_in_flight(world: World, adapter: Any, flow: str, first: Callable[[], None] | None = None) -> None:
    """The process dies while a write is under way: whether it takes effect, and when, nobody knows. `first` happens before."""

    def dies(stream: str, batch: Any) -> Any:
        if first is not None:
            first()
        raise Killed

    real, adapter.write = adapter.write, dies
    with pytest.raises(Killed):
        world.engine.run_pass(flow)
    adapter.write = real
    world.restart()


# -- doubts that meet --------------------------------------------------------------------------------------------------


def test_a_kill_while_a_lost_append_was_sent_again_is_waited_out_too(tmp_path: Path) -> None:
    """The line is in doubt since its first try; the try that the kill cut off may arrive later still."""
    world = World(tmp_path)
    world.order("0001")
    world.tick()
    world.desk.put("Case", world.case_id("0001"), Resolution="Release", Decided="1")
    world.shop.fail("write", LOST, when=lambda write: write.op == "append")
    world.tick(ANSWERS)
    world.clock.forward(minutes=5)
    killed_in_flight(world, world.shop, ANSWERS)
    world.tick(ANSWERS)
    assert not world.shop.appended["orders.notes"]["0001"], "the request that was cut off may still arrive"
    world.tick(ANSWERS, minutes=3)
    assert world.notes("0001") == ["Release for 0001 over 10.5"]


def test_a_rejected_update_does_not_forget_that_an_older_one_may_have_arrived(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.order("0001", status="new")
    world.tick()
    case = world.case_id("0001")
    world.order("0001", status="torn")
    world.desk.fail("write", LOST)
    world.tick()
    world.order("0001", status="mended")
    world.tick(minutes=0.5)
    world.order("0001", status="mended", total=-1)
    world.desk.fail(
        "write", Rejected("too low", field="Total"), when=lambda write: str(write.fields.get("Total")) == "-1"
    )
    world.tick(minutes=0.3)
    assert world.states() == {"0001": "parked"}
    world.desk.put("Case", case, Subject="Order 0001 is torn")  # the lost one arrives
    world.clock.forward(minutes=60)
    world.order("0001", status="mended", total=2)
    for _ in range(3):
        world.tick(minutes=5)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"
    assert world.states() == {"0001": "done"}


GUARDED = """
summary: a decision is carried out, then shown
fields:
  c_state: "{{ State }}"
also:
  - id: decision
    to: destination.orders.status
    when: "{{ Resolution }}"
    key: "{{ Decided }}"
    fields: {status: {from: "{{ Resolution }}", map: {Cancel: cancelled, Release: open}}, only_from: "created, new, open"}
"""


def test_a_decision_waits_until_the_one_before_it_that_a_kill_cut_off_can_arrive_no_more(tmp_path: Path) -> None:
    world = World(tmp_path, answers=GUARDED)
    world.order("0001")
    world.tick()
    case = world.case_id("0001")
    world.desk.put("Case", case, Resolution="Cancel", Decided="1", State="Closed")
    world.clock.forward(minutes=1)
    killed_in_flight(world, world.shop, ANSWERS)
    world.desk.put("Case", case, Resolution="Release", Decided="2", State="Closed")
    world.tick(ANSWERS)
    moves = [write for stream, write in world.shop.sent if stream == "orders.status"]
    assert not moves, "the cancelling may still arrive, and would stand over the newer decision"
    world.tick(ANSWERS, minutes=2)
    assert world.shop.objects["orders"]["0001"].fields["status"] == "open"
    assert world.states(ANSWERS) == {case: "done"}


def test_a_version_that_came_while_the_older_one_was_sent_wins_though_a_kill_came_between(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.order("0001", status="new")
    world.tick()
    case = world.case_id("0001")
    world.clock.forward(minutes=1)
    world.order("0001", status="torn")

    def meanwhile() -> None:
        world.clock.forward(seconds=5)
        world.order("0001", status="mended")
        select = world.engine.selection(world.flows[ORDERS])
        page = next(iter(world.shop.read("orders", None, select=select)))
        world.store.ingest(ORDERS, page, world.clock.now(), move=False)

    killed_in_flight(world, world.desk, ORDERS, meanwhile)
    world.tick(minutes=0.1)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"
    world.desk.put("Case", case, Subject="Order 0001 is torn")  # what the kill cut off arrives
    world.tick(minutes=3)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"


def test_a_clock_that_was_put_back_forgets_no_doubt_of_what_comes_after(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.clock.forward(days=1)
    world.order("0001", status="new")
    world.tick()
    case = world.case_id("0001")
    world.clock.forward(days=-1)
    world.tick()
    ahead = world.clock.now() + timedelta(days=2)
    world.shop.put("orders", "0001", at=ahead, status="torn")
    world.clock.forward(minutes=1)
    killed_in_flight(world, world.desk, ORDERS)
    world.shop.put("orders", "0001", at=ahead + timedelta(minutes=1), status="mended")
    world.tick()
    world.desk.put("Case", case, Subject="Order 0001 is torn")  # what the kill cut off arrives
    world.tick(minutes=3)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"


# -- the loop breaker --------------------------------------------------------------------------------------------------


def test_lost_replies_are_no_values_that_go_back_and_forth(tmp_path: Path) -> None:
    """A total that only grows, over a line that loses every second reply."""
    world = World(tmp_path)
    world.order("0001", total=1)
    world.tick()
    for total in range(2, 60, 3):
        for more in (0, 1):
            world.desk.fail("write", LOST)
            world.order("0001", total=total + more)
            world.tick(minutes=0.6)
        world.order("0001", total=total + 2)
        world.tick(minutes=0.6)
        world.tick(minutes=1)
    for _ in range(3):
        world.tick(minutes=5)
    assert world.states() == {"0001": "done"}


# -- forgetting --------------------------------------------------------------------------------------------------------


def test_a_record_that_is_named_like_a_site_or_a_field_takes_nothing_else_with_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    for key in ("0001", "RefArch", "order_no", "Case"):
        world.order(key)
    world.tick()
    for key in ("RefArch", "order_no", "Case"):
        (row,) = world.store.rows(flow=ORDERS, key=key)
        world.store.forget([row.id], {key}, world.clock.now(), by="test")
    world.restart()
    (row,) = world.store.rows(flow=ORDERS)
    assert (row.site, row.lines[0].stream) == ("RefArch", "desk.Case")
    world.order("0001", status="paid")
    world.tick(minutes=1)
    assert world.states() == {"0001": "done"}
    assert len(world.desk.objects["Case"]) == 4, "those that were forgotten stay where they are; nothing is made again"


def test_a_forgotten_case_that_was_never_read_is_no_difference_and_nothing_to_write(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.order("0001")
    world.tick()
    ((ours, case),) = world.desk.by_our_key("Case").items()
    (row,) = world.store.rows(flow=ORDERS)
    world.store.forget([row.id], {"0001", case.key, ours}, world.clock.now(), by="test")
    world.desk.put("Case", case.key, Resolution="Release", Decided="1")

    assert not world.engine.dry_run(ANSWERS).outcomes.get("write")
    world.tick(ANSWERS, minutes=5)
    world.tick(ANSWERS, minutes=30)
    found = Reconciling(world.engine, ANSWERS, None).run()
    assert (found.differences, found.left["forgotten"]) == ([], 1)


# -- the brake ---------------------------------------------------------------------------------------------------------


def test_objects_whose_creation_was_not_answered_are_braked_like_others(tmp_path: Path) -> None:
    """A system that takes what it is given, and often does not answer."""
    world = World(tmp_path, brake=2)
    for key in range(12):
        world.order(f"{key:04}")
    for _ in range(10):
        world.desk.fail("write", LOST, committed=True)
        world.tick(minutes=2)
        world.tick(minutes=2)
    assert len(world.cases()) <= 2 + 2, "those of the last hour, and what was on its way when a reply was lost"
