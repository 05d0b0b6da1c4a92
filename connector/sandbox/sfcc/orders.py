"""Orders of one instance: read, search, patch, status changes, notes.

Shop API: search, read, PATCH (status and c_ only), notes. Data API: PATCH (204) and the PUT status family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from connector.sandbox.journal import marker
from connector.sandbox.opaque import new_state
from connector.sandbox.sfcc import results, select
from connector.sandbox.sfcc.documents import Doc, Documents
from connector.sandbox.sfcc.fault import Fault, conflict, malformed, no_order, refuse_enum
from connector.sandbox.sfcc.schema import ORDER_FIELDS, SITES, custom_values, project_order
from connector.sandbox.sfcc.search import Compiler

if TYPE_CHECKING:
    from connector.sandbox.sfcc.shop import Shop

WRITABLE = {
    "status": ("created", "new", "open", "completed", "cancelled", "failed", "failed_with_reopen"),
    "export_status": ("not_exported", "exported", "ready", "failed"),
    "confirmation_status": ("not_confirmed", "confirmed"),
    "payment_status": ("not_paid", "part_paid", "paid"),
    "shipping_status": ("not_shipped", "part_shipped", "shipped"),
    "external_status": (),
}
"""Path of the Data API's PUT family → allowed values; external_status takes any text of 1 to 256 characters."""

TRANSITIONS = {
    "created": {"failed", "new", "open", "completed", "cancelled"},
    "failed": {"created", "failed_with_reopen"},
    "new": {"open", "completed", "cancelled"},
    "open": {"new", "completed", "cancelled"},
    "completed": {"open", "cancelled"},
    "cancelled": {"new", "open", "completed"},
    "replaced": set(),
}
"""Order status → where it may go. Placed orders never return to created or failed."""

_HIT = (b'{"_type":"order_search_hit","relevance":1.0,"data":', b"}")
_SERVICE = {"_v", "_type", "_resource_state"}
_BARE: select.Tree = dict.fromkeys(("total", "count", "start", "query", "sorts", "next", "previous"))
_BARE["hits"] = {"relevance": None, "data": {"order_no": None}}


