"""`custom_objects/<Type>`: returns, claims and requests that a shop keeps in objects of its own (Data API).

The search is not bound to a site, so it always asks for ours. Documents may lack last_modified although it can be searched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from connector.adapter import Clock, Stream
from connector.adapters.sfcc import query, resources
from connector.adapters.sfcc.ahead import Found
from connector.adapters.sfcc.client import Client, addressable, check_values, segment, unaddressable
from connector.adapters.sfcc.documents import object_record, selector
from connector.adapters.sfcc.hits import found
from connector.adapters.sfcc.query import Window
from connector.adapters.sfcc.reading import Reader
from connector.errors import RecordFault
from connector.http import Response
from connector.model import Cursor, Page, Record, Result, Select, Write

DIRECT = 4
"""Up to so many objects are read one by one; more go through the search first."""
_NEEDS = ("key_value_string", "key_value_integer", "last_modified", "site_id")
_SORTS = ("last_modified", "key_value_string")


class Objects:
    """Objects of one type at the connection's site."""

    def __init__(self, client: Client, kind: str, stream: Stream, clock: Clock) -> None:
        self._client, self._kind, self._stream, self._clock = client, kind, stream, clock
        self._settings = client.settings

    def read(self, since: Cursor | datetime | None, select: Select, overlap: float) -> Iterator[Page]:
        chosen = self._selector(select)
        where = {"site_id": self._settings.site, **select.where}

        def search(window: Window) -> Found:
            count = min(self._settings.page, self._settings.deep_paging - window.start)
            asked = query.changed(window, where)
            return self._search(asked, chosen, count=count, start=window.start, sorts=_SORTS)

        reader = Reader(self._stream.name, search, self._settings, saves=not select.keys_only)
        prefix = select.key_prefix
        for page in reader.read(since, overlap):
            if prefix is None:
                yield page
            else:
                ours = [record for record in page.records if record.key.startswith(prefix)]
                yield Page(ours, page.cursor, page.read_at, page.total)

    def fetch(self, keys: Sequence[str], select: Select) -> Mapping[str, Record]:
        """Objects by key, which is also ours where we made them. Absence is proved by a direct read."""
        records: dict[str, Record] = {}
        page = self._settings.page
        if len(keys) > DIRECT:
            for begin in range(0, len(keys), page):
                named = query.term("key_value_string", list(keys[begin : begin + page]))
                asked = query.all_of([query.term("site_id", self._settings.site), named])
                hits = self._search(asked, self._selector(select), count=page)
                records |= {record.key: record for record in hits.records}
        for key in keys:
            if key not in records and (record := self._get(key)) is not None:
                records[key] = record
        return records

    def create(self, write: Write) -> Result:
        """PUT creates or overwrites: sent once, and after an unread answer only when the object is not there."""
        refused = check_values(write.fields)
        if refused is not None:
            return Result(error=refused)
        if write.uncertain and self._get(write.key) is not None:
            return Result(target=write.key, existed=True)
        fields = {name: value for name, value in write.fields.items() if value is not None}
        response = self._client.data("PUT", resources.OBJECT, self._path(write.key), intent="once", payload=fields)
        if response.status in (200, 201, 204):
            return Result(target=write.key)
        return self._failed(response, "PUT")

    def update(self, write: Write) -> Result:
        """PATCH merges the given attributes, in one call. A look before it, for a `_resource_state` to echo, would guard nothing:
        what is written was decided before, and who saves another attribute meanwhile loses nothing."""
        refused = check_values(write.fields)
        if refused is not None:
            return Result(error=refused)
        key = write.target or ""
        if not addressable(key):
            return Result(error=unaddressable(key))
        response = self._client.data(
            "PATCH", resources.OBJECT, self._path(key), intent="update", payload=dict(write.fields)
        )
        if response.status in (200, 204):
            return Result(target=key)
        return self._failed(response, "PATCH")

    def delete(self, write: Write) -> Result:
        """One object; one that is not there any more is Gone. Saying it twice says it once."""
        key = write.target or ""
        if not addressable(key):
            return Result(error=unaddressable(key))
        response = self._client.data("DELETE", resources.OBJECT, self._path(key), intent="update")
        if response.status in (200, 204):
            return Result(target=key)
        return self._failed(response, "DELETE")

    def probe(self) -> None:
        """The cheapest search of this type; raises what is wrong."""
        self._search(query.term("site_id", self._settings.site), selector(_NEEDS, (), "object"), count=1)

    def _selector(self, select: Select) -> str:
        if select.keys_only:
            return selector(_NEEDS, (), "object")
        fields = select.fields if self._settings.select == "needed" else ()
        return selector(fields, _NEEDS, "object")

    def _search(
        self, asked: query.Node, select: str, *, count: int, start: int = 0, sorts: Sequence[str] = ()
    ) -> Found:
        payload, began = query.search(asked, select=select, count=count, start=start, sorts=sorts), self._clock.now()
        resource, path = resources.OBJECT_SEARCH, f"/custom_objects_search/{segment(self._kind)}"
        response = self._client.data("POST", resource, path, intent="read", payload=payload)
        if response.status != 200:
            raise self._client.fault(response, "Data", resource, "POST")
        return found(response, object_record, self._settings.site, start=start, began=began, wrapped=False)

    def _get(self, key: str) -> Record | None:
        if not addressable(key):
            return None
        response = self._client.data("GET", resources.OBJECT, self._path(key), intent="read")
        if response.status == 200:
            return object_record(response.json(), self._settings.site)
        if self._client.missing(response):
            return None
        raise self._client.fault(response, "Data", resources.OBJECT, "GET")

    def _path(self, key: str) -> str:
        return f"/sites/{segment(self._settings.site)}/custom_objects/{segment(self._kind)}/{segment(key)}"

    def _failed(self, response: Response, method: str) -> Result:
        error = self._client.fault(response, "Data", resources.OBJECT, method, writing=True)
        if isinstance(error, RecordFault):
            return Result(error=error)
        raise error
