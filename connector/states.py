"""What is so of a record: the words of `where:` in flows by state, and what is told of who has it since when. Pure.

A *stay* is a record's time with one owner (`connector.model.Stay`): in a queue, or claimed by a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connector.model import Stay
from connector.stamps import stamp

YES_OR_NO = ("open", "claimed")
LONGER_THAN = {
    "waiting_longer_than": "queued_since",
    "claimed_longer_than": "claimed_since",
    "idle_longer_than": "active_since",
}
"""Words that take a duration, and the fact that it is counted from."""
WORDS = (*YES_OR_NO, *LONGER_THAN)
FACTS = ("queued_in", "queued_since", "claimed_by", "claimed_since", "claimed_from", "active_since")
"""Names under which a mapping reads who has a record since when."""
NOW = "now"
"""The name under which the instant of the poll is stored with a record that a flow by state found."""


def facts(stays: Sequence[Stay], active: str | None = None) -> dict[str, str | None]:
    """What a mapping reads of these stays, the oldest first. What is not so is null.

    `queued_since` is when the record last came into a queue from a person, or by a person's hand from another queue: where we
    moved it from queue to queue ourselves, it goes on waiting. `active_since`: the last that somebody other than we did.
    """
    known: dict[str, str | None] = dict.fromkeys(FACTS)
    if not stays:
        return known
    now = stays[-1]
    if not now.person:
        known["queued_in"], known["queued_since"] = now.name, _waiting_since(stays)
        return known
    first = _claim(stays)
    known["claimed_by"], known["claimed_since"] = now.name, stays[first].since
    known["claimed_from"] = next((stay.name for stay in reversed(stays[:first]) if not stay.person), None)
    known["active_since"] = max(filter(None, (active, stays[first].since)))
    return known


def _waiting_since(stays: Sequence[Stay]) -> str:
    at = len(stays) - 1
    while at > 0 and not stays[at - 1].person and (stays[at].ours or stays[at].owner == stays[at - 1].owner):
        at -= 1
    return stays[at].since


def _claim(stays: Sequence[Stay]) -> int:
    """Where the claim of the present owner begins."""
    at = len(stays) - 1
    while at > 0 and stays[at - 1].owner == stays[at].owner:
        at -= 1
    return at


def so(where: Mapping[str, Any], stays: Sequence[Stay], fields: Mapping[str, Any], now: datetime) -> bool:
    """Whether all of `where` is so. Durations are seconds; `fields` hold the facts; any other word is a field that has this
    value, or one of a list."""
    return all(_holds(word, wanted, stays, fields, now) for word, wanted in where.items())


def _holds(word: str, wanted: Any, stays: Sequence[Stay], fields: Mapping[str, Any], now: datetime) -> bool:
    match word:
        case "open":
            return bool(stays) and (stays[-1].until is None) is wanted
        case "claimed":
            return bool(stays) and stays[-1].person is wanted
        case _ if word in LONGER_THAN:
            since = fields.get(LONGER_THAN[word])
            return since is not None and since <= stamp(now - timedelta(seconds=wanted))
    held = fields.get(word)
    return held in wanted if isinstance(wanted, list | tuple) else bool(held == wanted)


def by_difference(known: Sequence[Stay], now: Stay) -> list[Stay]:
    """The stays of a record whose system keeps no history, after it was seen with this owner."""
    if not known:
        return [now]
    *before, last = known
    if last.owner == now.owner:
        return [*before, _until(last, now.until)]
    return [*before, _until(last, max(last.since, now.since)), now]


def ended(stays: Sequence[Stay], at: str) -> list[Stay]:
    """The same, the last one over at this time."""
    return [*stays[:-1], *(_until(stay, max(stay.since, stay.until or at)) for stay in stays[-1:])]


def _until(stay: Stay, until: str | None) -> Stay:
    return Stay(stay.owner, stay.name, stay.person, stay.since, until, stay.ours)


def row_key(key: str, once: str) -> str:
    """Key of the row that stands for one evaluation of a record: it begins with the record's own, and each value of `once_per`
    gives another."""
    own = key.replace("%", "%25").replace(":", "%3A")
    rest = "" if once == key else once.removeprefix(f"{key}:")
    return f"{own}:{rest}" if rest else own


def record_key(row: str) -> str:
    """The record's own key of such a row."""
    return row.partition(":")[0].replace("%3A", ":").replace("%25", "%")
