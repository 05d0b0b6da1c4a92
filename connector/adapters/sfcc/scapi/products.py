"""`products` over SCAPI: flags and attributes of products by id, as over OCAPI, but for the condition: none is documented.

Only the names of a product's own fields are in camelCase: entries of its maps (`default@RefArch`, `fr_FR`) are what they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.adapters.sfcc.client import addressable, segment, unaddressable
from connector.adapters.sfcc.products import check_values, document, product_record
from connector.adapters.sfcc.scapi import scopes
from connector.adapters.sfcc.scapi.client import Client
from connector.adapters.sfcc.scapi.faults import Asked
from connector.adapters.sfcc.scapi.names import camel, snake
from connector.errors import Misconfigured, RecordFault
from connector.http import Response
from connector.model import Record, Result, Write

READ = Asked(scopes.PRODUCTS, "GET", "products/{}", writes=False)
CHANGE = Asked(scopes.PRODUCTS, "PATCH", "products/{}", writes=True)


class Products:
    """Products of the instance: they belong to catalogs, not to a site."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def fetch(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """Products by id, each read directly."""
        return {key: record for key in keys if (record := self._get(key)) is not None}

    def update(self, write: Write) -> Result:
        """PATCH of one product; the last write wins."""
        refused = check_values(write.fields)
        if refused is not None:
            return Result(error=refused)
        key = write.target or ""
        if not addressable(key):
            return Result(error=unaddressable(key))
        payload = {camel(name): value for name, value in document(write.fields).items()}
        response = self._client.call(CHANGE, self.path(key), intent="update", payload=payload)
        if response.status in (200, 204):
            return Result(target=key)
        error = self._client.fault(response, CHANGE, writing=True)
        if isinstance(error, RecordFault):
            return Result(error=error)
        raise error

    @staticmethod
    def path(key: str) -> str:
        return f"products/{segment(key)}"

    def _get(self, key: str) -> Record | None:
        if not addressable(key):
            return None
        response = self._client.call(READ, self.path(key), intent="read")
        if response.status == 200:
            return product_record(_ours(response), self._client.settings.site)
        if self._client.missing(response):
            return None
        raise self._client.fault(response, READ)


def _ours(response: Response) -> dict[str, object]:
    shown = response.json()
    if not isinstance(shown, dict) or "id" not in shown:
        raise Misconfigured(
            f"{response.where}: a product is not as documented", remedy="look at the answer in Log Center"
        )
    return {snake(name): value for name, value in shown.items()}
