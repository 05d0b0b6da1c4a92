"""A list that is filtered by whole days, read as if it took instants: where in the list a stamp stands, found and kept.

The list is in order of last_modified from the beginning of a day on, and is paged by offset. Which of its rows are older than
what is asked for shows only when they are read; and what changes leaves its place for the end, so that the places of all others
move up. Therefore a place counts only if it is proved: a page whose first record is older than a stamp has all that is not
behind it. Places are kept from page to page, and from read to read in the cursor, so that an idle poll is one call.

When a day begins is not documented (UTC, or the time zone of the instance): a day that was not proved begins two days earlier.
More rows than the list can be paged through are read in parts, by filters that exclude one another.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from connector import stamps
from connector.adapters.sfcc.ahead import Found
from connector.adapters.sfcc.position import before
from connector.adapters.sfcc.query import Window
from connector.errors import Misconfigured, Unavailable
from connector.model import Record

MANY = 40
"""Pages that may be asked for to find one place: far more than halving needs, unless the list moves all the time."""

List = Callable[[str | None, int, int], Found]
"""A page of the list: first day (None: all), offset, rows at most."""


class Crowded(Exception):
    """Rows stand beyond what the list can be paged through, and no later day begins before them."""


@dataclass(slots=True)
class Place:
    """Where things stood in a list when it was last read: stamps and offsets, both ascending."""

    day: str | None = None
    known: bool = False
    points: list[tuple[str, int]] = field(default_factory=list)

    def before(self, stamp: str) -> int | None:
        """Offset of the last record that was older than this."""
        at = bisect_left(self.points, (stamp, -1))
        return self.points[at - 1][1] if at else None

    def seen(self, offset: int, records: list[Record]) -> None:
        """What a page shows counts more than what was known of its place and of all behind it."""
        first = records[0].stamp or "" if records else ""
        while self.points and (self.points[-1][1] >= offset or self.points[-1][0] >= first):
            self.points.pop()
        for at, record in enumerate(records):
            stamp = record.stamp or ""
            if not self.points or stamp > self.points[-1][0]:
                self.points.append((stamp, offset + at))
            elif stamp == self.points[-1][0]:
                self.points[-1] = (stamp, offset + at)


class Days:
    """A search, as the Reader knows it, over a list that is filtered by days. For one read of one list.

    `rows`: most that the list gives at once. One more than `page` are asked for, since the first one only proves the place.
    `fresh`: seconds for which a stamp does not tell where a record stands: the list may be older than the records in it.
    """

    def __init__(self, listed: List, *, page: int, rows: int, cap: int, place: Place, fresh: float) -> None:
        self._list, self._most, self._page, self._cap, self.place = listed, page, min(page + 1, rows), cap, place
        self._fresh = fresh
        self._base: tuple[str | None, int] = ("", 0)

    def __call__(self, window: Window) -> Found:
        """Raises Crowded."""
        if window.start:
            found, cut = self._on(window), 0
        elif window.lower is None:
            self.place = Place(None, known=True)
            found, cut = self._ask(None, 0, self._most), 0
            self._base = (None, 0)
        else:
            offset, found = self._located(window.lower)
            cut = _older(found.records, window.lower)
            self._base = (window.lower, offset + cut)
        records = found.records[cut : cut + self._most]
        more = found.more or cut + self._most < len(found.records)
        if window.upper is not None:
            hot = before(found.at, self._fresh)
            while records and window.upper < (records[-1].stamp or "") <= hot:
                records, more = records[:-1], False
        total = None if found.total is None or window.upper is not None else found.total - self._base[1]
        return Found(records, total, more, found.at)

    def _on(self, window: Window) -> Found:
        """Further on in a window: the Reader proves the place by the record that must come first again."""
        if self._base[0] != window.lower:
            self(Window(window.lower))
        return self._ask(self.place.day, self._base[1] + window.start, self._most)

    def _ask(self, day: str | None, offset: int, rows: int) -> Found:
        left = self._cap - offset
        if left < min(rows, 3):  # one that proves the place, one that is new, and one to read on from
            raise Crowded
        found = self._list(day, offset, min(rows, left))
        if found.records and found.records[0].stamp is None:
            raise Misconfigured(
                "records show no last_modified, and a list that is filtered by days cannot be followed without",
                code="last_modified",
                remedy="set dates: instant if the instance takes a time of day; else read these over api: ocapi",
            )
        if (day, True) != (self.place.day, self.place.known):
            self.place = Place(day, known=True)
        self.place.seen(offset, found.records)
        return found

    def _located(self, lower: str) -> tuple[int, Found]:
        """A page that is proved to have everything from `lower` on at its place or behind, and the page's offset."""
        known = self.place
        for day in self._days(lower):
            if (day, True) != (self.place.day, self.place.known):
                self.place = known if known.known and known.day == day else Place()
            hint = self.place.before(lower) if self.place.known and self.place.day == day else None
            try:
                found = self._within(day, lower, hint or 0)
            except Crowded:
                if day == _day(lower):
                    raise
                continue
            if found is not None:
                return found
        raise Crowded

    def _days(self, lower: str) -> list[str | None]:
        """Days to look from, best first: where we know our way, unless that has become long; the stamp's own, whose list is
        shortest; and at last one that certainly begins before it, wherever a day begins."""
        place, own, sure = self.place, _day(lower), _day(lower, 1)
        known = [place.day] if place.known and (place.day or "") <= own else []
        long = bool(known) and (place.before(lower) or 0) > self._cap // 2
        return list(dict.fromkeys([own, *known, sure] if long else [*known, own, sure]))

    def _within(self, day: str | None, lower: str, at: int) -> tuple[int, Found] | None:
        """In one day's list; None where it may begin behind `lower`."""
        proved: int | None = None  # a page that begins older than `lower`, and holds nothing else
        beyond: int | None = None  # a page that begins at `lower` or later
        step = self._page - 1
        for _ in range(MANY):
            if at > self._cap - 2 and beyond is None and proved is not None and proved < self._cap - self._page:
                at = self._cap - self._page  # the last page that can be asked for
            found = self._ask(day, at, self._page)
            first = found.records[0].stamp or "" if found.records else None
            if first is not None and first < lower:
                older, rows = _older(found.records, lower), len(found.records)
                if not found.more or rows - older > 1:
                    return at, found
                if older < rows:  # a single record to read on from is none: it must come first in the next page
                    at, proved, beyond = at + older - 1, at, None
                    continue
                proved = at
                if beyond is None or beyond <= at:
                    at, step, beyond = at + max(step, rows - 1), step * 2, None
                else:
                    at = min(max(at + rows - 1, (at + beyond) // 2), beyond - 1)
            elif at == 0:
                return (0, found) if day is None or day <= (_day(lower, 1) or "") else None
            else:
                beyond = at
                if proved is None or proved >= at:
                    at, step, proved = max(0, at - step), step * 2, None
                else:
                    at = max((proved + at) // 2, proved + 1)
        raise Unavailable("the list changes faster than a place in it can be found; read again later")


def _older(records: list[Record], lower: str) -> int:
    """How many records of a page stand before the first one that is asked for."""
    return next((at for at in range(len(records), 0, -1) if (records[at - 1].stamp or "") < lower), 0)


def _day(stamp: str, earlier: int = 0) -> str:
    return stamps.stamp(stamps.parse(stamp) - timedelta(days=earlier))[:10]
