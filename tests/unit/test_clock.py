"""A machine's clock that leaps: forward it is believed late, back at once, and the daemon sees either."""

from __future__ import annotations

from connector.config.clock import APART, HOLD, SystemClock
from connector.runner.leaps import Leaps


class Machine:
    """Two clocks that a test moves."""

    def __init__(self) -> None:
        self.wall_at, self.elapsed = 1_000_000.0, 50.0

    def passes(self, seconds: float) -> None:
        self.wall_at, self.elapsed = self.wall_at + seconds, self.elapsed + seconds

    def put(self, seconds: float) -> None:
        self.wall_at += seconds

    def wall(self) -> float:
        return self.wall_at

    def monotonic(self) -> float:
        return self.elapsed


def at(clock: SystemClock) -> float:
    return clock.now().timestamp() - 1_000_000.0


def test_the_machine_s_time_is_told_as_it_is() -> None:
    machine = Machine()
    clock = SystemClock(machine.wall, machine.monotonic)
    for _ in range(3):
        machine.passes(3600)
        machine.put(APART / 2)  # slewed
        assert clock.now().timestamp() == machine.wall_at


def test_a_leap_forward_is_believed_when_nothing_from_before_it_can_be_under_way() -> None:
    machine = Machine()
    clock = SystemClock(machine.wall, machine.monotonic)
    machine.passes(10)
    machine.put(7200)
    assert at(clock) == 10
    machine.passes(HOLD - 1)
    assert at(clock) == HOLD + 9
    machine.passes(1)
    assert at(clock) == HOLD + 10 + 7200


def test_a_leap_back_is_believed_at_once_and_takes_back_one_forward() -> None:
    machine = Machine()
    clock = SystemClock(machine.wall, machine.monotonic)
    machine.put(-7200)
    assert at(clock) == -7200
    machine.put(3600)
    assert at(clock) == -7200
    machine.put(-3600)
    machine.passes(5)
    assert at(clock) == -7195
    machine.passes(HOLD)
    assert at(clock) == -7195 + HOLD


def test_the_daemon_sees_leaps_and_not_time_that_passes() -> None:
    machine = Machine()
    leaps = Leaps(machine.wall, machine.monotonic)
    machine.passes(3600)
    assert leaps.seconds() == 0
    machine.put(-18000)
    assert leaps.seconds() == -18000
    assert leaps.seconds() == 0
    machine.put(APART - 1)
    assert leaps.seconds() == 0
    machine.put(90)
    assert leaps.seconds() == 90
