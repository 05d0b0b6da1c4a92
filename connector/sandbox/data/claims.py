"""Warranty claims and disputes as the storefront writes them: about a product of an order, and about orders of one customer."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson

_FAULTS = (
    "It stopped working after three weeks.",
    "La couture s'est défaite.",
    "Das Display flackert.",
    "電源が入りません",
    'Makes a noise like "krrk".',
)
_KINDS = ("DUPLICATE_CHARGE", "MISSING_POINTS", "PROFILE", "OTHER")
_SAID = {
    "DUPLICATE_CHARGE": "My card was charged twice.",
    "MISSING_POINTS": "The points of these orders are missing.",
    "PROFILE": "My name is spelt wrong: it is Zoë.",
    "OTHER": "Something is wrong with my account…",
}


def claim(random: Random, number: int, order: dict[str, Any], url: str) -> tuple[str, dict[str, Any]]:
    """Key and attributes of a warranty claim about one line of an order, with its receipt as a document."""
    line = order["product_items"][int(random.random() * len(order["product_items"]))]
    key = f"WC-{number}"
    papers = [{"id": "d1", "name": "receipt.pdf", "url": f"{url}/on/demandware.static/{key}/receipt.pdf"}]
    return key, {
        "c_orderNo": order["order_no"],
        "c_itemId": line["item_id"],
        "c_productId": line["product_id"],
        "c_serialNo": f"SN{int(random.random() * 10**8):08d}",
        "c_fault": _FAULTS[int(random.random() * len(_FAULTS))],
        "c_email": order["customer_info"]["email"],
        "c_documents": orjson.dumps(papers).decode(),
        "c_status": "NEW",
    }


def dispute(random: Random, number: int, orders: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Key and attributes of a dispute over these orders."""
    kind = _KINDS[int(random.random() * len(_KINDS))]
    customer = orders[0]["customer_info"]
    attributes = {
        "c_kind": kind,
        "c_orderNos": orjson.dumps([order["order_no"] for order in orders]).decode(),
        "c_customerNo": customer.get("customer_no") or customer["customer_id"],
        "c_email": customer["email"],
        "c_comment": _SAID[kind],
        "c_status": "NEW",
    }
    if kind == "DUPLICATE_CHARGE":
        attributes |= {"c_amount": orders[0]["order_total"], "c_currency": orders[0]["currency"]}
    if kind == "MISSING_POINTS":
        attributes["c_points"] = 10 + int(random.random() * 500)
    return f"DP-{number}", attributes
