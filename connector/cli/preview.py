"""`connector preview`: one record → its writes, beside what the remote objects hold now. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connector.cli.root import Session, with_config
from connector.visible import visible

if TYPE_CHECKING:
    from connector.engine.report import Preview
    from connector.model import Record


@click.command()
@click.argument("flow")
@click.option("--key", "keys", multiple=True, help="Read this record from the source (may be repeated).")
@click.option(
    "--input", "file", metavar="FILE", help="A JSON file with one record or a list: {key, fields, stamp, site}."
)
@with_config
def command(session: Session, flow: str, keys: tuple[str, ...], file: str | None) -> int:
    """Show what a record would become: every write, field by field, against the live object. Nothing is sent or stored.

    \b
    Example:
      connector preview orders-to-cases --key 00001301
      connector preview orders-to-cases --input order.json
    """
    if bool(keys) == bool(file):
        raise click.UsageError("give --key or --input")
    records = read_records(file) if file else []
    config = session.load()
    from connector.cli.explain import rule
    from connector.cli.sync import chosen_flows
    from connector.runner.assembly import assembled

    chosen_flows(config.flows, [flow])
    with assembled(config, tell=session.tell(config, level="warning")) as assembly:
        missing: list[str] = []
        if keys:
            place = assembly.engine.places.source(config.flows[flow])
            select = assembly.engine.selection(config.flows[flow])
            found = place.adapter.fetch(place.name, keys, select=select)
            records = [found[key] for key in keys if key in found]
            missing = [key for key in keys if key not in found]
        for preview in assembly.engine.preview(flow, records):
            _show(preview)
            if preview.outcome == "filtered" and preview.reason == "when":
                click.echo(f"  the rule stands at {rule(config.flows[flow])}")
    for key in missing:
        what = f"{'.'.join(config.flows[flow].source)} has no such record"
        if config.flows[flow].by_state:
            what += ", or what `where` says is not so of it now"
        click.echo(f"{key}: {what}", err=True)
    return 1 if missing else 0


def read_records(file: str) -> list[Record]:
    """Records of a JSON file; UsageError names what is wrong with it."""
    import orjson

    try:
        data = orjson.loads(Path(file).read_bytes())
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise click.UsageError(f"{file}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    return [_record(file, each) for each in (data if isinstance(data, list) else [data])]


def _record(file: str, data: Any) -> Record:
    from connector import stamps
    from connector.model import Record

    expected = 'expected {"key": "00001301", "fields": {…}}, and stamp and site where wanted'
    if (
        not isinstance(data, Mapping)
        or not isinstance(data.get("key"), str)
        or not isinstance(data.get("fields"), dict)
    ):
        raise click.UsageError(f"{file}: {expected}")
    if unknown := data.keys() - {"key", "fields", "stamp", "site", "our_key", "claimed_by"}:
        raise click.UsageError(f"{file}: unknown key {sorted(unknown)[0]!r}; {expected}")
    try:
        stamp = stamps.normal(data.get("stamp"))
    except (ValueError, AttributeError) as error:
        raise click.UsageError(f"{file}: stamp: {error}") from error
    return Record(**{**data, "stamp": stamp})


def _show(preview: Preview) -> None:
    route = f"  route {preview.route}" if preview.route else ""
    click.echo(visible(f"{preview.key}  {preview.outcome}{route}"))
    if preview.reason:
        click.echo(f"  {'filtered by ' if preview.outcome == 'filtered' else ''}{preview.reason}")
    if preview.remedy:
        click.echo(f"  to do: {preview.remedy}")
    for write in preview.writes:
        target = f" {write.target}" if write.target else ""
        click.echo(visible(f"  {write.op} {write.stream}{target}  ({write.line}, key {write.key})"))
        if write.note:
            click.echo(f"    {write.note}")
        _show_changes(write.changes)


def _show_changes(changes: Sequence[Any]) -> None:
    width = max((len(change.field) for change in changes), default=0)
    for change in changes:
        live = "" if change.live is None else f"{shown(change.live)}  →  "
        click.echo(f"    {change.field.ljust(width)}  {live}{shown(change.wanted)}")


def shown(value: Any) -> str:
    """A value for people: numbers as they stand, texts in quotes."""
    from decimal import Decimal

    from connector.model import Ref

    if isinstance(value, Ref):
        return f"{value.kind} {value.name}"
    if isinstance(value, Decimal):
        return str(value)
    return "(cleared)" if value is None else repr(value)
