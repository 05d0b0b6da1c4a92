"""One course of events from a plan: the systems, the people, the processes of the connector, until everything is quiet."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from connector.model import Record, Write
from connector.store import Settle
from tests.simulation.course import Fault, Plan
from tests.simulation.deliveries import Deliveries
from tests.simulation.history import Effect, History
from tests.simulation.loops import BROKEN
from tests.simulation.people import People
from tests.simulation.process import Process
from tests.simulation.scheduler import Killed, Scheduler
from tests.simulation.systems import EPOCH, System
from tests.simulation.watch import STATES, Watch

DAY = 86400.0
MOST_ROUNDS = 120


class World:
    """Everything there is. `run` lets it happen; `history` says what did."""

    def __init__(self, plan: Plan, folder: Path, template: Path) -> None:
        self.plan = plan
        self.file = folder / "ledger.db"
        self.file.write_bytes(template.read_bytes())
        self.scheduler = Scheduler(Random(plan.settings["scheduler"]))
        if plan.calm_scheduler:
            self.scheduler.rng = _First()
        self._travel = Random(plan.seed + 1)
        self.history = History()
        self.systems = {
            name: System(name, lambda: self.scheduler.now, plan.settings[f"skew_{name}"]) for name in ("shop", "desk")
        }
        self.held: dict[str, Process] = {}
        self.taken_in: set[tuple[str, str, str | None]] = set()
        """Flow, key and stamp of versions that some process began to store."""
        self.whole_seconds = plan.settings["whole_seconds"] and plan.settings["lag"] < plan.settings["overlap"] / 2
        """Stamps of the shop; two saves under one stamp that an index shows later than the overlap are seen by nobody."""
        self.calm = False
        self.blind = 0
        """Kills and pauses: after them nobody knows what was sent."""
        self.lost = 0
        """Replies that were not read, and requests that came twice."""
        self.record_faults: set[str] = set()
        """Keys that were sent when a fault met them for which their record may use up a try."""
        self.object_faults: set[tuple[str, str]] = set()
        """Streams and ids of objects that somebody changed or deleted right before they were looked at."""
        self.late_until = 0.0
        self._faults: dict[str, list[Fault]] = {}
        for fault in sorted(plan.faults, key=lambda fault: fault.after):
            self._faults.setdefault(fault.place, []).append(fault)
        self._postponed: dict[str, Fault] = {}
        self._started = 0
        self._dead: list[Process] = []
        self.processes: list[Process] = []
        self.deliveries = Deliveries()
        self.watch_over = Watch(self)
        self.people = People(self)

    # -- what others ask -----------------------------------------------------------------------------------------------------

    @property
    def doubts(self) -> int:
        """Events after which something may be said again."""
        return self.blind + self.lost

    def time(self) -> datetime:
        return EPOCH + timedelta(seconds=self.scheduler.now)

    def latency(self, system: str = "") -> float:
        """Seconds for one way."""
        slow = bool(system) and self.plan.settings["slow"] == system
        return round(self._travel.uniform(0.02, 0.6) * (7 if slow else 1), 3)

    def tell(self, who: str, what: str, **facts: Any) -> None:
        self.history.tell(self.scheduler.now, who, what, **facts)

    def fault(self, *names: str) -> Fault | None:
        """What is to go wrong at this place, known by several names, this time."""
        if self.calm:
            return None
        for name in names:
            fault = self._postponed.pop(name, None)
            due = self._faults.get(name)
            if fault is None and due and due[0].after <= self.scheduler.now:
                fault = due.pop(0)
            if fault is not None:
                self.history.counts[f"fault {fault.kind.split(' ')[0]}"] += 1
                return fault
        return None

    def postpone(self, place: str, fault: Fault) -> None:
        self._postponed[place] = fault

    def outage(self, system: str) -> str | None:
        """Why the whole system refuses now, if it does."""
        now = self.scheduler.now
        if self.calm:
            return None
        return next((o.kind for o in self.plan.outages if o.system == system and o.begins <= now < o.ends), None)

    # -- what happens --------------------------------------------------------------------------------------------------------

    def listed(self, system: str, stream: str, records: Sequence[Record], cursor: str | None) -> None:
        self.watch_over.listed(system, stream, records, cursor)

    def before_writing(self, process: Process, stream: str, batch: Sequence[Write]) -> None:
        self.deliveries.sends(self.scheduler.me.number, batch)
        self.watch_over.before_writing(process, stream, batch)

    def watch(self, effect: Effect, write: Write) -> None:
        self.deliveries.effect(effect, write)
        self.watch_over.effect(effect)

    def settled(
        self,
        process: Process,
        token: str,
        settles: Sequence[Settle],
        before: Mapping[int, Any],
        after: Mapping[int, Any],
    ) -> None:
        held = {row: facts[3] for row, facts in before.items()}
        self.deliveries.settled(self.scheduler.me.number, token, settles, held, self.scheduler.now)
        self.watch_over.settled(process, token, settles, before, after)

    def died(self, process: Process) -> None:
        """Its successor starts some time later."""
        self._dead.append(process)
        self.watch_over.ledger_holds()
        if not self.calm and not any(other for other in self.processes if not other.dead and not other.retired):
            self.scheduler.at(self.scheduler.now + self._travel.choice((1.0, 20.0, 70.0)), self._start)

    def replace(self, process: Process) -> None:
        """A process that is stopped seems dead, so another one is started elsewhere."""
        self.scheduler.at(self.scheduler.now + self._travel.choice((0.0, 5.0, 40.0)), self._start)

    def _start(self) -> None:
        if not self.calm:
            self.process().start()

    def process(self) -> Process:
        """A new process on the ledger, at once."""
        self._bury()
        self._started += 1
        process = Process(self, f"daemon{self._started}")
        self.processes.append(process)
        self.tell(process.name, "starts")
        return process

    def _bury(self) -> None:
        for process in [dead for dead in self._dead if not self._acts(dead)]:
            process.ledger.end()
            self._dead.remove(process)
            self.processes.remove(process)

    def _acts(self, process: Process) -> bool:
        return any(actor.owner is process for actor in self.scheduler.actors)

    def ledger(self, statement: str, *given: Any) -> list[tuple[Any, ...]]:
        """What the ledger's file says, as far as it was committed."""
        conn = sqlite3.connect(self.file, isolation_level=None)
        try:
            return conn.execute(statement, given).fetchall()
        finally:
            conn.close()

    # -- the course of events --------------------------------------------------------------------------------------------------

    def run(self) -> History:
        """All of it, until everything is quiet. What broke a promise stands in the history."""
        scheduler = self.scheduler
        for act in self.plan.acts:
            scheduler.at(act.at, partial(self.people.do, act))
        self._start()
        try:
            scheduler.sleep(self.plan.length)
            self._end_of_faults()
            if not self.history.found and not scheduler.failures:
                self._quiet_down()
        except Killed:
            pass
        finally:
            self._end()
        return self.history

    def _end_of_faults(self) -> None:
        """The processes end in peace, with whatever they are at."""
        self.calm = True
        self.tell("world", "faults end")
        self.scheduler.wait(lambda: len(self.scheduler.actors) == 1, 4 * 3600)
        if len(self.scheduler.actors) > 1:
            names = [actor.name for actor in self.scheduler.actors[1:]]
            self.history.broken("everything ends", f"still at work after hours: {names}")
        self.watch_over.ledger_holds()

    def _quiet_down(self) -> None:
        """Until nothing moves; where loops were broken, once more without what made them."""
        process = self.process()
        if not self._until_quiet(process):
            return
        self.watch_over.judge()
        loops = sorted(self.watch_over.loops | self._looping())
        if not loops or self.history.found or self.people.dropped:
            return
        self.people.looping.clear()
        self.people.put_back(frozenset(loops))
        self.tell("operator", "ends loops, and retries", rows=loops)

        def retry() -> None:
            for flow, key in loops:
                process.ledger.replay(process.engine.clock.now(), flow=flow, key=key)

        self._play(process, retry)
        if self._until_quiet(process):
            self.watch_over.judge(released=True)

    def _looping(self) -> set[tuple[str, str]]:
        """Rows that the ledger shows as parked for a loop, also those of a settle after whose commit its process was killed."""
        statement = 'SELECT name, "row".key FROM "row" JOIN flow ON flow.id=flow WHERE state=? AND instr(reason, ?)'
        return {(flow, key) for flow, key in self.ledger(statement, STATES.index("parked"), BROKEN)}

    def _until_quiet(self, process: Process) -> bool:
        """Passes, one after another, until nothing is owed and nothing moves any more; whether it came to that."""
        quiet = 0
        for turn in range(MOST_ROUNDS):
            effects, changes = len(self.history.effects), self._versions()
            calls = self.history.counts["calls shop"] + self.history.counts["calls desk"]
            self._play(process, self._round(process, sweep=turn in (1, 3)))
            if self.history.found or self.scheduler.failures:
                return False
            calls = self.history.counts["calls shop"] + self.history.counts["calls desk"] - calls
            pending = self.ledger('SELECT min(due), count(*) FROM "row" WHERE state=0')[0]
            moved = len(self.history.effects) > effects or self._versions() != changes
            still = not pending[1] and not moved and not self.scheduler.outstanding and turn > 3
            quiet = quiet + 1 if still else 0
            if quiet >= 2:
                self.watch_over.idle_calls(calls)
                return not self.history.found
            later = 65.0
            if pending[1] and pending[0] is not None:
                later = max(1.0, min(3600.0, pending[0] - self.time().timestamp() + 0.01))
            self.scheduler.sleep(later)
        self.history.broken("everything ends", f"not quiet after {MOST_ROUNDS} rounds: {self._owed()}")
        return False

    def _round(self, process: Process, *, sweep: bool) -> Any:
        def work() -> None:
            for flow in self.plan.flows:
                process.one_pass(flow)
                if sweep:
                    process.sweep(flow, DAY)

        return work

    def _play(self, process: Process, work: Any) -> None:
        self.scheduler.spawn("calm", process, work)
        self.scheduler.wait(lambda: len(self.scheduler.actors) == 1)

    def _versions(self) -> list[tuple[Any, ...]]:
        return self.ledger('SELECT sum(rev), sum(state), count(*) FROM "row"')

    def _owed(self) -> list[tuple[Any, ...]]:
        return self.ledger('SELECT key, attempts, reason FROM "row" WHERE state=0')

    def _end(self) -> None:
        for name, error in self.scheduler.failures:
            self.history.broken("no error escapes", f"{name}: {type(error).__name__}: {error}")
        for process in self.processes:
            process.dead = True
        if len(self.scheduler.actors) > 1:
            self.scheduler.wait(lambda: len(self.scheduler.actors) == 1)
        for process in self.processes:
            process.ledger.end()
        self.scheduler.close()


class _First(Random):
    """A scheduler that lets go first who came first."""

    def choice(self, seq: Any) -> Any:
        return seq[0]
