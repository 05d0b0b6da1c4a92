"""A flow is taken in turns: a poll waits a moment for a backfill, which gives way to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from connector.engine.report import PassReport, Progress
from connector.errors import Busy
from connector.flow import Flow
from connector.runner.turns import Turns, held_in_turn
from connector.store import Store, open_store
from tests.unit.engine.world import World

FLOW = "orders-to-cases"


class Passes:
    """Passes that hold their flow, as the engine's do."""

    def __init__(self, store: Store) -> None:
        self.store, self.made = store, 0

    def run_pass(self, flow: str, *, progress: Callable[[Progress], None] | None = None) -> PassReport:
        with self.store.hold(f"flow:{flow}"):
            self.made += 1
            return PassReport(flow)

    def sweep(self, flow: str, *, width: float) -> PassReport:
        return self.run_pass(flow)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def flows(tmp_path: Path) -> Iterator[dict[str, Flow]]:
    world = World(tmp_path / "world")
    yield world.flows
    world.store.close()


@contextmanager
def passes(folder: Path) -> Iterator[Passes]:
    with closing(open_store("sqlite:///ledger.db", base=folder)) as store:
        yield Passes(store)


@pytest.mark.parametrize("work", ["poll", "sweep"])
def test_it_waits_while_another_has_the_flow_and_says_so_by_holding_its_turn(
    folder: Path, flows: dict[str, Flow], work: str
) -> None:
    with passes(folder) as real:
        turns = Turns(real, real.store, flows, threading.Event(), patience=30)
        begun = threading.Event()

        def pass_() -> None:
            begun.set()
            _ = turns.run_pass(FLOW) if work == "poll" else turns.sweep(FLOW, width=60)

        waiting = threading.Thread(target=pass_)
        with real.store.hold(f"flow:{FLOW}"):
            waiting.start()
            begun.wait(10)
            for _ in range(100):  # until it holds the turn
                try:
                    with real.store.hold(f"turn:{FLOW}"):
                        pass
                except Busy:
                    break
                begun.wait()
                threading.Event().wait(0.05)
            else:
                raise AssertionError("nobody waited for the flow")
            assert real.made == 0
        waiting.join(10)
        assert real.made == 1
        with real.store.hold(f"turn:{FLOW}"):
            pass


@pytest.mark.parametrize("stopping", [False, True])
def test_it_waits_no_longer_than_its_patience_nor_when_told_to_stop(
    folder: Path, flows: dict[str, Flow], stopping: bool
) -> None:
    stop = threading.Event()
    if stopping:
        stop.set()
    with passes(folder) as real:
        turns = Turns(real, real.store, flows, stop, patience=300 if stopping else 0.2)
        with real.store.hold(f"flow:{FLOW}"), pytest.raises(Busy):
            turns.run_pass(FLOW)
        assert real.made == 0
        assert turns.run_pass(FLOW).flow == FLOW


def test_several_flows_are_held_together_once_each_is_free(folder: Path) -> None:
    told: list[str] = []
    with passes(folder) as real:
        with held_in_turn(real.store, ["b", "a"], 5, told.append):
            for flow in "ab":
                with pytest.raises(Busy), real.store.hold(f"flow:{flow}"):
                    pass
        with (
            real.store.hold("flow:b"),
            pytest.raises(Busy),
            held_in_turn(real.store, ["a", "b"], 0.2, told.append),
        ):
            pass
        assert told == ["b"]
        with real.store.hold("flow:a"), real.store.hold("turn:b"):
            pass
