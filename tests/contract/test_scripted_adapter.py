"""The scripted system keeps an adapter's promises, or tests of the engine on it would prove nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from connector.adapter import Adapter, Stream
from connector.errors import Gone, Rejected, Transient, Unavailable
from connector.model import Select, Write
from connector.testing import (
    AdapterContract,
    AppendContract,
    ConditionContract,
    CreateContract,
    FrozenClock,
    ScriptedAdapter,
)

CASE = Stream(
    "Case",
    "Id",
    writes=frozenset({"create", "update"}),
    batch=200,
    create="exclusive",
    claims=True,
    conditional="exact",
    settle_after=600,
)
COARSE = replace(CASE, name="Coarse", conditional="1s")
ORDERS = Stream("orders", "order_no", writes=frozenset({"update"}), batch=50)
NOTES = Stream("orders.notes", "id", writes=frozenset({"append"}), batch=1, object="orders")


class Scripted(AdapterContract):
    page, names = 3, ("subject", "status")

    def make(self, folder: Path, clock: FrozenClock) -> Adapter:
        return ScriptedAdapter(clock, [CASE, COARSE, ORDERS, NOTES], page=self.page, site="RefArch")

    def save(self, adapter: Adapter, key: str, at: datetime, fields: dict[str, str]) -> None:
        assert isinstance(adapter, ScriptedAdapter)
        adapter.put(self.stream, key, at=at, **fields)


class TestOrders(Scripted, AppendContract):
    stream, appends = "orders", "orders.notes"

    def target(self, adapter: Adapter) -> str:
        self.save(adapter, "R1", self.at(0), {"subject": "x"})
        return "R1"

    def texts(self, adapter: Adapter, target: str) -> list[str]:
        assert isinstance(adapter, ScriptedAdapter)
        return [fields["text"] for _, fields in adapter.appended[self.appends][target]]


class TestCases(Scripted, CreateContract, ConditionContract):
    stream = "Case"

    def change(self, adapter: Adapter, target: str, fields: Mapping[str, str]) -> None:
        assert isinstance(adapter, ScriptedAdapter)
        self.save(adapter, target, self.clock.now(), dict(fields))

    def wait(self, seconds: float) -> None:
        self.clock.forward(seconds=seconds)


class TestCoarseConditions(TestCases):
    stream = "Coarse"

    def test_what_was_saved_in_this_very_second_has_no_guard(self, adapter: Adapter) -> None:
        (target,) = self.made(adapter, 1)
        self.change(adapter, target, {"subject": "now"})
        assert self.looked(adapter, [target])[target].guard is None
        self.wait(1)
        assert self.looked(adapter, [target])[target].guard is not None


@pytest.fixture
def desk(clock: FrozenClock) -> ScriptedAdapter:
    return ScriptedAdapter(clock, [CASE, NOTES])


def creates(*keys: str) -> list[Write]:
    return [Write("create", key, {"Subject": key}) for key in keys]


def test_a_fault_before_the_commit_changes_nothing(desk: ScriptedAdapter) -> None:
    desk.fail("write", Unavailable("503"))
    with pytest.raises(Unavailable):
        desk.write("Case", creates("a"))
    assert desk.by_our_key("Case") == {}
    assert desk.write("Case", creates("a"))[0].error is None


def test_a_lost_reply_has_changed_everything(desk: ScriptedAdapter) -> None:
    desk.fail("write", Transient("reset", uncertain=True), committed=True)
    with pytest.raises(Transient):
        desk.write("Case", creates("a"))
    assert list(desk.by_our_key("Case")) == ["a"]
    assert desk.write("Case", creates("a"))[0].existed
    assert desk.created == {"a": 1}


def test_a_fault_of_one_row_leaves_its_neighbours(desk: ScriptedAdapter) -> None:
    desk.fail("write", Rejected("too long"), when=lambda write: write.key == "b")
    results = desk.write("Case", creates("a", "b", "c"))
    assert [result.error is None for result in results] == [True, False, True]
    assert sorted(desk.by_our_key("Case")) == ["a", "c"]


def test_a_person_acts_in_the_middle_of_a_write(desk: ScriptedAdapter) -> None:
    def take(stream: str, batch: object) -> None:
        desk.put(stream, next(iter(desk.objects[stream])), claimed_by="Ada")

    desk.during(take)
    (result,) = desk.write("Case", creates("a"))
    assert result.target is not None
    assert desk.fetch("Case", [result.target], select=Select())[result.target].claimed_by == "Ada"


def test_what_the_engine_must_not_do_is_an_assertion(desk: ScriptedAdapter) -> None:
    with pytest.raises(AssertionError, match="one kind"):
        desk.write("Case", [*creates("a"), Write("update", "a", {}, target="x")])
    with pytest.raises(AssertionError, match="batch"):
        desk.write("orders.notes", [Write("append", str(n), {}, target="x") for n in range(2)])


def test_a_person_acts_before_or_after_any_call(desk: ScriptedAdapter) -> None:
    desk.write("Case", creates("a"))
    (target,) = desk.objects["Case"]
    desk.meanwhile(lambda: void(desk.put("Case", target, seen="before")), call=1)
    desk.meanwhile(lambda: void(desk.put("Case", target, seen="after")), call=2, after=True)
    seen = [desk.fetch("Case", [target], select=Select())[target].fields.get("seen") for _ in range(3)]
    assert seen == ["before", "before", "after"]


def test_a_doubtful_create_of_what_a_person_deleted_is_refused_unless_it_was_forgotten(desk: ScriptedAdapter) -> None:
    desk.write("Case", creates("a"))
    (target,) = desk.objects["Case"]
    desk.remove("Case", target)
    (result,) = desk.write("Case", [Write("create", "a", {}, uncertain=True)])
    assert (result.target, type(result.error)) == (target, Gone)
    (result,) = desk.write("Case", [Write("create", "a", {}, uncertain=True, forgotten=(target,))])
    assert result.error is None


def void(_: object) -> None:
    """Lets a lambda give nothing back."""
