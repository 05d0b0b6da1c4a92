"""From a row's steps to its settle: what the ledger shall say. Pure."""

from __future__ import annotations

from datetime import datetime

from connector.engine import flips
from connector.engine.late import WHY
from connector.engine.plan import RefusedBefore, Step, Work
from connector.errors import Gone, MappingFault, RecordFault, Rejected, Transient
from connector.flow import Flips
from connector.model import LineState
from connector.retry import Park, Policy, Retry, decide
from connector.store import Ended, LineSettle, Settle


def settle_work(work: Work, now: datetime, policy: Policy, limit: Flips | None = None) -> Settle:
    """Done when all lines are; pending while one may still succeed; parked when one never will."""
    if len(work.steps) == 1 and work.steps[0].simply_made:
        return _made(work, work.steps[0])
    return settle_steps(work, now, policy, limit)


def settle_steps(work: Work, now: datetime, policy: Policy, limit: Flips | None = None) -> Settle:
    """The same by looking at each step."""
    leased = work.leased
    lines: list[LineSettle] = []
    retry: datetime | None = None
    wait: datetime | None = None
    owed = False
    parked: tuple[str, str, str] | None = None
    attempts = leased.attempts
    ended: list[Ended] = []
    for step in work.steps:
        if step.ended or step.deleted is not None:
            ended.append(Ended(*step.name, step.deleted if step.deleted != step.target or step.ended else None))
        if step.ended:
            lines.append(_ended_line(step))
            continue
        state: LineState = "owed"
        reason, field, remedy = step.why, "", ""
        error = step.error or step.wish
        if step.state in ("sent", "unchanged") and step.wish is None:
            state = "sent"
            if step.again is not None:
                state, reason, owed = "owed", WHY, True
                wait = max(wait or step.again, step.again)
        elif error is not None:
            outcome = decide(error, leased.attempts, now, policy)
            reason, field, remedy = words(error, outcome)
            if isinstance(outcome, Park):
                state = "rejected"
                parked = parked or (reason, field, remedy)
            else:
                assert isinstance(outcome, Retry), "faults of a whole connection never reach a step"
                attempts = leased.attempts + 1
                retry = max(retry or outcome.at, outcome.at, step.due or outcome.at)
        else:
            again = step.due or now
            wait = again if wait is None else max(wait, again)
            owed = owed or step.state == "owed"
        once = step.append or step.wanted.spec.once
        if once and step.state in ("waiting", "owed") and step.before is not None and step.before.state == "sent":
            continue  # it waits for a line that failed, and was sent before: owed, it would be sent a second time
        untouched = step.state == "unchanged" and step.wish is None and not step.uncertain
        if untouched and step.before is not None and step.before.state == "sent":
            continue  # nothing about this line has changed
        line = line_of(step, state, reason, field, remedy)
        if step.before is not None:
            line.history, line.fight = flips.history(step, now, limit), flips.values(step, now, limit)
        lines.append(line)
    entered = leased.entered or bool(work.steps)
    settle = Settle(
        leased.row, leased.rev, "done", attempts=attempts, route=work.mapped.route if work.mapped else "",
        entered=entered, lines=lines, created=sum(step.created or step.found for step in work.steps), uncertain=leased.uncertain,
        ended=tuple(ended),
    )  # fmt: skip
    due = retry if retry is not None else wait
    if retry is None and parked is None and wait is None:
        settle.attempts = 0
    elif parked is not None and retry is None and not owed:
        # lines that wait for the refused one cannot go; a person decides first
        settle.state, (settle.reason, settle.field, settle.remedy) = "parked", parked
    else:
        settle.state, settle.due = "pending", due
        if parked is not None:
            settle.attempts = max(1, attempts)  # so that the refused line is left alone while its siblings go
        settle.reason = next((line.reason for line in lines if line.reason), "")
    return settle


def _made(work: Work, step: Step) -> Settle:
    """What most rows come to: one line, whose object was made. Of it there is nothing more to say."""
    line = LineSettle(*step.name, step.place.full, "sent", step.target, step.digests, answered=True)
    leased, route = work.leased, work.mapped.route if work.mapped else ""
    return Settle(
        leased.row, leased.rev, "done", None, 0, route, True, lines=[line], created=1, uncertain=leased.uncertain
    )


def _ended_line(step: Step) -> LineSettle:
    """A line that has come to its end: what counts as sent is what its end left there."""
    return LineSettle(
        *step.name,
        stream=step.place.full,
        state="ended",
        target=None if step.deleted is not None else step.target,
        digests=step.digests,
        reason=step.why,
        answered=step.state == "sent",
        history=step.before.history if step.before is not None else b"",
    )


def line_of(step: Step, state: LineState, reason: str, field: str, remedy: str) -> LineSettle:
    """What the ledger shall say of one line."""
    before = step.before
    error = None if state == "sent" else step.error or step.wish
    return LineSettle(
        id=step.wanted.spec.id,
        key=step.name[1],
        stream=step.place.full,
        state=state,
        # what we deleted ourselves is nobody's object any more, also while the answer to its successor is owed
        target=step.target or (before.target if before and step.deleted is None else None),
        digests=step.digests or (before.digests if before else {}),
        uncertain=step.kept if state == "sent" else step.uncertain or step.kept,
        answered=step.state == "sent",
        reason=reason,
        field=field,
        remedy=remedy,
        gone=isinstance(step.error, Gone) and step.ours,
        code=code_of(error, doubted=step.uncertain is not None),
        failed="" if error is None or isinstance(error, RefusedBefore) else type(error).__name__,
    )


def code_of(error: RecordFault | MappingFault | None, *, doubted: bool = False) -> str:
    """A fault for a table of words: the system's own code, after whose fault it is where the system did not refuse. `doubted`: an
    earlier try may have been carried out."""
    match error:
        case None:
            return ""
        case RefusedBefore():
            return error.code
        case MappingFault():
            return error.code or "/".join(filter(None, ("mapping", error.field)))
        case Rejected():
            return error.code
    kind = {Gone: "gone", Transient: "failing"}.get(type(error), "changed")
    if isinstance(error, Transient) and (error.uncertain or doubted):
        kind = "unclear"  # whoever is told must not believe that nothing happened
    return "/".join(filter(None, (kind, error.code)))


def words(error: RecordFault | MappingFault, outcome: Retry | Park | object) -> tuple[str, str, str]:
    """Reason, field and remedy."""
    reason = outcome.reason if isinstance(outcome, Park) else str(error)
    return reason, getattr(error, "field", ""), error.remedy
