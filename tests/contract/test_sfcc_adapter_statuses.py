"""Guarded streams of an order over real HTTP: read directly before, sent if it is still right, refused with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.errors import Gone, Misconfigured, Rejected, Transient, Unavailable
from connector.model import Result
from connector.sandbox import Sandbox
from tests.contract.sfcc_shop import ALL, Shop, shop

ORDER_READ = {"resource_id": "/orders/*", "methods": ["get"], "read_attributes": "(**)"}
SEARCH = {"resource_id": "/order_search", "methods": ["post"], "read_attributes": "(**)"}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(orders=20, returns=2, shop_code=0, exceptions=0) as made:
        yield made


@pytest.fixture
def ref(box: Sandbox) -> Iterator[Shop]:
    with shop(box, timeouts={"connect": 5, "read": 2, "total": 10}) as made:
        yield made


@pytest.fixture
def number(ref: Shop) -> str:
    """An order of status new."""
    new = [str(order["order_no"]) for order in ref.control.orders("RefArch") if order["status"] == "new"]
    return new[0]


def put(ref: Shop, number: str, stream: str, /, **fields: Any) -> Result:
    return ref.write(f"orders.{stream}", "update", "k", fields, target=number)


def puts(ref: Shop) -> int:
    """Status calls that reached the shop."""
    return sum(n for path, n in ref.control.requests().get("sfcc", {}).items() if path.endswith("status"))


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("status", "cancelled", "status"),
        ("export_status", "failed", "export_status"),
        ("confirmation_status", "not_confirmed", "confirmation_status"),
        ("payment_status", "part_paid", "payment_status"),
        ("shipping_status", "part_shipped", "shipping_status"),
        ("external_status", "case 00001001: Working", "external_order_status"),
    ],
)
def test_every_status_is_written_with_one_look_and_one_call(
    ref: Shop, number: str, name: str, value: str, shown: str
) -> None:
    ref.adapter.check()
    before = ref.adapter.calls()
    result = put(ref, number, name, **{name: value})
    assert (result.target, result.error) == (number, None)
    assert ref.control.order(number)[shown] == value
    assert ref.adapter.calls() - before == 2


def test_what_stands_already_is_not_sent(ref: Shop, number: str) -> None:
    assert put(ref, number, "status", status="new", only_from="failed").error is None
    assert put(ref, number, "status", status="cancelled", or_already=["new", "open"]).error is None
    assert ref.control.order(number)["status"] == "new"
    assert puts(ref) == 0


@pytest.mark.parametrize("only_from", ["created, open", ["created", "open"]])
def test_an_order_that_moved_meanwhile_is_left_alone_and_the_reason_is_told(
    ref: Shop, number: str, only_from: Any
) -> None:
    ref.control.change_order(number, status="cancelled")  # the customer
    result = put(ref, number, "status", status="new", only_from=only_from)
    assert isinstance(result.error, Rejected)
    assert str(result.error) == "shop.orders.status is cancelled; new may follow created, open only"
    assert (result.error.field, result.error.code) == ("status", "ONLY_FROM/cancelled")
    assert result.error.remedy
    assert ref.control.order(number)["status"] == "cancelled"
    assert puts(ref) == 0


def test_an_order_goes_from_where_it_may(ref: Shop, number: str) -> None:
    ref.control.change_order(number, status="failed")
    wish = {"status": "created", "only_from": "failed", "or_already": "created, new, open, completed"}
    assert put(ref, number, "status", **wish).error is None
    assert ref.control.order(number)["status"] == "created"
    assert put(ref, number, "status", **wish).error is None
    assert puts(ref) == 1


def test_the_order_itself_is_asked_and_not_the_search_index(ref: Shop, number: str) -> None:
    ref.control.set(index_lag=600)
    ref.control.change_order(number, status="cancelled")
    assert isinstance(put(ref, number, "status", status="completed", only_from="new").error, Rejected)


def test_a_transition_that_the_shop_refuses_is_told_with_both_ends(ref: Shop, number: str) -> None:
    result = put(ref, number, "status", status="failed")
    assert isinstance(result.error, Rejected)
    assert str(result.error) == "shop: PUT /sites/*/orders/*/status: 409 OrderStatusTransitionException, new → failed"
    assert (result.error.field, result.error.code) == ("status", "OrderStatusTransitionException")
    assert result.error.remedy


def test_an_order_that_was_handed_over_no_longer_moves(ref: Shop, number: str) -> None:
    ref.control.set(frozen_orders=[number])
    result = put(ref, number, "status", status="cancelled")
    assert isinstance(result.error, Rejected)
    assert result.error.code == "OrderPreviouslyIntegratedStatusException"
    assert put(ref, number, "external_status", external_status="held").error is None


@pytest.mark.parametrize(
    "code",
    [
        "CancelOrderException",
        "OrderIntegrationStatusException",
        "OrderPreviouslyIntegratedStatusException",
        "OrderStatusTransitionException",
        "PlaceOrderException",
        "UndoCancelOrderException",
        "UndoFailOrderException",
    ],
)
def test_every_documented_conflict_is_the_orders_own_and_ends_there(ref: Shop, number: str, code: str) -> None:
    ref.control.fault(kind="error", system="sfcc", method="PUT", path="/status$", status=409, code=code, times=1)
    error = put(ref, number, "status", status="cancelled").error
    assert isinstance(error, Rejected)
    assert error.code == code
    assert str(error).endswith("new → cancelled")


def test_somebody_who_was_faster_with_the_same_is_no_conflict(ref: Shop, number: str) -> None:
    code = "OrderStatusTransitionException"
    ref.control.fault(
        kind="error", system="sfcc", method="PUT", path="/status$", status=409, code=code, commit=True, times=1
    )
    assert put(ref, number, "status", status="cancelled").error is None
    assert ref.control.order(number)["status"] == "cancelled"


def test_a_hooks_veto_is_told_in_its_own_words(ref: Shop, number: str) -> None:
    ref.control.fault(
        kind="error", system="sfcc", method="PUT", status=400, code="HookStatusException",
        arguments={"statusMsg": "the order is being packed"},
    )  # fmt: skip
    error = put(ref, number, "status", status="cancelled").error
    assert isinstance(error, Rejected)
    assert "is being packed" in str(error)


def test_an_order_that_is_no_more_is_gone(ref: Shop) -> None:
    assert isinstance(put(ref, "99999999", "status", status="cancelled").error, Gone)


def test_an_order_that_goes_between_look_and_call_is_gone(ref: Shop, number: str) -> None:
    ref.control.fault(
        kind="error", system="sfcc", method="PUT", status=404, code="OrderNotFoundException", times=1
    )  # fmt: skip
    assert isinstance(put(ref, number, "status", status="cancelled").error, Gone)


@pytest.mark.parametrize("kind", ["drop_after", "hang"])
def test_a_lost_reply_is_uncertain_and_the_retry_sees_that_it_is_done(ref: Shop, number: str, kind: str) -> None:
    ref.control.fault(kind=kind, system="sfcc", method="PUT", path="/status$", times=1, seconds=5, commit=True)
    with pytest.raises(Transient) as caught:
        put(ref, number, "status", status="cancelled", only_from="new")
    assert caught.value.uncertain
    assert puts(ref) == 1, "it is not sent again on the same look"
    result = ref.write(
        "orders.status", "update", "k", {"status": "cancelled", "only_from": "new"}, target=number, uncertain=True
    )
    assert result.error is None
    assert puts(ref) == 1


def test_a_look_that_fails_leaves_nothing_uncertain(ref: Shop, number: str) -> None:
    ref.control.fault(kind="status", system="sfcc", method="GET", path="/orders/", status=503)
    with pytest.raises(Unavailable) as caught:
        put(ref, number, "status", status="cancelled")
    assert not caught.value.uncertain


@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("status", {"status": "gone"}, "status"),
        ("status", {"status": "replaced"}, "status"),
        ("status", {"status": None}, "status"),
        ("status", {"status": 5}, "status"),
        ("status", {"only_from": "new"}, "status"),
        ("status", {"status": "cancelled", "only_from": "neu"}, "only_from"),
        ("status", {"status": "cancelled", "or_already": ["gone"]}, "or_already"),
        ("status", {"status": "cancelled", "only_from": 7}, "only_from"),
        ("status", {"status": "cancelled", "unless": "new"}, "unless"),
        ("status", {"status": "cancelled", "c_caseStatus": "x"}, "c_caseStatus"),
        ("confirmation_status", {"status": "confirmed"}, "status"),
        ("external_status", {"external_status": ""}, "external_status"),
        ("external_status", {"external_status": "x" * 257}, "external_status"),
        ("export_status", {"export_status": "exported"}, "export_status"),
    ],
)
def test_what_no_order_can_take_is_refused_before_the_wire(
    ref: Shop, number: str, name: str, fields: dict[str, Any], field: str
) -> None:
    before = ref.adapter.calls()
    error = ref.write(f"orders.{name}", "update", "k", fields, target=number).error
    assert isinstance(error, Rejected)
    assert error.field == field
    assert error.remedy
    assert ref.adapter.calls() == before


def test_a_failed_order_that_may_reopen_its_basket_shows_as_failed(ref: Shop, number: str) -> None:
    ref.control.change_order(number, status="created")
    assert put(ref, number, "status", status="failed", only_from="created").error is None
    assert put(ref, number, "status", status="failed_with_reopen").error is None
    assert puts(ref) == 1


def test_orders_are_exported_only_where_the_connection_says_so(box: Sandbox) -> None:
    with shop(box, may_export=True) as ref:
        number = ref.numbers()[0]
        assert put(ref, number, "export_status", export_status="exported", only_from="ready").error is None
        assert ref.control.order(number)["export_status"] == "exported"


def test_what_another_system_wrote_is_not_shown_in_a_reason(ref: Shop, number: str) -> None:
    ref.control.change_order(number, external_order_status="call ada@example.org")
    result = put(ref, number, "external_status", external_status="case 1", only_from=["case 0"])
    assert isinstance(result.error, Rejected)
    assert "ada@" not in str(result.error)
    ref.control.change_order(number, external_order_status=None)
    assert "nothing" in str(put(ref, number, "external_status", external_status="case 1", only_from=["case 0"]).error)


def test_a_client_that_may_not_is_told_the_entry_to_add(ref: Shop, number: str) -> None:
    ref.control.set(permissions={"bench": [SEARCH, ORDER_READ]}, permission_style=403)
    with pytest.raises(Misconfigured) as caught:
        put(ref, number, "status", status="cancelled")
    assert '"resource_id": "/sites/*/orders/*/status", "methods": ["put"]' in caught.value.remedy
    assert "Data" in caught.value.remedy
    assert ref.control.order(number)["status"] == "new"


def test_a_status_that_the_client_is_not_shown_is_never_guessed(ref: Shop, number: str) -> None:
    trimmed = {**ORDER_READ, "read_attributes": "(order_no)"}
    every = {"resource_id": "/sites/*/orders/*/status", "methods": ["put"]}
    ref.control.set(permissions={"bench": [SEARCH, trimmed, every]})
    with pytest.raises(Misconfigured, match="does not show status") as caught:
        put(ref, number, "status", status="cancelled", only_from="new")
    assert "read_attributes" in caught.value.remedy
    assert puts(ref) == 0


def test_a_status_is_shown_beside_its_order_under_the_name_that_mappings_write(ref: Shop, number: str) -> None:
    ref.control.change_order(number, external_order_status="case 1")
    found = ref.adapter.fetch("orders.external_status", [number, "99999999", ".."], select=ALL)
    assert {key: record.fields for key, record in found.items()} == {number: {"external_status": "case 1"}}
    assert ref.adapter.fetch("orders.status", [number], by="our_key", select=ALL) == {}


def test_statuses_are_not_read_and_take_updates_only(ref: Shop, number: str) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        ref.read("orders.status")
    with pytest.raises(Misconfigured, match="takes no create"):
        ref.write("orders.status", "create", "k", {"status": "new"})


@pytest.mark.parametrize("key", [".", ".."])
def test_a_key_that_would_name_another_resource_reaches_nobody(ref: Shop, key: str) -> None:
    before = ref.requests()
    assert isinstance(put(ref, key, "status", status="new").error, Rejected)
    assert ref.requests() == before
