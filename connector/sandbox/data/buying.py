"""Checkout problems and order changes as the storefront writes them: custom objects, the first without any order."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson

from connector.sandbox.data.names import PEOPLE, PLACES, PRODUCTS

_KINDS = ("PAYMENT_DECLINED", "PAYMENT_DECLINED", "PAYMENT_ERROR", "SESSION_ERROR")
_SAID = {
    "PAYMENT_DECLINED": (
        "Card declined: insufficient funds",
        "CARTE REFUSÉE par la banque",
        "Karte gesperrt (Code 04)",
    ),
    "PAYMENT_ERROR": ("PSP timed out: “no answer”", "3-D Secure failed (code 05)"),
    "SESSION_ERROR": ("Basket could not be read", "ZAHLUNG nicht möglich: session expired", "500 — try again 🙃"),
}
_GROUPS = (None, None, "Silver", "GÖLD", "VIP")
_COMMENTS = ("I moved last week.", "Bitte an die Arbeit liefern!", "", "C'est pressé…")


def checkout(random: Random, number: int) -> tuple[str, dict[str, Any]]:
    """Key and attributes of a session that failed."""
    chance = random.random
    first, last = PEOPLE[int(chance() * len(PEOPLE))]
    kind = _KINDS[int(chance() * len(_KINDS))]
    said = _SAID[kind]
    many = [PRODUCTS[int(chance() * len(PRODUCTS))] for _ in range(1 + int(chance() * 3))]
    basket = {product: {"product_id": product, "name": name, "qty": 1} for product, name, _ in many}
    attributes: dict[str, Any] = {
        "c_kind": kind,
        "c_message": said[int(chance() * len(said))],
        "c_code": f"{int(chance() * 90) + 10}",
        "c_attempts": 1 + int(chance() * 4),
        "c_amount": round(sum(price for *_, price in many), 2),
        "c_currency": "EUR",
        "c_paymentMethod": "CREDIT_CARD",
        "c_items": orjson.dumps(list(basket.values())).decode(),
        "c_name": f"{first} {last}",
        "c_email": f"checkout.{number}@example.org",
        "c_status": "NEW",
    }
    group = _GROUPS[int(chance() * len(_GROUPS))]
    if group is not None:
        attributes |= {"c_customerNo": f"C{number:08d}", "c_customerGroup": group}
    return f"CX-{number}", attributes


def change(random: Random, number: int, order: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Key and attributes of a wish to change an order."""
    kind = ("ADDRESS", "ADDRESS", "SHIPPING", "ADDON")[int(random.random() * 4)]
    attributes: dict[str, Any] = {
        "c_source": "CUSTOMER",
        "c_orderNo": order["order_no"],
        "c_kind": kind,
        "c_email": order["customer_info"]["email"],
    }
    comment = _COMMENTS[int(random.random() * len(_COMMENTS))]
    if comment:
        attributes["c_comment"] = comment
    if kind == "ADDRESS":
        street, city, code, state, country = PLACES[order["currency"]][
            int(random.random() * len(PLACES[order["currency"]]))
        ]
        attributes |= {"c_address1": street, "c_city": city, "c_postalCode": code, "c_countryCode": country}
        if state:
            attributes["c_stateCode"] = state
    elif kind == "SHIPPING":
        attributes["c_shippingMethod"] = "002"
    else:
        attributes |= {"c_productId": PRODUCTS[int(random.random() * len(PRODUCTS))][0], "c_quantity": 1}
    return f"OC-{number}", attributes
