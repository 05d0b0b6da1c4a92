"""`gone` and `leave`: what becomes of objects that their record asks for no longer, and of those that come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Transient, Unavailable
from connector.model import Line
from tests.unit.engine.world import World

LINES = """
summary: an order case with lines that come and go
fields: {Account: "{{ account }}", State: {from: Draft, write: on-create}}
also:
  - id: lines
    to: destination.%s
    for: "{{ lines }}"
    key: "{{ this.id }}"
    gone: %s
    fields: {Parent: "{{ main.id }}", Quantity: "{{ this.qty }}", State: {from: Draft, write: on-create}}
  - {id: submit, to: main, after: [lines], when: "{{ complete }}", write: once, fields: {State: New}}
"""
CHOICE = "{delete_if: {State: Draft}, else: {State: Cancelled}}"
CARE = """
summary: a case is under care while its order is open
when: "{{ needs_care }}"
while: "{{ status != 'completed' }}"
leave: {Status: Closed, Outcome: "{{ outcome }}"}
fields: {Subject: "{{ record.key }} {{ status }}", Status: {from: New, write: on-create}}
also:
  - {id: log, to: destination.Comment, key: "{{ status }}", fields: {ParentId: "{{ main.id }}", Body: "{{ status }}"}}
"""


class Changes(World):
    """The shop's orders have lines; `desk` has a case for each order and a part (or slip) for each line."""

    def __init__(self, folder: Path, *, gone: str = "delete", stream: str = "Part") -> None:
        super().__init__(folder, orders=LINES % (stream, gone))
        self.stream = stream

    def change(self, *ids: str, qty: int = 1, **fields: Any) -> None:
        self.clock.forward(minutes=1)
        self.order("0001", lines=[{"id": one, "qty": qty} for one in ids], account="ACME", **fields)

    def parts(self) -> dict[str, tuple[Any, Any]]:
        return {
            key.rsplit(":", 1)[1]: (record.fields["Quantity"], record.fields["State"])
            for key, record in self.desk.by_our_key(self.stream).items()
        }

    def part(self, key: str) -> str:
        return next(r.key for k, r in self.desk.by_our_key(self.stream).items() if k.endswith(":" + key))

    def line(self, key: str, line: str = "lines") -> Line:
        row = self.store.row("orders-to-cases", "RefArch", "0001")
        assert row is not None
        return next(one for one in row.lines if (one.id, one.key) == (line, key))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Changes]]:
    made: list[Changes] = []

    def build(**settings: str) -> Changes:
        made.append(Changes(tmp_path, **settings))
        return made[-1]

    yield build
    for world in made:
        world.store.close()


@pytest.mark.parametrize("stream", ["Part", "Slip"])
def test_a_line_that_is_gone_is_deleted_and_made_anew_when_it_comes_back(
    make: Callable[..., Changes], stream: str
) -> None:
    world = make(stream=stream)
    world.change("a", "b")
    world.tick()
    first = world.part("b")
    world.change("a")
    world.tick()
    assert world.parts() == {"a": (1, "Draft")}
    assert (world.line("b").state, world.line("b").target) == ("ended", None)
    writes = world.desk.count("write")
    world.change("a", extra=1)
    world.tick()
    assert world.desk.count("write") == writes, "it is deleted once"

    world.change("a", "b", qty=3)
    world.tick()
    assert world.parts() == {"a": (3, "Draft"), "b": (3, "Draft")}
    assert world.line("b").state == "sent"
    assert first in world.line("b").forgotten
    assert world.states() == {"0001": "done"}


def test_kept_lines_stay_as_they_are(make: Callable[..., Changes]) -> None:
    world = make(gone="keep")
    world.change("a", "b")
    world.tick()
    world.change("a")
    world.tick()
    assert world.parts() == {"a": (1, "Draft"), "b": (1, "Draft")}
    assert world.line("b").state == "sent"


