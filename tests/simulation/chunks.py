"""Some seeds, one after another. A spawned process finds this by its name; what stands in a `__main__` it does not find."""

from __future__ import annotations

from collections import Counter

from tests.simulation.plan import plan_of
from tests.simulation.runs import a_place_for_runs


def run_chunk(seeds: range) -> list[tuple[int, tuple[str, ...], Counter[str]]]:
    """For each seed the promises that it broke, and what was counted."""
    with a_place_for_runs() as runs:
        outcomes = [(seed, runs.run(plan_of(seed))) for seed in seeds]
    return [(seed, outcome.found, outcome.counts) for seed, outcome in outcomes]
