"""The instance as its port sees it: from a path to what it does.

`/s/{site}/dw/shop/{version}/…`, `/s/-/dw/data/{version}/…`, on a production domain without `/s/{site}`, and the token paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any
from urllib.parse import unquote

import orjson

from connector.sandbox.clock import Dial
from connector.sandbox.faults import Rule
from connector.sandbox.gate import World, json_reply
from connector.sandbox.server import Reply, Request
from connector.sandbox.sfcc import impex, select, statics
from connector.sandbox.sfcc.customers import Customers
from connector.sandbox.sfcc.declared import Declared
from connector.sandbox.sfcc.definitions import CUSTOMER, PRODUCT, SYSTEM, Definitions
from connector.sandbox.sfcc.documents import Documents
from connector.sandbox.sfcc.fault import Fault
from connector.sandbox.sfcc.objects import SEPARATOR, Objects
from connector.sandbox.sfcc.orders import WRITABLE, Orders
from connector.sandbox.sfcc.products import Products
from connector.sandbox.sfcc.scapi.gateway import Gateway
from connector.sandbox.sfcc.scapi.problem import Problem
from connector.sandbox.sfcc.schema import DEFAULT_SITE, SITES, Attribute
from connector.sandbox.sfcc.tokens import Token, Tokens

_VERSION = re.compile(r"v(\d\d)_(\d{1,2})\Z")
_OLDEST, _NEWEST = (22, 4), (26, 99)  # a version lives two years at least, then it is deleted
_SECONDS = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d):\d\d\.\d{3}Z"')
_TOKEN_PATHS = ("/dwsso/oauth2/access_token", "/dw/oauth2/access_token")
_DEFINITIONS = ("system_object_definitions", "custom_object_definitions")
_KINDS = {
    429: "TooManyRequestsException",
    500: "InternalServerErrorException",
    502: "BadGatewayException",
    503: "ServiceUnavailableException",
    504: "GatewayTimeoutException",
}


class Shop:
    """One simulated instance."""

    name = "sfcc"

    def __init__(self, world: World, url: str = "") -> None:
        self.world = world
        self.url = url
        self.clock = Dial(world.clock, world.options.shop_skew)
        self.tokens = Tokens(self)
        self.start()

    def start(self) -> None:
        """An empty shop; tokens live on."""
        self.declared = Declared(bare=self.world.options.bare)
        self.settings: dict[str, dict[str, Any]] = {"shop": {}, "data": {}} if self.world.options.bare else {}
        """API → client → resources, once Business Manager's settings were saved; empty: the option `permissions` says it."""
        self.orders = Orders(self)
        self.objects = Objects(self)
        self.products = Products(self)
        self.customers = Customers(self)
        self.definitions = Definitions(self)
        self.scapi = Gateway(self)
        self.lags: dict[str, float] = {}
        self._jitter = Random(self.world.options.seed)
        self._once: float | None = None

    def attributes(self, kind: str) -> Mapping[str, Attribute] | None:
        """The custom attributes of `Order`, of `Product` or of a custom object type; None: there is no such type."""
        if kind == SYSTEM:
            return self.declared.orders
        if kind == PRODUCT:
            return self.declared.products
        if kind == CUSTOMER:
            return self.declared.customers
        known = self.declared.types.get(kind)
        return known.attributes if known else None

    # what an administrator does
    def take_metadata(self, files: Mapping[str, str]) -> None:
        """Imports definitions; raises impex.Refused and changes nothing when a file is wrong."""
        self.declared = impex.read(files, self.declared)
        self.objects.learn()
        self.orders.learn()

    def save_settings(self, api: str, clients: Mapping[str, Any]) -> None:
        """What Business Manager saves for one API replaces what was there."""
        if not self.settings:
            self.settings = {"shop": {}, "data": {}}
        self.settings[api] = dict(clients)

    # what the gate asks for
    def error(self, request: Request, status: int, code: str, message: str, arguments: Mapping[str, Any]) -> Reply:
        if self.scapi.takes(request.path):
            return self.scapi.finished(request, Problem(status, code, message or None).reply())
        kind = code or _KINDS.get(status, "UnknownException")
        told = Fault(status, kind, message or "The request could not be served.")
        told.arguments = dict(arguments)
        return told.reply()

    def end_token(self, request: Request) -> None:
        self.tokens.end(request)

    def under(self, rules: Sequence[Rule]) -> None:
        lags = [r.seconds for r in rules if r.kind == "index_lag"]
        self._once = max(lags) if lags else None

    def lag(self, key: str) -> float:
        """How long the index takes for a write of this key."""
        if self._once is not None:
            return self._once
        if key in self.lags:
            return self.lags[key]
        options = self.world.options
        return options.index_lag + (self._jitter.random() * options.index_jitter if options.index_jitter else 0.0)

    def handle(self, request: Request) -> Reply:
        try:
            return self._handle(request)
        except Fault as fault:
            return fault.reply()

    def _handle(self, request: Request) -> Reply:
        if request.path in _TOKEN_PATHS:
            return self.tokens.grant(request)
        if request.path.startswith(statics.PREFIX):
            return statics.served(request)
        if self.scapi.takes(request.path):
            return self.scapi.handle(request)
        parts = request.path.split("/")
        if parts[1:2] == ["s"] and len(parts) > 6 and parts[3] == "dw":
            site, api, version, rest = parts[2], parts[4], parts[5], parts[6:]
        elif parts[1:2] == ["dw"] and len(parts) > 4:
            site, api, version, rest = DEFAULT_SITE, parts[2], parts[3], parts[4:]
        else:
            raise Fault(404, "NotFoundException", "There is nothing here.", path=request.path)
        shown = _version(version)
        holder = self.tokens.holder(request)
        method = _method(request)
        rest = [unquote(p) for p in rest]
        trim = self.tokens.allowed(holder.client, api, "/" + "/".join(rest), method)
        if api == "shop":
            if site not in SITES:
                raise _no_site(site)
            reply = self._shop(request, holder, site, method, rest, shown)
        elif api == "data":
            reply = self._data(request, method, rest, shown)
        else:
            raise Fault(404, "NotFoundException", f"There is no API '{api}'.", path=request.path)
        return self._finish(reply, trim)

    def _finish(self, reply: Reply, trim: str | None) -> Reply:
        if trim is not None and reply.body:
            reply.body = orjson.dumps(_trimmed(select.parse(trim), orjson.loads(reply.body)))
        if self.world.options.minute_dates:
            reply.body = _SECONDS.sub(rb'"\1Z"', reply.body)
        return reply

    def _shop(self, request: Request, holder: Token, site: str, method: str, rest: list[str], version: str) -> Reply:
        orders = self.orders
        match (method, rest):
            case ("POST", ["order_search"]):
                return Reply(200, orders.search(site, _body(request), version))
            case ("GET", ["orders", number]):
                return self._selected(request, orders.read(site, number, version))
            case ("PATCH", ["orders", number]):
                with self.said("orders", site, number, orders.sites[site]):
                    orders.patch(site, number, _body(request), data_api=False)
            case ("GET", ["orders", number, "notes"]):
                return Reply(200, orjson.dumps(orders.read_notes(site, number)))
            case ("POST", ["orders", number, "notes"]):
                orders.add_note(site, number, _body(request), holder.user or holder.client)
            case ("DELETE", ["orders", number, "notes", note]):
                orders.delete_note(site, number, note)
            case _:
                raise _nothing(method, rest)
        return Reply(200, orders.read(site, rest[1], version))

    def _data(self, request: Request, method: str, rest: list[str], version: str) -> Reply:
        site = ""
        if rest[0] == "sites":
            if len(rest) < 3 or rest[1] not in SITES:
                raise _no_site(rest[1] if len(rest) > 1 else "")
            site, rest = rest[1], rest[2:]
        state = request.header(b"x-dw-resource-state")
        objects = self.objects
        match (method, rest):
            case ("GET", [family, kind, "attribute_definitions"]) if family in _DEFINITIONS and not site:
                return json_reply(200, self.definitions.page(family, kind, request, version))
            case ("GET", [family, kind, "attribute_definitions", name]) if family in _DEFINITIONS and not site:
                return json_reply(200, self.definitions.one(family, kind, name, request, version))
            case ("POST", ["custom_objects_search", kind]) if not site:
                return Reply(200, objects.search(kind, _body(request), version))
            case ("GET", ["custom_objects", kind, key]):
                return self._selected(request, objects.read(site, kind, key, version))
            case ("PUT", ["custom_objects", kind, key]):
                with self.said(kind, site, key, objects.types.get(kind), key + SEPARATOR + site):
                    objects.put(site, kind, key, _body(request), state)
                return Reply(200, objects.read(site, kind, key, version))
            case ("PATCH", ["custom_objects", kind, key]):
                with self.said(kind, site, key, objects.types.get(kind), key + SEPARATOR + site):
                    objects.patch(site, kind, key, _body(request), state)
                return Reply(200, objects.read(site, kind, key, version))
            case ("DELETE", ["custom_objects", kind, key]):
                objects.delete(site, kind, key, state)
                return Reply(204)
            case ("GET", ["customer_lists", of, "customers", number]) if not site:
                return self._selected(request, self.customers.read(of, number, version))
            case ("PATCH", ["customer_lists", of, "customers", number]) if not site:
                self.customers.patch(of, number, _body(request), state)
                return Reply(200, self.customers.read(of, number, version))
            case ("GET", ["products", number]) if not site:
                return self._selected(request, self.products.read(number, version))
            case ("PATCH", ["products", number]) if not site:
                self.products.patch(number, _body(request), state)
                return Reply(200, self.products.read(number, version))
            case ("PATCH", ["orders", number]) if site:
                with self.said("orders", site, number, self.orders.sites[site]):
                    self.orders.patch(site, number, _body(request), data_api=True)
                return Reply(204)
            case ("PUT", ["orders", number, name]) if site and name in WRITABLE:
                with self.said("orders", site, number, self.orders.sites[site]):
                    self.orders.put_status(site, number, name, _body(request))
                return Reply(204)
        raise _nothing(method, rest)

    @contextmanager
    def said(self, kind: str, site: str, key: str, docs: Documents | None, held: str = "") -> Iterator[None]:
        """Tells the journal of a write over the API, and whether anything changed by it."""
        before = None if docs is None else docs.get(held or key)
        was = None if before is None else before.body
        yield
        assert docs is not None  # a type that is not there was refused
        after = docs.get(held or key)
        now = None if after is None else after.body
        self.world.journal.wrote(f"{kind}/{site}/{key}", news=was is None or _plain(was) != _plain(now))

    def _selected(self, request: Request, document: bytes) -> Reply:
        chosen = request.params().get("select") if request.query else None
        if chosen is None:
            return Reply(200, document)
        tree = select.parse(chosen)
        return Reply(200, document if tree is None else orjson.dumps(select.apply(tree, orjson.loads(document))))


