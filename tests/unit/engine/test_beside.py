"""Two cases of one order that two people have: each is told of the other, once, and again only when it ended and began anew."""

from __future__ import annotations

import itertools
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.engine import Engine
from connector.errors import Rejected, Transient, Unavailable
from connector.model import Stay
from connector.stamps import stamp
from connector.store import Store, open_store
from tests.unit.engine.world import Dying, Killed, World

TELL = """
summary: another case of the order is with somebody else
once_per: "{{ record.key }}:{{ beside.key }}:{{ beside.since }}"
also:
  - id: told
    to: destination.Remark
    target: "{{ record.key }}"
    write: once
    fields: {text: "{{ beside.Number }} is with {{ beside.claimed_by }}"}
"""
WHERE = {"open": True, "claimed": True, "claimed_beside": ("Order",)}
FLOW = "doubles"


class Desk(World):
    """A desk whose agents take cases of orders."""

    def __init__(self, folder: Path, mapping: str = TELL, **where: Any) -> None:
        super().__init__(folder)
        self.flow(FLOW, "desk.Case", "desk.Case", mapping, by_state=True, where={**WHERE, **where})
        self.restart()

    def case(self, key: str, by: str | None = None, **fields: Any) -> None:
        """Who has it, and whatever else is saved with that."""
        known = self.desk.objects["Case"].get(key)
        first = {} if known else {"Id": key, "Number": f"no. {key}", "Order": "1301", "OwnerId": "Returns"}
        self.desk.put("Case", key, **{**first, "claimed_by": by, **fields})

    def poll(self, minutes: float = 1) -> None:
        self.clock.forward(minutes=minutes)
        self.engine.run_pass(FLOW)
        assert all(books.balanced for books in self.store.counts())

    def said(self, key: str) -> list[str]:
        return [fields["text"] for _, fields in self.desk.appended["Remark"][key]]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("page", [1, 200])
def test_both_are_told_of_the_other_once(desk: Desk, page: int) -> None:
    desk.desk.page = page
    desk.case("A", "Ines")
    desk.case("Z", "Zoe", Order="another order")
    desk.poll()
    desk.case("B", "Omar")
    for _ in range(3):
        desk.poll()
    assert (desk.said("A"), desk.said("B")) == (["no. B is with Omar"], ["no. A is with Ines"])
    assert desk.said("Z") == []


def test_a_case_of_a_later_number_that_was_taken_first_changes_nothing(desk: Desk) -> None:
    desk.case("B", "Omar")
    desk.case("A")
    desk.poll()
    assert desk.said("B") == []
    desk.case("A", "Ines")
    desk.poll()
    assert (desk.said("A"), desk.said("B")) == (["no. B is with Omar"], ["no. A is with Ines"])


def test_who_has_both_is_told_nothing_and_neither_is_a_queue_or_a_case_without_an_order(desk: Desk) -> None:
    desk.case("A", "Ines")
    desk.case("B", "Ines")
    desk.case("C")
    for key, person in (("D", "Ines"), ("E", "Omar")):
        desk.case(key, person, Order=None)
    for key, person in (("F", "Ines"), ("G", "Omar")):
        desk.case(key, person, Order="")
    desk.poll()
    assert not any(desk.said(key) for key in "ABCDEFG")


@pytest.mark.parametrize(
    ("end", "again"),
    [
        ({"by": None}, {"by": "Omar"}),
        ({"by": "Ines"}, {"by": "Omar"}),
        ({"by": "Omar", "closed": True}, {"by": "Omar", "closed": False}),
        ({"by": "Omar", "Order": "1302"}, {"by": "Omar", "Order": "1301"}),
    ],
    ids=["returned", "to the same person", "closed", "another order"],
)
def test_it_is_told_again_when_it_ended_and_began_anew(desk: Desk, end: dict[str, Any], again: dict[str, Any]) -> None:
    desk.case("A", "Ines")
    desk.case("B", "Omar")
    desk.poll()
    desk.case("B", **end)
    for _ in range(3):
        desk.poll()
    assert (len(desk.said("A")), len(desk.said("B"))) == (1, 1)
    desk.restart()
    desk.case("B", **again)
    for _ in range(3):
        desk.poll()
    assert (len(desk.said("A")), len(desk.said("B"))) == (2, 2)


