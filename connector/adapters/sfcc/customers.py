"""`customers`: registered customers of a customer list by number (Data API): names, e-mail, phones, credentials, attributes.

Source: OCAPI Data 25.6, GET and PATCH /customer_lists/{list}/customers/{no}. The search of customers does not know when one
changed, so they are fetched and written, never polled. There is no store credit or loyalty field: those are attributes (c_…).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from connector import stamps
from connector.adapters.sfcc import resources
from connector.adapters.sfcc.client import Client, segment
from connector.adapters.sfcc.keyed import DataKeyed, Form, parts
from connector.model import Problem, Record, StreamUse

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


def customers(client: Client) -> DataKeyed:
    """Customers of the connection's customer list."""
    place = f"/customer_lists/{segment(client.settings.customers)}/customers"
    return DataKeyed(client, CUSTOMER, resources.CUSTOMER, lambda key: f"{place}/{segment(key)}")


def _mistyped(name: str, value: Any) -> str | None:
    kind = CREDENTIALS.get(parts(name)[1] or "")
    if kind is None or isinstance(value, kind):
        return None
    return f"{name} takes {'true or false' if kind is bool else 'a text'}"


def customer_record(shown: dict[str, Any], site: str) -> Record:
    """A customer; entries of the credentials also under the names that a mapping writes."""
    held = shown.get("credentials")
    entries = {f"credentials[{name}]": value for name, value in held.items()} if isinstance(held, dict) else {}
    stamp = stamps.normal(shown.get("last_modified"))
    return Record(shown["customer_no"], shown | entries, stamp, site, guard=shown.get("_resource_state"))


CUSTOMER = Form("customer", "customer_no", misnamed, _mistyped, customer_record)
