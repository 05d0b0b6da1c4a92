"""What Salesforce's error codes mean: one table for rows, one for whole calls. Nobody above parses a text of theirs.

Row errors stand inside HTTP 200 as `{"statusCode", "message", "fields"}`, call errors in a list of `{"errorCode", "message"}`.
Messages echo customers' data (`Subject: data value too large: <value> (max length=255)`), so they are rebuilt from code and
field; only texts that an administrator wrote are passed on, without the values that we sent.
Codes: SOAP API Developer Guide, "StatusCode"; REST API Developer Guide, "Status Codes and Error Responses".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from connector.adapters.salesforce.codes import ADMIN_TEXT, INNER_TEXT, MISSING_ROW, PASSING, PERMANENT, USED_UP
from connector.adapters.salesforce.records import RECORD_ID
from connector.errors import (
    AuthFailed,
    Changed,
    Conflict,
    ConnectionFault,
    Gone,
    Misconfigured,
    RateLimited,
    RecordFault,
    Rejected,
    RemoteError,
    Transient,
    Unavailable,
)
from connector.http import Response, redact
from connector.model import Ref, Result

TANGLED = "Too many batch retries"
_DAY_LIMIT_PAUSE = timedelta(minutes=15)
_CONCURRENT_PAUSE = timedelta(seconds=20)
_MISSING_COLUMN = re.compile(r"No such column '([^']{1,80})'|Invalid field(?: name)?:? '?([A-Za-z]\w{0,79})")
_LEADING_FIELD = re.compile(r"([A-Za-z][\w .]{0,60}): ")
_IN_BRACKETS = re.compile(r"\[([A-Za-z]\w*(?:, ?[A-Za-z]\w*)*)\]\s*\Z")
_LONGEST_TEXT = re.compile(r"\(max length=(\d+)\)")
_DOCUMENT = re.compile(r"[\n{<]")
_WORD = re.compile(r"[^\W_][\w@.+-]{2,}")
_NAMELIKE = re.compile(r"[A-Z\d@]|[^\x00-\x7f]")
_WHERE_IN_JSON = re.compile(r"\[?line:? ?\d+, column:? ?\d+\]?")


class KeyTaken(Conflict):
    """Our key exists already, or so it seems: look it up. `certain`: the system named our key field."""

    def __init__(self, message: str, *, certain: bool) -> None:
        super().__init__(message, code="DUPLICATE_VALUE", remedy="it is looked up and tried again")
        self.certain = certain


class Tangled(Transient):
    """A chunk failed whole because some of its rows did: send it again in smaller chunks."""


class MissingColumn(Rejected):
    """The row names a field that the object has not, or the user may not see."""


class MissingObject(MissingColumn):
    """The org has no object of this name, or the user may not see it. Whether a collection says so of its rows or of the
    whole call, no public page tells: both are read."""


class StaleReference(Rejected):
    """An id in the row points nowhere: perhaps a queue that was made anew since we resolved its name."""


def row_fault(
    errors: Sequence[Mapping[str, Any]], *, sent: Mapping[str, Any], key_field: str, update: bool
) -> RecordFault:
    """What the errors of one row mean. `sent` are the fields that the row carried."""
    if not errors:
        return Transient("the row failed without saying why", code="NO_ERROR")
    found = [_one(error, sent, key_field, update) for error in errors]
    for kind in (Tangled, KeyTaken, Gone, Rejected):  # a refusal for good outweighs what may pass
        for fault in found:
            if isinstance(fault, kind):
                return fault
    return found[0]


def _one(error: Mapping[str, Any], sent: Mapping[str, Any], key_field: str, update: bool) -> RecordFault:
    code = str(error.get("statusCode") or error.get("errorCode") or "UNKNOWN")
    text = str(error.get("message") or "")
    fields = [str(name) for name in error.get("fields") or ()]
    if TANGLED in text:
        return Tangled("failed together with other rows of its chunk", code=code)
    if code in PASSING or (code in INNER_TEXT and any(inner in text for inner in PASSING)):
        return Transient(f"{code}: {PASSING.get(code, 'a trigger or flow met a lock')}", code=code)
    if code in USED_UP:
        return Transient(f"{code}: {USED_UP[code]}", code=code)
    if code == "ENTITY_IS_LOCKED":
        return Conflict(f"{code}: the record is locked, perhaps by an approval", code=code)
    if code in ("DUPLICATE_VALUE", "DUPLICATE_EXTERNAL_ID"):
        return _duplicate(code, text, fields, sent, key_field, update=update)
    if update and _row_is_missing(code, fields, sent):
        return Gone(f"{code}: the record was deleted or merged", code=code)
    return _refused(code, text, fields, sent)


def _row_is_missing(code: str, fields: Sequence[str], sent: Mapping[str, Any]) -> bool:
    """Whether an update's code means its own record. An id elsewhere in the row gives some of the same codes."""
    if code in ("ENTITY_IS_DELETED", "NOT_FOUND"):
        return True
    if code not in MISSING_ROW:
        return False
    if fields:
        return all(name.lower() == "id" for name in fields)
    return not any(_points_elsewhere(name, value) for name, value in sent.items())


