"""Custom objects: site-scoped and global, by key, and the search over all sites (Data API 25.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from connector.sandbox.opaque import new_state
from connector.sandbox.sfcc import results, select
from connector.sandbox.sfcc.documents import Doc, Documents
from connector.sandbox.sfcc.fault import Fault, conflict, malformed
from connector.sandbox.sfcc.schema import OBJECT_FIELDS, custom_values
from connector.sandbox.sfcc.search import Compiler

if TYPE_CHECKING:
    from connector.sandbox.sfcc.shop import Shop

_IGNORED = {"_v", "_type", "_resource_state", "key_property", "key_value_string", "key_value_integer", "object_type",
            "creation_date", "last_modified", "site_id"}  # fmt: skip
_DATES = ("creation_date", "last_modified")
SEPARATOR = "\x1f"  # between key and site, so that the index is in order of the keys


class Objects:
    """All custom objects of the instance, by type."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.types: dict[str, Documents] = {}
        self.compilers: dict[str, Compiler] = {}
        self.created: dict[str, int] = {}
        self.learn()

    def learn(self) -> None:
        """Makes room for the types that the shop has declared meanwhile, and lets search know their attributes."""
        for name, kind in self.shop.declared.types.items():
            self.types.setdefault(name, Documents(self.shop.clock, dict))
            self.compilers[name] = Compiler(kind.attributes, OBJECT_FIELDS, "")

    def _type(self, name: str) -> Documents:
        docs = self.types.get(name)
        if docs is None:
            raise Fault(
                404, "ObjectTypeNotFoundException", f"There is no custom object type '{name}'.", objectType=name
            )
        return docs

    def _doc(self, site: str, kind: str, key: str) -> Doc:
        doc = self._type(kind).get(key + SEPARATOR + site)
        if doc is None:
            raise Fault(
                404,
                "CustomObjectNotFoundException",
                f"No custom object '{key}' of type '{kind}' could be found.",
                objectType=kind,
                keyValue=key,
            )
        return doc

    def read(self, site: str, kind: str, key: str, version: str) -> bytes:
        body = self.shaped(self._doc(site, kind, key).body or b"")
        return b'{"_v":"' + version.encode() + b'",' + body[1:]

    def shaped(self, body: bytes) -> bytes:
        if self.shop.world.options.object_dates:
            return body
        document = orjson.loads(body)
        for name in _DATES:
            document.pop(name, None)
        return orjson.dumps(document)

    def put(self, site: str, kind: str, key: str, body: Any, state: str, *, at: str | None = None) -> None:
        """Creates or overwrites; `at` is a stamp of the past, for the data at the start."""
        docs = self._type(kind)
        if not 1 <= len(key) <= 256:
            raise Fault(400, "MalformedKeyParameterException", f"The key '{key}' is malformed.", keyValue=key)
        old = docs.get(key + SEPARATOR + site)
        now = at or self.shop.clock.stamp()
        document: dict[str, Any] = {
            "_type": "custom_object",
            "_resource_state": "",
            "object_type": kind,
            "key_property": self.shop.declared.types[kind].key,
            "key_value_string": key,
            "creation_date": now,
        }
        if old is not None:
            known = old.document()
            self._same_state(known, body, state)
            document["creation_date"] = known["creation_date"]
        values = self._values(kind, body)
        document.update((k, v) for k, v in values.items() if v is not None)
        self.created[kind] = self.created.get(kind, 0) + (old is None)
        self._save(site, kind, key, document, at)

    def patch(self, site: str, kind: str, key: str, body: Any, state: str) -> None:
        """Merges the given attributes into an existing object."""
        document = self._doc(site, kind, key).document()
        self._same_state(document, body, state)
        for name, value in self._values(kind, body).items():
            if value is None:
                document.pop(name, None)
            else:
                document[name] = value
        self._save(site, kind, key, document)

    def delete(self, site: str, kind: str, key: str, state: str) -> None:
        """Removes the object; an absent one is no error."""
        doc = self._type(kind).get(key + SEPARATOR + site)
        if doc is not None:
            self._same_state(doc.document(), {}, state)
            self._type(kind).delete(doc.key, self.shop.lag(key))

    def _save(self, site: str, kind: str, key: str, document: dict[str, Any], at: str | None = None) -> None:
        document["_resource_state"] = new_state()
        document["last_modified"] = at or self.shop.clock.stamp()
        self.types[kind].put(key + SEPARATOR + site, site, document, 0.0 if at else self.shop.lag(key))

    def _same_state(self, document: dict[str, Any], body: Any, state: str) -> None:
        if not isinstance(body, dict):
            raise Fault(400, "BodyDecodingException", "The request body must be an object.")
        wanted = body.get("_resource_state", state or None)
        if wanted is not None and wanted != document["_resource_state"]:
            raise conflict(f"{document['object_type']} {document['key_value_string']}")

    def _values(self, kind: str, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict):
            raise Fault(400, "BodyDecodingException", "The request body must be an object.")
        for name in body:
            if not name.startswith("c_") and name not in _IGNORED:
                raise Fault(400, "UnknownPropertyException", f"Unknown property '{name}'.", property=name)
        ignore = self.shop.world.options.unknown_attributes == "ignore"
        return custom_values(body, self.shop.declared.types[kind].attributes, ignore_unknown=ignore)

    def search(self, kind: str, body: Any, version: str) -> bytes:
        """All sites' objects of a type; the hits are the objects themselves."""
        docs = self._type(kind)
        options = self.shop.world.options
        search = results.checked(body, self.compilers[kind], options.paging_cap)
        if search.select is None:
            raise malformed("select", None, "is needed here: what comes back without it is not documented")
        tree = select.parse(search.select)
        total, hits = results.run(docs, search, "key_value_string")
        shaped = hits if options.object_dates else [self.shaped(h) for h in hits]
        return results.page(
            "custom_object_search_result", version, search, body, total, shaped, tree,
            wrap=(b"", b""), show_next=options.show_next,
        )  # fmt: skip

    # the control API and the shop's own code
    def shown(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a type as they are, with their site."""
        docs = self.types[kind].docs.values() if kind in self.types else ()
        return [{**orjson.loads(d.body), "site_id": d.site} for d in docs if d.body is not None]
