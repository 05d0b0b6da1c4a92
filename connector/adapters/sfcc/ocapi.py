"""A shop over OCAPI: orders, their statuses, notes on them, custom objects, products and customers.

`reading.py` reads what has changed, `orders.py`, `statuses.py`, `notes.py`, `objects.py` and `products.py` hold the streams,
`client.py` makes the calls, `faults.py` is the table of what a refusal means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from connector.adapter import Clock, Declared, Stream
from connector.adapters.sfcc.checking import Checker
from connector.adapters.sfcc.client import Client
from connector.adapters.sfcc.customers import Customers
from connector.adapters.sfcc.notes import Notes
from connector.adapters.sfcc.objects import Objects
from connector.adapters.sfcc.orders import Orders
from connector.adapters.sfcc.products import Products
from connector.adapters.sfcc.rows import one_by_one
from connector.adapters.sfcc.settings import SfccSettings
from connector.adapters.sfcc.statuses import Statuses
from connector.adapters.sfcc.streams import CUSTOMERS, NOTES, ORDERS, PRODUCTS, STATUSES, Streams, object_type
from connector.errors import Misconfigured
from connector.model import Cursor, Page, Record, Report, Result, Select, Setup, StreamUse, Write


class Ocapi:
    """One site of one instance."""

    streams: Mapping[str, Stream]

    def __init__(self, name: str, settings: SfccSettings, *, clock: Clock) -> None:
        self.name, self.settings, self.clock = name, settings, clock
        self.streams = Streams(settings.settle_after)
        self._client = Client(name, settings, clock)
        self._orders = Orders(self._client, self.streams[ORDERS], clock)
        self._notes = Notes(self._client)

    def check(self, uses: Sequence[StreamUse] = ()) -> Report:
        """One search for one order. For `uses`: may we, and does the instance have what the flows read and write?

        Raises ConnectionFault.
        """
        known = [use for use in uses if self.streams[use.stream]]
        problems = Checker(self._client, self._orders, self._notes, self._objects).run(known)
        lifetime = self._client.tokens.lifetime
        facts = {
            "token": f"{lifetime:.0f} s" if lifetime is not None else "unknown",
            "site": self.settings.site,
            "api": f"ocapi shop {self.settings.shop_version}, data {self.settings.data_version}",
        }
        return Report(facts, tuple(problems))

    def read(
        self, stream: str, since: Cursor | datetime | None, *, select: Select, overlap: float = 60.0
    ) -> Iterator[Page]:
        """Changed records, oldest first, from the cursor less `overlap`; one page is one call."""
        if stream == ORDERS:
            if select.key_prefix is not None:
                raise Misconfigured(
                    "orders bear no key of ours, so a flow that reads them cannot answer another",
                    remedy="answer from the system in which the flow creates its objects",
                )
            return self._orders.read(since, select, overlap)
        return self._of_type(stream, "read").read(since, select, overlap)

    def fetch(
        self, stream: str, keys: Sequence[str], *, by: Literal["key", "our_key"] = "key", select: Select
    ) -> Mapping[str, Record]:
        """Records by key. Orders bear none of our keys; a custom object that we made stands under ours."""
        unique = list(dict.fromkeys(keys))
        if stream in STATUSES:
            return {} if by == "our_key" else Statuses(self._client, STATUSES[stream]).fetch(unique)
        if stream == ORDERS:
            return {} if by == "our_key" else self._orders.fetch(unique, select)
        if stream == PRODUCTS:
            return {} if by == "our_key" else Products(self._client).fetch(unique)
        if stream == CUSTOMERS:
            return {} if by == "our_key" else Customers(self._client).fetch(unique)
        return self._of_type(stream, "fetched").fetch(unique, select)

    def write(self, stream: str, batch: Sequence[Write]) -> Sequence[Result]:
        """One call, or a look and a call, for each Write; within `longest_call` seconds together."""
        send = [self._sender(stream, write) for write in batch]
        return one_by_one(self._client.http, self.longest_call(), batch, send)

    def setup(self, uses: Sequence[StreamUse], declared: Declared) -> Setup:
        """Attributes and object types to import, OCAPI permissions to paste, and a page that says where."""
        from connector.adapters.sfcc.setup import setup

        return setup(self.settings, uses, declared)

    def calls(self) -> int:
        return self._client.http.calls

    def longest_call(self) -> float:
        return self.settings.timeouts.total

    def close(self) -> None:
        self._client.http.close()

    def _sender(self, stream: str, write: Write) -> Callable[[Write], Result]:
        declared = self.streams[stream]
        if write.op not in declared.writes:
            raise Misconfigured(
                f"{stream} takes no {write.op}", remedy=f"it takes: {', '.join(sorted(declared.writes))}"
            )
        if stream == ORDERS:
            return self._orders.update
        if stream == NOTES:
            return self._notes.append
        if stream in STATUSES:
            return Statuses(self._client, STATUSES[stream]).update
        if stream == PRODUCTS:
            return Products(self._client).update
        if stream == CUSTOMERS:
            return Customers(self._client).update
        objects = self._of_type(stream, "written")
        return {"create": objects.create, "delete": objects.delete}.get(write.op, objects.update)

    def _of_type(self, stream: str, verb: str) -> Objects:
        kind = object_type(stream)
        if kind is None:
            raise Misconfigured(
                f"{self.name}.{stream} cannot be {verb}",
                remedy="streams: orders, custom_objects/<Type>; products, customers, notes and statuses of orders are not polled",
            )
        return self._objects(kind)

    def _objects(self, kind: str) -> Objects:
        return Objects(self._client, kind, self.streams[f"custom_objects/{kind}"], self.clock)
