"""The store's promises on SQLite, and what only a file can break."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

import pytest

from connector.errors import LedgerError
from connector.store import Store, open_store
from connector.store import sqlite_schema as schema
from connector.store.sqlite_schema import STATES
from connector.testing import StoreContract
from connector.testing.store_hooks import FLOW, MAPPING, NOW, later, only, order, outcome, page


class TestSqlite(StoreContract):
    def make(self, folder: Path) -> Store:
        return open_store("sqlite:///ledger.db", base=folder)

    def url(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'ledger.db'}"

    def states(self, folder: Path, store: Store, flow: str) -> Mapping[str, int]:
        with closing(sqlite3.connect(folder / "ledger.db")) as db:
            counted = db.execute(
                "SELECT state, count(*) FROM row JOIN flow ON flow.id = row.flow WHERE name=? GROUP BY state", (flow,)
            ).fetchall()
        return Counter({STATES[state]: count for state, count in counted})

    def test_what_was_dropped_is_audited_with_who_why_and_how_many(self, store: Store, tmp_path: Path) -> None:
        self.settled(store, "parked", order("1"), order("2"), reason="no queue")
        store.drop(later(minutes=1), why="settled by phone", by="uid 7", flow=FLOW, reason="no queue")
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
            ((at, what, facts),) = db.execute("SELECT at, what, facts FROM audit").fetchall()
        assert (at, what) == (later(minutes=1).timestamp(), "parked drop")
        told = {"by": "uid 7", "why": "settled by phone", "rows": "2"}
        assert json.loads(facts) == {**told, "flow": FLOW, "key": "", "reason": "no queue", "field": ""}
        assert self.states(tmp_path, store, FLOW) == {"dropped": 2}

    @pytest.mark.parametrize("state", ["parked", "pending"])
    def test_causes_are_told_as_of_one_moment_whatever_a_daemon_settles_meanwhile(
        self, opened: Callable[[], Store], state: Literal["parked", "pending"]
    ) -> None:
        daemon, looking = opened(), opened()
        token, (leased,) = self.bring(daemon, order("1"))
        daemon.settle(FLOW, token, [outcome(leased, state, due=NOW, reason="no queue")], NOW, mapping=MAPPING)

        def settle(statement: str) -> None:
            """The daemon is done with the row when the first question was answered."""
            if "SELECT key, remedy" in statement:
                daemon.replay(NOW)
                token, leased = daemon.lease(FLOW, NOW, seconds=60, limit=9)
                daemon.settle(FLOW, token, [outcome(one) for one in leased], NOW, mapping=MAPPING)

        looking._conn.set_trace_callback(settle)  # type: ignore[attr-defined]
        (cause,) = looking.causes(state)
        assert (cause.rows, cause.keys) == (1, ("1",))
        assert looking.causes(state) == []

    def test_no_byte_of_what_was_forgotten_is_left_in_the_ledgers_files(
        self, opened: Callable[[], Store], tmp_path: Path
    ) -> None:
        """Beside another process, after versions that came and went, and in the audit."""
        store, daemon = opened(), opened()
        daemon._conn.execute("PRAGMA secure_delete=OFF")  # type: ignore[attr-defined]  # as SQLite is built in other places
        for minute in range(3):
            record = order(
                "00001301",
                minute=minute,
                fields={"mail": f"ada{minute}@example.org", "pad": "x" * 9000},
                our_key="ours:x:00001301",
            )
            self.settled(daemon, "done", record, now=later(minutes=minute))
            daemon._conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[attr-defined]
        self.settled(daemon, "done", order("00001302"))
        daemon.prune(later(days=9), delivered=86_400, parked=1, audit=1e9)
        daemon.audit("parked drop", NOW, by="uid 7", key="00001301", why="Ada rang", rows="1", flow=FLOW)
        daemon.audit("parked retry", NOW, by="uid 7", key="", reason="no 00001301 yet")
        (row,) = store.rows(key="00001301")
        store.forget([row.id], ["00001301", "ours:x:00001301"], later(days=9), by="uid 8")
        assert store.scrub()
        left = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
        assert not [name for name in (b"00001301", b"ada0@", b"ada1@", b"ada2@", b"Ada rang") if name in left]
        assert b"00001302" in left
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
            told = {what: json.loads(facts) for what, facts in db.execute("SELECT what, facts FROM audit").fetchall()}
        assert told["parked drop"] == {
            "by": "uid 7", "rows": "1", "flow": FLOW, "key": "(forgotten)", "why": "(forgotten)"}  # fmt: skip
        assert told["parked retry"]["reason"] == "no (forgotten) yet"
        assert told["forget"] == {"by": "uid 8", "rows": "1", "flows": FLOW}
        assert daemon.ingest(FLOW, page(order("00001303")), later(days=9)).changed == 1, "the daemon goes on"

    @pytest.mark.parametrize("what", ["deleted", "replaced"])
    def test_a_ledger_that_is_taken_away_takes_no_more_in(self, store: Store, tmp_path: Path, what: str) -> None:
        store.ingest(FLOW, page(order()), NOW)
        (tmp_path / "ledger.db").rename(tmp_path / "away.db")
        if what == "replaced":
            (tmp_path / "ledger.db").touch()
        with pytest.raises(LedgerError, match=f"was {what} while it was in use; restart"):
            store.ingest(FLOW, page(order(minute=1)), later(minutes=1))
        (tmp_path / "away.db").replace(tmp_path / "ledger.db")
        assert store.ingest(FLOW, page(order(minute=1)), later(minutes=1)).changed == 1

    def test_nobody_else_may_read_the_ledger(self, store: Store, tmp_path: Path) -> None:
        store.ingest(FLOW, page(order()), NOW)
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert files == dict.fromkeys(("ledger.db", "ledger.db-shm", "ledger.db-wal", "ledger.db.lock"), 0o600)

    def test_a_power_cut_forgets_nothing(self, store: Store) -> None:
        """WAL with FULL: a commit is on the disk when the verb returns."""
        db = store._conn  # type: ignore[attr-defined]
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)

    def test_the_key_of_digests_is_random_and_lives_with_the_ledger(
        self, opened: Callable[[], Store], tmp_path: Path
    ) -> None:
        first = opened()
        assert len(first.digest_key) == 48
        assert opened().digest_key == first.digest_key
        (tmp_path / "other").mkdir()
        with closing(self.make(tmp_path / "other")) as other:
            assert other.digest_key != first.digest_key


def refused(path: Path) -> str:
    """The message with which this ledger is refused."""
    with pytest.raises(LedgerError) as caught:
        open_store(f"sqlite:///{path}")
    assert str(path) in str(caught.value), "the message names the file"
    return str(caught.value)


def test_a_ledger_of_the_first_version_is_taken_on_with_its_lines(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as db:
        schema.ledger.apply(db, stop_before="m002_gone")
        db.execute("INSERT INTO flow (id, name, done, rows, read, settled) VALUES (1, ?, 1, 1, 1, 1)", (FLOW,))
        db.execute("INSERT INTO word VALUES (1, 'RefArch'), (2, 'service.Case')")
        db.execute(
            "INSERT INTO row (id, flow, site, key, rev, content, state, due, first_seen, last_seen) "
            "VALUES (1, 1, 1, '00001301', 1, x'00', 1, 0, 0, 0)"
        )
        db.execute(
            "INSERT INTO line (row, id, key, stream, state, target, digests) VALUES (1, 'main', '', 2, 1, '500A', x'')"
        )
    for _ in range(2):
        with closing(open_store("sqlite:///ledger.db", base=tmp_path)) as store:
            (line,) = only(store).lines
            assert (line.target, line.gone, line.forgotten) == ("500A", False, ())


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_store(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('ledger', 'm999_later', '')"
        )
        db.commit()
    message = refused(path)
    assert "newer version (m999_later)" in message
    assert "upgrade" in message


def test_a_ledger_of_the_first_version_is_brought_up_with_all_that_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.ingest(FLOW, page(order()), NOW)
    with closing(sqlite3.connect(path)) as db:
        for name in ("row_due", "row_waits", "row_cause", "row_given_up"):
            db.execute(f"DROP INDEX {name}")
        db.execute('ALTER TABLE "row" DROP COLUMN since')
        db.execute('CREATE INDEX row_due ON "row" (flow, due) WHERE state = 0')
        db.execute("DELETE FROM _sqlite_migrations WHERE name='m003_desk'")
        db.commit()
    with closing(open_store(f"sqlite:///{path}")) as store:
        assert (only(store).state, store.oldest(), store.causes("parked")) == ("pending", {FLOW: NOW}, [])


def test_a_ledger_that_is_up_to_date_opens_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_store(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with closing(open_store(f"sqlite:///{path}")) as store:
            assert store.counts() == []


@pytest.mark.parametrize("content", [b"this is not a ledger" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_file_is_refused_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    assert "integrity_check" in refused(path)


def test_damage_found_later_is_a_ledger_error_too(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.ingest(FLOW, page(*(order(str(n)) for n in range(500))), NOW)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(LedgerError, match="integrity_check"), closing(open_store(f"sqlite:///{path}")) as store:
        list(store.rows())


def test_a_full_disk_is_said_with_its_remedy_and_when_there_is_room_the_same_work_passes(tmp_path: Path) -> None:
    with closing(open_store("sqlite:///ledger.db", base=tmp_path)) as store:
        (pages,) = store._conn.execute("PRAGMA page_count").fetchone()  # type: ignore[attr-defined]
        store._conn.execute(f"PRAGMA max_page_count={pages + 3}")  # type: ignore[attr-defined]
        many = page(*(order(str(n)) for n in range(900)), cursor="after")
        for _ in range(3):
            with pytest.raises(LedgerError, match="the disk is full; free some"):
                store.ingest(FLOW, many, NOW, lease=60)
            assert store.cursor(FLOW) is None
            assert sum(each.rows for each in store.counts()) == 0
        store._conn.execute("PRAGMA max_page_count=1000000")  # type: ignore[attr-defined]
        assert store.ingest(FLOW, many, NOW, lease=60).changed == 900
        assert store.cursor(FLOW) == "after"


def test_a_ledger_that_another_process_keeps_locked_is_said_so(tmp_path: Path) -> None:
    with (
        closing(open_store("sqlite:///ledger.db", base=tmp_path)) as store,
        closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other,
    ):
        store._conn.execute("PRAGMA busy_timeout=0")  # type: ignore[attr-defined]
        other.execute("BEGIN IMMEDIATE")
        assert store.counts() == [], "looking waits for nobody"
        with pytest.raises(LedgerError, match="another process has been writing"):
            store.audit("x", NOW)
        other.execute("ROLLBACK")
        store.audit("x", NOW)


def test_a_database_of_something_else_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (x)")
    assert "a database of something else" in refused(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def damaged(path: Path, sql: str, *given: object) -> None:
    """A page whose bytes changed, as SQLite then reads it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema=ON")
        db.execute(sql, given)


