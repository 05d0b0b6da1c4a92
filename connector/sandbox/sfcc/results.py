"""Runs a compiled search on a set of documents and builds the page: sorts, start, count, next, previous."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from connector.sandbox.sfcc.documents import Doc, Documents
from connector.sandbox.sfcc.fault import Fault, malformed, refuse_enum
from connector.sandbox.sfcc.search import Compiler, Plan
from connector.sandbox.sfcc.select import Tree, apply

COUNT, LARGEST = 25, 200
_KNOWN = {"query", "count", "start", "sorts", "select", "expand", "db_start_record_", "_v", "_type"}


@dataclass(frozen=True, slots=True)
class Search:
    """A search request, checked."""

    plan: Plan
    sorts: tuple[tuple[str, bool], ...]
    start: int
    count: int
    select: str | None


def checked(body: Any, compiler: Compiler, cap: int | None) -> Search:
    """Reads a search request, or says what is wrong with it."""
    if not isinstance(body, dict):
        raise Fault(400, "BodyDecodingException", "The request body must be an object.")
    for name in body:
        if name not in _KNOWN:
            raise Fault(400, "BodyDecodingException", f"Unknown property '{name}'.", property=name)
    if "query" not in body:
        raise malformed("query", None, "is required")
    start, count = body.get("start", 0), body.get("count", COUNT)
    if type(start) is not int or start < 0:
        raise malformed("start", start, "must be a number from 0")
    if type(count) is not int or not 1 <= count <= LARGEST:
        raise malformed("count", count, f"must be between 1 and {LARGEST}")
    if cap is not None and start + count > cap:
        raise malformed("start", start, f"is too large: start and count reach at most {cap} hits")
    select = body.get("select")
    if select is not None and not isinstance(select, str):
        raise malformed("select", select, "must be a text")
    return Search(compiler.query(body["query"]), _sorts(body.get("sorts"), compiler), start, count, select)


def _sorts(sorts: Any, compiler: Compiler) -> tuple[tuple[str, bool], ...]:
    out = []
    if not isinstance(sorts or [], list) or not all(isinstance(s, dict) for s in sorts or ()):
        raise malformed("sorts", sorts, "must be a list of objects")
    for sort in sorts or ():
        field, order = sort.get("field"), sort.get("sort_order", "asc")
        if order not in ("asc", "desc"):
            refuse_enum("sort_order", order, "asc, desc")
        try:
            compiler.kind(field)
        except Fault as fault:
            raise Fault(
                400, "FieldNotSortableException", f"Field '{field}' cannot be sorted by.", field=str(field)
            ) from fault
        out.append((field, order == "desc"))
    return tuple(out)


def run(docs: Documents, search: Search, key: str) -> tuple[int, list[bytes]]:
    """How many documents match, and the hits of the page."""
    docs.catch_up()
    plan = search.plan
    low, high = bisect_left(docs.places, plan.low), bisect_left(docs.places, plan.high)
    order = _index_order(search.sorts, key)
    a, b = search.start, search.start + search.count
    if plan.test is None and plan.keys is None and order is not None:
        total = max(high - low, 0)
        if order:
            return total, docs.hits[low + a : min(low + b, max(low, high))]
        return total, docs.hits[max(low, high - b) : max(low, high - a)][::-1]
    found = _candidates(docs, plan, low, high)
    if order is None:
        for field, descending in reversed(search.sorts):
            found.sort(key=_sort_key(docs, field), reverse=descending)
    elif not order:
        found.reverse()
    return len(found), [d.hit for d in found[a:b] if d.hit is not None]


def _candidates(docs: Documents, plan: Plan, low: int, high: int) -> list[Doc]:
    """The documents that match, in index order."""
    if plan.keys is not None:
        named = [docs.docs[k] for k in plan.keys if k in docs.docs]
        some = sorted((d for d in named if d.place and plan.low <= d.place < plan.high), key=lambda d: d.place)
    else:
        some = [docs.docs[place[25:]] for place in docs.places[low:high]]
    if plan.test is None:
        return some
    test = plan.test
    return [d for d in some if test(docs.flat(d))]


def _index_order(sorts: tuple[tuple[str, bool], ...], key: str) -> bool | None:
    """True: as the index runs. False: the index reversed. None: another order."""
    if not sorts:
        return True
    if sorts[0][0] != "last_modified" or (len(sorts) > 1 and (sorts[1][0] != key or sorts[1][1] != sorts[0][1])):
        return None
    return not sorts[0][1]


def _sort_key(docs: Documents, field: str) -> Callable[[Doc], tuple[bool, Any]]:
    def key(doc: Doc) -> tuple[bool, Any]:
        value = docs.flat(doc).get(field)
        if isinstance(value, tuple):
            value = min(value)
        return (value is None, 0 if value is None else value)

    return key


def page(
    kind: str,
    version: str,
    search: Search,
    body: Mapping[str, Any],
    total: int,
    hits: list[bytes],
    tree: Tree | None,
    *,
    wrap: tuple[bytes, bytes],
    show_next: bool,
) -> bytes:
    """The result document, with what the selector's tree leaves of it. `wrap` stands around each hit."""
    start, size = search.start, len(hits)
    head: dict[str, Any] = {"_v": version, "_type": kind, "count": size, "start": start, "total": total}
    if search.select is not None:
        head["select"] = search.select
    head["query"] = body["query"]
    if body.get("sorts"):
        head["sorts"] = body["sorts"]
    if show_next and start + size < total:
        head["next"] = {"_type": "result_page", "start": start + size, "count": search.count}
    if start > 0:
        before = max(start - search.count, 0)
        head["previous"] = {"_type": "result_page", "start": before, "count": min(search.count, start)}
    opened = orjson.dumps(apply(tree, head))[:-1]
    if not hits or (tree is not None and "hits" not in tree):  # an empty result has no hits at all
        return opened + b"}"
    left, right = wrap
    below = None if tree is None else tree["hits"]
    if below is not None:  # hit by hit: a whole page as objects is larger than what a core keeps at hand
        hits = [orjson.dumps(apply(below, orjson.loads(left + hit + right))) for hit in hits]
        left, right = b"", b""
    comma = b"," if len(opened) > 1 else b""
    return b"".join((opened, comma, b'"hits":[', left, (right + b"," + left).join(hits), right, b"]}"))
