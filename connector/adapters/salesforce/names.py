"""Queues and users that the mappings name: are they there, and do the queues take the object? All that are missing at once.

Source: Object Reference, "QueueSobject", "Group" and "User".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from connector.adapters.salesforce import soql
from connector.adapters.salesforce.references import QUEUES
from connector.model import Problem, Ref, StreamUse
from connector.nearest import meant

Rows = Callable[[str], list[dict[str, Any]]]
Named = dict[Ref, list[tuple[str, str]]]
"""A reference → the streams and fields into which it is written."""

_OWNERS = "SELECT QueueId,SobjectType,Queue.DeveloperName,Queue.Name FROM QueueSobject"
_SHOWN = 20


def named_in(uses: Sequence[StreamUse]) -> Named:
    """Every reference of the mappings, choices aside: a choice is a value of its field."""
    named: Named = defaultdict(list)
    for use in uses:
        for field in use.fields.values():
            for ref in field.refs:
                if ref.kind != "choice":
                    named[ref].append((use.stream, field.name))
    return named


def name_problems(named: Named, rows: Rows) -> Iterator[Problem]:
    """What is wrong with them: one query for all queues (two if one is missing), and one for up to 25 users."""
    for ref, places in named.items():
        if ref.kind not in ("queue", "user"):
            message = f"Salesforce has no references of kind {ref.kind!r}"
            yield from _at(places, message, "use ref: queue, ref: user, or choice:", ref)
    queues = {ref: places for ref, places in named.items() if ref.kind == "queue"}
    users = {ref: places for ref, places in named.items() if ref.kind == "user"}
    if queues:
        yield from _queues(queues, rows)
    if users:
        yield from _users(users, rows)


def _at(places: Sequence[tuple[str, str]], message: str, remedy: str, ref: Ref) -> Iterator[Problem]:
    for stream, field in dict.fromkeys(places):
        yield Problem(message, remedy, stream, field, ref)


def _queues(named: Named, rows: Rows) -> Iterator[Problem]:
    """A queue goes by its DeveloperName or its label, as at write."""
    ids: dict[str, set[str]] = defaultdict(set)
    developers: dict[str, str] = {}
    takes: dict[str, set[str]] = defaultdict(set)

    def learn(row: dict[str, Any], made: str) -> None:
        developers[row["DeveloperName"]] = made
        ids[row["Name"]].add(made)

    for row in rows(_OWNERS):
        if row["Queue"] is None:  # a queue that our user may not see
            continue
        learn(row["Queue"], row["QueueId"])
        takes[row["QueueId"]].add(row["SobjectType"])
    if any(ref.name not in developers and ref.name not in ids for ref in named):  # a queue may take no object at all
        for row in rows(QUEUES):
            learn(row, row["Id"])
    for ref, places in named.items():
        found = {developers[ref.name]} if ref.name in developers else ids.get(ref.name, set())
        if not found:
            known = ", ".join(sorted(developers)[:_SHOWN]) or "none"
            remedy = f"{meant(ref.name, developers)}create the queue, or name one of these: {known}"
            yield from _at(places, f"there is no queue {ref.name!r}", remedy, ref)
        elif len(found) > 1:
            remedy = "name the queue by its DeveloperName"
            yield from _at(places, f"{len(found)} queues have the label {ref.name!r}", remedy, ref)
        else:
            (made,) = found
            for stream, field in dict.fromkeys(places):
                if field == "OwnerId" and stream not in takes[made]:
                    remedy = f"add {stream} to the supported objects of the queue"
                    yield Problem(f"the queue {ref.name!r} does not take {stream}", remedy, stream, field, ref)


def _users(named: Named, rows: Rows) -> Iterator[Problem]:
    """A user goes by Username, else by a name that is unique among active users; without regard to case."""
    found: dict[str, dict[bool, set[str]]] = defaultdict(lambda: {True: set(), False: set()})
    for query in soql.of_either(
        "User", ["Id", "Username", "Name", "IsActive"], ("Username", "Name"), [r.name for r in named]
    ):
        for row in rows(query):
            for by in ("Username", "Name"):
                found[f"{by} {row[by].lower()}"][bool(row["IsActive"])].add(row["Id"])
    for ref, places in named.items():
        name = ref.name.lower()
        by_login, by_name = found[f"Username {name}"], found[f"Name {name}"]
        active = by_login[True] or by_name[True]
        if len(active) == 1:
            continue
        remedy = "name an active user by Username"
        if active:
            message = f"{len(active)} active users are called {ref.name!r}"
        elif by_login[False] or by_name[False]:
            message = f"the user {ref.name!r} is not active"
        else:
            message = f"there is no user {ref.name!r}"
        yield from _at(places, message, remedy, ref)
