"""Bad input: one message each with place and remedy, the right exit code, no traceback, no secret."""

from __future__ import annotations

import shlex
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.sandbox.client import Process
from tests.acceptance import files
from tests.acceptance.processes import COMMAND, Ended, environment, run

SECRET = "not-the-right-one"
REMOTE = """\
connections:
  shop:
    adapter: sfcc
    url: {sfcc}
    auth_url: {sfcc}
    site: RefArch
    client_id: bench
    client_secret: ${{SFCC_CLIENT_SECRET}}
    timeouts: {{connect: 1, read: 2, total: 3}}
  service:
    adapter: salesforce
    url: {salesforce}
    auth: {{grant: client_credentials, client_id: bench, client_secret: "${{SALESFORCE_CLIENT_SECRET}}"}}
    key_field: Commerce_Key__c
    timeouts: {{connect: 1, read: 2, total: 3}}
store: sqlite:///ledger.db
flows:
  orders-to-cases: {{from: shop.orders, to: service.Case, mapping: order.yaml, start: beginning}}
"""
RIGHT = {"SFCC_CLIENT_SECRET": "secret", "SALESFORCE_CLIENT_SECRET": "secret"}


@pytest.fixture(scope="module")
def box() -> Iterator[Process]:
    with Process("--orders", "20") as box:
        yield box


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return files.lay_out(tmp_path / "connector")


@pytest.fixture
def remote(tmp_path: Path, box: Process) -> Path:
    folder = tmp_path / "remote"
    folder.mkdir()
    (folder / "config.yaml").write_text(REMOTE.format(sfcc=box.sfcc_url, salesforce=box.salesforce_url))
    (folder / "order.yaml").write_text(
        'summary: x\nwhen: "{{ c_addressMismatch }}"\nfields: {Subject: "Order {{ record.key }}"}\n'
    )
    return folder


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address where nobody listens, and nobody else can."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"


def said_once(ended: Ended, code: int, *words: str) -> None:
    """That exit code, these words, on one fault, and no traceback."""
    assert ended.code == code, ended.said
    for word in words:
        assert word in ended.said, f"{word!r} is missing in:\n{ended.said}"
    assert "Traceback" not in ended.said
    assert "defect" not in ended.said
    if code == 2:
        assert ended.err.count("1 fault; nothing was started") == 1, ended.err


@pytest.mark.parametrize("command", ["check", "run", "sync", "status"])
def test_a_missing_configuration(tmp_path: Path, command: str) -> None:
    said_once(
        run(tmp_path, command), 2, "config.yaml  cannot be read: No such file", "copy config.example.yaml", "--config"
    )


@pytest.mark.parametrize("command", ["check", "run", "sync"])
def test_an_unknown_key(folder: Path, command: str) -> None:
    files.replace(folder, "config.yaml", "    every: 500ms\n    start", "    evry: 500ms\n    start")
    said_once(run(folder, command), 2, "config.yaml:10:5  unknown key 'evry'", "did you mean 'every'?")


def test_a_missing_secret(remote: Path) -> None:
    ended = run(remote, "check", env={"SFCC_CLIENT_SECRET": "secret"})
    said_once(
        ended,
        2,
        "config.yaml:13:",
        "the environment variable SALESFORCE_CLIENT_SECRET is not set",
        "set SALESFORCE_CLIENT_SECRET where the command runs",
    )


def test_an_unknown_connection(folder: Path) -> None:
    files.replace(folder, "config.yaml", "from: shop.orders", "from: shopp.orders")
    files.replace(folder, "config.yaml", "    answers: orders-to-cases\n", "")
    said_once(run(folder, "check"), 2, "config.yaml:7:11  unknown connection 'shopp'", "did you mean 'shop'?")


def test_a_broken_template(folder: Path) -> None:
    files.replace(folder, "mappings/order.yaml", "{{ record.key }}", "{{ record.key | lowr }}")
    said_once(run(folder, "check"), 2, "mappings/order.yaml:7:", "lowr", "did you mean 'lower'?")


def test_duplicate_yaml_keys(folder: Path) -> None:
    (folder / "config.yaml").write_text((folder / "config.yaml").read_text() + "store: sqlite:///other.db\n")
    said_once(run(folder, "check"), 2, "config.yaml:20:1  key 'store' stands twice", "it stands on line 4 already")


def test_no_yaml_at_all(folder: Path) -> None:
    (folder / "config.yaml").write_text("connections: {shop: [}\n")
    said_once(run(folder, "check"), 2, "config.yaml:1:", "not YAML")


def test_every_fault_of_every_file_in_one_go(folder: Path) -> None:
    files.replace(folder, "config.yaml", "from: shop.orders", "from: shopp.orders")
    files.replace(folder, "config.yaml", "    answers: orders-to-cases", "    answers: orders")
    files.replace(folder, "mappings/order.yaml", "{{ record.key }}", "{{ record.key | lowr }}")
    ended = run(folder, "check")
    assert ended.code == 2
    assert "3 faults; nothing was started" in ended.err


def test_an_unreachable_host(remote: Path, box: Process, nowhere: str) -> None:
    files.replace(remote, "config.yaml", box.salesforce_url, nowhere)
    ended = run(remote, "check", "--live", env=RIGHT)
    said_once(ended, 3, "service: FAIL  Unreachable", "connection refused", "check the connection's url")
    assert "shop: ok" in ended.out


