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

from connector.adapter import Clock
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

_SHIFTS = 10
"""How often a window may shift under a read before it is given up until the next one."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one stream. `saves` is false for a sweep: its pages carry no cursor."""

    stream: str
    search: Search
    settings: SfccSettings
    clock: Clock
    saves: bool = True

    def read(self, since: Cursor | datetime | None, overlap: float) -> Iterator[Page]:
        """All pages from `since` less `overlap`."""
        with Ahead(self.search, self.settings) as ahead:
            yield from replace(self, search=ahead)._read(since, overlap)

    def _read(self, since: Cursor | datetime | None, overlap: float) -> Iterator[Page]:
        begin = position(since)
        window = Window(lower_bound(begin.at, overlap))
        read_at = self.clock.now()
        found = self.search(window)
        if not isinstance(since, str):  # our clock may run ahead of the instance's
            begin = Position(max(EPOCH, min(begin.at, before(found.at, self.settings.margin))))
        if found.records and found.records[0].stamp is None:
            yield from self._by_window(begin, window, found, read_at)
            return
        yield from self._by_stamp(begin, window, found, read_at)

    def _by_stamp(self, begin: Position, window: Window, found: Found, read_at: datetime) -> Iterator[Page]:
        """Documents show their stamp: ask again from the last one."""
        total, shifts, last = found.total, 0, ""
        edge: dict[str, str | None] = {}
        following: Window | None
        while True:
            records = found.records
            if window.start and not (records and records[0].key == last):
                shifts = self._shifted(shifts)
                following = replace(window, start=0)
            else:
                fresh = [each for each in records if edge.get(each.key, "") != each.stamp] if edge else records
                reached = self._reached(window, found)
                following = self._following(window, found, reached)
                begin = self._moved(begin, found, reached)
                yield Page(fresh, begin.cursor() if self.saves else None, read_at, total)
                if following is None:
                    return
                lower = following.lower or ""
                edge = {each.key: each.stamp for each in records if (each.stamp or "") >= lower}
                last = records[-1].key if records else ""
            window, read_at = following, self.clock.now()
            found = self.search(window)

    def _by_window(self, begin: Position, window: Window, found: Found, read_at: datetime) -> Iterator[Page]:
        """Documents show no stamp: what is known is which window was read to its end."""
        total, shifts, last = found.total, 0, ""
        horizon = self._horizon(found)
        while True:
            records, end = found.records, window.upper or horizon
            if found.total is not None and found.total > self.settings.deep_paging:
                half = middle(window.lower, end)
                if half is None:
                    raise self._crowded(end)
                following = Window(window.lower, half)
            elif window.start and not (records and records[0].key == last):
                shifts = self._shifted(shifts)
                following = replace(window, start=0)
            else:
                done = not found.more
                fresh = records[1:] if window.start else records
                reached = Position(max(begin.at, end)) if done else None
                yield Page(fresh, reached.cursor() if reached and self.saves else None, read_at, total)
                if done and window.upper is None:
                    return
                following = self._onward(window, found, horizon) if done else self._page_on(window, records)
                last = records[-1].key if records else ""
            if following.upper is None and following.start == 0:
                horizon = ""
            window, read_at = following, self.clock.now()
            found = self.search(window)
            horizon = horizon or self._horizon(found)

    def _following(self, window: Window, found: Found, reached: Record | None) -> Window | None:
        """Where to ask next; None when the stream is read up."""
        if not found.more:
            return None if window.upper is None else Window(just_after(window.upper))
        if window.upper is not None:
            return self._page_on(window, found.records)
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
        # a page full of one stamp: no later stamp to ask from, so go on within it
        shown = str(last.fields.get("last_modified") or stamp)
        return self._page_on(Window(stamp, unit_end(stamp, shown), window.start), found.records)

    def _page_on(self, window: Window, records: list[Record]) -> Window:
        """The next offset, one record back; Misconfigured where the instance's search ends."""
        if len(records) < 2:
            raise Unavailable(f"{self.stream}: search answers pages of one record, which cannot be read on from")
        start = window.start + len(records) - 1
        if start + 2 > self.settings.deep_paging:
            raise self._crowded(window.upper or window.lower or "")
        return replace(window, start=start)

    def _onward(self, window: Window, found: Found, horizon: str) -> Window:
        """The window behind one that was read up: as wide as it, or twice when it was far from full."""
        half_empty = found.total is not None and 2 * found.total < self.settings.deep_paging
        upper = onward(window.lower, window.upper or "", 2 if half_empty else 1)
        return Window(window.upper, upper if upper is not None and upper < horizon else None)

    def _reached(self, window: Window, found: Found) -> Record | None:
        """The record whose stamp the read has certainly reached; None when none is certain.

        The index may be older than the documents: a hit that has just been changed stands in its old place and shows its
        new stamp. Such a stamp would jump over all between, so with more to come a fresh stamp is not believed.
        """
        if not found.more and window.upper is None:
            return found.records[-1] if found.records else None
        hot = self._horizon(found)
        return next((each for each in reversed(found.records) if (each.stamp or "") <= hot), None)

    def _moved(self, begin: Position, found: Found, reached: Record | None) -> Position:
        """The position to save: what was reached, never closer to the instance's clock than the margin, never back."""
        if reached is None or reached.stamp is None or reached.stamp <= begin.at:
            return begin
        cap = before(found.at, self.settings.margin)
        return Position(reached.stamp, reached.key) if reached.stamp <= cap else Position(max(begin.at, cap))

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
