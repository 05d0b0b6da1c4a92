"""Objects beside a case: they go with it, they are never moved, and they are made anew when it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Rejected, RemoteError, Transient, Unavailable
from connector.model import Row
from tests.unit.engine.world import World

MAPPING = """
summary: an order's shipments stand beside its case
fields:
  Subject: "Order {{ record.key }} is {{ status }}"
also:
  - id: parts
    to: destination.Part
    for: "{{ shipments }}"
    key: "{{ this.no }}"
    fields:
      Case: POLICY
      State: "{{ this.state }}"
  - id: paid
    to: destination.Comment
    write: once
    fields: {Text: paid, Case: "{{ main.id }}"}
"""
GONE = "desk.Case: the object was deleted or merged by a person"
FOR_EVER, FOLLOWS = '{from: "{{ main.id }}", write: on-create}', '"{{ main.id }}"'


def shipments(**states: str) -> list[dict[str, str]]:
    return [{"no": no, "state": state} for no, state in states.items()]


def opened(folder: Path, policy: str) -> World:
    world = World(folder, orders=MAPPING.replace("POLICY", policy))
    world.order("0001", shipments=shipments(a="new", b="new"))
    world.tick()
    world.clock.forward(minutes=2)
    return world


@pytest.fixture(params=[FOR_EVER, FOLLOWS], ids=["for ever", "as written"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = opened(tmp_path, request.param)
    yield world
    world.store.close()


def parts(world: World) -> dict[str, dict[str, Any]]:
    """By our key's last part."""
    found = {str(fields["key"]).rpartition(":")[2]: fields for fields in listed(world, "Part")}
    assert len(found) == len(listed(world, "Part"))
    return found


def listed(world: World, stream: str) -> list[dict[str, Any]]:
    return [
        {"id": record.key, "key": record.our_key, **record.fields} for record in world.desk.objects[stream].values()
    ]


def deleted(world: World, *, with_parts: bool = True) -> Row:
    """The agent deletes the case, the system what stands beside it; then the order changes."""
    case = world.case_id("0001")
    for each in listed(world, "Part") if with_parts else ():
        world.desk.remove("Part", each["id"])
    world.desk.remove("Case", case)
    world.order("0001", status="late", shipments=shipments(a="new", b="new"))
    world.tick()
    (row,) = world.store.rows(flow="orders-to-cases")
    assert (row.state, row.reason) == ("parked", GONE)
    return row


def made_anew(world: World) -> None:
    assert world.store.replay(world.clock.now(), key="0001", recreate=True) == 1
    world.clock.forward(minutes=1)
    world.tick()


def test_each_is_made_once_and_the_one_that_changes_is_written_alone(world: World) -> None:
    case, before = world.case_id("0001"), parts(world)
    assert {name: (one["Case"], one["State"]) for name, one in before.items()} == {
        "a": (case, "new"),
        "b": (case, "new"),
    }
    writes = len(world.desk.sent)
    world.order("0001", shipments=shipments(a="new", b="sent", c="new"))
    world.tick()
    after = parts(world)
    assert (after["b"]["State"], after["c"]["Case"]) == ("sent", case)
    assert {name: one["id"] for name, one in after.items() if name != "c"} == {
        n: one["id"] for n, one in before.items()
    }
    sent = [write for _, write in world.desk.sent[writes:]]
    assert sorted((write.op, *write.fields) for write in sent) == [("create", "Case", "State"), ("update", "State")]


def test_one_that_is_asked_for_no_longer_stays(world: World) -> None:
    world.order("0001", shipments=shipments(a="new"))
    world.tick()
    assert parts(world).keys() == {"a", "b"}


def test_what_went_with_a_case_is_made_anew_beside_the_new_one_and_what_was_sent_once_is_not(world: World) -> None:
    deleted(world)
    for each in listed(world, "Comment"):
        world.desk.remove("Comment", each["id"])
    made_anew(world)
    case = world.case_id("0001")
    assert {name: one["Case"] for name, one in parts(world).items()} == {"a": case, "b": case}
    assert listed(world, "Comment") == [], "what is sent once is a person's to decide"
    (row,) = world.store.rows(flow="orders-to-cases")
    assert (row.state, row.field) == ("parked", "Case")


