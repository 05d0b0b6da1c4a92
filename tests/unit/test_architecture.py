"""docs/architecture.md names the code as it is."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import get_args

import pytest

from connector import errors, model
from connector.store import Books
from tests import written_docs

ROOT = written_docs.ROOT
PAGE = written_docs.ARCHITECTURE.read_text().split("## Module map")[0]
FILES = sorted(set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py|connector/[a-z_/]+)`", PAGE)))
DOTTED = sorted({each for each in re.findall(r"`([a-z_]+)\.([a-z_]+)`", PAGE) if each[1] != "py"})
METHODS = sorted(set(re.findall(r"`([A-Z][A-Za-z]+)\.([a-z_]+)`", PAGE)))


def code(pattern: str) -> list[str]:
    """Texts of the modules that match."""
    return [path.read_text() for path in ROOT.glob(f"connector/{pattern}")]


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def test_the_module_map_names_every_module_and_no_other() -> None:
    here, there = written_docs.names(written_docs.shown_map()), written_docs.names(written_docs.module_map())
    assert here == there, "the module map is out of date: make docs"


@pytest.mark.parametrize("named", FILES)
def test_a_file_named_in_the_text_exists(named: str) -> None:
    assert (ROOT / named).exists() or (ROOT / "connector" / named).exists()


@pytest.mark.parametrize("named", DOTTED, ids=".".join)
def test_a_function_setting_or_stream_named_in_the_text_exists(named: tuple[str, str]) -> None:
    owner, name = named
    assert (
        (owner == "connector" and (ROOT / "connector" / name).is_dir())
        or any(f"def {name}(" in text for text in code(f"**/{owner}.py"))
        or any(f"    {name}: " in text for text in code("config/schema.py"))
        or any(f'"{owner}.{name}"' in text for text in code("adapters/sfcc/streams.py"))
    )


@pytest.mark.parametrize("named", METHODS, ids=".".join)
def test_a_method_or_field_named_in_the_text_exists(named: tuple[str, str]) -> None:
    owner, name = named
    assert any(
        f"class {owner}" in text and (f"def {name}(" in text or f"\n    {name}: " in text) for text in code("**/*.py")
    )


def test_the_table_of_faults_names_every_fault_that_a_record_or_system_can_have() -> None:
    ends = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type)
        and issubclass(kind, errors.ConnectorError)
        and not any(sub.__module__ == errors.__name__ for sub in kind.__subclasses__())
    }
    ends -= {"ConfigFault", "Busy", "LedgerError"}  # these end the command, whatever the record
    ends |= {"Conflict"}  # an end of its own, though Changed is one of its kind
    assert ends == set(re.findall(r"`([A-Z][A-Za-z]+)`", section("Whose fault is it?")))


def test_the_picture_of_states_names_every_state() -> None:
    picture = section("States").split("```")[1]
    for state in (*get_args(model.RowState), *get_args(model.LineState)):
        assert re.search(rf"\b{state}\b", picture), f"{state} is missing"


def test_the_tables_of_the_ledger_are_those_of_its_schema() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \|", section("The ledger"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    (schema,) = code("store/sqlite_schema.py")
    assert named == set(re.findall(r'CREATE TABLE "?(\w+)"?', schema))


def test_the_equations_of_the_books_are_those_of_the_code() -> None:
    equations = section("The ledger").split("```")[1]
    assert set(re.findall(r"[a-z]+", equations)) == {field.name for field in fields(Books)} - {"flow"}
