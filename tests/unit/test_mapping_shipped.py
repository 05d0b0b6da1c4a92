"""The mappings that we ship: their own tests pass, and what they touch is what the sample shop has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connector.document import load
from connector.mapping.compile import compile_mapping, load_mapping
from connector.mapping.own_tests import run_tests
from connector.model import Record

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "mappings").glob("*/*.yaml"))
ANSWERING = {
    "case-to-return", "case-to-complaint", "comment-to-complaint", "case-to-order-review", "case-to-fulfilment",
    "case-to-checkout-problem", "case-to-order-change",
    "case-to-warranty", "case-to-dispute", "comment-to-note", "file-to-document",
}  # fmt: skip
CASE = """
    Subject Description Type Status Origin Reason Priority OwnerId SuppliedName SuppliedEmail Order_No__c Order_Date__c
    Order_Modified__c Site__c Order_Status__c Payment_Status__c Shipping_Status__c Order_Total__c Currency__c Customer_No__c
    Payment_Method__c Risk_Score__c Fulfilment__c Ship_To__c Skus__c Tracking_No__c Return_No__c Resolution__c
    Refund_Amount__c Resolution_Note__c Risk_Indicators__c Customer_Group__c Warehouses__c Promised_Date__c
    SuppliedPhone Response_Target__c Checkout_No__c Change_No__c
    Claim_No__c Product__c Serial_No__c Points__c Disputed_Amount__c
