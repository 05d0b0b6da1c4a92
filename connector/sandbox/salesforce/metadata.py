"""Files of the Metadata API, read strictly: which elements an object, a field, a queue and a permission set have, and what
a field's type needs and forbids. From the Metadata API Developer Guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from connector.sandbox.salesforce.fields import Field

_NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
_VALUE = {"fullName": "", "color": "", "default": "", "description": "", "isActive": "", "label": ""}
_VALUE_SET = {
    "controllingField": "", "restricted": "", "valueSetName": "",
    "valueSetDefinition": {"sorted": "", "value": [_VALUE]},
}  # fmt: skip
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "CustomObject": {
        "allowInChatterGroups": "", "compactLayoutAssignment": "", "deploymentStatus": "", "description": "",
        "enableActivities": "", "enableBulkApi": "", "enableFeeds": "", "enableHistory": "", "enableLicensing": "",
        "enableReports": "", "enableSearch": "", "enableSharing": "", "enableStreamingApi": "", "externalSharingModel": "",
        "label": "", "nameField": {"displayFormat": "", "label": "", "startingNumber": "", "trackFeedHistory": "",
                                   "trackHistory": "", "type": ""},
        "pluralLabel": "", "sharingModel": "", "startsWith": "", "visibility": "",
    },
    "CustomField": {
        "fullName": "", "caseSensitive": "", "defaultValue": "", "deleteConstraint": "", "description": "",
        "displayFormat": "", "externalId": "",
        "inlineHelpText": "", "label": "", "length": "", "precision": "", "referenceTo": "",
        "relationshipLabel": "", "relationshipName": "", "relationshipOrder": "", "reparentableMasterDetail": "",
        "required": "", "scale": "", "trackHistory": "",
        "trackFeedHistory": "", "trackTrending": "", "type": "", "unique": "", "valueSet": _VALUE_SET, "visibleLines": "",
        "writeRequiresMasterRead": "",
    },
    "Queue": {
        "fullName": "", "doesIncludeBosses": "", "doesSendEmailToMembers": "", "email": "", "name": "",
        "queueRoutingConfig": "", "queueSobject": [{"sobjectType": ""}],
    },
    "PermissionSet": {
        "fullName": "", "description": "", "fieldPermissions": [{"editable": "", "field": "", "readable": ""}],
        "hasActivationRequired": "", "label": "", "license": "",
        "objectPermissions": [{
            "allowCreate": "", "allowDelete": "", "allowEdit": "", "allowRead": "", "modifyAllRecords": "", "object": "",
            "viewAllFields": "", "viewAllRecords": "",
        }],
        "userPermissions": [{"enabled": "", "name": ""}],
    },
}  # fmt: skip
"""Element → what it holds: text, elements of its own, or (in a list) any number of them."""
_KINDS = {"Text": "string", "TextArea": "textarea", "LongTextArea": "textarea", "Number": "double", "Currency": "double",
          "DateTime": "datetime", "Date": "date", "Checkbox": "boolean", "Picklist": "picklist", "Email": "email",
          "Phone": "phone", "Url": "url", "MasterDetail": "reference", "Lookup": "reference"}  # fmt: skip
_OF_RELATIONS = ("referenceTo", "relationshipLabel", "relationshipName")
_OF_MASTERS = ("relationshipOrder", "reparentableMasterDetail", "writeRequiresMasterRead")
_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*\Z")
_COUNTED = re.compile(r"[^{}]*\{0+\}[^{}]*\Z")


class Wrong(ValueError):
    """One component fails; the text says why."""


def read(kind: str, text: str) -> dict[str, Any]:
    """The content of one file: texts, dicts of them, lists of those. Raises Wrong."""
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - a file of the test that calls us
    except ElementTree.ParseError as error:
        raise Wrong(str(error)) from error
    if root.tag != _NAMESPACE + kind:
        raise Wrong(f"the root is {root.tag}, not {kind} of the Metadata API")
    return _content(kind, root, _SHAPES[kind])


def _content(kind: str, element: Element, shape: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    last = ""
    for child in element:
        name = child.tag.removeprefix(_NAMESPACE)
        if name not in shape or not child.tag.startswith(_NAMESPACE):
            raise Wrong(f"Element {name} invalid at this location in type {kind}")
        wanted = shape[name]
        if name in out and (not isinstance(wanted, list) or last != name):
            raise Wrong(f"Element {name} is duplicated at this location in type {kind}")
        inner = wanted[0] if isinstance(wanted, list) else wanted
        if not isinstance(inner, dict) and len(child):
            raise Wrong(f"Element {name} of type {kind} holds a value")
        value = _content(name, child, inner) if isinstance(inner, dict) else (child.text or "").strip()
        if isinstance(wanted, list):
            out.setdefault(name, []).append(value)
        else:
            out[name] = value
        last = name
    return out


def custom_field(name: str, label: str, content: dict[str, Any]) -> Field:
    """A column of the kind that the metadata describes, with what each type needs and forbids."""
    given = content.get("type", "")
    kind = _KINDS.get(given)
    if kind is None:
        raise Wrong(f"Unknown field type: {given!r}")
    external, unique, required = (flag(content, each) for each in ("externalId", "unique", "required"))
    if (external or unique) and given not in ("Text", "Number", "Email"):
        raise Wrong(f"{given} can be neither External ID nor unique")
    if "caseSensitive" in content and not (given == "Text" and unique):
        raise Wrong("caseSensitive is for unique texts")
    if required and given in ("Checkbox", "LongTextArea"):
        raise Wrong(f"{given} cannot be required")
    if ("valueSet" in content) != (given == "Picklist"):
        raise Wrong("a picklist has a valueSet, and nothing else has one")
    more = _relation(name, given, content)
    if given == "Text":
        more["length"] = _number(content, "length", 1, 255)
    elif given == "LongTextArea":
        more["length"] = _number(content, "length", 256, 131_072)
        _number(content, "visibleLines", 2, 50)
        more["filterable"] = False
    elif given in ("Number", "Currency"):
        precision = _number(content, "precision", 1, 18)
        _number(content, "scale", 0, precision)
    elif given == "Checkbox":
        more["default"] = flag(content, "defaultValue", must=True)
    elif given == "Picklist":
        more |= _picklist(content["valueSet"])
    return Field(
        name=name, kind=kind, label=label, custom=True, external_id=external, unique=unique, **{"length": 255, **more}
        if given in ("Picklist", "TextArea", "Url") else more,
    )  # fmt: skip


def _relation(name: str, given: str, content: dict[str, Any]) -> dict[str, Any]:
    """What a reference to another object needs, and nothing else may say."""
    related, is_master = given in ("MasterDetail", "Lookup"), given == "MasterDetail"
    for element in (*_OF_RELATIONS, *_OF_MASTERS, "deleteConstraint"):
        if element in content and not (related and (element not in _OF_MASTERS or is_master)):
            raise Wrong(f"{element} is not for {given}")
    if not related:
        return {}
    if is_master and "deleteConstraint" in content:
        raise Wrong("deleteConstraint is for lookups: a detail goes with its master")
    target = needed(content, "referenceTo", 80)
    if not _NAME.match(needed(content, "relationshipName", 40)):
        raise Wrong(f"relationshipName of {name} is no API name")
    reparents = flag(content, "reparentableMasterDetail")
    flag(content, "writeRequiresMasterRead")
    if is_master and content.get("relationshipOrder", "0") not in ("0", "1"):
        raise Wrong("relationshipOrder is 0 or 1")
    return {"length": 18, "refers": (target,), "updateable": reparents or not is_master}


def name_field(content: Mapping[str, Any]) -> Field:
    """The field that names the records of an object."""
    given: dict[str, Any] = content.get("nameField", {})
    label, kind = needed(given, "label", 40), needed(given, "type", 20)
    if kind == "Text" and "displayFormat" not in given:
        return Field(name="Name", length=80, label=label)
    if kind == "AutoNumber" and _COUNTED.match(pattern := needed(given, "displayFormat", 30)):
        return Field(name="Name", length=80, label=label, createable=False, updateable=False, numbers=pattern)
    raise Wrong("a name field is Text, or AutoNumber with a displayFormat as in A-{0000}")


def _picklist(content: dict[str, Any]) -> dict[str, Any]:
    values = content.get("valueSetDefinition", {}).get("value", [])
    if not values:
        raise Wrong("a picklist needs at least one value")
    for value in values:
        needed(value, "fullName", 255)
        needed(value, "label", 255)
        flag(value, "default", must=True)
    names = tuple(value["fullName"] for value in values)
    if len({name.lower() for name in names}) < len(names):
        raise Wrong("Duplicate value in a picklist")
    return {"values": names, "restricted": flag(content, "restricted")}


def needed(content: Mapping[str, Any], name: str, longest: int) -> str:
    """A text that must be there."""
    value = str(content.get(name, ""))
    if not value:
        raise Wrong(f"Required field is missing: {name}")
    if len(value) > longest:
        raise Wrong(f"{name} is longer than {longest} characters")
    return value


def flag(content: Mapping[str, Any], name: str, *, must: bool = False) -> bool:
    """A boolean; absent is false unless it must be there."""
    value: str | None = content.get(name)
    if value not in ("true", "false") and (must or value is not None):
        raise Wrong(f"{name} is true or false, not {value!r}")
    return value == "true"


def _number(content: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = str(content.get(name, ""))
    if not value.isdigit() or not least <= int(value) <= most:
        raise Wrong(f"{name} is a number from {least} to {most}, not {value!r}")
    return int(value)
