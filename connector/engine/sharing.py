"""Objects that several records share (`key:` of the main line): one object, whoever comes first.

The system itself refuses a second create under one key where it can. Where it cannot (`plain`), three things keep a second
object from being made: a key is held from the look until the ledger knows what became of it, a create that may still commit is
waited out, whoever's it was, and of the records of one delivery only the first one creates.

One that a person deleted is deleted for all of them: whoever comes later parks as well, until somebody has it made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from connector.engine.claims import gone
from connector.engine.plan import Step, Work
from connector.errors import Gone

if TYPE_CHECKING:
    from connector.engine.deliver import Workshop

_WHY = "the object under its key may be on its way: an earlier request for it got no answer"


def shares(work: Work) -> Step | None:
    """The step of a row's main object, where that bears a key that other records may share."""
    for step in work.steps:
        spec = step.wanted.spec
        if spec.id == "main":
            return step if spec.has_key and not spec.each and step.makes and step.state == "waiting" else None
    return None


def join(shop: Workshop, holder: object, works: Sequence[Work]) -> None:
    """What others have made is joined; what others may be making is waited for."""
    now = shop.clock.now()
    steps = []
    for step in filter(None, map(shares, works)):
        plain = step.place.stream.create == "plain"
        if plain and not shop.targets.take(holder, step.place, f"key {step.key}"):
            step.state, step.due = "owed", now + timedelta(seconds=1)
        elif step.target is None:
            steps.append(step)
    if not steps:
        return
    rows = shop.store.sharing(shop.flow.id, {step.wanted.key for step in steps})
    plain = any(step.place.stream.create == "plain" for step in steps)
    cut_off = shop.store.cut_off(shop.flow.id, now) if plain else None
    for step in steps:
        others = [
            line
            for row in rows.get(step.wanted.key, ())
            for line in row.lines
            if row.id != step.work.leased.row and line.id == "main" and line.key == step.wanted.key
        ]
        targets = [line.target for line in others if line.target and not line.gone]
        step.target = next((target for target in reversed(targets) if target not in step.forgotten), None)
        step.joins = step.target is not None
        deleted = [line.target for line in others if line.gone and line.target and line.target not in step.forgotten]
        if not step.joins and deleted:
            _deleted(step, deleted[-1])
        elif not step.joins and step.place.stream.create == "plain":
            doubts = [since for since in (cut_off, *(line.uncertain for line in others)) if since is not None]
            due = max(doubts) + timedelta(seconds=step.place.stream.proof_after) if doubts else now
            if due > now:
                step.state, step.due, step.why = "owed", due, _WHY


def _deleted(step: Step, target: str) -> None:
    """A person deleted what it shares: only a person has it made anew."""
    step.target = target
    step.state, step.error = "failed", gone(step)


def one_each(steps: Sequence[Step]) -> tuple[Sequence[Step], Sequence[Step]]:
    """The first step for each key, and the rest: of several records that share an object, one makes it."""
    first = {step.key: step for step in reversed(steps)}
    if len(first) == len(steps):
        return steps, ()
    return [step for step in steps if first[step.key] is step], [step for step in steps if first[step.key] is not step]


def apart(steps: Sequence[Step]) -> tuple[Sequence[Step], Sequence[Step]]:
    """The same for updates: the first step for each object, and the rest."""
    first = {step.target or step.key: step for step in reversed(steps)}
    if len(first) == len(steps):
        return steps, ()
    one = [step for step in steps if first[step.target or step.key] is step]
    return one, [step for step in steps if first[step.target or step.key] is not step]


def after(first: Sequence[Step], rest: Sequence[Step]) -> tuple[list[Step], list[Step]]:
    """Of the rest, those that may create by themselves, since the first one was refused, and those whose object stands by now.
    The others wait: the object may be on its way."""
    makers = {step.key: step for step in first}
    create, standing = [], []
    for step in rest:
        maker = makers[step.key]
        if maker.target is not None and maker.state in ("sent", "unchanged"):
            step.target, step.create, step.joins = maker.target, False, True
            standing.append(step)
        elif isinstance(maker.error, Gone) and maker.target is not None and maker.target not in step.forgotten:
            _deleted(step, maker.target)
        elif maker.uncertain is not None and step.place.stream.create == "plain":
            step.state, step.why = "owed", _WHY
            step.due = maker.uncertain + timedelta(seconds=step.place.stream.proof_after)
        else:
            create.append(step)
    return create, standing
