"""The judge of disputes and recalls: several orders on one case, what is given once, and products held for a while."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from connector import keys
from connector.cli.selftesting.evidence import Document
from connector.cli.selftesting.findings import Bench, Finding, amount, instant
from connector.cli.selftesting.stage import SITE

DISPUTES, DECISIONS = "disputes-to-cases", "cases-to-disputes"
DECIDED = {"Credit": "CREDIT", "Correct": "CORRECTED", "Rejected": "REJECTED"}
ASKED = "More evidence"
SITES = ("RefArch", "RefArchGlobal")
"""Sites that the mapping of recalls takes products off."""


class AfterSales(Bench):
    """What a record asks for beside its case, line by line."""

    def disputes(self) -> Iterator[Finding]:
        payments = {order["order_no"]: order["payment_status"] for order in self.seen.orders}
        beside = {one["Commerce_Key__c"]: one for one in self.seen.beside if not one["IsDeleted"]}
        for each in self.seen.disputes:
            key = each["key_value_string"]
            case, findings = self.case(DISPUTES, key)
            yield from findings
            if case is None:
                continue
            about = json.loads(each["c_orderNos"] or "[]")
            if case["Order_No__c"] != " ".join(about):
                yield Finding("lost", "the case does not name all orders of the dispute", key)
            if case["Payment_Status__c"] != " ".join(payments[number] for number in about):
                yield Finding("stale", "the case shows older payments than its orders have", key)
            for number in about:
                yield from self._beside(key, number, payments[number], beside)
            yield from self.said(DISPUTES, "messages", key, each["c_messages"], case)
            yield from self.said(DISPUTES, "events", key, each["c_events"], case)
            yield from self._documents(key, each)
            yield from self._shown(key, each, case)
            yield from self._given(key, case)

    def _beside(self, key: str, number: str, payment: str, beside: Mapping[str, Document]) -> Iterator[Finding]:
        """Each order has its record beside the case, or beside the one that took it along when it was merged."""
        found = beside.get(keys.make(DISPUTES, SITE, key, "orders", number))
        if found is None:
            yield Finding("lost", f"the order {number} has no record beside the case", key)
        elif found["Payment_Status__c"] != payment:
            yield Finding("stale", f"the record of the order {number} shows an older payment", key)
        elif found["Case__c"] not in self.ids:
            yield Finding("lost", f"the record of the order {number} stands beside a case that is not there", key)

    def _documents(self, key: str, each: Document) -> Iterator[Finding]:
        for paper in json.loads(each["c_documents"] or "[]"):
            if keys.make(DISPUTES, SITE, key, "files", paper["id"]) not in self.seen.files:
                yield Finding("lost", f"the document {paper['id']} is no file of the case", key)

    def _shown(self, key: str, each: Document, case: Document) -> Iterator[Finding]:
        """What the dispute shows of its case, and the trail of it."""
        decision = case["Resolution__c"] if case["IsClosed"] else None
        if (each["c_caseNumber"], each["c_caseStatus"]) != (case["CaseNumber"], case["Status"]):
            yield Finding("stale", f"the dispute shows {each['c_caseStatus']}, the case is {case['Status']}", key)
        status = "IN_REVIEW" if decision is None else "EVIDENCE" if decision == ASKED else "CLOSED"
        if each["c_status"] != status:
            yield Finding("lost", f"the dispute is {each['c_status']}, its case decided {decision}", key)
        shows = each["c_decision"]
        if shows != DECIDED.get(decision or "") and not self.taken_back(case, shows, tuple(DECIDED.values())):
            yield Finding("lost", f"the decision {decision} is not on the dispute", key)
        if decision == ASKED and each["c_evidenceAskedAt"] != instant(case["ClosedDate"]):
            yield Finding("lost", "the customer was not asked for evidence", key)
        if decision == ASKED and each["c_evidenceAskedAt"] == each["c_evidenceAnswered"]:
            yield Finding("lost", "the customer answered, and the case that asked is still closed", key)
        if keys.make(DECISIONS, SITE, key, "event", instant(case["LastModifiedDate"])) not in self.seen.written:
            yield Finding("lost", "the last step of the case is no event of the dispute", key)
        if decision and keys.make(DECISIONS, SITE, key, "notice", _decided(case)) not in self.seen.written:
            yield Finding("lost", f"the customer was not told of {decision}", key)

    def _given(self, key: str, case: Document) -> Iterator[Finding]:
        """What was decided has been carried out, once."""
        decision = case["Resolution__c"] if case["IsClosed"] else None
        if decision == "Correct":
            if keys.make(DECISIONS, SITE, key, "correction", _decided(case)) not in self.seen.given:
                yield Finding("lost", "the account was not corrected", key)
        elif decision == "Credit":
            given = self.seen.given.get(keys.make(DECISIONS, SITE, key, "credit"))
            if given is None:
                yield Finding("lost", "the credit was not given", key)
            elif amount(given["c_amount"]) != amount(case["Credit_Amount__c"]):
                yield Finding("stale", "another amount was credited than the agent decided", key)

    def paid(self) -> Iterator[Finding]:
        """The shop never saw a credit, a correction or a notice again, nor a second credit for one dispute."""
        for key in self.seen.again_refused:
            yield Finding("twice", "a credit, a correction or a notice that was asked for again", key)
        about = [each["c_recordId"] for each in self.seen.credits]
        for record in sorted({each for each in about if about.count(each) > 1}):
            yield Finding("twice", "a credit", record)

    def recalls(self) -> Iterator[Finding]:
        """Every product is off where a recall is open, and says which one; all others are as they were before."""
        holders: dict[str, list[Document]] = {}
        for case in self.seen.cases:
            if case["Type"] == "Recall" and not case["IsDeleted"] and not case["Recall_Lifted__c"]:
                for name in {part.strip() for part in (case["Product_Ids__c"] or "").split(";")}:
                    holders.setdefault(name, []).append(case)
        for product in self.seen.products:
            name, open_ = product["id"], holders.get(product["id"], [])
            off = {f"default@{site}": False for site in SITES if any(c["Site__c"] in (None, site) for c in open_)}
            if product["online_flag"] != {"default": True, **off}:
                says = "is held by a recall, and on sale" if off else "is held by no recall, and not as it was before"
                yield Finding("lost", f"the product {says}: {product['online_flag']}", name)
            for shown, of in (("c_recallNotice", "Notice__c"), ("c_recallCase", "CaseNumber")):
                if product.get(shown) not in ([case[of] for case in open_] or [None]):
                    yield Finding("stale", f"the product's {shown} is {product.get(shown)!r}", name)


def _decided(case: Document) -> str:
    return f"decided-{instant(case['ClosedDate'])}"
