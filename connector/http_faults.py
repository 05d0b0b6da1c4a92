"""What an HTTP answer, or the lack of one, means: translation into the tree of `connector.errors`.

Adapters look at their vendor's own codes first and ask `Response.fault()` for what is left.
"""

from __future__ import annotations

import errno
import http.client
import json
import math
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import orjson
from urllib3.exceptions import IncompleteRead, NewConnectionError, ReadTimeoutError

from connector.errors import AuthFailed, Misconfigured, RateLimited, Rejected, RemoteError, Transient, Unavailable
from connector.secret import redact

Intent = Literal["read", "update", "once"]
"""What a call does: `read` changes nothing and may be repeated; `update` writes by id and may be repeated, the outcome is
the same; `once` writes and is never repeated after a byte may have been sent (a create, an append)."""


class Unreachable(Unavailable):
    """No connection was made: nothing was sent, and a second try within the call would not help."""


_LONGEST_WAIT = timedelta(hours=24)


@dataclass(slots=True)
class Response:
    """An answer, read to its end. `where` is method and path for messages, without host and query."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    where: str
    intent: Intent
    now: datetime
    _decoded: Any = field(default=None, repr=False)

    @property
    def date(self) -> datetime | None:
        """The server's clock when it answered (the `Date` header, whole seconds), aware UTC."""
        return _http_date(self.headers.get("Date"))

    @property
    def ahead(self) -> float | None:
        """Seconds that the server's clock was ahead of ours when it answered; None where it tells no time."""
        date = self.date
        return None if date is None else (date - self.now).total_seconds()

    def json(self) -> Any:
        """The decoded body. Raises Unavailable, or Transient(uncertain) after a write, when it is not whole JSON."""
        if self._decoded is None:
            try:
                self._decoded = orjson.loads(self.content)
            except orjson.JSONDecodeError as error:
                self._decoded = self._leniently(error)
        return self._decoded

    def _leniently(self, error: orjson.JSONDecodeError) -> Any:
        """Once more by the standard library, which takes half an emoji (a lone surrogate, as vendors cut texts): one such
        record must not make its page unreadable for ever."""
        try:
            return json.loads(self.content, parse_constant=_no_number, parse_float=_float, parse_int=_int)
        except (ValueError, RecursionError):
            raise self._not_json() from error

    @property
    def retry_at(self) -> datetime | None:
        """Until when the server wants to be left alone (`Retry-After` in seconds or as a date), None if it does not say."""
        text = (self.headers.get("Retry-After") or "").strip()
        if text.isascii() and text.isdigit():
            return self.now + min(timedelta(seconds=int(text[:9])), _LONGEST_WAIT)
        at = _http_date(text)
        if at is None:
            return None
        wait = at - (self.date or self.now)  # by the server's own clock, which may differ from ours
        return self.now + max(min(wait, _LONGEST_WAIT), timedelta(0))

    def fault(self, detail: str = "") -> RemoteError:
        """What this answer means by its status alone. `detail`: the vendor's own words, shown redacted."""
        status, code = self.status, str(self.status)
        text = f"{self.where} answered {status}" + (f": {redact(detail)}" if detail else "")
        if 300 <= status < 400:
            target = redact((self.headers.get("Location") or "").split("?")[0])
            return Unavailable(
                f"{text}, a redirect to {target or 'nowhere'}, which is not followed",
                code=code,
                remedy="set the connection's url to the address that answers itself; a maintenance page passes by itself",
            )
        if status == 429:
            return RateLimited(text, until=self.retry_at, code=code)
        if status == 503:
            return Unavailable(text, code=code, uncertain=self.intent == "once")
        if status >= 500 or status == 408:
            return self._unsure(text, code)
        if status == 401:
            return AuthFailed(text, code=code)
        if status == 403 or self.intent == "read":
            return Misconfigured(text, code=code)
        return Rejected(text, code=code)

    def torn(self) -> RemoteError | None:
        """The fault where a refusal's document begins that is not whole: what was refused, and why, is not known, and the call
        goes again. None for every other body, and where the status says it all."""
        decides = 400 <= self.status < 500 and self.status not in (401, 408, 429)
        if not decides or not self.content or self.html or _whole(self.content):
            return None
        return self._not_json()

    def _not_json(self) -> RemoteError:
        kind = "an HTML page (maintenance or login?)" if self.html else "no whole JSON document"
        return self._unsure(f"{self.where} answered {self.status} with {kind}", str(self.status))

    def _unsure(self, text: str, code: str) -> RemoteError:
        if self.intent == "read":
            return Unavailable(text, code=code)
        return Transient(text, uncertain=True, code=code)

    @property
    def html(self) -> bool:
        """Whether the body is a page for people instead of an answer."""
        return self.content[:64].lstrip()[:1] == b"<"


