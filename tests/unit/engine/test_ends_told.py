"""What people see of lines that end: `explain` says what is held, what came back, and what stays because of whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from connector.cli.explain import not_put_back, told
from connector.config import Config
from tests.unit.engine.test_undo import FLOW, Recalls


@pytest.fixture
def recalls(tmp_path: Path) -> Iterator[Recalls]:
    made = Recalls(tmp_path)
    yield made
    made.store.close()


def explain(recalls: Recalls, *, values: bool = False) -> str:
    rows = list(recalls.store.rows(flow=FLOW))
    config = cast(Config, SimpleNamespace(flows=recalls.flows))
    return "\n".join(told(recalls.store, rows, config, values=values))


def test_what_is_held_is_told_without_the_value(recalls: Recalls) -> None:
    recalls.recall(Products="P2")
    recalls.tick(FLOW)
    text = explain(recalls)
    assert "main P2 holds notice of shop.orders P2 since" in text
    assert "what stood there before comes back when it ends" in text
    assert "sold out" not in text, "it may be a customer's"
    assert "'sold out' comes back when it ends" in explain(recalls, values=True)


def test_what_came_back_and_what_stays_is_told(recalls: Recalls) -> None:
    recalls.recall()
    recalls.tick(FLOW)
    recalls.shop.put("orders", "P2", notice="a person's")
    recalls.lift()
    recalls.tick(FLOW)
    text = explain(recalls)
    assert "what stood there before was put back" in text
    assert "notice was changed by somebody else, and is left as it is" in text
    assert "ended" in text
    assert "holds" not in text


def test_a_recall_that_is_dropped_is_said_to_leave_its_products_as_they_are(recalls: Recalls) -> None:
    """One of its products is not known, and somebody gives the record up for that: the other one stays off."""
    recalls.recall(Products="P1;P9")
    recalls.tick(FLOW)
    rows = list(recalls.store.rows(flow=FLOW, state="parked"))
    (said,) = not_put_back(recalls.store, rows)
    assert said.strip().startswith("shop.orders P1 keeps what was written to it")

    recalls.store.drop(recalls.clock.now(), why="typed wrong", by="ada")
    assert "it is dropped, so what stood there before does not come back" in explain(recalls)
    assert "comes back when it ends" not in explain(recalls)
