"""What the flows write to a guarded stream of an order that no order can have."""

from __future__ import annotations

from collections.abc import Iterator

from connector.adapters.sfcc.statuses import wish_of
from connector.adapters.sfcc.streams import EXTERNAL, ONLY_FROM, OR_ALREADY, Status
from connector.errors import Rejected
from connector.model import FieldUse, Problem, StreamUse
from connector.nearest import meant


def status_problems(use: StreamUse, status: Status, *, may_export: bool) -> Iterator[Problem]:
    """Unknown fields, constants that are no value of this status, texts that may become too long."""
    for field in use.fields.values():
        yield from _of_field(use, field, status, may_export=may_export)


def _of_field(use: StreamUse, field: FieldUse, status: Status, *, may_export: bool) -> Iterator[Problem]:
    known = (status.name, ONLY_FROM, OR_ALREADY)
    if field.name not in known:
        remedy = f"{meant(field.name, known)}it has {', '.join(known)}"
        yield Problem(f"{use.stream} has no field {field.name}", remedy, use.stream, field.name)
        return
    for value in field.values:
        wish = {field.name: value} if field.name == status.name else {**_any(status), field.name: value}
        refused = wish_of(wish, status, may_export=may_export)
        if isinstance(refused, Rejected):
            yield Problem(f"{refused}: {value!r}", refused.remedy, use.stream, field.name, value)
    if field.name == status.name and not status.takes and (field.longest or 0) > EXTERNAL:
        message = f"{field.name} may become {field.longest} characters long; the shop takes {EXTERNAL}"
        yield Problem(message, "cut it with the filter truncate", use.stream, field.name)


def _any(status: Status) -> dict[str, str]:
    """Some value that this status takes, so that its conditions can be judged alone."""
    return {status.name: status.takes[0] if status.takes else "x"}
