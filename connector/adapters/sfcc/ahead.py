"""Asking for the next pages of a window while the first is being taken in: one reader waits out no answer after another.

Only pages that the instance said are there are asked for, so an idle poll stays one call. A page asked for ahead counts
only where its first record is the last one of the page before; the reader checks that, as for any offset.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType

from connector.adapters.sfcc.query import Window
from connector.adapters.sfcc.settings import SfccSettings
from connector.model import Record


@dataclass(frozen=True, slots=True)
class Found:
    """One answer of a search. `at` is the instance's clock, `more` whether it says that records follow."""

    records: list[Record]
    total: int | None
    more: bool
    at: datetime


Search = Callable[[Window], Found]


def next_page(window: Window, found: Found, settings: SfccSettings) -> Window | None:
    """The window's next page, one record back; None where it is not there or the search ends before its end."""
    if len(found.records) < settings.page:
        return None
    return page_behind(window, found.total or 0, settings)


def page_behind(window: Window, total: int, settings: SfccSettings) -> Window | None:
    """The page behind a full one, as far as `total` tells and the search goes."""
    start = window.start + settings.page - 1
    if start + 1 >= total or start + settings.page > settings.deep_paging:
        return None
    return replace(window, start=start)


class Ahead:
    """A search that has some of the next pages of a window under way. Use as a context manager: its end waits for them."""

    def __init__(self, search: Search, settings: SfccSettings) -> None:
        self._search, self._settings = search, settings
        self._pool: ThreadPoolExecutor | None = None
        self._asked: dict[Window, Future[Found]] = {}

    def __call__(self, window: Window) -> Found:
        asked = self._asked.pop(window, None)
        if asked is None:
            self._forget()  # the read goes on elsewhere
            found = self._search(window)
        else:
            found = asked.result()
        self._ask_ahead(window, found)
        return found

    def _ask_ahead(self, window: Window, found: Found) -> None:
        following = next_page(window, found, self._settings)
        while following is not None and len(self._asked) < self._settings.ahead:
            if following not in self._asked:
                self._pool = self._pool or ThreadPoolExecutor(self._settings.ahead, thread_name_prefix="ahead")
                self._asked[following] = self._pool.submit(self._search, following)
            following = page_behind(following, found.total or 0, self._settings)

    def _forget(self) -> None:
        for asked in self._asked.values():
            asked.cancel()
        self._asked.clear()

    def __enter__(self) -> Ahead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
