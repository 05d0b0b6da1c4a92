"""The conductor: keeps the daemon running in changing weather, lets people act and kills strike, then all come to rest."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import click

from connector.cli.selftesting import faults
from connector.cli.selftesting.evidence import Death
from connector.cli.selftesting.people import TRAFFIC, People
from connector.cli.selftesting.plan import Kill, Plan
from connector.cli.selftesting.sky import WRITERS, Sky
from connector.cli.selftesting.stage import FLOWS, Stage
from connector.cli.selftesting.verdict import BY_A_PERSON
from connector.cli.table import plural

SOURCES = WRITERS["salesforce"]
TICK = 0.05
NEARLY = 0.98
"""Share of the records that is certain to be at our site: some returns and complaints are about orders of another one."""
LAST_REQUESTS = 0.3
"""Seconds after a death in which the sandbox still answers what had been sent."""
PATIENT = 3.0
"""Seconds in which the request comes at which the daemon is to die; then it dies anyway."""
STILL = 3.0
"""Seconds beyond the pause between two sweeps, without any change, after which everything is at rest."""
ROUNDS = 3
"""Times that what is parked after all was mended is tried again; what is parked then, is so for no reason."""
STUCK, DAY_LIMIT = 120.0, 900.0
"""Seconds without any progress after which waiting ends; and how much longer where the day's calls were used up once."""


@dataclass(slots=True)
class Course:
    """How a run went. Seconds from the first start of a daemon until the backlog was through."""

    seconds: float = 0.0
    settled: int = 0
    left: int = 0
    """Rows that were pending when the storm ended."""
    deaths: list[Death] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    parked: dict[str, int] = field(default_factory=dict)
    """What waited for a person in the end, by reason, before it was mended and retried."""


