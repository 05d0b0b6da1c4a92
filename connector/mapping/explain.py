"""What a mapping does with one record, for people: which rule, and every field with its expression's place and value."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from connector.errors import MappingFault, Place
from connector.mapping.compiled import CompiledMapping
from connector.mapping.spec import Mapped, Wanted, WritePolicy
from connector.model import Record, Ref


@dataclass(frozen=True, slots=True)
class ExplainedField:
    """One field: its value (JSON value, Decimal, Ref or None), when it is written, and what made it, as written."""

    name: str
    value: Any
    policy: WritePolicy
    place: Place
    written: str


@dataclass(frozen=True, slots=True)
class ExplainedLine:
    """One line; `fields` is None while it waits for the main line's id."""

    id: str
    to: str | None
    key: str
    target: str | None
    place: Place
    fields: tuple[ExplainedField, ...] | None
    left_alone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """`filtered`: the rule that left the record out, at `rule`. `fault`: why it parks. `route` was taken at `route_place`."""

    record: str
    lookups: MappingOf[str, str | list[str] | None] = field(default_factory=dict)
    filtered: str | None = None
    rule: Place | None = None
    route: str = ""
    route_place: Place | None = None
    fault: MappingFault | None = None
    lines: tuple[ExplainedLine, ...] = ()


def explain(
    mapping: CompiledMapping,
    record: Record,
    *,
    lookups: MappingOf[str, Any] | None = None,
    origin: Record | None = None,
    entered: bool = False,
    main_id: str | None = None,
) -> Explanation:
    """Map one record and say how. Never raises MappingFault: it is part of the answer."""
    keys: dict[str, str | list[str] | None] = {}
    document = mapping.document
    try:
        keys = mapping.lookup_keys(record, origin=origin)
        mapped = mapping.map(record, lookups=lookups, origin=origin, entered=entered, main_id=main_id)
    except MappingFault as fault:
        return Explanation(record.key, keys, rule=fault.place, fault=fault)
    number = mapping.route_number(record, lookups=lookups, origin=origin)
    return Explanation(
        record=record.key,
        lookups=keys,
        filtered=mapped.filtered,
        rule=document.place((mapped.filtered or "when",)) if mapped.filtered or "when" in document.data else None,
        route=mapped.route,
        route_place=None if number is None or mapped.filtered else document.place(("routes", number)),
        lines=_lines(mapping, mapped),
    )


def _lines(mapping: CompiledMapping, mapped: Mapped) -> tuple[ExplainedLine, ...]:
    return tuple(_line(mapping, wanted) for wanted in mapped.lines)


def _line(mapping: CompiledMapping, wanted: Wanted) -> ExplainedLine:
    spec, path = wanted.spec, mapping.line_path(wanted.spec.id)
    fields: tuple[ExplainedField, ...] | None = None
    alone: Sequence[str] = ()
    if wanted.values is not None:
        fields = tuple(
            ExplainedField(name, value, spec.policies[name], *_source(mapping, (*path, "fields", name)))
            for name, value in wanted.values.items()
        )
        alone = [name for name in spec.policies if name not in wanted.values]
    place = mapping.document.place(path if path else ("fields",))
    return ExplainedLine(spec.id, spec.to, wanted.key, wanted.target, place, fields, tuple(alone))


def _source(mapping: CompiledMapping, path: tuple[str | int, ...]) -> tuple[Place, str]:
    """Where a field's expression stands, and the expression."""
    value: Any = mapping.document.data
    for step in path:
        value = value[step]
    if isinstance(value, dict):
        way = next(each for each in ("from", "choice", "name") if each in value)
        path, value = (*path, way), value[way]
    return mapping.document.place(path), "null" if value is None else str(value)


def shown(value: Any) -> Any:
    """A value as a mapping's tests and `preview` write it: references as `{ref: queue, name: Returns}`."""
    if isinstance(value, Ref):
        return {"choice": value.name} if value.kind == "choice" else {"ref": value.kind, "name": value.name}
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value
