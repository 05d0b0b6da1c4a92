"""Rows of one object, with the indexes that polling needs: by id, by external id, by parent, in order of the stamp."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from connector.sandbox.salesforce.fields import Field
from connector.sandbox.salesforce.ids import ids
from connector.sandbox.salesforce.problem import Problem, no_column
from connector.sandbox.salesforce.schema import KEY_FIELD, Object

Values = dict[str, Any]
_NO_STAMP = " " * 28  # as long as a stamp, for objects that have none


class Row:
    """One record. Until `visible` (simulated time) others see `before`: a transaction that has not committed yet."""

    __slots__ = ("before", "place", "values", "visible")

    def __init__(self, values: Values) -> None:
        self.values = values
        self.place = ""
        self.visible = 0.0
        self.before: Values | None = None

    def seen(self, now: float) -> Values | None:
        """The record as a reader finds it now; None when it is not there yet."""
        return self.values if self.visible <= now else self.before


class View:
    """The fields of an object as one kind of user has them."""

    __slots__ = ("by_name", "create", "fields", "lower", "texts", "update")

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields
        self.by_name = {f.name: f for f in fields}
        self.lower = {f.name.lower(): f.name for f in fields}
        self.create = {f.name: f.check for f in fields if f.createable}
        self.texts = {f.name: f.length for f in fields if f.createable and f.updateable and f.plain}
        self.update = {f.name: f.check for f in fields if f.updateable}


class Table:
    """All rows of one object, deleted ones included."""

    def __init__(self, shape: Object) -> None:
        self.rows: dict[str, Row] = {}
        self.keys: dict[str, list[Row]] = {}
        self.children: dict[str, list[Row]] = {}
        self.places: list[str] = []
        self.next_id: Callable[[], str] = ids(shape.prefix).__next__
        self._sorted = True
        self._hidden: Collection[str] = ()
        self._readonly: Collection[str] = ()
        self._readable: Collection[str] | None = None
        self._editable: Collection[str] = ()
        self.rights: Collection[str] | None = None
        self.declare(shape)

    def declare(self, shape: Object) -> None:
        """The object has these fields from now on; who may see them is said by `secure` and `allow`."""
        self.shape = shape
        self._defaults = [(f.name, f.default) for f in shape.fields if f.default is not None]
        self._renew()

    def secure(self, hidden: Collection[str], readonly: Collection[str]) -> None:
        """Fields that nobody sees, and fields that nobody may write."""
        self._hidden, self._readonly = hidden, readonly
        self._renew()

    def allow(self, readable: Collection[str], editable: Collection[str]) -> None:
        """Field-level security of the user who signs in over the API. People in their browsers see everything else."""
        self._readable, self._editable = readable, editable
        self._renew()

    def may(self, what: str) -> bool:
        """Whether the user who signs in over the API may read, create, edit or delete records of the object."""
        return self.rights is None or what in self.rights

    def _renew(self) -> None:
        shown = [_locked(f) if f.name in self._readonly else f for f in self.shape.fields if f.name not in self._hidden]
        self.fields = {f.name: f for f in shown}
        self.everybody = self.api = View(tuple(shown))
        if self._readable is not None:
            seen = [f for f in shown if f.name in self._readable]
            self.api = View(tuple(f if f.name in self._editable else _locked(f) for f in seen))

    # writing
    def checked(self, record: Mapping[str, Any], *, creating: bool, view: View | None = None) -> Values:
        """The writable values of a record, each as it will be stored. Raises Problem."""
        view = view or self.everybody
        writable = view.create if creating else view.update
        out: Values = {}
        texts = view.texts
        for name, value in record.items():
            longest = texts.get(name)
            if longest is not None and value.__class__ is str and 0 < len(value) <= longest:
                out[name] = value  # by far most values: no call
                continue
            check = writable.get(name)
            if check is None:
                if name in ("attributes", "id", "Id", "type"):
                    continue
                name = self.column(name, view)
                check = writable.get(name)
                if check is None:
                    raise Problem(
                        "INVALID_FIELD_FOR_INSERT_UPDATE",
                        f"Unable to create/update fields: {name}. Please check the security settings of this field "
                        "and verify that it is read/write for your profile or permission set.",
                        [name],
                    )
            if value is not None:
                out[name] = check(value)
            elif not creating:
                out[name] = None
        return out

    def column(self, name: str, view: View | None = None) -> str:
        """A field's name in its own spelling; names are not case-sensitive. Unless told otherwise, as the API sees it."""
        known = (view or self.api).lower.get(name.lower())
        if known is None:
            raise no_column(name, self.shape.name)
        return known

    def defaults(self, values: Values) -> None:
        for name, value in self._defaults:
            if values.get(name) is None:
                values[name] = value

    def add(self, row: Row) -> None:
        """Takes a new row into all indexes."""
        values = row.values
        self.rows[values["Id"]] = row
        key = values.get(KEY_FIELD)
        if key is not None:
            self.keys.setdefault(key.lower(), []).append(row)
        if self.shape.parent:
            self.children.setdefault(values[self.shape.parent], []).append(row)
        self.stamped(row)

    def stamped(self, row: Row) -> None:
        """Puts a row where its stamp belongs; its former place becomes stale."""
        values = row.values
        place = (values.get("SystemModstamp") or values.get("CreatedDate") or _NO_STAMP) + values["Id"]
        if place == row.place:  # changed twice within a second
            return
        row.place = place
        places = self.places
        if places and place < places[-1]:
            self._sorted = False
        places.append(place)
        if len(places) > 2 * len(self.rows) + 1000:
            self.places = [r.place for r in self.rows.values()]
            self._sorted = False

    def forget_key(self, row: Row, key: str) -> None:
        rows = self.keys.get(key.lower(), [])
        if row in rows:
            rows.remove(row)
        if not rows:
            self.keys.pop(key.lower(), None)

    def rekey(self, row: Row, given: Mapping[str, Any]) -> None:
        """Moves a row in the index of keys, if what it is given names another."""
        if KEY_FIELD in given and given[KEY_FIELD] != row.values.get(KEY_FIELD):
            if row.values.get(KEY_FIELD) is not None:
                self.forget_key(row, row.values[KEY_FIELD])
            if given[KEY_FIELD] is not None:
                self.keys.setdefault(given[KEY_FIELD].lower(), []).append(row)

    def holders(self, key: str) -> list[Row]:
        """The rows that bear an external id, in whatever case."""
        return self.keys.get(key.lower(), [])

    # reading
    def in_order(self) -> list[str]:
        """Places in order of (stamp, id); stale ones are among them: `row.place` tells."""
        if not self._sorted:
            self.places.sort()
            self._sorted = True
        return self.places

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows.values())


def _locked(field: Field) -> Field:
    return replace(field, createable=False, updateable=False)
