"""Calls to one instance: sign-in, URLs, one replay after an expired token, faults as our errors."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import orjson

from connector.adapter import Clock
from connector.adapters.sfcc.faults import MALFORMED, MISSING, Resource, fault_of, translate
from connector.adapters.sfcc.settings import SfccSettings
from connector.adapters.sfcc.signing import sign_in
from connector.errors import AuthFailed, Misconfigured, Rejected, RemoteError
from connector.http import Denials, Http, Intent, Response, SingleFlightToken
from connector.model import Ref


class Client:
    """Safe to use from several threads."""

    def __init__(self, name: str, settings: SfccSettings, clock: Clock) -> None:
        self.settings = settings
        self.http = Http(
            name,
            clock=clock,
            timeouts=settings.timeouts,
            ca_file=str(settings.ca_file) if settings.ca_file else None,
            tries=settings.tries,
        )
        self.tokens = SingleFlightToken(self._sign_in, clock)
        self._shop = f"{settings.url}/s/{settings.site}/dw/shop/{settings.shop_version}"
        self._data = f"{settings.url}/s/-/dw/data/{settings.data_version}"
        self._lock = threading.Lock()
        self._answered: set[Resource] = set()
        self._denied = Denials(clock)
        self.ahead: float | None = None
        """Seconds that the instance's clock was ahead of ours when it last answered; None where it tells no time."""

    @property
    def answered(self) -> bool:
        """Whether the instance has taken our token for anything since it last refused that."""
        with self._lock:
            return bool(self._answered)

    def shop(self, method: str, resource: str, path: str, *, intent: Intent, payload: Any = None) -> Response:
        """A call to the Shop API; any answer but a refused token. `resource` is what permissions call it."""
        return self._call(Resource("Shop", resource, method), self._shop + path, intent, payload)

    def data(self, method: str, resource: str, path: str, *, intent: Intent, payload: Any = None) -> Response:
        """A call to the Data API; any answer but a refused token."""
        return self._call(Resource("Data", resource, method), self._data + path, intent, payload)

    def fault(self, response: Response, api: str, resource: str, method: str, *, writing: bool = False) -> RemoteError:
        """The error that this answer is. `writing`: a bad value is the record's own fault, not the flow's."""
        return translate(response, Resource(api, resource, method), self.settings.client_id, writing=writing)

    def missing(self, response: Response) -> bool:
        """Whether the answer proves that there is no such object. A key that none can have is one that none has."""
        kind = fault_of(response).type
        return (response.status == 404 and kind in MISSING) or kind == MALFORMED

    def _call(self, resource: Resource, url: str, intent: Intent, payload: Any) -> Response:
        body = None if payload is None else encode(payload)
        token = self.tokens.token()
        response = self._send(resource, url, intent, body, token)
        if response.status == 401 and not self._denied.holds(resource, token):
            self.tokens.refused(
                token
            )  # most likely expired; nothing was carried out, so the same call goes again, once
            token = self.tokens.token()
            response = self._send(resource, url, intent, body, token)
        if response.status == 401:
            raise self._refused(resource, token, response)
        with self._lock:
            self._answered.add(resource)
            self._denied.end(resource)
        return response

    def _send(self, resource: Resource, url: str, intent: Intent, body: bytes | None, token: str) -> Response:
        headers = {"Authorization": f"Bearer {token}", "x-dw-client-id": self.settings.client_id}
        if body is not None:
            headers["Content-Type"] = "application/json"
        response = self.http.request(resource.method, url, intent=intent, body=body, headers=headers)
        self.ahead = response.ahead
        return response

    def _refused(self, resource: Resource, token: str, response: Response) -> RemoteError:
        """A fresh token was refused: if others of our calls are answered, it is this resource that we may not use."""
        client, fault = self.settings.client_id, fault_of(response)
        with self._lock:
            self._denied.note(resource, token)
            self._answered.discard(resource)
            others = bool(self._answered)
        text = f"{response.where}: a fresh token was refused (401 {fault.type or 'without fault'})"
        if others:
            return Misconfigured(
                f"{text}, while other calls pass", code=fault.type or "401", remedy=resource.remedy(client)
            )
        return AuthFailed(
            text,
            code=fault.type or "401",
            remedy=f"check that the API client is enabled in Account Manager; else {resource.remedy(client)}",
        )

    def _sign_in(self) -> tuple[str, float | None]:
        return sign_in(self.http, self.settings)


def segment(text: str) -> str:
    """A value as one segment of a path."""
    return quote(text, safe="")


def addressable(key: str) -> bool:
    """Whether a key can stand in a path: an empty one, `.` and `..` would name another resource, escaped or not."""
    return key not in ("", ".", "..")


def unaddressable(target: str) -> Rejected:
    """The refusal of a write to such a target."""
    remedy = "correct the record or the line's target: no key of the shop looks like this"
    return Rejected(f"{target!r} names no record", code="KEY", remedy=remedy)


def encode(payload: Any) -> bytes:
    """JSON as the instance takes it: decimals are numbers with their digits as they are."""
    return orjson.dumps(payload, default=_other)


def _other(value: Any) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(format(value, "f"))
    raise TypeError(type(value).__name__)


def check_values(fields: Mapping[str, Any]) -> Rejected | None:
    """Why these values cannot be sent, if so: custom attributes only, no references, everything JSON."""
    for name, value in fields.items():
        if not name.startswith("c_"):
            return Rejected(
                f"{name} cannot be written: this stream takes custom attributes (c_…) only",
                field=name,
                remedy="write to a c_ attribute; statuses and addresses are streams of their own",
            )
        if isinstance(value, Ref):
            return Rejected(
                f"{name}: a reference ({value.kind}) means nothing to the shop", field=name, remedy="send a plain value"
            )
        try:
            encode(value)
        except TypeError as error:
            return Rejected(f"{name}: {error} is no JSON value", field=name, remedy="make it a text or a number")
    return None
