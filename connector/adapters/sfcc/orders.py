"""`orders`: search by last_modified, read by number, custom attributes by patch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from connector.adapter import Clock, Stream
from connector.adapters.sfcc import query, resources
from connector.adapters.sfcc.ahead import Found
from connector.adapters.sfcc.client import Client, addressable, check_values, segment, unaddressable
from connector.adapters.sfcc.documents import order_record, selector
from connector.adapters.sfcc.hits import found
from connector.adapters.sfcc.query import Window
from connector.adapters.sfcc.reading import Reader
from connector.errors import RecordFault
from connector.model import Cursor, Page, Record, Result, Select, Write

DIRECT = 4
"""Up to so many orders are read one by one; more go through the search first, which takes one call."""
_SORTS = ("last_modified", "order_no")


class Orders:
    """Orders of the connection's site."""

    def __init__(self, client: Client, stream: Stream, clock: Clock) -> None:
        self._client, self._stream, self._clock = client, stream, clock
        self._settings = client.settings

    def read(self, since: Cursor | datetime | None, select: Select, overlap: float) -> Iterator[Page]:
        chosen = self._selector(select)

        def search(window: Window) -> Found:
            count = min(self._settings.page, self._settings.deep_paging - window.start)
            asked = query.changed(window, select.where)
            return self._search(asked, chosen, count=count, start=window.start, sorts=_SORTS)

        reader = Reader(self._stream.name, search, self._settings, saves=not select.keys_only)
        return reader.read(since, overlap)

    def fetch(self, keys: Sequence[str], select: Select) -> Mapping[str, Record]:
        """Orders by number. Many are searched for; those that the index lacks are read directly, which proves absence."""
        records: dict[str, Record] = {}
        page = self._settings.page
        if len(keys) > DIRECT:
            for begin in range(0, len(keys), page):
                asked = query.term("order_no", list(keys[begin : begin + page]))
                hits = self._search(asked, self._selector(select), count=page)
                records |= {record.key: record for record in hits.records}
        for key in keys:
            if key not in records and (record := self._get(key)) is not None:
                records[key] = record
        return records

    def update(self, write: Write) -> Result:
        """Custom attributes of one order. The instance answers 204 without a document."""
        refused = check_values(write.fields)
        if refused is not None:
            return Result(error=refused)
        number = write.target or ""
        if not addressable(number):
            return Result(error=unaddressable(number))
        resource = resources.SITE_ORDER
        path = f"/sites/{segment(self._settings.site)}/orders/{segment(number)}"
        response = self._client.data("PATCH", resource, path, intent="update", payload=dict(write.fields))
        if response.status in (200, 204):
            return Result(target=number)
        error = self._client.fault(response, "Data", resource, "PATCH", writing=True)
        if isinstance(error, RecordFault):
            return Result(error=error)
        raise error

    def probe(self) -> list[Record]:
        """The cheapest search: one order or none."""
        return self._search(query.all_of(()), selector(("order_no",), self._stream.needs, "order"), count=1).records

    def _selector(self, select: Select) -> str:
        if select.keys_only:
            return selector(self._stream.needs, (), "order")
        fields = select.fields if self._settings.select == "needed" else ()
        return selector(fields, self._stream.needs, "order")

    def _search(
        self, asked: query.Node, select: str, *, count: int, start: int = 0, sorts: Sequence[str] = ()
    ) -> Found:
        payload, began = query.search(asked, select=select, count=count, start=start, sorts=sorts), self._clock.now()
        response = self._client.shop("POST", resources.ORDER_SEARCH, "/order_search", intent="read", payload=payload)
        if response.status != 200:
            raise self._client.fault(response, "Shop", resources.ORDER_SEARCH, "POST")
        return found(response, order_record, self._settings.site, start=start, began=began, wrapped=True)

    def _get(self, number: str) -> Record | None:
        if not addressable(number):
            return None
        resource = resources.ORDER
        response = self._client.shop("GET", resource, f"/orders/{segment(number)}", intent="read")
        if response.status == 200:
            return order_record(response.json(), self._settings.site)
        if self._client.missing(response):
            return None
        raise self._client.fault(response, "Shop", resource, "GET")
