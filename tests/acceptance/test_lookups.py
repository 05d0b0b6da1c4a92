"""Looked-up records that change, cases opened by hand, cases that several share: the real command on real HTTP, killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stage import Stage, stage

FLOWS = """
flows:
  orders: {from: shop.orders, to: service.Case, mapping: orders.yaml, start: beginning}
  context: {from: service.Case, to: service.Case, mapping: context.yaml, start: beginning}
  by-hand: {from: service.Case, to: shop.orders, mapping: by-hand.yaml, answers: {flow: orders, by: "{{ Order_No__c }}"}}
  shared: {from: shop.custom_objects/ReturnRequest, to: service.Case, mapping: shared.yaml, start: beginning}
  shared-back: {from: service.Case, to: shop.custom_objects/ReturnRequest, mapping: back.yaml, answers: shared}
"""
MAPPINGS = {
    "orders": 'summary: s\nwhen: "{{ c_none }}"\nfields: {Subject: "{{ order_no }}"}\n',
    "context": """\
summary: (f)
when: "{{ Order_No__c and not Commerce_Key__c }}"
target: "{{ Id }}"
lookups: {order: {stream: shop.orders, key: "{{ Order_No__c }}", missing: {wait: 1h, then: skip}, watch: true}}
fields: {Order_Total__c: "{{ order.order_total }}", Payment_Status__c: "{{ order.payment_status }}"}
""",
    "by-hand": """\
summary: the decision on a case that was opened by hand
when: "{{ IsClosed and not Commerce_Key__c }}"
fields: {c_caseDecision: {from: "{{ Resolution__c }}", map: {Hold: HOLD}}}
also:
  - {id: note, to: destination.orders.notes, key: "{{ Id }}",
     fields: {subject: Decided, text: "{{ Resolution__c }} for {{ origin.key }}"}}
""",
    "shared": """\
summary: all returns of an order are one case
key: "{{ c_orderNo }}"
fields: {Subject: {from: "Returns of {{ c_orderNo }}", write: on-create}, Origin: {from: Web, write: on-create}}
""",
    "back": 'summary: s\nwhen: "{{ IsClosed }}"\nfields: {c_status: {from: "{{ Resolution__c }}", map: {Refund: APPROVED}}}\n',
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, orders=3, returns=0) as made:
        config = (tmp_path / "config.yaml").read_text()
        head, rest = config.index("\nflows:"), config.index("\ndefaults:")
        (tmp_path / "config.yaml").write_text(config[:head] + FLOWS + config[rest:])
        for name, text in MAPPINGS.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        yield made


def order(shop: Stage, number: str) -> dict[str, Any]:
    found: dict[str, Any] = shop.box.control.order(number)
    return found


def test_a_case_opened_by_hand_shows_its_order_and_answers_it_whatever_dies(shop: Stage) -> None:
    control = shop.box.control
    number = control.orders()[0]["order_no"]
    case = control.agent_create({"Subject": "He calls about his order", "Order_No__c": number})
    shop.run("sync", place="before:settle:1")
    shop.settle()
    shown = control.case(case)
    assert shown["Order_Total__c"] == order(shop, number)["order_total"]
    assert shown["Payment_Status__c"] == order(shop, number)["payment_status"]

    control.change_order(number, payment_status="paid")
    assert shop.run("sync", "context", place="after:wake:1").code != 0
    shop.settle()
    assert control.case(case)["Payment_Status__c"] == "paid"
    control.clear_journal()
    shop.settle()
    assert not [path for path in control.requests()["salesforce"] if path.startswith("PATCH")], control.requests()

    control.agent_decide(case, "Hold")
    shop.run("sync", "by-hand", place="before:settle:1")
    shop.settle()
    assert order(shop, number).get("c_caseDecision") == "HOLD", shop.run("explain", case).out
    assert [note["text"] for note in control.notes(number)] == [f"Hold for {number}"]
    shop.assert_nothing_twice()


def test_returns_of_one_order_share_a_case_and_each_hears_of_the_decision(shop: Stage) -> None:
    control = shop.box.control
    number = control.orders()[1]["order_no"]
    for _ in range(3):
        control.place_return(number)
    shop.run("sync", "shared", place="before:settle:1")
    shop.settle()
    (case,) = control.cases()
    control.agent_decide(case["Id"], "Refund")
    shop.settle()
    control.place_return(number)
    shop.settle()
    assert len(control.cases()) == 1
    assert [one["c_status"] for one in control.objects("ReturnRequest")] == ["APPROVED"] * 4
    told = shop.run("explain", case["Id"])
    assert told.out.count("shared-back") >= 1, told.out
    assert told.out.count("shared: ") == 4, told.out
    shop.assert_nothing_twice()
