"""What is written from the code (`make docs`): the module map, the page of commands, the schemas of our files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from connector.cli.root import Session, root

ROOT = Path(__file__).parents[1]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
COMMANDS = ROOT / "docs" / "commands.md"
SCHEMAS = {name: ROOT / "schemas" / f"{name}.schema.json" for name in ("config", "mapping")}
_BLOCK = re.compile(r"(?<=\n## Module map\n)(.*?```\n)(.*?)(?=```)", re.DOTALL)
_WIDTH = 26
_END = re.compile(r"(?<=[.?])\s(?=[A-Z`0-9])")
_PAUSE = re.compile(r"[:;] (?!.*[:;] )")
_LONGEST = 118


def modules(folder: Path, depth: int = 0) -> Iterator[tuple[int, str, Path]]:
    """Depth, name and file of each package and module below `folder`; a package's file is its `__init__.py`."""
    yield depth, folder.name + "/", folder / "__init__.py"
    for path in sorted(folder.iterdir()):
        if (path / "__init__.py").is_file():
            yield from modules(path, depth + 1)
        elif path.suffix == ".py" and not path.name.startswith("__"):
            yield depth + 1, path.name, path


def sentence(module: Path) -> str:
    """The first sentence of a module's docstring; of a very long one, what stands before its last colon."""
    told = " ".join((ast.get_docstring(ast.parse(module.read_text())) or "").split("\n\n")[0].split())
    told = _END.split(told)[0]
    while len(told) > _LONGEST and _PAUSE.search(told):
        told = _PAUSE.split(told)[0]
    return told.rstrip(".:;")


def module_map() -> str:
    """The map as it should be."""
    lines = []
    for depth, name, path in modules(ROOT / "connector"):
        lines.append(f"{'  ' * depth + name:<{_WIDTH}}{sentence(path)}".rstrip())
    return "\n".join(lines) + "\n"


def shown_map() -> str:
    """The map as it stands on the page."""
    found = _BLOCK.search(ARCHITECTURE.read_text())
    assert found, f"{ARCHITECTURE.name} has no block under `## Module map`"
    return found[2]


def names(block: str) -> list[tuple[int, str]]:
    """Depth and name of each line: what the test compares, so that a docstring may be polished freely."""
    return [((len(line) - len(line.lstrip())) // 2, line.split()[0]) for line in block.splitlines()]


def commands(group: click.Group = root, name: str = "connector") -> Iterator[tuple[str, click.Command]]:
    """Every command with the words that call it, groups before their own."""
    within = click.Context(group)
    for each in group.list_commands(within):
        command = group.get_command(within, each)
        assert command is not None
        yield f"{name} {each}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {each}")


def command_page() -> str:
    """docs/commands.md as it should be."""
    parts = [
        "# Commands\n",
        "Written by `make docs` from the commands' own `--help`. `connector --config PATH` or `CONNECTOR_CONFIG` names the",
        "configuration; the default is `config.yaml` in the working folder.\n",
        "| exit code | meaning |\n|---|---|\n| 0 | all well |\n| 1 | something was parked, failed, differs or was not found |",
        "| 2 | our files or the command are wrong |\n| 3 | a remote system could not be reached |\n",
    ]
    for name, command in commands():
        context = click.Context(command, info_name=name, terminal_width=100, max_content_width=100)
        told = re.sub(r"[ \t]+$", "", command.get_help(context), flags=re.MULTILINE)
        parts.append(f"## `{name}`\n\n```text\n{told}\n```\n")
    return "\n".join(parts)


def schema(name: str) -> str:
    """One of SCHEMAS as `connector schema` prints it."""
    printed = CliRunner().invoke(root, ["schema", name], obj=Session(), standalone_mode=False)
    assert printed.exception is None, printed.exception
    return printed.stdout


def write() -> None:
    """Bring all of it up to date."""
    for name, path in SCHEMAS.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(schema(name))
    ARCHITECTURE.write_text(_BLOCK.sub(lambda found: found[1] + module_map(), ARCHITECTURE.read_text()))
    COMMANDS.write_text(command_page())


if __name__ == "__main__":
    write()