def test_a_third_person_who_takes_one_over_is_told_and_named(desk: Desk) -> None:
    desk.case("A", "Ines")
    desk.case("B", "Omar")
    desk.poll()
    desk.case("B", "Zoe")
    desk.poll()
    assert desk.said("A") == ["no. B is with Omar", "no. B is with Zoe"]
    assert desk.said("B") == ["no. A is with Ines"] * 2


def test_of_three_each_is_told_of_both_others_once(desk: Desk) -> None:
    desk.case("A", "Ines")
    desk.case("B", "Omar")
    desk.poll()
    desk.case("C", "Zoe")
    for _ in range(2):
        desk.poll()
    assert {key: sorted(desk.said(key)) for key in "ABC"} == {
        "A": ["no. B is with Omar", "no. C is with Zoe"],
        "B": ["no. A is with Ines", "no. C is with Zoe"],
        "C": ["no. A is with Ines", "no. B is with Omar"],
    }


def test_a_save_that_changes_no_owner_says_nothing(desk: Desk) -> None:
    desk.case("A", "Ines")
    desk.case("B", "Omar")
    desk.poll()
    desk.case("A", "Ines", Comment="on it")
    desk.poll()
    assert len(desk.said("A")) == 1


def test_only_one_side_ended_between_two_polls_by_a_history_is_another_time(desk: Desk) -> None:
    """By the difference of two reads nothing happened; where the system remembers, it did."""
    desk.case("A", "Ines")
    desk.case("B", "Omar")
    desk.poll()
    at = [stamp(desk.clock.now() + timedelta(seconds=each)) for each in (-60, 10, 20)]
    desk.desk.histories["Case"]["B"] = [
        Stay("Omar", "Omar", True, at[0], at[1]), Stay("q", "Returns", False, at[1], at[2]), Stay("Omar", "Omar", True, at[2])
    ]  # fmt: skip
    desk.clock.forward(seconds=30)
    desk.case("B", "Omar")
    desk.poll()
    assert (len(desk.said("A")), len(desk.said("B"))) == (2, 2)


def test_a_case_that_was_forgotten_is_named_nowhere_again(desk: Desk) -> None:
    desk.case("A", "Ines")
    desk.case("B", "Omar")
    desk.poll()
    rows = [row.id for row in desk.store.rows(flow=FLOW) if row.key.startswith("B")]
    desk.store.forget(rows, {"B"}, desk.clock.now(), by="ada")
    assert list(desk.store.rows(flow=FLOW)) == [], "what the other one was told of it names it too"
    for person in (None, "Omar"):
        desk.case("B", person)
        desk.poll()
    assert (len(desk.said("A")), list(desk.store.rows(flow=FLOW))) == (1, [])


@pytest.mark.parametrize("verb", ["meet", "note_stays", "ingest", "settle"])
def test_a_kill_anywhere_tells_both_once(desk: Desk, verb: str) -> None:
    desk.case("A", "Ines")
    desk.case("B", "Omar")
    desk.clock.forward(minutes=1)
    desk.store = cast(Store, Dying(desk.store, verb))
    desk.engine = desk._engine()
    with pytest.raises(Killed):
        desk.engine.run_pass(FLOW)
    desk.restart()
    for _ in range(4):
        desk.poll(5)
    assert (desk.said("A"), desk.said("B")) == (["no. B is with Omar"], ["no. A is with Ines"])


def test_a_kill_between_the_write_and_its_answer_tells_both_once(desk: Desk) -> None:
    def die(stream: str, batch: object) -> None:
        raise Killed

    desk.case("A", "Ines")
    desk.case("B", "Omar")
    desk.desk.during(die)
    with pytest.raises(Killed):
        desk.engine.run_pass(FLOW)
    desk.restart()
    for _ in range(4):
        desk.poll(10)
    assert (desk.said("A"), desk.said("B")) == (["no. B is with Omar"], ["no. A is with Ines"])


def test_a_lost_reply_tells_both_once(desk: Desk) -> None:
    desk.case("A", "Ines")
    desk.case("B", "Omar")
    desk.desk.fail("write", Transient("no answer", uncertain=True), committed=True)
    for _ in range(5):
        desk.poll(10)
    assert (len(desk.said("A")), len(desk.said("B"))) == (1, 1)


