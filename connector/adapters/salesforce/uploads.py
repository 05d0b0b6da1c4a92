"""Files put on records: each fetched, and sent on in a call of its own under our key.

A ContentVersion that is made with FirstPublishLocationId makes its document and the link to the record in the same call. It goes
as a multipart body, in pieces, straight from where it was fetched: base64 would be a third larger.
Source: REST API Developer Guide, "Insert or Update Blob Data".
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import orjson

from connector.adapter import Stream
from connector.adapters.salesforce.client import Client
from connector.adapters.salesforce.documents import BLOB, STREAM
from connector.adapters.salesforce.encoding import fields_body, refs, unwritable
from connector.adapters.salesforce.faults import MissingColumn, call_fault, row_fault
from connector.adapters.salesforce.references import References
from connector.errors import RecordFault, Rejected, Transient
from connector.files import TYPES, Bytes, safe_name
from connector.http_files import Files
from connector.model import File, Result, Write

_PIECE = 1 << 18


class Uploads:
    """The writing half. Safe for threads; holds one file at a time for each."""

    def __init__(
        self,
        client: Client,
        references: References,
        files: Files,
        *,
        key_field: str,
        ids_by_key: Callable[[Stream, Sequence[str]], dict[str, str]],
    ) -> None:
        self._client, self._references, self._files = client, references, files
        self._key_field, self._ids_by_key = key_field, ids_by_key

    def send(self, stream: Stream, rows: Sequence[Write]) -> list[Result]:
        """One call each. An earlier try is looked for before its file is fetched again. A fault of a file, or of its host, is its
        row's and no one else's; raises what a whole call may raise."""
        doubted = [row.key for row in rows if row.uncertain]
        standing = self._ids_by_key(stream, doubted) if doubted else {}
        return [Result(standing[row.key], existed=True) if row.key in standing else self._one(row) for row in rows]

    def _one(self, row: Write) -> Result:
        file = row.fields.get(BLOB)
        if not isinstance(file, File):
            remedy = "map a URL or base64, or let the line's when: leave it out"
            return Result(error=Rejected("a file without content", field=BLOB, code="FILE/NONE", remedy=remedy))
        named = self._references.resolve(refs(row))
        if named:
            return Result(error=next(iter(named.values())))
        try:
            content = self._files.open(file, field=BLOB)
        except RecordFault as fault:
            return Result(error=fault)
        fields = {name: value for name, value in row.fields.items() if name != BLOB and value is not None}
        title = str(fields.get("PathOnClient") or fields.get("Title") or "")
        fields |= {"PathOnClient": safe_name(title, content.type), self._key_field: row.key}
        try:
            head = fields_body(replace(row, fields=fields), self._references)
        except orjson.JSONEncodeError:
            return Result(error=unwritable(replace(row, fields=fields), self._references))
        return self._sent(row, Multipart(head, content.data, content.type))

    def _sent(self, row: Write, body: Multipart) -> Result:
        answer = self._client.call(
            "POST",
            f"sobjects/{STREAM}",
            intent="once",
            body=body,
            headers={"Content-Type": f"multipart/form-data; boundary={body.boundary}"},
            expect=(400,),
        )
        if answer.status != 400:
            try:
                return Result(answer.json()["id"])
            except (KeyError, TypeError) as error:
                raise Transient(f"{answer.where} did not say what it made", uncertain=True, code="ROWS") from error
        found = answer.json()
        errors = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
        fault = row_fault(errors, sent=row.fields, key_field=self._key_field, update=False)
        if isinstance(fault, MissingColumn):
            raise call_fault(answer)
        return Result(error=fault)


class Multipart:
    """A body in pieces, whose length is known and which may be sent again: the file is not copied."""

    def __init__(self, fields: bytes, data: Bytes, kind: str) -> None:
        self.boundary = f"connector-{secrets.token_hex(16)}"
        mark = f"--{self.boundary}\r\n"
        self._before = (
            f'{mark}Content-Disposition: form-data; name="entity_content"\r\nContent-Type: application/json\r\n\r\n'.encode()
            + fields
            + f'\r\n{mark}Content-Disposition: form-data; name="{BLOB}"; filename="file.{TYPES[kind].extension}"\r\n'
            f"Content-Type: {kind}\r\n\r\n".encode()
        )
        self._data, self._after = data, f"\r\n--{self.boundary}--\r\n".encode()

    def __len__(self) -> int:
        return len(self._before) + len(self._data) + len(self._after)

    def __iter__(self) -> Iterator[bytes]:
        yield self._before
        for at in range(0, len(self._data), _PIECE):
            yield bytes(self._data[at : at + _PIECE])
        yield self._after
