"""Return requests as the storefront writes them: custom objects of type ReturnRequest, each about an order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import Any

import orjson

from connector.sandbox.clock import iso
from connector.sandbox.data.names import COMMENTS
from connector.sandbox.options import Options

_REASONS = ("DAMAGED", "WRONG_ITEM", "LATE", "CHANGED_MIND", "OTHER")


def make(random: Random, number: int, order: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Key and attributes of a return of one line of an order."""
    line = order["product_items"][int(random.random() * len(order["product_items"]))]
    attributes = {
        "c_orderNo": order["order_no"],
        "c_reason": _REASONS[int(random.random() * len(_REASONS))],
        "c_amount": line["price"],
        "c_currency": order["currency"],
        "c_withinPolicy": random.random() < 0.4,
        "c_proofOfPurchase": random.random() < 0.8,
        "c_comment": COMMENTS[int(random.random() * len(COMMENTS))],
        "c_lines": orjson.dumps(
            [{"item_id": line["item_id"], "product_id": line["product_id"], "qty": line["quantity"]}]
        ).decode(),
        "c_status": "NEW",
    }
    return f"RR-{number}", attributes


def all_returns(options: Options, orders: list[bytes], now: float) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Site, key, time and attributes of the return requests at the start: some days after their orders changed."""
    wanted = options.returns if options.returns is not None else (len(orders) + 19) // 20
    random = Random(options.seed + 1)
    for i in range(wanted if orders else 0):
        order = orjson.loads(orders[i * len(orders) // wanted % len(orders)])
        key, attributes = make(random, i + 1, order)
        changed = datetime.fromisoformat(order["last_modified"]).timestamp()
        at = min(changed + random.random() * 3 * 86400, now - 10 - random.random() * 50)
        yield order["site_id"], key, iso(at), attributes
