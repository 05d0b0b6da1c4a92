"""Flows by state: what they may say, and what their `where` means in plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from connector import states
from connector.adapter import Stream
from connector.config.schema import FlowPart
from connector.config.values import some_time
from connector.document import Document, did_you_mean
from connector.errors import Fault
from connector.flow import Mapping as CompiledMapping

_NOT_HERE = {
    "answers": "a flow by state answers no other: our key on a record is read as any field",
    "start": "what is so now is read whole at each poll",
    "overlap": "what is so now is read whole at each poll",
}


class Reading(Protocol):
    """What is at hand while flows are read (`connector.config.flows`)."""

    @property
    def faults(self) -> list[Fault]: ...

    def fault(self, path: tuple[str | int, ...], message: str, remedy: str = "", *, key: bool = False) -> None: ...


def state_of(
    reading: Reading,
    path: tuple[str, str],
    part: FlowPart,
    stream: Stream,
    compiled: tuple[CompiledMapping, Document],
) -> Mapping[str, Any]:
    """`where` with durations in seconds; what is wrong with the flow goes into the faults."""
    mapping, document = compiled
    if not stream.states:
        reading.fault(
            (*path, "by"), f"'{part.source}' cannot be read by state", "leave `by` out: it reads what changed"
        )
        return {}
    for name, why in _NOT_HERE.items():
        if getattr(part, name) is not None:
            reading.fault((*path, name), f"a flow by state has no '{name}'", f"remove it: {why}", key=True)
    if not part.where:
        words = ", ".join(sorted(stream.states))
        reading.fault(path, "a flow by state needs `where`: what must be so?", f"known: {words}, and fields")
    if not mapping.once_per:
        remedy = 'once_per: "{{ Id }}:{{ queued_since }}" evaluates a record once for each stay in a queue'
        reading.faults.append(document.fault((), "the mapping of a flow by state needs `once_per`", remedy))
    _beside(reading, path, part, compiled)
    for lookup in mapping.lookups:
        if lookup.watch:
            at = ("lookups", lookup.name, "watch")
            remedy = "leave `watch` out: a record is evaluated once"
            reading.faults.append(document.fault(at, "a flow by state watches no lookup", remedy))
    return {word: _value(reading, path, stream, word, given) for word, given in part.where.items()}


def not_by_state(reading: Reading, path: tuple[str, str], compiled: tuple[CompiledMapping, Document]) -> None:
    """`once_per` is nothing to a flow that reads what changed."""
    mapping, document = compiled
    if mapping.once_per:
        remedy = f"write `by: state` and `where:` at the flow '{path[1]}', or take once_per away"
        reading.faults.append(document.fault(("once_per",), "'once_per' is for flows by state", remedy))


def _beside(
    reading: Reading, path: tuple[str, str], part: FlowPart, compiled: tuple[CompiledMapping, Document]
) -> None:
    """`claimed_beside` and a mapping that reads the other record belong together."""
    mapping, document = compiled
    at = (*path, "where", states.CLAIMED_BESIDE)
    if states.CLAIMED_BESIDE not in part.where:
        if mapping.fields is not None and states.BESIDE in mapping.fields:
            remedy = (
                f"write `{states.CLAIMED_BESIDE}: Order_No__c` into its where:, or take beside out of {part.mapping}"
            )
            reading.fault(
                (*path, "where"), f"{part.mapping} reads beside, and '{path[1]}' finds no other record", remedy
            )
        return
    for word in ("claimed", "waiting_longer_than"):
        if part.where.get(word, True) is not True:
            message = f"nothing is ever both {states.CLAIMED_BESIDE} and {word}: {part.where[word]}"
            reading.fault(at, message, f"take {word} away", key=True)
    if mapping.once_per and not mapping.once_beside:
        message = "`once_per` does not name the other record, so that a third one would never be told of"
        remedy = 'once_per: "{{ record.key }}:{{ beside.key }}:{{ beside.since }}"'
        reading.faults.append(document.fault(("once_per",), message, remedy))


def _own_time(given: Any) -> Any:
    """A duration, or `{minutes: field, otherwise: duration}`. ValueError."""
    if not isinstance(given, dict):
        return some_time(given)
    unit = next((name for name in states.UNITS if name in given), None)
    if unit is None or not given.keys() <= {unit, "otherwise"} or not _names([given[unit]]):
        raise ValueError("a duration (15m), or {minutes: a field that holds a number of them, otherwise: 15m}")
    otherwise = some_time(given["otherwise"]) if "otherwise" in given else None
    return states.OwnTime(given[unit], states.UNITS[unit], otherwise)


def _names(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and all(isinstance(each, str) and each for each in given)


def _value(reading: Reading, path: tuple[str, str], stream: Stream, word: str, given: Any) -> Any:
    at = (*path, "where", word)
    if word in stream.states and word in states.LONGER_THAN:
        try:
            return _own_time(given)
        except ValueError as error:
            reading.fault(at, f"{word}: {error}")
            return 0.0
    if word in stream.states and word == states.CLAIMED_BESIDE:
        names = given if isinstance(given, list) else [given]
        if not _names(names):
            reading.fault(at, f"{word} names a field that both records have, or a list of such", f"{word}: Order_No__c")
            return ()
        return tuple(names)
    if word in stream.states:
        if not isinstance(given, bool):
            reading.fault(at, f"{word} is true or false", f"{word}: true")
        return given
    meant = did_you_mean(word, stream.states)
    if word in states.WORDS or (word.islower() and "did you mean" in meant):
        reading.fault(at, f"'{word}' is no state of {stream.name}", meant, key=True)
    return given
