"""The budget of calls is kept: write-backs before live flows before sweeps, over restarts, said once and healed once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.budget import Limits
from connector.errors import RateLimited
from connector.model import Select, Usage
from tests.unit.engine.world import World


class Thrifty(World):
    """A world in which `shop` and `desk` have budgets. `used`: what the desk's server tells of its 1,000 calls."""

    def __init__(self, folder: Path, **limits: Limits) -> None:
        self.limits = limits
        super().__init__(folder)
        self.used: int | None = None
        self.desk.usage = self._usage  # type: ignore[attr-defined]  # Gauged
        self.restart()

    def _usage(self) -> Usage | None:
        return None if self.used is None else Usage(self.used, 1000, None, self.clock.now())

    def _engine(self):  # type: ignore[no-untyped-def]
        made = super()._engine()
        made.budgets._limits = self.limits
        return made

    def spend(self, connection: str, calls: int) -> None:
        """Somebody else on this ledger made so many calls."""
        self.store.spend({connection: calls}, {}, self.clock.now())
        self.clock.forward(seconds=3)

    def calls(self) -> int:
        return len(self.desk.log) + len(self.shop.log)


@pytest.fixture
def thrifty(tmp_path: Path) -> Iterator[Thrifty]:
    made = Thrifty(tmp_path, shop=Limits(100), desk=Limits(100))
    yield made
    made.store.close()


def test_what_is_spent_at_the_source_stops_the_poll_and_nothing_is_lost(thrifty: Thrifty) -> None:
    thrifty.order("0001")
    thrifty.spend("shop", 90)

    report = thrifty.tick()

    assert isinstance(report.problem, RateLimited)
    assert "90 calls in 24 hours, budget.calls_per_day is 100" in str(report.problem)
    assert thrifty.calls() == 0
    assert thrifty.tick(minutes=24 * 60 + 10).done == 1


def test_what_is_spent_at_the_destination_leaves_the_rows_due_and_burns_no_attempt(thrifty: Thrifty) -> None:
    thrifty.order("0001")
    thrifty.spend("desk", 95)

    report = thrifty.tick()

    assert (report.read, report.done, report.waiting) == (1, 0, 1)
    assert thrifty.desk.log == []
    (row,) = thrifty.store.rows(flow="orders-to-cases")
    assert (row.state, row.attempts, row.uncertain) == ("pending", 0, None)
    assert thrifty.tick(minutes=24 * 60 + 10).done == 1


def test_write_backs_go_on_where_live_flows_and_sweeps_have_stopped(thrifty: Thrifty) -> None:
    thrifty.order("0001")
    thrifty.tick()
    thrifty.desk.put("Case", thrifty.case_id("0001"), Resolution="Refund", Decided="d1")
    thrifty.spend("shop", 90)
    thrifty.spend("desk", 90)

    assert thrifty.tick().problem is not None
    assert thrifty.engine.sweep("orders-to-cases", width=1800.0).problem is not None
    report = thrifty.tick("cases-to-orders")

    assert (report.done, report.problem) == (1, None)
    assert thrifty.notes("0001") == ["Refund for 0001 over 10.5"]


def test_decisions_go_on_in_a_flow_that_says_its_lane_without_answering_another(tmp_path: Path) -> None:
    world = Thrifty(tmp_path, shop=Limits(100))
    mapping = 'target: "{{ Order }}"\nfields: {c_decision: "{{ Resolution }}"}\n'
    world.order("0001")
    world.desk.put("Case", "C1", Order="0001", Resolution="Refund")
    world.spend("shop", 92)
    for lane, done in ((None, 0), ("live", 0), ("write-back", 1)):
        world.flow("by-hand", "desk.Case", "shop.orders", mapping, lane=lane)
        world.restart()
        assert world.tick("by-hand").done == done


def test_sweeps_stop_before_live_flows(thrifty: Thrifty) -> None:
    thrifty.order("0001")
    thrifty.tick()
    thrifty.spend("shop", 70)
    assert thrifty.engine.sweep("orders-to-cases", width=1800.0).problem is not None
    assert thrifty.tick().problem is None


def test_a_spent_budget_is_said_once_and_healed_once(thrifty: Thrifty) -> None:
    thrifty.order("0001")
    thrifty.spend("shop", 95)
    for _ in range(5):
        thrifty.tick(minutes=1)
    assert [(said["connection"], said["lane"]) for said in thrifty.events("budget_held")] == [("shop", "live")]
    assert not thrifty.events("budget_free")

    for _ in range(3):
        thrifty.tick(minutes=24 * 60)

    assert [(said["connection"], said["lane"]) for said in thrifty.events("budget_free")] == [("shop", "live")]


