"""The OCAPI query grammar, compiled: every node becomes a Plan, and a plan on the modification date costs no test at all.

Grammar: Data API 25.6 schemas (`query`, `filter`), the same names in Shop. There is no range_query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any

from connector.sandbox.sfcc.fault import Fault, malformed, refuse_enum
from connector.sandbox.sfcc.schema import Attribute, field_kind, instant

Flat = Mapping[str, Any]
Test = Callable[[Flat], bool]

AFTER = "}"  # sorts behind the "|" that parts the stamp from the key
_WORD = re.compile(r"\w+")
_OPERATORS = ("is", "one_of", "is_null", "is_not_null", "less", "greater", "not_in", "neq")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a query asks for: bounds in the index order, candidate keys, and a test for the rest (None: always true)."""

    test: Test | None = None
    low: str = ""
    high: str = "~"
    keys: frozenset[str] | None = None

    def both(self, other: Plan) -> Plan:
        keys = other.keys if self.keys is None else self.keys if other.keys is None else self.keys & other.keys
        tests = [t for t in (self.test, other.test) if t is not None]
        test = None if not tests else tests[0] if len(tests) == 1 else lambda f: all(t(f) for t in tests)
        return Plan(test, max(self.low, other.low), min(self.high, other.high), keys)

    def alone(self) -> Test | None:
        """The whole plan as one test, for use under or and not."""
        if self.low == "" and self.high == "~" and self.keys is None:
            return self.test
        keys, low, high, test = self.keys, self.low, self.high, self.test

        def whole(flat: Flat) -> bool:
            place = f"{flat['last_modified']}|{flat['_key']}"
            return low <= place < high and (keys is None or flat["_key"] in keys) and (test is None or test(flat))

        return whole


class Compiler:
    """Compiles the queries of one kind of document."""

    def __init__(self, attributes: Mapping[str, Attribute], fields: Container[str], key: str) -> None:
        self.attributes = attributes
        self.fields = fields
        self.key = key

    def kind(self, name: Any) -> str:
        if not isinstance(name, str):
            raise malformed("field", name, "must be the name of a field")
        return field_kind(name, self.attributes, self.fields)

    # queries
    def query(self, node: Any) -> Plan:
        name, body = _only(node, "query")
        match name:
            case "match_all_query":
                return Plan()
            case "term_query":
                fields = body.get("fields")
                if not isinstance(fields, list) or not fields:
                    raise malformed("fields", fields, "must be a list of at least one field")
                return self._any([self._term(f, body) for f in fields])
            case "text_query":
                return self._text(body)
            case "bool_query":
                return self._bool(body)
            case "filtered_query":
                return self.query(_needed(body, "query")).both(self.filter(_needed(body, "filter")))
            case "nested_query":
                if not isinstance(body.get("path"), str):
                    raise malformed("path", body.get("path"), "is required")
                if body.get("score_mode", "none") not in ("avg", "total", "max", "none"):
                    refuse_enum("score_mode", body.get("score_mode"), "avg, total, max, none")
                return self.query(_needed(body, "query"))
        raise _unknown(name, "query")

    def _bool(self, body: Mapping[str, Any]) -> Plan:
        plan = Plan()
        for node in _list(body, "must"):
            plan = plan.both(self.query(node))
        if should := _list(body, "should"):
            plan = plan.both(self._any([self.query(node) for node in should]))
        if must_not := _list(body, "must_not"):
            plan = plan.both(_not([self.query(node) for node in must_not]))
        return plan

    def _text(self, body: Mapping[str, Any]) -> Plan:
        fields, phrase = body.get("fields"), body.get("search_phrase")
        if not isinstance(fields, list) or not fields or not isinstance(phrase, str):
            raise malformed("text_query", phrase, "needs fields and search_phrase")
        for name in fields:
            self.kind(name)
        words = [w.lower() for w in _WORD.findall(re.sub(r"[*%+]", " ", phrase))]

        def test(flat: Flat) -> bool:
            have = {w.lower() for f in fields for v in _each(flat.get(f)) for w in _WORD.findall(str(v))}
            return bool(words) and all(w in have for w in words)

        return Plan(test)

    # filters
    def filter(self, node: Any) -> Plan:
        name, body = _only(node, "filter")
        match name:
            case "term_filter":
                return self._term(body.get("field"), body)
            case "range_filter":
                return self._range(body)
            case "range2_filter":
                return self._range2(body)
            case "query_filter":
                return self.query(_needed(body, "query"))
            case "bool_filter":
                plans = [self.filter(f) for f in _list(body, "filters")]
                match body.get("operator"):
                    case "and":
                        plan = Plan()
                        for one in plans:
                            plan = plan.both(one)
                        return plan
                    case "or":
                        return self._any(plans)
                    case "not":
                        return _not(plans)
                refuse_enum("operator", body.get("operator"), "and, or, not")
        raise _unknown(name, "filter")

    def _any(self, plans: list[Plan]) -> Plan:
        if len(plans) == 1:
            return plans[0]
        tests = [p.alone() for p in plans]
        if any(t is None for t in tests):
            return Plan()
        sure = [t for t in tests if t is not None]
        return Plan(lambda f: any(t(f) for t in sure))

    def _term(self, field: Any, body: Mapping[str, Any]) -> Plan:
        kind = self.kind(field)
        operator = body.get("operator")
        if operator not in _OPERATORS:
            refuse_enum("operator", operator, ", ".join(_OPERATORS))
        if operator in ("is_null", "is_not_null"):
            wanted = operator == "is_null"
            return Plan(lambda f: (f.get(field) is None) == wanted)
        values = body.get("values")
        if not isinstance(values, list) or not values:
            raise malformed("values", values, f"must be a list of at least one value for operator {operator}")
        typed = [_value(field, kind, v) for v in values]
        if operator in ("is", "one_of"):
            if field == self.key:
                return Plan(keys=frozenset(str(v) for v in typed))
            wanted_values = frozenset(typed if operator == "one_of" else typed[:1])
            return Plan(lambda f: any(v in wanted_values for v in _each(f.get(field))))
        if operator in ("neq", "not_in"):  # also true where the field is null, as the search service does
            unwanted = frozenset(typed if operator == "not_in" else typed[:1])
            return Plan(lambda f: not any(v in unwanted for v in _each(f.get(field))))
        bound = typed[0]
        if operator == "less":
            return Plan(lambda f: any(v < bound for v in _each(f.get(field))))
        return Plan(lambda f: any(v > bound for v in _each(f.get(field))))

    def _range(self, body: Mapping[str, Any]) -> Plan:
        field = str(body.get("field"))
        kind = self.kind(body.get("field"))
        low, high = body.get("from"), body.get("to")
        if low is None and high is None:
            raise malformed("range_filter", field, "needs from, to or both")
        low = None if low is None else _value(field, kind, low)
        high = None if high is None else _value(field, kind, high)
        with_low, with_high = _flag(body, "from_inclusive"), _flag(body, "to_inclusive")
        if field == "last_modified":
            return Plan(
                low="" if low is None else low if with_low else low + AFTER,
                high="~" if high is None else high + AFTER if with_high else high,
            )

        def inside(v: Any) -> bool:
            if low is not None and (v < low or (v == low and not with_low)):
                return False
            return high is None or v < high or (v == high and with_high)

        return Plan(lambda f: any(inside(v) for v in _each(f.get(field))))

    def _range2(self, body: Mapping[str, Any]) -> Plan:
        first, last = str(body.get("from_field")), str(body.get("to_field"))
        kind, kind2 = self.kind(first), self.kind(last)
        mode = body.get("filter_mode", "overlap")
        if mode not in ("overlap", "containing", "contained"):
            refuse_enum("filter_mode", mode, "overlap, containing, contained")
        low = None if body.get("from_value") is None else _value(first, kind, body["from_value"])
        high = None if body.get("to_value") is None else _value(last, kind2, body["to_value"])
        low_in, high_in = _flag(body, "from_inclusive"), _flag(body, "to_inclusive")

        def under(a: Any, b: Any, inclusive: bool) -> bool:  # an open end is under everything
            return a is None or b is None or a < b or (a == b and inclusive)

        def test(flat: Flat) -> bool:
            a, b = flat.get(first), flat.get(last)
            if mode == "overlap":
                return under(a, high, high_in) and under(low, b, low_in)
            if mode == "containing":
                return under(a, low, low_in) and under(high, b, high_in)
            return under(low, a, low_in) and under(b, high, high_in)

        return Plan(test)


