"""Finding planted bugs: the same seeds on a copy of the package with one bug in it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.simulation.planted import BUGS, Planted, plant
from tests.simulation.runs import IN_MEMORY

_SEARCH = """
import json, sys
from pathlib import Path
import connector
from tests.simulation.plan import plan_of
from tests.simulation.runs import a_place_for_runs
assert Path(connector.__file__).is_relative_to(Path.cwd()), connector.__file__
with a_place_for_runs() as runs:
    for seed in range(int(sys.argv[1]), int(sys.argv[1]) + int(sys.argv[2])):
        found = runs.run(plan_of(seed)).found
        if found:
            print(json.dumps([seed, found[0]]))
            break
    else:
        print(json.dumps([None, ""]))
"""


@dataclass(frozen=True, slots=True)
class Hunt:
    """`seeds`: within how many the bug was found; None when it was not."""

    name: str
    seeds: int | None
    found: str


def hunt(bug: Planted, *, first: int, most: int) -> Hunt:
    """Run seeds from `first` on until one breaks a promise, at most so many. ValueError when it cannot be planted."""
    with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None, prefix="planted-") as folder:
        plant(bug, Path(folder))
        done = subprocess.run(
            [sys.executable, "-c", _SEARCH, str(first), str(most)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        return Hunt(bug.name, 1, f"ends with {done.stderr.strip().splitlines()[-1]}")
    seed, found = json.loads(done.stdout.splitlines()[-1])
    return Hunt(bug.name, None if seed is None else seed - first + 1, found)


def hunt_all(words: Sequence[str], *, first: int, most: int, jobs: int) -> Iterator[Hunt]:
    """Those whose names hold one of the words; without words, all."""
    chosen = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda bug: _hunted(bug, first=first, most=most), chosen)


def _hunted(bug: Planted, *, first: int, most: int) -> Hunt:
    try:
        return hunt(bug, first=first, most=most)
    except ValueError as error:
        return Hunt(bug.name, None, f"cannot be planted: {error}")
