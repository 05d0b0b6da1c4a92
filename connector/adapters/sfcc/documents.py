"""From an OCAPI document to a Record, and the selector that asks for no more than is needed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from connector import stamps
from connector.model import Record

_NESTED = frozenset(
    {
        "billing_address", "bonus_discount_line_items", "coupon_items", "customer_info", "gift_certificate_items",
        "notes", "order_price_adjustments", "payment_instruments", "product_items", "shipments", "shipping_items",
    }
)  # fmt: skip
"""Parts of an order that a selector must open with `.(**)`. Source: Order document 23.2."""
ORDER_FIELDS = _NESTED | frozenset(
    {
        "adjusted_merchandize_total_tax", "adjusted_shipping_total_tax", "cancel_code", "cancel_description", "channel_type",
        "confirmation_status", "created_by", "creation_date", "currency", "customer_locale", "customer_name", "export_status",
        "external_order_no", "external_order_status", "global_party_id", "invoice_no", "last_modified",
        "merchandize_total_tax", "order_no", "order_token", "order_total", "original_order_no", "payment_status", "place_date",
        "product_sub_total", "product_total", "replaced_order_no", "replacement_order_no", "shipping_status", "shipping_total",
        "shipping_total_tax", "site_id", "source_code", "status", "tax_total", "taxation",
    }
)  # fmt: skip
"""Fields of an order beside its custom attributes. Source: Order document 23.2; the Orders API of SCAPI names a few more."""
OBJECT_FIELDS = frozenset(
    {
        "creation_date", "key_property", "key_value_integer", "key_value_string", "last_modified", "object_type", "site_id",
    }
)  # fmt: skip
"""Fields of a custom object beside its own attributes. Source: Data API 25.6."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_EVERYTHING = "(**)"


def selector(fields: Iterable[str], needs: Iterable[str], kind: Literal["order", "object"]) -> str:
    """The `select` of a search: paging and these fields of each hit. `(**)` when no fields are named."""
    wanted = dict.fromkeys(fields)
    if not wanted or not all(_NAME.match(name) for name in wanted):
        return _EVERYTHING
    names = ",".join(f"{name}.(**)" if name in _NESTED else name for name in wanted | dict.fromkeys(needs))
    hits = f"hits.(data.({names}))" if kind == "order" else f"hits.({names})"
    return f"(count,start,total,next.(**),{hits})"


def order_record(document: dict[str, Any], site: str) -> Record:
    """An order as the stream shows it, without the token that could charge a card."""
    for instrument in document.get("payment_instruments") or ():
        if "credit_card_token" in instrument:
            del instrument["credit_card_token"]
        card = instrument.get("payment_card")
        if card and "credit_card_token" in card:
            del card["credit_card_token"]
    return Record(
        document["order_no"],
        document,
        stamps.normal(document.get("last_modified")),
        document.get("site_id") or site,
    )


def object_record(document: dict[str, Any], site: str) -> Record:
    """A custom object. One that we made stands under our key, which has three parts at least."""
    key = document.get("key_value_string")
    if key is None:
        key = str(document["key_value_integer"])
    return Record(
        key,
        document,
        stamps.normal(document.get("last_modified")),
        document.get("site_id") or site,
        our_key=key if key.count(":") >= 2 else None,
    )
