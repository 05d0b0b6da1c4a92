"""What the org says of itself: versions, objects, fields with their lengths, picklists and external ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.sandbox.salesforce.fields import Field
from connector.sandbox.salesforce.table import Table

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

_SEASONS = {0: "Spring", 1: "Summer", 2: "Winter"}


def version(number: int) -> dict[str, str]:
    """One entry of /services/data/: three versions a year; Spring '26 is 66.0."""
    steps = number - 66
    year, season = 26 + steps // 3, steps % 3
    label = f"{_SEASONS[season]} '{year + (1 if season == 2 else 0):02d}"
    return {"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"}


def everything(org: Org, shown: str) -> dict[str, Any]:
    """The global describe."""
    return {
        "encoding": "UTF-8",
        "maxBatchSize": 200,
        "sobjects": [_brief(t, shown) for t in org.tables.values() if t.may("read")],
    }


def _brief(table: Table, shown: str) -> dict[str, Any]:
    shape = table.shape
    base = f"/services/data/{shown}/sobjects/{shape.name}"
    return {
        "name": shape.name, "label": shape.label or shape.name, "keyPrefix": shape.prefix,
        "custom": shape.name.endswith("__c"), "queryable": True, "createable": shape.createable and table.may("create"),
        "updateable": shape.updateable and table.may("edit"), "deletable": shape.createable and table.may("delete"),
        "urls": {"sobject": base, "describe": base + "/describe", "rowTemplate": base + "/{ID}"},
    }  # fmt: skip


def describe(table: Table, shown: str, *, unique_key: bool = True) -> dict[str, Any]:
    """The describe of one object as its reader may see it. `unique_key`: whether the field of our key is unique."""
    return {**_brief(table, shown), "fields": [_field(f, table, unique_key=unique_key) for f in table.api.fields]}


def _field(f: Field, table: Table, *, unique_key: bool) -> dict[str, Any]:
    relation = next((r for r, name in table.shape.relations.items() if name == f.name), None)
    return {
        "name": f.name, "label": f.label or f.name, "type": f.kind, "length": f.length,
        "byteLength": f.length * 3, "createable": f.createable, "updateable": f.updateable,
        "filterable": f.filterable, "sortable": f.filterable,
        "nillable": f.createable and f.default is None and f.name not in table.shape.required,
        "externalId": f.external_id, "idLookup": f.external_id or f.name == "Id", "unique": f.unique and unique_key,
        "caseSensitive": False, "custom": f.custom, "autoNumber": f.name == "CaseNumber" or bool(f.numbers),
        "restrictedPicklist": f.restricted, "defaultedOnCreate": f.default is not None,
        "precision": 18 if f.kind == "double" else 0, "scale": 2 if f.kind == "double" else 0,
        "referenceTo": list(f.refers), "relationshipName": relation,
        "picklistValues": [
            {"active": True, "defaultValue": v == f.default, "label": v, "value": v} for v in f.values
        ],
    }  # fmt: skip
