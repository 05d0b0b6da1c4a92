"""`orders` over SCAPI: the list with its fixed filters, one order by its number, custom attributes by patch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from connector.adapter import Clock, Stream
from connector.adapters.sfcc.ahead import Found
from connector.adapters.sfcc.client import addressable, check_values, segment, unaddressable
from connector.adapters.sfcc.documents import order_record
from connector.adapters.sfcc.position import just_after
from connector.adapters.sfcc.query import Window
from connector.adapters.sfcc.reading import Reader
from connector.adapters.sfcc.scapi import scopes
from connector.adapters.sfcc.scapi.client import Client
from connector.adapters.sfcc.scapi.days import List
from connector.adapters.sfcc.scapi.faults import Asked
from connector.adapters.sfcc.scapi.listing import Filters, Level, Listing
from connector.adapters.sfcc.scapi.names import ours
from connector.adapters.sfcc.scapi.streams import FILTERS, LISTED
from connector.errors import Misconfigured, RecordFault, RemoteError
from connector.http import Response
from connector.model import Cursor, Page, Record, Result, Select, Write

SIDE_BY_SIDE = 4
"""Orders that are fetched at once: the API knows no call for several numbers."""
LIST = Asked(scopes.ORDERS, "GET", "orders", writes=False)
ONE = Asked(scopes.ORDERS, "GET", "orders/{}", writes=False)
CHANGE = Asked(scopes.ORDERS, "PATCH", "orders/{}", writes=True)


class Orders:
    """Orders of the connection's site."""

    def __init__(self, client: Client, stream: Stream, clock: Clock) -> None:
        self._client, self._stream, self._clock = client, stream, clock
        self._settings = client.settings
        self._levels: dict[tuple[tuple[str, str], ...], Level] = {}
        self._proved = False

    def read(self, since: Cursor | datetime | None, select: Select, overlap: float) -> Iterator[Page]:
        yielded: list[bool] = []
        for page in self._pages(filters(select.where), since, overlap, yielded, saves=not select.keys_only):
            yield Page([self._trimmed(each, select) for each in page.records], page.cursor, page.read_at, page.total)
            yielded.append(True)

    def _pages(
        self,
        where: Filters,
        since: Cursor | datetime | None,
        overlap: float,
        yielded: Sequence[bool],
        *,
        saves: bool,
    ) -> Iterator[Page]:
        def listed(more: Filters) -> List:
            def page(day: str | None, offset: int, rows: int) -> Found:
                self._client.rest(first=not yielded)
                dated = {} if day is None else {"lastModifiedDateFrom": day}
                return self._page({**where, **more, **dated}, offset, rows)

            return page

        def search(window: Window) -> Found:
            self._client.rest(first=not yielded)
            dated = {} if window.lower is None else {"lastModifiedDateFrom": window.lower}
            if window.upper is not None:
                dated["lastModifiedDateTo"] = just_after(window.upper)
            rows = min(self._settings.page, self._settings.cap - window.start)
            return self._page({**where, **dated}, window.start, rows)

        if self._settings.dates == "instant":
            chosen = self._settings.model_copy(update={"deep_paging": self._settings.cap, "ahead": 0})
            return Reader(self._stream.name, search, chosen, saves).read(since, overlap)
        level = self._levels.setdefault(tuple(sorted(where.items())), Level())
        listing = Listing(
            self._stream.name, listed, self._settings, self._clock, divisions=divisions(where), level=level
        )
        return listing.read(since, overlap, saves=saves)

    def fetch(self, keys: Sequence[str], select: Select) -> Mapping[str, Record]:
        """Orders by number, one call each: the list does not filter by it."""
        if len(keys) < 2:
            found = map(self._get, keys)
            return {record.key: record for record in found if record is not None}
        with ThreadPoolExecutor(min(SIDE_BY_SIDE, len(keys)), thread_name_prefix="orders") as pool:
            return {record.key: record for record in pool.map(self._get, keys) if record is not None}

    def update(self, write: Write) -> Result:
        """Custom attributes of one order."""
        refused = check_values(write.fields)
        if refused is not None:
            return Result(error=refused)
        number = write.target or ""
        if not addressable(number):
            return Result(error=unaddressable(number))
        response = self._client.call(
            CHANGE, self.path(number), intent="update", payload=dict(write.fields), params=self.site
        )
        if response.status in (200, 204):
            return Result(target=number)
        error = self.fault(response, CHANGE)
        if isinstance(error, RecordFault):
            return Result(error=error)
        raise error

    def fault(self, response: Response, asked: Asked) -> RemoteError:
        """Of a call about one order. An order is gone only where orders can be listed: a wrong organization or site answers
        the same."""
        if self._client.missing(response):
            self.prove()
        return self._client.fault(response, asked, writing=True)

    def prove(self) -> None:
        """Raises what is wrong where no order can be listed at all."""
        if not self._proved:
            self.probe()

    def probe(self) -> list[Record]:
        """The cheapest list: one order or none."""
        return self._page({}, 0, 1).records

    def look(self, number: str) -> Response:
        """One order, read directly."""
        return self._client.call(ONE, self.path(number), intent="read", params=self.site)

    @property
    def site(self) -> Mapping[str, str]:
        return {"siteId": self._settings.site}

    @staticmethod
    def path(number: str) -> str:
        return f"orders/{segment(number)}"

    def _page(self, given: Filters, offset: int, rows: int) -> Found:
        order = {"sortBy": "last_modified_date", "sortOrder": "asc", "limit": str(rows), "offset": str(offset)}
        began = self._clock.now()
        response = self._client.call(LIST, "orders", intent="read", params={**self.site, **order, **given})
        if response.status != 200:
            raise self._client.fault(response, LIST)
        self._proved = True
        return found(response, self._settings.site, offset=offset, rows=rows, began=began)

    def _get(self, number: str) -> Record | None:
        if not addressable(number):
            return None
        response = self.look(number)
        if response.status == 200:
            return order_record(ours(response.json()), self._settings.site)
        if self._client.missing(response):
            self.prove()
            return None
        raise self._client.fault(response, ONE)

    def _trimmed(self, record: Record, select: Select) -> Record:
        """The list has no selector: what nobody asked for ends here."""
        wanted = self._stream.needs if select.keys_only else select.fields
        if not wanted:
            return record
        names = {*wanted, *self._stream.needs}
        fields = {name: value for name, value in record.fields.items() if name in names}
        return Record(record.key, fields, record.stamp, record.site)


