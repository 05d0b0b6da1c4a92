"""Does it add up? Every sum has a number from a remote system on one side and one from the ledger, or the other system, on
the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.cli.demonstration.stage import Stage
from connector.config import load_config
from connector.store import Books, open_store

ORDERS, RETURNS, COMPLAINTS = "orders-to-cases:", "returns-to-cases:", "complaints-to-cases:"
FLOWS = 7
_DECISIONS = {"Release": "RELEASE", "Hold": "HOLD", "Cancel": "CANCEL"}
_MOVED = {
    "RELEASE": ("confirmation_status", {"confirmed"}),
    "HOLD": ("confirmation_status", {"not_confirmed"}),
    "CANCEL": ("status", {"cancelled", "failed"}),
}
"""What an order shows once a decision was carried out."""
_OUTCOMES = {"Refund": "APPROVED", "Exchange": "EXCHANGE", "Rejected": "REJECTED"}
_COMPLAINTS = {"Refund": "REFUND", "Exchange": "EXCHANGE", "Rejected": "REJECTED", "Credit": "CREDIT"}


@dataclass(frozen=True, slots=True)
class Sum:
    """Two numbers that must be equal, and where each comes from."""

    what: str
    left: int
    left_of: str
    right: int
    right_of: str

    @property
    def right_so(self) -> bool:
        return self.left == self.right


@dataclass(frozen=True, slots=True)
class Count:
    """Both systems and the ledger, as they are now."""

    orders: Sequence[Mapping[str, Any]]
    returns: Sequence[Mapping[str, Any]]
    complaints: Sequence[Mapping[str, Any]]
    answers: Sequence[Mapping[str, Any]]
    comments: Sequence[Mapping[str, Any]]
    cases: Sequence[Mapping[str, Any]]
    notes: int
    journal: Mapping[str, Any]
    duplicates: Mapping[str, Mapping[str, int]]
    books: Mapping[str, Books]

    @property
    def order_cases(self) -> list[Mapping[str, Any]]:
        return [case for case in self.cases if case["Commerce_Key__c"].startswith(ORDERS)]

    @property
    def return_cases(self) -> list[Mapping[str, Any]]:
        return [case for case in self.cases if case["Commerce_Key__c"].startswith(RETURNS)]

    @property
    def complaint_cases(self) -> list[Mapping[str, Any]]:
        return [case for case in self.cases if case["Commerce_Key__c"].startswith(COMPLAINTS)]

    @property
    def said(self) -> int:
        """What customers and shop wrote about complaints."""
        return sum(len(json.loads(each.get("c_messages") or "[]")) for each in self.complaints)

    @property
    def ours(self) -> list[Mapping[str, Any]]:
        """Comments that the connector made of it: they end in our key."""
        return [each for each in self.comments if f"\n[{COMPLAINTS}" in each["CommentBody"]]

    @property
    def answered_complaints(self) -> list[Mapping[str, Any]]:
        return [each for each in self.complaints if each.get("c_outcome")]

    @property
    def decided(self) -> list[Mapping[str, Any]]:
        return [case for case in self.cases if case["IsClosed"]]

    @property
    def answered_orders(self) -> list[Mapping[str, Any]]:
        return [order for order in self.orders if order.get("c_caseDecision")]

    @property
    def moved_orders(self) -> list[Mapping[str, Any]]:
        """Orders whose status is what their decision asked for."""
        shown = ((order, *_MOVED[order["c_caseDecision"]]) for order in self.answered_orders)
        return [order for order, field, values in shown if order.get(field) in values]

    @property
    def answered_returns(self) -> list[Mapping[str, Any]]:
        return [each for each in self.returns if each.get("c_status") in _OUTCOMES.values()]

    @property
    def arrived(self) -> int:
        """Decisions that the shop shows."""
        return len(self.answered_orders) + len(self.answered_returns) + len(self.answered_complaints)

    @property
    def parked(self) -> int:
        return sum(books.parked for books in self.books.values())

    @property
    def settled(self) -> bool:
        """Everybody has decided, every decision has arrived, nothing is owed."""
        refunds = sum(case["Resolution__c"] == "Refund" for case in self.return_cases)
        return (
            len(self.decided) == len(self.cases)
            and self.arrived == len(self.cases)
            and len(self.ours) == self.said
            and len(self.answers) == len(self.comments) - len(self.ours)
            and self.journal["refunds_executed"] == refunds
            and len(self.books) == FLOWS
            and not any(books.pending or books.open for books in self.books.values())
        )

    def sums(self) -> Iterator[Sum]:
        """All that must be equal."""
        books, ledger, shop, desk = self.books, "ledger", "shop", "case system"
        yield Sum("orders read", books["orders-to-cases"].rows, ledger, len(self.orders), shop)
        yield Sum("returns read", books["returns-to-cases"].rows, ledger, len(self.returns), shop)
        yield Sum("complaints read", books["complaints-to-cases"].rows, ledger, len(self.complaints), shop)
        yield Sum("cases of orders", books["orders-to-cases"].done, ledger, len(self.order_cases), desk)
        yield Sum("cases of returns", books["returns-to-cases"].done, ledger, len(self.return_cases), desk)
        yield Sum("cases of complaints", books["complaints-to-cases"].done, ledger, len(self.complaint_cases), desk)
        yield Sum("cases ever created", self.journal["cases_created"], desk, len(self.cases), "distinct keys")
        decided = self._decisions(self.order_cases, _DECISIONS)
        yield Sum(
            "decisions on orders", self._arrived(decided, self.orders, "c_caseDecision"), shop, len(decided), desk
        )
        yield Sum("orders moved as decided", len(self.moved_orders), shop, len(decided), desk)
        decided = self._decisions(self.return_cases, _OUTCOMES)
        yield Sum("decisions on returns", self._arrived(decided, self.returns, "c_status"), shop, len(decided), desk)
        decided = self._decisions(self.complaint_cases, _COMPLAINTS)
        yield Sum(
            "outcomes of complaints", self._arrived(decided, self.complaints, "c_outcome"), shop, len(decided), desk
        )
        yield Sum("comments on complaints", len(self.ours), desk, self.said, f"messages, {shop}")
        public = len(self.comments) - len(self.ours)
        yield Sum("answers to complaints", len(self.answers), shop, public, f"agents' comments, {desk}")
        decisions = sum(case["IsClosed"] for case in (*self.order_cases, *self.return_cases))
        yield Sum("notes on orders", self.notes, shop, decisions, f"decisions, {desk}")
        refunds = sum(case["Resolution__c"] == "Refund" for case in self.return_cases)
        yield Sum("refunds executed once", self.journal["refunds_executed"], shop, refunds, desk)
        twice = sum(len(each) for each in self.duplicates.values())
        yield Sum("anything made twice", twice, "both systems", 0, "none allowed")
        yield Sum("records parked", self.parked, ledger, 0, "none expected")
        unbalanced = sum(not each.balanced for each in books.values())
        yield Sum("books out of balance", unbalanced, ledger, 0, "none allowed")

    def _decisions(self, cases: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> dict[str, str]:
        """Decision by the number of the case that it was made in."""
        closed = [case for case in cases if case["IsClosed"]]
        return {case["CaseNumber"]: names[case["Resolution__c"]] for case in closed if case["Resolution__c"] in names}

    def _arrived(self, decided: Mapping[str, str], records: Sequence[Mapping[str, Any]], field: str) -> int:
        """Records that show the decision of the very case that they name."""
        return sum(decided.get(each.get("c_caseNumber", "")) == each.get(field, "") for each in records)


def count(stage: Stage) -> Count:
    """Ask both systems over their control port, and the ledger."""
    config = load_config(stage.config)
    store = open_store(config.store, base=config.folder, keys=config.record_keys)
    try:
        books = {each.flow: each for each in store.counts()}
    finally:
        store.close()
    ask = stage.control
    return Count(
        orders=ask.orders(site="RefArch"),
        returns=[each for each in ask.objects(kind="ReturnRequest") if each["site_id"] == "RefArch"],
        complaints=[each for each in ask.objects(kind="Complaint") if each["site_id"] == "RefArch"],
        answers=ask.objects(kind="ComplaintMessage"),
        comments=ask.comments(),
        cases=[case for case in ask.cases() if case.get("Commerce_Key__c")],
        notes=len(ask.notes()),
        journal=ask.journal(),
        duplicates=ask.duplicates(),
        books=books,
    )
