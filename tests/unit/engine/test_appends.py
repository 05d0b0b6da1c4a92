"""Appended lines: once each and in the order of their elements, whatever fails on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from connector.errors import Rejected, Transient, Unavailable
from connector.flow import Mapping
from connector.model import Write
from tests.unit.engine.world import World

CORRESPONDENCE = """
summary: the correspondence so far
fields:
  Subject: "Complaint {{ record.key }}"
also:
  - id: messages
    to: destination.Remark
    for: "{{ messages }}"
    key: "{{ this.id }}"
    fields: {ParentId: "{{ main.id }}", Body: "{{ this.text }}"}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, orders=CORRESPONDENCE)
    yield made
    made.store.close()


def said(world: World, key: str, *texts: str) -> None:
    """The customer has written this so far."""
    world.clock.forward(seconds=1)
    world.order(key, messages=[{"id": text, "text": text} for text in texts])


def remarks(world: World, key: str = "0001") -> list[str]:
    """What stands at the case, in order."""
    return [fields["Body"] for _, fields in world.desk.appended["Remark"][world.case_id(key)]]


def body(text: str) -> Callable[[Write], bool]:
    """Picks the row with this text."""
    return lambda write: write.fields.get("Body") == text


def writes(world: World) -> list[int]:
    """Rows of each call that appended."""
    return [count for verb, stream, count in world.desk.log if (verb, stream) == ("write", "Remark")]


def test_the_correspondence_goes_in_order_one_call_an_element_for_all_records_together(desk: World) -> None:
    for key in ("0001", "0002", "0003"):
        said(desk, key, "one", "two", "three")
    said(desk, "0004", "one")

    desk.tick()

    assert [remarks(desk, key) for key in ("0001", "0002", "0003")] == [["one", "two", "three"]] * 3
    assert writes(desk) == [4, 3, 3]


def test_a_field_may_name_the_object_that_is_appended_to(desk: World) -> None:
    said(desk, "0001", "one")

    desk.tick()

    write = next(write for stream, write in desk.desk.sent if stream == "Remark")
    assert write.target == desk.case_id("0001") == write.fields["ParentId"]


def test_a_further_message_is_one_further_remark(desk: World) -> None:
    said(desk, "0001", "one", "two")
    desk.tick()
    said(desk, "0001", "one", "two", "three")

    desk.tick(minutes=1)
    desk.tick(minutes=1)

    assert remarks(desk) == ["one", "two", "three"]


def test_only_a_case_made_in_this_delivery_needs_no_look(desk: World) -> None:
    said(desk, "0001", "one", "two")
    desk.tick()
    said(desk, "0001", "one", "two", "three")
    desk.tick(minutes=1)

    fresh = [write.fresh for stream, write in desk.desk.sent if stream == "Remark"]
    assert fresh == [True, True, False]


def test_a_case_that_stood_already_is_no_new_one(desk: World) -> None:
    """A ledger that was lost: the case and its remarks are there, and only a look can tell."""
    said(desk, "0001", "one")
    desk.tick()
    (desk.folder / "ledger.db").unlink()
    desk.restart()

    desk.tick()

    assert [write.fresh for stream, write in desk.desk.sent if stream == "Remark"] == [True, False]


def test_a_remark_that_may_pass_later_holds_back_those_after_it(desk: World) -> None:
    said(desk, "0001", "one", "two", "three")
    said(desk, "0002", "first", "second")
    desk.desk.fail("write", Transient("locked"), when=body("two"))

    desk.tick()
    assert remarks(desk) == ["one"]
    assert remarks(desk, "0002") == ["first", "second"], "its neighbours pass"
    desk.tick(minutes=1)

    assert remarks(desk) == ["one", "two", "three"]
    assert desk.states() == {"0001": "done", "0002": "done"}


def test_a_remark_that_is_refused_for_good_holds_nobody_back(desk: World) -> None:
    said(desk, "0001", "one", "two", "three")
    desk.desk.fail("write", Rejected("no"), times=9, when=body("two"))

    desk.tick()
    assert remarks(desk) == ["one", "three"]
    assert desk.states() == {"0001": "parked"}
    said(desk, "0001", "one", "two", "three", "four")
    desk.tick(minutes=1)

    assert remarks(desk) == ["one", "three", "four"]


def test_one_that_never_passes_holds_back_the_rest_until_it_is_given_up(desk: World) -> None:
    said(desk, "0001", "one", "two")
    desk.desk.fail("write", Transient("locked"), times=99, when=body("one"))

    for _ in range(desk.policy.attempts - 1):
        desk.tick(minutes=61)
    assert remarks(desk) == []
    desk.tick(minutes=61)

    assert remarks(desk) == ["two"]
    assert desk.states() == {"0001": "parked"}


