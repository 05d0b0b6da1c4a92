"""What becomes of lines that end must be possible where they write; several flows may hold one field for a while."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.config import load_config
from connector.config.uses import collect
from connector.errors import ConfigFault, Place
from connector.testing import FrozenClock

CONFIG = """\
connections:
  shop: {adapter: sfcc, url: "https://shop.example", site: RefArch, client_id: me, client_secret: s}
  desk: {adapter: jsonl, folder: desk}
store: sqlite:///ledger.db
flows:
  one: {from: desk.cases, to: shop.products, mapping: one.yaml}
  two: {from: desk.cases, to: shop.products, mapping: two.yaml}
"""
RECALL = """\
summary: Products of a recall.
each: {of: "{{ products }}", as: product}
target: "{{ product }}"
while: "{{ not lifted }}"
%s
fields: {"online_flag[default@RefArch]": false}
"""


def lay_out(folder: Path, one: str, two: str) -> Path:
    (folder / "one.yaml").write_text(one)
    (folder / "two.yaml").write_text(two)
    (folder / "config.yaml").write_text(CONFIG)
    return folder / "config.yaml"


def only_fault(path: Path) -> tuple[str, int, int]:
    with pytest.raises(ConfigFault) as caught:
        load_config(path)
    (fault,) = caught.value.faults
    return fault.message, fault.place.line, fault.place.column


def test_two_flows_may_hold_one_field_and_put_it_back(tmp_path: Path) -> None:
    held = RECALL % "undo: restore"
    assert set(load_config(lay_out(tmp_path, held, held)).flows) == {"one", "two"}


def test_one_that_puts_back_and_one_that_does_not_may_not_meet(tmp_path: Path) -> None:
    path = lay_out(tmp_path, RECALL % "undo: restore", RECALL % "leave: {brand: x}")
    assert only_fault(path)[0] == "'one' and 'two' both write online_flag[default@RefArch] of shop.products"


OTHER = "summary: Another.\nfields: {brand: x}\ntarget: '{{ id }}'\n"


def test_last_words_are_writes_too(tmp_path: Path) -> None:
    message = only_fault(lay_out(tmp_path, RECALL % "leave: {brand: y}", OTHER))[0]
    assert message == "'one' and 'two' both write brand of shop.products"


@pytest.mark.parametrize(
    ("line", "says", "place"),
    [
        ("{id: a, to: shop.products, target: x, gone: delete, fields: {ean: x}}", "takes no delete", (4, 43)),
        (
            "{id: a, to: shop.orders.status, target: x, gone: {status: open}, fields: {status: new}}",
            "taken back",
            (4, 48),
        ),
    ],
)
def test_an_end_that_a_stream_does_not_take_is_refused(
    tmp_path: Path, line: str, says: str, place: tuple[int, int]
) -> None:
    mapping = f"summary: Lines.\nalso:\n  - {{id: n, to: shop.orders, target: x, fields: {{c_x: 1}}}}\n  - {line}\n"
    message, *found = only_fault(lay_out(tmp_path, mapping, OTHER))
    assert says in message
    assert tuple(found) == place


def test_what_an_end_does_is_known_for_check_and_setup(tmp_path: Path) -> None:
    gone = "gone: {delete_if: {c_state: Draft}, else: {c_state: Cancelled}}"
    lines = (
        "summary: Lines.\nfields: {c_a: 1}\nalso:\n  - {id: l, to: shop.custom_objects/Part, for: '{{ x }}', "
        f"key: '{{{{ this }}}}', {gone}, fields: {{c_b: 1}}}}\n"
    )
    config = load_config(lay_out(tmp_path, RECALL % "undo: restore", OTHER))
    clock = FrozenClock()
    adapters = {name: connection.open(clock) for name, connection in config.connections.items()}
    found = collect(config.flows, adapters, lambda name: Place("config.yaml", 1, 1))
    (products,) = (use for use in found.of("shop") if use.stream == "products")
    assert products.fetches, "what stands there is read before it is written over"
    assert lines  # streams that take deletes are each adapter's own
