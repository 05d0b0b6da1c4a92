"""Hard case (c) as the grammar has it: an order case whose lines come and go, a draft until it is complete, then submitted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.adapter import Stream
from connector.errors import Rejected, Transient
from connector.model import Ref
from tests.unit.engine.world import World

MAPPING = """
fields: {account: {ref: customer_account, name: "{{ c_account }}"}, scope: {choice: "Specific line items, Single order"}, state: {choice: Draft, write: on-create}}
also:
  - {id: lines, to: destination.sn_order_case_line, for: "{{ c_lines | json }}", key: "{{ this.item_id }}", gone: {delete_if: {state: {choice: Draft}}, else: {state: {choice: Cancelled}}},
     fields: {parent_case: "{{ main.id }}", requested_quantity: "{{ this.qty }}", state: {choice: Draft, write: on-create}}}
  - {id: submit, to: main, after: [lines], when: "{{ c_complete }}", write: once, fields: {state: {choice: New}}}
"""  # noqa: E501 - as it stands there
FLOW = "changes"
DRAFT, NEW = Ref("choice", "Draft"), Ref("choice", "New")


class Desk(World):
    """`desk` stands in for a case system that makes nothing under our key but looks first."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        facts: dict[str, Any] = {"writes": frozenset({"create", "update", "delete"}), "batch": 50, "settle_after": 120}
        more = [Stream("sn_order_case", "sys_id", **facts), Stream("sn_order_case_line", "sys_id", **facts)]
        self.desk.streams = {**self.desk.streams, **{stream.name: stream for stream in more}}
        self.flow(FLOW, "shop.returns", "desk.sn_order_case", MAPPING, brake=None)
        self.restart()

    def change(self, *items: tuple[str, int], complete: bool = False) -> None:
        self.clock.forward(minutes=1)
        lines = orjson.dumps([{"item_id": item, "qty": qty} for item, qty in items]).decode()
        self.shop.put("returns", "CR-1", c_account="ACME", c_lines=lines, c_complete=complete)

    def case(self) -> dict[str, Any]:
        (case,) = self.desk.by_our_key("sn_order_case").values()
        return case.fields

    def lines(self) -> dict[str, tuple[Any, Any]]:
        return {
            key.rsplit(":", 1)[1]: (line.fields["requested_quantity"], line.fields["state"].name)
            for key, line in self.desk.by_our_key("sn_order_case_line").items()
        }


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


def test_a_draft_grows_and_shrinks_and_is_submitted_when_it_is_complete(desk: Desk) -> None:
    desk.change(("a", 1), ("b", 2))
    desk.tick(FLOW)
    assert (desk.case()["state"], desk.lines()) == (DRAFT, {"a": (1, "Draft"), "b": (2, "Draft")})
    assert desk.case()["account"] == Ref("customer_account", "ACME")

    desk.change(("a", 3), ("c", 1))
    desk.tick(FLOW)
    assert (desk.case()["state"], desk.lines()) == (DRAFT, {"a": (3, "Draft"), "c": (1, "Draft")})

    desk.change(("a", 3), ("c", 1), complete=True)
    desk.tick(FLOW)
    assert desk.case()["state"] == NEW
    sent = [
        write.fields["state"]
        for stream, write in desk.desk.sent
        if stream == "sn_order_case" and "state" in write.fields
    ]
    assert sent == [DRAFT, NEW]


def test_what_is_no_longer_a_draft_is_cancelled_when_it_goes(desk: Desk) -> None:
    desk.change(("a", 1), ("b", 2))
    desk.tick(FLOW)
    line = next(each.key for key, each in desk.desk.by_our_key("sn_order_case_line").items() if key.endswith(":b"))
    desk.desk.put("sn_order_case_line", line, state=Ref("choice", "Ordered"))
    desk.change(("a", 1))
    desk.tick(FLOW)
    assert desk.lines() == {"a": (1, "Draft"), "b": (2, "Cancelled")}


def test_it_is_submitted_after_all_its_lines_or_not_at_all(desk: Desk) -> None:
    desk.desk.fail("write", Rejected("no such item", field="item"), when=lambda write: write.key.endswith(":b"))
    desk.change(("a", 1), ("b", 2), complete=True)
    desk.tick(FLOW)
    assert (desk.case()["state"], set(desk.lines())) == (DRAFT, {"a"})
    assert desk.states(FLOW) == {"CR-1": "parked"}
    desk.store.replay(desk.clock.now())
    desk.tick(FLOW)
    assert (desk.case()["state"], set(desk.lines())) == (NEW, {"a", "b"})


@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_reply_to_its_submission_submits_once(desk: Desk, committed: bool) -> None:
    desk.change(("a", 1))
    desk.tick(FLOW)
    desk.desk.fail("write", Transient("no answer", uncertain=True), committed=committed)
    desk.change(("a", 1), complete=True)
    for _ in range(4):
        desk.tick(FLOW, minutes=2)
    assert desk.case()["state"] == NEW
    assert desk.states(FLOW) == {"CR-1": "done"}


@pytest.mark.parametrize("at", ["intend", "settle"])
def test_killed_at_any_time_there_is_one_case_with_its_lines(desk: Desk, at: str) -> None:
    desk.change(("a", 1), ("b", 2), complete=True)
    desk.killed_pass(FLOW, at=at)
    for _ in range(4):
        desk.tick(FLOW, minutes=3)
    assert (desk.case()["state"], desk.lines()) == (NEW, {"a": (1, "Draft"), "b": (2, "Draft")})
    assert set(desk.desk.created.values()) == {1}
    assert desk.states(FLOW) == {"CR-1": "done"}
