"""docs/reliability.md names tests that exist, for every promise."""

from __future__ import annotations

import re

import pytest

from tests.written_docs import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text()
TABLE = PAGE.split("## Each promise and what holds it\n")[1].split("\n## ")[0]
ROWS = re.findall(r"^\| (\d+)\. .* \| (.*) \|$", TABLE, re.MULTILINE)
HOLDERS = sorted({part for _, held in ROWS for part in held.split(" · ")})


def test_each_promise_has_its_tests() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 15))


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_holds_a_promise_exists(holder: str) -> None:
    named, _, tests = holder.partition(": ")
    match = re.fullmatch(r"`((?:engine|unit|contract|acceptance|testing)/[a-z_]+\.py)`", named)
    assert match, "a file first, then perhaps single tests of it"
    path = {"engine": "tests/unit", "testing": "connector"}.get(match[1].split("/")[0], "tests")
    text = (ROOT / path / match[1]).read_text()
    names = re.findall(r"`(\w+)`", tests)
    assert bool(names) == bool(tests)
    assert not [name for name in names if f"def {name}(" not in text]
    assert "def test_" in text


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`((?:tests|connector)/[\w/]+\.py)`", PAGE))))
def test_a_file_named_in_the_text_exists(named: str) -> None:
    assert (ROOT / named).is_file()
