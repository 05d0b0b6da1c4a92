"""Deploys metadata in source format, as `sf project deploy start` hands it to the Metadata API: custom objects, custom fields
of the objects that are here, queues, permission sets. All or nothing.

From the Metadata API Developer Guide (CustomObject, CustomField, Queue, PermissionSet): unknown elements, elements of one
name that do not stand together, missing or impossible values, and references to what is not there are refused, each with its
file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from connector.sandbox.salesforce import custom_objects, people
from connector.sandbox.salesforce.access import PermissionSet
from connector.sandbox.salesforce.fields import Field
from connector.sandbox.salesforce.metadata import Wrong, custom_field, flag, name_field, needed, read
from connector.sandbox.salesforce.schema import Object
from connector.sandbox.salesforce.table import Table

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

_API_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*\Z")
_OLDEST, _NEWEST, _HIERARCHY = 31.0, 68.0, 67.0
_ALWAYS_THERE = {"Id", "CaseNumber", "Status", "OwnerId", "IsClosed", "IsDeleted", "CreatedDate", "CreatedById",
                 "LastModifiedDate", "LastModifiedById", "SystemModstamp"}  # fmt: skip
"""Fields of Case without field-level security."""
_FIXED = {
    "CaseComment",
    "ContentDocument",
    "ContentDocumentLink",
    "CaseHistory",
    "CaseStatus",
    "Group",
    "QueueSobject",
}
"""Objects that take no custom fields."""
_ACTIVITIES = ("Task", "Event")
"""Their custom fields are those of Activity, which is no object of the API."""
_WITHOUT_PERMISSIONS = {"CaseComment", "CaseHistory", "ContentVersion", "ContentDocument", "ContentDocumentLink", "Group", "User",
                        "QueueSobject", "CaseStatus", "Task"}  # fmt: skip
_NEEDS = {"allowCreate": "allowRead", "allowEdit": "allowRead", "allowDelete": "allowEdit", "viewAllRecords": "allowRead",
          "modifyAllRecords": "allowDelete"}  # fmt: skip
_VERBS = {"allowCreate": "Create", "allowEdit": "Edit", "allowRead": "Read", "allowDelete": "Delete",
          "viewAllRecords": "View All", "modifyAllRecords": "Modify All"}  # fmt: skip
_RIGHTS = {"read": "allowRead", "create": "allowCreate", "edit": "allowEdit", "delete": "allowDelete"}
_USER_PERMISSIONS = {"ApiEnabled", "ApiUserOnly", "ViewSetup", "ViewAllUsers", "EditCaseComments", "RunReports"}
_STATUSES, _SHARING = ("Deployed", "InDevelopment"), ("Private", "Read", "ReadWrite", "ControlledByParent")
_MASTERLESS = {"User", "Lead"}
"""Objects that are nobody's master."""
_MOST_MASTERS = 2
_PATHS = (
    (re.compile(r"objects/(?P<object>\w+)/(?P<name>\w+)\.object-meta\.xml\Z"), "CustomObject"),
    (re.compile(r"objects/(?P<object>\w+)/fields/(?P<name>\w+)\.field-meta\.xml\Z"), "CustomField"),
    (re.compile(r"queues/(?P<name>\w+)\.queue-meta\.xml\Z"), "Queue"),
    (re.compile(r"permissionsets/(?P<name>\w+)\.permissionset-meta\.xml\Z"), "PermissionSet"),
)


class Refused(ValueError):
    """A deployment that the org does not take: every component that failed, with its file."""


def deploy(org: Org, files: Mapping[str, str]) -> list[str]:
    """Names of what was deployed (`CustomField Case.Order_No__c`). Raises Refused, and then nothing has changed."""
    package = _Package(org, files)
    package.run()
    return package.names


