"""What the daemon does for its ledger beside deliveries, with a real ledger and a clock that stands still."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connector.config.schema import Keep
from connector.runner.upkeep import Upkeep
from connector.secret import RecordKeys
from connector.store import Store, open_store
from connector.testing import FrozenClock
from connector.testing.store_hooks import FLOW, MAPPING, order, outcome, page
from connector.testing.store_keys import key_of


class Rig:
    """Upkeep of one ledger, opened with the keys that a test asks for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.stop = folder, FrozenClock(), threading.Event()
        self.told: list[tuple[str, dict[str, Any]]] = []

    def store(self, *keys: int, key: int | None = None) -> Store:
        secrets = [key_of(each) for each in keys]
        return open_store(
            "sqlite:///ledger.db", base=self.folder, keys=RecordKeys(None if key is None else key_of(key), secrets)
        )

    def run(self, store: Store) -> int:
        return Upkeep(store, Keep(), self.clock, self.stop, lambda event, **facts: self.told.append((event, facts)))()

    def deliver(self, store: Store, count: int) -> None:
        now = self.clock.now()
        done = store.ingest(FLOW, page(*(order(f"{number}") for number in range(count))), now, lease=60.0)
        assert done.token is not None
        store.settle(FLOW, done.token, [outcome(one) for one in done.leased], now, mapping=MAPPING)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.stop.set()


def test_all_that_is_old_goes_in_one_run_however_much_it_is(rig: Rig) -> None:
    with closing(rig.store()) as store:
        rig.deliver(store, 1000)
        rig.clock.forward(minutes=7 * 24 * 60 + 1)
        assert rig.run(store) == 1000
        assert rig.told == []


def test_records_come_under_a_new_key_by_themselves_and_it_is_said_once(rig: Rig) -> None:
    with closing(rig.store()) as store:
        rig.deliver(store, 450)
    with closing(rig.store(key=1)) as store:
        rig.run(store)
        extent = store.extent()
        assert (extent.encrypted, extent.rekeying, extent.remnants) == (True, False, False)
    with closing(rig.store(1, key=2)) as store:
        rig.run(store)
        rig.run(store)
    assert rig.told == [("rekeyed", {"records": 450, "retired": 0}), ("rekeyed", {"records": 450, "retired": 1})]


def test_a_process_that_is_stopping_does_one_step_and_the_next_one_goes_on(rig: Rig) -> None:
    with closing(rig.store()) as store:
        rig.deliver(store, 450)
    rig.stop.set()
    with closing(rig.store(key=1)) as store:
        rig.run(store)
        assert store.extent().rekeying
        assert rig.told == []
        rig.stop.clear()
        rig.run(store)
        assert not store.extent().rekeying
    assert [event for event, _ in rig.told] == ["rekeyed"]


def test_a_key_that_another_process_has_changed_stops_no_pruning(rig: Rig) -> None:
    with closing(rig.store(key=1)) as store, closing(rig.store(1, key=2)) as other:
        rig.deliver(store, 450)
        other.rekey(rig.clock.now(), go_on=lambda: False)
        rig.clock.forward(minutes=8 * 24 * 60)
        assert rig.run(store) == 450
        ((event, facts),) = rig.told
        assert event == "rekey_failed"
        assert "start this one again" in facts["error"]
