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
_ADDRESS = frozenset(
    {
        "address1", "address2", "city", "company_name", "country_code", "first_name", "full_name", "id", "job_title",
        "last_name", "phone", "post_box", "postal_code", "salutation", "second_name", "state_code", "suffix", "suite", "title",
    }
)  # fmt: skip
_SIMPLE = {
    "billing_address": _ADDRESS,
    "customer_info": frozenset({"customer_id", "customer_name", "customer_no", "email"}),
    "payment_instruments": frozenset(
        {"amount", "masked_gift_certificate_code", "payment_instrument_id", "payment_method_id"}
    ),
    "payment_instruments.authorization_status": frozenset({"code", "message", "status"}),
    "payment_instruments.payment_card": frozenset(
        {
            "card_type", "credit_card_expired", "credit_card_token", "expiration_month", "expiration_year", "holder",
            "masked_number", "number_last_digits",
        }
    ),
    "product_items": frozenset(
        {
            "adjusted_tax", "base_price", "bonus_product_line_item", "gift", "inventory_id", "item_id", "item_text", "price",
            "price_after_item_discount", "price_after_order_discount", "product_id", "product_name", "quantity",
            "shipment_id", "shipping_item_id", "tax", "tax_basis", "tax_class_id", "tax_rate",
        }
    ),
    "shipments": frozenset(
        {
            "gift", "gift_message", "product_total", "shipment_id", "shipment_no", "shipment_total", "shipping_status",
            "tracking_number",
        }
    ),
    "shipments.shipping_address": _ADDRESS,
}  # fmt: skip
"""Parts of an order that can be asked for alone, by what they are parts of: properties that are no documents themselves, for
which a selector may need another form. What is not here comes with all that is beside it. Source: documents of Order 23.2,
and OCAPI Property Selection, "select a child property"."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_EVERYTHING = "(**)"


def selector(fields: Iterable[str], needs: Iterable[str], kind: Literal["order", "object"]) -> str:
    """The `select` of a search: paging and these fields of each hit. `(**)` when no fields are named."""
    wanted = dict.fromkeys(fields)
    if not wanted or not all(_NAME.match(name) for path in wanted for name in path.split(".")):
        return _EVERYTHING
    names = _chosen(_tree([*wanted, *needs]), "")
    hits = f"hits.(data.({names}))" if kind == "order" else f"hits.({names})"
    return f"(count,start,total,next.(**),{hits})"


_Tree = dict[str, "_Tree | None"]


def _tree(paths: Iterable[str]) -> _Tree:
    """Names below names; None: all that is there."""
    tree: _Tree = {}
    for path in paths:
        *above, last = path.split(".")
        level: _Tree | None = tree
        for name in above:
            level = level.setdefault(name, {}) if level is not None else None
        if level is not None:
            level[last] = None
    return tree


def _chosen(tree: _Tree, owner: str) -> str:
    """What of a document is asked for, in the order that it is asked for."""
    return ",".join(_opened(name, below, f"{owner}.{name}" if owner else name) for name, below in tree.items())


def _opened(name: str, below: _Tree | None, path: str) -> str:
    if path not in _SIMPLE and name not in _NESTED:
        return name
    simple = _SIMPLE.get(path, frozenset())
    known = all(each in simple or each.startswith("c_") or f"{path}.{each}" in _SIMPLE for each in below or ())
    return f"{name}.({_chosen(below, path) if below and known else '**'})"


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
