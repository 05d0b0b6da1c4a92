"""What is sent once stays: whoever made it, whatever the ledger remembers of it, and however often its record is mapped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.engine.test_lines import ONCE
from tests.unit.engine.world import World

FLOW = "cases-to-orders"


@pytest.fixture
def refunding(tmp_path: Path) -> Iterator[World]:
    """A refund of 10 was asked for by a process that died before it could note so, and 20 is wanted now."""
    made = World(tmp_path, answers=ONCE)
    made.order("0001")
    made.tick()
    made.desk.put("Case", made.case_id("0001"), Resolution="Refund", Amount=10)
    made.clock.forward(minutes=1)
    made.killed_pass(FLOW)
    made.desk.put("Case", made.case_id("0001"), Amount=20)
    made.tick(FLOW, minutes=1)
    made.tick(FLOW, minutes=3)
    yield made
    made.store.close()


def amounts(world: World) -> list[int]:
    return [record.fields["amount"] for record in world.shop.objects["returns"].values()]


def test_another_amount_than_the_one_that_stands_parks(refunding: World) -> None:
    assert amounts(refunding) == [10]
    assert set(refunding.states(FLOW).values()) == {"parked"}


def test_a_later_version_of_the_record_does_not_write_over_it(refunding: World) -> None:
    refunding.desk.put("Case", refunding.case_id("0001"), touched=1)
    refunding.tick(FLOW, minutes=1)
    assert amounts(refunding) == [10]
    assert set(refunding.states(FLOW).values()) == {"parked"}


def test_a_retry_does_not_write_over_it(refunding: World) -> None:
    refunding.store.replay(refunding.clock.now())
    refunding.tick(FLOW, minutes=1)
    assert amounts(refunding) == [10]


def test_the_amount_that_stands_ends_it(refunding: World) -> None:
    refunding.desk.put("Case", refunding.case_id("0001"), Amount=10)
    refunding.tick(FLOW, minutes=1)
    assert amounts(refunding) == [10]
    assert set(refunding.states(FLOW).values()) == {"done"}
    assert list(refunding.shop.created.values()) == [1]