"""
TO_CASES = [
    "order-exception-to-case",
    "return-to-case",
    "complaint-to-case",
    "order-review-to-case",
    "fulfilment-to-case",
    "checkout-problem-to-case",
    "order-change-to-case",
    "warranty-to-case",
    "dispute-to-case",
]
LENGTHS = {"Subject": 255, "Description": 32_000, "SuppliedName": 80, "SuppliedEmail": 80, "subject": 53, "text": 4_000}


def test_orders_returns_and_complaints_are_shipped_both_ways() -> None:
    assert {path.stem for path in SHIPPED if path.parent.name == "salesforce"} >= {
        "order-exception-to-case",
        "case-to-order",
        "return-to-case",
        "case-to-return",
        "complaint-to-case",
        "case-to-complaint",
        "comment-to-complaint",
        "warranty-to-case",
        "case-to-warranty",
        "dispute-to-case",
        "recall-to-products",
        "case-to-dispute",
        "order-review-to-case",
        "case-to-order-review",
        "fulfilment-to-case",
        "case-to-fulfilment",
        "checkout-problem-to-case",
        "case-to-checkout-problem",
        "order-change-to-case",
        "order-change-straight",
        "case-to-order-change",
        "order-change-result-to-case",
        "case-to-refund",
        "refund-to-case",
        "credit-to-case",
        "refund-to-event",
    }


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_mapping_passes_its_own_tests(path: Path) -> None:
    mapping = load_mapping(str(path), answers=path.stem in ANSWERING, lengths=lambda _, field: LENGTHS.get(field))
    outcomes = run_tests(mapping)
    assert len(outcomes) >= 4
    assert [str(failure) for outcome in outcomes for failure in outcome.failures] == []
    assert mapping.summary
    assert mapping.fields is not None, "only what is needed is selected"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_mapping_names_the_flows_own_connections_only(path: Path) -> None:
    mapping = load_mapping(str(path))
    streams = [line.to for line in mapping.lines if line.to and line.to != "main"]
    streams += [lookup.stream for lookup in mapping.lookups]
    assert {stream.partition(".")[0] for stream in streams} <= {"source", "destination"}


@pytest.mark.parametrize("name", TO_CASES)
def test_what_an_agent_works_with_is_left_alone_once_claimed(name: str) -> None:
    main = load_mapping(str(ROOT / f"mappings/salesforce/{name}.yaml")).lines[0]
    assert set(main.policies) <= set(CASE.split())
    by_hand = {"Priority", "Reason", "OwnerId"}
    assert {field: main.policies[field] for field in by_hand} == dict.fromkeys(by_hand, "until-claimed")
    first = {"Status", "Origin", "SuppliedName", "SuppliedEmail"}
    assert {field: main.policies[field] for field in first} == dict.fromkeys(first, "on-create")
    assert not {"Resolution__c", "Refund_Amount__c", "Resolution_Note__c"} & set(main.policies), (
        "the agent's own fields"
    )


def _order(**more: Any) -> Record:
    card = {"card_type": "Visa", "masked_number": "************1111", "holder": "Ada", "credit_card_token": "tok-7"}
    fields: dict[str, Any] = {
        "order_no": "00001301",
        "status": "failed",
        "payment_status": "not_paid",
        "currency": "EUR",
        "order_total": 59.9,
        "product_items": [
            {"product_id": f"p{number}", "product_name": "N" * 900, "quantity": 1, "price": 1} for number in range(50)
        ],
        "customer_name": "Zoë" * 40,
        "payment_instruments": [{"payment_method_id": "CREDIT_CARD", "payment_card": card}] * 40,
        "shipments": [{"tracking_number": "1Z" * 60}] * 5,
    }  # fmt: skip
    return Record("00001301", fields | more, "2026-11-20T10:02:00.000Z")


@pytest.mark.parametrize("name", ["order-exception-to-case", "order-review-to-case"])
def test_no_payment_detail_but_the_method_reaches_a_case(name: str) -> None:
    mapping = load_mapping(str(ROOT / f"mappings/salesforce/{name}.yaml"))
    values = mapping.map(_order(), entered=True).lines[0].values
    assert values is not None
    said = str(values)
    assert "CREDIT_CARD" in said
    assert not any(secret in said for secret in ("tok-7", "1111", "Visa", "'Ada'"))


def test_a_very_long_order_still_fits_into_a_case() -> None:
    mapping = load_mapping(
        str(ROOT / "mappings/salesforce/order-exception-to-case.yaml"), lengths=lambda _, field: LENGTHS.get(field)
    )
    values = mapping.map(_order()).lines[0].values
    assert values is not None
    for field, value in values.items():
        if isinstance(value, str):
            assert len(value) <= (32_000 if field in ("Description", "Skus__c") else LENGTHS.get(field, 255)), field
    assert values["Description"].endswith("…")


def test_a_case_opened_and_closed_again_is_another_decision_with_steps_and_a_note_of_its_own() -> None:
    mapping = load_mapping(str(ROOT / "mappings/salesforce/case-to-order.yaml"))
    case = {"CaseNumber": "00001001", "IsClosed": True, "Resolution__c": "Hold", "Status": "Closed",
            "Type": "Order Exception", "Order_No__c": "00001301"}  # fmt: skip
    keys = []
    for closed in ("2026-11-20T10:15:30.000+0000", "2026-11-21T10:15:30.000+0000"):
        lines = mapping.map(Record("500", {**case, "ClosedDate": closed})).lines
        keys.append({line.spec.id: line.key for line in lines if line.key})
    assert keys == [dict.fromkeys(("confirm", "decision"), f"decided-2026-11-{day}T10:15:30.000Z") for day in (20, 21)]


def test_a_decision_is_shown_only_after_what_was_decided_is_done() -> None:
    mapping = load_mapping(str(ROOT / "mappings/salesforce/case-to-order.yaml"), answers=True)
    lines = {line.id: line for line in mapping.lines}
    guarded = {name for name, line in lines.items() if "status" in (line.to or "")}
    assert guarded == {"reopen", "confirm", "verify", "cancel"}
    assert [set(lines[name].after) for name in ("shown", "decision")] == [guarded | {"address"}] * 2
    assert all(lines[name].has_key for name in guarded)


def test_the_bench_maps_the_fields_of_the_yardstick() -> None:
    mapping = load_mapping(str(ROOT / "bench/mapping-25.yaml"))
    assert len(mapping.lines[0].policies) == 24, "the engine adds the key"
    order = {
        "order_no": "00001301", "status": "new", "payment_status": "paid", "shipping_status": "not_shipped", "currency": "EUR",
        "site_id": "RefArch", "creation_date": "2026-11-20T10:01:02.000Z", "last_modified": "2026-11-20T10:02:00.000Z",
        "order_total": 5000, "customer_name": "Ada Lee", "c_fulfillmentStatus": "DELAYED", "c_riskScore": 12,
        "customer_info": {"email": "ada@example.org", "customer_no": "C1"},
        "payment_instruments": [{"payment_method_id": "PayPal"}],
        "shipments": [{"shipping_address": {"postal_code": "8010", "city": "Graz", "country_code": "AT"},
                       "tracking_number": "1Z"}],
        "product_items": [{"product_id": "1", "product_name": "Tie", "quantity": 1, "price": 49.95},
                          {"product_id": "2", "product_name": "Hat", "quantity": 2, "price": 9.5}],
    }  # fmt: skip
    values = mapping.map(Record("00001301", order)).lines[0].values
    assert values == {
        "Subject": "Order 00001301: new, paid, not_shipped",
        "Description": "1 x Tie (1) 49.95\n2 x Hat (2) 9.5",
        "Origin": "Commerce", "Priority": "High", "Type": "Order Exception", "Reason": "Late",
        "SuppliedName": "Ada Lee", "SuppliedEmail": "ada@example.org", "Order_No__c": "00001301",
        "Order_Date__c": "2026-11-20T10:01:02.000Z", "Order_Modified__c": "2026-11-20T10:02:00.000Z", "Site__c": "RefArch",
        "Order_Status__c": "new", "Payment_Status__c": "paid", "Shipping_Status__c": "not_shipped", "Order_Total__c": 5000,
        "Currency__c": "EUR", "Customer_No__c": "C1", "Payment_Method__c": "PayPal",
        "Risk_Score__c": 12, "Fulfilment__c": "DELAYED",
        "Ship_To__c": "8010 Graz AT", "Skus__c": "1;2", "Tracking_No__c": "1Z",
    }  # fmt: skip


def test_the_mapping_in_the_documentation_passes_its_own_tests() -> None:
    page = (ROOT / "docs" / "mapping.md").read_text("utf-8")
    first = page.split("```yaml\n", 2)[1].split("```", 1)[0]
    outcomes = run_tests(compile_mapping(load("docs/mapping.md", first)))
    assert [outcome.passed for outcome in outcomes] == [True]
