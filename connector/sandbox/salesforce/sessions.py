"""OAuth at the org: client credentials and JWT bearer; sessions that end. No refresh token, no expires_in."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.sandbox.assertions import Refused, claims
from connector.sandbox.gate import json_reply
from connector.sandbox.opaque import new_state
from connector.sandbox.salesforce.problem import Problem
from connector.sandbox.server import Reply, Request

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LONGEST = 300  # three minutes in the documentation, and some tolerance


@dataclass(slots=True)
class Session:
    """Whose it is and until when."""

    client: str
    user: str
    ends: float


class Sessions:
    """Gives sessions out and knows whom a request comes from."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.sessions: dict[bytes, Session] = {}

    def grant(self, request: Request) -> Reply:
        if request.method != "POST":
            return _refuse("invalid_request", "must use HTTP POST")
        form = request.form()
        self.org.world.journal.tokens["salesforce"] += 1
        kind = form.get("grant_type", "")
        if kind == "client_credentials":
            return self._for_client(request, form)
        if kind == _BEARER:
            return self._for_assertion(form.get("assertion", ""))
        return _refuse("unsupported_grant_type", "grant type not supported")

    def _for_client(self, request: Request, form: dict[str, str]) -> Reply:
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        header = request.header(b"authorization")
        if header[:6].lower() == "basic ":
            try:
                client, _, secret = base64.b64decode(header[6:].strip(), validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return _refuse("invalid_client", "invalid client credentials", 401)
        known = self.org.world.options.clients
        if client not in known:
            return _refuse("invalid_client_id", "client identifier invalid")
        if known[client] != secret:
            return _refuse("invalid_client", "invalid client credentials", 401)
        return self._give(client, self.org.integration)

    def _for_assertion(self, assertion: str) -> Reply:
        world = self.org.world
        audiences = {"https://login.salesforce.com", "https://test.salesforce.com", self.org.url}
        try:
            proved = claims(assertion, world.options.public_keys, audiences, self.org.clock.now(), _LONGEST)
        except Refused as error:
            if "client identifier" in str(error):
                return _refuse("invalid_client_id", str(error))
            return _refuse("invalid_grant", str(error))
        user = self.org.user_named(str(proved.get("sub")))
        if user is None:
            return _refuse("invalid_grant", "user hasn't approved this consumer")
        return self._give(str(proved["iss"]), user)

    def _give(self, client: str, user: str) -> Reply:
        now = self.org.clock.now()
        token = f"{self.org.id[:15]}!AQ{new_state()}{new_state()}"
        self.sessions[token.encode()] = Session(client, user, now + self.org.world.options.session_lifetime)
        issued = str(int(now * 1000))
        signature = base64.b64encode(hashlib.sha256((token + issued).encode()).digest()).decode()
        answer = {"access_token": token, "signature": signature, "scope": "api", "instance_url": self.org.url,
                  "id": f"https://login.salesforce.com/id/{self.org.id}/{user}", "token_type": "Bearer",
                  "issued_at": issued}  # fmt: skip
        return json_reply(200, answer)

    def holder(self, request: Request) -> Session:
        """Whose session it is, or the 401 that everybody must be able to read."""
        header = request.headers.get(b"authorization", b"")
        session = self.sessions.get(header[7:].strip()) if header[:7].lower() == b"bearer " else None
        if session is None or session.ends <= self.org.clock.now():
            raise Problem("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        return session

    def end(self, request: Request) -> None:
        self.sessions.pop(request.headers.get(b"authorization", b"")[7:].strip(), None)

    def end_all(self) -> None:
        self.sessions.clear()


def _refuse(error: str, why: str, status: int = 400) -> Reply:
    return json_reply(status, {"error": error, "error_description": why})
