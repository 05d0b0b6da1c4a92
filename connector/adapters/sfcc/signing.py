"""Signing in at Account Manager with client credentials, which both APIs do. Source: the vendor's own command line tool."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import orjson

from connector.adapters.sfcc.settings import SfccSettings
from connector.errors import AuthFailed, RemoteError
from connector.http import Http, Response

_UNSAID_LIFETIME = 1800.0
"""Seconds that a token lives when the answer does not say; the vendor's own tool assumes the same."""


def sign_in(http: Http, settings: SfccSettings, scopes: Sequence[str] = ()) -> tuple[str, float | None]:
    """A token and its lifetime in seconds. Raises ConnectionFault."""
    basic = base64.b64encode(f"{settings.client_id}:{settings.client_secret.reveal()}".encode()).decode()
    form = "grant_type=client_credentials" + (f"&scope={quote(' '.join(scopes), safe='')}" if scopes else "")
    response = http.request(
        "POST",
        f"{settings.auth_url}/dwsso/oauth2/access_token",
        intent="read",
        body=form.encode(),
        headers={"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    if response.status != 200:
        raise _no_token(response, scopes)
    answer = response.json()
    token = answer.get("access_token") if isinstance(answer, Mapping) else None
    if not isinstance(token, str) or not token:
        raise AuthFailed(f"{response.where}: the answer holds no token", remedy="check auth_url")
    lifetime = answer.get("expires_in")
    return token, float(lifetime) if isinstance(lifetime, int | float) else _UNSAID_LIFETIME


def _no_token(response: Response, scopes: Sequence[str]) -> RemoteError:
    if response.status >= 500 or response.status in (408, 429):
        return response.fault()
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    code = answer.get("error") if isinstance(answer, Mapping) else None
    code = code if isinstance(code, str) else str(response.status)
    remedy = "check client_id and client_secret, and that the client is enabled in Account Manager"
    if scopes and code == "invalid_scope":
        remedy = (
            f"in Account Manager give the API client, one made for SCAPI, every one of these scopes: {' '.join(scopes)}"
        )
    elif code not in ("invalid_client", "unauthorized_client", "401"):
        remedy = "check auth_url, and that the API client may use client credentials"
    return AuthFailed(f"{response.where}: sign-in refused: {code[:60]}", code=code[:60], remedy=remedy)
