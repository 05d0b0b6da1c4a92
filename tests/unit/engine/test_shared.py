"""`key:` of the main line: several records share one object, whoever comes first and whatever dies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.errors import Rejected, Transient, Unavailable
from connector.model import Ref
from tests.unit.engine.world import World

RETURNS = """
summary: all returns of an order are one %(what)s
when: "{{ order_no }}"
key: "{{ order_no }}"
fields:
  Subject: {from: "Order {{ order_no }}", write: on-create}
  OwnerId: {ref: queue, name: "{{ queue | default('Returns') }}", write: until-claimed}
also:
  - id: part
    to: destination.Comment
    fields: {ParentId: "{{ main.id }}", Body: "Return {{ record.key }}: {{ reason }}"}
"""
FLOW = "returns-to-cases"
KINDS = ("Case", "Ticket")


def laid(folder: Path, stream: str) -> World:
    made = World(folder)
    made.flow(FLOW, "shop.returns", f"desk.{stream}", RETURNS % {"what": stream}, brake=None)
    made.restart()
    return made


@pytest.fixture(params=KINDS)
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """The system refuses a second create (Case), or it does not (Ticket)."""
    made = laid(tmp_path, request.param)
    yield made
    made.store.close()


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[World]:
    made = laid(tmp_path, "Case")
    yield made
    made.store.close()


@pytest.fixture
def tickets(tmp_path: Path) -> Iterator[World]:
    made = laid(tmp_path, "Ticket")
    yield made
    made.store.close()


def returned(world: World, key: str, order: str = "1", **fields: object) -> None:
    world.shop.put("returns", key, **{"order_no": order, "reason": "late", **fields})  # type: ignore[arg-type]


def objects(world: World) -> dict[str, str]:
    """Ids of the shared objects by what they are shared for; every create of one was the only one."""
    kind = world.flows[FLOW].destination[1]
    found = {ours.rsplit(":", 1)[1]: one.key for ours, one in world.desk.by_our_key(kind).items()}
    assert all(count == 1 for count in world.desk.created.values()), world.desk.created
    return found


def parts(world: World) -> dict[str, str]:
    """By return, the object that its own line stands at."""
    return {k.split(":")[2]: one.fields["ParentId"] for k, one in world.desk.by_our_key("Comment").items()}


def rest(world: World) -> None:
    for _ in range(8):
        world.tick(FLOW, minutes=6)


def test_records_that_come_together_make_one_object_and_each_adds_its_line(world: World) -> None:
    for key in ("a", "b", "c"):
        returned(world, key)
    returned(world, "d", order="2")
    world.tick(FLOW)
    made = objects(world)
    assert made.keys() == {"1", "2"}
    assert parts(world) == {"a": made["1"], "b": made["1"], "c": made["1"], "d": made["2"]}
    assert set(world.states(FLOW).values()) == {"done"}


def test_records_of_chunks_that_are_delivered_at_once_make_one_object(world: World) -> None:
    for number in range(230):
        returned(world, f"r{number}")
    world.tick(FLOW)
    rest(world)
    made = objects(world)
    assert set(parts(world).values()) == {made["1"]}
    assert len(parts(world)) == 230


def test_a_record_that_comes_later_joins_with_one_look_and_no_create(world: World) -> None:
    returned(world, "a")
    world.tick(FLOW)
    calls = len(world.desk.log)
    returned(world, "b")
    world.tick(FLOW, minutes=5)
    kind = world.flows[FLOW].destination[1]
    assert [(verb, stream) for verb, stream, _ in world.desk.log[calls:]] == [("fetch", kind), ("write", "Comment")]
    assert len(objects(world)) == 1


def test_whoever_joins_leaves_what_stands_there_and_may_move_it_when_its_own_wish_changes(cases: World) -> None:
    world = cases
    returned(world, "a", queue="First")
    world.tick(FLOW)
    returned(world, "b", queue="Second")
    world.tick(FLOW, minutes=5)
    (case,) = objects(world).values()
    assert world.desk.objects["Case"][case].fields["OwnerId"] == Ref("queue", "First")
    returned(world, "b", queue="Third")
    world.tick(FLOW, minutes=5)
    assert world.desk.objects["Case"][case].fields["OwnerId"] == Ref("queue", "Third")
    world.desk.put("Case", case, OwnerId="ann", claimed_by="ann")
    returned(world, "a", queue="Fourth")
    rest(world)
    assert world.desk.objects["Case"][case].fields["OwnerId"] == "ann"


def test_two_records_that_move_one_object_at_once_do_it_in_two_calls(world: World) -> None:
    returned(world, "a")
    returned(world, "b")
    world.tick(FLOW)
    returned(world, "a", queue="First")
    returned(world, "b", queue="Second")
    world.tick(FLOW, minutes=5)
    rest(world)
    assert set(world.states(FLOW).values()) == {"done"}


@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_reply_to_the_create_makes_one_object(world: World, committed: bool) -> None:
    returned(world, "a")
    returned(world, "b")
    world.desk.fail("write", Transient("reset", uncertain=True), committed=committed)
    world.tick(FLOW)
    returned(world, "c")
    world.tick(FLOW, minutes=0.2)
    rest(world)
    made = objects(world)
    assert parts(world) == dict.fromkeys(("a", "b", "c"), made["1"])


@pytest.mark.parametrize("together", [True, False])
def test_a_create_without_an_answer_is_waited_out_by_whoever_shares_it(tickets: World, *, together: bool) -> None:
    world = tickets
    returned(world, "a")
    if together:
        returned(world, "b")
    world.desk.fail("write", Transient("reset", uncertain=True))
    world.tick(FLOW)
    assert world.desk.created == {}
    if not together:
        returned(world, "b")
    world.tick(FLOW, minutes=1)
    assert world.desk.created == {}
    late = world.desk.put("Ticket", "late", Subject="Order 1")
    world.desk.objects["Ticket"]["late"] = replace(late, our_key=f"{FLOW}:_ref_arch:1")
    rest(world)
    assert (objects(world), parts(world)) == ({"1": "late"}, {"a": "late", "b": "late"})


@pytest.mark.parametrize("at", ["settle", "lease"])
def test_a_kill_after_the_create_makes_one_object_whoever_comes_next(world: World, at: str) -> None:
    returned(world, "a")
    world.killed_pass(FLOW, at=at)
    returned(world, "b")
    world.tick(FLOW, minutes=0.1)
    returned(world, "c")
    world.tick(FLOW, minutes=0.1)
    rest(world)
    made = objects(world)
    assert parts(world) == dict.fromkeys(("a", "b", "c"), made["1"])
    assert set(world.states(FLOW).values()) == {"done"}


def test_a_create_that_was_refused_is_tried_by_the_next_one(world: World) -> None:
    returned(world, "a")
    returned(world, "b")
    kind = world.flows[FLOW].destination[1]
    world.desk.fail("write", Rejected("bad value", code="X"), when=lambda write: write.op == "create")
    world.tick(FLOW)
    assert sorted(world.states(FLOW).values()) == ["done", "parked"]
    assert len(world.desk.objects[kind]) == 1
    world.store.replay(world.clock.now(), flow=FLOW)
    world.tick(FLOW, minutes=5)
    assert set(world.states(FLOW).values()) == {"done"}
    assert len(objects(world)) == 1


def test_an_outage_between_two_who_share_leaves_nothing_behind(world: World) -> None:
    returned(world, "a")
    returned(world, "b")
    world.desk.fail("write", Unavailable("503"))
    world.tick(FLOW)
    rest(world)
    assert set(parts(world).values()) == set(objects(world).values())
    assert len(parts(world)) == 2


def test_a_shared_object_that_a_person_deleted_parks_whoever_comes_and_is_made_anew_once_for_all(cases: World) -> None:
    world = cases
    returned(world, "a")
    world.tick(FLOW)
    (old,) = objects(world).values()
    world.desk.remove("Case", old)
    returned(world, "b", queue="Second")
    world.tick(FLOW, minutes=5)
    assert world.states(FLOW) == {"a": "done", "b": "parked"}
    returned(world, "a", queue="Third")
    world.tick(FLOW, minutes=5)
    assert world.states(FLOW) == {"a": "parked", "b": "parked"}
    assert world.store.replay(world.clock.now(), flow=FLOW, recreate=True) == 2
    rest(world)
    assert set(world.states(FLOW).values()) == {"done"}
    (new,) = {one.key for one in world.desk.objects["Case"].values()}
    assert new != old
    assert set(parts(world).values()) == {new}


def test_whoever_comes_when_all_know_that_the_shared_object_was_deleted_parks_too(world: World) -> None:
    returned(world, "a")
    world.tick(FLOW)
    (old,) = objects(world).values()
    world.desk.remove(world.flows[FLOW].destination[1], old)
    returned(world, "a", queue="Third")
    world.tick(FLOW, minutes=5)
    returned(world, "b")
    world.tick(FLOW, minutes=5)
    assert world.desk.by_our_key(world.flows[FLOW].destination[1]) == {}
    assert world.states(FLOW) == {"a": "parked", "b": "parked"}
    assert world.store.replay(world.clock.now(), flow=FLOW, key="b", recreate=True) == 1
    rest(world)
    (new,) = {one.key for one in world.desk.by_our_key(world.flows[FLOW].destination[1]).values()}
    assert world.states(FLOW) == {"a": "parked", "b": "done"}
    assert world.store.replay(world.clock.now(), flow=FLOW, recreate=True) == 1, "it joins what was made anew"
    rest(world)
    assert parts(world) == {"a": new, "b": new}


def test_of_those_who_come_together_nobody_makes_anew_what_a_person_deleted_before_its_answer_was_read(
    cases: World,
) -> None:
    world = cases
    returned(world, "a")
    world.killed_pass(FLOW)
    (old,) = objects(world).values()
    world.desk.remove("Case", old)
    returned(world, "b")
    world.desk.fail("write", Unavailable("503"))
    world.tick(FLOW)
    rest(world)
    assert world.desk.by_our_key("Case") == {}
    assert world.states(FLOW) == {"a": "parked", "b": "parked"}
    assert world.store.replay(world.clock.now(), flow=FLOW, recreate=True) == 2
    rest(world)
    (new,) = {one.key for one in world.desk.by_our_key("Case").values()}
    assert set(parts(world).values()) == {new}
    assert new != old


def test_a_record_that_names_another_order_moves_its_line_there(cases: World) -> None:
    world = cases
    returned(world, "a")
    returned(world, "b")
    world.tick(FLOW)
    returned(world, "b", order="2")
    world.tick(FLOW, minutes=5)
    made = objects(world)
    assert parts(world) == {"a": made["1"], "b": made["2"]}


def test_a_create_that_commits_after_the_kill_is_waited_out_by_whoever_shares_it(tickets: World) -> None:
    world = tickets
    returned(world, "a")
    world.killed_pass(FLOW)
    ((ours, late),) = world.desk.objects["Ticket"].items()
    del world.desk.objects["Ticket"][ours]
    returned(world, "b")
    for _ in range(3):
        world.tick(FLOW, minutes=0.5)
    world.desk.objects["Ticket"][ours] = late
    rest(world)
    assert objects(world) == {"1": ours}
    assert parts(world) == {"a": ours, "b": ours}


def test_a_key_that_another_delivery_is_creating_is_waited_for(tickets: World) -> None:
    world = tickets
    returned(world, "a")
    place = world.engine.places.at("desk", "Ticket")
    other, key = object(), f"key {FLOW}:_ref_arch:1"
    assert world.engine._targets.take(other, place, key)
    world.tick(FLOW)
    assert (objects(world), world.states(FLOW)) == ({}, {"a": "pending"})
    world.engine._targets.give_back(other)
    world.tick(FLOW, minutes=0.1)
    assert objects(world).keys() == {"1"}
    assert world.engine._targets.take(other, place, key), "given back once the ledger knows"
