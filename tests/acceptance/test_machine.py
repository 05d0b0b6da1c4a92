"""The machine's own faults under real processes: said once with a remedy, healed once, nothing lost and nothing twice."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.odd_machine import ODDITIES
from tests.acceptance.processes import Daemon, run
from tests.acceptance.stage import ROOT, Stage, stage
from tests.acceptance.test_faults import until

FLOWS = 4


@contextmanager
def limited(daemon: Daemon, kind: int, most: int) -> Iterator[None]:
    """A limit on a process that runs."""
    before = resource.prlimit(daemon.process.pid, kind)
    resource.prlimit(daemon.process.pid, kind, (most, before[1]))
    try:
        yield
    finally:
        resource.prlimit(daemon.process.pid, kind, before)


def changed(where: Stage, old: str, new: str) -> None:
    config = where.folder / "config.yaml"
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))


def delivered(where: Stage) -> Callable[[], bool]:
    """Whether every order was read, and what it asks for is done."""

    def so() -> bool:
        books = where.books().get("orders-to-cases")
        return books is not None and (books.rows, books.pending) == (len(where.box.control.orders("RefArch")), 0)

    return so


def said(daemon: Daemon, *events: str) -> dict[str, int]:
    return {event: len(daemon.named(event)) for event in events}


def texts(daemon: Daemon, *events: str) -> list[str]:
    return [line["text"] for event in events for line in daemon.named(event)]


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, orders=6, returns=0) as where:
        yield where
        where.assert_nothing_twice()


def test_a_disk_that_fills_up_is_said_once_a_flow_and_the_work_goes_on_when_there_is_room(where: Stage) -> None:
    with Daemon(where.folder) as daemon:
        until(delivered(where))
        cases = len(where.box.control.cases())
        with limited(daemon, resource.RLIMIT_FSIZE, 1):
            where.box.control.place_order()
            until(lambda: said(daemon, "poll_failed")["poll_failed"] == FLOWS)
            assert len(where.box.control.cases()) == cases, "nothing is written that cannot be noted"
        first = daemon.named("poll_failed")[0]
        assert "look at its disk" in first["error"]
        until(delivered(where))
        until(lambda: said(daemon, "poll_recovered")["poll_recovered"] == FLOWS)
        said_once = {"poll_failed": FLOWS, "poll_recovered": FLOWS}
        assert said(daemon, *said_once) == said_once, texts(daemon, *said_once)
        daemon.signal()
        assert daemon.ended() == 0
    where.settle()  # the way back may have been under way when the daemon was told to end
    assert delivered(where)()


def test_a_command_that_finds_the_disk_full_ends_with_two_and_its_remedy(where: Stage) -> None:
    where.settle()
    where.box.control.place_order()
    ended = subprocess.run(
        [sys.executable, "-m", "connector.cli", "sync"],
        cwd=where.folder,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1)),  # no threads in it yet
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert "look at its disk" in ended.stderr
    assert "Traceback" not in ended.stderr
    where.settle()
    assert delivered(where)()


def test_without_a_file_handle_left_the_log_stays_short_and_everything_is_delivered_afterwards(where: Stage) -> None:
    changed(where, "web: {listen: none}", "web: {listen: '127.0.0.1:0'}")
    with Daemon(where.folder) as daemon:
        until(delivered(where))
        host, port = daemon.wait_for("started")["listen"].split(":")
        with limited(daemon, resource.RLIMIT_NOFILE, 8), socket.create_connection((host, int(port))) as asks:
            before = len(daemon.lines)
            asks.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            where.box.control.place_order()
            daemon.wait_for("library", logger="asyncio")
            until(lambda: delivered(where)() or daemon.named("connection_down"))
            assert len(daemon.lines) - before < 20, daemon.lines[before:]
        until(delivered(where))
        assert daemon.get("/healthz")[0] == 200
        daemon.signal()
        assert daemon.ended() == 0


def test_a_process_that_is_stopped_past_its_leases_keeps_its_flows_and_makes_nothing_twice(where: Stage) -> None:
    changed(where, "lease: 120s", "lease: 62s")
    where.box.control.fault(kind="slow", seconds=6, times=1, path="composite/sobjects$")  # until it is stopped
    with Daemon(where.folder) as daemon:
        until(lambda: where.box.control.faults()[0]["fired"])
        stopped_outside_a_transaction(daemon, where)
        busy = where.run("sync", "orders-to-cases")
        assert (busy.code, "another process is at work on it" in busy.err) == (1, True), busy
        second = run(where.folder, "run")
        assert (second.code, "stop that one first" in second.err) == (2, True), second
        daemon.signal(signal.SIGCONT)
        until(delivered(where))
        daemon.signal()
        assert daemon.ended() == 0
    where.settle()


def stopped_outside_a_transaction(daemon: Daemon, where: Stage) -> None:
    """Stop the process where it does not hold the ledger's own lock, which would keep everybody else out of it."""
    for _ in range(50):
        daemon.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED)  # its threads go on until one of them has taken the signal
        with closing(sqlite3.connect(where.folder / "ledger.db", timeout=0, isolation_level=None)) as ledger:
            try:
                ledger.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                daemon.signal(signal.SIGCONT)
            else:
                ledger.execute("ROLLBACK")
                return
    raise AssertionError("the daemon is never outside a transaction")


