"""The cursor of the SFCC adapter skips nothing, whatever happens between two pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from connector.adapters.sfcc import Sfcc, SfccSettings
from connector.model import Record
from connector.sandbox.options import Options
from tests.contract.in_process import SHOP, InProcess, in_process
from tests.contract.reading_course import OVERLAP, WIDTH, Act, Course, acts, examples

SITE, RETURNS = "RefArch", "ReturnRequest"


class Shop:
    """Orders or custom objects of the simulated shop. A version is the number of the save that made it."""

    def __init__(self, systems: InProcess, *, objects: bool = False, ahead: float = 0.0, **given: Any) -> None:
        self.systems, self.world, self.objects, self._ahead, self._given = systems, systems.world, objects, ahead, given
        self.versions = 0
        self.keys: list[str] = []

    def save(self, number: int) -> None:
        """Every other one is there already; all get one stamp."""
        for turn in range(number):
            self._save(0.0, again=turn % 2 == 1)
        self.wait(0.001)

    def late(self, seconds: float) -> None:
        self._save(seconds, again=self.versions % 3 == 0)
        self.wait(0.001)

    def _save(self, lag: float, *, again: bool) -> None:
        self.versions += 1
        known = again and self.keys
        key = self.keys[self.versions * 7 % len(self.keys)] if known else f"K{len(self.keys) * 7919 % 1000:03}"
        if not known:
            self.keys.append(key)
        shop = self.world.shop
        shop.lags[key] = lag
        if self.objects:
            shop.objects.put(SITE, RETURNS, key, {"c_comment": str(self.versions)}, "")
        else:
            document = {"_type": "order", "order_no": key, "site_id": SITE, "c_riskScore": self.versions}
            shop.orders.save(SITE, document)

    def delete(self) -> None:
        """Orders are not deleted."""
        if self.objects and self.keys:
            self.world.shop.objects.delete(SITE, RETURNS, self.keys[self.versions % len(self.keys)], "")

    def expire(self) -> None:
        self.world.shop.tokens.tokens.clear()

    def wait(self, seconds: float) -> None:
        self.systems.clock.advance(seconds)

    def during(self, act: Callable[[], None]) -> None:
        def once() -> None:
            self.systems.during = lambda: None
            act()

        self.systems.during = once

    def truth(self) -> dict[str, Any]:
        shop = self.world.shop
        docs = shop.objects.types[RETURNS] if self.objects else shop.orders.sites[SITE]
        there = [orjson.loads(doc.body) for doc in docs.docs.values() if doc.body is not None]
        if self.objects:
            return {one["key_value_string"]: one["c_comment"] for one in there}
        return {one["order_no"]: one["c_riskScore"] for one in there}

    def version(self, record: Record) -> Any:
        return record.fields["c_comment" if self.objects else "c_riskScore"]

    def open(self) -> Sfcc:
        chosen = {"url": SHOP, "auth_url": SHOP, "site": SITE, "client_id": "bench", "client_secret": "secret"}
        settings = SfccSettings.model_validate({**chosen, "ahead": 0, **self._given})
        return Sfcc("shop", settings, clock=self.systems.ours(self._ahead))


@contextmanager
def course(
    *,
    objects: bool = False,
    cap: int = 1000,
    ahead: float = 0.0,
    sweeps: bool = False,
    knobs: dict[str, Any],
    **given: Any,
) -> Iterator[Course]:
    """A reader of a shop whose search shows `cap` hits at most. `ahead`: seconds that the shop's clock runs ahead."""
    with in_process(Options(orders=0, returns=0, paging_cap=cap, **knobs)) as systems:
        shop = Shop(systems, objects=objects, ahead=ahead, deep_paging=cap, **given)
        stream, field = (f"custom_objects/{RETURNS}", "c_comment") if objects else ("orders", "c_riskScore")
        since = datetime.fromtimestamp(systems.clock.at, UTC) - timedelta(hours=1)
        made = Course(shop, stream, since=since, fields=(field,), sweeps=sweeps)
        try:
            yield made
        finally:
            made.close()


PAGES = st.integers(2, 5)
CAPS = st.sampled_from([20, 30, 1000])
AHEAD = st.sampled_from([0.0, 0.0, 900.0, -900.0])
ORDER_KNOBS = st.fixed_dictionaries({"minute_dates": st.booleans(), "show_next": st.booleans()})
OBJECT_KNOBS = st.fixed_dictionaries({"object_dates": st.booleans(), "minute_dates": st.booleans()})


@examples(30)
@given(acts(late=OVERLAP), PAGES, CAPS, AHEAD, ORDER_KNOBS)
def test_an_order_that_is_indexed_within_the_overlap_is_read(
    events: list[Act], page: int, cap: int, ahead: float, knobs: dict[str, Any]
) -> None:
    with course(page=page, cap=cap, ahead=ahead, knobs=knobs) as reader:
        reader.run(events)
        reader.finish(OVERLAP)
        reader.judge()


@examples(20)
@given(acts(late=WIDTH), PAGES, CAPS, AHEAD, ORDER_KNOBS)
def test_an_order_that_is_indexed_later_is_found_by_the_next_sweep(
    events: list[Act], page: int, cap: int, ahead: float, knobs: dict[str, Any]
) -> None:
    with course(page=page, cap=cap, ahead=ahead, sweeps=True, knobs=knobs) as reader:
        reader.run(events)
        reader.finish(WIDTH)
        reader.judge()


@examples(30)
@given(acts(late=OVERLAP), PAGES, CAPS, AHEAD, OBJECT_KNOBS)
def test_a_custom_object_that_is_indexed_within_the_overlap_is_read(
    events: list[Act], page: int, cap: int, ahead: float, knobs: dict[str, Any]
) -> None:
    with course(objects=True, page=page, cap=cap, ahead=ahead, knobs=knobs) as reader:
        reader.run(events)
        reader.finish(OVERLAP)
        reader.judge()


@examples(20)
@given(acts(late=WIDTH), PAGES, CAPS, AHEAD, OBJECT_KNOBS)
def test_a_custom_object_that_is_indexed_later_is_found_by_the_next_sweep(
    events: list[Act], page: int, cap: int, ahead: float, knobs: dict[str, Any]
) -> None:
    with course(objects=True, page=page, cap=cap, ahead=ahead, sweeps=True, knobs=knobs) as reader:
        reader.run(events)
        reader.finish(WIDTH)
        reader.judge()
