"""An older ledger put back, and one that was lost: what is sent again, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.errors import Unavailable
from tests.unit.engine.world import World

FLOW, BACK = "orders-to-cases", "cases-to-orders"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def copied(world: World) -> Path:
    path = world.folder / "copy.db"
    world.store.backup(path, world.clock.now())
    return path


def put_back(world: World, copy: Path | None) -> None:
    """Another ledger stands in place of this one when the next process starts."""
    world.store.close()
    for path in world.folder.glob("ledger.db*"):
        path.unlink()
    if copy is not None:
        copy.rename(world.folder / "ledger.db")
    world.restart()


def passes(world: World) -> None:
    """Until everything is through, late look-ups included."""
    for _ in range(4):
        world.tick(minutes=3)
        world.tick(BACK)


@pytest.mark.parametrize("lost", [False, True])
def test_newer_versions_are_read_again_and_the_newest_wins(world: World, lost: bool) -> None:
    world.order("1")
    world.tick()
    copy = copied(world)
    world.order("1", status="paid")
    world.order("2")
    world.tick(minutes=5)
    put_back(world, None if lost else copy)
    passes(world)
    assert {key: fields["Subject"] for key, fields in world.cases().items()} == {
        "1": "Order 1 is paid",
        "2": "Order 2 is new",
    }
    assert all(count == 1 for count in world.desk.created.values())


def test_what_was_pending_in_the_copy_and_was_sent_since_is_looked_up_first(world: World) -> None:
    """A note that was due, and went out after the copy was made."""
    world.order("1")
    world.tick()
    world.desk.put("Case", world.case_id("1"), Resolution="Release", Decided="d1")
    world.shop.fail("write", Unavailable("down"))
    world.tick(BACK)
    copy = copied(world)
    world.tick(BACK, minutes=5)
    assert world.notes("1") == ["Release for 1 over 10.5"]
    put_back(world, copy)
    passes(world)
    assert world.notes("1") == ["Release for 1 over 10.5"]
    assert world.states(BACK) == {world.case_id("1"): "done"}


def test_an_old_value_does_not_overwrite_a_newer_one_once_the_source_was_read(world: World) -> None:
    """A version that was pending in the copy is superseded by the newer one before anything is sent."""
    world.order("1")
    world.tick()
    world.order("1", status="paid")
    world.desk.fail("write", Unavailable("down"))
    world.tick(minutes=5)
    copy = copied(world)
    world.order("1", status="shipped")
    world.tick(minutes=10)
    assert world.cases()["1"]["Subject"] == "Order 1 is shipped"
    put_back(world, copy)
    sent = len(world.desk.sent)
    passes(world)
    assert world.cases()["1"]["Subject"] == "Order 1 is shipped"
    subjects = [write.fields.get("Subject") for _, write in world.desk.sent[sent:] if write.op == "update"]
    assert "Order 1 is paid" not in subjects


def test_a_persons_hand_is_respected_by_an_older_ledger(world: World) -> None:
    world.order("1")
    world.tick()
    copy = copied(world)
    world.order("1", queue="Concierge")
    world.tick(minutes=5)
    case = world.case_id("1")
    world.desk.put("Case", case, claimed_by="Ada", OwnerId="Ada", Status="Working")
    put_back(world, copy)
    passes(world)
    held = world.cases()["1"]
    assert (held["OwnerId"], held["Status"]) == ("Ada", "Working")


def test_a_case_that_was_deleted_after_the_copy_is_not_made_anew(world: World) -> None:
    world.order("1")
    world.tick()
    copy = copied(world)
    world.desk.remove("Case", world.case_id("1"))
    put_back(world, copy)
    world.order("1", status="paid")
    passes(world)
    assert world.cases() == {}
    assert world.states() == {"1": "parked"}
