"""One field against one describe, where the sandbox's org has no such field."""

from __future__ import annotations

from typing import Any

import pytest

from connector.adapter import Stream
from connector.adapters.salesforce.describing import Described
from connector.adapters.salesforce.fields import field_problems
from connector.model import FieldUse, Problem, Ref

USED = FieldUse("Grade__c", creates=True, updates=True)


def found(use: FieldUse, **field: Any) -> list[Problem]:
    shown = {"name": "Grade__c", "type": "string", "length": 255, "createable": True, "updateable": True} | field
    return list(field_problems(Described(Stream("Case", key="Id"), {"fields": [shown]}), use))


def used(*values: Any, **more: Any) -> FieldUse:
    return FieldUse("Grade__c", creates=True, updates=True, values=values, **more)


@pytest.mark.parametrize(
    ("field", "message", "remedy"),
    [
        ({"updateable": False}, "can be set when a record is made, but", "write: on-create"),
        ({"createable": False}, "can be changed, but the integration user may not set it", "edit access"),
        ({"createable": False, "updateable": False}, "may not write Grade__c", "edit access"),
        ({"createable": False, "updateable": False, "calculated": True}, "may not write Grade__c", "take Grade__c out"),
    ],
)
def test_what_may_be_written_when_is_told_apart(field: dict[str, Any], message: str, remedy: str) -> None:
    [problem] = found(USED, **field)
    assert message in problem.message
    assert remedy in problem.remedy


def test_what_the_flows_do_not_do_need_not_be_allowed() -> None:
    assert found(FieldUse("Grade__c", creates=True), updateable=False) == []
    assert found(FieldUse("Grade__c", updates=True), createable=False) == []
    assert found(FieldUse("Grade__c", reads=True), createable=False, updateable=False) == []


def picklist(kind: str = "picklist", restricted: bool = True) -> dict[str, Any]:
    values = [
        {"value": "A1", "label": "First", "active": True},
        {"value": "B", "label": "Second", "active": True},
        {"value": "Old", "label": "Old", "active": False},
    ]
    return {"type": kind, "restrictedPicklist": restricted, "picklistValues": values}


@pytest.mark.parametrize("value", ["A1", "a1", "", None])
def test_an_active_value_is_taken_in_any_case(value: str | None) -> None:
    assert found(used(*([] if value is None else [value])), **picklist()) == []


@pytest.mark.parametrize(
    ("value", "says"),
    [("Old", "active values: A1, B"), ("first", "did you mean A1?"), ("zzz", "active")],
)
def test_an_inactive_value_and_a_label_are_refused_by_a_restricted_picklist_alone(value: str, says: str) -> None:
    [problem] = found(used(value), **picklist())
    assert says in problem.remedy
    assert (problem.value, problem.field) == (value, "Grade__c")
    [by_choice] = found(used(refs=(Ref("choice", value),)), **picklist())
    assert by_choice.value == Ref("choice", value)
    assert found(used(value), **picklist(restricted=False)) == []


def test_each_part_of_a_multiple_choice_counts() -> None:
    assert found(used("A1;B"), **picklist("multipicklist")) == []
    [problem] = found(used("A1;C"), **picklist("multipicklist"))
    assert problem.message.startswith("'C' is no active value")
    assert len(found(used("A1;B"), **picklist())) == 1, "a single choice knows no parts"


@pytest.mark.parametrize(
    ("kind", "use"),
    [
        ("string", used(5, True, kinds=frozenset({"number", "boolean", "instant", "ref"}))),
        ("date", used("2026-11-20", kinds=frozenset({"instant", "date", "text"}))),
        ("datetime", used("2026-11-20T10:00:00+01:00", kinds=frozenset({"instant", "date", "number"}))),
        ("boolean", used(1, kinds=frozenset({"number", "boolean"}))),
        ("currency", used(5.5, "5e3", kinds=frozenset({"number", "text"}))),
        ("reference", used("500000000000001", "500000000000001AAA", kinds=frozenset({"ref", "text"}))),
        ("anyType", used("x", 5, True, kinds=frozenset({"list"}))),
        ("time", used("10:15:00.000Z")),
    ],
)
def test_what_is_not_certainly_wrong_is_no_problem(kind: str, use: FieldUse) -> None:
    assert found(use, type=kind) == []


def test_a_kind_is_said_at_its_constant_where_there_is_one_and_else_once() -> None:
    use = used(True, "x", kinds=frozenset({"boolean", "text", "instant"}))
    problems = found(use, type="double", length=0)
    assert [problem.value for problem in problems] == [True, "x", None]
    assert "a time is written" in problems[2].message


def test_a_reference_must_be_one_that_the_field_can_hold() -> None:
    refs = (Ref("queue", "Q"), Ref("user", "U"))
    assert found(used(refs=refs, kinds=frozenset({"ref"})), type="reference", referenceTo=["Group", "User"]) == []
    [problem] = found(used(refs=refs, kinds=frozenset({"ref"})), type="reference", referenceTo=["User"])
    assert problem.value == Ref("queue", "Q")


def test_texts_without_a_bound_may_be_short_and_numbers_have_no_length() -> None:
    assert found(used(longest=None), length=10) == []
    assert found(used(longest=10), length=10) == []
    assert found(used("12345", longest=5), type="double", length=0) == []
    assert [problem.value for problem in found(used("12345", longest=5), length=4)] == ["12345"]
    assert [problem.value for problem in found(used("12345", longest=9), length=4)] == ["12345", None]
