"""What is so of a record, from who had it when: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model import Stay
from connector.stamps import stamp
from connector.states import FACTS, LONGEST, MOST_BESIDE, OwnTime, beside, by_difference, facts, record_key, row_key, so

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def at(minutes: float) -> str:
    return stamp(NOON + timedelta(minutes=minutes))


def stay(owner: str, since: float, *, person: bool = False) -> Stay:
    return Stay(owner, owner, person, at(since), None)


def course(*owners: str) -> list[Stay]:
    """Stays of ten minutes: `q` and `r` are queues, others are people; a `+` behind says that we gave it to them."""
    made = []
    for number, owner in enumerate(owners):
        until = at(10 * (number + 1)) if number + 1 < len(owners) else None
        name = owner.rstrip("+")
        made.append(Stay(name, name, name not in "qr", at(10 * number), until, owner.endswith("+")))
    return made


@pytest.mark.parametrize(
    ("owners", "queue", "since"),
    [
        (("q",), "q", 0),
        (("q", "r"), "r", 10),
        (("q", "r+"), "r", 0),
        (("q", "r+", "q+"), "q", 0),
        (("q", "r", "q+"), "q", 10),
        (("q", "ada", "q"), "q", 20),
        (("q", "ada", "q+"), "q", 20),
        (("q", "ada", "q+", "r+"), "r", 20),
        (("ada", "r+"), "r", 10),
    ],
)
def test_a_wait_begins_where_a_person_let_go_or_moved_it_and_not_where_we_did(
    owners: tuple[str, ...], queue: str, since: float
) -> None:
    told = facts(course(*owners))
    assert (told["queued_in"], told["queued_since"]) == (queue, at(since))
    assert told["claimed_by"] is None


@pytest.mark.parametrize(
    ("owners", "by", "since", "of"),
    [
        (("ada",), "ada", 0, None),
        (("q", "ada"), "ada", 10, "q"),
        (("q", "ada", "bob"), "bob", 20, "q"),
        (("q", "ada", "r", "bob"), "bob", 30, "r"),
    ],
)
def test_a_claim_is_told_with_the_queue_that_it_was_taken_from(
    owners: tuple[str, ...], by: str, since: float, of: str | None
) -> None:
    told = facts(course(*owners))
    assert (told["claimed_by"], told["claimed_since"], told["claimed_from"]) == (by, at(since), of)
    assert told["queued_since"] is None


def test_nothing_is_known_of_what_was_never_seen() -> None:
    assert facts([]) == dict.fromkeys(FACTS)
    assert not so({"open": True}, [], {}, NOON)


def test_a_claim_is_active_at_least_since_it_was_made() -> None:
    assert facts(course("q", "ada"), at(5))["active_since"] == at(10)
    assert facts(course("q", "ada"), at(15))["active_since"] == at(15)


def test_a_difference_begins_a_stay_and_ends_the_one_before() -> None:
    first = Stay("q", "q", False, at(0))
    taken = by_difference([first], Stay("ada", "ada", True, at(10)))
    assert [(stay.owner, stay.since, stay.until) for stay in taken] == [("q", at(0), at(10)), ("ada", at(10), None)]
    same = by_difference(taken, Stay("ada", "ada", True, at(20)))
    assert same == taken
    closed = by_difference(taken, Stay("ada", "ada", True, at(20), at(19)))
    assert [(stay.owner, stay.until) for stay in closed] == [("q", at(10)), ("ada", at(19))]
    assert by_difference([first], Stay("ada", "ada", True, at(-5)))[0].until == at(0), "a clock does not go back"


def test_a_duration_is_over_at_its_end() -> None:
    stays = course("q")
    where = {"open": True, "claimed": False, "waiting_longer_than": 900.0}
    assert not so(where, stays, facts(stays), NOON + timedelta(seconds=899))
    assert so(where, stays, facts(stays), NOON + timedelta(seconds=900))
    assert not so({"claimed_longer_than": 1.0}, stays, facts(stays), NOON + timedelta(days=1))


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_key_of_an_evaluation_tells_whose_it_is(key: str, once: str) -> None:
    assert record_key(row_key(key, once)) == key
    assert record_key(row_key(key, f"{key}:{once}")) == key
    assert row_key(key, key) != row_key(key, f"{key}:{once}")


def test_a_record_may_name_its_own_time_and_what_is_no_time_is_none() -> None:
    own = OwnTime("Target", 60.0, 900.0)
    assert [own.of({"Target": given}) for given in (5, 1.5, Decimal(2), 0)] == [300.0, 90.0, 120.0, 0.0]
    assert [own.of({"Target": given}) for given in (None, "5", True, -1)] == [900.0] * 4
    assert OwnTime("Target", 60.0).of({}) is None
    assert own.of({"Target": 10**30}) == LONGEST, "no number is beyond what a time can be"


def test_what_has_no_time_of_its_own_and_none_otherwise_never_waits_too_long() -> None:
    where = {"waiting_longer_than": OwnTime("Target", 60.0)}
    stays = [stay("q", 0)]
    told = facts(stays)
    assert so(where, stays, {**told, "Target": 5}, NOON + timedelta(minutes=5))
    assert not so(where, stays, {**told, "Target": 5}, NOON + timedelta(minutes=4))
    assert not so(where, stays, told, NOON + timedelta(days=99))


def test_records_stand_beside_one_another_while_two_people_have_what_says_the_same() -> None:
    ines, omar, queue = stay("ines", 1, person=True), stay("omar", 2, person=True), stay("q", 0)
    cases = [("B", {"No": "1"}, [queue, omar]), ("A", {"No": "1"}, [queue, ines]), ("C", {"No": "2"}, [omar])]
    assert beside(cases, ["No"]) == {("A", "B"): omar.since}
    assert beside([*cases, ("D", {"No": "1"}, [queue])], ["No"]) == {("A", "B"): omar.since}
    assert beside([("A", {"No": ""}, [ines]), ("B", {"No": ""}, [omar])], ["No"]) == {}
    assert beside([("A", {"No": "1"}, [ines]), ("B", {"No": "1"}, [ines])], ["No"]) == {}
    assert (
        beside([("A", {"No": "1", "Shop": "x"}, [ines]), ("B", {"No": "1", "Shop": "y"}, [omar])], ["No", "Shop"]) == {}
    )


def test_a_value_that_more_share_than_an_order_has_cases_is_refused_with_one_of_them() -> None:
    many = [(f"C{n:02}", {"No": "n/a"}, [stay(f"agent {n}", n, person=True)]) for n in range(MOST_BESIDE + 1)]
    with pytest.raises(ValueError, match="C00"):
        beside(many, ["No"])
    assert len(beside(many[1:], ["No"])) == MOST_BESIDE * (MOST_BESIDE - 1) / 2
