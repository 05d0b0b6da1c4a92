"""A connector on files: shop and desk are folders, so that a command needs no remote system."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

CONFIG = """\
connections:
  shop: {adapter: jsonl, folder: shop}
  desk: {adapter: jsonl, folder: desk}
store: sqlite:///ledger.db
flows:
  orders-to-cases:
    from: shop.orders
    to: desk.cases
    mapping: mappings/order.yaml
    every: 500ms
    start: beginning
  cases-to-orders:
    from: desk.cases
    to: shop.orders
    mapping: mappings/back.yaml
    every: 500ms
    answers: orders-to-cases
daemon: {jitter: 0s}
web: {listen: "127.0.0.1:0"}
"""
ORDER = """\
summary: An expensive order becomes a case.
when: "{{ total > 10 }}"
routes:
  - {when: "{{ total > 50 }}", queue: Concierge}
  - {queue: Orders}
fields:
  Subject: "Order {{ record.key }}"
  Queue: "{{ route.queue }}"
  Email: {from: "{{ email }}", required: true}
tests:
  - name: an expensive order goes to Concierge
    record: {key: "1", fields: {total: 60, email: ada@example.org}}
    writes: [{line: main, fields: {Queue: Concierge}}]
"""
BACK = """\
summary: The decision goes back.
when: "{{ Decision }}"
fields:
  c_decision: "{{ Decision }}"
tests:
  - name: a decision goes back
    record: {key: "1", fields: {Decision: RELEASE}}
    writes: [{line: main, fields: {c_decision: RELEASE}}]
"""
STAMP = "2026-11-20T10:00:0{}.000Z"


def lay_out(folder: Path) -> Path:
    """Three orders: 00001301 parks (no e-mail), 00001302 becomes a case, 00001303 is filtered."""
    for name in ("shop", "desk", "mappings"):
        (folder / name).mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "mappings" / "order.yaml").write_text(ORDER)
    (folder / "mappings" / "back.yaml").write_text(BACK)
    shutil.copytree(ROOT / "mappings" / "salesforce", folder / "mappings" / "salesforce")
    put(folder, "shop/orders", {"key": "00001301", "stamp": STAMP.format(1), "total": 20})
    put(folder, "shop/orders", {"key": "00001302", "stamp": STAMP.format(2), "total": 60, "email": "ada@example.org"})
    put(folder, "shop/orders", {"key": "00001303", "stamp": STAMP.format(3), "total": 5, "email": "bob@example.org"})
    order = {"key": "00001399", "fields": {"total": 70, "email": "eve@example.org"}}
    (folder / "order.json").write_text(json.dumps(order))
    return folder


def put(folder: Path, stream: str, line: dict[str, Any]) -> None:
    with (folder / f"{stream}.jsonl").open("a") as out:
        out.write(json.dumps(line) + "\n")


def lines(folder: Path, stream: str) -> list[dict[str, Any]]:
    path = folder / f"{stream}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def replace(folder: Path, name: str, old: str, new: str) -> None:
    """Change one text of a file; it must be there."""
    text = (folder / name).read_text()
    assert old in text, f"{old!r} is not in {name}"
    (folder / name).write_text(text.replace(old, new))