def _not(plans: list[Plan]) -> Plan:
    tests = [p.alone() for p in plans]
    if any(t is None for t in tests):
        return Plan(lambda f: False)
    sure = [t for t in tests if t is not None]
    return Plan(lambda f: not any(t(f) for t in sure))


def _only(node: Any, what: str) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(node, dict) or len(node) != 1:
        raise malformed(what, node, "must be an object with one member")
    (name, body), *_ = node.items()
    if not isinstance(body, dict):
        raise malformed(name, body, "must be an object")
    return name, body


def _needed(body: Mapping[str, Any], name: str) -> Any:
    if name not in body:
        raise malformed(name, None, "is required")
    return body[name]


def _list(body: Mapping[str, Any], name: str) -> list[Any]:
    value = body.get(name) or []
    return value if isinstance(value, list) else [value]


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name, True)
    if not isinstance(value, bool):
        raise malformed(name, value, "must be true or false")
    return value


def _each(value: Any) -> tuple[Any, ...]:
    return () if value is None else value if isinstance(value, tuple) else (value,)


def _value(field: Any, kind: str, value: Any) -> Any:
    """A query's value in the type of its field; searches send numbers and flags as text, too."""
    typed: Any = None
    if kind == "datetime":
        typed = instant(value)
    elif kind == "bool":
        typed = value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower())
    elif kind == "number":
        try:
            typed = None if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            typed = None
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        typed = str(value)
    if typed is None:
        raise Fault(
            400,
            "InvalidSearchFieldTypeException",
            f"The value '{value}' does not fit the {kind} field '{field}'.",
            field=str(field),
            value=str(value),
            type=kind,
        )
    return typed


def _unknown(name: str, what: str) -> Fault:
    return Fault(400, "BodyDecodingException", f"There is no {what} '{name}'.", property=name)
