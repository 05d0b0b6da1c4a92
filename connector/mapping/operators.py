"""Which operators of a template are which functions of `values`, and what is refused, with the way round."""

from __future__ import annotations

import ast
from collections.abc import Sequence

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
_OWN: dict[str, type[ast.cmpop]] = {
    "eq": ast.Eq,
    "ne": ast.NotEq,
    "lt": ast.Lt,
    "lteq": ast.LtE,
    "gt": ast.Gt,
    "gteq": ast.GtE,
    "in": ast.In,
    "notin": ast.NotIn,
}
_EXACT = 2**53
"""Whole numbers below it are floats too."""


def plainly(op: str, right: ast.expr) -> tuple[Sequence[str], ast.cmpop | None]:
    """Names of the classes whose values Python's own comparison with this operand treats as `values` does, and that comparison.
    None of them where the operand is not written out, or is of a kind that Python compares in its own way."""
    if isinstance(right, ast.Constant) and op not in ("in", "notin"):
        if right.value.__class__ is str:
            return ("str",), _OWN[op]()
        if right.value.__class__ is int and -_EXACT < right.value < _EXACT:
            return ("float", "int"), _OWN[op]()
    texts = isinstance(right, ast.List) and all(
        isinstance(each, ast.Constant) and each.value.__class__ is str for each in right.elts
    )
    if texts and op in ("in", "notin"):
        return ("str",), _OWN[op]()
    return (), None
