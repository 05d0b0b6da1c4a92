"""Who does the work of a pass at the same time: threads, or whatever a simulation has in their place."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

T = TypeVar("T")
_AHEAD = 1


class Pool(Protocol):
    """Workers of one pass."""

    def submit(self, work: Callable[[], int], /) -> Future[int]: ...


class Crew(Protocol):
    """All that the engine knows of concurrency. Nothing else in it starts, or waits for, anybody."""

    def pool(self, size: int, name: str) -> AbstractContextManager[Pool]:
        """At most `size` workers; leaving the block waits for all of them."""
        ...

    def first(self, running: set[Future[int]]) -> tuple[set[Future[int]], set[Future[int]]]:
        """Wait until one has ended; those that have, and the others."""
        ...

    def ahead(self, pages: Iterator[T], name: str) -> Iterator[T]:
        """The same pages, the next one fetched while the last one is in hand. Closing the iterator ends that after its call."""
        ...


class Threads:
    """Satisfies Crew."""

    def pool(self, size: int, name: str) -> AbstractContextManager[Pool]:
        return ThreadPoolExecutor(max_workers=size, thread_name_prefix=name)

    def first(self, running: set[Future[int]]) -> tuple[set[Future[int]], set[Future[int]]]:
        done, others = wait(running, return_when=FIRST_COMPLETED)
        return done, others

    def ahead(self, pages: Iterator[T], name: str) -> Iterator[T]:
        taken: queue.Queue[T | BaseException | None] = queue.Queue(_AHEAD)
        ended = threading.Event()

        def put(what: T | BaseException | None) -> bool:
            while not ended.is_set():
                try:
                    taken.put(what, timeout=0.2)
                except queue.Full:
                    continue
                return True
            return False

        def pull() -> None:
            try:
                for page in pages:
                    if not put(page):
                        return
                put(None)
            except BaseException as error:  # noqa: BLE001 - handed to the reading thread, which raises it
                put(error)

        thread = threading.Thread(target=pull, name=name, daemon=True)
        thread.start()
        try:
            while (page := taken.get()) is not None:
                if isinstance(page, BaseException):
                    raise page
                yield page
        finally:
            ended.set()
            thread.join()
