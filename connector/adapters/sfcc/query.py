"""The OCAPI query grammar, as far as we speak it: a window of last_modified, equality, and keys by list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """Records changed from `lower` to `upper`, both inclusive (None: open), beyond the first `start` of them."""

    lower: str | None = None
    upper: str | None = None
    start: int = 0


def term(field: str, value: Any) -> Node:
    """field = value; a list: one of them; None: not set."""
    if value is None:
        return {"term_query": {"fields": [field], "operator": "is_null"}}
    if isinstance(value, list | tuple):
        return {"term_query": {"fields": [field], "operator": "one_of", "values": list(value)}}
    return {"term_query": {"fields": [field], "operator": "is", "values": [value]}}


def all_of(terms: Iterable[Node]) -> Node:
    """All of these at once."""
    nodes = list(terms)
    if not nodes:
        return {"match_all_query": {}}
    return nodes[0] if len(nodes) == 1 else {"bool_query": {"must": nodes}}


def changed(window: Window, where: Mapping[str, Any]) -> Node:
    """Records of a window that meet `where`. There is no range query, only a range filter."""
    query = all_of(term(field, value) for field, value in where.items())
    if window.lower is None and window.upper is None:
        return query
    bounds: Node = {"field": "last_modified"}
    if window.lower is not None:
        bounds["from"] = window.lower
    if window.upper is not None:
        bounds["to"] = window.upper
    return {"filtered_query": {"query": query, "filter": {"range_filter": bounds}}}


def search(query: Node, *, select: str, count: int, start: int = 0, sorts: Sequence[str] = ()) -> Node:
    """A whole search request."""
    body: Node = {"query": query, "select": select, "start": start, "count": count}
    if sorts:
        body["sorts"] = [{"field": field, "sort_order": "asc"} for field in sorts]
    return body
