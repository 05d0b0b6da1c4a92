"""Where generated code came from, so that a failure at run time has a file, line and column."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import nodes


@dataclass(frozen=True, slots=True)
class Site:
    """Where a piece of generated code came from: the YAML path, the offset in its text, its operands as written."""

    path: tuple[str | int, ...]
    offset: int | None = None
    field: str = ""
    source: str = ""
    operands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spot:
    """The YAML value that is being compiled, for which destination field, and how long its text may be."""

    path: tuple[str | int, ...]
    field: str = ""
    length: int | None = None


def written(node: nodes.Node) -> str:
    """An operand as its author knows it, for messages; empty where it is more than a name."""
    match node:
        case nodes.Name():
            return node.name
        case nodes.Const():
            return repr(node.value) if isinstance(node.value, (str, int, float)) else str(node.value).lower()
        case nodes.Getattr():
            return f"{written(node.node)}.{node.attr}" if written(node.node) else ""
        case nodes.Getitem() if isinstance(node.arg, nodes.Const):
            return f"{written(node.node)}[{node.arg.value!r}]" if written(node.node) else ""
        case _:
            return ""
