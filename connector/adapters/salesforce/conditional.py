"""Updates on condition that the record is unchanged: PATCHes with If-Unmodified-Since, up to 25 in one /composite, one API call.

Collections take no condition for a row, and ETags exist for Account only. Sources: REST API Developer Guide, "Conditional
Request Headers" (a comparison with the record's last modified date) and "Composite Subrequest" (httpHeaders: any header of
the resource but Accept, Authorization and Content-Type).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from connector import stamps
from connector.adapters.salesforce.client import Client
from connector.adapters.salesforce.encoding import fields_body, parts_body
from connector.adapters.salesforce.faults import for_each, not_sent, row_fault
from connector.adapters.salesforce.references import References
from connector.errors import Changed, ConnectionFault, RemoteError, Transient
from connector.http import Response
from connector.model import Result, Write

MOST = 25
"""Parts of one /composite."""
_REFERENCE = "@{"
"""In a composite this begins a reference to an earlier answer, wherever it stands; no escape is documented."""
_REFUSALS = frozenset({400, 403, 404, 412})
"""Statuses of a PATCH that speak of its record."""


def guard(stamp: str | None, looked: datetime | None) -> str | None:
    """The condition for a record that bore this SystemModstamp when we looked; None when it is too fresh to be guarded.

    `looked`: the server's clock, not later than our look. Salesforce compares in whole seconds and refuses when the record's
    LastModifiedDate is later than the header. SystemModstamp S is not earlier than LastModifiedDate, so an unchanged record
    passes. Whoever saves it after our look gives it a LastModifiedDate not earlier than the second of our look; if that
    second is later than S, the save shows. If it is S itself, it would not: then there is no guard.
    """
    if stamp is None or looked is None:
        return None
    second = stamps.parse(stamp).replace(microsecond=0)
    return stamp if looked >= second + timedelta(seconds=1) else None


class Guarded:
    """Sends rows that bear a condition. Safe for threads."""

    def __init__(self, client: Client, references: References, *, version: str, key_field: str) -> None:
        self._client, self._references = client, references
        self._base, self._key_field = f"/services/data/v{version}/sobjects", key_field

    def send(self, stream: str, rows: Sequence[Write]) -> list[Result]:
        """Up to 25 rows in one call, and one more for each row whose text would be taken for a reference.

        orjson.JSONEncodeError, before anything is sent, for an unknown reference or a value that JSON has no word for.
        """
        alone = [at for at, row in enumerate(rows) if _REFERENCE in str(row.fields)]
        joint = [at for at in range(len(rows)) if at not in alone]
        bodies = {at: fields_body(rows[at], self._references) for at in alone}
        results: dict[int, Result] = {}
        if joint:
            parts = [(f"{self._base}/{stream}/{rows[at].target}", _headers(rows[at]), rows[at]) for at in joint]
            found = self._composite(parts_body(parts, self._references), [rows[at] for at in joint])
            results |= dict(zip(joint, found, strict=True))
        down: ConnectionFault | None = None
        for at in alone:
            if down is not None:
                [results[at]] = not_sent([rows[at]], down)
                continue
            try:
                results[at] = self._one(stream, rows[at], bodies[at])
            except RemoteError as error:
                if not results:
                    raise
                [results[at]] = for_each([rows[at]], error)
                down = error if isinstance(error, ConnectionFault) else None
        return [results[at] for at in range(len(rows))]

    def _composite(self, sent: bytes, rows: Sequence[Write]) -> list[Result]:
        # "once": repeated within the call after a lost reply, a part would be refused because of its own first try
        answer = self._client.call("POST", "composite", intent="once", body=sent)
        try:
            parts = answer.json()["compositeResponse"]
            if [part["referenceId"] for part in parts] != [f"r{at}" for at in range(len(rows))]:
                raise ValueError("other parts than were sent")
            return [
                self._result(int(part["httpStatusCode"]), part.get("body"), row)
                for part, row in zip(parts, rows, strict=True)
            ]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Transient(f"{answer.where} did not answer every row", uncertain=True, code="ROWS") from error

    def _one(self, stream: str, row: Write, sent: bytes) -> Result:
        path = f"sobjects/{stream}/{row.target}"
        answer = self._client.call("PATCH", path, intent="once", body=sent, headers=_headers(row), expect=_REFUSALS)
        return self._result(answer.status, _document(answer), row)

    def _result(self, status: int, body: Any, row: Write) -> Result:
        """What became of one PATCH; its errors stand in a list."""
        if status < 300:
            return Result(row.target)
        if status == 412:
            return Result(row.target, Changed("the record was changed meanwhile", code="412"))
        if not isinstance(body, list) or not body:
            return Result(row.target, Transient(f"a part answered {status}", uncertain=status >= 500, code=str(status)))
        return Result(row.target, row_fault(body, sent=row.fields, key_field=self._key_field, update=True))


def _headers(row: Write) -> Mapping[str, str]:
    """Of one PATCH: a part of a composite has no headers but its own."""
    assert row.unless_changed is not None, "only rows with a condition come here"
    since = stamps.parse(row.unless_changed).replace(microsecond=0)
    return {"If-Unmodified-Since": format_datetime(since, usegmt=True), "Sforce-Auto-Assign": "FALSE"}


def _document(answer: Response) -> Any:
    return None if answer.html or not answer.content else answer.json()
