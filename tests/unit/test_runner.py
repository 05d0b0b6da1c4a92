"""The embedded runner: no pass dropped, no flow beside itself, a drain that ends, a watchdog that sees."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from connector.config.schema import Daemon
from connector.engine.report import PassReport, Progress
from connector.errors import Busy, LedgerError, Unavailable
from connector.flow import Flow, Mapping
from connector.runner.embedded import EmbeddedRunner, Every, tell_report
from connector.runner.pulse import Pulse

PATIENCE = 10.0
"""Longest wait of a test for something that other threads do; it is reached only when the test fails."""


class Told:
    """Collects events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._some = threading.Condition()

    def __call__(self, event: str, **facts: Any) -> None:
        with self._some:
            self.events.append((event, facts))
            self._some.notify_all()

    def names(self) -> list[str]:
        return [event for event, _ in self.events]

    def wait_for(self, event: str, times: int = 1) -> dict[str, Any]:
        with self._some:
            assert self._some.wait_for(lambda: self.names().count(event) >= times, PATIENCE), self.names()
            return next(facts for name, facts in self.events if name == event)


class Passes:
    """An engine whose passes do what a script says, and which notices two passes of one flow at once."""

    def __init__(self, act: Callable[[str, int], PassReport | None] | None = None) -> None:
        self.act = act or (lambda flow, number: None)
        self.began: dict[str, threading.Semaphore] = {}
        self.count: dict[str, int] = {}
        self.sweeps: list[tuple[str, float]] = []
        self.at_work: set[str] = set()
        self.beside_itself = False
        self._lock = threading.Lock()

    def run_pass(self, flow: str, *, progress: Callable[[Progress], None] | None = None) -> PassReport:
        with self._lock:
            self.beside_itself |= flow in self.at_work
            self.at_work.add(flow)
            self.count[flow] = number = self.count.get(flow, 0) + 1
            began = self.began.setdefault(flow, threading.Semaphore(0))
        began.release()
        try:
            return self.act(flow, number) or PassReport(flow)
        finally:
            with self._lock:
                self.at_work.discard(flow)

    def sweep(self, flow: str, *, width: float) -> PassReport:
        self.beside_itself |= flow in self.at_work
        self.sweeps.append((flow, width))
        return PassReport(flow, read=5, changed=1)

    def wait_for(self, flow: str, passes: int) -> None:
        for _ in range(passes):
            with self._lock:
                began = self.began.setdefault(flow, threading.Semaphore(0))
            assert began.acquire(timeout=PATIENCE), f"{flow} made {self.count.get(flow, 0)} passes"


def flow(name: str, **settings: Any) -> Flow:
    usual = Flow(name, name, ("shop", "orders"), ("desk", "Case"), cast(Mapping, None), every=0.05, sweep_every=3600.0)
    return replace(usual, **settings)


class Rig:
    """A runner under test, drained at the end whatever happened."""

    def __init__(self) -> None:
        self.told, self.stop, self.runners = Told(), threading.Event(), list[EmbeddedRunner]()
        self.pruned = 0

    def __call__(self, passes: Passes, *flows: Flow, **timings: Any) -> EmbeddedRunner:
        runner = EmbeddedRunner(
            passes=passes,
            flows={each.name: each for each in flows},
            timings=Daemon.model_construct(**{"jitter": 0.0, "prune_every": 3600.0, "nightly_at": (2, 30), **timings}),
            tell=self.told,
            stop=self.stop,
            prune=self._prune,
        )
        self.runners.append(runner)
        runner.start()
        return runner

    def _prune(self) -> int:
        self.pruned += 1
        return 3


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    for runner in rig.runners:
        if not rig.stop.is_set():
            runner.drain(PATIENCE)


def test_every_flow_polls_at_once_and_then_on_its_interval(rig: Rig) -> None:
    passes = Passes()
    rig(passes, flow("a"), flow("b"))
    passes.wait_for("a", 3)
    passes.wait_for("b", 3)


def test_a_flow_that_is_switched_off_never_polls(rig: Rig) -> None:
    passes = Passes()
    rig(passes, flow("a"), flow("off", enabled=False))
    passes.wait_for("a", 3)
    assert "off" not in passes.count


