"""Writing: creates under our key and updates by Id, in collections of 200, each row's own result read.

Upsert is never used: repeating a create would put its first values back over a person's hand. A create whose key exists
already is answered with the record that bears it. Source: REST API Developer Guide, "sObject Collections".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson

from connector.adapter import Clock, Stream
from connector.adapters.salesforce.client import Client
from connector.adapters.salesforce.codes import USED_UP
from connector.adapters.salesforce.conditional import MOST, Guarded
from connector.adapters.salesforce.encoding import body, refs, unwritable
from connector.adapters.salesforce.faults import (
    KeyTaken,
    MissingColumn,
    StaleReference,
    Tangled,
    for_each,
    not_sent,
    row_fault,
)
from connector.adapters.salesforce.records import same_id
from connector.adapters.salesforce.references import References
from connector.adapters.salesforce.uploads import Uploads
from connector.errors import (
    Conflict,
    ConnectionFault,
    Gone,
    Misconfigured,
    RateLimited,
    RecordFault,
    Rejected,
    RemoteError,
    Transient,
)
from connector.model import Op, Ref, Result, Write

HEADERS = {"Sforce-Auto-Assign": "FALSE"}
"""Without it Salesforce runs the assignment rules on every write, updates included, and takes cases from agents."""
_APART = 50
MOST_DELETED = 200
"""Ids in one call that deletes."""
_USED_UP_PAUSE = timedelta(minutes=15)


class Writer:
    """The writing half of one connection. Safe for threads."""

    def __init__(
        self,
        client: Client,
        references: References,
        clock: Clock,
        *,
        guarded: Guarded,
        key_field: str,
        batch: int,
        ids_by_key: Callable[[Stream, Sequence[str]], dict[str, str]],
        buried: Callable[[Stream, Mapping[str, Collection[str]]], dict[str, str]],
        uploads: Uploads,
    ) -> None:
        self._guarded, self._uploads = guarded, uploads
        self._client, self._references, self._clock = client, references, clock
        self._key_field, self._batch, self._ids_by_key, self._buried = key_field, batch, ids_by_key, buried

    def write(self, stream: Stream, batch: Sequence[Write], op: Op) -> list[Result]:
        """One Result per Write, in order. Raises for a whole call of which no row's outcome is known.

        A create that may have been done before, and whose record a person has deleted since, is not done again: a key is
        unique among records that are not in the recycle bin only.
        """
        if op == "delete":
            return [result for chunk in _chunks(batch, MOST_DELETED) for result in self._delete(chunk)]
        doubted = {write.key: write.forgotten for write in batch if write.uncertain} if op == "create" else {}
        buried = self._buried(stream, doubted) if doubted else {}
        if not buried:
            return self._write(stream, batch, op)
        good = [write for write in batch if write.key not in buried]
        sent = iter(self._write(stream, good, op) if good else ())
        return [_was_deleted(stream, buried[write.key]) if write.key in buried else next(sent) for write in batch]

    def _delete(self, rows: Sequence[Write]) -> list[Result]:
        """One call. What was deleted before is Gone; saying it twice says it once. No condition goes along: there is none for
        collections, so a look directly before must do."""
        ids = ",".join(write.target or "" for write in rows)
        answer = self._client.call(
            "DELETE", "composite/sobjects", intent="update", params={"ids": ids, "allOrNone": "false"}, headers=HEADERS
        )
        try:
            return self._results(answer.json(), rows, update=True)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Transient(f"{answer.where} did not answer every row", uncertain=True, code="ROWS") from error

    def _write(self, stream: Stream, batch: Sequence[Write], op: Op) -> list[Result]:
        """Rows with a condition first, while the look on which it rests is fresh; then the others."""
        asked = [write for write in batch if write.unless_changed is not None]
        if not asked:
            return self._in_calls(stream, batch, op, self._batch)
        done = iter(self._in_calls(stream, asked, op, MOST))
        others = [write for write in batch if write.unless_changed is None]
        try:
            rest = iter(self._in_calls(stream, others, op, self._batch))
        except RemoteError as error:
            rest = iter(for_each(others, error))
        return [next(rest if write.unless_changed is None else done) for write in batch]

    def _in_calls(self, stream: Stream, batch: Sequence[Write], op: Op, size: int) -> list[Result]:
        rows, places = _coalesced(batch, op)
        results: list[Result] = []
        down: ConnectionFault | None = None
        for chunk in _chunks(rows, size):
            if down is not None:
                results += not_sent(chunk, down)
                continue
            try:
                results += self._chunk(stream, chunk, op)
            except RemoteError as error:
                if not results:
                    raise
                results += for_each(chunk, error)
                down = error if isinstance(error, ConnectionFault) else None
        return results if places is None else [results[place] for place in places]

    def _chunk(self, stream: Stream, rows: Sequence[Write], op: Op) -> list[Result]:
        """Rows that fit one call; then those that refer to old ids, failed with others, or whose key exists, once more."""
        results = self._send(stream, rows, op)
        if all(result.error is None for result in results):
            return results
        self._raise_if_all_the_same(results)
        for kind, again in (
            (StaleReference, self._refer_anew),
            (Tangled, self._apart),
            (KeyTaken, self._link),
        ):
            at = [place for place, result in enumerate(results) if isinstance(result.error, kind)]
            if not at:
                continue
            try:
                done = again(stream, [rows[place] for place in at], op, [results[place] for place in at])
            except RemoteError as error:
                if len(at) == len(rows):
                    raise
                done = for_each(at, error)
            for place, result in zip(at, done, strict=True):
                results[place] = result
        return results

    def _send(self, stream: Stream, rows: Sequence[Write], op: Op) -> list[Result]:
        """One call."""
        if stream.files:
            return self._uploads.send(stream, rows)
        try:
            if rows[0].unless_changed is not None:
                return self._guarded.send(stream.name, rows)
            sent = body(stream.name, rows, op, key_field=self._key_field, references=self._references)
        except orjson.JSONEncodeError:
            return self._send_what_can_be(stream, rows, op)
        new = op != "update"
        try:
            answer = self._client.call(
                "POST" if new else "PATCH",
                "composite/sobjects",
                intent="once" if new else "update",
                body=sent,
                headers=HEADERS,
            )
        except Tangled as error:
            return [Result(error=error)] * len(rows)
        try:
            return self._results(answer.json(), rows, update=not new)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Transient(f"{answer.where} did not answer every row", uncertain=True, code="ROWS") from error

    def _results(self, found: list[dict[str, Any]], rows: Sequence[Write], *, update: bool) -> list[Result]:
        """Each row's own outcome: HTTP 200 says nothing about it."""
        return [
            Result(row["id"])
            if row["success"] is True
            else Result(
                error=row_fault(row.get("errors") or (), sent=write.fields, key_field=self._key_field, update=update)
            )
            for row, write in zip(found, rows, strict=True)
        ]

    def _send_what_can_be(self, stream: Stream, rows: Sequence[Write], op: Op) -> list[Result]:
        """Resolve references that are new, and set aside rows that name nobody or cannot be written as JSON."""
        references = self._references
        unknown = references.resolve(ref for row in rows for ref in refs(row))
        faults = [
            next((unknown[ref] for ref in refs(row) if ref in unknown), None) or unwritable(row, references)
            for row in rows
        ]
        good = [row for row, fault in zip(rows, faults, strict=True) if fault is None]
        sent = iter(self._send(stream, good, op) if good else ())
        return [Result(error=fault) if fault else next(sent) for fault in faults]

    def _raise_if_all_the_same(self, results: Sequence[Result]) -> None:
        """What every row suffers from is not the rows' fault."""
        errors = [result.error for result in results]
        first = errors[0]
        if first is None:
            return
        if all(isinstance(error, MissingColumn) for error in errors):
            raise Misconfigured(str(first), code=first.code, remedy=first.remedy)
        if all(error is not None and error.code in USED_UP for error in errors):
            raise RateLimited(
                str(first),
                until=self._clock.now() + _USED_UP_PAUSE,
                code=first.code,
                remedy="ask the org's administrator to make room, or to raise the limit",
            )

    def _refer_anew(self, stream: Stream, rows: Sequence[Write], op: Op, before: Sequence[Result]) -> list[Result]:
        """An id was refused: if one of the row's names means another id by now, send the row again."""
        named = dict.fromkeys(ref for row in rows for ref in refs(row))
        if not named:
            return list(before)
        references = self._references
        old = {ref: references.known(ref) for ref in named}
        references.forget()
        references.resolve(named)
        moved = {ref for ref in named if references.known(ref) != old[ref]}
        at = [place for place, row in enumerate(rows) if any(ref in moved for ref in refs(row))]
        results = list(before)
        if at:
            for place, result in zip(at, self._send(stream, [rows[place] for place in at], op), strict=True):
                results[place] = result
        refused = [_refused_queue(row, result.error) for row, result in zip(rows, results, strict=True)]
        if refused[0] and all(refused):
            raise Misconfigured(
                f"{stream.name} may not stand in the queue {refused[0]}",
                code="QUEUE",
                remedy=f"add {stream.name} to the objects of the queue {refused[0]}, or name another queue in the mapping",
            )
        return results

    def _apart(self, stream: Stream, rows: Sequence[Write], op: Op, before: Sequence[Result]) -> list[Result]:
        """Too many batch retries: rows drag one another down, so send 50 at a time, then one by one."""
        results = self._in_chunks(stream, rows, op, _APART if len(rows) > _APART else 1)
        still = [place for place, result in enumerate(results) if isinstance(result.error, Tangled)]
        alone = self._in_chunks(stream, [rows[place] for place in still], op, 1) if len(rows) > _APART else []
        for place, result in zip(still, alone, strict=False):
            results[place] = result
        return results

    def _in_chunks(self, stream: Stream, rows: Sequence[Write], op: Op, size: int) -> list[Result]:
        """Several calls; when the connection fails, the rest is not sent and nobody is to blame."""
        results: list[Result] = []
        down: ConnectionFault | None = None
        for chunk in _chunks(rows, size):
            if down is not None:
                results += not_sent(chunk, down)
                continue
            try:
                results += self._send(stream, chunk, op)
            except RemoteError as error:
                results += for_each(chunk, error)
                down = error if isinstance(error, ConnectionFault) else None
        return results

    def _link(self, stream: Stream, rows: Sequence[Write], op: Op, before: Sequence[Result]) -> list[Result]:
        """Find the records that bear our keys already. The id in the error's text is not used: texts change."""
        ids = self._ids_by_key(stream, [row.key for row in rows])
        return [
            Result(ids[row.key], existed=True) if row.key in ids else Result(error=_not_found(result.error))
            for row, result in zip(rows, before, strict=True)
        ]


