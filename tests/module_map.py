"""The module map of docs/architecture.md, written from the modules' own first sentences (`make docs`)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
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


def written() -> str:
    """The block as it should be."""
    lines = []
    for depth, name, path in modules(ROOT / "connector"):
        lines.append(f"{'  ' * depth + name:<{_WIDTH}}{sentence(path)}".rstrip())
    return "\n".join(lines) + "\n"


def shown() -> str:
    """The block as it stands on the page."""
    found = _BLOCK.search(PAGE.read_text())
    assert found, f"{PAGE.name} has no block under `## Module map`"
    return found[2]


def names(block: str) -> list[tuple[int, str]]:
    """Depth and name of each line: what the test compares, so that a docstring may be polished freely."""
    return [((len(line) - len(line.lstrip())) // 2, line.split()[0]) for line in block.splitlines()]


if __name__ == "__main__":
    PAGE.write_text(_BLOCK.sub(lambda found: found[1] + written(), PAGE.read_text()))
