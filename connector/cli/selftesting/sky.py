"""The weather of a self-test: rules put up at the sandbox's gate and taken down again, and what really struck."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from connector.cli.selftesting import faults
from connector.cli.selftesting.plan import Gust, Plan, Squall
from connector.cli.selftesting.stage import Stage
from connector.sandbox.faults import ROW_KINDS

WRITERS = {
    "salesforce": ("orders-to-cases", "returns-to-cases", "complaints-to-cases", "disputes-to-cases"),
    "sfcc": (
        "cases-to-orders", "cases-to-returns", "cases-to-complaints", "comments-to-complaints", "cases-to-disputes",
        "recalls-to-products",
    ),
}  # fmt: skip
"""System → flows that write to it."""
CLEAR = 5.0
"""Seconds without gusts before a squall, more than a call's deadline (4 s): what gusts have done to single rows is over when
attempts are counted."""
LONGEST = 30.0
"""Seconds to wait longer for what was under way when the gusts ended."""
DAY = 5_000_000


class Sky:
    """Moves on when it is told the time; `struck` counts by kind what hit a request."""

    def __init__(self, plan: Plan, stage: Stage, records: int) -> None:
        self.stage, self.control = stage, stage.control
        self.struck: Counter[str] = Counter()
        self.burnt = 0
        self._weather: Iterator[Gust | Squall] = plan.weather()
        self._until = 0.0
        self._rules: dict[int, str] = {}
        self._coming: Squall | None = None
        self._squall: Squall | None = None
        self._before: dict[int, int] = {}
        self._caught: frozenset[int] = frozenset()
        self._standing = {self.control.fault(**rule): name for name, rule in plan.standing(records)}

    def look(self) -> None:
        """Let the weather change if it is time."""
        if time.monotonic() < self._until:
            return
        if self._coming is not None:
            if self._caught & self._held(self._coming.system) and time.monotonic() < self._until + LONGEST:
                return  # on a slow machine, what a gust struck is noted late
            squall, self._coming = self._coming, None
            self._before = self._attempts(squall.system)
            self._begin(squall)
            self._until = time.monotonic() + squall.seconds
            return
        self.clear()
        coming = next(self._weather)
        if isinstance(coming, Squall):
            self._coming, self._caught = coming, self._held(coming.system)
            self._until = time.monotonic() + CLEAR
            return
        for name, rule in coming.rules:
            self._rules[self.control.fault(**rule)] = name
        self._until = time.monotonic() + coming.seconds

    def clear(self) -> None:
        """No more gusts and squalls, for now; what struck is counted."""
        if self._squall is not None:
            self._end(self._squall)
        self._count(self._rules, remove=True)

    def mended(self) -> None:
        """An administrator has mended what the standing faults stand for."""
        self._count(self._standing, remove=True)

    def _count(self, rules: dict[int, str], *, remove: bool) -> None:
        for rule in self.control.faults() if rules else ():
            name = rules.get(rule["id"])
            if name is not None:
                self.struck[name] += rule["failed"] if rule["kind"] in ROW_KINDS else rule["fired"]
        if remove:
            for number in rules:
                self.control.clear_faults(rule=number)
            rules.clear()

    def _begin(self, squall: Squall) -> None:
        self._squall = squall
        if squall.name == faults.OUTAGE:
            self.stage.box.outage(squall.system)
        elif squall.name == faults.BUDGET:
            self.control.set(daily_calls=0)
        elif squall.name == faults.CREDENTIALS:
            rule = {"kind": "status", "status": 401, "system": squall.system, "path": "token"}
            self._rules[self.control.fault(**rule)] = squall.name
            self.control.end_tokens(system=squall.system)
        else:
            self.control.end_tokens(system=squall.system)
        if squall.name != faults.CREDENTIALS:
            self.struck[squall.name] += 1

    def _end(self, squall: Squall) -> None:
        """The system is back; whatever attempt was counted meanwhile was burnt."""
        after = self._attempts(squall.system)
        more = {
            row: attempts - self._before[row]
            for row, attempts in after.items()
            if attempts > self._before.get(row, attempts)
        }
        refused = self._refused(squall.system) if more else ()
        self.burnt += sum(attempts for row, attempts in more.items() if row not in refused)
        if squall.name == faults.OUTAGE:
            self.stage.box.outage(squall.system, down=False)
        elif squall.name == faults.BUDGET:
            self.control.set(daily_calls=DAY)
        self._squall = None

    def _attempts(self, system: str) -> dict[int, int]:
        """Attempts of the rows that wait for a system, by row."""
        return {row: attempts for row, (attempts, _) in self._waiting(system).items()}

    def _refused(self, system: str) -> frozenset[int]:
        """Rows of which a line was refused for good while others wait for the system: one attempt marks that."""
        with self.stage.ledger() as store:
            rows = [row for flow in WRITERS[system] for row in store.rows(flow=flow, state="pending", limit=10**9)]
        return frozenset(row.id for row in rows if any(line.state == "rejected" for line in row.lines))

    def _held(self, system: str) -> frozenset[int]:
        """Rows that are being delivered to a system."""
        return frozenset(row for row, (_, held) in self._waiting(system).items() if held is not None)

    def _waiting(self, system: str) -> dict[int, tuple[int, datetime | None]]:
        with self.stage.ledger() as store:
            waiting = [store.tries(flow) for flow in WRITERS[system]]
        return {row: tried for rows in waiting for row, tried in rows.items()}
