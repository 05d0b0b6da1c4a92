"""Files of the org: a ContentVersion that is made makes its ContentDocument, and the link to the record that it is published to.

From the Object Reference (ContentVersion, ContentDocument, ContentDocumentLink) and the REST API Developer Guide, "Insert or
Update Blob Data": base64 in JSON (37.5 MB of it at most), or a multipart body of two parts, `entity_content` and `VersionData`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any

import orjson

from connector.sandbox.salesforce.ids import full
from connector.sandbox.salesforce.problem import Problem
from connector.sandbox.salesforce.soql import Both, Compare, Condition
from connector.sandbox.salesforce.table import Row, Values

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Call, Org
    from connector.sandbox.salesforce.writes import Transaction

VERSION, DOCUMENT, LINK = "ContentVersion", "ContentDocument", "ContentDocumentLink"
BLOB = "VersionData"
LARGEST_IN_JSON = 37_500_000
"""Characters of base64."""
LINKABLE = ("Case", "User")
"""Objects to whose records a file can be linked."""
_DISPOSITION = re.compile(r'form-data; *name="([^"]+)"(?:; *filename="([^"]*)")?\Z')
_FILTERED = {"contentdocumentid", "linkedentityid"}
_KINDS = {"pdf": "PDF", "jpg": "JPG", "png": "PNG", "txt": "TEXT", "csv": "CSV"}


class Contents:
    """The blobs of one org by the Id of their version, and what follows from making one."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.blobs: dict[str, bytes] = {}

    # checking
    def version(self, values: Values) -> None:
        """A version that is about to be made: its bytes decoded, its references looked at."""
        values[BLOB] = _decoded(values[BLOB])
        document, place = values.get("ContentDocumentId"), values.get("FirstPublishLocationId")
        if document is not None:
            if place is not None:
                raise Problem(
                    "FIELD_INTEGRITY_EXCEPTION",
                    "You cannot set both ContentDocumentId and FirstPublishLocationId",
                    ["FirstPublishLocationId"],
                )
            self._known(DOCUMENT, str(document), "ContentDocumentId")
        if place is not None:
            values["FirstPublishLocationId"] = self._linkable(str(place), "FirstPublishLocationId")

    def link(self, values: Values) -> None:
        """A link that is about to be made; a file is linked to a record one time."""
        document = self._known(DOCUMENT, str(values["ContentDocumentId"]), "ContentDocumentId")
        entity = values["LinkedEntityId"] = self._linkable(str(values["LinkedEntityId"]), "LinkedEntityId")
        if any(row.values["LinkedEntityId"] == entity for row in self._links(document)):
            raise Problem("DUPLICATE_VALUE", "duplicate value found: record is already linked with document", [])
        values["ContentDocumentId"] = document

    def _known(self, kind: str, given: str, field: str) -> str:
        row = self.org.tables[kind].rows.get(full(given) or "")
        if row is None or row.values["IsDeleted"]:
            raise Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field])
        return str(row.values["Id"])

    def _linkable(self, given: str, field: str) -> str:
        known = full(given)
        for kind in LINKABLE:
            row = self.org.tables[kind].rows.get(known or "")
            if row is not None and not row.values.get("IsDeleted"):
                return str(row.values["Id"])
        raise Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field])

    def _links(self, document: str) -> list[Row]:
        return [row for row in self.org.tables[LINK].children.get(document, []) if not row.values["IsDeleted"]]

    # committing
    def made(self, transaction: Transaction, values: Values) -> None:
        """What a version that is being stored brings with it. `values` are the row's own, with the bytes in place of the path
        by which they are read afterwards."""
        data, made = values[BLOB], values["Id"]
        self.blobs[made] = data
        values[BLOB] = f"/services/data/v66.0/sobjects/{VERSION}/{made}/{BLOB}"
        name = str(values["PathOnClient"]).replace("\\", "/").rpartition("/")[2]
        stem, dot, extension = name.rpartition(".")
        values.setdefault("Title", stem if dot else name)
        values["FileExtension"] = extension.lower() if dot else None
        values["FileType"] = _KINDS.get(extension.lower(), "UNKNOWN")
        values["ContentSize"] = float(len(data))
        values["Checksum"] = hashlib.md5(data, usedforsecurity=False).hexdigest()
        values["IsLatest"] = True
        document = values.get("ContentDocumentId")
        shown = {name: values.get(name) for name in ("Title", "FileExtension", "FileType", "ContentSize")}
        if document is None:
            values["VersionNumber"] = "1"
            values["ContentDocumentId"] = transaction.store(DOCUMENT, {**shown, "LatestPublishedVersionId": made})
            self._published(transaction, values)
            return
        earlier = [row for row in self.org.tables[VERSION] if row.values["ContentDocumentId"] == document]
        values["VersionNumber"] = str(len(earlier) + 1)
        for row in earlier:
            if row.values["IsLatest"]:
                transaction.alter(VERSION, row, {"IsLatest": False})
        transaction.alter(
            DOCUMENT, self.org.tables[DOCUMENT].rows[document], {**shown, "LatestPublishedVersionId": made}
        )

    def _published(self, transaction: Transaction, values: Values) -> None:
        """The links of a new file: to whoever made it, and to where it is published."""
        document, place = values["ContentDocumentId"], values.get("FirstPublishLocationId")
        for entity, share in ((transaction.actor, "I"), (place, "V")):
            if entity is not None:
                link = {"ContentDocumentId": document, "LinkedEntityId": entity, "ShareType": share}
                transaction.store(LINK, {**link, "Visibility": "AllUsers"})
        key = place or values["Id"]
        self.org.world.journal.files[str(key), str(values["Title"])] += 1

    # reading
    def blob(self, row: Row) -> bytes:
        return self.blobs[row.values["Id"]]


