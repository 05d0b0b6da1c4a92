"""The shop adapter over SCAPI: one vocabulary with OCAPI, guarded statuses, order events, and whose fault a fault is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connector.adapters.sfcc import Sfcc, SfccSettings
from connector.errors import AuthFailed, Changed, Gone, Misconfigured, RateLimited, Rejected, Transient, Unavailable
from connector.model import FieldUse, Result, Select, StreamUse
from connector.sandbox import Sandbox
from connector.testing import FrozenClock
from tests.contract.scapi_shop import scapi_shop
from tests.contract.sfcc_shop import ALL, Shop, SystemClock, shop

RETURNS = "custom_objects/ReturnRequest"
LISTED = ("new", "completed", "cancelled")
REFUND = {
    "type": "refund", "status": "completed", "occurred_at": "2026-11-20T11:00:00.000Z", "oms_order_id": "500xx",
    "line_items": [{"id": "i1", "quantity": -1}], "amount": Decimal(-4995), "description": "Damaged",
}  # fmt: skip


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(orders=40, returns=5, shop_code=0) as made:
        yield made


@pytest.fixture
def ref(box: Sandbox) -> Iterator[Shop]:
    with scapi_shop(box, page=10) as made:
        yield made


@pytest.fixture
def number(ref: Shop) -> str:
    """An order of status new."""
    return next(str(order["order_no"]) for order in ref.control.orders("RefArch") if order["status"] == "new")


def listed(ref: Shop) -> list[str]:
    return sorted(one["order_no"] for one in ref.control.orders("RefArch") if one["status"] in LISTED)


def put(ref: Shop, number: str, stream: str, /, **fields: Any) -> Result:
    return ref.write(f"orders.{stream}", "update", "k", fields, target=number)


# one vocabulary
def test_records_are_the_same_over_both_apis(box: Sandbox, ref: Shop) -> None:
    """But for what only one of them shows: the link to the notes, and the service fields of a document."""
    over_scapi = {record.key: record for record in ref.read()}
    assert sorted(over_scapi) == listed(ref)
    ocapi = Sfcc("shop", ocapi_settings(box), clock=SystemClock())
    over_ocapi = {record.key: record for page in ocapi.read("orders", None, select=ALL) for record in page.records}
    ocapi.close()
    for key, record in over_scapi.items():
        other = over_ocapi[key]
        assert record.fields == plain(other.fields)
        assert (record.stamp, record.site) == (other.stamp, other.site)


def ocapi_settings(box: Sandbox) -> SfccSettings:
    client = {"site": "RefArch", "client_id": "bench", "client_secret": "secret"}
    return SfccSettings.model_validate({"url": box.sfcc_url, "auth_url": box.sfcc_url, **client})


def plain(document: Any) -> Any:
    if isinstance(document, list):
        return [plain(each) for each in document]
    if not isinstance(document, dict):
        return document
    return {
        name: plain(value)
        for name, value in document.items()
        if name not in ("_type", "_resource_state", "notes", "_v")
    }


def test_what_a_custom_attribute_holds_stays_as_it_is(ref: Shop) -> None:
    ref.write(RETURNS, "create", "f:s:1", {"c_orderNo": "00001301", "c_lines": '{"itemId": 1}'})
    (record,) = ref.adapter.fetch(RETURNS, ["f:s:1"], select=ALL).values()
    assert (record.fields["c_orderNo"], record.fields["c_lines"]) == ("00001301", '{"itemId": 1}')
    assert record.fields["key_value_string"] == record.our_key == "f:s:1"


def test_card_tokens_go_no_further(ref: Shop, number: str) -> None:
    cards = [{"payment_instrument_id": "p", "payment_card": {"credit_card_token": "tok", "holder": "x"}}]
    ref.control.change_order(number, payment_instruments=cards)
    (record,) = ref.adapter.fetch("orders", [number], select=ALL).values()
    assert "credit_card_token" not in str(record.fields)
    assert "tok" not in str(next(one for one in ref.read() if one.key == number).fields)


def test_where_becomes_a_filter_of_the_list(ref: Shop, number: str) -> None:
    ref.control.change_order(number, payment_status="not_paid", external_order_status="held")
    for where in ({"payment_status": "not_paid", "status": ["new", "completed"]}, {"external_order_status": "held"}):
        assert number in {one.key for one in ref.read(select=Select(where=where))}
        assert len(ref.read(select=Select(where=where))) < len(listed(ref))
    everything = Select(where={"status": [*LISTED]})
    assert sorted(one.key for one in ref.read(select=everything)) == listed(ref)
    for wrong in ({"c_caseNumber": "7"}, {"status": None}, {"payment_status": ["paid", "not_paid", "x"]}):
        with pytest.raises(Misconfigured, match=r"does not filter|at most"):
            ref.read(select=Select(where=wrong))


def test_orders_that_the_list_does_not_know_are_fetched_by_number(ref: Shop) -> None:
    numbers = [one["order_no"] for one in ref.control.orders("RefArch") if one["status"] not in LISTED]
    assert numbers
    before = ref.adapter.calls()
    found = ref.adapter.fetch("orders", [*numbers, "none", ".."], select=ALL)
    assert sorted(found) == sorted(numbers)
    assert (
        ref.adapter.calls() - before <= len(numbers) + 3
    )  # one each, the sign-in, and the list that proves an absence


# writing
def test_attributes_of_an_order_are_patched_and_cleared(ref: Shop, number: str) -> None:
    ref.adapter.check()
    before = ref.adapter.calls()
    assert ref.write("orders", "update", "k", {"c_caseNumber": "7"}, target=number).error is None
    assert ref.adapter.calls() - before == 1
    assert ref.control.order(number)["c_caseNumber"] == "7"
    assert ref.write("orders", "update", "k", {"c_caseNumber": None}, target=number).error is None
    assert "c_caseNumber" not in ref.control.order(number)
    for fields in ({"c_nothing": "x"}, {"status": "new"}):
        assert isinstance(ref.write("orders", "update", "k", fields, target=number).error, Rejected)
    assert isinstance(ref.write("orders", "update", "k", {"c_caseNumber": "7"}, target="none").error, Gone)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [("status", "cancelled", "status"), ("export_status", "failed", "export_status"),
     ("confirmation_status", "not_confirmed", "confirmation_status"), ("payment_status", "part_paid", "payment_status"),
     ("shipping_status", "part_shipped", "shipping_status"), ("external_status", "case 7", "external_order_status")],
)  # fmt: skip
def test_every_status_is_written_with_one_look_and_one_call(
    ref: Shop, number: str, name: str, value: str, shown: str
) -> None:
    ref.adapter.check()
    before = ref.adapter.calls()
    assert put(ref, number, name, **{name: value}).error is None
    assert ref.control.order(number)[shown] == value
    assert put(ref, number, name, **{name: value}).error is None
    assert ref.adapter.calls() - before == 3
    fetched = ref.adapter.fetch(f"orders.{name}", [number, "none"], select=ALL)
    assert {key: record.fields for key, record in fetched.items()} == {number: {name: value}}


def test_a_status_is_guarded_by_what_the_order_shows(ref: Shop, number: str) -> None:
    refused = put(ref, number, "status", status="cancelled", only_from="created, open").error
    assert isinstance(refused, Rejected)
    assert refused.code == "ONLY_FROM/new"
    assert put(ref, number, "status", status="cancelled", or_already="open, new").error is None
    assert ref.control.order(number)["status"] == "new"
    none = put(ref, "none", "status", status="cancelled").error
    assert isinstance(none, Gone)
    wrong = put(ref, number, "status", status="open").error
    assert isinstance(wrong, Rejected)
    assert "no order can have" in str(wrong)


def test_what_the_shop_refuses_of_a_status_parks_with_both_ends(ref: Shop, number: str) -> None:
    ref.control.set(frozen_orders=[number])
    refused = put(ref, number, "status", status="cancelled").error
    assert isinstance(refused, Rejected)
    assert (refused.code, refused.field) == ("conflict", "status")
    assert "new → cancelled" in str(refused)


def test_a_status_whose_answer_is_lost_is_looked_at_before_it_goes_again(ref: Shop, number: str) -> None:
    ref.control.fault(kind="drop_after", path="/status", nth=1)
    with pytest.raises(Transient) as caught:
        put(ref, number, "status", status="cancelled")
    assert caught.value.uncertain
    assert put(ref, number, "status", status="cancelled").error is None
    assert sum(n for path, n in ref.control.requests()["sfcc"].items() if path.endswith("/status")) == 1


# order events
def test_a_refund_is_told_as_the_documented_event_under_our_key(ref: Shop, number: str) -> None:
    assert ref.write("orders.events", "append", "f:s:1:refund", REFUND, target=number).error is None
    (event,) = ref.control.events(number)
    assert event["omsOrderId"] == "500xx"
    assert event["adjustment"] == {
        "id": "f:s:1:refund", "type": "refund", "status": "completed", "occurredAt": "2026-11-20T11:00:00.000Z",
        "lineItems": [{"id": "i1", "quantity": -1}], "totals": [{"type": "product", "amount": -4995}],
        "description": "Damaged",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"),
    [({"amount": Decimal("-49.95")}, "amount"), ({"status": "done"}, "status"), ({"occurred_at": None}, "occurred_at"),
     ({"description": "x" * 257}, "description"), ({"totals": "x", "amount": None}, "totals"), ({"note": "x"}, "note")],
)  # fmt: skip
def test_an_event_that_the_shop_would_refuse_is_never_sent(
    ref: Shop, number: str, change: dict[str, Any], field: str
) -> None:
    error = ref.write("orders.events", "append", "k:s:1", {**REFUND, **change}, target=number).error
    assert isinstance(error, Rejected)
    assert error.field == field
    assert ref.control.events() == []


def test_an_event_whose_answer_is_lost_is_never_sent_on_a_guess(box: Sandbox, ref: Shop, number: str) -> None:
    ref.control.fault(kind="drop_after", path="oms-status-events", nth=1)
    with pytest.raises(Transient) as caught:
        ref.write("orders.events", "append", "k:s:1", REFUND, target=number)
    assert caught.value.uncertain
    again = ref.write("orders.events", "append", "k:s:1", REFUND, target=number, uncertain=True).error
    assert isinstance(again, Rejected)
    assert again.code == "UNPROVABLE"
    assert len(ref.control.events(number)) == 1
    with scapi_shop(box, repeat_events=True) as bold:
        assert bold.write("orders.events", "append", "k:s:1", REFUND, target=number, uncertain=True).error is None
        assert len(bold.control.events(number)) == 1


# custom objects
def test_objects_are_made_once_and_changed(ref: Shop) -> None:
    fields = {"c_orderNo": "00001301", "c_amount": Decimal("9.50"), "c_comment": None}
    assert ref.write(RETURNS, "create", "f:s:1", fields).existed is False
    assert ref.write(RETURNS, "create", "f:s:1", {"c_amount": 1}, uncertain=True).existed is True
    assert ref.write(RETURNS, "update", "f:s:1", {"c_status": "APPROVED"}, target="f:s:1").error is None
    (made,) = [one for one in ref.control.objects("ReturnRequest") if one["key_value_string"] == "f:s:1"]
    assert (made["c_amount"], made["c_status"]) == (9.5, "APPROVED")
    assert isinstance(ref.write(RETURNS, "update", "k", {"c_status": "x"}, target="none").error, Gone)


def test_paths_of_objects_are_settings(box: Sandbox) -> None:
    with scapi_shop(box, object_path="objects/{type}/{key}?siteId={site}", object_search="find/{type}") as other:
        other.control.set(scapi_object_path="objects/{type}/{key}", scapi_object_search="find/{type}")
        assert other.write(RETURNS, "create", "f:s:1", {"c_orderNo": "1"}).error is None
        assert "f:s:1" in {one.key for one in other.read(RETURNS)}


def test_objects_without_their_stamp_cannot_be_followed_by_days(box: Sandbox, ref: Shop) -> None:
    ref.control.set(object_dates=False)
    with pytest.raises(Misconfigured, match="show no last_modified") as caught:
        ref.read(RETURNS)
    assert "dates: instant" in caught.value.remedy
    with scapi_shop(box, dates="instant") as other:
        other.control.set(object_dates=False, scapi_dates="instant")
        assert len(other.read(RETURNS)) == 5


# whose fault it is
def test_a_token_is_shared_and_replaced_once(ref: Shop) -> None:
    ref.adapter.check()
    ref.control.end_tokens("sfcc")
    for _ in range(3):
        ref.read()
    assert ref.control.journal()["tokens"]["sfcc"] == 2


def test_two_tokens_that_were_refused_one_after_the_other_do_not_stop_the_connection_until_the_second_ends(
    box: Sandbox,
) -> None:
    clock = FrozenClock(datetime.now(UTC))
    with scapi_shop(box, clock=clock) as ref:
        ref.control.fault(kind="expired_token", system="sfcc", path="/organizations/", times=2)
        for _ in range(3):
            with pytest.raises(AuthFailed):
                ref.read()
        clock.forward(seconds=61)
        assert ref.read()
        assert ref.control.journal()["tokens"]["sfcc"] == 3


def test_a_client_of_the_other_api_is_refused_with_the_way_out(box: Sandbox) -> None:
    with scapi_shop(box, client_id="bench") as ref, pytest.raises(AuthFailed) as caught:
        ref.adapter.check()
    assert caught.value.code == "invalid_scope"
    assert "made for SCAPI" in caught.value.remedy
    assert "SALESFORCE_COMMERCE_API:zzte_053" in caught.value.remedy
    with shop(box, client_id="bench-scapi") as ocapi, pytest.raises(AuthFailed):
        ocapi.adapter.check()


@pytest.mark.parametrize("style", [401, 403])
def test_a_missing_scope_pauses_what_needs_it_and_nothing_else(box: Sandbox, style: int) -> None:
    with scapi_shop(box, scopes=["sfcc.orders"]) as ref:
        ref.control.set(permission_style=style)
        assert ref.read()
        number = listed(ref)[0]
        with pytest.raises(Misconfigured) as caught:
            ref.write("orders", "update", "k", {"c_caseNumber": "7"}, target=number)
        assert "the scope sfcc.orders.rw" in caught.value.remedy
        with pytest.raises(Misconfigured, match="ReturnRequest"):
            ref.read(RETURNS)
        assert ref.read()


def test_a_wrong_organization_is_no_missing_order(box: Sandbox) -> None:
    """Both answer 404 not-found: an order is gone only where the list answers."""
    with scapi_shop(box) as ref:
        ref.control.set(organization="f_ecom_zzte_001")
        with pytest.raises(AuthFailed):
            ref.adapter.fetch("orders", ["00001301"], select=ALL)
    with scapi_shop(box, site="Elsewhere") as ref:
        for act in (
            lambda: ref.adapter.fetch("orders", ["00001301"], select=ALL),
            lambda: ref.write("orders", "update", "k", {"c_caseNumber": "7"}, target="00001301"),
            lambda: ref.write("orders.status", "update", "k", {"status": "cancelled"}, target="00001301"),
            lambda: ref.write(RETURNS, "update", "k", {"c_status": "x"}, target="RR-1"),
        ):
            with pytest.raises(Misconfigured) as caught:
                act()
            assert "site" in caught.value.remedy


def test_half_a_refusal_is_tried_again(ref: Shop) -> None:
    ref.control.fault(kind="half_json", system="sfcc", method="PATCH", nth=1)
    result = ref.write("orders", "update", "k", {"c_unknown": "1"}, target=listed(ref)[0])
    assert isinstance(result.error, Transient)
    again = ref.write("orders", "update", "k", {"c_unknown": "1"}, target=listed(ref)[0])
    assert isinstance(again.error, Rejected)


def test_a_type_that_is_not_there_is_no_missing_object(ref: Shop) -> None:
    for act in (
        lambda: ref.read("custom_objects/Nothing"),
        lambda: ref.adapter.fetch("custom_objects/Nothing", ["a"], select=ALL),
        lambda: ref.write("custom_objects/Nothing", "create", "f:s:1", {"c_x": "1"}),
        lambda: ref.write("custom_objects/Nothing", "update", "k", {"c_x": "1"}, target="a"),
    ):
        with pytest.raises(Misconfigured):
            act()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 429, "retry_after": 30}, RateLimited),
        ({"kind": "status", "status": 429}, RateLimited),
        ({"kind": "status", "status": 503}, Unavailable),
        ({"kind": "status", "status": 504}, Unavailable),
        ({"kind": "status", "status": 500}, Unavailable),
        ({"kind": "html200"}, Unavailable),
        ({"kind": "half_json"}, Unavailable),
        ({"kind": "drop_before"}, Unavailable),
    ],
)
def test_a_read_that_fails_is_never_a_records_fault(ref: Shop, fault: dict[str, Any], kind: type[Exception]) -> None:
    ref.control.fault(path="/checkout/", **fault)
    with pytest.raises(kind):
        ref.read()


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 504, "commit": True}, {"kind": "drop_after"}])
def test_an_unread_answer_to_a_create_is_uncertain(ref: Shop, fault: dict[str, Any]) -> None:
    ref.control.fault(path="/custom-objects/", method="PUT", nth=1, **fault)
    try:
        error = ref.write(RETURNS, "create", "f:s:1", {"c_orderNo": "1"}).error
    except Transient as raised:
        error = raised
    assert isinstance(error, Transient)
    assert error.uncertain
    assert ref.write(RETURNS, "create", "f:s:1", {"c_orderNo": "1"}, uncertain=True).existed


def test_reads_rest_while_the_instance_throttles_and_a_backlog_while_it_warns(ref: Shop, number: str) -> None:
    ref.control.set(scapi_load=95)
    ref.adapter.check()
    with pytest.raises(RateLimited, match="THROTTLE"):
        ref.read()
    assert ref.write("orders", "update", "k", {"c_caseNumber": "7"}, target=number).error is None, "writes go on"
    ref.control.set(scapi_load=85)
    ref.write("orders", "update", "k", {"c_caseNumber": "8"}, target=number)
    pages = ref.adapter.read("orders", None, select=ALL)
    assert len(next(pages).records) == 10
    with pytest.raises(RateLimited, match="WARN"):
        next(pages)
    ref.control.set(scapi_load=10)
    ref.write("orders", "update", "k", {"c_caseNumber": "9"}, target=number)
    assert sorted({one.key for one in ref.read()}) == listed(ref)


def test_no_customer_and_no_secret_stands_in_a_fault(ref: Shop) -> None:
    ref.control.fault(
        kind="error", path="/checkout/", status=400, code="value-constraint-violation", message="ada@example.org"
    )
    with pytest.raises(Misconfigured) as caught:
        ref.read()
    assert "ada@example.org" not in f"{caught.value}{caught.value.remedy}"
    assert caught.value.code == "value-constraint-violation"


# check
def test_check_costs_one_call_and_says_what_it_speaks(ref: Shop) -> None:
    report = ref.adapter.check()
    assert report.well
    assert report.facts["api"] == "scapi orders v1, organization f_ecom_zzte_053"
    assert ref.adapter.calls() == 2


# products
def test_a_product_s_flags_are_written_entry_by_entry(box: Sandbox) -> None:
    with scapi_shop(box, scopes=["sfcc.products.rw"]) as ref:
        number = next(iter(ref.box.run(lambda house: list(house.world.shop.products.held))))
        fields = {"online_flag[default@RefArch]": False, "name[fr_FR]": "Cravate"}
        assert ref.write("products", "update", "k", fields, target=number).error is None
        (record,) = ref.adapter.fetch("products", [number, "none"], select=ALL).values()
        assert record.fields["online_flag[default@RefArch]"] is False
        assert record.fields["online_flag"] == {"default": True, "default@RefArch": False}
        assert record.fields["name[fr_FR]"] == "Cravate"
        assert isinstance(ref.write("products", "update", "k", fields, target="none").error, Gone)
        assert isinstance(ref.write("products", "update", "k", {"online_flag": True}, target=number).error, Rejected)


# customers, over both APIs
@pytest.mark.parametrize("api", ["ocapi", "scapi"])
def test_a_customer_is_read_and_corrected_by_number(box: Sandbox, api: str) -> None:
    with scapi_shop(box, scopes=["sfcc.shopper-customers.rw"]) if api == "scapi" else shop(box) as ref:
        number, email = registered(ref)
        (record,) = ref.adapter.fetch("customers", [number, "none", ".."], select=ALL).values()
        assert (record.key, record.fields["email"]) == (number, email)
        assert record.fields["credentials[locked]"] is False
        fields = {"c_loyaltyPoints": Decimal(120), "phone_home": "+43 1", "credentials[locked]": True}
        assert ref.write("customers", "update", "k", fields, target=number).error is None
        (record,) = ref.adapter.fetch("customers", [number], select=ALL).values()
        assert (record.fields["c_loyaltyPoints"], record.fields["phone_home"]) == (120, "+43 1")
        assert record.fields["credentials"] == {"login": email, "enabled": True, "locked": True}
        assert isinstance(ref.write("customers", "update", "k", fields, target="none").error, Gone)
        for name, value in (
            ("customer_no", "1"),
            ("credentials", {}),
            ("credentials[locked]", "yes"),
            ("c_nothing", "x"),
        ):
            assert isinstance(ref.write("customers", "update", "k", {name: value}, target=number).error, Rejected)


def test_a_customer_that_somebody_changed_is_not_written_over_ocapi(box: Sandbox) -> None:
    with shop(box) as ref:
        number, _ = registered(ref)
        (seen,) = ref.adapter.fetch("customers", [number], select=ALL).values()
        ref.write("customers", "update", "k", {"c_accountNote": "theirs"}, target=number)
        result = ref.write(
            "customers", "update", "k", {"c_accountNote": "ours"}, target=number, unless_changed=seen.guard
        )
        assert isinstance(result.error, Changed)


@pytest.mark.parametrize("api", ["ocapi", "scapi"])
def test_check_knows_the_fields_of_a_customer_and_the_rights(box: Sandbox, api: str) -> None:
    fields = {
        name: FieldUse(name, updates=True) for name in ("c_loyaltyPoints", "phone_home", "customer_no", "nothing")
    }
    use = StreamUse("customers", fetches=True, writes=frozenset({"update"}), fields=fields)
    with scapi_shop(box, scopes=["sfcc.shopper-customers.rw"]) if api == "scapi" else shop(box) as ref:
        problems = ref.adapter.check([use]).problems
        assert sorted(problem.field for problem in problems) == ["customer_no", "nothing"]
    with scapi_shop(box, scopes=["sfcc.orders"]) if api == "scapi" else shop(box) as ref:
        ref.control.set(permissions={"bench": [{"resource_id": "/order_search", "methods": ["post"]}]})
        ref.adapter.check()
        told = " ".join(problem.remedy for problem in ref.adapter.check([use]).problems)
        assert ("sfcc.shopper-customers.rw" if api == "scapi" else "/customer_lists/*/customers/*") in told


def registered(ref: Shop) -> tuple[str, str]:
    """Number and e-mail of a customer of the site."""
    known = (order["customer_info"] for order in ref.control.orders("RefArch"))
    return next((str(one["customer_no"]), str(one["email"])) for one in known if "customer_no" in one)
