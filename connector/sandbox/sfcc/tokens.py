"""Account Manager and Business Manager tokens, and what a client may do with them (OCAPI settings)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from connector.sandbox.assertions import Refused, claims
from connector.sandbox.gate import json_reply
from connector.sandbox.opaque import new_state
from connector.sandbox.server import Reply, Request
from connector.sandbox.sfcc.fault import Fault
from connector.sandbox.sfcc.scapi.scopes import SCOPES

if TYPE_CHECKING:
    from connector.sandbox.sfcc.shop import Shop

_USER_GRANT = "urn:demandware:params:oauth:grant-type:client-id:dwsid:dwsecuretoken"
_TENANT = "SALESFORCE_COMMERCE_API:"
_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(slots=True)
class Token:
    """Who holds it and until when. `scopes`: of a client made for SCAPI; None: one made for OCAPI."""

    client: str
    user: str
    ends: float
    scopes: frozenset[str] | None = None


class Tokens:
    """Gives tokens out and knows whom a request comes from."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.tokens: dict[bytes, Token] = {}

    def grant(self, request: Request) -> Reply:
        if request.method != "POST":
            return _refuse(405, "invalid_request", "use POST")
        form = request.form()
        world = self.shop.world
        kind = form.get("grant_type", "")
        world.journal.tokens["sfcc"] += 1
        if kind == _USER_GRANT:
            return self._for_user(request)
        if kind != "client_credentials":
            return _refuse(400, "unsupported_grant_type", f"grant type '{kind}' is not supported")
        if form.get("client_assertion_type") == _BEARER:
            audiences = {self.shop.url + request.path, "https://account.demandware.com" + request.path}
            audiences |= {a + ":443" + request.path for a in ("https://account.demandware.com",)}
            try:
                client = str(
                    claims(
                        form.get("client_assertion", ""),
                        world.options.public_keys,
                        audiences,
                        self.shop.clock.now(),
                        1800,
                    )["iss"]
                )
            except Refused as error:
                return _refuse(401, "invalid_client", str(error))
            return self._give(client, "", form.get("scope"))
        client, _, secret = _basic(request).partition(":")
        if client and world.options.scapi_clients.get(client) in (secret, unquote(secret)):
            return self._scoped(client, frozenset(form.get("scope", "").split()))
        if not client or world.options.clients.get(client) not in (secret, unquote(secret)):
            return _refuse(401, "invalid_client", "Client authentication failed")
        if _TENANT in form.get("scope", "") or "sfcc." in form.get("scope", ""):
            return _refuse(400, "invalid_scope", "The client was not made for the Commerce API")
        return self._give(client, "", form.get("scope"))

    def _scoped(self, client: str, asked: frozenset[str]) -> Reply:
        """A token of SCAPI holds no more than what was asked for, and that only if the client was given all of it."""
        options = self.shop.world.options
        tenant = _TENANT + options.organization.removeprefix("f_ecom_")
        if not asked <= {tenant, *options.scapi_scopes.get(client, SCOPES)}:
            return _refuse(400, "invalid_scope", "The client was not given every scope that is asked for")
        return self._give(client, "", " ".join(sorted(asked)), asked)

    def _for_user(self, request: Request) -> Reply:
        options = self.shop.world.options
        parts = _basic(request).split(":")
        client = request.params().get("client_id", "")
        if len(parts) != 3 or options.clients.get(client) != parts[2] or options.users.get(parts[0]) != parts[1]:
            return _refuse(401, "invalid_client", "Client authentication failed")
        return self._give(client, parts[0], None)

    def _give(self, client: str, user: str, scope: str | None, scopes: frozenset[str] | None = None) -> Reply:
        """Three parts, because some clients decode the token as a JWT."""
        now, lifetime = self.shop.clock.now(), self.shop.world.options.token_lifetime
        parts = [{"alg": "none", "typ": "JWT"}, {"sub": client, "exp": int(now + lifetime), "iat": int(now)}]
        token = ".".join(base64.urlsafe_b64encode(orjson.dumps(p)).decode().rstrip("=") for p in parts)
        token += "." + new_state() + new_state()
        self.tokens[token.encode()] = Token(client, user, now + lifetime, scopes)
        answer = {"access_token": token, "scope": scope or "mail", "token_type": "Bearer", "expires_in": int(lifetime)}
        return json_reply(200, answer)

    def holder(self, request: Request) -> Token:
        """Whose token it is, or the 401 that tells why not."""
        header = request.headers.get(b"authorization", b"")
        if header[:7].lower() != b"bearer ":
            raise Fault(401, "InvalidAuthorizationHeaderException", "An authorization header with a token is needed.")
        token = self.tokens.get(header[7:].strip())
        if token is None or token.ends <= self.shop.clock.now():
            raise Fault(401, "InvalidAccessTokenException", "The access token is invalid or has expired.")
        if token.scopes is not None:
            raise self._forbidden(token.client, "was made for the Commerce API, not for OCAPI")
        named = request.header(b"x-dw-client-id") or (request.params().get("client_id", "") if request.query else "")
        if named and named != token.client:
            raise Fault(400, "InvalidClientIdException", "The client id does not fit the token.", clientId=named)
        return token

    def end(self, request: Request) -> None:
        self.tokens.pop(request.headers.get(b"authorization", b"")[7:].strip(), None)

    def end_all(self) -> None:
        self.tokens.clear()

    def allowed(self, client: str, api: str, resource: str, method: str) -> str | None:
        """The read_attributes of a client for a resource of an API; None: everything. Fault when it may not call it at all.

        Resource patterns as in OCAPI settings: `*` stands for one part of the path, `**` for any number.
        """
        permissions = self.shop.world.options.permissions
        entries = permissions.get(client)
        if self.shop.settings:
            entries = self.shop.settings.get(api, {}).get(client, ())
        if entries is None:
            return None
        for entry in entries:
            if method.lower() in entry.get("methods", ()) and _pattern(entry["resource_id"]).fullmatch(resource):
                shown = entry.get("read_attributes", "(**)")
                return None if shown == "(**)" else str(shown)
        raise self._forbidden(client, f"may not {method} {resource}")

    def _forbidden(self, client: str, why: str) -> Fault:
        status = self.shop.world.options.permission_style
        kind = "InvalidAccessTokenException" if status == 401 else "ClientAccessForbiddenException"
        return Fault(status, kind, f"Client '{client}' {why}.", clientId=client)


