"""The cursor moves only with the page that it covers, and the sweep finds what surfaced behind it, however long nobody looked."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.engine.pull import surfaced
from connector.errors import Unavailable
from connector.model import Record
from connector.testing import FrozenClock
from tests.unit.engine.world import Killed, World

ORDERS = "orders-to-cases"


class DyingAt:
    """A ledger whose process ends at the n-th call of a verb: before it took effect, or after."""

    def __init__(self, store: Any, verb: str, nth: int, *, after: bool) -> None:
        self._store, self._verb, self._left, self._after = store, verb, nth, after

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)
        if name != self._verb:
            return verb

        def dying(*given: Any, **more: Any) -> Any:
            self._left -= 1
            if self._left > 0:
                return verb(*given, **more)
            if self._after:
                verb(*given, **more)
            raise Killed

        return dying


def covered(world: World, flow: str, stream: str) -> None:
    """Whatever the saved cursor has passed is in the ledger."""
    cursor = world.store.cursor(flow)
    if cursor is None:
        return
    (at,) = json.loads(cursor)
    source = world.shop if stream == "orders" else world.desk
    bears_a_key = stream == "Case"
    behind = {
        key
        for key, record in source.objects[stream].items()
        if (record.stamp or "") < at and (record.our_key or not bears_a_key)
    }
    assert behind <= world.states(flow).keys()


DEATHS = st.tuples(st.sampled_from(["ingest", "settle", "lease"]), st.integers(1, 4), st.booleans())


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(1, 12), st.integers(1, 4), st.lists(DEATHS, max_size=4), st.integers(1, 3))
def test_a_cursor_moves_only_with_its_page_whenever_the_process_dies(
    orders: int, page: int, deaths: list[tuple[str, int, bool]], at_once: int
) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.shop.page = world.desk.page = page
        for number in range(orders):
            world.order(f"{number:04}")
            if number % at_once == 0:
                world.clock.forward(seconds=1)
        for verb, nth, after in deaths:
            for flow, stream in ((ORDERS, "orders"), ("cases-to-orders", "Case")):
                world.engine.store = DyingAt(world.store, verb, nth, after=after)
                with contextlib.suppress(Killed):
                    world.engine.run_pass(flow)
                world.restart()
                covered(world, flow, stream)
        for _ in range(3):
            world.tick(minutes=15)
        assert world.cases().keys() == set(world.shop.objects["orders"])
        assert all(times == 1 for times in world.desk.created.values())
        world.store.close()


@pytest.mark.parametrize("restarts", [False, True])
def test_what_commits_late_while_a_poll_stands_still_is_seen_by_the_next_one(world: World, restarts: bool) -> None:
    """A second save under the same stamp, behind the page that showed the first: no sweep tells them apart."""
    world.shop.page = 1
    at = world.clock.now()
    for key in ("0001", "0002"):
        world.order(key, total=1)

    def stood_still() -> None:
        world.clock.forward(seconds=170)
        world.shop.put("orders", "0001", at=at, needs_care=True, status="new", total=2)
        world.order("0003", total=1)

    world.shop.meanwhile(stood_still, after=True)
    world.tick()
    assert {key: case["Total"] for key, case in world.cases().items()} == {"0001": 1, "0002": 1, "0003": 1}
    if restarts:
        world.restart()
    world.tick(minutes=1)
    assert world.cases()["0001"]["Total"] == 2


def surfaces(world: World, key: str, minutes_ago: float) -> None:
    at = world.clock.now() - timedelta(minutes=minutes_ago)
    world.shop.put("orders", key, at=at, needs_care=True, status="new", total=1)


def test_the_first_sweep_after_days_begins_where_the_last_one_did(world: World) -> None:
    """What surfaced while nobody looked has a stamp of before the stop: no window counted from now would reach it."""
    world.order("0001")
    world.tick()
    world.engine.sweep(ORDERS, width=1800)
    world.clock.forward(minutes=2)
    world.order("0002")
    world.tick()
    world.clock.forward(days=3)
    surfaces(world, "late", 3 * 24 * 60 + 20)
    world.restart()
    world.order("0003")

    world.tick()
    assert "late" not in world.cases()
    world.engine.sweep(ORDERS, width=1800)

    assert "late" in world.cases()
    before = len(world.shop.log)
    world.engine.sweep(ORDERS, width=1800)
    assert len(world.shop.log) - before == 1


def test_before_any_sweep_the_first_one_begins_where_the_first_read_ended(world: World) -> None:
    world.order("0001")
    world.tick()
    world.clock.forward(hours=9)
    surfaces(world, "late", 9 * 60 + 5)
    world.order("0002")
    world.tick()

    world.engine.sweep(ORDERS, width=1800)

    assert "late" in world.cases()


def test_a_sweep_that_was_cut_off_is_made_up_for_by_the_next_one(world: World) -> None:
    world.order("0001")
    world.tick()
    world.clock.forward(minutes=20)
    world.order("0002")
    world.tick()
    surfaces(world, "late", 40)
    world.shop.fail("read", Unavailable("down"))
    assert world.engine.sweep(ORDERS, width=1800).problem is not None
    world.clock.forward(minutes=50)
    world.order("0003")
    world.tick()

    world.engine.sweep(ORDERS, width=1800)

    assert "late" in world.cases()


@pytest.mark.parametrize("ahead", [-45, 45])
def test_a_sweep_reckons_with_the_remote_system_s_clock(world: World, ahead: float) -> None:
    world.order("0001")
    world.tick()
    world.engine.clock = world.desk.here = FrozenClock(world.clock.now() + timedelta(minutes=ahead))
    surfaces(world, "late", 29)

    world.engine.sweep(ORDERS, width=1800)

    assert "late" in world.cases()


def test_the_nightly_sweep_keeps_a_place_of_its_own(world: World) -> None:
    world.order("0001")
    world.tick()
    world.engine.sweep(ORDERS, width=86400)
    for _ in range(3):
        world.clock.forward(hours=8)
        world.order(f"{world.clock.now():%H%M}")
        world.tick()
        world.engine.sweep(ORDERS, width=1800)
    surfaces(world, "late", 47 * 60)
    world.engine.sweep(ORDERS, width=1800)
    assert "late" not in world.cases()

    world.engine.sweep(ORDERS, width=86400)

    assert "late" in world.cases()


def test_a_sweep_fetches_what_is_unknown_or_newer_and_what_shows_no_stamp() -> None:
    old, new = "2026-11-20T10:00:00.000Z", "2026-11-20T10:00:01.000Z"
    known: dict[tuple[str, str], str | None] = {
        ("s", "same"): old,
        ("s", "newer"): old,
        ("s", "none"): old,
        ("s", "was"): None,
    }
    shown = {"same": old, "newer": new, "none": None, "was": old, "unknown": old}
    assert surfaced([Record(key, {}, stamp, "s") for key, stamp in shown.items()], known) == [
        "newer", "none", "was", "unknown",
    ]  # fmt: skip
    assert surfaced([Record("newer", {}, old, "s")], {("s", "newer"): new}) == []


def test_a_page_that_the_ledger_takes_in_part_moves_no_cursor(world: World) -> None:
    world.order("0001")
    world.tick()
    cursor = world.store.cursor(ORDERS)
    world.clock.forward(minutes=5)
    world.order("0002")
    world.order("0003")
    with closing(sqlite3.connect(world.folder / "ledger.db")) as db:
        db.execute(
            """CREATE TRIGGER full BEFORE INSERT ON record WHEN NEW."row" = 3 BEGIN SELECT RAISE(ABORT, 'no room'); END"""
        )
    with pytest.raises(sqlite3.IntegrityError, match="no room"):
        world.engine.run_pass(ORDERS)
    assert (world.store.cursor(ORDERS), set(world.states())) == (cursor, {"0001"})

    with closing(sqlite3.connect(world.folder / "ledger.db")) as db:
        db.execute("DROP TRIGGER full")
    world.restart()
    world.tick()
    assert set(world.cases()) == {"0001", "0002", "0003"}
