"""One thread of control at a time: actors hand a baton on at every boundary, and time passes only when nobody can act.

Actors are threads, because the engine is plain code; but only the one that holds the baton runs. Who goes next is drawn from
one seeded generator, so the same seed makes the same course of events.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

FOREVER = float("inf")


class Killed(BaseException):
    """The process of this actor has ended: whatever it still wants to do does not happen."""


class Endless(BaseException):
    """More steps than any course of events needs: something spins."""


class Owner:
    """Whose actors are: a process, which may die or be stopped for a while."""

    name = "world"
    dead = False
    frozen_until = 0.0


class _Worker(threading.Thread):
    """A thread that plays one actor after another; starting one for each would cost more than what most of them do."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(daemon=True, name="simulation")
        self.go = threading.Lock()
        self.go.acquire()
        self.actor: Actor | None = None
        self._scheduler = scheduler
        self.start()

    def run(self) -> None:
        while True:
            self.go.acquire()
            if self.actor is None:
                return
            self._scheduler._play(self)


@dataclass(slots=True, eq=False)
class Actor:
    """Somebody who acts: at the time `wake`, or as soon as it is `ready`."""

    number: int
    name: str
    owner: Owner
    go: threading.Lock
    work: Callable[[], None] | None = None
    wake: float = 0.0
    ready: Callable[[], bool] | None = None


@dataclass
class Scheduler:
    """Time in seconds since the world began, the actors, and what will happen at a time whoever acts then (`at`)."""

    rng: Random
    most_steps: int = 200_000
    now: float = 0.0
    steps: int = 0
    actors: list[Actor] = field(default_factory=list)
    failures: list[tuple[str, BaseException]] = field(default_factory=list)

    def __post_init__(self) -> None:
        lock = threading.Lock()
        lock.acquire()
        self._number = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._idle: list[_Worker] = []
        self.me = Actor(0, "world", Owner(), lock)
        self.actors.append(self.me)

    # -- what actors do ------------------------------------------------------------------------------------------------

    def spawn(self, name: str, owner: Owner, work: Callable[[], None]) -> Actor:
        """One actor more; it acts when it is drawn."""
        worker = self._idle.pop() if self._idle else _Worker(self)
        self._number += 1
        worker.actor = Actor(self._number, name, owner, worker.go, work, self.now)
        self.actors.append(worker.actor)
        return worker.actor

    def at(self, time: float, act: Callable[[], None]) -> None:
        """Something happens at this time, whatever becomes of whoever set it going."""
        self._number += 1
        heapq.heappush(self._events, (max(time, self.now), self._number, act))

    @property
    def outstanding(self) -> bool:
        return bool(self._events)

    def sleep(self, seconds: float) -> None:
        self.me.wake = self.now + seconds
        self._hand_over()

    def turn(self) -> None:
        """Somebody else may go first."""
        self.me.wake = self.now
        self._hand_over()

    def wait(self, ready: Callable[[], bool], seconds: float = FOREVER) -> bool:
        """Until something is so, at most so long; whether it is."""
        if not ready():
            self.me.wake, self.me.ready = self.now + seconds, ready
            self._hand_over()
        return ready()

    # -- the baton -----------------------------------------------------------------------------------------------------

    def _hand_over(self) -> None:
        me = self.me
        following = self._next()
        if following is not me:
            self.me = following
            following.go.release()
            me.go.acquire()
        me.ready = None
        if me.owner.dead:
            raise Killed

    def _next(self) -> Actor:
        while True:
            while self._events and self._events[0][0] <= self.now:
                heapq.heappop(self._events)[2]()
            ready = [actor for actor in self.actors if self._can_go(actor)]
            if ready:
                self.steps += 1
                if self.steps > self.most_steps:
                    self._give_up()
                return ready[0] if len(ready) == 1 else self.rng.choice(ready)
            times = [actor.wake for actor in self.actors]
            times += [actor.owner.frozen_until for actor in self.actors if actor.owner.frozen_until > self.now]
            times += [self._events[0][0]] if self._events else []
            later = min((time for time in times if time > self.now), default=FOREVER)
            if later == FOREVER:
                raise RuntimeError(f"everybody waits: {[actor.name for actor in self.actors]}")
            self.now = later

    def _can_go(self, actor: Actor) -> bool:
        if actor.owner.dead:
            return True  # to find out that it is dead
        if actor.owner.frozen_until > self.now:
            return False
        return actor.wake <= self.now or (actor.ready is not None and actor.ready())

    def _give_up(self) -> None:
        """Everybody but the world itself ends, and the world is told."""
        self.most_steps = 1 << 60
        self.failures.append(("world", Endless(f"more than {self.steps} steps")))
        for actor in self.actors:
            if actor.number:
                actor.owner.dead = True

    def _play(self, worker: _Worker) -> None:
        actor = worker.actor
        assert actor is not None
        assert actor.work is not None
        try:
            if not actor.owner.dead:
                actor.work()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - whatever an actor raises is a finding
            self.failures.append((actor.name, error))
        self.actors.remove(actor)
        actor.work = None
        worker.actor = None
        self._idle.append(worker)
        following = self._next()
        self.me = following
        following.go.release()

    def close(self) -> None:
        """Threads end."""
        for worker in self._idle:
            worker.actor = None
            worker.go.release()
            worker.join()