def test_a_pass_against_an_unreachable_host_parks_nothing(remote: Path, box: Process, nowhere: str) -> None:
    files.replace(remote, "config.yaml", box.salesforce_url, nowhere)
    said_once(run(remote, "sync", env=RIGHT), 3, "orders-to-cases: Unreachable")
    assert " 0 parked " in run(remote, "status", env=RIGHT).out


@pytest.mark.parametrize(
    ("variable", "connection"), [("SFCC_CLIENT_SECRET", "shop"), ("SALESFORCE_CLIENT_SECRET", "service")]
)
def test_a_wrong_password(remote: Path, variable: str, connection: str) -> None:
    ended = run(remote, "check", "--live", env={**RIGHT, variable: SECRET})
    said_once(ended, 3, f"{connection}: FAIL  AuthFailed", "client_secret")
    assert SECRET not in ended.said


def test_right_passwords_and_fields_are_well(remote: Path) -> None:
    ended = run(remote, "check", "--live", env=RIGHT)
    assert ended.code == 0, ended.said
    assert "shop: ok" in ended.out
    assert "service: ok" in ended.out


def test_a_key_field_that_is_missing_there_is_named(remote: Path) -> None:
    files.replace(remote, "config.yaml", "key_field: Commerce_Key__c", "key_field: Comerce_Key__c")
    ended = run(remote, "check", "--live", env=RIGHT)
    assert ended.code == 1, ended.said
    assert "service: FAIL" in ended.out
    assert "Comerce_Key__c" in ended.out


def test_an_unknown_command_and_an_unknown_flow(folder: Path) -> None:
    ended = run(folder, "staus")
    assert (ended.code, "did you mean 'status'?" in ended.err) == (2, True)
    ended = run(folder, "sync", "order-to-cases")
    assert (ended.code, "did you mean 'orders-to-cases'?" in ended.err) == (2, True)


def test_a_ledger_that_cannot_be_written(folder: Path) -> None:
    files.replace(folder, "config.yaml", "sqlite:///ledger.db", "sqlite:////proc/nowhere/ledger.db")
    ended = run(folder, "sync")
    assert ended.code == 2, ended.said
    assert "/proc/nowhere" in ended.err
    assert "Traceback" not in ended.said


def test_a_ledger_that_is_none(folder: Path) -> None:
    (folder / "ledger.db").write_bytes(b"this is no database, whatever its name says\n" * 50)
    ended = run(folder, "status")
    assert ended.code == 2, ended.said
    assert "ledger.db" in ended.err
    assert "Traceback" not in ended.said


def test_a_store_of_an_unknown_kind(folder: Path) -> None:
    files.replace(folder, "config.yaml", "sqlite:///ledger.db", "mysql://ledger")
    ended = run(folder, "status")
    assert ended.code == 2, ended.said
    assert "sqlite:///" in ended.err


def test_a_flow_that_owns_rows_may_not_vanish(folder: Path) -> None:
    run(folder, "sync")
    files.replace(folder, "config.yaml", "  orders-to-cases:", "  orders-renamed:")
    files.replace(folder, "config.yaml", "answers: orders-to-cases", "answers: orders-renamed")
    ended = run(folder, "sync")
    said_once(ended, 2, "flow id 'orders-to-cases', which is not configured", "id: orders-to-cases", "enabled: false")


def test_a_flow_that_has_read_one_stream_is_refused_with_another(folder: Path) -> None:
    run(folder, "sync")
    files.put(
        folder, "shop/returns", {"key": "R1", "stamp": files.STAMP.format(1), "total": 60, "email": "a@example.org"}
    )
    files.replace(folder, "config.yaml", "from: shop.orders", "from: shop.returns")
    files.replace(folder, "config.yaml", "to: shop.orders", "to: shop.returns")
    said_once(run(folder, "sync"), 2, "flow 'orders-to-cases' reads returns", "are of orders", "of its own")
    files.replace(folder, "config.yaml", "from: shop.returns", "from: shop.orders")
    files.replace(folder, "config.yaml", "to: shop.returns", "to: shop.orders")
    assert run(folder, "sync").code in (0, 1, 3)


def test_a_defect_shows_its_traceback_only_when_asked(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text(
        "import connector.config.load as load\ndef broken(*a, **k): raise ZeroDivisionError('oops')\n"
        "import connector.config\nconnector.config.load_config = broken\n"
    )
    env = {"PYTHONPATH": str(folder)}
    ended = run(folder, "check", env=env)
    assert ended.code == 1
    assert "defect: ZeroDivisionError: oops" in ended.err
    assert "Traceback" not in ended.err
    assert "Traceback" in run(folder, "--debug", "check", env=env).err


def test_a_machine_without_file_handles_or_disk_is_told_so_and_is_no_defect(folder: Path) -> None:
    for limit, words in (("ulimit -n 6", "ulimit -n"), ("exec > /dev/full", "free some of that disk")):
        command = f"{limit}; exec {shlex.join(COMMAND)} sync"
        ended = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment(), capture_output=True, text=True, check=False
        )
        assert ended.returncode == 2, ended.stderr
        assert words in ended.stderr
        assert "Traceback" not in ended.stderr
        assert "defect" not in ended.stderr
