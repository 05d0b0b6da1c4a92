"""`custom_objects/<Type>` over SCAPI: by key, and by a search whose query is OCAPI's in camelCase.

No public page that we have shows the paths or the search; so the paths are settings (`object_path`, `object_search`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connector.adapter import Clock
from connector.adapters.sfcc import query
from connector.adapters.sfcc.ahead import Found
from connector.adapters.sfcc.client import addressable, check_values, segment, unaddressable
from connector.adapters.sfcc.documents import object_record
from connector.adapters.sfcc.query import Window
from connector.adapters.sfcc.reading import Reader
from connector.adapters.sfcc.scapi import scopes
from connector.adapters.sfcc.scapi.client import Client
from connector.adapters.sfcc.scapi.days import List
from connector.adapters.sfcc.scapi.faults import Asked
from connector.adapters.sfcc.scapi.listing import Filters, Listing
from connector.adapters.sfcc.scapi.names import camel, ours
from connector.errors import Misconfigured, RecordFault
from connector.http import Response
from connector.model import Cursor, Page, Record, Result, Select, Write

DIRECT = 4
"""Up to so many objects are read one by one; more go through the search first."""
_NEEDS = ("key_value_string", "key_value_integer", "last_modified", "site_id")
_SORTS = ("last_modified", "key_value_string")


class Objects:
    """Objects of one type at the connection's site. `proved`: types whose search was answered, of all instances of this;
    `prove_site` raises what is wrong where the site cannot be there."""

    def __init__(
        self, client: Client, kind: str, clock: Clock, proved: set[str], prove_site: Callable[[], None]
    ) -> None:
        self._client, self._kind, self._clock, self._proved, self._prove_site = client, kind, clock, proved, prove_site
        self._settings = client.settings
        self._stream = f"custom_objects/{kind}"

    def asked(self, method: str) -> Asked:
        """A call about one object."""
        return Asked(scopes.OBJECTS, method, f"{self._kind}/{{}}", writes=method != "GET")

    def read(self, since: Cursor | datetime | None, select: Select, overlap: float) -> Iterator[Page]:
        yielded: list[bool] = []
        prefix = select.key_prefix
        for page in self._pages(since, select, overlap, yielded):
            records = [each for each in page.records if prefix is None or each.key.startswith(prefix)]
            yield Page([_trimmed(each, select) for each in records], page.cursor, page.read_at, page.total)
            yielded.append(True)

    def _pages(
        self, since: Cursor | datetime | None, select: Select, overlap: float, yielded: Sequence[bool]
    ) -> Iterator[Page]:
        where = {"site_id": self._settings.site, **select.where}
        saves = not select.keys_only

        def search(window: Window) -> Found:
            self._client.rest(first=not yielded)
            rows = min(self._settings.page, self._settings.cap - window.start)
            return self._search(query.changed(window, where), window.start, rows)

        def listed(_: Filters) -> List:
            def page(day: str | None, offset: int, rows: int) -> Found:
                self._client.rest(first=not yielded)
                return self._search(query.changed(Window(day), where), offset, rows)

            return page

        if self._settings.dates == "instant":
            chosen = self._settings.model_copy(update={"deep_paging": self._settings.cap, "ahead": 0})
            return Reader(self._stream, search, chosen, saves).read(since, overlap)
        return Listing(self._stream, listed, self._settings, self._clock).read(since, overlap, saves=saves)

    def fetch(self, keys: Sequence[str], select: Select) -> Mapping[str, Record]:
        """Objects by key, which is also ours where we made them. Absence is proved by a direct read."""
        records: dict[str, Record] = {}
        page = self._settings.page
        if len(keys) > DIRECT:
            for begin in range(0, len(keys), page):
                named = query.term("key_value_string", list(keys[begin : begin + page]))
                asked = query.all_of([query.term("site_id", self._settings.site), named])
                records |= {record.key: record for record in self._search(asked, 0, page, sorts=()).records}
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
        asked = self.asked("PUT")
        response = self._client.call(asked, self.path(write.key), intent="once", payload=fields)
        if response.status in (200, 201, 204):
            return Result(target=write.key)
        if self._client.missing(response):  # what is made cannot be missing: it is the type, or the path
            raise self._client.fault(response, asked)
        return self._failed(response, asked)

    def update(self, write: Write) -> Result:
        """PATCH of the given attributes. This API documents no condition, so the last write wins."""
        refused = check_values(write.fields)
        if refused is not None:
            return Result(error=refused)
        key = write.target or ""
        if not addressable(key):
            return Result(error=unaddressable(key))
        asked = self.asked("PATCH")
        response = self._client.call(asked, self.path(key), intent="update", payload=dict(write.fields))
        return Result(target=key) if response.status in (200, 204) else self._failed(response, asked)

    def delete(self, write: Write) -> Result:
        """One object; one that is not there any more is Gone. Saying it twice says it once."""
        key = write.target or ""
        if not addressable(key):
            return Result(error=unaddressable(key))
        asked = self.asked("DELETE")
        response = self._client.call(asked, self.path(key), intent="update")
        return Result(target=key) if response.status in (200, 204) else self._failed(response, asked)

    def probe(self) -> None:
        """The cheapest search of this type; raises what is wrong."""
        self._search(query.term("site_id", self._settings.site), 0, 1)

    def path(self, key: str) -> str:
        return self._settings.object_path.format(
            site=segment(self._settings.site), type=segment(self._kind), key=segment(key)
        )

    def _search(self, asked: query.Node, offset: int, rows: int, *, sorts: Sequence[str] = _SORTS) -> Found:
        body: dict[str, Any] = {"query": _theirs(asked), "limit": rows, "offset": offset}
        if sorts:
            body["sorts"] = [{"field": camel(name), "sortOrder": "asc"} for name in sorts]
        settings, call = self._settings, Asked(scopes.OBJECTS, "POST", f"search of {self._kind}", writes=False)
        path = settings.object_search.format(site=segment(settings.site), type=segment(self._kind), key="")
        began = self._clock.now()
        response = self._client.call(call, path, intent="read", payload=body)
        if response.status != 200:
            raise self._client.fault(response, call)
        self._proved.add(self._kind)
        return _found(response, settings.site, offset=offset, rows=rows, began=began)

    def _get(self, key: str) -> Record | None:
        if not addressable(key):
            return None
        asked = self.asked("GET")
        response = self._client.call(asked, self.path(key), intent="read")
        if response.status == 200:
            return object_record(ours(response.json()), self._settings.site)
        if self._client.missing(response):
            self._prove()
            return None
        raise self._client.fault(response, asked)

    def _prove(self) -> None:
        """A type, path or organization that is not there answers as an object that is not: but then it cannot be searched. The
        search is not bound to a site, so that is proved where orders are."""
        if self._kind not in self._proved:
            self.probe()
        if scopes.ORDERS.granted(self._settings.scopes, writes=False):
            self._prove_site()

    def _failed(self, response: Response, asked: Asked) -> Result:
        if self._client.missing(response):
            self._prove()
        error = self._client.fault(response, asked, writing=True)
        if isinstance(error, RecordFault):
            return Result(error=error)
        raise error


def _found(response: Response, site: str, *, offset: int, rows: int, began: datetime) -> Found:
    result = response.json()
    try:
        records = [object_record(ours(hit), site) for hit in result.get("hits") or ()]
        total = result.get("total")
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise Misconfigured(
            f"{response.where}: hits are not as documented: {type(error).__name__} {error}"[:200],
            remedy="look at the answer in Log Center, and at object_search of the connection",
        ) from error
    total = total if isinstance(total, int) else None
    more = bool(records) and (len(records) >= rows if total is None else offset + len(records) < total)
    took = max(response.now - began, timedelta(0))
    return Found(records, total, more, began if response.date is None else response.date - took)


def _theirs(node: Any) -> Any:
    """A query of OCAPI in camelCase: names of nodes and fields; values and operators are the same."""
    if isinstance(node, list):
        return [_theirs(each) for each in node]
    if not isinstance(node, dict):
        return node
    made: dict[str, Any] = {}
    for name, value in node.items():
        if name == "field":
            made[name] = camel(value)
        elif name == "fields":
            made[name] = [camel(each) for each in value]
        else:
            made[camel(name)] = value if name in ("values", "from", "to") else _theirs(value)
    return made


def _trimmed(record: Record, select: Select) -> Record:
    """The search is asked for whole objects, since no selector is documented; what nobody wants ends here."""
    wanted = _NEEDS if select.keys_only else select.fields
    if not wanted:
        return record
    names = {*wanted, *_NEEDS}
    fields = {name: value for name, value in record.fields.items() if name in names}
    return Record(record.key, fields, record.stamp, record.site, our_key=record.our_key)
