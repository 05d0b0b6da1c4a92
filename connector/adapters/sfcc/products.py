"""`products`: flags and attributes of products by id (Data API), site by site where a field is a map.

Source: OCAPI Data 25.6, GET and PATCH /products/{id}. `online_flag` and its kin are maps, so that a mapping names the entry too:
`online_flag[default@RefArch]`. How an entry for a site is spelt is not documented: it goes as written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connector import stamps
from connector.adapters.sfcc import resources
from connector.adapters.sfcc.client import Client, addressable, encode, segment, unaddressable
from connector.adapters.sfcc.faults import MALFORMED, MISSING, fault_of
from connector.errors import Changed, Conflict, RecordFault, Rejected
from connector.http import Intent
from connector.model import Kind, Record, Ref, Result, Write

_FLAG: frozenset[Kind] = frozenset({"boolean"})
_TEXT: frozenset[Kind] = frozenset({"text"})
_TIME: frozenset[Kind] = frozenset({"text", "instant", "date"})
MAPS: Mapping[str, frozenset[Kind]] = {
    "online_flag": _FLAG,
    "searchable": _FLAG,
    "valid_from": _TIME,
    "valid_to": _TIME,
    "name": _TEXT,
}
"""Fields that are maps, by site or locale, and what an entry holds."""
PLAIN: Mapping[str, frozenset[Kind]] = dict.fromkeys(("brand", "ean", "upc", "unit", "tax_class_id"), _TEXT)
"""Fields that hold one value."""
TAKES: Mapping[str, frozenset[Kind]] = {**MAPS, **PLAIN}
SHOWN = frozenset({*MAPS, *PLAIN, "id", "online", "creation_date", "last_modified", "type", "owning_catalog_id"})
"""Fields that a product shows beside its custom attributes, as far as mappings need them."""
_NAME = re.compile(r"([A-Za-z_]\w*)(?:\[([^\[\]]+)\])?\Z", re.ASCII)


def parts(name: str) -> tuple[str, str | None]:
    """`online_flag` and `default@RefArch` of `online_flag[default@RefArch]`; None where no entry is named."""
    match = _NAME.match(name)
    return (match[1], match[2]) if match else (name, None)


def misnamed(name: str) -> tuple[str, str] | None:
    """Why a product takes no such field, and the way out; None if it does."""
    base, entry = parts(name)
    if base.startswith("c_"):
        return None
    if base in MAPS:
        remedy = f"name the entry: {base}[default], or {base}[default@RefArch] for one site"
        return None if entry is not None else (f"{base} of a product is a map", remedy)
    if base in PLAIN:
        return None if entry is None else (f"{base} of a product is one value", f"write {base}")
    known = ", ".join([*(f"{each}[…]" for each in MAPS), *PLAIN])
    return f"{name} of a product cannot be written", f"it takes {known}, and attributes of your own (c_…)"


class Products:
    """Products of the instance: they belong to catalogs, not to a site."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def fetch(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """Products by id, each read directly: what stands there may have to be put back, so no index is believed."""
        return {key: record for key in keys if (record := self._get(key)) is not None}

    def update(self, write: Write) -> Result:
        """PATCH of one product; `unless_changed` goes along as its `_resource_state`."""
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
        path = f"/products/{segment(key)}"
        response = self._client.data("PATCH", resources.PRODUCT, path, intent=intent, payload=payload)
        if response.status in (200, 204):
            return Result(target=key)
        error = self._client.fault(response, "Data", resources.PRODUCT, "PATCH", writing=True)
        if isinstance(error, Conflict) and write.unless_changed:
            return Result(target=key, error=Changed(str(error), code=error.code))
        if isinstance(error, RecordFault):
            return Result(error=error)
        raise error

    def _get(self, key: str) -> Record | None:
        if not addressable(key):
            return None
        response = self._client.data("GET", resources.PRODUCT, f"/products/{segment(key)}", intent="read")
        if response.status == 200:
            return product_record(response.json(), self._client.settings.site)
        kind = fault_of(response).type
        if (response.status == 404 and kind in MISSING) or kind == MALFORMED:
            return None
        raise self._client.fault(response, "Data", resources.PRODUCT, "GET")


def product_record(shown: dict[str, Any], site: str) -> Record:
    """A product; each entry of its maps also under the name that a mapping writes."""
    entries = {
        f"{name}[{entry}]": value
        for name, held in shown.items()
        if isinstance(held, dict)
        for entry, value in held.items()
    }
    stamp = stamps.normal(shown.get("last_modified"))
    return Record(shown["id"], shown | entries, stamp, site, guard=shown.get("_resource_state"))


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


def check_values(fields: Mapping[str, Any]) -> Rejected | None:
    """Why these values cannot be sent, if so."""
    for name, value in fields.items():
        if (wrong := misnamed(name)) is not None:
            return Rejected(wrong[0], field=name, remedy=wrong[1])
        if isinstance(value, Ref):
            text = f"{name}: a reference ({value.kind}) means nothing to the shop"
            return Rejected(text, field=name, remedy="send a plain value")
        if parts(name)[0] in ("online_flag", "searchable") and not (value is None or isinstance(value, bool)):
            return Rejected(f"{name} is true or false", field=name, remedy="correct the mapping")
        try:
            encode(value)
        except TypeError as error:
            return Rejected(f"{name}: {error} is no JSON value", field=name, remedy="make it a text or a number")
    return None
