"""What the promises of an adapter are written with: how a test makes one, and how the other side saves a record."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.adapter import Adapter
from connector.model import Cursor, Page, Record, Select
from connector.testing.clock import FrozenClock


class AdapterHooks(ABC):
    """What the author of an adapter gives.

    stream      a stream that is read and fetched
    page        how many records one of its pages holds, as `make` made it; small, since the suite fills several
    names       two fields of a record on that stream that hold text
    """

    stream: str
    page: int
    names: tuple[str, str]

    @abstractmethod
    def make(self, folder: Path, clock: FrozenClock) -> Adapter:
        """The adapter, before a remote system that holds no records on `stream` yet."""

    @abstractmethod
    def save(self, adapter: Adapter, key: str, at: datetime, fields: dict[str, str]) -> None:
        """Somebody saves a record in the remote system at this time; of one that it holds, these fields change."""

    @pytest.fixture
    def adapter(self, tmp_path: Path) -> Iterator[Adapter]:
        self.clock = FrozenClock()
        adapter = self.make(tmp_path, self.clock)
        yield adapter
        adapter.close()

    # -- the suite's own words -----------------------------------------------------------------------------------------

    def at(self, second: float) -> datetime:
        """A moment of yesterday: what is saved then is older than any margin that an adapter keeps."""
        return self.clock.now() - timedelta(days=1) + timedelta(seconds=second)

    def saved(self, adapter: Adapter, count: int, *, apart: float = 10.0) -> list[str]:
        """Keys of so many records, saved `apart` seconds after one another."""
        keys = [f"R{number:05}" for number in range(count)]
        for number, key in enumerate(keys):
            self.save(adapter, key, self.at(number * apart), {self.names[0]: f"text {number}", self.names[1]: "same"})
        return keys

    def read(
        self, adapter: Adapter, since: Cursor | datetime | None = None, *, overlap: float = 60.0, **select: Any
    ) -> list[Page]:
        return list(adapter.read(self.stream, since, select=Select(**select), overlap=overlap))


def records(pages: Sequence[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def keys(pages: Sequence[Page]) -> list[str]:
    return [record.key for record in records(pages)]


def last_cursor(pages: Sequence[Page]) -> Cursor | None:
    """What the ledger would have saved after these pages."""
    return next((page.cursor for page in reversed(pages) if page.cursor is not None), None)
