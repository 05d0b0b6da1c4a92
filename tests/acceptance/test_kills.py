"""Sixty kills: a real process ended by SIGKILL at ten places in each of six moments, in both round trips.

After each the same command runs again, and both systems must end as they do without a kill: nothing lost, no case, note or
refund request twice.
"""

from __future__ import annotations

import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stage import Ended, Stage, stage

MOMENTS = {
    "before the page is stored": ("ledger", "before:ingest"),
    "after the page is stored": ("ledger", "after:ingest"),
    "before a write is answered": ("wire", False),
    "after the remote commit": ("wire", True),
    "before settle": ("ledger", "before:settle"),
    "after settle": ("ledger", "after:settle"),
}


@dataclass(frozen=True)
class Place:
    """The n-th occurrence of a moment, on the way to the cases or on the way back."""

    moment: str
    back: bool
    nth: int


PLACES = {moment: [Place(moment, back, nth) for back in (False, True) for nth in range(1, 6)] for moment in MOMENTS}


@pytest.fixture(scope="module")
def without_kills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How both systems end when nothing goes wrong."""
    with stage(tmp_path_factory.mktemp("calm")) as calm:
        calm.settle()
        calm.decide_all()
        calm.settle()
        calm.assert_nothing_twice()
        return calm.outcome()


def killed(where: Stage, place: Place) -> Ended:
    """One pass that dies at this place."""
    kind, what = MOMENTS[place.moment]
    if kind == "ledger":
        return where.run("sync", place=f"{what}:{place.nth}")
    process = where.start("sync")
    kill_at_write(where, process.pid, commit=bool(what), nth=place.nth)
    return where.finish(process)


def kill_at_write(where: Stage, pid: int, *, commit: bool, nth: int) -> None:
    """At the n-th write of either system: POST, PATCH and PUT that change something; reads by POST do not count."""
    where.box.control.fault(
        kind="kill",
        pid=pid,
        commit=commit,
        nth=nth,
        path=r"composite/sobjects$|/sites/[^/]+/(orders|custom_objects)/|/orders/[^/]+/notes$",
        body=r"^.",
    )


def survives(place: Place, folder: Path, expected: dict[str, Any]) -> Ended:
    """The whole way with one kill in it."""
    with stage(folder) as where:
        ended = None
        if not place.back:
            ended = killed(where, place)
        where.settle()
        where.decide_all()
        if place.back:
            ended = killed(where, place)
        where.settle()
        where.assert_nothing_twice()
        assert where.outcome() == expected
        assert not any(books.parked for books in where.books().values())
    assert ended is not None
    return ended


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_loses_nothing_and_sends_nothing_twice(
    moment: str, tmp_path: Path, without_kills: dict[str, Any], kills: Counter[str]
) -> None:
    def one(place: Place) -> Ended:
        return survives(place, tmp_path / f"{'back' if place.back else 'there'}-{place.nth}", without_kills)

    with ThreadPoolExecutor(2) as pool:  # two processes at a time on two cores
        for place, ended in zip(PLACES[moment], pool.map(one, PLACES[moment]), strict=True):
            assert ended.code == -signal.SIGKILL, f"{place} was never reached: {ended.err}"
            kills[moment] += 1
