"""Ledgers of every earlier version are taken on with all that they hold, or stay as they are if that is cut off.

`ledgers/` holds what earlier versions wrote, by their last migration (`old_ledger.py` makes one). Steps that were added since
are found by themselves: each ledger is also brought to every step in between, and taken on from there.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.errors import LedgerError
from connector.store import Ingested, open_store
from connector.store import sqlite_schema as schema
from tests.contract.old_ledger import BACK, FLOW, NOW, bring, order, settle

LEDGERS = {path.stem: path for path in sorted((Path(__file__).parent / "ledgers").glob("*.sql"))}
STEPS = [step.__name__ for step in schema.ledger._steps]


STARTS = [(name, step) for name in LEDGERS for step in STEPS[STEPS.index(name) + 1 :]]
"""An earlier ledger, and the step before which it was stopped on its way."""


def laid(folder: Path, name: str, stop_before: str) -> Path:
    """An earlier ledger in this folder."""
    path = folder / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(LEDGERS[name].read_text())
        db.execute("BEGIN IMMEDIATE")
        schema.ledger.apply(db, stop_before=stop_before)
        db.execute("COMMIT")
    return path


def columns(db: sqlite3.Connection) -> dict[str, list[str]]:
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
    return {table: [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')] for table in tables}


def held(path: Path, wanted: dict[str, list[str]]) -> dict[str, list[str]]:
    """What stands in these columns."""
    with closing(sqlite3.connect(path)) as db:
        found = {}
        for table, names in wanted.items():
            listed = ", ".join(f'"{name}"' for name in names)
            found[table] = sorted(repr(row) for row in db.execute(f'SELECT {listed} FROM "{table}"'))
        return found


def layout(path: Path) -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master").fetchall()
    return {(kind, name, re.sub(r'[\s"]+', " ", sql)) for kind, name, sql in found}


@pytest.mark.parametrize(("name", "stop_before"), STARTS)
def test_a_ledger_of_every_version_keeps_all_that_it_holds(tmp_path: Path, name: str, stop_before: str) -> None:
    path = laid(tmp_path, name, stop_before)
    with closing(sqlite3.connect(path)) as db:
        before = {table: names for table, names in columns(db).items() if table != "_sqlite_migrations"}
    kept = held(path, before)
    assert len(kept["row"]) == 13

    open_store(f"sqlite:///{path}").close()

    assert held(path, before) == kept
    with closing(open_store(f"sqlite:///{tmp_path}/new.db")) as new, closing(open_store(f"sqlite:///{path}")) as old:
        assert (len(new.digest_key), len(old.digest_key)) == (48, 32), "what was sent before does not count as changed"
    assert layout(path) == layout(tmp_path / "new.db")
    with closing(sqlite3.connect(path)) as db:
        assert schema.ledger.applied(db) == schema.KNOWN
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(("name", "stop_before"), STARTS)
def test_the_work_of_every_version_goes_on(tmp_path: Path, name: str, stop_before: str) -> None:
    path = laid(tmp_path, name, stop_before)
    with closing(open_store(f"sqlite:///{path}")) as store:
        assert store.cursor(FLOW) == "cursor-2"
        assert all(each.balanced for each in store.counts())
        states = {row.key: row.state for row in store.rows()}
        assert {states[key] for key in ("done-1", "done-2")} == {"done"}
        assert states["case-0"] == "foreign"
        assert store.created(FLOW, NOW - timedelta(hours=1)) == 3
        assert store.oldest() == {FLOW: NOW}
        assert store.spent(NOW) == {}
        assert next(cause for cause in store.causes("parked") if cause.reason == "bad value").rows == 2

        again = bring(
            store, order("done-2")
        )  # before m003 content was digested otherwise: read again, it is a new version
        assert (again.repeated, again.changed) == ((1, 0) if name >= "m003" else (0, 1))
        assert bring(store, order("done-1", 2)).changed == 1
        with store.hold(f"flow:{FLOW}"):
            later = NOW + timedelta(minutes=10)
            token, leased = store.lease(FLOW, later, seconds=60, limit=99)
        mine: dict[str, Any] = {one.key: one for one in leased}
        taken_over = {"doubt-0", "leased-0", "done-0", "done-1", *(one.key for one in again.leased)}
        assert mine.keys() == {"pending-0", "pending-1"} | taken_over
        assert {key for key, one in mine.items() if one.uncertain} == taken_over
        line = mine["done-0"].lines[("main", "")]
        assert (line.target, line.digests) == ("500D0", {b"Subj": b"digest01", b"Totl": b"digest02"})
        assert mine["done-0"].record == order("done-0", 1)
        assert mine["pending-0"].record == order("pending-0")

        assert store.replay(later, flow=FLOW, reason="bad value") == 2
        store.rename(BACK, "answers", later)
        done = store.lease(FLOW, later, seconds=60, limit=99)
        assert len(done[1]) == 2
        for held_token, rows in ((token, leased), done):
            settle(store, Ingested(0, 0, 0, held_token, rows), [{"state": "done"}] * len(rows))
        assert all(each.balanced and each.pending == 0 for each in store.counts())


_DIES = """
import os, signal, sys
from connector.store import open_store, sqlite_schema
def m999_dies(db):
    os.kill(os.getpid(), signal.SIGKILL)
steps = sqlite_schema.ledger._steps
steps.insert([step.__name__ for step in steps].index(sys.argv[2]) + 1, m999_dies)
open_store(sys.argv[1])
"""


@pytest.mark.parametrize("step", STEPS[1:])
def test_a_kill_in_the_middle_of_a_migration_leaves_the_ledger_as_it_was(tmp_path: Path, step: str) -> None:
    path = laid(tmp_path, "m001_first", STEPS[1])
    with closing(sqlite3.connect(path)) as db:
        before = list(db.iterdump())

    killed = subprocess.run([sys.executable, "-c", _DIES, f"sqlite:///{path}", step], check=False)

    assert killed.returncode == -9
    with closing(sqlite3.connect(path)) as db:
        assert list(db.iterdump()) == before
    with closing(open_store(f"sqlite:///{path}")) as store:
        assert sum(each.rows for each in store.counts()) == 13


def test_a_disk_that_is_full_during_a_migration_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    path = laid(tmp_path, "m001_first", STEPS[1])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        before = list(db.iterdump())
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count={pages}")
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            schema.ledger.apply(db)
        if db.in_transaction:
            db.execute("ROLLBACK")
        assert list(db.iterdump()) == before
    open_store(f"sqlite:///{path}").close()


def test_every_ledger_here_is_one_of_a_step_that_there_is() -> None:
    assert set(LEDGERS) <= set(STEPS)
    assert "m001_first" in LEDGERS


@pytest.mark.parametrize("name", LEDGERS)
def test_a_version_that_is_older_than_the_ledger_changes_nothing_in_it(tmp_path: Path, name: str) -> None:
    path = laid(tmp_path, name, STEPS[-1])
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('ledger', 'm998_of_tomorrow', '')"
        )
        db.commit()
        before = list(db.iterdump())
    with pytest.raises(LedgerError, match=r"newer version \(m998_of_tomorrow\); upgrade"):
        open_store(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as db:
        assert list(db.iterdump()) == before
