"""The simulated shop does what OCAPI does, and refuses what it refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from connector.sandbox import Sandbox
from tests.contract.sandbox_caller import DATA, Caller, fault

ORDERS = f"{DATA}/sites/RefArch/orders"
OBJECTS = f"{DATA}/sites/RefArch/custom_objects"


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with Sandbox(orders=30, returns=3, shop_code=0) as box:
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


@pytest.fixture
def number(caller: Caller) -> str:
    return caller.numbers(count=1)[0]


# tokens and access
def test_a_token_has_three_parts_and_a_lifetime(caller: Caller) -> None:
    answer = caller.sign_in_shop()
    assert answer["access_token"].count(".") == 2
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 1799


def test_wrong_credentials_get_no_token(box: Sandbox, caller: Caller) -> None:
    url = f"{box.sfcc_url}/dwsso/oauth2/access_token"
    reply = requests.post(url, auth=("bench", "wrong"), data={"grant_type": "client_credentials"}, timeout=10)
    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")
    reply = requests.post(url, auth=("bench", "secret"), data={"grant_type": "password"}, timeout=10)
    assert (reply.status_code, reply.json()["error"]) == (400, "unsupported_grant_type")


def test_the_user_grant_gives_a_token_that_signs_notes(box: Sandbox, caller: Caller, number: str) -> None:
    reply = requests.post(
        f"{box.sfcc_url}/dw/oauth2/access_token?client_id=bench",
        auth=requests.auth.HTTPBasicAuth("manager:manager-pw", "secret"),
        data={"grant_type": "urn:demandware:params:oauth:grant-type:client-id:dwsid:dwsecuretoken"},
        timeout=10,
    )
    assert reply.status_code == 200, reply.text
    caller.shop_token = reply.json()["access_token"]
    caller.shop("POST", f"/orders/{number}/notes", {"subject": "s", "text": "t"})
    assert caller.shop("GET", f"/orders/{number}/notes").json()["notes"][0]["created_by"] == "manager"


def test_a_token_dies_with_its_lifetime_and_when_it_is_ended(box: Sandbox, caller: Caller, number: str) -> None:
    box.control.advance(1800)
    assert fault(caller.shop("GET", f"/orders/{number}")) == (401, "InvalidAccessTokenException")
    caller.sign_in_shop()
    assert caller.shop("GET", f"/orders/{number}").status_code == 200
    box.control.end_tokens("sfcc")
    assert fault(caller.shop("GET", f"/orders/{number}")) == (401, "InvalidAccessTokenException")


def test_without_a_token_or_with_the_wrong_client_nothing_is_shown(caller: Caller, number: str) -> None:
    reply = caller.shop("GET", f"/orders/{number}", headers={"Authorization": "nothing"})
    assert fault(reply) == (401, "InvalidAuthorizationHeaderException")
    reply = caller.shop("GET", f"/orders/{number}", headers={"x-dw-client-id": "other"})
    assert fault(reply) == (400, "InvalidClientIdException")


def test_a_version_must_exist(caller: Caller) -> None:
    for version in ("v16_1", "24_5", "v24"):
        assert fault(caller.shop("GET", f"/s/RefArch/dw/shop/{version}/orders/1")) == (400, "InvalidVersionException")


def test_permissions_refuse_and_trim(box: Sandbox, caller: Caller, number: str) -> None:
    read = {"resource_id": "/orders/*", "methods": ["get"], "read_attributes": "(order_no,c_riskScore)"}
    search = {"resource_id": "/order_search", "methods": ["post"], "read_attributes": "(order_no)"}
    box.control.set(permissions={"bench": [read, search]})
    shown = caller.shop("GET", f"/orders/{number}").json()
    assert set(shown) == {"_v", "_type", "_resource_state", "order_no", "c_riskScore"}
    hit = caller.search(count=1).json()["hits"][0]["data"]
    assert set(hit) == {"_type", "_resource_state", "order_no"}
    assert caller.shop("PATCH", f"/orders/{number}", {"c_caseNumber": "1"}).status_code == 401
    box.control.set(permission_style=403)
    assert fault(caller.shop("GET", f"/orders/{number}/notes")) == (403, "ClientAccessForbiddenException")


# reading
def test_an_order_is_found_at_its_site_only(caller: Caller, number: str) -> None:
    document = caller.shop("GET", f"/orders/{number}").json()
    assert document["_type"] == "order"
    assert document["_v"] == "24.5"
    assert document["order_no"] == number
    assert fault(caller.shop("GET", "/orders/99999999")) == (404, "OrderNotFoundException")
    elsewhere = f"/s/RefArchGlobal/dw/shop/v24_5/orders/{number}"
    assert fault(caller.shop("GET", elsewhere)) == (404, "OrderNotFoundException")
    assert fault(caller.shop("GET", f"/s/Nowhere/dw/shop/v24_5/orders/{number}")) == (404, "SiteNotFoundException")


def test_a_production_domain_needs_no_site_in_the_path(caller: Caller, number: str) -> None:
    assert caller.shop("GET", f"/dw/shop/v24_5/orders/{number}").status_code == 200


def test_a_selector_leaves_what_it_names(caller: Caller, number: str) -> None:
    reply = caller.shop("GET", f"/orders/{number}", params={"select": "(order_no,customer_info.(email))"})
    assert set(reply.json()) == {"_v", "_type", "_resource_state", "order_no", "customer_info"}
    assert set(reply.json()["customer_info"]) == {"_type", "email"}
    for broken in ("order_no", "(order_no", "(a,,b)", "()", "(a))"):
        reply = caller.shop("GET", f"/orders/{number}", params={"select": broken})
        assert fault(reply) == (400, "MalformedSelectorException")


def test_dates_may_have_minute_precision(box: Sandbox, caller: Caller, number: str) -> None:
    box.control.set(minute_dates=True)
    stamp = caller.shop("GET", f"/orders/{number}").json()["last_modified"]
    assert len(stamp) == len("2017-02-25T02:31Z")
    assert stamp.endswith("Z")


# writing
def test_a_patch_changes_status_and_attributes_and_ignores_the_rest(caller: Caller, number: str) -> None:
    before = caller.shop("GET", f"/orders/{number}").json()
    patch = {"status": "cancelled", "c_caseNumber": "42", "customer_name": "Nobody"}
    after = caller.shop("PATCH", f"/orders/{number}", patch).json()
    assert (after["status"], after["c_caseNumber"], after["customer_name"]) == (
        "cancelled",
        "42",
        before["customer_name"],
    )
    assert after["channel_type"] == "storefront"
    assert after["last_modified"] > before["last_modified"]
    assert after["_resource_state"] != before["_resource_state"]
    assert "c_caseNumber" not in caller.shop("PATCH", f"/orders/{number}", {"c_caseNumber": None}).json()


def test_the_method_may_be_overridden(caller: Caller, number: str) -> None:
    header = {"x-dw-http-method-override": "PATCH"}
    reply = caller.shop("POST", f"/orders/{number}", {"c_caseStatus": "x"}, headers=header)
    assert reply.json()["c_caseStatus"] == "x"
    reply = caller.shop("POST", f"/orders/{number}?method=PATCH", {"c_caseStatus": "y"})
    assert reply.json()["c_caseStatus"] == "y"


def test_wrong_attributes_are_refused(box: Sandbox, caller: Caller, number: str) -> None:
    def patched(**body: object) -> tuple[int, str]:
        return fault(caller.shop("PATCH", f"/orders/{number}", body))

    assert patched(c_unknown="x") == (400, "InvalidCustomPropertyException")
    assert patched(c_caseDecision="MAYBE") == (400, "EnumConstraintViolationException")
    assert patched(c_riskScore="high") == (400, "TypeMissmatchException")
    assert patched(c_addressMismatch=1) == (400, "TypeMissmatchException")
    assert patched(c_caseDecidedAt="yesterday") == (400, "TypeMissmatchException")
    box.control.set(unknown_attributes="ignore")
    assert "c_unknown" not in caller.shop("PATCH", f"/orders/{number}", {"c_unknown": "x"}).json()


def test_a_stale_state_is_a_conflict_and_no_state_is_last_write_wins(caller: Caller, number: str) -> None:
    state = caller.shop("GET", f"/orders/{number}").json()["_resource_state"]
    assert caller.shop("PATCH", f"/orders/{number}", {"_resource_state": state, "c_caseOwner": "a"}).status_code == 200
    reply = caller.shop("PATCH", f"/orders/{number}", {"_resource_state": state, "c_caseOwner": "b"})
    assert fault(reply) == (409, "ResourceStateConflictException")
    assert caller.shop("PATCH", f"/orders/{number}", {"c_caseOwner": "c"}).json()["c_caseOwner"] == "c"


def test_the_data_api_patches_without_a_body_in_return(caller: Caller, number: str) -> None:
    reply = caller.shop("PATCH", f"{ORDERS}/{number}", {"c_caseDecision": "HOLD"})
    assert (reply.status_code, reply.content) == (204, b"")
    assert caller.shop("GET", f"/orders/{number}").json()["c_caseDecision"] == "HOLD"
    assert fault(caller.shop("PATCH", f"{ORDERS}/{number}", {"status": "new"})) == (400, "UnknownPropertyException")
    assert fault(caller.shop("PATCH", f"{ORDERS}/0", {})) == (404, "OrderNotFoundException")
    assert fault(caller.shop("PATCH", f"{DATA}/sites/No/orders/0", {})) == (404, "SiteNotFoundException")


def test_status_moves_along_the_documented_ways_only(box: Sandbox, caller: Caller, number: str) -> None:
    def put(name: str, value: object) -> requests.Response:
        return caller.shop("PUT", f"{ORDERS}/{number}/{name}", {"status": value})

    assert put("status", "cancelled").status_code == 204
    assert put("status", "new").status_code == 204
    assert fault(put("status", "failed")) == (409, "OrderStatusTransitionException")
    assert fault(put("status", "created")) == (409, "OrderStatusTransitionException")
    assert fault(put("status", "lost")) == (400, "EnumConstraintViolationException")
    assert put("payment_status", "paid").status_code == 204
    assert fault(put("payment_status", "owed")) == (400, "EnumConstraintViolationException")
    assert put("external_status", "case 42: open").status_code == 204
    assert fault(put("external_status", "")) == (400, "MalformedParameterException")
    assert fault(put("external_status", "x" * 257)) == (400, "MalformedParameterException")
    assert caller.shop("GET", f"/orders/{number}").json()["external_order_status"] == "case 42: open"
    box.control.set(frozen_orders=[number])
    assert fault(put("status", "completed")) == (409, "OrderPreviouslyIntegratedStatusException")


def test_a_broken_body_is_a_decoding_fault(caller: Caller, number: str) -> None:
    reply = caller.session.patch(
        f"{caller.box.sfcc_url}/s/RefArch/dw/shop/v24_5/orders/{number}",
        data=b"{",
        headers={"Authorization": f"Bearer {caller.shop_token}"},
        timeout=10,
    )
    assert fault(reply) == (400, "BodyDecodingException")
    assert fault(caller.shop("DELETE", f"/orders/{number}")) == (405, "MethodNotAllowedException")


# notes
def test_a_note_is_kept_and_the_order_comes_back(caller: Caller, number: str) -> None:
    reply = caller.shop("POST", f"/orders/{number}/notes", {"subject": "Case 1 [k:1:2345]", "text": "ok"})
    assert reply.json()["_type"] == "order"
    (note,) = caller.shop("GET", f"/orders/{number}/notes").json()["notes"]
    assert {"id", "subject", "text", "created_by", "creation_date"} <= set(note)
    assert caller.shop("DELETE", f"/orders/{number}/notes/{note['id']}").json()["_type"] == "order"
    assert caller.shop("GET", f"/orders/{number}/notes").json()["notes"] == []
    assert caller.shop("DELETE", f"/orders/{number}/notes/{note['id']}").status_code == 404


def test_a_note_has_limits(caller: Caller, number: str) -> None:
    for subject, text in (("s" * 257, "t"), ("s", "t" * 4001), ("", "t"), ("s", "")):
        reply = caller.shop("POST", f"/orders/{number}/notes", {"subject": subject, "text": text})
        assert fault(reply) == (400, "MalformedParameterException")
    assert caller.shop("POST", f"/orders/{number}/notes", {"subject": "s" * 256, "text": "t" * 4000}).status_code == 200
    assert fault(caller.shop("POST", "/orders/0/notes", {"subject": "s", "text": "t"})) == (
        404,
        "OrderNotFoundException",
    )


# custom objects
def test_an_object_is_created_overwritten_merged_and_removed(caller: Caller) -> None:
    where = f"{OBJECTS}/RefundRequest/R-1"
    made = caller.shop("PUT", where, {"c_returnId": "RR-1", "c_amount": 12.5, "c_status": "REQUESTED"}).json()
    assert (made["object_type"], made["key_property"], made["key_value_string"]) == (
        "RefundRequest",
        "requestId",
        "R-1",
    )
    again = caller.shop("PUT", where, {"c_returnId": "RR-1"}).json()
    assert "c_amount" not in again
    assert again["creation_date"] == made["creation_date"]
    merged = caller.shop("PATCH", where, {"c_status": "EXECUTED"}).json()
    assert (merged["c_returnId"], merged["c_status"]) == ("RR-1", "EXECUTED")
    assert caller.shop("DELETE", where).status_code == 204
    assert caller.shop("DELETE", where).status_code == 204
    assert fault(caller.shop("GET", where)) == (404, "CustomObjectNotFoundException")
    assert fault(caller.shop("PATCH", where, {"c_status": "x"})) == (404, "CustomObjectNotFoundException")


def test_an_object_refuses_what_is_not_declared(caller: Caller) -> None:
    where = f"{OBJECTS}/ReturnRequest/RR-1"
    assert fault(caller.shop("PATCH", where, {"c_nope": 1})) == (400, "InvalidCustomPropertyException")
    assert fault(caller.shop("PATCH", where, {"nope": 1})) == (400, "UnknownPropertyException")
    assert fault(caller.shop("PATCH", where, {"c_amount": "much"})) == (400, "TypeMissmatchException")
    assert fault(caller.shop("GET", f"{OBJECTS}/Nothing/1")) == (404, "ObjectTypeNotFoundException")
    assert fault(caller.shop("POST", f"{DATA}/custom_objects_search/Nothing", {"query": {}})) == (
        404,
        "ObjectTypeNotFoundException",
    )


def test_an_object_has_an_optimistic_lock(caller: Caller) -> None:
    where = f"{OBJECTS}/ReturnRequest/RR-1"
    state = caller.shop("GET", where).json()["_resource_state"]
    assert caller.shop("PATCH", where, {"_resource_state": state, "c_status": "APPROVED"}).status_code == 200
    reply = caller.shop("PATCH", where, {"_resource_state": state, "c_status": "REJECTED"})
    assert fault(reply) == (409, "ResourceStateConflictException")
    reply = caller.shop("DELETE", where, headers={"x-dw-resource-state": state})
    assert fault(reply) == (409, "ResourceStateConflictException")


def test_global_and_site_objects_are_different_objects(caller: Caller) -> None:
    caller.shop("PUT", f"{DATA}/custom_objects/ReturnRequest/G-1", {"c_reason": "LATE"})
    assert caller.shop("GET", f"{DATA}/custom_objects/ReturnRequest/G-1").status_code == 200
    assert caller.shop("GET", f"{OBJECTS}/ReturnRequest/G-1").status_code == 404


def test_the_object_search_covers_all_sites_and_has_no_wrapper(caller: Caller) -> None:
    for site in ("RefArch", "RefArchGlobal"):
        caller.shop("PUT", f"{DATA}/sites/{site}/custom_objects/RefundRequest/{site}", {"c_status": "REQUESTED"})
    where = f"{DATA}/custom_objects_search/RefundRequest"
    term = {"term_query": {"fields": ["c_status"], "operator": "one_of", "values": ["REQUESTED"]}}
    body = {"query": term, "select": "(**)", "sorts": [{"field": "last_modified"}, {"field": "key_value_string"}]}
    both = caller.shop("POST", where, body).json()
    assert [h["key_value_string"] for h in both["hits"]] == ["RefArch", "RefArchGlobal"]
    assert both["_type"] == "custom_object_search_result"
    at_site = {"term_query": {"fields": ["site_id"], "operator": "is", "values": ["RefArch"]}}
    one = caller.shop("POST", where, {**body, "query": {"bool_query": {"must": [term, at_site]}}}).json()
    assert [h["key_value_string"] for h in one["hits"]] == ["RefArch"]
    nothing = caller.shop("POST", where, {**body, "query": {"bool_query": {"must_not": [term]}}}).json()
    assert nothing["total"] == 0
    assert "hits" not in nothing


def test_objects_may_hide_their_dates(box: Sandbox, caller: Caller) -> None:
    box.control.set(object_dates=False)
    body = {"query": {"match_all_query": {}}, "select": "(**)", "sorts": [{"field": "last_modified"}]}
    hit = caller.shop("POST", f"{DATA}/custom_objects_search/ReturnRequest", body).json()["hits"][0]
    assert "last_modified" not in hit
    assert "last_modified" not in caller.shop("GET", f"{OBJECTS}/ReturnRequest/RR-1").json()
