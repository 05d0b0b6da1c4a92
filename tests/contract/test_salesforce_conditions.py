"""Conditional updates of the Salesforce adapter: the promises of every such stream, and agents who act between look and write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.adapter import Adapter
from connector.adapters.salesforce import Salesforce
from connector.errors import Changed, Gone, Rejected, Transient
from connector.model import Record, Ref, Select, Write
from connector.sandbox import Sandbox
from connector.testing import ConditionContract, FrozenClock
from tests.contract.salesforce_org import KEY, creates, open_

FIELDS = Select(fields=("Status", "Subject"))


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(orders=0, returns=0) as made:
        yield made


@pytest.fixture
def box(shared: Sandbox) -> Sandbox:
    shared.control.reset()
    return shared


@pytest.fixture
def service(box: Sandbox) -> Iterator[Salesforce]:
    adapter = open_(box)
    yield adapter
    adapter.close()


class TestConditions(ConditionContract):
    stream, page, names = "Case", 3, ("Subject", "Description")

    @pytest.fixture(autouse=True)
    def _org(self, box: Sandbox) -> None:
        self.box = box

    def make(self, folder: Path, clock: FrozenClock) -> Adapter:
        return open_(self.box)

    def save(self, adapter: Adapter, key: str, at: datetime, fields: dict[str, str]) -> None:
        self.box.control.agent_create({**fields, KEY: key})

    def change(self, adapter: Adapter, target: str, fields: Mapping[str, str]) -> None:
        self.box.control.agent_edit(target, dict(fields))

    def wait(self, seconds: float) -> None:
        self.box.control.advance(seconds)

    def missing(self) -> str:
        return "500000000000000AAA"


def at_rest(box: Sandbox, service: Salesforce, count: int = 1) -> dict[str, Record]:
    """Cases in the queue Returns, made some seconds ago and looked at now, by our key."""
    service.write("Case", creates(count, OwnerId=Ref("queue", "Returns")))
    box.control.advance(3)
    return seen(service, count)


def seen(service: Salesforce, count: int) -> dict[str, Record]:
    return dict(service.fetch("Case", [write.key for write in creates(count)], by="our_key", select=FIELDS))


def guarded(records: Mapping[str, Record], **fields: Any) -> list[Write]:
    return [
        Write("update", key, fields, target=record.key, unless_changed=record.guard) for key, record in records.items()
    ]


def test_two_hundred_conditional_updates_cost_eight_calls(box: Sandbox, service: Salesforce) -> None:
    records = at_rest(box, service, 200)
    before = service.calls()
    results = service.write("Case", guarded(records, Status="Working"))
    assert [result.error for result in results] == [None] * 200
    assert service.calls() - before == 8
    assert {case["Status"] for case in box.control.cases()} == {"Working"}


@pytest.mark.parametrize("act", ["agent_take", "agent_close", "agent_return_to_queue"])
def test_an_agent_who_was_quicker_keeps_what_was_set(box: Sandbox, service: Salesforce, act: str) -> None:
    records = at_rest(box, service)
    (key,) = records
    box.control.fault(kind="meanwhile", path="/composite$", nth=1, act=act, arguments={"case": key})
    (result,) = service.write("Case", guarded(records, OwnerId=Ref("queue", "Concierge"), Priority="High"))
    assert isinstance(result.error, Changed)
    assert box.control.case(key)["Priority"] == "Medium"
    assert (seen(service, 1)[key].claimed_by is None) is (act == "agent_return_to_queue")


@pytest.mark.parametrize(("act", "names"), [("agent_delete", "case"), ("agent_merge", "loser")])
def test_a_case_that_was_deleted_or_merged_between_look_and_write_is_gone(
    box: Sandbox, service: Salesforce, act: str, names: str
) -> None:
    records = at_rest(box, service, 2)
    key, other = records
    arguments = {names: key} | ({"master": other} if names == "loser" else {})
    box.control.fault(kind="meanwhile", path="/composite$", nth=1, act=act, arguments=arguments)
    results = service.write("Case", guarded({key: records[key]}, Priority="High"))
    assert isinstance(results[0].error, Gone)


def test_a_conditional_update_runs_no_assignment_rule_and_keeps_the_digits(box: Sandbox, service: Salesforce) -> None:
    records = at_rest(box, service)
    (result,) = service.write("Case", guarded(records, Order_Total__c=Decimal("59.90"), Id="500ANOTHER"))
    assert result.error is None
    (case,) = box.control.cases()
    assert (case["OwnerId"][:3], case["Order_Total__c"]) == ("00G", 59.9)


def test_a_case_saved_in_the_second_of_the_look_has_no_guard(box: Sandbox, service: Salesforce) -> None:
    records = at_rest(box, service)
    (key,) = records
    box.control.agent_edit(key, {"Subject": "now"})
    assert seen(service, 1)[key].guard is None, "a second save in this second would not show"
    box.control.advance(3)
    assert seen(service, 1)[key].guard is not None


def test_a_text_that_looks_like_a_reference_goes_alone_and_as_it_stands(box: Sandbox, service: Salesforce) -> None:
    """In a composite `@{…}` would be filled in from another part's answer, or halt its own."""
    records = at_rest(box, service, 3)
    writes = guarded(records, Subject="plain")
    first, second, third = writes
    odd = "costs @{r0.id} or @{nothing}"
    writes = [first, replace(second, fields={"Subject": odd}), third]
    before = service.calls()
    assert [result.error for result in service.write("Case", writes)] == [None, None, None]
    assert service.calls() - before == 2
    assert [case["Subject"] for case in box.control.cases()] == ["plain", odd, "plain"]
    assert isinstance(service.write("Case", [writes[1]])[0].error, Changed), "our own write moved the stamp"
    box.control.agent_delete(second.key)
    assert isinstance(service.write("Case", [writes[1]])[0].error, Gone)


