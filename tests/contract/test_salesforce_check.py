"""`check` of the Salesforce adapter against the org's own description: everything at once, and nothing that is not so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connector.adapters.salesforce import Salesforce
from connector.errors import AuthFailed
from connector.model import FieldUse, Kind, Op, Problem, Ref, StreamUse
from connector.sandbox.box import Sandbox
from connector.sandbox.options import Options
from tests.contract.salesforce_org import open_

BOTH: frozenset[Op] = frozenset({"create", "update"})


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(Options(orders=0, returns=0, foreign_queues=frozenset({"Concierge"}))) as box:
        yield box


@pytest.fixture
def box(shared: Sandbox) -> Sandbox:
    shared.control.reset()
    return shared


@pytest.fixture
def service(box: Sandbox) -> Iterator[Salesforce]:
    adapter = open_(box)
    yield adapter
    adapter.close()


def written(name: str, *values: Any, kinds: set[Kind] = frozenset(), **more: Any) -> FieldUse:  # type: ignore[assignment]
    return FieldUse(name, creates=True, updates=True, values=values, kinds=frozenset(kinds), **more)


def case(*fields: FieldUse, **more: Any) -> StreamUse:
    given: dict[str, Any] = {"writes": BOTH, "changes": True, "keyed": True} | more
    return StreamUse("Case", fields={field.name: field for field in fields}, **given)


def found(service: Salesforce, *uses: StreamUse) -> list[Problem]:
    return list(service.check(uses).problems)


def test_fields_that_fit_are_no_problem(service: Salesforce) -> None:
    fitting = (
        written("Subject", "short", kinds={"text"}, longest=255),
        written("Order_Total__c", 5, "5.50", kinds={"number", "text"}),
        written("Order_Date__c", "2026-11-20T10:00:00Z", "2026-11-20", kinds={"instant", "text"}),
        written("IsEscalated", True, "TRUE", kinds={"boolean", "text"}),
        written("Status", "New", "working", kinds={"text"}, closed=True),
        written("Origin", "Carrier pigeon", kinds={"text"}),
        written("Resolution__c", refs=(Ref("choice", "Refund"),), kinds={"choice"}),
        written(
            "OwnerId", refs=(Ref("queue", "Orders"), Ref("user", "AGENT1@acme.example"), Ref("user", "Omar O'Neil"))
        ),
        written("Description"),
        FieldUse("Owner", reads=True),
        FieldUse("CaseNumber", reads=True),
        FieldUse("Parent.CaseNumber", reads=True),
    )
    assert found(service, case(*fitting), StreamUse("CaseComment", changes=True, everything=True)) == []


@pytest.mark.parametrize(
    ("field", "value", "message", "remedy"),
    [
        (FieldUse("Staus", reads=True), None, "Case has no field Staus, or", "did you mean Status?"),
        (FieldUse("status", reads=True), None, "spelled Status, not status", "write Status"),
        (FieldUse("Acount__r", reads=True), None, "no relationship Acount__r", "create it, or let"),
        (FieldUse("Account", reads=True), None, "no relationship Account", "let the integration user read it"),
        (FieldUse("Parent", reads=True), None, "not read as a whole", "read ParentId"),
        (written("Nope__c", 1), None, "no field Nope__c", "create it, or let"),
        (written("CaseNumber"), None, "may not write CaseNumber", "take CaseNumber out"),
        (written("IsClosed"), None, "may not write IsClosed", "permission set edit access"),
        (written("Subject", longest=300), None, "up to 300 characters", "| truncate(255)"),
        (written("SuppliedPhone", "0" * 50, longest=50), "0" * 50, "takes 40 characters, this text has 50", "shorten"),
        (written("Order_Total__c", "many"), "many", "is a number, not 'many'", "type double"),
        (written("Order_Total__c", kinds={"instant"}), None, "a time is written", "type double"),
        (written("Order_Total__c", True, kinds={"boolean"}), True, "is a number, not true", "type double"),
        (written("Order_Date__c", "20 November"), "20 November", "date and time, not '20 November'", "datetime"),
        (written("Order_Date__c", "2026-11-20 10:00:00"), "2026-11-20 10:00:00", "date and time", "datetime"),
        (written("IsEscalated", "yes"), "yes", "true or false, not 'yes'", "type boolean"),
        (written("Skus__c", kinds={"list"}), None, "and a list is written", "textarea"),
        (written("Order_Total__c", kinds={"ref"}), None, "and a reference is written", "double"),
        (written("OwnerId", "Returns"), "Returns", "takes {ref: …} or an Id, not 'Returns'", "type reference"),
        (written("Status", "Nwe", "New"), "Nwe", "'Nwe' is no active value", "did you mean New?"),
        (
            written("Resolution__c", refs=(Ref("choice", "Refunded"),)),
            Ref("choice", "Refunded"),
            "'Refunded' is no active value of the picklist Resolution__c",
            "did you mean Refund? active values: Release, Hold",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_field_is_said_with_field_value_and_way_out(
    service: Salesforce, field: FieldUse, value: object, message: str, remedy: str
) -> None:
    [problem] = found(service, case(field))
    assert message in problem.message
    assert remedy in problem.remedy
    assert (problem.stream, problem.field) == ("Case", field.name)
    assert problem.value == value


@pytest.mark.parametrize(
    ("ref", "message", "remedy"),
    [
        (Ref("queue", "Retuns"), "there is no queue 'Retuns'", "did you mean Returns? create the queue"),
        (
            Ref("queue", "Everybody"),
            "there is no queue 'Everybody'",
            "Concierge, Escalation, Orders, Payments, Returns, Reviews",
        ),
        (Ref("queue", "Concierge"), "does not take Case", "add Case to the supported objects"),
        (Ref("user", "left@acme.example"), "is not active", "Username"),
        (Ref("user", "Nobody At All"), "there is no user 'Nobody At All'", "Username"),
        (Ref("team", "Returns"), "no references of kind 'team'", "ref: queue"),
    ],
)
def test_a_queue_or_user_that_cannot_own_is_said(service: Salesforce, ref: Ref, message: str, remedy: str) -> None:
    [problem] = found(service, case(written("OwnerId", refs=(ref, Ref("queue", "Orders")))))
    assert message in problem.message
    assert remedy in problem.remedy
    assert (problem.field, problem.value) == ("OwnerId", ref)


def test_a_queue_may_not_stand_where_only_users_do(service: Salesforce) -> None:
    [problem] = found(service, case(written("ParentId", refs=(Ref("queue", "Orders"),))))
    assert "refers to Case, not to a queue" in problem.message


def test_field_level_security_is_told_apart_from_fields_that_are_not_there(box: Sandbox, service: Salesforce) -> None:
    box.control.set(hidden_fields=["Case.Site__c", "Case.OwnerId"], readonly_fields=["Case.Subject"])
    problems = found(service, case(written("Site__c"), written("Subject")))
    by_field = {problem.field: problem.message for problem in problems}
    assert len(problems) == len(by_field) == 4
    assert "no field Site__c, or the integration user may not see it" in by_field["Site__c"]
    assert "no field OwnerId" in by_field["OwnerId"], "every read of a case selects it"
    assert "no relationship Owner" in by_field["Owner"]
    assert "may not write Subject" in by_field["Subject"]


def test_everything_is_said_at_once_and_each_thing_asked_once(box: Sandbox, service: Salesforce) -> None:
    box.control.set(unique_key=False)
    service.check()
    before = service.calls()
    owner = written("OwnerId", refs=(Ref("queue", "A"), Ref("queue", "B"), Ref("user", "x"), Ref("user", "y")))
    wrong = case(written("Nope__c"), written("Status", "No", "Neither"), written("Order_Total__c", "x"), owner)
    problems = found(service, StreamUse("Cases"), wrong, StreamUse("CaseComment", changes=True))
    assert len(problems) == 10
    assert {problem.message[:12] for problem in problems if problem.stream == "Cases"} == {"there is no "}
    assert any("not unique" in problem.message and problem.setting == "key_field" for problem in problems)
    assert service.calls() - before == 1 + 3 + 2 + 1, (
        "limits; three describes; queues, twice as some are missing; users"
    )


def test_each_check_asks_the_org_anew(box: Sandbox, service: Salesforce) -> None:
    box.control.set(hidden_fields=["Case.Subject"])
    assert len(found(service, case(written("Subject")))) == 1
    box.control.set(hidden_fields=[])
    assert found(service, case(written("Subject"))) == []


def test_an_object_that_may_not_be_written_is_said_as_a_whole(service: Salesforce) -> None:
    use = StreamUse("CaseHistory", writes=frozenset({"append"}))
    [problem] = [one for one in found(service, use) if not one.field]
    assert problem.message == "the integration user may not create CaseHistory"
    assert "Create on CaseHistory" in problem.remedy
    use = StreamUse("CaseHistory", writes=frozenset({"update"}))
    assert any("may not change CaseHistory" in one.message for one in found(service, use))


def test_a_describe_that_fails_does_not_end_the_check(box: Sandbox, service: Salesforce) -> None:
    box.control.fault(kind="error", status=403, code="INSUFFICIENT_ACCESS", message="no", path="CaseComment/describe")
    problems = found(service, StreamUse("CaseComment", changes=True), case(written("Nope__c")))
    assert [problem.stream for problem in problems] == ["CaseComment", "Case"]


def test_queues_that_cannot_be_asked_for_are_said_and_the_rest_is_checked(box: Sandbox, service: Salesforce) -> None:
    box.control.fault(kind="error", status=403, code="INSUFFICIENT_ACCESS", message="no", path="QueueSobject")
    problems = found(service, case(written("Nope__c"), written("OwnerId", refs=(Ref("queue", "Orders"),))))
    assert len(problems) == 2
    assert "could not be looked up" in problems[1].message
    assert "permission set" in problems[1].remedy


@pytest.mark.parametrize(("skew", "says"), [(3600, "s behind Salesforce's"), (-300, "s ahead of Salesforce's")])
def test_clocks_that_are_apart_are_said(box: Sandbox, service: Salesforce, skew: float, says: str) -> None:
    assert found(service) == []
    box.control.fault(kind="error", status=403, code="INSUFFICIENT_ACCESS", message="no", path="/limits", times=1)
    box.control.advance(skew)
    for uses in ([case()], []):  # without the right to see the limits the describe's answer tells
        [problem] = found(service, *uses)
        assert says in problem.message
        assert "NTP" in problem.remedy


def test_what_is_only_read_need_not_be_unique_but_must_be_there(box: Sandbox, service: Salesforce) -> None:
    box.control.set(unique_key=False, readonly_fields=["Case.Commerce_Key__c"])
    lookup = replace(case(FieldUse("Status", reads=True)), writes=frozenset(), keyed=False, fetches=True)
    assert found(service, lookup) == []
    assert len(found(service, case())) == 2
    misspelled = open_(box, key_field="commerce_key__c")
    [problem] = misspelled.check([lookup]).problems
    assert (problem.remedy, problem.setting) == ("write key_field: Commerce_Key__c", "key_field")
    misspelled.close()


def test_a_missing_field_is_said_once_however_many_need_it(box: Sandbox, service: Salesforce) -> None:
    box.control.set(hidden_fields=["Case.OwnerId", "Case.Commerce_Key__c"])
    owner = written("OwnerId", refs=(Ref("queue", "Orders"),))
    key = FieldUse("Commerce_Key__c", reads=True)
    problems = found(service, case(owner, key, FieldUse("Owner", reads=True)))
    assert [problem.field or problem.setting for problem in problems] == ["key_field", "OwnerId", "Owner"]


def test_refused_credentials_end_the_check_at_once(box: Sandbox) -> None:
    wrong = open_(box, auth={"grant": "client_credentials", "client_id": "bench", "client_secret": "guess"})
    with pytest.raises(AuthFailed):
        wrong.check([case()])
    wrong.close()