@pytest.mark.parametrize("body", [b'{"order_no": "\xff', b"[1]", 7])
def test_a_stored_record_that_is_damaged_is_fetched_again_and_harms_no_other(tmp_path: Path, body: object) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.ingest(FLOW, page(order("1"), order("2")), NOW)
        damaged(path, 'UPDATE record SET body=? WHERE "row"=1', body)
        _, leased = store.lease(FLOW, NOW, seconds=60, limit=9)
        assert [(one.key, one.record is None) for one in leased] == [("1", True), ("2", False)]
        assert set(store.records([1, 2])) == {2}


def test_texts_and_words_that_are_damaged_are_a_damaged_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.ingest(FLOW, page(order("1")), NOW)
        store.health("connection:shop", "down", NOW)
    damaged(path, "UPDATE health SET message=CAST(x'ff' AS TEXT)")
    damaged(path, "DELETE FROM word")
    with closing(open_store(f"sqlite:///{path}")) as store:
        with pytest.raises(LedgerError, match="is damaged; stop the connector"):
            store.healths()
        with pytest.raises(LedgerError, match=r"is damaged.*word"):
            list(store.rows())
    damaged(path, "DELETE FROM meta")
    assert "its key is missing" in refused(path)


@pytest.mark.parametrize("what", ["truncated", "zeroed"])
def test_a_file_that_lost_a_part_is_a_damaged_ledger_wherever_that_is_found(tmp_path: Path, what: str) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.ingest(FLOW, page(*(order(str(n), fields={"x": "y" * 300}) for n in range(500))), NOW)
    content = path.read_bytes()
    path.write_bytes(
        content[: len(content) // 3] if what == "truncated" else content[:8192] + bytes(len(content) - 8192)
    )
    whole = pytest.raises(LedgerError, match="is damaged; stop the connector, keep this file")
    with whole, closing(open_store(f"sqlite:///{path}")) as store:
        list(store.rows())


@pytest.mark.parametrize("left", [None, b"", b"garbage" * 5000])
def test_without_its_wal_a_ledger_is_what_it_was_before_and_its_books_balance(
    tmp_path: Path, left: bytes | None
) -> None:
    folder = tmp_path / "cut"
    folder.mkdir()
    with closing(open_store("sqlite:///ledger.db", base=tmp_path)) as store:
        store.ingest(FLOW, page(order("1"), cursor="one"), NOW)
        store._conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[attr-defined]
        store.ingest(FLOW, page(order("2"), cursor="two"), NOW)
        shutil.copy(tmp_path / "ledger.db", folder / "ledger.db")
    if left is not None:
        (folder / "ledger.db-wal").write_bytes(left)
    with closing(open_store("sqlite:///ledger.db", base=folder)) as store:
        assert (store.cursor(FLOW), [row.key for row in store.rows()]) == ("one", ["1"])
        assert all(each.balanced for each in store.counts())


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    """Root may write anywhere; as somebody else, rights count."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:  # not tmp_path, whose parents only its owner may enter
        folder = Path(name)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def test_a_folder_that_is_read_only_is_refused_with_a_remedy(read_only_folder: Path) -> None:
    with an_ordinary_user():
        message = refused(read_only_folder / "ledger.db")
    assert "Permission denied" in message
    assert "writable" in message


def test_a_ledger_whose_folder_became_read_only_is_refused_with_a_remedy(read_only_folder: Path) -> None:
    path = read_only_folder / "ledger.db"
    path.touch()
    path.chmod(0o666)
    with an_ordinary_user():
        message = refused(path)
    assert "writable" in message


def test_a_folder_in_the_ledgers_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    assert "directory" in refused(tmp_path / "ledger.db")


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    open_store("sqlite:///var/lib/ledger.db", base=tmp_path).close()
    assert (tmp_path / "var/lib/ledger.db").is_file()


@pytest.mark.parametrize("url", ["postgres://x", "sqlite:///", "ledger.db", "sqlite://ledger.db"])
def test_an_unknown_store_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(LedgerError, match="sqlite:////var"):
        open_store(url)


def test_a_refused_ledger_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this is not a ledger" * 100)
    before = set(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else set()
    refused(path)
    if before:
        assert set(os.listdir("/proc/self/fd")) == before


_OPEN = """
import sys
from connector.store import open_store
sys.stdin.read(1)
open_store(sys.argv[1]).close()
"""


def test_processes_that_open_a_new_ledger_at_the_same_moment_all_succeed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _OPEN, f"sqlite:///{tmp_path / 'ledger.db'}"]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    try:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"x")
            process.stdin.flush()
        faults = [process.communicate(timeout=60)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert faults == [b""] * 4
