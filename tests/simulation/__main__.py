"""`python -m tests.simulation --seeds 1..200`: runs courses of events; the shortest history of each that breaks a promise."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.simulation.hunt import Hunt, hunt_all
from tests.simulation.plan import plan_of
from tests.simulation.runs import Outcome, a_place_for_runs, run_seeds
from tests.simulation.shrink import shrink
from tests.simulation.table import table

CHUNK = 25
SHOWN = 5


def main(given: Sequence[str] | None = None) -> int:
    """0 when every promise held, 1 when one was broken or a planted bug was not found."""
    options = _options().parse_args(given)
    if options.planted is not None:
        return _hunt(options)
    first, last = options.seeds
    if options.history:
        with a_place_for_runs() as runs:
            outcome = runs.run(plan_of(first))
        sys.stdout.write(outcome.text)
        return bool(outcome.found)
    return _run(first, last, options.jobs)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument(
        "--seeds", type=_seeds, default=(1, 10_000), metavar="A..B", help="which seeds; one number: that one"
    )
    parser.add_argument("--history", action="store_true", help="print the whole history of the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes at a time")
    parser.add_argument(
        "--planted", nargs="*", metavar="WORD", help="plant bugs (those whose names hold a word) and find them"
    )
    parser.add_argument("--most", type=int, default=500, metavar="N", help="seeds in which a planted bug must be found")
    return parser


def _seeds(text: str) -> tuple[int, int]:
    first, _, last = text.partition("..")
    return int(first), int(last or first)


# -- many seeds ----------------------------------------------------------------------------------------------------------


def _outcomes(first: int, last: int, jobs: int) -> Iterator[tuple[int, tuple[str, ...], Counter[str]]]:
    size = min(CHUNK, max(1, (last + 1 - first) // jobs))
    chunks = [range(start, min(start + size, last + 1)) for start in range(first, last + 1, size)]
    if jobs == 1 or len(chunks) == 1:
        for chunk in chunks:
            yield from run_seeds(chunk)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for results in pool.map(run_seeds, chunks):
            yield from results


def _run(first: int, last: int, jobs: int) -> int:
    began, done = time.monotonic(), 0
    counts: Counter[str] = Counter()
    broken: list[tuple[int, str]] = []
    for seed, found, counted in _outcomes(first, last, jobs):
        done += 1
        counts += counted
        if found:
            broken.append((seed, found[0]))
            print(f"seed {seed} broke a promise: {found[0]}", flush=True)
        _progress(done, last + 1 - first, began, len(broken))
    print(table(counts, seeds=done, seconds=time.monotonic() - began, found=len(broken)))
    for seed, why in broken[:SHOWN]:
        _explain(seed, why)
    for seed, why in broken[SHOWN:]:
        print(f"seed {seed}: {why}")
    return bool(broken)


def _progress(done: int, of: int, began: float, broken: int) -> None:
    if done % CHUNK and done != of:
        return
    spent = time.monotonic() - began
    line = f"{done} of {of} seeds, {broken} broke a promise, {done / max(spent, 0.001):.1f} seeds/s"
    ends = ("\r", "\n" if done == of else "") if sys.stderr.isatty() else ("", "\n")
    if sys.stderr.isatty() or done == of or not done % (CHUNK * 20):
        sys.stderr.write(f"{ends[0]}{line}{ends[1]}")
        sys.stderr.flush()


def _explain(seed: int, why: str) -> None:
    print(f"\nseed {seed} broke a promise: {why}\nits shortest history:\n")
    with a_place_for_runs() as runs:
        outcome: Outcome = shrink(runs, runs.run(plan_of(seed)))
    print(outcome.text)
    for line in (*outcome.plan.acts, *outcome.plan.faults, *outcome.plan.outages):
        print(f"    {line}")
    print(f"\nagain: python -m tests.simulation --seeds {seed}")


# -- planted bugs --------------------------------------------------------------------------------------------------------


def _hunt(options: argparse.Namespace) -> int:
    missed = 0
    print(f"{'planted bug':64} {'seeds':>6}  found as")
    for hunted in hunt_all(options.planted, first=1, most=options.most, jobs=options.jobs):
        missed += hunted.seeds is None
        print(_hunted(hunted), flush=True)
    print(f"{missed} not found within {options.most} seeds")
    return bool(missed)


def _hunted(hunted: Hunt) -> str:
    return f"{hunted.name:64} {'-' if hunted.seeds is None else hunted.seeds:>6}  {hunted.found}"


if __name__ == "__main__":
    sys.exit(main())
