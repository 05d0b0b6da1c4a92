"""A compiled mapping: what the engine calls for every record."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from collections.abc import Mapping as MappingOf
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

import orjson

from connector.document import Document
from connector.errors import MappingFault, Place
from connector.mapping.functions import FILENAME, Work
from connector.mapping.lines import CompiledLine
from connector.mapping.refusals import Telling
from connector.mapping.sites import Site
from connector.mapping.spec import Ending, LineSpec, Lookup, Mapped, Refusal, Wanted
from connector.mapping.values import LARGEST_TEXT, MOST_STEPS, Wrong
from connector.model import Record

MOST_LINES = 10_000
"""Lines that one record may ask for."""

NOTHING: dict[str, Any] = {}
# What generated code may raise for a record: Wrong from our operators, and what Python's own say of odd values.
FAILURES = (ValueError, ArithmeticError, TypeError, LookupError, RecursionError, AttributeError)


@dataclass(slots=True)
class CompiledMapping:
    """Satisfies `connector.flow.Mapping`. Pure and safe to use from several threads."""

    file: str
    summary: str
    version: str
    fields: frozenset[str] | None
    paths: frozenset[str] | None
    lookups: tuple[Lookup, ...]
    lines: tuple[LineSpec, ...]
    uses_origin: bool
    origin_fields: frozenset[str] | None
    uses_this: bool
    document: Document = field(repr=False)
    _sites: list[Site] = field(repr=False)
    _lines: list[CompiledLine] = field(repr=False)
    _when: Work | None = field(default=None, repr=False)
    _when_alone: bool = field(default=False, repr=False)
    _when_plain: bool = field(default=False, repr=False)
    _lookup_keys: Work | None = field(default=None, repr=False)
    _routes: Work | None = field(default=None, repr=False)
    _read_sites: MappingOf[tuple[str, str], int] = field(default_factory=dict, repr=False)
    told: LineSpec | None = None
    ends: bool = False
    undoes: bool = False
    _while: Work | None = field(default=None, repr=False)
    _telling: Telling | None = field(default=None, repr=False)
    once_per: bool = False
    once_beside: bool = False
    _once: Work | None = field(default=None, repr=False)

    def lookup_keys(
        self, record: Record, *, origin: Record | None = None, entered: bool = True
    ) -> dict[str, str | list[str] | None]:
        """By lookup name: the key to fetch, the list of keys, or None when it is null. Raises MappingFault.

        A record that has not entered and that `when` leaves out looks nothing up, if `when` can say so without.
        """
        if self._lookup_keys is None:
            return {}
        o, ok = (origin.fields, origin.key) if origin is not None else (NOTHING, None)
        known = (record.fields, record, NOTHING, o, ok, NOTHING, None, None, [MOST_STEPS])
        try:
            if not entered and self._when is not None and self._when_alone and not self._when(*known):
                return dict.fromkeys((lookup.name for lookup in self.lookups), None)
            keys: dict[str, str | list[str] | None] = self._lookup_keys(*known)
        except FAILURES as error:
            raise self._fault(error) from error
        return keys

    def leaves_out(self, record: Record) -> bool:
        """Whether `when` says so of a record by itself, without what it looks up or answers. Raises MappingFault."""
        if self._when is None or not (self._when_alone and self._when_plain):
            return False
        known = (record.fields, record, NOTHING, NOTHING, None, NOTHING, None, None, [MOST_STEPS])
        try:
            return not self._when(*known)
        except FAILURES as error:
            raise self._fault(error) from error

    def element(self, line: str, record: Record, key: str, *, lookups: MappingOf[str, Any]) -> Any:
        """The element of a line (by id) that has this key, or None. Raises MappingFault."""
        of = next((each for each in self._lines if each.spec.id == line), None)
        if of is None or of.loop is None or of.key is None:
            return None
        steps = [MOST_STEPS]
        known: tuple[Any, ...] = (record.fields, record, lookups, NOTHING, None, NOTHING, None)
        try:
            if self._routes is not None:
                known = (*known[:5], self._routes(*known, None, steps)[0], None)
            return next((each for each in of.loop(*known, None, steps) if of.key(*known, each, steps) == key), None)
        except FAILURES as error:
            raise self._fault(error) from error

    def map(
        self,
        record: Record,
        *,
        lookups: MappingOf[str, Any] | None = None,
        origin: Record | None = None,
        entered: bool = False,
        main_id: str | None = None,
        size: int | None = None,
    ) -> Mapped:
        """The lines that this record asks for; see `connector.flow.Mapping`. Raises MappingFault."""
        fields, steps = record.fields, [MOST_STEPS]
        looked_up = NOTHING if lookups is None else lookups
        o, ok = (origin.fields, origin.key) if origin is not None else (NOTHING, None)
        try:
            known: tuple[Any, ...] = (fields, record, looked_up, o, ok, NOTHING, main_id)
            if self._once is not None:
                self.once(record)
            if self._when is not None and not entered and not self._when(*known, None, steps):
                return Mapped([], "", "when")
            route, label = NOTHING, ""
            if self._routes is not None:
                route, label, _ = self._routes(*known, None, steps)
            known = (fields, record, looked_up, o, ok, route, main_id)
            if self._while is not None and not self._while(*known, None, steps):
                return Mapped([], label, None if entered else "while", care=False)
            wanted: list[Wanted] = []
            for line in self._lines:
                if line.loop is None:
                    if line.when is None or line.when(*known, None, steps):
                        wanted.append(_wanted(line, known, None, steps))
                else:
                    self._elements(line, known, steps, wanted)
                    if line.spec.each and line.when is not None and not entered and not wanted:
                        return Mapped([], "", "when")  # main stands first: none of its elements was chosen
        except FAILURES as error:
            raise self._fault(error) from error
        if size is None or size > LARGEST_TEXT or looked_up or origin is not None:
            for one in wanted:
                self._bounded(one)
        return Mapped(wanted, label, None)

    def ending(
        self,
        line: str,
        key: str,
        record: Record,
        *,
        lookups: MappingOf[str, Any] | None = None,
        origin: Record | None = None,
        main_id: str | None = None,
    ) -> Ending | None:
        """What is to be done about a line that this record no longer asks for; see `connector.flow.Mapping`.
        Raises MappingFault."""
        made = next((one for one in self._lines if one.spec.id == line), None)
        if made is None or made.ending is None:
            return None
        o, ok = (origin.fields, origin.key) if origin is not None else (NOTHING, None)
        steps = [MOST_STEPS]
        known: tuple[Any, ...] = (record.fields, record, NOTHING if lookups is None else lookups, o, ok)
        try:
            route = NOTHING if self._routes is None else self._routes(*known, NOTHING, main_id, None, steps)[0]
            return made.ending.of((*known, route, main_id), key if made.spec.each else None, steps)
        except FAILURES as error:
            raise self._fault(error) from error

    def once(self, record: Record) -> str:
        """What a record is evaluated once for; see `connector.flow.Mapping`. Raises MappingFault."""
        assert self._once is not None, "only of a mapping that says `once_per`"
        try:
            return str(self._once(record.fields, record, NOTHING, NOTHING, None, NOTHING, None, None, [MOST_STEPS]))
        except FAILURES as error:
            raise self._fault(error) from error

    def tell(
        self,
        record: Record,
        refusal: Refusal,
        *,
        lookups: MappingOf[str, Any] | None = None,
        origin: Record | None = None,
    ) -> Wanted | None:
        """What the source is told of a refusal; see `connector.flow.Mapping`. Raises MappingFault."""
        if self._telling is None:
            return None
        o, ok = (origin.fields, origin.key) if origin is not None else (NOTHING, None)
        known = (record.fields, record, NOTHING if lookups is None else lookups, o, ok, NOTHING, None)
        try:
            return self._telling.wanted(refusal, known, [MOST_STEPS])
        except FAILURES as error:
            raise self._fault(error) from error

    def _elements(self, line: CompiledLine, known: tuple[Any, ...], steps: list[int], wanted: list[Wanted]) -> None:
        """A line for every element of `for`; two elements under one key would be one line with two contents."""
        assert line.loop is not None
        keys: set[str] = set()
        for element in line.loop(*known, None, steps):
            if line.when is not None and not line.when(*known, element, steps):
                continue
            made = _wanted(line, known, element, steps)
            if made.key in keys:
                if line.spec.each:
                    continue  # the element is all that such a line is made of
                raise MappingFault(
                    f"two elements of line '{line.spec.id}' have the same key",
                    place=self.document.place((*line.path, "key")),
                    remedy="make the key of something that tells the elements apart",
                )
            keys.add(made.key)
            wanted.append(made)
            if len(wanted) > MOST_LINES:
                raise MappingFault(
                    f"more than {MOST_LINES:,} lines for one record",
                    place=self.document.place((*line.path, "for") if line.path else ("each", "of")),
                )

    def _bounded(self, made: Wanted) -> None:
        """What a record holds and no template made is bounded too: no remote field takes more, and the call would carry it."""
        with suppress(orjson.JSONEncodeError):  # where all of them are written in so few bytes, each is short enough
            if len(orjson.dumps(made.values, default=str)) <= LARGEST_TEXT:
                return
        path = next(line.path for line in self._lines if line.spec is made.spec)
        for name, value in (made.values or {}).items():
            if value.__class__ is str and len(value) > LARGEST_TEXT:
                raise MappingFault(
                    f"{name}: text longer than {LARGEST_TEXT:,} characters",
                    place=self.document.place((*path, "fields", name)),
                    field=name,
                    remedy="shorten it with truncate",
                )

    def without(self, ids: Collection[str]) -> CompiledMapping:
        """The same without these lines of `also`; rows that were settled with them remember another version."""
        if not ids:
            return self
        return replace(
            self,
            version=hashlib.sha256(f"{self.version}-{','.join(sorted(ids))}".encode()).hexdigest()[:16],
            lines=tuple(line for line in self.lines if line.id not in ids),
            _lines=[line for line in self._lines if line.spec.id not in ids],
        )

    def place_read(self, owner: str, name: str) -> Place | None:
        """Where a field is read first: `owner` is `record`, `origin` or a lookup's name. None: it is not read by name."""
        number = self._read_sites.get((owner, name))
        return None if number is None else self.place_of(self._sites[number - 1])

    def place_of(self, site: Site) -> Place:
        if site.offset is None:
            return self.document.place(site.path)
        return self.document.inside(site.path, site.offset)

    def _fault(self, error: Exception) -> MappingFault:
        """The failure of an expression as a MappingFault at its place."""
        site = self._sites[site_number(error.__traceback__) - 1]
        message = str(error) if isinstance(error, (Wrong, RecursionError)) else _arithmetic(error)
        kinds = error.kinds if isinstance(error, Wrong) else ()
        if kinds:
            message = _with_kinds(message, site.operands, kinds)
        if site.source:
            message = f"{message} in {_short(site.source)}"
        if site.field:
            message = f"{site.field}: {message}"
        remedy = error.remedy if isinstance(error, Wrong) else ""
        return MappingFault(message, place=self.place_of(site), field=site.field, remedy=remedy)