def test_a_chunk_of_a_large_page_that_finds_nothing_left_is_put_off_as_if_never_leased(tmp_path: Path) -> None:
    world = Thrifty(tmp_path, shop=Limits(4))
    world.flow(
        "cases-to-orders", "desk.Case", "shop.orders", ANSWER, answers="orders-to-cases", brake=None, concurrency=1
    )
    world.restart()
    for number in range(60):
        world.order(f"{number:04}")
    world.tick()
    for number in range(60):
        world.desk.put("Case", world.case_id(f"{number:04}"), Resolution="Refund")

    report = world.tick("cases-to-orders")

    called = len(world.shop.log)
    assert 0 < report.done < 60
    assert report.done + report.waiting == 60
    assert isinstance(report.problem, RateLimited)
    rows = list(world.store.rows(flow="cases-to-orders", state="pending"))
    assert all((row.attempts, row.uncertain) == (0, None) for row in rows)
    assert world.tick("cases-to-orders").done == 0
    assert len(world.shop.log) == called
    world.clock.forward(minutes=24 * 60 + 10)
    while world.tick("cases-to-orders").done:
        world.clock.forward(minutes=24 * 60 + 10)
    assert {order.fields["c_decision"] for order in world.shop.objects["orders"].values()} == {"Refund"}
    world.store.close()


ANSWER = """
summary: the decision goes back
when: "{{ Resolution }}"
fields: {c_decision: "{{ Resolution }}"}
"""


def test_a_restart_does_not_forget_what_was_spent(thrifty: Thrifty) -> None:
    thrifty.order("0001")
    for _ in range(50):
        thrifty.tick(minutes=1)
    used = thrifty.store.spent(thrifty.clock.now())["shop"].own(thrifty.clock.now())
    assert used == thrifty.shop.count("read"), "each poll is one call"

    thrifty.restart()

    for _ in range(100):
        thrifty.tick(minutes=1)
    assert thrifty.shop.count("read") == 90, "live flows leave a tenth to write-backs"


def test_whoever_counts_is_waited_for_by_nobody(thrifty: Thrifty) -> None:
    """While one pass writes down what was called, others begin, deliver and end."""
    thrifty.order("0001")
    thrifty.tick()
    counting, go_on = threading.Event(), threading.Event()

    def slow() -> Usage | None:
        counting.set()
        assert go_on.wait(60)
        return None

    thrifty.desk.usage = slow  # type: ignore[attr-defined]
    thrifty.desk.fetch("Case", [thrifty.case_id("0001")], select=Select())
    writer = threading.Thread(target=thrifty.engine.budgets.note, kwargs={"now": True})
    writer.start()
    assert counting.wait(60)
    thrifty.desk.usage = thrifty._usage  # type: ignore[attr-defined]
    thrifty.order("0002")
    other = threading.Thread(target=thrifty.tick, kwargs={"minutes": 1})
    other.start()
    other.join(60)
    ended = not other.is_alive()
    go_on.set()
    writer.join()
    other.join()
    assert ended
    assert thrifty.states() == {"0001": "done", "0002": "done"}


def test_the_server_s_count_wins_with_its_reserve_and_is_asked_anew_when_it_is_old(tmp_path: Path) -> None:
    world = Thrifty(tmp_path, desk=Limits(None, reserve=0.2))
    world.order("0001")
    world.used = 800
    report = world.tick()
    assert (report.done, report.waiting) == (0, 1)
    assert "800 of 1000 calls are used, 20% are reserved for others" in str(report.problem)
    assert world.events("budget_held")[0]["until"] == "2026-11-20T10:15:00+00:00"

    world.desk.usage = lambda: None  # type: ignore[attr-defined]  # a new process: nothing was heard yet
    world.used = 10
    assert world.tick(minutes=15).done == 1
    world.store.close()


def test_a_budget_that_ends_within_hours_is_foretold_once_and_well_again_once(thrifty: Thrifty) -> None:
    thrifty.limits["shop"] = Limits(2000)
    for _ in range(12):
        thrifty.spend("shop", 25)
        thrifty.tick(minutes=10)
    (short,) = thrifty.events("budget_short")
    assert short["connection"] == "shop"
    assert (short["budget"], 100 < short["an_hour"] < 170) == (2000, True)
    assert not thrifty.events("budget_lasts")

    for _ in range(12):
        thrifty.tick(minutes=10)

    assert len(thrifty.events("budget_short")) == len(thrifty.events("budget_lasts")) == 1


def test_a_clock_that_is_put_back_spends_nothing_twice_and_one_that_ran_far_ahead_is_forgotten(
    thrifty: Thrifty,
) -> None:
    thrifty.order("0001")
    thrifty.spend("shop", 95)
    thrifty.clock.forward(hours=-5)
    assert thrifty.tick().problem is not None, "the calls were made, whatever the clock says now"
    thrifty.clock.forward(hours=-24 * 30)
    thrifty.order("0002")
    assert thrifty.tick().problem is None
