"""The shortest history that still breaks the same promise: parts of the plan are left out as long as it does."""

from __future__ import annotations

from dataclasses import replace

from tests.simulation.course import Plan
from tests.simulation.flows import ANSWERS
from tests.simulation.runs import Outcome, Runs

MOST_RUNS = 400
_PLAIN = {"lag": 0.0, "skew_shop": 0.0, "skew_desk": 0.0, "page": 10, "batch": 5, "concurrency": 1, "slow": "",
          "prune": False, "brake": None}  # fmt: skip


class Shrinking:
    """Of one outcome that broke a promise."""

    def __init__(self, runs: Runs, outcome: Outcome) -> None:
        self._runs, self.shortest, self._left = runs, outcome, MOST_RUNS

    def run(self) -> Outcome:
        """Leave out what need not be there, coarse parts first, until nothing more can go."""
        size = -1
        while size != (size := _size(self.shortest.plan)) and self._left > 0:
            self._try(replace(self.shortest.plan, outages=()))
            self._try(replace(self.shortest.plan, calm_scheduler=True))
            self._flows()
            self._without("acts")
            self._without("faults")
            self._without("outages")
            self._settings()
        return self.shortest

    def _try(self, plan: Plan) -> bool:
        if plan == self.shortest.plan or self._left <= 0:
            return False
        self._left -= 1
        outcome = self._runs.run(plan)
        if outcome.promise != self.shortest.promise:
            return False
        self.shortest = outcome
        return True

    def _without(self, part: str) -> None:
        """Halves, quarters, … and single ones."""
        size = len(getattr(self.shortest.plan, part))
        while size:
            at = 0
            while at < len(parts := getattr(self.shortest.plan, part)):
                if not self._try(self.shortest.plan.without(**{part: [*parts[:at], *parts[at + size :]]})):
                    at += size
            size //= 2

    def _flows(self) -> None:
        for name in self.shortest.plan.flows:
            with_it = [other for other, answered in ANSWERS.items() if answered == name]
            left = tuple(other for other in self.shortest.plan.flows if other not in (name, *with_it))
            if left and name in self.shortest.plan.flows:
                self._try(replace(self.shortest.plan, flows=left))

    def _settings(self) -> None:
        for name, value in _PLAIN.items():
            self._try(replace(self.shortest.plan, settings={**self.shortest.plan.settings, name: value}))


def _size(plan: Plan) -> int:
    """How much of it there is to read."""
    plain: int = sum(plan.settings[name] == value for name, value in _PLAIN.items())
    return len(plan.acts) + len(plan.faults) + len(plan.outages) + len(plan.flows) - plain


def shrink(runs: Runs, outcome: Outcome) -> Outcome:
    """The shortest that was found in a bounded number of runs."""
    return Shrinking(runs, outcome).run()
