"""The two spellings of one document: the instance keeps it as OCAPI shows it, SCAPI shows it in camelCase."""

from __future__ import annotations

import re
from typing import Any

_SMALL = re.compile(r"_([a-z0-9])")
_LARGE = re.compile(r"(?<=[a-z0-9])([A-Z])")
_HIDDEN = frozenset({"_v", "_type", "_resource_state", "notes"})


def camel(name: str) -> str:
    """`orderNo` of `order_no`; custom attributes keep their names."""
    return name if name.startswith("c_") else _SMALL.sub(lambda found: found[1].upper(), name)


def snake(name: str) -> str:
    return name if name.startswith("c_") else _LARGE.sub(lambda found: "_" + found[1].lower(), name)


def document(value: Any) -> Any:
    """A document as SCAPI shows it; what stands in a custom attribute stays as it is."""
    if isinstance(value, list):
        return [document(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        camel(name): inner if name.startswith("c_") else document(inner)
        for name, inner in value.items()
        if name not in _HIDDEN
    }


def body(value: Any) -> Any:
    """A query as the search of the instance takes it: names of nodes and fields in its own spelling."""
    if isinstance(value, list):
        return [body(each) for each in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for name, inner in value.items():
        key = snake(name)
        if key in ("field", "path") and isinstance(inner, str):
            made[key] = snake(inner)
        elif key == "fields" and isinstance(inner, list):
            made[key] = [snake(each) if isinstance(each, str) else each for each in inner]
        else:
            made[key] = inner if key == "values" else body(inner)
    return made