def multipart(call: Call) -> dict[str, Any]:
    """The record of a multipart body, its blob as the bytes that came."""
    given = call.request.header(b"content-type")
    head = f"Content-Type: {given}\r\nMIME-Version: 1.0\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + call.request.body)
    parts: dict[str, bytes] = {}
    named: dict[str, str | None] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        match = _DISPOSITION.match(str(part.get("Content-Disposition", "")))
        if match is None:
            raise Problem("INVALID_MULTIPART_REQUEST", "Every part needs a Content-Disposition with a name")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        parts[match[1]], named[match[1]] = content, match[2]
    if "entity_content" not in parts or len(parts) != 2:
        raise Problem("INVALID_MULTIPART_REQUEST", "A multipart request has two parts: entity_content and one blob")
    blob = next(name for name in parts if name != "entity_content")
    if not named[blob]:
        raise Problem("INVALID_MULTIPART_REQUEST", "The binary part needs a filename")
    try:
        record = orjson.loads(parts["entity_content"])
    except orjson.JSONDecodeError as error:
        raise Problem("JSON_PARSER_ERROR", f"The part entity_content is not readable: {error}") from error
    if not isinstance(record, dict):
        raise Problem("JSON_PARSER_ERROR", "The part entity_content must be an object")
    return {**record, blob: parts[blob]}


def is_multipart(call: Call) -> bool:
    return call.request.header(b"content-type").lower().startswith("multipart/form-data")


def _decoded(given: str | bytes) -> bytes:
    if isinstance(given, bytes):
        return given
    if len(given) > LARGEST_IN_JSON:
        raise Problem("INVALID_FIELD", f"{BLOB}: base64 of more than 37.5 MB, send it as multipart", [BLOB], whole=True)
    try:
        return base64.b64decode(given, validate=True)
    except binascii.Error as error:
        raise Problem("JSON_PARSER_ERROR", f"{BLOB} is no base64: {error}", whole=True) from error


def refuse_unfiltered(kind: str, where: Condition | None) -> None:
    """Links are found from a document or from a record, never all of them."""
    if kind != LINK:
        return
    parts = where.parts if isinstance(where, Both) and where.operator == "and" else (where,)
    for part in parts:
        if isinstance(part, Compare) and part.field.lower() in _FILTERED and part.operator in ("=", "in"):
            return
    raise Problem(
        "MALFORMED_QUERY",
        "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId or "
        "LinkedEntityId using the equals operator or multiple Id's using the IN operator.",
    )


def deleted_with(org: Org, values: Mapping[str, Any]) -> list[tuple[str, Row]]:
    """What goes into the recycle bin with a document: its versions and its links."""
    document = values["Id"]
    versions = [(VERSION, row) for row in org.tables[VERSION] if row.values["ContentDocumentId"] == document]
    return [*versions, *((LINK, row) for row in org.tables[LINK].children.get(document, []))]
