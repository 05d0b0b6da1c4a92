"""A human's hand: fields that are sent until somebody has claimed the object, decided by a look directly before the write.

Where the system can, the look and the write are one: the update goes whole, on condition that the object is unchanged since
the look. Refused: somebody was there between the two, so we look again. What cannot be decided stays owed; the rest goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from connector.engine.places import Place
from connector.engine.plan import Step
from connector.errors import Conflict, Gone
from connector.model import Record

ROUNDS = 3
"""Looks at an object in one delivery. One that changes faster is being worked on: its fields wait for the next delivery."""

Look = Callable[[Sequence[Step]], Mapping[str, Record]]


def rounds(place: Place, steps: Sequence[Step], live: Mapping[str, Record] | None, look: Look) -> Iterator[list[Step]]:
    """Waves of updates, each ready to be sent in one go: all steps first, then those whose condition failed, decided anew.

    `live`: what was fetched just now, if anything was. A step that was refused comes back `ready` with its `claimable` fields.
    """
    left = list(steps)
    for turn in range(ROUNDS + 1):
        asking = [step for step in left if step.claimable]
        if turn == ROUNDS:
            for step in asking:
                _owe(step, f"{place.full}: the object changed at each of {ROUNDS} looks")
        elif asking:
            seen = live if live is not None else look(asking)
            for step in asking:
                _decide(place, step, seen.get(step.target or ""))
        live = None
        for step in left:
            if step.state == "ready" and not step.body:
                step.state = "unchanged"
        yield [step for step in left if step.state == "ready"]
        left = [step for step in left if step.state == "ready"]
        if not left:
            return


def gone(step: Step, code: str = "gone") -> Gone:
    """A person deleted or merged what we write to: one cause, however many records it stops."""
    ours = "leave it, drop it (connector parked drop), or make it anew (connector parked retry --recreate)"
    theirs = "restore it and retry, or drop the record (connector parked drop)"
    reason = f"{step.place.full}: the object was deleted or merged by a person"
    return Gone(reason, code=code, remedy=ours if step.ours else theirs)


def refused(step: Step) -> None:
    """The object changed between look and write: nothing of the step was written, and it is to be decided again."""
    step.guard = None


def _decide(place: Place, step: Step, record: Record | None) -> None:
    if record is None or record.deleted:
        step.state, step.error = "failed", gone(step)
    elif record.claimed_by is not None:
        step.claimable = {}  # left out, and not remembered as sent: the next wish is compared with what was sent before
        step.remember(step.tried)  # whether these arrived, nobody knows: the doubt ends in favour of the person
    elif place.stream.conditional == "none":
        step.sending, step.claimable = step.sending | step.claimable, {}
    elif record.guard is None:
        _owe(step, f"{place.full}: the object changed a moment ago")
    else:
        step.guard = record.guard


def _owe(step: Step, why: str) -> None:
    """The rest goes now. The wish stays, and its row comes back soon, a bounded number of times."""
    step.claimable = {}
    step.wish = Conflict(why, code="changing", remedy="retry when nobody and nothing saves the object all the time")
