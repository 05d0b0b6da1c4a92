"""Flows of the configuration, compiled: streams found, mapping read, defaults filled in, ownership of fields checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from connector.adapter import Adapter, Clock, NoStream, Stream
from connector.config.answers import line_faults
from connector.config.files import file_faults
from connector.config.limits import limit_faults
from connector.config.owners import owner_faults
from connector.config.schema import File, FlowPart
from connector.config.states import not_by_state, state_of
from connector.document import Document, did_you_mean, load
from connector.errors import ConfigFault, Fault
from connector.flow import Flow
from connector.flow import Mapping as CompiledMapping
from connector.mapping.compile import compile_mapping
from connector.mapping.compiled import CompiledMapping as Compiled
from connector.mapping.finding import finding
from connector.mapping.spec import LineSpec

StreamName = tuple[str, str]
FlowPath = tuple[str, str]


class Opens(Protocol):
    """A configured connection."""

    def open(self, clock: Clock) -> Adapter: ...


@dataclass(slots=True)
class _Reading:
    """What is at hand while flows are read."""

    document: Document
    adapters: Mapping[str, Adapter]
    known: Sequence[str]
    faults: list[Fault]
    mappings: dict[str, Document]

    def fault(self, path: tuple[str | int, ...], message: str, remedy: str = "", *, key: bool = False) -> None:
        self.faults.append(self.document.fault(path, message, remedy, key=key))


def build_flows(
    document: Document,
    file: File | None,
    connections: Mapping[str, Opens],
    *,
    known: Sequence[str],
    now: datetime,
    clock: Clock,
    faults: list[Fault],
) -> dict[str, Flow]:
    """Every flow that can be built; what is wrong goes into `faults`. `known`: all connections' names, faulty ones too."""
    if file is None:
        return {}
    adapters = {name: connection.open(clock) for name, connection in connections.items()}
    try:
        reading = _Reading(document, adapters, known, faults, {})
        flows = {}
        for name, part in file.flows.items():
            flow = _flow(reading, name, part, file, now)
            if flow is not None:
                flows[name] = flow
        _identities(reading, file)
        faults += line_faults(document, flows)
        faults += owner_faults(document, flows, adapters)
        faults += limit_faults(document, flows, adapters)
        return flows
    finally:
        for adapter in adapters.values():
            adapter.close()


def _flow(reading: _Reading, name: str, part: FlowPart, file: File, now: datetime) -> Flow | None:
    path: FlowPath = ("flows", name)
    source = _stream(reading, (*path, "from"), part.source)
    destination = _stream(reading, (*path, "to"), part.destination)
    if destination and not destination[1].writes:
        reading.fault((*path, "to"), f"stream '{part.destination}' cannot be written to")
    answered = _answered(reading, path, part, file)
    by = None
    if part.answers is not None and part.answers.by is not None:
        by = finding(reading.document, (*path, "answers", "by"), part.answers.by, reading.faults)
    compiled = _mapping(reading, path, part)
    if compiled is not None:
        _mapping_streams(reading, part, *compiled)
        reading.faults += file_faults(
            *compiled, lambda to: _facts(reading, resolve_stream(to, part.source, part.destination)), part.destination
        )
    if source is None or destination is None or compiled is None:
        return None
    defaults = file.defaults
    lease = part.lease or defaults.lease
    _limits(reading, path, part, lease, destination)
    where = state_of(reading, path, part, source[1], compiled) if part.by == "state" else part.where
    if part.by != "state":
        not_by_state(reading, path, compiled)
    begin = (answered.start if answered else part.start) or defaults.start
    return Flow(
        name=name,
        id=part.id or name,
        source=source[0],
        destination=destination[0],
        mapping=compiled[0],
        start=begin.resolve(now),
        enabled=part.enabled,
        answers=part.answers.flow if part.answers else None,
        of_line=part.answers.line if part.answers else None,
        by=by,
        moved_from=tuple(part.moved_from),
        by_state=part.by == "state",
        where=where,
        every=part.every or defaults.every,
        overlap=defaults.overlap if part.overlap is None else part.overlap,
        concurrency=part.concurrency or defaults.concurrency,
        brake=(part.brake or defaults.brake).per_hour,
        flips=(part.flips or defaults.flips).limit,
        lease=lease,
        sweep_every=part.sweep.every or defaults.sweep.every,
        sweep_width=part.sweep.width or defaults.sweep.width,
        deep_sweep_width=part.sweep.nightly or defaults.sweep.nightly,
        tell=part.tell,
        lane=part.lane,
    )


