"""`orders.events`: order events (POST …/orders/{no}/oms-status-events), a refund above all. The shop forwards them to whoever
subscribes to its order events: it proves no refund, and shows no event again.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connector.adapters.sfcc.client import addressable, unaddressable
from connector.adapters.sfcc.scapi import scopes
from connector.adapters.sfcc.scapi.client import Client
from connector.adapters.sfcc.scapi.faults import Asked
from connector.adapters.sfcc.scapi.names import theirs
from connector.adapters.sfcc.scapi.orders import Orders
from connector.errors import RecordFault, Rejected
from connector.model import Result, Write

EVENT = Asked(scopes.ORDERS, "POST", "orders/{}/oms-status-events", writes=True)
FIELDS = (
    "oms_order_id", "type", "status", "occurred_at", "line_items", "totals", "amount", "amount_type", "description",
)  # fmt: skip
"""Of an adjustment. `amount` in minor units, signed, with `amount_type` (product) stands for `totals` of one element."""
STATUSES = ("pending", "completed", "failed")
UNPROVABLE = "UNPROVABLE"
"""The code of an event whose answer was lost."""


class Events:
    """Events of orders of the connection's site."""

    def __init__(self, client: Client, orders: Orders) -> None:
        self._client, self._orders = client, orders

    def append(self, write: Write) -> Result:
        """Sent once. Nobody can look whether it arrived, so after an unread answer it parks."""
        number = write.target or ""
        if not addressable(number):
            return Result(error=unaddressable(number))
        payload = adjustment(write.key, write.fields)
        if isinstance(payload, Rejected):
            return Result(error=payload)
        if write.uncertain and not self._client.settings.repeat_events:
            return Result(error=_unprovable())
        path = f"{self._orders.path(number)}/oms-status-events"
        response = self._client.call(
            EVENT, path, intent="once", payload=payload, params=self._orders.site, decode=False
        )
        if response.status in (200, 202, 204):
            if response.content:  # 202 has no body; a page for people with it is no answer of the shop
                response.json()
            return Result(target=write.key)
        error = self._orders.fault(response, EVENT)
        if isinstance(error, RecordFault):
            return Result(error=error)
        raise error


def adjustment(key: str, fields: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    """What is posted, or why nothing is. Our key is the event's id."""
    for name in fields:
        if name not in FIELDS:
            return Rejected(f"{name} is no field of an order event", field=name, remedy=f"it has {', '.join(FIELDS)}")
    given = {name: value for name, value in fields.items() if value is not None}
    for name in ("type", "status", "occurred_at"):
        if not isinstance(given.get(name), str):
            return Rejected(f"{name} of an order event is missing", field=name, remedy=f"map {name} to a text")
    if given["status"] not in STATUSES:
        return Rejected("status of an order event is unknown", field="status", remedy=f"it is {', '.join(STATUSES)}")
    amount, kind = given.pop("amount", None), given.pop("amount_type", "product")
    if amount is not None:
        given["totals"] = [{"type": kind, "amount": amount}]
    wrong = _totals(given.get("totals", []))
    if wrong is not None:
        return wrong
    if len(str(given.get("description") or "")) > 256:
        return Rejected("description is longer than 256 characters", field="description", remedy="use truncate")
    order = given.pop("oms_order_id", None)
    return {**({"omsOrderId": str(order)} if order is not None else {}), "adjustment": {"id": key, **theirs(given)}}


def _totals(totals: Any) -> Rejected | None:
    """Amounts are whole minor units. Changes what is whole and not an int."""
    if not isinstance(totals, list | tuple):
        return Rejected("totals of an order event must be a list", field="totals")
    for total in totals:
        amount = total.get("amount") if isinstance(total, dict) else None
        number = isinstance(amount, int | float | Decimal) and not isinstance(amount, bool)
        if amount is None or not number or amount != int(amount):
            remedy = "write it with the filter minor_units, with a minus for what the customer gets back"
            return Rejected("an amount of an order event must be in whole minor units", field="amount", remedy=remedy)
        total["amount"] = int(amount)
    return None


def _unprovable() -> Rejected:
    return Rejected(
        "its answer was lost, and SCAPI does not show whether an order event arrived",
        code=UNPROVABLE,
        remedy="ask who subscribes to order events whether they have one with this key; if they know an event by its id, set "
        "repeat_events: true on the connection and retry",
    )
