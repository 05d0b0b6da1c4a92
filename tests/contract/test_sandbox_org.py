"""The simulated org does with Case rows what Salesforce does, and refuses what it refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connector.sandbox import Sandbox
from tests.contract.sandbox_caller import SERVICE, Caller, error, made, refused

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
BY_KEY = "/sobjects/Case/Commerce_Key__c"


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with Sandbox(orders=0, returns=0, public_keys={"app": PUBLIC.decode()}) as box:
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


# sessions
def test_client_credentials_give_a_session_by_form_and_by_header(box: Sandbox, caller: Caller) -> None:
    answer = caller.sign_in_org()
    assert answer["instance_url"] == box.salesforce_url
    assert "expires_in" not in answer
    url = f"{box.salesforce_url}/services/oauth2/token"
    form = {"grant_type": "client_credentials"}
    assert requests.post(url, auth=("bench", "secret"), data=form, timeout=10).status_code == 200
    reply = requests.post(url, auth=("bench", "wrong"), data=form, timeout=10)
    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")
    reply = requests.post(url, auth=("nobody", "x"), data=form, timeout=10)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_client_id")


def _assertion(box: Sandbox, **changes: Any) -> requests.Response:
    claims = {"iss": "app", "sub": "integration@acme.example", "aud": "https://login.salesforce.com",
              "exp": str(int(time.time()) + 180), **changes}  # fmt: skip
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": jwt.encode(claims, KEY, algorithm="RS256"),
    }
    return requests.post(f"{box.salesforce_url}/services/oauth2/token", data=form, timeout=10)


def test_a_signed_assertion_gives_a_session(box: Sandbox) -> None:
    reply = _assertion(box)
    assert reply.status_code == 200, reply.text
    token = reply.json()["access_token"]
    shown = requests.get(
        f"{box.salesforce_url}{SERVICE}/limits", headers={"Authorization": f"Bearer {token}"}, timeout=10
    )
    assert shown.status_code == 200


def test_a_wrong_assertion_gives_none(box: Sandbox) -> None:
    assert _assertion(box, aud="https://example.org").json() == {
        "error": "invalid_grant",
        "error_description": "audience is invalid",
    }
    assert _assertion(box, sub="nobody@acme.example").json()["error"] == "invalid_grant"
    assert _assertion(box, iss="other").json()["error"] == "invalid_client_id"
    assert _assertion(box, exp=1).json()["error"] == "invalid_grant"
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged = jwt.encode({"iss": "app", "sub": "integration@acme.example"}, other, algorithm="RS256")
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": forged}
    reply = requests.post(f"{box.salesforce_url}/services/oauth2/token", data=form, timeout=10)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")


def test_a_session_ends(box: Sandbox, caller: Caller) -> None:
    assert caller.org("GET", "/limits").status_code == 200
    box.control.advance(7201)
    assert error(caller.org("GET", "/limits")) == (401, "INVALID_SESSION_ID")
    caller.sign_in_org()
    assert caller.org("GET", "/limits").status_code == 200
    box.control.end_tokens("salesforce")
    assert error(caller.org("GET", "/limits")) == (401, "INVALID_SESSION_ID")


# budget, versions, headers
def test_every_reply_tells_the_calls_used_and_the_last_one_is_refused(box: Sandbox, caller: Caller) -> None:
    box.control.set(daily_calls=2)
    assert caller.org("GET", "/limits").headers["Sforce-Limit-Info"] == "api-usage=1/2"
    reply = caller.org("GET", "/sobjects/Case/500000000000000AAA")
    assert (reply.status_code, reply.headers["Sforce-Limit-Info"]) == (404, "api-usage=2/2")
    assert error(caller.org("GET", "/limits")) == (403, "REQUEST_LIMIT_EXCEEDED")
    versions = caller.org("GET", "/services/data/")
    assert versions.status_code == 200
    assert {"label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0"} in versions.json()
    assert versions.json()[-1]["label"] == "Winter '27"


def test_old_versions_are_gone_and_unknown_ones_not_found(caller: Caller) -> None:
    assert caller.org("GET", "/services/data/v21.0/limits").status_code == 410
    assert caller.org("GET", "/services/data/v99.0/limits").status_code == 404
    assert caller.org("GET", "/services/data/v66/limits").status_code == 404


def test_the_clock_of_the_org_is_in_the_date_header(caller: Caller) -> None:
    with Sandbox(orders=0, clock_skew=3600) as box:
        other = Caller(box)
        told = parsedate_to_datetime(other.org("GET", "/limits").headers["Date"]).timestamp()
        here = parsedate_to_datetime(caller.org("GET", "/limits").headers["Date"]).timestamp()
        other.close()
    assert 3590 < told - here < 3610


def test_describe_names_lengths_picklists_and_the_key(caller: Caller) -> None:
    fields = {f["name"]: f for f in caller.org("GET", "/sobjects/Case/describe").json()["fields"]}
    key = fields["Commerce_Key__c"]
    assert (key["externalId"], key["unique"], key["caseSensitive"], key["length"]) == (True, True, False, 255)
    assert fields["SuppliedName"]["length"] == 80
    assert fields["Resolution__c"]["restrictedPicklist"]
    assert not fields["Type"]["restrictedPicklist"]
    assert [v["value"] for v in fields["Status"]["picklistValues"]] == ["New", "Working", "Escalated", "Closed"]
    assert not fields["CaseNumber"]["createable"]
    assert "Case" in [s["name"] for s in caller.org("GET", "/sobjects").json()["sobjects"]]


# rows
def test_a_row_is_created_read_changed_and_deleted(caller: Caller) -> None:
    reply = caller.org("POST", "/sobjects/Case", {"Subject": "x", "Commerce_Key__c": "K1"})
    assert reply.status_code == 201
    case = made(reply)
    assert len(case) == 18
    shown = caller.org("GET", f"/sobjects/Case/{case}")
    assert "Last-Modified" in shown.headers
    row = shown.json()
    assert row["attributes"] == {"type": "Case", "url": f"{SERVICE}/sobjects/Case/{case}"}
    assert (row["Status"], row["Priority"], row["IsClosed"], row["IsDeleted"]) == ("New", "Medium", False, False)
    assert row["CaseNumber"].isdigit()
    assert row["SystemModstamp"].endswith(".000+0000")
    assert set(caller.org("GET", f"/sobjects/Case/{case}?fields=Id,Status").json()) == {"attributes", "Id", "Status"}
    assert caller.org("PATCH", f"/sobjects/Case/{case[:15]}", {"Subject": "y"}).status_code == 204
    assert caller.org("DELETE", f"/sobjects/Case/{case}").status_code == 204
    assert error(caller.org("GET", f"/sobjects/Case/{case}")) == (404, "ENTITY_IS_DELETED")
    assert error(caller.org("PATCH", f"/sobjects/Case/{case}", {})) == (404, "ENTITY_IS_DELETED")
    assert error(caller.org("GET", "/sobjects/Case/500000000000000AAA")) == (404, "NOT_FOUND")
    assert caller.org("GET", f"{BY_KEY}/K1").status_code == 404
    assert (
        caller.org("POST", "/sobjects/Case", {"Commerce_Key__c": "k1"}).status_code == 201
    )  # the bin does not hold keys


def test_closing_and_reopening_follow_the_status(caller: Caller) -> None:
    case = made(caller.org("POST", "/sobjects/Case", {"Subject": "x"}))
    caller.org("PATCH", f"/sobjects/Case/{case}", {"Status": "Closed"})
    row = caller.org("GET", f"/sobjects/Case/{case}").json()
    assert row["IsClosed"]
    assert row["ClosedDate"]
    caller.org("PATCH", f"/sobjects/Case/{case}", {"Status": "Working"})
    row = caller.org("GET", f"/sobjects/Case/{case}").json()
    assert (row["IsClosed"], row["ClosedDate"]) == (False, None)
    assert error(caller.org("PATCH", f"/sobjects/Case/{case}", {"IsClosed": True})) == (
        400,
        "INVALID_FIELD_FOR_INSERT_UPDATE",
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Subject": "x" * 256}, "STRING_TOO_LONG"),
        ({"SuppliedName": "x" * 81}, "STRING_TOO_LONG"),
        ({"Description": "x" * 32001}, "STRING_TOO_LONG"),
        ({"Commerce_Key__c": "x" * 256}, "STRING_TOO_LONG"),
        ({"Status": "Lost"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"Resolution__c": "Maybe"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"Priority": "Urgent"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"SuppliedEmail": "no mail"}, "INVALID_EMAIL_ADDRESS"),
        ({"Nope__c": "x"}, "INVALID_FIELD"),
        ({"CaseNumber": "1"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"CreatedDate": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"OwnerId": "00G000000000000AAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"OwnerId": "Orders"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"ParentId": "500000000000000AAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"Order_Total__c": "much"}, "JSON_PARSER_ERROR"),
        ({"Order_Date__c": "soon"}, "JSON_PARSER_ERROR"),
        ({"Order_Date__c": "2026-13-01T00:00:00.000Z"}, "JSON_PARSER_ERROR"),
        ({"Subject": 5}, "JSON_PARSER_ERROR"),
        ({"IsEscalated": "yes"}, "JSON_PARSER_ERROR"),
    ],
)
def test_a_wrong_value_is_refused(caller: Caller, fields: dict[str, Any], code: str) -> None:
    assert error(caller.org("POST", "/sobjects/Case", fields)) == (400, code)


def test_unrestricted_picklists_take_anything(caller: Caller) -> None:
    assert caller.org("POST", "/sobjects/Case", {"Type": "Recall", "Reason": "Moon phase"}).status_code == 201


def test_a_row_that_changed_since_is_not_overwritten(box: Sandbox, caller: Caller) -> None:
    case = made(caller.org("POST", "/sobjects/Case", {"Subject": "x"}))
    read = caller.org("GET", f"/sobjects/Case/{case}").headers["Last-Modified"]
    header = {"If-Unmodified-Since": read}
    assert caller.org("PATCH", f"/sobjects/Case/{case}", {"Subject": "y"}, headers=header).status_code == 204
    box.control.advance(2)
    box.control.agent_take(case)
    assert caller.org("PATCH", f"/sobjects/Case/{case}", {"Subject": "z"}, headers=header).status_code == 412
    now = {"If-Unmodified-Since": caller.org("GET", f"/sobjects/Case/{case}").headers["Last-Modified"]}
    assert caller.org("PATCH", f"/sobjects/Case/{case}", {"Subject": "z"}, headers=now).status_code == 204
    bad = {"If-Unmodified-Since": "yesterday"}
    assert caller.org("PATCH", f"/sobjects/Case/{case}", {}, headers=bad).status_code == 400


def test_an_owner_must_be_an_active_user_or_a_case_queue(caller: Caller) -> None:
    queue = caller.rows("SELECT Id FROM Group WHERE Type = 'Queue' AND DeveloperName = 'Returns'")[0]["Id"]
    everybody = caller.rows("SELECT Id FROM Group WHERE DeveloperName = 'Everybody'")[0]["Id"]
    left = caller.rows("SELECT Id FROM User WHERE IsActive = false")[0]["Id"]
    assert caller.org("POST", "/sobjects/Case", {"OwnerId": queue}).status_code == 201
    assert error(caller.org("POST", "/sobjects/Case", {"OwnerId": everybody})) == (400, "INVALID_CROSS_REFERENCE_KEY")
    assert error(caller.org("POST", "/sobjects/Case", {"OwnerId": left})) == (400, "INACTIVE_OWNER_OR_USER")


def test_without_the_header_the_assignment_rule_takes_the_case_away(box: Sandbox, caller: Caller) -> None:
    queue = caller.rows("SELECT Id FROM Group WHERE DeveloperName = 'Returns'")[0]["Id"]
    default = caller.rows("SELECT Id FROM User WHERE Name = 'integration'")[0]["Id"]
    case = made(caller.org("POST", "/sobjects/Case", {"OwnerId": queue}, assign=None))
    assert box.control.case(case)["OwnerId"] == default
    agent = box.control.agent_take(case)["OwnerId"]
    caller.org("PATCH", f"/sobjects/Case/{case}", {"Subject": "y"})
    assert box.control.case(case)["OwnerId"] == agent
    caller.org("PATCH", f"/sobjects/Case/{case}", {"Subject": "z"}, assign=None)
    assert box.control.case(case)["OwnerId"] == default
    box.control.agent_take(case)
    caller.org("PATCH", f"/sobjects/Case/{case}", {"Subject": "z"}, assign="TRUE")
    assert box.control.case(case)["OwnerId"] == default


# external ids
def test_an_upsert_by_key_creates_then_changes(caller: Caller) -> None:
    first = caller.org("PATCH", f"{BY_KEY}/ORD-1%3ARET-9", {"Subject": "x"})
    assert (first.status_code, first.json()["created"]) == (201, True)
    second = caller.org("PATCH", f"{BY_KEY}/ord-1:ret-9", {"Subject": "y"})
    assert (second.status_code, second.json()["created"], second.json()["id"]) == (200, False, first.json()["id"])
    assert caller.org("GET", f"{BY_KEY}/ORD-1:RET-9").json()["Subject"] == "y"
    assert caller.org("PATCH", f"{BY_KEY}/new?updateOnly=true", {}).status_code == 404
    assert error(caller.org("PATCH", f"{BY_KEY}/new", {"Commerce_Key__c": "new"})) == (400, "INVALID_FIELD")
    assert error(caller.org("PATCH", f"{BY_KEY}/new", {"Id": first.json()["id"]})) == (400, "INVALID_FIELD")
    assert error(caller.org("PATCH", "/sobjects/Case/Subject/x", {})) == (404, "NOT_FOUND")
    assert caller.org("PATCH", f"{BY_KEY}/file.inc", {}).status_code == 404  # looks like a file


def test_a_key_exists_once_whatever_its_case(caller: Caller) -> None:
    case = made(caller.org("POST", "/sobjects/Case", {"Commerce_Key__c": "Key-1"}))
    reply = caller.org("POST", "/sobjects/Case", {"Commerce_Key__c": "KEY-1"})
    assert error(reply) == (400, "DUPLICATE_VALUE")
    assert case in reply.json()[0]["message"]
    other = made(caller.org("POST", "/sobjects/Case", {"Commerce_Key__c": "Key-2"}))
    assert error(caller.org("PATCH", f"/sobjects/Case/{other}", {"Commerce_Key__c": "key-1"})) == (
        400,
        "DUPLICATE_VALUE",
    )
    assert caller.org("PATCH", f"/sobjects/Case/{other}", {"Commerce_Key__c": "key-3"}).status_code == 204
    assert caller.org("GET", f"{BY_KEY}/Key-2").status_code == 404


def test_without_uniqueness_a_key_may_be_ambiguous(box: Sandbox, caller: Caller) -> None:
    box.control.set(unique_key=False)
    fields = caller.org("GET", "/sobjects/Case/describe").json()["fields"]
    assert [field["unique"] for field in fields if field["name"] == "Commerce_Key__c"] == [False]
    for _ in range(2):
        caller.org("POST", "/sobjects/Case", {"Commerce_Key__c": "K"})
    reply = caller.org("PATCH", f"{BY_KEY}/K", {"Subject": "x"})
    assert reply.status_code == 300
    assert len(reply.json()) == 2
    assert refused(caller.upsert({"Commerce_Key__c": "K"}).json()[0]) == "DUPLICATE_EXTERNAL_ID"
    assert box.control.duplicates()["cases"] == {"k": 2}


def test_a_hidden_field_is_no_column_and_a_read_only_one_takes_no_value(box: Sandbox, caller: Caller) -> None:
    case = made(caller.create({"Subject": "a", "Site__c": "RefArch"}))
    box.control.set(hidden_fields=["Case.Site__c", "Case.OwnerId"], readonly_fields=["Case.Subject"])
    described = {field["name"]: field for field in caller.org("GET", "/sobjects/Case/describe").json()["fields"]}
    assert not {"Site__c", "OwnerId"} & described.keys()
    assert (described["Subject"]["createable"], described["Subject"]["updateable"]) == (False, False)
    for column in ("Site__c", "Owner.Name"):
        reply = caller.org("GET", "/query", params={"q": f"SELECT Id,{column} FROM Case"})
        assert error(reply) == (400, "INVALID_FIELD")
    assert error(caller.org("PATCH", f"/sobjects/Case/{case}", {"Site__c": "x"})) == (400, "INVALID_FIELD")
    reply = caller.org("PATCH", f"/sobjects/Case/{case}", {"Subject": "x"})
    assert error(reply) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert caller.org("GET", "/query", params={"q": "SELECT Id,Subject FROM Case"}).json()["records"]
    box.control.set(hidden_fields=[], readonly_fields=[])
    assert box.control.case(case)["Site__c"] == "RefArch"


def test_a_queue_without_cases_owns_none() -> None:
    with Sandbox(orders=0, returns=0, foreign_queues=frozenset({"Returns"})) as box:
        caller = Caller(box)
        query = "SELECT Id,DeveloperName FROM Group WHERE Type = 'Queue'"
        rows = caller.org("GET", "/query", params={"q": query}).json()["records"]
        ids = {row["DeveloperName"]: row["Id"] for row in rows}
        reply = caller.org("POST", "/sobjects/Case", {"Subject": "x", "OwnerId": ids["Returns"]})
        assert error(reply) == (400, "INVALID_CROSS_REFERENCE_KEY")
        query = "SELECT SobjectType,Queue.DeveloperName FROM QueueSobject"
        rows = caller.org("GET", "/query", params={"q": query}).json()["records"]
        kinds = {row["Queue"]["DeveloperName"]: row["SobjectType"] for row in rows}
        assert (kinds["Returns"], kinds["Orders"]) == ("Lead", "Case")
        caller.close()


def test_replication_gives_ids_of_a_window(box: Sandbox, caller: Caller) -> None:
    case, gone = (made(caller.create({"Subject": s})) for s in ("a", "b"))
    box.control.agent_delete(gone)
    box.control.advance(5)
    window = {"start": "2026-01-01T00:00:00+00:00", "end": "2099-01-01T00:00:00+00:00"}
    reply = caller.org("GET", "/sobjects/Case/updated/", params=window)
    assert error(reply) == (400, "INVALID_REPLICATION_DATE")  # more than 30 days back
    window["start"] = box.control.case(case)["CreatedDate"]
    reply = caller.org("GET", "/sobjects/Case/updated/", params=window).json()
    assert reply["ids"] == [case]
    deleted = caller.org("GET", "/sobjects/Case/deleted/", params=window).json()
    assert [d["id"] for d in deleted["deletedRecords"]] == [gone]
    assert error(caller.org("GET", "/sobjects/Case/updated/", params={**window, "end": window["start"]})) == (
        400,
        "INVALID_REPLICATION_DATE",
    )


def test_what_is_not_there_is_not_found(caller: Caller) -> None:
    assert error(caller.org("GET", "/sobjects/Nothing/describe")) == (404, "NOT_FOUND")
    assert error(caller.org("GET", "/nothing")) == (404, "NOT_FOUND")
    assert error(caller.org("PUT", "/composite/sobjects", {})) == (405, "METHOD_NOT_ALLOWED")
    assert error(caller.org("PUT", "/sobjects/Case", {})) == (405, "METHOD_NOT_ALLOWED")
