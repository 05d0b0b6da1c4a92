"""What an instance says of its attributes: which there are, of which type, with which values; and what does not fit them.

Source: OCAPI Data 25.6, GET /system_object_definitions/{type}/attribute_definitions, the same under /custom_object_definitions,
and a single definition with `expand=value`, which shows the values of an enumeration. No largest length is told there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from connector.adapters.sfcc import resources
from connector.adapters.sfcc.client import Client, segment
from connector.model import FieldUse, Kind, Problem

ORDER, PRODUCT, CUSTOMER = "Order", "Product", "Profile"
PAGE = 200
"""Definitions in one call."""
_TEXT: frozenset[Kind] = frozenset({"text", "instant", "date"})
_NUMBER: frozenset[Kind] = frozenset({"number"})
_LIST: frozenset[Kind] = frozenset({"list"})
TAKES: Mapping[str, frozenset[Kind]] = {
    **dict.fromkeys(("string", "text", "html", "email", "password", "image", "enum_of_string"), _TEXT),
    **dict.fromkeys(("int", "double", "money", "quantity", "enum_of_int"), _NUMBER),
    **dict.fromkeys(("set_of_string", "set_of_int", "set_of_double"), _LIST),
    "boolean": frozenset({"boolean"}),
    "date": _TEXT,
    "datetime": frozenset({"text", "instant"}),
}
"""By value_type, what a mapping may write to it. A text may hold a time: that is not known without a record."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute, as far as its definition says."""

    name: str
    type: str
    read_only: bool = False
    mandatory: bool = False
    key: bool = False
    several: bool = False
    localizable: bool = False
    least: float | None = None
    most: float | None = None
    shortest: int | None = None

    @property
    def enumerated(self) -> bool:
        return self.type.startswith("enum_of")


class Definitions:
    """Asks the instance; one call for each 200 attributes, and one for each enumeration that constants are written to."""

    def __init__(self, client: Client, *, page: int = PAGE) -> None:
        self._client, self._page = client, page

    def of(self, kind: str) -> dict[str, Attribute]:
        """The attributes of `Order`, `Product`, `Profile` (customers) or a custom object type, by the name that a document shows.

        Misconfigured when the client may not ask, or there is no such type.
        """
        found: dict[str, Attribute] = {}
        start = 0
        while True:
            query = f"start={start}&count={self._page}&select={quote('(**)', safe='')}"
            page = self._get(_attributes(kind), f"{_path(kind)}?{query}")
            data = page.get("data") or ()
            for document in data:
                attribute = _attribute(document)
                found[attribute.name] = attribute
            start += len(data)
            total = page.get("total")
            if not data or (start >= total if isinstance(total, int) else not page.get("next")):
                return found

    def values(self, kind: str, attribute: Attribute) -> frozenset[str]:
        """What an enumeration may hold, as text; empty where the instance does not tell. Misconfigured as `of`."""
        name = attribute.name.removeprefix("c_")
        path = f"{_path(kind)}/{segment(name)}?expand=value&select={quote('(**)', safe='')}"
        document = self._get(resources.single(_attributes(kind)), path)
        return frozenset(_text(each) for each in document.get("value_definitions") or () if _text(each))

    def _get(self, resource: str, path: str) -> Mapping[str, Any]:
        response = self._client.data("GET", resource, path, intent="read")
        if response.status != 200:
            raise self._client.fault(response, "Data", resource, "GET")
        document = response.json()
        return document if isinstance(document, Mapping) else {}


def _attributes(kind: str) -> str:
    return resources.ORDER_ATTRIBUTES if kind in (ORDER, PRODUCT, CUSTOMER) else resources.OBJECT_ATTRIBUTES


def _path(kind: str) -> str:
    return _attributes(kind).replace("*", segment(kind))


def _attribute(document: Mapping[str, Any]) -> Attribute:
    name = str(document.get("effective_id") or document.get("id") or "")
    if not document.get("effective_id") and not document.get("system"):
        name = f"c_{name}"
    return Attribute(
        name,
        str(document.get("value_type") or "unknown"),
        read_only=bool(document.get("read_only")),
        mandatory=bool(document.get("mandatory")) and not document.get("default_value"),
        key=bool(document.get("key")),
        several=bool(document.get("multi_value_type")),
        localizable=bool(document.get("localizable")),
        least=document.get("min_value"),
        most=document.get("max_value"),
        shortest=document.get("min_length"),
    )


def _text(definition: Mapping[str, Any]) -> str:
    """The value of one value definition; the schema calls it an object, so it may come wrapped."""
    value = definition.get("value")
    if isinstance(value, Mapping):
        value = value.get("value")
    return str(definition.get("id") or "") if value is None else str(value)


def misfits(use: FieldUse, attribute: Attribute, stream: str) -> Iterator[Problem]:
    """What the flows write to an attribute that it cannot hold. Values of enumerations are looked at elsewhere."""
    name = use.name
    if attribute.read_only:
        yield Problem(f"{name} is read-only", "write to another attribute", stream, name)
        return
    takes = TAKES.get(attribute.type)
    if takes is None or attribute.localizable:  # what a localised attribute takes depends on its locales
        return
    if attribute.several:
        takes = takes | _LIST
    wrong = sorted(use.kinds - takes)
    if wrong:
        message = f"{name} is of type {attribute.type}, and a mapping writes {' and '.join(wrong)}"
        yield Problem(
            message, f"it takes {' or '.join(sorted(takes))}: correct the mapping or the attribute", stream, name
        )
        return
    for value in use.values:
        if (bound := _out_of_bounds(value, attribute)) is not None:
            yield Problem(f"{name} cannot be {value!r}: {bound}", "correct the mapping", stream, name, value)


def _out_of_bounds(value: Any, attribute: Attribute) -> str | None:
    if isinstance(value, str):
        short = attribute.shortest is not None and len(value) < attribute.shortest
        return f"it has at least {attribute.shortest} characters" if short else None
    if isinstance(value, bool):
        return None
    if attribute.type in ("int", "enum_of_int") and value != int(value):
        return "it is a whole number"
    if attribute.least is not None and value < attribute.least:
        return f"its least value is {attribute.least:g}"
    if attribute.most is not None and value > attribute.most:
        return f"its largest value is {attribute.most:g}"
    return None
