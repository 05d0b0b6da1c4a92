"""How many calls are left for whom, and until when: arithmetic, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.budget import PAUSE, SLOTS, Bound, Lane, Limits, Spent, again_at, bounds, ends_at, fresh, slot
from connector.model import Usage

NOW = datetime(2026, 11, 20, 10, 5, tzinfo=UTC)
HERE = slot(NOW)


def ours(used: int, budget: int) -> Bound:
    return Bound(used, budget, "calls_per_day", budget)


@pytest.mark.parametrize(
    ("used", "lanes"),
    [
        (0, {"write-back", "live", "sweep", "backfill"}),
        (499, {"write-back", "live", "sweep", "backfill"}),
        (500, {"write-back", "live", "sweep"}),
        (700, {"write-back", "live"}),
        (900, {"write-back"}),
        (999, {"write-back"}),
        (1000, set()),
        (1200, set()),
    ],
)
def test_each_lane_leaves_its_share_to_those_before_it(used: int, lanes: set[Lane]) -> None:
    every: tuple[Lane, ...] = ("write-back", "live", "sweep", "backfill")
    assert {lane for lane in every if ours(used, 1000).lets(lane)} == lanes


@pytest.mark.parametrize(
    ("ahead", "counts"), [(0, True), (-SLOTS, True), (-SLOTS - 1, False), (3, True), (SLOTS + 1, False)]
)
def test_a_day_is_counted_back_from_now_and_a_clock_that_was_put_back_forgets_nothing(ahead: int, counts: bool) -> None:
    assert Spent({HERE + ahead: 7}).own(NOW) == (7 if counts else 0)


def test_the_server_s_count_of_our_app_wins_while_it_is_fresh() -> None:
    spent = Spent({HERE: 5}, Usage(900, 1000, 40, NOW))
    assert spent.own(NOW) == 40
    assert spent.own(NOW + PAUSE) == 5


def test_the_server_s_count_is_believed_for_a_while_and_neither_when_its_clock_ran_ahead() -> None:
    usage = Usage(1, 2, None, NOW)
    assert fresh(usage, NOW + PAUSE - timedelta(seconds=1))
    assert not fresh(usage, NOW + PAUSE)
    assert not fresh(usage, NOW - PAUSE)


def test_both_bounds_hold_at_once_and_none_without_a_budget() -> None:
    spent = Spent({HERE: 30}, Usage(800, 1000, None, NOW))
    found = list(bounds(Limits(100, 0.2), spent, NOW))
    assert found == [ours(30, 100), Bound(800, 800, "server", 1000)]
    assert list(bounds(Limits(None, 0.2), spent, NOW + PAUSE)) == [], "an old count holds nothing: a call asks anew"
    assert list(bounds(None, spent, NOW)) == []


def test_a_lane_goes_on_when_enough_calls_are_a_day_old() -> None:
    spent = Spent({HERE - 100: 60, HERE - 10: 40})
    at = again_at(ours(100, 100), "write-back", spent, NOW)
    assert at == datetime.fromtimestamp((HERE - 100 + SLOTS + 1) * 600, UTC)
    assert spent.own(at) == 40
    assert spent.own(at - timedelta(seconds=1)) == 100
    assert again_at(ours(100, 100), "backfill", spent, NOW) == at
    assert again_at(ours(40, 70), "backfill", spent, NOW) == at


def test_under_the_server_s_bound_it_is_asked_again_after_a_quarter_of_an_hour() -> None:
    spent = Spent({}, Usage(1000, 1000, None, NOW - timedelta(minutes=5)))
    (bound,) = bounds(Limits(None, 0.0), spent, NOW)
    assert again_at(bound, "live", spent, NOW) == NOW + timedelta(minutes=10)


def steady(calls: int, slots: int) -> Spent:
    """So many calls in each slot until now, of which the last has half passed."""
    return Spent({**dict.fromkeys(range(HERE - slots + 1, HERE), calls), HERE: calls // 2})


def test_the_rate_is_that_of_the_last_hour() -> None:
    spent = Spent({HERE: 5, **{HERE - back: 10 for back in range(1, 7)}, HERE - 7: 1000})
    assert spent.an_hour(NOW) == pytest.approx(60)


def test_the_forecast_knows_what_falls_out_of_the_day() -> None:
    day = steady(10, SLOTS + 1)
    used = day.own(NOW)
    assert ends_at(ours(used, used + 20), day, NOW) is None, "as many fall out as are added"
    morning = steady(10, 24)
    end = ends_at(ours(morning.own(NOW), 600), morning, NOW)
    assert end is not None
    assert end - NOW == pytest.approx(timedelta(minutes=600 - 235), abs=timedelta(minutes=10))
    assert ends_at(ours(100, 100), morning, NOW) == NOW
    assert ends_at(ours(100, 100_000), morning, NOW) is None
