"""What a refused SCAPI call means: RFC 7807, where the last part of `type` decides, and else the status; never the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from connector.adapters.sfcc.scapi.scopes import Api
from connector.errors import Conflict, Gone, Misconfigured, RecordFault, Rejected, RemoteError
from connector.http import Response

NOT_FOUND = "not-found"
_VALUE = "correct the mapping's value, then retry"
_STATUS = "the order no longer takes this change; decide the case without it, or undo it in the shop"


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: which API, which method, what of it (`orders/{}/status`)."""

    api: Api
    method: str
    what: str
    writes: bool

    def remedy(self, client: str) -> str:
        """What an administrator does about a missing right."""
        scope = self.api.needed(writes=self.writes)
        return f"in Account Manager give client {client} the scope {scope}, and name it under scopes of the connection"


def slug(response: Response) -> str:
    """`not-found` of `…/errors/not-found`; "" where the answer is no problem document."""
    try:
        told = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return ""
    kind = told.get("type") if isinstance(told, Mapping) else None
    return kind.rstrip("/").rpartition("/")[2][:60] if isinstance(kind, str) else ""


def translate(response: Response, asked: Asked, client: str, *, writing: bool) -> RemoteError:
    """The error that a refused call is. Raise it, or return it in a Result if it is a RecordFault.

    `writing`: the call, be it only the look before a write, was about one record.
    """
    kind, status = slug(response), response.status
    name = response.where.partition(": ")[0]
    text, code = f"{name}: {asked.method} {asked.what}: {status} {kind}".rstrip(), kind or str(status)
    if status in (401, 403):
        return Misconfigured(
            f"{name}: client {client} may not {asked.method} {asked.what} ({status} {kind})".replace(" )", ")"),
            code=code,
            remedy=asked.remedy(client),
        )
    if not kind and (torn := response.torn()) is not None:
        return torn
    if status == 404 and kind == NOT_FOUND and writing:
        return Gone(text, code=code, remedy="it is no longer in the shop")
    if status in (409, 412):
        return _changed(text, code, asked, status)
    if writing and status == 400:
        return Rejected(text, code=code, remedy=_VALUE)
    error = response.fault(kind)
    error.code = code
    if status == 404 and isinstance(error, RecordFault):
        error = Misconfigured(str(error), code=code)
    if isinstance(error, Misconfigured | Rejected) and not error.remedy:
        error.remedy = _remedy(kind, status)
    return error


def _changed(text: str, code: str, asked: Asked, status: int) -> RemoteError:
    """409 of a status: the order does not go that way. Else somebody was faster."""
    if status == 409 and asked.what.endswith("status"):
        return Rejected(text, field=asked.what.rpartition("/")[2].replace("-", "_"), code=code, remedy=_STATUS)
    return Conflict(text, code=code)


def _remedy(kind: str, status: int) -> str:
    if status == 404:
        return "check url, organization and site of the connection, and object_path where it is about custom objects"
    if kind == "undefined-query-parameter":
        return "the list takes no such filter: correct where: of the flow"
    if kind == "value-constraint-violation":
        return "correct the value under where: of the flow; with dates: instant, set dates: day"
    return "look it up with the x-correlation-id of the answer in Log Center"
