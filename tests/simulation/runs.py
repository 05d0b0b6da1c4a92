"""Runs plans, each in a folder of its own in memory where the machine has such."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from connector.store.sqlite import SqliteStore
from tests.simulation.course import Plan
from tests.simulation.plan import plan_of
from tests.simulation.world import World

IN_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Outcome:
    """What became of one plan."""

    plan: Plan
    found: tuple[str, ...]
    text: str
    counts: Counter[str]

    @property
    def promise(self) -> str:
        """The first promise that was broken; "" for none."""
        return self.found[0].split(":", 1)[0] if self.found else ""


class Runs:
    """A place to run plans in. The ledger of each begins as a copy of an empty one: migrating takes longer than a course."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "empty.db"
        SqliteStore(self._template).close()

    def run(self, plan: Plan) -> Outcome:
        """Let it happen."""
        with TemporaryDirectory(dir=self._folder) as folder:
            world = World(plan, Path(folder), self._template)
            history = world.run()
        counts = history.counts
        counts["steps"] += world.scheduler.steps
        counts["acts"] += world.people.acts
        counts["objects"] += sum(len(things) for system in world.systems.values() for things in system.things.values())
        counts["writes"] += len(history.effects)
        return Outcome(plan, tuple(history.found), history.text(), counts)


@contextmanager
def a_place_for_runs() -> Iterator[Runs]:
    """In memory, where there is such a folder."""
    with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None, prefix="simulation-") as folder:
        yield Runs(Path(folder))


def run_seeds(seeds: range) -> list[tuple[int, tuple[str, ...], Counter[str]]]:
    """What became of each. It stands here, and not in the main module, for processes that are started to do it."""
    with a_place_for_runs() as runs:
        outcomes = [(seed, runs.run(plan_of(seed))) for seed in seeds]
    return [(seed, outcome.found, outcome.counts) for seed, outcome in outcomes]