def test_what_ended_before_it_could_be_said_is_not_said(desk: Desk) -> None:
    for order in ("1301", "1302"):
        desk.case(f"A{order}", "Ines", Order=order)
        desk.case(f"B{order}", "Omar", Order=order)
    desk.desk.fail("write", Unavailable("down"), times=1)
    desk.poll()
    desk.case("B1301")
    desk.poll(30)
    desk.poll(30)
    assert {key: len(desk.said(key)) for key in ("A1301", "B1301", "A1302", "B1302")} == {
        "A1301": 0, "B1301": 0, "A1302": 1, "B1302": 1,
    }  # fmt: skip
    assert {row.reason for row in desk.store.rows(flow=FLOW, state="filtered")} == {
        "was no longer so when it could be acted on"
    }


def test_one_that_is_refused_parks_alone_and_a_retry_says_it(desk: Desk) -> None:
    desk.case("A", "Ines")
    desk.case("B", "Omar")
    desk.desk.fail("write", Rejected("locked"), when=lambda write: write.target == "A")
    desk.poll()
    assert (desk.said("A"), len(desk.said("B"))) == ([], 1)
    desk.store.replay(desk.clock.now())
    desk.poll()
    desk.poll()
    assert (len(desk.said("A")), len(desk.said("B"))) == (1, 1)


def test_two_processes_that_take_turns_on_one_ledger_tell_once(desk: Desk) -> None:
    desk.case("A", "Ines")
    desk.case("B", "Omar")
    second = open_store("sqlite:///ledger.db", base=desk.folder)
    try:
        other = Engine(
            store=second, connections={"shop": desk.shop, "desk": desk.desk}, flows=desk.flows, clock=desk.clock,
            policy=desk.policy, tell=lambda event, **facts: None, stop=desk.stop,
        )  # fmt: skip
        for _ in range(2):
            other.run_pass(FLOW)
            desk.poll()
        desk.case("B")
        other.run_pass(FLOW)
        desk.case("B", "Omar")
        desk.poll()
        other.run_pass(FLOW)
    finally:
        second.close()
    assert (len(desk.said("A")), len(desk.said("B"))) == (2, 2)


def test_an_idle_poll_is_one_call_and_writes_nothing_to_the_ledger(desk: Desk) -> None:
    desk.case("A", "Ines")
    desk.case("B", "Omar")
    desk.poll()
    desk.poll()
    before = desk.desk.calls()
    desk.poll()
    assert desk.desk.calls() - before == 1


def test_several_fields_must_all_be_the_same(tmp_path: Path) -> None:
    desk = Desk(tmp_path, claimed_beside=("Site", "Order"))
    desk.case("A", "Ines", Site="RefArch")
    desk.case("B", "Omar", Site="Outlet")
    desk.case("C", "Omar", Site="RefArch")
    desk.poll()
    assert {key: desk.said(key) for key in "ABC"} == {
        "A": ["no. C is with Omar"], "B": [], "C": ["no. A is with Ines"],
    }  # fmt: skip


def test_the_rest_of_where_is_so_of_both(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Type=["Return", "Claim"])
    desk.case("A", "Ines", Type="Return")
    desk.case("B", "Omar", Type="Recall")
    desk.poll()
    assert desk.said("A") == []
    desk.case("B", "Omar", Type="Claim")
    desk.poll()
    assert (len(desk.said("A")), len(desk.said("B"))) == (1, 1)


def test_a_value_that_very_many_share_stops_the_flow_in_words_and_heals(desk: Desk) -> None:
    for number in range(21):
        desk.case(f"C{number:02}", f"agent {number}", Order="n/a")
    desk.poll()
    (paused,) = desk.events("flow_paused")
    assert "more than 20 claimed records of desk.Case share Order with C00" in str(paused)
    assert desk.said("C01") == []
    for number in range(21):
        desk.case(f"C{number:02}", f"agent {number}", Order=f"{number}")
    desk.case("A", "Ines", Order="5")
    desk.poll(10)
    assert desk.said("A") == ["no. C05 is with agent 5"]


