"""What is asked for and carried out in the shop: refunds, changes of an order, checkouts that failed. Both ways, once each."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.shipped import shop
from tests.acceptance.stage import Stage

FLOWS = (
    "orders-to-cases",
    "cases-to-orders",
    "checkouts-to-cases",
    "cases-to-checkouts",
    "changes-to-cases",
    "changes-straight",
    "cases-to-changes",
    "changes-done-to-cases",
    "cases-to-refunds",
    "refunds-to-cases",
)
ADDRESS = {"New_Street__c": "Ring 1", "New_Postal_Code__c": "8020", "New_City__c": "Graz", "New_Country__c": "AT"}


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Stage]:
    """A shop without orders but those of the test."""
    with shop(tmp_path, FLOWS, orders=0, returns=0) as made:
        yield made


def place(where: Stage, **more: Any) -> str:
    order = where.box.control.place_order(
        exception=False, **{"status": "new", "shipping_status": "not_shipped", "order_total": 200.0, **more}
    )
    return str(order["order_no"])


def case_of(where: Stage, **facts: str) -> dict[str, Any]:
    (found,) = (one for one in where.box.control.cases() if facts.items() <= one.items())
    return dict(found)


def said(where: Stage, case: str) -> list[str]:
    return sorted(one["CommentBody"].partition("\n")[0] for one in where.box.control.comments(case))


def carry_out(where: Stage) -> None:
    """Everything to its case, decisions to the shop, what the shop's own code makes of them back to the case."""
    where.settle()
    where.box.control.shop_run()
    where.settle()


def test_an_agent_corrects_an_address_and_refunds_a_part_and_hears_what_the_shop_made_of_both(where: Stage) -> None:
    control = where.box.control
    number = place(where, c_addressMismatch=True, confirmation_status="not_confirmed")
    where.settle()
    case = case_of(where, Order_No__c=number)["Id"]
    control.agent_edit(case, {**ADDRESS, "Refund_Kind__c": "Partial", "Refund_Amount__c": 200.01})
    where.settle()
    assert control.objects("RefundRequest") == []
    assert said(where, case) == [
        f"The refund for order {number} was NOT asked for: a partial refund needs an amount above nothing and not above "
        "the order's total."
    ]

    control.agent_edit(case, {"Refund_Amount__c": 20.5})
    control.agent_decide(case, "Release", note="We pay the difference.")
    carry_out(where)
    order = control.order(number)
    assert (order["confirmation_status"], order["c_caseDecision"]) == ("confirmed", "RELEASE")
    assert order["shipments"][0]["shipping_address"]["address1"] == "Ring 1"
    (refund,) = control.objects("RefundRequest")
    assert (refund["c_status"], refund["c_kind"], refund["c_amount"]) == ("EXECUTED", "PARTIAL", 20.5)
    shown = control.case(case)
    assert (shown["Refund_Status__c"], shown["Refunded_Amount__c"], shown["Change_Result__c"]) == (
        "Executed",
        20.5,
        "Done",
    )
    assert said(where, case)[:2] == [f"20.50 {order['currency']} of order {number} have been refunded.",
                                     f"Order {number} has been changed."]  # fmt: skip

    control.agent_edit(case, {"Refund_Amount__c": 30.0})
    carry_out(where)
    assert len(control.objects("RefundRequest")) == 1
    assert control.refunds()["refused"] == []
    assert any("a case asks for one refund only" in one for one in said(where, case))
    where.assert_nothing_twice()


