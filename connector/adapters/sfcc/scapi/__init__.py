"""A shop over SCAPI, the Commerce API: orders, their statuses, order events, custom objects, products and customers, in OCAPI's
words.

The streams are in `orders.py`, `statuses.py`, `events.py`, `objects.py` and `keyed.py`; `days.py` finds its way in lists that
know days only, `client.py` makes the calls, `faults.py` says what a refusal means, `limits.py` what this API cannot do.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.adapter import Clock
from connector.adapters.sfcc import shop
from connector.adapters.sfcc.scapi.client import Client
from connector.adapters.sfcc.scapi.events import Events
from connector.adapters.sfcc.scapi.keyed import customers, products
from connector.adapters.sfcc.scapi.objects import Objects
from connector.adapters.sfcc.scapi.orders import Orders
from connector.adapters.sfcc.scapi.statuses import ScapiStatuses
from connector.adapters.sfcc.scapi.streams import OWN, ScapiStreams
from connector.adapters.sfcc.settings import SfccSettings
from connector.adapters.sfcc.streams import CUSTOMERS, EVENTS, ORDERS, PRODUCTS
from connector.model import Problem, Report, StreamUse


class Scapi(shop.Shop):
    """One site of one organization."""

    def __init__(self, name: str, settings: SfccSettings, *, clock: Clock) -> None:
        self._client, self._clock = Client(name, settings, clock), clock
        super().__init__(name, settings, self._client.http, ScapiStreams(settings.settle_after))
        self._orders = Orders(self._client, self.streams[ORDERS], clock)
        direct: dict[str, shop.Direct] = {PRODUCTS: products(self._client), CUSTOMERS: customers(self._client)}
        direct |= {stream: ScapiStatuses(self._client, status, self._orders) for stream, status in OWN.items()}
        self._all = shop.Streams(self._orders, direct, {EVENTS: Events(self._client, self._orders).append})
        self._proved: set[str] = set()

    @property
    def _served(self) -> shop.Streams:
        return self._all

    def _objects(self, kind: str) -> Objects:
        return Objects(self._client, kind, self._clock, self._proved, self._orders.prove)

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
