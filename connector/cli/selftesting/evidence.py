"""What shop, case system and ledger say when everything has come to rest. Read as it is, judged elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.cli.selftesting.stage import FLOWS, SITE, Stage
from connector.model import Row
from connector.sandbox.client import Client
from connector.store import Books, Store

Document = Mapping[str, Any]

ORDER = (
    "order_no", "site_id", "status", "confirmation_status", "payment_status", "c_paymentError", "c_addressMismatch",
    "c_fulfillmentStatus", "c_riskScore", "c_caseNumber", "c_caseStatus", "c_caseDecision",
)  # fmt: skip
RETURN = ("key_value_string", "site_id", "c_orderNo", "c_withinPolicy", "c_amount", "c_proofOfPurchase", "c_status")
COMPLAINT = ("key_value_string", "site_id", "c_status", "c_outcome", "c_messages")
REFUND = ("key_value_string", "site_id", "c_returnId", "c_amount", "c_status")
DISPUTE = (
    "key_value_string", "site_id", "c_orderNos", "c_status", "c_decision", "c_creditAmount", "c_caseNumber", "c_caseStatus",
    "c_evidenceAskedAt", "c_evidenceAnswered", "c_messages", "c_events", "c_documents",
)  # fmt: skip
CREDIT = ("key_value_string", "c_recordId", "c_amount", "c_status")
KEY = ("key_value_string",)
ANSWER = ("key_value_string", "site_id", "c_complaintId", "c_text")
CASE = (
    "Id", "Commerce_Key__c", "CaseNumber", "Type", "Status", "IsClosed", "IsDeleted", "ClosedDate", "Resolution__c",
    "Refund_Amount__c", "Risk_Score__c", "Payment_Status__c", "Order_No__c", "Credit_Amount__c", "LastModifiedDate",
    "Product_Ids__c", "Notice__c", "Site__c", "Recall_Lifted__c",
)  # fmt: skip
BESIDE = ("Id", "Commerce_Key__c", "IsDeleted", "Case__c", "Order_No__c", "Payment_Status__c")
COMMENT = ("Id", "ParentId", "CommentBody", "IsPublished")
NOTE = ("order_no", "subject")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the ledger, as far as it is compared."""

    state: str
    reason: str = ""
    targets: frozenset[str] = frozenset()
    """What its main line writes to; several where the record asks for one a piece (`each`)."""
    row: int = 0


@dataclass(frozen=True, slots=True)
class Death:
    """A daemon that was killed, and the rows of the ledger that it had in hand."""

    in_flight: frozenset[int]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Both systems' own state, and the ledger's."""

    orders: Sequence[Document]
    returns: Sequence[Document]
    complaints: Sequence[Document]
    refunds: Sequence[Document]
    answers: Sequence[Document]
    notes: Sequence[Document]
    cases: Sequence[Document]
    comments: Sequence[Document]
    executed: Mapping[str, Document]
    """What the shop's own code has paid, by the key of the request."""
    refused: Sequence[str]
    """Keys that came to it a second time."""
    duplicates: Mapping[str, Mapping[str, int]]
    again: Mapping[str, Mapping[str, Sequence[str]]]
    unanswered: Mapping[str, int]
    """What writes named that got no proper answer; how often."""
    books: Sequence[Books]
    rows: Mapping[str, Mapping[str, Entry]]
    """Flow → record key → row."""
    disputes: Sequence[Document] = ()
    credits: Sequence[Document] = ()
    written: frozenset[str] = frozenset()
    """Keys of what else stands in the shop for a dispute: corrections, events, notices."""
    given: Mapping[str, Document] = field(default_factory=dict)
    """What the shop's own code has credited and corrected, by key."""
    again_refused: Sequence[str] = ()
    """Keys of credits, corrections and notices that came to it a second time."""
    files: frozenset[str] = frozenset()
    """Keys of the files on cases."""
    beside: Sequence[Document] = ()
    """Orders beside the cases of disputes."""
    products: Sequence[Document] = ()
    deaths: Sequence[Death] = ()
    attempts_burnt: int = 0
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def gathered(stage: Stage, deaths: Sequence[Death] = (), attempts_burnt: int = 0) -> Evidence:
    """Ask both systems over the control port, and the ledger."""
    ask = stage.control
    refunds, given, mails = ask.refunds(), ask.credits(), ask.mails()
    with stage.ledger() as store:
        books, rows = store.counts(), entries(store)
    return Evidence(
        orders=_here(_columns(ask, "orders", ORDER)),
        returns=_here(_columns(ask, "ReturnRequest", RETURN)),
        complaints=_here(_columns(ask, "Complaint", COMPLAINT)),
        refunds=_columns(ask, "RefundRequest", REFUND),
        answers=_columns(ask, "ComplaintMessage", ANSWER),
        notes=_columns(ask, "notes", NOTE),
        cases=_columns(ask, "cases", CASE),
        comments=_columns(ask, "comments", COMMENT),
        executed=refunds["executed"],
        refused=refunds["refused"],
        duplicates=ask.duplicates(),
        again=ask.again(),
        unanswered=ask.unanswered(),
        books=books,
        rows=rows,
        disputes=_here(_columns(ask, "Dispute", DISPUTE)),
        credits=_columns(ask, "CreditRequest", CREDIT),
        written=frozenset(
            one["key_value_string"]
            for kind in ("AccountCorrection", "DisputeEvent", "CustomerNotice")
            for one in _columns(ask, kind, KEY)
        ),
        given=given["executed"],
        again_refused=[*given["refused"], *mails["refused"]],
        files=frozenset(one["Commerce_Key__c"] for one in ask.files() if one["Commerce_Key__c"]),
        beside=_columns(ask, "Case_Order__c", BESIDE),
        products=ask.products(),
        deaths=deaths,
        attempts_burnt=attempts_burnt,
        requests=ask.requests(),
    )


def entries(store: Store) -> dict[str, dict[str, Entry]]:
    """Every row of the ledger, by flow and record."""
    return {flow: {row.key: _entry(row) for row in store.rows(flow=flow, limit=10**9)} for flow in FLOWS}


def _entry(row: Row) -> Entry:
    targets = frozenset(line.target for line in row.lines if line.id == "main" and line.target is not None)
    return Entry(row.state, row.reason, targets, row.id)


def _columns(ask: Client, kind: str, names: Sequence[str]) -> list[Document]:
    found = ask.columns(kind=kind, fields=list(names))
    return [dict(zip(names, values, strict=True)) for values in found]


def _here(documents: Sequence[Document]) -> list[Document]:
    return [each for each in documents if each["site_id"] == SITE]
