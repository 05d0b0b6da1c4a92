"""What a person asks of a large ledger is answered from indexes: no question reads every row, whatever a clock may show."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connector.cli.story import find, story, timeline
from connector.config import Config
from connector.document import load
from connector.flow import Flow
from connector.mapping.compile import compile_mapping
from connector.model import Record
from connector.store import Cause, Store, open_store

FLOW = "orders-to-cases"
CHANGED = [Record("00001301", {}, "2026-11-20T10:00:00.000Z")]
NOW = datetime(2026, 11, 20, tzinfo=UTC)
CAUSE = Cause("parked", FLOW, "no queue", "", "", 1, ("1",), NOW)
QUESTIONS: dict[str, Callable[[Store], object]] = {
    "status: books": lambda store: store.counts(),
    "status: why rows wait": lambda store: store.causes("pending", flow=FLOW, limit=3),
    "status: health": lambda store: store.healths(),
    "status: pace": lambda store: store.pulses(),
    "status: backfills": lambda store: store.backfills(),
    "brake: what others made": lambda store: store.created_by_minute(FLOW, NOW),
    "backfill: where it stands": lambda store: store.backfill(FLOW, "30d to now"),
    "forgotten": lambda store: (store.is_forgotten(FLOW, [("RefArch", "1")]), store.is_name_forgotten("00001301")),
    "explain": lambda store: find(store, "00001301"),
    "explain of one flow": lambda store: find(store, "00001301", flow=FLOW),
    "explain by our key": lambda store: store.row(FLOW, "RefArch", "00001301"),
    "explain: what was read back": lambda store: list(store.rows(flow=FLOW, key="500A")),
    "explain by a number": lambda store: list(store.rows(number="00001001")),
    "explain: its answers": lambda store: list(store.rows(our_key="orders-to-cases:_ref_arch:00001301")),
    "explain: what failed": lambda store: store.attempts([1, 2]),
    "explain: the whole story": lambda store: told(store, "00001301"),
    "status: how much is uncertain": lambda store: store.doubted(),
    "status --uncertain": lambda store: store.doubts(),
    "parked list": lambda store: store.causes("parked"),
    "parked list --dropped": lambda store: store.causes("dropped"),
    "parked list of one flow": lambda store: store.causes("parked", flow=FLOW),
    "parked show CAUSE": lambda store: list(store.rows(cause=CAUSE, limit=20)),
    "parked show KEY": lambda store: list(store.rows(state="parked", key="00001301")),
    "scrape: what waits longest": lambda store: store.oldest(),
    "selftest: what is in flight": lambda store: store.tries(FLOW),
    "scrape: new objects": lambda store: store.created(FLOW, NOW),
    "a create: who shares it": lambda store: (store.sharing(FLOW, ["00001301"]), store.cut_off(FLOW, NOW)),
    "explain: what it watches": lambda store: store.watches([1, 2]),
    "a poll: what is watched": lambda store: store.watching(FLOW),
    "a poll: who looked at what changed": lambda store: store.wake(FLOW, "shop.orders", CHANGED, NOW, cursor="c"),
    "remap of one record": lambda store: store.stale(FLOW, "v2", key="00001301"),
}


def told(store: Store, key: str) -> list[str]:
    """A story of two flows, as `explain` tells it."""
    config = cast(Config, SimpleNamespace(flows={each: flow(each) for each in (FLOW, "cases-to-orders")}))
    return list(timeline(store, story(store, config, key), config))


def flow(name: str) -> Flow:
    back = name != FLOW
    mapping = compile_mapping(load("m.yaml", 'fields: {x: "{{ y }}"}'))
    return Flow(name, name, ("a", "b"), ("c", "d"), mapping, answers=FLOW if back else None)


ONLY_A_FEW = ("row_due", "row_waits", "row_parked", "row_cause", "row_given_up", "row_uncertain", "line_uncertain")
"""Indexes of pending or parked rows alone: reading one whole reads no row that is delivered."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store("sqlite:///ledger.db", base=tmp_path)) as store:
        store.ingest(FLOW, _page(), NOW)
        yield store


def _page() -> Any:
    from connector.testing.store_hooks import order, page

    return page(order())


def plans(store: Store, question: Callable[[Store], object]) -> Iterator[str]:
    """How SQLite goes about every statement of a question."""
    db: sqlite3.Connection = store._conn  # type: ignore[attr-defined]
    statements: list[str] = []
    db.set_trace_callback(statements.append)
    question(store)
    db.set_trace_callback(None)
    assert statements
    for statement in statements:
        for *_, step in db.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall():
            yield step


def reads_everything(step: str) -> bool:
    scanned = re.match(
        r"SCAN (row|line|record|audit|attempt|number|watch)\b(?: USING (?:COVERING )?INDEX (\w+))?", step
    )
    return scanned is not None and scanned[2] not in ONLY_A_FEW


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_question_reads_every_row(store: Store, name: str) -> None:
    steps = list(plans(store, QUESTIONS[name]))
    assert not [step for step in steps if reads_everything(step)], steps


@pytest.mark.parametrize("name", ["explain", "explain of one flow", "parked show KEY", "remap of one record"])
def test_a_record_is_found_by_its_key(store: Store, name: str) -> None:
    """Neither by walking all rows of its flow, nor all those that are parked."""
    steps = list(plans(store, QUESTIONS[name]))
    assert any("row_key (key=?" in step for step in steps), steps
    assert not [step for step in steps if re.match(r"S\w+ row USING (COVERING )?INDEX (?!row_key)", step)], steps


def test_a_question_that_reads_every_row_would_be_seen(store: Store) -> None:
    assert any(reads_everything(step) for step in plans(store, lambda store: list(store.rows(state="done"))))
