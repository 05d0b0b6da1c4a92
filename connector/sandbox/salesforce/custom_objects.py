"""Custom objects (`…__c`) of the org: the sample's own, and those that an administrator deploys.

From the Object Reference, "Relationships Among Objects": of a master-detail relationship the master must be there, it cannot be
changed unless the field says so, the detail has no owner, and it goes into the recycle bin with its master. A lookup is cleared.
Who may do what with such an object, only permission sets say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from connector.sandbox.salesforce.fields import Field
from connector.sandbox.salesforce.ids import full
from connector.sandbox.salesforce.problem import Problem
from connector.sandbox.salesforce.schema import KEY_FIELD, MODIFIED, STAMPS, Object, custom, system
from connector.sandbox.salesforce.table import Row, Table, Values

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

PREFIXES = tuple(f"a{first}{second}" for first in "0123456789" for second in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""First characters of the Ids of custom objects, in the order of their making."""


def master(name: str, of: str, label: str, *, reparentable: bool = False) -> Field:
    """A master-detail field."""
    return Field(
        name=name, kind="reference", length=18, label=label, custom=True, refers=(of,), updateable=reparentable
    )


def shaped(name: str, label: str, number: Field, fields: tuple[Field, ...], *, prefix: str, parent: str = "") -> Object:
    """A custom object. `number`: its name field. `parent`: its master-detail field; without one its records have an owner."""
    owner = () if parent else (Field(name="OwnerId", kind="reference", length=18, refers=("User", "Group")),)
    return Object(
        name,
        prefix,
        (*STAMPS, *MODIFIED, number, *owner, *fields),
        relations={
            "CreatedBy": "CreatedById",
            "LastModifiedBy": "LastModifiedById",
            **({} if parent else {"Owner": "OwnerId"}),
            **{f"{f.name[:-1]}r": f.name for f in fields if f.refers},
        },
        parent=parent,
        createable=True,
        updateable=True,
        required=(parent,) if parent else (),
        label=label,
    )


CASE_ORDER = shaped(
    "Case_Order__c",
    "Case Order",
    system("Name", "string", length=80, numbers="CO-{000000}"),
    (
        master("Case__c", "Case", "Case"),
        custom(KEY_FIELD, external_id=True, unique=True),
        custom("Order_No__c"),
        custom("Order_Date__c", "datetime"),
        custom("Order_Total__c", "double"),
        custom("Currency__c"),
        custom("Order_Status__c"),
        custom("Payment_Status__c"),
        custom("Payment_Method__c"),
    ),
    prefix=PREFIXES[0],
    parent="Case__c",
)
"""An order of a dispute, beside its case."""
SAMPLE = (CASE_ORDER,)


def is_custom(table: Table) -> bool:
    return table.shape.name.endswith("__c")


def refer(org: Org, table: Table, values: Values) -> None:
    """References of a row that is about to be written: to a record that is there, of the right object. Raises Problem."""
    for field in table.shape.fields:
        given = values.get(field.name)
        if not field.refers or given is None or not (field.custom or field.name == "OwnerId"):
            continue
        known = full(str(given))
        targets = [org.tables[each] for each in field.refers]
        if known is None or not any(known.startswith(target.shape.prefix) for target in targets):
            raise Problem("MALFORMED_ID", f"{field.label}: id value of incorrect type: {given}", [field.name])
        row = next((target.rows[known] for target in targets if known in target.rows), None)
        if row is None:
            raise Problem("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
                          f"insufficient access rights on cross-reference id: {given}", [])  # fmt: skip
        if row.values.get("IsDeleted"):
            raise Problem("ENTITY_IS_DELETED", "entity is deleted", [])
        values[field.name] = known


def number(table: Table) -> Mapping[str, str]:
    """The name that a new row gets where the platform counts."""
    pattern = table.shape.by_name["Name"].numbers
    if not pattern:
        return {}
    head, _, rest = pattern.partition("{")
    digits, _, tail = rest.partition("}")
    return {"Name": f"{head}{len(table.rows) + 1:0{len(digits)}d}{tail}"}


def referring(org: Org, kind: str, made: str) -> Iterator[tuple[Table, Field, Row]]:
    """Rows of custom objects that name this record, by which field."""
    for table in org.tables.values():
        if is_custom(table):
            for field in table.shape.fields:
                if field.custom and kind in field.refers:
                    rows = table.children.get(made, []) if field.name == table.shape.parent else list(table)
                    yield from ((table, field, row) for row in list(rows) if row.values.get(field.name) == made)


def moved(org: Org, kind: str, loser: str, kept: str) -> None:
    """What named a record that was merged names its master."""
    for table, field, row in referring(org, kind, loser):
        row.values[field.name] = kept
        if field.name == table.shape.parent:
            table.children[loser].remove(row)
            table.children.setdefault(kept, []).append(row)