def _points_elsewhere(name: str, value: Any) -> bool:
    """Whether a field refers to another record, so that it may be the one that is meant."""
    looks_so = isinstance(value, str) and RECORD_ID.match(value) is not None
    return looks_so or name.endswith("Id") or isinstance(value, Ref | dict)


def _duplicate(
    code: str, text: str, fields: Sequence[str], sent: Mapping[str, Any], key_field: str, *, update: bool
) -> RecordFault:
    """Field names are not translated in these messages, so they are safe to look for; the id in them is not used."""
    if not update and (key_field in fields or key_field in text or code == "DUPLICATE_EXTERNAL_ID"):
        return KeyTaken("our key exists already", certain=True)
    other = fields[0] if fields else next((name for name in sent if re.search(rf"\b{re.escape(name)}\b", text)), "")
    if not other and not update:
        return KeyTaken("a unique value exists already", certain=False)
    return Rejected(
        f"{code}: another record has this value in {other or 'a unique field'}",
        field=other,
        code=code,
        remedy=f"{other or 'the field'} is unique in Salesforce: map another value, or drop the record there",
    )


def _refused(code: str, text: str, fields: Sequence[str], sent: Mapping[str, Any]) -> Rejected:
    field = _field(text, fields, sent)
    reason, remedy = PERMANENT.get(code, ("refused by Salesforce", ""))
    limit = _LONGEST_TEXT.search(text)
    told = f"{code}: {reason}"
    if limit:
        told += f" (max length={limit[1]})"
    if code in ADMIN_TEXT or code not in PERMANENT:
        told += f": {without_values(text, sent)}"
    named = ", ".join(fields) or field
    if named:
        told += f" [{named}]"
    kind = _KINDS.get(code, Rejected)
    if code == "INVALID_TYPE":
        return MissingObject(
            f"{code}: Salesforce has no such object, or the integration user may not see it",
            code=code,
            remedy="deploy the object (connector setup writes it), and give the integration user's permission set access",
        )
    if code == "INVALID_FIELD" and _missing_column(code, text):
        kind = MissingColumn
    return kind(told, field=field, code=code, remedy=remedy)


_KINDS = {"INVALID_CROSS_REFERENCE_KEY": StaleReference}


def _field(text: str, fields: Sequence[str], sent: Mapping[str, Any]) -> str:
    """The field that an error is about, by its own list, else by the usual forms of its message."""
    if fields:
        return fields[0]
    if match := _MISSING_COLUMN.search(text):
        return match[1] or match[2]
    if match := _IN_BRACKETS.search(text):
        return match[1].split(",")[0]
    if (match := _LEADING_FIELD.match(text)) and match[1] in sent:
        return match[1]
    return ""


def without_values(text: str, sent: Mapping[str, Any]) -> str:
    """A text of theirs without the values that we sent, also in part (names, numbers, addresses), tokens and mail addresses."""
    values = [str(value) for value in sent.values() if value is not None and not isinstance(value, bool)]
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= 3:
            text = text.replace(value, "…")
    words = {word for value in values for word in _WORD.findall(value) if _NAMELIKE.search(word)} - set(sent)
    text = _DOCUMENT.split(text)[0]  # a trigger's debugging aid: the whole row, or its neighbours
    return redact(_WORD.sub(lambda word: "…" if word[0] in words else word[0], text), longest=200)


