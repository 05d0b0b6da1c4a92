"""Queues and users by name: looked up when first needed, kept, and looked up anew when an id no longer fits.

Ids differ between orgs, so mappings name queues by DeveloperName (or label) and users by Username (or name).
Source: Object Reference, "Group" (Type = 'Queue') and "User".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from connector.adapters.salesforce import soql
from connector.errors import Misconfigured, Rejected
from connector.model import Ref

QUEUES = "SELECT Id,DeveloperName,Name FROM Group WHERE Type = 'Queue'"
_SHOWN = 20


class References:
    """Names of one org. Safe for threads: one asks, the others wait."""

    def __init__(self, rows: Callable[[str], list[dict[str, Any]]]) -> None:
        self._rows = rows
        self._lock = threading.Lock()
        self._ids: dict[Ref, str] = {}
        self._queues: tuple[str, ...] = ()
        self._asked = 0

    def known(self, ref: Ref) -> str | None:
        """What is sent for a reference, if it is known already. A choice is sent by its label."""
        return ref.name if ref.kind == "choice" else self._ids.get(ref)

    def resolve(self, refs: Iterable[Ref]) -> dict[Ref, Rejected]:
        """Look up what is not known yet. Misconfigured for a queue that is not there; users that are not there are returned."""
        wanted = [ref for ref in dict.fromkeys(refs) if self.known(ref) is None]
        for ref in wanted:
            if ref.kind not in ("queue", "user"):
                raise Misconfigured(
                    f"Salesforce has no references of kind {ref.kind!r}", remedy="use ref: queue, ref: user, or choice:"
                )
        queues = [ref for ref in wanted if ref.kind == "queue"]
        if queues:
            self._find_queues(queues)
        users = [ref for ref in wanted if ref.kind == "user"]
        return self._find_users(users) if users else {}

    def forget(self) -> None:
        """Ask again for every name: an id was refused."""
        with self._lock:
            self._ids = {}

    def _find_queues(self, refs: list[Ref]) -> None:
        asked = self._asked
        with self._lock:
            if self._asked == asked:  # nobody asked while we waited
                found = self._rows(QUEUES)
                self._asked += 1
                self._queues = tuple(sorted(row["DeveloperName"] for row in found))
                ids = dict(self._ids)
                for naming in ("Name", "DeveloperName"):  # the latter is unique, so it wins
                    ids |= {Ref("queue", row[naming]): row["Id"] for row in found}
                self._ids = ids
        missing = [ref.name for ref in refs if ref not in self._ids]
        if missing:
            known = ", ".join(self._queues[:_SHOWN]) or "none"
            raise Misconfigured(
                f"there is no queue {missing[0]!r} in Salesforce; there are: {known}",
                code="QUEUE",
                remedy=f"create the queue {missing[0]}, or name one of these in the mapping",
            )

    def _find_users(self, refs: list[Ref]) -> dict[Ref, Rejected]:
        found: dict[str, list[str]] = {}  # names in lower case: Salesforce compares them so
        with self._lock:
            for by in ("Username", "Name"):
                rest = [ref.name for ref in refs if ref.name.lower() not in found]
                for query in soql.among("User", ["Id", by], by, rest, condition="IsActive = true"):
                    for row in self._rows(query):
                        found.setdefault(row[by].lower(), []).append(row["Id"])
            ones = {ref: found[ref.name.lower()][0] for ref in refs if len(found.get(ref.name.lower(), ())) == 1}
            self._ids |= ones
        return {
            ref: Rejected(
                f"{'several active users are' if ref.name.lower() in found else 'no active user is'} called {ref.name!r}",
                code="USER",
                remedy="name the user by Username, and see that the user is active",
            )
            for ref in refs
            if ref not in ones
        }
