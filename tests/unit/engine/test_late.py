"""An update without an answer that commits late, over what was sent since: the newest wins all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connector import keys
from connector.errors import Transient, Unavailable
from connector.model import Write
from tests.unit.engine.world import World

CASES, ANSWERS = "orders-to-cases", "cases-to-orders"


def lost(world: World, **fields: Any) -> Callable[[], None]:
    """The order changes, and the update of its case gets no answer; what is given back lets it arrive."""
    world.order("0001", **fields)
    world.desk.fail("write", Transient("no answer", uncertain=True))
    world.tick()
    [case] = world.desk.objects["Case"]
    return lambda: void(world.desk.put("Case", case, Subject=f"Order 0001 is {fields['status']}"))


def void(_: object) -> None:
    """Nothing."""


def opened(world: World) -> None:
    """A case stands."""
    world.order("0001", status="new")
    world.tick()


def test_an_update_that_commits_late_loses_to_a_newer_value(world: World) -> None:
    opened(world)
    arrive = lost(world, status="torn")
    world.clock.forward(minutes=1)
    world.order("0001", status="mended")
    world.tick()
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended", "facts do not wait"
    assert world.states() == {"0001": "pending"}
    arrive()
    world.tick(minutes=2)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"
    assert world.states() == {"0001": "done"}


def test_a_newer_value_after_the_lost_one_was_repeated_is_held_too(world: World) -> None:
    opened(world)
    arrive = lost(world, status="torn")
    world.tick(minutes=0.6)
    assert world.states() == {"0001": "done"}, "the same value again: its late twin does no harm"
    world.order("0001", status="mended")
    world.tick(minutes=0.5)
    arrive()
    world.tick(minutes=2)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"


def test_a_save_that_changes_nothing_of_the_case_does_not_forget_what_may_still_arrive(world: World) -> None:
    opened(world)
    arrive = lost(world, status="torn")
    world.clock.forward(seconds=20)
    world.order("0001", status="mended")
    world.tick()
    world.clock.forward(seconds=20)
    world.shop.put("orders", "0001", seen=1)
    world.tick()
    assert world.states() == {"0001": "pending"}
    arrive()
    world.tick(minutes=2)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"
    assert world.states() == {"0001": "done"}


def test_two_lost_updates_of_different_values_are_both_remembered(world: World) -> None:
    opened(world)
    first = lost(world, status="torn")
    world.clock.forward(minutes=1)
    lost(world, status="mended")
    world.tick(minutes=1)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"
    first()
    world.tick(minutes=2.1)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"


def test_a_lost_update_beside_one_that_is_to_go_once_more_forgets_nothing(world: World) -> None:
    opened(world)
    first = lost(world, status="torn")
    world.clock.forward(seconds=40)
    world.order("0001", status="mended")
    world.tick()
    world.clock.forward(seconds=20)
    lost(world, status="sent off")
    world.tick(minutes=0.7)
    first()
    world.tick(minutes=2.1)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is sent off"


def test_a_clearing_that_was_lost_while_an_older_value_may_still_arrive_goes_once_more(world: World) -> None:
    opened(world)
    world.order("0001", total=99)
    world.desk.fail("write", Transient("no answer", uncertain=True))
    world.tick()
    world.tick(minutes=0.6)  # the same again, and answered; the first may still arrive
    world.order("0001", total=None)
    world.desk.fail("write", Transient("no answer", uncertain=True))
    world.tick(minutes=0.2)
    world.tick(minutes=0.6)
    assert world.cases()["0001"]["Total"] is None
    world.desk.put("Case", world.case_id("0001"), Total=99)
    world.tick(minutes=2.1)
    assert world.cases()["0001"]["Total"] is None


def test_while_it_may_arrive_only_what_changed_is_sent(world: World) -> None:
    opened(world)
    lost(world, status="torn")
    world.tick(minutes=0.6)
    world.order("0001", status="torn", total=99)
    world.tick(minutes=0.1)
    assert dict(world.desk.sent[-1][1].fields) == {"Total": 99}
    sent = len(world.desk.sent)
    world.tick(minutes=0.1)
    assert len(world.desk.sent) == sent


def test_once_it_cannot_arrive_any_more_nothing_is_sent_for_it(world: World) -> None:
    opened(world)
    lost(world, status="torn")
    world.tick(minutes=0.6)
    sent = len(world.desk.sent)
    world.shop.put("orders", "0001", seen=1)
    world.tick(minutes=60)
    assert len(world.desk.sent) == sent, "an old doubt is no reason to send"


def test_a_connection_that_broke_is_as_uncertain_as_a_call(world: World) -> None:
    opened(world)
    world.order("0001", status="torn")
    world.desk.fail("write", Unavailable("reset", uncertain=True))
    world.tick()
    world.order("0001", status="mended")
    world.tick(minutes=1)
    world.desk.put("Case", world.case_id("0001"), Subject="Order 0001 is torn")
    world.tick(minutes=2)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"


def test_an_update_of_a_killed_process_that_commits_late_loses_too(world: World) -> None:
    opened(world)
    world.order("0001", status="torn")
    world.desk.fail("write", Transient("never seen", uncertain=True))
    world.killed_pass()
    world.clock.forward(seconds=5)
    world.order("0001", status="mended")
    world.tick()
    world.desk.put("Case", world.case_id("0001"), Subject="Order 0001 is torn")
    world.tick(minutes=2.1)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"
    assert world.states() == {"0001": "done"}


def test_an_update_of_the_first_of_two_killed_processes_that_commits_late_loses_too(world: World) -> None:
    """The second one had the newer version already, and could not note what it sent either."""
    opened(world)
    world.order("0001", status="torn")
    world.desk.fail("write", Transient("never seen", uncertain=True))
    world.killed_pass()
    world.clock.forward(seconds=5)
    world.order("0001", status="mended")
    world.killed_pass()
    world.tick(minutes=0.5)
    world.desk.put("Case", world.case_id("0001"), Subject="Order 0001 is torn")
    for _ in range(3):
        world.tick(minutes=1)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"
    assert world.states() == {"0001": "done"}


@pytest.mark.parametrize("appears", [True, False])
def test_a_case_that_a_killed_process_asked_for_is_waited_for_although_its_record_is_left_out_since(
    world: World, appears: bool
) -> None:
    """Else it would stand there with what was wanted once, and nobody would know of it."""
    world.order("0001", status="torn")
    world.desk.fail("write", Transient("never seen", uncertain=True))
    world.killed_pass()
    world.clock.forward(seconds=5)
    world.order("0001", needs_care=False, status="mended")
    world.tick()
    assert (world.states(), world.cases()) == ({"0001": "pending"}, {})
    if appears:
        world.desk.write(
            "Case", [Write("create", keys.make(CASES, "RefArch", "0001"), {"Subject": "Order 0001 is torn"})]
        )
    for _ in range(3):
        world.tick(minutes=1)
    if appears:
        assert (world.states(), world.cases()["0001"]["Subject"]) == ({"0001": "done"}, "Order 0001 is mended")
    else:
        assert (world.states(), world.cases()) == ({"0001": "filtered"}, {})


def test_what_arrives_while_our_process_stands_still_before_it_reads_the_answer_loses_too(world: World) -> None:
    opened(world)
    arrive = lost(world, status="torn")
    world.clock.forward(seconds=30)
    world.order("0001", status="mended")

    def stopped(*_: object) -> None:
        world.clock.forward(seconds=30)
        arrive()
        world.clock.forward(minutes=5)

    world.desk.during(stopped)
    world.tick()
    world.tick(minutes=1)
    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"


def test_sending_once_more_burns_no_attempt(world: World) -> None:
    opened(world)
    lost(world, status="torn")
    world.order("0001", status="mended")
    world.tick(minutes=0.6)
    [row] = world.store.rows(flow=CASES)
    assert (row.state, row.attempts) == ("pending", 0)
    assert "once more" in row.reason


def test_a_clearing_whose_request_was_lost_is_sent_again(world: World) -> None:
    opened(world)
    world.order("0001", total=None)
    world.desk.fail("write", Transient("never arrived", uncertain=True))
    world.tick(minutes=1)
    world.tick(minutes=1)
    assert world.cases()["0001"]["Total"] is None


def test_what_was_cleared_is_cleared_once_more_when_an_older_value_came_late(world: World) -> None:
    opened(world)
    lost(world, status="torn", total=99)
    world.order("0001", status="torn", total=None)
    world.tick(minutes=1)
    world.desk.put("Case", world.case_id("0001"), Total=99)
    world.tick(minutes=2)
    assert world.cases()["0001"]["Total"] is None
