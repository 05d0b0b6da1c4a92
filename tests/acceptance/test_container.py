"""What the container promises, without an engine: the daemon as process 1, the health check, nothing written elsewhere."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests.written_docs import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
HEALTHCHECK = json.loads("[" + re.findall(r"HEALTHCHECK[^[]*\[(.*)\]\n", DOCKERFILE)[0] + "]")
CONFIG = """\
connections:
  files: {adapter: jsonl, folder: data}
store: sqlite:///state/ledger.db
flows:
  orders-to-cases: {from: files.orders, to: files.Case, mapping: mapping.yaml, every: 1s, start: beginning}
web: {listen: "127.0.0.1:0"}
log: {format: json}
"""
MAPPING = 'summary: every order becomes a case\nfields: {Subject: "Order {{ record.key }}"}\n'
NEW_PID_SPACE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child=KILL"]


def process_one() -> Sequence[str]:
    """The words that make a command process 1 of a PID space of its own, as in a container; none where we may not."""
    for words in (NEW_PID_SPACE, [word for word in NEW_PID_SPACE if "user" not in word]):
        try:
            done = subprocess.run([*words, "sh", "-c", "echo $$"], capture_output=True, text=True)
        except FileNotFoundError:
            break
        if done.stdout.strip() == "1":
            return words
    return ()


def handled(process: psutil.Process) -> set[int]:
    """Signals that a process has a handler for. Those without one are ignored by process 1."""
    (mask,) = re.findall(r"^SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
    return {number for number in range(1, 65) if int(mask, 16) >> (number - 1) & 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "data").mkdir()
    return tmp_path


class Daemon:
    """`connector run` in a process of its own; `wait_for` reads its log until an event comes."""

    def __init__(self, folder: Path, *before: str) -> None:
        command = [*before, sys.executable, "-m", "connector.cli", "run", "--config", str(folder / "config.yaml")]
        self.process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
        self.said: list[str] = []

    def wait_for(self, event: str) -> dict[str, Any]:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            told: dict[str, Any] = json.loads(line)
            if told["event"] == event:
                return told
        raise AssertionError(f"the daemon ended without {event!r}: {self.said}")


@contextmanager
def daemon(folder: Path, *before: str) -> Iterator[Daemon]:
    """A daemon that is killed at the end, or after a minute, whatever happens."""
    running = Daemon(folder, *before)
    watch = threading.Timer(60, running.process.kill)
    watch.start()
    try:
        yield running
    finally:
        watch.cancel()
        running.process.kill()
        running.process.wait()
        assert running.process.stderr is not None
        running.process.stderr.close()


def test_as_process_1_it_finishes_and_ends_with_0_on_sigterm(folder: Path) -> None:
    (folder / "data" / "orders.jsonl").write_text('{"key": "00001301", "stamp": "2026-11-20T10:00:00Z"}\n')
    before = process_one()
    with daemon(folder, *before) as running:
        running.wait_for("poll")
        one = psutil.Process(running.process.pid)
        if before:
            (one,) = one.children()
        assert one.cmdline()[1:3] == ["-m", "connector.cli"]
        assert {signal.SIGTERM, signal.SIGINT} <= handled(one)
        one.send_signal(signal.SIGTERM)
        assert running.wait_for("stopping")["signal"] == "SIGTERM"
        running.wait_for("stopped")
        assert running.process.wait(timeout=30) == 0
    assert "00001301" in (folder / "data" / "Case.jsonl").read_text()


def test_the_health_check_says_0_while_it_is_well_and_1_when_nobody_answers(folder: Path) -> None:
    with daemon(folder) as running:
        port = running.wait_for("started")["listen"].rpartition(":")[2]
        check = [sys.executable if word == "python" else word.replace("8080", port) for word in HEALTHCHECK]
        environ = {**os.environ, "http_proxy": "http://127.0.0.1:9"}  # a proxy is never asked
        assert subprocess.run(check, env=environ, timeout=30).returncode == 0
        running.process.terminate()
        running.wait_for("stopped")
        assert running.process.wait(timeout=30) == 0
        assert subprocess.run(check, stderr=subprocess.DEVNULL, timeout=30).returncode == 1


def test_it_writes_nowhere_but_where_the_ledger_is(folder: Path) -> None:
    """The root of the container is read-only; only the volume and /tmp are not."""
    before = {path for path in folder.rglob("*") if folder / "state" not in path.parents}
    with daemon(folder) as running:
        running.wait_for("started")
        opened = {Path(each.path) for each in psutil.Process(running.process.pid).open_files() if each.mode != "r"}
        running.process.terminate()
        running.wait_for("stopped")
    state, streams = folder / "state", {folder / "data"}
    assert {path.parent for path in opened} <= {state, *streams}
    after = {path for path in folder.rglob("*") if state not in path.parents}
    assert after - before <= {state, folder / "data" / "orders.jsonl"}


def test_the_compose_example_gives_what_the_image_needs() -> None:
    compose = yaml.safe_load((ROOT / "compose.example.yaml").read_text())
    service = compose["services"]["connector"]
    assert service["read_only"] is True
    assert "/tmp" in service["tmpfs"]
    grace = re.search(r"stop_grace: (\d+)s", (ROOT / "config.example.yaml").read_text())
    assert grace
    assert int(service["stop_grace_period"].removesuffix("s")) > int(grace[1])
    volume = re.findall(r"^VOLUME (\S+)", DOCKERFILE, re.MULTILINE)
    assert [each.split(":")[1] for each in service["volumes"] if each.startswith("ledger:")] == volume
    assert set(service["secrets"]) == set(compose["secrets"])
    configured = re.findall(r"\$\{(SF\w+|SALES\w+)\}", (ROOT / "config.example.yaml").read_text())
    assert set(service["environment"]) == {name for name in configured if not name.endswith("SECRET")}
