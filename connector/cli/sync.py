"""`connector sync`: one pass, watched by a person."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from connector.cli.root import Session, with_config
from connector.cli.streams import drawn_on
from connector.cli.table import table

if TYPE_CHECKING:
    from connector.engine.report import DryRun, PassReport, Progress
    from connector.errors import RemoteError
    from connector.flow import Flow
    from connector.runner.assembly import Assembly

_PATIENCE = 3.0
"""Seconds to wait for a flow that another process has: a backfill lets go of it after each page."""
Watch = Callable[[str], "Callable[[Progress], None]"]


@click.command()
@click.argument("flows", nargs=-1, metavar="[FLOW…]")
@click.option("--dry-run", is_flag=True, help="Read and map real data and count by route; send and store nothing.")
@with_config
def command(session: Session, flows: tuple[str, ...], dry_run: bool) -> int:
    """Make one pass of every enabled flow, or of those named, in the order of the configuration.

    Exits with 1 when something was parked, or a flow is paused or held by another process, with 3 when a remote system
    could not be reached or refused the credentials.

    \b
    Example:
      connector sync orders-to-cases
      connector sync --dry-run
    """
    config = session.load()
    chosen = chosen_flows(config.flows, flows)
    from connector.runner.assembly import assembled, refuse_lost_flows

    busy: list[str] = []
    with progress_bar(sys.stderr.isatty()) as watch:
        tell = session.tell(config, level="warning")
        with assembled(config, tell=tell) as assembly, stopped_by_signals(assembly.stop):
            refuse_lost_flows(assembly)
            if dry_run:
                counts = [assembly.engine.dry_run(flow, progress=watch(flow)) for flow in chosen]
            else:
                reports = list(_passes(assembly, chosen, watch, busy))
            interrupted = assembly.stop.is_set()
    if dry_run:
        for each in counts:
            show_dry_run(each)
        return exit_code([each.problem for each in counts], parked=0)
    _show_reports(reports)
    code = exit_code([report.problem for report in reports], parked=sum(report.parked for report in reports))
    for flow in busy:
        click.echo(
            f"{flow}: another process is at work on it right now; a daemon does the same as this command", err=True
        )
        code = code or 1
    if interrupted:
        click.echo("stopped before the end; the next pass goes on from here", err=True)
        return code or 1
    return code


def chosen_flows(flows: Mapping[str, Flow], names: Sequence[str]) -> list[str]:
    """The flows of the command line, or all that are enabled."""
    from connector.document import did_you_mean

    for name in names:
        if name not in flows:
            raise click.UsageError(f"no flow {name!r}; {did_you_mean(name, flows)}")
    return list(names) or [name for name, flow in flows.items() if flow.enabled]


def exit_code(problems: Sequence[RemoteError | None], *, parked: int) -> int:
    """3 before 1 before 0."""
    from connector.errors import ConnectionFault

    if any(isinstance(problem, ConnectionFault) for problem in problems):
        return 3
    return 1 if parked or any(problems) else 0


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM let the pass end after the calls that are under way; the second one ends it at once."""

    def ask(number: int, frame: object) -> None:
        # From a thread of its own: Event.set takes a lock that the interrupted code may hold.
        threading.Thread(target=stop.set).start()
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        click.echo("finishing what is under way; once more ends it at once", err=True)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress_bar(shown: bool, *, word: str = "delivered") -> Iterator[Watch]:
    """A bar per flow on a terminal, nothing otherwise. `word`: what was done with those that it counts."""
    if not shown:
        yield lambda flow: lambda progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(file=drawn_on(sys.stderr))) as bars:

        def watch(flow: str) -> Callable[..., None]:
            bar = bars.add_task(flow, total=None, told="")

            def move(progress: Progress) -> None:
                told = f"{progress.delivered:,} {word}" + (f", {progress.parked:,} parked" if progress.parked else "")
                bars.update(bar, completed=progress.read, total=progress.total, told=told)

            return move

        yield watch
        for bar in bars.tasks:  # where the source did not say how many there are, it knows now
            bars.update(bar.id, total=bar.completed)


def _passes(assembly: Assembly, flows: Sequence[str], watch: Watch, busy: list[str]) -> Iterator[PassReport]:
    from connector.errors import Busy
    from connector.runner.turns import Turns

    turns = Turns(assembly.engine, assembly.store, assembly.config.flows, assembly.stop, patience=_PATIENCE)
    for flow in flows:
        if assembly.stop.is_set():
            return
        try:
            yield turns.run_pass(flow, progress=watch(flow))
        except Busy:
            busy.append(flow)


def _show_reports(reports: Sequence[PassReport]) -> None:
    head = ["flow", "read", "new", "done", "filtered", "parked", "waiting", "created", "updated", "appended", "calls"]
    rows = [
        [
            report.flow,
            report.read,
            report.changed,
            report.done,
            report.filtered,
            report.parked,
            report.waiting,
            report.created,
            report.updated,
            report.appended,
            sum(report.calls.values()),
        ]
        for report in reports
    ]
    for line in table(head, rows) if rows else ():
        click.echo(line)
    for report in reports:
        show_problem(report.flow, report.problem)
    if any(report.parked for report in reports):
        click.echo("look further: connector parked list")
    if any(report.waiting for report in reports):
        click.echo("what they wait for: connector status")


def show_dry_run(dry: DryRun) -> None:
    """Counts by outcome, route and reason."""
    click.echo(f"{dry.flow}: {dry.read:,} read, nothing sent, nothing stored")
    for title, counts in (("outcome", dry.outcomes), ("route", dry.routes), ("reason", dry.reasons)):
        if counts:
            ordered = sorted(counts.items(), key=lambda each: -each[1])
            for line in table([title, "records"], [(name or "(none)", count) for name, count in ordered], indent="  "):
                click.echo(line)
    show_problem(dry.flow, dry.problem)


def show_problem(flow: str, problem: RemoteError | None) -> None:
    """What stopped a flow, on standard error; nothing if nothing did."""
    if problem is None:
        return
    click.echo(f"{flow}: {type(problem).__name__}: {problem}", err=True)
    if problem.remedy:
        click.echo(f"  {problem.remedy}", err=True)
