"""The loop breaker, and what looks like a loop and is none: reopened and reassigned cases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.engine.flips import history
from connector.errors import Transient
from connector.flow import Flips
from connector.model import Line
from tests.unit.engine.world import World

ORDERS, ANSWERS = "orders-to-cases", "cases-to-orders"
MIRROR = """
summary: what the case says of the customer goes back to the order, turned round
fields:
  mood: {from: "{{ Mood }}", map: {calm: angry, angry: calm}, otherwise: "{{ null }}"}
"""
TOLD = """
summary: how the customer feels goes to the case
fields:
  Subject: "Order {{ record.key }}"
  Mood: "{{ mood }}"
also:
  - {id: comment, to: destination.Comment, fields: {Text: "{{ total }}"}}
"""


def limited(world: World, flips: Flips | None) -> None:
    world.flows = {name: replace(flow, flips=flips) for name, flow in world.flows.items()}
    world.restart()


@pytest.fixture
def fight(tmp_path: Path) -> Iterator[World]:
    """Two flows that answer one another: what one writes, the other turns round."""
    made = World(tmp_path, orders=TOLD, answers=MIRROR)
    made.order("0001", mood="calm")
    yield made
    made.store.close()


def rounds(world: World, count: int, *, minutes: float = 1) -> None:
    for _ in range(count):
        world.tick(ORDERS, minutes=minutes / 2)
        world.tick(ANSWERS, minutes=minutes / 2)


def writes(world: World) -> int:
    return world.shop.count("write") + world.desk.count("write")


def test_two_flows_that_fight_over_a_value_park_with_both(fight: World) -> None:
    rounds(fight, 60)
    assert "parked" in {fight.states(ORDERS)["0001"], *fight.states(ANSWERS).values()}
    (parked,) = fight.store.rows(state="parked")
    (line,) = (line for line in parked.lines if line.state == "rejected")
    assert (
        parked.reason
        == f"{line.stream}: {parked.field} went back and forth more than 10/h between values that were sent before"
    )
    assert set(line.fight[parked.field]) == {"calm", "angry"}
    other = ANSWERS if parked.flow == ORDERS else ORDERS
    assert other in parked.remedy
    assert "parked retry" in parked.remedy
    (told,) = fight.events("loop_broken")
    assert (told["rows"], told["field"], told["limit"], told["flow"]) == (1, parked.field, "10/h", parked.flow)
    assert "calm" not in f"{fight.told}{parked.reason}{parked.remedy}", (
        "values are a customer's: no log, no cause names them"
    )


def test_a_fight_costs_a_bounded_number_of_calls(fight: World) -> None:
    rounds(fight, 40)
    spent = writes(fight)
    assert spent <= 2 * 12 + 3
    rounds(fight, 200)
    assert writes(fight) == spent


def test_what_is_parked_stays_so_until_a_person_puts_it_back_and_counting_begins_anew(fight: World) -> None:
    rounds(fight, 40)
    (parked,) = fight.store.rows(state="parked")
    for mood in ("sad", "calm", "angry"):  # a newer version does not release it: nobody has looked yet
        fight.shop.put("orders", "0001", mood=mood, total=77)
        rounds(fight, 2, minutes=90)
    assert len(list(fight.store.rows(state="parked"))) == 1
    spent = writes(fight)

    fight.store.replay(fight.clock.now())
    assert all(
        not line.history and not line.fight for row in fight.store.rows() for line in row.lines if row.id == parked.id
    )
    for mood in ("calm", "angry"):  # one of them is not what was sent last
        fight.shop.put("orders", "0001", mood=mood)
        rounds(fight, 30)

    assert writes(fight) - spent >= 10
    assert len(list(fight.store.rows(state="parked"))) == 1
    assert len(fight.events("loop_broken")) == 2


def test_other_lines_of_the_record_still_go(tmp_path: Path) -> None:
    world = World(tmp_path, orders=TOLD)
    world.order("0001", mood="calm", total=1)
    world.tick()
    for turn in range(12):
        world.clock.forward(minutes=1)
        world.shop.put("orders", "0001", mood="angry" if turn % 2 == 0 else "calm", total=turn)
        world.tick()
    assert world.states()["0001"] == "parked"
    assert next(iter(world.desk.objects["Comment"].values())).fields["Text"] == 11
    assert world.cases()["0001"]["Mood"] == "angry"
    world.store.close()


def test_values_that_come_and_go_more_slowly_than_the_limit_are_sent(fight: World) -> None:
    rounds(fight, 60, minutes=15)
    assert not list(fight.store.rows(state="parked"))
    assert writes(fight) > 60


def test_without_a_limit_nothing_parks_and_nothing_is_remembered(fight: World) -> None:
    limited(fight, None)
    rounds(fight, 40)
    assert not list(fight.store.rows(state="parked"))
    assert all(line.history == b"" for row in fight.store.rows() for line in row.lines)


def test_a_lower_limit_of_a_flow_parks_sooner(fight: World) -> None:
    limited(fight, Flips(1, 60.0 * 60 * 24))
    rounds(fight, 20)
    (parked,) = fight.store.rows(state="parked")
    assert "more than 1/d" in parked.reason
    assert set(next(line for line in parked.lines if line.fight).fight[parked.field]) == {"calm", "angry"}


def test_ever_new_values_are_no_flips(world: World) -> None:
    world.order("0001", status="s")
    world.tick()
    for turn in range(40):
        world.shop.put("orders", "0001", total=turn)
        world.tick(minutes=1)
    assert world.states()["0001"] == "done"


def test_a_lost_reply_that_is_sent_again_is_no_flip(world: World) -> None:
    limited(world, Flips(1, 3600.0))
    world.order("0001", total=1)
    world.tick()
    for total in (2, 1):
        world.clock.forward(minutes=1)
        world.shop.put("orders", "0001", total=total)
        world.desk.fail("write", Transient("no answer", uncertain=True), committed=True)
        for _ in range(5):
            world.tick(minutes=4)
    assert world.states()["0001"] == "done"
    assert world.cases()["0001"]["Total"] == 1


def test_replies_that_are_lost_one_after_another_are_no_flips(world: World) -> None:
    limited(world, Flips(1, 3600.0))
    world.order("0001", total=0)
    world.tick()
    for total in (1, 2, 3, 4):
        world.shop.put("orders", "0001", total=total)
        world.desk.fail("write", Transient("no answer", uncertain=True), committed=True)
        world.tick(minutes=1)
        world.shop.put("orders", "0001", total=total + 0.5)
        world.desk.fail("write", Transient("no answer", uncertain=True), committed=True)
        world.tick(minutes=1)
        world.tick(minutes=5)
    assert world.states()["0001"] == "done", next(iter(world.store.rows(flow=ORDERS))).reason
    assert world.cases()["0001"]["Total"] == 4.5


def test_null_is_shown_as_the_value_that_it_is(world: World) -> None:
    limited(world, Flips(1, 3600.0))
    world.order("0001", total=1)
    world.tick()
    for total in (None, 1, None, 1, None):
        world.shop.put("orders", "0001", total=total)
        world.tick(minutes=1)
    (parked,) = world.store.rows(state="parked")
    assert parked.field == "Total"
    assert parked.lines[0].fight["Total"] == (1, None) or parked.lines[0].fight["Total"] == (None, 1)


def test_a_value_whose_reply_was_lost_is_shown_once_it_is_known_to_have_gone(tmp_path: Path) -> None:
    world = World(tmp_path, orders=TOLD, flips=Flips(1, 86400.0))
    for mood in ("calm", "angry"):
        world.order("0001", mood=mood)
        world.tick(minutes=5)
    world.order("0001", mood="calm")
    world.desk.fail("write", Transient("no answer", uncertain=True), when=lambda write: "Mood" in write.fields)
    world.tick(minutes=5)
    world.tick(minutes=5)
    world.order("0001", mood="angry")
    world.tick(minutes=5)
    (parked,) = world.store.rows(state="parked")
    assert next(line.fight for line in parked.lines if line.id == "main") == {"Mood": ("calm", "angry")}


def test_a_value_that_may_have_gone_is_shown_too(tmp_path: Path) -> None:
    world = World(tmp_path, orders=TOLD, flips=Flips(1, 86400.0))
    for mood in ("calm", "angry"):
        world.order("0001", mood=mood)
        world.tick(minutes=5)
    world.order("0001", mood="calm")
    world.desk.fail("write", Transient("no answer", uncertain=True), when=lambda write: "Mood" in write.fields)
    world.tick(minutes=5)
    world.order("0001", mood="angry")
    world.tick(minutes=5)
    (parked,) = world.store.rows(state="parked")
    assert next(line.fight for line in parked.lines if line.id == "main") == {"Mood": ("calm", "angry")}


def test_a_first_send_remembers_nothing_and_a_line_never_more_than_its_bound(world: World) -> None:
    world.order("0001", total=1)
    world.tick()
    (row,) = world.store.rows(flow=ORDERS)
    assert row.lines[0].history == b""
    for turn in range(90):
        world.clock.forward(seconds=20)
        world.shop.put("orders", "0001", total=turn)
        world.tick()
    (row,) = world.store.rows(flow=ORDERS)
    assert 0 < len(row.lines[0].history) <= 64 * 16
    world.clock.forward(hours=2)
    world.shop.put("orders", "0001", total=1000)
    world.tick()
    (row,) = world.store.rows(flow=ORDERS)
    assert len(row.lines[0].history) == 16, "what is older than the window is forgotten"


def test_the_values_go_with_the_stored_record(fight: World) -> None:
    rounds(fight, 40)
    (parked,) = fight.store.rows(state="parked")
    assert any(line.fight for line in parked.lines)
    fight.clock.forward(days=2)
    fight.store.prune(fight.clock.now(), delivered=3600, parked=3600, audit=10**8)
    (parked,) = fight.store.rows(state="parked")
    assert not any(line.fight for line in parked.lines)


# -- what looks like a loop and is none --------------------------------------------------------------------------------


def decides(world: World, resolution: str | None, decided: str) -> None:
    world.desk.put("Case", world.case_id("0001"), Resolution=resolution, Decided=decided)
    world.tick(ANSWERS, minutes=1)


def test_an_agent_who_closes_and_reopens_three_times_is_no_loop(world: World) -> None:
    world.flow(
        ANSWERS,
        "desk.Case",
        "shop.orders",
        'summary: s\nfields:\n  c_state: {from: "{{ State }}", map: {closed: DECIDED}, otherwise: OPEN}\n',
        answers=ORDERS,
        brake=None,
    )
    world.restart()
    world.order("0001")
    world.tick()
    world.tick(ANSWERS)
    for _ in range(3):
        for state, shown in (("closed", "DECIDED"), ("open", "OPEN")):
            world.clock.forward(minutes=2)
            world.desk.put("Case", world.case_id("0001"), State=state)
            world.tick(ANSWERS)
            assert world.shop.objects["orders"]["0001"].fields["c_state"] == shown
    assert set(world.states(ANSWERS).values()) == {"done"}


def test_a_reopened_case_that_is_decided_again_says_so_again(world: World) -> None:
    world.order("0001")
    world.tick()
    decides(world, "RELEASE", "1")
    decides(world, None, "1")
    assert world.shop.objects["orders"]["0001"].fields["c_decision"] == "RELEASE", "a reopened case takes nothing back"
    decides(world, "RELEASE", "2")
    decides(world, None, "2")
    decides(world, "HOLD", "3")
    assert world.shop.objects["orders"]["0001"].fields["c_decision"] == "HOLD"
    assert [text.split()[0] for text in world.notes("0001")] == ["RELEASE", "RELEASE", "HOLD"]


def test_a_reassigned_case_shows_its_new_owner_each_time(world: World) -> None:
    world.flow(
        ANSWERS,
        "desk.Case",
        "shop.orders",
        'summary: s\nfields:\n  c_handledBy: "{{ OwnerId }}"\n',
        answers=ORDERS,
        brake=None,
    )
    world.restart()
    world.order("0001")
    world.tick()
    seen: list[Any] = []
    for owner in ("Ada", "Ben", "Ada", "Ben"):
        world.clock.forward(minutes=3)
        world.desk.put("Case", world.case_id("0001"), OwnerId=owner, claimed_by=owner)
        world.tick(ANSWERS)
        seen.append(world.shop.objects["orders"]["0001"].fields["c_handledBy"])
    assert seen == ["Ada", "Ben", "Ada", "Ben"]


def test_a_line_without_a_past_costs_nothing() -> None:
    class Untouched:
        """Whatever is asked of it but `before` is too much."""

        before: Line | None = None

    assert history(Untouched(), None, Flips(1, 1.0)) == b""  # type: ignore[arg-type]
