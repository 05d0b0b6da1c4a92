"""The judge: compares commerce, cases and ledger, and names whatever is lost, twice, out of date or unexplained.

What is to be found is said again here in plain Python, not asked of the mappings: a judge who uses the code that he judges
finds nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal

from connector import keys
from connector.cli.selftesting.after_sales import DISPUTES, AfterSales
from connector.cli.selftesting.evidence import Document, Evidence
from connector.cli.selftesting.findings import Bench, Finding, amount, instant, mark
from connector.cli.selftesting.stage import FLOWS, SITE

Cause = Literal["kill", "answer lost", "no cause"]
"""Why an object was written again without any news."""

ORDERS, RETURNS, COMPLAINTS = "orders-to-cases", "returns-to-cases", "complaints-to-cases"
SHOWN = {"Release": "RELEASE", "Hold": "HOLD", "Cancel": "CANCEL"}
MOVED = {
    "Release": ("confirmation_status", ("confirmed",)),
    "Hold": ("confirmation_status", ("not_confirmed",)),
    "Cancel": ("status", ("cancelled", "failed")),
}
"""Decision about an order → what the order must show of it."""
RETURNED = {"Refund": "APPROVED", "Exchange": "EXCHANGE", "Rejected": "REJECTED"}
OUTCOME = {"Refund": "REFUND", "Exchange": "EXCHANGE", "Rejected": "REJECTED", "Credit": "CREDIT"}
BY_A_PERSON = "deleted or merged by a person"


def judged(evidence: Evidence) -> list[Finding]:
    """Everything that is wrong; empty when all promises were kept."""
    judge, later = _Judge(evidence), AfterSales(evidence)
    return [
        *judge.books(),
        *judge.ledger(),
        *judge.orders(),
        *judge.returns(),
        *judge.complaints(),
        *judge.answers(),
        *later.disputes(),
        *later.recalls(),
        *later.paid(),
        *judge.twice(),
        *judge.repeated(),
    ]


class _Judge(Bench):
    # the ledger with itself, and with the cases
    def books(self) -> Iterator[Finding]:
        for books in self.seen.books:
            if not books.balanced:
                yield Finding("books", "the equations do not hold", books.flow)
            if books.pending or books.open:
                yield Finding("unexplained", f"{books.pending} rows are pending, {books.open} open", books.flow)
            counted = Counter(entry.state for entry in self.seen.rows.get(books.flow, {}).values())
            for state in ("done", "filtered", "foreign", "parked", "pending", "dropped"):
                if counted[state] != getattr(books, state):
                    what = f"the counter says {getattr(books, state)} {state}, the rows are {counted[state]}"
                    yield Finding("books", what, books.flow)

    def ledger(self) -> Iterator[Finding]:
        known = {case["Id"] for case in self.seen.cases}
        for flow, rows in self.seen.rows.items():
            for key, entry in rows.items():
                if entry.state == "parked" and BY_A_PERSON not in entry.reason:
                    yield Finding("unexplained", f"{flow} parked it: {entry.reason}", key)
                made = flow in (ORDERS, RETURNS, COMPLAINTS, DISPUTES) and entry.state == "done"
                if made and not known.intersection(entry.targets):
                    yield Finding("lost", f"{flow} calls it done, and its case is not there", key)

    # record by record
    def orders(self) -> Iterator[Finding]:
        read = self.seen.rows.get(ORDERS, {})
        for order in self.seen.orders:
            number = order["order_no"]
            if number not in read:
                yield Finding("lost", "an order that was never read", number)
            if not _needs_a_person(order):
                continue
            case, findings = self.case(ORDERS, number)
            yield from findings
            if case is not None:
                yield from self._order(order, case)

    def _order(self, order: Document, case: Document) -> Iterator[Finding]:
        number, decision = order["order_no"], case["Resolution__c"] if case["IsClosed"] else None
        if amount(case["Risk_Score__c"]) != amount(order["c_riskScore"]):
            yield Finding("stale", "the case shows an older risk score than the order has", number)
        if case["Payment_Status__c"] != order["payment_status"]:
            yield Finding("stale", "the case shows an older payment status than the order has", number)
        if order["c_caseNumber"] != case["CaseNumber"]:
            yield Finding("lost", "the order does not show its case", number)
        elif order["c_caseStatus"] != case["Status"]:
            yield Finding("stale", f"the order shows {order['c_caseStatus']}, the case is {case['Status']}", number)
        shown = order["c_caseDecision"]
        if shown != SHOWN.get(decision or "") and not self.taken_back(case, shown, tuple(SHOWN.values())):
            yield Finding("lost", f"the decision {decision} is not shown on the order", number)
        if decision:
            name, values = MOVED[decision]
            if order[name] not in values:
                yield Finding("lost", f"the decision {decision} was not carried out on the order", number)
            yield from self._note("cases-to-orders", number, "decision", case, number)

    def _note(self, flow: str, key: str, line: str, case: Document, number: str) -> Iterator[Finding]:
        wanted = keys.make(flow, SITE, key, line, f"decided-{instant(case['ClosedDate'])}")
        if self.marks[wanted] == 0:
            yield Finding("lost", f"the note about {key} is not on the order", number)

    def returns(self) -> Iterator[Finding]:
        asked = defaultdict(list)
        for refund in self.seen.refunds:
            asked[refund["c_returnId"]].append(refund)
        for each in self.seen.returns:
            key = each["key_value_string"]
            if each["c_withinPolicy"] and (each["c_amount"] or 0) < 500 and each["c_proofOfPurchase"]:
                continue
            case, findings = self.case(RETURNS, key)
            yield from findings
            if case is None or not case["IsClosed"]:
                continue
            if each["c_status"] != RETURNED.get(case["Resolution__c"] or ""):
                yield Finding("lost", f"the decision {case['Resolution__c']} is not on the return", key)
            yield from self._note("cases-to-returns", key, "note", case, each["c_orderNo"])
            if case["Resolution__c"] == "Refund":
                yield from self._refund(key, asked[key], case)

    def _refund(self, key: str, asked: Sequence[Document], case: Document) -> Iterator[Finding]:
        if not asked:
            yield Finding("lost", "the refund was never requested", key)
            return
        paid = self.seen.executed.get(asked[0]["key_value_string"])
        if paid is None:
            yield Finding("lost", "the refund was requested and never executed", key)
        elif amount(paid["c_amount"]) != amount(case["Refund_Amount__c"]):
            yield Finding("stale", "another amount was refunded than the agent decided", key)

    def complaints(self) -> Iterator[Finding]:
        for each in self.seen.complaints:
            key = each["key_value_string"]
            case, findings = self.case(COMPLAINTS, key)
            yield from findings
            if case is None:
                continue
            if case["IsClosed"] and each["c_outcome"] != OUTCOME.get(case["Resolution__c"] or ""):
                yield Finding("lost", f"the outcome {case['Resolution__c']} is not on the complaint", key)
            yield from self.said(COMPLAINTS, "messages", key, each["c_messages"], case)

    def answers(self) -> Iterator[Finding]:
        """Each public comment of an agent is one message in the shop, and nothing else is."""
        complaints = {c["Id"]: c["Commerce_Key__c"] for c in self.live.values() if c["Type"] == "Complaint"}
        ours = f"[{COMPLAINTS}:"
        wanted = Counter(
            c["CommentBody"]
            for c in self.seen.comments
            if c["ParentId"] in complaints and c["IsPublished"] and ours not in (c["CommentBody"] or "")
        )
        there = Counter(answer["c_text"] for answer in self.seen.answers)
        for text, number in wanted.items():
            if there[text] < number:
                yield Finding("lost", "an answer of an agent is not in the shop", text)
        for text, number in there.items():
            if number > wanted[text]:
                what = "our own comment came back as an answer" if ours in text else "an answer is in the shop twice"
                yield Finding("twice", what, text)

    # both systems by themselves
    def twice(self) -> Iterator[Finding]:
        what = {
            "cases": "a case", "created": "a case that was created again", "notes": "a note", "comments": "a comment",
            "refunds": "a refund request", "files": "a file", "records": "a record of a custom object",
        }  # fmt: skip
        for kind, found in self.seen.duplicates.items():
            for key in found:
                ours = keys.parse(mark(key)) if kind == "comments" else None
                if kind != "comments" or (
                    ours is not None and ours.flow in FLOWS
                ):  # people may say the same thing twice
                    yield Finding("twice", what[kind], key)
        for key in self.seen.refused:
            yield Finding("twice", "a refund that was asked for again", key)

    def repeated(self) -> Iterator[Finding]:
        """Nothing is said again but what was in flight at a kill, or got no answer."""
        for name in repetitions(self.seen)["no cause"]:
            yield Finding(
                "repeated", "written again, and neither was it in flight at a kill nor was an answer lost", name
            )
        if self.seen.attempts_burnt:
            yield Finding(
                "burnt", f"{self.seen.attempts_burnt} attempts were counted while a system was away", "outages"
            )


ONCE_MORE = 2
"""Times that one lost answer lets an object be written again: at once, and where another value went meanwhile once more, when
what was lost cannot arrive any more."""


def repetitions(evidence: Evidence) -> dict[Cause, list[str]]:
    """Objects by why they were written again without any news, as often as they were."""
    writers = _writers(evidence)
    ids = {one["Commerce_Key__c"]: one["Id"] for one in (*evidence.cases, *evidence.beside)}
    in_flight = Counter(row for death in evidence.deaths for row in death.in_flight)
    out: dict[Cause, list[str]] = {"kill": [], "answer lost": [], "no cause": []}
    left: dict[str, Counter[Cause]] = {}
    for why, rounds in evidence.again.items():
        for name in (name for names in rounds.values() for name in names):
            called = name.rpartition("/")[2]
            if name not in left:
                lost = max(evidence.unanswered.get(called, 0), evidence.unanswered.get(ids.get(called, ""), 0))
                killed = sum(in_flight[row] for row in writers.get(called, ()))
                left[name] = Counter({"kill": ONCE_MORE * killed, "answer lost": ONCE_MORE * lost})
            likely: Cause = "answer lost" if why == "answer lost" else "kill"
            other: Cause = "kill" if likely == "answer lost" else "answer lost"
            causes: tuple[Cause, ...] = (likely, other)
            cause: Cause = next((each for each in causes if left[name][each] > 0), "no cause")
            left[name][cause] -= 1
            out[cause].append(name)
    return out


def _writers(evidence: Evidence) -> dict[str, set[int]]:
    """Rows by what the objects that they write are called: by our key, or by what the object has for an id."""
    out: dict[str, set[int]] = defaultdict(set)
    for name in {name for rounds in evidence.again.values() for names in rounds.values() for name in names}:
        called = name.rpartition("/")[2]
        ours = keys.parse(called)
        if ours is not None and (entry := evidence.rows.get(ours.flow, {}).get(ours.record)):
            out[called].add(entry.row)
    for rows in evidence.rows.values():
        for entry in rows.values():
            for target in entry.targets:
                out[target].add(entry.row)
    return out


def _needs_a_person(order: Document) -> bool:
    """As orders were made: what people decide about them moves their status, so it is not asked for."""
    unpaid = order["payment_status"] == "not_paid" and order["c_paymentError"]
    return bool(unpaid or order["c_addressMismatch"] or order["c_fulfillmentStatus"] == "PARTIAL")
