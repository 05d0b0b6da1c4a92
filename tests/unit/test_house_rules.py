"""Who may know whom, who may wait, how long a module gets: the shape of the house, held against its code."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import connector

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "connector"

MAY_KNOW: dict[str, set[str]] = {
    "": {"adapter", "errors", "model"},
    "errors": set(),
    "model": {"errors"},
    "stamps": set(),
    "keys": set(),
    "secret": set(),
    "nearest": set(),
    "files": set(),
    "retry": {"errors"},
    "budget": {"model"},
    "digests": {"model"},
    "document": {"errors", "nearest"},
    "adapter": {"errors", "model"},
    "states": {"model", "stamps"},
    "mapping.spec": set(),
    "flow": {"mapping.spec", "model"},
    "mapping": {"document", "errors", "files", "mapping", "model", "stamps"},
    "store": {"budget", "digests", "errors", "model", "secret", "stamps", "states", "store"},
    "engine": {
        "adapter", "budget", "digests", "engine", "errors", "flow", "keys", "mapping.spec", "model", "retry", "stamps",
        "states", "store=",
    },
    "http": {"adapter", "errors", "files", "http*", "model", "secret"},
    "telemetry": {"secret", "visible"},
    "visible": set(),
    "config": {
        "adapter", "budget", "config", "document", "errors", "flow", "mapping", "model", "retry", "secret", "stamps", "states",
    },
    "metrics": {"adapter", "budget", "engine.report", "errors", "flow", "metrics", "store=", "telemetry"},
    "web": {"config.values", "errors", "telemetry", "web"},
    "runner": {
        "adapter", "config", "document", "engine", "errors", "flow", "metrics", "model", "runner", "secret", "store=",
        "telemetry",
        "web",
    },
    "cli": {
        "", "adapter", "budget", "cli", "config", "document", "engine", "errors", "flow", "keys", "mapping", "model",
        "runner", "sandbox", "secret", "stamps", "states", "store=", "telemetry", "visible",
    },
    "sandbox": {"sandbox"},
    "testing": {"adapter", "budget", "digests", "errors", "model", "secret", "stamps", "store=", "testing"},
}  # fmt: skip
"""Part of the package → parts that it may import. `store=` is the seam alone, not what implements it; `http*` are
the modules whose names begin so; "" is the package's public names. An adapter may know what ADAPTERS says, and its own folder."""

ADAPTERS = {"", "adapter", "errors", "files", "http*", "keys", "model", "nearest", "secret", "stamps", "states"}

LIVES_IN: dict[str, tuple[str, ...]] = {
    "apscheduler": ("runner",),
    "click": ("cli",),
    "cryptography": ("store.encryption",),
    "httptools": ("sandbox",),
    "hypothesis": ("testing",),
    "jinja2": ("mapping",),
    "jwt": ("adapters.salesforce", "sandbox"),  # one signs, the other checks: they share nothing
    "orjson": ("",),  # the JSON of the house
    "prometheus_client": ("metrics",),
    "psutil": (),
    "pydantic": (
        "adapter",
        "adapters",
        "config",
        "http_settings",
        "secret",
        "testing",
    ),  # settings, each with its owner
    "pydantic_core": ("config", "secret"),
    "pytest": ("testing",),
    "requests": ("http*",),
    "rich": ("cli",),
    "simple_salesforce": ("adapters.salesforce",),
    "siphashc": ("digests",),
    "sqlite3": ("store",),
    "sqlite_utils": ("store",),
    "starlette": ("web",),
    "tenacity": ("http*",),
    "urllib3": ("http*",),
    "uvicorn": ("web",),
    "yaml": ("document",),
}
"""Vendor library → the part that it lives in, so that replacing one is work in one place."""

LONGER_WITH_REASON: dict[str, str] = {}
"""Modules of more than 400 lines, each with why."""

SLEEPS_WITH_REASON = {
    "http": "pauses between tries of one call",
    "runner": "time is its trade",
    "sandbox": "plays a slow system",
    "cli.demonstration": "a person watches real processes",
    "cli.selftesting": "it watches real processes, which fail in their own time",
}