def _pattern(resource: str) -> re.Pattern[str]:
    escaped = re.escape(resource).replace(r"\*\*", ".+").replace(r"\*", "[^/]+")
    return re.compile(escaped)


def _basic(request: Request) -> str:
    header = request.header(b"authorization")
    if header[:6].lower() != "basic ":
        return ""
    try:
        return base64.b64decode(header[6:].strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _refuse(status: int, error: str, why: str) -> Reply:
    return json_reply(status, {"error": error, "error_description": why})


def read_settings(api: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Client → resources, of a document as Business Manager takes it. ValueError for one that it refuses to save."""
    if api not in ("shop", "data"):
        raise ValueError(f"there are settings of type shop and data, not {api!r}")
    if set(document) != {"_v", "clients"} or not re.fullmatch(r"\d\d\.\d{1,2}", str(document["_v"])):
        raise ValueError("settings are {_v: version, clients: […]}")
    found: dict[str, Any] = {}
    for client in document["clients"]:
        if not set(client) <= {"client_id", "client_name", "allowed_origins", "response_headers", "resources"}:
            raise ValueError(f"unknown property of a client: {sorted(client)}")
        found[client["client_id"]] = client["resources"]
    check_settings(found)
    for entry in (entry for entries in found.values() for entry in entries):
        if not set(entry["methods"]) <= {"get", "post", "put", "patch", "delete"}:
            raise ValueError(f"methods are written small: {entry['methods']}")
        if not set(entry) <= {"resource_id", "methods", "read_attributes", "write_attributes", "version_range", "config",
                              "cache_time", "personalized_caching_enabled"}:  # fmt: skip
            raise ValueError(f"unknown property of a resource: {sorted(entry)}")
    return found


def check_settings(permissions: Mapping[str, Any]) -> None:
    """Refuses permissions that are not shaped as OCAPI settings."""
    for client, entries in permissions.items():
        for entry in entries:
            if "resource_id" not in entry or "methods" not in entry:
                raise ValueError(f"permissions of {client!r}: an entry needs resource_id and methods: {entry!r}")
