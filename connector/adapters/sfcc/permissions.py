"""Which OCAPI resources the flows need, as the two documents of Business Manager's Open Commerce API Settings.

A resource or method that no flow uses is not in them. Attributes are all allowed: a narrower list trims answers without a
word, and what it leaves out is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import orjson

from connector.adapters.sfcc.settings import SfccSettings
from connector.adapters.sfcc.streams import NOTES, ORDERS, object_type
from connector.model import StreamUse

Allowed = tuple[str, str, str]
"""API (`shop`, `data`), resource, method."""
_METHODS = ("get", "post", "put", "patch", "delete")
_DEFINITIONS = "object_definitions/*/attribute_definitions"


def settings_of(api: str, settings: SfccSettings, uses: Sequence[StreamUse]) -> str:
    """The document to paste, for the type `shop` or `data`."""
    wanted: dict[str, set[str]] = {}
    for use in uses:
        for of, resource, method in needed(use):
            if of == api:
                wanted.setdefault(resource, set()).add(method)
    resources = [
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
        "clients": [{"client_id": settings.client_id, "resources": resources}],
    }
    return orjson.dumps(made, option=orjson.OPT_INDENT_2).decode() + "\n"


def needed(use: StreamUse) -> Iterator[Allowed]:
    """What one stream needs, the cheap calls of `check` among it."""
    kind = object_type(use.stream)
    if kind is not None:
        yield from _of_objects(use)
    elif use.stream == ORDERS or use.stream.startswith(f"{ORDERS}."):
        yield from _of_orders(use)


def _of_orders(use: StreamUse) -> Iterator[Allowed]:
    yield "shop", "/order_search", "post"
    if use.stream == NOTES:
        yield from (("shop", "/orders/*/notes", method) for method in ("get", "post"))
        return
    yield "data", f"/system_{_DEFINITIONS}", "get"
    yield "data", f"/system_{_DEFINITIONS}/*", "get"
    yield "shop", "/orders/*", "get"
    if use.stream != ORDERS:  # a guarded stream: one status of an order, written by a call of its own
        yield "data", f"/sites/*/orders/*/{use.stream.removeprefix(f'{ORDERS}.')}", "put"
    elif use.writes:
        yield "data", "/sites/*/orders/*", "patch"


def _of_objects(use: StreamUse) -> Iterator[Allowed]:
    yield "data", f"/custom_{_DEFINITIONS}", "get"
    yield "data", f"/custom_{_DEFINITIONS}/*", "get"
    yield "data", "/custom_objects_search/*", "post"
    yield "data", "/sites/*/custom_objects/*/*", "get"
    methods: Iterable[str] = [
        {"create": "put", "update": "patch"}[op] for op in sorted(use.writes & {"create", "update"})
    ]
    yield from (("data", "/sites/*/custom_objects/*/*", method) for method in methods)
