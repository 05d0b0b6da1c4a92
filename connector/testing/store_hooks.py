"""What the promises of a store are written with: how a test opens one, and a small vocabulary of pages and outcomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.model import Cursor, Page, Record, Row, RowState
from connector.stamps import stamp
from connector.store import Books, Leased, LeaseToken, Settle, Store

FLOW = "orders-to-cases"
MAPPING = "v1"
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def later(**by: float) -> datetime:
    """NOW and so many minutes, hours, … (as timedelta names them)."""
    return NOW + timedelta(**by)


def order(
    key: str = "00001301", *, minute: float | None = 0, site: str = "RefArch", fields: Any = None, **given: Any
) -> Record:
    """An order that was changed `minute` minutes after NOW; `minute` None: its system shows no stamp."""
    return Record(
        key,
        {"order_no": key} if fields is None else fields,
        None if minute is None else stamp(later(minutes=minute)),
        site,
        **given,
    )


def page(*records: Record, cursor: Cursor | None = None) -> Page:
    return Page(records, cursor, NOW)


def outcome(leased: Leased, state: Any = "done", **given: Any) -> Settle:
    """The settle of one leased row."""
    return Settle(leased.row, leased.rev, state, **given)


def books(store: Store, flow: str = FLOW) -> Books:
    """One flow's counters."""
    return next(each for each in store.counts() if each.flow == flow)


def only(store: Store, **wanted: Any) -> Row:
    """The one row that there is (with `wanted` as in `Store.rows`)."""
    (row,) = store.rows(**wanted)
    return row


class StoreHooks(ABC):
    """What the author of a store gives: `make` and `url`."""

    @abstractmethod
    def make(self, folder: Path) -> Store:
        """The store in this folder; called again for the same folder: the same ledger, opened once more."""

    @abstractmethod
    def url(self, folder: Path) -> str:
        """How another process opens the same ledger with `open_store`."""

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Callable[[], Store]]:
        """Opens the test's ledger, once more each time."""
        stores: list[Store] = []

        def opened() -> Store:
            stores.append(self.make(tmp_path))
            return stores[-1]

        yield opened
        for store in stores:
            store.close()

    @pytest.fixture
    def store(self, opened: Callable[[], Store]) -> Store:
        return opened()

    @staticmethod
    def take(store: Store, now: datetime = NOW, *, seconds: float = 300.0, limit: int = 100) -> list[Leased]:
        """Leased rows of FLOW, their token forgotten."""
        return store.lease(FLOW, now, seconds=seconds, limit=limit)[1]

    @staticmethod
    def bring(store: Store, *records: Record, now: datetime = NOW) -> tuple[LeaseToken, list[Leased]]:
        """Records read and leased by their page."""
        done = store.ingest(FLOW, page(*records), now, lease=300.0)
        assert done.token is not None
        return done.token, done.leased

    def settled(self, store: Store, state: RowState, *records: Record, now: datetime = NOW, **given: Any) -> None:
        """Records read, leased and settled with one outcome."""
        token, leased = self.bring(store, *records, now=now)
        settles: Sequence[Settle] = [outcome(one, state, **given) for one in leased]
        assert store.settle(FLOW, token, settles, now, mapping=MAPPING).settled == len(records)