def filters(where: Mapping[str, Any]) -> Filters:
    """The parameters of `where:`. Misconfigured for what the list does not filter by; `check` says so before."""
    made = {}
    for name, value in where.items():
        values = [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]
        known = FILTERS.get(name)
        if known is None or value is None:
            raise Misconfigured(
                f"the list of orders does not filter by {name}{' being null' if known else ''}",
                remedy=f"say it in when:; the list filters by {', '.join(FILTERS)}",
            )
        parameter, takes, most = known
        if not takes or not set(takes) <= set(values):  # all of them: no filter
            if len(values) > most:
                raise Misconfigured(
                    f"the list of orders takes {most} values of {name} at most", remedy="say it in when:"
                )
            made[parameter] = ",".join(values)
    return made


def divisions(where: Filters) -> Sequence[Sequence[Filters]]:
    """By status, and by status and export status: what is listed has one value of each."""
    statuses = where["status"].split(",") if "status" in where else LISTED
    exports = where["exportStatus"].split(",") if "exportStatus" in where else FILTERS["export_status"][1]
    return (
        [{"status": status} for status in statuses],
        [{"status": status, "exportStatus": export} for status, export in product(statuses, exports)],
    )


def found(response: Response, site: str, *, offset: int, rows: int, began: datetime) -> Found:
    """The records of a page. Nothing but `data` is promised, so a short page is the end."""
    result = response.json()
    try:
        data = result.get("data") or ()
        records = [order_record(ours(document), site) for document in data]
        total = result.get("total")
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise Misconfigured(
            f"{response.where}: orders are not as documented: {type(error).__name__} {error}"[:200],
            remedy="look at the answer in Log Center",
        ) from error
    total = total if isinstance(total, int) else None
    more = bool(records) and (len(records) >= rows if total is None else offset + len(records) < total)
    took = max(response.now - began, timedelta(0))
    return Found(records, total, more, began if response.date is None else response.date - took)