def _limits(
    reading: _Reading, path: FlowPath, part: FlowPart, lease: float, destination: tuple[StreamName, Stream]
) -> None:
    """Settings that fit one by one, and together let nothing through."""
    (connection, _), _ = destination
    longest = reading.adapters[connection].longest_call()
    if lease <= longest:
        reading.fault(
            (*path, "lease") if part.lease else path,
            f"a lease of {lease:g} s is not longer than a call of '{connection}' may take ({longest:g} s): nothing would be sent",
            f"lease: {2 * longest:g}s, or lower the connection's timeouts",
        )


def _stream(reading: _Reading, path: tuple[str | int, ...], text: str) -> tuple[StreamName, Stream] | None:
    """`connection.stream` as written at `path` of the configuration."""
    connection, _, name = text.partition(".")
    if connection not in reading.known:
        reading.fault(path, f"unknown connection '{connection}'", did_you_mean(connection, reading.known))
        return None
    adapter = reading.adapters.get(connection)
    if adapter is None:  # its settings are faulty: said already
        return None
    try:
        return (connection, name), adapter.streams[name]
    except NoStream as none:
        reading.fault(path, f"connection '{connection}': {none.why}", none.remedy)
        return None
    except KeyError:
        message = f"connection '{connection}' has no stream '{name}'"
        reading.fault(path, message, did_you_mean(name, adapter.streams))
        return None


def _answered(reading: _Reading, path: FlowPath, part: FlowPart, file: File) -> FlowPart | None:
    """The flow that this one answers, which must read where this one writes and write where this one reads."""
    if part.answers is None:
        return None
    name = part.answers.flow
    at: tuple[str, ...] = (*path, "answers")
    if isinstance(reading.document.data["flows"][path[1]]["answers"], dict):
        at = (*at, "flow")
    answered = file.flows.get(name)
    if answered is None:
        named = reading.document.data.get("flows") or {}
        if name not in named:
            reading.fault(at, f"unknown flow '{name}'", did_you_mean(name, named))
        return None
    if name == path[1]:
        reading.fault(at, "a flow cannot answer itself", "name the flow whose records this one writes back to")
        return None
    if answered.answers is not None:
        reading.fault(at, f"'{name}' answers another flow itself", "name the flow that read the records first")
    if part.start is not None:
        message = "an answering flow starts with the flow it answers"
        reading.fault((*path, "start"), message, f"remove start: here; '{name}' says it", key=True)
    if part.answers.by is not None and part.answers.line is not None:
        message = "a line's objects are found by our key on them, which names its record already"
        reading.fault((*at[:2], "answers", "by"), message, "take `by` or `line` away", key=True)
    free = part.answers.by is not None or part.answers.line is not None
    if not free and part.source != answered.destination and not _belongs_to(reading, part.source, answered.destination):
        message = f"reads {part.source}, but '{name}' writes to {answered.destination}"
        reading.fault((*path, "from"), message, f"write from: {answered.destination}")
    read_from = answered.source.partition(".")[0]
    if read_from in reading.known and part.destination.partition(".")[0] != read_from:  # else that is the fault
        message = f"writes to {part.destination}, but '{name}' reads {answered.source}"
        reading.fault((*path, "to"), message, f"write to: {answered.source}")
    return answered


def _belongs_to(reading: _Reading, source: str, destination: str) -> bool:
    """Whether a stream's records belong to those of another stream of the same connection: the comments of the cases."""
    (connection, _, name), (other, _, object_) = source.partition("."), destination.partition(".")
    if connection != other:
        return False
    adapter = reading.adapters.get(connection)
    if adapter is None:  # its settings are faulty, so nobody knows
        return True
    try:
        return adapter.streams[name].belongs_to == object_
    except KeyError:  # said where the flow's streams are read
        return False


