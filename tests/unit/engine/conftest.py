from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.engine.world import OPENED, World


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """No ledger stays open behind a test."""
    yield
    while OPENED:
        OPENED.pop().store.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()