class Orders:
    """All orders of the instance, by site, and their notes."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.sites = {site: Documents(shop.clock, project_order) for site in SITES}
        self.notes: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.compiler = Compiler(shop.declared.orders, ORDER_FIELDS, "order_no")
        self.writes = 0

    def learn(self) -> None:
        """Lets search know the attributes that the shop has declared meanwhile."""
        self.compiler = Compiler(self.shop.declared.orders, ORDER_FIELDS, "order_no")

    def _doc(self, site: str, number: str) -> Doc:
        doc = self.sites[site].get(number)
        if doc is None:
            raise no_order(number, site)
        return doc

    # reading
    def read(self, site: str, number: str, version: str) -> bytes:
        body = self._doc(site, number).body
        assert body is not None
        return b'{"_v":"' + version.encode() + b'",' + body[1:]

    def search(self, site: str, body: Any, version: str) -> bytes:
        options = self.shop.world.options
        if not options.indexing:
            raise Fault(500, "InternalServerErrorException", "Order incremental indexing is not enabled.")
        search = results.checked(body, self.compiler, options.paging_cap)
        # what comes back without a selector is not documented: here only the number, so that nobody relies on it
        tree: select.Tree | None = _BARE if search.select is None else select.parse(search.select)
        total, hits = results.run(self.sites[site], search, "order_no")
        return results.page(
            "order_search_result", version, search, body, total, hits, tree, wrap=_HIT, show_next=options.show_next
        )

    # writing
    def save(self, site: str, document: dict[str, Any]) -> Doc:
        """Stores a changed order under a new stamp and state."""
        document["last_modified"] = self.shop.clock.stamp()
        document["_resource_state"] = new_state()
        self.writes += 1
        number = document["order_no"]
        return self.sites[site].put(number, site, document, self.shop.lag(number))

    def patch(self, site: str, number: str, body: Any, *, data_api: bool) -> None:
        """Shop: status and c_ count, the rest is ignored. Data: anything but c_ is refused."""
        document = self._changing(site, number, body)
        if data_api:
            for name in body:
                if not name.startswith("c_") and name not in _SERVICE:
                    raise Fault(400, "UnknownPropertyException", f"Unknown property '{name}'.", property=name)
        values = self._custom(body)
        if not data_api and "status" in body:
            self._move(document, body["status"])
        if not data_api:
            document["channel_type"] = "storefront"
        for name, value in values.items():
            if value is None:
                document.pop(name, None)
            else:
                document[name] = value
        self.save(site, document)

    def put_status(self, site: str, number: str, name: str, body: Any) -> None:
        """The Data API's PUT …/orders/{no}/{status family}."""
        document = self._changing(site, number, body)
        value = body.get("status")
        if not isinstance(value, str):
            raise malformed("status", value, "is required")
        if name == "status":
            self._move(document, value)
        elif name == "external_status":
            if not 1 <= len(value) <= 256:
                raise malformed("status", value, "must have 1 to 256 characters")
            document["external_order_status"] = value
        else:
            if value not in WRITABLE[name]:
                refuse_enum(name, value, WRITABLE[name])
            document[name] = value
        self.save(site, document)

    def _changing(self, site: str, number: str, body: Any) -> dict[str, Any]:
        """The order that a write is about, unless somebody else was faster."""
        if not isinstance(body, dict):
            raise Fault(400, "BodyDecodingException", "The request body must be an object.")
        document = self._doc(site, number).document()
        state = body.get("_resource_state")
        if state is not None and state != document["_resource_state"]:
            raise conflict(f"order {number}")
        return document

    def _custom(self, body: Mapping[str, Any]) -> dict[str, Any]:
        ignore = self.shop.world.options.unknown_attributes == "ignore"
        return custom_values(body, self.shop.declared.orders, ignore_unknown=ignore)

    def _move(self, document: dict[str, Any], status: Any) -> None:
        now = document["status"]
        if status not in WRITABLE["status"]:
            refuse_enum("status", status, WRITABLE["status"])
        if status == now:
            return
        number = document["order_no"]
        if number in self.shop.world.options.frozen_orders:
            raise Fault(
                409,
                "OrderPreviouslyIntegratedStatusException",
                "The order was handed over to order management.",
                orderNo=number,
            )
        if status not in TRANSITIONS[now]:
            raise Fault(
                409,
                "OrderStatusTransitionException",
                f"An order cannot go from {now} to {status}.",
                orderNo=number,
                fromStatus=now,
                toStatus=status,
            )
        document["status"] = "failed" if status == "failed_with_reopen" else status

    # notes
    def read_notes(self, site: str, number: str) -> dict[str, Any]:
        self._doc(site, number)
        notes = self.notes.get((site, number), [])
        return {"_v": "24.5", "_type": "notes_result", "count": len(notes), "notes": notes}

    def add_note(self, site: str, number: str, body: Any, author: str) -> None:
        document = self._changing(site, number, body)
        subject, text = body.get("subject"), body.get("text")
        for name, value, longest in (("subject", subject, 256), ("text", text, 4000)):
            if not isinstance(value, str) or not 1 <= len(value) <= longest:
                raise malformed(name, value, f"must be a text of 1 to {longest} characters")
        notes = self.notes.setdefault((site, number), [])
        notes.append(
            {
                "_type": "note",
                "id": new_state(),
                "subject": subject,
                "text": text,
                "created_by": author,
                "creation_date": self.shop.clock.stamp(),
            }
        )
        self.shop.world.journal.notes[number, marker(str(subject), str(text))] += 1
        self.save(site, document)

    def delete_note(self, site: str, number: str, note: str) -> None:
        document = self._doc(site, number).document()
        notes = self.notes.get((site, number), [])
        if not any(n["id"] == note for n in notes):
            raise Fault(404, "NoteNotFoundException", f"There is no note '{note}'.", noteId=note)
        self.notes[site, number] = [n for n in notes if n["id"] != note]
        self.save(site, document)

    # the control API
    def shown(self, site: str | None = None) -> list[dict[str, Any]]:
        """All orders as they are, whatever the index says."""
        sites = [site] if site else list(self.sites)
        return [orjson.loads(d.body) for s in sites for d in self.sites[s].docs.values() if d.body is not None]
