"""One field as the mappings use it, held against what the org says of it. Only what is certain is a problem.

Types: REST answers a value of the wrong JSON type, and a text that is no number, time or yes and no, with JSON_PARSER_ERROR
for the whole call. Not known, and so no problem: a number or yes-or-no in a text field, a number in a checkbox, a time in a
date field. Picklists: a restricted one takes the API names of its active values, and is not known to mind their case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from connector.adapters.salesforce.describing import Described
from connector.adapters.salesforce.records import RECORD_ID
from connector.model import FieldUse, Kind, Problem
from connector.nearest import meant

_NUMBERS = frozenset({"double", "currency", "int", "percent"})
_MOMENTS = frozenset({"datetime", "date", "time"})
_IDS = frozenset({"reference", "id"})
_PICKLISTS = frozenset({"picklist", "multipicklist", "combobox"})
_TEXTS = frozenset({"string", "textarea", "phone", "email", "url", "encryptedstring"}) | _PICKLISTS
_REFUSED: tuple[tuple[frozenset[str], frozenset[Kind]], ...] = (
    (_NUMBERS, frozenset({"boolean", "instant", "date", "list", "ref"})),
    (frozenset({"boolean"}), frozenset({"instant", "date", "list", "ref"})),
    (_MOMENTS, frozenset({"boolean", "list", "ref"})),
    (_IDS, frozenset({"boolean", "number", "instant", "date", "list"})),
    (_TEXTS, frozenset({"list"})),
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d.*)?\Z")
_CLOCK = re.compile(r"\d\d:\d\d.*\Z")
_SAYS: dict[Kind, str] = {
    "text": "a text",
    "number": "a number",
    "boolean": "true or false",
    "instant": "a time",
    "date": "a date",
    "list": "a list",
    "ref": "a reference",
    "choice": "a choice",
}
_TAKES = {
    "boolean": "a checkbox, which takes true or false",
    "datetime": "a date and time",
    "date": "a date",
    "time": "a time of day",
} | dict.fromkeys(_NUMBERS, "a number") | dict.fromkeys(_IDS, "a reference, which takes {ref: …} or an Id")  # fmt: skip
_OBJECT_OF = {"queue": "Group", "user": "User"}


def field_problems(described: Described, use: FieldUse) -> Iterator[Problem]:
    """Everything that is wrong with one field of an object as the mappings use it."""
    writes = use.creates or use.updates
    problem = (
        described.missing(use.name, described.fields, access="read and edit")
        if writes
        else described.unreadable(use.name)
    )
    if problem is not None:
        yield problem
        return
    if not writes:
        return
    field = described.fields[use.name]
    yield from _permission(described.name, field, use)
    yield from _types(described.name, field, use)
    yield from _length(described.name, field, use)
    yield from _choices(described.name, field, use)


def _permission(stream: str, field: dict[str, Any], use: FieldUse) -> Iterator[Problem]:
    name = field["name"]
    shut_create = use.creates and field.get("createable") is False
    shut_update = use.updates and field.get("updateable") is False
    if not (shut_create or shut_update):
        return
    if shut_update and not shut_create and field.get("createable"):
        message = f"{name} of {stream} can be set when a record is made, but the integration user may not change it"
        yield Problem(message, f"write: on-create, or give its permission set edit access to {name}", stream, name)
        return
    if shut_create and not shut_update and field.get("updateable"):
        message = f"{name} of {stream} can be changed, but the integration user may not set it when a record is made"
    else:
        message = f"the integration user may not write {name} of {stream}"
    if field.get("calculated") or field.get("autoNumber"):
        remedy = f"Salesforce makes the value itself: take {name} out of the mapping"
    else:
        remedy = f"give its permission set edit access to {name}; what nobody can edit, take out of the mapping"
    yield Problem(message, remedy, stream, name)


def _types(stream: str, field: dict[str, Any], use: FieldUse) -> Iterator[Problem]:
    name, kind = field["name"], field.get("type", "")
    refused = next((kinds for types, kinds in _REFUSED if kind in types), frozenset[Kind]())
    said = f"{name} of {stream} is {_TAKES.get(kind, f'of type {kind}')}"
    shown: set[Kind] = set()
    for value, named in _constants(use):
        of = _kind(value)
        if of in refused or (isinstance(value, str) and value and not _fits(kind, value)):
            shown.add(of)
            yield Problem(f"{said}, not {_shown(value)}", _remedy(kind), stream, name, named)
    for ref in use.refs:
        wanted = _OBJECT_OF.get(ref.kind)
        takes = field.get("referenceTo") or []
        if kind in _IDS and wanted is not None and takes and wanted not in takes:
            yield Problem(
                f"{name} of {stream} refers to {' or '.join(takes)}, not to a {ref.kind}",
                "write another field, or the Id of such a record",
                stream,
                name,
                ref,
            )
    for of in sorted(use.kinds & refused - shown):
        yield Problem(f"{said}, and {_SAYS[of]} is written", _remedy(kind), stream, name)


def _constants(use: FieldUse) -> Iterator[tuple[Any, Any]]:
    """Values that stand in the mappings, labels of choices among them, and as what the mappings name them."""
    yield from ((value, value) for value in use.values)
    yield from ((ref.name, ref) for ref in use.refs if ref.kind == "choice")


def _remedy(kind: str) -> str:
    return f"write what a field of type {kind} takes, or name another field"


def _kind(value: Any) -> Kind:
    return "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _shown(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def _fits(kind: str, text: str) -> bool:
    """Whether Salesforce can take this text for a value of the type."""
    fits: dict[str, Callable[[str], object]] = {
        "boolean": lambda text: text.lower() in ("true", "false"),
        "datetime": _MOMENT.match,
        "date": _MOMENT.match,
        "time": _CLOCK.match,
    }
    fits |= dict.fromkeys(_NUMBERS, _is_number) | dict.fromkeys(_IDS, RECORD_ID.match)
    return bool(fits[kind](text)) if kind in fits else True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _length(stream: str, field: dict[str, Any], use: FieldUse) -> Iterator[Problem]:
    name, length = field["name"], field.get("length") or 0
    if field.get("type") not in _TEXTS or length <= 0:
        return
    texts = [value for value in use.values if isinstance(value, str)]
    for text in texts:
        if len(text) > length:
            message = f"{name} of {stream} takes {length:,} characters, this text has {len(text):,}"
            yield Problem(message, f"shorten it, or lengthen {name}", stream, name, text)
    longest_constant = max(map(len, texts), default=0)
    if use.longest is not None and use.longest > max(length, longest_constant):
        message = (
            f"texts of up to {use.longest:,} characters are written into {name} of {stream}, which takes {length:,}"
        )
        yield Problem(message, f"write `| truncate({length})`, or lengthen {name}", stream, name)


def _choices(stream: str, field: dict[str, Any], use: FieldUse) -> Iterator[Problem]:
    """Constants that a restricted picklist does not take."""
    if field.get("type") not in _PICKLISTS or not field.get("restrictedPicklist"):
        return
    name = field["name"]
    active = {
        each["value"]: each.get("label") or each["value"]
        for each in field.get("picklistValues") or ()
        if each.get("active")
    }
    folded = {value.lower() for value in active}
    for text, value in _constants(use):
        if not isinstance(text, str) or not text:
            continue
        parts = text.split(";") if field["type"] == "multipicklist" else [text]
        for part in parts:
            if part.strip().lower() in folded:
                continue
            by_label = next((known for known, label in active.items() if label.lower() == part.strip().lower()), None)
            guess = f"did you mean {by_label}? " if by_label else meant(part, active)
            known = ", ".join(list(active)[:20]) + (", …" if len(active) > 20 else "")
            remedy = f"{guess}active values: {known or 'none'}"
            yield Problem(
                f"'{part}' is no active value of the picklist {name} of {stream}", remedy, stream, name, value
            )
