"""`check` over SCAPI: is the shop there, and may the client do what the flows do?

Nothing is written: a right to write is tried on a record that cannot exist, with an empty document. This API describes no
attributes, so which there are, and of which type, is only known over OCAPI or in Business Manager.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connector.adapters.sfcc.checking import NOBODY
from connector.adapters.sfcc.customers import customer_problems
from connector.adapters.sfcc.documents import OBJECT_FIELDS, ORDER_FIELDS
from connector.adapters.sfcc.product_fields import product_problems
from connector.adapters.sfcc.scapi.client import Client
from connector.adapters.sfcc.scapi.events import EVENT, FIELDS
from connector.adapters.sfcc.scapi.faults import Asked
from connector.adapters.sfcc.scapi.keyed import ScapiKeyed, customers, products
from connector.adapters.sfcc.scapi.objects import Objects
from connector.adapters.sfcc.scapi.orders import CHANGE, ONE, Orders
from connector.adapters.sfcc.scapi.statuses import ScapiStatuses
from connector.adapters.sfcc.scapi.streams import OWN
from connector.adapters.sfcc.status_fields import status_problems
from connector.adapters.sfcc.streams import CUSTOMERS, EVENTS, ORDERS, PRODUCTS, object_type
from connector.errors import AuthFailed, ConnectionFault, Misconfigured
from connector.http import clock_problems
from connector.model import Problem, Record, StreamUse
from connector.nearest import meant

SHOWN = frozenset({"guest", "payment_transaction"})


def check(
    client: Client, orders: Orders, objects: Callable[[str], Objects], uses: Sequence[StreamUse]
) -> list[Problem]:
    """All problems. Raises ConnectionFault when the shop cannot be reached or refuses us."""
    checker = _Checker(client, orders)
    checker.run(objects, uses)
    checker.problems += clock_problems("the shop's", client.ahead)
    return checker.problems


class _Checker:
    def __init__(self, client: Client, orders: Orders) -> None:
        self._client, self._orders = client, orders
        self.problems: list[Problem] = []

    def run(self, objects: Callable[[str], Objects], uses: Sequence[StreamUse]) -> None:
        sample: list[Record] = []
        if not uses or any(use.stream.partition(".")[0] == ORDERS for use in uses):
            self._well(ORDERS, lambda: sample.extend(self._orders.probe()))
        for use in uses:
            kind = object_type(use.stream)
            if kind is not None:
                self._object(use, objects(kind))
            elif use.stream == ORDERS:
                self._order(use, sample)
            elif use.stream == EVENTS:
                self._may(use, EVENT, f"{self._orders.path(NOBODY)}/oms-status-events")
                self._known(use, frozenset(FIELDS), "an order event")
            elif use.stream == PRODUCTS:
                self._keyed(use, products(self._client))
                self.problems += product_problems(use)
            elif use.stream == CUSTOMERS:
                self._keyed(use, customers(self._client))
                self.problems += customer_problems(use)
            elif use.stream in OWN:
                self._status(use)

    def _order(self, use: StreamUse, sample: Sequence[Record]) -> None:
        if use.fetches:
            self._may(use, ONE, self._orders.path(NOBODY))
        if use.writes:
            self._may(use, CHANGE, self._orders.path(NOBODY))
        shown = frozenset(sample[0].fields) if sample else frozenset()
        self._known(use, ORDER_FIELDS | SHOWN | shown, "an order")
        self._written(use, ORDER_FIELDS)

    def _object(self, use: StreamUse, objects: Objects) -> None:
        if not self._well(use.stream, objects.probe):
            return
        asked, path = objects.asked("GET"), objects.path(NOBODY)
        if use.fetches or use.writes:
            self._may(use, asked, path, site=False)
        if "update" in use.writes:
            self._may(use, objects.asked("PATCH"), path, site=False)
        if "delete" in use.writes:
            self._may(use, objects.asked("DELETE"), path, site=False)
        self._known(use, OBJECT_FIELDS, "a custom object")
        self._written(use, OBJECT_FIELDS)

    def _status(self, use: StreamUse) -> None:
        status = OWN[use.stream]
        statuses = ScapiStatuses(self._client, status, self._orders)
        self._may(use, ONE, self._orders.path(NOBODY))
        if use.writes:
            self._may(use, statuses.asked, f"{self._orders.path(NOBODY)}/{statuses.segment}")
        self.problems += status_problems(use, status, may_export=self._client.settings.may_export)

    def _keyed(self, use: StreamUse, keyed: ScapiKeyed) -> None:
        self._may(use, keyed.read, keyed.path(NOBODY), site=False)
        if use.writes:
            self._may(use, keyed.change, keyed.path(NOBODY), site=False)

    # -- fields and calls ----------------------------------------------------------------------------------------------

    def _known(self, use: StreamUse, known: frozenset[str], what: str) -> None:
        for name in use.fields:
            if not name.startswith("c_") and name not in known:
                remedy = f"{meant(name, known)}correct the name; attributes of the shop's own begin with c_"
                self.problems.append(Problem(f"{what} has no field {name}", remedy, use.stream, name))

    def _written(self, use: StreamUse, system: frozenset[str]) -> None:
        for name, field in use.fields.items():
            if name in system and (field.creates or field.updates):
                remedy = "write to a c_ attribute; statuses of an order are streams of their own (orders.status)"
                message = f"{name} cannot be written: only custom attributes (c_…) can"
                self.problems.append(Problem(message, remedy, use.stream, name))

    def _may(self, use: StreamUse, asked: Asked, path: str, *, site: bool = True) -> None:
        """Try a call on a record that cannot exist; anything but a refused right is well."""

        def ask() -> None:
            payload: dict[str, str] | None = None if asked.method in ("GET", "DELETE") else {}
            params = self._orders.site if site else None
            response = self._client.call(asked, path, intent="read", payload=payload, params=params)
            error = self._client.fault(response, asked) if response.status >= 400 else None
            if response.status == 403 or isinstance(error, ConnectionFault):
                raise error or Misconfigured(f"{asked.method} {asked.what}: {response.status}")

        self._well(use.stream, ask)

    def _well(self, stream: str, ask: Callable[[], object]) -> bool:
        try:
            ask()
        except AuthFailed as error:
            if self._client.tokens.lifetime is None or not self._client.answered:
                raise
            self._problem(error, stream)
            return False
        except Misconfigured as error:
            self._problem(error, stream)
            return False
        return True

    def _problem(self, error: AuthFailed | Misconfigured, stream: str) -> None:
        problem = Problem(str(error), error.remedy, stream)
        if not any((each.message, each.remedy) == (problem.message, problem.remedy) for each in self.problems):
            self.problems.append(problem)
