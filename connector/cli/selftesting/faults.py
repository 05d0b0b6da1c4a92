"""Every kind of fault that the self-test knows, in words for people, as rules for the sandbox's gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BOTH = ("sfcc", "salesforce")
READS = r"/query|_search"
ROWS = r"/composite(/sobjects)?$"
SHOP_WRITES = r"/orders/|/custom_objects/|/notes$"
LATE = 1.0
"""Seconds after which a request commits that was given up: the configuration's settle_after is longer."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: what a rule says, and at which systems it happens."""

    name: str
    rule: Mapping[str, Any]
    systems: tuple[str, ...] = BOTH
    more: Mapping[str, Any] = field(default_factory=dict)


def _status(name: str, status: int, **more: Any) -> Kind:
    return Kind(name, {"kind": "status", "status": status, **more})


SHORT: tuple[Kind, ...] = (
    _status("429 with Retry-After", 429, retry_after=1),
    _status("429 without Retry-After", 429),
    _status("500", 500),
    _status("500 after the commit", 500, commit=True),
    _status("502 with HTML", 502, form="html"),
    _status("503 with HTML", 503, form="html"),
    _status("503 with Retry-After", 503, retry_after=1),
    _status("504", 504, form="empty"),
    _status("504 after the commit", 504, form="empty", commit=True),
    Kind("reset before the commit", {"kind": "drop_before", "reset": True}),
    Kind("reset after the commit", {"kind": "drop_after", "reset": True}),
    Kind("closed before the commit", {"kind": "drop_before"}),
    Kind("closed after the commit", {"kind": "drop_after"}),
    Kind("hang past the deadline", {"kind": "hang", "commit": False}),
    Kind("hang, then committed", {"kind": "hang", "commit": True}),
    Kind("committed after it was given up", {"kind": "commit_later", "seconds": LATE, "reply": "drop"}),
    Kind("504, committed later", {"kind": "commit_later", "seconds": LATE, "reply": "504"}),
    Kind("half an answer", {"kind": "truncate"}),
    Kind("truncated JSON", {"kind": "half_json"}),
    Kind("HTML with status 200", {"kind": "html200"}),
    Kind("HTML with 200, committed", {"kind": "html200", "commit": True}),
    Kind("expired token", {"kind": "expired_token"}),
    Kind("slow answer", {"kind": "slow", "seconds": 0.5}),
    Kind("row locked", {"kind": "row_locked", "share": 0.3, "per_key": 2, "path": ROWS}, ("salesforce",)),
    Kind("row failed, 200", {"kind": "row_error", "share": 0.3, "per_key": 1, "path": ROWS}, ("salesforce",)),
    Kind("too many batch retries", {"kind": "too_many_retries", "rows": 5, "path": ROWS}, ("salesforce",)),
    Kind("conditional write refused", {"kind": "error", "status": 409, "code": "ResourceStateConflictException",
                                       "method": "PATCH"}, ("sfcc",)),
    Kind("hook refused for good", {"kind": "error", "status": 400, "code": "HookStatusException", "method": "PATCH",
                                   "arguments": {"statusCode": "VETO", "statusMsg": "not today"}}, ("sfcc",)),
    Kind("duplicate page", {"kind": "page_again", "path": READS}),
    Kind("records moving between pages", {"kind": "moving", "rows": 3, "path": READS}),
    Kind("late commit, old timestamp", {"kind": "late_commit", "seconds": 2.0, "path": ROWS}, ("salesforce",)),
    Kind("index lag", {"kind": "index_lag", "seconds": 3.0, "path": SHOP_WRITES}, ("sfcc",)),
)  # fmt: skip
"""Kinds that strike single requests for some seconds, at a rate."""

MONEY = Kind("answer about money lost", {"kind": "drop_after", "method": "PUT", "every": 2,
                                         "path": "RefundRequest|CreditRequest|AccountCorrection"}, ("sfcc",))  # fmt: skip
"""In every gust of a short run."""

GOOD = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
STANDING: tuple[Kind, ...] = (
    Kind("row rejected for good", {"kind": "row_rejected", "share": 0.01, "path": ROWS}, ("salesforce",)),
    Kind("call refused for one row's field",
         {"kind": "row_error", "share": 0.005, "code": "INVALID_FIELD", "field": "Gift__c", "path": ROWS,
          "message": "No such column 'Gift__c' on sobject of type Case"}, ("salesforce",)),
)  # fmt: skip
"""Kinds that hit the same records from the beginning to the end, until an administrator has mended what they stand for."""

OUTAGE, BUDGET, CREDENTIALS, REVOKED = (
    "connections refused", "budget used up", "credentials refused", "tokens revoked",
)  # fmt: skip
SKEW, EDGE = "clocks apart by 15 minutes", "equal timestamps across a page"
"""What is not a rule of the gate: whole systems that go away, and how the sandbox was started."""
