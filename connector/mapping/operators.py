"""Which operators of a template are which functions of `values`, and what is refused, with the way round."""

from __future__ import annotations

from jinja2 import nodes

OPERATORS: dict[type[nodes.Node], str] = {
    nodes.Add: "add",
    nodes.Sub: "sub",
    nodes.Mul: "mul",
    nodes.Div: "div",
    nodes.FloorDiv: "floordiv",
    nodes.Mod: "mod",
    nodes.Neg: "neg",
    nodes.Pos: "pos",
}
COMPARISONS = {
    "eq": "eq",
    "ne": "ne",
    "lt": "lt",
    "lteq": "le",
    "gt": "gt",
    "gteq": "ge",
    "in": "contains",
    "notin": "lacks",
}
REFUSED: dict[type[nodes.Node], tuple[str, str]] = {
    nodes.Call: ("calls are not possible", "use a filter: {{ x | lower }}"),
    nodes.Pow: ("powers are not possible", "multiply"),
    nodes.Slice: ("slices are not possible", "use first, truncate or where"),
    nodes.Assign: ("set is not possible", "repeat the expression"),
    nodes.AssignBlock: ("set is not possible", "repeat the expression"),
}
