"""One field of one object has one writing flow: two that take turns would undo each other for ever.

Flows that create objects under their own keys cannot meet. One that writes to objects it did not create (`target:`, a
shared `key:`, `answers:`) may meet any other flow that writes the same field of that stream.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connector.adapter import Adapter
from connector.document import Document
from connector.errors import Fault
from connector.flow import Flow
from connector.mapping.spec import LineSpec

_WISHES = ("until-claimed", "while-so")
"""In a flow by state such a field goes once for each time that its state begins, and only to an object that is still so: it does
not keep its value up, and cannot take turns with anybody."""


@dataclass(frozen=True, slots=True)
class _Writer:
    """`addresses`: it reaches objects that it did not create. `later`: it writes after the creation too. `holds`: it puts back
    what it finds, and several that do so take turns."""

    flow: str
    addresses: bool
    later: bool
    holds: bool = False


def owner_faults(document: Document, flows: Mapping[str, Flow], adapters: Mapping[str, Adapter]) -> list[Fault]:
    """A fault at the mapping of the second flow for each field that two flows write on what may be one object."""
    writers: dict[tuple[str, str, str], list[_Writer]] = defaultdict(list)
    for flow in flows.values():
        for place, writer in _writes(flow, adapters):
            writers[place].append(writer)
    meetings: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for (connection, stream, field), each in writers.items():
        for first, second in _meetings(each):
            meetings[first, second, connection, stream].append(field)
    return [
        document.fault(
            ("flows", second, "mapping"),
            f"'{first}' and '{second}' both write {', '.join(sorted(fields))} of {connection}.{stream}",
            "one field of one object has one writing flow: remove it from one mapping, "
            "or make it `write: on-create` in the flow that creates the object",
        )
        for (first, second, connection, stream), fields in meetings.items()
    ]


def _meetings(writers: list[_Writer]) -> Iterator[tuple[str, str]]:
    said = set()
    for at, first in enumerate(writers):
        for second in writers[at + 1 :]:
            pair = (first.flow, second.flow)
            if first.flow == second.flow or pair in said or not (first.addresses or second.addresses):
                continue
            if first.later and second.later and not (first.holds and second.holds):
                said.add(pair)
                yield pair


def _writes(flow: Flow, adapters: Mapping[str, Adapter]) -> Iterator[tuple[tuple[str, str, str], _Writer]]:
    for line in flow.mapping.lines:
        connection, stream = _where(flow, line)
        try:
            facts = adapters[connection].streams[stream]
        except KeyError:  # no such connection or stream: a fault of its own
            continue
        if "update" not in facts.writes:  # appended or made once: nothing to take turns on
            continue
        addresses = line.has_target or (line.id == "main" and line.has_key) or _origin(flow, line, facts.object)
        for field, policy in {**line.leaves, **line.policies}.items():
            if field in facts.conditions:
                continue
            later = addresses or policy not in ("on-create", "once") or field in line.leaves
            later = later and not (flow.by_state and policy in _WISHES)
            writer = _Writer(flow.name, addresses, later, holds=line.ends == "undo")
            yield (connection, facts.object or stream, field), writer


def _origin(flow: Flow, line: LineSpec, guarded: str | None) -> bool:
    """Whether the line writes to the record that the answered flow read."""
    return flow.answers is not None and (line.id == "main" or line.to == "main" or guarded is not None)


def _where(flow: Flow, line: LineSpec) -> tuple[str, str]:
    if line.to is None or line.to == "main":
        return flow.destination
    connection, _, stream = line.to.partition(".")
    own = {"source": flow.source[0], "destination": flow.destination[0]}
    return own.get(connection, connection), stream
