"""`products`: flags and attributes of products by id (Data API), site by site where a field is a map.

Source: OCAPI Data 25.6, GET and PATCH /products/{id}. `online_flag` and its kin are maps, so that a mapping names the entry too:
`online_flag[default@RefArch]`. How an entry for a site is spelt is not documented: it goes as written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector import stamps
from connector.adapters.sfcc import resources
from connector.adapters.sfcc.client import Client, segment
from connector.adapters.sfcc.keyed import DataKeyed, Form, parts
from connector.model import Kind, Record

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


def products(client: Client) -> DataKeyed:
    """Products of the instance: they belong to catalogs, not to a site."""
    return DataKeyed(client, PRODUCT, resources.PRODUCT, lambda key: f"/products/{segment(key)}")


def _mistyped(name: str, value: Any) -> str | None:
    flag = parts(name)[0] in ("online_flag", "searchable")
    return f"{name} is true or false" if flag and not (value is None or isinstance(value, bool)) else None


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


PRODUCT = Form("product", "id", misnamed, _mistyped, product_record)