def test_lines_are_refunded_by_the_shop_s_prices_and_a_refund_that_fails_is_told(where: Stage) -> None:
    control = where.box.control
    good, unpaid = place(where, c_addressMismatch=True), place(where, c_addressMismatch=True)
    where.settle()
    control.change_order(good, order_total=10_000.0)
    first = control.order(good)["product_items"][0]
    for number, lines in ((good, first["item_id"]), (unpaid, "i99")):
        case = case_of(where, Order_No__c=number)["Id"]
        control.agent_edit(case, {"Refund_Kind__c": "Lines", "Refund_Lines__c": lines})
    carry_out(where)
    shown = case_of(where, Order_No__c=good)
    assert (shown["Refund_Status__c"], shown["Refunded_Amount__c"]) == ("Executed", first["price"])
    failed = case_of(where, Order_No__c=unpaid)
    assert failed["Refund_Status__c"] == "Failed"
    assert "Refunded_Amount__c" not in failed
    assert said(where, failed["Id"]) == [
        f"The refund for order {unpaid} has FAILED in the shop: the order has no such line."
    ]


def test_changes_are_decided_at_once_or_by_an_agent_and_never_after_the_order_has_left(where: Stage) -> None:
    control = where.box.control
    still, left, leaving = place(where), place(where, status="completed", shipping_status="shipped"), place(where)
    control.place_change(still, key="OC-ship", c_kind="SHIPPING", c_shippingMethod="002")
    control.place_change(still, key="OC-move", c_kind="ADDRESS", c_address1="Ring 1", c_city="Graz")
    control.place_change(left, key="OC-late", c_kind="ADDRESS", c_address1="Ring 2", c_city="Graz")
    control.place_change(leaving, key="OC-race", c_kind="ADDON", c_productId="701642")
    carry_out(where)
    wishes = {one["key_value_string"]: one for one in control.objects("OrderChange")}
    assert (wishes["OC-ship"]["c_straight"], wishes["OC-ship"]["c_result"]) == ("ACCEPTED", "DONE")
    assert (wishes["OC-late"]["c_straight"], wishes["OC-late"]["c_straightReason"]) == ("REFUSED", "TOO_LATE")
    assert sorted(one["Change_No__c"] for one in control.cases()) == ["OC-move", "OC-race"]
    assert control.order(still)["shipments"][0]["shipping_method"]["id"] == "002"

    control.change_order(leaving, shipping_status="shipped")
    move, race = case_of(where, Change_No__c="OC-move"), case_of(where, Change_No__c="OC-race")
    control.agent_decide(move["Id"], "Accept", note="It goes there.")
    control.agent_decide(race["Id"], "Accept")
    carry_out(where)
    wishes = {one["key_value_string"]: one for one in control.objects("OrderChange")}
    assert (wishes["OC-move"]["c_decision"], wishes["OC-move"]["c_result"]) == ("ACCEPTED", "DONE")
    assert control.order(still)["shipments"][0]["shipping_address"]["address1"] == "Ring 1"
    assert control.case(move["Id"])["Change_Result__c"] == "Done"
    assert "c_decision" not in wishes["OC-race"]
    assert "c_straight" not in wishes["OC-race"], "an agent has it"
    assert said(where, race["Id"]) == [f"Order {leaving} is NOT changed: it has been shipped already."]
    assert control.order(leaving)["shipping_status"] == "shipped", "asked, and not set"

    control.agent_reopen(race["Id"])
    control.advance(2)
    control.agent_decide(race["Id"], "Refuse", note="It had left.")
    where.settle()
    kinds = Counter(one["c_kind"] for one in control.objects("CustomerNotice"))
    assert kinds == {"CHANGE_ACCEPTED": 1, "CHANGE_REFUSED": 1}
    where.assert_nothing_twice()


