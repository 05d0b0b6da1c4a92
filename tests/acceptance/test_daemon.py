"""The daemon as a container runs it: a process, its signals, its pages, its log."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.sandbox.client import Process
from tests.acceptance import files
from tests.acceptance.processes import PATIENCE, Daemon, run

REMOTE = """\
connections:
  shop:
    adapter: sfcc
    url: {sfcc}
    auth_url: {sfcc}
    site: RefArch
    client_id: bench
    client_secret: ${{PASSWORD}}
    index_lag: 0
    timeouts: {{connect: 1, read: 15, total: 15}}
  service:
    adapter: salesforce
    url: {salesforce}
    auth: {{grant: client_credentials, client_id: bench, client_secret: "${{PASSWORD}}"}}
    key_field: Commerce_Key__c
    settle_after: 1s
    timeouts: {{connect: 1, read: 15, total: 15}}
store: sqlite:///ledger.db
flows:
  orders-to-cases: {{from: shop.orders, to: service.Case, mapping: order.yaml, every: 500ms, start: beginning}}
retry: {{outage: 500ms, outage_longest: 500ms}}
daemon: {{jitter: 0s, stop_grace: 20s}}
web: {{listen: "127.0.0.1:0"}}
"""
MAPPING = """\
summary: An expensive order becomes a case.
when: "{{ order_total > 50 }}"
fields: {Subject: "Order {{ record.key }}", SuppliedEmail: "{{ customer_info.email }}"}
"""
PASSWORD = {"PASSWORD": "secret"}
WRITE = {"system": "salesforce", "method": "POST", "path": "composite/sobjects"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return files.lay_out(tmp_path / "connector")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Process]:
    with Process("--orders", "40") as box:
        yield box


@pytest.fixture
def box(sandbox: Process) -> Process:
    sandbox.outage("sfcc", down=False)
    sandbox.outage("salesforce", down=False)
    sandbox.control.reset()
    return sandbox


@pytest.fixture
def remote(tmp_path: Path, box: Process) -> Path:
    folder = tmp_path / "remote"
    folder.mkdir()
    (folder / "config.yaml").write_text(REMOTE.format(sfcc=box.sfcc_url, salesforce=box.salesforce_url))
    (folder / "order.yaml").write_text(MAPPING)
    return folder


def test_it_delivers_answers_its_pages_and_ends_with_zero_on_sigterm(folder: Path) -> None:
    with Daemon(folder) as daemon:
        daemon.wait_for("poll", flow="orders-to-cases", created=1)
        assert daemon.get("/healthz") == (200, {"healthy": True, "stuck_flows": {}})
        status, body = daemon.get("/readyz")
        assert (status, body["ready"], body["ledger"]) == (200, True, "open")
        assert body["flows"] == {"orders-to-cases": "on", "cases-to-orders": "on"}
        daemon.signal()
        assert daemon.ended() == 0
        said = [each["event"] for each in daemon.events()]
        assert [each for each in said if each.startswith("stop")] == ["stopping", "stopped"]
        assert said[-1] == "stopped", "also where a poll was under way"
    assert [case["Subject"] for case in files.lines(folder, "desk/cases")] == ["Order 00001302"]


def test_ctrl_c_ends_it_as_well(folder: Path) -> None:
    with Daemon(folder) as daemon:
        daemon.wait_for("started")
        daemon.signal(signal.SIGINT)
        assert daemon.ended() == 0


def test_what_comes_later_is_delivered_by_a_later_poll(folder: Path) -> None:
    with Daemon(folder) as daemon:
        daemon.wait_for("poll", created=1)
        order = {"key": "00001304", "stamp": files.STAMP.format(5), "total": 80, "email": "eve@example.org"}
        files.put(folder, "shop/orders", order)
        daemon.wait_for("poll", read=1, created=1)
        daemon.signal()
        assert daemon.ended() == 0
    assert len(files.lines(folder, "desk/cases")) == 2


def test_every_line_of_its_log_is_json_with_an_event_and_no_customer_data(folder: Path) -> None:
    with Daemon(folder) as daemon:
        daemon.wait_for("poll", created=1)
        daemon.signal()
        assert daemon.ended() == 0
        assert daemon.lines
        for line in daemon.lines:
            assert {"at", "level", "event", "text"} <= json.loads(line).keys()
        assert "example.org" not in "\n".join(daemon.lines)
        assert "poll_idle" not in "\n".join(daemon.lines)


def test_a_second_daemon_on_the_same_ledger_is_refused_and_harms_nobody(folder: Path) -> None:
    with Daemon(folder) as daemon:
        daemon.wait_for("started")
        second = run(folder, "run")
        assert second.code == 2
        assert "busy: " in second.err
        assert "another process" in second.err
        assert "Traceback" not in second.err
        assert daemon.get("/healthz")[0] == 200
        daemon.signal()
        assert daemon.ended() == 0


def test_after_a_kill_the_next_one_may_start_at_once(folder: Path) -> None:
    with Daemon(folder) as daemon:
        daemon.wait_for("started")
        daemon.signal(signal.SIGKILL)
        daemon.ended()
    with Daemon(folder) as daemon:
        daemon.wait_for("started")
        daemon.signal()
        assert daemon.ended() == 0


def test_a_flow_that_is_switched_off_is_named_and_stays_quiet(folder: Path) -> None:
    files.replace(folder, "config.yaml", "    start: beginning", "    start: beginning\n    enabled: false")
    with Daemon(folder) as daemon:
        daemon.wait_for("flow_disabled", flow="orders-to-cases")
        daemon.wait_for("started", flows=1)
        daemon.signal()
        assert daemon.ended() == 0
    assert files.lines(folder, "desk/cases") == []


def test_a_port_in_use_is_refused_with_its_remedy(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        files.replace(folder, "config.yaml", '"127.0.0.1:0"', f'"127.0.0.1:{taken.getsockname()[1]}"')
        ended = run(folder, "run")
    assert ended.code == 2
    assert "another process listens there; change web.listen" in ended.err


def test_no_web_server_if_none_is_wanted(folder: Path) -> None:
    files.replace(folder, "config.yaml", '"127.0.0.1:0"', "none")
    with Daemon(folder) as daemon:
        assert daemon.wait_for("started")["listen"] == "none"
        daemon.signal()
        assert daemon.ended() == 0


def test_sigterm_finishes_the_write_that_is_in_flight(remote: Path, box: Process) -> None:
    box.control.fault(kind="slow", seconds=3, **WRITE)
    with Daemon(remote, env=PASSWORD) as daemon:
        seen_write(box)
        daemon.signal()
        assert daemon.ended() == 0
        assert daemon.named("poll")[-1]["created"] > 0
    books = run(remote, "status", env=PASSWORD).out
    assert " 0 pending" in books
    assert f" {len(box.control.cases())} done" in books


def test_a_grace_that_is_too_short_ends_with_one_and_the_next_start_makes_nothing_twice(
    remote: Path, box: Process
) -> None:
    files.replace(remote, "config.yaml", "stop_grace: 20s", "stop_grace: 500ms")
    box.control.fault(kind="slow", seconds=4, **WRITE)
    with Daemon(remote, env=PASSWORD) as daemon:
        seen_write(box)
        daemon.signal()
        assert daemon.ended() == 1
        assert daemon.named("stopped_hard")[0]["flows"] == 1
    box.control.clear_faults()
    made = len(box.control.cases())
    with Daemon(remote, env=PASSWORD) as daemon:
        daemon.wait_for("started")
        wait_until(lambda: " 0 pending" in run(remote, "status", env=PASSWORD).out)
        daemon.signal()
        assert daemon.ended() == 0
    assert len(box.control.cases()) == made > 0
    assert not any(box.control.duplicates().values())


def test_a_second_signal_ends_it_at_once_and_says_so(remote: Path, box: Process) -> None:
    box.control.fault(kind="slow", seconds=10, **WRITE)
    with Daemon(remote, env=PASSWORD) as daemon:
        seen_write(box)
        daemon.signal()
        daemon.wait_for("stopping", signal="SIGTERM")
        daemon.signal()  # within half a second it is the first one again
        wait_until(lambda: ended_after_another(daemon))
        assert daemon.ended(5) == 1
        assert "stopped at once by a second signal" in daemon.lines[-1]


def test_one_request_that_arrives_twice_is_one(folder: Path) -> None:
    """`timeout` and some supervisors signal the process and its group."""
    with Daemon(folder) as daemon:
        daemon.wait_for("started")
        daemon.signal()
        daemon.signal()
        assert daemon.ended() == 0
        assert daemon.named("stopped")


def test_a_system_that_is_down_does_not_stop_the_start_and_is_said_once(remote: Path, box: Process) -> None:
    box.outage("salesforce")
    with Daemon(remote, env=PASSWORD) as daemon:
        daemon.wait_for("connection_down", connection="service")
        assert daemon.get("/healthz")[0] == 200
        status, body = daemon.get("/readyz")
        assert (status, body["connections"]["service"]["state"]) == (200, "down")
        searches = searched(box)
        wait_until(lambda: searched(box) >= searches + 4)  # it polls on, and keeps quiet about it
        box.outage("salesforce", down=False)
        daemon.wait_for("connection_up", connection="service")
        wait_until(lambda: len(box.control.cases()) > 0)
        assert len(daemon.named("connection_down")) == 1
        assert daemon.get("/readyz")[1]["connections"]["service"]["state"] == "ok"
        daemon.signal()
        assert daemon.ended() == 0
    assert " 0 parked" in run(remote, "status", env=PASSWORD).out


def test_sigterm_during_an_outage_does_not_wait_for_its_end(remote: Path, box: Process) -> None:
    box.outage("salesforce")
    with Daemon(remote, env=PASSWORD) as daemon:
        daemon.wait_for("connection_down", connection="service")
        daemon.signal()
        assert daemon.ended(10) == 0


def test_no_secret_is_ever_said(remote: Path, box: Process) -> None:
    secret = "s3cr3t-that-is-wrong"
    with Daemon(remote, env={"PASSWORD": secret}) as daemon:
        daemon.wait_for("connection_down", connection="shop", error="AuthFailed")
        assert daemon.get("/readyz")[1]["connections"]["shop"]["state"] == "refused"
        daemon.signal()
        assert daemon.ended() == 0
        assert secret not in "\n".join(daemon.lines)


def ended_after_another(daemon: Daemon) -> bool:
    if daemon.process.poll() is None:
        daemon.signal()
    return daemon.process.poll() is not None


def searched(box: Process) -> int:
    """Order searches so far."""
    return sum(count for path, count in box.control.requests()["sfcc"].items() if path.endswith("order_search"))


def wait_until(so: Callable[[], bool], within: float = PATIENCE) -> None:
    """Ask again until it is so."""
    wait = threading.Event()
    for _ in range(int(within / 0.1)):
        if so():
            return
        wait.wait(0.1)
    raise AssertionError("it did not come to that")


def seen_write(box: Process) -> None:
    """Until a slow write has reached the case system."""
    wait_until(lambda: any(rule["fired"] for rule in box.control.faults()))
