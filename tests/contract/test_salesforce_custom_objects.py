"""Custom objects of an org as streams: details of a case, made once each under our key, kept current, never moved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.adapters.salesforce import Salesforce
from connector.errors import Gone, Misconfigured, Rejected
from connector.model import FieldUse, Op, Select, StreamUse, Write
from connector.sandbox import Options, Sandbox
from tests.contract.salesforce_org import KEY, creates, open_
from tests.contract.sandbox_caller import Caller

STREAM = "Case_Order__c"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(Options(orders=1, returns=0)) as made:
        yield made


@pytest.fixture
def service(box: Sandbox) -> Iterator[Salesforce]:
    made = open_(box)
    yield made
    made.close()


def case(service: Salesforce) -> str:
    (made,) = service.write("Case", creates(1))
    assert made.target is not None
    return made.target


def child(number: int, of: str, **fields: object) -> Write:
    given = {"Case__c": of, "Order_No__c": f"{number:08d}", "Payment_Status__c": "not_paid", "Order_Total__c": 59.9}
    return Write("create", f"disputes:_ref:dp-1:orders:{number:08d}", {**given, **fields})


def test_any_custom_object_is_a_stream_whose_creates_are_exclusive(service: Salesforce) -> None:
    stream = service.streams["Anything__c"]
    assert (stream.create, stream.bears, stream.claims) == ("exclusive", KEY, False)
    assert stream.writes == {"create", "update", "delete"}


def test_children_are_made_in_one_call_found_by_our_key_and_never_twice(box: Sandbox, service: Salesforce) -> None:
    of = case(service)
    before = service.calls()
    batch = [child(number, of) for number in range(150)]
    made = service.write(STREAM, batch)
    assert service.calls() == before + 1
    assert all(result.error is None and result.target for result in made)
    again = service.write(STREAM, batch)
    assert [result.target for result in again] == [result.target for result in made]
    assert all(result.existed for result in again)
    assert len(box.control.records(STREAM)) == 150
    found = service.fetch(STREAM, [batch[7].key], by="our_key", select=Select(fields=("Order_No__c", "Case__c")))
    assert found[batch[7].key].fields["Case__c"] == of


def test_a_child_is_updated_by_its_id_and_belongs_to_its_case_for_ever(box: Sandbox, service: Salesforce) -> None:
    first, (other,) = case(service), service.write("Case", [Write("create", "orders:_ref:x", {"Subject": "x"})])
    (made,) = service.write(STREAM, [child(1, first)])
    (done,) = service.write(STREAM, [Write("update", "k", {"Payment_Status__c": "paid"}, target=made.target)])
    assert done.error is None
    (moved,) = service.write(STREAM, [Write("update", "k", {"Case__c": other.target}, target=made.target)])
    assert isinstance(moved.error, Rejected)
    assert moved.error.code == "INVALID_FIELD_FOR_INSERT_UPDATE"
    (record,) = box.control.records(STREAM)
    assert (record["Payment_Status__c"], record["Case__c"], record["Name"]) == ("paid", first, "CO-000001")


def test_children_go_into_the_bin_with_their_case_and_move_with_a_merged_one(box: Sandbox, service: Salesforce) -> None:
    kept = box.control.agent_create({"Subject": "kept"})
    gone, deleted = box.control.agent_create({"Subject": "merged"}), box.control.agent_create({"Subject": "deleted"})
    one, two = service.write(STREAM, [child(1, gone), child(2, deleted)])
    box.control.agent_merge(master=kept, loser=gone)
    box.control.agent_delete(deleted)
    assert [(each["Id"], each["Case__c"]) for each in box.control.records(STREAM)] == [(one.target, kept)]
    update = {"Payment_Status__c": "paid"}
    moved, lost = service.write(
        STREAM, [Write("update", "1", update, target=one.target), Write("update", "2", update, target=two.target)]
    )
    assert moved.error is None
    assert isinstance(lost.error, Gone)
    (refused,) = service.write(STREAM, [child(3, deleted)])
    assert refused.error is not None
    assert refused.error.remedy


@pytest.mark.parametrize("refused", ["call", "row"])
def test_a_child_without_a_case_or_with_a_field_that_is_not_there_is_refused_with_a_remedy(
    box: Sandbox, service: Salesforce, refused: str
) -> None:
    of = case(service)
    box.control.set(unknown_field=refused)
    (alone,) = service.write(STREAM, [child(3, of, Case__c=None)])
    assert alone.error is not None
    assert (alone.error.code, bool(alone.error.remedy)) == ("REQUIRED_FIELD_MISSING", True)
    batch = [child(number, of, Colour__c="x") for number in (1, 2)]
    with pytest.raises(Misconfigured, match="Colour__c") as caught:
        service.write(STREAM, batch)
    assert caught.value.remedy


def test_an_object_that_the_org_has_not_pauses_its_stream_and_parks_nothing(service: Salesforce) -> None:
    of = case(service)
    with pytest.raises(Misconfigured, match="no such object") as caught:
        service.write("Case_Ordr__c", [child(1, of), child(2, of)])
    assert "connector setup" in caught.value.remedy


def test_a_check_finds_what_is_wrong_with_a_custom_object(box: Sandbox, service: Salesforce) -> None:
    writes = frozenset[Op]({"create", "update"})
    fields = {"Colour__c": FieldUse("Colour__c", creates=True, kinds=frozenset({"text"}))}
    use = StreamUse(STREAM, writes=writes, fields=fields)
    (problem,) = service.check([use]).problems
    assert "Case_Order__c has no field Colour__c" in problem.message
    (problem,) = service.check([StreamUse("Case_Ordr__c", writes=writes)]).problems
    assert "there is no object Case_Ordr__c" in problem.message
    box.control.set(hidden_fields=frozenset({f"{STREAM}.{KEY}"}))
    assert [each.setting for each in service.check([StreamUse(STREAM, writes=writes)]).problems] == ["key_field"]


def test_the_org_describes_a_detail_and_answers_queries_over_its_case(box: Sandbox, service: Salesforce) -> None:
    of = case(service)
    service.write(STREAM, [child(1, of), child(2, of)])
    caller = Caller(box)
    said = caller.org("GET", f"/sobjects/{STREAM}/describe").json()
    fields = {each["name"]: each for each in said["fields"]}
    assert (said["custom"], said["label"]) == (True, "Case Order")
    link = fields["Case__c"]
    assert (link["type"], link["referenceTo"], link["relationshipName"]) == ("reference", ["Case"], "Case__r")
    assert (link["nillable"], link["createable"], link["updateable"]) == (False, True, False)
    assert (fields["Name"]["autoNumber"], fields["Name"]["createable"]) == (True, False)
    assert fields[KEY]["unique"]
    assert "OwnerId" not in fields, "a detail has its master's owner"
    rows = caller.rows(f"SELECT Name, Case__r.{KEY} FROM {STREAM} WHERE Case__c = '{of}' ORDER BY Name")
    assert [(row["Name"], row["Case__r"][KEY]) for row in rows] == [
        ("CO-000001", "orders:_ref:00000"), ("CO-000002", "orders:_ref:00000")
    ]  # fmt: skip
    caller.close()
