"""getUpdated and getDeleted: ids whose stamp lies in a window, in whole seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.sandbox.gate import json_reply
from connector.sandbox.salesforce.fields import instant, stamp
from connector.sandbox.salesforce.problem import Problem
from connector.sandbox.salesforce.table import Table
from connector.sandbox.server import Reply

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Call, Org

_DAYS_BACK = 30


def replicated(org: Org, call: Call, table: Table, *, deleted: bool) -> Reply:
    """`latestDateCovered` is no later than the stamp of the oldest write that is not visible yet."""
    params = call.params()
    start, end = (instant(params.get(name, "")) for name in ("start", "end"))
    if start is None or end is None or start >= end:
        raise Problem("INVALID_REPLICATION_DATE", "startDate must be before endDate, both as ISO 8601 dates")
    if start < stamp(call.now - _DAYS_BACK * 86400):
        raise Problem("INVALID_REPLICATION_DATE", f"startDate cannot be more than {_DAYS_BACK} days ago")
    found: list[Any] = []
    covered = min(end, stamp(call.now))
    for row in table:
        if row.visible > call.now:
            covered = min(covered, row.values["SystemModstamp"])
        values = row.seen(call.now)
        if values is None or not start <= values["SystemModstamp"] < end or bool(values.get("IsDeleted")) != deleted:
            continue
        if deleted:
            found.append({"id": values["Id"], "deletedDate": values["SystemModstamp"]})
        else:
            found.append(values["Id"])
    if not deleted:
        return json_reply(200, {"ids": found, "latestDateCovered": covered})
    earliest = stamp(call.now - _DAYS_BACK * 86400)
    answer = {"deletedRecords": found, "earliestDateAvailable": earliest, "latestDateCovered": covered}
    return json_reply(200, answer)
