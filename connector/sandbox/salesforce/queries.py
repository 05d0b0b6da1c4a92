"""Runs SOQL: finds rows by index where it can, orders them, and gives them out page by page behind a locator."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from connector.sandbox.gate import json_reply
from connector.sandbox.salesforce import soql
from connector.sandbox.salesforce.conditions import Filter, related, resolve
from connector.sandbox.salesforce.content import refuse_unfiltered
from connector.sandbox.salesforce.ids import suffix
from connector.sandbox.salesforce.problem import Problem
from connector.sandbox.salesforce.soql import Query
from connector.sandbox.salesforce.table import Table, Values
from connector.sandbox.server import Reply

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Call, Org

_LOCATOR = re.compile(r"(01g\w{15})-(\d+)\Z")
_BATCH = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)
_PLACE = 28  # characters of a stamp, before the id


@dataclass(slots=True)
class Cursor:
    """A result that is given out page by page."""

    table: Table
    query: Query
    found: list[Values]
    ends: float
    size: int


class Queries:
    """The calls /query, /queryAll and their next pages."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.cursors: dict[str, Cursor] = {}
        self._numbers = count(16)

    def first(self, call: Call, *, deleted: bool) -> Reply:
        text = call.params().get("q")
        if text is None:
            raise Problem("MALFORMED_QUERY", "A query string has to be specified")
        query = soql.parse(text)
        table = next((t for n, t in self.org.tables.items() if n.lower() == query.kind.lower()), None)
        if table is None or not table.may("read"):
            raise Problem("INVALID_TYPE", f"sObject type '{query.kind}' is not supported.")
        for path in query.fields:
            resolve(self.org, table, path)
        refuse_unfiltered(table.shape.name, query.where)
        found = self._found(table, query, call.now, deleted)
        if query.count is not None:
            return self._counted(query, len(found))
        options = self.org.world.options
        size = options.page_size
        hint = _BATCH.search(call.request.header(b"sforce-query-options"))
        if hint:
            size = min(max(int(hint[1]), 200), 2000, options.page_size)
        return self._page(call, Cursor(table, query, found, call.now + options.cursor_lifetime, size), "", 0)

    def more(self, call: Call, locator: str) -> Reply:
        match = _LOCATOR.match(locator)
        cursor = self.cursors.get(match[1]) if match else None
        if match is None or cursor is None or cursor.ends <= call.now:
            raise Problem("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(call, cursor, match[1], int(match[2]))

    def _counted(self, query: Query, number: int) -> Reply:
        if query.count == "()":
            return json_reply(200, {"totalSize": number, "done": True, "records": []})
        record = {"attributes": {"type": "AggregateResult"}, "expr0": number}
        return json_reply(200, {"totalSize": 1, "done": True, "records": [record]})

    # finding
    def _found(self, table: Table, query: Query, now: float, deleted: bool) -> list[Values]:
        filtered = Filter(self.org, table, query.where)
        orders = [(resolve(self.org, table, f)[1], d, last) for f, d, last in query.order]
        # while a write is not visible yet, its row stands at its new place and shows its former values: then sort
        in_order = _index_order(table, query) and now >= self.org.hidden_until
        matches = self._matches(table, filtered, now, deleted, in_order)
        if in_order and query.limit is not None:
            found: list[Values] = []
            most = query.limit + query.offset
            for values in matches:
                if len(found) >= most:
                    break
                found.append(values)
            return found[query.offset :]
        found = list(matches)
        if not in_order:
            orders = orders or [(resolve(self.org, table, "Id")[1], False, False)]
            for get, descending, last in reversed(orders):
                found.sort(key=lambda v, g=get, flip=last != descending: _sort_key(g(v), flip), reverse=descending)  # type: ignore[misc]
        end = None if query.limit is None else query.offset + query.limit
        return found[query.offset : end]

    def _matches(self, table: Table, filtered: Filter, now: float, deleted: bool, in_order: bool) -> Iterator[Values]:
        """Values of the rows that match, in the order of the stamps unless an index names them and no order is asked for."""
        rows = None if deleted else filtered.candidates()  # the index of keys forgets what is deleted
        if rows is not None:
            if in_order:
                rows = sorted(rows, key=lambda r: r.place)
            source = iter(rows)
        else:
            places = table.in_order()
            low = filtered.lower_bound()
            start = bisect_left(places, low) if low else 0
            every = table.rows
            source = (row for place in places[start:] if (row := every[place[_PLACE:]]).place == place)
        test = filtered.test
        for row in source:
            values = row.values if row.visible <= now else row.before
            if values is None or (values.get("IsDeleted") and not deleted):
                continue
            if test is None or test(values):
                yield values

    # giving out
    def _page(self, call: Call, cursor: Cursor, locator: str, start: int) -> Reply:
        found = cursor.found
        end = start + cursor.size
        records = [self._record(call, cursor, values) for values in found[start:end]]
        document: dict[str, Any] = {"totalSize": len(found), "done": end >= len(found)}
        if end < len(found):
            if not locator:
                short = f"01gRO{next(self._numbers):010d}"
                locator = short + suffix(short)
                self.cursors[locator] = cursor
            document["nextRecordsUrl"] = f"/services/data/{call.version}/query/{locator}-{end}"
        document["records"] = records
        return json_reply(200, document)

    def _record(self, call: Call, cursor: Cursor, values: Values) -> dict[str, Any]:
        table = cursor.table
        out: dict[str, Any] = {}
        if "Id" in values:
            out["attributes"] = call.attributes(table, values["Id"])
        for path in cursor.query.fields:
            self._put(call, table, values, path, out)
        return out

    def _put(self, call: Call, table: Table, values: Values, path: str, out: dict[str, Any]) -> None:
        first, _, rest = path.partition(".")
        if not rest:
            name = first if first in table.api.by_name else table.column(first)
            out[name] = values.get(name)
            return
        relation = next(r for r in table.shape.relations if r.lower() == first.lower())
        other = related(self.org, values.get(table.shape.relations[relation]))
        if other is None:
            out[relation] = None
            return
        inner = out.get(relation)
        if inner is None:
            inner = out[relation] = {"attributes": call.attributes(other[0], other[1]["Id"])}
        if rest == "Type" and other[0].shape.name == "Group":
            inner["Type"] = other[1]["Type"]
        elif "." not in rest and rest not in other[0].fields:
            inner[rest] = None  # an owner's field that only the other kind of owner has
        else:
            self._put(call, other[0], other[1], rest, inner)


def _index_order(table: Table, query: Query) -> bool:
    """Whether ORDER BY asks for what the index gives: SystemModstamp, Id (or no order at all)."""
    if not query.order:
        return True
    names = [table.column(f) if "." not in f else "" for f, _, _ in query.order]
    rising = not any(d for _, d, _ in query.order)
    stamp = "SystemModstamp" if "SystemModstamp" in table.fields else "CreatedDate"
    return rising and names in ([stamp], [stamp, "Id"])


def _sort_key(value: Any, flip: bool) -> tuple[bool, Any]:
    """Nulls first unless asked otherwise."""
    none = value is None
    key = "" if none else value.lower() if isinstance(value, str) and not _is_id(value) else value
    return (none if flip else not none, key)


def _is_id(value: str) -> bool:
    if len(value) not in (15, 18):
        return False
    return value[:2] == "a0" or value[:3] in ("500", "005", "00G", "00a", "017", "068", "069", "06A")
