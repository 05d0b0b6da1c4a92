"""What is read and patched by its key alone, never polled: products and customers. Here what holds over either API, and the calls
of the Data API; `scapi/keyed.py` makes those of SCAPI.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.adapters.sfcc.client import Client, addressable, encode, unaddressable
from connector.errors import Changed, Conflict, RecordFault, Rejected
from connector.http import Intent
from connector.model import Record, Ref, Result, Write

_NAME = re.compile(r"([A-Za-z_]\w*)(?:\[([^\[\]]+)\])?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of them: what it is called, the field that holds its key, what it takes, and its record."""

    name: str
    key: str
    misnamed: Callable[[str], tuple[str, str] | None]
    """Why it takes no such field, and the way out."""
    mistyped: Callable[[str, Any], str | None]
    """Why a field takes no such value."""
    record: Callable[[dict[str, Any], str], Record]
    """From the document and the connection's site."""


class Keyed(ABC):
    """Those of one kind."""

    def __init__(self, form: Form) -> None:
        self.form = form

    def fetch(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """By key, each read directly: what stands there may have to be put back, so no index is believed."""
        found = ((key, self._get(key)) for key in keys if addressable(key))
        return {key: record for key, record in found if record is not None}

    def update(self, write: Write) -> Result:
        """PATCH of one; `unless_changed` goes along where the API knows a condition."""
        refused = check_values(write.fields, self.form)
        if refused is not None:
            return Result(error=refused)
        key = write.target or ""
        return self._patch(key, write) if addressable(key) else Result(error=unaddressable(key))

    @abstractmethod
    def _get(self, key: str) -> Record | None: ...

    @abstractmethod
    def _patch(self, key: str, write: Write) -> Result: ...


class DataKeyed(Keyed):
    """Over the Data API; `path` makes the path of a key."""

    def __init__(self, client: Client, form: Form, resource: str, path: Callable[[str], str]) -> None:
        super().__init__(form)
        self._client, self._resource, self._path = client, resource, path

    def _get(self, key: str) -> Record | None:
        response = self._client.data("GET", self._resource, self._path(key), intent="read")
        if response.status == 200:
            return self.form.record(response.json(), self._client.settings.site)
        if self._client.missing(response):
            return None
        raise self._client.fault(response, "Data", self._resource, "GET")

    def _patch(self, key: str, write: Write) -> Result:
        """The condition is the document's `_resource_state`."""
        payload = document(write.fields)
        if write.unless_changed:
            payload["_resource_state"] = write.unless_changed
        # "once": repeated within the call after a lost reply, it would be refused because of its own first try
        intent: Intent = "once" if write.unless_changed else "update"
        response = self._client.data("PATCH", self._resource, self._path(key), intent=intent, payload=payload)
        if response.status in (200, 204):
            return Result(target=key)
        error = self._client.fault(response, "Data", self._resource, "PATCH", writing=True)
        if isinstance(error, Conflict) and write.unless_changed:
            return Result(target=key, error=Changed(str(error), code=error.code))
        if isinstance(error, RecordFault):
            return Result(error=error)
        raise error


def parts(name: str) -> tuple[str, str | None]:
    """`online_flag` and `default@RefArch` of `online_flag[default@RefArch]`; None where no entry is named."""
    match = _NAME.match(name)
    return (match[1], match[2]) if match else (name, None)


def document(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a PATCH: entries of one map together."""
    body: dict[str, Any] = {}
    for name, value in fields.items():
        base, entry = parts(name)
        if entry is None:
            body[base] = value
        else:
            body.setdefault(base, {})[entry] = value
    return body


def check_values(fields: Mapping[str, Any], form: Form) -> Rejected | None:
    """Why these values cannot be sent, if so."""
    for name, value in fields.items():
        if (wrong := form.misnamed(name)) is not None:
            return Rejected(wrong[0], field=name, remedy=wrong[1])
        if isinstance(value, Ref):
            text = f"{name}: a reference ({value.kind}) means nothing to the shop"
            return Rejected(text, field=name, remedy="send a plain value")
        if (mistyped := form.mistyped(name, value)) is not None:
            return Rejected(mistyped, field=name, remedy="correct the mapping")
        try:
            encode(value)
        except TypeError as error:
            return Rejected(f"{name}: {error} is no JSON value", field=name, remedy="make it a text or a number")
    return None
