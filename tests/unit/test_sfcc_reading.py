"""A read that loses no record, whatever changes while it runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector import stamps
from connector.adapters.sfcc.ahead import Found
from connector.adapters.sfcc.position import EPOCH, lower_bound, middle, onward, position, unit_end
from connector.adapters.sfcc.query import Window
from connector.adapters.sfcc.reading import Reader
from connector.adapters.sfcc.settings import SfccSettings
from connector.errors import Misconfigured, Unavailable
from connector.model import Page, Record

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
PLAIN = {"url": "https://shop.example.org", "site": "RefArch", "client_id": "c", "client_secret": "s"}


def ago(seconds: float) -> str:
    return stamps.stamp(NOW - timedelta(seconds=seconds))


class Index:
    """A search index: every record stands at a stamp; the document may be newer than its place.

    `between` is called after every answer, so that records change under the read.
    """

    def __init__(
        self,
        records: dict[str, str],
        *,
        page: int = 3,
        cap: int = 1000,
        shown: Callable[[str], str | None] = lambda stamp: stamp,
        total: bool = True,
        between: Callable[[Index], None] = lambda index: None,
    ) -> None:
        self.places = dict(records)
        self.documents = dict(records)
        self.page, self.cap, self.shown, self.total, self.between = page, cap, shown, total, between
        self.now = NOW
        self.windows: list[Window] = []

    def __call__(self, window: Window) -> Found:
        self.windows.append(window)
        count = min(self.page, self.cap - window.start)
        assert count > 0, f"the search was asked beyond its cap: {window}"
        order = sorted(self.places, key=lambda key: (self.places[key], key))
        low, high = window.lower or "", window.upper or "~"
        matching = [key for key in order if low <= self.places[key] <= high]
        hits = matching[window.start : window.start + count]
        records = [self._record(key) for key in hits]
        more = bool(hits) and window.start + len(hits) < len(matching)
        self.now += timedelta(milliseconds=50)
        found = Found(records, len(matching) if self.total else None, more, self.now)
        self.between(self)
        return found

    def _record(self, key: str) -> Record:
        shown = self.shown(self.documents[key])
        return Record(key, {"last_modified": shown}, stamps.normal(shown))

    def touch(self, key: str, *, lagging: bool = False) -> None:
        """The record changes now; with `lagging` it keeps its old place."""
        self.documents[key] = stamps.stamp(self.now)
        if not lagging:
            self.places[key] = self.documents[key]

    def catch_up(self) -> None:
        self.places = dict(self.documents)

    def reader(self, *, saves: bool = True, **more: object) -> Reader:
        chosen = SfccSettings.model_validate(
            {**PLAIN, "page": max(self.page, 2), "deep_paging": self.cap, "ahead": 0, **more}
        )
        return Reader("orders", self, chosen, saves)

    def read(self, since: str | datetime | None = None, overlap: float = 60.0, **more: object) -> list[Page]:
        self.windows.clear()
        return list(self.reader(**more).read(since, overlap))  # type: ignore[arg-type]


def keys(pages: list[Page]) -> list[str]:
    return [record.key for page in pages for record in page.records]


def spread(count: int, step: float = 100.0, oldest: float = 100_000.0) -> dict[str, str]:
    return {f"{n:05d}": ago(oldest - n * step) for n in range(count)}


def test_a_page_tells_the_clock_of_its_instance() -> None:
    index = Index(spread(5), page=3)
    index.now = NOW - timedelta(minutes=15)
    pages = index.read()
    assert [page.read_at for page in pages] == [
        NOW - timedelta(minutes=15) + timedelta(milliseconds=50 * n) for n in (1, 2)
    ]
    index = Index(spread(2), shown=lambda stamp: None)
    index.now = NOW + timedelta(minutes=15)
    assert [page.read_at for page in index.read()][-1] == index.now


def test_one_page_is_one_call_and_a_backlog_rereads_one_record_a_page() -> None:
    index = Index(spread(400), page=200)
    pages = index.read()
    assert keys(pages) == sorted(spread(400))
    assert len(index.windows) == 3  # 200, then 199 new ones a page
    assert [page.total for page in pages] == [400, 400, 400]
    index = Index(spread(20_000, step=1), page=200)
    assert len(keys(index.read())) == 20_000
    assert len(index.windows) == 101


def test_an_idle_poll_is_one_call() -> None:
    index = Index(spread(50), page=200)
    cursor = index.read()[-1].cursor
    assert cursor is not None
    pages = index.read(cursor)
    assert len(index.windows) == len(pages) == 1
    assert keys(pages) == ["00049"]


def test_an_empty_first_poll_saves_where_it_began() -> None:
    index = Index({})
    pages = index.read(NOW - timedelta(hours=1))
    assert [list(page.records) for page in pages] == [[]]
    cursor = pages[0].cursor
    assert cursor is not None
    assert position(cursor).at == ago(3600)
    assert index.read(cursor)[0].cursor == cursor


def test_a_start_beyond_the_instances_clock_begins_at_its_clock() -> None:
    pages = Index({}).read(NOW + timedelta(hours=1))
    cursor = pages[0].cursor
    assert cursor is not None
    assert position(cursor).at == ago(5 - 0.05)


def test_the_margin_bounds_the_cursor_and_never_the_query() -> None:
    index = Index({"a": ago(100), "b": ago(1)})
    pages = index.read()
    assert keys(pages) == ["a", "b"]
    cursor = pages[-1].cursor
    assert cursor is not None
    assert position(cursor).at == ago(5 - 0.05)
    assert position(index.read(cursor)[-1].cursor or "").at >= position(cursor).at


def test_a_cursor_never_moves_back() -> None:
    index = Index({"a": ago(100)})
    pages = index.read('{"at":"' + ago(50) + '","id":"z"}')
    assert keys(pages) == ["a"]
    assert pages[-1].cursor == '{"at":"' + ago(50) + '","id":"z"}'


def test_a_sweep_saves_no_cursor() -> None:
    index = Index(spread(10))
    assert [page.cursor for page in index.read(saves=False)] == [None] * 5


def test_the_overlap_is_subtracted_and_the_bound_is_a_whole_second() -> None:
    index = Index({})
    index.read('{"at":"2026-11-20T09:00:00.999Z","id":"1"}', overlap=30.5)
    assert index.windows == [Window("2026-11-20T08:59:30.000Z")]


@pytest.mark.parametrize("total", [True, False])
def test_more_records_of_one_stamp_than_a_page_are_paged(total: bool) -> None:
    same = {f"{n:03d}": ago(500) for n in range(10)}
    index = Index({**same, "a": ago(900), "z": ago(100)}, page=3, total=total)
    pages = index.read()
    assert sorted(keys(pages)) == sorted([*same, "a", "z"])
    assert len(keys(pages)) == 12


@pytest.mark.parametrize("precision", ["%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ"])
def test_coarse_dates_hide_no_record(precision: str) -> None:
    records = {f"{n:03d}": ago(5000 - n * 0.1) for n in range(2000)}
    index = Index(records, page=40, shown=lambda stamp: stamps.parse(stamp).strftime(precision))
    assert set(keys(index.read())) == set(records)


def test_more_records_of_one_stamp_than_search_shows_are_said_loudly() -> None:
    index = Index({f"{n:03d}": ago(500) for n in range(30)}, page=3, cap=20)
    with pytest.raises(Misconfigured, match="more than 20 records") as caught:
        index.read()
    assert "deep_paging" in caught.value.remedy
    assert max(window.start for window in index.windows) < 20


def test_a_hit_that_is_newer_than_its_place_does_not_jump_over_others() -> None:
    records = spread(9)
    index = Index(records, page=3)
    index.touch("00002", lagging=True)  # the last of the first page shows a stamp of now
    assert set(keys(index.read())) == set(records)


def test_documents_without_stamps_are_read_by_window() -> None:
    index = Index(spread(10), page=4, shown=lambda stamp: None)
    pages = index.read(NOW - timedelta(days=2))
    assert keys(pages) == sorted(spread(10))
    assert [page.cursor is None for page in pages] == [True, True, False]
    cursor = pages[-1].cursor
    assert cursor is not None
    assert position(cursor).at == ago(35 - 0.05)  # the instance's clock, less margin and index lag
    assert len(index.windows) == 3


def test_windows_without_stamps_are_narrowed_where_search_ends() -> None:
    records = spread(300)
    index = Index(records, page=10, cap=40, shown=lambda stamp: None)
    pages = index.read(NOW - timedelta(days=2))
    assert set(keys(pages)) == set(records)
    assert max(window.start for window in index.windows) < 40
    assert len(index.windows) < 120
    saved = [page.cursor for page in pages if page.cursor]
    assert saved == sorted(saved)
    assert len(saved) > 5


def test_a_window_that_cannot_be_narrowed_is_said_loudly() -> None:
    index = Index({f"{n:03d}": ago(500) for n in range(50)}, page=10, cap=40, shown=lambda stamp: None)
    with pytest.raises(Misconfigured, match="more than 40 records"):
        index.read(NOW - timedelta(days=2))


def test_a_read_that_is_outrun_gives_up_for_now() -> None:
    names = iter(range(10_000))

    def change(index: Index) -> None:
        index.places = {f"{next(names):04d}": ago(500) for _ in range(50)}
        index.documents = dict(index.places)

    index = Index({"a": ago(500)}, page=4, shown=lambda stamp: None, between=change)
    change(index)
    with pytest.raises(Unavailable, match="faster than"):
        index.read(NOW - timedelta(days=2))


def test_a_cursor_of_another_adapter_is_refused_with_a_way_out() -> None:
    for text in ("", "17", "[]", '{"at": 5}', '{"at":"soon"}', "pos=1"):
        with pytest.raises(Misconfigured) as caught:
            position(text)
        assert caught.value.remedy


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_nothing_is_lost_while_records_change(data: st.DataObject) -> None:
    """Whatever changes under a read: what did not change is read, and what changed is read by the next one."""
    seed = data.draw(st.integers(0, 2**32), label="seed")
    random = Random(seed)
    count = data.draw(st.integers(0, 60), label="count")
    page = data.draw(st.integers(2, 7), label="page")
    places = data.draw(st.integers(1, 80), label="stamps")
    stampless = data.draw(st.booleans(), label="stampless")
    lagging = data.draw(st.booleans(), label="lagging")
    times = [random.choice((random.uniform(0, 90), random.uniform(0, 100_000))) for _ in range(places)]
    records = {f"{n:03d}": ago(random.choice(times)) for n in range(count)}
    touched: set[str] = set()
    changes = iter(range(8))  # fewer than shifts that a read bears

    def change(index: Index) -> None:
        if records and random.random() < 0.3 and next(changes, None) is not None:
            key = random.choice(sorted(records))
            touched.add(key)
            index.touch(key, lagging=lagging and random.random() < 0.5)

    index = Index(
        records,
        page=page,
        between=change,
        total=data.draw(st.booleans(), label="total") or stampless,
        shown=(lambda stamp: None) if stampless else (lambda stamp: stamp),
    )
    pages = index.read(NOW - timedelta(days=3))
    assert set(records) - touched <= set(keys(pages))
    index.between = lambda index: None
    index.catch_up()
    index.now += timedelta(seconds=1)
    # the process dies after any page: what was stored until then, and what is read from its cursor, is everything
    stored = data.draw(st.integers(1, len(pages)), label="pages stored")
    cursor = next((page.cursor for page in reversed(pages[:stored]) if page.cursor), None)
    again = set(keys(index.read(cursor or NOW - timedelta(days=3))))
    assert touched <= again
    assert set(records) <= set(keys(pages[:stored])) | again


def test_nothing_is_lost_while_records_change_under_pages_asked_for_ahead() -> None:
    """As above, with pages asked for by several threads: which change meets which page is left to chance."""
    for seed in range(60):
        random = Random(seed)
        records = {f"{n:03d}": ago(random.uniform(0, 100_000)) for n in range(60)}
        touched: set[str] = set()
        left = iter(range(6))

        def change(index: Index, random: Random = random, touched: set[str] = touched, left: Any = left) -> None:
            if random.random() < 0.2 and next(left, None) is not None:
                key = random.choice(sorted(index.documents))
                touched.add(key)
                index.touch(key)

        index = Index(records, page=5, between=change)
        pages = index.read(NOW - timedelta(days=3), ahead=3)
        assert set(records) - touched <= set(keys(pages))
        index.between = lambda index: None
        index.now += timedelta(seconds=1)
        assert touched <= set(keys(index.read(pages[-1].cursor or NOW - timedelta(days=3), ahead=3)))


def test_stamps_are_reckoned() -> None:
    assert lower_bound(EPOCH, 60) is None
    assert lower_bound("2026-11-20T10:00:00.500Z", 0) == "2026-11-20T10:00:00.000Z"
    assert unit_end("2026-11-20T10:00:00.000Z", "2026-11-20T10:00Z") == "2026-11-20T10:00:59.999Z"
    assert unit_end("2026-11-20T10:00:01.000Z", "2026-11-20T10:00:01Z") == "2026-11-20T10:00:01.999Z"
    assert unit_end("2026-11-20T10:00:01.123Z", "2026-11-20T10:00:01.123Z") == "2026-11-20T10:00:01.123Z"
    assert middle("2026-11-20T10:00:00.000Z", "2026-11-20T10:00:01.000Z") == "2026-11-20T10:00:00.500Z"
    assert middle("2026-11-20T10:00:00.000Z", "2026-11-20T10:00:00.001Z") == "2026-11-20T10:00:00.000Z"
    assert middle("2026-11-20T10:00:00.000Z", "2026-11-20T10:00:00.000Z") is None
    assert onward(None, "2026-11-20T10:00:00.000Z", 2) is None
    assert onward("2026-11-20T09:00:00.000Z", "2026-11-20T10:00:00.000Z", 2) == "2026-11-20T12:00:00.000Z"
