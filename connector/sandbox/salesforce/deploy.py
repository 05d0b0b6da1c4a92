"""Deploys metadata in source format, as `sf project deploy start` hands it to the Metadata API: custom fields of the objects
that are here, queues, permission sets. All or nothing.

From the Metadata API Developer Guide (CustomField, Queue, PermissionSet): unknown elements, elements of one name that do
not stand together, missing or impossible values, and references to what is not there are refused, each with its file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import orjson

from connector.sandbox.salesforce import people
from connector.sandbox.salesforce.access import PermissionSet
from connector.sandbox.salesforce.fields import Field

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

_NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
_API_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*\Z")
_OLDEST, _NEWEST, _HIERARCHY = 31.0, 68.0, 67.0
_VALUE = {"fullName": "", "color": "", "default": "", "description": "", "isActive": "", "label": ""}
_VALUE_SET = {
    "controllingField": "", "restricted": "", "valueSetName": "",
    "valueSetDefinition": {"sorted": "", "value": [_VALUE]},
}  # fmt: skip
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "CustomField": {
        "fullName": "", "caseSensitive": "", "defaultValue": "", "description": "", "displayFormat": "", "externalId": "",
        "inlineHelpText": "", "label": "", "length": "", "precision": "", "required": "", "scale": "", "trackHistory": "",
        "trackFeedHistory": "", "trackTrending": "", "type": "", "unique": "", "valueSet": _VALUE_SET, "visibleLines": "",
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
_ALWAYS_THERE = {"Id", "CaseNumber", "Status", "OwnerId", "IsClosed", "IsDeleted", "CreatedDate", "CreatedById",
                 "LastModifiedDate", "LastModifiedById", "SystemModstamp"}  # fmt: skip
"""Fields of Case without field-level security."""
_NEEDS = {"allowCreate": "allowRead", "allowEdit": "allowRead", "allowDelete": "allowEdit", "viewAllRecords": "allowRead",
          "modifyAllRecords": "allowDelete"}  # fmt: skip
_VERBS = {"allowCreate": "Create", "allowEdit": "Edit", "allowRead": "Read", "allowDelete": "Delete",
          "viewAllRecords": "View All", "modifyAllRecords": "Modify All"}  # fmt: skip
_KINDS = {"Text": "string", "TextArea": "textarea", "LongTextArea": "textarea", "Number": "double", "Currency": "double",
          "DateTime": "datetime", "Date": "date", "Checkbox": "boolean", "Picklist": "picklist", "Email": "email",
          "Phone": "phone", "Url": "url"}  # fmt: skip
_USER_PERMISSIONS = {"ApiEnabled", "ApiUserOnly", "ViewSetup", "ViewAllUsers", "EditCaseComments", "RunReports"}
_PATHS = (
    (re.compile(r"objects/(?P<object>\w+)/fields/(?P<name>\w+)\.field-meta\.xml\Z"), "CustomField"),
    (re.compile(r"queues/(?P<name>\w+)\.queue-meta\.xml\Z"), "Queue"),
    (re.compile(r"permissionsets/(?P<name>\w+)\.permissionset-meta\.xml\Z"), "PermissionSet"),
)


class Refused(ValueError):
    """A deployment that the org does not take: every component that failed, with its file."""


class _Wrong(ValueError):
    """One component failed."""


def deploy(org: Org, files: Mapping[str, str]) -> list[str]:
    """Names of what was deployed (`CustomField Case.Order_No__c`). Raises Refused, and then nothing has changed."""
    package = _Package(org, files)
    package.run()
    return package.names


class _Package:
    def __init__(self, org: Org, files: Mapping[str, str]) -> None:
        self.org, self.files = org, files
        self.names: list[str] = []
        self.fields: dict[str, dict[str, Field]] = {}
        self.queues: list[tuple[str, str, list[str]]] = []
        self.sets: dict[str, PermissionSet] = {}
        self.version = 0.0

    def run(self) -> None:
        failed: list[str] = []
        found = sorted(self._components(), key=lambda each: [kind for _, kind in _PATHS].index(each[1]))
        for path, kind, owner, name in found:  # fields first: permission sets name them
            try:
                content = _read(kind, self.files[path])
                getattr(self, f"_{kind.lower()}")(owner, name, content)
            except _Wrong as error:
                failed.append(f"{path}: {error}")
            self.names.append(f"{kind} {owner + '.' if owner else ''}{name}")
        if failed:
            raise Refused("\n".join(failed))
        self._commit()

    def _components(self) -> list[tuple[str, str, str, str]]:
        """Path, type, object and name of each component in the package directories."""
        try:
            project = orjson.loads(self.files.get("sfdx-project.json", ""))
            roots = [each["path"] for each in project["packageDirectories"]]
            self.version = float(project["sourceApiVersion"])
        except (orjson.JSONDecodeError, LookupError, TypeError, ValueError) as error:
            raise Refused(f"sfdx-project.json: no project ({error})") from error
        if not _OLDEST <= self.version <= _NEWEST:
            raise Refused(f"sfdx-project.json: there is no API version {self.version}")
        found = []
        for path in self.files:
            if not any(path.startswith(f"{root}/") for root in roots):
                continue
            inner = path.partition("/main/default/")[2]
            match = next(((m, kind) for pattern, kind in _PATHS if (m := pattern.match(inner))), None)
            if match is None:
                raise Refused(f"{path}: could not infer a metadata type")
            named, kind = match
            found.append((path, kind, named.groupdict().get("object", ""), named["name"]))
        if not found:
            raise Refused("No source-backed components present in the package.")
        return found

    def _customfield(self, owner: str, name: str, content: dict[str, Any]) -> None:
        if owner not in self.org.tables:
            raise _Wrong(f"Entity of type {owner} cannot be found")
        if content.get("fullName") != name:
            raise _Wrong(f"fullName is {content.get('fullName')}, the file says {name}")
        if not name.endswith("__c") or not _API_NAME.match(name.removesuffix("__c")):
            raise _Wrong(f"{name} is no name of a custom field")
        label = _needed(content, "label", 40)
        known = self.org.tables[owner].fields.get(name)
        made = _field(name, label, content)
        if known is not None and known.kind != made.kind:
            raise _Wrong(f"Cannot change the type of {name} from {known.kind} to {made.kind}")
        self.fields.setdefault(owner, {})[name] = made

    def _queue(self, _: str, name: str, content: dict[str, Any]) -> None:
        if not _API_NAME.match(name):
            raise _Wrong(f"{name} is no developer name")
        label = _needed(content, "name", 40)
        if self.version >= _HIERARCHY and "doesIncludeBosses" not in content:
            raise _Wrong("Required field is missing: doesIncludeBosses")
        objects = [each.get("sobjectType", "") for each in content.get("queueSobject", [])]
        for each in objects:
            if each != "Case" and not each.endswith("__c"):
                raise _Wrong(f"{each} cannot be assigned to a queue")
        self.queues.append((name, label, objects))

    def _permissionset(self, _: str, name: str, content: dict[str, Any]) -> None:
        if not _API_NAME.match(name):
            raise _Wrong(f"{name} is no API name")
        label = _needed(content, "label", 80)
        fields: dict[str, bool] = {}
        for each in content.get("fieldPermissions", []):
            given = _needed(each, "field", 255)
            fields[given] = self._permitted(given, each)
        for each in content.get("objectPermissions", []):
            self._objects(_needed(each, "object", 80), each)
        for each in content.get("userPermissions", []):
            if each.get("name") not in _USER_PERMISSIONS:
                raise _Wrong(f"Unknown user permission: {each.get('name')}")
        self.sets[name] = PermissionSet(label, fields)

    def _permitted(self, given: str, each: dict[str, Any]) -> bool:
        kind, _, name = given.partition(".")
        table = self.org.tables.get(kind)
        field = self.fields.get(kind, {}).get(name) or (table.fields.get(name) if table else None)
        if field is None:
            raise _Wrong(f"In field: field - no CustomField named {given} found")
        if name in _ALWAYS_THERE:
            raise _Wrong(f"You cannot deploy to a required field: {given}")
        editable = _flag(each, "editable")
        if editable and not _flag(each, "readable"):
            raise _Wrong(f"Field {given} is editable and not readable")
        if editable and not field.updateable:
            raise _Wrong(f"Field {given} is not editable")
        return editable

    def _objects(self, kind: str, each: dict[str, Any]) -> None:
        if kind in ("CaseComment", "CaseHistory", "Group", "User", "QueueSobject", "CaseStatus"):
            raise _Wrong(f"Object {kind} has no object permissions")
        if kind not in self.org.tables:
            raise _Wrong(f"In field: field - no CustomObject named {kind} found")
        for name, needed in _NEEDS.items():
            if _flag(each, name) and not _flag(each, needed):
                raise _Wrong(f"Permission {_VERBS[name]} {kind} depends on permission(s): {_VERBS[needed]} {kind}")

    def _commit(self) -> None:
        for kind, made in self.fields.items():
            table = self.org.tables[kind]
            kept = tuple(f for f in table.shape.fields if f.name not in made)
            table.declare(replace(table.shape, fields=(*kept, *made.values())))
        for queue in self.queues:
            people.add_queue(self.org, *queue)
        self.org.access.sets.update(self.sets)
        self.org.access.apply()


def _read(kind: str, text: str) -> dict[str, Any]:
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - a file of the test that calls us
    except ElementTree.ParseError as error:
        raise _Wrong(str(error)) from error
    if root.tag != _NAMESPACE + kind:
        raise _Wrong(f"the root is {root.tag}, not {kind} of the Metadata API")
    return _content(kind, root, _SHAPES[kind])


def _content(kind: str, element: Element, shape: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    last = ""
    for child in element:
        name = child.tag.removeprefix(_NAMESPACE)
        if name not in shape or not child.tag.startswith(_NAMESPACE):
            raise _Wrong(f"Element {name} invalid at this location in type {kind}")
        wanted = shape[name]
        if name in out and (not isinstance(wanted, list) or last != name):
            raise _Wrong(f"Element {name} is duplicated at this location in type {kind}")
        inner = wanted[0] if isinstance(wanted, list) else wanted
        if not isinstance(inner, dict) and len(child):
            raise _Wrong(f"Element {name} of type {kind} holds a value")
        value = _content(name, child, inner) if isinstance(inner, dict) else (child.text or "").strip()
        if isinstance(wanted, list):
            out.setdefault(name, []).append(value)
        else:
            out[name] = value
        last = name
    return out


def _field(name: str, label: str, content: dict[str, Any]) -> Field:
    """A column of the kind that the metadata describes, with what each type needs and forbids."""
    given = content.get("type", "")
    kind = _KINDS.get(given)
    if kind is None:
        raise _Wrong(f"Unknown field type: {given!r}")
    external, unique, required = (_flag(content, each) for each in ("externalId", "unique", "required"))
    if (external or unique) and given not in ("Text", "Number", "Email"):
        raise _Wrong(f"{given} can be neither External ID nor unique")
    if "caseSensitive" in content and not (given == "Text" and unique):
        raise _Wrong("caseSensitive is for unique texts")
    if required and given in ("Checkbox", "LongTextArea"):
        raise _Wrong(f"{given} cannot be required")
    if ("valueSet" in content) != (given == "Picklist"):
        raise _Wrong("a picklist has a valueSet, and nothing else has one")
    more: dict[str, Any] = {}
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
        more["default"] = _flag(content, "defaultValue", needed=True)
    elif given == "Picklist":
        more |= _picklist(content["valueSet"])
    return Field(
        name=name, kind=kind, label=label, custom=True, external_id=external, unique=unique, **{"length": 255, **more}
        if given in ("Picklist", "TextArea", "Url") else more,
    )  # fmt: skip


def _picklist(content: dict[str, Any]) -> dict[str, Any]:
    values = content.get("valueSetDefinition", {}).get("value", [])
    if not values:
        raise _Wrong("a picklist needs at least one value")
    for value in values:
        _needed(value, "fullName", 255)
        _needed(value, "label", 255)
        _flag(value, "default", needed=True)
    names = tuple(value["fullName"] for value in values)
    if len({name.lower() for name in names}) < len(names):
        raise _Wrong("Duplicate value in a picklist")
    return {"values": names, "restricted": _flag(content, "restricted")}


def _needed(content: Mapping[str, Any], name: str, longest: int) -> str:
    value = str(content.get(name, ""))
    if not value:
        raise _Wrong(f"Required field is missing: {name}")
    if len(value) > longest:
        raise _Wrong(f"{name} is longer than {longest} characters")
    return value


def _flag(content: Mapping[str, Any], name: str, *, needed: bool = False) -> bool:
    value: str | None = content.get(name)
    if value not in ("true", "false") and (needed or value is not None):
        raise _Wrong(f"{name} is true or false, not {value!r}")
    return value == "true"


def _number(content: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = str(content.get(name, ""))
    if not value.isdigit() or not least <= int(value) <= most:
        raise _Wrong(f"{name} is a number from {least} to {most}, not {value!r}")
    return int(value)
