"""The engine's workers as actors of the scheduler, in place of threads of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from tests.simulation.scheduler import Killed, Owner, Scheduler

T = TypeVar("T")


class _Pool:
    def __init__(self, crew: SimulatedCrew, size: int, name: str) -> None:
        self._crew, self._size, self._name = crew, size, name
        self.busy = 0

    def submit(self, work: Callable[[], int], /) -> Future[int]:
        future: Future[int] = Future()
        self.busy += 1

        def play() -> None:
            try:
                future.set_result(work())
            except Killed:
                raise
            except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
                future.set_exception(error)
            finally:
                self.busy -= 1

        self._crew.scheduler.spawn(f"{self._name} deliver", self._crew.owner, play)
        return future


class SimulatedCrew:
    """Satisfies connector.engine.crew.Crew."""

    def __init__(self, scheduler: Scheduler, owner: Owner) -> None:
        self.scheduler, self.owner = scheduler, owner

    @contextmanager
    def pool(self, size: int, name: str) -> Iterator[_Pool]:
        pool = _Pool(self, size, name)
        try:
            yield pool
        finally:
            if not self.owner.dead:
                self.scheduler.wait(lambda: pool.busy == 0)

    def first(self, running: set[Future[int]]) -> tuple[set[Future[int]], set[Future[int]]]:
        self.scheduler.wait(lambda: any(future.done() for future in running))
        done = {future for future in running if future.done()}
        return done, running - done

    def ahead(self, pages: Iterator[T], name: str) -> Iterator[T]:
        taken: list[T | BaseException | None] = []
        ended = closed = False

        def pull() -> None:
            nonlocal ended
            try:
                for page in pages:
                    self.scheduler.wait(lambda: closed or not taken)
                    if closed:
                        return
                    taken.append(page)
                self.scheduler.wait(lambda: closed or not taken)
                taken.append(None)
            except Killed:
                raise
            except BaseException as error:  # noqa: BLE001 - raised again for whoever takes the pages
                taken.append(error)
            finally:
                ended = True

        self.scheduler.spawn(name, self.owner, pull)
        try:
            while True:
                self.scheduler.wait(lambda: bool(taken))
                page = taken.pop(0)
                if page is None:
                    return
                if isinstance(page, BaseException):
                    raise page
                yield page
        finally:
            closed = True
            if not self.owner.dead:
                self.scheduler.wait(lambda: ended)