def _was_deleted(stream: Stream, record: str) -> Result:
    return Result(record, Gone(f"the {stream.name} that an earlier try made was deleted or merged", code="DELETED"))


def _not_found(error: RecordFault | None) -> RecordFault:
    if isinstance(error, KeyTaken) and not error.certain:
        return Rejected(
            "DUPLICATE_VALUE: another record has one of this row's values, and the field is unique",
            code="DUPLICATE_VALUE",
            remedy="look for unique fields in the mapping, or drop the other record in Salesforce",
        )
    return Conflict(
        "Salesforce says that our key exists, but shows no record with it",
        code="DUPLICATE_VALUE",
        remedy="give the integration user access to all records of the object (View All)",
    )


def _refused_queue(row: Write, error: RecordFault | None) -> str | None:
    """The queue by name whose id the system would not have in the field that it complains of."""
    value = row.fields.get(error.field) if isinstance(error, StaleReference) else None
    return value.name if isinstance(value, Ref) and value.kind == "queue" else None


def _coalesced(batch: Sequence[Write], op: Op) -> tuple[Sequence[Write], list[int] | None]:
    """Rows of one object made one, later fields over earlier ones: twice in a call is an error. With each write's place."""
    if op != "update":
        names = [write.key for write in batch]
    else:
        names = [same_id(write.target or "") for write in batch]
        if not all(names):
            raise ValueError("an update needs the target's Id")
    if len(set(names)) == len(names):
        return batch, None
    rows: dict[str, Write] = {}
    for name, write in zip(names, batch, strict=True):
        first = rows.get(name)
        rows[name] = (
            write
            if first is None
            else replace(first, fields={**first.fields, **write.fields}, uncertain=write.uncertain)
        )
    place = {name: at for at, name in enumerate(rows)}
    return list(rows.values()), [place[name] for name in names]


def _chunks(rows: Sequence[Write], size: int) -> Iterator[Sequence[Write]]:
    return (rows[at : at + size] for at in range(0, len(rows), size))