STEP = st.tuples(
    st.sampled_from("ABC"), st.sampled_from(["Ines", "Omar", None, "close", "open", "1302", "1301"]), st.booleans()
)


@settings(max_examples=40, deadline=None)
@given(course=st.lists(STEP, max_size=14))
def test_whatever_agents_do_each_is_told_once_for_each_time_that_it_begins(
    tmp_path_factory: pytest.TempPathFactory, course: list[tuple[str, str | None, bool]]
) -> None:
    """Against a model that only knows who had what at each poll."""
    desk = Desk(tmp_path_factory.mktemp("course"))
    cases: dict[str, dict[str, Any]] = {key: {"by": None, "closed": False, "Order": "1301"} for key in "ABC"}
    expected = dict.fromkeys("ABC", 0)
    before: dict[tuple[str, str], tuple[str, str]] = {}
    for key, what, restart in [("A", "Ines", False), ("B", "Omar", False), *course]:
        match what:
            case "close" | "open":
                cases[key]["closed"] = what == "close"
            case "1301" | "1302":
                cases[key]["Order"] = what
            case _:
                cases[key]["by"] = what
        desk.case(key, **cases[key])
        if restart:
            desk.restart()
        desk.poll()
        now = {}
        for pair in itertools.combinations("ABC", 2):
            one, other = (cases[each] for each in pair)
            both_open = one["Order"] == other["Order"] and not (one["closed"] or other["closed"])
            if both_open and one["by"] and other["by"] and one["by"] != other["by"]:
                now[pair] = (one["by"], other["by"])
        for pair, owners in now.items():
            if before.get(pair) != owners:
                for each in pair:
                    expected[each] += 1
        before = now
    assert {key: len(desk.said(key)) for key in "ABC"} == expected, course
    desk.store.close()


TORN = st.tuples(
    st.sampled_from("ABC"),
    st.sampled_from(["Ines", "Omar", None, "close", "open"]),
    st.sampled_from([None, None, "note_stays", "meet", "ingest", "settle", "lost"]),
)


@settings(max_examples=25, deadline=None)
@given(course=st.lists(TORN, max_size=10))
def test_whatever_is_killed_or_lost_meanwhile_nothing_is_told_twice_and_what_lasts_is_told(
    tmp_path_factory: pytest.TempPathFactory, course: list[tuple[str, str | None, str | None]]
) -> None:
    """What a process that dies has not seen began no more often than it would have for one that lives."""
    desk = Desk(tmp_path_factory.mktemp("torn"))
    cases: dict[str, dict[str, Any]] = {key: {"by": None, "closed": False} for key in "ABC"}
    most: dict[str, int] = dict.fromkeys("ABC", 0)
    before: dict[tuple[str, str], tuple[str, str]] = {}
    for key, what, torn in [("A", "Ines", None), ("B", "Omar", None), *course]:
        if what in ("close", "open"):
            cases[key]["closed"] = what == "close"
        else:
            cases[key]["by"] = what
        desk.case(key, **cases[key])
        desk.clock.forward(minutes=1)
        if torn == "lost":
            desk.desk.fail("write", Transient("no answer", uncertain=True), committed=True)
        elif torn is not None:
            desk.store = cast(Store, Dying(desk.store, torn))
            desk.engine = desk._engine()
        with suppress(Killed):
            desk.engine.run_pass(FLOW)
        desk.restart()
        now = {
            (one, other): (cases[one]["by"], cases[other]["by"])
            for one, other in itertools.combinations("ABC", 2)
            if not (cases[one]["closed"] or cases[other]["closed"])
            and None not in (cases[one]["by"], cases[other]["by"])
            and cases[one]["by"] != cases[other]["by"]
        }
        for pair, owners in now.items():
            for each in pair if before.get(pair) != owners else ():
                most[each] += 1
        before = now
    for _ in range(4):
        desk.poll(10)
    for key in "ABC":
        keys = [ours for ours, _ in desk.desk.appended["Remark"][key]]
        assert len(keys) == len(set(keys)) <= most[key], course
    for pair in before:
        for own, other in (pair, pair[::-1]):
            assert f"no. {other} is with {cases[other]['by']}" in desk.said(own), course
    desk.store.close()
