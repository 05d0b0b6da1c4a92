"""Makes mappings for tests out of a few words, and maps one record with them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connector.document import load
from connector.errors import ConfigFault, Fault, MappingFault
from connector.mapping.compile import compile_mapping
from connector.mapping.compiled import CompiledMapping
from connector.model import Record


def compiled(text: str, **options: Any) -> CompiledMapping:
    return compile_mapping(load("m.yaml", text), **options)


def of(document: dict[str, Any], **options: Any) -> CompiledMapping:
    """JSON is YAML: no quoting to get wrong."""
    return compiled(orjson.dumps(document).decode(), **options)


def record(key: str = "RR-1", stamp: str | None = "2026-11-20T10:02:00.000Z", **fields: Any) -> Record:
    return Record(key=key, fields=fields, stamp=stamp)


def value(expression: Any, /, *, route: dict[str, Any] | None = None, lookups: Any = None, **fields: Any) -> Any:
    """What one field becomes."""
    document: dict[str, Any] = {"fields": {"F": expression}}
    if lookups:
        document["lookups"] = {
            name: {"stream": "source.orders", "keys" if isinstance(found, list) else "key": "{{ 'k' }}"}
            for name, found in lookups.items()
        }
    mapped = of(document).map(record(**fields), lookups=lookups)
    values = mapped.lines[0].values
    assert values is not None
    return values["F"]


def parked(expression: Any, /, **fields: Any) -> MappingFault:
    with pytest.raises(MappingFault) as caught:
        value(expression, **fields)
    return caught.value


def faults(text: str, **options: Any) -> tuple[Fault, ...]:
    with pytest.raises(ConfigFault) as caught:
        compiled(text, **options)
    return caught.value.faults


def only_fault(text: str, **options: Any) -> Fault:
    found = faults(text, **options)
    assert len(found) == 1, [str(each) for each in found]
    return found[0]