def test_fields_are_written_once_and_what_is_wanted_again_is_sent_again(make: Callable[..., Changes]) -> None:
    world = make(gone='{State: Cancelled, Quantity: 0, Reason: "{{ why }}"}')
    world.change("a", "b")
    world.tick()
    world.change("a", why="too late")
    world.tick()
    assert world.parts() == {"a": (1, "Draft"), "b": (0, "Cancelled")}
    fields = world.desk.objects["Part"][world.part("b")].fields
    assert fields["Reason"] == "too late"
    world.desk.put("Part", world.part("b"), State="Reviewed")
    world.change("a", why="other")
    world.tick()
    assert world.parts()["b"] == (0, "Reviewed"), "once"

    world.change("a", "b")
    world.tick()
    assert world.parts()["b"][0] == 1
    world.change("a", why="again")
    world.tick()
    assert world.parts()["b"] == (0, "Cancelled")
    assert world.desk.objects["Part"][world.part("b")].fields["Reason"] == "again"


def test_drafts_are_deleted_and_others_are_cancelled(make: Callable[..., Changes]) -> None:
    world = make(gone=CHOICE)
    world.change("a", "b", "c")
    world.tick()
    world.desk.put("Part", world.part("b"), State="Ordered")
    world.change("a")
    world.tick()
    assert world.parts() == {"a": (1, "Draft"), "b": (1, "Cancelled")}


def test_a_line_that_is_ordered_between_look_and_delete_is_cancelled_instead(make: Callable[..., Changes]) -> None:
    world = make(gone=CHOICE)
    world.change("a", "b")
    world.tick()
    world.change("a")
    part = world.part("b")

    def order() -> None:
        world.desk.put("Part", part, State="Ordered")

    world.desk.meanwhile(order, call=2)
    world.tick()
    assert world.parts()["b"] == (1, "Cancelled")
    assert world.states() == {"0001": "done"}


def test_the_later_write_waits_for_lines_that_go(make: Callable[..., Changes]) -> None:
    world = make()
    world.change("a", "b")
    world.tick()
    world.desk.fail("write", Transient("locked"), when=lambda write: write.op == "delete")
    world.change("a", complete=True)
    world.tick()
    assert world.cases()["0001"]["State"] == "Draft"
    world.tick(minutes=1)
    assert world.parts() == {"a": (1, "Draft")}
    assert world.cases()["0001"]["State"] == "New"
    world.desk.put("Case", world.case_id("0001"), State="Working")
    world.change("a", complete=True, extra=1)
    world.tick()
    assert world.cases()["0001"]["State"] == "Working", "submitted once"


@pytest.mark.parametrize("stream", ["Part", "Slip"])
@pytest.mark.parametrize("gone", ["delete", CHOICE])
@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_reply_to_a_delete_is_cleared_up(
    make: Callable[..., Changes], committed: bool, gone: str, stream: str
) -> None:
    world = make(stream=stream, gone=gone)
    world.change("a", "b")
    world.tick()
    world.desk.fail("write", Transient("no answer", uncertain=True), committed=committed)
    world.change("a")
    for minutes in (0, 3, 3):
        world.tick(minutes=minutes)
    assert world.parts() == {"a": (1, "Draft")}
    assert world.line("b").state == "ended"
    assert world.states() == {"0001": "done"}

    world.change("a", "b", qty=2)
    world.tick()
    assert world.parts() == {"a": (2, "Draft"), "b": (2, "Draft")}, "the answer to its deletion is owed no longer"
    assert world.states() == {"0001": "done"}


@pytest.mark.parametrize("gone", ["delete", CHOICE])
@pytest.mark.parametrize("committed", [True, False])
def test_a_line_is_not_deleted_while_an_earlier_try_to_make_it_may_still_arrive(
    make: Callable[..., Changes], committed: bool, gone: str
) -> None:
    world = make(gone=gone)
    world.change("a")
    world.tick()
    world.change("a", "b")
    world.desk.fail("write", Transient("no answer", uncertain=True), committed=committed)
    world.tick()
    while world.line("b").state != "sent":
        world.tick(minutes=0.1)
    doubt = world.line("b").uncertain
    assert doubt is not None
    assert (world.clock.now() - doubt).total_seconds() < 110, "it may still arrive"
    world.order("0001", lines=[{"id": "a", "qty": 1}], account="ACME")
    world.tick()
    assert "b" in world.parts(), "deleted now, the lost request would make it again"
    world.tick(minutes=3)
    assert world.parts() == {"a": (1, "Draft")}
    assert world.states() == {"0001": "done"}
    assert world.line("b").uncertain is None


