"""docs/sandbox.md says what the sandbox does: every kind of fault, verb and knob, in the words of the code."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

from connector.sandbox import KINDS, Options
from connector.sandbox.__main__ import parser
from connector.sandbox.control import VERBS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")
SANDBOX = ROOT / "connector" / "sandbox"


def table(heading: str) -> dict[str, str]:
    """First column → second, of the first table below a heading."""
    part = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", part, re.MULTILINE)
    return {left.strip("`"): right for left, right in rows}


def test_the_table_of_faults_is_the_code() -> None:
    told = table("Faults")
    told.pop("kind")
    assert told == dict(KINDS)


def test_the_table_of_verbs_is_the_code() -> None:
    told = table("Control verbs")
    told.pop("verb")
    assert told == VERBS


def test_every_knob_is_documented_and_an_option_of_the_command() -> None:
    told = {name for left in table("Knobs") for name in re.findall(r"[a-z_]+", left)} - {"knob"}
    knobs = {f.name for f in fields(Options)}
    assert told == knobs
    flags = {a for action in parser()._actions for a in action.option_strings}
    special = {
        "clients": "--client",
        "scapi_clients": "--scapi-client",
        "users": "--user",
        "public_keys": "--public-key",
        "faults": "--fault",
    }
    by_control_only = {
        "permissions", "scapi_scopes", "frozen_orders", "required_fields", "hidden_fields", "readonly_fields", "foreign_queues",
    }  # fmt: skip
    for knob in knobs - by_control_only:
        assert special.get(knob, "--" + knob.replace("_", "-")) in flags


def test_the_sandbox_imports_nothing_of_ours() -> None:
    for path in SANDBOX.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                assert not name.startswith("connector") or name.startswith("connector.sandbox"), f"{path.name}: {name}"
                assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path.name}: relative import"
