"""`setup/attributes.yaml`: how the fields that mappings name are declared in the remote systems, for `connector setup`.

Mappings name fields and not their types: an administrator must declare both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.adapter import Declared
from connector.document import Document, did_you_mean, load
from connector.errors import ConfigFault, Place
from connector.model import Attribute

_KEYS = ("type", "label", "description", "values")
_FORM = "write FIELD: {type: …, label: …, description: …, values: […]}"


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the file declares, by adapter, and where each declaration stands."""

    document: Document
    declared: Mapping[str, Declared]

    def of(self, adapter: str) -> Declared:
        """Stream → field → declaration, for the streams of one adapter."""
        return self.declared.get(adapter, {})

    def place(self, adapter: str, stream: str, field: str) -> Place:
        """Where a field is declared."""
        return self.document.key_place((adapter, stream, field))


def load_attributes(path: str) -> Attributes:
    """Read the file at `path`. ConfigFault names every fault in it."""
    document = load(path)
    faults = list(document.faults)
    declared: dict[str, dict[str, dict[str, Attribute]]] = {}
    for adapter, streams in _items(document, (), document.data):
        of = declared.setdefault(adapter, {})
        for stream, fields in _items(document, (adapter,), streams):
            known = of.setdefault(stream, {})
            for name, written in _items(document, (adapter, stream), fields):
                attribute = _attribute(document, (adapter, stream, name), written)
                if attribute is not None:
                    known[name] = attribute
    faults += [fault for fault in document.faults if fault not in faults]
    if faults:
        raise ConfigFault(faults)
    return Attributes(document, declared)


def _items(document: Document, path: tuple[str, ...], value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    if value is not None:
        document.faults.append(document.fault(path, "must be a mapping (`key: value` lines)", _FORM))
    return []


def _attribute(document: Document, path: tuple[str, ...], written: Any) -> Attribute | None:
    before = len(document.faults)
    if not isinstance(written, dict):
        document.faults.append(document.fault(path, "must be a mapping (`key: value` lines)", _FORM))
        return None
    for key in written:
        if key not in _KEYS:
            message, remedy = f"unknown key '{key}'", did_you_mean(key, _KEYS)
            document.faults.append(document.fault((*path, key), message, remedy, key=True))
    for key in ("type", "label", "description"):
        if not isinstance(written.get(key, ""), str) or (key == "type" and not written.get(key)):
            document.faults.append(document.fault((*path, key), f"{key} must be text", _FORM))
    values = written.get("values", [])
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        document.faults.append(document.fault((*path, "values"), "values must be a list of texts", _FORM))
    if len(document.faults) > before:
        return None
    return Attribute(written["type"], written.get("label", ""), written.get("description", ""), tuple(values))
