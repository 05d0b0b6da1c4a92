"""The adapter to copy keeps every promise on files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import orjson

from connector.adapter import Adapter
from connector.adapters.jsonl import Jsonl, JsonlSettings
from connector.stamps import stamp
from connector.testing import AdapterContract, AppendContract, CreateContract, FrozenClock


class TestJsonl(AdapterContract, CreateContract, AppendContract):
    stream, appends, page, names = "orders", "orders.notes", 3, ("subject", "status")

    def make(self, folder: Path, clock: FrozenClock) -> Adapter:
        self.folder = folder
        return Jsonl("files", JsonlSettings(folder=folder, page=self.page), clock=clock)

    def save(self, adapter: Adapter, key: str, at: datetime, fields: dict[str, str]) -> None:
        path = self.folder / "orders.jsonl"
        lines = [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
        before: dict[str, str] = next((line for line in reversed(lines) if line["key"] == key), {})
        with path.open("ab") as file:
            file.write(orjson.dumps({**before, **fields, "key": key, "stamp": stamp(at)}) + b"\n")

    def target(self, adapter: Adapter) -> str:
        self.save(adapter, "R1", self.at(0), {"subject": "x"})
        return "R1"

    def texts(self, adapter: Adapter, target: str) -> list[str]:
        lines = [orjson.loads(line) for line in (self.folder / "orders.notes.jsonl").read_bytes().splitlines()]
        return [line["text"] for line in lines if line["target"] == target]

    def fields(self, text: str) -> dict[str, str]:
        return {"subject": text, "status": "kept", "text": text}