def _mapping(reading: _Reading, path: FlowPath, part: FlowPart) -> tuple[CompiledMapping, Document] | None:
    at = (*path, "mapping")
    file = str(Path(reading.document.file).parent / part.mapping)
    if not Path(file).is_file():
        near = load(file).faults
        remedy = near[0].remedy if near else ""
        reading.fault(at, f"mapping {part.mapping} does not exist", remedy or "paths are relative to this file")
        return None
    document = reading.mappings.setdefault(file, load(file))

    def stream(text: str) -> Stream | None:
        own = part.destination if text == "destination" else text
        connection, name = resolve_stream(own, part.source, part.destination)
        adapter = reading.adapters.get(connection)
        try:
            return adapter.streams[name] if adapter else None
        except KeyError:  # said where the mapping's streams are checked
            return None

    def lengths(text: str, field: str) -> int | None:
        facts = stream(text)
        return facts.lengths.get(field) if facts else None

    def appends(text: str) -> bool:
        facts = stream(text)
        return facts.writes == {"append"} if facts else text.endswith(".notes")

    answers = part.answers is not None
    try:
        compiled = compile_mapping(document, lengths=lengths, appends=appends, answers=answers)
    except ConfigFault as fault:
        reading.faults.extend(fault.faults)
        return None
    return _left_out(reading, path, part, compiled), document


def _left_out(reading: _Reading, path: FlowPath, part: FlowPart, compiled: Compiled) -> Compiled:
    """The mapping without the lines that the flow does not ask for."""
    known = [line.id for line in compiled.lines if line.id != "main"]
    for at, each in enumerate(part.without):
        if each not in known:
            message = f"{part.mapping} has no line '{each}' under also"
            reading.fault((*path, "without", at), message, did_you_mean(each, known))
    return compiled.without(part.without)


def _facts(reading: _Reading, name: StreamName) -> Stream | None:
    """What is true of a stream; None where that is not known, which is said elsewhere."""
    adapter = reading.adapters.get(name[0])
    try:
        return adapter.streams[name[1]] if adapter else None
    except KeyError:
        return None


def _mapping_streams(reading: _Reading, part: FlowPart, mapping: CompiledMapping, document: Document) -> None:
    """Every stream that the mapping names must exist, and take writes where a line writes to it."""
    places = {each.get("id"): at for at, each in enumerate(document.data.get("also") or []) if isinstance(each, dict)}
    for line in mapping.lines:
        if any("[" in name for name in line.policies):
            _variants(reading, part, line, document, ("also", places[line.id]) if line.id in places else ())
        if line.ends:
            _ends(reading, part, line, document, ("also", places[line.id]) if line.id in places else ())
        if line.to is None or line.to == "main":
            continue
        path: tuple[str | int, ...] = ("also", places[line.id], "to") if line.id in places else ("to",)
        stream = _mapped_stream(reading, part, document, path, line.to)
        if stream is not None and not stream.writes:
            reading.faults.append(document.fault(path, f"stream '{line.to}' cannot be written to"))
    if mapping.told is not None:
        _told_stream(reading, part, mapping.told, document)
    for lookup in mapping.lookups:
        stream = _mapped_stream(reading, part, document, ("lookups", lookup.name, "stream"), lookup.stream)
        if lookup.watch and stream is not None and stream.order != "stamp":
            message = f"'{lookup.stream}' does not tell what has changed, so nobody can watch it"
            reading.faults.append(document.fault(("lookups", lookup.name, "watch"), message, "leave `watch` out"))


def _variants(
    reading: _Reading, part: FlowPart, line: LineSpec, document: Document, path: tuple[str | int, ...]
) -> None:
    """Brackets in a field's name mean something where the stream says so."""
    to, facts = _written_to(reading, part, line)
    for field in line.policies if facts is not None and not facts.variants else ():
        if "[" in field:
            message = f"stream '{to}' has no entries of a field, as '{field}' names one"
            reading.faults.append(document.fault((*path, "fields", field), message, "name the field alone", key=True))


