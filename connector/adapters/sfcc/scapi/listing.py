"""From the cursor to the pages of a list that is filtered by days, and the place that goes along in the cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from connector.adapter import Clock
from connector.adapters.sfcc.ahead import Search
from connector.adapters.sfcc.position import lower_bound, position
from connector.adapters.sfcc.reading import Reader
from connector.adapters.sfcc.scapi.days import Crowded, Days, List, Place
from connector.adapters.sfcc.scapi.parts import Parts
from connector.adapters.sfcc.settings import SfccSettings
from connector.errors import Misconfigured
from connector.model import Cursor, Page

ROWS = 200
"""Most rows of one page."""
Filters = Mapping[str, str]


@dataclass(slots=True)
class Level:
    """How finely a list has to be divided today."""

    number: int = 0
    day: str = ""


class Listing:
    """Reads one stream whose list knows days only. `divisions`: into which parts a list that is too long may be divided, the
    coarsest first; where the last one is too long as well, it cannot be read. `level` outlives the read."""

    def __init__(
        self,
        stream: str,
        listed: Callable[[Filters], List],
        settings: SfccSettings,
        clock: Clock,
        *,
        divisions: Sequence[Sequence[Filters]] = (),
        level: Level | None = None,
    ) -> None:
        self._stream, self._listed, self._clock = stream, listed, clock
        self._settings = settings.model_copy(update={"deep_paging": settings.cap, "ahead": 0})
        self._divisions: Sequence[Sequence[Filters]] = ({},), *divisions
        self._level = level or Level()

    def read(self, since: Cursor | datetime | None, overlap: float, *, saves: bool) -> Iterator[Page]:
        """All pages from `since` less `overlap`."""
        today = self._clock.now().date().isoformat()
        if self._level.day != today:  # a day that was too long passes
            self._level.number, self._level.day = 0, today
        while True:
            try:
                for page in self._pages(since, overlap, saves):
                    since = page.cursor or since
                    yield page
            except Crowded:
                if self._level.number + 1 == len(self._divisions):
                    raise self._too_long() from None
                self._level.number += 1
            else:
                return

    def _pages(self, since: Cursor | datetime | None, overlap: float, saves: bool) -> Iterator[Page]:
        filters = self._divisions[self._level.number]
        settings = self._settings
        days = [
            Days(
                self._listed(each),
                page=settings.page,
                rows=ROWS,
                cap=settings.deep_paging,
                place=Place(),
                fresh=settings.margin + settings.index_lag,
            )
            for each in filters
        ]
        search: Search = days[0] if len(days) == 1 else Parts(days, fresh=settings.margin + settings.index_lag)
        if len(days) == 1:
            days[0].place = _place(since, settings.page)
        reader = Reader(self._stream, search, settings, saves)
        for page in reader.read(since, overlap):
            if page.cursor is not None and len(days) == 1:
                page = replace(page, cursor=_cursor(page.cursor, days[0].place, overlap))
            yield page

    def _too_long(self) -> Misconfigured:
        cap = self._settings.deep_paging
        return Misconfigured(
            f"{self._stream}: more than {cap} records changed in one day; the list shows no more, however it is filtered",
            code="deep_paging",
            remedy="read this stream over api: ocapi; or set dates: instant if the instance's list takes a time of day",
        )


def _place(since: Cursor | datetime | None, page: int) -> Place:
    """Where the last read was. A quarter of a page is gone back: what changed since then has moved the others up."""
    position(since)  # Misconfigured when it is not one of ours
    saved = orjson.loads(since) if isinstance(since, str) else {}
    day, offset = saved.get("day"), saved.get("offset")
    if "day" not in saved or not isinstance(offset, int) or not (day is None or isinstance(day, str)):
        return Place()
    return Place(day, known=True, points=[("", max(0, offset - page // 4))])


def _cursor(cursor: Cursor, place: Place, overlap: float) -> Cursor:
    """Where the next read will find what it begins with."""
    saved = orjson.loads(cursor)
    bound = lower_bound(saved["at"], overlap)
    offset = place.before(bound) if bound is not None else None
    if offset is None:
        offset = place.points[0][1] if place.points else 0
    return orjson.dumps({**saved, "day": place.day, "offset": offset}).decode()