def test_a_slow_pass_never_runs_beside_itself_and_the_missed_poll_follows_right_after(rig: Rig) -> None:
    go_on = threading.Event()

    def slow_at_first(name: str, number: int) -> None:
        if number == 1:
            assert go_on.wait(PATIENCE)

    passes = Passes(slow_at_first)
    rig(passes, flow("a"))
    rig.told.wait_for("misfire", 3)
    assert passes.count == {"a": 1}
    go_on.set()
    passes.wait_for("a", 3)
    assert not passes.beside_itself


def test_a_slow_flow_does_not_hold_up_its_neighbours(rig: Rig) -> None:
    go_on = threading.Event()
    passes = Passes(lambda name, number: None if name != "slow" else (go_on.wait(PATIENCE), None)[1])
    rig(passes, flow("slow"), *[flow(f"quick{number}") for number in range(6)])
    for number in range(6):
        passes.wait_for(f"quick{number}", 3)
    go_on.set()


def test_a_sweep_waits_for_the_pass_of_its_flow(rig: Rig) -> None:
    passes = Passes()
    rig(passes, flow("a", sweep_every=0.05, sweep_width=1800.0))
    assert rig.told.wait_for("sweep") == {"flow": "a", "read": 5, "found": 1, "width": 1800}
    rig.told.wait_for("sweep", 5)
    assert not passes.beside_itself


def test_pruning_runs_on_its_schedule_and_says_what_it_removed(rig: Rig) -> None:
    rig(Passes(), flow("a"), prune_every=0.05)
    assert rig.told.wait_for("pruned") == {"records": 3}


def test_the_drain_waits_for_the_pass_in_flight_and_starts_no_other(rig: Rig) -> None:
    ended = threading.Event()

    def ends_behind_the_drain(name: str, number: int) -> None:
        assert rig.stop.wait(PATIENCE)
        assert not ended.wait(0.1)
        ended.set()

    passes = Passes(ends_behind_the_drain)
    runner = rig(passes, flow("a"))
    passes.wait_for("a", 1)
    rig.told.wait_for("misfire")  # another poll is due meanwhile
    assert runner.drain(PATIENCE) == []
    assert ended.is_set()
    assert passes.count == {"a": 1}


def test_the_drain_names_the_flow_that_does_not_end_in_time(rig: Rig) -> None:
    go_on = threading.Event()
    passes = Passes(lambda name, number: (go_on.wait(PATIENCE), None)[1])
    runner = rig(passes, flow("stuck"))
    passes.wait_for("stuck", 1)
    assert runner.drain(0.05) == ["stuck"]
    go_on.set()


def test_a_failing_pass_is_said_once_and_once_when_it_is_over(rig: Rig) -> None:
    def fails_three_times(name: str, number: int) -> None:
        if number <= 3:
            raise LedgerError("disk full: make room")

    rig(Passes(fails_three_times), flow("a"))
    assert rig.told.wait_for("poll_recovered")["failures"] == 3
    names = rig.told.names()
    assert (names.count("poll_failed"), names.count("poll_failed_again")) == (1, 2)
    assert "disk full" in dict(rig.told.events)["poll_failed"]["error"]


def test_a_defect_in_one_flow_leaves_its_trace_and_the_others_running(rig: Rig) -> None:
    def breaks(name: str, number: int) -> None:
        if name == "broken":
            raise ZeroDivisionError("oops")

    passes = Passes(breaks)
    rig(passes, flow("broken"), flow("well"))
    passes.wait_for("well", 4)
    assert "ZeroDivisionError" in rig.told.wait_for("poll_failed")["trace"]


def test_a_flow_held_by_an_operators_command_is_no_failure(rig: Rig) -> None:
    def held_at_first(name: str, number: int) -> None:
        if number <= 3:
            raise Busy("flow a is held by another process")

    passes = Passes(held_at_first)
    rig(passes, flow("a"))
    passes.wait_for("a", 5)
    assert rig.told.names().count("poll_busy") == 1, "said once"
    assert "poll_failed" not in rig.told.names()