def test_a_lost_reply_makes_no_second_remark_and_the_next_one_waits_for_it(desk: World) -> None:
    said(desk, "0001", "one", "two")
    desk.desk.during(lambda stream, batch: None)  # the case
    lost = Transient("reset", uncertain=True)
    desk.desk.during(lambda stream, batch: desk.desk.fail("write", lost, committed=True))
    desk.tick()
    assert remarks(desk) == ["one"]
    desk.tick(minutes=1)
    assert remarks(desk) == ["one"], "the first may still be on its way: nothing goes before it is looked up"
    desk.tick(minutes=2)

    assert remarks(desk) == ["one", "two"]
    assert desk.states() == {"0001": "done"}


def test_an_outage_in_the_middle_keeps_the_order(desk: World) -> None:
    said(desk, "0001", "one", "two", "three")
    desk.desk.during(lambda stream, batch: None)
    desk.desk.during(lambda stream, batch: desk.desk.fail("write", Unavailable("503"), times=1))

    desk.tick()
    assert remarks(desk) == ["one"]
    desk.tick(minutes=1)

    assert remarks(desk) == ["one", "two", "three"]


def test_a_kill_before_the_settle_doubles_nothing_and_keeps_the_order(desk: World) -> None:
    said(desk, "0001", "one", "two", "three")
    desk.killed_pass()
    assert remarks(desk) == ["one", "two", "three"]
    said(desk, "0001", "one", "two", "three", "four")

    for _ in range(4):
        desk.tick(minutes=1)

    assert remarks(desk) == ["one", "two", "three", "four"]
    assert desk.states() == {"0001": "done"}


def test_a_kill_between_two_remarks_sends_the_rest_in_order(desk: World) -> None:
    said(desk, "0001", "one", "two", "three")
    desk.desk.during(lambda stream, batch: None)
    desk.desk.during(
        lambda stream, batch: desk.stop.set()
    )  # ends in order after the first, so that nothing is uncertain
    desk.tick()
    assert remarks(desk) == ["one"]
    desk.stop.clear()

    desk.tick(minutes=1)

    assert remarks(desk) == ["one", "two", "three"]


def test_a_preview_shows_what_would_be_appended(desk: World) -> None:
    said(desk, "0001", "one")
    record = desk.engine.record("orders-to-cases", "0001")
    assert record is not None

    (preview,) = desk.engine.preview("orders-to-cases", [record])

    assert [(write.line, write.op) for write in preview.writes] == [("main", "create"), ("messages", "append")]


class Counting:
    """A mapping that counts how often a record is mapped."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping, self.maps = mapping, 0

    def __getattr__(self, name: str) -> Any:
        self.maps += name == "map"
        return getattr(self._mapping, name)


def test_a_hundred_messages_map_their_record_twice_not_a_hundred_times(desk: World) -> None:
    flow = desk.flows["orders-to-cases"]
    counting = Counting(flow.mapping)
    desk.flows[flow.name] = replace(flow, mapping=cast("Mapping", counting))
    desk.restart()
    said(desk, "0001", *(str(number) for number in range(100)))

    desk.tick()

    assert remarks(desk) == [str(number) for number in range(100)]
    assert counting.maps == 2


@pytest.mark.parametrize("fault", [Rejected("no"), Transient("locked")])
def test_a_remark_that_was_sent_is_not_sent_again_after_its_case_could_not_be_updated(
    tmp_path: Path, fault: Rejected | Transient
) -> None:
    desk = World(tmp_path, orders=CORRESPONDENCE.replace("{{ record.key }}", "{{ record.key }}, {{ status }}"))
    said(desk, "0001", "one")
    desk.tick()
    desk.clock.forward(minutes=1)
    desk.order("0001", status="late")
    desk.desk.fail("write", fault, when=lambda write: write.op == "update")
    desk.tick()
    desk.store.replay(desk.clock.now())

    for _ in range(3):
        desk.tick(minutes=2)

    assert (remarks(desk), desk.states()) == (["one"], {"0001": "done"})
    assert desk.cases()["0001"]["Subject"] == "Complaint 0001, late"
    desk.store.close()


def test_of_two_that_wait_for_the_main_object_the_one_that_names_no_object_parks(tmp_path: Path) -> None:
    """The first of them is worked out together with the second, once the main object stands."""
    waiting = """  - {id: here, to: destination.Remark, fields: {ParentId: "{{ main.id }}", Body: here}}
  - {id: nowhere, to: destination.Remark, fields: {ParentId: "{{ nobody }}", Body: "on {{ main.id }}"}}
"""
    world = World(tmp_path, orders=CORRESPONDENCE.split("  - id: messages")[0] + waiting)
    world.order("0001")

    world.tick()

    (row,) = world.store.rows(flow="orders-to-cases", limit=10)
    assert row.state == "parked"
    assert "line 'nowhere' writes to desk.Remark, but nothing says to which object" in row.reason
    assert remarks(world) == ["here"]
    world.store.close()
