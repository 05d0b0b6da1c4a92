"""The deterministic simulation: many short courses of events, and proof that it finds what it should (docs/reliability.md)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.simulation.hunt import hunt
from tests.simulation.plan import of_orders, plan_of
from tests.simulation.planted import BUGS, ROOT, plant
from tests.simulation.runs import Runs, a_place_for_runs
from tests.simulation.shrink import shrink

SEEDS = 200
CHUNKS = 8
QUICK = (
    "no token check in settle",
    "lease not committed before sending (page)",
    "append without look-up: taken for fresh",
    "own comments mapped",
)


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    with a_place_for_runs() as place:
        yield place


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_promise_holds_in_any_course_of_events(runs: Runs, chunk: int) -> None:
    for seed in range(1 + chunk, SEEDS + 1, CHUNKS):
        outcome = runs.run(plan_of(seed))
        if outcome.found:
            shortest = shrink(runs, outcome)
            pytest.fail(f"{shortest.text}\nagain: python -m tests.simulation --seeds {seed}", pytrace=False)


def test_the_same_seed_makes_the_same_history_in_any_process(runs: Runs) -> None:
    for seed in (3, 17):
        here = runs.run(plan_of(seed)).text
        for hashes in ("1", "2"):
            there = subprocess.run(
                [sys.executable, "-m", "tests.simulation", "--seeds", str(seed), "--history"],
                cwd=ROOT,
                env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                check=False,
            )
            assert there.stdout == here, there.stderr


def test_a_course_of_events_has_kills_faults_and_people(runs: Runs) -> None:
    counts: Counter[str] = Counter()
    for seed in range(1, 60):
        counts += runs.run(plan_of(seed)).counts
    for what in ("crashes", "pauses", "acts", "writes", "fault lost", "fault late", "refused down", "fault meanwhile",
                 "act recall turn", "act basket one", "act parcel pieces", "act claim new", "act depot town"):  # fmt: skip
        assert counts[what], f"no {what} in all those seeds"


@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug.name in QUICK], ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: object) -> None:
    hunted = hunt(bug, first=1, most=60)  # type: ignore[arg-type]
    assert hunted.seeds is not None


def test_every_bug_can_still_be_planted(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert {*QUICK} <= {bug.name for bug in BUGS}
    for bug in BUGS:
        plant(bug, tmp_path_factory.mktemp("planted"))


def test_seeds_run_in_several_processes_at_a_time() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seeds", "1..4", "--jobs", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "broken promises                                 0" in done.stdout


def test_a_loop_whose_refusal_waits_to_be_told_stays_broken(runs: Runs) -> None:
    assert not runs.run(of_orders(284)).found
