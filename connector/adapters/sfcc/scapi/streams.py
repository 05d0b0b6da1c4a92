"""The streams of SCAPI, and what is true of each; and why what OCAPI has beside them is not here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from connector.adapter import NoStream, Stream
from connector.adapters.sfcc.streams import CUSTOMERS, EVENTS, NOTES, ORDERS, PRODUCTS, STATUSES, Status, Streams

EVENT_KEY = 255
"""An event's id bears our key; no length is documented."""
LISTED = ("new", "completed", "cancelled")
"""Statuses of orders that the list knows; the others are read by number only."""
FILTERS = {
    "status": ("status", LISTED, 2),
    "export_status": ("exportStatus", STATUSES[f"{ORDERS}.export_status"].takes, 3),
    "external_order_status": ("externalStatus", (), 1),
    "confirmation_status": ("confirmationStatus", STATUSES[f"{ORDERS}.confirmation_status"].takes, 1),
    "payment_status": ("paymentStatus", STATUSES[f"{ORDERS}.payment_status"].takes, 2),
    "shipping_status": ("shippingStatus", STATUSES[f"{ORDERS}.shipping_status"].takes, 2),
}
"""Field of an order → the parameter that filters by it, its values (none: any text), how many of them at most."""

OWN = {
    f"{ORDERS}.{status.name}": status
    if status.name != "status"
    else Status("status", "status", tuple(each for each in status.takes if each != "open"), ("open", *status.holds))
    for status in STATUSES.values()
}
"""The guarded streams of an order: as over OCAPI, but that no order can be set to open."""

_WITHOUT = "leave the line out (`without:` of the flow)"


class ScapiStreams(Mapping[str, Stream]):
    """`orders`, its statuses and events, `products`, `customers`, and `custom_objects/<Type>` for any type."""

    def __init__(self, settle_after: float) -> None:
        self._ocapi = Streams(settle_after)
        self._fixed = {name: self._ocapi[name] for name in (ORDERS, *OWN)}
        self._fixed[ORDERS] = replace(self._fixed[ORDERS], needs=("order_no", "last_modified", "site_id", "status"))
        for name in (PRODUCTS, CUSTOMERS):
            self._fixed[name] = replace(self._ocapi[name], conditional="none")
        self._fixed[EVENTS] = Stream(
            EVENTS,
            key="id",
            writes=frozenset({"append"}),
            settle_after=settle_after,
            order="none",
            object=ORDERS,
            key_length=EVENT_KEY,
            lengths={"description": 256},
        )

    def __getitem__(self, name: str) -> Stream:
        if name in self._fixed:
            return self._fixed[name]
        if name == NOTES:
            remedy = f"{_WITHOUT}, or write it over another connection of this shop that has api: ocapi"
            raise NoStream(name, "SCAPI has no notes on orders", remedy)
        return self._ocapi[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fixed)

    def __len__(self) -> int:
        return len(self._fixed)