VENDORS = ("salesforce", "sfcc", "servicenow", "demandware", "opentext")
NO_NAMES = {"base", "common", "helpers", "manager", "misc", "util", "utils"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def name_of(path: Path) -> str:
    """`store.sqlite` for connector/store/sqlite.py; "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Everything that a module imports, wherever in it, by full name; `from connector import keys` is connector.keys."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            module = str(node.module)
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                yield whole if whole.removeprefix("connector.") in MODULES else module


def ours(path: Path) -> set[str]:
    return {
        name.removeprefix("connector").removeprefix(".") for name in imports(path) if name.split(".")[0] == "connector"
    }


def within(name: str, part: str) -> bool:
    """Whether a module belongs to a part of the package, in the way of MAY_KNOW."""
    if part.endswith("="):
        return name == part[:-1]
    if part.endswith("*"):
        return name.startswith(part[:-1])
    return name == part or (bool(part) and name.startswith(part + "."))


def allowed(name: str) -> set[str]:
    """What the rules let this module import: those of the most precise part that it belongs to."""
    if name.startswith("adapters."):
        return {*ADAPTERS, ".".join(name.split(".")[:2])}
    if name == "adapters":
        return set()
    part = max((part for part in MAY_KNOW if within(name, part) or name.startswith(f"{part}_")), key=len, default=None)
    assert part is not None, f"connector.{name} is a new part of the house: say in MAY_KNOW whom it may know"
    return MAY_KNOW[part]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_knows_only_whom_it_may(name: str) -> None:
    parts = allowed(name)
    known = {each for each in ours(MODULES[name]) if each != name}
    assert not {each for each in known if not any(within(each, part) for part in parts)}


def test_the_rules_name_no_part_that_is_gone() -> None:
    for part in [*MAY_KNOW, *ADAPTERS, *(each for parts in MAY_KNOW.values() for each in parts)]:
        assert part.rstrip("=*") in MODULES, part


def test_nothing_that_runs_needs_the_suites_for_tests() -> None:
    for name, path in MODULES.items():
        if not within(name, "testing"):
            assert not [each for each in ours(path) if within(each, "testing")], name


def test_adapters_are_found_by_entry_point_only() -> None:
    """Built-ins use the stranger's door."""
    for name, path in MODULES.items():
        if not within(name, "adapters"):
            assert not [each for each in ours(path) if within(each, "adapters")], name


@pytest.mark.parametrize("name", MODULES)
def test_a_vendor_library_lives_in_one_place(name: str) -> None:
    for whole in imports(MODULES[name]):
        library = whole.split(".")[0]
        if library == "connector" or (library in sys.stdlib_module_names and library not in LIVES_IN):
            continue
        assert library in LIVES_IN, f"say in LIVES_IN where {library} lives"
        assert any(within(name, part) or not part for part in LIVES_IN[library]), f"{library} lives elsewhere"


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_longer_than_400_lines(name: str) -> None:
    lines = len(MODULES[name].read_text().splitlines())
    assert lines <= 400 or LONGER_WITH_REASON.get(name), f"{lines} lines: split it"
    assert lines > 400 or name not in LONGER_WITH_REASON, "its reason is not needed any more"


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_a_name_that_says_something_and_a_first_line_that_says_what_for(name: str) -> None:
    path = MODULES[name]
    assert path.stem not in NO_NAMES
    if tree(path).body:
        assert (ast.get_docstring(tree(path)) or "").strip()


def test_the_package_says_what_is_public() -> None:
    public = [
        name for name, value in vars(connector).items() if not name.startswith("_") and not isinstance(value, type(sys))
    ]
    assert connector.__all__ == sorted(connector.__all__)
    assert connector.__all__ == sorted(public)


@pytest.mark.parametrize("name", sorted(path.stem for path in (PACKAGE / "store").glob("*.py")))
def test_no_statement_numbers_its_placeholders(name: str) -> None:
    """`?1` bound by place is a DeprecationWarning from Python 3.12 on and an error later; 3.11 says nothing."""
    code = tree(PACKAGE / "store" / f"{name}.py")
    texts = [node.value for node in ast.walk(code) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [text for text in texts if re.search(r"\?\d", text)] == []


@pytest.mark.parametrize("name", MODULES)
def test_only_those_who_deal_with_time_sleep(name: str) -> None:
    if any(within(name, part) or name.startswith(f"{part}_") for part in SLEEPS_WITH_REASON):
        return
    for node in ast.walk(tree(MODULES[name])):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called != "sleep", f"line {node.lineno}: use a clock or a signal"


@pytest.mark.parametrize(
    "name", [name for name in MODULES if any(within(name, part) for part in ("engine", "store", "mapping"))]
)
def test_the_inner_house_names_no_vendor(name: str) -> None:
    text = MODULES[name].read_text().lower()
    assert not [vendor for vendor in VENDORS if vendor in text]


def names_used(path: Path) -> Iterator[tuple[str, int]]:
    """Dotted names and attributes in a module, with their lines."""
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.Attribute, ast.Name)):
            yield ast.unparse(node), node.lineno


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_test_is_skipped_or_expected_to_fail(path: Path) -> None:
    ways = {"pytest.skip", "pytest.xfail", "pytest.importorskip", "unittest.skip", "pytest.mark.skip",
            "pytest.mark.skipif", "pytest.mark.xfail"}  # fmt: skip
    assert not [(used, line) for used, line in names_used(path) if used in ways]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_test_replaces_our_own_code_or_waits_for_time_to_pass(path: Path) -> None:
    """Fakes that behave, not mocks that nod."""
    assert not [each for each in imports(path) if each.startswith("unittest.mock")]
    if "acceptance" not in path.parts:  # real processes are waited for by looking again
        assert not [line for used, line in names_used(path) if used == "time.sleep"]


def test_every_test_folder_is_a_package_and_every_test_file_is_collected() -> None:
    for path in TESTS:
        assert (path.parent / "__init__.py").is_file(), f"{path.parent} needs an __init__.py"
        tested = [node.name for node in tree(path).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
        if any(name.startswith(("test_", "Test")) for name in tested):
            assert path.name.startswith("test_"), f"{path} holds tests that pytest does not collect"
