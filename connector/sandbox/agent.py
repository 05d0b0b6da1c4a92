"""People who work on cases: verbs for tests, and an automatic mode that takes, decides and closes at a rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Any

from connector.sandbox.deck import Decks
from connector.sandbox.gate import World
from connector.sandbox.salesforce import custom_objects, people
from connector.sandbox.salesforce.org import Org
from connector.sandbox.salesforce.problem import Problem
from connector.sandbox.salesforce.schema import KEY_FIELD
from connector.sandbox.salesforce.table import Row
from connector.sandbox.salesforce.writes import Transaction

DECISIONS = {
    "Order Exception": {"Release": 6, "Hold": 2, "Cancel": 2},
    "Return": {"Refund": 6, "Exchange": 2, "Rejected": 2},
    "Complaint": {"Refund": 3, "Exchange": 2, "Rejected": 3, "Credit": 2},
    "Warranty Claim": {"Repair": 3, "Exchange": 3, "Refund": 2, "Rejected": 2},
    "Dispute": {"Credit": 5, "Correct": 2, "Rejected": 3},
    "Fraud Review": {"Verify": 2, "Approve": 5, "Reject": 3},
    "Checkout Problem": {"Contact": 4, "Retry": 4, "No action": 2},
    "Order Change": {"Accept": 7, "Refuse": 3},
    "Fulfilment Exception": {"Reship": 4, "Wait": 3, "Refund": 1, "Cancel": 2},
}
"""Type of a Case → how the automatic agents decide, so many in ten each."""

FIRST = {"Verify": "Please call us, or answer this mail, so that we know it is you."}
"""Decisions that leave the case open, each with what the customer is asked; the next one closes it."""
ASKING = {"ask": 1, "decide": 3}
"""How often customers of ASKED are asked for evidence first, where they answer (option `customers`): one in four."""
ASKED = ("Return", "Warranty Claim", "Dispute")
QUESTION = "Please send a photograph of the article and the receipt."

NEW_ADDRESS = {
    "New_Street__c": "Hauptstraße 7",
    "New_Postal_Code__c": "8020",
    "New_City__c": "Graz",
    "New_Country__c": "AT",
}
CORRECTION = "Last name: Müller"

NOTES = (
    "ok",
    "Checked with the customer.",
    "Ça va — c'est réglé ✅",
    'Refund agreed on the phone; "no further action".',
)


class Agents:
    """The agents of the org. A case is named by its Id, its CaseNumber or its Commerce_Key__c."""

    def __init__(self, world: World, org: Org) -> None:
        self.world = world
        self.org = org
        self.random = Random(world.options.seed + 2)
        self.decks = Decks(self.random)
        self.decided = 0
        self._new: deque[str] = deque()
        self._asked: set[str] = set()
        """Cases that wait for their customer's answer, which opens them again; a customer is asked once."""
        self._running = False

    # verbs
    def take(self, case: str, agent: int = 0, visible_after: float = 0.0) -> dict[str, Any]:
        """An agent becomes the owner."""
        user = self._agent(agent)
        return self._change(case, {"OwnerId": user, "Status": "Working"}, user, visible_after)

    def return_to_queue(self, case: str, queue: str = "Orders", agent: int = 0) -> dict[str, Any]:
        return self._change(case, {"OwnerId": people.queue(self.org, queue), "Status": "New"}, self._agent(agent))

    def decide(
        self,
        case: str,
        resolution: str,
        amount: float | None = None,
        note: str = "",
        *,
        close: bool = True,
        agent: int = 0,
        visible_after: float = 0.0,
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Sets the resolution, and `more` in the same save, and closes the case unless told not to."""
        changes: dict[str, Any] = {"Resolution__c": resolution, **more}
        if amount is not None:
            changes["Refund_Amount__c"] = amount
        if note:
            changes["Resolution_Note__c"] = note
        if close:
            changes["Status"] = "Closed"
        return self._change(case, changes, self._agent(agent), visible_after)

    def close(self, case: str, agent: int = 0) -> dict[str, Any]:
        return self._change(case, {"Status": "Closed"}, self._agent(agent))

    def reopen(self, case: str, agent: int = 0) -> dict[str, Any]:
        return self._change(case, {"Status": "Working"}, self._agent(agent))

    def edit(self, case: str, fields: dict[str, Any], agent: int = 0, visible_after: float = 0.0) -> dict[str, Any]:
        """Any change of a Case by an agent."""
        return self._change(case, fields, self._agent(agent), visible_after)

    def comment(self, case: str, text: str, *, public: bool = False, agent: int = 0) -> str:
        """An agent's comment; returns its Id."""
        transaction = Transaction(self.org, self._agent(agent), assign=False)
        parent = self.find(case).values["Id"]
        record = {"ParentId": parent, "CommentBody": text, "IsPublished": public}
        return transaction.commit(transaction.create(self.org.comments, record))

    def attach(
        self,
        case: str,
        name: str,
        text: str = "%PDF-1.4",
        document: str | None = None,
        agent: int = 0,
        *,
        internal: bool = False,
    ) -> str:
        """An agent puts a file on a case; returns the Id of the version. `internal`: customers do not see it there."""
        transaction = Transaction(self.org, self._agent(agent), assign=False)
        entity = self.find(case).values["Id"]
        place = {"FirstPublishLocationId": entity} if document is None else {"ContentDocumentId": document}
        record = {
            "Title": name.rpartition(".")[0] or name,
            "PathOnClient": name,
            "VersionData": text.encode(),
            **place,
        }
        version = transaction.commit(transaction.create(self.org.tables["ContentVersion"], record))
        made = self.org.tables["ContentVersion"].rows[version].values["ContentDocumentId"]
        for row in self.org.tables["ContentDocumentLink"].children[made]:
            if internal and row.values["LinkedEntityId"] == entity:
                transaction.alter("ContentDocumentLink", row, {"Visibility": "InternalUsers"})
        return version

    def link(self, document: str, case: str, agent: int = 0) -> str:
        """A document that is there already goes on a further case; returns the Id of the link."""
        transaction = Transaction(self.org, self._agent(agent), assign=False)
        record = {"ContentDocumentId": document, "LinkedEntityId": self.find(case).values["Id"], "ShareType": "V"}
        return transaction.commit(transaction.create(self.org.tables["ContentDocumentLink"], record))

    def delete_file(self, version: str, agent: int = 0) -> None:
        """The whole document goes, with its versions and links."""
        document = self.org.tables["ContentVersion"].rows[version].values["ContentDocumentId"]
        table = self.org.tables["ContentDocument"]
        Transaction(self.org, self._agent(agent), assign=False).delete(table, table.rows[document])

    def files(self, case: str | None = None) -> list[dict[str, Any]]:
        """Versions of the files that are linked to a case, or of all; with `size` in bytes."""
        found = [row.values for row in self.org.tables["ContentVersion"] if not row.values["IsDeleted"]]
        if case is not None:
            entity = self.find(case).values["Id"]
            links = {row.values["ContentDocumentId"] for row in self.org.tables["ContentDocumentLink"]
                     if row.values["LinkedEntityId"] == entity and not row.values["IsDeleted"]}  # fmt: skip
            found = [values for values in found if values["ContentDocumentId"] in links]
        return [dict(values) for values in found]

    def create(self, fields: dict[str, Any], agent: int = 0) -> str:
        """A case that an agent opens by hand; returns its Id."""
        user = self._agent(agent)
        transaction = Transaction(self.org, user, assign=False)
        return transaction.commit(transaction.create(self.org.cases, {"OwnerId": user, **fields}))

    def recall(self, products: Sequence[str], notice: str = "", agent: int = 0, **more: Any) -> str:
        """A recall of these products; returns the Id of its case."""
        fields = {
            "Type": "Recall",
            "Subject": f"Recall of {len(products)} products",
            "Product_Ids__c": "; ".join(products),
        }
        return self.create({**fields, **({"Notice__c": notice} if notice else {}), **more}, agent)

    def lift(self, case: str, agent: int = 0) -> dict[str, Any]:
        """The recall is over."""
        return self._change(case, {"Recall_Lifted__c": True}, self._agent(agent))

    def delete(self, case: str, agent: int = 0) -> None:
        Transaction(self.org, self._agent(agent), assign=False).delete(self.org.cases, self.find(case))

    def merge(self, master: str, loser: str, agent: int = 0) -> None:
        """The loser goes to the recycle bin and names its master; its comments and custom objects move."""
        kept, gone = self.find(master), self.find(loser)
        transaction = Transaction(self.org, self._agent(agent), assign=False)
        children = self.org.comments.children
        moved = children.pop(gone.values["Id"], [])
        for comment in moved:
            comment.values["ParentId"] = kept.values["Id"]
        children.setdefault(kept.values["Id"], []).extend(moved)
        custom_objects.moved(self.org, "Case", gone.values["Id"], kept.values["Id"])
        transaction.delete(self.org.cases, gone, master=kept.values["Id"])
        transaction.commit(transaction.update(self.org.cases, kept, {}))

    def touch(self, case: str) -> None:
        """Something inside the platform moves SystemModstamp, and nothing else."""
        row = self.find(case)
        row.values["SystemModstamp"] = Transaction(self.org, "", assign=False).stamp
        self.org.cases.stamped(row)

    def find(self, case: str) -> Row:
        row = self.org.cases.rows.get(case) or next(iter(self.org.cases.holders(case)), None)
        if row is None:
            row = next((r for r in self.org.cases if r.values["CaseNumber"] == case), None)
        if row is None:
            raise KeyError(f"no case {case!r} (Id, CaseNumber or {KEY_FIELD})")
        return row

    def _agent(self, number: int) -> str:
        return people.agents(self.org)[number]

    def _change(self, case: str, changes: dict[str, Any], user: str, visible_after: float = 0.0) -> dict[str, Any]:
        """One save in the agent's browser; `visible_after` for a transaction that commits late."""
        self.org.late = visible_after
        try:
            transaction = Transaction(self.org, user, assign=False)
            row = self.find(case)
            transaction.commit(transaction.update(self.org.cases, row, changes))
        finally:
            self.org.late = 0.0
        return dict(row.values)

    # automatic mode
    def start(self) -> None:
        """Works on every case that is new from now on, and on those that are open now."""
        if self._running:
            return
        self._running = True
        for row in self.org.cases:
            if not row.values["IsClosed"]:
                self._noticed(row)
        self.org.on_case.append(self._noticed)
        self._next()

    def stop(self) -> None:
        self._running = False
        self.org.on_case = []
        self._new.clear()

    def _noticed(self, row: Row) -> None:
        if row.values.get("Type") != "Recall":  # whoever began it lifts it
            self._new.append(row.values["Id"])

    def _next(self) -> None:
        self.world.clock.after(1 / max(self.world.options.agent_rate, 0.001), self._work)

    def _work(self) -> None:
        if not self._running:
            return
        self._new.extend(case for case in self._asked if not self.org.cases.rows[case].values["IsClosed"])
        self._asked.difference_update(self._new)
        if self._new:
            case = self._new.popleft()
            row = self.org.cases.rows.get(case)
            if row is not None and not row.values["IsClosed"] and not row.values["IsDeleted"]:
                self._take_on(case, int(self.random.random() * len(people.agents(self.org))))
        self._next()

    def _take_on(self, case: str, agent: int) -> None:
        """Take it now and decide it later; one that somebody else is saving right now comes again."""
        try:
            self.take(case, agent)
        except Problem:
            self._new.append(case)
        else:
            self.world.clock.after(self.world.options.agent_delay, lambda: self._decide(case, agent))

    def _decide(self, case: str, agent: int) -> None:
        values = self.org.cases.rows[case].values
        if not self._running or values["IsClosed"] or values["IsDeleted"]:
            return
        if self._ask(case, values, agent):
            return
        choices = DECISIONS.get(values.get("Type") or "", DECISIONS["Order Exception"])
        if values.get("Resolution__c") in FIRST:
            choices = {choice: share for choice, share in choices.items() if choice not in FIRST}
        resolution = self.decks.draw(("deciding", *choices), choices)
        if resolution in FIRST:
            self._ask_first(case, resolution, agent)
            return
        if resolution in ("Cancel", "Reject") and values.get("Order_Status__c") == "completed":
            resolution = {"Fraud Review": "Approve", "Fulfilment Exception": "Wait"}.get(
                values.get("Type") or "", "Release"
            )  # nobody cancels what was shipped
        more = self._more(resolution, values)
        note = NOTES[int(self.random.random() * len(NOTES))]
        try:
            self.decide(case, resolution, note=note, agent=agent, more=more)
        except Problem:
            self._new.append(case)
        else:
            self.decided += 1

    def _more(self, resolution: str, values: dict[str, Any]) -> dict[str, Any]:
        """What a decision needs beside itself: an amount in the currency of the case, or what is to be corrected."""
        if resolution == "Correct":
            return {"Correction__c": CORRECTION}
        if resolution == "Release" and values.get("Reason") == "Address":
            return NEW_ADDRESS
        if resolution not in ("Refund", "Credit"):
            return {}
        amount = round(min(float(values.get("Order_Total__c") or 20.0), 20.0 + self.random.random() * 100), 2)
        if values.get("Currency__c") == "JPY":
            amount = float(round(amount))
        kind = {"Refund_Kind__c": "Partial"} if values.get("Type") == "Fulfilment Exception" else {}
        return {f"{resolution}_Amount__c": amount, **kind}

    def _ask_first(self, case: str, resolution: str, agent: int) -> None:
        """The customer is asked; some time later the agent decides."""
        try:
            self.decide(case, resolution, note=FIRST[resolution], close=False, agent=agent)
        except Problem:
            self._new.append(case)
        else:
            self.world.clock.after(self.world.options.agent_delay, lambda: self._decide(case, agent))

    def _ask(self, case: str, values: dict[str, Any], agent: int) -> bool:
        """Whether the customer is asked for evidence instead of a decision."""
        kind = values.get("Type")
        if self.world.options.customers <= 0 or values.get("Resolution__c") or kind not in ASKED:
            return False
        if self.decks.draw(("asking", kind), ASKING) != "ask":
            return False
        try:
            self.decide(case, "More evidence", note=QUESTION, agent=agent)
        except Problem:
            self._new.append(case)
        else:
            self._asked.add(case)
        return True