def test_a_row_that_is_refused_harms_no_neighbour(box: Sandbox, service: Salesforce) -> None:
    records = at_rest(box, service, 3)
    writes = guarded(records, Priority="High")
    writes[1] = Write(
        "update", writes[1].key, {"Subject": "x" * 300}, writes[1].target, unless_changed=writes[1].unless_changed
    )
    results = service.write("Case", writes)
    assert [type(result.error) for result in results] == [type(None), Rejected, type(None)]
    error = results[1].error
    assert isinstance(error, Rejected)
    assert (error.field, error.code) == ("Subject", "STRING_TOO_LONG")
    assert "xxx" not in str(error)


def test_a_lost_reply_of_a_composite_is_uncertain_and_not_repeated_within_the_call(
    box: Sandbox, service: Salesforce
) -> None:
    records = at_rest(box, service, 2)
    box.control.fault(kind="drop_after", path="/composite$", nth=1)
    before = service.calls()
    with pytest.raises(Transient) as lost:
        service.write("Case", guarded(records, Priority="High"))
    assert lost.value.uncertain
    assert service.calls() - before == 1


def test_rows_of_a_composite_that_was_not_sent_are_not_in_doubt(box: Sandbox, service: Salesforce) -> None:
    records = at_rest(box, service, 60)
    box.control.fault(kind="status", status=503, path="/composite$", nth=2)
    results = service.write("Case", guarded(records, Priority="High"))
    assert [result.error is None for result in results] == [True] * 25 + [False] * 35
    doubt = [result.error.uncertain for result in results[25:] if isinstance(result.error, Transient)]
    assert doubt == [True] * 25 + [False] * 10


def test_a_closed_case_counts_as_taken_also_after_our_next_update(box: Sandbox, service: Salesforce) -> None:
    records = at_rest(box, service, 2)
    key = next(iter(records))
    box.control.agent_close(key)
    service.write("Case", [Write("update", key, {"Description": "a fact"}, target=records[key].key)])
    assert [record.claimed_by is not None for record in seen(service, 2).values()] == [True, False]
    box.control.agent_reopen(key)
    assert seen(service, 2)[key].claimed_by is None
