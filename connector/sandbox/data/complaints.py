"""Complaints as the storefront writes them: custom objects of type Complaint, each about an order, with what was said so far."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import Any

import orjson

from connector.sandbox.clock import iso
from connector.sandbox.data.names import COMMENTS
from connector.sandbox.options import Options

_KINDS = ("DAMAGED", "LATE", "DISSATISFIED", "OTHER")
_SEVERITIES = ("HIGH", "MEDIUM", "MEDIUM", "LOW")
_SAID = (
    "Please answer: where is it?",
    "I have written twice already — nobody cares…",
    "Photo attached.\nThe corner is crushed.",
    "Ça fait dix jours !",
    "まだ届きません 📦",
    'They said "tomorrow", a week ago.',
)
_LONGEST = 3


def make(random: Random, number: int, order: dict[str, Any], now: float) -> tuple[str, dict[str, Any]]:
    """Key and attributes of a complaint about some lines of an order; its messages end shortly before `now`."""
    lines = order["product_items"]
    about = lines[: 1 + int(random.random() * min(len(lines), 3))]
    tracking = next((s["tracking_number"] for s in order.get("shipments") or () if s.get("tracking_number")), None)
    count = int(random.random() * (_LONGEST + 1))
    messages = [
        {
            "id": f"m{i + 1}",
            "at": iso(now - 3600 * (count - i)),
            "from": "shop" if i and random.random() < 0.3 else "customer",
            "text": _SAID[int(random.random() * len(_SAID))],
        }
        for i in range(count)
    ]
    attributes = {
        "c_orderNo": order["order_no"],
        "c_kind": _KINDS[int(random.random() * len(_KINDS))],
        "c_severity": _SEVERITIES[int(random.random() * len(_SEVERITIES))],
        "c_comment": COMMENTS[int(random.random() * len(COMMENTS))] or "It is not what I ordered.",
        "c_skus": ";".join(dict.fromkeys(line["product_id"] for line in about)),
        "c_email": order["customer_info"]["email"],
        "c_status": "NEW",
    }
    if tracking is not None:
        attributes["c_trackingNo"] = tracking
    if messages:
        attributes["c_messages"] = orjson.dumps(messages).decode()
    return f"CP-{number}", attributes


def all_complaints(options: Options, orders: list[bytes], now: float) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Site, key, time and attributes of the complaints at the start: some days after their orders changed."""
    wanted = options.complaints if orders else 0
    random = Random(options.seed + 5)
    for i in range(wanted):
        order = orjson.loads(orders[i * len(orders) // wanted % len(orders)])
        changed = datetime.fromisoformat(order["last_modified"]).timestamp()
        at = min(changed + random.random() * 5 * 86400, now - 10 - random.random() * 50)
        key, attributes = make(random, i + 1, order, at)
        yield order["site_id"], key, iso(at), attributes
