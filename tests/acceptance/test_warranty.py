"""Warranty claims, both ways: purchase record and product on the case, evidence as a round trip, decisions with reasons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.after_sales import Life, life

FLOWS = ("warranty-to-cases", "cases-to-warranty")
KEY = "warranty-to-cases:_ref_arch:_w_c-{}"
DECISIONS = {"Repair": "REPAIR", "Exchange": "EXCHANGE", "Refund": "REFUND", "Rejected": "REJECTED"}


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Life]:
    with life(tmp_path, FLOWS) as made:
        yield made


def test_every_decision_goes_back_with_its_reason_under_faults(lived: Life) -> None:
    lived.storm()
    placed = [lived.control.place_claim() for _ in DECISIONS]
    for number, (claim, decision) in enumerate(zip(placed, DECISIONS, strict=True), 1):
        case = lived.case(KEY.format(number))
        order = lived.control.order(claim["c_orderNo"])
        line = next(each for each in order["product_items"] if each["item_id"] == claim["c_itemId"])
        assert (case["Type"], case["Product__c"]) == ("Warranty Claim", line["product_name"])
        assert (case["Serial_No__c"], case["Order_No__c"]) == (claim["c_serialNo"], order["order_no"])
        assert all(each in case["Description"] for each in (claim["c_fault"], line["product_id"], "receipt.pdf: http"))
        amount = 10.0 if decision == "Refund" else None
        lived.decide(case["Id"], decision, amount=amount, note=f"Because of {decision}.")
    for number, decision in enumerate(DECISIONS, 1):
        told = lived.shown("WarrantyClaim", f"WC-{number}", c_decision=DECISIONS[decision])
        assert told["c_status"] == ("REJECTED" if decision == "Rejected" else "ACCEPTED")
        assert told["c_decisionText"] == f"Because of {decision}."
    lived.rest()
    assert [(one["c_returnId"], one["c_amount"]) for one in lived.control.objects("RefundRequest")] == [("WC-3", 10.0)]
    assert sorted(lived.mails()) == [
        ("WARRANTY_DECISION", "Your warranty claim WC-1 will be repaired"),
        ("WARRANTY_DECISION", "Your warranty claim WC-2 is exchanged"),
        ("WARRANTY_DECISION", "Your warranty claim WC-3 is refunded"),
        ("WARRANTY_DECISION", "Your warranty claim WC-4 cannot be accepted"),
    ]
    lived.assert_well()
    lived.assert_stormed()


KILLS: list[dict[str, Any]] = [
    {"system": "salesforce", "method": "POST", "path": "composite/sobjects$", "body": '"CaseComment"'},
    {"system": "salesforce", "method": "POST", "path": "sobjects/ContentVersion"},
    {"system": "sfcc", "method": "PUT", "path": "CustomerNotice"},
]


@pytest.mark.parametrize("kill", KILLS, ids=["the answer", "a file", "the notice"])
def test_further_evidence_goes_round_once_whoever_dies(lived: Life, kill: dict[str, Any]) -> None:
    lived.kill_at(**kill)
    lived.control.place_claim()
    case = lived.case(KEY.format(1))
    lived.control.agent_take(case["Id"])
    lived.decide(case["Id"], "More evidence", note="A photograph of the label, please.")
    lived.shown("WarrantyClaim", "WC-1", c_status="EVIDENCE", c_evidenceWanted="A photograph of the label, please.")
    lived.rest()
    lived.control.customer_answers("WarrantyClaim", "WC-1", "Here.", document=True)
    lived.shown("WarrantyClaim", "WC-1", c_status="IN_REVIEW", c_evidenceAskedAt=None)
    lived.rest()
    case = lived.case(KEY.format(1))
    assert case["Status"] == "Working"
    assert "evidence-2.jpg: http" in case["Description"], "the receipt was the first document"
    assert lived.comments(case["Id"]) == ["Here."]
    assert sorted(file["Title"] for file in lived.control.files(case["Id"])) == ["evidence-2.jpg", "receipt.pdf"]
    lived.decide(case["Id"], "Exchange")
    lived.shown("WarrantyClaim", "WC-1", c_status="ACCEPTED", c_decision="EXCHANGE")
    lived.rest()
    assert [kind for kind, _ in lived.mails()] == ["WARRANTY_EVIDENCE", "WARRANTY_DECISION"]
    lived.assert_well()
    assert lived.kills == 1


def test_a_decision_is_taken_back_when_the_case_opens_again_and_a_wrong_one_is_told(lived: Life) -> None:
    lived.control.place_claim()
    case = lived.case(KEY.format(1))
    lived.decide(case["Id"], "Repair")
    lived.shown("WarrantyClaim", "WC-1", c_decision="REPAIR")
    lived.control.agent_reopen(case["Id"])
    lived.shown("WarrantyClaim", "WC-1", c_decision=None, c_status="IN_REVIEW", c_decidedAt=None)
    lived.decide(case["Id"], "Release")
    lived.until(lambda: lived.control.comments(case["Id"]))
    (said,) = lived.control.comments(case["Id"])
    assert "a claim can be answered by Repair, Exchange, Refund, Rejected or More evidence only" in said["CommentBody"]
    assert not said["IsPublished"]


def test_agents_and_customers_work_claims_out_among_themselves(tmp_path: Path) -> None:
    with life(tmp_path, FLOWS, claims=24, agents=True, agent_rate=40, agent_delay=0.05, customers=0.2) as lived:
        lived.until(lambda: len(lived.control.cases()) == 24)
        lived.until(
            lambda: all(case["IsClosed"] and case["Resolution__c"] != "More evidence" for case in lived.control.cases())
        )
        lived.rest()
        assert {case["Resolution__c"] for case in lived.control.cases()} == set(DECISIONS)
        claims = lived.control.objects("WarrantyClaim")
        assert {one["c_decision"] for one in claims} == set(DECISIONS.values())
        answered = [one for one in claims if one.get("c_evidenceAnswered")]
        assert answered
        assert len(lived.control.comments()) == len(answered)
        lived.assert_well()
