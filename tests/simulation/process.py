"""One process of the connector: the real engine over the ledger's file, a poller for each flow, and its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

from connector.budget import Limits
from connector.engine import Engine
from connector.errors import Busy
from connector.retry import Policy
from tests.simulation.course import MEANWHILE, Act
from tests.simulation.crew import SimulatedCrew
from tests.simulation.flows import desk_streams, flows, shop_streams
from tests.simulation.ledger import SimulatedLedger
from tests.simulation.scheduler import Killed, Owner
from tests.simulation.wire import Wire

if TYPE_CHECKING:
    from tests.simulation.world import World

SWEEP_EVERY, SWEEP_WIDTH = 600.0, 1800.0


class _Clock:
    """Satisfies connector.adapter.Clock."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> datetime:
        return self._process.world.time() + timedelta(seconds=self._process.skew)


class Process(Owner):
    """From its start to its end. Nothing of it outlives that but the ledger's file."""

    skew = 0.0

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.dead, self.frozen_until, self.retired, self.stopped = False, 0.0, False, False
        self._verbs: dict[int, str] = {}
        self.ledger = SimulatedLedger(self, world.file)
        settings = world.plan.settings
        wires = {
            "shop": Wire(self, "shop", shop_streams(settings)),
            "desk": Wire(self, "desk", desk_streams(settings)),
        }
        self.engine = Engine(
            store=self.ledger,
            connections=wires,
            flows=flows(world.plan.flows, settings),
            limits=self._limits(),
            clock=_Clock(self),
            policy=Policy(),
            tell=self._tell,
            stop=Event(),
            crew=SimulatedCrew(world.scheduler, self),
        )

    def _limits(self) -> dict[str, Limits]:
        """Calls a day, in some courses; whoever operates the connector gives more when the faults end."""
        calls = None if self.world.calm else self.world.plan.settings["calls"]
        return {} if calls is None else {"desk": Limits(calls_per_day=calls)}

    def _tell(self, event: str, **facts: Any) -> None:
        self.world.history.counts[f"event {event}"] += 1

    # -- boundaries --------------------------------------------------------------------------------------------------------

    @property
    def away(self) -> bool:
        """Dead, or stopped for a while: it holds nothing by now."""
        return self.dead or self.frozen_until > self.world.scheduler.now

    def step(self, place: str, *, limit: float = 900.0, names: Sequence[str] = ()) -> None:
        """A boundary: the process may end here, be stopped, or another actor may go first. Raises Killed."""
        if self.dead:
            raise Killed
        world, scheduler = self.world, self.world.scheduler
        fault = world.fault(place, *names)
        if fault is not None and fault.kind == "crash":
            self.die(place)
            raise Killed
        if fault is not None and fault.kind.startswith(MEANWHILE):
            who = int(fault.x) if fault.x.is_integer() else int(fault.x * 97) % 3
            world.people.do(Act(scheduler.now, fault.kind.removeprefix(MEANWHILE), who, fault.x % 1))
            scheduler.turn()
        elif fault is not None:
            seconds = min(limit, 10 + fault.x * 700)
            world.history.counts["pauses"] += 1
            world.blind += 1
            self.stopped = True
            world.tell(self.name, f"{fault.kind} at {place}", seconds=round(seconds))
            if fault.kind == "pause one":
                scheduler.sleep(seconds)
            else:
                self.frozen_until = scheduler.now + seconds
                # a process that is stopped keeps its locks: only one whose machine is away for good is replaced
                if "elsewhere" in fault.kind and seconds > world.plan.settings["lease"]:
                    self.retired = True
                    world.replace(self)
                scheduler.turn()
            world.tell(self.name, "goes on")
        else:
            scheduler.turn()

    def commits(self, when: str) -> None:
        """Right before or after a commit. Its thread holds the ledger's lock, so nobody else can go first."""
        if self.dead:
            raise Killed
        verb = self._verbs.get(self.world.scheduler.me.number, "ledger.other")
        fault = self.world.fault(f"{verb} {when}")
        if fault is not None and fault.kind == "crash":
            self.die(f"{verb} {when} its commit")
            raise Killed
        if fault is not None:  # a pause: as soon as the lock is given back
            self.world.postpone(f"{verb} ended", fault)

    @contextmanager
    def verb(self, name: str) -> Iterator[None]:
        """A verb of the ledger, with turns around it."""
        self.step(f"{name} begins")
        actor = self.world.scheduler.me.number
        self._verbs[actor] = name
        try:
            yield
        finally:
            self._verbs.pop(actor, None)
        self.step(f"{name} ended")

    # -- its life ----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A poller for each flow."""
        for flow in self.world.plan.flows:
            self.world.scheduler.spawn(f"{self.name} {flow}", self, partial(self._poll, flow))

    def _poll(self, flow: str) -> None:
        scheduler, settings = self.world.scheduler, self.world.plan.settings
        swept = scheduler.now
        first = flow == self.world.plan.flows[0]
        while not self.retired and not self.world.calm:
            self.one_pass(flow)
            if scheduler.now - swept > SWEEP_EVERY:
                swept = scheduler.now
                self.sweep(flow, SWEEP_WIDTH)
            if first and settings["prune"]:
                self.ledger.prune(self.engine.clock.now(), delivered=30, parked=120, audit=3600)
            scheduler.sleep(settings["every"] + self.world.latency())

    def one_pass(self, flow: str) -> None:
        """As the runner does it."""
        try:
            self.engine.run_pass(flow)
        except Busy:
            self.world.history.counts["busy"] += 1

    def sweep(self, flow: str, width: float) -> None:
        """The same for the slow, wide look."""
        try:
            self.engine.sweep(flow, width=width)
        except Busy:
            self.world.history.counts["busy"] += 1

    def die(self, where: str) -> None:
        """Its memory is gone; what was sent is on its way, and what was committed stands."""
        self.dead = True
        self.frozen_until = 0.0
        self.world.history.counts["crashes"] += 1
        self.world.blind += 1
        self.world.tell(self.name, f"is killed at {where}")
        self.world.died(self)
