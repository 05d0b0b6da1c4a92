"""More rows than one list can be paged through: several lists, by filters that exclude one another, read as one."""

from __future__ import annotations

from collections.abc import Sequence

from connector.adapters.sfcc.ahead import Found, Search
from connector.adapters.sfcc.position import before
from connector.adapters.sfcc.query import Window
from connector.errors import Unavailable
from connector.model import Record


class Parts:
    """A search, as the Reader knows it, over the searches of all parts: a call for each part and page.

    `fresh`: seconds for which a stamp is not believed: the list may be older than the records that it shows.
    """

    def __init__(self, parts: Sequence[Search], *, fresh: float) -> None:
        self._parts, self._fresh = parts, fresh
        self._last: tuple[int, Record] | None = None

    def __call__(self, window: Window) -> Found:
        begin, start = self._begin(window), window.start
        if begin is not None:
            window = Window(begin.stamp, window.upper)
        found = [self._whole(part, window) for part in self._parts]
        ends = [each.records[-1].stamp or "" for each in found if each.more]
        bound = min(ends) if ends else None  # beyond it, a part that was not read further may hold more
        merged = sorted(
            (each for one in found for each in one.records if bound is None or (each.stamp or "") <= bound),
            key=lambda record: (record.stamp or "", record.key),
        )
        if begin is not None:
            at = (begin.stamp or "", begin.key)
            merged = [each for each in merged if (each.stamp or "", each.key) >= at]
        if merged:
            self._last = (start + len(merged) - 1, merged[-1])
        return Found(merged, None, bound is not None, min(each.at for each in found))

    def _begin(self, window: Window) -> Record | None:
        """Further on in a window means from the last record on: it must come first again."""
        if not window.start:
            return None
        if self._last is None or self._last[0] != window.start:
            raise Unavailable("the list changes faster than its parts can be read; read again later")
        return self._last[1]

    def _whole(self, part: Search, window: Window) -> Found:
        """Pages of one part up to a stamp behind the window's beginning that is old enough to be believed, or to its end."""
        found = part(window)
        records = list(found.records)
        hot = before(found.at, self._fresh)
        while found.more and ((records[-1].stamp or "") > hot or records[-1].stamp == window.lower):
            found = part(Window(window.lower, window.upper, len(records) - 1))
            first = found.records[0] if found.records else None
            if first is None or (first.key, first.stamp) != (records[-1].key, records[-1].stamp):
                raise Unavailable("the list changes faster than its parts can be read; read again later")
            records += found.records[1:]
        return Found(records, None, found.more, found.at)
