"""Right before a write to a record that a flow by state found: is it still so, and is it on its way to be done by us already?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from connector.engine.fetch import fetch_all
from connector.engine.health import Health
from connector.engine.places import Place, Places
from connector.engine.plan import Step, Work
from connector.engine.states import OVER
from connector.flow import Flow
from connector.model import Record
from connector.states import record_key

_OTHERS = "somebody"
Look = Callable[[Sequence[Step]], Mapping[str, Record]]


def look_for(flow: Flow, places: Places, health: Health, place: Place, live: Look) -> Look:
    """How until-claimed fields of this flow are looked at before they go; `live` looks at objects as they are."""
    if not flow.by_state:
        return live
    return lambda steps: Confirmation(flow, places, health).look(place, steps, live)


class Confirmation:
    """The look before the until-claimed fields of a flow by state go: a claim is whatever ends what was so."""

    def __init__(self, flow: Flow, places: Places, health: Health) -> None:
        self._flow, self._places, self._health = flow, places, health

    def look(self, place: Place, steps: Sequence[Step], live: Look) -> dict[str, Record]:
        """Records by id as `claims` takes them: free where all of `where` is still so for the same evaluation, else claimed, and
        then nothing more comes of the row.

        One whose write got no answer may be over because that was carried out: then the person who had it has it no more, and
        what follows goes on. `live` looks at objects as they are.
        """
        source = self._places.source(self._flow)
        own = [step for step in steps if self._is_own(source, place, step)]
        others = [step for step in steps if step not in own]
        shown = dict(live(others)) if others else {}
        if not own:
            return shown
        keys = [step.work.leased.key for step in own]
        fields = self._flow.mapping.fields
        hits = fetch_all(source, keys, flow=self._flow.id, health=self._health, fields=fields)
        doubted = [step for step in own if step.work.leased.key not in hits and step.uncertain is not None]
        now = live(doubted) if doubted else {}
        for step in own:
            target = step.target or ""
            hit = hits.get(step.work.leased.key)
            if hit is not None:
                shown[target] = replace(hit, key=target, claimed_by=None)
            else:
                done = step.before is not None and step.before.state == "sent"  # what follows waits for a retry
                if not done and not _let_go(step.work, now.get(target)):
                    step.why = OVER
                shown[target] = Record(target, {}, claimed_by=_OTHERS)
        return shown

    @staticmethod
    def _is_own(source: Place, place: Place, step: Step) -> bool:
        return place.full == source.full and step.target == record_key(step.work.leased.key)


def _let_go(work: Work, now: Record | None) -> bool:
    """Whether the person who had the record when it was found has it no more: our write was carried out, or came to the same."""
    before = work.record.claimed_by if work.record is not None else None
    return now is not None and not now.deleted and before is not None and now.claimed_by != before


def end(work: Work) -> None:
    """Nothing more comes of a row of which it is no longer so; what was sent before is kept."""
    work.steps = [step for step in work.steps if step.state in ("sent", "failed")]
    if not work.steps:
        work.ends("filtered", OVER)
