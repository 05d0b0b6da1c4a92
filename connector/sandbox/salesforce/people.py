"""Who works in the sample org: the integration user, some agents, one who has left; and the queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from connector.sandbox.salesforce.fields import stamp
from connector.sandbox.salesforce.schema import AGENTS, CASE, CLOSED, QUEUES
from connector.sandbox.salesforce.table import Row

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

INTEGRATION = "integration@acme.example"
LEFT = "left@acme.example"


def settle(org: Org) -> None:
    """Fills User, Group, QueueSobject and CaseStatus."""
    _user(org, "integration", INTEGRATION)
    for i, name in enumerate(AGENTS):
        _user(org, name, f"agent{i + 1}@acme.example")
    _user(org, "Former Colleague", LEFT, active=False)
    for name in () if org.world.options.bare else QUEUES:
        add_queue(org, name, name, ["Lead" if name in org.world.options.foreign_queues else "Case"])
    _add(org, "Group", Name="Everybody", DeveloperName="Everybody", Type="Regular")
    statuses = CASE.by_name["Status"]
    for i, label in enumerate(statuses.values):
        closed, default = label in CLOSED, label == statuses.default
        _add(org, "CaseStatus", MasterLabel=label, ApiName=label, IsClosed=closed, IsDefault=default, SortOrder=i + 1.0)


def add_queue(org: Org, name: str, label: str, objects: Sequence[str]) -> None:
    """A queue, or more objects for one that is there."""
    known = [r for r in org.tables["Group"] if (r.values["DeveloperName"], r.values["Type"]) == (name, "Queue")]
    group = str(known[0].values["Id"]) if known else _add(org, "Group", Name=label, DeveloperName=name, Type="Queue")
    taken = {q.values["SobjectType"] for q in org.tables["QueueSobject"] if q.values["QueueId"] == group}
    for each in objects:
        if each not in taken:
            _add(org, "QueueSobject", QueueId=group, SobjectType=each)
        if each == "Case":
            org.case_queues.add(group)


def _user(org: Org, name: str, login: str, *, active: bool = True) -> None:
    _add(org, "User", Name=name, Username=login, Email=login, IsActive=active, Type="User", UserType="Standard")


def _add(org: Org, kind: str, **values: Any) -> str:
    table = org.tables[kind]
    made = table.next_id()
    row = Row({"Id": made, **values})
    if "SystemModstamp" in table.fields:
        row.values["CreatedDate"] = row.values["SystemModstamp"] = stamp(org.clock.now() - 86400)
    table.add(row)
    return made


def agents(org: Org) -> list[str]:
    """Ids of the active agents."""
    return [r.values["Id"] for r in org.tables["User"] if r.values["Username"].startswith("agent")]


def queue(org: Org, name: str) -> str:
    """Id of a queue by its developer name."""
    for row in org.tables["Group"]:
        if row.values["DeveloperName"] == name and row.values["Type"] == "Queue":
            return str(row.values["Id"])
    raise KeyError(f"no queue {name!r}; known: {', '.join(QUEUES)}")
