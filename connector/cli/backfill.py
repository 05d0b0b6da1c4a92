"""`connector backfill`: records of a window of time, beside the flow's own cursor."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import click

from connector.cli.root import Session, by, with_config
from connector.cli.table import plural, table, text

if TYPE_CHECKING:
    from connector.engine.backfill import Wait
    from connector.engine.report import Backfilled, Progress
    from connector.flow import Flow
    from connector.runner.assembly import Assembly
    from connector.store import Backfill

_EVERY = 10.0
"""Seconds between two lines of progress, where there is no terminal for a bar."""
_BUSY = 0.2
_WHEN = "beginning, 7d (before now), or an instant (2026-11-01T00:00:00Z)"


@click.command()
@click.argument("flow")
@click.option("--from", "begin", metavar="WHEN", required=True, help=f"Records changed since: {_WHEN}.")
@click.option("--to", "end", metavar="WHEN", default="now", show_default=True, help="And not later than this.")
@click.option("--dry-run", is_flag=True, help="Read and map, and count by route; send and store nothing.")
@with_config
def command(session: Session, flow: str, begin: str, end: str, dry_run: bool) -> int:
    """Read the records of a window of time and deliver them, beside the flow's own cursor, which stays where it is.

    Works while the daemon runs: it takes the flow for one page at a time and lets live polls go first. New objects are bounded
    by the brake, a quarter of which is left to live polls. Records that are known and unchanged cost only the read. Cut off
    (Ctrl-C, a kill, a fault that lasts), it goes on where it stopped when the same command is given again.

    Exits with 1 when something was parked or it was stopped before its end, with 3 when a remote system could not be reached.

    \b
    Example:
      connector backfill orders-to-cases --from 30d --dry-run
      connector backfill orders-to-cases --from 2026-01-01 --to 7d
    """
    from connector.config import SystemClock
    from connector.runner.assembly import assembled, refuse_lost_flows

    begins, ends = window(begin, end, SystemClock().now())
    config = session.load()
    from connector.cli.sync import chosen_flows, stopped_by_signals

    chosen_flows(config.flows, [flow])
    if config.flows[flow].by_state:
        raise click.UsageError(f"{flow} is a flow by state: it reads all that is so at each poll, however old")
    with assembled(config, tell=session.tell(config, level="warning")) as assembly, stopped_by_signals(assembly.stop):
        refuse_lost_flows(assembly)
        if dry_run:
            return _look(assembly, flow, begins, ends)
        asked, own = f"{begin} to {end}", config.flows[flow].id
        with assembly.store.hold(f"backfill:{own}"):
            now = assembly.clock.now()
            state = assembly.store.backfill(own, asked)
            if state is not None:
                _say(_goes_on(state))
            state = state or assembly.store.begin_backfill(own, asked, now, begins=begins, ends=ends)
            done = _run(assembly, flow, state)
            if done.finished:
                counts = {name: str(done.counts.get(name, 0)) for name in ("read", "repeated", "done", "parked")}
                assembly.store.end_backfill(own, asked, assembly.clock.now(), by=by(), **counts)
    return _shown(done, config.flows[flow])


def window(begin: str, end: str, now: datetime) -> tuple[datetime | None, datetime]:
    """The instants that were written; None: the beginning. UsageError says what is wrong."""
    from connector.config.values import start

    times = []
    for option, value in (("--from", begin), ("--to", end)):
        try:
            times.append(start(value).resolve(now))
        except ValueError as error:
            raise click.UsageError(f"{option}: {error}".replace("not a start", f"{value!r} is no time")) from None
    begins, ends = times
    if ends is None or (begins is not None and begins >= ends):
        raise click.UsageError(f"--from {begin} --to {end}: the window ends before it begins")
    return begins, ends


def _run(assembly: Assembly, name: str, state: Backfill) -> Backfilled:
    """Step by step, waiting where it must."""
    from connector.engine.backfill import Backfilling

    with _watched(name) as watch:
        one = Backfilling(assembly.engine, name, state, watch)
        said: Wait | None = None
        for wait in one.steps():
            if wait is None or wait.until is None:
                assembly.stop.wait(_BUSY if wait else 0)
                continue
            if said is None or wait.why != said.why:
                _say(_why(wait, assembly.config.flows[name]))
            said = wait
            assembly.stop.wait(max(_BUSY, (wait.until - assembly.clock.now()).total_seconds()))
    return one.report()


def _why(wait: Wait, flow: Flow) -> str:
    if wait.why == "brake":
        return f"{flow.name}: the brake holds ({flow.brake} new objects an hour); goes on at {text(wait.until)} and after that"
    told = f"{type(wait.problem).__name__}: {wait.problem}" if wait.problem else "its systems are left alone"
    return f"{flow.name}: {told}; tries again at {text(wait.until)}"


def _goes_on(state: Backfill) -> str:
    begins = text(state.begins) if state.begins else "the beginning"
    return (
        f"goes on where it stopped: {state.asked}, asked for at {text(state.since)} "
        f"(from {begins} to {text(state.ends)}), {plural(state.read, 'record')} read so far"
    )


def _look(assembly: Assembly, flow: str, begins: datetime | None, ends: datetime) -> int:
    from connector.cli.sync import exit_code, show_dry_run
    from connector.engine.backfill import look

    with _watched(flow) as watch:
        dry = look(assembly.engine, flow, begins, ends, watch)
    show_dry_run(dry)
    return exit_code([dry.problem], parked=0) or int(assembly.stop.is_set())


def _shown(done: Backfilled, flow: Flow) -> int:
    from connector.cli.sync import exit_code, show_problem

    counts, calls = done.counts, sum(done.calls.values())
    told = ", ".join(f"{counts.get(name, 0):,} {name}" for name in ("read", "repeated", "done", "filtered", "parked"))
    click.echo(f"{done.flow}: {told}; {plural(calls, 'call')}")
    if done.finished and not counts.get("changed"):
        click.echo("nothing to do: all of it was known already")
    routes = sorted(done.routes.items(), key=lambda each: -each[1])
    for line in table(["route", "delivered"], [(name or "(none)", count) for name, count in routes]) if routes else ():
        click.echo(line)
    if done.waiting:
        click.echo(f"{plural(done.waiting, 'record')} of the flow wait; what for: connector status")
    if counts.get("parked"):
        click.echo("look further: connector parked list")
    show_problem(done.flow, done.problem)
    if not done.finished:
        _say("stopped before the end; the same command goes on from here")
    return exit_code([done.problem], parked=counts.get("parked", 0)) or int(not done.finished)


@contextmanager
def _watched(flow: str) -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal, else a line every few seconds."""
    from connector.cli.sync import progress_bar

    if sys.stderr.isatty():
        with progress_bar(True) as watch:
            yield watch(flow)
        return
    lock, last = threading.Lock(), [time.monotonic()]

    def tell(progress: Progress) -> None:
        with lock:
            if time.monotonic() - last[0] < _EVERY:
                return
            last[0] = time.monotonic()
        total = f" of {progress.total:,}" if progress.total else ""
        _say(f"{flow}: {progress.read:,}{total} read, {progress.delivered:,} delivered, {progress.parked:,} parked")

    yield tell


def _say(line: str) -> None:
    click.echo(line, err=True)
