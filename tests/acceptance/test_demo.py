"""`connector demo`: what it tells is about the record that it names, and nothing of it is left when it is ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import COMMAND, environment

ROOT = Path(__file__).parents[2]


@pytest.fixture
def staying(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A demo that has told its story and stays up, and what it said."""
    mappings = str(ROOT / "mappings" / "salesforce")
    command = [*COMMAND, "demo", "--stay", "--orders", "5", "--folder", str(tmp_path / "demo"), "--mappings", mappings]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        told = ""
        for line in demo.stdout:
            told += line
            if "stays up" in line:
                break
        try:
            yield demo, told
        finally:
            if demo.poll() is None:
                demo.send_signal(signal.SIGTERM)
            demo.stdout.read()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_follows_one_order_and_leaves_nothing_running_when_it_is_ended(
    staying: tuple[subprocess.Popen[str], str],
) -> None:
    demo, told = staying
    order = re.findall(r"a customer places order (\d+)", told)[0]
    assert f": Order {order}: Address" in told
    assert "look further: connector --config" in told
    daemon = int(re.findall(r"daemon +process (\d+)", told)[0])
    assert alive(daemon)

    demo.send_signal(signal.SIGTERM)

    assert demo.wait(timeout=60) == 0
    assert not alive(daemon)
