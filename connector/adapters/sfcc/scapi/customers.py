"""`customers` over SCAPI (customer/customers/v1): as over OCAPI, but for the condition: none is documented."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.adapters.sfcc.client import addressable, segment, unaddressable
from connector.adapters.sfcc.customers import check_values, customer_record
from connector.adapters.sfcc.products import document
from connector.adapters.sfcc.scapi.client import Client
from connector.adapters.sfcc.scapi.faults import Asked
from connector.adapters.sfcc.scapi.names import camel, snake
from connector.adapters.sfcc.scapi.scopes import customers_api
from connector.errors import Misconfigured, RecordFault
from connector.http import Response
from connector.model import Record, Result, Write


class Customers:
    """Customers of the connection's customer list."""

    def __init__(self, client: Client) -> None:
        self._client = client
        api = customers_api(client.settings.customers_scope)
        self.read = Asked(api, "GET", "customers/{}", writes=False)
        self.change = Asked(api, "PATCH", "customers/{}", writes=True)

    def fetch(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """Customers by number, each read directly."""
        return {key: record for key in keys if (record := self._get(key)) is not None}

    def update(self, write: Write) -> Result:
        """PATCH of one customer; the last write wins."""
        refused = check_values(write.fields)
        if refused is not None:
            return Result(error=refused)
        key = write.target or ""
        if not addressable(key):
            return Result(error=unaddressable(key))
        payload = {camel(name): value for name, value in document(write.fields).items()}
        response = self._client.call(self.change, self.path(key), intent="update", payload=payload)
        if response.status in (200, 204):
            return Result(target=key)
        error = self._client.fault(response, self.change, writing=True)
        if isinstance(error, RecordFault):
            return Result(error=error)
        raise error

    def path(self, key: str) -> str:
        return f"customer-lists/{segment(self._client.settings.customers)}/customers/{segment(key)}"

    def _get(self, key: str) -> Record | None:
        if not addressable(key):
            return None
        response = self._client.call(self.read, self.path(key), intent="read")
        if response.status == 200:
            return customer_record(_ours(response), self._client.settings.site)
        if self._client.missing(response):
            return None
        raise self._client.fault(response, self.read)


def _ours(response: Response) -> dict[str, object]:
    shown = response.json()
    if not isinstance(shown, dict) or "customerNo" not in shown:
        raise Misconfigured(
            f"{response.where}: a customer is not as documented", remedy="look at the answer in Log Center"
        )
    return {snake(name): value for name, value in shown.items()}
