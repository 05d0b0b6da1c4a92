"""Parts of the commands that can be judged without a process."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from connector.cli import main
from connector.cli.demonstration.stage import find_mappings
from connector.cli.demonstration.story import _verdict
from connector.cli.demonstration.sums import Count
from connector.cli.sync import exit_code, progress_bar
from connector.cli.table import plural, table, text
from connector.engine.report import Progress
from connector.errors import AuthFailed, Misconfigured, Unavailable
from connector.store import Books


def test_a_table_aligns_words_left_and_numbers_right() -> None:
    assert list(table(["flow", "rows"], [("a", 5), ("longer", 12345)])) == [
        "flow      rows",
        "a            5",
        "longer  12,345",
    ]


def test_cells_say_nothing_as_a_dash_and_times_in_utc() -> None:
    assert text(None) == text("") == "-"
    assert text(datetime(2026, 11, 20, 10, 2, 3, 999, tzinfo=UTC)) == "2026-11-20 10:02:03Z"
    assert (plural(1, "record"), plural(2000, "record")) == ("1 record", "2,000 records")


@pytest.mark.parametrize(
    ("problems", "parked", "code"),
    [
        ([None, None], 0, 0),
        ([None], 3, 1),
        ([Misconfigured("index is off")], 0, 1),
        ([Misconfigured("index is off"), Unavailable("down")], 3, 3),
        ([AuthFailed("refused")], 0, 3),
    ],
)
def test_the_exit_code_names_the_worst(problems: list[Any], parked: int, code: int) -> None:
    assert exit_code(problems, parked=parked) == code


def test_the_progress_bar_counts_what_was_read_and_says_what_was_delivered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with progress_bar(True) as watch:
        move = watch("orders-to-cases")
        move(Progress("orders-to-cases", read=200, delivered=150, parked=2, total=400))
    shown = capsys.readouterr().err
    assert "orders-to-cases" in shown
    assert "200/200" in shown or "200/400" in shown
    assert "150 delivered, 2 parked" in shown


def test_no_progress_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(False) as watch:
        watch("a")(Progress("a", read=1, delivered=1, parked=0, total=None))
    assert capsys.readouterr() == ("", "")


def test_help_is_given_without_loading_the_engine() -> None:
    import subprocess
    import sys

    heavy = "'connector.engine', 'connector.config', 'jinja2', 'requests', 'simple_salesforce', 'uvicorn', 'apscheduler', 'rich'"
    code = (
        "import sys\nfrom connector.cli import main\nassert main(['--help']) == 0\n"
        f"assert not [each for each in ({heavy}) if each in sys.modules], [e for e in ({heavy}) if e in sys.modules]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == version("commerce-case-connector")


# -- the demo's sums ---------------------------------------------------------------------------------------------------


def books(flow: str, **counts: int) -> Books:
    names = ("rows", "done", "filtered", "foreign", "parked", "pending", "dropped", "read", "repeated", "superseded")
    given = dict.fromkeys((*names, "settled", "open"), 0) | counts
    return Books(flow, **given)


def case(number: str, flow: str, resolution: str) -> dict[str, Any]:
    return {
        "CaseNumber": number,
        "Commerce_Key__c": f"{flow}:_ref_arch:{number}",
        "IsClosed": True,
        "Resolution__c": resolution,
    }


RELEASED = {
    "order_no": "1",
    "c_caseDecision": "RELEASE",
    "c_caseNumber": "10",
    "status": "new",
    "confirmation_status": "confirmed",
}


@pytest.fixture
def right() -> Count:
    """A small demo in which everything adds up."""
    return Count(
        orders=[RELEASED, {"order_no": "2"}],
        returns=[{"c_status": "APPROVED", "c_caseNumber": "11"}],
        complaints=[{"c_outcome": "REJECTED", "c_caseNumber": "12", "c_messages": '[{"id": "m1", "text": "Hello"}]'}],
        answers=[{"c_text": "Good day"}],
        comments=[
            {"CommentBody": "customer:\nHello\n[complaints-to-cases:_ref_arch:1:messages:m1]"},
            {"CommentBody": "Good day"},
        ],
        cases=[
            case("10", "orders-to-cases", "Release"),
            case("11", "returns-to-cases", "Refund"),
            case("12", "complaints-to-cases", "Rejected"),
        ],
        notes=2,
        journal={"cases_created": 3, "refunds_executed": 1},
        duplicates={"cases": {}, "notes": {}},
        books={
            "orders-to-cases": books("orders-to-cases", rows=2, done=1, filtered=1, read=2, settled=2),
            "returns-to-cases": books("returns-to-cases", rows=1, done=1, read=1, settled=1),
            "complaints-to-cases": books("complaints-to-cases", rows=1, done=1, read=1, settled=1),
            "cases-to-complaints": books("cases-to-complaints", rows=1, done=1, read=1, settled=1),
            "comments-to-complaints": books("comments-to-complaints", rows=2, done=1, filtered=1, read=2, settled=2),
            "cases-to-orders": books("cases-to-orders", rows=1, done=1, read=1, settled=1),
            "cases-to-returns": books("cases-to-returns", rows=1, done=1, read=1, settled=1),
        },
    )


def test_a_demo_that_adds_up_says_so(right: Count, capsys: pytest.CaptureFixture[str]) -> None:
    assert right.settled
    assert _verdict(right)
    assert "everything adds up" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"journal": {"cases_created": 4, "refunds_executed": 1}}, "cases ever created"),
        ({"journal": {"cases_created": 3, "refunds_executed": 2}}, "refunds executed once"),
        ({"notes": 3}, "notes on orders"),
        ({"duplicates": {"cases": {"k": 2}}}, "anything made twice"),
        ({"orders": [{"order_no": "1", "c_caseDecision": "CANCEL", "c_caseNumber": "10"}, {}]}, "decisions on orders"),
        ({"orders": [{**RELEASED, "c_caseNumber": "11"}, {}]}, "decisions on orders"),
        ({"orders": [{**RELEASED, "confirmation_status": "not_confirmed"}, {}]}, "orders moved as decided"),
        ({"returns": [{"c_status": "REJECTED", "c_caseNumber": "11"}]}, "decisions on returns"),
        ({"complaints": [{"c_outcome": "REFUND", "c_caseNumber": "12"}]}, "outcomes of complaints"),
        ({"comments": [{"CommentBody": "Good day"}]}, "comments on complaints"),
        ({"answers": []}, "answers to complaints"),
        ({"cases": [case("11", "returns-to-cases", "Refund")]}, "cases of orders"),
        ({"orders": [RELEASED]}, "orders read"),
    ],
)
def test_a_demo_that_does_not_add_up_says_where(
    right: Count, wrong: dict[str, Any], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not _verdict(replace(right, **wrong))
    out = capsys.readouterr().out
    assert any(line.startswith(what) for line in out.splitlines() if line.endswith("WRONG"))
    assert "THIS DOES NOT ADD UP" in out


def test_parked_records_and_unbalanced_books_are_noticed(right: Count) -> None:
    parked = {**right.books, "orders-to-cases": books("orders-to-cases", rows=2, done=1, parked=1, read=2, settled=2)}
    assert not _verdict(replace(right, books=parked))
    torn = {**right.books, "orders-to-cases": books("orders-to-cases", rows=2, done=1, filtered=1, read=3, settled=2)}
    assert not _verdict(replace(right, books=torn))


def test_a_demo_is_not_over_while_something_is_owed(right: Count) -> None:
    pending = {**right.books, "cases-to-orders": books("cases-to-orders", rows=1, pending=1, read=1, open=1)}
    assert not replace(right, books=pending).settled
    open_case = [{**right.cases[0], "IsClosed": False}, *right.cases[1:]]
    assert not replace(right, cases=open_case).settled


def test_the_shipped_mappings_are_found_or_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_mappings(None, "config.yaml").name == "salesforce"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(click.UsageError, match="name their folder with --mappings"):
        find_mappings("nowhere", "config.yaml")
