"""One field of one object has one writing flow: two that take turns would undo each other for ever.

Flows that create objects under their own keys cannot meet, since every key begins with its flow's id; nor can one that writes to
the records of its source which bear no key of ours. Any other flow that writes to objects it did not create (`target:`,
`answers:`) may meet every flow that writes the same field of that stream.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connector.adapter import Adapter, Stream
from connector.document import Document
from connector.errors import Fault, Place
from connector.flow import Flow
from connector.mapping.compiled import CompiledMapping
from connector.mapping.excluding import itself, never_with
from connector.mapping.spec import LineSpec

_WISHES = ("until-claimed", "while-so")
"""In a flow by state such a field goes once for each time that its state begins, and only to an object that is still so: it does
not keep its value up, and cannot take turns with anybody."""


@dataclass(frozen=True, slots=True)
class _Writer:
    """`addresses`: it reaches objects that it did not create. `strangers`: only such as bear no key of ours. `later`: it writes
    after the creation too. `place`: where its mapping writes the field, where that is known. `holds`: it puts back what it finds,
    and several that do so take turns."""

    flow: str
    addresses: bool
    strangers: bool
    later: bool
    place: Place | None
    holds: bool = False


def owner_faults(document: Document, flows: Mapping[str, Flow], adapters: Mapping[str, Adapter]) -> list[Fault]:
    """A fault at the mapping of the second flow for each two that write a field of what may be one object; its remedy names the
    place in the first one."""
    writers: dict[tuple[str, str, str], list[_Writer]] = defaultdict(list)
    for flow in flows.values():
        for place, writer in _writes(flow, adapters):
            writers[place].append(writer)
    meetings: dict[tuple[str, str, str, str], dict[str, tuple[_Writer, _Writer]]] = defaultdict(dict)
    for (connection, stream, field), each in writers.items():
        for first, second in _meetings(each):
            meetings[first.flow, second.flow, connection, stream][field] = (first, second)
    return [
        _fault(document, f"{connection}.{stream}", fields) for (_, _, connection, stream), fields in meetings.items()
    ]


def _fault(document: Document, stream: str, fields: Mapping[str, tuple[_Writer, _Writer]]) -> Fault:
    first, second = fields[min(fields)]
    said = document.place(("flows", second.flow, "mapping"))
    if second.place is not None and second.place != first.place:  # one mapping may serve two flows
        said = second.place
    there = f"'{first.flow}' writes it at {first.place}; " if first.place is not None else ""
    return Fault(
        said,
        f"'{first.flow}' and '{second.flow}' both write {', '.join(sorted(fields))} of {stream}",
        f"{there}one field of one object has one writing flow: remove it from one mapping, "
        "or make it `write: on-create` in the flow that creates the object",
    )


def _meetings(writers: list[_Writer]) -> Iterator[tuple[_Writer, _Writer]]:
    said = set()
    for at, first in enumerate(writers):
        for second in writers[at + 1 :]:
            pair = (first.flow, second.flow)
            if first.flow == second.flow or pair in said or not _may_meet(first, second):
                continue
            if first.later and second.later and not (first.holds and second.holds):
                said.add(pair)
                yield first, second


def _may_meet(one: _Writer, other: _Writer) -> bool:
    if one.strangers and other.strangers:
        return True
    if one.strangers or other.strangers:  # what was created for the other one bears its key
        return other.addresses and one.addresses
    return one.addresses or other.addresses


def _writes(flow: Flow, adapters: Mapping[str, Adapter]) -> Iterator[tuple[tuple[str, str, str], _Writer]]:
    for line in flow.mapping.lines:
        connection, stream = _where(flow, line)
        try:
            facts = adapters[connection].streams[stream]
        except KeyError:  # no such connection or stream: a fault of its own
            continue
        if "update" not in facts.writes:  # appended or made once: nothing to take turns on
            continue
        addresses = line.has_target or _origin(flow, line, facts.object)
        strangers = addresses and _strangers(flow, line, (connection, stream), facts)
        for field, policy in {**line.leaves, **line.policies}.items():
            if field in facts.conditions:
                continue
            later = addresses or policy not in ("on-create", "once") or field in line.leaves
            later = later and not (flow.by_state and policy in _WISHES)
            place = _place(flow, line, field)
            writer = _Writer(flow.name, addresses, strangers, later, place, holds=line.ends == "undo")
            yield (connection, facts.object or stream, field), writer


def _strangers(flow: Flow, line: LineSpec, written: tuple[str, str], facts: Stream) -> bool:
    """Whether the line writes to the records of the flow's source, and `when` takes only such as bear no key of ours."""
    if line.id != "main" or flow.source != written or facts.bears is None:
        return False
    if not isinstance(flow.mapping, CompiledMapping):
        return False
    data = flow.mapping.document.data
    return itself(data, facts.key) and never_with(data, facts.bears)


def _place(flow: Flow, line: LineSpec, field: str) -> Place | None:
    """Where the mapping writes a field."""
    if not isinstance(flow.mapping, CompiledMapping):
        return None
    document = flow.mapping.document
    also = document.data.get("also") or []
    numbers = [at for at, each in enumerate(also) if isinstance(each, dict) and each.get("id") == line.id]
    path: tuple[str | int, ...] = ("also", numbers[0]) if numbers and line.id != "main" else ()
    part = also[numbers[0]] if path else document.data
    for section in ("fields", "leave"):
        if isinstance(part.get(section), dict) and field in part[section]:
            return document.key_place((*path, section, field))
    return document.place(path)


def _origin(flow: Flow, line: LineSpec, guarded: str | None) -> bool:
    """Whether the line writes to the record that the answered flow read."""
    return flow.answers is not None and (line.id == "main" or line.to == "main" or guarded is not None)


def _where(flow: Flow, line: LineSpec) -> tuple[str, str]:
    if line.to is None or line.to == "main":
        return flow.destination
    connection, _, stream = line.to.partition(".")
    own = {"source": flow.source[0], "destination": flow.destination[0]}
    return own.get(connection, connection), stream
