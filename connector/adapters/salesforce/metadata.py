"""Metadata of an org in source format: fields, queues and permission sets, as `sf project retrieve` writes them.

Metadata API Developer Guide: CustomField, Queue, PermissionSet. Elements stand in alphabetical order behind `fullName`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree

from connector.model import Attribute, Op

FOLDER = "force-app/main/default"
NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
_TYPE = re.compile(r"([A-Za-z]+)(?:\((\d+)(?:, *(\d+))?\))?\Z")
_PLAIN = ("Date", "DateTime", "Email", "Phone", "Url", "TextArea")
_HIERARCHY_SAID = 67.0
"""From this version on a queue must say whether the role hierarchy sees its records."""

Written = Mapping[str, Any]


class Unknown(ValueError):
    """A declared type that is none of a field's; the text is the way out."""


def field(name: str, attribute: Attribute, *, key: bool = False) -> str:
    """One custom field. `key`: it carries our key, so it is an External ID and unique. Raises Unknown."""
    made: dict[str, Any] = {
        "fullName": name,
        "label": attribute.label or name[:-3].replace("_", " "),
        **_typed(attribute, key=key),
    }
    if attribute.description:
        made["description"] = attribute.description
    return document("CustomField", made)


def _typed(attribute: Attribute, *, key: bool) -> Written:
    match = _TYPE.match(attribute.type)
    kind, size, decimals = (match[1], int(match[2] or 0), int(match[3] or 0)) if match else ("", 0, 0)
    if kind == "Text" and 1 <= size <= 255:
        own = {"caseSensitive": False} if key else {}
        return {"type": kind, "length": size, "required": False, "externalId": key, "unique": key, **own}
    if kind == "LongTextArea" and 256 <= size <= 131_072:
        return {"type": kind, "length": size, "visibleLines": 5}
    if (
        kind in ("Number", "Currency") and 1 <= size + decimals <= 18
    ):  # as Setup shows it: digits before and after the point
        return {"type": kind, "precision": size + decimals, "scale": decimals, "required": False}
    if kind == "Checkbox" and not size:
        return {"type": kind, "defaultValue": False}
    if kind == "Picklist" and not size and attribute.values:
        values = [{"fullName": each, "default": False, "label": each} for each in attribute.values]
        definition = {"sorted": False, "value": values}
        return {"type": kind, "required": False, "valueSet": {"restricted": True, "valueSetDefinition": definition}}
    if kind in _PLAIN and not size:
        return {"type": kind, "required": False}
    raise Unknown(
        "write Text(1 to 255), LongTextArea(256 to 131072), Number(digits, decimals) or Currency(digits, decimals) with 18 "
        f"digits together, Picklist with values, Checkbox, {', '.join(_PLAIN)}"
    )


def queue(label: str, objects: Sequence[str], version: str) -> str:
    """A queue for records of these objects. It sends its members no mail."""
    made: dict[str, Any] = {
        "doesSendEmailToMembers": False,
        "name": label,
        "queueSobject": [{"sobjectType": each} for each in objects],
    }
    if float(version) >= _HIERARCHY_SAID:
        made["doesIncludeBosses"] = True
    return document("Queue", made)


def permission_set(
    label: str,
    description: str,
    *,
    fields: Mapping[str, bool],
    objects: Mapping[str, Collection[Op]] = MappingProxyType({}),
    system: Sequence[str] = (),
) -> str:
    """`fields`: `Case.Reason` → may it be edited. `objects` → what is done beside reading all records, whoever owns them."""
    made = {
        "description": description,
        "fieldPermissions": [
            {"editable": editable, "field": name, "readable": True} for name, editable in sorted(fields.items())
        ],
        "hasActivationRequired": False,
        "label": label,
        "objectPermissions": [
            {
                "allowCreate": "create" in objects[each],
                "allowDelete": "delete" in objects[each],
                "allowEdit": "update" in objects[each],
                "allowRead": True,
                "modifyAllRecords": False,
                "object": each,
                "viewAllRecords": True,
            }
            for each in sorted(objects)
        ],
        "userPermissions": [{"enabled": True, "name": each} for each in sorted(system)],
    }
    return document("PermissionSet", made)


def document(root: str, content: Written) -> str:
    """An XML file of the Metadata API."""
    made = ElementTree.Element(root, xmlns=NAMESPACE)
    made.extend(_elements(content))
    ElementTree.indent(made, "    ")
    text = ElementTree.tostring(made, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _elements(content: Written) -> Iterator[ElementTree.Element]:
    for name in sorted(content, key=lambda each: (each != "fullName", each)):
        value = content[name]
        for each in value if isinstance(value, list) else [value]:
            element = ElementTree.Element(name)
            if isinstance(each, dict):
                element.extend(_elements(each))
            else:
                element.text = str(each).lower() if isinstance(each, bool) else str(each)
            yield element
