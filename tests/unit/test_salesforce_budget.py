"""Sforce-Limit-Info on every reply, and our own budget."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.adapters.salesforce.budget import Gauge, Usage, parse_usage
from connector.adapters.salesforce.settings import Budget
from connector.errors import RateLimited, RemoteError
from connector.testing import FrozenClock
from tests.unit.salesforce_wire import (
    BASE,
    COLLECTIONS,
    FIELDS,
    NOW,
    QUERY,
    create,
    done,
    found,
    json_answer,
    org,
    refusal,
    update,
)


@pytest.mark.parametrize(
    ("header", "used", "allowed", "app"),
    [
        ("api-usage=10018/100000", 10018, 100000, None),
        ("api-usage=18/5000; api-bursts=1/750", 18, 5000, None),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-app)", 25, 5000, 17),
        ("api-bursts=1/750; per-app-api-usage=17/250(appName=x); api-usage=25/5000", 25, 5000, 17),
    ],
)
def test_the_limit_header_is_read_in_all_its_forms(header: str, used: int, allowed: int, app: int | None) -> None:
    assert parse_usage(header, NOW) == Usage(used, allowed, app, NOW)


@pytest.mark.parametrize("header", ["", "nonsense", "per-app-api-usage=17/250(appName=x)"])
def test_a_header_without_the_org_s_count_says_nothing(header: str) -> None:
    assert parse_usage(header, NOW) is None


def test_the_org_s_reserve_stops_reads_and_creates_but_not_updates() -> None:
    with org(budget={"reserve": "20%"}) as (adapter, wire, _):
        wire.script("GET", QUERY, json_answer({"done": True, "records": []}, Sforce_Limit_Info="api-usage=800/1000"))
        wire.script("PATCH", COLLECTIONS, json_answer([done(1)]))
        list(adapter.read("Case", None, select=FIELDS))
        for call in (
            lambda: list(adapter.read("Case", None, select=FIELDS)),
            lambda: adapter.fetch("Case", ["k"], by="our_key", select=FIELDS),
            lambda: adapter.write("Case", [create("k1")]),
        ):
            with pytest.raises(RateLimited, match="800 of 1000") as caught:
                call()
            assert caught.value.until == NOW + timedelta(minutes=15)
        assert adapter.write("Case", [update(1)])[0].error is None
        assert len(wire.sent(QUERY)) == 1


def test_after_the_pause_one_call_asks_how_things_stand() -> None:
    with org(budget={"reserve": 0.5}) as (adapter, wire, clock):
        spent = json_answer({"done": True, "records": []}, Sforce_Limit_Info="api-usage=500/1000")
        free = json_answer({"done": True, "records": []}, Sforce_Limit_Info="api-usage=10/1000")
        wire.script("GET", QUERY, spent, free)
        list(adapter.read("Case", None, select=FIELDS))
        with pytest.raises(RateLimited):
            list(adapter.read("Case", None, select=FIELDS))
        clock.forward(minutes=15)
        for _ in range(2):
            list(adapter.read("Case", None, select=FIELDS))
        assert len(wire.sent(QUERY)) == 3


def test_the_count_is_read_from_refusals_too() -> None:
    with org(budget={"reserve": "10%"}) as (adapter, wire, _):
        wire.script("GET", QUERY, refusal(400, "MALFORMED_QUERY", "", Sforce_Limit_Info="api-usage=950/1000"))
        with pytest.raises(RemoteError):
            list(adapter.read("Case", None, select=FIELDS))
        with pytest.raises(RateLimited):
            list(adapter.read("Case", None, select=FIELDS))


def test_without_a_budget_nothing_is_held_back_until_the_server_refuses() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, json_answer({"done": True, "records": []}, Sforce_Limit_Info="api-usage=1000/1000"))
        for _ in range(3):
            list(adapter.read("Case", None, select=FIELDS))
        assert len(wire.sent(QUERY)) == 3


def hears(gauge: Gauge, calls: int, header: str = "api-usage=1/100000") -> None:
    for _ in range(calls):
        gauge.hear(200, {"Sforce-Limit-Info": header})


def test_our_own_calls_of_a_rolling_day_are_bounded() -> None:
    clock = FrozenClock()
    gauge = Gauge("service", Budget(calls_per_day=100), clock)
    hears(gauge, 99)
    gauge.check()
    hears(gauge, 1)
    with pytest.raises(RateLimited, match="calls_per_day is 100"):
        gauge.check()
    clock.forward(hours=23)
    hears(gauge, 1)
    with pytest.raises(RateLimited):
        gauge.check()
    clock.forward(hours=1)
    hears(gauge, 1)
    gauge.check()
    assert gauge.own == 2


def test_the_server_s_own_count_of_our_app_wins_when_it_is_higher() -> None:
    gauge = Gauge("service", Budget(calls_per_day=100), FrozenClock())
    hears(gauge, 1, "api-usage=900/100000; per-app-api-usage=100/250(appName=connector)")
    with pytest.raises(RateLimited):
        gauge.check()


def test_other_people_s_calls_do_not_spend_our_calls_per_day() -> None:
    gauge = Gauge("service", Budget(calls_per_day=100), FrozenClock())
    hears(gauge, 1, "api-usage=60000/100000")
    gauge.check()


def test_check_tells_the_calls_left_and_that_the_budget_is_spent() -> None:
    with org(budget={"reserve": "20%"}) as (adapter, wire, _):
        wire.script("GET", BASE + "limits", json_answer({}, Sforce_Limit_Info="api-usage=90/100"))
        report = adapter.check()
        assert report.facts["calls left"] == "10 of 100"
        assert not report.well
        wire.script("GET", QUERY, found())
        assert report.problems[0].remedy