def _plain(body: bytes | None) -> Any:
    """A document without what every write moves."""
    document = orjson.loads(body or b"{}")
    return {name: value for name, value in document.items() if name not in _MOVED}


_MOVED = frozenset({"_resource_state", "last_modified", "channel_type", "creation_date"})


def _trimmed(tree: select.Tree | None, document: dict[str, Any]) -> dict[str, Any]:
    """read_attributes speak of the resource: in a search result, of each hit."""
    if "hits" in document:
        for i, hit in enumerate(document["hits"]):
            if "data" in hit:
                hit["data"] = select.apply(tree, hit["data"])
            else:
                document["hits"][i] = select.apply(tree, hit)
        return document
    if str(document.get("_type", "")).endswith("_result"):
        return document
    trimmed: dict[str, Any] = select.apply(tree, document)
    return trimmed


def _version(token: str) -> str:
    match = _VERSION.match(token)
    if not match or not _OLDEST <= (int(match[1]), int(match[2])) <= _NEWEST:
        raise Fault(400, "InvalidVersionException", f"The version '{token}' is not supported.", version=token)
    return f"{match[1]}.{match[2]}"


def _method(request: Request) -> str:
    if request.method != "POST":
        return request.method
    override = request.header(b"x-dw-http-method-override")
    if not override and "method=" in request.query:
        override = request.params().get("method", "")
    return override.upper() or "POST"


def _body(request: Request) -> Any:
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise Fault(400, "BodyDecodingException", "The request body could not be decoded.") from error


def _no_site(site: str) -> Fault:
    return Fault(404, "SiteNotFoundException", f"There is no site '{site}'.", siteId=site)


def _nothing(method: str, rest: list[str]) -> Fault:
    known = rest and rest[0] in (
        "order_search",
        "orders",
        "products",
        "customer_lists",
        "custom_objects",
        "custom_objects_search",
        *_DEFINITIONS,
    )
    status, kind = (405, "MethodNotAllowedException") if known else (404, "NotFoundException")
    return Fault(status, kind, f"{method} is not possible here.", path="/".join(rest))
