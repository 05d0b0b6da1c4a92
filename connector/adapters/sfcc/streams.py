"""The streams of an instance, and what is true of each. Source: OCAPI Shop 24.5 and Data 25.6 documents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connector.adapter import NoStream, Stream

ORDERS = "orders"
NOTES = "orders.notes"
EVENTS = "orders.events"
OBJECTS = "custom_objects/"
PRODUCTS = "products"
CUSTOMERS = "customers"

SUBJECT, TEXT = 256, 4000
"""Longest subject and text of an order note."""
NOTE_KEY = 200
"""Our key stands in the subject; so much of the subject is left for people at least."""

ONLY_FROM, OR_ALREADY = "only_from", "or_already"
"""Beside the wanted status: what the order may show now, and what is as good as the wanted one."""
EXTERNAL = 256
"""Longest external status."""


@dataclass(frozen=True, slots=True)
class Status:
    """One status of an order: `name` in the path and in a mapping, `shown` in the order document.

    `takes`: what may be written, none for any text. `holds`: what an order may show beside that.
    """

    name: str
    shown: str
    takes: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """All that an order may show or take; none for any text."""
        return (*self.takes, *self.holds)


_STATUSES = (
    Status(
        "status",
        "status",
        ("created", "new", "open", "completed", "cancelled", "failed", "failed_with_reopen"),
        ("replaced",),
    ),
    Status("export_status", "export_status", ("not_exported", "exported", "ready", "failed")),
    Status("confirmation_status", "confirmation_status", ("not_confirmed", "confirmed")),
    Status("payment_status", "payment_status", ("not_paid", "part_paid", "paid")),
    Status("shipping_status", "shipping_status", ("not_shipped", "part_shipped", "shipped")),
    Status("external_status", "external_order_status"),
)
STATUSES = {f"{ORDERS}.{status.name}": status for status in _STATUSES}
"""The guarded streams of an order. Source: Data API 25.6, PUT /sites/{site}/orders/{no}/…."""

_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}\Z")


def object_type(stream: str) -> str | None:
    """`ReturnRequest` of `custom_objects/ReturnRequest`; None for another stream."""
    name = stream.removeprefix(OBJECTS)
    return name if name != stream and _TYPE.match(name) else None


class Streams(Mapping[str, Stream]):
    """`orders`, its notes and statuses, `products`, `customers`, and `custom_objects/<Type>` for any type: only the instance
    knows which there are."""

    def __init__(self, settle_after: float) -> None:
        self._settle_after = settle_after
        self._fixed = {
            ORDERS: Stream(
                ORDERS,
                key="order_no",
                needs=("order_no", "last_modified", "site_id"),
                parts=True,
                writes=frozenset({"update"}),
                fetch_batch=200,
                settle_after=settle_after,
                key_length=50,
            ),
            NOTES: Stream(
                NOTES,
                key="id",
                writes=frozenset({"append"}),
                settle_after=settle_after,
                order="none",
                object=ORDERS,
                key_length=NOTE_KEY,
                lengths={"subject": SUBJECT - NOTE_KEY - 3, "text": TEXT},
            ),
            PRODUCTS: Stream(
                PRODUCTS,
                key="id",
                needs=("id",),
                writes=frozenset({"update"}),
                settle_after=settle_after,
                order="none",
                conditional="exact",
                variants=True,
            ),
            CUSTOMERS: Stream(
                CUSTOMERS,
                key="customer_no",
                needs=("customer_no",),
                writes=frozenset({"update"}),
                settle_after=settle_after,
                order="none",
                conditional="exact",
                variants=True,
            ),
            **{name: self._guarded(name, status) for name, status in STATUSES.items()},
        }

    def _guarded(self, name: str, status: Status) -> Stream:
        return Stream(
            name,
            key="order_no",
            writes=frozenset({"update"}),
            settle_after=self._settle_after,
            order="none",
            object=ORDERS,
            conditions=frozenset({ONLY_FROM, OR_ALREADY}),
            lengths={} if status.takes else {status.name: EXTERNAL},
        )

    def __getitem__(self, name: str) -> Stream:
        if name in self._fixed:
            return self._fixed[name]
        if name == EVENTS:
            raise NoStream(
                name, "OCAPI takes no order events", "leave the line out (`without:` of the flow), or use api: scapi"
            )
        if object_type(name) is None:
            raise KeyError(name)
        return Stream(
            name,
            key="key_value_string",
            needs=("key_value_string", "last_modified", "site_id"),
            writes=frozenset({"create", "update", "delete"}),
            fetch_batch=200,
            settle_after=self._settle_after,
            key_length=255,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._fixed)

    def __len__(self) -> int:
        return len(self._fixed)
