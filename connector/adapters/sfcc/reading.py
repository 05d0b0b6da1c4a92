"""Reading changed records to the end, one call a page, losing none while they change under the read.

Search pages by offset over a sort key that moves: a record that changes leaves its place, the ones behind it shift, and
the next offset would skip one. So every offset goes back by one record, which must be met again in its place, else the
window has shifted and is read anew; and no window is paged deeper than the instance's search goes: the next one begins at
the last stamp seen. Pages of one window are asked for side by side (`ahead`), so a backlog does not wait out every answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from connector.adapters.sfcc.ahead import Ahead, Found, Search, next_page
from connector.adapters.sfcc.position import (
    EPOCH,
    Position,
    before,
    just_after,
    lower_bound,
    middle,
    onward,
    position,
    unit_end,
)
from connector.adapters.sfcc.query import Window
from connector.adapters.sfcc.settings import SfccSettings
from connector.errors import Misconfigured, Unavailable
from connector.model import Cursor, Page, Record

_NEVER = "9"
"""Later than every stamp."""
_SHIFTS = 10
"""How often a window may shift under a read before it is given up until the next one."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one stream. `saves` is false for a sweep: its pages carry no cursor."""

    stream: str
    search: Search
    settings: SfccSettings
    saves: bool = True

    def read(self, since: Cursor | datetime | None, overlap: float) -> Iterator[Page]:
        """All pages from `since` less `overlap`."""
        with Ahead(self.search, self.settings) as ahead:
            yield from replace(self, search=ahead)._read(since, overlap)

    def _read(self, since: Cursor | datetime | None, overlap: float) -> Iterator[Page]:
        begin = position(since)
        window = Window(lower_bound(begin.at, overlap))
        found = self.search(window)
        if not isinstance(since, str):  # our clock may run ahead of the instance's
            begin = Position(max(EPOCH, min(begin.at, before(found.at, self.settings.margin))))
        if found.records and found.records[0].stamp is None:
            yield from self._by_window(begin, window, found, overlap)
            return
        yield from self._by_stamp(begin, window, found, overlap)

    def _by_stamp(self, begin: Position, window: Window, found: Found, overlap: float) -> Iterator[Page]:
        """Documents show their stamp: ask again from the last one."""
        total, shifts, bound = found.total, 0, _NEVER
        last: Record | None = None
        edge: dict[str, str | None] = {}
        following: Window | None
        while True:
            records = found.records
            if window.start and not _same(records, last):
                shifts = self._shifted(shifts)
                following = replace(window, start=0)
            else:
                bound = self._bound(bound, found, (records[-1].stamp or "") if records else "", overlap)
                fresh = [each for each in records if edge.get(each.key, "") != each.stamp] if edge else records
                reached = self._reached(window, found)
                following = self._following(window, found, reached)
                begin = self._moved(begin, min(bound, before(found.at, self.settings.margin)), reached)
                yield Page(self._shown(fresh), begin.cursor() if self.saves else None, found.at, total)
                if following is None:
                    return
                lower = following.lower or ""
                edge = {each.key: each.stamp for each in records if (each.stamp or "") >= lower}
                last = records[-1] if records else None
            window = following
            found = self.search(window)

    def _by_window(self, begin: Position, window: Window, found: Found, overlap: float) -> Iterator[Page]:
        """Documents show no stamp: what is known is which window was read to its end."""
        total, shifts, bound = found.total, 0, _NEVER
        last: Record | None = None
        horizon = self._horizon(found)
        while True:
            records, end = found.records, window.upper or horizon
            if found.total is not None and found.total > self.settings.deep_paging:
                following = self._half(window, end)
            elif window.start and not _same(records, last):
                shifts = self._shifted(shifts)
                following = replace(window, start=0)
            else:
                done = not found.more
                fresh = records[1:] if window.start else records
                bound = self._bound(bound, found, end, overlap)
                reached = Position(max(begin.at, min(end, bound))) if done else None
                yield Page(fresh, reached.cursor() if reached and self.saves else None, found.at, total)
                if done and window.upper is None:
                    return
                following = self._onward(window, found, horizon) if done else self._page_on(window, records, end)
                last = records[-1] if records else None
            if following.upper is None and following.start == 0:
                horizon = ""
            window = following
            found = self.search(window)
            horizon = horizon or self._horizon(found)

    def _following(self, window: Window, found: Found, reached: Record | None) -> Window | None:
        """Where to ask next; None when the stream is read up."""
        if not found.more:
            return None if window.upper is None else Window(just_after(window.upper))
        if window.upper is not None:
            too_many = (found.total or 0) > self.settings.deep_paging
            return self._half(window, window.upper) if too_many else self._page_on(window, found.records)
        lower, last = window.lower or "", found.records[-1]
        stamp = last.stamp or ""
        if reached is last and next_page(window, found, self.settings) is not None:
            return self._page_on(window, found.records)
        if reached is not None and (reached.stamp or "") > lower:
            return Window(reached.stamp)
        if (
            reached is not last
        ):  # only fresh stamps: older records may stand behind them, so no jump while there is room
            if window.start + len(found.records) + 1 <= self.settings.deep_paging:
                return self._page_on(window, found.records)
            if stamp > lower:
                return Window(stamp)
        # a page full of one stamp: no later stamp to ask from, so go on within it, or within what of it is not read yet
        shown = str(last.fields.get("last_modified") or stamp)
        return self._page_on(Window(max(stamp, lower), unit_end(stamp, shown), window.start), found.records)

    def _page_on(self, window: Window, records: list[Record], end: str = "") -> Window:
        """The next offset, one record back; where the instance's search ends, the first half of the window (up to `end`, where
        it is open). Misconfigured where there is no half."""
        if len(records) < 2:
            raise Unavailable(f"{self.stream}: search answers pages of one record, which cannot be read on from")
        start = window.start + len(records) - 1
        if start + 2 <= self.settings.deep_paging:
            return replace(window, start=start)
        return self._half(window, window.upper or end)

    def _half(self, window: Window, end: str) -> Window:
        half = middle(window.lower, end) if end else None
        if half is None:
            raise self._crowded(end or window.lower or "")
        return Window(window.lower, half)

    def _onward(self, window: Window, found: Found, horizon: str) -> Window:
        """The window behind one that was read up: as wide as it, or twice when it was far from full."""
        half_empty = found.total is not None and 2 * found.total < self.settings.deep_paging
        begin, end = just_after(window.upper or ""), window.upper or ""
        upper = onward(window.lower, end, 2 if half_empty else 1)
        return Window(begin, max(begin, upper) if upper is not None and max(begin, upper) < horizon else None)

    def _reached(self, window: Window, found: Found) -> Record | None:
        """The record whose stamp the read has certainly reached; None when none is certain.

        The index may be older than the documents: a hit that has just been changed stands in its old place and shows its
        new stamp. Such a stamp would jump over all between, so with more to come a fresh stamp is not believed.
        """
        if not found.more and window.upper is None:
            return found.records[-1] if found.records else None
        hot = self._horizon(found)
        return next((each for each in reversed(found.records) if (each.stamp or "") <= hot), None)

    @staticmethod
    def _moved(begin: Position, cap: str, reached: Record | None) -> Position:
        """The position to save: what was reached, never beyond the cap, never back."""
        if reached is None or reached.stamp is None or reached.stamp <= begin.at:
            return begin
        return Position(reached.stamp, reached.key) if reached.stamp <= cap else Position(max(begin.at, cap))

    def _bound(self, bound: str, found: Found, reached: str, overlap: float) -> str:
        """The cap of the whole read from now on. Behind what this page reached, records may still surface as late as the overlap
        bears; pages asked for later do not look there again. So its cap holds for them too: else a read that pauses between
        two pages (its deliveries are slow) would save a time behind which nobody has looked."""
        cap = self.settings.margin
        return min(bound, before(found.at, cap)) if reached > before(found.at, cap + overlap) else bound

    def _shown(self, records: list[Record]) -> list[Record]:
        """To a sweep, a stamp that others may share (shown in minutes, or seconds) says nothing: it must look at the record."""
        if self.saves:
            return records
        return [
            replace(each, stamp=None)
            if each.stamp is not None and unit_end(each.stamp, str(each.fields.get("last_modified"))) != each.stamp
            else each
            for each in records
        ]

    def _horizon(self, found: Found) -> str:
        """Up to where a search has certainly shown everything that the index usually holds."""
        return before(found.at, self.settings.margin + self.settings.index_lag)

    def _shifted(self, shifts: int) -> int:
        if shifts >= _SHIFTS:
            raise Unavailable(f"{self.stream}: records change faster than they can be paged; read again later")
        return shifts + 1

    def _crowded(self, at: str) -> Misconfigured:
        cap = self.settings.deep_paging
        return Misconfigured(
            f"{self.stream}: more than {cap} records were changed at {at}; search shows no more than {cap} of them",
            code="deep_paging",
            remedy="raise deep_paging if the instance's search goes deeper; else change these records in smaller runs",
        )


def _same(records: list[Record], last: Record | None) -> bool:
    """Whether a page goes on exactly where the one before ended. The key alone does not tell: the record may have changed, and
    stand by chance where it was expected. One without a stamp is the same if all of it is."""
    if not records or last is None or records[0].key != last.key:
        return False
    return records[0].stamp == last.stamp if last.stamp is not None else records[0] == last
