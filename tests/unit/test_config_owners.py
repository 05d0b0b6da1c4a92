"""Two flows may guard an order in the same way; they may not both move the same status of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.config import load_config
from connector.errors import ConfigFault

CONFIG = """\
connections:
  shop: {adapter: sfcc, url: "https://shop.example", site: RefArch, client_id: me, client_secret: s}
  desk: {adapter: jsonl, folder: desk}
store: sqlite:///ledger.db
flows:
  one: {from: desk.cases, to: shop.orders, mapping: one.yaml}
  two: {from: desk.cases, to: shop.orders, mapping: two.yaml}
"""
MAPPING = """\
summary: A guarded line.
also:
  - id: move
    to: destination.orders.%s
    target: "{{ order_no }}"
    fields: {%s: %s, only_from: "%s"}
"""


def lay_out(folder: Path, *others: tuple[str, str, str]) -> Path:
    for name, (status, value, guard) in zip(("one", "two"), others, strict=True):
        (folder / f"{name}.yaml").write_text(MAPPING % (status, status, value, guard))
    (folder / "config.yaml").write_text(CONFIG)
    return folder / "config.yaml"


def test_two_flows_may_guard_different_statuses_with_the_same_condition(tmp_path: Path) -> None:
    path = lay_out(tmp_path, ("status", "cancelled", "new"), ("confirmation_status", "confirmed", "not_confirmed"))
    assert set(load_config(path).flows) == {"one", "two"}


def test_two_flows_may_not_move_one_status(tmp_path: Path) -> None:
    path = lay_out(tmp_path, ("status", "cancelled", "new"), ("status", "open", "new"))
    with pytest.raises(ConfigFault) as caught:
        load_config(path)
    (fault,) = caught.value.faults
    assert fault.message == "'one' and 'two' both write status of shop.orders"
