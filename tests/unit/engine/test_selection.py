"""What is read of a record: the parts that the flows use, where its system can be asked for parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connector.engine.selection import covers
from connector.errors import Unavailable
from tests.unit.engine.world import World

NAMED = """
when: "{{ needs_care }}"
fields: {Subject: "{{ buyer.name }} ordered {{ items | map('sku') | join(', ') }}"}
"""
MAILED = NAMED.replace('}}"}', '}}", Mail: "{{ buyer.mail }}"}')
BUYER = {"name": "Ada", "mail": "ada@example.org", "phone": "+43 1"}
ITEMS = [{"sku": "A1", "price": 10}, {"sku": "B2", "price": 20}]


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, orders=NAMED)
    streams = world.shop.streams
    world.shop.streams = {**streams, "orders": replace(streams["orders"], parts=True)}
    world.order("1", buyer=BUYER, items=ITEMS)
    return world


def stored(world: World) -> dict[str, object]:
    row = next(world.store.rows(flow="orders-to-cases"))
    return world.store.records([row.id])[row.id][0].fields


def test_parts_that_no_mapping_reads_are_neither_asked_for_nor_kept(world: World) -> None:
    world.tick()
    assert world.cases()["1"]["Subject"] == "Ada ordered A1, B2"
    assert stored(world) == {
        "needs_care": True,
        "total": 10.5,
        "buyer": {"name": "Ada"},
        "items": [{"sku": "A1"}, {"sku": "B2"}],
    }


def test_a_system_that_cannot_be_asked_for_parts_is_asked_for_whole_fields(tmp_path: Path) -> None:
    world = World(tmp_path, orders=NAMED)
    world.order("1", buyer=BUYER, items=ITEMS)
    world.tick()
    assert stored(world) == {"needs_care": True, "total": 10.5, "buyer": BUYER, "items": ITEMS}


def test_a_part_that_a_changed_mapping_reads_is_fetched_and_not_taken_for_null(world: World) -> None:
    world.order("2", buyer=BUYER, items=ITEMS)
    world.desk.fail("write", Unavailable("away"))
    world.tick()
    assert world.cases() == {}
    world.flow("orders-to-cases", "shop.orders", "desk.Case", MAILED, brake=None)
    world.restart()
    world.shop.log.clear()
    world.tick(minutes=10)
    assert {key: case["Mail"] for key, case in world.cases().items()} == {"1": BUYER["mail"], "2": BUYER["mail"]}
    assert [count for verb, _, count in world.shop.log if verb == "fetch"] in ([], [2]), "one call for all, if any"


def test_an_answer_reads_what_its_origin_keeps_in_parts(world: World) -> None:
    world.flow(
        "cases-to-orders",
        "desk.Case",
        "shop.orders",
        """
when: "{{ Resolution }}"
fields: {c_decision: "{{ Resolution }} for {{ origin.buyer.mail }}"}
""",
        answers="orders-to-cases",
        brake=None,
    )
    world.restart()
    world.tick()
    world.desk.put("Case", world.case_id("1"), Resolution="Refund")
    world.tick("cases-to-orders")
    assert world.shop.objects["orders"]["1"].fields["c_decision"] == "Refund for ada@example.org"


@pytest.mark.parametrize(
    ("read", "needs", "enough"),
    [
        (None, {"a.b"}, True),
        ({"a.b"}, None, False),
        ({"a.b", "c"}, {"a.b"}, True),
        ({"a"}, {"a.b", "a.c.d"}, True),
        ({"a.b"}, {"a"}, False),
        ({"a.b"}, {"a.bc"}, False),
        ({"a.b"}, {"a.b.c"}, True),
        ({"a"}, {"ab"}, False),
    ],
)
def test_a_whole_covers_its_parts_and_a_part_no_whole(
    read: set[str] | None, needs: set[str] | None, enough: bool
) -> None:
    assert covers(None if read is None else frozenset(read), None if needs is None else frozenset(needs)) is enough
