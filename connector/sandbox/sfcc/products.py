"""Products of the instance's catalogs (Data API 25.6): read and patched by id. Flags are maps by site, names by locale.

How an entry for a site is spelt (`default@RefArch`), and that null takes one away, is not documented: so this shop does it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from connector.sandbox.data.names import PRODUCTS
from connector.sandbox.opaque import new_state
from connector.sandbox.sfcc.fault import Fault, conflict, malformed
from connector.sandbox.sfcc.schema import SITES, custom_values, instant

if TYPE_CHECKING:
    from connector.sandbox.sfcc.shop import Shop

_SERVICE = {"_v", "_type", "_resource_state"}
_FLAGS, _TIMES, _TEXTS = ("online_flag", "searchable"), ("valid_from", "valid_to"), ("name",)
_PLAIN = ("brand", "ean", "upc", "unit", "tax_class_id")
_LOCALE = re.compile(r"default|[a-z]{2}(_[A-Z]{2})?\Z")


class Products:
    """All products, by id."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.held: dict[str, dict[str, Any]] = {}
        now = shop.clock.stamp()
        more = [(f"more-{i + 1}", f"Article {i + 1}") for i in range(shop.world.options.products)]
        for number, name in [*((number, name) for number, name, _ in PRODUCTS), *more]:
            self.held[number] = {
                "_type": "product",
                "_resource_state": new_state(),
                "id": number,
                "name": {"default": name},
                "online_flag": {"default": True},
                "searchable": {"default": True},
                "creation_date": now,
                "last_modified": now,
                "owning_catalog_id": "storefront-catalog",
                "type": {"item": True},
            }

    def _held(self, number: str) -> dict[str, Any]:
        held = self.held.get(number)
        if held is None:
            raise Fault(404, "ProductNotFoundException", f"No product with id '{number}' was found.", productId=number)
        return held

    def read(self, number: str, version: str) -> bytes:
        held = self._held(number)
        return orjson.dumps({"_v": version, **held, "online": bool(held.get("online_flag", {}).get("default"))})

    def patch(self, number: str, body: Any, state: str) -> None:
        """Merges what is given, entry by entry into maps; null takes an attribute or an entry away."""
        held = self._held(number)
        if not isinstance(body, dict):
            raise Fault(400, "BodyDecodingException", "The request body must be an object.")
        wanted = body.get("_resource_state", state or None)
        if wanted is not None and wanted != held["_resource_state"]:
            raise conflict(f"product {number}")
        changed = self._changes(held, body)
        news = any(held.get(name) != value for name, value in changed.items())
        self.change(number, changed)
        self.shop.world.journal.wrote(f"products//{number}", news=news)

    def change(self, number: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Saves whole attributes under a new state; null removes one."""
        held = dict(self._held(number))
        for name, value in values.items():
            if value is None:
                held.pop(name, None)
            else:
                held[name] = value
        held["_resource_state"], held["last_modified"] = new_state(), self.shop.clock.stamp()
        self.held[number] = held
        return held

    def _changes(self, held: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes as they become. Everything is looked at before anything is changed."""
        ignore = self.shop.world.options.unknown_attributes == "ignore"
        changed = custom_values(body, self.shop.declared.products, ignore_unknown=ignore)
        for name, value in body.items():
            if name == "id":
                if value != held["id"]:
                    raise Fault(400, "IdConflictException", "The id in the document is not that of the resource.")
            elif name in (*_FLAGS, *_TIMES, *_TEXTS):
                changed[name] = self._map(name, held.get(name, {}), value)
            elif name in _PLAIN:
                if value is not None and not isinstance(value, str):
                    raise _mismatch(name, value, "text")
                changed[name] = value
            elif not name.startswith("c_") and name not in _SERVICE:
                raise Fault(400, "UnknownPropertyException", f"Unknown property '{name}'.", property=name)
        return changed

    @staticmethod
    def _map(name: str, held: Mapping[str, Any], given: Any) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise _mismatch(name, given, "map")
        merged = dict(held)
        for entry, value in given.items():
            locale, _, site = entry.partition("@")
            if not _LOCALE.match(locale) or ("@" in entry and site not in SITES) or (site and name in _TEXTS):
                raise malformed(name, entry, "is neither default nor an entry of a site")
            if value is None:
                merged.pop(entry, None)
                continue
            good = (
                isinstance(value, bool)
                if name in _FLAGS
                else instant(value) is not None
                if name in _TIMES
                else isinstance(value, str)
            )
            if not good:
                raise _mismatch(name, value, "bool" if name in _FLAGS else "datetime" if name in _TIMES else "text")
            merged[entry] = value
        return merged


def _mismatch(name: str, value: Any, expected: str) -> Fault:
    return Fault(
        400,
        "TypeMissmatchException",  # the vendor's own spelling
        f"The value of '{name}' is not a {expected}.",
        property=name,
        value=str(value),
        expected=expected,
    )
