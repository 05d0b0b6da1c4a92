"""Attributes and object types of an instance, as Business Manager imports and exports them (metadata.xsd).

The order of the elements is the schema's, and the import refuses another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from connector.model import Attribute

NAMESPACE = "http://www.demandware.com/xml/impex/metadata/2006-10-31"
TYPES = ("string", "text", "int", "double", "boolean", "date", "datetime", "email", "enum-of-string")
KEY = "requestId"
"""Attribute that holds an object's key: with us a text of up to 255 characters."""
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_GROUP = "CommerceCaseConnector"

Attributes = Mapping[str, Attribute]


class Unknown(ValueError):
    """A declared type that no attribute has; the text is the way out."""


def check(attribute: Attribute) -> None:
    """Raises Unknown."""
    if attribute.type not in TYPES:
        raise Unknown(f"write one of {', '.join(TYPES)}")
    if (attribute.type == "enum-of-string") != bool(attribute.values):
        raise Unknown("enum-of-string has values, the other types have none")


def extensions(types: Mapping[str, Attributes]) -> str:
    """`meta/system-objecttype-extensions.xml`: attributes of Order and Product, in a group of their own."""
    root = Element("metadata", xmlns=NAMESPACE)
    for kind, attributes in types.items():
        extension = SubElement(root, "type-extension", {"type-id": kind})
        definitions = SubElement(extension, "custom-attribute-definitions")
        for name, attribute in attributes.items():
            _definition(definitions, name, attribute)
        _group(extension, attributes, [])
    return _document(root)


def object_types(types: Mapping[str, Attributes]) -> str:
    """`meta/custom-objecttype-definitions.xml`: site-scoped types under a text key."""
    root = Element("metadata", xmlns=NAMESPACE)
    for kind, attributes in types.items():
        made = SubElement(root, "custom-type", {"type-id": kind})
        _said(made, "display-name", _words(kind))
        SubElement(made, "staging-mode").text = "no-staging"
        SubElement(made, "storage-scope").text = "site"
        key = SubElement(made, "key-definition", {"attribute-id": KEY})
        _said(key, "display-name", "Key")
        SubElement(key, "type").text = "string"
        SubElement(key, "min-length").text = "1"
        SubElement(key, "max-length").text = "255"
        definitions = SubElement(made, "attribute-definitions")
        for name, attribute in attributes.items():
            _definition(definitions, name, attribute)
        _group(made, attributes, [KEY])
    return _document(root)


def _definition(parent: Element, name: str, attribute: Attribute) -> None:
    made = SubElement(parent, "attribute-definition", {"attribute-id": _plain(name)})
    _said(made, "display-name", attribute.label or _words(_plain(name)))
    if attribute.description:
        _said(made, "description", attribute.description)
    SubElement(made, "type").text = attribute.type
    SubElement(made, "mandatory-flag").text = "false"
    SubElement(made, "externally-managed-flag").text = "false"
    if attribute.type in ("string", "text"):
        SubElement(made, "min-length").text = "0"
    if attribute.values:
        definitions = SubElement(made, "value-definitions")
        for value in attribute.values:
            each = SubElement(definitions, "value-definition")
            SubElement(each, "value").text = value
            _said(each, "display", value)


def _group(parent: Element, attributes: Attributes, keys: Sequence[str]) -> None:
    """A group shows its attributes in Business Manager."""
    groups = SubElement(parent, "group-definitions")
    group = SubElement(groups, "attribute-group", {"group-id": _GROUP})
    _said(group, "display-name", "Commerce Case Connector")
    for name in [*keys, *(_plain(name) for name in attributes)]:
        SubElement(group, "attribute", {"attribute-id": name})


def _said(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name, {_LANGUAGE: "x-default"}).text = text


def _plain(name: str) -> str:
    """Documents write `c_reason` for the attribute `reason`."""
    return name.removeprefix("c_")


def _words(name: str) -> str:
    """`Return Request` for `ReturnRequest`."""
    spaced = "".join(f" {each}" if each.isupper() else each for each in name).strip()
    return spaced[:1].upper() + spaced[1:]


def _document(root: Element) -> str:
    ElementTree.indent(root, "    ")
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'
