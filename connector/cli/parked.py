"""`connector parked`: what waits for a person, by cause; and back on its way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from connector.cli.root import Session, with_config
from connector.cli.table import plural, text

if TYPE_CHECKING:
    from connector.config import Config
    from connector.store import Cause


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List, show and retry what waits for a person.

    \b
    Example:
      connector parked list
    """


@command.command("list")
@click.option("--flow", metavar="FLOW", help="Only this flow.")
@with_config
def list_parked(session: Session, flow: str | None) -> int:
    """One line for each cause, however many records it stopped.

    \b
    Example:
      connector parked list
    """
    config = session.load()
    found = causes(config, flow)
    if not found:
        click.echo("nothing is parked")
    for cause in found:
        where = f" (field {cause.field})" if cause.field else ""
        shown = ", ".join(cause.keys) + (", …" if cause.rows > len(cause.keys) else "")
        click.echo(
            f"{named(cause)}  {_named(config, cause.flow)}: {plural(cause.rows, 'record')}: {cause.reason}{where}"
        )
        click.echo(f"        {shown}; oldest {text(cause.oldest)}")
        click.echo(f"        to do: {cause.remedy or 'change what the reason names, in the record or the mapping'}")
    if found:
        click.echo("then: connector parked retry --cause NAME")
    return 0


@command.command("show")
@click.argument("name", metavar="CAUSE|KEY")
@click.option("--limit", default=20, show_default=True, help="Show at most so many records.")
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
            click.echo(line)
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


@command.command("retry")
@click.option("--flow", metavar="FLOW", help="Only this flow.")
@click.option("--cause", metavar="NAME", help="The cause, as `parked list` names it.")
@click.option("--key", metavar="KEY", help="One record.")
@click.option("--all", "everything", is_flag=True, help="Whatever is parked.")
@with_config
def retry(session: Session, flow: str | None, cause: str | None, key: str | None, everything: bool) -> int:
    """Put parked records back on their way: the next pass maps them again, with the mapping as it is then.

    \b
    Example:
      connector parked retry --key 00001301
      connector parked retry --all
    """
    if not (flow or cause or key or everything):
        raise click.UsageError("say which: --cause NAME, --key KEY, --flow FLOW or --all")
    config = session.load()
    chosen, reason = _flow_id(config, flow), None
    if cause:
        known = {named(each): each for each in causes(config, flow)}
        if cause not in known:
            raise click.UsageError(f"no cause {cause!r}; `connector parked list` shows them")
        chosen, reason = known[cause].flow, known[cause].reason
    from connector.cli.status import ledger

    now = datetime.now(UTC)
    with ledger(config) as store:
        count = store.replay(now, flow=chosen, key=key, reason=reason)
        asked = {"flow": chosen or "", "key": key or "", "reason": reason or "", "rows": str(count)}
        store.audit("parked retry", now, by=f"uid {os.getuid()}", **asked)
    if not count:
        click.echo("nothing that is parked was chosen: `connector parked list` shows what is", err=True)
        return 1
    click.echo(f"{plural(count, 'record')} will be tried again in the next pass")
    return 0


def causes(config: Config, flow: str | None) -> Sequence[Cause]:
    """What is parked, by cause, the most frequent first."""
    from connector.cli.status import ledger

    with ledger(config) as store:
        return store.causes("parked", flow=_flow_id(config, flow))


def named(cause: Cause) -> str:
    """Its name on the command line: short, stable, and made of the cause itself."""
    told = "\0".join((cause.flow, cause.reason, cause.field))
    return hashlib.blake2b(told.encode(), digest_size=3).hexdigest()


def _flow_id(config: Config, flow: str | None) -> str | None:
    if flow is None:
        return None
    from connector.cli.sync import chosen_flows

    chosen_flows(config.flows, [flow])
    return config.flows[flow].id


def _named(config: Config, flow_id: str) -> str:
    return next((name for name, flow in config.flows.items() if flow.id == flow_id), flow_id)
