"""Places where a search that pages by offset could skip a record, each played out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector import stamps
from connector.adapters.sfcc.position import position
from connector.errors import Misconfigured
from tests.unit.test_sfcc_reading import NOW, Index, ago, keys, spread

SINCE = NOW - timedelta(days=2)


def minutes(stamp: str) -> str:
    return stamps.parse(stamp).strftime("%Y-%m-%dT%H:%MZ")


def seconds(stamp: str) -> str:
    return stamps.parse(stamp).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_record_that_stands_by_chance_where_the_next_page_begins_hides_no_other() -> None:
    """Of five, three change between two pages: the last of the first page stands where the second begins, and one that did
    not change has moved before it."""

    def change(index: Index) -> None:
        if len(index.windows) == 1:
            for key in ("00002", "00004", "00000"):
                index.now += timedelta(milliseconds=1)
                index.touch(key)

    index = Index(spread(5), page=3, between=change)
    assert set(keys(index.read(SINCE))) == set(spread(5))


@pytest.mark.parametrize("pause", range(1, 14))
@pytest.mark.parametrize("stampless", [False, True])
def test_a_read_that_pauses_between_two_pages_saves_no_time_behind_which_it_has_not_looked(
    stampless: bool, pause: int
) -> None:
    """More was changed than the search shows, so the read goes on from a later stamp. After one of its pages deliveries take an
    hour, in which the shop goes on; what reached the index a few seconds after that page must be met by the next read."""

    def change(index: Index) -> None:
        if len(index.windows) == pause:
            index.now += timedelta(hours=1)
            saved = {"late": ago(45), "new": stamps.stamp(index.now - timedelta(minutes=5))}
            index.places |= saved
            index.documents |= saved

    records = {f"{n:05d}": ago(60 - n) for n in range(24)}
    index = Index(
        records, page=10, cap=20, between=change, shown=(lambda stamp: None) if stampless else (lambda stamp: stamp)
    )
    pages = index.read(NOW - timedelta(minutes=2))
    assert len(index.windows) >= 3
    index.between = lambda index: None
    index.places |= {} if "late" in index.places else {"late": ago(45)}
    index.documents = dict(index.places)
    again = index.read(next(page.cursor for page in reversed(pages) if page.cursor))
    assert "late" in {*keys(pages), *keys(again)}


@pytest.mark.parametrize(("shown", "apart"), [(minutes, 0.02), (seconds, 0.0003), (lambda stamp: stamp, 0.0)])
def test_three_thousand_records_of_one_minute_or_second_are_read_through_a_search_of_a_thousand(
    shown: object, apart: float
) -> None:
    """Shown in whole minutes or seconds their stamps lead nowhere; the search knows them finer. Those saved within one
    millisecond are as many as it shows."""
    begin = 50_000.0
    records = {f"{n:05d}": ago(begin - n * apart) for n in range(3000 if apart else 900)}
    index = Index(records, page=200, cap=1000, shown=shown)  # type: ignore[arg-type]
    pages = index.read(SINCE)
    assert set(keys(pages)) == set(records)
    assert max(window.start + 200 for window in index.windows) <= 1200
    assert len(index.windows) < 60
    saved = [position(page.cursor).at for page in pages if page.cursor]
    assert saved == sorted(saved)


def test_more_of_one_millisecond_than_the_search_shows_stop_the_flow_with_place_and_remedy() -> None:
    for shown in (minutes, seconds, lambda stamp: stamp, lambda stamp: None):
        index = Index({f"{n:05d}": ago(500) for n in range(300)}, page=20, cap=100, shown=shown)
        with pytest.raises(Misconfigured, match=f"more than 100 records were changed at {ago(500)}") as caught:
            index.read(SINCE)
        assert "deep_paging" in caught.value.remedy
        assert len(index.windows) < 250, "it is not searched for long"


@pytest.mark.parametrize(("shown", "told"), [(minutes, False), (seconds, False), (lambda stamp: stamp, True)])
def test_a_sweep_takes_no_word_of_a_stamp_that_others_share(shown: object, told: bool) -> None:
    """Changed twice in one minute and shown in minutes, a record looks as it did after the first change."""
    index = Index({"a": ago(500.123)}, shown=shown)  # type: ignore[arg-type]
    (page,) = index.read(SINCE, saves=False)
    assert [record.stamp is not None for record in page.records] == [told]
    (page,) = index.read(SINCE)
    assert all(record.stamp is not None for record in page.records)