def test_what_a_look_still_shows_as_deleted_is_made_anew_too(world: World) -> None:
    """Salesforce shows what lies in the recycle bin, and says so."""
    before = world.desk.objects["Part"]
    for name, part in list(before.items()):
        before[name] = replace(part, deleted=True, our_key=None)
    deleted(world, with_parts=False)
    made_anew(world)
    stands = [each for each in world.desk.objects["Part"].values() if not each.deleted]
    assert sorted(str(each.our_key).rpartition(":")[2] for each in stands) == ["a", "b"]
    assert {each.fields["Case"] for each in stands} == {world.case_id("0001")}


def test_what_a_person_moved_to_another_case_stays_there_and_is_kept_current(world: World) -> None:
    for each in listed(world, "Part"):
        world.desk.put("Part", each["id"], Case="kept")
    deleted(world, with_parts=False)
    made_anew(world)
    world.order("0001", status="late", shipments=shipments(a="sent", b="new"))
    world.tick(minutes=1)
    assert {name: (one["Case"], one["State"]) for name, one in parts(world).items()} == {
        "a": ("kept", "sent"),
        "b": ("kept", "new"),
    }


@pytest.mark.parametrize("fault", [Unavailable("503"), Transient("reset", uncertain=True)], ids=["look", "create"])
def test_a_fault_while_they_are_made_anew_makes_each_once_afterwards(world: World, fault: RemoteError) -> None:
    deleted(world)
    world.store.replay(world.clock.now(), key="0001", recreate=True)
    world.clock.forward(minutes=1)
    if isinstance(fault, Unavailable):
        world.desk.fail("fetch", fault)
    else:
        world.desk.fail("write", fault, when=lambda write: "State" in write.fields, committed=True)
    world.tick()
    for _ in range(3):
        world.tick(minutes=5)
    case = world.case_id("0001")
    assert {name: one["Case"] for name, one in parts(world).items()} == {"a": case, "b": case}
    assert max(world.desk.created.values()) == 2, "the one that was deleted, and the new one"


def test_one_that_is_new_beside_a_case_that_is_gone_parks_for_the_case(world: World) -> None:
    """The case itself has nothing new to be told, so that nobody has noticed before."""
    world.desk.remove("Case", world.case_id("0001"))
    world.desk.fail(
        "write", Rejected("no such case", code="ENTITY_IS_DELETED"), when=lambda write: write.op == "create"
    )
    world.order("0001", shipments=shipments(a="new", b="new", c="new"))
    world.tick()
    (row,) = world.store.rows(flow="orders-to-cases")
    assert (row.state, row.reason) == ("parked", GONE)
    assert [line.id for line in row.lines if line.gone] == ["main"]
    for each in listed(world, "Part"):
        world.desk.remove("Part", each["id"])
    made_anew(world)
    case = world.case_id("0001")
    assert {name: one["Case"] for name, one in parts(world).items()} == {"a": case, "b": case, "c": case}


def test_one_that_is_refused_beside_a_case_that_stands_parks_for_its_own_reason(world: World) -> None:
    refusal = Rejected("too long", code="STRING_TOO_LONG", field="State")
    world.desk.fail("write", refusal, when=lambda write: write.op == "create")
    world.order("0001", shipments=shipments(a="new", b="new", c="new"))
    world.tick()
    (row,) = world.store.rows(flow="orders-to-cases")
    assert (row.state, row.reason, row.field) == ("parked", "too long", "State")
    assert not any(line.gone for line in row.lines)


@pytest.mark.parametrize("cleared", [True, False])
def test_one_that_belongs_to_nobody_any_more_follows_where_the_mapping_says_so(
    tmp_path: Path, *, cleared: bool
) -> None:
    world = opened(tmp_path, FOLLOWS)
    for each in listed(world, "Part") if cleared else ():
        world.desk.put("Part", each["id"], Case=None)
    deleted(world, with_parts=False)
    made_anew(world)
    case = world.case_id("0001")
    assert {name: one["Case"] for name, one in parts(world).items()} == {"a": case, "b": case}
    world.store.close()
