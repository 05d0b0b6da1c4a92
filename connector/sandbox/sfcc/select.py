"""Property selectors: `(**)`, `(hits.(data.(order_no,c_x)),total)`. Also used to trim by read_attributes.

The service fields `_v`, `_type` and `_resource_state` pass every selector.
"""

from __future__ import annotations

import re
from typing import Any

from connector.sandbox.sfcc.fault import Fault

Tree = dict[str, "Tree | None"]
"""Name → what is selected below; None: everything. `**` or `*` as name: everything here."""

_TOKEN = re.compile(r"\s*(\*\*|\*|[\w@-]+|[().,])")
_SERVICE = ("_v", "_type", "_resource_state")


def parse(selector: str) -> Tree | None:
    """The tree of a selector; None when it selects everything."""
    tokens = _tokens(selector)
    tree, at = _group(selector, tokens, 0)
    if at != len(tokens):
        raise _malformed(selector)
    return None if "**" in tree else tree


def _malformed(selector: str) -> Fault:
    return Fault(
        400, "MalformedSelectorException", f"The property selector '{selector}' is malformed.", selector=selector
    )


def _tokens(selector: str) -> list[str]:
    out, at = [], 0
    text = selector.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise _malformed(selector)
        out.append(match[1])
        at = match.end()
    return out


def _group(selector: str, tokens: list[str], at: int) -> tuple[Tree, int]:
    if at >= len(tokens) or tokens[at] != "(":
        raise _malformed(selector)
    tree: Tree = {}
    while True:
        at += 1
        if at >= len(tokens) or tokens[at] in "().,":
            raise _malformed(selector)
        below: Tree | None = None
        name = tokens[at]
        at += 1
        if at < len(tokens) and tokens[at] == ".":
            below, at = _below(selector, tokens, at + 1)
        known = tree.get(name, {})
        tree[name] = None if below is None or known is None else {**known, **below}
        if at >= len(tokens):
            raise _malformed(selector)
        if tokens[at] == ")":
            return tree, at + 1
        if tokens[at] != ",":
            raise _malformed(selector)


def _below(selector: str, tokens: list[str], at: int) -> tuple[Tree | None, int]:
    if at < len(tokens) and tokens[at] == "(":
        tree, at = _group(selector, tokens, at)
        return (None if "**" in tree else tree), at
    if at >= len(tokens) or tokens[at] in "().,":
        raise _malformed(selector)
    name, at = tokens[at], at + 1
    if at < len(tokens) and tokens[at] == ".":
        below, at = _below(selector, tokens, at + 1)
        return {name: below}, at
    return {name: None}, at


def apply(tree: Tree | None, value: Any) -> Any:
    """The value with only what the tree selects."""
    if tree is None:
        return value
    if isinstance(value, list):
        return [apply(tree, v) for v in value]
    if not isinstance(value, dict):
        return value
    everything = "*" in tree
    out = {}
    for name, inner in value.items():
        if name in tree:
            below = tree[name]
            out[name] = inner if below is None else apply(below, inner)
        elif name in _SERVICE or (everything and not isinstance(inner, (dict, list))):
            out[name] = inner
    return out
