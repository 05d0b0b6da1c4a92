"""The plan of a self-test: all of it comes from the seed, and no kind of fault is left out."""

from __future__ import annotations

from itertools import islice

from connector.cli.selftesting import faults
from connector.cli.selftesting.plan import Gust, Plan, Squall
from connector.sandbox.faults import Rule


def plan(seed: int = 7) -> Plan:
    return Plan(seed, 0.01, 0.1, 10.0)


def test_the_same_seed_makes_the_same_plan() -> None:
    def whole(seed: int) -> list[object]:
        made = plan(seed)
        return [made.options(500), made.standing(500), *islice(made.weather(), 60), *islice(made.kills(), 60)]

    assert whole(7) == whole(7)
    assert whole(7) != whole(8)


def test_every_kind_of_fault_comes_on_every_side_within_one_round() -> None:
    gusts = list(islice(Plan(7, 0.01, 0.1, 10.0, sure=False).weather(), 40))
    blown = {(name, rule["system"]) for gust in gusts if isinstance(gust, Gust) for name, rule in gust.rules}
    assert blown == {(kind.name, system) for kind in faults.SHORT for system in kind.systems}
    squalls = {(each.name, each.system) for each in gusts if isinstance(each, Squall)}
    assert {name for name, _ in squalls} == {faults.OUTAGE, faults.BUDGET, faults.CREDENTIALS, faults.REVOKED}
    assert {system for _, system in squalls} == set(faults.BOTH)


def test_a_short_run_does_not_wait_for_tomorrows_budget() -> None:
    assert faults.BUDGET not in {each.name for each in islice(plan().weather(), 40) if isinstance(each, Squall)}


def test_a_long_run_uses_up_the_days_calls_once() -> None:
    for seed in range(20):
        weather = islice(Plan(seed, 0.01, 0.1, 10.0, sure=False).weather(), 400)
        assert [each.name for each in weather if isinstance(each, Squall)].count(faults.BUDGET) == 1


def test_faults_strike_at_the_rates_that_were_asked_for_and_once_for_certain() -> None:
    rules = [rule for gust in islice(plan().weather(), 40) if isinstance(gust, Gust) for _, rule in gust.rules]
    assert all(0.01 <= rule["probability"] <= 0.1 for rule in rules if "probability" in rule)
    assert sum("nth" in rule for rule in rules) == sum("probability" in rule for rule in rules)


def test_every_standing_kind_strikes_records_that_no_other_strikes_first() -> None:
    for seed in range(10):
        rules = [(name, Rule(**rule)) for name, rule in plan(seed).standing(5000)]
        first = [next((name for name, rule in rules if rule.row_fails(0, 1, f"key-{n}")), "") for n in range(5000)]
        assert {name for name, _ in rules} <= set(first)


def test_the_sandbox_takes_every_rule() -> None:
    weather = (rule for gust in islice(plan().weather(), 40) if isinstance(gust, Gust) for _, rule in gust.rules)
    kills = ({**kill.rule, "pid": 1} for kill in islice(plan().kills(), 60) if kill.rule is not None)
    for rule in (*weather, *kills, *(rule for _, rule in plan().standing(100))):
        assert Rule(**rule).kind == rule["kind"]


def test_the_daemon_dies_at_every_moment_of_every_request() -> None:
    kills = list(islice(plan().kills(), 400))
    assert {kill.moment for kill in kills} == {"time", "before", "within", "after"}
    assert len({(kill.moment, kill.rule["path"], kill.rule["method"]) for kill in kills if kill.rule}) > 25
    assert all(8 <= kill.after <= 12 for kill in kills)


def test_clocks_disagree_by_a_quarter_of_an_hour_either_way() -> None:
    apart = set()
    for seed in range(40):
        words = plan(seed).options(100)
        named = dict(zip(words[::2], words[1::2], strict=True))
        apart.add((float(named["--shop-skew"]), float(named["--org-skew"])))
    assert {(900.0, -900.0), (-900.0, 900.0)} <= apart
    assert all(shop != org for shop, org in apart)


def test_however_few_records_there_are_some_are_refused_for_good() -> None:
    assert all(rule["share"] * 100 >= 8 for _, rule in plan().standing(100))
    assert all(rule["share"] <= 0.01 for _, rule in plan().standing(100_000))
