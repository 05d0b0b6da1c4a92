"""Taking turns at a flow across processes: a live pass waits a moment for a backfill, and a backfill gives way to it.

Who waits for a flow holds its turn (`Store.hold`); a backfill takes a page only when nobody does. So a poll comes at most one
page late, and a backfill goes on between two polls.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

from connector.errors import Busy
from connector.flow import Flow
from connector.store import Store

if TYPE_CHECKING:
    from connector.engine.report import PassReport, Progress
    from connector.runner.embedded import Passes

T = TypeVar("T")
AGAIN = 0.1
"""Seconds between two tries."""


class Turns:
    """Passes that wait up to `patience` seconds for their flow. Satisfies Passes; Busy after that, as without it."""

    def __init__(
        self, passes: Passes, store: Store, flows: Mapping[str, Flow], stop: threading.Event, *, patience: float
    ) -> None:
        self._passes, self._store, self._flows = passes, store, flows
        self._stop, self._patience = stop, patience

    def run_pass(self, flow: str, *, progress: Callable[[Progress], None] | None = None) -> PassReport:
        return self._in_turn(flow, lambda: self._passes.run_pass(flow, progress=progress))

    def sweep(self, flow: str, *, width: float) -> PassReport:
        return self._in_turn(flow, lambda: self._passes.sweep(flow, width=width))

    def _in_turn(self, flow: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except Busy as busy:
            return self._waited(self._flows[flow].id, work, busy)

    def _waited(self, flow: str, work: Callable[[], T], busy: Busy) -> T:
        until = time.monotonic() + self._patience
        with self._store.hold(f"turn:{flow}"):
            while time.monotonic() < until and not self._stop.wait(AGAIN):
                try:
                    return work()
                except Busy as again:
                    busy = again
        raise busy


@contextmanager
def held_in_turn(store: Store, flows: list[str], patience: float, waits: Callable[[str], None]) -> Iterator[None]:
    """Hold these flows, by their ids, when the passes that are under way have ended. `waits` is told once of each that must be
    waited for. Busy when one is not free within `patience` seconds."""
    until = time.monotonic() + patience
    with ExitStack() as held:
        for flow in sorted(flows):
            _hold(store, flow, until, held, waits)
        yield


def _hold(store: Store, flow: str, until: float, held: ExitStack, waits: Callable[[str], None]) -> None:
    said, pause = False, threading.Event()
    while True:
        try:
            with store.hold(f"turn:{flow}"):
                while True:
                    try:
                        held.enter_context(store.hold(f"flow:{flow}"))
                    except Busy:
                        if time.monotonic() >= until:
                            raise
                    else:
                        return
                    if not said:
                        waits(flow)
                    said = True
                    pause.wait(AGAIN)
        except Busy:
            if time.monotonic() >= until:
                raise
            pause.wait(AGAIN)
