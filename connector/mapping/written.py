"""What a field of a mapping may write, as far as the mapping says without any record: kinds, constants, longest text.

Nothing is executed: the YAML and its expressions are looked at. What cannot be known stays open, so that a check which
relies on this finds less, never something that is not so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from jinja2 import nodes

from connector.mapping.expressions import Unparsable, has_braces, parse
from connector.model import Kind, Ref

Path = tuple[str | int, ...]
_FILTERS: dict[str, Kind] = {
    "money": "number",
    "minor_units": "number",
    "length": "number",
    "instant": "instant",
    "date": "date",
    "join": "text",
    "lower": "text",
    "fold": "text",
    "mask": "text",
    "truncate": "text",
    "split": "list",
    "where": "list",
    "map": "list",
}
_NUMBERS = (nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos)
_CONDITIONS = (nodes.Compare, nodes.Not, nodes.Test)


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that stands in the mapping, and where."""

    value: Any
    path: Path


@dataclass(frozen=True, slots=True)
class Written:
    """What one field may write. `kinds` None: anything. `closed`: nothing but `constants`, `refs` and null."""

    kinds: frozenset[Kind] | None = frozenset()
    constants: tuple[Constant, ...] = ()
    refs: tuple[tuple[Ref, Path], ...] = ()
    closed: bool = True
    longest: int | None = 0

    def __or__(self, other: Written) -> Written:
        bounds = (self.longest, other.longest)
        return Written(
            None if self.kinds is None or other.kinds is None else self.kinds | other.kinds,
            (*self.constants, *other.constants),
            (*self.refs, *other.refs),
            self.closed and other.closed,
            None if bounds[0] is None or bounds[1] is None else max(bounds[0], bounds[1]),
        )


NOTHING = Written()
ANYTHING = Written(kinds=None, closed=False, longest=None)


def _of_kind(kind: Kind, longest: int | None = None) -> Written:
    return Written(kinds=frozenset({kind}), closed=False, longest=longest if kind == "text" else 0)


def _constant(value: Any, path: Path) -> Written:
    if value is None:
        return NOTHING
    kind: Kind = "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
    return Written(frozenset({kind}), (Constant(value, path),), longest=len(value) if kind == "text" else 0)


class Reader:
    """Looks at the values of one mapping. `lengths` gives the remote field's length for `truncate` without one."""

    def __init__(self, data: dict[str, Any]) -> None:
        routes = data.get("routes")
        self._routes = routes if isinstance(routes, list) else []

    def field(self, path: Path, written: Any, length: int | None) -> Written:
        """What the field at `path` may write; `length` is that of the remote field, where it is known."""
        if not isinstance(written, dict):
            return self._scalar(path, written, length)
        if "ref" in written or "choice" in written:
            return self._named(path, written)
        if "file" in written:
            return _of_kind("file")
        if "from" not in written:
            return ANYTHING
        if not isinstance(written.get("map"), dict):
            return self._scalar((*path, "from"), written["from"], length)
        table = [_constant(value, (*path, "map", key)) for key, value in written["map"].items()]
        otherwise = written.get("otherwise")
        rest = NOTHING if otherwise in (None, "park") else self._scalar((*path, "otherwise"), otherwise, length)
        return reduce(Written.__or__, [*table, rest], NOTHING)

    def _named(self, path: Path, written: dict[str, Any]) -> Written:
        """References and choices: by which names, where these stand in the mapping."""
        way = "ref" if "ref" in written else "choice"
        kind = str(written["ref"]) if way == "ref" else "choice"
        at = (*path, "name" if way == "ref" else "choice")
        names = self._scalar(at, written.get("name") if way == "ref" else written["choice"], None)
        refs = tuple((Ref(kind, str(one.value)), one.path) for one in names.constants)
        return Written(frozenset({"ref" if way == "ref" else "choice"}), (), refs, names.closed, 0)

    def _scalar(self, path: Path, written: Any, length: int | None) -> Written:
        if isinstance(written, (dict, list)):
            return ANYTHING
        if not isinstance(written, str) or not has_braces(written):
            return _constant(written, path)
        try:
            template = parse(written)
        except Unparsable:
            return ANYTHING
        if template.lone is not None:
            return self._node(template.lone, path, length)
        return _of_kind("text", self._longest_text(template.body, length))

    def _longest_text(self, body: Iterable[nodes.Node], length: int | None) -> int | None:
        """`{% filter truncate %}` around the whole text bounds it; anything else does not."""
        parts = [part for part in body if not _blank(part)]
        if len(parts) == 1 and isinstance(parts[0], nodes.FilterBlock):
            outer = parts[0].filter
            if outer.name == "truncate":
                return self._cut(outer, length)
        return None

    @staticmethod
    def _cut(node: nodes.Filter, length: int | None) -> int | None:
        if not node.args:
            return length
        first = node.args[0]
        return first.value if isinstance(first, nodes.Const) and isinstance(first.value, int) else None

    def _node(self, node: nodes.Node | None, path: Path, length: int | None) -> Written:
        match node:
            case None:
                return NOTHING
            case nodes.Const():
                return _constant(node.value, path)
            case nodes.CondExpr():
                return self._node(node.expr1, path, length) | self._node(node.expr2, path, length)
            case nodes.Filter():
                return self._filter(node, path, length)
            case nodes.Getattr(node=nodes.Name(name="route")):
                return self._route(node.attr, length)
            case nodes.Getattr(node=nodes.Name(name="record"), attr="key"):
                return _of_kind("text")
            case nodes.Getattr(node=nodes.Name(name="record"), attr="stamp"):
                return _of_kind("instant")
            case nodes.Concat():
                return _of_kind("text")
            case nodes.List() | nodes.Tuple():
                return _of_kind("list")
            case _ if isinstance(node, _NUMBERS):
                return _of_kind("number")
            case _ if isinstance(node, _CONDITIONS):
                return _of_kind("boolean")
            case _:
                return ANYTHING

    def _filter(self, node: nodes.Filter, path: Path, length: int | None) -> Written:
        if node.name == "default" and node.args:
            return self._node(node.node, path, length) | self._node(node.args[0], path, length)
        kind = _FILTERS.get(node.name)
        if kind is None:
            return ANYTHING
        if node.name == "truncate":
            return _of_kind("text", self._cut(node, length))
        return _of_kind(kind)

    def _route(self, name: str, length: int | None) -> Written:
        """What the routes give under a name; a record that no route takes gives null."""
        given = [
            self._scalar(("routes", at, name), route[name], length)
            for at, route in enumerate(self._routes)
            if isinstance(route, dict) and name in route
        ]
        return reduce(Written.__or__, given, NOTHING)


def _blank(node: nodes.Node) -> bool:
    texts = node.nodes if isinstance(node, nodes.Output) else [node]
    return all(isinstance(text, nodes.TemplateData) and not text.data.strip() for text in texts)