def test_only_a_pass_that_did_something_is_worth_a_line() -> None:
    told = Told()
    tell_report(told, PassReport("a"))
    tell_report(told, PassReport("a", read=3, repeated=3))
    tell_report(told, PassReport("a", waiting=7, problem=Unavailable("down")))
    tell_report(told, PassReport("a", read=1, changed=1, done=1, created=1, calls={"shop": 2}))
    assert told.names() == ["poll_idle", "poll_idle", "poll_idle", "poll"]
    assert told.events[-1][1]["calls"] == {"shop": 2}


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_a_flow_is_stuck_after_several_intervals_without_a_sign_of_life() -> None:
    now = Hands()
    pulse = Pulse([flow("a", every=60.0), flow("b", every=60.0)], monotonic=now)
    now.at += 299
    assert pulse.unhealthy() == {}
    pulse.beat("b")
    now.at += 2
    assert pulse.unhealthy() == {"a": 301.0}
    pulse.beat("a")
    assert pulse.unhealthy() == {}


def test_a_short_interval_is_given_a_minute() -> None:
    now = Hands()
    pulse = Pulse([flow("a", every=1.0)], monotonic=now)
    now.at += 59
    assert pulse.unhealthy() == {}
    now.at += 2
    assert pulse.unhealthy() == {"a": 61.0}


def test_a_flow_that_is_off_is_never_stuck() -> None:
    now = Hands()
    pulse = Pulse([flow("a", enabled=False)], monotonic=now)
    now.at += 1e6
    assert pulse.unhealthy() == {}


def test_a_sweep_is_given_more_patience_but_not_for_ever() -> None:
    now = Hands()
    pulse = Pulse([flow("a", every=60.0)], monotonic=now)
    with pulse.sweeping("a"):
        now.at += 3000
        assert pulse.unhealthy() == {}
        now.at += 1000
        assert pulse.unhealthy() == {"a": 4000.0}
    assert pulse.unhealthy() == {}


def test_the_watchdog_says_once_that_a_flow_is_stuck_and_once_that_it_is_not(rig: Rig) -> None:
    now = Hands()
    told = Told()
    flows = {"a": flow("a", every=60.0)}
    runner = EmbeddedRunner(
        passes=Passes(), flows=flows, timings=Daemon(), tell=told, stop=threading.Event(), prune=lambda: 0,
        pulse=Pulse(flows.values(), monotonic=now),
    )  # fmt: skip
    now.at += 400
    runner._watch()
    runner._watch()
    runner.pulse.beat("a")
    runner._watch()
    assert told.events == [("flow_unhealthy", {"flow": "a", "seconds": 400}), ("flow_healthy", {"flow": "a"})]


def test_a_flow_whose_every_pass_fails_shows_no_sign_of_life_until_one_ends_well() -> None:
    now = Hands()
    broken = True

    def act(name: str, number: int) -> None:
        if broken:
            raise LedgerError("disk full: make room")

    flows = {"a": flow("a", every=60.0)}
    runner = EmbeddedRunner(
        passes=Passes(act), flows=flows, timings=Daemon(), tell=Told(), stop=threading.Event(), prune=lambda: 0,
        pulse=Pulse(flows.values(), monotonic=now),
    )  # fmt: skip
    for _ in range(7):
        now.at += 60
        runner._poll("a")
    assert runner.pulse.unhealthy() == {"a": 360.0}, "it polls, and delivers nothing"
    broken = False
    runner._poll("a")
    assert runner.pulse.unhealthy() == {}


def test_after_a_leap_back_of_the_clock_every_flow_polls_within_its_interval(rig: Rig) -> None:
    passes = Passes()
    runner = rig(passes, flow("orders", every=3600.0))
    passes.wait_for("orders", 1)
    jobs = {job.id: job for job in runner._scheduler.get_jobs()}
    for job in jobs.values():
        job.modify(
            next_run_time=job.next_run_time + timedelta(hours=5)
        )  # what a clock put back by five hours makes of it
    nightly = jobs["nightly:orders"].next_run_time

    runner.clock_leapt()

    after = {job.id: job for job in runner._scheduler.get_jobs()}
    for name in ("poll:orders", "sweep:orders", "watch", "prune"):
        assert after[name].next_run_time <= datetime.now(UTC) + after[name].trigger.interval
    assert after["nightly:orders"].next_run_time == nightly


def test_a_clock_put_forward_by_years_makes_no_list_of_all_that_was_missed() -> None:
    trigger = Every(seconds=1)
    before, now = datetime(1970, 1, 2, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    assert trigger.get_next_fire_time(before, now) == now
    assert trigger.get_next_fire_time(now, now) == now + timedelta(seconds=1)
    assert trigger.get_next_fire_time(now - timedelta(seconds=1.5), now) == now - timedelta(seconds=0.5)
