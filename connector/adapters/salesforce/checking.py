"""`check`: is the org there, may we in, and can the streams carry our key? One call, and one describe per stream."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from connector.adapter import Stream
from connector.adapters.salesforce.budget import Gauge
from connector.adapters.salesforce.client import Client
from connector.adapters.salesforce.settings import Settings
from connector.adapters.salesforce.signin import SignIn
from connector.errors import Misconfigured, RateLimited
from connector.model import Problem, Report

_KEY_LENGTH = 255


class Describer:
    """What an org says of its objects, asked once each. Safe for threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Any]] = {}

    def __call__(self, name: str, *, anew: bool = False) -> dict[str, Any]:
        """The describe of one object. Misconfigured when there is none of this name."""
        with self._lock:
            if anew or name not in self._known:
                self._known[name] = self._client.call("GET", f"sobjects/{name}/describe", intent="read").json()
            return self._known[name]


class Checker:
    """Builds the report of one connection."""

    def __init__(
        self,
        client: Client,
        settings: Settings,
        streams: Mapping[str, Stream],
        gauge: Gauge,
        sign_in: SignIn,
        describe: Describer,
    ) -> None:
        self._client, self._settings, self._streams = client, settings, streams
        self._gauge, self._sign_in, self._describe = gauge, sign_in, describe
        self._unique: set[str] = set()

    def report(self, streams: Sequence[str]) -> Report:
        """Raises ConnectionFault when the org cannot be reached or refuses us."""
        problems: list[Problem] = []
        try:
            self._client.call("GET", "limits", intent="read")
        except Misconfigured as error:
            if error.code in ("404", "410", "NOT_FOUND"):  # no such version: every stream would fail
                return Report(self._facts(), [Problem(str(error), error.remedy)])
            # The limits themselves need the permission View Setup; that we were let in is what was asked
        try:
            self._gauge.check()
        except RateLimited as error:
            problems.append(Problem(str(error), error.remedy))
        for name in streams:
            problems += self._of_stream(name)
        return Report(self._facts(), problems)

    def must_refuse_a_second(self, name: str) -> None:
        """Misconfigured when a create that is repeated after a lost answer would make a second record, because the key field
        is not unique. Asked once; while it is wrong, every time."""
        if name in self._unique:
            return
        fields = self._describe(name, anew=True)["fields"]
        if not any(field["name"] == self._settings.key_field and field.get("unique") for field in fields):
            raise Misconfigured(
                f"{self._settings.key_field} of {name} is not unique: what may have been made already would be made twice",
                code="KEY_FIELD",
                remedy=f"tick Unique on {self._settings.key_field}; merge records with the same value first",
            )
        self._unique.add(name)

    def _facts(self) -> dict[str, str]:
        instance = self._sign_in.instance or self._settings.url
        return {
            "api version": self._settings.version,
            "instance": urlsplit(instance).netloc,
            "user": self._sign_in.user or "unknown",
            "calls left": self._gauge.left,
        }

    def _of_stream(self, name: str) -> list[Problem]:
        try:
            stream = self._streams[name]
        except KeyError:
            return [Problem(f"{name!r} cannot be an object of Salesforce", "use its API name, as in Case", name)]
        try:
            described = self._describe(name, anew=True)
        except Misconfigured as error:
            return [
                Problem(
                    f"there is no object {name}, or the integration user may not see it ({error.code})",
                    f"correct the stream's name, or give the user's permission set access to {name}",
                    name,
                )
            ]
        return self._key_field(name, described) if "create" in stream.writes else []

    def _key_field(self, name: str, described: dict[str, Any]) -> list[Problem]:
        key = self._settings.key_field
        field = next((each for each in described["fields"] if each["name"] == key), None)
        if field is None:
            return [
                Problem(
                    f"{name} has no field {key}, or the integration user may not see it",
                    f"create {key} on {name}: Text({_KEY_LENGTH}), External ID, Unique (case-insensitive), "
                    "and give the user's permission set read and edit access to it",
                    name,
                )
            ]
        wrong = [
            (
                not field.get("externalId"),
                f"{key} of {name} is no External ID",
                f"tick External ID on {key}: lookups need its index",
            ),
            (
                not field.get("unique"),
                f"{key} of {name} is not unique",
                f"tick Unique on {key}: without it two creates at the same time make two records",
            ),
            (
                field.get("length", _KEY_LENGTH) < _KEY_LENGTH,
                f"{key} of {name} takes {field.get('length')} characters",
                f"lengthen {key} to {_KEY_LENGTH}",
            ),
            (
                field.get("createable") is False,
                f"the integration user may not write {key} of {name}",
                f"give its permission set edit access to {key}",
            ),
        ]
        return [Problem(message, remedy, name) for found, message, remedy in wrong if found]
