"""Causes: what is parked or dropped, gathered by reason, and which records the options of a command mean."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as made
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

import click

if TYPE_CHECKING:
    from connector.config import Config
    from connector.model import Row, RowState

MOST = 1_000_000


@dataclass(slots=True)
class Cause:
    """Rows of one flow that parked for the same reason. `name` is short, stable, and made of the cause itself."""

    flow: str
    reason: str
    field: str
    remedy: str
    keys: list[str] = made(default_factory=list)
    count: int = 0
    oldest: datetime | None = None

    @property
    def name(self) -> str:
        told = "\0".join((self.flow, self.reason, self.field))
        return hashlib.blake2b(told.encode(), digest_size=3).hexdigest()


class Chosen(TypedDict):
    """Which rows a command is about, as the store's verbs take it."""

    flow: str | None
    key: str | None
    reason: str | None
    field: str | None


def chosen(config: Config, flow: str | None, cause: str | None, key: str | None, state: RowState) -> Chosen:
    """What the options say. UsageError when there is no such flow or cause."""
    if not cause:
        return Chosen(flow=flow_id(config, flow), key=key, reason=None, field=None)
    known = {each.name: each for each in causes(config, flow, state)}
    if cause not in known:
        shows = "connector parked list" + " --dropped" * (state == "dropped")
        raise click.UsageError(f"no cause {cause!r}; `{shows}` shows them")
    return Chosen(flow=known[cause].flow, key=key, reason=known[cause].reason, field=known[cause].field)


def causes(config: Config, flow: str | None, state: RowState = "parked") -> list[Cause]:
    """What is parked (or dropped), by cause, the most frequent first."""
    from connector.cli.status import ledger

    with ledger(config) as store:
        found = _causes(store.rows(flow=flow_id(config, flow), state=state, limit=MOST))
    return sorted(found.values(), key=lambda cause: -cause.count)


def _causes(rows: Iterable[Row]) -> Mapping[tuple[str, str, str], Cause]:
    found: dict[tuple[str, str, str], Cause] = {}
    for row in rows:
        cause = found.setdefault((row.flow, row.reason, row.field), Cause(row.flow, row.reason, row.field, row.remedy))
        cause.count += 1
        if len(cause.keys) < 3:
            cause.keys.append(row.key)
        cause.oldest = min(cause.oldest or row.last_seen, row.last_seen)
    return found


def flow_id(config: Config, flow: str | None) -> str | None:
    if flow is None:
        return None
    from connector.cli.sync import chosen_flows

    chosen_flows(config.flows, [flow])
    return config.flows[flow].id
