"""What the configured flows do with each stream, field by field, and where the mappings say so.

For `check --live`, which compares it with what the remote systems say of themselves, and for what an administrator must
set up. Made from the compiled mappings alone: no network, no record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from connector.adapter import Adapter, Stream
from connector.document import Document
from connector.errors import Place
from connector.flow import Flow
from connector.mapping.awaited import awaited
from connector.mapping.compiled import CompiledMapping
from connector.mapping.spec import LineSpec
from connector.mapping.written import Path, Reader, Written
from connector.model import FieldUse, Op, Problem, StreamUse
from connector.states import WORDS, fields_of

StreamName = tuple[str, str]
_MAIN = re.compile(r"\s*\{\{\s*main\.id\s*\}\}\s*")


@dataclass(slots=True)
class Uses:
    """By connection and stream what the flows do, and the places in the mappings that say it."""

    streams: dict[StreamName, StreamUse] = field(default_factory=dict)
    _places: dict[tuple[str, str, str, Any], dict[Place, None]] = field(default_factory=dict)

    def of(self, connection: str) -> list[StreamUse]:
        """What is done with the streams of one connection, in the order in which the flows name them."""
        return [use for (owner, _), use in self.streams.items() if owner == connection]

    def places(self, connection: str, stream: str, name: str = "", value: Any = None) -> list[Place]:
        """Where the mappings name this stream, field, or constant of a field; the nearest that is known."""
        for wanted in ((name, value), (name, None), ("", None)):
            if found := self._places.get((connection, stream, wanted[0], _hashable(wanted[1]))):
                return list(found)
        return []

    def add(self, name: StreamName, place: Place, **facts: Any) -> None:
        """Something is done with a stream."""
        known = self.streams.get(name) or StreamUse(name[1])
        if "writes" in facts:
            facts["writes"] = known.writes | facts["writes"]
        self.streams[name] = replace(known, **facts)
        self._at(name, "", None, place)

    def add_field(self, name: StreamName, use: FieldUse, place: Place) -> None:
        """Something is done with one field of it."""
        known = self.streams[name]
        fields = dict(known.fields)
        fields[use.name] = _together(fields[use.name], use) if use.name in fields else use
        self.streams[name] = replace(known, fields=fields)
        self._at(name, use.name, None, place)

    def _at(self, name: StreamName, field_name: str, value: Any, place: Place) -> None:
        self._places.setdefault((*name, field_name, _hashable(value)), {})[place] = None

    def add_wanted(
        self, name: StreamName, how: Literal["selects", "awaits"], field_name: str, value: Any, place: Place
    ) -> None:
        """A value that a flow's `where` or a mapping's `when` asks of a field."""
        known: Mapping[str, tuple[Any, ...]] = getattr(self.streams[name], how)
        values = known.get(field_name, ())
        if not any(type(each) is type(value) and each == value for each in values):
            wanted: dict[str, Any] = {how: {**known, field_name: (*values, value)}}
            self.streams[name] = replace(self.streams[name], **wanted)
        self._at(name, field_name, (how, value), place)

    def about(self, connection: str, problem: Problem, document: Document) -> list[Place]:
        """Where our files say what a problem is about: the setting, the value, else the field, the stream, the connection."""
        if problem.setting:
            return [document.place(("connections", connection, problem.setting))]
        if problem.stream and (found := self.places(connection, problem.stream, problem.field, problem.value)):
            return sorted(found, key=lambda each: (each.file != document.file, each.file, each.line, each.column))
        return [document.key_place(("connections", connection))]

    def add_value(self, name: StreamName, field_name: str, value: Any, place: Place) -> None:
        """Where one constant of a field stands."""
        self._at(name, field_name, value, place)


def collect(
    flows: Mapping[str, Flow],
    adapters: Mapping[str, Adapter],
    place: Callable[[str], Place],
    end: Callable[[str, Literal["from", "to"]], Place] | None = None,
    where: Callable[[str, str], Place] | None = None,
    *,
    disabled: bool = True,
) -> Uses:
    """What all flows do. `place`: where the configuration names a flow; `end`: where it names the flow's source or
    destination (the same place unless given), `where`: one name of its `where:` (not looked at unless given). Streams that no
    system has are left out, and without `disabled` flows that are switched off."""
    uses = Uses()
    for flow in flows.values():
        if not (flow.enabled or disabled):
            continue
        named = place(flow.name)
        ends = (end(flow.name, "from"), end(flow.name, "to")) if end else (named, named)
        _Collector(uses, flow, flows, adapters, ends).run()
        for name, value in flow.where.items() if flow.by_state and flow.source in uses.streams else ():
            for each in fields_of(name, value) if name in WORDS else ():
                uses.add_field(flow.source, FieldUse(each, reads=True), where(flow.name, name) if where else ends[0])
        if where is not None and flow.source in uses.streams:
            _wanted(uses, flow, where)
    return uses


def _wanted(uses: Uses, flow: Flow, where: Callable[[str, str], Place]) -> None:
    """Which records a flow is to see: what it selects, and what lets one in where it does not."""
    assert isinstance(flow.mapping, CompiledMapping), "configured flows have compiled mappings"
    for name, value in flow.where.items():
        if flow.by_state and name in WORDS:
            continue
        for each in value if isinstance(value, list | tuple) else [value]:
            if each is None or isinstance(each, str | int | float):
                uses.add_wanted(flow.source, "selects", name, each, where(flow.name, name))
    for one in awaited(flow.mapping.document) if flow.answers is None else ():
        if one.field not in flow.where:
            uses.add_wanted(flow.source, "awaits", one.field, one.value, one.place)


class _Collector:
    """One flow's uses."""

    def __init__(
        self, uses: Uses, flow: Flow, flows: Mapping[str, Flow], adapters: Mapping[str, Adapter], ends: Sequence[Place]
    ) -> None:
        assert isinstance(flow.mapping, CompiledMapping), "configured flows have compiled mappings"
        self._uses, self._flow, self._mapping = uses, flow, flow.mapping
        self._from, self._to = ends
        self._answered = flows[flow.answers] if flow.answers else None
        self._adapters = adapters
        self._reader = Reader(self._mapping.document.data)

    def run(self) -> None:
        flow, mapping = self._flow, self._mapping
        keyed = self._answered is not None and flow.by is None
        self._reads(flow.source, "record", mapping.fields, self._from, changes=True, fetches=True, keyed=keyed)
        if flow.by is not None:
            self._reads(flow.source, "record", flow.by.fields, self._from, changes=True)
            assert self._answered is not None
            self._reads(self._answered.source, "origin", frozenset(), self._to, fetches=True)
        for lookup in mapping.lookups:
            at = mapping.document.place(("lookups", lookup.name, "stream"))
            named = self._named(lookup.stream)
            self._reads(named, lookup.name, lookup.fields, at, fetches=True, changes=lookup.watch)
        if self._answered is not None and mapping.uses_origin:
            self._reads(self._answered.source, "origin", mapping.origin_fields, self._to, fetches=True)
        for line in mapping.lines:
            self._writes(line)
        if mapping.told is not None and flow.tell:
            self._writes(mapping.told)

    def _reads(self, name: StreamName, owner: str, fields: frozenset[str] | None, place: Place, **facts: bool) -> None:
        if self._stream(name) is None:
            return
        known = self._uses.streams.get(name) or StreamUse(name[1])
        merged = {fact: said or getattr(known, fact) for fact, said in facts.items()}
        self._uses.add(name, place, everything=known.everything or fields is None, **merged)
        stream = self._stream(name)
        for each in sorted((fields or frozenset()) - (stream.facts if stream else frozenset())):
            self._uses.add_field(name, FieldUse(each, reads=True), self._mapping.place_read(owner, each) or place)

    def _writes(self, line: LineSpec) -> None:
        name = self._flow.destination if line.to in (None, "main") else self._named(line.to or "")
        stream = self._stream(name)
        if stream is None:
            return
        path = self._path(line)
        ops = self._ops(line, name, stream)
        at = self._mapping.document.place((*path, "to")) if line.to else self._to
        self._uses.add(name, at, writes=ops)
        if line.ends in ("undo", "choose"):
            self._uses.add(name, at, fetches=True)
        for each, written, here in self._fields(path, line):
            found = self._reader.field(here, written, stream.lengths.get(each))
            policy = line.policies.get(each) or line.leaves.get(each, "always")
            create = bool(ops & {"create", "append"}) and line.to != "main"
            update = "update" in ops and policy != "on-create" and not _is_main(written)
            self._uses.add_field(name, _use(each, found, create=create, update=update), self._key_place(here))
            self._values(name, each, found)

    def _values(self, name: StreamName, each: str, found: Written) -> None:
        document = self._mapping.document
        for constant in found.constants:
            self._uses.add_value(name, each, constant.value, document.place(constant.path))
        for ref, path in found.refs:
            self._uses.add_value(name, each, ref, document.place(path))

    def _ops(self, line: LineSpec, name: StreamName, stream: Stream) -> frozenset[Op]:
        """Kinds of write that a line may become."""
        if "append" in stream.writes:
            return frozenset({"append"})
        more = frozenset[Op]({"delete"} if line.ends in ("delete", "choose") else ())
        of = (name[0], stream.object or name[1])
        own_key = line.id == "main" and line.has_key
        to_origin = self._answered is not None and of == self._answered.source and not own_key
        if line.to == "main" or line.has_target or stream.object is not None or to_origin:
            return frozenset[Op]({"update"}) | more
        return (frozenset[Op]({"create"}) if line.once else frozenset[Op]({"create", "update"})) | more

    def _path(self, line: LineSpec) -> Path:
        if line.id == "main":
            return ()
        if line is self._mapping.told:
            return ("refused",)
        also = self._mapping.document.data.get("also") or []
        return next(
            ("also", at) for at, each in enumerate(also) if isinstance(each, dict) and each.get("id") == line.id
        )

    def _fields(self, path: Path, line: LineSpec) -> Iterator[tuple[str, Any, Path]]:
        """What the line writes, and what its end does."""
        data: Any = self._mapping.document.data
        for step in path:
            data = data[step]
        ends: dict[str, Path] = {"leave": ("leave",), "write": ("gone",), "choose": ("gone", "else")}
        for where in (("fields",), ends.get(line.ends)) if line.leaves else (("fields",),):
            held: Any = data
            for step in where or ():
                held = held.get(step) or {}
            for name, written in held.items():
                yield name, written, (*path, *(where or ()), name)

    def _key_place(self, path: Path) -> Place:
        return self._mapping.document.key_place(path)

    def _named(self, text: str) -> StreamName:
        connection, _, name = text.partition(".")
        own = {"source": self._flow.source[0], "destination": self._flow.destination[0]}
        return own.get(connection, connection), name

    def _stream(self, name: StreamName) -> Stream | None:
        adapter = self._adapters.get(name[0])
        try:
            return adapter.streams[name[1]] if adapter else None
        except KeyError:  # a fault of the configuration, said where flows are read
            return None


