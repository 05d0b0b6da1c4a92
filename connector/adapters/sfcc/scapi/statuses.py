"""`orders.status` and its kin over SCAPI: the same looks and guards as over OCAPI, by PUT …/orders/{no}/{status, …}."""

from __future__ import annotations

from typing import Any

from connector.adapters.sfcc.scapi import scopes
from connector.adapters.sfcc.scapi.client import Client
from connector.adapters.sfcc.scapi.faults import Asked
from connector.adapters.sfcc.scapi.names import ours
from connector.adapters.sfcc.scapi.orders import ONE, Orders
from connector.adapters.sfcc.statuses import Statuses
from connector.adapters.sfcc.streams import ORDERS, Status
from connector.errors import RemoteError
from connector.http import Response


class ScapiStatuses(Statuses):
    """One status of the orders of the connection's site."""

    def __init__(self, client: Client, status: Status, orders: Orders) -> None:
        self._scapi, self._orders = client, orders
        self._status = status
        self._settings = client.settings
        self._stream = f"{client.http.name}.{ORDERS}.{status.name}"
        self.resource = scopes.ORDERS.needed(writes=True)
        self.asked = Asked(scopes.ORDERS, "PUT", f"orders/{{}}/{self.segment}", writes=True)

    @property
    def segment(self) -> str:
        return self._status.name.replace("_", "-")

    def put(self, number: str, value: str) -> Response:
        return self._scapi.call(
            self.asked,
            f"{self._orders.path(number)}/{self.segment}",
            intent="once",
            payload={"status": value},
            params=self._orders.site,
        )

    def _read(self, number: str) -> Response:
        return self._orders.look(number)

    def _document(self, response: Response) -> dict[str, Any]:
        document: dict[str, Any] = ours(response.json())
        return document

    def _missing(self, response: Response) -> bool:
        if not self._scapi.missing(response):
            return False
        self._orders.prove()
        return True

    def _fault(self, response: Response, method: str, *, writing: bool = True) -> RemoteError:
        asked = ONE if method == "GET" else self.asked
        return self._orders.fault(response, asked) if writing else self._scapi.fault(response, asked)
