"""WHERE, compiled against one object: a test for a row's values, and what the indexes can make of it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from connector.sandbox.salesforce.fields import Field
from connector.sandbox.salesforce.ids import full
from connector.sandbox.salesforce.problem import Problem, no_column
from connector.sandbox.salesforce.schema import KEY_FIELD
from connector.sandbox.salesforce.soql import Both, Compare, Condition, Literal, Not
from connector.sandbox.salesforce.table import Row, Table, Values

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

Test = Callable[[Values], bool]
Get = Callable[[Values], Any]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_NUMBERS, _TEXTS = ("double",), ("string", "textarea", "picklist", "email", "phone", "anyType")
_STAMPS = ("SystemModstamp", "LastModifiedDate", "CreatedDate", "ClosedDate")
"""None of these is ever later than the stamp by which rows are in order."""


def resolve(org: Org, table: Table, path: str) -> tuple[Field, Get]:
    """A field path (`Status`, `Owner.Name`) → its field and how to read it from a row's values."""
    first, _, rest = path.partition(".")
    if not rest:
        name = table.column(first)
        return table.fields[name], lambda values: values.get(name)
    relation = next((r for r in table.shape.relations if r.lower() == first.lower()), None)
    if relation is None or table.shape.relations[relation] not in table.fields:
        raise Problem("INVALID_FIELD", f"Didn't understand relationship '{first}' in field path.", [])
    reference = table.shape.relations[relation]
    targets = [org.tables[t] for t in table.fields[reference].refers]
    field = _among(org, targets, rest)

    def get(values: Values) -> Any:
        other = related(org, values.get(reference))
        return None if other is None else resolve(org, other[0], rest)[1](other[1])

    return field, get


def _among(org: Org, targets: list[Table], rest: str) -> Field:
    """The field in the first of the possible targets that has it (an owner is a user or a queue)."""
    for target in targets:
        try:
            return resolve(org, target, rest)[0]
        except Problem:
            if target is targets[-1]:
                raise
    raise no_column(rest, "Name")


def related(org: Org, given: str | None) -> tuple[Table, Values] | None:
    """The record that a reference points to."""
    if given is None:
        return None
    table = org.table_of(given)
    row = table.rows.get(given)
    return None if row is None else (table, row.values)