def _written_to(reading: _Reading, part: FlowPart, line: LineSpec) -> tuple[str, Stream | None]:
    """The stream that a line writes to, as written; None where it is not known, which is said where it is named."""
    to = part.destination if line.to in (None, "main") else line.to or ""
    connection, name = resolve_stream(to, part.source, part.destination)
    adapter = reading.adapters.get(connection)
    try:
        return to, adapter.streams[name] if adapter else None
    except KeyError:
        return to, None


def _ends(reading: _Reading, part: FlowPart, line: LineSpec, document: Document, path: tuple[str | int, ...]) -> None:
    """What becomes of a line must be possible where it writes."""
    to, facts = _written_to(reading, part, line)
    if facts is None:
        return
    at = (*path, "undo" if line.ends == "undo" else "leave" if line.ends == "leave" else "gone")
    message, remedy = "", ""
    if line.ends in ("delete", "choose") and "delete" not in facts.writes:
        message, remedy = (
            f"stream '{to}' takes no delete",
            "write what tells that it is over: gone: {status: Cancelled}",
        )
    elif facts.object is not None or "update" not in facts.writes:
        message = f"nothing of stream '{to}' can be taken back"
        remedy = "it appends, or moves an object: write a line that says the opposite"
    if message:
        reading.faults.append(document.fault(at, message, remedy, key=True))


def _told_stream(reading: _Reading, part: FlowPart, told: LineSpec, document: Document) -> None:
    """What is told of a refusal is appended, to an object that is known."""
    path: tuple[str | int, ...] = ("refused", "to")
    stream = _mapped_stream(reading, part, document, path, told.to or "")
    if stream is None:
        return
    if stream.writes != {"append"}:
        remedy = "name a stream that appends, as source.CaseComment or source.orders.notes"
        reading.faults.append(document.fault(path, f"stream '{told.to}' does not append", remedy))
        return
    own = resolve_stream(told.to or "", part.source, part.destination)[0] == part.source.partition(".")[0]
    at_record = own and stream.object == part.source.partition(".")[2]
    if not (at_record or told.has_target or stream.names_object in told.policies):
        remedy = f"records of {part.source} are none of its objects: give `refused` a target"
        reading.faults.append(document.fault(path, f"nothing says to which object '{told.to}' appends", remedy))


def _mapped_stream(
    reading: _Reading, part: FlowPart, document: Document, path: tuple[str | int, ...], text: str
) -> Stream | None:
    connection, name = resolve_stream(text, part.source, part.destination)
    if connection not in reading.known:
        known = ["source", "destination", *reading.known]
        reading.faults.append(
            document.fault(path, f"unknown connection '{connection}'", did_you_mean(connection, known))
        )
        return None
    adapter = reading.adapters.get(connection)
    if adapter is None:
        return None
    try:
        return adapter.streams[name]
    except NoStream as none:
        reading.faults.append(document.fault(path, f"connection '{connection}': {none.why}", none.remedy))
        return None
    except KeyError:
        message = f"connection '{connection}' has no stream '{name}'"
        reading.faults.append(document.fault(path, message, did_you_mean(name, adapter.streams)))
        return None


def resolve_stream(text: str, source: str, destination: str) -> StreamName:
    """`source.x` and `destination.x` after the flow's own connections, `connection.x` as it stands."""
    connection, _, name = text.partition(".")
    own = {"source": source, "destination": destination}.get(connection)
    return (own.partition(".")[0] if own else connection), name


def _identities(reading: _Reading, file: File) -> None:
    """Ids name rows and begin keys: one flow each, for ever."""
    seen: dict[str, str] = {}
    for name, part in file.flows.items():
        for at, each in enumerate([part.id or name, *part.moved_from]):
            path: tuple[str | int, ...] = ("flows", name, "moved_from", at - 1) if at else ("flows", name, "id")
            if each in seen:
                message = f"flow id '{each}' belongs to '{seen[each]}' already"
                reading.fault(path, message, "give one of them another id:")
            seen.setdefault(each, name)
