"""`connector parked`: what waits for a person, by cause; back on its way, made anew, or given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Literal

import click

from connector.cli.causes import MOST, Chosen, causes, chosen, named
from connector.cli.root import Session, by, with_config
from connector.cli.table import plural, text
from connector.visible import visible

if TYPE_CHECKING:
    from connector.config import Config
    from connector.model import Row
    from connector.store import Cause, Store

_SHOWN = 20
"""Records that a dry run names."""
_MAPPED = 1000
"""Records that a dry run maps."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List, show, retry and drop what waits for a person.

    \b
    Example:
      connector parked list
    """


@command.command("list")
@click.option("--flow", metavar="FLOW", help="Only this flow.")
@click.option("--dropped", is_flag=True, help="What was dropped, by the reasons that were given.")
@with_config
def list_parked(session: Session, flow: str | None, dropped: bool) -> int:
    """One line for each cause, however many records it stopped.

    \b
    Example:
      connector parked list
    """
    config = session.load()
    found = causes(config, flow, "dropped" if dropped else "parked")
    if not found:
        click.echo(f"nothing is {'dropped' if dropped else 'parked'}")
    for cause in found:
        where = f" (field {cause.field})" if cause.field else ""
        shown = ", ".join(cause.keys) + (", …" if cause.rows > len(cause.keys) else "")
        click.echo(
            f"{named(cause)}  {_named(config, cause.flow)}: {plural(cause.rows, 'record')}: {visible(cause.reason)}{where}"
        )
        newest = f", newest {text(cause.newest)}" if cause.newest and cause.newest != cause.oldest else ""
        click.echo(f"        {visible(shown)}; oldest {text(cause.oldest)}{newest}")
        if not dropped:
            remedy = cause.remedy or "change what the reason names, in the record or the mapping"
            click.echo(f"        to do: {visible(remedy)}")
    if found:
        click.echo(f"then: connector parked retry --cause NAME{' --dropped' if dropped else ''}")
    return 0


@command.command("show", short_help="Everything about one cause, or one record.")
@click.argument("name", metavar="CAUSE|KEY")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most so many records."
)
@with_config
def show(session: Session, name: str, limit: int) -> int:
    """Everything about the parked records of one cause, or about one parked record.

    \b
    Example:
      connector parked show 00001301
    """
    config = session.load()
    from connector.cli.explain import explained
    from connector.cli.status import ledger

    with ledger(config) as store:
        cause = {named(each): each for each in store.causes("parked")}.get(name)
        rows = list(store.rows(state="parked", key=name) if cause is None else store.rows(cause=cause, limit=limit))
    for row in rows[:limit]:
        for line in explained(row, config):
            click.echo(visible(line))
    count = len(rows) if cause is None else cause.rows
    if count > limit:
        click.echo(f"… and {count - limit:,} more: --limit")
    if not rows:
        click.echo(
            f"{name}: neither a cause of `connector parked list` nor the key of a parked record; "
            f"`connector explain {name}` also tells of what was read back",
            err=True,
        )
    return 0 if rows else 1


def chosen_by(function: Callable[..., int]) -> Callable[..., int]:
    """Options that say which records are meant."""
    for option in reversed(
        (
            click.option("--flow", metavar="FLOW", help="Only this flow."),
            click.option("--cause", metavar="NAME", help="The cause, as `parked list` names it."),
            click.option("--key", metavar="KEY", help="One record."),
            click.option("--dry-run", is_flag=True, help="Say which records are meant, and change nothing."),
        )
    ):
        function = option(function)
    return function


@command.command("retry", short_help="Put parked or dropped records back on their way.")
@chosen_by
@click.option("--all", "everything", is_flag=True, help="Whatever is parked.")
@click.option("--recreate", is_flag=True, help="Of these, records whose object a person deleted: make a new one.")
@click.option("--dropped", is_flag=True, help="Take back what was dropped.")
@with_config
def retry(
    session: Session,
    flow: str | None,
    cause: str | None,
    key: str | None,
    dry_run: bool,
    everything: bool,
    recreate: bool,
    dropped: bool,
) -> int:
    """Put parked records back on their way: the next pass maps them again, with the mapping as it is then.

    A record whose case was deleted or merged parks again. With --recreate the deleted case is forgotten, and the next pass
    makes a new one under the same key, with what belongs to it (its comments); what was written elsewhere stays.

    With --dry-run the stored records are mapped with the mapping of today, and what would become of them is counted.

    \b
    Example:
      connector parked retry --key 00001301
      connector parked retry --all
    """
    if recreate and (everything or dropped):
        raise click.UsageError(
            "--recreate makes new objects: name the records by --cause NAME, --key KEY or --flow FLOW"
        )
    if not (flow or cause or key or everything):
        raise click.UsageError("say which: --cause NAME, --key KEY, --flow FLOW or --all")
    config = session.load()
    state: Literal["parked", "dropped"] = "dropped" if dropped else "parked"
    which = chosen(config, flow, cause, key, state)
    from connector.cli.status import ledger

    now = datetime.now(UTC)
    anew = ", each with a new object in place of the one that was deleted" if recreate else ""
    with ledger(config) as store:
        if dry_run:
            code = _dry(store, which, state, f"would be tried again{anew}", gone=recreate)
            for line in _foreseen(store, which, state, config, gone=recreate):
                click.echo(line)
            return code
        count = store.replay(now, dropped=dropped, recreate=recreate, **which)
        what = "parked retry" + " --recreate" * recreate + " --dropped" * dropped
        store.audit(what, now, by=by(), **_told(which), rows=str(count))
    if not count:
        return _nothing(state, gone=recreate)
    click.echo(f"{plural(count, 'record')} will be tried again in the next pass{anew}")
    return 0


@command.command("drop", short_help="Give parked records up, with a reason.")
@chosen_by
@click.option("--reason", "why", metavar="TEXT", required=True, help="Why they are given up; `explain` shows it.")
@with_config
def drop(session: Session, flow: str | None, cause: str | None, key: str | None, dry_run: bool, why: str) -> int:
    """Give parked records up: they are not delivered again, whatever new versions come.

    What they have written so far stays, also what they would have put back at their end (`undo`; the command names it).
    `connector parked retry --dropped` takes them back.

    \b
    Example:
      connector parked drop --key 00001301 --reason "settled by phone" --dry-run
      connector parked drop --key 00001301 --reason "settled by phone"
    """
    if not (flow or cause or key):
        raise click.UsageError("say which: --cause NAME, --key KEY or --flow FLOW")
    if not why.strip():
        raise click.UsageError("--reason must say something: it is all that whoever asks later will find")
    config = session.load()
    which = chosen(config, flow, cause, key, "parked")
    from connector.cli.explain import not_put_back
    from connector.cli.status import ledger

    with ledger(config) as store:
        rows, _ = _meant(store, which, "parked", gone=False, shown=_MAPPED)
        left = list(not_put_back(store, rows))
        if dry_run:
            code = _dry(store, which, "parked", "would be dropped")
            click.echo("\n".join(map(visible, left)), nl=bool(left))
            return code
        count = store.drop(datetime.now(UTC), why=why.strip(), by=by(), **which)
    if not count:
        return _nothing("parked")
    click.echo(f"{plural(count, 'record')} dropped; to take them back: connector parked retry --dropped")
    click.echo("\n".join(map(visible, left)), nl=bool(left))
    return 0


def _told(which: Chosen) -> dict[str, str]:
    return {name: str(value or "") for name, value in which.items()}


def _dry(store: Store, which: Chosen, state: Literal["parked", "dropped"], what: str, *, gone: bool = False) -> int:
    """What a command would have done."""
    rows, count = _meant(store, which, state, gone=gone)
    for row in rows:
        click.echo(visible(f"{row.key}: {row.reason}"))
    if count > len(rows):
        click.echo(f"… and {count - len(rows):,} more")
    if not rows:
        return _nothing(state, gone=gone)
    click.echo(f"{plural(count, 'record')} {what}; nothing was changed")
    return 0


def _foreseen(
    store: Store, which: Chosen, state: Literal["parked", "dropped"], config: Config, *, gone: bool
) -> Iterator[str]:
    """What the mappings of today make of these records, from what is stored; whether a remote system takes it, only sending
    shows."""
    from connector.cli.values import foreseen

    rows, count = _meant(store, which, state, gone=gone, shown=_MAPPED)
    some = f" of the first {len(rows):,}" if count > len(rows) else ""
    for outcome, number in foreseen(store, rows, config).most_common(_SHOWN):
        yield f"  {number:,}{some}: {outcome}"


def _meant(
    store: Store, which: Chosen, state: Literal["parked", "dropped"], *, gone: bool, shown: int = _SHOWN
) -> tuple[Sequence[Row], int]:
    """Some of the rows that the options mean, and how many there are: by cause, so that not every row must be read."""

    def so(each: Row | Cause) -> bool:
        return which["reason"] in (None, each.reason) and which["field"] in (None, each.field)

    if gone or which["key"] is not None:
        found = store.rows(flow=which["flow"], state=state, key=which["key"], limit=MOST)
        rows = [row for row in found if so(row) and (not gone or any(line.gone for line in row.lines))]
        return rows[:shown], len(rows)
    causes = [cause for cause in store.causes(state, flow=which["flow"]) if so(cause)]
    some = chain.from_iterable(store.rows(cause=cause, limit=shown) for cause in causes)
    return list(islice(some, shown)), sum(cause.rows for cause in causes)


def _nothing(state: str, *, gone: bool = False) -> int:
    which = " for an object that a person deleted" if gone else ""
    click.echo(f"nothing that is {state}{which} was chosen: `connector parked list` shows what is", err=True)
    return 1


def _named(config: Config, flow_id: str) -> str:
    return next((name for name, flow in config.flows.items() if flow.id == flow_id), flow_id)
