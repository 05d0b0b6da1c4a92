"""Fetching records in batches, with a fault of the call turned into a stop of the whole delivery."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from connector.engine.health import Health, scope_of
from connector.engine.places import Place
from connector.errors import ConnectionFault, Misconfigured, RecordFault, RemoteError, Unavailable
from connector.model import Record, Select


class Stopped(Exception):
    """A whole connection or flow stopped; nothing more of this delivery can go before `until`."""

    def __init__(self, problem: RemoteError, until: datetime) -> None:
        self.problem, self.until = problem, until
        super().__init__(str(problem))


def stop(place: Place, flow: str, health: Health, problem: RemoteError) -> Stopped:
    """Note a fault of a whole call and make the exception that ends this delivery."""
    if not isinstance(problem, (ConnectionFault, Misconfigured)):
        problem = Unavailable(str(problem), code=problem.code, remedy=problem.remedy)
    return Stopped(problem, health.broken(scope_of(place.connection, flow, problem), problem))


def fetch_all(
    place: Place,
    wanted: Iterable[str],
    *,
    flow: str,
    health: Health,
    fields: Iterable[str] | None,
    by: Literal["key", "our_key"] = "key",
) -> dict[str, Record]:
    """Records by key in as few calls as the stream allows; `fields` None: everything. Raises Stopped."""
    unique = list(dict.fromkeys(wanted))
    select = Select(fields=() if fields is None else tuple(sorted(fields)))
    found: dict[str, Record] = {}
    for start in range(0, len(unique), place.stream.fetch_batch):
        part = unique[start : start + place.stream.fetch_batch]
        try:
            found.update(place.adapter.fetch(place.name, part, by=by, select=select))
        except (ConnectionFault, Misconfigured, RecordFault) as problem:  # a read is never a record's fault
            raise stop(place, flow, health, problem) from problem
        health.works(f"connection:{place.connection}")
    return found
