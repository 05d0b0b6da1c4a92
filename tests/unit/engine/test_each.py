"""One main line for every element: a case that names several products, each written on its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Transient
from tests.unit.engine.world import World

RECALL = """
summary: products of a recall are taken off
each: {of: "{{ Products | split(';') }}", as: product}
target: "{{ product }}"
when: "{{ Type == 'Recall' }}"
fields: {online: false, notice: "{{ Notice }}"}
"""
PARCELS = """
summary: a ticket for each parcel
each: {of: "{{ Parcels }}", as: parcel}
fields: {Subject: "Parcel {{ parcel }}", Text: "{{ Text }}"}
"""
FLOW = "recalls-to-products"


class Recalls(World):
    """`desk` has recalls as cases, `shop` the products (its orders stand in for them)."""

    def __init__(self, folder: Path, mapping: str = RECALL) -> None:
        super().__init__(folder)
        self.flow(FLOW, "desk.Case", "shop.orders", mapping, brake=None)
        self.flow("parcels", "desk.Case", "desk.Ticket", PARCELS, brake=None)
        self.restart()
        for name in ("P1", "P2", "P3"):
            self.shop.put("orders", name, online=True)

    def recall(self, key: str = "C1", **fields: Any) -> None:
        self.clock.forward(minutes=1)
        self.desk.put("Case", key, **{"Type": "Recall", "Products": "P1;P2", "Notice": "beware", **fields})

    def product(self, key: str) -> dict[str, Any]:
        return self.shop.objects["orders"][key].fields


@pytest.fixture
def recalls(tmp_path: Path) -> Iterator[Recalls]:
    made = Recalls(tmp_path)
    yield made
    made.store.close()


def test_every_product_of_a_recall_is_written_in_one_batch(recalls: Recalls) -> None:
    recalls.recall()
    recalls.tick(FLOW)

    assert [recalls.product(name)["online"] for name in ("P1", "P2", "P3")] == [False, False, True]
    assert recalls.shop.count("write") == 1
    row = recalls.store.row(FLOW, "", "C1")
    assert row is not None
    assert [(line.id, line.key, line.target, line.state) for line in row.lines] == [
        ("main", "P1", "P1", "sent"),
        ("main", "P2", "P2", "sent"),
    ]


def test_an_unknown_product_parks_its_line_and_the_others_pass(recalls: Recalls) -> None:
    recalls.recall(Products="P1;nowhere;P2")
    recalls.tick(FLOW)

    assert [recalls.product(name)["online"] for name in ("P1", "P2")] == [False, False]
    row = recalls.store.row(FLOW, "", "C1")
    assert row is not None
    assert row.state == "parked"
    assert {line.key: line.state for line in row.lines} == {"P1": "sent", "P2": "sent", "nowhere": "rejected"}

    recalls.shop.put("orders", "nowhere", online=True)
    recalls.store.replay(recalls.clock.now())
    recalls.tick(FLOW)

    assert recalls.product("nowhere")["online"] is False
    assert recalls.states(FLOW) == {"C1": "done"}
    assert [write.target for _, write in recalls.shop.sent] == ["P1", "nowhere", "P2", "nowhere"], (
        "the others were sent once"
    )


def test_a_product_that_comes_later_is_written_alone(recalls: Recalls) -> None:
    recalls.recall()
    recalls.tick(FLOW)
    recalls.recall(Products="P1;P2;P3")
    recalls.tick(FLOW)

    assert [write.target for _, write in recalls.shop.sent] == ["P1", "P2", "P3"]


def test_a_changed_notice_goes_to_every_product(recalls: Recalls) -> None:
    recalls.recall()
    recalls.tick(FLOW)
    recalls.recall(Notice="do not use")
    recalls.tick(FLOW)

    assert [dict(write.fields) for _, write in recalls.shop.sent[2:]] == [{"notice": "do not use"}] * 2


def test_a_product_that_is_no_longer_named_stays_as_it_was(recalls: Recalls) -> None:
    recalls.recall()
    recalls.tick(FLOW)
    recalls.recall(Products="P1")
    recalls.tick(FLOW)

    assert recalls.product("P2")["online"] is False
    assert recalls.shop.count("write") == 1


def test_one_product_that_fails_is_tried_again_alone(recalls: Recalls) -> None:
    recalls.shop.fail("write", Transient("locked"), when=lambda write: write.target == "P2")
    recalls.recall()
    recalls.tick(FLOW)
    assert [recalls.product(name)["online"] for name in ("P1", "P2")] == [False, True]
    recalls.tick(FLOW, minutes=1)

    assert recalls.product("P2")["online"] is False
    assert [write.target for _, write in recalls.shop.sent] == ["P1", "P2", "P2"]


def test_killed_after_sending_the_same_values_go_once_more_and_nothing_else(recalls: Recalls) -> None:
    recalls.recall()
    recalls.killed_pass(FLOW)
    recalls.tick(FLOW, minutes=1)

    assert [write.target for _, write in recalls.shop.sent] == ["P1", "P2"] * 2
    assert recalls.states(FLOW) == {"C1": "done"}


def test_elements_without_a_target_make_objects_under_keys_of_their_own(recalls: Recalls) -> None:
    recalls.recall(Parcels=["A", "B"], Text="late")
    recalls.killed_pass("parcels")
    recalls.tick("parcels", minutes=5)
    recalls.recall(Parcels=["A", "B", "C"], Text="lost")
    recalls.tick("parcels", minutes=5)

    tickets = recalls.desk.by_our_key("Ticket")
    assert {key: record.fields["Subject"] for key, record in tickets.items()} == {
        "parcels::_c1:main:_a": "Parcel A",
        "parcels::_c1:main:_b": "Parcel B",
        "parcels::_c1:main:_c": "Parcel C",
    }
    assert {record.fields["Text"] for record in tickets.values()} == {"lost"}
    assert all(count == 1 for count in recalls.desk.created.values())


def test_a_preview_shows_every_element(recalls: Recalls) -> None:
    recalls.recall()
    record = recalls.engine.record(FLOW, "C1")
    assert record is not None
    (preview,) = recalls.engine.preview(FLOW, [record])
    assert [(write.line, write.target, write.op) for write in preview.writes] == [
        ("main", "P1", "update"),
        ("main", "P2", "update"),
    ]
