"""What the user who signs in over the API may see and write: the fields that the org came with, and permission sets.

Fields and objects that are deployed later are visible to nobody until a permission set that names them is assigned.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from connector.sandbox.salesforce import people

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org


@dataclass(slots=True)
class PermissionSet:
    """Fields by `Case.Name`, and whether they may be edited; objects, and what may be done with them."""

    label: str
    fields: dict[str, bool] = field(default_factory=dict)
    objects: dict[str, frozenset[str]] = field(default_factory=dict)


class Access:
    """Permission sets, and whom they were assigned to. Usernames, as in `sf org assign permset`."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.sets: dict[str, PermissionSet] = {}
        self.assigned: dict[str, set[str]] = {}
        self._first = {name: frozenset(table.fields) for name, table in org.tables.items()}
        self._granted: set[str] = set()
        """Objects that were deployed: nobody has them without a permission set."""

    def deployed(self, kind: str, visible: Collection[str]) -> None:
        """An object that is there from now on. `visible`: fields without field-level security."""
        self._first[kind] = frozenset(visible)
        self._granted.add(kind)

    def assign(self, name: str, user: str) -> None:
        """KeyError for a permission set or user that is not there."""
        if name not in self.sets:
            raise KeyError(f"no permission set {name!r}; known: {', '.join(self.sets) or 'none'}")
        if self.org.user_named(user) is None:
            raise KeyError(f"no user {user!r}")
        self.assigned.setdefault(user, set()).add(name)
        self.apply()

    def add_values(self, kind: str, name: str, values: Sequence[str]) -> None:
        """More values of a standard picklist; KeyError for a field that is none."""
        table = self.org.tables[kind]
        known = table.fields.get(name)
        if known is None or known.kind != "picklist":
            raise KeyError(f"no picklist {name!r} of {kind}")
        more = replace(known, values=tuple(dict.fromkeys([*known.values, *values])))
        table.declare(replace(table.shape, fields=tuple(more if f is known else f for f in table.shape.fields)))
        self.apply()

    def apply(self) -> None:
        """Brings what the API user sees up to date."""
        sets = [self.sets[name] for name in sorted(self.assigned.get(people.INTEGRATION, ()))]
        for kind, table in self.org.tables.items():
            given = {name: edits for each in sets for name, edits in each.fields.items()}
            mine = {name.partition(".")[2] for name in given if name.startswith(f"{kind}.")}
            edits = {name.partition(".")[2] for each in sets for name, edit in each.fields.items()
                     if edit and name.startswith(f"{kind}.")}  # fmt: skip
            if kind in self._granted:
                table.rights = frozenset[str]().union(*(each.objects.get(kind, ()) for each in sets))
            table.allow(self._first[kind] | mine, self._first[kind] | edits)