class _Package:
    def __init__(self, org: Org, files: Mapping[str, str]) -> None:
        self.org, self.files = org, files
        self.names: list[str] = []
        self.objects: dict[str, tuple[str, str, Field]] = {}
        """Name → label, sharing model and name field."""
        self.fields: dict[str, dict[str, Field]] = {}
        self.masters: dict[str, list[str]] = {}
        self.queues: list[tuple[str, str, list[str]]] = []
        self.sets: dict[str, PermissionSet] = {}
        self.version = 0.0

    def run(self) -> None:
        failed: list[str] = []
        take = {
            "CustomObject": self._custom_object,
            "CustomField": self._custom_field,
            "Queue": self._queue,
            "PermissionSet": self._permission_set,
        }
        found = sorted(self._components(), key=lambda each: ([kind for _, kind in _PATHS].index(each[1]), each[0]))
        for path, kind, owner, name in found:  # objects and fields first: permission sets name them
            try:
                take[kind](owner, name, read(kind, self.files[path]))
            except Wrong as error:
                failed.append(f"{path}: {error}")
            self.names.append(f"{kind} {owner + '.' if owner not in ('', name) else ''}{name}")
        failed += [f"{name}: {error}" for name in {*self.objects, *self.masters} for error in self._shared(name)]
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

    def _custom_object(self, owner: str, name: str, content: dict[str, Any]) -> None:
        if owner != name or not name.endswith("__c") or not _API_NAME.match(name.removesuffix("__c")):
            raise Wrong(f"{name} in the folder {owner} is no custom object")
        label = needed(content, "label", 40)
        needed(content, "pluralLabel", 40)
        if needed(content, "deploymentStatus", 20) not in _STATUSES:
            raise Wrong(f"deploymentStatus is {' or '.join(_STATUSES)}")
        if (sharing := needed(content, "sharingModel", 20)) not in _SHARING:
            raise Wrong(f"sharingModel is one of {', '.join(_SHARING)}")
        if len({flag(content, each) for each in ("enableBulkApi", "enableSharing", "enableStreamingApi")}) > 1:
            raise Wrong("enableBulkApi, enableSharing and enableStreamingApi are all true or all false")
        self.objects[name] = (label, sharing, name_field(content))

    def _shared(self, name: str) -> Iterator[str]:
        """What is wrong with how an object shares its records, now that all its fields are known."""
        table, masters = self.org.tables.get(name), self.masters.get(name, [])
        if table is not None and table.shape.parent:
            masters = list(dict.fromkeys([table.shape.parent, *masters]))
        elif masters and table is not None and table.rows:
            yield "a master-detail relationship cannot be added to an object that has records"
        if len(masters) > _MOST_MASTERS:
            yield f"an object has {_MOST_MASTERS} master-detail relationships at most"
        sharing = self.objects[name][1] if name in self.objects else None
        if sharing is not None and (sharing == "ControlledByParent") != bool(masters):
            how = "with" if masters else "without"
            yield f"Cannot set sharingModel to {sharing} on a CustomObject {how} a MasterDetail relationship field"

    def _custom_field(self, owner: str, name: str, content: dict[str, Any]) -> None:
        if owner in _ACTIVITIES:
            raise Wrong(f"Entity Enumeration Or ID: bad value for restricted picklist field: {owner}")
        owners = [each for each in _ACTIVITIES if each in self.org.tables] if owner == "Activity" else [owner]
        if owner not in self.org.tables and owner not in self.objects and owner != "Activity":
            raise Wrong(f"Entity of type {owner} cannot be found")
        if owner in _FIXED:
            raise Wrong(f"{owner} cannot have custom fields")
        if content.get("fullName") != name:
            raise Wrong(f"fullName is {content.get('fullName')}, the file says {name}")
        if not name.endswith("__c") or not _API_NAME.match(name.removesuffix("__c")):
            raise Wrong(f"{name} is no name of a custom field")
        label = needed(content, "label", 40)
        made = custom_field(name, label, content)
        self._refers(owner, made, is_master=content["type"] == "MasterDetail")
        for each in owners:
            known = self.org.tables[each].fields.get(name) if each in self.org.tables else None
            if known is not None and known.kind != made.kind:
                raise Wrong(f"Cannot change the type of {name} from {known.kind} to {made.kind}")
            self.fields.setdefault(each, {})[name] = made

    def _refers(self, owner: str, field: Field, *, is_master: bool) -> None:
        for target in field.refers:
            if target not in self.org.tables and target not in self.objects:
                raise Wrong(f"In field: referenceTo - no CustomObject named {target} found")
            if is_master and (target in _MASTERLESS or not owner.endswith("__c")):
                raise Wrong(f"{owner} cannot be a detail of {target}")
        if is_master:
            self.masters.setdefault(owner, []).append(field.name)

    def _is_master(self, kind: str, name: str) -> bool:
        table = self.org.tables.get(kind)
        there = table is not None and kind.endswith("__c") and name == table.shape.parent
        return there or name in self.masters.get(kind, ())

    def _master_of(self, kind: str) -> str | None:
        """The object that a detail belongs to."""
        table = self.org.tables.get(kind)
        if table is not None and kind.endswith("__c") and table.shape.parent:
            return table.shape.by_name[table.shape.parent].refers[0]
        made = [self.fields.get(kind, {}).get(name) for name in self.masters.get(kind, ())]
        return next((field.refers[0] for field in made if field is not None), None)

    def _queue(self, _: str, name: str, content: dict[str, Any]) -> None:
        if not _API_NAME.match(name):
            raise Wrong(f"{name} is no developer name")
        label = needed(content, "name", 40)
        if self.version >= _HIERARCHY and "doesIncludeBosses" not in content:
            raise Wrong("Required field is missing: doesIncludeBosses")
        objects = [each.get("sobjectType", "") for each in content.get("queueSobject", [])]
        for each in objects:
            if each != "Case" and not each.endswith("__c"):
                raise Wrong(f"{each} cannot be assigned to a queue")
        self.queues.append((name, label, objects))

    def _permission_set(self, _: str, name: str, content: dict[str, Any]) -> None:
        if not _API_NAME.match(name):
            raise Wrong(f"{name} is no API name")
        label = needed(content, "label", 80)
        fields: dict[str, bool] = {}
        for each in content.get("fieldPermissions", []):
            given = needed(each, "field", 255)
            fields[given] = self._permitted(given, each)
        given_objects = {needed(each, "object", 80): each for each in content.get("objectPermissions", [])}
        for kind, each in given_objects.items():
            self._objects(kind, each, given_objects)
        for each in content.get("userPermissions", []):
            if each.get("name") not in _USER_PERMISSIONS:
                raise Wrong(f"Unknown user permission: {each.get('name')}")
        objects = {
            kind: frozenset(right for right, named in _RIGHTS.items() if flag(each, named))
            for kind, each in given_objects.items()
        }
        self.sets[name] = PermissionSet(label, fields, objects)

    def _permitted(self, given: str, each: dict[str, Any]) -> bool:
        kind, _, name = given.partition(".")
        table = self.org.tables.get(kind)
        field = self.fields.get(kind, {}).get(name) or (table.fields.get(name) if table else None)
        if field is None:
            raise Wrong(f"In field: field - no CustomField named {given} found")
        if name in _ALWAYS_THERE or self._is_master(kind, name):
            raise Wrong(f"You cannot deploy to a required field: {given}")
        editable = flag(each, "editable")
        if editable and not flag(each, "readable"):
            raise Wrong(f"Field {given} is editable and not readable")
        if editable and not field.updateable:
            raise Wrong(f"Field {given} is not editable")
        return editable

    def _objects(self, kind: str, each: dict[str, Any], beside: Mapping[str, dict[str, Any]]) -> None:
        if kind in _WITHOUT_PERMISSIONS:
            raise Wrong(f"Object {kind} has no object permissions")
        if kind not in self.org.tables and kind not in self.objects:
            raise Wrong(f"In field: field - no CustomObject named {kind} found")
        if master := self._master_of(kind):
            for right in ("allowRead", "viewAllRecords"):
                if flag(each, right) and not flag(beside.get(master, {}), right):
                    verb = _VERBS[right]
                    raise Wrong(f"Permission {verb} {kind} depends on permission(s): {verb} {master}")
        for name, other in _NEEDS.items():
            if flag(each, name) and not flag(each, other):
                raise Wrong(f"Permission {_VERBS[name]} {kind} depends on permission(s): {_VERBS[other]} {kind}")

    def _commit(self) -> None:
        for kind, (label, _, name) in self.objects.items():
            if kind not in self.org.tables:
                self._make(kind, label, name)
        for kind, made in self.fields.items():
            table = self.org.tables[kind]
            kept = tuple(f for f in table.shape.fields if f.name not in made)
            table.declare(replace(table.shape, fields=(*kept, *made.values())))
        for queue in self.queues:
            people.add_queue(self.org, *queue)
        self.org.access.sets.update(self.sets)
        self.org.access.apply()

    def _make(self, kind: str, label: str, name: Field) -> None:
        parent = next(iter(self.masters.get(kind, [])), "")
        fields = tuple(self.fields.get(kind, {}).values())
        used = {table.shape.prefix for table in self.org.tables.values()}
        prefix = next(each for each in custom_objects.PREFIXES if each not in used)
        shape: Object = custom_objects.shaped(kind, label, name, fields, prefix=prefix, parent=parent)
        self.org.tables[kind] = Table(shape)
        seen = {each.name for each in shape.fields if not each.custom or each.name in self.masters.get(kind, [])}
        self.org.access.deployed(kind, seen)
