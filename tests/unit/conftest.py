from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.engine.world import OPENED


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """No ledger stays open behind a test."""
    yield
    while OPENED:
        OPENED.pop().store.close()
