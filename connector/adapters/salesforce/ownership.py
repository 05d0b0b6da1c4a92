"""Who has a case since when: from CaseHistory where Owner is tracked, from Omni-Channel's AgentWork where the org has it.

A change of owner leaves two rows of history, one with names and one with ids; the first owner leaves none. What the two sources
do not show up to the present owner is left out: the ledger then goes by the difference between two reads.
Source: Object Reference, "CaseHistory" and "AgentWork".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

from connector.adapter import Clock
from connector.adapters.salesforce import soql
from connector.adapters.salesforce.records import RECORD_ID, is_person, same_id, stamp_of
from connector.adapters.salesforce.references import QUEUES
from connector.adapters.salesforce.settings import Settings
from connector.adapters.salesforce.signin import SignIn
from connector.errors import Misconfigured
from connector.model import Record, Stay

ATTENDED = ("ClosedDate", "CreatedDate", "IsClosed", "LastModifiedById", "LastModifiedDate", "Owner", "OwnerId")
_CHANGES = ("Owner", "ownerAssignment", "ownerAccepted", "ownerEscalated")
_HISTORY = ("Id", "CaseId", "Field", "OldValue", "NewValue", "CreatedById", "CreatedDate")
_WORK = ("Id", "WorkItemId", "UserId", "OriginalQueueId", "RequestDateTime", "AcceptDateTime")
_OWNERS = ("005", "00G")
_ASK_AGAIN = timedelta(hours=1)
"""After which an org that did not track owners, or had no Omni-Channel, is asked once more."""

Rows = Callable[[str], list[dict[str, Any]]]


class Ownership:
    """Stays of the cases of one connection. Safe for threads."""

    def __init__(
        self, rows: Rows, settings: Settings, sign_in: SignIn, clock: Clock, nobody: Callable[[], Collection[str]]
    ) -> None:
        self._rows, self._settings, self._sign_in, self._clock = rows, settings, sign_in, clock
        self._nobody = nobody
        self._until: dict[str, Any] = {}
        self._tracked = settings.owner_history == "on"
        self._queues: dict[str, str] = {}

    def owner(self, record: Record) -> Stay:
        """Who has it by its own fields. SystemModstamp is the latest that it can have begun: an owner changes with a save."""
        row, nobody = record.fields, self._nobody()
        owner = row.get("OwnerId") or ""
        name = (row.get("Owner") or {}).get("Name") or owner
        stamp = record.stamp or stamp_of(row.get("CreatedDate")) or ""
        return Stay(
            owner, name, is_person(owner, name, nobody), stamp, _closed(record), self._ours(row.get("LastModifiedById"))
        )

    def stays(self, records: Sequence[Record]) -> dict[str, Sequence[Stay]]:
        """By Id; those whose present owner neither source explains are left out."""
        found: dict[str, Sequence[Stay]] = {}
        history = self._history(records)
        for record in records if history is not None else ():
            if stays := self._of_history(record, (history or {}).get(record.key, [])):
                found[record.key] = stays
        left = [record for record in records if record.key not in found]
        if left and self._settings.agent_work != "off":
            found |= self._of_work(left)
        return found

    def active(self, records: Sequence[Record]) -> dict[str, str]:
        """By Id when somebody other than we last saved, commented or changed a tracked field. Where history is not to be seen,
        what others did before we saved is not known: our own save counts then, and no claim is called idle too early."""
        ids = [record.key for record in records]
        latest: dict[str, str] = {}
        others = f"CreatedById != {soql.text(self._sign_in.user)}" if self._sign_in.user else ""
        for at in soql.among("CaseComment", ["ParentId", "CreatedDate"], "ParentId", ids, condition=others):
            _latest(latest, ((row["ParentId"], row["CreatedDate"]) for row in self._rows(at)))
        seen = self._asked(
            "CaseHistory", soql.among("CaseHistory", ["CaseId", "CreatedDate"], "CaseId", ids, condition=others)
        )
        _latest(latest, ((row["CaseId"], row["CreatedDate"]) for row in seen or ()))
        for record in records:
            if seen is None or not self._ours(record.fields.get("LastModifiedById")):
                _latest(latest, [(record.key, record.fields.get("LastModifiedDate"))])
        return latest

    # -- CaseHistory ---------------------------------------------------------------------------------------------------

    def _history(self, records: Sequence[Record]) -> dict[str, list[dict[str, Any]]] | None:
        """Rows about owners by case, in order; None where the org does not track them, or does not let us see."""
        if self._settings.owner_history == "off" or not records:
            return None
        listed = ",".join(soql.text(each) for each in _CHANGES)
        queries = soql.among(
            "CaseHistory", _HISTORY, "CaseId", [r.key for r in records], condition=f"Field IN ({listed})"
        )
        rows = self._asked("CaseHistory", queries)
        if rows is None:
            return None
        self._tracked = self._tracked or bool(rows) or self._any_history(listed)
        if not self._tracked:
            return None
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: (row["CreatedDate"], row["Id"])):
            found[row["CaseId"]].append(row)
        return found

    def _any_history(self, listed: str) -> bool:
        """Whether any case of the org has a row about an owner: else none is tracked, or nothing was ever taken."""
        query = f"SELECT Id FROM CaseHistory WHERE Field IN ({listed}) ORDER BY Id LIMIT 1"  # noqa: S608 - constants
        return bool(self._asked("owners of CaseHistory", [query]))

    def _of_history(self, record: Record, rows: Sequence[Mapping[str, Any]]) -> list[Stay]:
        """Empty when the rows do not end with the present owner: tracking began or ended meanwhile."""
        now, created = self.owner(record), stamp_of(record.fields.get("CreatedDate")) or ""
        changes = [row for row in rows if _is_owner(row["NewValue"])]
        names = _names(rows, changes) | {same_id(now.owner): now.name}
        steps: list[tuple[str, str, bool]] = []
        if changes and _is_owner(changes[0]["OldValue"]):
            steps.append((changes[0]["OldValue"], created, False))
        steps += [
            (row["NewValue"], stamp_of(row["CreatedDate"]) or "", self._ours(row["CreatedById"])) for row in changes
        ]
        steps = steps or [(now.owner, created, False)]
        return self._chain(steps, names, now)

    def _chain(self, steps: Sequence[tuple[str, str, bool]], names: Mapping[str, str], now: Stay) -> list[Stay]:
        if same_id(steps[-1][0]) != same_id(now.owner):
            return []
        nobody = self._nobody()
        ends = [after[1] for _, after in pairwise(steps)] + [now.until]
        return [
            Stay(owner, name := names.get(same_id(owner), owner), is_person(owner, name, nobody), since, until, ours)
            for (owner, since, ours), until in zip(steps, ends, strict=True)
        ]

    # -- Omni-Channel --------------------------------------------------------------------------------------------------

    def _of_work(self, records: Sequence[Record]) -> dict[str, Sequence[Stay]]:
        rows = self._asked(
            "AgentWork", soql.among("AgentWork", _WORK, "WorkItemId", [record.key for record in records])
        )
        steps: dict[str, list[tuple[str, str, bool]]] = defaultdict(list)
        for row in rows or ():
            for owner, at in ((row["OriginalQueueId"], row["RequestDateTime"]), (row["UserId"], row["AcceptDateTime"])):
                if owner and at:
                    steps[row["WorkItemId"]].append((owner, stamp_of(at) or "", False))
        found: dict[str, Sequence[Stay]] = {}
        for record in records if steps else ():
            now, those = self.owner(record), sorted(steps[record.key], key=lambda step: step[1])
            first = [step for at, step in enumerate(those) if at == 0 or step[0] != those[at - 1][0]]
            names = self._queue_names() | {same_id(now.owner): now.name}
            if first and (stays := self._chain(first, names, now)):
                found[record.key] = stays
        return found

    def _queue_names(self) -> dict[str, str]:
        self._queues = self._queues or {same_id(row["Id"]): row["Name"] for row in self._rows(QUEUES)}
        return dict(self._queues)

    # -- asking --------------------------------------------------------------------------------------------------------

    def _asked(self, what: str, queries: Iterable[str]) -> list[dict[str, Any]] | None:
        """The rows of all queries; None where the org has no such object, or hides it from us: asked again after an hour."""
        now = self._clock.now()
        if self._until.get(what, now) > now:
            return None
        try:
            rows = [row for query in queries for row in self._rows(query)]
        except Misconfigured:
            if "on" in (self._settings.owner_history, self._settings.agent_work):
                raise
            self._until[what] = now + _ASK_AGAIN
            return None
        if what == "owners of CaseHistory" and not rows:
            self._until[what] = now + _ASK_AGAIN
        return rows

    def _ours(self, user: str | None) -> bool:
        return bool(user and self._sign_in.user and same_id(user) == same_id(self._sign_in.user))


def _closed(record: Record) -> str | None:
    if not record.fields.get("IsClosed"):
        return None
    return stamp_of(record.fields.get("ClosedDate")) or record.stamp


def _is_owner(value: Any) -> bool:
    return isinstance(value, str) and bool(RECORD_ID.match(value)) and value.startswith(_OWNERS)


def _names(rows: Sequence[Mapping[str, Any]], changes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Names by short id: the row of names stands beside that of ids, of the same moment."""
    spoken: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if not _is_owner(row["NewValue"]):
            spoken[row["CreatedDate"], row["Field"]].append(row)
    found: dict[str, str] = {}
    for row in changes:
        beside: Iterator[Mapping[str, Any]] = iter(spoken[row["CreatedDate"], row["Field"]][:1])
        for names in beside:
            spoken[row["CreatedDate"], row["Field"]].pop(0)
            for column in ("OldValue", "NewValue"):
                if _is_owner(row[column]) and isinstance(names[column], str):
                    found[same_id(row[column])] = names[column]
    return found


def _latest(latest: dict[str, str], found: Iterable[tuple[str, str | None]]) -> None:
    for key, at in found:
        if at is not None:
            latest[key] = max(latest.get(key, ""), stamp_of(at) or "")
