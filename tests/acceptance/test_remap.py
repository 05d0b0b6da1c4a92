"""A mapping that changed, with the real command on the simulated systems: who is reached, what goes, and what stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.sandbox.client import Process
from tests.acceptance import files
from tests.acceptance.processes import run
from tests.acceptance.test_daemon import PASSWORD, REMOTE

MAPPING = """\
summary: An expensive order becomes a case.
when: "{{ order_total > 100 }}"
fields:
  Subject: "Order {{ record.key }}"
  Priority: {from: High, write: until-claimed}
  Status: {from: New, write: on-create}
"""


@pytest.fixture(scope="module")
def box() -> Iterator[Process]:
    with Process("--orders", "0", "--returns", "0") as box:
        for total in (50, 80, 150, 200):
            box.control.place_order(order_total=total)
        yield box


@pytest.fixture
def folder(tmp_path: Path, box: Process) -> Path:
    folder = tmp_path / "remap"
    folder.mkdir()
    (folder / "config.yaml").write_text(REMOTE.format(sfcc=box.sfcc_url, salesforce=box.salesforce_url))
    (folder / "order.yaml").write_text(MAPPING)
    return folder


def connector(folder: Path, *arguments: str) -> str:
    ended = run(folder, *arguments, env=PASSWORD)
    assert ended.code == 0, ended.said
    return ended.out


def cases(box: Process) -> dict[str, dict[str, Any]]:
    return {case["Id"]: case for case in box.control.cases()}


def counted(told: str) -> dict[str, int]:
    """What a dry run told, by the words of its tables."""
    found = {}
    for line in told.splitlines():
        cells = [cell.strip() for cell in line.strip().split("  ") if cell.strip()]
        if len(cells) > 1 and cells[1].replace(",", "").isdigit():
            found[cells[0]] = int(cells[1].replace(",", ""))
    return found


def test_a_widened_when_and_a_changed_template_reach_what_was_settled_and_no_agents_hand_is_touched(
    folder: Path, box: Process
) -> None:
    connector(folder, "sync")
    first = cases(box)
    assert len(first) == 2
    taken = next(iter(first))
    box.control.agent_take(case=taken)
    box.control.agent_edit(case=taken, fields={"Priority": "Low"})
    assert "nothing was settled under another version" in connector(folder, "remap", "--dry-run")

    files.replace(folder, "order.yaml", "> 100", "> 60")
    files.replace(folder, "order.yaml", '"Order {{ record.key }}"', '"{{ record.key }} needs you"')
    told = counted(connector(folder, "remap", "--dry-run"))
    assert told == {
        "other values would go": 2,
        "left out before, would be written": 1,
        "left out before and now": 1,
        "update service.Case (main): Subject": 2,
        "create service.Case (main)": 1,
    }
    assert cases(box) == {**first, taken: cases(box)[taken]}, "a dry run sends nothing"

    assert "4 records put back" in connector(folder, "remap")
    assert "4 records pending" in connector(folder, "status")
    before = {name: cases(box)[name] for name in first}
    connector(folder, "sync")

    now = cases(box)
    assert len(now) == 3
    for name, case in before.items():
        moved = {field for field in case if case[field] != now[name][field]}
        assert "Subject" in moved
        assert not moved & {"Priority", "Status", "OwnerId"}
    assert now[taken]["Priority"] == "Low"
    assert "nothing was settled under another version" in connector(folder, "remap")
    assert "4 rows = 3 done + 1 filtered" in connector(folder, "status")
    assert set(box.control.duplicates()["cases"]) == set()