class Filter:
    """A compiled condition on one table."""

    def __init__(self, org: Org, table: Table, where: Condition | None) -> None:
        self.org = org
        self.table = table
        self.test: Test | None = None if where is None else self._compile(where)
        self.where = where

    # compiling
    def _compile(self, node: Condition) -> Test:
        match node:
            case Both("and", parts):
                tests = [self._compile(p) for p in parts]
                if len(tests) == 2:
                    one, two = tests
                    return lambda v: one(v) and two(v)
                return lambda v: all(t(v) for t in tests)
            case Both(_, parts):
                tests = [self._compile(p) for p in parts]
                if len(tests) == 2:
                    one, two = tests
                    return lambda v: one(v) or two(v)
                return lambda v: any(t(v) for t in tests)
            case Not(part):
                test = self._compile(part)
                return lambda v: not test(v)
            case Compare():
                return self._compare(node)

    def _compare(self, node: Compare) -> Test:
        field, get = resolve(self.org, self.table, node.field)
        if not field.filterable:
            raise Problem("INVALID_FIELD", f"field '{node.field}' can not be filtered in a query call", [])
        values = [self._value(field, node.field, v) for v in node.values]
        text = field.kind in _TEXTS
        read: Get = get
        if text:  # text compares without regard to case

            def lower(record: Values) -> Any:
                value = get(record)
                return value.lower() if isinstance(value, str) else value

            read = lower
        match node.operator:
            case "=" | "in":
                wanted = frozenset(values)
                return lambda v: read(v) in wanted
            case "!=" | "not in":
                unwanted = frozenset(values)
                return lambda v: read(v) not in unwanted
            case "like":
                return self._like(node, field, get)
        compare, bound = _COMPARE[node.operator], values[0]
        if bound is None:
            raise Problem("INVALID_FIELD", f"invalid operator on field '{node.field}': null cannot be ordered", [])

        def ordered(record: Values) -> bool:
            value = read(record)
            return value is not None and compare(value, bound)

        return ordered

    def _like(self, node: Compare, field: Field, get: Get) -> Test:
        if field.kind not in _TEXTS or node.values[0].kind != "string":
            raise Problem("INVALID_FIELD", f"invalid operator on {field.kind} field", [])
        pattern = _pattern(str(node.values[0].value))
        prefix = _prefix(str(node.values[0].value))
        if prefix is not None:
            return lambda v: (get(v) or "").lower().startswith(prefix)
        return lambda v: pattern.fullmatch(get(v) or "") is not None

    def _value(self, field: Field, path: str, literal: Literal) -> Any:
        """A literal in the type of its field, or the error that a wrong one earns."""
        kind, wanted = literal.kind, field.kind
        if kind == "null":
            return None
        if wanted in ("id", "reference") and kind == "string":
            known = full(literal.value) if literal.value else literal.value
            if known is None:
                raise Problem("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {literal.value}", [])
            return known
        if wanted in _TEXTS and kind == "string":
            return literal.value.lower()
        if (wanted in _NUMBERS and kind == "number") or (wanted == "boolean" and kind == "boolean"):
            return literal.value
        if wanted == "datetime" and kind == "datetime":
            return literal.value
        quoted = " and should not be enclosed in quotes" if kind == "string" else ""
        named = {"datetime": "dateTime"}.get(wanted, wanted)
        raise Problem(
            "INVALID_FIELD", f"value of filter criterion for field '{path}' must be of type {named}{quoted}", []
        )

    # what the indexes make of it
    def candidates(self) -> list[Row] | None:
        """The rows that an index names; None when only the order of the stamps helps."""
        for node in self._conjuncts():
            if not isinstance(node, Compare) or node.operator not in ("=", "in"):
                continue
            rows = self._named(node)
            if rows is not None:
                return rows
        return None

    def _named(self, node: Compare) -> list[Row] | None:
        given = [str(v.value) for v in node.values if v.kind == "string"]
        if len(given) != len(node.values) or "." in node.field:
            return None
        name = self.table.column(node.field)
        if name == KEY_FIELD:
            return [r for k in dict.fromkeys(g.lower() for g in given) for r in self.table.holders(k)]
        known = [full(g) or "" for g in dict.fromkeys(given)]
        if name == "Id":
            return [self.table.rows[k] for k in known if k in self.table.rows]
        if name == self.table.shape.parent and name:
            return [r for k in known for r in self.table.children.get(k, [])]
        return None

    def _conjuncts(self) -> list[Condition]:
        if self.where is None:
            return []
        return list(self.where.parts) if isinstance(self.where, Both) and self.where.operator == "and" else [self.where]

    def lower_bound(self) -> str:
        """A stamp before which no row can match; empty when there is none."""
        return "" if self.where is None else self._low(self.where)

    def _low(self, node: Condition) -> str:
        match node:
            case Both("and", parts):
                return max(self._low(p) for p in parts)
            case Both(_, parts):
                return min(self._low(p) for p in parts)
            case Compare(field, ">" | ">=" | "=", (Literal("datetime", value),)):
                return str(value) if "." not in field and self.table.column(field) in _STAMPS else ""
        return ""


def _pattern(like: str) -> re.Pattern[str]:
    out, i = "", 0
    while i < len(like):
        c = like[i]
        if c == "\\" and i + 1 < len(like) and like[i + 1] in "%_":
            out += re.escape(like[i + 1])
            i += 2
            continue
        out += ".*" if c == "%" else "." if c == "_" else re.escape(c)
        i += 1
    return re.compile(out, re.IGNORECASE | re.DOTALL)


def _prefix(like: str) -> str | None:
    """`abc%` is a prefix and needs no pattern; an escaped `_` or `%` stands for itself."""
    if not like.endswith("%") or like.endswith("\\%"):
        return None
    stem = like[:-1].replace("\\_", "\0").replace("\\%", "\1")
    if "%" in stem or "_" in stem:
        return None
    return stem.replace("\0", "_").replace("\1", "%").lower()
