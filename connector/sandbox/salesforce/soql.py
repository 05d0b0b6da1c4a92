"""A parser for the part of SOQL that pollers use: text in, a tree of conditions out. Knows no data.

SELECT fields | COUNT() | COUNT(field) FROM object [WHERE …] [ORDER BY …] [LIMIT n] [OFFSET n]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from connector.sandbox.salesforce.fields import instant
from connector.sandbox.salesforce.problem import Problem

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')"
    r"|(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))"
    r"|(?P<date>\d{4}-\d\d-\d\d)(?![\dT])"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
    r"|(?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,))"
)
_ESCAPES = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "b": "\b",
    "f": "\f",
    "'": "'",
    '"': '"',
    "\\": "\\",
    "_": "\\_",
    "%": "\\%",
}
_HEX = re.compile(r"[0-9A-Fa-f]{4}")
_OPERATORS = ("=", "!=", "<>", "<", "<=", ">", ">=")
_WORDS = {
    "select",
    "from",
    "where",
    "order",
    "by",
    "limit",
    "offset",
    "and",
    "or",
    "not",
    "like",
    "in",
    # `group` is not among them: Group is an object too, and its queues are asked for
    "having",
}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value in a condition; `kind` is string, number, boolean, null, datetime or date."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Compare:
    """`field operator value`; operators =, !=, <, <=, >, >=, like, in, not in."""

    field: str
    operator: str
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """and / or of several conditions."""

    operator: str
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    part: Condition


Condition = Compare | Both | Not


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. `count`: COUNT() or COUNT(field)."""

    fields: tuple[str, ...]
    count: str | None
    kind: str
    where: Condition | None
    order: tuple[tuple[str, bool, bool], ...]
    """(field, descending, nulls last)"""
    limit: int | None
    offset: int


def malformed(text: str, at: int, what: str) -> Problem:
    where = text[max(at - 20, 0) : at + 20]
    return Problem("MALFORMED_QUERY", f"{where}\n^\nERROR at Row:1:Column:{at + 1}\n{what}")


class Parser:
    """Recursive descent, one query long."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        at = 0
        stripped = text.rstrip()
        while at < len(stripped):
            match = _TOKEN.match(stripped, at)
            if match is None or match.lastgroup is None:
                raise malformed(text, at, f"unexpected token: '{stripped[at : at + 10].strip()}'")
            self.tokens.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            at = match.end()
        self.at = 0

    # tokens
    def _peek(self) -> tuple[str, str, int]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "<EOF>", len(self.text))

    def _unexpected(self) -> Problem:
        _, shown, at = self._peek()
        return malformed(self.text, at, f"unexpected token: '{shown}'")

    def _take(self, kind: str) -> str:
        if self._peek()[0] != kind:
            raise self._unexpected()
        self.at += 1
        return self.tokens[self.at - 1][1]

    def _word(self, word: str) -> bool:
        kind, shown, _ = self._peek()
        if kind == "name" and shown.lower() == word:
            self.at += 1
            return True
        return False

    def _sign(self, sign: str) -> bool:
        if self._peek()[:2] == ("sign", sign):
            self.at += 1
            return True
        return False

    def _need(self, ok: bool) -> None:
        if not ok:
            raise self._unexpected()

    def _name(self) -> str:
        kind, shown, _ = self._peek()
        if kind != "name" or shown.lower() in _WORDS:
            raise self._unexpected()
        self.at += 1
        return shown

    def _whole(self) -> int:
        self._need(self._peek()[1].isdigit())
        return int(self._take("number"))

    # clauses
    def query(self) -> Query:
        self._need(self._word("select"))
        fields, count = self._fields()
        self._need(self._word("from"))
        kind = self._name()
        where = self._condition() if self._word("where") else None
        order = self._order() if self._word("order") else ()
        limit = self._whole() if self._word("limit") else None
        offset = self._whole() if self._word("offset") else 0
        if self.at != len(self.tokens):
            raise self._unexpected()
        return Query(fields, count, kind, where, order, limit, offset)

    def _fields(self) -> tuple[tuple[str, ...], str | None]:
        names = []
        while True:
            name = self._name()
            if name.lower() == "count" and self._sign("("):
                if self._sign(")"):
                    return (), "()"
                counted = self._name()
                self._need(self._sign(")"))
                return (), counted
            names.append(name)
            if not self._sign(","):
                return tuple(names), None

    def _order(self) -> tuple[tuple[str, bool, bool], ...]:
        self._need(self._word("by"))
        out = []
        while True:
            name = self._name()
            descending = self._word("desc")
            if not descending:
                self._word("asc")
            last = False
            if self._word("nulls"):
                last = self._word("last")
                self._need(last or self._word("first"))
            out.append((name, descending, last))
            if not self._sign(","):
                return tuple(out)

    # conditions
    def _condition(self) -> Condition:
        """AND and OR may not be mixed without parentheses."""
        parts = [self._single()]
        operator = ""
        while True:
            word = "and" if self._peek()[1].lower() == "and" else "or" if self._peek()[1].lower() == "or" else ""
            if not word or self._peek()[0] != "name":
                return parts[0] if not operator else Both(operator, tuple(parts))
            if operator and word != operator:
                raise self._unexpected()
            self.at += 1
            operator = word
            parts.append(self._single())

    def _single(self) -> Condition:
        if self._word("not"):
            return Not(self._single())
        if self._sign("("):
            inner = self._condition()
            self._need(self._sign(")"))
            return inner
        return self._compare()

    def _compare(self) -> Compare:
        field = self._name()
        if self._word("like"):
            return Compare(field, "like", (self._literal(),))
        if self._word("in"):
            return Compare(field, "in", self._list())
        if self._word("not"):
            self._need(self._word("in"))
            return Compare(field, "not in", self._list())
        kind, sign, _ = self._peek()
        if kind != "sign" or sign not in _OPERATORS:
            raise self._unexpected()
        self.at += 1
        return Compare(field, "!=" if sign == "<>" else sign, (self._literal(),))

    def _list(self) -> tuple[Literal, ...]:
        self._need(self._sign("("))
        out = [self._literal()]
        while self._sign(","):
            out.append(self._literal())
        self._need(self._sign(")"))
        return tuple(out)

    def _literal(self) -> Literal:
        kind, shown, at = self._peek()
        self.at += 1
        match kind:
            case "string":
                return Literal("string", self._unescaped(shown[1:-1], at))
            case "number":
                return Literal("number", float(shown))
            case "datetime" | "date":
                moment = instant(shown)
                if moment is None:
                    raise malformed(self.text, at, f"Invalid date: {shown}")
                return Literal(kind, moment)
            case "name" if shown.lower() in ("true", "false"):
                return Literal("boolean", shown.lower() == "true")
            case "name" if shown.lower() == "null":
                return Literal("null", None)
        self.at -= 1
        raise self._unexpected()

    def _unescaped(self, inner: str, at: int) -> str:
        if "\\" not in inner:
            return inner
        out, i = [], 0
        while i < len(inner):
            if inner[i] != "\\":
                out.append(inner[i])
                i += 1
                continue
            known = _ESCAPES.get(inner[i + 1])
            if inner[i + 1] == "u" and _HEX.match(inner, i + 2):
                known = chr(int(inner[i + 2 : i + 6], 16))
                i += 4
            if known is None:
                raise malformed(self.text, at + i, f"Invalid string literal: illegal escape \\{inner[i + 1]}")
            out.append(known)
            i += 2
        return "".join(out)


def parse(text: str) -> Query:
    """The tree of a query, or MALFORMED_QUERY."""
    return Parser(text).query()
