"""What is so of cases, said in SOQL: the words of `where` in a flow by state.

Durations are not asked for: since when a case waits stands in no field of it. The engine looks at what comes back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from connector.adapters.salesforce import soql
from connector.adapters.salesforce.records import RECORD_ID
from connector.states import CLAIMED_BESIDE, WORDS, fields_of


def conditions(where: Mapping[str, Any], nobody: Collection[str]) -> Iterator[str]:
    """One condition for each word that a query can say. `nobody`: names and Ids of users who count as not having taken a case."""
    if "open" in where:
        yield f"IsClosed = {soql.literal(not where['open'])}"
    claimed = where.get("claimed")
    if claimed is True:
        yield "Owner.Type = 'User'"
    elif claimed is False:
        ids = [soql.text(each) for each in sorted(nobody) if RECORD_ID.match(each)]
        names = [soql.text(each) for each in sorted(nobody) if not RECORD_ID.match(each)]
        ways = ["Owner.Type = 'Queue'", *([f"OwnerId IN ({','.join(ids)})"] if ids else [])]
        ways += [f"Owner.Name IN ({','.join(names)})"] if names else []
        yield ways[0] if len(ways) == 1 else f"({' OR '.join(ways)})"
    elif {"claimed_longer_than", "idle_longer_than", CLAIMED_BESIDE} & where.keys():
        yield "Owner.Type = 'User'"
    if CLAIMED_BESIDE in where:
        yield from (f"{name} != null" for name in soql.columns(fields_of(CLAIMED_BESIDE, where[CLAIMED_BESIDE])))


def fields(where: Mapping[str, Any]) -> dict[str, Any]:
    """The rest of it: fields and their values."""
    return {name: value for name, value in where.items() if name not in WORDS}
