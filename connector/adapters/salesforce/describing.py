"""What an org says of its objects and fields, and whether a stream can do with its object what the flows do.

Source: REST API Developer Guide, "sObject Describe"; SOAP API Developer Guide, "DescribeSObjectResult" and "Field".
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

from connector.adapter import Stream
from connector.adapters.salesforce import soql
from connector.adapters.salesforce.client import Client
from connector.errors import Unavailable
from connector.http import Response
from connector.model import Problem, StreamUse
from connector.nearest import nearest

KEY_LENGTH = 255
_PERMISSION = "give the integration user's permission set"


class Describer:
    """What an org says of its objects, asked once each. Safe for threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Any]] = {}
        self.last: Response | None = None
        """The answer that came last."""

    def __call__(self, name: str, *, anew: bool = False) -> dict[str, Any]:
        """The describe of one object. Misconfigured when there is none of this name."""
        with self._lock:
            if anew or name not in self._known:
                self.last = self._client.call("GET", f"sobjects/{name}/describe", intent="read")
                said = self.last.json()
                if not isinstance(said, dict) or not isinstance(said.get("fields"), list):
                    raise Unavailable(f"{self.last.where} answered without fields", code=str(self.last.status))
                self._known[name] = said
            return self._known[name]


class Described:
    """One object as the org describes it to our user: what the user may not see is not there."""

    def __init__(self, stream: Stream, said: dict[str, Any]) -> None:
        self.stream, self.said = stream, said
        self.name = stream.name
        self.fields: dict[str, dict[str, Any]] = {field["name"]: field for field in said["fields"]}
        self._spelled = {name.lower(): name for name in self.fields}
        self._relations = {
            field["relationshipName"]: name for name, field in self.fields.items() if field.get("relationshipName")
        }

    def object_problems(self, use: StreamUse) -> Iterator[Problem]:
        """What the user may not do with the object as a whole."""
        name = self.name
        if self.said.get("queryable") is False:
            yield Problem(
                f"the integration user may not read {name}", f"{_PERMISSION} Read and View All on {name}", name
            )
        if use.writes & {"create", "append"} and self.said.get("createable") is False:
            yield Problem(f"the integration user may not create {name}", f"{_PERMISSION} Create on {name}", name)
        if "delete" in use.writes and self.said.get("deletable") is False:
            yield Problem(f"the integration user may not delete {name}", f"{_PERMISSION} Delete on {name}", name)
        if "update" in use.writes and self.said.get("updateable") is False:
            yield Problem(f"the integration user may not change {name}", f"{_PERMISSION} Edit on {name}", name)

    def needed_problems(self, key_field: str, use: StreamUse) -> Iterator[Problem]:
        """What every read of the stream selects, but for the key field and what the mappings name themselves."""
        for name in self.stream.needs:
            if name != key_field and name not in use.fields and (problem := self.unreadable(name)) is not None:
                yield problem

    def unreadable(self, name: str) -> Problem | None:
        """Why a field or relationship cannot be selected."""
        first, _, rest = name.partition(".")
        if rest or name.endswith("__r") or name in soql.RELATIONS:
            return self.missing(first, self._relations, "relationship")
        if name in self._relations and name not in self.fields:
            message = f"{name} of {self.name} is a relationship, which is not read as a whole"
            return Problem(message, f"read {self._relations[name]}", self.name, name)
        return self.missing(name, self.fields)

    def missing(self, name: str, known: Iterable[str], what: str = "field", access: str = "read") -> Problem | None:
        """The problem that a name is not there, or is spelled otherwise; None when it is there."""
        names = {each.lower(): each for each in known}
        spelled = names.get(name.lower())
        if spelled == name:
            return None
        if spelled is not None:
            message = f"the {what} of {self.name} is spelled {spelled}, not {name}"
            return Problem(message, f"write {spelled}: Salesforce answers under that name", self.name, name)
        short = {_short(each): each for each in names.values()}
        near = nearest(_short(name), short, cutoff=0.75)
        meant = f"did you mean {short[near]}? else " if near else ""
        message = f"{self.name} has no {what} {name}, or the integration user may not see it"
        remedy = f"{meant}create it, or let the integration user {access} it"
        return Problem(message, remedy, self.name, name)

    def key_problems(self, key: str, use: StreamUse) -> Iterator[Problem]:
        """What keeps the key field from carrying our key. Every read selects it; the rest matters where we create or search."""
        if key not in self.stream.needs:
            return
        unique = self.stream.create == "exclusive"
        field = self.fields.get(key)
        if field is None:
            message = f"{self.name} has no field {key}, or the integration user may not see it"
            remedy = (
                f"create {key} on {self.name if unique else 'Activity'}: Text({KEY_LENGTH})"
                f"{', External ID, Unique (case-insensitive)' if unique else ''}, "
                "and give the user's permission set read and edit access to it"
            )
            if (spelled := self._spelled.get(key.lower())) is not None:
                message, remedy = (
                    f"the field of {self.name} is spelled {spelled}, not {key}",
                    f"write key_field: {spelled}",
                )
            yield Problem(message, remedy, self.name, setting="key_field")
            return
        creates = "create" in use.writes
        if not (creates or use.keyed):
            return
        length = field.get("length") or KEY_LENGTH
        wrong = (
            (
                unique and not field.get("externalId"),
                "is no External ID",
                f"tick External ID on {key}: lookups need its index",
            ),
            (
                unique and not field.get("unique"),
                "is not unique",
                f"tick Unique on {key}: without it two creates at the same time make two records",
            ),
            (length < KEY_LENGTH, f"takes {length} characters", f"lengthen {key} to {KEY_LENGTH}"),
            (
                creates and field.get("createable") is False,
                "may not be written by the integration user",
                f"give its permission set edit access to {key}",
            ),
        )
        for found, message, remedy in wrong:
            if found:
                yield Problem(f"{key} of {self.name} {message}", remedy, self.name, setting="key_field")


def _short(name: str) -> str:
    """What tells one name from another: its ending says only that somebody made it."""
    return name.lower().removesuffix("__c").removesuffix("__r")
