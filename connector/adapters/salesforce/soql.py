"""SOQL as text: literals that cannot break out, columns, the keyset page, lists of keys bounded by the length of a URI.

Own escapes rather than simple-salesforce's `format_soql`: it takes naive times as local ones, and importing it costs 0.3 s.
Source: SOQL and SOSL Reference, "Quoted String Escape Sequences" and "Date Formats and Date Literals".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote_plus

from connector.adapters.salesforce.cursor import Position
from connector.errors import Misconfigured

LONGEST_URI = 14_000
"""Bytes of an encoded query; the server's limit is 16,384 for URI and headers together."""

_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        '"': '\\"',
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\b": "\\b",
        "\f": "\\f",
    }
)
_LIKE_ESCAPES = str.maketrans({"%": "\\%", "_": "\\_"})
_PATH = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*){0,5}\Z")

RELATIONS: Mapping[str, tuple[str, ...]] = {
    "Owner": ("Owner.Name", "Owner.Type"),
    "Account": ("Account.Name",),
    "Contact": ("Contact.Name", "Contact.Email"),
    "CreatedBy": ("CreatedBy.Name",),
    "LastModifiedBy": ("LastModifiedBy.Name",),
    "RecordType": ("RecordType.Name", "RecordType.DeveloperName"),
}
"""Relationships that a mapping may name as a whole, and what is selected of them. `X__r` gives its Name."""


def text(value: str) -> str:
    """A quoted text."""
    return "'" + value.translate(_ESCAPES) + "'"


def prefix(value: str) -> str:
    """A quoted pattern for LIKE: everything that begins so."""
    return "'" + value.translate(_ESCAPES).translate(_LIKE_ESCAPES) + "%'"


def literal(value: Any) -> str:
    """A text, number, boolean or null. ValueError for anything else."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int | float | Decimal):
        return str(value)
    raise ValueError(f"{type(value).__name__} has no SOQL literal")


def columns(names: Iterable[str]) -> list[str]:
    """Field names as they are selected: relationships spelled out, each once. Misconfigured for what cannot be a field."""
    out: dict[str, None] = {}
    for name in names:
        if not _PATH.match(name):
            raise Misconfigured(f"{name!r} cannot be a field of Salesforce", remedy="correct the name in the mapping")
        if name in RELATIONS:
            out |= dict.fromkeys(RELATIONS[name])
        elif name.endswith("__r") and "." not in name:
            out[name + ".Name"] = None
        else:
            out[name] = None
    return list(out)


def instant(stamp: str) -> str:
    """A datetime literal of a stamp in the one form; whole seconds without their fraction."""
    return stamp[:19] + "Z" if stamp.endswith(".000Z") else stamp


def conditions(where: Mapping[str, Any]) -> list[str]:
    """A flow's `where`: field equals value, or is one of a list. Misconfigured for what Salesforce cannot be asked."""
    out = []
    for name, value in where.items():
        if not _PATH.match(name):
            raise Misconfigured(f"where: {name!r} cannot be a field of Salesforce", remedy="correct the flow's where:")
        try:
            if isinstance(value, list | tuple):
                out.append(f"{name} IN ({','.join(literal(each) for each in value)})")
            else:
                out.append(f"{name} = {literal(value)}")
        except ValueError as error:
            raise Misconfigured(
                f"where: {name}: {error}", remedy="compare with a text, a number, true, false, null or a list of these"
            ) from error
    return out


def page(
    stream: str,
    select: Sequence[str],
    *,
    start: Position | None,
    conditions: Sequence[str] = (),
    limit: int,
) -> str:
    """The next page in the order of (SystemModstamp, Id). `start`: behind its id, or at its stamp."""
    where = list(conditions)
    if start is not None:
        at = instant(start.stamp)
        where.append(f"SystemModstamp >= {at}")  # by itself, so that its index serves
        if start.id:
            where.append(f"(SystemModstamp > {at} OR Id > {text(start.id)})")
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    return f"SELECT {','.join(select)} FROM {stream}{condition} ORDER BY SystemModstamp,Id LIMIT {limit}"  # noqa: S608 - SOQL only reads; every part is checked or quoted


def of_either(stream: str, select: Sequence[str], fields: Sequence[str], values: Sequence[str]) -> Iterator[str]:
    """Queries for the rows in which one of a few fields is one of the values: 25 values in each."""
    for start in range(0, len(values), 25):
        listed = ",".join(text(value) for value in values[start : start + 25])
        condition = " OR ".join(f"{field} IN ({listed})" for field in fields)
        yield f"SELECT {','.join(select)} FROM {stream} WHERE {condition} ORDER BY Id"  # noqa: S608 - as above


def among(
    stream: str,
    select: Sequence[str],
    field: str,
    values: Iterable[str],
    *,
    condition: str = "",
    most: int = 200,
) -> Iterator[str]:
    """Queries that find the rows whose `field` is one of the values, oldest first: few, none longer than a URI may be."""
    head = f"SELECT {','.join(select)} FROM {stream} WHERE {condition + ' AND ' if condition else ''}{field} IN ("  # noqa: S608 - as above
    tail = ") ORDER BY Id"
    room = LONGEST_URI - len(quote_plus(head + tail))
    batch: list[str] = []
    used = 0
    for value in values:
        quoted = text(value)
        size = len(quote_plus(quoted)) + 3
        if batch and (used + size > room or len(batch) >= most):
            yield head + ",".join(batch) + tail
            batch, used = [], 0
        batch.append(quoted)
        used += size
    if batch:
        yield head + ",".join(batch) + tail
