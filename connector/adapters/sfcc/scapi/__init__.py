"""A shop over SCAPI, the Commerce API: orders, their statuses, order events, custom objects and products, in OCAPI's words.

The streams are in `orders.py`, `statuses.py`, `events.py`, `objects.py` and `products.py`; `days.py` finds its way in lists that
know days only, `client.py` makes the calls, `faults.py` says what a refusal means, `limits.py` what this API cannot do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from connector.adapter import Clock, Declared, Stream
from connector.adapters.sfcc.rows import one_by_one
from connector.adapters.sfcc.scapi.client import Client
from connector.adapters.sfcc.scapi.customers import Customers
from connector.adapters.sfcc.scapi.events import Events
from connector.adapters.sfcc.scapi.objects import Objects
from connector.adapters.sfcc.scapi.orders import Orders
from connector.adapters.sfcc.scapi.products import Products
from connector.adapters.sfcc.scapi.statuses import ScapiStatuses
from connector.adapters.sfcc.scapi.streams import OWN, ScapiStreams
from connector.adapters.sfcc.settings import SfccSettings
from connector.adapters.sfcc.streams import CUSTOMERS, EVENTS, ORDERS, PRODUCTS, object_type
from connector.errors import Misconfigured
from connector.model import Cursor, Page, Problem, Record, Report, Result, Select, Setup, StreamUse, Write


class Scapi:
    """One site of one organization."""

    streams: Mapping[str, Stream]

    def __init__(self, name: str, settings: SfccSettings, *, clock: Clock) -> None:
        self.name, self.settings, self.clock = name, settings, clock
        self.streams = ScapiStreams(settings.settle_after)
        self._client = Client(name, settings, clock)
        self._orders = Orders(self._client, self.streams[ORDERS], clock)
        self._events = Events(self._client, self._orders)
        self._proved: set[str] = set()

    def check(self, uses: Sequence[StreamUse] = ()) -> Report:
        """One list of one order, and for `uses`: may we, and is it there? Raises ConnectionFault."""
        from connector.adapters.sfcc.scapi.checking import check

        problems = check(self._client, self._orders, self._objects, uses)
        lifetime = self._client.tokens.lifetime
        facts = {
            "token": f"{lifetime:.0f} s" if lifetime is not None else "unknown",
            "site": self.settings.site,
            "api": f"scapi orders v1, organization {self.settings.organization}",
        }
        return Report(facts, problems)

    def limits(self, uses: Sequence[StreamUse]) -> Sequence[Problem]:
        """What of these uses SCAPI can never do."""
        from connector.adapters.sfcc.scapi.limits import limits

        return limits(self.settings, uses)

    def read(
        self, stream: str, since: Cursor | datetime | None, *, select: Select, overlap: float = 60.0
    ) -> Iterator[Page]:
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
        unique = list(dict.fromkeys(keys))
        if stream in OWN:
            return {} if by == "our_key" else self._statuses(stream).fetch(unique)
        if stream == ORDERS:
            return {} if by == "our_key" else self._orders.fetch(unique, select)
        if stream == PRODUCTS:
            return {} if by == "our_key" else Products(self._client).fetch(unique)
        if stream == CUSTOMERS:
            return {} if by == "our_key" else Customers(self._client).fetch(unique)
        return self._of_type(stream, "fetched").fetch(unique, select)

    def write(self, stream: str, batch: Sequence[Write]) -> Sequence[Result]:
        """One call, or a look and a call, for each Write; within the total time-out together."""
        send = [self._sender(stream, write) for write in batch]
        return one_by_one(self._client.http, self.settings.timeouts.total, batch, send)

    def setup(self, uses: Sequence[StreamUse], declared: Declared) -> Setup:
        from connector.adapters.sfcc.setup import setup

        return setup(self.settings, uses, declared)

    def calls(self) -> int:
        return self._client.http.calls

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
        if stream == EVENTS:
            return self._events.append
        if stream in OWN:
            return self._statuses(stream).update
        if stream == PRODUCTS:
            return Products(self._client).update
        if stream == CUSTOMERS:
            return Customers(self._client).update
        objects = self._of_type(stream, "written")
        return {"create": objects.create, "delete": objects.delete}.get(write.op, objects.update)

    def _statuses(self, stream: str) -> ScapiStatuses:
        return ScapiStatuses(self._client, OWN[stream], self._orders)

    def _of_type(self, stream: str, verb: str) -> Objects:
        kind = object_type(stream)
        if kind is None:
            raise Misconfigured(
                f"{self.name}.{stream} cannot be {verb}",
                remedy="streams: orders, custom_objects/<Type>; the others are not polled",
            )
        return self._objects(kind)

    def _objects(self, kind: str) -> Objects:
        return Objects(self._client, kind, self.clock, self._proved, self._orders.prove)
