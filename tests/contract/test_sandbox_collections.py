"""Calls of the simulated org that carry many rows or many calls: collections, composites, and what a row brings about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.sandbox import Sandbox
from tests.contract.sandbox_caller import SERVICE, Caller, error, made, refused


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with Sandbox(orders=0, returns=0) as box:
        yield box


@pytest.fixture
def box(house: Sandbox) -> Sandbox:
    house.control.reset()
    return house


@pytest.fixture
def caller(box: Sandbox) -> Iterator[Caller]:
    made = Caller(box)
    yield made
    made.close()


def test_a_collection_answers_row_by_row_in_order(caller: Caller) -> None:
    reply = caller.create(
        {"Commerce_Key__c": "A"}, {"Subject": "x" * 256}, {"Commerce_Key__c": "B", "SuppliedEmail": "x"}
    )
    assert reply.status_code == 200
    good, long, mail = reply.json()
    assert good["success"]
    assert "created" not in good
    assert refused(long) == "STRING_TOO_LONG"
    assert long["errors"][0]["fields"] == ["Subject"]
    assert refused(mail) == "INVALID_EMAIL_ADDRESS"
    again = caller.create({"Commerce_Key__c": "a"}).json()[0]
    assert refused(again) == "DUPLICATE_VALUE"
    assert good["id"] in again["errors"][0]["message"]


def test_a_key_twice_in_one_create_is_created_once(box: Sandbox, caller: Caller) -> None:
    one, two = caller.create({"Commerce_Key__c": "A"}, {"Commerce_Key__c": "a"}).json()
    assert one["success"]
    assert refused(two) == "DUPLICATE_VALUE"
    assert len(box.control.cases()) == 1


def test_a_key_twice_in_one_upsert_fails_both_rows(box: Sandbox, caller: Caller) -> None:
    reply = caller.upsert(
        {"Commerce_Key__c": "A"}, {"Commerce_Key__c": "a"}, {"Commerce_Key__c": "B"}, {"Subject": "x"}
    )
    one, two, three, four = reply.json()
    assert (refused(one), refused(two)) == ("DUPLICATE_VALUE", "DUPLICATE_VALUE")
    assert three["created"] is True
    assert refused(four) == "MISSING_ARGUMENT"
    assert caller.upsert({"Commerce_Key__c": "b"}).json()[0]["created"] is False


def test_a_collection_updates_by_id(box: Sandbox, caller: Caller) -> None:
    case = made(caller.create({"Commerce_Key__c": "A", "Subject": "x", "Order_No__c": "1"}))
    gone = made(caller.create({"Subject": "gone"}))
    box.control.agent_delete(gone)

    def update(*records: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        rows = [{"attributes": {"type": "Case"}, **r} for r in records]
        reply = caller.org("PATCH", "/composite/sobjects", {"records": rows, **more})
        assert reply.status_code == 200, reply.text
        answer: list[dict[str, Any]] = reply.json()
        return answer

    answers = update({"id": case, "Subject": "y", "Order_No__c": None}, {"Id": gone}, {"id": "500000000000000AAA"},
                     {"id": "nonsense"}, {"Subject": "x"})  # fmt: skip
    assert answers[0] == {"id": case, "success": True, "errors": []}
    assert [refused(a) for a in answers[1:]] == [
        "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID", "MISSING_ARGUMENT"]  # fmt: skip
    assert box.control.case(case)["Subject"] == "y"
    assert "Order_No__c" not in box.control.case(case)
    assert [refused(a) for a in update({"id": case}, {"id": case})] == ["DUPLICATE_VALUE"] * 2


def test_all_or_none_rolls_back(box: Sandbox, caller: Caller) -> None:
    good, bad = caller.create({"Commerce_Key__c": "A"}, {"Status": "Lost"}, allOrNone=True).json()
    assert refused(good) == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert refused(bad) == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert box.control.cases() == []


def test_a_malformed_collection_is_refused_whole(box: Sandbox, caller: Caller) -> None:
    reply = caller.create(*[{"Subject": "x"}] * 201)
    assert error(reply) == (400, "EXCEEDED_MAX_SIZE_REQUEST")
    assert error(caller.create()) == (400, "EXCEEDED_MAX_SIZE_REQUEST")
    assert error(caller.org("POST", "/composite/sobjects", {"records": [{"Subject": "x"}]})) == (400, "INVALID_TYPE")
    assert error(caller.org("POST", "/composite/sobjects", {"rows": []})) == (400, "JSON_PARSER_ERROR")
    assert error(caller.create({"Nope__c": 1}, {"Subject": "x"})) == (400, "INVALID_FIELD")
    assert error(caller.create({"Order_Total__c": "x"}, {"Subject": "x"})) == (400, "JSON_PARSER_ERROR")
    assert box.control.cases() == []


def test_an_unknown_field_may_refuse_its_row_only(box: Sandbox, caller: Caller) -> None:
    box.control.set(unknown_field="row")
    bad, good = caller.create({"Nope__c": 1}, {"Subject": "x"}).json()
    assert refused(bad) == "INVALID_FIELD"
    assert good["success"]


def test_a_create_has_at_most_ten_runs_of_types(caller: Caller) -> None:
    case = made(caller.create({"Subject": "x"}))
    rows: list[dict[str, Any]] = []
    for i in range(6):
        rows.append({"attributes": {"type": "Case"}, "Subject": str(i)})
        rows.append({"attributes": {"type": "CaseComment"}, "ParentId": case, "CommentBody": str(i)})
    assert caller.org("POST", "/composite/sobjects", {"records": rows[:10]}).status_code == 200
    assert error(caller.org("POST", "/composite/sobjects", {"records": rows})) == (400, "LIMIT_EXCEEDED")


def test_a_chunk_shares_one_stamp_in_whole_seconds(box: Sandbox, caller: Caller) -> None:
    caller.create(*[{"Commerce_Key__c": str(i)} for i in range(50)])
    assert len({c["SystemModstamp"] for c in box.control.cases()}) == 1


def test_a_collection_deletes_and_retrieves(caller: Caller) -> None:
    one, two = (made(caller.create({"Subject": s})) for s in ("1", "2"))
    body = {"ids": [one, "500000000000000AAA", two], "fields": ["Id", "Subject"]}
    rows = caller.org("POST", "/composite/sobjects/Case", body).json()
    assert [r and r["Subject"] for r in rows] == ["1", None, "2"]
    gone = caller.org("DELETE", f"/composite/sobjects?ids={one},500000000000000AAA&allOrNone=false").json()
    assert gone[0] == {"id": one, "success": True, "errors": []}
    assert refused(gone[1]) == "INVALID_CROSS_REFERENCE_KEY"
    rolled = caller.org("DELETE", f"/composite/sobjects?ids={two},{one}&allOrNone=true").json()
    assert refused(rolled[0]) == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert caller.org("GET", f"/composite/sobjects/Case?ids={two}&fields=Id").json()[0]["Id"] == two
    for wrong in ({"ids": two, "fields": ["Id"]}, {"ids": [two]}, [two]):
        assert error(caller.org("POST", "/composite/sobjects/Case", wrong)) == (400, "JSON_PARSER_ERROR")
    many = {"ids": [two] * 2001, "fields": ["Id"]}
    assert error(caller.org("POST", "/composite/sobjects/Case", many)) == (400, "EXCEEDED_MAX_SIZE_REQUEST")


def test_required_fields_duplicate_rules_and_create_only_fields_are_knobs(box: Sandbox, caller: Caller) -> None:
    box.control.set(required_fields=["Subject"])
    assert refused(caller.create({"Commerce_Key__c": "A"}).json()[0]) == "REQUIRED_FIELD_MISSING"
    box.control.set(required_fields=[], duplicate_rule=True)
    twin = {"SuppliedEmail": "a@example.org", "Subject": "x"}
    case = made(caller.create(twin))
    assert refused(caller.create(twin).json()[0]) == "DUPLICATES_DETECTED"
    saved = caller.org("POST", "/sobjects/Case", twin, headers={"Sforce-Duplicate-Rule-Header": "allowSave=true"})
    assert saved.status_code == 201
    box.control.set(supplied_updatable=False)
    reply = caller.org("PATCH", f"/sobjects/Case/{case}", {"SuppliedName": "x"})
    assert error(reply) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


# comments and history
def test_a_comment_belongs_to_a_case_and_has_four_thousand_bytes(caller: Caller) -> None:
    case = made(caller.create({"Subject": "x", "Comments": "written through"}))
    made(caller.create({"ParentId": case, "CommentBody": "é" * 2000}, kind="CaseComment"))
    long = caller.create({"ParentId": case, "CommentBody": "é" * 2001}, kind="CaseComment").json()[0]
    assert refused(long) == "STRING_TOO_LONG"
    lost = caller.create({"ParentId": "500000000000000AAA", "CommentBody": "x"}, kind="CaseComment").json()[0]
    assert refused(lost) == "INVALID_CROSS_REFERENCE_KEY"
    assert refused(caller.create({"CommentBody": "x"}, kind="CaseComment").json()[0]) == "REQUIRED_FIELD_MISSING"
    bodies = caller.rows(f"SELECT CommentBody FROM CaseComment WHERE ParentId = '{case}' ORDER BY CreatedDate, Id")
    assert [b["CommentBody"] for b in bodies] == ["written through", "é" * 2000]


def test_a_change_of_owner_leaves_two_rows_of_history(box: Sandbox, caller: Caller) -> None:
    queue = caller.rows("SELECT Id FROM Group WHERE DeveloperName = 'Returns'")[0]["Id"]
    case = made(caller.create({"OwnerId": queue}))
    agent = box.control.agent_take(case)["OwnerId"]
    rows = caller.rows(
        f"SELECT Field, OldValue, NewValue FROM CaseHistory WHERE CaseId = '{case}' ORDER BY CreatedDate, Id"
    )
    changes = [(r["Field"], r["OldValue"], r["NewValue"]) for r in rows]
    assert changes == [
        ("Status", "New", "Working"), ("ownerAccepted", "Returns", "Ines Agent"), ("ownerAccepted", queue, agent)]  # fmt: skip


def test_composites_count_once_and_fill_in_references(box: Sandbox, caller: Caller) -> None:
    caller.sign_in_org()
    parts: list[dict[str, Any]] = [
        {"method": "POST", "url": f"{SERVICE}/sobjects/Case", "referenceId": "c", "body": {"Subject": "x"}},
        {"method": "POST", "url": f"{SERVICE}/sobjects/CaseComment", "referenceId": "m",
         "body": {"ParentId": "@{c.id}", "CommentBody": "hello"}},
        {"method": "GET", "url": f"{SERVICE}/query?q=SELECT+Id+FROM+Case", "referenceId": "q"},
        {"method": "POST", "url": f"{SERVICE}/sobjects/Case", "referenceId": "bad", "body": {"Status": "Lost"}},
        {"method": "GET", "url": f"{SERVICE}/sobjects/Case/@{{bad.id}}", "referenceId": "after"},
    ]  # fmt: skip
    reply = caller.org("POST", "/composite", {"compositeRequest": parts})
    assert reply.headers["Sforce-Limit-Info"].startswith("api-usage=1/")
    answers = {a["referenceId"]: a for a in reply.json()["compositeResponse"]}
    assert [answers[n]["httpStatusCode"] for n in ("c", "m", "q", "bad", "after")] == [201, 201, 200, 400, 400]
    assert answers["q"]["body"]["totalSize"] == 1
    assert answers["after"]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert box.control.comments()[0]["ParentId"] == answers["c"]["body"]["id"]
    assert error(caller.org("POST", "/composite", {"compositeRequest": parts * 6})) == (400, "LIMIT_EXCEEDED")
    headed = caller.org("POST", "/composite", {"compositeRequest": [{**parts[0], "httpHeaders": "x"}]}).json()
    assert headed["compositeResponse"][0]["body"][0]["errorCode"] == "JSON_PARSER_ERROR"
    queries = [{**parts[2], "referenceId": f"q{i}"} for i in range(6)]
    assert error(caller.org("POST", "/composite", {"compositeRequest": queries})) == (400, "LIMIT_EXCEEDED")


def test_each_part_of_a_batch_counts(caller: Caller) -> None:
    caller.sign_in_org()
    parts = [{"method": "GET", "url": "v66.0/limits"}] * 3 + [{"method": "GET", "url": "v66.0/sobjects/Case/x"}]
    reply = caller.org("POST", "/composite/batch", {"batchRequests": parts})
    assert reply.headers["Sforce-Limit-Info"].startswith("api-usage=4/")
    assert reply.json()["hasErrors"] is True
    assert [r["statusCode"] for r in reply.json()["results"]] == [200, 200, 200, 404]
    halted = caller.org("POST", "/composite/batch", {"batchRequests": parts[::-1], "haltOnError": True}).json()
    assert [r["statusCode"] for r in halted["results"]] == [404, 412, 412, 412]
