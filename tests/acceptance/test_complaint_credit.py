"""A complaint's photographs, outcome and goodwill credit: credited and mailed once, whatever replies are lost and who dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.acceptance.after_sales import Life, life

FLOWS = ("complaints-to-cases", "cases-to-complaints", "comments-to-complaints", "credits-to-cases")
KEY = "complaints-to-cases:_ref_arch:_c_p-1"


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Life]:
    with life(tmp_path, FLOWS) as made:
        url = f"{made.where.box.sfcc_url}/on/demandware.static/CP-1/corner.jpg"
        photographs = orjson.dumps([{"id": "d1", "name": "corner.jpg", "url": url}]).decode()
        made.control.place_complaint(c_kind="DAMAGED", c_severity="LOW", c_documents=photographs, c_messages="[]")
        yield made


@pytest.mark.parametrize("dying", ["CreditRequest", "CustomerNotice"])
def test_a_goodwill_credit_is_given_and_told_once(lived: Life, dying: str) -> None:
    lived.kill_at(system="sfcc", method="PUT", path=dying)
    lived.storm()
    case = lived.case(KEY)
    assert "corner.jpg: http" in case["Description"]
    lived.decide(KEY, "Credit", note="With our apologies.")
    lived.until(lambda: lived.control.comments(KEY))
    (said,) = lived.control.comments(KEY)
    assert "was NOT asked for: the case has no credit amount" in said["CommentBody"]

    lived.control.agent_edit(KEY, {"Credit_Amount__c": 15.0})
    told = lived.shown("Complaint", "CP-1", c_outcome="CREDIT", c_creditAmount=15.0)
    assert told["c_outcomeText"] == "With our apologies."
    lived.control.shop_run()
    lived.until(lambda: lived.control.case(KEY).get("Credit_Status__c") == "Executed")
    lived.until(lambda: len(lived.control.comments(KEY)) == 2)
    lived.rest()
    (confirmed,) = (one for one in lived.control.comments(KEY) if "have been credited" in one["CommentBody"])
    assert confirmed["CommentBody"].startswith(f"15.00 {case['Currency__c']} have been credited for complaint CP-1.\n")
    assert not confirmed["IsPublished"]
    (request,) = lived.control.objects("CreditRequest")
    shown = lived.control.case(KEY)
    assert (shown["Credited_Amount__c"], shown["Credit_Reference__c"]) == (15.0, request["key_value_string"])
    assert [file["Title"] for file in lived.control.files(KEY)] == ["corner.jpg"]
    assert lived.mails() == [("COMPLAINT_OUTCOME", "Your complaint CP-1 earns you a credit")]
    given = lived.control.credits()
    assert [(one["c_kind"], one["c_recordId"], one["c_amount"]) for one in given["executed"].values()] == [
        ("COMPLAINT", "CP-1", 15.0)
    ]
    assert given["refused"] == []

    lived.decide(KEY, "Credit")
    lived.control.agent_edit(KEY, {"Credit_Amount__c": 150.0})
    lived.until(lambda: len(lived.control.comments(KEY)) == 3)
    lived.rest()
    lived.control.shop_run()
    lived.rest()
    assert len(lived.control.credits()["executed"]) == 1, "another amount is for a person to settle"
    assert lived.object("Complaint", "CP-1")["c_creditAmount"] == 15.0, "what was given, not what was wished for"
    assert len(lived.control.comments(KEY)) == 3
    lived.assert_well(parked=1)
    assert lived.kills == 1


def test_a_credit_that_the_shop_does_not_give_is_told_and_told_again_once_it_does(lived: Life) -> None:
    case = lived.case(KEY)
    lived.kill_at(system="salesforce", method="POST", path="composite/sobjects", body="FAILED")
    lived.control.agent_edit(KEY, {"Credit_Amount__c": case["Order_Total__c"] + 1})
    lived.decide(KEY, "Credit")
    lived.until(lambda: lived.control.shop_run())
    lived.until(lambda: lived.control.case(KEY).get("Credit_Status__c") == "Failed")
    lived.rest()
    (said,) = lived.control.comments(KEY)
    assert "complaint CP-1 has FAILED in the shop: it is more than the order's total.\n" in said["CommentBody"]
    (request,) = lived.control.objects("CreditRequest")
    lived.control.change_object("CreditRequest", request["key_value_string"], c_status="REQUESTED")
    lived.rest()
    assert lived.control.case(KEY)["Credit_Status__c"] == "Failed", "until it is known how that went"
    lived.control.change_object("CreditRequest", request["key_value_string"], c_status="EXECUTED", c_executedAmount=20)
    lived.until(lambda: lived.control.case(KEY).get("Credited_Amount__c") == 20)
    lived.until(lambda: len(lived.control.comments(KEY)) == 2)
    lived.rest()
    lived.assert_well()
    assert lived.kills == 1


def test_agents_use_every_outcome(tmp_path: Path) -> None:
    with life(tmp_path, FLOWS, complaints=30, agents=True, agent_rate=40, agent_delay=0.05) as lived:
        lived.until(lambda: len(lived.control.cases()) > 20)
        lived.rest()
        lived.until(lambda: all(case["IsClosed"] for case in lived.control.cases()))
        lived.rest()
        outcomes = [one.get("c_outcome") for one in lived.control.objects("Complaint") if one["site_id"] == "RefArch"]
        assert set(outcomes) == {"REFUND", "EXCHANGE", "REJECTED", "CREDIT"}
        lived.control.shop_run()
        assert len(lived.control.credits()["executed"]) == outcomes.count("CREDIT")
        lived.rest()
        confirmed = [case for case in lived.control.cases() if case.get("Credit_Status__c") == "Executed"]
        assert len(confirmed) == outcomes.count("CREDIT")
        assert all(case["Credited_Amount__c"] == case["Credit_Amount__c"] for case in confirmed)
        assert len(lived.mails()) == len(outcomes)
        lived.assert_well()