def _wanted(line: CompiledLine, known: tuple[Any, ...], element: Any, steps: list[int]) -> Wanted:
    waits = known[6] is None
    target = None
    if line.target is not None and not (waits and line.target_needs_main):
        target = line.target(*known, element, steps)
    values = None if waits and line.spec.needs_main else line.values(*known, element, steps)
    return Wanted(line.spec, "" if line.key is None else line.key(*known, element, steps), target, values)


def site_number(trace: TracebackType | None) -> int:
    """The line of the innermost generated frame: its number is that of a Site."""
    number = 1
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILENAME:
            number = trace.tb_lineno or number
        trace = trace.tb_next
    return number


def _arithmetic(error: Exception) -> str:
    match error:
        case ZeroDivisionError():
            return "division by zero"
        case ArithmeticError():
            return "a number beyond what can be calculated"
        case _:
            return f"cannot be worked out ({type(error).__name__})"


def _with_kinds(message: str, operands: Iterable[str], kinds: tuple[str, ...]) -> str:
    names = [*operands, *[""] * len(kinds)]
    if len(kinds) == 1:
        return f"{names[0] or 'the value'} is {kinds[0]}: {message}"
    sides = (names[0] or "the left side", names[1] or "the right side")
    return f"{sides[0]} is {kinds[0]}, {sides[1]} is {kinds[1]}: {message}"


def _short(source: str) -> str:
    flat = " ".join(source.split())
    return f"`{flat}`" if len(flat) <= 80 else f"`{flat[:79]}…`"