class Storm:
    """One run on a stage. `calm`: the same people and records, without faults and kills."""

    def __init__(self, plan: Plan, stage: Stage, *, records: int, hands: float, say: Callable[[str], None]) -> None:
        self.plan, self.stage, self.records, self.say = plan, stage, records, say
        self.people = People(plan.seed, stage.control)
        self.course = Course()
        self._hands = hands
        self._kills: Iterator[Kill] = plan.kills()
        self._kill: Kill | None = None
        self._kill_at = 0.0
        self._rule: int | None = None
        self._begun = 0.0

    def blow(self, sky: Sky | None, *, seconds: float, within: float) -> None:
        """So many seconds at least, until the backlog is through and a kill has struck, if any shall; `within` at most."""
        control = self.stage.control
        self._begun = time.monotonic()
        self._start(sky)
        control.agents(on=True)
        control.traffic(per_minute=TRAFFIC)
        self.people.arrive()
        acts = looked = told = self._begun
        while True:
            now = time.monotonic()
            if not self.stage.running:
                self._died(sky)
            elif self._kill is not None and now > self._kill_at:
                self._strike(self._kill)
            if sky is not None:
                sky.look()
            if now > acts:
                self.people.act()
                acts = max(acts + 1 / self._hands, now - 1)
            if now > looked:
                looked = now + 2
                if (through := self._through()) and not self.course.seconds:
                    self.course.seconds = now - self._begun
                killed = sky is None or not self.plan.kill_every or self.course.deaths
                if (through and killed and now > self._begun + seconds) or now > self._begun + within:
                    break
            if now > told:
                told = now + 10
                self._tell(sky)
            time.sleep(TICK)
        self.people.leave()
        control.traffic(per_minute=0)
        with self.stage.ledger() as store:
            self.course.left = sum(each.pending for each in store.counts())
        self.course.seconds = self.course.seconds or time.monotonic() - self._begun

    def _start(self, sky: Sky | None) -> None:
        self.stage.start()
        self.stage.started()
        if sky is None or not self.plan.kill_every:
            return
        self._kill = next(self._kills)
        self._kill_at = time.monotonic() + self._kill.after

    def _strike(self, kill: Kill) -> None:
        """It is to die now: at the next such request, or, if none has come for a while, all the same."""
        if kill.rule is not None and self._rule is None:
            assert self.stage.daemon is not None, "a daemon was started"
            self._rule = self.stage.control.fault(**kill.rule, pid=self.stage.daemon.pid)
            self._kill_at = time.monotonic() + PATIENT
            return
        self._disarm()
        self._kill = Kill(0.0, "time")
        if self.stage.running:
            self.stage.kill()

    def _disarm(self) -> None:
        """No rule may name a process that is gone: another one could get its number."""
        if self._rule is not None:
            self.stage.control.clear_faults(rule=self._rule)
            self._rule = None

    def _died(self, sky: Sky | None) -> None:
        self._disarm()
        if self._kill is None or (self.stage.daemon is not None and self.stage.daemon.returncode != -9):
            raise click.ClickException(f"the daemon ended by itself; its last words:\n{self.stage.last_words()}")
        self.course.kills[self._kill.moment] += 1
        time.sleep(LAST_REQUESTS)
        now = datetime.now(UTC)
        with self.stage.ledger() as store:
            held = ((row, until) for flow in FLOWS for row, (_, until) in store.tries(flow).items())
            in_flight = frozenset(row for row, until in held if until is not None and until > now)
        self.stage.control.next_round()
        self.course.deaths.append(Death(in_flight))
        self._start(sky)

    def calm_down(self) -> None:
        """No more kills, and people go home. One more daemon: the last may have been told to wait until tomorrow's budget."""
        if not self.stage.running:  # a kill struck at the very end
            self._died(None)
        self._disarm()
        self._kill = None
        self.stage.control.agents(on=False)
        self.stage.stop()
        self.stage.start()
        self.stage.started()

    def mend(self, sky: Sky, *, first: float = 30.0) -> None:
        """Come to rest, see what waits for a person, do what that person would do, and come to rest again."""
        self.rest(patience=first)  # a flow may be paused until an administrator acts
        found = self._parked()
        sky.mended()
        for _ in range(
            ROUNDS
        ):  # a row whose refusal is told first parks only then, and that may be after a day's budget
            if found:
                self.stage.command("parked", "retry", "--all")
            self.rest(patience=STUCK + (DAY_LIMIT if sky.struck[faults.BUDGET] else 0))
            found = self._parked()
            if not found:
                return

    def _parked(self) -> int:
        """Rows that wait for an administrator; their reasons are noted."""
        found = 0
        with self.stage.ledger() as store:
            for cause in store.causes("parked"):
                if BY_A_PERSON not in cause.reason:
                    reason = cause.reason.replace(cause.field, "FIELD") if cause.field else cause.reason
                    self.course.parked[reason] = self.course.parked.get(reason, 0) + cause.rows
                    found += cause.rows
        return found

    def rest(self, *, patience: float) -> bool:
        """Wait until nothing moves any more, on either side and in the ledger; False when it never came to rest."""
        seen: object = None
        since = time.monotonic()
        while True:
            if not self.stage.running:
                raise click.ClickException(f"the daemon ended by itself; its last words:\n{self.stage.last_words()}")
            now, quiet = self._state()
            if now != seen:
                seen, since = now, time.monotonic()
            waited = time.monotonic() - since
            if quiet and waited > self.stage.sweep + STILL:
                return True
            if waited > patience:
                return False
            time.sleep(0.5)

    def _state(self) -> tuple[object, bool]:
        control = self.stage.control
        journal = control.journal()
        done = [journal[name] for name in ("cases_created", "cases_updated", "notes", "comments", "refunds_executed")]
        with self.stage.ledger() as store:
            books = [(b.flow, b.rows, b.settled, b.pending, b.open, b.parked) for b in store.counts()]
        self.course.settled = sum(settled for _, _, settled, *_ in books)
        waiting = sum(pending + opened for *_, pending, opened, _ in books)
        return (done, books), not waiting and not control.index_waiting()

    def _through(self) -> bool:
        """As many records as there were at the beginning have been settled."""
        with self.stage.ledger() as store:
            settled = sum(each.rows - each.pending for each in store.counts() if each.flow in SOURCES)
        return settled >= NEARLY * self.records

    def _tell(self, sky: Sky | None) -> None:
        journal = self.stage.control.journal()
        with self.stage.ledger() as store:
            books = store.counts()
        rows, pending = sum(b.rows for b in books), sum(b.pending for b in books)
        struck = f", {sum(sky.struck.values()):,} faults" if sky is not None else ""
        self.say(
            f"{time.monotonic() - self._begun:6.0f} s  {rows:,} rows, {pending:,} pending, {journal['cases_created']:,} cases, "
            f"{journal['notes']:,} notes{struck}, {plural(len(self.course.deaths), 'kill')}"
        )
