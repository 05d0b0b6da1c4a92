"""A row of a query made a Record: whose it is, since when, under which key of ours, and who has taken it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from connector import stamps
from connector.model import Record

CLAIM_COLUMNS = ("OwnerId", "Owner", "IsClosed")
"""What tells whether somebody has taken a case."""
CLOSED = "closed"
"""Who has taken a closed case. Who closed it does not show for long: our next update makes us the last to have saved it."""
_USER = "005"
RECORD_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\Z")
"""What an Id looks like. A query that compares one with another text is refused whole."""


def same_id(record_id: str) -> str:
    """An Id as it is compared: its first 15 characters (the 18-character form adds a checksum)."""
    return record_id[:15]


def stamp_of(text: str | None) -> str | None:
    """A time of the REST API (`2026-11-20T10:15:30.000+0000`) in the one form."""
    if text is not None and len(text) == 28 and text.endswith("+0000"):
        return text[:23] + "Z"
    return stamps.normal(text)


def nested(select: Sequence[str]) -> tuple[str, ...]:
    """The relationships among selected columns: their objects carry `attributes` that are not fields."""
    return tuple(dict.fromkeys(column.split(".", 1)[0] for column in select if "." in column))


def to_record(
    row: dict[str, Any],
    *,
    key_field: str,
    relations: Sequence[str],
    nobody: Collection[str],
    claims: bool,
) -> Record:
    """The record of one row. `nobody` holds names and short ids of owners that count as not having taken a case."""
    row.pop("attributes", None)
    for name in relations:
        related = row.get(name)
        if type(related) is dict:
            related.pop("attributes", None)
    return Record(
        key=row["Id"],
        fields=row,
        stamp=stamp_of(row.get("SystemModstamp")),
        our_key=row.get(key_field),
        claimed_by=claimed_by(row, nobody) if claims else None,
        deleted=bool(row.get("IsDeleted")),
    )


def is_person(owner_id: str, name: str | None, nobody: Collection[str]) -> bool:
    """Whether an owner is a person who has taken the case: no queue, and no user who counts as nobody."""
    return owner_id.startswith(_USER) and same_id(owner_id) not in nobody and name not in nobody


def claimed_by(row: Mapping[str, Any], nobody: Collection[str]) -> str | None:
    """Who has taken the case: the name of the user who owns it, else the id, or CLOSED. None when it is open and a queue owns
    it, or a user who counts as nobody."""
    owner_id: str = row.get("OwnerId") or ""
    name: str | None = (row.get("Owner") or {}).get("Name")
    if is_person(owner_id, name, nobody):
        return name or owner_id
    return CLOSED if row.get("IsClosed") else None
