"""`ContentVersion`: files put on cases under our key, one call each, and files that people attach there, read with their case.

Which case a file of somebody else belongs to is said by ContentDocumentLink, which can be asked from a document or from a record
only. Source: Object Reference, "ContentVersion", "ContentDocumentLink".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connector.adapter import Stream
from connector.adapters.salesforce import soql
from connector.adapters.salesforce.settings import Settings
from connector.model import Record

STREAM = "ContentVersion"
BLOB = "VersionData"
CASE = "LinkedEntityId"
"""Not a field of a ContentVersion: the case that a file that was read is linked to."""
NOT_SELECTED = frozenset({BLOB, CASE})
_CASE_PREFIX = "500"


def stream(settings: Settings) -> Stream:
    """What is true of files. They are made and never changed by us; another content is another file."""
    return Stream(
        STREAM,
        key="Id",
        needs=("Id", "SystemModstamp", settings.key_field, "ContentDocumentId"),
        writes=frozenset({"create"}),
        batch=1,
        fetch_batch=200,
        create="exclusive",
        fetch="direct",
        settle_after=settings.settle_after,
        lengths={"Title": 255, "Description": 1000},
        files=frozenset({BLOB}),
        part_of="Case",
    )


def attached(records: Sequence[Record], rows: Callable[[str], list[dict[str, Any]]], key_field: str) -> list[Record]:
    """Files as they were read, each with the key of the case that it is linked to (the first one that bears a key of ours, in
    the order of the links) and that case's Id. One that bears a key of ours itself is our own. At most two further queries for
    some hundred files; none where all are our own."""
    others = [record.fields["ContentDocumentId"] for record in records if record.our_key is None]
    linked = _cases(list(dict.fromkeys(others)), rows)
    keys = _keys([case for cases in linked.values() for case in cases], rows, key_field)
    found = []
    for record in records:
        if record.our_key is not None:
            found.append(replace(record, own=True))
            continue
        cases = linked.get(record.fields["ContentDocumentId"], [])
        case = next((one for one in cases if one in keys), None)
        fields = record.fields | {CASE: case or (cases[0] if cases else None)}
        found.append(replace(record, fields=fields, our_key=keys.get(case) if case else None))
    return found


def _cases(documents: Sequence[str], rows: Callable[[str], list[dict[str, Any]]]) -> dict[str, list[str]]:
    """Document → the cases that it is linked to."""
    linked: dict[str, list[tuple[str, str]]] = {}
    for query in soql.among("ContentDocumentLink", ["Id", "ContentDocumentId", CASE], "ContentDocumentId", documents):
        for row in rows(query):
            if str(row[CASE]).startswith(_CASE_PREFIX):
                linked.setdefault(row["ContentDocumentId"], []).append((row["Id"], row[CASE]))
    return {document: [case for _, case in sorted(links)] for document, links in linked.items()}


def _keys(cases: Sequence[str], rows: Callable[[str], list[dict[str, Any]]], key_field: str) -> Mapping[str, str]:
    """Case → our key on it."""
    wanted = list(dict.fromkeys(cases))
    found: dict[str, str] = {}
    for query in soql.among("Case", ["Id", key_field], "Id", wanted):
        found |= {row["Id"]: row[key_field] for row in rows(query) if row[key_field]}
    return found
