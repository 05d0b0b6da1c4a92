"""`customers`: registered customers of a customer list by number (Data API): names, e-mail, phones, credentials, attributes.

Source: OCAPI Data 25.6, GET and PATCH /customer_lists/{list}/customers/{no}. The search of customers does not know when one
changed, so they are fetched and written, never polled. There is no store credit or loyalty field: those are attributes (c_…).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connector import stamps
from connector.adapters.sfcc import resources
from connector.adapters.sfcc.client import Client, addressable, encode, segment, unaddressable
from connector.adapters.sfcc.faults import MALFORMED, MISSING, fault_of
from connector.adapters.sfcc.products import document, parts
from connector.errors import Changed, Conflict, RecordFault, Rejected
from connector.http import Intent
from connector.model import Problem, Record, Ref, Result, StreamUse, Write

PLAIN = ("first_name", "last_name", "email")
CREDENTIALS = {"login": str, "enabled": bool, "locked": bool}
"""Entries of `credentials`, written as `credentials[locked]`."""
_PHONE = re.compile(r"phone_[a-z_]+\Z")
_SHOWN = frozenset({*PLAIN, "credentials", "customer_no", "customer_id", "creation_date", "last_modified"})
_TAKES = f"{', '.join(PLAIN)}, phone_…, credentials[login], [enabled], [locked], and attributes of your own (c_…)"


def misnamed(name: str) -> tuple[str, str] | None:
    """Why a customer takes no such field, and the way out; None if it does."""
    base, entry = parts(name)
    if entry is None and (base.startswith("c_") or base in PLAIN or _PHONE.match(base)):
        return None
    if base == "credentials" and entry in CREDENTIALS:
        return None
    return f"{name} of a customer cannot be written", f"it takes {_TAKES}"


def customer_problems(use: StreamUse) -> Iterator[Problem]:
    """What the flows read and write of customers that none has."""
    for name, field in use.fields.items():
        base = parts(name)[0]
        if (field.creates or field.updates) and (wrong := misnamed(name)) is not None:
            yield Problem(*wrong, use.stream, name)
        elif not base.startswith("c_") and base not in _SHOWN and not _PHONE.match(base):
            yield Problem(f"a customer has no field {base}", f"it has {', '.join(sorted(_SHOWN))}", use.stream, name)


class Customers:
    """Customers of the connection's customer list."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def fetch(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """Customers by number, each read directly."""
        return {key: record for key in keys if (record := self._get(key)) is not None}

    def update(self, write: Write) -> Result:
        """PATCH of one customer; `unless_changed` goes along as its `_resource_state`."""
        refused = check_values(write.fields)
        if refused is not None:
            return Result(error=refused)
        key = write.target or ""
        if not addressable(key):
            return Result(error=unaddressable(key))
        payload = document(write.fields)
        if write.unless_changed:
            payload["_resource_state"] = write.unless_changed
        # "once": repeated within the call after a lost reply, it would be refused because of its own first try
        intent: Intent = "once" if write.unless_changed else "update"
        response = self._client.data("PATCH", resources.CUSTOMER, self._path(key), intent=intent, payload=payload)
        if response.status in (200, 204):
            return Result(target=key)
        error = self._client.fault(response, "Data", resources.CUSTOMER, "PATCH", writing=True)
        if isinstance(error, Conflict) and write.unless_changed:
            return Result(target=key, error=Changed(str(error), code=error.code))
        if isinstance(error, RecordFault):
            return Result(error=error)
        raise error

    def _get(self, key: str) -> Record | None:
        if not addressable(key):
            return None
        response = self._client.data("GET", resources.CUSTOMER, self._path(key), intent="read")
        if response.status == 200:
            return customer_record(response.json(), self._client.settings.site)
        kind = fault_of(response).type
        if (response.status == 404 and kind in MISSING) or kind == MALFORMED:
            return None
        raise self._client.fault(response, "Data", resources.CUSTOMER, "GET")

    def _path(self, key: str) -> str:
        return f"/customer_lists/{segment(self._client.settings.customers)}/customers/{segment(key)}"


def customer_record(shown: dict[str, Any], site: str) -> Record:
    """A customer; entries of the credentials also under the names that a mapping writes."""
    held = shown.get("credentials")
    entries = {f"credentials[{name}]": value for name, value in held.items()} if isinstance(held, dict) else {}
    stamp = stamps.normal(shown.get("last_modified"))
    return Record(shown["customer_no"], shown | entries, stamp, site, guard=shown.get("_resource_state"))


def check_values(fields: Mapping[str, Any]) -> Rejected | None:
    """Why these values cannot be sent, if so."""
    for name, value in fields.items():
        if (wrong := misnamed(name)) is not None:
            return Rejected(wrong[0], field=name, remedy=wrong[1])
        if isinstance(value, Ref):
            text = f"{name}: a reference ({value.kind}) means nothing to the shop"
            return Rejected(text, field=name, remedy="send a plain value")
        kind = CREDENTIALS.get(parts(name)[1] or "")
        if kind is not None and not isinstance(value, kind):
            return Rejected(
                f"{name} takes {'true or false' if kind is bool else 'a text'}", field=name, remedy="correct it"
            )
        try:
            encode(value)
        except TypeError as error:
            return Rejected(f"{name}: {error} is no JSON value", field=name, remedy="make it a text or a number")
    return None
