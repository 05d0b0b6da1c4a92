"""A clock that is put forward or back, and a process that was stopped past its leases: nothing twice, nothing stuck."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connector.adapter import Clock
from connector.errors import RemoteError, Transient, Unavailable
from connector.model import Write
from connector.store import Leased, LeaseToken, Store
from tests.unit.engine.world import World

PATIENCE = 10.0
TICKETS = 'summary: tickets\nfields: {Subject: "Order {{ record.key }}"}\n'


class Watched:
    """A ledger whose third lease is asked for when the clock has leapt, while the second is being delivered."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self.leased: list[str] = []
        self.asked = 0
        self.leapt, self.answered = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def lease(self, flow: str, now: datetime, **named: Any) -> tuple[LeaseToken, list[Leased]]:
        self.asked += 1
        if self.asked == 3:
            assert self.leapt.wait(PATIENCE)
            now = self._clock.now()
        token, leased = self._store.lease(flow, now, **named)
        self.leased += [one.key for one in leased]
        if self.asked == 3:
            self.answered.set()
        return token, leased


def test_rows_whose_lease_ran_out_while_they_are_delivered_are_delivered_by_nobody_else(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.flow("orders-to-tickets", "shop.orders", "desk.Ticket", TICKETS, brake=None, concurrency=2)
    world.restart()
    for number in range(100):
        world.order(f"{number:04}")
    world.desk.fail("write", Unavailable("down"), times=9)
    world.tick("orders-to-tickets")
    world.desk._scripts.clear()
    world.clock.forward(minutes=10)
    world.engine.store = watched = Watched(world.store, world.clock)

    def leap(stream: str, batch: Sequence[Write]) -> None:
        world.clock.forward(hours=2)
        watched.leapt.set()
        assert watched.answered.wait(PATIENCE)

    world.desk.during(lambda stream, batch: world.desk.during(leap))  # the first chunk probes alone

    report = world.tick("orders-to-tickets")

    assert watched.answered.is_set()
    assert len(watched.leased) == 100
    assert not world.events("lease_lost")
    assert report.done == len(world.desk.objects["Ticket"]) == 100
    world.store.close()


@pytest.mark.parametrize(
    "problem", [Unavailable("down"), Transient("no answer", uncertain=True)], ids=["down", "unsure"]
)
def test_a_clock_that_is_put_back_keeps_no_record_and_no_connection_waiting_for_hours(
    world: World, problem: RemoteError
) -> None:
    world.order("0001")
    world.desk.fail("write", problem, committed=isinstance(problem, Transient))
    world.tick()

    world.clock.forward(hours=-5)

    assert world.tick().done == 1
    assert world.events("clock_put_back")[0]["seconds"] == pytest.approx(5 * 3600, abs=60)
    assert len(world.cases()) == 1
    for _ in range(3):
        world.tick(minutes=1)
    assert len(world.events("clock_put_back")) == 1


def test_a_doubt_from_before_a_leap_back_is_waited_out_anew(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.flow("orders-to-tickets", "shop.orders", "desk.Ticket", TICKETS, brake=None)
    world.restart()
    world.order("0001")
    world.desk.fail("write", Transient("no answer", uncertain=True), committed=True)
    world.tick("orders-to-tickets")
    world.clock.forward(hours=-5)

    assert world.tick("orders-to-tickets").done == 0
    assert world.tick("orders-to-tickets", minutes=2).done == 1

    assert len(world.desk.objects["Ticket"]) == 1
    world.store.close()


def test_the_brake_holds_over_a_clock_that_is_put_back_and_lets_go_an_hour_later(tmp_path: Path) -> None:
    world = World(tmp_path, brake=3)
    for number in range(5):
        world.order(f"{number:04}")
    assert world.tick().created == 3
    world.clock.forward(hours=-5)
    assert world.tick().created == 0
    assert world.tick(minutes=61).created == 2
    world.store.close()


def test_a_clock_that_is_put_forward_loses_and_doubles_nothing(world: World) -> None:
    for number in range(5):
        world.order(f"{number:04}")
    world.desk.fail("write", Transient("no answer", uncertain=True), committed=True)
    world.tick()
    world.clock.forward(hours=24 * 30)
    world.tick()
    assert len(world.cases()) == 5
    assert set(world.states().values()) == {"done"}
