"""What a mapping's `when` and `target` say of every record that it takes, without running them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import nodes

from connector.mapping.expressions import Unparsable, parse


def never_with(data: Any, field: str) -> bool:
    """Whether `when` takes no record that has this field: `not field` stands among its conditions."""
    expression = _lone(data.get("when")) if isinstance(data, dict) else None
    return any(
        isinstance(each, nodes.Not) and _reads(each.node) == field for each in _conditions(expression) if expression
    )


def itself(data: Any, key: str) -> bool:
    """Whether the main line writes to the record itself: its target is the record's key (the field `key`)."""
    expression = _lone(data.get("target")) if isinstance(data, dict) else None
    return _reads(expression) in ("record.key", key)


def _lone(written: Any) -> nodes.Node | None:
    if not isinstance(written, str):
        return None
    try:
        return parse(written).lone
    except Unparsable:  # a fault of its own
        return None


def _conditions(node: nodes.Node | None) -> Iterator[nodes.Node]:
    """What all must hold."""
    if isinstance(node, nodes.And):
        yield from _conditions(node.left)
        yield from _conditions(node.right)
    elif node is not None:
        yield node


def _reads(node: nodes.Node | None) -> str:
    """The field of the record that an expression is, or `record.key`."""
    match node:
        case nodes.Name():
            return node.name
        case nodes.Getattr(node=nodes.Name(name="record")):
            return "record.key" if node.attr == "key" else node.attr
        case _:
            return ""
