"""The embedded runner: one process, one scheduled pass per flow, beside it sweeps, pruning and the watchdog.

It is about *time* only; what a pass does is the engine's, what is true is the ledger's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from connector.config.schema import Daemon
from connector.engine.report import PassReport, Progress
from connector.errors import Busy, ConnectorError
from connector.flow import Flow
from connector.runner.pulse import Pulse
from connector.secret import said, trace
from connector.telemetry import Tell

_FIRST_PRUNE = 10.0
"""Seconds after the start."""


class Passes(Protocol):
    """What the runner needs of the engine."""

    def run_pass(self, flow: str, *, progress: Callable[[Progress], None] | None = None) -> PassReport: ...

    def sweep(self, flow: str, *, width: float) -> PassReport: ...


class EmbeddedRunner:
    """Starts passes in threads of their own and lets them end. `prune` returns how many stored records it removed."""

    def __init__(
        self,
        *,
        passes: Passes,
        flows: Mapping[str, Flow],
        timings: Daemon,
        tell: Tell,
        stop: threading.Event,
        prune: Callable[[], int],
        pulse: Pulse | None = None,
    ) -> None:
        self._flows = {name: flow for name, flow in flows.items() if flow.enabled}
        self._passes, self._timings, self._tell, self._stop, self._prune_records = passes, timings, tell, stop, prune
        self.pulse = pulse or Pulse(self._flows.values())
        self._work = {name: _FlowWork() for name in self._flows}
        self._busy: dict[str, int] = {}
        self._ended = threading.Condition()
        self._said: set[str] = set()
        # A pool that could run everything at once: APScheduler drops what finds no thread.
        pool = ThreadPoolExecutor(max_workers=3 * len(self._flows) + 2)
        settings = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = BackgroundScheduler(executors={"default": pool}, job_defaults=settings, timezone=UTC)
        self._scheduler.add_listener(self._overran, EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        """Schedule everything; every flow polls at once and then on its interval."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # we tell `misfire` ourselves
        add, now, jitter = self._scheduler.add_job, datetime.now(UTC), self._timings.jitter
        hour, minute = self._timings.nightly_at
        for name, flow in self._flows.items():
            every = Every(seconds=flow.every, jitter=min(jitter, flow.every / 2) or None)
            add(self._poll, every, args=[name], id=f"poll:{name}", next_run_time=now)
            sweeps = Every(seconds=flow.sweep_every, jitter=min(jitter, flow.sweep_every / 2) or None)
            add(self._sweep, sweeps, args=[name, flow.sweep_width], id=f"sweep:{name}")
            nightly = CronTrigger(hour=hour, minute=minute, jitter=int(jitter) or None, timezone=UTC)
            add(self._sweep, nightly, args=[name, flow.deep_sweep_width], id=f"nightly:{name}")
        # soon: one that never runs for long, too
        soon = now + timedelta(seconds=min(_FIRST_PRUNE, self._timings.prune_every))
        add(self._prune, Every(seconds=self._timings.prune_every), id="prune", next_run_time=soon)
        add(self._watch, Every(seconds=5), id="watch")
        self._scheduler.start()

    def clock_leapt(self) -> None:
        """Nothing waits longer than its interval: after a leap back every next time would lie as far ahead as it went."""
        now = datetime.now(UTC)
        for job in self._scheduler.get_jobs():
            if isinstance(job.trigger, Every) and job.next_run_time > now + job.trigger.interval:
                job.modify(next_run_time=now + job.trigger.interval)

    def drain(self, seconds: float) -> list[str]:
        """Start nothing more and wait until what is in flight ended; names the flows that did not within `seconds`."""
        self._stop.set()
        self._scheduler.shutdown(wait=False)
        until = time.monotonic() + seconds
        with self._ended:
            while self._busy and (left := until - time.monotonic()) > 0:
                self._ended.wait(left)
            return sorted(self._busy)

    def _poll(self, name: str) -> None:
        """A pass, and another one if it was due again meanwhile."""
        work = self._work[name]
        with _InFlight(self, name), work.lock:
            while not self._stop.is_set():
                work.again = False
                self._pass(name, work)
                if not work.again:
                    return

    def _pass(self, name: str, work: _FlowWork) -> None:
        def alive(_: object = None) -> None:
            if not work.failures:  # a flow that fails pass after pass shows signs of life, but delivers nothing
                self.pulse.beat(name)

        alive()
        try:
            report = self._passes.run_pass(name, progress=alive)
        except Busy as busy:  # an operator's command has it: it polls for us
            self._busy_elsewhere(name, work, busy)
        except Exception as error:  # noqa: BLE001  # a flow that fails must not stop the others; the watchdog sees it
            self._failed(name, work, error)
            return
        else:
            work.elsewhere = False
            tell_report(self._tell, report)
        if work.failures:
            self._tell("poll_recovered", flow=name, failures=work.failures)
        work.failures, work.problems = 0, frozenset()
        self.pulse.beat(name)

    def _busy_elsewhere(self, name: str, work: _FlowWork, busy: Busy) -> None:
        if not work.elsewhere:
            self._tell("poll_busy", flow=name, error=str(busy))
        work.elsewhere = True

    def _failed(self, name: str, work: _FlowWork, error: Exception) -> None:
        problem = said(error)
        again = problem in work.problems  # a disk that is full may show itself in two ways by turns
        work.failures, work.problems = work.failures + 1, work.problems | {problem}
        facts: dict[str, Any] = {"flow": name, "error": problem}
        if not isinstance(error, ConnectorError) and not again:
            facts["trace"] = trace(error)
        self._tell("poll_failed_again" if again else "poll_failed", **facts)

    def _sweep(self, name: str, width: float) -> None:
        work = self._work[name]
        with _InFlight(self, name), work.lock:
            if self._stop.is_set():
                return
            try:
                with self.pulse.sweeping(name):
                    report = self._passes.sweep(name, width=width)
            except Busy as busy:
                self._busy_elsewhere(name, work, busy)
            except Exception as error:  # noqa: BLE001  # as in a pass
                self._failed(name, work, error)
            else:
                self._tell("sweep", flow=name, read=report.read, found=report.changed, width=round(width))

    def _prune(self) -> None:
        if self._stop.is_set():
            return
        try:
            if records := self._prune_records():
                self._tell("pruned", records=records)
        except ConnectorError as error:
            self._tell("prune_failed", error=str(error))

    def _watch(self) -> None:
        """Say once that a flow is stuck, once that it is not any more."""
        silent = self.pulse.unhealthy()
        for name in silent.keys() - self._said:
            self._tell("flow_unhealthy", flow=name, seconds=round(silent[name]))
        for name in self._said - silent.keys():
            self._tell("flow_healthy", flow=name)
        self._said = set(silent)

    def _overran(self, event: JobSubmissionEvent) -> None:
        kind, _, name = event.job_id.partition(":")
        if kind == "poll":
            self._work[name].again = True
            self._tell("misfire", flow=name)


