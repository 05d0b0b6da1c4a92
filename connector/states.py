"""What is so of a record: the words of `where:` in flows by state, and what is told of who has it since when. Pure.

A *stay* is a record's time with one owner (`connector.model.Stay`): in a queue, or claimed by a person. Two records stand
*beside* one another while they say the same in some field and different people have claimed them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations
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
CLAIMED_BESIDE = "claimed_beside"
"""The word that takes a field, or several: another record says the same there, and another person has claimed that one."""
UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}
LONGEST = 10 * 365 * 86400.0
"""Seconds that a record's own duration counts for at most."""
WORDS = (*YES_OR_NO, *LONGER_THAN, CLAIMED_BESIDE)
FACTS = ("queued_in", "queued_since", "claimed_by", "claimed_since", "claimed_from", "active_since")
"""Names under which a mapping reads who has a record since when."""
BESIDE = "beside"
"""The name under which a mapping reads the other record: its fields, `beside.key`, and `beside.since`."""
NOW = "now"
"""The name under which the instant of the poll is stored with a record that a flow by state found."""


@dataclass(frozen=True, slots=True)
class OwnTime:
    """A duration that each record names itself: a number in one of its fields, of so many seconds each; `otherwise` the seconds
    for records that name none (None: it is never so of these)."""

    field: str
    unit: float
    otherwise: float | None = None

    def of(self, fields: Mapping[str, Any]) -> float | None:
        own = fields.get(self.field)
        if isinstance(own, int | float | Decimal) and not isinstance(own, bool) and own >= 0:
            return min(float(own) * self.unit, LONGEST)
        return self.otherwise


def fields_of(word: str, wanted: Any) -> tuple[str, ...]:
    """The fields that a word of `where` reads beside those that are words themselves."""
    if word == CLAIMED_BESIDE:
        return tuple(wanted)
    if word in LONGER_THAN:
        return (wanted.field,) if isinstance(wanted, OwnTime) else ()
    return () if word in WORDS else (word,)


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


def waits(stays: Sequence[Stay]) -> bool:
    """Whether it is in a queue now."""
    return bool(stays) and stays[-1].until is None and not stays[-1].person


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
    """Whether all of `where` is so. Durations are seconds, or an `OwnTime`; `fields` hold the facts; any other word is a field
    that has this value, or one of a list."""
    return all(_holds(word, wanted, stays, fields, now) for word, wanted in where.items())


def _holds(word: str, wanted: Any, stays: Sequence[Stay], fields: Mapping[str, Any], now: datetime) -> bool:
    match word:
        case "open":
            return bool(stays) and (stays[-1].until is None) is wanted
        case "claimed":
            return bool(stays) and stays[-1].person is wanted
        case _ if word in LONGER_THAN:
            since = fields.get(LONGER_THAN[word])
            seconds = wanted.of(fields) if isinstance(wanted, OwnTime) else wanted
            if since is None or seconds is None:
                return False
            return bool(since <= stamp(now - timedelta(seconds=seconds)))
    held = fields.get(word)
    return held in wanted if isinstance(wanted, list | tuple) else bool(held == wanted)


MOST_BESIDE = 20
"""Claimed records that may share one value: an order has a few cases. More share a word that stands for nothing."""
Claimed = tuple[str, Mapping[str, Any], Sequence[Stay]]
"""A claimed record: its key, fields and stays."""


def beside(claimed: Iterable[Claimed], by: Sequence[str]) -> dict[tuple[str, str], str]:
    """Pairs of keys, the lower one first, whose records say the same in all these fields and that different people have, each
    with since when: the later one of the two claims. What is empty, a list or an object is shared with nobody.
    ValueError with the key of a record that shares its value with more than `MOST_BESIDE`."""
    alike: dict[tuple[Any, ...], list[tuple[str, Stay, str]]] = defaultdict(list)
    for key, fields, stays in claimed:
        shared = tuple(fields.get(name) for name in by)
        told = all(isinstance(each, str | int | float | Decimal) and each != "" for each in shared)
        if told and stays and stays[-1].person:
            alike[shared].append((key, stays[-1], stays[_claim(stays)].since))
    found: dict[tuple[str, str], str] = {}
    for those in alike.values():
        if len(those) > MOST_BESIDE:
            raise ValueError(min(key for key, _, _ in those))
        for (one, first, since), (other, second, then) in combinations(sorted(those, key=lambda each: each[0]), 2):
            if first.owner != second.owner:
                found[one, other] = max(since, then)
    return found


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
