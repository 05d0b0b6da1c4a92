"""What happens in a self-test, from a seed: the same seed makes the same plan.

What the processes make of it depends on their timing too, so a seed that failed is likely, not certain, to fail again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from connector.cli.selftesting import faults
from connector.cli.selftesting.faults import Kind

SKEW = 900.0
"""Fifteen minutes, in seconds."""
HANG = 5.0
"""Longer than the deadline of a call in the stage's configuration."""
AT_ONCE = 5
"""Kinds of fault that blow at the same time."""

WRITES = (
    ("salesforce", "POST", r"composite/sobjects$", "Commerce_Key__c"),
    ("salesforce", "POST", r"composite/sobjects$", "CommentBody"),
    ("salesforce", "", r"composite(/sobjects)?$", r'"[iI]d"|compositeRequest'),
    ("sfcc", "PATCH", r"/orders/", ""),
    ("sfcc", "PUT", r"/orders/", ""),
    ("sfcc", "POST", r"/notes$", ""),
    ("sfcc", "PATCH", r"/custom_objects/", ""),
    ("sfcc", "PUT", r"RefundRequest", ""),
    ("sfcc", "PUT", r"ComplaintMessage", ""),
    ("sfcc", "PUT", r"CreditRequest|AccountCorrection", ""),
    ("sfcc", "PUT", r"DisputeEvent", ""),
    ("sfcc", "PATCH", r"/products/", ""),
    ("sfcc", "POST", r"_search", ""),
    ("salesforce", "GET", r"/query", ""),
)
"""Requests at which the daemon is killed: system, method, path, body."""


@dataclass(frozen=True, slots=True)
class Gust:
    """Some kinds of fault for some seconds, as rules by the name of their kind."""

    seconds: float
    rules: tuple[tuple[str, dict[str, Any]], ...]


@dataclass(frozen=True, slots=True)
class Squall:
    """A whole system that does not work for some seconds."""

    name: str
    system: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL after so many seconds, or at a request that comes then: a rule without the daemon's pid."""

    after: float
    moment: Literal["time", "before", "within", "after"]
    rule: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A seed and what was asked for. `low` and `high` are the rates of faults, of the requests that they may strike."""

    seed: int
    low: float
    high: float
    kill_every: float
    sure: bool = True
    """Every kind strikes once in its gust, however few requests there are."""

    def options(self, records: int) -> list[str]:
        """What the sandbox is started with: data, and clocks that disagree either way."""
        random = Random(f"{self.seed} options")
        ours, theirs = random.choice(
            ((SKEW, -SKEW), (-SKEW, SKEW), (SKEW, 0.0), (-SKEW, 0.0), (0.0, SKEW), (0.0, -SKEW))
        )
        orders = max(1, records * (9 if self.sure else 19) // (10 if self.sure else 20))
        complaints = disputes = (records - orders) // 3
        words = {
            "seed": self.seed, "orders": orders, "returns": records - orders - complaints - disputes,
            "complaints": complaints, "disputes": disputes, "shop-skew": ours, "org-skew": theirs, "equal-run": 60,
        }  # fmt: skip
        return [word for name, value in words.items() for word in (f"--{name}", str(value))]

    def standing(self, records: int) -> list[tuple[str, dict[str, Any]]]:
        """What strikes the same records all the time: some of them, however few there are. Of one seed, the rarer kind would
        strike only where the other one has struck."""
        some = 8 / records
        return [
            (
                each.name,
                {**each.rule, "system": "salesforce", "seed": self.seed + at, "share": max(each.rule["share"], some)},
            )
            for at, each in enumerate(faults.STANDING)
        ]

    def weather(self) -> Iterator[Gust | Squall]:
        """Gusts of all kinds in a new order each round, now and then a squall."""
        random = Random(f"{self.seed} weather")
        squalls = [(name, system) for name in (faults.OUTAGE, faults.CREDENTIALS) for system in faults.BOTH]
        squalls += [(faults.REVOKED, system) for system in faults.BOTH]
        # whoever hears that the day's calls are used up waits for a quarter of an hour: too long for a short run, and enough once
        rare = [] if self.sure else [(faults.BUDGET, "salesforce")]
        while True:
            deck = [(kind, system) for kind in faults.SHORT for system in kind.systems]
            random.shuffle(deck)
            coming, rare = squalls + rare, []
            random.shuffle(coming)
            every = max(1, len(deck) // AT_ONCE // len(coming))
            for number, at in enumerate(range(0, len(deck), AT_ONCE)):
                dealt = deck[at : at + AT_ONCE]
                yield Gust(round(random.uniform(2, 5), 1), tuple(self._rules(random, dealt)))
                if coming and number % every == 0:
                    name, system = coming.pop()
                    yield Squall(name, system, 0.0 if name == faults.REVOKED else round(random.uniform(2, 4), 1))

    def _rules(self, random: Random, dealt: list[tuple[Kind, str]]) -> Iterator[tuple[str, dict[str, Any]]]:
        for kind, system in dealt:
            rule = {**kind.rule, "system": system, "seed": random.randrange(10**6)}
            if kind.rule["kind"] == "hang":
                rule["seconds"] = HANG
            first = random.randint(1, 3)
            if self.sure:
                yield kind.name, {**rule, "nth": first}
            yield kind.name, {**rule, "probability": round(random.uniform(self.low, self.high), 3)}
        if self.sure:  # such requests are few, and a lost answer to one must not pay twice
            yield faults.MONEY.name, {**faults.MONEY.rule, "system": "sfcc"}

    def kills(self) -> Iterator[Kill]:
        """When and where the daemon dies, one after the other."""
        random = Random(f"{self.seed} kills")
        while True:
            wait = self.kill_every * random.uniform(0.8, 1.2)
            moment: Literal["time", "before", "within", "after"] = random.choice(("time", "before", "within", "after"))
            if moment == "time":
                yield Kill(wait, moment)
                continue
            system, method, path, body = random.choice(WRITES)
            rule: dict[str, Any] = {"kind": "kill", "system": system, "method": method, "path": path, "body": body,
                                    "nth": random.randint(1, 4), "commit": moment == "within"}  # fmt: skip
            if moment == "after":
                rule["when"] = "after"
            yield Kill(wait, moment, rule)
