"""Causes: what is parked or dropped, gathered by reason, and which records the options of a command mean."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

import click

if TYPE_CHECKING:
    from connector.config import Config
    from connector.store import Cause

MOST = 1_000_000


class Chosen(TypedDict):
    """Which rows a command is about, as the store's verbs take it."""

    flow: str | None
    key: str | None
    reason: str | None
    field: str | None


def chosen(
    config: Config, flow: str | None, cause: str | None, key: str | None, state: Literal["parked", "dropped"]
) -> Chosen:
    """What the options say. UsageError when there is no such flow or cause."""
    if not cause:
        return Chosen(flow=flow_id(config, flow), key=key, reason=None, field=None)
    known = {named(each): each for each in causes(config, flow, state)}
    if cause not in known:
        shows = "connector parked list" + " --dropped" * (state == "dropped")
        raise click.UsageError(f"no cause {cause!r}; `{shows}` shows them")
    return Chosen(flow=known[cause].flow, key=key, reason=known[cause].reason, field=known[cause].field)


def causes(config: Config, flow: str | None, state: Literal["parked", "dropped"] = "parked") -> Sequence[Cause]:
    """What is parked (or dropped), by cause, the most frequent first."""
    from connector.cli.status import ledger

    with ledger(config) as store:
        return store.causes(state, flow=flow_id(config, flow))


def named(cause: Cause) -> str:
    """Its name on the command line: short, stable, and made of the cause itself."""
    told = "\0".join((cause.flow, cause.reason, cause.field))
    return hashlib.blake2b(told.encode(), digest_size=3).hexdigest()


def flow_id(config: Config, flow: str | None) -> str | None:
    if flow is None:
        return None
    from connector.cli.sync import chosen_flows

    chosen_flows(config.flows, [flow])
    return config.flows[flow].id