def whole_way(where: Stage, settle: Callable[[], None] | None = None) -> dict[str, Any]:
    """Checkouts, changes and orders to cases, decisions and refunds back, and what the shop made of them to the cases."""
    control, settle = where.box.control, settle or where.settle
    settle()
    decisions = {
        "Checkout Problem": ("Contact", "Retry", "No action"),
        "Order Change": ("Accept", "Refuse", "Accept"),
        "Order Exception": ("Release", "Hold", "Release"),
    }
    for case in control.cases():
        at = sum(case["Commerce_Key__c"].encode()) % 3
        if case["Type"] == "Order Exception":
            control.agent_edit(case["Id"], {"Refund_Kind__c": "Full", **(ADDRESS if at == 0 else {})})
        control.agent_decide(case["Id"], decisions[case["Type"]][at], note="Said so.")
    settle()
    control.shop_run()
    settle()
    where.assert_nothing_twice()
    parked = {name: books.parked for name, books in where.books().items()}
    return {
        "cases": {
            one["Commerce_Key__c"]: (one.get("Refund_Status__c"), one.get("Change_Result__c"))
            for one in control.cases()
        },
        "checkouts": {one["key_value_string"]: one.get("c_outcome") for one in control.objects("CheckoutProblem")},
        "changes": {
            one["key_value_string"]: (one.get("c_decision"), one.get("c_straight"), one.get("c_result"))
            for one in control.objects("OrderChange")
            if one["c_source"] == "CUSTOMER"
        },
        "corrected": sorted(one["c_orderNo"] for one in control.objects("OrderChange") if one["c_source"] == "AGENT"),
        "refunds": sorted((one["c_orderNo"], one["c_status"]) for one in control.objects("RefundRequest")),
        "notices": Counter(one["c_kind"] for one in control.objects("CustomerNotice")),
        "comments": Counter(one["CommentBody"].partition("\n")[0] for one in control.comments()),
        "parked": parked,
    }


DATA: dict[str, Any] = {"orders": 12, "checkouts": 8, "changes": 12, "returns": 0, "seed": 5}


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How both systems end when nothing goes wrong."""
    with shop(tmp_path_factory.mktemp("calm"), FLOWS, **DATA) as where:
        found = whole_way(where)
    assert {"CONTACT", "RETRY"} <= set(found["checkouts"].values())
    assert {"EXECUTED"} <= {status for _, status in found["refunds"]}
    assert len({decision for decision, *_ in found["changes"].values()}) == 3, found["changes"]
    return found


def test_replies_lost_on_the_way_lose_and_double_nothing(tmp_path: Path, calm: dict[str, Any]) -> None:
    with shop(tmp_path, FLOWS, **DATA) as where:
        control = where.box.control
        lost = control.fault(kind="drop_after", probability=0.12, seed=3, path="composite/sobjects$|/notes$|/sites/")
        control.fault(kind="row_locked", share=0.2, per_key=1, path="composite/sobjects$")
        control.fault(kind="status", status=503, every=29, system="sfcc")
        assert whole_way(where) == calm
        assert next(one["fired"] for one in control.faults() if one["id"] == lost) >= 5


def test_kills_right_after_money_was_asked_for_or_a_result_was_told_double_nothing(
    tmp_path: Path, calm: dict[str, Any]
) -> None:
    writes = [("PUT", "/custom_objects/RefundRequest/", ""), ("PUT", "/custom_objects/CustomerNotice/", ""),
              ("POST", "composite/sobjects$", '"CaseComment"')]  # fmt: skip
    with shop(tmp_path, FLOWS, **DATA) as where:
        control = where.box.control

        def settle() -> None:
            """Processes that die at the first of these writes that they come to, until one comes to none."""
            code = -signal.SIGKILL
            while code == -signal.SIGKILL:
                process = where.start("sync")
                kill = {"kind": "kill", "pid": process.pid, "commit": True, "times": 1}
                rules = {
                    control.fault(**kill, method=method, path=path, **({"body": body} if body else {})): (
                        method,
                        path,
                        body,
                    )
                    for method, path, body in writes
                }
                code = where.finish(process).code
                fired = {one["id"] for one in control.faults() if one["fired"]}
                writes[:] = [write for rule, write in rules.items() if rule not in fired]
                control.clear_faults()
            where.settle()

        assert whole_way(where, settle) == calm
        assert writes == [], "it died at each of them"
