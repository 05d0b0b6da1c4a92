"""Time in queue: counts, percentiles and days, as a table and for machines."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from connector.cli.report import duration
from connector.cli.root import Session, root
from connector.model import Stay
from connector.stamps import stamp
from connector.store import Dwell, Held, open_store

NOW = datetime.now(UTC).replace(microsecond=0)
CONFIG = """\
connections: {{desk: {{adapter: jsonl, folder: {folder}}}}}
store: sqlite:///ledger.db
flows: {{one: {{from: desk.cases, to: desk.copies, mapping: m.yaml}}}}
"""


def at(**ago: float) -> str:
    return stamp(NOW - timedelta(**ago))


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0s"), (59, "59s"), (61, "1m 01s"), (3700, "1h 01m"), (90_000, "1d 01h")]
)
def test_a_duration_is_said_in_two_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "m.yaml").write_text("fields: {A: 1}\n")
    return tmp_path


def report(folder: Path, *arguments: str) -> str:
    ended = CliRunner().invoke(
        root, ["--config", str(folder / "config.yaml"), "report", "dwell", *arguments], obj=Session()
    )
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.output


def noted(folder: Path) -> None:
    store = open_store("sqlite:///ledger.db", base=folder)
    took = Stay("u", "Ines", True, at(days=2, minutes=-20))
    store.note_stays(
        "service.Case",
        {
            "1": Held("s", [Stay("q", "Payments", False, at(days=2), took.since), took]),
            "2": Held("s", [Stay("q", "=Returns", False, at(hours=1))]),
            "3": Held("s", [Stay("q", "Payments", False, at(days=60))]),
        },
    )
    store.close()


def test_the_report_is_a_table_for_people_and_csv_or_json_for_machines(folder: Path) -> None:
    noted(folder)
    head, *rows = report(folder).splitlines()
    assert head.split() == [field.name for field in fields(Dwell)]
    assert len(rows) == 2
    assert rows[0].split()[1:5] == ["Payments", "1", "1", "0"]
    assert rows[0].endswith("20m 00s")
    (first, second) = csv.DictReader(io.StringIO(report(folder, "--format", "csv")))
    assert (first["queue"], float(first["p95"]), second["queue"], second["waiting"]) == (
        "Payments",
        1200.0,
        "'=Returns",
        "1",
    )
    found = json.loads(report(folder, "--format", "json", "--from", "beginning", "--queue", "Payments"))
    assert [one["stays"] for one in found] == [1, 1]
    assert found[1]["max"] == 1200.0


def test_a_ledger_that_knows_of_no_queue_says_what_is_missing(folder: Path) -> None:
    assert "no flow looks at who has the cases" in report(folder)
    assert report(folder, "--format", "json").strip() == "[]"
    assert "the window ends before it begins" in report(folder, "--from", "now", "--to", "7d")
