"""Which OCAPI resources the flows need, as the two documents of Business Manager's Open Commerce API Settings.

A resource or method that no flow uses is not in them. Attributes are all allowed: a narrower list trims answers without a
word, and what it leaves out is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import orjson

from connector.adapters.sfcc import resources
from connector.adapters.sfcc.settings import SfccSettings
from connector.adapters.sfcc.streams import CUSTOMERS, NOTES, ORDERS, PRODUCTS, object_type
from connector.model import StreamUse

Allowed = tuple[str, str, str]
"""API (`shop`, `data`), resource, method."""
_METHODS = ("get", "post", "put", "patch", "delete")


def settings_of(api: str, settings: SfccSettings, uses: Sequence[StreamUse]) -> str:
    """The document to paste, for the type `shop` or `data`."""
    wanted: dict[str, set[str]] = {}
    for use in uses:
        for of, resource, method in needed(use):
            if of == api:
                wanted.setdefault(resource, set()).add(method)
    entries = [
        {
            "resource_id": resource,
            "methods": [method for method in _METHODS if method in wanted[resource]],
            "read_attributes": "(**)",
            "write_attributes": "(**)",
        }
        for resource in sorted(wanted)
    ]
    version = settings.shop_version if api == "shop" else settings.data_version
    made = {
        "_v": version.removeprefix("v").replace("_", "."),
        "clients": [{"client_id": settings.client_id, "resources": entries}],
    }
    return orjson.dumps(made, option=orjson.OPT_INDENT_2).decode() + "\n"


def needed(use: StreamUse) -> Iterator[Allowed]:
    """What one stream needs, the cheap calls of `check` among it."""
    kind = object_type(use.stream)
    if kind is not None:
        yield from _of_objects(use)
    elif use.stream == ORDERS or use.stream.startswith(f"{ORDERS}."):
        yield from _of_orders(use)
    elif use.stream in (PRODUCTS, CUSTOMERS):
        resource = resources.PRODUCT if use.stream == PRODUCTS else resources.CUSTOMER
        yield "data", resources.ORDER_ATTRIBUTES, "get"
        yield "data", resources.single(resources.ORDER_ATTRIBUTES), "get"
        yield "data", resource, "get"
        if use.writes:
            yield "data", resource, "patch"


def _of_orders(use: StreamUse) -> Iterator[Allowed]:
    yield "shop", resources.ORDER_SEARCH, "post"
    if use.stream == NOTES:
        yield from (("shop", resources.NOTES, method) for method in ("get", "post"))
        return
    yield "data", resources.ORDER_ATTRIBUTES, "get"
    yield "data", resources.single(resources.ORDER_ATTRIBUTES), "get"
    yield "shop", resources.ORDER, "get"
    if use.stream != ORDERS:  # a guarded stream: one status of an order, written by a call of its own
        yield "data", resources.status_of(use.stream.removeprefix(f"{ORDERS}.")), "put"
    elif use.writes:
        yield "data", resources.SITE_ORDER, "patch"


def _of_objects(use: StreamUse) -> Iterator[Allowed]:
    yield "data", resources.OBJECT_ATTRIBUTES, "get"
    yield "data", resources.single(resources.OBJECT_ATTRIBUTES), "get"
    yield "data", resources.OBJECT_SEARCH, "post"
    yield "data", resources.OBJECT, "get"
    methods: Iterable[str] = [
        {"create": "put", "update": "patch", "delete": "delete"}[op]
        for op in sorted(use.writes & {"create", "update", "delete"})
    ]
    yield from (("data", resources.OBJECT, method) for method in methods)
