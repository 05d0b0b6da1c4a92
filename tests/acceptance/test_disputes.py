"""Disputes, both ways: several orders on one case, kept current; credits and corrections once; a trail on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.after_sales import Life, life

FLOWS = ("disputes-to-cases", "cases-to-disputes")
KEY = "disputes-to-cases:_ref_arch:_d_p-{}"


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Life]:
    with life(tmp_path, FLOWS) as made:
        yield made


def beside(lived: Life, case: str) -> dict[str, dict[str, Any]]:
    """The records of a case's orders by order number; each stands once, those in the bin too."""
    every = lived.control.records("Case_Order__c", deleted=True)
    found = {one["Order_No__c"]: one for one in every if one["Case__c"] == case}
    assert len(found) == len(every)
    return found


def orders(lived: Life) -> list[str]:
    return sorted(order["order_no"] for order in lived.control.orders("RefArch"))[:3]


KILLS: list[dict[str, Any]] = [
    {"system": "sfcc", "method": "PUT", "path": "CreditRequest"},
    {"system": "sfcc", "method": "PUT", "path": "DisputeEvent", "nth": 2},
    {"system": "salesforce", "method": "POST", "path": "composite/sobjects", "nth": 2},
    {"system": "salesforce", "method": "PATCH", "path": "composite/sobjects", "nth": 2},
]


@pytest.mark.parametrize("kill", KILLS, ids=["the credit", "an event", "its orders", "an order's news"])
def test_several_orders_are_one_case_whose_credit_is_given_once_and_told_on_both_sides(
    lived: Life, kill: dict[str, Any]
) -> None:
    lived.kill_at(**kill)
    lived.storm()
    numbers = orders(lived)
    lived.control.place_dispute(numbers, c_kind="DUPLICATE_CHARGE", c_amount=59.9, c_currency="EUR")
    case = lived.case(KEY.format(1))
    assert (case["Subject"], case["Order_No__c"]) == ("Dispute DP-1 over 3 orders", " ".join(numbers))
    assert all(f"order {number}: " in case["Description"] for number in numbers)

    lived.until(lambda: len(beside(lived, case["Id"])) == 3)
    made = beside(lived, case["Id"])
    for number in numbers:
        order, one = lived.control.order(number), made[number]
        assert one["Commerce_Key__c"] == f"{KEY.format(1)}:orders:{number}"
        assert (one["Payment_Status__c"], one["Order_Total__c"], one["Currency__c"]) == (
            order["payment_status"], order["order_total"], order["currency"]
        )  # fmt: skip

    lived.control.advance(2)
    lived.control.change_order(numbers[1], payment_status="part_paid")
    lived.until(lambda: "part_paid" in lived.case(KEY.format(1))["Payment_Status__c"])
    lived.until(lambda: beside(lived, case["Id"])[numbers[1]]["Payment_Status__c"] == "part_paid")
    lived.rest()  # each state that the connector sees is an event
    lived.control.advance(2)
    lived.control.agent_take(case["Id"], agent=1)
    lived.until(lambda: any(one["c_caseStatus"] == "Working" for one in lived.control.objects("DisputeEvent")))
    lived.rest()
    lived.control.advance(2)
    lived.control.agent_edit(case["Id"], {"Credit_Amount__c": 59.9, "Credit_Points__c": 20})
    lived.decide(case["Id"], "Credit", note="Sorry for that.")
    told = lived.shown("Dispute", "DP-1", c_decision="CREDIT", c_status="CLOSED")
    assert (told["c_creditAmount"], told["c_creditPoints"], told["c_decisionText"]) == (59.9, 20, "Sorry for that.")
    lived.rest()
    assert lived.mails() == [("DISPUTE_DECISION", "Your dispute DP-1 earns you a credit")]
    lived.until(lambda: lived.comments(case["Id"]) == ["credited 59.9 EUR and 20 points"])
    lived.rest()

    given = lived.control.credits()
    assert [(one["c_recordId"], one["c_amount"], one["c_points"]) for one in given["executed"].values()] == [
        ("DP-1", 59.9, 20)
    ]
    assert given["refused"] == []
    events = sorted(lived.control.objects("DisputeEvent"), key=lambda one: str(one["c_at"]))
    assert {one["c_caseOwner"] for one in events} >= {"Payments", "Omar O'Neil"}
    assert [one.get("c_amount") for one in events if one.get("c_decision")][-1] == 59.9
    assert len({one["c_at"] for one in events}) == len(events)
    assert len(lived.control.cases()) == 1
    now = beside(lived, case["Id"])
    assert {number: now[number]["Id"] for number in numbers} == {number: made[number]["Id"] for number in numbers}
    lived.assert_well()
    lived.assert_stormed()
    assert lived.kills == 1


