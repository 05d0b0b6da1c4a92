"""What the instance says of its own attributes (Data API 25.6): definitions of orders, products and custom object types.

A list shows no values of enumerations; a single definition does, with `expand=value`. What a list shows without a selector is
not documented: here ids only, so that nobody relies on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connector.sandbox.server import Request
from connector.sandbox.sfcc import select
from connector.sandbox.sfcc.fault import Fault, malformed
from connector.sandbox.sfcc.schema import KEY_PROPERTY, Attribute

if TYPE_CHECKING:
    from connector.sandbox.sfcc.shop import Shop

SYSTEM = "Order"
PRODUCT = "Product"
CUSTOMER = "Profile"
_TYPES = {"text": "string", "bool": "boolean", "number": "double", "datetime": "datetime"}
_OWN = {
    "orderNo": "string", "status": "enum_of_int", "confirmationStatus": "enum_of_int", "exportStatus": "enum_of_int",
    "customerEmail": "string", "creationDate": "datetime", "lastModified": "datetime", "totalGrossPrice": "money",
}  # fmt: skip
"""Some of the system attributes of an order, as its definition names them: not as the order document does."""
_OF_PRODUCT = {
    "ID": "string",
    "name": "string",
    "onlineFlag": "boolean",
    "searchableFlag": "boolean",
    "brand": "string",
}
"""The same of a product."""
_OF_CUSTOMER = {"customerNo": "string", "email": "string", "firstName": "string", "lastName": "string"}
_SYSTEM_OWN = {SYSTEM: _OWN, PRODUCT: _OF_PRODUCT, CUSTOMER: _OF_CUSTOMER}
_LISTED: select.Tree = dict.fromkeys(("count", "start", "total", "next", "select"))
_LISTED["data"] = {"id": None, "link": None}
_MOST = 200


class Definitions:
    """Answers for one instance."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def page(self, family: str, kind: str, request: Request, version: str) -> dict[str, Any]:
        """A page of the definitions of one type; `next` is a URL, as in every collection that is read by GET."""
        documents = [self._document(*each) for each in self._all(family, kind)]
        params = request.params() if request.query else {}
        start, count = _whole("start", params.get("start", "0"), 0), _whole("count", params.get("count", "25"), 1)
        shown = documents[start : start + count]
        page: dict[str, Any] = {"count": len(shown), "start": start, "total": len(documents)}
        if shown:
            page["data"] = shown
        if start + count < len(documents):
            page["next"] = f"{self.shop.url}{request.path}?start={start + count}&count={count}"
        tree: select.Tree | None = _LISTED
        if "select" in params:
            page["select"] = params["select"]
            tree = select.parse(params["select"])
        chosen = page if tree is None else select.apply(tree, page)
        return {"_v": version, "_type": "object_attribute_definitions", **chosen}

    def one(self, family: str, kind: str, name: str, request: Request, version: str) -> dict[str, Any]:
        """One definition by its id, which is the name without c_."""
        for known, attribute, system in self._all(family, kind):
            if known == name:
                document = self._document(known, attribute, system)
                params = request.params() if request.query else {}
                expand = params.get("expand", "").split(",")
                if attribute.values and "value" in expand:
                    document["value_definitions"] = [
                        {"_type": "object_attribute_value_definition", "id": each, "value": each}
                        for each in attribute.values
                    ]
                return {"_v": version, **document}
        raise Fault(
            404,
            "AttributeDefinitionNotFoundException",
            f"There is no attribute '{name}' of '{kind}'.",
            attributeId=name,
        )

    def _all(self, family: str, kind: str) -> list[tuple[str, Attribute, bool]]:
        """Id, attribute, whether it is the system's own."""
        system = family == "system_object_definitions"
        attributes = self.shop.attributes(kind) if (kind in (SYSTEM, PRODUCT, CUSTOMER)) == system else None
        if attributes is None:
            raise Fault(404, "ObjectTypeNotFoundException", f"There is no object type '{kind}'.", objectType=kind)
        own: Mapping[str, Attribute] = (
            {name: Attribute(type_) for name, type_ in _SYSTEM_OWN[kind].items()}
            if system
            else {KEY_PROPERTY: Attribute("text")}
        )
        found = [(name, attribute, system) for name, attribute in own.items()]
        found += [(name.removeprefix("c_"), attribute, False) for name, attribute in attributes.items()]
        return sorted(found, key=lambda each: each[0])

    @staticmethod
    def _document(name: str, attribute: Attribute, system: bool) -> dict[str, Any]:
        kind = _TYPES.get(attribute.kind, attribute.kind)
        return {
            "_type": "object_attribute_definition",
            "id": name,
            "effective_id": name if system else f"c_{name}",
            "system": system,
            "value_type": "enum_of_string" if attribute.values else kind,
            "key": name == KEY_PROPERTY,
            "mandatory": name == KEY_PROPERTY or (system and name == "orderNo"),
            "read_only": system,
            "localizable": False,
            "multi_value_type": False,
        }


def _whole(name: str, text: str, least: int) -> int:
    if not text.isdigit() or not least <= int(text) or (name == "count" and int(text) > _MOST):
        raise malformed(
            name, text, f"must be a whole number of {least} or more" + (f", {_MOST} at most" if least else "")
        )
    return int(text)