def _whole(content: bytes) -> bool:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.lstrip()[:1] not in (b"{", b"[")
    return True


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _float(text: str) -> float | str:
    """A number beyond what a float can hold stays the text that it was: no other record of its page is to blame."""
    number = float(text)
    return number if math.isfinite(number) else text


def _int(text: str) -> int | str:
    return int(text) if len(text) <= 400 else text


def network_fault(error: Exception, *, name: str, host: str, where: str, intent: Intent, sent: bool) -> RemoteError:
    """What a failure of the connection means. `sent`: bytes of the request may have left."""
    reason, remedy = _reason(error)
    if not sent:
        return Unreachable(f"{name}: cannot reach {host}: {reason}", remedy=remedy)
    text = f"{name}: {where}: {reason}"
    if intent == "read":
        return Unavailable(text, remedy=remedy)
    return Transient(text, uncertain=True, remedy=remedy)


def never_sent(error: Exception) -> bool:
    """Whether the failure proves by its kind that the connection was not made."""
    return any(
        isinstance(one, NewConnectionError | socket.gaierror | ConnectionRefusedError | ssl.SSLCertVerificationError)
        or type(one).__name__ in ("ConnectTimeout", "ConnectTimeoutError")
        for one in _chain(error)
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and what it carries: libraries wrap in all three ways."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [arg for arg in (*one.args, getattr(one, "reason", None)) if isinstance(arg, BaseException)]
        waiting += [*inner, one.__cause__, one.__context__]


def _reason(error: Exception) -> tuple[str, str]:
    """The cause in plain words, and the way out where there is one."""
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, OSError) and one.errno in (errno.EMFILE, errno.ENFILE):
            return "this machine gives us no further file handle", "let this process open more files (ulimit -n)"
        if isinstance(one, socket.gaierror):
            return "the host name does not resolve", "check the connection's url and auth_url, and DNS on this machine"
        if isinstance(one, ConnectionRefusedError):
            return "connection refused", "check the connection's url and port, and whether the system is up"
        if isinstance(one, ssl.SSLCertVerificationError):
            return (
                f"its TLS certificate is not trusted ({redact(one.verify_message or 'unknown', longest=120)})",
                "set ca_file to the certificate of the authority that signed it",
            )
        if isinstance(one, ssl.SSLError):
            return f"TLS failed ({one.reason or 'unknown'})", "check that the port speaks TLS"
    for one in chain:
        if isinstance(one, TimeoutError | ReadTimeoutError):
            return "no answer in time", ""
        if isinstance(one, IncompleteRead | http.client.IncompleteRead):
            return "the answer broke off", ""
        if isinstance(one, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
            return "the connection was closed before an answer", ""
        if isinstance(one, http.client.BadStatusLine):  # it quotes what came instead
            return "what it answered is no HTTP", ""
    if any("Timeout" in type(one).__name__ for one in chain):
        return "no answer in time", ""
    return f"{type(chain[0]).__name__} ({redact(str(chain[-1]), longest=120)})", ""


def _http_date(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
