"""People on both sides, who go on while everything fails: customers, and agents with cases of their own choice.

The sandbox's automatic agents decide most cases and its traffic changes orders; here are the hands that do what those do not:
take, give back, comment, reopen, delete, merge.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from random import Random

from connector import keys
from connector.cli.selftesting.stage import SITE
from connector.sandbox.client import Client, Refused

REMEMBERED = 300
SHELF = 4
"""Products that are recalled: so few that recalls overlap."""
ALWAYS = 6
"""Orders, disputes and recalls with which the day begins, however short it is."""
TRAFFIC = 60.0
"""Changes a minute that the sandbox makes in the shop beside these."""


class People:
    """Seeded, one act at a time. `did` counts the acts that happened."""

    def __init__(self, seed: int, control: Client) -> None:
        self.random = Random(f"{seed} people")
        self.control = control
        self.did: Counter[str] = Counter()
        self._orders: deque[str] = deque(maxlen=REMEMBERED)
        self._returns: deque[str] = deque(maxlen=REMEMBERED)
        self._complaints: deque[str] = deque(maxlen=REMEMBERED)
        self._disputes: deque[str] = deque(maxlen=REMEMBERED)
        self._asked: deque[str] = deque(maxlen=REMEMBERED)
        self._recalls: list[str] = []
        self._shelf: list[str] = []
        self._acts: list[tuple[str, int, Callable[[], object]]] = [
            ("orders placed", 5, self._order),
            ("orders changed", 4, self._change),
            ("returns asked for", 3, self._return),
            ("complaints made", 2, self._complain),
            ("messages written", 3, self._write),
            ("cases taken", 2, lambda: control.agent_take(case=self._case(), agent=self.random.randrange(3))),
            ("cases given back", 1, self._give_back),
            ("cases decided", 3, self._decide),
            ("cases reopened", 1, self._reopen),
            ("answers written", 3, self._answer),
            ("notes to self", 1, self._remark),
            ("cases edited", 2, self._edit),
            ("cases deleted", 1, self._delete),
            ("cases merged", 1, self._merge),
            ("orders disputed", 2, self._dispute),
            ("disputes added to", 2, self._remind),
            ("payments changed", 2, self._pay),
            ("evidence asked for", 2, self._ask),
            ("evidence sent", 2, self._prove),
            ("disputes decided", 3, self._settle),
            ("disputes reopened", 2, self._take_up),
            ("recalls begun", 2, self._recall),
            ("recalls changed", 1, self._rewrite),
            ("recalls lifted", 2, self._lift),
        ]

    def arrive(self) -> None:
        """What there is in every run."""
        for act in (self._order, self._dispute, self._recall):
            for _ in range(ALWAYS):
                act()

    def leave(self) -> None:
        """Every second recall is lifted, so that some products are held by one of several, and some by none any more."""
        for case in self._recalls[::2]:
            self.control.agent_lift(case=case)

    def act(self) -> None:
        """Somebody does something; if it cannot be done right now, nothing happens."""
        name, _, act = self.random.choices(self._acts, [weight for _, weight, _ in self._acts])[0]
        try:
            act()
        except (Refused, IndexError):  # there is no such case yet, or somebody is saving it
            self.did["could not be done"] += 1
        else:
            self.did[name] += 1

    # customers
    def _order(self) -> None:
        self._orders.append(self.control.place_order(site=SITE, exception=True)["order_no"])

    def _change(self) -> None:
        number = self.random.choice(self._orders)
        self.control.change_order(number=number, c_riskScore=self.random.randrange(100))

    def _return(self) -> None:
        made = self.control.place_return(number=self.random.choice(self._orders), c_withinPolicy=False)
        self._returns.append(made["key"])

    def _complain(self) -> None:
        self._complaints.append(self.control.place_complaint(number=self.random.choice(self._orders))["key"])

    def _write(self) -> None:
        key = self.random.choice(self._complaints)
        self.control.complaint_message(key=key, text=f"Message {self.did['messages written']} of mine, please answer.")

    def _dispute(self) -> None:
        numbers = self.random.sample(list(self._orders), min(2, len(self._orders)))
        self._disputes.append(self.control.place_dispute(numbers=numbers)["key"])

    def _remind(self) -> None:
        text = f"Reminder {self.did['disputes added to']}: any news?"
        self.control.customer_says(kind="Dispute", key=self.random.choice(self._disputes), text=text)

    def _prove(self) -> None:
        key, document = self.random.choice(self._asked), self.random.random() < 0.5
        self.control.customer_answers(kind="Dispute", key=key, text="Here it is.", document=document)

    def _pay(self) -> None:
        """A payment that a disputed order had not been known to have."""
        number = self.random.choice(self._orders)
        self.control.change_order(number=number, payment_status=self.random.choice(("part_paid", "paid")))

    # agents
    def _order_case(self) -> str:
        return keys.make("orders-to-cases", SITE, self.random.choice(self._orders))

    def _complaint_case(self) -> str:
        return keys.make("complaints-to-cases", SITE, self.random.choice(self._complaints))

    def _case(self) -> str:
        made = (self._order_case, self._complaint_case, self._return_case)
        return self.random.choice(made)()

    def _return_case(self) -> str:
        return keys.make("returns-to-cases", SITE, self.random.choice(self._returns))

    def _give_back(self) -> None:
        case = self._order_case()
        if self.control.case(case=case)["IsClosed"]:
            raise IndexError("closed")
        self.control.agent_return_to_queue(case=case, queue="Orders")

    def _decide(self) -> None:
        case = self._order_case()
        if self.control.case(case=case)["IsClosed"]:
            raise IndexError("closed")
        self.control.agent_decide(case=case, resolution=self.random.choice(("Release", "Hold")), note="by hand")

    def _reopen(self) -> None:
        """An order that was released or held may be looked at again; one that was cancelled stays so."""
        case = self._order_case()
        now = self.control.case(case=case)
        if not now["IsClosed"] or now.get("Resolution__c") == "Cancel":
            raise IndexError("not closed")
        self.control.agent_reopen(case=case)

    def _answer(self) -> None:
        text = f"Answer {self.did['answers written']}: we look into it."
        self.control.agent_comment(case=self._complaint_case(), text=text, public=True)

    def _remark(self) -> None:
        text = f"Note {self.did['notes to self']}, not for the customer."
        self.control.agent_comment(case=self._complaint_case(), text=text, public=False)

    def _edit(self) -> None:
        self.control.agent_edit(case=self._order_case(), fields={"Priority": self.random.choice(("High", "Low"))})

    def _delete(self) -> None:
        self.control.agent_delete(case=self._order_case())

    def _merge(self) -> None:
        master, loser = self._order_case(), self._order_case()
        if master == loser:
            raise IndexError("the same")
        self.control.agent_merge(master=master, loser=loser)

    # agents, after the sale
    def _dispute_case(self, named: deque[str], *, closed: bool) -> tuple[str, str, str | None]:
        """The case of a dispute that is closed, or not, and what it says. Nobody touches one that was credited: another amount
        would wait for a person, and rightly so."""
        key = self.random.choice(named)
        case = keys.make("disputes-to-cases", SITE, key)
        now = self.control.case(case=case)
        if now["IsClosed"] != closed or now.get("Resolution__c") == "Credit":
            raise IndexError("not so")
        return key, case, now.get("Resolution__c")

    def _ask(self) -> None:
        key, case, _ = self._dispute_case(self._disputes, closed=False)
        self.control.agent_decide(case=case, resolution="More evidence", note="The receipt, please.")
        self._asked.append(key)

    def _settle(self) -> None:
        """As one whose answer has come, since the automatic agents look at a case once."""
        _, case, said = self._dispute_case(self._asked, closed=False)
        if said is None:
            raise IndexError("somebody else's")
        more = {"Correction__c": f"Name {self.did.total()}"}
        self.control.agent_decide(case=case, resolution=self.random.choice(("Correct", "Rejected")), more=more)

    def _take_up(self) -> None:
        key, case, said = self._dispute_case(self._disputes, closed=True)
        if said == "More evidence":
            raise IndexError("the customer opens it again")
        self.control.agent_reopen(case=case)
        self._asked.append(key)

    def _recall(self) -> None:
        """A few products, at all sites or at one."""
        self._shelf = self._shelf or [p["id"] for p in self.control.products() if ";" not in p["id"]][:SHELF]
        site = self.random.choice(({}, {}, {"Site__c": SITE}))
        chosen = self.random.sample(self._shelf, self.random.choice((1, 2, 3)))
        notice = f"Recall {self.did['recalls begun']}: do not use it."
        self._recalls.append(self.control.agent_recall(products=chosen, notice=notice, **site))

    def _rewrite(self) -> None:
        """One product is struck off the list, another one comes to it."""
        case, chosen = self.random.choice(self._recalls), self.random.sample(self._shelf, 2)
        self.control.agent_edit(case=case, fields={"Product_Ids__c": "; ".join(chosen)})

    def _lift(self) -> None:
        """Some stay open until the end."""
        case = self.random.choice(self._recalls)
        self.control.agent_lift(case=case)
        self._recalls.remove(case)
