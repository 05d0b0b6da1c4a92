"""Calls to the Commerce API of one organization: sign-in with scopes, URLs, one replay after an expired token, its load.

Source: protocol pages of the Commerce API; commerce-sdk 6.6.0 for paths and headers.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from connector.adapter import Clock
from connector.adapters.sfcc.client import encode
from connector.adapters.sfcc.scapi.faults import NOT_FOUND, Asked, slug, translate
from connector.adapters.sfcc.scapi.scopes import tenant
from connector.adapters.sfcc.settings import SfccSettings
from connector.adapters.sfcc.signing import sign_in
from connector.errors import AuthFailed, Misconfigured, RateLimited, RemoteError
from connector.http import Denials, Http, Intent, Response, SingleFlightToken


class Client:
    """Safe to use from several threads."""

    def __init__(self, name: str, settings: SfccSettings, clock: Clock) -> None:
        assert settings.organization is not None, "settings refuse scapi without it"
        self.settings, self._clock = settings, clock
        self.organization = settings.organization
        self.http = Http(
            name,
            clock=clock,
            timeouts=settings.timeouts,
            ca_file=str(settings.ca_file) if settings.ca_file else None,
            tries=settings.tries,
        )
        self.tokens = SingleFlightToken(self._sign_in, clock)
        self._lock = threading.Lock()
        self._answered: set[str] = set()
        self._denied = Denials(clock)
        self._loaded: tuple[str, datetime] | None = None
        self.ahead: float | None = None
        """Seconds that the instance's clock was ahead of ours when it last answered; None where it tells no time."""

    @property
    def scopes(self) -> Sequence[str]:
        """What a token is asked for: the tenant's scope, then those of the APIs."""
        return (tenant(self.organization), *self.settings.scopes)

    @property
    def answered(self) -> bool:
        """Whether the instance has taken our token for anything."""
        with self._lock:
            return bool(self._answered)

    def call(
        self,
        asked: Asked,
        path: str,
        *,
        intent: Intent,
        payload: Any = None,
        params: Mapping[str, str] | None = None,
        decode: bool = True,
    ) -> Response:
        """Any answer but a refused token. `path` follows the organization. Without `decode` a good answer need not be JSON."""
        url = f"{self.settings.url}/{asked.api.path}/organizations/{self.organization}/{path}"
        body = None if payload is None else encode(payload)

        def send(token: str) -> Response:
            return self._send(asked, url, intent, body, params, token, decode=decode)

        token = self.tokens.token()
        response = send(token)
        if response.status == 401 and not self._denied.holds(asked, token):
            self.tokens.refused(
                token
            )  # most likely expired; nothing was carried out, so the same call goes again, once
            token = self.tokens.token()
            response = send(token)
        if response.status == 401:
            raise self._refused(asked, token, response)
        with self._lock:
            self._answered.add(asked.api.scope)
            self._denied.end(asked)
        return response

    def fault(self, response: Response, asked: Asked, *, writing: bool = False) -> RemoteError:
        """The error that this answer is. `writing`: a bad value is the record's own fault, not the flow's."""
        return translate(response, asked, self.settings.client_id, writing=writing)

    def missing(self, response: Response) -> bool:
        """Whether the answer proves that there is no such record. A wrong organization answers the same, but it has no list
        either: whoever asks for a record has read one, or asks for one first."""
        return response.status == 404 and slug(response) == NOT_FOUND

    def rest(self, *, first: bool) -> None:
        """Called before each page of a read. RateLimited while the instance throttles, and behind the first page also while it
        warns: what people do is served before a backlog."""
        with self._lock:
            loaded = self._loaded
        if loaded is None:
            return
        said, until = loaded
        if self._clock.now() < until and (said == "THROTTLE" or not first):
            raise RateLimited(
                f"{self.http.name}: the instance says that its load is high ({said})", until=until, code=said
            )

    def _send(
        self,
        asked: Asked,
        url: str,
        intent: Intent,
        body: bytes | None,
        params: Mapping[str, str] | None,
        token: str,
        *,
        decode: bool,
    ) -> Response:
        headers = {"Authorization": f"Bearer {token}", "correlation-id": str(uuid4())}
        if body is not None:
            headers["Content-Type"] = "application/json"
        response = self.http.request(
            asked.method, url, intent=intent, body=body, headers=headers, params=params, decode=decode
        )
        self.ahead = response.ahead
        said = (response.headers.get("sfdc_load_status") or "").strip().upper()
        until = self._clock.now() + timedelta(seconds=self.settings.load_pause)
        with self._lock:
            self._loaded = (said, until) if said in ("WARN", "THROTTLE") else None
        return response

    def _refused(self, asked: Asked, token: str, response: Response) -> RemoteError:
        """A fresh token was refused: if other calls are answered, it is this scope that we do not have."""
        kind = slug(response)
        with self._lock:
            self._denied.note(asked, token)
            others = bool(self._answered)
        text, code = f"{response.where}: a fresh token was refused ({f'401 {kind}'.strip()})", kind or "401"
        remedy = asked.remedy(self.settings.client_id)
        if others:
            return Misconfigured(f"{text}, while other calls pass", code=code, remedy=remedy)
        return AuthFailed(
            text,
            code=code,
            remedy=f"check that the API client was made for SCAPI and for this organization; else {remedy}",
        )

    def _sign_in(self) -> tuple[str, float | None]:
        return sign_in(self.http, self.settings, self.scopes)
