"""Metadata of an org in source format: objects, fields, queues and permission sets, as `sf project retrieve` writes them.

Metadata API Developer Guide: CustomObject, CustomField, Queue, PermissionSet. Elements stand in alphabetical order behind
`fullName`.
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
_RELATION = re.compile(r"(MasterDetail|Lookup)\(([A-Za-z]\w*)\)\Z")
_LONGEST_NAME = 40
"""Characters of a label and of a relationship's name."""
_PLAIN = ("Date", "DateTime", "Email", "Phone", "Url", "TextArea")
_HIERARCHY_SAID = 67.0
"""From this version on a queue must say whether the role hierarchy sees its records."""

Written = Mapping[str, Any]


class Unknown(ValueError):
    """A declared type that is none of a field's; the text is the way out."""


def custom_object(name: str, *, detail: bool) -> str:
    """A custom object whose records the platform numbers. `detail`: one of its fields is a master-detail.

    A detail must be shared as its master is (`ControlledByParent`), and nothing else may be. Without a master everybody who
    has the object reads its records, and their owner alone changes them. Not given, since no public page says what an org
    needs of it: `externalSharingModel` (UNVERIFIED, for orgs that share with external users), `startingNumber` of an object
    that exists. https://developer.salesforce.com/docs/platform/api-metadata/references/meta-types/metadata-customobject.html
    """
    label = label_of(name)
    number = "".join(word[0] for word in label.split()).upper()
    made: dict[str, Any] = {
        "deploymentStatus": "Deployed",
        "description": "Records of commerce, written by the connector.",
        "enableReports": True,
        "label": label,
        "nameField": {
            "displayFormat": f"{number}-{{000000}}",
            "label": f"{label} No"[:_LONGEST_NAME],
            "type": "AutoNumber",
        },
        "pluralLabel": plural_of(label),
        "sharingModel": "ControlledByParent" if detail else "Read",
        "visibility": "Public",
    }
    return document("CustomObject", made)


def label_of(name: str) -> str:
    """`Case Order` for `Case_Order__c`."""
    return name.removesuffix("__c").replace("_", " ")[:_LONGEST_NAME]


def plural_of(label: str) -> str:
    """`Case Orders`."""
    return (f"{label[:-1]}ies" if label.endswith("y") else f"{label}s")[:_LONGEST_NAME]


def master_of(attribute: Attribute) -> str | None:
    """The object whose detail a field of this type makes its object."""
    match = _RELATION.match(attribute.type)
    return match[2] if match and match[1] == "MasterDetail" else None


def field(name: str, attribute: Attribute, *, key: bool = False, of: str = "") -> str:
    """One custom field of the object `of`. `key`: it carries our key, so it is an External ID and unique. Raises Unknown."""
    made: dict[str, Any] = {
        "fullName": name,
        "label": attribute.label or label_of(name),
        **(_related(name, attribute, of) or _typed(attribute, key=key)),
    }
    if attribute.description:
        made["description"] = attribute.description
    return document("CustomField", made)


def _related(name: str, attribute: Attribute, of: str) -> Written | None:
    """A reference to another object.

    A detail is never moved to another master, goes where its master goes (bin, merge), and is seen by whoever sees it: as a
    comment of a case. Who reads the master may write details as far as the object's own permissions let them: our user adds
    to cases that agents own. A lookup outlives what it names, and is then cleared.
    https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/relationships_among_objects.htm
    """
    match = _RELATION.match(attribute.type)
    if match is None:
        return None
    kind, target = match[1], match[2]
    many = plural_of(label_of(of))
    if kind == "MasterDetail":
        if not of.endswith("__c"):
            raise Unknown(f"{of or 'this object'} is nobody's detail: write Lookup({target})")
        own: dict[str, Any] = {
            "relationshipOrder": 0,
            "reparentableMasterDetail": False,
            "writeRequiresMasterRead": True,
        }
    else:
        many = f"{many} {label_of(name)}"[:_LONGEST_NAME].strip()
        own = {"deleteConstraint": "SetNull", "required": False}
    named = {"relationshipLabel": many, "relationshipName": many.replace(" ", "_").strip("_")}
    return {"type": kind, "referenceTo": target, **named, **own}


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
        f"digits together, Picklist with values, Checkbox, MasterDetail(Object), Lookup(Object), {', '.join(_PLAIN)}"
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
    all_records: bool = True,
    system: Sequence[str] = (),
) -> str:
    """`fields`: `Case.Reason` → may it be edited. `objects` → what is done beside reading: all records, whoever owns them, or
    those that are shared."""
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
                "viewAllRecords": all_records,
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
