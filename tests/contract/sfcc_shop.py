"""A sandbox shop and an adapter for it, for the contract tests of the SFCC adapter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from connector.adapter import Clock
from connector.adapters.sfcc import Sfcc, SfccSettings
from connector.model import Record, Result, Select, StreamUse, Write
from connector.sandbox import Sandbox

ALL = Select()
BEGINNING = None


def uses(*streams: str) -> list[StreamUse]:
    """Streams that flows use in some way."""
    return [StreamUse(stream) for stream in streams]


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class Shop:
    """The sandbox and one adapter on it."""

    def __init__(self, box: Sandbox, adapter: Sfcc) -> None:
        self.box, self.adapter = box, adapter
        self.control = box.control

    def read(self, stream: str = "orders", since: Any = BEGINNING, select: Select = ALL, **more: Any) -> list[Record]:
        return [record for page in self.adapter.read(stream, since, select=select, **more) for record in page.records]

    def cursor(self, stream: str = "orders", since: Any = BEGINNING) -> str:
        pages = list(self.adapter.read(stream, since, select=ALL))
        assert pages[-1].cursor is not None
        return pages[-1].cursor

    def write(self, stream: str, op: Any, key: str, fields: dict[str, Any], **more: Any) -> Result:
        (result,) = self.adapter.write(stream, [Write(op, key, fields, **more)])
        return result

    def requests(self) -> int:
        total: int = self.control.requests().get("sfcc", {}).get("total", 0)
        return total

    def numbers(self) -> list[str]:
        return sorted(order["order_no"] for order in self.control.orders("RefArch"))


@contextmanager
def shop(box: Sandbox, *, clock: Clock | None = None, **settings: Any) -> Iterator[Shop]:
    """An adapter with these settings on a sandbox that is back at its start."""
    box.control.reset()
    chosen = SfccSettings.model_validate(
        {
            "url": box.sfcc_url,
            "auth_url": box.sfcc_url,
            "site": "RefArch",
            "client_id": "bench",
            "client_secret": "secret",
            **settings,
        }
    )
    adapter = Sfcc("shop", chosen, clock=clock or SystemClock())
    try:
        yield Shop(box, adapter)
    finally:
        adapter.close()
