"""Metadata XML as Business Manager imports it: `system-objecttype-extensions.xml` and `custom-objecttype-definitions.xml`.

Written from metadata.xsd (namespace of 2006-10-31) as far as public exports show it: an element that the schema does not
have at its place refuses the file, and a file that is refused changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from connector.sandbox.sfcc.declared import Declared, ObjectType
from connector.sandbox.sfcc.schema import Attribute

_NAMESPACE = "{http://www.demandware.com/xml/impex/metadata/2006-10-31}"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}\Z")
_KINDS = {
    "string": "text", "text": "text", "html": "text", "email": "text", "password": "text", "enum-of-string": "text",
    "int": "number", "double": "number", "boolean": "bool", "date": "datetime", "datetime": "datetime",
}  # fmt: skip
_ATTRIBUTE = (
    "display-name", "description", "type", "localizable-flag", "site-specific-flag", "mandatory-flag", "visible-flag",
    "externally-managed-flag", "order-required-flag", "externally-defined-flag", "unit", "min-length", "max-length",
    "min-value", "max-value", "scale", "regex", "field-length", "field-height", "default-value", "value-definitions",
)  # fmt: skip
_SEQUENCES: Mapping[str, tuple[str, ...]] = {
    "metadata": ("type-extension", "custom-type"),
    "type-extension": ("system-attribute-definitions", "custom-attribute-definitions", "group-definitions"),
    "custom-type": (
        "display-name", "description", "staging-mode", "storage-scope", "key-definition", "attribute-definitions",
        "group-definitions",
    ),
    "custom-attribute-definitions": ("attribute-definition",),
    "attribute-definitions": ("attribute-definition",),
    "attribute-definition": _ATTRIBUTE,
    "key-definition": _ATTRIBUTE,
    "value-definitions": ("value-definition",),
    "value-definition": ("value", "display"),
    "group-definitions": ("attribute-group",),
    "attribute-group": ("display-name", "attribute"),
}  # fmt: skip
"""Element → what may stand in it, in this order. Elements that are not keys hold text alone, or nothing."""
_MANY = {"display-name", "description", "display", "type-extension", "custom-type", "attribute-definition",
         "value-definition", "attribute-group", "attribute"}  # fmt: skip
_NAMED = {"type-extension": "type-id", "custom-type": "type-id", "attribute-definition": "attribute-id",
          "key-definition": "attribute-id", "attribute-group": "group-id", "attribute": "attribute-id"}  # fmt: skip
_FLAGS = {name for name in _ATTRIBUTE if name.endswith("-flag")}
_LANGUAGES = {"display-name", "description", "display"}


class Refused(ValueError):
    """A file that the import does not take; the text says what is wrong in which."""


def read(files: Mapping[str, str], into: Declared) -> Declared:
    """What the shop has declared after the import of these files, by their path in a site archive. Raises Refused."""
    made = Declared(bare=True)
    made.orders, made.products, made.customers = dict(into.orders), dict(into.products), dict(into.customers)
    made.types = {name: ObjectType(dict(each.attributes), each.key) for name, each in into.types.items()}
    taken = {path: text for path, text in files.items() if path.startswith("meta/")}
    if not taken:
        raise Refused("there is no file in meta/")
    for path, text in taken.items():
        try:
            root = ElementTree.fromstring(text)  # noqa: S314 - a file of the test that calls us
        except ElementTree.ParseError as error:
            raise Refused(f"{path}: {error}") from error
        if root.tag != f"{_NAMESPACE}metadata":
            raise Refused(f"{path}: the root is metadata of {_NAMESPACE}, not {root.tag}")
        _shape(path, root)
        for each in root:
            if _plain(each) == "type-extension":
                _extend(path, each, made)
            else:
                _declare(path, each, made)
    return made


def _shape(path: str, element: Element) -> None:
    """Names and order of elements, and the attributes that they need."""
    name = _plain(element)
    if (needed := _NAMED.get(name)) is not None and not _NAME.match(element.get(needed, "")):
        raise Refused(f"{path}: {name} needs {needed}")
    if name in _LANGUAGES and not element.get(_LANGUAGE):
        raise Refused(f"{path}: {name} needs xml:lang")
    if name in _FLAGS and element.text not in ("true", "false"):
        raise Refused(f"{path}: {name} is true or false, not {element.text!r}")
    allowed = _SEQUENCES.get(name, ())
    reached, seen = 0, set()
    for child in element:
        inner = _plain(child)
        if not child.tag.startswith(_NAMESPACE) or inner not in allowed:
            raise Refused(f"{path}: {inner} is not allowed in {name}")
        if name != "metadata" and allowed.index(inner) < reached:
            raise Refused(f"{path}: {inner} stands too late in {name}")
        if inner in seen and inner not in _MANY:
            raise Refused(f"{path}: {inner} stands twice in {name}")
        seen.add(inner)
        reached = allowed.index(inner)
        _shape(path, child)


def _extend(path: str, extension: Element, made: Declared) -> None:
    known = {"Order": made.orders, "Product": made.products, "Profile": made.customers}.get(
        extension.get("type-id", "")
    )
    if known is None:
        raise Refused(f"{path}: this sandbox extends Order, Product and Profile alone, not {extension.get('type-id')}")
    _attributes(path, extension, "custom-attribute-definitions", known)
    _groups(path, extension, set(known))


def _declare(path: str, kind: Element, made: Declared) -> None:
    name = kind.get("type-id", "")
    key = kind.find(f"{_NAMESPACE}key-definition")
    if key is None or _text(key, "type") not in ("string", "int"):
        raise Refused(f"{path}: {name} needs a key-definition of type string or int")
    if _text(kind, "storage-scope") not in ("site", "organization"):
        raise Refused(f"{path}: storage-scope of {name} is site or organization")
    if _text(kind, "staging-mode") not in ("no-staging", "source-to-target"):
        raise Refused(f"{path}: staging-mode of {name} is no-staging or source-to-target")
    known = made.types.setdefault(name, ObjectType())
    known.key = key.get("attribute-id", "")
    _attributes(path, kind, "attribute-definitions", known.attributes)
    _groups(path, kind, {*known.attributes, f"c_{known.key}"})


def _attributes(path: str, parent: Element, name: str, into: dict[str, Attribute]) -> None:
    for each in parent.findall(f"{_NAMESPACE}{name}/{_NAMESPACE}attribute-definition"):
        given, kind = each.get("attribute-id", ""), _text(each, "type")
        if kind not in _KINDS:
            raise Refused(f"{path}: {given} has the type {kind!r}; known: {', '.join(_KINDS)}")
        values = tuple(_text(value, "value") for value in each.iter(f"{_NAMESPACE}value-definition"))
        if (kind == "enum-of-string") != bool(values):
            raise Refused(f"{path}: {given}: enum-of-string has value-definitions, other types have none")
        declared = Attribute(_KINDS[kind], values)
        known = into.get(f"c_{given}")
        if known is not None and known.kind != declared.kind:
            raise Refused(f"{path}: {given} is there with another type, which cannot be changed")
        into[f"c_{given}"] = declared


def _groups(path: str, parent: Element, known: set[str]) -> None:
    for each in parent.iter(f"{_NAMESPACE}attribute"):
        if f"c_{each.get('attribute-id')}" not in known and each.get("system") != "true":
            raise Refused(f"{path}: a group shows {each.get('attribute-id')}, which is not declared")


def _text(parent: Element, name: str) -> str:
    found = parent.find(f"{_NAMESPACE}{name}")
    return "" if found is None else (found.text or "")


def _plain(element: Element) -> str:
    return element.tag.removeprefix(_NAMESPACE)
