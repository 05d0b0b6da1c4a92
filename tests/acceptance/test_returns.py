"""Returns, both ways: every decision, evidence that is asked for and comes, money and mails once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.after_sales import Life, life

FLOWS = ("returns-to-cases", "cases-to-returns")
KEY = "returns-to-cases:_ref_arch:_r_r-{}"
ASKED = ("RETURN_EVIDENCE", "Your return RR-1 needs something more from you")


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Life]:
    with life(tmp_path, FLOWS) as made:
        made.control.place_return(
            c_withinPolicy=False, c_proofOfPurchase=False, c_amount=80, c_currency="EUR", c_comment="broken"
        )
        yield made


def ask(lived: Life, note: str) -> None:
    lived.case(KEY.format(1))
    lived.decide(KEY.format(1), "More evidence", note=note)
    lived.shown("ReturnRequest", "RR-1", c_status="EVIDENCE", c_evidenceWanted=note)
    lived.rest()  # a question that is answered before its notice went needs none any more


def answer(lived: Life, text: str) -> None:
    lived.control.customer_answers("ReturnRequest", "RR-1", text, document=True)
    lived.shown("ReturnRequest", "RR-1", c_status="IN_REVIEW", c_evidenceAskedAt=None)
    lived.rest()  # an agent who closes it while its opening is still being repeated, without an answer, has to close it again


def status(lived: Life) -> str:
    return str(lived.case(KEY.format(1))["Status"])


KILLS: list[dict[str, Any]] = [
    {},
    {"system": "sfcc", "method": "PUT", "path": "RefundRequest"},
    {"system": "salesforce", "method": "POST", "path": "composite/sobjects$", "body": '"CaseComment"'},
    {"system": "salesforce", "method": "PATCH", "path": "composite/sobjects", "body": '"Working"'},
]


@pytest.mark.parametrize("kill", KILLS, ids=["no kill", "the refund", "the answer", "the opening"])
def test_evidence_is_asked_for_and_taken_in_as_often_as_the_agent_wants(lived: Life, kill: dict[str, Any]) -> None:
    if kill:
        lived.kill_at(**kill)
    lived.storm()
    lived.case(KEY.format(1))
    lived.control.agent_take(KEY.format(1))
    ask(lived, "Please send the receipt.")
    answer(lived, "Here it is.")
    assert status(lived) == "Working"
    ask(lived, "And a photograph.")
    answer(lived, "And that.")
    lived.decide(KEY.format(1), "Refund", amount=79.5, note="Thank you.")
    told = lived.shown("ReturnRequest", "RR-1", c_status="APPROVED")
    lived.rest()

    case = lived.case(KEY.format(1))
    assert (case["Status"], case["OwnerId"][:3]) == ("Closed", "005"), "the agent kept it all the time"
    assert lived.comments(case["Id"]) == ["Here it is.", "And that."]
    assert all(f"evidence-{number}.jpg: http" in case["Description"] for number in (1, 2))
    titles = [file["Title"] for file in lived.control.files(case["Id"])]
    assert sorted(titles) == ["evidence-1.jpg", "evidence-2.jpg"]
    assert (told["c_refundAmount"], told["c_decisionText"]) == (79.5, "Thank you.")
    assert not {"c_evidenceWanted", "c_evidenceAskedAt"} & set(told), "nothing is asked any more"
    assert lived.mails() == [ASKED, ASKED, ("RETURN_DECISION", "Your return RR-1 is refunded")]
    assert [refund["c_amount"] for refund in lived.control.refunds()["executed"].values()] == [79.5]
    assert lived.notes() == ["Return RR-1: More evidence", "Return RR-1: More evidence", "Return RR-1: Refund"]
    lived.assert_well()
    lived.assert_stormed()
    assert lived.kills == bool(kill)


def test_an_answer_opens_its_case_once_and_what_comes_later_is_a_comment(lived: Life) -> None:
    ask(lived, "Please send the receipt.")
    told = lived.object("ReturnRequest", "RR-1")
    assert not {"c_decidedAt", "c_decidedBy", "c_decisionText"} & set(told), "nothing was decided"
    answer(lived, "Here it is.")
    lived.control.agent_edit(KEY.format(1), {"Status": "Escalated"})
    lived.control.customer_says("ReturnRequest", "RR-1", "Hello?")
    lived.until(lambda: lived.comments(KEY.format(1)) == ["Here it is.", "Hello?"])
    assert status(lived) == "Escalated", "the agent's"
    lived.decide(KEY.format(1), "Rejected")
    lived.shown("ReturnRequest", "RR-1", c_status="REJECTED")
    lived.control.customer_says("ReturnRequest", "RR-1", "I do not agree.")
    lived.until(lambda: len(lived.comments(KEY.format(1))) == 3)
    lived.rest()
    assert status(lived) == "Closed", "nobody was asked"
    lived.assert_well()


def test_a_question_is_taken_back_when_an_agent_opens_the_case_again(lived: Life) -> None:
    ask(lived, "Please send the receipt.")
    lived.control.agent_reopen(KEY.format(1))
    told = lived.shown("ReturnRequest", "RR-1", c_status="IN_REVIEW")
    assert not {"c_evidenceWanted", "c_evidenceAskedAt"} & set(told)
    lived.rest()
    assert lived.mails() == [ASKED]


def test_other_decisions_tell_the_customer_and_a_refused_refund_tells_the_agent_alone(lived: Life) -> None:
    for _ in range(2):
        lived.control.place_return(c_withinPolicy=False)
    for number, decision in enumerate(("Refund", "Exchange", "Rejected"), 1):
        lived.case(KEY.format(number))
        if decision == "Refund":
            lived.control.fault(
                kind="error", system="sfcc", method="PUT", path="RefundRequest", status=400, code="HookStatusException"
            )
        lived.decide(KEY.format(number), decision, amount=9.0 if decision == "Refund" else None)
    lived.shown("ReturnRequest", "RR-2", c_status="EXCHANGE")
    lived.shown("ReturnRequest", "RR-3", c_status="REJECTED")
    lived.until(lambda: lived.control.comments(KEY.format(1)))
    lived.rest()
    (said,) = lived.control.comments(KEY.format(1))
    assert said["CommentBody"].startswith("The refund for return RR-1 was NOT asked for: a check of the shop's own")
    assert sorted(lived.mails()) == [
        ("RETURN_DECISION", "Your return RR-2 is exchanged"),
        ("RETURN_DECISION", "Your return RR-3 cannot be accepted"),
    ]
    lived.assert_well(parked=1)


def test_agents_and_customers_work_it_out_among_themselves(tmp_path: Path) -> None:
    """Every decision of a return by itself, evidence too."""
    with life(
        tmp_path, FLOWS, returns=72, agents=True, agent_rate=40, agent_delay=0.05, customers=0.2, orders=12
    ) as lived:
        lived.until(lambda: lived.control.cases())
        lived.rest()
        lived.until(
            lambda: all(case["IsClosed"] and case["Resolution__c"] != "More evidence" for case in lived.control.cases())
        )
        lived.rest()
        decided = {case["Resolution__c"] for case in lived.control.cases()}
        assert decided == {"Refund", "Exchange", "Rejected"}
        asked = [mail for mail in lived.mails() if mail[0] == "RETURN_EVIDENCE"]
        answered = [one for one in lived.control.objects("ReturnRequest") if one.get("c_evidenceAnswered")]
        assert len(asked) == len(answered) > 0
        assert len(lived.control.comments()) == len(answered)
        lived.assert_well()
