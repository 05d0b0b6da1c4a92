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
CASE, VISIBILITY = "LinkedEntityId", "Visibility"
OF_LINK = frozenset({CASE, VISIBILITY})
"""No fields of a ContentVersion: the case that a file that was read is linked to, and who sees it there."""
NOT_SELECTED = OF_LINK | {BLOB}
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
    linked = _links(list(dict.fromkeys(others)), rows)
    keys = _keys([link[CASE] for links in linked.values() for link in links], rows, key_field)
    found = []
    for record in records:
        if record.our_key is not None:
            found.append(replace(record, own=True))
            continue
        links = linked.get(record.fields["ContentDocumentId"], [])
        link = next((one for one in links if one[CASE] in keys), links[0] if links else {})
        fields = record.fields | {name: link.get(name) for name in OF_LINK}
        found.append(replace(record, fields=fields, our_key=keys.get(fields[CASE])))
    return found


def _links(documents: Sequence[str], rows: Callable[[str], list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Document → its links to cases, the first one first."""
    linked: dict[str, list[dict[str, Any]]] = {}
    columns = ["Id", "ContentDocumentId", CASE, VISIBILITY]
    for query in soql.among("ContentDocumentLink", columns, "ContentDocumentId", documents):
        for row in rows(query):
            if str(row[CASE]).startswith(_CASE_PREFIX):
                linked.setdefault(row["ContentDocumentId"], []).append(row)
    return {document: sorted(links, key=lambda link: str(link["Id"])) for document, links in linked.items()}


def _keys(cases: Sequence[str], rows: Callable[[str], list[dict[str, Any]]], key_field: str) -> Mapping[str, str]:
    """Case → our key on it."""
    wanted = list(dict.fromkeys(cases))
    found: dict[str, str] = {}
    for query in soql.among("Case", ["Id", key_field], "Id", wanted):
        found |= {row["Id"]: row[key_field] for row in rows(query) if row[key_field]}
    return found
