"""The files around the code: locks, Makefile, Dockerfile, changelog. What they promise, held to what they say."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from connector.document import load
from tests.written_docs import ARCHITECTURE, COMMANDS, ROOT, command_page, commands

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
LOCKS = ["requirements.lock", "requirements-runtime.lock"]


def plain(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match
    return plain(match[0])


def pins(lock: str) -> dict[str, str]:
    """Pinned versions by name."""
    text = (ROOT / lock).read_text()
    return {plain(name): pinned for name, pinned in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE)}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_no_folder(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-|/|[a-z]+ @ )(?!-hash=)", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_of_a_lock_has_hashes_and_nothing_else_stands_there(lock: str) -> None:
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        assert re.fullmatch(r"[a-z0-9.-]+==\S+( ; [^-]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*", line), line[:80]


def test_the_locks_pin_everything_that_the_project_asks_for() -> None:
    parts = PROJECT["project"]
    build, run, dev = PROJECT["build-system"]["requires"], parts["dependencies"], parts["optional-dependencies"]["dev"]
    assert {named(each) for each in [*build, *run, *dev]} <= pins("requirements.lock").keys()
    assert {named(each) for each in [*build, *run]} <= pins("requirements-runtime.lock").keys()


def test_what_runs_is_what_was_tested_and_no_more() -> None:
    tested, runs = pins("requirements.lock"), pins("requirements-runtime.lock")
    assert runs.items() <= tested.items()
    only_for_tests = {named(each) for each in PROJECT["project"]["optional-dependencies"]["dev"]}
    assert not only_for_tests & runs.keys(), "a development tool came into the image"


def test_the_version_is_one_and_stands_in_the_changelog_once_it_is_released() -> None:
    here = PROJECT["project"]["version"]
    assert version("commerce-case-connector") == here
    released = re.findall(r"^## \[(\d\S*)\]", CHANGELOG, re.MULTILINE)
    assert not released or released[0] == here


def test_the_changelog_has_its_form() -> None:
    heads = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert CHANGELOG.startswith("# Changelog\n")
    assert heads[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", head) for head in heads[1:])
    kinds = set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_make_alone_explains_every_target() -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    told = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, env=environ, check=True).stdout
    phony = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()
    assert {line.split()[0] for line in told.splitlines() if line.startswith("  ")} == set(phony)


@pytest.mark.parametrize("target", ["demo", "test", "chaos", "bench", "check", "unit", "fmt", "docs", "lock"])
def test_the_papers_name_what_people_make(target: str) -> None:
    papers = (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    assert re.search(rf"make {target}\b", papers)
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


def test_ci_runs_what_people_run() -> None:
    ci = ROOT / ".ci" / "run"
    assert os.access(ci, os.X_OK)
    assert "set -euo pipefail" in ci.read_text()
    assert re.search(r"^timeout .* make test\b", ci.read_text(), re.MULTILINE)
    subprocess.run(["bash", "-n", str(ci)], check=True)


def test_ci_and_project_name_the_same_pythons() -> None:
    floor = PROJECT["project"]["requires-python"].removeprefix(">=")
    supported = re.findall(r"for version in (.*); do", (ROOT / ".ci" / "run").read_text())[0].split()
    assert supported[0] == floor
    assert f"Python {supported[0]} to {supported[-1]}" in (ROOT / "README.md").read_text()


def test_the_image_is_not_root_and_installs_by_hash() -> None:
    last = DOCKERFILE.split("\nFROM ")[-1]
    (user,) = re.findall(r"^USER (\d+):(\d+)$", last, re.MULTILINE)
    assert int(user[0]) >= 10000
    assert int(user[1]) >= 10000
    assert re.search(r"pip install --require-hashes -r requirements-runtime.lock", DOCKERFILE)
    assert "pip install --no-deps --no-build-isolation ." in DOCKERFILE
    assert "pip install" not in last
    assert not re.search(r"\b(curl|wget|apt-get)\b", re.sub(r"^#.*$", "", DOCKERFILE, flags=re.MULTILINE))


def test_the_image_starts_the_daemon_and_is_asked_how_it_is() -> None:
    assert re.search(r"^HEALTHCHECK .*\\\n.*python.*/healthz", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^STOPSIGNAL SIGTERM$", DOCKERFILE, re.MULTILINE)
    assert 'ENTRYPOINT ["connector"]' in DOCKERFILE
    assert re.search(r'^CMD \["run", "--config", "/etc/connector/config.yaml"\]$', DOCKERFILE, re.MULTILINE)
    assert "CONNECTOR_CONFIG=/etc/connector/config.yaml" in DOCKERFILE
    assert "PYTHONUNBUFFERED=1" in DOCKERFILE


def test_the_builder_gets_what_it_copies_and_nothing_that_is_secret() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = [
        words for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE) for words in line.split()[:-1]
    ]
    assert set(copied) == let_in
    assert all((ROOT / each).exists() for each in let_in)


def test_no_committed_file_of_the_project_names_a_folder_of_somebody() -> None:
    ours = [*ROOT.glob("[!.]*"), *ROOT.glob(".ci/*"), *ROOT.glob("docs/**/*")]
    texts = {path: path.read_text(errors="ignore") for path in ours if path.is_file() and path.suffix != ".lock"}
    assert not [path.name for path, text in texts.items() if re.search(r"(?<![\w.])/(root|home|Users|work)/", text)]


def test_the_page_of_commands_names_every_command_and_option() -> None:
    page = COMMANDS.read_text()
    for name, command in commands():
        part = page.partition(f"## `{name}`\n")[2].partition("\n## ")[0]
        assert part, f"{name} is missing: make docs"
        missing = [
            each for param in command.params for each in param.opts if each.startswith("--") and each not in part
        ]
        assert not missing, f"{name}: make docs"


def test_the_page_of_commands_is_what_make_docs_writes() -> None:
    heads = re.compile(r"^## .*$", re.MULTILINE)
    assert heads.findall(COMMANDS.read_text()) == heads.findall(command_page())


def test_every_page_of_the_documentation_is_in_its_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [path.relative_to(ARCHITECTURE.parent) for path in (ROOT / "docs").rglob("*.md")]
    assert not [page for page in pages if page != Path("README.md") and f"]({page})" not in index]


@pytest.mark.parametrize(
    "page", [path for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")] if "```yaml" in path.read_text()],
    ids=lambda path: path.name,
)  # fmt: skip
def test_an_example_in_the_documentation_is_yaml_that_we_read(page: Path) -> None:
    for example in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
        assert not load(str(page), example).faults
