"""A shop over OCAPI: orders, their statuses, notes on them, custom objects, products and customers.

`shop.py` says which stream is served by what, `reading.py` reads what has changed, `orders.py`, `statuses.py`, `notes.py`,
`objects.py`, `products.py` and `customers.py` hold the streams, `client.py` makes the calls, `faults.py` is the table of what a
refusal means.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.adapter import Clock
from connector.adapters.sfcc import shop
from connector.adapters.sfcc.checking import Checker
from connector.adapters.sfcc.client import Client
from connector.adapters.sfcc.customers import customers
from connector.adapters.sfcc.notes import Notes
from connector.adapters.sfcc.objects import Objects
from connector.adapters.sfcc.orders import Orders
from connector.adapters.sfcc.products import products
from connector.adapters.sfcc.settings import SfccSettings
from connector.adapters.sfcc.statuses import Statuses
from connector.adapters.sfcc.streams import CUSTOMERS, NOTES, ORDERS, PRODUCTS, STATUSES, Streams
from connector.model import Report, StreamUse


class Ocapi(shop.Shop):
    """One site of one instance."""

    def __init__(self, name: str, settings: SfccSettings, *, clock: Clock) -> None:
        self._client, self._clock = Client(name, settings, clock), clock
        super().__init__(name, settings, self._client.http, Streams(settings.settle_after))
        self._orders = Orders(self._client, self.streams[ORDERS], clock)
        self._notes = Notes(self._client)
        direct: dict[str, shop.Direct] = {PRODUCTS: products(self._client), CUSTOMERS: customers(self._client)}
        direct |= {stream: Statuses(self._client, status) for stream, status in STATUSES.items()}
        self._all = shop.Streams(self._orders, direct, {NOTES: self._notes.append})

    @property
    def _served(self) -> shop.Streams:
        return self._all

    def _objects(self, kind: str) -> Objects:
        return Objects(self._client, kind, self.streams[f"custom_objects/{kind}"], self._clock)

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
