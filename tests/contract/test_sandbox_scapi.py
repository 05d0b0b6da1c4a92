"""The simulated shop over SCAPI: plain requests, as somebody would write who knows only the vendor's page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from connector.sandbox import Sandbox
from tests.contract.sandbox_caller import Caller

ORDERS = "/checkout/orders/v1/organizations/f_ecom_zzte_053/orders"
OBJECTS = "/custom-object/custom-objects/v1/organizations/f_ecom_zzte_053"
RETURN = f"{OBJECTS}/sites/RefArch/custom-objects/ReturnRequest"
TENANT = "SALESFORCE_COMMERCE_API:zzte_053"
EVERYTHING = f"{TENANT} sfcc.orders sfcc.orders.rw sfcc.custom-objects sfcc.custom-objects.rw"


class Stranger:
    """A client of the Commerce API that nobody of ours wrote."""

    def __init__(self, box: Sandbox) -> None:
        self.box, self.token = box, ""
        self.session = requests.Session()
        self.session.trust_env = False

    def sign_in(self, scope: str | None = EVERYTHING, client: str = "bench-scapi") -> requests.Response:
        form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope is not None else {})
        url = f"{self.box.sfcc_url}/dwsso/oauth2/access_token"
        reply = self.session.post(url, auth=(client, "secret"), data=form, timeout=10)
        self.token = reply.json().get("access_token", "")
        return reply

    def __call__(self, method: str, path: str, body: Any = None, **params: Any) -> requests.Response:
        if not self.token:
            self.sign_in()
        headers = {"Authorization": f"Bearer {self.token}"}
        if path.startswith(ORDERS):
            params = {"siteId": "RefArch", **params}
        return self.session.request(
            method, self.box.sfcc_url + path, json=body, params=params, headers=headers, timeout=10
        )

    def numbers(self, **params: Any) -> list[str]:
        reply = self("GET", ORDERS, sortBy="last_modified_date", sortOrder="asc", limit=200, **params)
        assert reply.status_code == 200, reply.text
        return [order["orderNo"] for order in reply.json()["data"]]


def slug(reply: requests.Response) -> str:
    told = reply.json()
    assert {"title", "type", "detail"} <= set(told), told
    return str(told["type"]).rpartition("/")[2]


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with Sandbox(orders=30, returns=3, shop_code=0) as box:
        yield box


@pytest.fixture
def box(house: Sandbox) -> Sandbox:
    house.control.reset()
    return house


@pytest.fixture
def stranger(box: Sandbox) -> Iterator[Stranger]:
    made = Stranger(box)
    yield made
    made.session.close()


def placed(box: Sandbox) -> list[dict[str, Any]]:
    """The orders that the list shows, oldest change first."""
    found = [one for one in box.control.orders("RefArch") if one["status"] in ("new", "completed", "cancelled")]
    return sorted(found, key=lambda one: (one["last_modified"], one["order_no"]))


# who may call
def test_a_token_holds_the_scopes_that_were_asked_for(stranger: Stranger) -> None:
    answer = stranger.sign_in(f"{TENANT} sfcc.orders").json()
    assert set(answer["scope"].split()) == {TENANT, "sfcc.orders"}
    assert stranger("GET", ORDERS).status_code == 200


@pytest.mark.parametrize("scope", [None, "sfcc.orders", TENANT, f"{TENANT} sfcc.custom-objects"])
@pytest.mark.parametrize("style", [401, 403])
def test_without_the_scopes_of_tenant_and_api_nothing_is_read(
    box: Sandbox, stranger: Stranger, scope: str | None, style: int
) -> None:
    box.control.set(permission_style=style)
    stranger.sign_in(scope)
    assert stranger("GET", ORDERS).status_code == style


def test_reading_scopes_do_not_write(box: Sandbox, stranger: Stranger) -> None:
    number = placed(box)[0]["order_no"]
    stranger.sign_in(f"{TENANT} sfcc.orders")
    assert stranger("PATCH", f"{ORDERS}/{number}", {"c_caseNumber": "1"}).status_code == 401
    stranger.sign_in()
    assert stranger("PATCH", f"{ORDERS}/{number}", {"c_caseNumber": "1"}).status_code == 204


def test_a_scope_that_the_client_was_not_given_is_refused_at_the_sign_in(box: Sandbox, stranger: Stranger) -> None:
    box.control.set(scapi_scopes={"bench-scapi": ["sfcc.orders"]})
    reply = stranger.sign_in()
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_scope")
    assert stranger.sign_in(f"{TENANT} sfcc.orders").status_code == 200
    assert stranger.sign_in(f"{TENANT} sfcc.nonsense").status_code == 400


def test_a_client_of_one_api_is_refused_by_the_other(box: Sandbox, stranger: Stranger) -> None:
    assert stranger.sign_in(client="bench").status_code == 400, "no scope of the Commerce API for a client of OCAPI"
    stranger.sign_in(None, client="bench")
    assert slug(stranger("GET", ORDERS)) == "unauthorized"
    ocapi = Caller(box, "bench-scapi")
    assert ocapi.shop("GET", "/orders/00001301").status_code == 401
    ocapi.close()


def test_another_organization_is_not_there(stranger: Stranger) -> None:
    reply = stranger("GET", ORDERS.replace("zzte_053", "zzte_001"), siteId="RefArch")
    assert (reply.status_code, slug(reply)) == (404, "not-found")


def test_every_answer_bears_the_id_of_the_call(box: Sandbox, stranger: Stranger) -> None:
    stranger.session.headers["correlation-id"] = "abc-1"
    assert stranger("GET", ORDERS).headers["x-correlation-id"] == "abc-1"
    assert stranger("GET", f"{ORDERS}/none").headers["x-correlation-id"] == "abc-1"


# the list
def test_an_order_is_shown_in_camel_case_and_its_values_are_not(box: Sandbox, stranger: Stranger) -> None:
    truth = placed(box)[0]
    order = stranger("GET", f"{ORDERS}/{truth['order_no']}").json()
    assert order["orderNo"] == truth["order_no"]
    assert order["customerInfo"]["email"] == truth["customer_info"]["email"]
    assert order["paymentInstruments"][0]["paymentMethodId"] == truth["payment_instruments"][0]["payment_method_id"]
    assert order["productItems"][0]["priceAfterItemDiscount"] == truth["product_items"][0]["price_after_item_discount"]
    assert order["confirmationStatus"] == truth["confirmation_status"]
    assert order["c_riskScore"] == truth["c_riskScore"]
    assert order["billingAddress"]["address1"] == truth["billing_address"]["address1"]
    assert not {"_type", "_resource_state", "notes"} & set(order)


def test_the_list_knows_placed_orders_only_and_the_others_by_number(box: Sandbox, stranger: Stranger) -> None:
    assert stranger.numbers() == [one["order_no"] for one in placed(box)]
    number = placed(box)[0]["order_no"]
    for status in ("created", "failed", "open", "replaced"):
        box.control.change_order(number=number, status=status)
        assert number not in stranger.numbers()
        assert stranger("GET", f"{ORDERS}/{number}").json()["status"] == status
        assert slug(stranger("GET", ORDERS, status=status)) == "value-constraint-violation"
    box.control.set(scapi_lists="all")
    assert number in stranger.numbers()


def test_a_page_is_a_hundred_orders_of_the_newest_creation_unless_asked_otherwise(
    box: Sandbox, stranger: Stranger
) -> None:
    page = stranger("GET", ORDERS).json()
    created = [order["creationDate"] for order in page["data"]]
    assert created == sorted(created, reverse=True)
    assert (page["limit"], page["offset"], page["total"]) == (100, 0, len(placed(box)))
    box.control.set(scapi_total=False)
    assert set(stranger("GET", ORDERS).json()) == {"data"}


def test_offset_goes_on_in_the_same_order(box: Sandbox, stranger: Stranger) -> None:
    whole = stranger.numbers()
    parts = [stranger("GET", ORDERS, sortBy="last_modified_date", sortOrder="asc", limit=4, offset=at).json()["data"]
             for at in range(0, len(whole) + 4, 4)]  # fmt: skip
    assert [order["orderNo"] for part in parts for order in part] == whole
    assert parts[-1] == []


@pytest.mark.parametrize(
    "params",
    [{"limit": 201}, {"limit": 0}, {"offset": 9801, "limit": 200}, {"status": "new,completed,cancelled"},
     {"status": "paid"}, {"sortBy": "orderNo"}, {"lastModifiedDateFrom": "yesterday"},
     {"lastModifiedDateFrom": "2026-11-20T10:00:00.000Z"}],
)  # fmt: skip
def test_what_the_list_does_not_take_is_refused(stranger: Stranger, params: dict[str, Any]) -> None:
    reply = stranger("GET", ORDERS, **params)
    assert (reply.status_code, slug(reply)) == (400, "value-constraint-violation")


def test_names_of_the_query_are_checked(stranger: Stranger) -> None:
    assert slug(stranger("GET", ORDERS, c_riskScore=5)) == "undefined-query-parameter"
    bare = stranger.session.get(
        stranger.box.sfcc_url + ORDERS, headers={"Authorization": f"Bearer {stranger.token}"}, timeout=10
    )
    assert slug(bare) == "missing-query-parameter"


def test_days_are_inclusive_at_their_beginning_and_exclusive_at_their_end(box: Sandbox, stranger: Stranger) -> None:
    stamps = [one["last_modified"] for one in placed(box)]
    day = stamps[len(stamps) // 2][:10]
    after = [one["order_no"] for one in placed(box) if one["last_modified"] >= day]
    before = [one["order_no"] for one in placed(box) if one["last_modified"] < day]
    assert stranger.numbers(lastModifiedDateFrom=day) == after
    assert stranger.numbers(lastModifiedDateTo=day) == before
    box.control.set(scapi_day_starts=-14.0)
    assert set(stranger.numbers(lastModifiedDateFrom=day)) >= set(after)
    box.control.set(scapi_day_starts=0.0, scapi_dates="instant")
    assert stranger.numbers(lastModifiedDateFrom=stamps[-1]) == [placed(box)[-1]["order_no"]]


def test_a_change_reaches_the_list_with_the_index(box: Sandbox, stranger: Stranger) -> None:
    number = placed(box)[0]["order_no"]
    box.control.set(index_lag=5)
    box.control.change_order(number=number, c_caseNumber="7")
    assert stranger.numbers()[0] == number
    box.control.advance(6)
    assert stranger.numbers()[-1] == number


# writing
def test_a_patch_takes_custom_attributes_only(box: Sandbox, stranger: Stranger) -> None:
    number = placed(box)[0]["order_no"]
    assert stranger("PATCH", f"{ORDERS}/{number}", {"c_caseNumber": "7"}).status_code == 204
    assert box.control.order(number)["c_caseNumber"] == "7"
    for body in ({"status": "cancelled"}, {"c_nothing": "x"}):
        reply = stranger("PATCH", f"{ORDERS}/{number}", body)
        assert (reply.status_code, slug(reply)) == (400, "constraint-violation")
    assert stranger("PATCH", f"{ORDERS}/none", {"c_caseNumber": "7"}).status_code == 404


def test_statuses_are_put_one_by_one_and_open_is_none_of_them(box: Sandbox, stranger: Stranger) -> None:
    number = placed(box)[0]["order_no"]
    box.control.change_order(number=number, status="new")
    for path, value, field in (
        ("confirmation-status", "not_confirmed", "confirmation_status"),
        ("external-status", "case 7", "external_order_status"),
        ("payment-status", "part_paid", "payment_status"),
        ("status", "cancelled", "status"),
    ):
        assert stranger("PUT", f"{ORDERS}/{number}/{path}", {"status": value}).status_code == 204
        assert box.control.order(number)[field] == value
    assert slug(stranger("PUT", f"{ORDERS}/{number}/status", {"status": "open"})) == "value-constraint-violation"
    assert stranger("PUT", f"{ORDERS}/{number}/status", {"status": "created"}).status_code == 409
    assert stranger("PUT", f"{ORDERS}/{number}/notes", {"status": "x"}).status_code == 405
    assert stranger("POST", f"{ORDERS}/{number}/notes", {"subject": "x", "text": "y"}).status_code == 405


def test_an_order_event_is_forwarded_and_moves_nothing(box: Sandbox, stranger: Stranger) -> None:
    order = placed(box)[0]
    number, path = order["order_no"], f"{ORDERS}/{order['order_no']}/oms-status-events"
    event = {
        "id": "case-500xx-refund-1", "type": "refund", "status": "completed", "occurredAt": "2026-11-20T11:00:00Z",
        "lineItems": [{"id": "i1", "quantity": -1}], "totals": [{"type": "product", "amount": -4995}],
    }  # fmt: skip
    assert stranger("POST", path, {"omsOrderId": "500xx", "adjustment": event}).status_code == 202
    assert [one["adjustment"]["id"] for one in box.control.events(number)] == ["case-500xx-refund-1"]
    assert box.control.order(number) == order
    refused = [
        {"omsOrderId": "500xx"},
        {"adjustment": event, "fulfillmentEvent": event},
        {"adjustment": {**event, "status": "done"}},
        {"adjustment": {**event, "totals": [{"type": "product", "amount": 49.95}]}},
        {"adjustment": {"type": "refund"}},
        {"fulfillmentEvent": {"id": "f1", "type": "shipped", "occurredAt": "2026-11-20T11:00:00Z"}},
    ]
    assert [stranger("POST", path, body).status_code for body in refused] == [400] * len(refused)


# custom objects
def test_an_object_is_made_read_changed_and_deleted(box: Sandbox, stranger: Stranger) -> None:
    assert stranger("PUT", f"{RETURN}/RR-9", {"c_orderNo": "00001301", "c_amount": 9.5}).status_code == 200
    shown = stranger("GET", f"{RETURN}/RR-9").json()
    assert (shown["keyValueString"], shown["siteId"], shown["c_orderNo"]) == ("RR-9", "RefArch", "00001301")
    assert stranger("PATCH", f"{RETURN}/RR-9", {"c_status": "APPROVED"}).json()["c_amount"] == 9.5
    assert stranger("DELETE", f"{RETURN}/RR-9").status_code == 204
    assert slug(stranger("GET", f"{RETURN}/RR-9")) == "not-found"
    assert stranger("PUT", f"{RETURN}/RR-9", {"c_nothing": "x"}).status_code == 400


def test_objects_are_searched_by_day(box: Sandbox, stranger: Stranger) -> None:
    stranger("PUT", f"{RETURN}/RR-9", {"c_orderNo": "00001301"})
    day = stranger("GET", f"{RETURN}/RR-9").json()["lastModified"][:10]
    term = {"termQuery": {"fields": ["keyValueString"], "operator": "is", "values": ["RR-9"]}}
    window = {"rangeFilter": {"field": "lastModified", "from": day}}
    body = {
        "query": {"filteredQuery": {"query": term, "filter": window}},
        "sorts": [{"field": "lastModified", "sortOrder": "asc"}], "limit": 10, "offset": 0,
    }  # fmt: skip
    page = stranger("POST", f"{OBJECTS}/custom-objects-search/ReturnRequest", body).json()
    assert [hit["keyValueString"] for hit in page["hits"]] == ["RR-9"]
    assert page["total"] == 1
    window["rangeFilter"]["from"] = f"{day}T00:00:00.000Z"
    assert stranger("POST", f"{OBJECTS}/custom-objects-search/ReturnRequest", body).status_code == 400
    box.control.set(scapi_dates="instant")
    assert stranger("POST", f"{OBJECTS}/custom-objects-search/ReturnRequest", body).status_code == 200


def test_the_paths_of_objects_are_a_knob(box: Sandbox, stranger: Stranger) -> None:
    box.control.set(scapi_object_path="objects/{type}/{key}")
    assert stranger("GET", f"{RETURN}/RR-9").status_code == 404
    other = f"{OBJECTS}/objects/ReturnRequest/RR-9"
    assert stranger("PUT", other, {"c_orderNo": "1"}, siteId="RefArch").status_code == 200
    assert slug(stranger("PUT", other, {"c_orderNo": "1"})) == "missing-query-parameter"


# what goes wrong
@pytest.mark.parametrize(
    ("load", "status", "said"), [(50, 200, None), (85, 200, "WARN"), (95, 200, "THROTTLE"), (100, 503, "THROTTLE")]
)
def test_load_is_told_and_shed(box: Sandbox, stranger: Stranger, load: int, status: int, said: str | None) -> None:
    box.control.set(scapi_load=load)
    reply = stranger("GET", ORDERS)
    assert (reply.status_code, reply.headers.get("sfdc_load_status")) == (status, said)
    assert reply.headers.get("sfdc_load") == (str(load) if said else None)


def test_faults_speak_as_this_api_does(box: Sandbox, stranger: Stranger) -> None:
    box.control.fault(kind="status", path="/checkout/", status=429, retry_after=3, times=1)
    reply = stranger("GET", ORDERS)
    assert (reply.status_code, slug(reply), reply.headers["Retry-After"]) == (429, "too-many-requests", "3")
    assert reply.headers["Content-Type"] == "application/problem+json"
    box.control.fault(kind="commit_later", path="/checkout/", reply="504", seconds=0.01, times=1)
    assert slug(stranger("GET", ORDERS)) == "gateway-timeout"


def test_the_journal_names_calls_without_their_keys(box: Sandbox, stranger: Stranger) -> None:
    number = placed(box)[0]["order_no"]
    box.control.clear_journal()
    stranger("GET", f"{ORDERS}/{number}")
    stranger("PUT", f"{ORDERS}/{number}/confirmation-status", {"status": "confirmed"})
    asked = box.control.requests()["sfcc"]
    assert asked[f"GET {ORDERS}/{{}}"] == 1
    assert asked[f"PUT {ORDERS}/{{}}/confirmation-status"] == 1


def test_a_product_is_read_and_patched_and_the_entries_of_its_maps_keep_their_names(
    box: Sandbox, stranger: Stranger
) -> None:
    products = ORDERS.replace("checkout/orders", "product/products").removesuffix("orders") + "products"
    number = box.run(lambda house: next(iter(house.world.shop.products.held)))
    assert stranger("GET", f"{products}/{number}").status_code == 401, "another API, another scope"
    stranger.sign_in(f"{TENANT} sfcc.products.rw")
    assert stranger("GET", f"{products}/{number}").json()["onlineFlag"] == {"default": True}
    shown = stranger("PATCH", f"{products}/{number}", {"onlineFlag": {"default@RefArch": False}}).json()
    assert shown["onlineFlag"] == {"default": True, "default@RefArch": False}
    assert stranger("PATCH", f"{products}/{number}", {"online": True}).status_code == 400
    assert slug(stranger("GET", f"{products}/none")) == "not-found"
