"""The judge of the self-test: finds nothing where nothing is wrong, and names each thing that is planted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from connector.cli.selftesting.evidence import Death, Entry, Evidence
from connector.cli.selftesting.verdict import Finding, judged, repetitions
from connector.store import Books

CLOSED = "2026-11-20T10:15:30.000+0000"
ORDER = {
    "order_no": "1301", "site_id": "RefArch", "status": "open", "confirmation_status": "confirmed", "payment_status": "paid",
    "c_paymentError": None, "c_addressMismatch": True, "c_fulfillmentStatus": "COMPLETE", "c_riskScore": 7,
    "c_caseNumber": "00001001", "c_caseStatus": "Closed", "c_caseDecision": "RELEASE",
}  # fmt: skip
FINE = {
    **ORDER,
    "order_no": "1302",
    "c_addressMismatch": False,
    "c_caseNumber": None,
    "c_caseStatus": None,
    "c_caseDecision": None,
}
RETURN = {
    "key_value_string": "RR-1", "site_id": "RefArch", "c_orderNo": "1301", "c_withinPolicy": False, "c_amount": 10.0,
    "c_proofOfPurchase": True, "c_status": "APPROVED",
}  # fmt: skip
COMPLAINT = {
    "key_value_string": "CP-1", "site_id": "RefArch", "c_status": "CLOSED", "c_outcome": "EXCHANGE",
    "c_messages": json.dumps([{"id": "m1", "text": "Where?"}, {"id": "m2", "text": "Hello?"}, {"id": "m3", "text": ""}]),
}  # fmt: skip
CASE = {
    "Id": "500a", "Commerce_Key__c": "orders-to-cases:_ref_arch:1301", "CaseNumber": "00001001", "Type": "Order Exception",
    "Status": "Closed", "IsClosed": True, "IsDeleted": False, "ClosedDate": CLOSED, "Resolution__c": "Release",
    "Refund_Amount__c": None, "Risk_Score__c": 7, "Payment_Status__c": "paid",
}  # fmt: skip
OF_RETURN = {
    **CASE, "Id": "500b", "Commerce_Key__c": "returns-to-cases:_ref_arch:_r_r-1", "Type": "Return", "Resolution__c": "Refund",
    "Refund_Amount__c": 10.0,
}  # fmt: skip
OF_COMPLAINT = {
    **CASE, "Id": "500c", "Commerce_Key__c": "complaints-to-cases:_ref_arch:_c_p-1", "Type": "Complaint",
    "Resolution__c": "Exchange",
}  # fmt: skip
DECIDED = "decided-2026-11-20_t10_03a15_03a30_02e000_z"
NOTES = [
    {"order_no": "1301", "subject": f"Case 00001001: Release [cases-to-orders:_ref_arch:1301:decision:{DECIDED}]"},
    {"order_no": "1301", "subject": f"Return RR-1: Refund [cases-to-returns:_ref_arch:_r_r-1:note:{DECIDED}]"},
]
COMMENTS = [
    {"Id": "00a1", "ParentId": "500c", "IsPublished": True,
     "CommentBody": "customer:\nWhere?\n[complaints-to-cases:_ref_arch:_c_p-1:messages:m1]"},
    {"Id": "00a2", "ParentId": "500c", "IsPublished": True,
     "CommentBody": "customer:\nHello?\n[complaints-to-cases:_ref_arch:_c_p-1:messages:m2]"},
    {"Id": "00a3", "ParentId": "500c", "IsPublished": True, "CommentBody": "On its way."},
    {"Id": "00a4", "ParentId": "500c", "IsPublished": False, "CommentBody": "Between us."},
]  # fmt: skip
WORDS = COMMENTS[0]["CommentBody"]
REFUND = {
    "key_value_string": "R1",
    "site_id": "RefArch",
    "c_returnId": "RR-1",
    "c_amount": 10.0,
    "c_status": "EXECUTED",
}
ANSWER = {"key_value_string": "A1", "site_id": "RefArch", "c_complaintId": "CP-1", "c_text": "On its way."}
NOTHING: Mapping[str, Mapping[str, int]] = {"cases": {}, "created": {}, "notes": {}, "comments": {}, "refunds": {}}


def books(flow: str, **more: int) -> Books:
    names = ("rows", "done", "filtered", "foreign", "parked", "pending", "dropped", "read", "repeated", "superseded",
             "settled", "open")  # fmt: skip
    return Books(flow, *(more.get(name, 0) for name in names))


WELL = Evidence(
    orders=[ORDER, FINE],
    returns=[RETURN],
    complaints=[COMPLAINT],
    refunds=[REFUND],
    answers=[ANSWER],
    notes=NOTES,
    cases=[CASE, OF_RETURN, OF_COMPLAINT],
    comments=COMMENTS,
    executed={"R1": {"c_amount": 10.0}},
    refused=[],
    duplicates=NOTHING,
    again={
        "answer lost": {"1": ["orders/RefArch/1301"]},
        "client ended": {
            "1": [
                "Case/orders-to-cases:_ref_arch:1301",
                "ComplaintMessage/RefArch/complaints-to-cases:_ref_arch:_c_p-1",
            ]
        },
        "no reason": {},
    },
    unanswered={"1301": 1},
    books=[
        books("orders-to-cases", rows=2, done=1, filtered=1, read=3, repeated=1, settled=2),
        books("returns-to-cases", rows=1, done=1, read=1, settled=1),
        books("complaints-to-cases", rows=1, done=1, read=1, settled=1),
    ],
    rows={
        "orders-to-cases": {"1301": Entry("done", "", "500a", 1), "1302": Entry("filtered")},
        "returns-to-cases": {"RR-1": Entry("done", "", "500b")},
        "complaints-to-cases": {"CP-1": Entry("done", "", "500c", 3)},
    },
    deaths=[Death(frozenset([1, 3]))],
)


def but(documents: Any, number: int, **changes: Any) -> list[Any]:
    """The same documents, one of them changed."""
    return [{**each, **changes} if at == number else each for at, each in enumerate(documents)]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert judged(WELL) == []


PLANTED: dict[str, tuple[Callable[[Evidence], Evidence], str, str]] = {
    "a lost order": (lambda e: replace(e, cases=e.cases[1:]), "lost", "no case of orders-to-cases"),
    "an order that was never read": (
        lambda e: replace(e, orders=[*e.orders, {**FINE, "order_no": "1303"}]), "lost", "never read"),
    "a duplicate case": (
        lambda e: replace(e, duplicates={**NOTHING, "cases": {"orders-to-cases:_ref_arch:1301": 2}}), "twice", "a case"),
    "a doubled note": (
        lambda e: replace(e, duplicates={**NOTHING, "notes": {"1301 mark": 2}}), "twice", "a note"),
    "a doubled comment": (
        lambda e: replace(e, duplicates={**NOTHING, "comments": {f"500c {WORDS}": 2}}), "twice", "a comment"),
    "a doubled refund request": (
        lambda e: replace(e, duplicates={**NOTHING, "refunds": {"RR-1": 2}}), "twice", "a refund request"),
    "a refund asked for again": (lambda e: replace(e, refused=["R1"]), "twice", "asked for again"),
    "a lost comment": (lambda e: replace(e, comments=e.comments[1:]), "lost", "is no comment of the case"),
    "comments in the wrong order": (
        lambda e: replace(e, comments=[e.comments[1], e.comments[0], *e.comments[2:]]), "stale", "another order"),
    "a lost answer": (lambda e: replace(e, answers=[]), "lost", "an answer of an agent"),
    "an answer that came twice": (lambda e: replace(e, answers=[ANSWER, ANSWER]), "twice", "an answer is in the shop twice"),
    "an echo of our own comment": (
        lambda e: replace(e, answers=[*e.answers, {**ANSWER, "c_text": COMMENTS[0]["CommentBody"]}]),
        "twice", "our own comment came back"),
    "a lost note": (lambda e: replace(e, notes=e.notes[1:]), "lost", "the note about 1301"),
    "a lost refund request": (lambda e: replace(e, refunds=[]), "lost", "never requested"),
    "a refund that nobody paid": (lambda e: replace(e, executed={}), "lost", "never executed"),
    "another amount": (lambda e: replace(e, executed={"R1": {"c_amount": 9.0}}), "stale", "another amount"),
    "a decision that is not shown": (
        lambda e: replace(e, orders=but(e.orders, 0, c_caseDecision=None)), "lost", "is not shown on the order"),
    "a decision that was not carried out": (
        lambda e: replace(e, orders=but(e.orders, 0, confirmation_status="not_confirmed")), "lost", "not carried out"),
    "a lost decision on a return": (
        lambda e: replace(e, returns=but(e.returns, 0, c_status="NEW")), "lost", "is not on the return"),
    "a lost outcome": (
        lambda e: replace(e, complaints=but(e.complaints, 0, c_outcome=None)), "lost", "is not on the complaint"),
    "an old version on the case": (
        lambda e: replace(e, cases=but(e.cases, 0, Risk_Score__c=6)), "stale", "older risk score"),
    "an order without its case's number": (
        lambda e: replace(e, orders=but(e.orders, 0, c_caseNumber=None)), "lost", "does not show its case"),
    "unbalanced books": (
        lambda e: replace(e, books=[replace(e.books[0], done=0), *e.books[1:]]), "books", "equations do not hold"),
    "a counter that is not the count": (
        lambda e: replace(e, rows={**e.rows, "orders-to-cases": dict.fromkeys(("1301", "1302"), Entry("done", "", "500a"))}),
        "books", "the counter says"),
    "a row that still waits": (
        lambda e: replace(e, books=[replace(e.books[0], pending=1, filtered=0, open=1, settled=1), *e.books[1:]]),
        "unexplained", "1 rows are pending"),
    "a row parked for nothing": (
        lambda e: replace(e, rows={**e.rows, "returns-to-cases": {"RR-1": Entry("parked", "gave up", "500b")}}),
        "unexplained", "parked it: gave up"),
    "a case that only the ledger knows": (
        lambda e: replace(e, rows={**e.rows, "returns-to-cases": {"RR-1": Entry("done", "", "500x")}}),
        "lost", "its case is not there"),
    "more repeated than was in flight": (
        lambda e: replace(e, deaths=[Death(frozenset([1, 2]))]), "repeated", "neither was it in flight"),
    "an update without a cause": (
        lambda e: replace(e, again={**e.again, "no reason": {"1": ["Case/returns-to-cases:_ref_arch:_r_r-1"]}}),
        "repeated", "written again"),
    "attempts burnt by an outage": (lambda e: replace(e, attempts_burnt=3), "burnt", "3 attempts"),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_named(planted: str) -> None:
    plant, sort, what = PLANTED[planted]
    found = judged(plant(WELL))
    assert [each for each in found if each.sort == sort and what in each.what], found


def test_a_case_that_a_person_deleted_is_not_lost() -> None:
    gone = {**CASE, "IsDeleted": True}
    parked = Entry("parked", "service.Case: the object was deleted or merged by a person", "500a", 1)
    rows = {**WELL.rows, "orders-to-cases": {"1301": parked, "1302": Entry("filtered")}}
    told = [books("orders-to-cases", rows=2, parked=1, filtered=1, read=2, settled=2), *WELL.books[1:]]
    assert judged(replace(WELL, cases=[gone, *WELL.cases[1:]], rows=rows, books=told)) == []


@pytest.mark.parametrize(("deaths", "shows", "lost"), [
    ([Death(frozenset())], "RELEASE", False), ([], "RELEASE", True), ([Death(frozenset())], "NONSENSE", True),
])  # fmt: skip
def test_only_a_kill_excuses_a_decision_that_is_shown_although_its_case_was_reopened(
    deaths: list[Death], shows: str, lost: bool
) -> None:
    cases, orders = but(WELL.cases, 0, IsClosed=False), but(WELL.orders, 0, c_caseDecision=shows)
    found = judged(replace(WELL, cases=cases, orders=orders, deaths=deaths))
    assert any("is not shown on the order" in each.what for each in found) == lost, found


def test_people_may_say_the_same_thing_twice() -> None:
    assert judged(replace(WELL, duplicates={**NOTHING, "comments": {"500c Hello?": 2}})) == []


ORDERED, CALLED = "orders/RefArch/1301", "Case/orders-to-cases:_ref_arch:1301"


def test_a_lost_answer_lets_an_object_be_written_again_and_once_more_when_it_cannot_arrive_any_more() -> None:
    twice = {"answer lost": {"1": [ORDERED]}, "no reason": {"1": [ORDERED]}, "client ended": {}}
    assert repetitions(replace(WELL, again=twice))["no cause"] == []
    thrice = {**twice, "client ended": {"1": [ORDERED]}}
    assert repetitions(replace(WELL, again=thrice))["no cause"] == [ORDERED]


def test_a_row_in_flight_at_an_earlier_kill_may_be_written_again_after_a_later_one() -> None:
    quiet = Death(frozenset())
    later = replace(WELL, again={"client ended": {"2": [CALLED]}}, deaths=[Death(frozenset([1])), quiet])
    assert repetitions(later) == {"kill": [CALLED], "answer lost": [], "no cause": []}
    assert repetitions(replace(later, deaths=[quiet, quiet]))["no cause"] == [CALLED]


def test_an_update_of_a_case_that_was_named_by_its_id_when_its_answer_was_lost_has_a_cause() -> None:
    found = repetitions(replace(WELL, again={"no reason": {"1": [CALLED]}}, unanswered={"500a": 1}, deaths=[]))
    assert found == {"kill": [], "answer lost": [CALLED], "no cause": []}


def test_a_finding_says_what_is_wrong_and_with_which_record() -> None:
    assert str(Finding("lost", "no case", "1301")) == "lost: no case: 1301"
