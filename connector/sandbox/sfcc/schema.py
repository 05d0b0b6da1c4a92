"""What the sample shop has declared: sites, attributes of orders and of custom objects, and what search knows.

Field lists: OCAPI OrderSearch and Order documents (23.2), Data API 25.6 custom objects.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connector.sandbox.sfcc.fault import Fault, refuse_enum

SITES: Mapping[str, tuple[str, ...]] = {"RefArch": ("EUR",), "RefArchGlobal": ("USD", "GBP", "JPY")}
DEFAULT_SITE = "RefArch"


@dataclass(frozen=True, slots=True)
class Attribute:
    """A declared custom attribute: text, bool, number or datetime; `values` when it is an enumeration."""

    kind: str
    values: tuple[str, ...] = ()


TEXT, BOOL, NUMBER, DATETIME = Attribute("text"), Attribute("bool"), Attribute("number"), Attribute("datetime")

ORDER_ATTRIBUTES: dict[str, Attribute] = {
    "c_addressMismatch": BOOL,
    "c_fulfillmentStatus": Attribute("text", ("COMPLETE", "PARTIAL", "DELAYED", "SPLIT", "NO_CONFIRMATION")),
    "c_promisedDate": DATETIME,
    "c_warehouses": TEXT,
    "c_riskScore": NUMBER,
    "c_riskIndicators": TEXT,
    "c_paymentChecks": TEXT,
    "c_ipCountry": TEXT,
    "c_events": TEXT,
    "c_documents": TEXT,
    "c_customerGroup": TEXT,
    "c_customerSince": DATETIME,
    "c_customerOrders": NUMBER,
    "c_paymentError": TEXT,
    "c_caseNumber": TEXT,
    "c_caseStatus": TEXT,
    "c_caseDecision": Attribute("text", ("RELEASE", "HOLD", "CANCEL")),
    "c_caseDecidedAt": DATETIME,
    "c_caseOwner": TEXT,
    "c_handledBy": TEXT,
    "c_handledSince": DATETIME,
    "c_fraudFlag": Attribute("text", ("REVIEW", "VERIFY", "APPROVED", "REJECTED")),
    "c_reviewCaseNumber": TEXT,
    "c_reviewCaseStatus": TEXT,
    "c_reviewDecidedAt": DATETIME,
    "c_fulfilmentCaseNumber": TEXT,
    "c_fulfilmentCaseStatus": TEXT,
    "c_fulfilmentOutcome": Attribute("text", ("RESHIP", "WAIT", "REFUND", "CANCEL", "RELEASE", "HOLD")),
    "c_fulfilmentNote": TEXT,
    "c_fulfilmentDocuments": TEXT,
    "c_fulfilmentDecidedAt": DATETIME,
}

CUSTOMER_ATTRIBUTES: dict[str, Attribute] = {"c_loyaltyPoints": NUMBER, "c_accountNote": TEXT}
PRODUCT_ATTRIBUTES: dict[str, Attribute] = {
    "c_recallNotice": TEXT,
    "c_recallCase": TEXT,
}

OBJECT_TYPES: dict[str, dict[str, Attribute]] = {
    "ReturnRequest": {
        "c_orderNo": TEXT,
        "c_reason": TEXT,
        "c_amount": NUMBER,
        "c_currency": TEXT,
        "c_withinPolicy": BOOL,
        "c_proofOfPurchase": BOOL,
        "c_comment": TEXT,
        "c_lines": TEXT,
        "c_status": TEXT,
        "c_decidedAt": DATETIME,
        "c_decidedBy": TEXT,
        "c_refundAmount": NUMBER,
        "c_decisionText": TEXT,
        "c_messages": TEXT,
        "c_documents": TEXT,
        "c_evidenceWanted": TEXT,
        "c_evidenceAskedAt": DATETIME,
        "c_evidenceAnswered": DATETIME,
        "c_caseNumber": TEXT,
    },
    "RefundRequest": {
        "c_kind": Attribute("text", ("FULL", "PARTIAL", "LINES")),
        "c_lines": TEXT,
        "c_paymentStatus": TEXT,
        "c_reason": TEXT,
        "c_caseId": TEXT,
        "c_caseNumber": TEXT,
        "c_executedAmount": NUMBER,
        "c_executedAt": DATETIME,
        "c_failure": TEXT,
        "c_returnId": TEXT,
        "c_orderNo": TEXT,
        "c_amount": NUMBER,
        "c_currency": TEXT,
        "c_status": TEXT,
        "c_executedKey": TEXT,
    },
    "Complaint": {
        "c_orderNo": TEXT,
        "c_kind": Attribute("text", ("DAMAGED", "LATE", "DISSATISFIED", "OTHER")),
        "c_severity": Attribute("text", ("HIGH", "MEDIUM", "LOW")),
        "c_comment": TEXT,
        "c_skus": TEXT,
        "c_trackingNo": TEXT,
        "c_email": TEXT,
        "c_messages": TEXT,
        "c_status": TEXT,
        "c_outcome": Attribute("text", ("REFUND", "EXCHANGE", "REJECTED", "CREDIT")),
        "c_outcomeText": TEXT,
        "c_creditAmount": NUMBER,
        "c_documents": TEXT,
        "c_decidedAt": DATETIME,
        "c_caseNumber": TEXT,
        "c_caseStatus": TEXT,
    },
    "CustomerNotice": {
        "c_kind": TEXT,
        "c_orderNo": TEXT,
        "c_subject": TEXT,
        "c_text": TEXT,
        "c_email": TEXT,
        "c_caseNumber": TEXT,
        "c_status": TEXT,
    },
    "CaseDocument": {
        "c_about": TEXT,
        "c_orderNo": TEXT,
        "c_name": TEXT,
        "c_size": NUMBER,
        "c_path": TEXT,
        "c_documentId": TEXT,
        "c_author": TEXT,
        "c_at": DATETIME,
    },
    "ComplaintMessage": {
        "c_complaintId": TEXT,
        "c_text": TEXT,
        "c_author": TEXT,
        "c_at": DATETIME,
        "c_direction": Attribute("text", ("ANSWER", "QUESTION")),
    },
}
KEY_PROPERTY = "requestId"

_AS_NAMED = (
    "channel_type", "confirmation_status", "created_by", "creation_date", "last_modified", "customer_name",
    "export_status", "external_order_no", "external_order_status", "global_party_id", "order_no", "original_order_no",
    "payment_status", "replaced_order_no", "replacement_order_no", "shipping_status", "status",
    "affiliate_partner_i_d", "affiliate_partner_name", "business_type", "export_after",
)  # fmt: skip

ORDER_FIELDS: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in _AS_NAMED},
    "currency_code": ("currency",),
    "customer_email": ("customer_info", "email"),
    "customer_no": ("customer_info", "customer_no"),
    "total_gross_price": ("order_total",),
    "total_net_price": ("product_total",),
    "coupon_line_items.coupon_code": ("coupon_items", "code"),
    "coupon_line_items.coupon_id": ("coupon_items", "coupon_id"),
    "payment_instruments.credit_card_type": ("payment_instruments", "payment_card", "card_type"),
    "payment_instruments.payment_method_id": ("payment_instruments", "payment_method_id"),
    "product_items.product_id": ("product_items", "product_id"),
    "shipments.shipping_method_id": ("shipments", "shipping_method", "id"),
    "order.has_holds": (),
    "holds.type": (),
    "invoices.status": (),
    "order_items.status": (),
    "return_cases.return_case_number": (),
    "shipping_orders.shipping_order_number": (),
}
"""Search field → path in the order document; an empty path: known, and null in this shop."""

OBJECT_FIELDS = ("key_value_string", "key_value_integer", "creation_date", "last_modified", "site_id")
_DATES = {"creation_date", "last_modified", "export_after"}
_NUMBERS = {"total_gross_price", "total_net_price", "key_value_integer"}


def field_kind(name: str, attributes: Mapping[str, Attribute], fields: Container[str]) -> str:
    """How a search field compares: text, number, bool or datetime. Fault for a field that search does not know."""
    if name.startswith("c_"):
        if name not in attributes:
            raise Fault(
                400, "InvalidCustomPropertyException", f"Custom property '{name}' does not exist.", property=name
            )
        return attributes[name].kind
    if name not in fields:
        raise Fault(400, "MalformedParameterException", f"Search field '{name}' does not exist.", field=name)
    return "datetime" if name in _DATES else "number" if name in _NUMBERS else "text"


def project_order(document: Mapping[str, Any]) -> dict[str, Any]:
    """The searchable values of an order; lists become tuples."""
    flat = {name: _dig(document, path) for name, path in ORDER_FIELDS.items() if path}
    flat.update((k, v) for k, v in document.items() if k.startswith("c_"))
    return flat


def _dig(value: Any, path: tuple[str, ...]) -> Any:
    for i, name in enumerate(path):
        if isinstance(value, list):
            found = tuple(v for v in (_dig(x, path[i:]) for x in value) if v is not None)
            return found or None
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


_ISO = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?(?:Z|([+-])(\d\d):?(\d\d))\Z")


def instant(text: Any) -> str | None:
    """A date-time in any documented precision as `2026-11-20T10:02:00.000Z`; None when it is none."""
    match = _ISO.match(text) if isinstance(text, str) else None
    if not match:
        return None
    day, minute, second, fraction, sign, hours, minutes = match.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{minute}:{second or '00'}+00:00")
    except ValueError:
        return None
    if sign:
        shift = (int(hours) * 60 + int(minutes)) * 60
        at = datetime.fromtimestamp(at.timestamp() - (shift if sign == "+" else -shift), UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + (fraction or "0").ljust(3, "0") + "Z"


def custom_values(
    body: Mapping[str, Any], attributes: Mapping[str, Attribute], *, ignore_unknown: bool
) -> dict[str, Any]:
    """The c_ attributes of a write, checked against their declaration. Null removes an attribute."""
    out: dict[str, Any] = {}
    for name, value in body.items():
        if not name.startswith("c_"):
            continue
        attribute = attributes.get(name)
        if attribute is None:
            if ignore_unknown:
                continue
            raise Fault(
                400, "InvalidCustomPropertyException", f"Custom property '{name}' does not exist.", property=name
            )
        out[name] = None if value is None else _typed(name, value, attribute)
    return out


def _typed(name: str, value: Any, attribute: Attribute) -> Any:
    kind = attribute.kind
    good = (
        isinstance(value, bool)
        if kind == "bool"
        else isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if kind == "number"
        else isinstance(value, str)
    )
    if kind == "datetime" and good:
        value = instant(value)
        good = value is not None
    if not good:
        raise Fault(
            400,
            "TypeMissmatchException",  # the vendor's own spelling
            f"The value of '{name}' is not a {kind}.",
            property=name,
            value=str(value),
            expected=kind,
        )
    if attribute.values and value not in attribute.values:
        refuse_enum(name, value, attribute.values)
    return value
