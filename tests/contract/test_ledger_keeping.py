"""What lies on the disk: who may read it, what is left of a record that was removed or encrypted, how large it all gets."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from connector.model import Record
from connector.secret import RecordKeys
from connector.store import Store, open_store
from connector.testing.store_hooks import FLOW, MAPPING, NOW, later, order, outcome, page
from connector.testing.store_keys import key_of

DAY = 86_400.0
ENDS = ("", "-wal", "-shm", ".lock")


def opened(folder: Path, *keys: int) -> Store:
    """The test's ledger; the first key is the one in use."""
    secrets = [key_of(each) for each in keys]
    return open_store("sqlite:///ledger.db", base=folder, keys=RecordKeys(secrets[0], secrets[1:]) if keys else None)


def on_disk(folder: Path) -> bytes:
    """Everything that anybody who gets at the folder can read."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def pages(first: int, last: int, *, minute: float = 0, text: str = "x") -> Iterator[list[Record]]:
    """Records by the hundred."""
    for start in range(first, last, 100):
        yield [
            order(f"{number:08}", minute=minute, fields={"text": f"{text}-{number}"})
            for number in range(start, start + 100)
        ]


def deliver(store: Store, records: list[Record], state: str = "done", *, days: float = 0) -> None:
    done = store.ingest(FLOW, page(*records), later(days=days), lease=300.0)
    assert done.token is not None
    store.settle(FLOW, done.token, [outcome(one, state) for one in done.leased], later(days=days), mapping=MAPPING)


# -- who may read it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_ledgers_files_are_for_their_owner_only(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        with closing(opened(tmp_path / "new" / "folder")) as store, store.hold("runner"):
            deliver(store, [order("1")])
            folder = tmp_path / "new" / "folder"
            assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()} == {
                f"ledger.db{end}": "0o600" for end in ENDS
            }
            assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
            assert not store.extent().readable
    finally:
        os.umask(before)


def test_a_ledger_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as first:
        deliver(first, [order("1")])
        for end in ENDS:
            (tmp_path / f"ledger.db{end}").chmod(0o666)
        assert first.extent().readable
        with closing(opened(tmp_path)) as second:
            assert not second.extent().readable
            deliver(first, [order("2")])
            assert len(list(second.rows())) == 2, "closing it must not take anything from whoever has it open"


# -- what is left of a record ------------------------------------------------------------------------------------------


def test_nothing_of_an_encrypted_record_can_be_read_from_the_disk(tmp_path: Path) -> None:
    with closing(opened(tmp_path, 1)) as store:
        for records in pages(0, 300, text="Ada Lovelace"):
            deliver(store, records)
        deliver(store, [order("big", fields={"text": "Ada Lovelace " * 10_000})], "parked")
        assert b"Lovelace" not in on_disk(tmp_path)
    assert b"Lovelace" not in on_disk(tmp_path)


def test_turning_encryption_on_leaves_nothing_readable_behind(tmp_path: Path) -> None:
    """Not in free pages, not in the gaps of pages, not in the log: also of versions that were replaced before."""
    with closing(opened(tmp_path)) as store:
        for minute in range(4):
            for records in pages(0, 300, minute=minute, text="Ada Lovelace " * (1 + 40 * (minute % 2))):
                deliver(store, records, days=minute)
            deliver(store, [order("big", minute=minute, fields={"text": "Ada Lovelace " * 5_000})])
        store.prune(later(days=3), delivered=1.5 * DAY, parked=DAY, audit=DAY)
        assert b"Lovelace" in on_disk(tmp_path)
    with closing(opened(tmp_path, 1)) as store:
        assert store.rekey(NOW).records > 0
        assert store.extent().remnants
        assert store.compact()
        assert not store.extent().remnants
        assert b"Lovelace" not in on_disk(tmp_path)


def test_nothing_of_a_pruned_record_is_left_once_the_ledger_was_written_anew(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store:
        for records in pages(0, 300, text="Ada Lovelace"):
            deliver(store, records)
        deliver(store, [order("big", fields={"text": "Ada Lovelace " * 10_000})])
        assert store.prune(later(days=8), delivered=7 * DAY, parked=DAY, audit=DAY) == 301
        before = store.extent().total
        assert store.compact()
        assert store.extent().total < before
        assert b"Lovelace" not in on_disk(tmp_path)


def test_whoever_reads_keeps_a_ledger_from_being_written_anew_and_is_not_disturbed(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store:
        deliver(store, [order("1")])
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM record").fetchone() == (1,)
            deliver(store, [order("2")])
            assert not store.compact()
            assert reader.execute("SELECT count(*) FROM record").fetchone() == (1,)
            reader.execute("COMMIT")
        assert store.compact()
        assert {row.key for row in store.rows()} == {"1", "2"}


def test_a_record_that_somebody_put_in_anothers_place_is_not_believed(tmp_path: Path) -> None:
    with closing(opened(tmp_path, 1)) as store:
        store.ingest(FLOW, page(order("1", fields={"total": 1}), order("2", fields={"total": 999})), NOW)
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as db, db:
            db.execute('UPDATE record SET body=(SELECT body FROM record WHERE "row"=2) WHERE "row"=1')
        assert {row: record.fields for row, (record, _) in store.records([1, 2]).items()} == {2: {"total": 999}}
        one, two = store.lease(FLOW, NOW, seconds=60, limit=10)[1]
        assert (one.record, two.record and two.record.fields) == (None, {"total": 999}), "it is fetched again"


@pytest.mark.parametrize("cut", [5, 20, 32, 33, 40])
def test_a_damaged_record_is_fetched_again_and_not_guessed(tmp_path: Path, cut: int) -> None:
    with closing(opened(tmp_path, 1)) as store:
        store.ingest(FLOW, page(order("1")), NOW)
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as db, db:
            db.execute("UPDATE record SET body=substr(body, 1, ?)", (cut,))
        assert store.records([1]) == {}
        (leased,) = store.lease(FLOW, NOW, seconds=60, limit=10)[1]
        assert leased.record is None
    with closing(opened(tmp_path, 2, 1)) as store:
        done = store.rekey(NOW)
        assert (done.records, done.forgotten, done.retired) == (0, 1, 1)


# -- how large it gets -------------------------------------------------------------------------------------------------


def test_space_of_pruned_records_is_used_again(tmp_path: Path) -> None:
    sizes = []
    with closing(opened(tmp_path)) as store:
        for week in range(5):
            for records in pages(0, 1000, minute=week, text="x" * 2000):
                deliver(store, records, days=7 * week)
            assert store.prune(later(days=7 * week + 1), delivered=DAY / 2, parked=DAY, audit=DAY) == 1000
            sizes.append(store.extent().total)
        extent = store.extent()
    assert max(sizes[1:]) < 1.1 * sizes[0]
    assert (extent.rows, extent.records) == (1000, 0)
    assert extent.free > 1_500_000


def test_pruning_goes_on_beyond_what_is_old_and_must_stay(tmp_path: Path) -> None:
    """Old records of pending rows stand before others in the order of time; many are passed over, and none is removed."""
    with closing(opened(tmp_path)) as store:
        for records in pages(0, 700):
            store.ingest(FLOW, page(*records), NOW)
        for records in pages(1000, 1700):
            deliver(store, records, "parked")
        for records in pages(2000, 2700):
            deliver(store, records, days=1)
        assert store.prune(later(days=30), delivered=7 * DAY, parked=90 * DAY, audit=DAY) == 700
        assert store.extent().records == 1400


def test_a_delivery_waits_for_one_small_step_of_pruning_at_most(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store, closing(opened(tmp_path)) as other:
        for records in pages(0, 1000):
            deliver(store, records)
        steps: list[int] = []

        def between() -> bool:
            worker = threading.Thread(target=deliver, args=(other, [order(f"new-{len(steps)}")]), daemon=True)
            worker.start()
            worker.join(10)
            assert not worker.is_alive(), "pruning holds the ledger between its steps"
            deliver(store, [order(f"same-{len(steps)}")])
            steps.append(store.extent().records)
            return True

        assert store.prune(later(days=8), delivered=7 * DAY, parked=DAY, audit=DAY, go_on=between) >= 1000
        assert len(steps) >= 4
        assert all(before - after <= 200 for before, after in pairwise(steps))


def test_pruning_that_must_stop_stops_and_goes_on_the_next_time(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store:
        for records in pages(0, 1000):
            deliver(store, records)
        first = store.prune(later(days=8), delivered=DAY, parked=DAY, audit=DAY, go_on=lambda: False)
        assert 0 < first < 1000
        assert store.prune(later(days=8), delivered=DAY, parked=DAY, audit=DAY) == 1000 - first


def test_a_row_that_came_back_to_life_while_pruning_keeps_its_record(tmp_path: Path) -> None:
    """What is put back between two steps needs its record, however old that is."""
    with closing(opened(tmp_path)) as store:
        for records in pages(0, 400):
            deliver(store, records, "parked")
        old = later(days=91)
        gone = store.prune(old, delivered=DAY, parked=90 * DAY, audit=DAY, go_on=lambda: bool(store.replay(old)))
        assert (gone, store.extent().records) == (200, 200)


def test_the_audit_is_kept_as_long_as_said(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store:
        for day in range(500):
            store.audit("look", later(days=day), by=str(day))
        store.prune(later(days=500), delivered=DAY, parked=DAY, audit=100 * DAY)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        assert db.execute("SELECT count(*), min(at) FROM audit").fetchone() == (100, later(days=400).timestamp())


def test_the_log_does_not_outlive_whoever_reads(tmp_path: Path) -> None:
    """Somebody who reads one state for long keeps SQLite from using the log again: it grows, and upkeep empties it after."""
    with closing(opened(tmp_path)) as store:
        deliver(store, [order("1")])
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute('SELECT count(*) FROM "row"').fetchone()
            for minute in range(10):
                for records in pages(0, 300, minute=minute, text=f"{minute}" * 3000):
                    deliver(store, records)
            grown = store.extent().log
            store.prune(NOW, delivered=7 * DAY, parked=DAY, audit=DAY)
            assert store.extent().log >= grown > 8 * 2**20, "whoever reads is not disturbed"
            reader.execute("COMMIT")
        store.prune(NOW, delivered=7 * DAY, parked=DAY, audit=DAY)
        assert store.extent().log == 0
        deliver(store, [order("2")])
