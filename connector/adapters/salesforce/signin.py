"""Access tokens of Salesforce: asked for by one thread, shared by all, replaced once when refused.

Our own rather than simple-salesforce's login: that one has no deadline, takes an outage for a wrong password, and signs in
once per thread. Source: Help, "OAuth 2.0 Client Credentials Flow" and "JWT Bearer Flow".
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import orjson

from connector.adapter import Clock
from connector.adapters.salesforce.settings import ClientCredentials, Jwt, Settings
from connector.errors import AuthFailed, RateLimited, RemoteError, Unavailable
from connector.http import Http, Response, SingleFlightToken, redact

_GRANT_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_LIFE = timedelta(seconds=170)
"""A statement may live for three minutes at most; a little less, because clocks differ."""
_PASSING = frozenset({"server_error", "temporarily_unavailable", "unknown_error"})
_REMEDIES = {
    "invalid_client_id": "check auth.client_id against the consumer key of the External Client App",
    "invalid_client": "check auth.client_secret against the consumer secret of the External Client App",
    "invalid_grant": "client credentials: enable the flow and set a Run-As user that is active; "
    "jwt: check username, audience, certificate, and that the app is pre-authorised for the user",
    "unsupported_grant_type": "enable this OAuth flow in the External Client App",
    "invalid_scope": "add the scope `api` to the External Client App",
    "inactive_user": "activate the integration user",
    "inactive_org": "the org is locked or closed: ask its administrator",
}


class SignIn:
    """Signs in to one org. `token` is shared by threads; `user` and `instance` are known after the first sign-in."""

    def __init__(self, http: Http, settings: Settings, clock: Clock) -> None:
        self._http, self._settings, self._clock = http, settings, clock
        self.tokens = SingleFlightToken(self._fetch, clock)
        self.user: str | None = None
        """Id of the user that the connector works as."""
        self.instance: str | None = None

    def _fetch(self) -> tuple[str, float | None]:
        answer = self._http.request(
            "POST",
            self._settings.token_url,
            intent="read",  # asking for a token twice does no harm
            body=urlencode(self._form()).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            decode=False,
        )
        if answer.status != 200:
            raise _refusal(answer, self._settings.token_url)
        found = answer.json()
        if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
            raise Unavailable(f"{answer.where} answered without a token", code="200")
        self.user = str(found.get("id") or "").rsplit("/", 1)[-1] or None
        self.instance = found.get("instance_url")
        return found["access_token"], None  # no expires_in: the session lives as long as the org's policy says

    def _form(self) -> dict[str, str]:
        auth = self._settings.auth
        if isinstance(auth, ClientCredentials):
            return {
                "grant_type": "client_credentials",
                "client_id": auth.client_id,
                "client_secret": auth.client_secret.reveal(),
            }
        return {"grant_type": _GRANT_JWT, "assertion": self._assertion(auth)}

    def _assertion(self, auth: Jwt) -> str:
        import jwt  # 80 ms, and only this grant needs it

        end = int((self._clock.now() + _ASSERTION_LIFE).timestamp())
        claims = {"iss": auth.client_id, "sub": auth.username, "aud": auth.audience, "exp": end}
        try:
            return jwt.encode(claims, auth.private_key.reveal(), algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            # the library's text may quote the key, so it goes no further
            raise AuthFailed(
                "auth.private_key cannot sign",
                code="private_key",
                remedy="give the RSA private key in PEM form, from -----BEGIN to -----END, without passphrase",
            ) from None


def _refusal(answer: Response, url: str) -> RemoteError:
    """What a token endpoint's refusal means. 5xx and pages in HTML are outages, not wrong passwords."""
    if answer.status == 429 or answer.status >= 500 or 300 <= answer.status < 400:
        return answer.fault()
    code, text = _words(answer)
    if code in _PASSING:
        return Unavailable(f"{answer.where} answered {answer.status}: {code}", code=code)
    if "rate exceeded" in text.lower():
        return RateLimited(f"{answer.where}: too many sign-ins", code=code)
    if code:
        return AuthFailed(
            f"{answer.where} answered {answer.status}: {code}{': ' if text else ''}{text}",
            code=code,
            remedy=_REMEDIES.get(code, "check auth: in the configuration against the External Client App"),
        )
    if answer.html and answer.status != 404:
        return Unavailable(f"{answer.where} answered {answer.status} with a page for people", code=str(answer.status))
    return AuthFailed(
        f"{answer.where} answered {answer.status}: there is no token endpoint",
        code=str(answer.status),
        remedy=f"check url and auth_url: {url} must be the org's My Domain host",
    )


def _words(answer: Response) -> tuple[str, str]:
    """The OAuth error and its description; both empty when the body is no OAuth error."""
    try:
        found = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return "", ""
    if not isinstance(found, dict):
        return "", ""
    return str(found.get("error") or "")[:60], redact(str(found.get("error_description") or ""), longest=160)
