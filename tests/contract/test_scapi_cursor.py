"""Any course of events around one reader of SCAPI, whose lists know whole days only: nothing is lost, and a quiet shop costs a
call a poll."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.adapters.sfcc import Sfcc
from connector.errors import Misconfigured
from connector.model import Page, Select
from connector.sandbox.options import Options
from connector.sandbox.sfcc.documents import Doc
from tests.contract.in_process import SHOP, InProcess, in_process
from tests.contract.reading_course import OVERLAP, WIDTH, Act, Course, acts, examples
from tests.contract.scapi_shop import settings
from tests.contract.test_sfcc_cursor import RETURNS
from tests.contract.test_sfcc_cursor import Shop as OcapiShop

MIDNIGHT = 13 * 3600 + 59 * 60.0
"""From where the simulated clock begins to a minute before the end of the day."""


class Shop(OcapiShop):
    """The same shop, read over its other API."""

    statuses: tuple[tuple[str, str], ...] = (("new", "ready"),)
    """Status and export status that saves give in turn."""

    def _save(self, lag: float, *, again: bool) -> None:
        save = self.world.shop.orders.save
        status, export = self.statuses[(self.versions + 1) % len(self.statuses)]

        def saved(site: str, document: dict[str, Any]) -> Doc:
            return save(site, {**document, "status": status, "export_status": export})

        self.world.shop.orders.save = saved  # type: ignore[method-assign]
        super()._save(lag, again=again)
        self.world.shop.orders.save = save  # type: ignore[method-assign]

    def open(self) -> Sfcc:
        return Sfcc("shop", settings(SHOP, **self._given), clock=self.systems.ours(self._ahead))


@contextmanager
def shop(*, knobs: dict[str, Any], begin: float = 0.0, **given: Any) -> Iterator[Shop]:
    with in_process(Options(orders=0, returns=0, **knobs)) as systems:
        systems.clock.advance(begin)
        yield Shop(systems, **given)


@contextmanager
def course(*, objects: bool = False, sweeps: bool = False, **more: Any) -> Iterator[Course]:
    with shop(objects=objects, **more) as made:
        stream, field = (f"custom_objects/{RETURNS}", "c_comment") if objects else ("orders", "c_riskScore")
        since = datetime.fromtimestamp(made.systems.clock.at, UTC) - timedelta(hours=1)
        reader = Course(made, stream, since=since, fields=(field,), sweeps=sweeps)
        try:
            yield reader
        finally:
            reader.close()


PAGES = st.integers(2, 5)
AHEAD = st.sampled_from([0.0, 0.0, 900.0, -900.0])
BEGIN = st.sampled_from([0.0, MIDNIGHT, MIDNIGHT - 1800])
KNOBS = st.fixed_dictionaries(
    {"scapi_total": st.booleans(), "scapi_day_starts": st.sampled_from([0.0, -14.0, 12.0, 10.5])}
)


@examples(30)
@given(acts(late=OVERLAP), PAGES, BEGIN, AHEAD, KNOBS)
def test_an_order_that_is_indexed_within_the_overlap_is_read(
    events: list[Act], page: int, begin: float, ahead: float, knobs: dict[str, Any]
) -> None:
    with course(page=page, begin=begin, ahead=ahead, knobs=knobs) as reader:
        reader.run(events)
        reader.finish(OVERLAP)
        reader.judge()


@examples(12)
@given(acts(late=WIDTH), PAGES, BEGIN, AHEAD, KNOBS)
def test_an_order_that_is_indexed_later_is_found_by_the_next_sweep(
    events: list[Act], page: int, begin: float, ahead: float, knobs: dict[str, Any]
) -> None:
    with course(page=page, begin=begin, ahead=ahead, sweeps=True, knobs=knobs) as reader:
        reader.run(events)
        reader.finish(WIDTH)
        reader.judge()


@examples(12)
@given(acts(late=OVERLAP), PAGES, BEGIN, st.sampled_from(["day", "instant"]), KNOBS)
def test_a_custom_object_that_is_indexed_within_the_overlap_is_read(
    events: list[Act], page: int, begin: float, dates: str, knobs: dict[str, Any]
) -> None:
    with course(objects=True, page=page, begin=begin, dates=dates, knobs={**knobs, "scapi_dates": dates}) as reader:
        reader.run(events)
        reader.finish(OVERLAP)
        reader.judge()


@examples(12)
@given(acts(late=OVERLAP), PAGES, KNOBS)
def test_nothing_is_lost_where_a_day_must_be_read_in_parts(events: list[Act], page: int, knobs: dict[str, Any]) -> None:
    """The list goes only 25 rows deep, so that most courses need its parts, by status and by export status."""
    with shop(knobs=knobs, page=page, deep_paging=25) as made:
        made.statuses = tuple(
            product(("new", "completed", "cancelled"), ("not_exported", "exported", "ready", "failed"))
        )
        since = datetime.fromtimestamp(made.systems.clock.at, UTC) - timedelta(hours=1)
        reader = Course(made, "orders", since=since, fields=("c_riskScore",), sweeps=False)
        try:
            reader.run(events)
            reader.finish(OVERLAP)
            reader.judge()
        finally:
            reader.close()


# -- what it costs -----------------------------------------------------------------------------------------------------


LIST = "GET /checkout/orders/v1/organizations/f_ecom_zzte_053/orders"


def polled(systems: InProcess, adapter: Sfcc, cursor: str | None) -> tuple[list[Page], int, str]:
    """One pass: its pages, its calls beside sign-ins, and the cursor that is saved after it."""
    before = systems.world.journal.requests()["sfcc"].get(LIST, 0)
    pages = list(adapter.read("orders", cursor, select=Select()))
    saved = next((page.cursor for page in reversed(pages) if page.cursor is not None), cursor)
    assert saved is not None
    return pages, systems.world.journal.requests()["sfcc"][LIST] - before, saved


@pytest.mark.parametrize("orders", [0, 1, 3, 700])
@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("day_starts", [0.0, 12.0])
def test_an_idle_poll_is_one_call_however_long_the_day_s_list_is(orders: int, total: bool, day_starts: float) -> None:
    knobs = {"scapi_total": total, "scapi_day_starts": day_starts}
    with shop(knobs=knobs) as made:
        for _ in range(orders):
            made.save(1)
            made.wait(7)
        made.wait(3600)
        adapter = made.open()
        _, _, cursor = polled(made.systems, adapter, None)
        counts = []
        for hour in range(60):  # over two midnights, with a new process now and then
            if hour % 10 == 9:
                adapter.close()
                adapter = made.open()
                adapter.check()
            _, calls, cursor = polled(made.systems, adapter, cursor)
            counts.append(calls)
            made.wait(3600)
        adapter.close()
    assert counts[2:] == [1] * 58
    assert max(counts) <= 3


def test_a_busy_day_costs_a_call_or_two_a_poll_and_a_new_process_finds_its_place_at_once() -> None:
    """100 changes a minute, half of them of orders that stand in the day's list already."""
    with shop(knobs={}) as made:
        adapter, cursor, counts = made.open(), None, []
        for minute in range(60):
            for _ in range(50):
                made.save(2)
                made.wait(0.5)
            made.wait(35)
            if minute % 7 == 6:
                adapter.close()
                adapter = made.open()
                adapter.check()
            _, calls, cursor = polled(made.systems, adapter, cursor)
            counts.append(calls)
        assert sum(counts[1:]) <= 3 * 59, counts
        assert max(counts[1:]) <= 4, counts
        # a sweep of half an hour: its pages, and no more than a few calls to find where it begins
        before = adapter.calls()
        rows = [
            len(page.records) for page in adapter.read("orders", cursor, select=Select(keys_only=True), overlap=1800)
        ]
        assert adapter.calls() - before <= sum(rows) / 190 + 8
        adapter.close()


def test_a_day_that_no_filter_makes_short_enough_is_said_and_nothing_is_skipped() -> None:
    with shop(knobs={}, page=5, deep_paging=25) as made:
        for _ in range(40):  # all of one status and one export status
            made.save(1)
            made.wait(1)
        made.wait(3600)
        adapter = made.open()
        since = datetime.fromtimestamp(made.systems.clock.at, UTC) - timedelta(hours=2)
        with pytest.raises(Misconfigured, match="more than 25 records changed in one day") as caught:
            list(adapter.read("orders", since, select=Select()))
        assert "api: ocapi" in caught.value.remedy
        adapter.close()