def test_an_order_s_record_is_written_alone_goes_with_its_case_and_is_made_anew_with_it(lived: Life) -> None:
    first, second = orders(lived)[:2]
    lived.control.place_dispute([first, second], c_kind="DUPLICATE_CHARGE", c_amount=5.0, c_currency="EUR")
    case = lived.case(KEY.format(1))["Id"]
    lived.until(lambda: len(beside(lived, case)) == 2)
    lived.rest()
    made = beside(lived, case)
    lived.control.advance(2)
    lived.control.change_order(first, payment_status="part_paid")
    lived.until(lambda: beside(lived, case)[first]["Payment_Status__c"] == "part_paid")
    lived.rest()
    now = beside(lived, case)
    assert now[first] != made[first]
    assert now[second] == made[second], "nothing of it was written"

    lived.control.agent_delete(case)
    assert lived.control.records("Case_Order__c") == []
    lived.control.change_order(second, payment_status="part_paid")
    lived.until(lambda: lived.where.books()["disputes-to-cases"].parked == 1)
    assert lived.where.run("parked", "retry", "--key", "DP-1", "--recreate").code == 0
    anew = lived.case(KEY.format(1))["Id"]
    lived.until(lambda: len(lived.control.records("Case_Order__c")) == 2)
    lived.rest()
    found = {one["Order_No__c"]: one for one in lived.control.records("Case_Order__c")}
    assert {number: (one["Case__c"], one["Payment_Status__c"]) for number, one in found.items()} == {
        first: (anew, "part_paid"), second: (anew, "part_paid")
    }  # fmt: skip
    assert anew != case
    twice = {kind: found for kind, found in lived.control.duplicates().items() if found}
    assert twice == {"created": {KEY.format(1): 2}}, "the case that was deleted, and the one that was asked for"
    assert lived.where.books()["disputes-to-cases"].parked == 0


def test_an_account_is_corrected_once_a_decision_and_nothing_is_credited_for_nothing(lived: Life) -> None:
    for kind in ("PROFILE", "MISSING_POINTS"):
        lived.control.place_dispute(c_kind=kind)
    first, second = lived.case(KEY.format(1)), lived.case(KEY.format(2))
    lived.control.agent_edit(first["Id"], {"Correction__c": "Last name: Müller"})
    lived.decide(first["Id"], "Correct")
    lived.decide(second["Id"], "Credit")
    lived.shown("Dispute", "DP-1", c_decision="CORRECTED", c_status="CLOSED")
    lived.until(lambda: lived.control.comments(second["Id"]))
    lived.rest()
    (said,) = lived.control.comments(second["Id"])
    assert "was NOT asked for: the case has neither an amount nor points" in said["CommentBody"]
    lived.control.shop_run()
    given = lived.control.credits()["executed"]
    assert [(one["c_recordId"], one["c_correction"]) for one in given.values()] == [("DP-1", "Last name: Müller")]
    lived.until(lambda: lived.comments(first["Id"]) == ["corrected: Last name: Müller"])
    lived.assert_well(parked=1)


def test_agents_and_customers_work_disputes_out_among_themselves(tmp_path: Path) -> None:
    with life(tmp_path, FLOWS, disputes=24, agents=True, agent_rate=40, agent_delay=0.05, customers=0.2) as lived:
        lived.until(lambda: len(lived.control.cases()) == 24)
        lived.until(
            lambda: all(case["IsClosed"] and case["Resolution__c"] != "More evidence" for case in lived.control.cases())
        )
        lived.rest()
        found = lived.control.objects("Dispute")
        assert {one["c_decision"] for one in found} == {"CREDIT", "CORRECTED", "REJECTED"}
        assert any(one.get("c_evidenceAnswered") for one in found)
        lived.control.shop_run()
        assert len(lived.control.credits()["executed"]) == sum(one["c_decision"] != "REJECTED" for one in found)
        lived.rest()
        lived.assert_well()
