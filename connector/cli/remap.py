"""`connector remap`: records settled under an older version of a mapping, looked at or put back on their way."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from connector.cli.root import Session, by, with_config
from connector.cli.table import plural, table

if TYPE_CHECKING:
    from connector.config import Config
    from connector.engine.remap import Choice
    from connector.engine.report import Remapped
    from connector.flow import Flow

_TOLD = {
    "unchanged": "as it was sent",
    "changed": "other values would go",
    "entered": "left out before, would be written",
    "still out": "left out before and now",
    "left out": "left out now; what was made stays",
    "parked": "would park",
    "waiting": "would wait for a lookup",
    "gone": "it, or what it answers, is no longer there; stays as it is",
}


@click.command()
@click.argument("flows", nargs=-1, metavar="[FLOW…]")
@click.option("--dry-run", is_flag=True, help="Say what would become of them; send and store nothing.")
@click.option(
    "--filtered/--all",
    "filtered",
    default=False,
    help="Only what was left out, or also what was delivered (the default).",
)
@click.option("--key", metavar="KEY", help="Only this record.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many records of each flow, the oldest first.")
@with_config
def command(
    session: Session, flows: tuple[str, ...], dry_run: bool, filtered: bool, key: str | None, limit: int | None
) -> int:
    """Put records that were settled under an older version of their flow's mapping back on their way, of every enabled flow or
    of those named. The next pass maps them anew and sends only what differs; new objects are bounded by the brake.

    What is pending, foreign or given up is not touched. What is parked is mapped anew by `connector parked retry`.

    \b
    Example:
      connector remap --dry-run
      connector remap orders-to-cases --filtered --limit 100
    """
    config = session.load()
    from connector.cli.sync import chosen_flows
    from connector.engine.remap import Choice

    chosen = chosen_flows(config.flows, flows)
    choice = Choice(filtered=filtered, key=key, limit=limit)
    if dry_run:
        return _look(session, config, chosen, choice)
    _put_back(config, [config.flows[name] for name in chosen], choice)
    return 0


def _put_back(config: Config, flows: Sequence[Flow], choice: Choice) -> None:
    from connector.cli.status import ledger
    from connector.cli.sync import progress_bar
    from connector.engine.remap import put_back

    total = 0
    with progress_bar(sys.stderr.isatty(), word="put back") as watch, ledger(config) as store:
        for flow in flows:
            now = datetime.now(UTC)
            rows = put_back(store, flow, choice, now, watch(flow.name))
            if rows:
                which = {"key": choice.key or "", "filtered": str(choice.filtered).lower(), "rows": str(rows)}
                store.audit("remap", now, by=by(), flow=flow.id, mapping=flow.mapping.version, **which)
            click.echo(f"{flow.name}: {plural(rows, 'record')} put back" if rows else _nothing(flow))
            total += rows
    if total:
        click.echo(
            "the next pass maps them anew, with the mapping that it has read: start a daemon again that ran before the change, "
            "and remap once more"
        )


def _nothing(flow: Flow) -> str:
    return f"{flow.name}: nothing was settled under another version of its mapping"


def _look(session: Session, config: Config, flows: Sequence[str], choice: Choice) -> int:
    from connector.cli.sync import exit_code, progress_bar, show_problem, stopped_by_signals
    from connector.runner.assembly import assembled

    found = []
    with (
        progress_bar(sys.stderr.isatty(), word="looked at") as watch,
        assembled(config, tell=session.tell(config, level="warning")) as assembly,
        stopped_by_signals(assembly.stop),
    ):
        for name in flows:
            if not assembly.stop.is_set():
                found.append(assembly.engine.remapping(name).run(choice, watch(name)))
        interrupted = assembly.stop.is_set()
    for each in found:
        for line in _shown(each, config.flows[each.flow]):
            click.echo(line)
        show_problem(each.flow, each.problem)
    if interrupted:
        click.echo("stopped before the end: the counts are of what was looked at", err=True)
    return exit_code([each.problem for each in found], parked=0) or int(interrupted)


def _shown(each: Remapped, flow: Flow) -> Iterator[str]:
    if not each.rows:
        yield _nothing(flow)
        return
    yield f"{each.flow}: {plural(each.rows, 'record')} settled under another version of its mapping; nothing sent, nothing stored"
    outcomes = [
        (_TOLD[name], each.outcomes[name], ", ".join(each.keys[name])) for name in _TOLD if each.outcomes.get(name)
    ]
    yield from table(["outcome", "records", "for example"], outcomes, indent="  ")
    if each.fields:
        fields = [(_write(flow, *what), rows) for what, rows in sorted(each.fields.items(), key=lambda one: -one[1])]
        yield from table(["what would go", "records"], fields, indent="  ")
    for title, counts in (("route", each.routes), ("reason", each.reasons)):
        if any(counts):
            rows = [(name or "(none)", count) for name, count in sorted(counts.items(), key=lambda one: -one[1])]
            yield from table([title, "records"], rows, indent="  ")


def _write(flow: Flow, line: str, stream: str, op: str, field: str) -> str:
    """One kind of write, with what may still hold it back."""
    if not field:
        return f"{op} {stream} ({line})"
    policies = next((spec.policies for spec in flow.mapping.lines if spec.id == line), {})
    unless = ", unless somebody has taken it" if policies.get(field) == "until-claimed" else ""
    return f"{op} {stream} ({line}): {field}{unless}"
