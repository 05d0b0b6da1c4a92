"""Threads as the engine's crew: pages are read ahead, one at a time, and nobody is left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from connector.engine.crew import Threads


def test_the_next_page_is_fetched_while_the_last_one_is_in_hand() -> None:
    asked = [threading.Event() for _ in range(4)]

    def pages() -> Iterator[int]:
        for number, event in enumerate(asked):
            event.set()
            yield number

    taken = Threads().ahead(pages(), "read")
    assert next(taken) == 0
    assert asked[1].wait(10)
    assert asked[2].wait(10)  # one waits to be taken, one to be put behind it
    assert not asked[3].is_set()
    assert list(taken) == [1, 2, 3]


def test_a_fault_of_the_source_is_raised_where_its_page_is_wanted() -> None:
    def pages() -> Iterator[int]:
        yield 1
        raise ValueError("no second page")

    taken = Threads().ahead(pages(), "read")
    assert next(taken) == 1
    with pytest.raises(ValueError, match="no second page"):
        next(taken)


def test_closing_the_pages_ends_their_thread() -> None:
    taken = Threads().ahead(iter(range(1_000_000)), "read-closed")
    assert next(taken) == 0
    taken.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name == "read-closed"]


def test_the_first_of_several_workers_to_end_is_told() -> None:
    crew, gate = Threads(), threading.Event()
    with crew.pool(2, "work") as pool:
        slow, quick = pool.submit(lambda: int(gate.wait(10))), pool.submit(lambda: 7)
        done, others = crew.first({slow, quick})
        assert (done, others) == ({quick}, {slow})
        gate.set()
    assert slow.result() == 1
