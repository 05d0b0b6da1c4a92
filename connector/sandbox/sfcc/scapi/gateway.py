"""The Commerce API of the instance: families of APIs under one organization, scopes, RFC 7807, load headers.

`/{family}/{api}/v1/organizations/{organizationId}/…`. A client of OCAPI is no client here, and the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import orjson

from connector.sandbox.opaque import new_state
from connector.sandbox.server import Reply, Request
from connector.sandbox.sfcc.fault import Fault
from connector.sandbox.sfcc.scapi.customers import Customers
from connector.sandbox.sfcc.scapi.objects import Objects
from connector.sandbox.sfcc.scapi.orders import Orders
from connector.sandbox.sfcc.scapi.problem import Problem, of_fault
from connector.sandbox.sfcc.scapi.products import Products
from connector.sandbox.sfcc.schema import SITES

if TYPE_CHECKING:
    from connector.sandbox.sfcc.shop import Shop

_PATH = re.compile(
    r"/(?:checkout/orders|custom-object/custom-objects|product/products|customer/customers)/v1/organizations/([^/]+)(/.*)\Z"
)
_SCOPES = {
    "checkout": "sfcc.orders",
    "custom-object": "sfcc.custom-objects",
    "product": "sfcc.products",
    "customer": "sfcc.shopper-customers",
}
_WARN, _THROTTLE, _FULL = 80, 90, 100
"""Percent of load from which every answer warns, says that it throttles, and is refused."""

Handler = Callable[["Call"], Reply]


class Call:
    """One request, as an API of the family sees it. `rest` are the parts of the path behind the organization."""

    def __init__(self, request: Request, rest: Sequence[str], client: str) -> None:
        self.request, self.rest, self.client = request, rest, client
        self.method = request.method
        found = parse_qs(request.query, keep_blank_values=True) if request.query else {}
        self.params: Mapping[str, str] = {name: values[-1] for name, values in found.items()}

    def knows(self, *names: str) -> None:
        """Refuses names of the query that the call does not have."""
        for name in self.params:
            if name not in names:
                raise Problem(400, "undefined-query-parameter", f"The query parameter '{name}' is not defined.")

    @property
    def site(self) -> str:
        """The site that the query names; every call of the Orders API needs one."""
        site = self.params.get("siteId")
        if site is None:
            raise Problem(400, "missing-query-parameter", "The query parameter 'siteId' is missing.")
        if site not in SITES:
            raise Problem(404, "not-found", f"There is no site '{site}'.")
        return site

    def body(self) -> Any:
        if self.request.header(b"content-type").partition(";")[0].strip() != "application/json":
            raise Problem(415, "", "The body must be application/json.")
        try:
            return orjson.loads(self.request.body)
        except orjson.JSONDecodeError as error:
            raise Problem(400, "", "The body is no JSON.") from error


class Gateway:
    """Where every SCAPI request of one instance comes in."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.start()

    def start(self) -> None:
        self.orders = Orders(self.shop)
        self.objects = Objects(self.shop)
        self.products = Products(self.shop)
        self.customers = Customers(self.shop)

    @staticmethod
    def takes(path: str) -> bool:
        return _PATH.match(path) is not None

    def handle(self, request: Request) -> Reply:
        """Any answer bears the id of the call, and the load where it is high."""
        load = self.shop.world.options.scapi_load
        try:
            if load >= _FULL:
                raise Problem(503, "", "The instance is at its capacity.")
            reply = self._handle(request)
        except Problem as problem:
            reply = problem.reply()
        except Fault as fault:
            reply = of_fault(fault).reply()
        return self.finished(request, reply)

    def finished(self, request: Request, reply: Reply) -> Reply:
        options = self.shop.world.options
        told = request.header(b"correlation-id") or new_state()
        reply.headers += b"x-correlation-id: " + told.encode("latin-1", "replace") + b"\r\n"
        if options.scapi_load >= _WARN:
            status = b"THROTTLE" if options.scapi_load >= _THROTTLE else b"WARN"
            reply.headers += b"sfdc_load: %d\r\nsfdc_load_status: %s\r\n" % (options.scapi_load, status)
        return reply

    def _handle(self, request: Request) -> Reply:
        found = _PATH.match(request.path)
        assert found is not None  # `takes` has said so
        family = request.path.split("/", 2)[1]
        client = self._client(request, family)
        if unquote(found[1]) != self.shop.world.options.organization:
            raise Problem(404, "not-found", f"There is no organization '{unquote(found[1])}'.")
        call = Call(request, [unquote(part) for part in found[2].strip("/").split("/")], client)
        handlers: Mapping[str, Handler] = {
            "checkout": self.orders.handle, "custom-object": self.objects.handle, "product": self.products.handle,
            "customer": self.customers.handle,
        }  # fmt: skip
        return handlers[family](call)

    def _client(self, request: Request, family: str) -> str:
        """Whose token it is. Both scopes are needed: the tenant's and the API's."""
        options = self.shop.world.options
        header = request.headers.get(b"authorization", b"")
        token = self.shop.tokens.tokens.get(header[7:].strip()) if header[:7].lower() == b"bearer " else None
        if token is None or token.ends <= self.shop.clock.now():
            raise Problem(401, "", "The access token is missing, invalid or has expired.")
        tenant = "SALESFORCE_COMMERCE_API:" + options.organization.removeprefix("f_ecom_")
        scope = _SCOPES[family]
        wanted = {f"{scope}.rw"} if _writes(request) else {scope, f"{scope}.rw"}
        if token.scopes is None or tenant not in token.scopes or not wanted & token.scopes:
            raise Problem(options.permission_style, "", "The token does not hold the scope that this call needs.")
        return token.client


def _writes(request: Request) -> bool:
    return request.method not in ("GET", "HEAD") and "-search/" not in request.path