def call_fault(answer: Response, clock_pause: timedelta = _DAY_LIMIT_PAUSE) -> RemoteError:
    """What an answer of 300 and more means, by Salesforce's own code first, by its status else."""
    code, text = error_of(answer)
    reads = answer.intent == "read"
    head = f"{answer.where} answered {answer.status}" + (f" {code}" if code else "")
    if answer.status >= 500 or answer.status in (408, 429) or answer.status < 400:
        return answer.fault(code)
    if not code and (torn := answer.torn()) is not None:
        return torn
    if answer.status == 420:  # the edge has no instance for the org just now
        return Unavailable(head, code=code or "420")
    if code == "REQUEST_LIMIT_EXCEEDED":
        return _limit(head, text, answer, clock_pause)
    if TANGLED in text:
        return Tangled(head, code=code)
    if code in PASSING:
        passing = f"{head}: {PASSING[code]}"
        return Unavailable(passing, code=code) if reads else Transient(passing, code=code)
    if answer.status == 401:
        return AuthFailed(
            f"{head}, also with a new token", code=code or "401", remedy="check the integration user's API permission"
        )
    if column := _missing_column(code, text):
        return Misconfigured(
            f"{head}: Salesforce has no field {column}, or the integration user may not see it",
            code=code,
            remedy=f"create {column}, give the integration user's permission set access to it, or correct the mapping",
        )
    if answer.status == 412:
        return Changed(f"{head}: changed meanwhile", code=code or "412")
    return _by_status(answer, code, text, head)


def _limit(head: str, text: str, answer: Response, pause: timedelta) -> RateLimited:
    """One code for two limits, told apart by the documented texts: the day's calls, and calls running at once."""
    if "Concurrent" in text:
        return RateLimited(
            f"{head}: too many calls at once", until=answer.now + _CONCURRENT_PAUSE, code="REQUEST_LIMIT_EXCEEDED"
        )
    return RateLimited(
        f"{head}: the org's daily API calls are used up",
        until=answer.now + pause,
        code="REQUEST_LIMIT_EXCEEDED",
        remedy="find out who uses them (Setup, API Usage), or buy more; set budget.reserve to stop earlier",
    )


def _missing_column(code: str, text: str) -> str:
    match = _MISSING_COLUMN.search(text) if code in ("INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE") else None
    return (match[1] or match[2]) if match else ""


def _by_status(answer: Response, code: str, text: str, head: str) -> RemoteError:
    status, reads = answer.status, answer.intent == "read"  # what refuses a write may repeat what it carried
    if status == 410:
        return Misconfigured(f"{head}: this API version is retired", code="410", remedy="set version: to a current one")
    if status in (414, 431):
        return Misconfigured(f"{head}: the query is too long", code=str(status), remedy="read fewer fields")
    if status == 403:
        return Misconfigured(
            f"{head}: {redact(text, longest=160) if code and reads else 'refused'}",
            code=code or "403",
            remedy="give the integration user's permission set the API, the object and its fields; check login IP ranges",
        )
    if code == "INVALID_TYPE" or status in (404, 405, 415, 428):
        return Misconfigured(
            f"{head}: {redact(text, longest=160) if code and reads else 'no such resource'}",
            code=code or str(status),
            remedy="check the stream's name (an object's API name), the version, and the user's access to the object",
        )
    if reads:
        return Misconfigured(
            f"{head}: {redact(text, longest=160)}", code=code, remedy="correct the mapping or the flow's where:"
        )
    place = _WHERE_IN_JSON.search(text)
    return Rejected(
        f"{head}: the whole call was refused{' at ' + place[0] if place else ''}",
        code=code or str(status),
        remedy="one of its records carries a value that Salesforce cannot read",
    )


def error_of(answer: Response) -> tuple[str, str]:
    """Code and message of a refusal: a list of errors, a single one, or neither (HTML, nothing)."""
    if answer.html or not answer.content:
        return "", ""
    try:
        found = answer.json()
    except RemoteError:
        return "", ""
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, dict):
        return "", ""
    code = found.get("errorCode") or found.get("statusCode") or found.get("error") or ""
    return str(code)[:80], str(found.get("message") or found.get("error_description") or "")


def for_each(rows: Sequence[Any], error: RemoteError) -> list[Result]:
    """What a failed call means for rows whose neighbours' outcome is known already."""
    if isinstance(error, RecordFault):
        return [Result(error=error)] * len(rows)
    uncertain = isinstance(error, ConnectionFault) and error.uncertain
    return [Result(error=Transient(str(error), uncertain=uncertain, code=error.code, remedy=error.remedy))] * len(rows)


def not_sent(rows: Sequence[Any], down: ConnectionFault) -> list[Result]:
    """What a connection that failed means for rows that were still to come."""
    return for_each(rows, Transient(f"not sent: {down}", code=down.code))
