"""Looking without sending, sweeps, late arrivals, lost permissions."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest

from connector.errors import Misconfigured, RemoteError, Transient, Unavailable
from tests.unit.engine.world import World


def test_a_dry_run_counts_on_real_data_and_sends_and_stores_nothing(world: World) -> None:
    for number in range(30):
        world.order(f"{number:04}", needs_care=number % 3 == 0)

    dry = world.engine.dry_run("orders-to-cases")

    assert dry.outcomes == {"write": 10, "filtered": 20}
    assert dry.read == 30
    assert world.desk.log == []
    assert list(world.store.rows()) == []
    assert world.store.cursor("orders-to-cases") is None


def test_a_preview_shows_what_would_change_beside_what_is_there(world: World) -> None:
    world.order("0001")
    world.tick()
    world.clock.forward(minutes=1)
    world.order("0001", status="late")
    record = world.engine.record("orders-to-cases", "0001")
    assert record is not None

    preview = world.engine.preview("orders-to-cases", [record])[0]

    assert preview.outcome == "write"
    change = preview.writes[0].changes[0]
    assert (change.field, change.live, change.wanted) == ("Subject", "Order 0001 is new", "Order 0001 is late")
    assert world.cases()["0001"]["Subject"] == "Order 0001 is new"


def test_the_sweep_finds_what_surfaced_behind_the_cursor(world: World) -> None:
    world.order("0001")
    world.tick()
    world.clock.forward(minutes=10)
    world.order("0002")
    world.tick()
    cursor = world.store.cursor("orders-to-cases")
    late = world.clock.now() - timedelta(minutes=8)
    world.shop.put("orders", "0003", at=late, needs_care=True, status="new", total=1)

    world.tick(minutes=2)
    assert "0003" not in world.cases()
    report = world.engine.sweep("orders-to-cases", width=1800)

    assert report.changed == 1
    assert "0003" in world.cases()
    assert world.store.cursor("orders-to-cases") is not None
    assert cursor is not None


def test_a_sweep_that_finds_nothing_makes_one_call(world: World) -> None:
    world.order("0001")
    world.tick()
    before = len(world.shop.log)

    world.engine.sweep("orders-to-cases", width=1800)

    assert len(world.shop.log) - before == 1


@pytest.mark.parametrize("verb", ["read", "fetch"])
@pytest.mark.parametrize("fault", [Unavailable("down"), Transient("lost", uncertain=True)])
def test_a_sweep_that_meets_an_outage_says_so_and_finds_the_record_later(
    world: World, verb: Literal["read", "fetch"], fault: RemoteError
) -> None:
    world.order("0001")
    world.tick()
    world.clock.forward(minutes=10)
    late = world.clock.now() - timedelta(minutes=8)
    world.shop.put("orders", "0003", at=late, needs_care=True, status="new", total=1)
    world.shop.fail(verb, fault)

    report = world.engine.sweep("orders-to-cases", width=1800)
    assert isinstance(report.problem, Unavailable)
    assert len(world.events("connection_down")) == 1

    world.clock.forward(minutes=5)
    world.engine.sweep("orders-to-cases", width=1800)
    world.tick()
    assert "0003" in world.cases()


def test_an_attribute_that_a_whole_page_suddenly_lacks_is_a_lost_permission(world: World) -> None:
    for number in range(150):
        world.order(f"{number:04}")
    world.tick()
    world.clock.forward(minutes=5)
    world.order("9999")
    world.tick()
    world.clock.forward(minutes=5)
    for number in range(150, 200):
        world.order(f"{number:04}")
    world.shop.hidden = {"total"}

    report = world.tick()

    assert isinstance(report.problem, Misconfigured)
    assert "total" in str(report.problem)
    assert len(world.cases()) == 151
    assert not list(world.store.rows(state="parked"))

    world.shop.hidden = set()
    world.tick(minutes=5)
    assert len(world.cases()) == 201


def test_a_record_stored_under_a_narrower_selection_is_fetched_again(world: World) -> None:
    world.order("0001", extra="deep")
    world.desk.fail("write", Misconfigured("pause"))
    world.tick()
    world.flow(
        "orders-to-cases", "shop.orders", "desk.Case", 'summary: s\nfields: {Subject: "{{ extra }}"}\n', brake=None
    )
    world.restart()

    world.tick(minutes=5)

    assert world.cases()["0001"]["Subject"] == "deep"


def test_an_idle_poll_is_one_call(world: World) -> None:
    world.order("0001")
    world.tick()
    before = len(world.shop.log) + len(world.desk.log)

    report = world.tick()

    assert (report.changed, report.done, report.waiting, report.problem) == (0, 0, 0, None)
    assert len(world.shop.log) + len(world.desk.log) - before == 1
