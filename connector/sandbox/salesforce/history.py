"""CaseHistory: what the platform tracks of a Case (Status and Owner), two rows for a lookup: names, then ids; and AgentWork,
which Omni-Channel leaves of who accepts a Case from a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.sandbox.salesforce.table import Row, Values

if TYPE_CHECKING:
    from connector.sandbox.salesforce.writes import Transaction


def record(transaction: Transaction, old: Values, given: Values) -> None:
    """Adds the rows for what `given` changes. The first owner leaves no row, as in a real org."""
    status = given.get("Status")
    if status is not None and status != old["Status"]:
        _add(transaction, old["Id"], "Status", old["Status"], status)
    owner = given.get("OwnerId")
    if owner is None or owner == old["OwnerId"]:
        return
    org = transaction.org
    accepted = owner == transaction.actor and old["OwnerId"] in org.case_queues
    if accepted and "AgentWork" in org.tables:
        _work(transaction, old, owner)
    if owner in org.case_queues:
        org.queued[old["Id"]] = transaction.stamp
    if not org.world.options.owner_tracking:
        return
    field = "ownerAccepted" if accepted else "Owner"
    _add(transaction, old["Id"], field, org.owner_name(old["OwnerId"]), org.owner_name(owner))
    _add(transaction, old["Id"], field, old["OwnerId"], owner)


def _work(transaction: Transaction, old: Values, owner: str) -> None:
    """The agent accepts what was routed to him as soon as he takes it."""
    table, now = transaction.org.tables["AgentWork"], transaction.stamp
    row = Row({"Id": table.next_id(), "IsDeleted": False, "CreatedDate": now, "CreatedById": owner, "SystemModstamp": now,
               "UserId": owner, "WorkItemId": old["Id"], "OriginalQueueId": old["OwnerId"], "Status": "Opened",
               "RequestDateTime": transaction.org.queued.get(old["Id"], old["CreatedDate"]), "AssignedDateTime": now,
               "AcceptDateTime": now})  # fmt: skip
    row.visible = transaction.visible
    table.add(row)


def _add(transaction: Transaction, case: str, field: str, old: Any, new: Any) -> None:
    table = transaction.org.tables["CaseHistory"]
    row = Row({"Id": table.next_id(), "IsDeleted": False, "CaseId": case, "Field": field, "OldValue": old,
               "NewValue": new, "CreatedById": transaction.actor, "CreatedDate": transaction.stamp})  # fmt: skip
    row.visible = transaction.visible
    table.add(row)