@pytest.mark.parametrize("stream", ["Part", "Slip"])
@pytest.mark.parametrize("arrives", ["at once", "late", "never"])
def test_a_line_that_comes_back_while_its_deletion_has_no_answer(
    make: Callable[..., Changes], arrives: str, stream: str
) -> None:
    world = make(stream=stream)
    world.change("a", "b")
    world.tick()
    part = world.part("b")
    world.desk.fail("write", Transient("no answer", uncertain=True), committed=arrives == "at once")
    world.change("a")
    world.tick()
    world.change("a", "b", qty=2)
    world.tick()
    if arrives == "late":
        world.desk.remove(stream, part)
    for _ in range(4):
        world.tick(minutes=2)
    assert world.parts() == {"a": (2, "Draft"), "b": (2, "Draft")}
    assert world.states() == {"0001": "done"}
    assert sum(key.endswith(":b") for key in world.desk.by_our_key(stream)) == 1
    world.change("a")
    world.tick()
    assert world.parts() == {"a": (2, "Draft")} or world.parts() == {"a": (1, "Draft")}


@pytest.mark.parametrize("stream", ["Part", "Slip"])
@pytest.mark.parametrize("at", ["intend", "settle"])
def test_killed_while_a_line_is_made_that_is_gone_when_we_are_back(
    make: Callable[..., Changes], at: str, stream: str
) -> None:
    world = make(stream=stream)
    world.change("a")
    world.tick()
    world.change("a", "b")
    world.killed_pass(at=at)
    world.change("a", extra=1)
    for _ in range(4):
        world.tick(minutes=3)
    assert world.parts() == {"a": (1, "Draft")}
    assert world.states() == {"0001": "done"}


@pytest.mark.parametrize("stream", ["Part", "Slip"])
@pytest.mark.parametrize("gone", ["delete", CHOICE, "{State: Cancelled, Quantity: 0}"])
@pytest.mark.parametrize("at", ["intend", "settle"])
def test_killed_while_a_line_comes_back_that_is_gone_again_when_we_are_back(
    make: Callable[..., Changes], at: str, gone: str, stream: str
) -> None:
    world = make(gone=gone, stream=stream)
    world.change("a", "b")
    world.tick()
    world.change("a")
    world.tick()
    ended = world.parts()
    world.change("a", "b", qty=3)
    world.killed_pass(at=at)
    world.change("a")
    for _ in range(4):
        world.tick(minutes=3)
    assert world.parts() == ended
    assert world.line("b").state == "ended"
    assert world.states() == {"0001": "done"}


@pytest.mark.parametrize("gone", ["delete", CHOICE])
def test_killed_after_a_line_was_made_that_a_person_then_deleted_it_is_made_anew_and_comes_to_rest(
    make: Callable[..., Changes], gone: str
) -> None:
    world = make(gone=gone)
    world.change("a")
    world.killed_pass()
    first = world.part("a")
    world.desk.remove("Part", first)
    for _ in range(3):
        world.tick(minutes=3)
    assert world.parts() == {"a": (1, "Draft")}
    assert world.states() == {"0001": "done"}
    assert first in world.line("a").forgotten


@pytest.mark.parametrize("gone", ["delete", CHOICE, "{State: Cancelled}"])
def test_killed_while_a_line_ends_it_is_ended_once(make: Callable[..., Changes], gone: str) -> None:
    world = make(gone=gone)
    world.change("a", "b")
    world.tick()
    world.change("a")
    world.killed_pass()
    for _ in range(3):
        world.tick(minutes=3)
    assert world.parts().get("b", (1, "Cancelled")) == (1, "Cancelled")
    assert world.line("b").state == "ended"
    assert world.states() == {"0001": "done"}


