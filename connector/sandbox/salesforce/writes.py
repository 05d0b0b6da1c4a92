"""One transaction on the org: checks rows as the platform would, then commits them under one stamp.

Check and commit are apart, so that `allOrNone` needs no undoing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connector.sandbox.salesforce import content, custom_objects, history
from connector.sandbox.salesforce.fields import stamp
from connector.sandbox.salesforce.ids import full
from connector.sandbox.salesforce.problem import Problem
from connector.sandbox.salesforce.schema import CLOSED, KEY_FIELD
from connector.sandbox.salesforce.table import Row, Table, Values, View

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

Record = Mapping[str, Any]


class Change:
    """A checked row: what will be stored, in a new row or in `row`."""

    __slots__ = ("row", "table", "values")

    def __init__(self, table: Table, row: Row | None, values: Values) -> None:
        self.table = table
        self.row = row
        self.values = values


class Transaction:
    """Everything that one call writes: one stamp in whole seconds, one user, one assignment decision."""

    def __init__(
        self, org: Org, actor: str, *, assign: bool, allow_duplicates: bool = False, api: bool = False
    ) -> None:
        self.org = org
        self.actor = actor
        self.assign = assign
        self.allow_duplicates = allow_duplicates
        self.api = api
        self.now = now = org.clock.now()
        self.stamp = stamp(now)
        self.visible = now + org.late if org.late else 0.0
        org.hidden_until = max(org.hidden_until, self.visible)
        self._keys: set[str] = set()

    # checking
    def create(self, table: Table, record: Record) -> Change:
        if not table.shape.createable:
            raise Problem("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type {table.shape.name} cannot be created")
        self._may(table, "create")
        values = table.checked(record, creating=True, view=self._view(table))
        table.defaults(values)
        self._required(table, values)
        if table is self.org.cases:
            key = values.get(KEY_FIELD)
            if key is not None:
                self._unique(table, key, None)
            if self.assign or values.get("OwnerId") is None:
                values["OwnerId"] = self.org.default_owner
            else:
                self._owner(values)
            self._duplicate_rule(values)
            if values.get("ParentId") is not None:
                self._parent(values)
        elif table is self.org.comments:
            self._comment(values)
        elif table.shape.name == content.LINK:
            self.org.contents.link(values)
        else:
            if table.shape.name == "Task":
                self._task(values)
            if values.get(KEY_FIELD) is not None:
                self._unique(table, values[KEY_FIELD], None)
            if table.shape.name == content.VERSION:
                self.org.contents.version(values)
            elif custom_objects.is_custom(table):
                self._custom(table, values)
        return Change(table, None, values)

    def update(self, table: Table, row: Row, record: Record) -> Change:
        self._lock(row)
        if row.values.get("IsDeleted"):
            raise Problem("ENTITY_IS_DELETED", "entity is deleted", [], status=404)
        if not table.shape.updateable:
            raise Problem("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type {table.shape.name} cannot be updated")
        self._may(table, "edit")
        values = table.checked(record, creating=False, view=self._view(table))
        if table is not self.org.cases:
            if custom_objects.is_custom(table):
                if values.get(KEY_FIELD) is not None:
                    self._unique(table, values[KEY_FIELD], row)
                custom_objects.refer(self.org, table, values)
            return Change(table, row, values)
        if not self.org.world.options.supplied_updatable:
            refused = [n for n in values if n.startswith("Supplied")]
            if refused:
                raise Problem(
                    "INVALID_FIELD_FOR_INSERT_UPDATE", f"Unable to create/update fields: {refused[0]}.", refused
                )
        for name in ("Status", "OwnerId", *self.org.world.options.required_fields):
            if name in values and values[name] is None:
                raise Problem("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{name}]", [name])
        key = values.get(KEY_FIELD)
        if key is not None:
            self._unique(table, key, row)
        if self.assign:
            values["OwnerId"] = self.org.default_owner
        elif "OwnerId" in values:
            self._owner(values)
        if values.get("ParentId") is not None:
            self._parent(values)
        return Change(table, row, values)

    def _view(self, table: Table) -> View:
        return table.api if self.api else table.everybody

    def _may(self, table: Table, what: str) -> None:
        if self.api and not table.may(what):
            raise Problem("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])

    def _custom(self, table: Table, values: Values) -> None:
        if table.shape.by_name.get("OwnerId") and values.get("OwnerId") is None:
            values["OwnerId"] = self.actor
        custom_objects.refer(self.org, table, values)

    def _lock(self, row: Row) -> None:
        """A row that another transaction has written and not committed yet: the platform waits 10 s, then gives up."""
        if row.visible > self.now:
            raise Problem(
                "UNABLE_TO_LOCK_ROW",
                f"unable to obtain exclusive access to this record or 1 records: {row.values['Id']}",
                [],
            )

    def _required(self, table: Table, values: Values) -> None:
        needed: Sequence[str] = table.shape.required
        if table is self.org.cases:
            needed = self.org.world.options.required_fields
        missing = [n for n in needed if values.get(n) is None]
        if missing:
            raise Problem("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)

    def _unique(self, table: Table, key: str, row: Row | None) -> None:
        if not self.org.world.options.unique_key or not table.fields[KEY_FIELD].unique:
            return
        lower = key.lower()
        others = table.keys.get(lower)
        other = None if others is None else next((r for r in others if r is not row), None)
        if other is not None:
            self._lock(other)
        if other is not None or lower in self._keys:
            named = "<unknown>" if other is None else other.values["Id"]
            if row is None and other is not None:
                self._said(f"{table.shape.name}/{key}", news=False)
            raise Problem(
                "DUPLICATE_VALUE",
                f"duplicate value found: {KEY_FIELD} duplicates value on record with id: {named}",
                [],
            )
        self._keys.add(lower)

    def _owner(self, values: Values) -> None:
        given = full(str(values["OwnerId"]))
        user = self.org.tables["User"].rows.get(given or "")
        if user is not None:
            if not user.values["IsActive"]:
                raise Problem("INACTIVE_OWNER_OR_USER", "operation performed with inactive user", ["OwnerId"])
        elif given not in self.org.case_queues:
            raise Problem("INVALID_CROSS_REFERENCE_KEY", "Owner ID: owner cannot be blank or of this type", ["OwnerId"])
        values["OwnerId"] = given

    def _parent(self, values: Values) -> None:
        given = full(str(values["ParentId"]))
        parent = self.org.cases.rows.get(given or "")
        if parent is None or parent.values["IsDeleted"]:
            raise Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ["ParentId"])
        values["ParentId"] = given

    def _comment(self, values: Values) -> None:
        self._parent(values)
        body = values.get("CommentBody")
        if body is not None and len(body.encode()) > 4000:  # bytes, not characters
            raise Problem("STRING_TOO_LONG", f"Body: data value too large: {body} (max length=4000)", ["CommentBody"])

    def _task(self, values: Values) -> None:
        """A task belongs to an active user, never to a queue, and to a record that is there."""
        given = full(str(values.get("OwnerId") or self.actor))
        user = self.org.tables["User"].rows.get(given or "")
        if user is None:
            raise Problem("INVALID_CROSS_REFERENCE_KEY", "Assigned To ID: id value of incorrect type", ["OwnerId"])
        if not user.values["IsActive"]:
            raise Problem("INACTIVE_OWNER_OR_USER", "operation performed with inactive user", ["OwnerId"])
        values["OwnerId"] = given
        if values.get("WhatId") is not None:
            case = self.org.cases.rows.get(full(str(values["WhatId"])) or "")
            if case is None or case.values["IsDeleted"]:
                raise Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ["WhatId"])
            values["WhatId"] = case.values["Id"]

    def _duplicate_rule(self, values: Values) -> None:
        if not self.org.world.options.duplicate_rule or self.allow_duplicates:
            return
        twin = (values.get("SuppliedEmail"), values.get("Subject"))
        if any((r.values.get("SuppliedEmail"), r.values.get("Subject")) == twin for r in self.org.cases):
            raise Problem("DUPLICATES_DETECTED", "Use one of these records?", [])

    # committing
    def commit(self, change: Change) -> str:
        return self._insert(change) if change.row is None else self._store(change, change.row)

    def _said(self, name: str, *, news: bool) -> None:
        """Tells the journal what came in over the API."""
        if self.api:
            self.org.world.journal.wrote(name, news=news)

    def _insert(self, change: Change) -> str:
        org, table, now = self.org, change.table, self.stamp
        given = change.values
        made = table.next_id()
        values: Values = {"Id": made, "IsDeleted": False, "CreatedDate": now, "CreatedById": self.actor,
                          "LastModifiedDate": now, "LastModifiedById": self.actor, "SystemModstamp": now}  # fmt: skip
        values.update(given)
        row = Row(values)
        row.visible = self.visible
        if table is org.cases:
            values["CaseNumber"] = org.next_case_number()
            closed = values["IsClosed"] = values["Status"] in CLOSED
            values["IsClosedOnCreate"] = closed
            if closed:
                values["ClosedDate"] = now
            comment = values.pop("Comments", None)
            table.add(row)
            org.case_created(row)
            self._said(f"Case/{values.get(KEY_FIELD) or made}", news=True)
            if comment is not None:
                self.commit(
                    Change(org.comments, None, {"ParentId": made, "CommentBody": comment, "IsPublished": False})
                )
        elif table.shape.name == content.VERSION:
            org.contents.made(self, values)
            table.add(row)
            self._said(f"{content.VERSION}/{values.get(KEY_FIELD) or made}", news=True)
        else:
            if custom_objects.is_custom(table):
                values.update(custom_objects.number(table))
                self._said(f"{table.shape.name}/{values.get(KEY_FIELD) or made}", news=True)
            table.add(row)
            if table is org.comments:
                org.comment_created(row)
        return made

    def store(self, kind: str, values: Values) -> str:
        """A row that the platform makes by itself, unchecked."""
        return self._insert(Change(self.org.tables[kind], None, values))

    def alter(self, kind: str, row: Row, values: Values) -> None:
        """A row that the platform changes by itself, unchecked."""
        self._store(Change(self.org.tables[kind], row, values), row)

    def _store(self, change: Change, row: Row) -> str:
        org, table = self.org, change.table
        values, given = row.values, change.values
        if self.visible:
            row.before = row.seen(self.now)
            row.visible = self.visible
            values = row.values = dict(values)
        if table is org.cases:
            news = any(values.get(name) != value for name, value in given.items())
            self._said(f"Case/{values.get(KEY_FIELD) or values['Id']}", news=news)
            self._case_changes(row, given)
        elif custom_objects.is_custom(table):
            news = any(values.get(name) != value for name, value in given.items())
            self._said(f"{table.shape.name}/{values.get(KEY_FIELD) or values['Id']}", news=news)
            table.rekey(row, given)
        for name, value in given.items():
            if value is None:
                values.pop(name, None)
            else:
                values[name] = value
        values["LastModifiedDate"] = values["SystemModstamp"] = self.stamp
        values["LastModifiedById"] = self.actor
        table.stamped(row)
        return str(values["Id"])

    def _case_changes(self, row: Row, given: Values) -> None:
        """What follows from a change of a Case: history, closing date, the key's index, comments written through."""
        org, values = self.org, row.values
        history.record(self, values, given)
        status = given.get("Status")
        if status is not None:
            closed = status in CLOSED
            if closed and not values["IsClosed"]:
                values["ClosedDate"] = self.stamp
            elif not closed:
                values.pop("ClosedDate", None)
            values["IsClosed"] = closed
        org.cases.rekey(row, given)
        comment = given.pop("Comments", None)
        if comment is not None:
            body = {"ParentId": values["Id"], "CommentBody": comment, "IsPublished": False}
            self.commit(Change(org.comments, None, body))
        org.case_updated(row)

    def delete(self, table: Table, row: Row, master: str | None = None) -> None:
        """Into the recycle bin. `master` when the record was merged into another."""
        self._may(table, "delete")
        self._bin(table, row, master)

    def _bin(self, table: Table, row: Row, master: str | None = None) -> None:
        self._lock(row)
        values = row.values
        if values.get("IsDeleted"):
            raise Problem("ENTITY_IS_DELETED", "entity is deleted", [], status=404)
        values["IsDeleted"] = True
        values["LastModifiedDate"] = values["SystemModstamp"] = self.stamp
        values["LastModifiedById"] = self.actor
        if master is not None:
            values["MasterRecordId"] = master
        if values.get(KEY_FIELD) is not None:
            table.forget_key(row, values[KEY_FIELD])
        table.stamped(row)
        if table is self.org.cases and master is None:
            self._taken_along(values["Id"])
        if table.shape.name == content.DOCUMENT:
            for kind, other in content.deleted_with(self.org, values):
                if not other.values.get("IsDeleted"):
                    self._bin(self.org.tables[kind], other)

    def _taken_along(self, made: str) -> None:
        """Details go with their master; a lookup to it is cleared."""
        for table, field, row in custom_objects.referring(self.org, "Case", made):
            if field.name == table.shape.parent:
                if not row.values.get("IsDeleted"):
                    self._bin(table, row)
            else:
                self._store(Change(table, row, {field.name: None}), row)
