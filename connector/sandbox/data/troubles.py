"""What the shop's systems write about an order that is in trouble: its risk check, its warehouses. From the number, not drawn."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connector.sandbox.clock import iso

_INDICATORS = (
    "velocity; new account",
    "billing and delivery countries differ",
    "proxy; velocity",
    "many cards; “test” name",
)
_CHECKS = ("AVS no match, CVV match", "AVS match, CVV match", "3-D Secure not tried", "AVS not available")
_COUNTRIES = ("AT", "NG", "US", "RO", "BR")
_GROUPS = ("Gold", "Silver", "VIP", "Büro")
_WAREHOUSES = ("GRZ", "LNZ", "WIE")
_DAY = 86400


def detail(order: dict[str, Any]) -> None:
    """Completes an order that was just broken; what nothing is wrong with stays as it is."""
    number = int(order["order_no"])
    if order["c_riskScore"] >= 75:
        _risk(order, number)
    if order["c_fulfillmentStatus"] not in ("COMPLETE", "PARTIAL"):
        _fulfilment(order, number)


def _risk(order: dict[str, Any], number: int) -> None:
    order["c_riskIndicators"] = _INDICATORS[number % len(_INDICATORS)]
    order["c_paymentChecks"] = _CHECKS[number % len(_CHECKS)]
    order["c_ipCountry"] = _COUNTRIES[number % len(_COUNTRIES)]
    if order["shipping_status"] == "not_shipped":
        order["confirmation_status"] = "not_confirmed"  # the shop holds it until somebody has looked
    _profile(order, number)


def _fulfilment(order: dict[str, Any], number: int) -> None:
    if order["c_fulfillmentStatus"] == "DELAYED" and number % 3 == 0 and len(order["product_items"]) > 1:
        _split(order, number)
    order["c_promisedDate"] = iso(_seconds(order["creation_date"]) + _DAY * (2 + number % 3))
    _profile(order, number)


def _split(order: dict[str, Any], number: int) -> None:
    """Two warehouses, two shipments."""
    order["c_fulfillmentStatus"] = "SPLIT"
    at = number % len(_WAREHOUSES)
    order["c_warehouses"] = "; ".join((_WAREHOUSES[at], _WAREHOUSES[at - 1]))
    first = order["shipments"][0]
    second = {name: value for name, value in first.items() if name != "tracking_number"}
    order["shipments"].append({**second, "shipment_id": "s2", "shipping_status": "not_shipped"})
    for line in order["product_items"][1::2]:
        line["shipment_id"] = "s2"


def _profile(order: dict[str, Any], number: int) -> None:
    if "customer_no" in order["customer_info"]:
        order["c_customerGroup"] = _GROUPS[number % len(_GROUPS)]
        order["c_customerSince"] = iso(_seconds(order["creation_date"]) - _DAY * (number % 900))
        order["c_customerOrders"] = number % 12


def _seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()
