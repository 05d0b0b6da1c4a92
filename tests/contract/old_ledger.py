"""A ledger with rows in every state, as SQL text: `python -m tests.contract.old_ledger > tests/contract/ledgers/STEP.sql`.

Run when a version with a new step is released, with the code of that version; STEP is its last migration. What stands in
`ledgers/` is never changed: it is what customers have.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connector.model import Page, Record
from connector.stamps import stamp
from connector.store import Ingested, LineSettle, Settle, Store, open_store

FLOW, BACK = "orders-to-cases", "cases-to-orders"
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def order(key: str, minute: float = 0) -> Record:
    """An order as it was read into these ledgers."""
    fields = {"order_no": key, "total": 10.5, "name": "Zoë"}
    return Record(key, fields, stamp(NOW + timedelta(minutes=minute)), "RefArch")


def bring(store: Store, *records: Record, cursor: str | None = None, flow: str = FLOW) -> Ingested:
    """Records read and leased by their page."""
    fields = frozenset({"order_no", "total", "name"})
    return store.ingest(flow, Page(list(records), cursor, NOW), NOW, lease=300, fields=fields)


def settle(store: Store, brought: Ingested, outcomes: Sequence[dict[str, Any]], flow: str = FLOW) -> None:
    """One outcome for each of them."""
    settles = [Settle(one.row, one.rev, **each) for one, each in zip(brought.leased, outcomes, strict=True)]
    store.settle(flow, brought.token or "", settles, NOW, mapping="v1")


def fill(store: Store) -> None:
    """Everything that a ledger can hold."""
    digests = {b"Subj": b"digest01", b"Totl": b"digest02"}
    note = LineSettle("note", "1", "shop.orders.notes", "sent", digests={b"text": b"digest03"})
    settle(
        store,
        bring(store, *(order(f"done-{n}") for n in range(3)), cursor="cursor-1"),
        [
            {"state": "done", "route": "queue=Orders", "entered": True, "created": 1,
             "lines": [LineSettle("main", "", "service.Case", "sent", f"500D{n}", digests), note]}
            for n in range(3)
        ],
    )  # fmt: skip
    bad = LineSettle("main", "", "service.Case", "rejected", None, digests, reason="bad value", field="Subject")
    parked = {"reason": "bad value", "field": "Subject", "remedy": "correct it", "attempts": 3, "lines": [bad]}
    pending = {"due": NOW + timedelta(minutes=5), "attempts": 2, "reason": "row locked"}
    for state, more in (
        ("filtered", {"keep_record": False, "reason": "when"}),
        ("parked", parked),
        ("pending", pending),
    ):
        settle(store, bring(store, order(f"{state}-0"), order(f"{state}-1")), 2 * [{"state": state, **more}])
    doubt = LineSettle("main", "", "service.Case", "owed", "500U", digests, uncertain=NOW)
    settle(
        store, bring(store, order("doubt-0")), [{"state": "pending", "due": NOW, "uncertain": NOW, "lines": [doubt]}]
    )
    bring(store, order("leased-0"))
    bring(store, order("done-0", minute=1), cursor="cursor-2")
    settle(store, bring(store, order("case-0"), flow=BACK), [{"state": "foreign", "keep_record": False}], BACK)
    settle(store, bring(store, order("dropped-0")), [{"state": "parked", "reason": "given up"}])
    store.drop(NOW, why="by phone", by="uid 7", flow=FLOW, key="dropped-0")
    store.health("connection:shop", "down", NOW, "refused", "check it")
    store.audit("parked retry", NOW, by="uid 7", rows="2")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        with closing(open_store("sqlite:///ledger.db", base=Path(name))) as made:
            fill(made)
        with closing(sqlite3.connect(Path(name) / "ledger.db")) as dumped:
            sys.stdout.write("\n".join(dumped.iterdump()) + "\n")
