"""Flows as config.example.yaml ships them, in a configuration of a test: one place for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from connector.document import load
from tests.acceptance.stage import ROOT, Stage, stage

EXAMPLE = ROOT / "config.example.yaml"


def flows(names: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """The flows of these names, all unless said: from the beginning, and as often as a test wants."""
    every = load(str(EXAMPLE)).data["flows"]
    chosen = {name: dict(every[name]) for name in (every if names is None else names)}
    for flow in chosen.values():
        flow["mapping"] = str(ROOT / flow["mapping"])
        for name in ("every", "overlap"):
            flow.pop(name, None)
        if "start" in flow:
            flow["start"] = "beginning"
    return chosen


def configure(where: Stage, names: Sequence[str] | None = None) -> None:
    """Gives the stage these flows instead of its own."""
    config = where.folder / "config.yaml"
    head, _, rest = config.read_text().partition("\nflows:\n")
    text = yaml.safe_dump({"flows": flows(names)}, sort_keys=False, allow_unicode=True)
    config.write_text(f"{head}\n{text}defaults:{rest.partition(chr(10) + 'defaults:')[2]}")


@contextmanager
def shop(folder: Path, names: Sequence[str] | None = None, **options: Any) -> Iterator[Stage]:
    """A small shop and these flows."""
    with stage(folder, **options) as where:
        configure(where, names)
        yield where
