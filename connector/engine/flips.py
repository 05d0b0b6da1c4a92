"""The loop breaker: a field whose wanted value goes back and forth between values that were sent before. Pure.

Two flows that answer one another, or a flow and an automation of the remote system, can each undo what the other wrote, for
ever. Each line therefore remembers when a value that it had sent was replaced: 16 bytes for each time (name and digest of the
value, as everywhere, and the second). A line that was sent once, or whose values never changed, remembers nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from connector.digests import Digester, name_digest
from connector.engine.late import SEVERAL
from connector.engine.plan import Step, unread
from connector.errors import Rejected
from connector.flow import Flips
from connector.model import Line, Ref

_ENTRY = struct.Struct(">4s8sI")
_BROKEN = b"!"
"""Ahead of the entries of a line whose loop was broken: it stays as it is until a person puts its row back on its way."""
_MOST = 64
"""Entries kept of a line: more than any setting needs of one field, and a bound for lines whose fields change all the time."""


class Flipping(Rejected):
    """A field went back and forth too often: the row parks. `wanted` is what was not sent any more."""

    def __init__(self, message: str, *, field: str, remedy: str, wanted: Any = None, again: bool = False) -> None:
        super().__init__(message, field=field, code="flips", remedy=remedy)
        self.wanted, self.again = wanted, again


def stop_loop(step: Step, digester: Digester, limit: Flips | None, now: datetime) -> None:
    """Raises Flipping when what this step would send has gone back and forth more often than the flow allows, or when that was
    so before and nobody has looked since."""
    before = step.before
    if before is None or not before.history:
        return
    if _broken(before):
        raise Flipping(before.reason, field=before.field, remedy=before.remedy, again=True)
    if limit is None or step.create or step.append or step.state != "ready":
        return
    since = int(now.timestamp() - limit.seconds)
    for name, value in (*step.sending.items(), *step.claimable.items()):
        times = _flips(before, name_digest(name), digester.value(value), since)
        if times > limit.most:
            raise Flipping(
                f"{step.place.full}: {name} went back and forth more than {limit} between values that were sent before",
                field=name,
                remedy="",
                wanted=value,
            )


def history(step: Step, now: datetime, limit: Flips | None) -> bytes:
    """What the line remembers after this step: values that it replaced, the latest last."""
    before = step.before
    if before is None:
        return b""
    if _broken(before):  # whatever becomes of the row meanwhile: it may wait until its refusal is told
        return before.history
    if isinstance(step.error, Flipping):
        return _BROKEN + before.history
    if limit is None or step.digests == before.digests or not before.digests:
        return before.history
    at = int(now.timestamp())
    kept = [entry for entry in _entries(before.history) if entry[2] > at - limit.seconds]
    kept += [
        (name, last, at)
        for name, last in before.digests.items()
        if (new := step.digests.get(name, last)) != last and last not in _unknown(new)
    ]
    return b"".join(_ENTRY.pack(*entry) for entry in kept[-_MOST:])


def values(step: Step, now: datetime, limit: Flips | None) -> dict[str, tuple[Any, Any]]:
    """For people: by field that was changed before and within the window, what was sent now or tried, and what was not any
    more; `...` where nothing is said of one, for a value may be null."""
    if isinstance(step.error, Flipping):
        return {} if step.error.again else {step.error.field: (..., _plain(step.error.wanted))}
    before = step.before
    if before is None or not before.history or limit is None or not step.wanted.values:
        return {}
    # what was tried may have arrived: a person may find it there
    if step.state != "sent" and not step.unclear:
        return {}
    since = int(now.timestamp() - limit.seconds)
    moved = {name for name, _, at in _entries(before.history) if at > since}
    return {
        name: (_plain(value), ...)
        for name, value in step.wanted.values.items()
        if (short := name_digest(name)) in moved and before.digests.get(short) != step.digests.get(short)
    }


def _flips(line: Line, name: bytes, wanted: bytes, since: int) -> int:
    """How often the field returned to a value that it had before, the wanted one included.

    What stands in the place of a value while an answer is not known is none: a value that is said again is no flip.
    """
    current = line.digests.get(name)
    if current is None or current == wanted:
        return 0
    course = [value for field, value, at in _entries(line.history) if field == name and at > since]
    course += [wanted] if current in _unknown(wanted) else [current, wanted]
    seen: set[bytes] = set()
    times, last = 0, b""
    for value in course:
        times += value in seen and value != last  # it was replaced by what nobody knows, and came back
        seen.add(value)
        last = value
    return times


def _unknown(wanted: bytes) -> tuple[bytes, bytes]:
    """What stands in place of a value whose write was not answered, before this one is sent: no value itself."""
    return SEVERAL, unread(wanted)


def _broken(line: Line) -> bool:
    return line.history[:1] == _BROKEN and len(line.history) % _ENTRY.size == 1


def _entries(packed: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    yield from _ENTRY.iter_unpack(packed[len(packed) % _ENTRY.size :])


def _plain(value: Any) -> Any:
    """As it is shown and stored, which is JSON: a reference by its name."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.name if isinstance(value, Ref) else float(value) if isinstance(value, Decimal) else value


def remedy(writers: Mapping[str, str]) -> str:
    """What a person should look at. `writers`: flow → the stream and field side that it writes, where the ledger knows of one."""
    if not writers:
        return (
            "nothing else in this ledger writes there: look for an automation of the remote system that undoes it, "
            "then connector parked retry"
        )
    named = ", ".join(f"flow {name!r} (to {stream})" for name, stream in sorted(writers.items()))
    return f"{named} writes to the same record or object: let one of them have the say, then connector parked retry"