def _is_main(written: Any) -> bool:
    """Whether a field holds the Id of the main object: that stays what it was as its own object was made."""
    text = written.get("from") if isinstance(written, dict) else written
    return isinstance(text, str) and _MAIN.fullmatch(text) is not None


def _use(name: str, written: Written, *, create: bool, update: bool) -> FieldUse:
    return FieldUse(
        name,
        creates=create,
        updates=update,
        kinds=written.kinds or frozenset(),
        values=tuple(dict.fromkeys(constant.value for constant in written.constants)),
        closed=written.closed,
        longest=written.longest,
        refs=tuple(dict.fromkeys(ref for ref, _ in written.refs)),
    )


def _together(one: FieldUse, other: FieldUse) -> FieldUse:
    """Two uses of one field; what only one of them writes is known as far as that one says."""
    reads = one.reads or other.reads
    writers = [use for use in (one, other) if use.creates or use.updates]
    if len(writers) < 2:
        return replace(writers[0] if writers else one, reads=reads)
    first, second = writers
    open_kinds = not first.kinds or not second.kinds
    bounds = (first.longest, second.longest)
    return FieldUse(
        first.name,
        reads=reads,
        creates=first.creates or second.creates,
        updates=first.updates or second.updates,
        kinds=frozenset() if open_kinds else first.kinds | second.kinds,
        values=tuple(dict.fromkeys((*first.values, *second.values))),
        closed=first.closed and second.closed,
        longest=None if bounds[0] is None or bounds[1] is None else max(bounds[0], bounds[1]),
        refs=tuple(dict.fromkeys((*first.refs, *second.refs))),
    )


def _hashable(value: Any) -> Any:
    """True and 1 are one key of a dict, and not one value."""
    return (type(value).__name__, value)
