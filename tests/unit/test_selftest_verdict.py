"""The judge of the self-test: finds nothing where nothing is wrong, and names each thing that is planted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from connector.cli.selftesting.evidence import Death, Entry, Evidence
from connector.cli.selftesting.findings import Finding
from connector.cli.selftesting.verdict import judged, repetitions
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
    "Refund_Amount__c": None, "Risk_Score__c": 7, "Payment_Status__c": "paid", "Order_No__c": "1301",
    "Credit_Amount__c": None, "LastModifiedDate": CLOSED, "Product_Ids__c": None, "Notice__c": None, "Site__c": None,
    "Recall_Lifted__c": False,
}  # fmt: skip
OF_RETURN = {
    **CASE, "Id": "500b", "Commerce_Key__c": "returns-to-cases:_ref_arch:_r_r-1", "Type": "Return", "Resolution__c": "Refund",
    "Refund_Amount__c": 10.0,
}  # fmt: skip
OF_COMPLAINT = {
    **CASE, "Id": "500c", "Commerce_Key__c": "complaints-to-cases:_ref_arch:_c_p-1", "Type": "Complaint",
    "Resolution__c": "Exchange",
}  # fmt: skip
OF_DISPUTE = {
    **CASE, "Id": "500d", "Commerce_Key__c": "disputes-to-cases:_ref_arch:_d_p-1", "CaseNumber": "00001004", "Type": "Dispute",
    "Resolution__c": "Credit", "Credit_Amount__c": 5.0, "Order_No__c": "1301 1302", "Payment_Status__c": "paid paid",
}  # fmt: skip
CORRECTED = {
    **OF_DISPUTE, "Id": "500e", "Commerce_Key__c": "disputes-to-cases:_ref_arch:_d_p-2", "CaseNumber": "00001005",
    "Resolution__c": "Correct", "Credit_Amount__c": None,
}  # fmt: skip
PROVE = {
    **CORRECTED,
    "Id": "500f",
    "Commerce_Key__c": "disputes-to-cases:_ref_arch:_d_p-3",
    "Resolution__c": "More evidence",
}
BESIDE = [
    {"Id": f"a00{dispute}{number}", "Commerce_Key__c": f"disputes-to-cases:_ref_arch:_d_p-{dispute}:orders:{number}",
     "IsDeleted": False, "Case__c": f"500{case}", "Order_No__c": number, "Payment_Status__c": "paid"}
    for dispute, case in ((1, "d"), (2, "e"), (3, "f")) for number in ("1301", "1302")
]  # fmt: skip
RECALL = {
    **CASE, "Id": "500g", "Commerce_Key__c": None, "CaseNumber": "00001007", "Type": "Recall", "IsClosed": False,
    "Product_Ids__c": "P1; P2", "Notice__c": "Stop.",
}  # fmt: skip
OF_ONE_SITE = {
    **RECALL,
    "Id": "500h",
    "CaseNumber": "00001008",
    "Product_Ids__c": "P2;P3",
    "Site__c": "RefArch",
    "Notice__c": "Off.",
}
LIFTED = {**RECALL, "Id": "500i", "CaseNumber": "00001009", "Product_Ids__c": "P4", "Recall_Lifted__c": True}
DISPUTE = {
    "key_value_string": "DP-1", "site_id": "RefArch", "c_orderNos": '["1301", "1302"]', "c_status": "CLOSED",
    "c_decision": "CREDIT", "c_caseNumber": "00001004", "c_caseStatus": "Closed", "c_evidenceAskedAt": None,
    "c_evidenceAnswered": None, "c_messages": '[{"id": "m1", "text": "Why?"}]', "c_events": '[{"id": "e1", "text": "credited"}]',
    "c_documents": '[{"id": "d1", "url": "https://shop.example/1.pdf"}]',
}  # fmt: skip
SETTLED = {
    **DISPUTE, "key_value_string": "DP-2", "c_decision": "CORRECTED", "c_caseNumber": "00001005", "c_messages": None,
    "c_events": None, "c_documents": None,
}  # fmt: skip
ASKED = {
    **SETTLED, "key_value_string": "DP-3", "c_decision": None, "c_status": "EVIDENCE",
    "c_evidenceAskedAt": "2026-11-20T10:15:30.000Z",
}  # fmt: skip
BOTH_OFF = {"default": True, "default@RefArch": False, "default@RefArchGlobal": False}
PRODUCTS = [
    {"id": "P1", "online_flag": BOTH_OFF, "c_recallNotice": "Stop.", "c_recallCase": "00001007"},
    {"id": "P2", "online_flag": BOTH_OFF, "c_recallNotice": "Off.", "c_recallCase": "00001008"},
    {
        "id": "P3",
        "online_flag": {"default": True, "default@RefArch": False},
        "c_recallNotice": "Off.",
        "c_recallCase": "00001008",
    },
    {"id": "P4", "online_flag": {"default": True}},
]
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
    {"Id": "00a5", "ParentId": "500d", "IsPublished": True,
     "CommentBody": "Why?\n[disputes-to-cases:_ref_arch:_d_p-1:messages:m1]"},
    {"Id": "00a6", "ParentId": "500d", "IsPublished": False,
     "CommentBody": "So.\n[disputes-to-cases:_ref_arch:_d_p-1:events:e1]"},
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
OF, AT = "cases-to-disputes:_ref_arch:_d_p-", DECIDED.removeprefix("decided-")
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
    cases=[CASE, OF_RETURN, OF_COMPLAINT, OF_DISPUTE, CORRECTED, PROVE, RECALL, OF_ONE_SITE, LIFTED],
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
    disputes=[DISPUTE, SETTLED, ASKED],
    credits=[{"key_value_string": f"{OF}1:credit", "c_recordId": "DP-1", "c_amount": 5.0}],
    written=frozenset(f"{OF}{n}:{each}" for n in (1, 2, 3) for each in (f"event:{AT}", f"notice:decided-{AT}")),
    given={f"{OF}1:credit": {"c_amount": 5.0}, f"{OF}2:correction:decided-{AT}": {}},
    files=frozenset(["disputes-to-cases:_ref_arch:_d_p-1:files:d1"]),
    beside=BESIDE,
    products=PRODUCTS,
    rows={
        "orders-to-cases": {"1301": Entry("done", "", frozenset(["500a"]), 1), "1302": Entry("filtered")},
        "returns-to-cases": {"RR-1": Entry("done", "", frozenset(["500b"]))},
        "complaints-to-cases": {"CP-1": Entry("done", "", frozenset(["500c"]), 3)},
    },
    deaths=[Death(frozenset([1, 3]))],
)


DONE = Entry("done", "", frozenset(["500a"]))


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
        lambda e: replace(e, rows={**e.rows, "orders-to-cases": dict.fromkeys(("1301", "1302"), DONE)}),
        "books", "the counter says"),
    "a row that still waits": (
        lambda e: replace(e, books=[replace(e.books[0], pending=1, filtered=0, open=1, settled=1), *e.books[1:]]),
        "unexplained", "1 rows are pending"),
    "a row parked for nothing": (
        lambda e: replace(e, rows={**e.rows, "returns-to-cases": {"RR-1": Entry("parked", "gave up", frozenset(["500b"]))}}),
        "unexplained", "parked it: gave up"),
    "a case that only the ledger knows": (
        lambda e: replace(e, rows={**e.rows, "returns-to-cases": {"RR-1": Entry("done", "", frozenset(["500x"]))}}),
        "lost", "its case is not there"),
    "more repeated than was in flight": (
        lambda e: replace(e, deaths=[Death(frozenset([1, 2]))]), "repeated", "neither was it in flight"),
    "an update without a cause": (
        lambda e: replace(e, again={**e.again, "no reason": {"1": ["Case/returns-to-cases:_ref_arch:_r_r-1"]}}),
        "repeated", "written again"),
    "a lost dispute": (lambda e: replace(e, cases=[*e.cases[:3], *e.cases[4:]]), "lost", "no case of disputes-to-cases"),
    "an order left out of its case": (
        lambda e: replace(e, cases=but(e.cases, 3, Order_No__c="1301")), "lost", "does not name all orders"),
    "older payments on the case": (
        lambda e: replace(e, cases=but(e.cases, 3, Payment_Status__c="paid not_paid")), "stale", "older payments"),
    "a lost record of an order": (
        lambda e: replace(e, beside=but(e.beside, 1, IsDeleted=True)), "lost", "order 1302 has no record beside the case"),
    "a record of an order that nobody keeps": (
        lambda e: replace(e, beside=but(e.beside, 1, Payment_Status__c="not_paid")), "stale", "shows an older payment"),
    "a record of an order beside no case": (
        lambda e: replace(e, beside=but(e.beside, 1, Case__c="500x")), "lost", "beside a case that is not there"),
    "a doubled record": (lambda e: replace(e, duplicates={**NOTHING, "records": {"k": 2}}), "twice", "a record of a custom"),
    "a lost word of a dispute": (lambda e: replace(e, comments=[each for each in e.comments if each["Id"] != "00a5"]),
        "lost", "a message of the customer"),
    "a lost step of the shop": (lambda e: replace(e, comments=[each for each in e.comments if each["Id"] != "00a6"]),
        "lost", "what the shop carried out"),
    "a lost file": (lambda e: replace(e, files=frozenset()), "lost", "the document d1 is no file"),
    "a doubled file": (lambda e: replace(e, duplicates={**NOTHING, "files": {"k": 2}}), "twice", "a file"),
    "a dispute that shows an older case": (
        lambda e: replace(e, disputes=but(e.disputes, 0, c_caseStatus="New")), "stale", "the dispute shows New"),
    "a dispute that is open": (
        lambda e: replace(e, disputes=but(e.disputes, 1, c_status="IN_REVIEW")), "lost", "the dispute is IN_REVIEW"),
    "a lost decision on a dispute": (
        lambda e: replace(e, disputes=but(e.disputes, 1, c_decision=None)), "lost", "is not on the dispute"),
    "a question that nobody asked": (
        lambda e: replace(e, disputes=but(e.disputes, 2, c_evidenceAskedAt=None)), "lost", "was not asked for evidence"),
    "an answer that opened no case": (
        lambda e: replace(e, disputes=but(e.disputes, 2, c_evidenceAnswered="2026-11-20T10:15:30.000Z")),
        "lost", "is still closed"),
    "a step that left no trail": (
        lambda e: replace(e, written=e.written - {f"{OF}1:event:{AT}"}), "lost", "is no event of the dispute"),
    "a customer who was not told": (
        lambda e: replace(e, written=e.written - {f"{OF}2:notice:decided-{AT}"}), "lost", "was not told of Correct"),
    "a credit that nobody gave": (
        lambda e: replace(e, given={k: v for k, v in e.given.items() if "credit" not in k}), "lost", "credit was not given"),
    "another credit": (
        lambda e: replace(e, given={**e.given, f"{OF}1:credit": {"c_amount": 4.0}}), "stale", "another amount was credited"),
    "an account left as it was": (
        lambda e: replace(e, given={f"{OF}1:credit": {"c_amount": 5.0}}), "lost", "was not corrected"),
    "a second credit": (lambda e: replace(e, credits=[*e.credits, *e.credits]), "twice", "a credit"),
    "a notice that was sent again": (lambda e: replace(e, again_refused=["n"]), "twice", "a notice"),
    "a recalled product on sale": (
        lambda e: replace(e, products=but(e.products, 2, online_flag={"default": True})), "lost", "is held by a recall"),
    "a product that one of two recalls let go": (
        lambda e: replace(e, products=but(e.products, 1, online_flag=PRODUCTS[2]["online_flag"])), "lost", "held by a recall"),
    "a product that did not come back": (
        lambda e: replace(e, products=but(e.products, 3, online_flag=BOTH_OFF)), "lost", "is held by no recall"),
    "a notice that stayed": (
        lambda e: replace(e, products=but(e.products, 3, c_recallNotice="Stop.")), "stale", "c_recallNotice is 'Stop.'"),
    "a notice of no recall that is open": (
        lambda e: replace(e, products=but(e.products, 0, c_recallCase="00001009")), "stale", "c_recallCase is '00001009'"),
    "attempts burnt by an outage": (lambda e: replace(e, attempts_burnt=3), "burnt", "3 attempts"),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_named(planted: str) -> None:
    plant, sort, what = PLANTED[planted]
    found = judged(plant(WELL))
    assert [each for each in found if each.sort == sort and what in each.what], found


def test_a_case_that_a_person_deleted_is_not_lost() -> None:
    gone = {**CASE, "IsDeleted": True}
    parked = Entry("parked", "service.Case: the object was deleted or merged by a person", frozenset(["500a"]), 1)
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


@pytest.mark.parametrize("flow", ["complaints-to-cases", "disputes-to-cases", "recalls-to-products"])
def test_what_we_say_twice_is_found_whichever_flow_said_it(flow: str) -> None:
    twice = {**NOTHING, "comments": {f"500d So. [{flow}:_ref_arch:_d_p-1:events:e1]": 2}}
    assert [each.what for each in judged(replace(WELL, duplicates=twice))] == ["a comment"]


def test_a_product_of_two_recalls_may_show_either() -> None:
    shows = but(PRODUCTS, 1, c_recallNotice="Stop.", c_recallCase="00001007")
    assert judged(replace(WELL, products=shows)) == []


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


def test_a_record_that_was_named_by_its_id_when_its_answer_was_lost_has_a_cause() -> None:
    again = {"no reason": {"1": [f"Case_Order__c/{BESIDE[0]['Commerce_Key__c']}"]}}
    found = repetitions(replace(WELL, again=again, unanswered={"a0011301": 1}, deaths=[]))
    assert not found["no cause"]
    assert found["answer lost"]


def test_a_finding_says_what_is_wrong_and_with_which_record() -> None:
    assert str(Finding("lost", "no case", "1301")) == "lost: no case: 1301"
