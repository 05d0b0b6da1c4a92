"""Products (product/products/v1) and customers (customer/customers/v1) over SCAPI: as over OCAPI, but for the condition: none is
documented, so the last write wins.

Only the names of an object's own fields are in camelCase: entries of its maps (`default@RefArch`, `fr_FR`) are what they are.
"""

from __future__ import annotations

from connector.adapters.sfcc.client import segment
from connector.adapters.sfcc.customers import CUSTOMER
from connector.adapters.sfcc.keyed import Form, Keyed, document
from connector.adapters.sfcc.products import PRODUCT
from connector.adapters.sfcc.scapi.client import Client
from connector.adapters.sfcc.scapi.faults import Asked
from connector.adapters.sfcc.scapi.names import camel, snake
from connector.adapters.sfcc.scapi.scopes import PRODUCTS, Api, customers_api
from connector.errors import Misconfigured, RecordFault
from connector.http import Response
from connector.model import Record, Result, Write


class ScapiKeyed(Keyed):
    """Those of one kind, below a path of their API."""

    def __init__(self, client: Client, form: Form, api: Api, place: str) -> None:
        super().__init__(form)
        self._client, self._place = client, place
        what = f"{form.name}s/{{}}"
        self.read, self.change = Asked(api, "GET", what, writes=False), Asked(api, "PATCH", what, writes=True)

    def path(self, key: str) -> str:
        return f"{self._place}/{segment(key)}"

    def _get(self, key: str) -> Record | None:
        response = self._client.call(self.read, self.path(key), intent="read")
        if response.status == 200:
            return self.form.record(self._ours(response), self._client.settings.site)
        if self._client.missing(response):
            return None
        raise self._client.fault(response, self.read)

    def _patch(self, key: str, write: Write) -> Result:
        payload = {camel(name): value for name, value in document(write.fields).items()}
        response = self._client.call(self.change, self.path(key), intent="update", payload=payload)
        if response.status in (200, 204):
            return Result(target=key)
        error = self._client.fault(response, self.change, writing=True)
        if isinstance(error, RecordFault):
            return Result(error=error)
        raise error

    def _ours(self, response: Response) -> dict[str, object]:
        shown = response.json()
        if not isinstance(shown, dict) or camel(self.form.key) not in shown:
            text = f"{response.where}: a {self.form.name} is not as documented"
            raise Misconfigured(text, remedy="look at the answer in Log Center")
        return {snake(name): value for name, value in shown.items()}


def products(client: Client) -> ScapiKeyed:
    """Products of the instance: they belong to catalogs, not to a site."""
    return ScapiKeyed(client, PRODUCT, PRODUCTS, "products")


def customers(client: Client) -> ScapiKeyed:
    """Customers of the connection's customer list."""
    settings = client.settings
    place = f"customer-lists/{segment(settings.customers)}/customers"
    return ScapiKeyed(client, CUSTOMER, customers_api(settings.customers_scope), place)
