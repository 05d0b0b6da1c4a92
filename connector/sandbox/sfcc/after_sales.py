"""Object types of what comes after a sale: warranty claims, disputes, and what the shop's own code gives and corrects."""

from __future__ import annotations

from connector.sandbox.sfcc.schema import DATETIME, NUMBER, TEXT, Attribute

_CASE = {
    "c_status": TEXT,
    "c_decidedAt": DATETIME,
    "c_decidedBy": TEXT,
    "c_decisionText": TEXT,
    "c_caseNumber": TEXT,
    "c_caseStatus": TEXT,
}
_EVIDENCE = {
    "c_messages": TEXT,
    "c_documents": TEXT,
    "c_evidenceWanted": TEXT,
    "c_evidenceAskedAt": DATETIME,
    "c_evidenceAnswered": DATETIME,
}

AFTER_SALES: dict[str, dict[str, Attribute]] = {
    "WarrantyClaim": {
        "c_orderNo": TEXT,
        "c_itemId": TEXT,
        "c_productId": TEXT,
        "c_serialNo": TEXT,
        "c_fault": TEXT,
        "c_email": TEXT,
        "c_decision": Attribute("text", ("REPAIR", "EXCHANGE", "REFUND", "REJECTED")),
        **_CASE,
        **_EVIDENCE,
    },
    "Dispute": {
        "c_kind": Attribute("text", ("DUPLICATE_CHARGE", "MISSING_POINTS", "PROFILE", "OTHER")),
        "c_orderNos": TEXT,
        "c_customerNo": TEXT,
        "c_email": TEXT,
        "c_comment": TEXT,
        "c_amount": NUMBER,
        "c_currency": TEXT,
        "c_points": NUMBER,
        "c_decision": Attribute("text", ("CREDIT", "CORRECTED", "REJECTED")),
        "c_creditAmount": NUMBER,
        "c_creditPoints": NUMBER,
        "c_events": TEXT,
        **_CASE,
        **_EVIDENCE,
    },
    "DisputeEvent": {
        "c_disputeId": TEXT,
        "c_caseNumber": TEXT,
        "c_at": DATETIME,
        "c_by": TEXT,
        "c_caseStatus": TEXT,
        "c_caseOwner": TEXT,
        "c_decision": TEXT,
        "c_amount": NUMBER,
        "c_points": NUMBER,
        "c_text": TEXT,
    },
    "CreditRequest": {
        "c_kind": TEXT,
        "c_recordId": TEXT,
        "c_orderNo": TEXT,
        "c_customerNo": TEXT,
        "c_amount": NUMBER,
        "c_currency": TEXT,
        "c_points": NUMBER,
        "c_caseId": TEXT,
        "c_caseNumber": TEXT,
        "c_status": TEXT,
        "c_executedKey": TEXT,
        "c_executedAmount": NUMBER,
        "c_executedAt": DATETIME,
        "c_failure": TEXT,
    },
    "AccountCorrection": {
        "c_recordId": TEXT,
        "c_customerNo": TEXT,
        "c_correction": TEXT,
        "c_caseNumber": TEXT,
        "c_status": TEXT,
        "c_executedKey": TEXT,
    },
}