def test_a_person_who_deleted_it_first_was_right(make: Callable[..., Changes]) -> None:
    for gone in ("delete", CHOICE, "{State: Cancelled}"):
        world = make(gone=gone)
        world.change("a", "b")
        world.tick()
        world.desk.remove("Part", world.part("b"))
        world.change("a")
        world.tick()
        assert world.states() == {"0001": "done"}
        world.store.close()
        for file in world.folder.glob("ledger*"):
            file.unlink()


def test_a_line_that_cannot_be_deleted_parks_and_the_others_pass(make: Callable[..., Changes]) -> None:
    from connector.errors import Rejected

    world = make()
    world.change("a", "b", "c")
    world.tick()
    world.desk.fail("write", Rejected("referenced elsewhere", code="IN_USE"), when=lambda write: write.target == part)
    part = world.part("b")
    world.change("a")
    world.tick()
    assert world.states() == {"0001": "parked"}
    assert set(world.parts()) == {"a", "b"}
    assert world.line("b").reason == "referenced elsewhere"
    world.store.replay(world.clock.now())
    world.tick()
    assert set(world.parts()) == {"a"}
    assert world.states() == {"0001": "done"}


def test_a_desk_that_is_down_while_a_line_ends_costs_nothing(make: Callable[..., Changes]) -> None:
    world = make()
    world.change("a", "b")
    world.tick()
    world.desk.fail("write", Unavailable("down"))
    world.change("a")
    world.tick()
    assert set(world.parts()) == {"a", "b"}
    world.tick(minutes=5)
    assert set(world.parts()) == {"a"}


def test_a_preview_says_what_would_be_deleted(make: Callable[..., Changes]) -> None:
    world = make(gone=CHOICE)
    world.change("a", "b")
    world.tick()
    world.change("a")
    record = world.engine.record("orders-to-cases", "0001")
    assert record is not None
    (preview,) = world.engine.preview("orders-to-cases", [record])
    (write,) = preview.writes
    assert (write.line, write.op, write.note) == ("lines", "choose", "deleted if State is Draft, else written to")


# --- leave ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def care(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, orders=CARE)
    yield made
    made.store.close()


def save(world: World, **fields: Any) -> None:
    world.clock.forward(minutes=1)
    world.order("0001", **fields)


def test_when_care_ends_its_last_words_are_written_once(care: World) -> None:
    save(care)
    care.tick()
    save(care, status="completed", outcome="paid")
    care.tick()
    case = care.cases()["0001"]
    assert (case["Subject"], case["Status"], case["Outcome"]) == ("0001 new", "Closed", "paid")
    assert len(care.desk.objects["Comment"]) == 1, "no further line once care has ended"
    care.desk.put("Case", care.case_id("0001"), Status="Archived")
    save(care, status="completed", outcome="refunded")
    care.tick()
    case = care.cases()["0001"]
    assert (case["Status"], case["Outcome"]) == ("Archived", "paid")


def test_a_record_that_comes_under_care_again_goes_on_and_ends_again(care: World) -> None:
    save(care)
    care.tick()
    save(care, status="completed", outcome="paid")
    care.tick()
    save(care, status="open")
    care.tick()
    case = care.cases()["0001"]
    assert (case["Subject"], case["Status"]) == ("0001 open", "Closed"), "on-create is not sent again"
    save(care, status="completed", outcome="paid")
    care.tick()
    assert care.cases()["0001"]["Status"] == "Closed"
    assert care.desk.sent[-1][1].fields["Outcome"] == "paid", "its last words are said again"


def test_a_record_that_never_came_under_care_is_left_out(care: World) -> None:
    save(care, status="completed")
    care.tick()
    assert care.states() == {"0001": "filtered"}
    assert care.cases() == {}


def test_killed_before_it_could_say_that_it_was_made_it_is_left_all_the_same(care: World) -> None:
    save(care)
    care.killed_pass()
    save(care, status="completed", outcome="paid")
    for _ in range(3):
        care.tick(minutes=11)
    assert care.cases()["0001"]["Status"] == "Closed"
    assert care.states() == {"0001": "done"}
