"""`connector reconcile`: both sides compared by key, a repair plan, and queueing it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from connector.cli.root import Session, by, with_config
from connector.cli.table import plural, table

if TYPE_CHECKING:
    from connector.engine.differences import Difference, Reconciled
    from connector.engine.reconcile import Reconciling
    from connector.runner.assembly import Assembly

FEW, SHARE = 20, 0.05
"""More repairs than these, and than this part of what was compared, are a mass: somebody must say yes."""
_KEYS = 3
_TOLD = {
    "missing": ("neither row nor object: never read", "take it in; the next pass makes the object"),
    "unlinked": ("its object stands, no row knows it", "take it in; the next pass links it"),
    "behind": ("a later version was never read", "take it in; the next pass sends what differs"),
    "gone": ("what was made is not there any more", "make it anew: only with --recreate"),
    "elsewhere": ("another object bears the key", "link to that one"),
    "differs": ("a field of the flow's own holds something else", "send it again"),
    "orphan": ("an object bears our key, its record is not at the source", "none: look at both by hand"),
    "twice": ("several objects bear one key", "none: merge them by hand"),
}


@click.command()
@click.argument("flow")
@click.option("--from", "begin", metavar="WHEN", default="7d", show_default=True,
              help="Compare what was changed since: beginning, 7d (before now), or an instant.")  # fmt: skip
@click.option("--apply", "apply", is_flag=True, help="Queue the repairs; the daemon or the next sync sends them.")
@click.option("--limit", type=click.IntRange(min=1), help="Queue at most so many.")
@click.option("--recreate", is_flag=True, help="Also make anew what a person deleted.")
@click.option("--yes", is_flag=True, help="Queue them however many they are.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="json: for machines.")
@with_config
def command(
    session: Session,
    flow: str,
    begin: str,
    apply: bool,
    limit: int | None,
    recreate: bool,
    yes: bool,
    form: Literal["text", "json"],
) -> int:
    """Compare a flow's two sides by key: the records of its source, its rows in the ledger, and the objects that bear its keys.

    Without --apply nothing is changed anywhere. With it, rows are put back on their way; nothing is sent by this command. More
    than 20 repairs that are more than 5 % of what was compared stop and ask. What waits, is parked or was changed a moment ago is
    left alone, and so are fields that people may have moved.

    Exits with 1 when there is something to repair that was not queued (what has no repair does not count), with 3 when a remote
    system could not be reached.

    \b
    Example:
      connector reconcile orders-to-cases
      connector reconcile orders-to-cases --from 30d --apply --limit 20
    """
    from connector.cli.backfill import window
    from connector.cli.sync import chosen_flows, exit_code, progress_bar, show_problem, stopped_by_signals
    from connector.config import SystemClock
    from connector.engine.reconcile import Reconciling
    from connector.runner.assembly import assembled

    begins, _ = window(begin, "now", SystemClock().now())
    config = session.load()
    chosen_flows(config.flows, [flow])
    if config.flows[flow].by_state:
        raise click.UsageError(f"{flow} is a flow by state: it acts once on what is so, and keeps nothing up")
    tell = session.tell(config, level="warning")
    with assembled(config, tell=tell) as assembly, stopped_by_signals(assembly.stop):
        with progress_bar(sys.stderr.isatty(), word="compared") as watch:
            one = Reconciling(assembly.engine, flow, begins, recreate=recreate, progress=watch(flow))
            found = one.run()
        if form == "text":
            for line in _shown(found):
                click.echo(line)
        show_problem(flow, found.problem)
        whole = found.problem is None and not assembly.stop.is_set()
        plan, queued = found.repairs[:limit], 0
        if apply and whole and plan:
            queued = _queue(assembly, one, found, plan, yes=yes)
    if form == "json":
        click.echo(_json(found, queued))
    elif found.repairs and not apply:
        click.echo("nothing was changed; to queue the repairs: --apply")
    if not whole:
        click.echo("not all was compared, so nothing was queued", err=True)
    return exit_code([found.problem], parked=0) or int(not whole or queued < len(found.repairs))


def _queue(assembly: Assembly, one: Reconciling, found: Reconciled, plan: Sequence[Difference], *, yes: bool) -> int:
    """Queue the plan, unless it is a mass that nobody has agreed to; how many of it."""
    mass = len(plan) > FEW and len(plan) > SHARE * found.compared
    if mass and not yes and not _agreed(found, len(plan)):
        return 0
    rows = one.apply(plan)
    kinds = {kind: str(count) for kind, count in Counter(each.kind for each in plan).items()}
    flow = assembly.config.flows[found.flow].id
    assembly.store.audit("reconcile", assembly.clock.now(), by=by(), flow=flow, rows=str(rows), **kinds)
    click.echo(
        f"{plural(rows, 'record')} put back on their way: the daemon or the next sync sends what differs", err=True
    )
    if rows < len(plan):
        click.echo(
            f"{plural(len(plan) - rows, 'record')} had changed since the look and need no repair, or another one",
            err=True,
        )
    return len(plan)


def _agreed(found: Reconciled, count: int) -> bool:
    told = (
        f"{count:,} repairs of {found.compared:,} records compared: is the configuration the right one, and the ledger?"
    )
    if not sys.stdin.isatty():
        click.echo(f"{told} Nothing was queued: add --yes, or --limit {FEW} to begin with a few", err=True)
        return False
    click.echo(told, err=True)
    answer = click.prompt(
        f"To queue them, type the flow's name ({found.flow})", err=True, default="", show_default=False
    )
    if answer != found.flow:
        click.echo("Nothing was queued", err=True)
    return bool(answer == found.flow)


def _shown(found: Reconciled) -> Iterator[str]:
    calls = ", ".join(f"{count} {name}" for name, count in found.calls.items())
    so_far = "" if found.problem is None else "cut off after "
    yield (
        f"{found.flow}: {so_far}{found.records:,} records of the source, {found.rows:,} rows, "
        f"{plural(found.objects, 'object')} with our keys; calls: {calls}"
    )
    yield f"  {found.same:,} the same on both sides"
    for why, count in sorted(found.left.items()):
        if count:
            yield f"  {count:,} not compared: {why}"
    counts = Counter(each.kind for each in found.differences)
    rows = []
    for kind, (what, repair) in _TOLD.items():
        some = [each for each in found.differences if each.kind == kind]
        if some:
            repair = "make it anew" if kind == "gone" and some[0].repair else repair
            examples = "; ".join(each.key + (f" ({each.told})" if each.told else "") for each in some[:_KEYS])
            rows.append((what, counts[some[0].kind], examples, repair))
    yield from table(["difference", "records", "for example", "repair"], rows, indent="  ") if rows else ()


def _json(found: Reconciled, queued: int) -> str:
    import orjson

    document: dict[str, Any] = {
        name: getattr(found, name) for name in ("flow", "records", "rows", "objects", "same", "calls")
    }
    document["not_compared"] = dict(found.left)
    document["differences"] = [
        {"kind": each.kind, "site": each.site, "key": each.key, "told": each.told, "repair": each.repair}
        for each in found.differences
    ]
    document["repairs"], document["queued"] = len(found.repairs), queued
    document["problem"] = str(found.problem) if found.problem else None
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
