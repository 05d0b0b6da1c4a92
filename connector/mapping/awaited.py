"""What `when` compares a field with to let a record in: constants after `==` and `in`, as far as they stand in plain sight.

For systems that never show records of some states. What is negated, computed or taken from elsewhere is left out, so that whoever
relies on this finds less, never something that is not so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

from connector.document import Document
from connector.errors import Place
from connector.mapping.expressions import Unparsable, has_braces, parse


@dataclass(frozen=True, slots=True)
class Awaited:
    """A value of a field of the record that lets it in, and where that is said."""

    field: str
    value: Any
    place: Place


def awaited(document: Document) -> list[Awaited]:
    """All of them, in the order in which they are said."""
    data = document.data if isinstance(document.data, dict) else {}
    when, lookups = data.get("when"), data.get("lookups")
    if not isinstance(when, str) or not has_braces(when):
        return []
    try:
        tree = parse(when).lone
    except Unparsable:
        return []
    named = frozenset(lookups) if isinstance(lookups, dict) else frozenset()
    return [
        Awaited(field, value, document.inside(("when",), max(offset, 0)))
        for field, value, offset in _compared(tree)
        if field not in named
    ]


def _compared(node: nodes.Node | None) -> Iterator[tuple[str, Any, int]]:
    match node:
        case nodes.And() | nodes.Or():
            yield from _compared(node.left)
            yield from _compared(node.right)
        case nodes.Compare(ops=[nodes.Operand(op="eq", expr=nodes.Const() as constant)]):
            if (field := _field(node.expr)) is not None:
                yield field, constant.value, node.lineno or 0
        case nodes.Compare(ops=[nodes.Operand(op="in", expr=nodes.List() | nodes.Tuple() as several)]):
            if (field := _field(node.expr)) is not None:
                for each in several.items:
                    if isinstance(each, nodes.Const):
                        yield field, each.value, node.lineno or 0


def _field(node: nodes.Node) -> str | None:
    match node:
        case nodes.Name():
            return str(node.name)
        case nodes.Getattr(node=nodes.Name(name="record")):
            return str(node.attr)
    return None