class Every(IntervalTrigger):  # type: ignore[misc]  # ships no types
    """An interval that does not go through every time it has missed: APScheduler makes a list of them, and after a clock was put
    forward by a year, or a long sleep, that is millions of entries to choose the last one from."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        due: datetime | None = super().get_next_fire_time(previous_fire_time, now)
        return now if due is not None and previous_fire_time is not None and now - due > self.interval else due


class _FlowWork:
    """One flow's turn: poll and sweep never run beside each other."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.again = False
        self.elsewhere = False
        self.failures = 0
        self.problems: frozenset[str] = frozenset()


class _InFlight:
    """Counts what the drain waits for."""

    def __init__(self, runner: EmbeddedRunner, name: str) -> None:
        self._runner, self._name = runner, name

    def __enter__(self) -> None:
        with self._runner._ended:
            busy = self._runner._busy
            busy[self._name] = busy.get(self._name, 0) + 1

    def __exit__(self, *error: object) -> None:
        with self._runner._ended:
            busy = self._runner._busy
            busy[self._name] -= 1
            if not busy[self._name]:
                del busy[self._name]
            self._runner._ended.notify_all()


def tell_report(tell: Tell, report: PassReport) -> None:
    """One line for a pass that did something; the rest is DEBUG."""
    if not (report.changed or report.done or report.parked or report.filtered or report.foreign):
        tell("poll_idle", flow=report.flow, read=report.read, waiting=report.waiting, calls=dict(report.calls))
        return
    names = ("read", "repeated", "changed", "done", "filtered", "foreign", "parked", "waiting")
    counts = {name: getattr(report, name) for name in (*names, "created", "updated", "appended", "unchanged")}
    tell("poll", flow=report.flow, **counts, calls=dict(report.calls), seconds=round(report.seconds, 2))