def odd(where: Stage, **oddities: Any) -> None:
    draft = where.folder / "oddities.new"
    draft.write_text(json.dumps(oddities))
    draft.replace(where.folder / "oddities.json")


def on_an_odd_machine(where: Stage) -> Daemon:
    env = {ODDITIES: str(where.folder / "oddities.json"), "PYTHONPATH": str(ROOT)}
    return Daemon(where.folder, env=env, command=[sys.executable, "-m", "tests.acceptance.odd_machine"])


def test_a_clock_that_leaps_either_way_stops_no_poll_and_makes_nothing_twice(where: Stage) -> None:
    with on_an_odd_machine(where) as daemon:
        until(delivered(where))
        for leap, way in ((-5 * 3600, "back"), (3 * 365 * 24 * 3600, "forward")):
            odd(where, leap=leap)
            where.box.control.place_order()
            until(delivered(where))
            daemon.wait_for("clock_leapt", way=way)
        assert said(daemon, "clock_leapt", "poll_failed") == {"clock_leapt": 2, "poll_failed": 0}
        daemon.signal()
        assert daemon.ended() == 0
    assert all(books.pending == 0 for books in where.books().values())


def test_names_that_no_longer_resolve_are_said_once_a_connection_and_healed_once(where: Stage) -> None:
    for old in re.findall(r"http://127\.0\.0\.1:\d+", (where.folder / "config.yaml").read_text()):
        text = (where.folder / "config.yaml").read_text()
        (where.folder / "config.yaml").write_text(text.replace(old, old.replace("127.0.0.1", "localhost")))
    odd(where, deaf=True)
    with on_an_odd_machine(where) as daemon:
        down = daemon.wait_for("connection_down", connection="shop")
        assert "the host name does not resolve" in down["reason"]
        assert "DNS" in down["remedy"]
        until(lambda: said(daemon, "connection_down")["connection_down"] == 2)
        odd(where, deaf=False)
        until(delivered(where))
        until(lambda: said(daemon, "connection_up")["connection_up"] == 2)
        assert said(daemon, "connection_down", "connection_up") == {"connection_down": 2, "connection_up": 2}
        daemon.signal()
        assert daemon.ended() == 0


def test_the_budget_is_kept_over_a_kill_by_every_process_and_status_tells_it(where: Stage) -> None:
    changed(where, "    page: 10\n", "    page: 10\n    budget: {calls_per_day: 40}\n")
    changed(where, "every: 1s", "every: 200ms")  # it is used up in seconds
    with Daemon(where.folder) as daemon:
        until(delivered(where))
        daemon.wait_for("budget_held", connection="shop", lane="live")
        daemon.process.kill()
    made = where.box.control.requests()["sfcc"]["total"]
    assert 36 <= made <= 44
    with where.ledger() as store:
        counted = store.spent(datetime.now(UTC))["shop"].own(datetime.now(UTC))
    assert made - 5 <= counted <= made

    ended = where.run("sync", "orders-to-cases")

    assert ended.code == 3
    assert "budget.calls_per_day is 40" in ended.err
    assert "of 40" in where.run("status").out
    assert where.box.control.requests()["sfcc"]["total"] <= made + 5
