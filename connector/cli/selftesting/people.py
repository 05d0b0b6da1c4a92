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
        ]

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
