"""Fields that are written for a while: what stood there before our first write is stored before that goes out.

Lines that hold one field of one object take turns by what the ledger says: whoever comes later waits while the earlier one is
being delivered, or a write of it may still arrive. So it holds across flows and processes, and costs what is not held nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from connector.digests import name_digest
from connector.engine.equal import same
from connector.engine.places import Place
from connector.engine.plan import Step
from connector.errors import Gone
from connector.model import Record
from connector.store import Hold, LeaseToken

if TYPE_CHECKING:
    from connector.engine.deliver import Workshop

Look = Callable[[Sequence[Step]], Mapping[str, Record]]
TURN = timedelta(seconds=1)


class Holding:
    """Holds what updates of one delivery are about to write."""

    def __init__(self, shop: Workshop, token: LeaseToken) -> None:
        self._shop, self._token = shop, token

    def take(self, place: Place, steps: Sequence[Step], look: Look) -> list[Step]:
        """The steps that may be sent now: those that put back what they find, at their end, hold it first."""
        holding = [step for step in steps if step.wanted.spec.ends == "undo"]
        if not holding:
            return list(steps)
        now = self._shop.clock.now()
        wishes = [wish for step in holding for wish in self._wishes(step)]
        known: dict[str, list[Hold]] = {}
        for one in self._shop.store.hold_fields(self._token, wishes, now) if wishes else ():
            known.setdefault(one.target, []).append(one)
        asking: list[tuple[Step, list[Hold]]] = []
        doubted: list[tuple[Step, list[Hold]]] = []
        for step in holding:
            on = known.get(step.target or "", [])
            mine = [one for one in on if one.name == (step.work.leased.row, *step.name) and one.field in step.wished]
            if len(mine) < len(step.wished):
                step.state, step.due = "owed", now  # its lease has passed to somebody else
            elif (due := _turn(place, mine, on, now)) is not None:
                step.state, step.due = "owed", due
                step.why = f"{place.full}: another record is changing the same object"
            elif unknown := [one for one in mine if one.original is ... and not _written_before(step, one.field)]:
                asking.append((step, unknown))
            elif step.uncertain is not None and place.stream.fetch == "direct":  # an index may show what was before
                doubted.append((step, on))
        self._ask(asking, look)
        self._ask_again(doubted, look)
        return [step for step in steps if step.state == "ready"]

    def _wishes(self, step: Step) -> list[Hold]:
        digester, row = self._shop.digester, step.work.leased.row
        return [
            Hold(row, *step.name, step.place.full, step.target or "", name, value, (digester.value(value),))
            for name, value in step.wished.items()
        ]

    def _ask(self, asking: Sequence[tuple[Step, Sequence[Hold]]], look: Look) -> None:
        """Read what stands there now, which nobody of us has written. What is not there is not written to: it may come a moment
        later, and what it held then would never be known."""
        if not asking:
            return
        live = look([step for step, _ in asking])
        found = [
            replace(one, original=record.fields.get(one.field))
            for step, holds in asking
            if (record := live.get(step.target or "")) is not None
            for one in holds
        ]
        if found:
            self._shop.store.found(self._token, found)
        for step, _ in asking:
            if live.get(step.target or "") is None:
                remedy = "correct it where it was named, or add it, then retry"
                step.state = "failed"
                step.error = Gone(f"{step.place.full}: there is no such object", remedy=remedy)

    def _ask_again(self, doubted: Sequence[tuple[Step, Sequence[Hold]]], look: Look) -> None:
        """What we may have written without an answer is about to be written over what stands there now. If that is of none of
        us, somebody saved it since: it is what is to be put back."""
        if not doubted:
            return
        live = look([step for step, _ in doubted])
        since = [
            replace(one, original=record.fields.get(one.field))
            for step, on in doubted
            if (record := live.get(step.target or "")) is not None
            for one in on
            if one.name == (step.work.leased.row, *step.name) and self._theirs(record.fields.get(one.field), one, on)
        ]
        if since:
            self._shop.store.saved_since(self._token, since)

    def _theirs(self, held: Any, one: Hold, on: Sequence[Hold]) -> bool:
        digest = self._shop.digester.value(held)
        ours = [other for other in on if other.field == one.field]
        return not same(held, one.original) and not any(same(held, each.wish) or digest in each.ours for each in ours)


def _turn(place: Place, mine: Sequence[Hold], on: Sequence[Hold], now: datetime) -> datetime | None:
    """When these fields may be written; None: now."""
    due: datetime | None = None
    for one in mine:
        for other in on:
            if other.field != one.field or other.name == one.name or other.given_up:
                continue
            end = other.doubt + timedelta(seconds=place.stream.settle_after) if other.doubt else now
            first = (other.since or now, other.name) < (one.since or now, one.name)
            if end > now or (other.busy and first):
                due = max(due or now, end, now + TURN)
    return due


def _written_before(step: Step, field: str) -> bool:
    """Whether it was written before the mapping said that it is to be put back: then what stands there is our own."""
    return step.before is not None and step.before.state != "ended" and name_digest(field) in step.before.digests
