"""`check`: is the org there, may we in, and can its objects, fields, queues and users do what the flows do with them?

One call, one describe per stream, one query for queues and one for users; every problem at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from connector.adapter import Stream
from connector.adapters.salesforce import documents
from connector.adapters.salesforce.budget import Gauge
from connector.adapters.salesforce.client import Client
from connector.adapters.salesforce.describing import Described, Describer
from connector.adapters.salesforce.fields import field_problems
from connector.adapters.salesforce.names import name_problems, named_in
from connector.adapters.salesforce.settings import Settings
from connector.adapters.salesforce.signin import SignIn
from connector.errors import ConnectionFault, Misconfigured, RemoteError
from connector.http import Response, clock_problems
from connector.model import Problem, Report, StreamUse


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

    def report(self, uses: Sequence[StreamUse]) -> Report:
        """Raises ConnectionFault when the org cannot be reached or refuses us."""
        problems: list[Problem] = []
        heard: Response | None = None
        try:
            heard = self._client.call("GET", "limits", intent="read")
        except Misconfigured as error:
            if error.code in ("404", "410", "NOT_FOUND"):  # no such version: every stream would fail
                return Report(self._facts(), [Problem(str(error), error.remedy, setting="version")])
            # The limits themselves need the permission View Setup; that we were let in is what was asked
        for use in uses:
            problems += self._of_stream(use)
        problems += self._of_names(uses)
        facts = self._facts()
        if any("file" in field.kinds for use in uses for field in use.fields.values()):
            facts["files from"] = ", ".join(self._settings.files.hosts) or "no host (files.hosts names none)"
        answer = heard or self._describe.last
        problems += clock_problems("Salesforce's", answer.ahead if answer else None)
        return Report(facts, problems)

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

    def _of_stream(self, use: StreamUse) -> list[Problem]:
        name = use.stream
        try:
            stream = self._streams[name]
        except KeyError:
            return [Problem(f"{name!r} cannot be an object of Salesforce", "use its API name, as in Case", name)]
        try:
            described = Described(stream, self._describe(name, anew=True))
        except ConnectionFault:
            raise
        except Misconfigured as error:
            return [
                Problem(
                    f"there is no object {name}, or the integration user may not see it ({error.code})",
                    f"correct the stream's name, or give the user's permission set access to {name}",
                    name,
                )
            ]
        except RemoteError as error:  # this object's describe failed; the others are asked all the same
            return [Problem(str(error), error.remedy or "run the check again", name)]
        key = self._settings.key_field
        problems = [*described.object_problems(use), *described.needed_problems(key, use)]
        problems += described.key_problems(key, use)
        beside = (
            documents.OF_LINK if name == documents.STREAM else frozenset[str]()
        )  # told by the link, not by the object
        for field in (each for each in use.fields.values() if each.name not in beside):
            if field.name != key or key in described.fields:  # that it is missing was said
                problems += field_problems(described, field)
        return problems

    def _of_names(self, uses: Sequence[StreamUse]) -> Iterator[Problem]:
        named = named_in(uses)
        try:
            yield from name_problems(named, self._client.rows)
        except ConnectionFault:
            raise
        except RemoteError as error:
            remedy = error.remedy or "give the integration user's permission set read access to Group and User"
            yield Problem(f"queues and users could not be looked up: {error}", remedy)
