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


def start(node: nodes.Node) -> int:
    """The offset where an expression begins; the parser notes where it ends for some."""
    return min(each.lineno for each in (node, *node.find_all(nodes.Node)) if each.lineno is not None)


def written(node: nodes.Node) -> str:
    """An operand as its author knows it, for messages; empty where it is more than a name."""
    match node:
        case nodes.Name():
            return node.name
        case nodes.Const():
            return repr(node.value) if isinstance(node.value, str) else str(node.value).lower()
        case nodes.Getattr():
            owner = written(node.node)
            return f"{owner}.{node.attr}" if owner else ""
        case nodes.Getitem() if isinstance(node.arg, nodes.Const):
            owner = written(node.node)
            return f"{owner}[{node.arg.value!r}]" if owner else ""
        case _:
            return ""
