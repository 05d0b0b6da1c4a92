"""What was refused for good is told at the source: one append for each refusal, by the section `refused` of the mapping.

It is a line of the row like any other (its key names the refusal, so that it is told once), but never a reason: a telling
that fails is told of nowhere, and does not change why its row parks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from connector.engine.outcome import code_of, line_of, words
from connector.engine.plan import Step, Work, prepare
from connector.engine.planner import Planner
from connector.engine.send import Sender
from connector.errors import MappingFault
from connector.flow import Flow
from connector.mapping.spec import Refusal, Wanted
from connector.model import LineState
from connector.retry import Park, Policy, Retry, decide
from connector.store import LineSettle, Settle


class Telling:
    """The tellings of one chunk."""

    def __init__(self, flow: Flow, planner: Planner, policy: Policy) -> None:
        self._mapping, self._planner, self._policy = flow.mapping, planner, policy
        self.on = flow.tell and flow.mapping.told is not None

    def send(self, works: Sequence[Work], sender: Sender, now: datetime) -> None:
        """After everything else that could go: what was refused until then. Raises Stopped."""
        steps = list(self.plan(works, now))
        for step in steps:
            if step.state == "waiting":
                prepare(step, sender.digester)
        if ready := [step for step in steps if step.state == "ready"]:
            sender.send(ready)

    def plan(self, works: Sequence[Work], now: datetime) -> Iterator[Step]:
        """The steps that tell; made once."""
        for work in works if self.on else ():
            if not work.told and work.record is not None:
                work.told = [step for refusal in self._refusals(work, now) if (step := self._step(work, refusal))]
            yield from work.told

    def _refusals(self, work: Work, now: datetime) -> Iterator[Refusal]:
        leased, settle = work.leased, work.settle
        if settle is not None:
            if settle.state == "parked" and not leased.was:  # a changed mapping is no reason to call somebody
                code = "/".join(filter(None, ("mapping", settle.field)))
                yield Refusal("", "", "", settle.reason, settle.field, settle.remedy, code)
            return
        for step in work.steps:
            error = step.error or step.wish
            if error is None or (step.state in ("sent", "unchanged") and step.wish is None):
                continue
            outcome = decide(error, leased.attempts, now, self._policy)
            if isinstance(outcome, Park):
                reason, field, remedy = words(error, outcome)
                spec = step.wanted.spec
                code = code_of(error, doubted=step.uncertain is not None)
                yield Refusal(spec.id, step.wanted.key, step.place.full, reason, field, remedy, code)

    def _step(self, work: Work, refusal: Refusal) -> Step | None:
        assert work.record is not None, "what is told is mapped from the record"
        wanted: Wanted | None = None
        try:
            wanted = self._mapping.tell(work.record, refusal, lookups=work.lookups, origin=work.origin)
            return self._planner.told(work, wanted) if wanted is not None else None
        except MappingFault as fault:
            assert self._mapping.told is not None, "somebody tells"
            target = wanted.target if wanted is not None else None
            wanted = Wanted(self._mapping.told, wanted.key if wanted else refusal.name, target or work.leased.key, {})
            step = self._planner.told(work, wanted)
            step.state, step.error = "failed", fault
            return step


def with_told(work: Work, settle: Settle, now: datetime, policy: Policy) -> Settle:
    """A row's outcome with what was told of it. A row that would park waits until that is told."""
    attempts, dues, why = work.leased.attempts, [], ""
    lines: list[LineSettle] = list(settle.lines)
    for step in work.told:
        state: LineState = "owed"
        reason, field, remedy = step.why, "", ""
        if step.state == "unchanged":
            continue
        if step.state == "sent":
            state = "sent"
        elif step.error is not None:
            outcome = decide(step.error, work.leased.attempts, now, policy)
            reason, field, remedy = words(step.error, outcome)
            if isinstance(outcome, Retry):
                attempts = work.leased.attempts + 1
                dues.append(max(outcome.at, step.due or outcome.at))
            else:
                state = "rejected"
        else:
            dues.append(step.due or now)
        why = why or (reason if state == "owed" else "")
        if state != "owed" or step.error is not None or step.uncertain is not None:  # what never went leaves no trace
            lines.append(line_of(step, state, reason, field, remedy))
    settle.lines = lines
    if dues and settle.state == "parked":
        place = work.told[0].place.full
        settle.state, settle.due = "pending", max(dues)
        # once lines were refused, an attempt keeps them from being tried again beside what is told of them
        settle.attempts = max(1, attempts) if work.steps else attempts
        settle.reason = f"refused, and not told at {place} yet{': ' + why if why else ''}"
        settle.field = settle.remedy = ""
    return settle
