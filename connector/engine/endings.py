"""Lines that their record no longer asks for: objects deleted or written to, and what stood there before put back.

An ending is a step like any other: in doubt it is looked at and done again, its row is done when it is. What a person changed
meanwhile stays: only what still holds our value is put back, on condition that nobody changes it between look and write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from connector.digests import NULL, name_digest
from connector.engine.claims import ROUNDS, rounds
from connector.engine.equal import same
from connector.engine.fetch import fetch_all
from connector.engine.holds import TURN
from connector.engine.places import Place
from connector.engine.plan import DELETING, Step
from connector.errors import Conflict, Gone, MappingFault
from connector.model import Record, Ref
from connector.states import record_key
from connector.store import Hold, LeaseToken

if TYPE_CHECKING:
    from connector.engine.send import Sender


class Endings:
    """Ends the lines of one wave; leaves each step sent, unchanged, failed or owed, and `ended` where that is done."""

    def __init__(self, sender: Sender, token: LeaseToken) -> None:
        self._sender, self._shop, self._token = sender, sender.shop, token

    def wave(self, wave: Sequence[Step]) -> list[Step]:
        """End what is to end; the rest, after noting which of it could not be ended if this process died: lines that nobody
        would know of. Raises Stopped."""
        self._send([step for step in wave if step.ending is not None])
        rest = [step for step in wave if step.ending is None and step.state == "ready"]
        new = [
            (step.work.leased.row, *step.name, step.place.full, step.target)
            for step in rest
            if step.wanted.spec.ends not in ("", "undo") and (step.before is None or step.before.state == "ended")
        ]
        if new:
            self._shop.store.intend(self._token, new)
        return rest

    def _send(self, steps: Sequence[Step]) -> None:
        places: dict[str, list[Step]] = {}
        for step in steps:
            places.setdefault(step.place.full, []).append(step)
        for those in places.values():
            place = those[0].place
            self._find(place, self._past_doubt(those))
            ready = [step for step in those if step.state == "ready"]
            self._undo(place, [step for step in ready if _kind(step) == "undo"])
            self._choose(place, [step for step in ready if _kind(step) == "choose"])
            self._delete(place, [step for step in ready if _kind(step) == "delete"])
            self._write(place, [step for step in ready if _kind(step) in ("leave", "write")])

    # -- what must be known first --------------------------------------------------------------------------------------

    def _past_doubt(self, steps: Sequence[Step]) -> list[Step]:
        """Steps of lines whose earlier writes cannot arrive any more: one that came after the end would undo it."""
        now, go = self._shop.clock.now(), []
        for step in steps:
            stream = step.place.stream
            wait = stream.settle_after if step.target is not None else stream.proof_after
            doubts = [since for since in (step.uncertain, step.kept) if since is not None]
            due = max(doubts) + timedelta(seconds=wait) if doubts else now
            if due > now:
                step.state, step.due = "owed", due
                step.why = f"{step.place.full}: an earlier write whose answer was not read may still arrive"
            else:
                go.append(step)
        return go

    def _find(self, place: Place, steps: Sequence[Step]) -> None:
        """Objects whose create got no answer: they stand under our keys, or were never made."""
        lost = [step for step in steps if step.target is None]
        found = self._sender.fetch(place, [step.key for step in lost], "our_key", lost) if lost else {}
        for step in lost:
            record = found.get(step.key)
            if record is None or record.deleted:
                _end(step, "it was never made")
            else:
                step.target = record.key

    # -- undo ----------------------------------------------------------------------------------------------------------

    def _undo(self, place: Place, steps: Sequence[Step]) -> None:
        left = list(steps)
        for _ in range(ROUNDS):
            if not left:
                return
            names = {(place.full, step.target or "") for step in left}
            on = self._living(left, self._shop.store.holders(sorted(names), self._token))
            live = self._sender.fetch(
                place, [step.target or "" for step in left], "key", left, {one.field for one in on}
            )
            for step in left:
                self._put_back(
                    place, step, live.get(step.target or ""), [one for one in on if one.target == step.target]
                )
            self._sender.call_all(place, "update", [step for step in left if step.state == "ready"])
            for step in left:
                if step.state == "sent" or isinstance(step.error, Gone):
                    _end(step, step.why or "what stood there before was put back")
            left = [step for step in left if step.state == "ready"]  # somebody saved it between look and write
        for step in left:
            _changing(step, f"{place.full}: the object changed at each of {ROUNDS} looks")

    def _living(self, steps: Sequence[Step], on: Sequence[Hold]) -> Sequence[Hold]:
        """Whoever would keep what is to be put back is looked for: one whose record was deleted or merged will never let go."""
        ending = {(step.work.leased.row, *step.name) for step in steps}
        others = [one for one in on if one.name not in ending and not one.given_up]
        gone: set[tuple[str, str]] = set()
        for flow in self._shop.flows.values():
            keys = {
                one.record: record_key(one.record) if flow.by_state else one.record
                for one in others
                if one.flow == flow.id
            }
            place = self._shop.places.source(flow) if keys else None
            if place is not None and place.stream.fetch == "direct":  # an index proves no absence
                needs = place.stream.needs or (place.stream.key,)
                found = fetch_all(place, keys.values(), flow=self._shop.flow.id, health=self._shop.health, fields=needs)
                gone |= {(flow.id, key) for key, own in keys.items() if own not in found or found[own].deleted}
        return [replace(one, given_up=True, deleted=True) if (one.flow, one.record) in gone else one for one in on]

    def _put_back(self, place: Place, step: Step, record: Record | None, on: Sequence[Hold]) -> None:
        """Decide what of its fields goes back, and to which value."""
        mine = [one for one in on if one.name == (step.work.leased.row, *step.name)]
        unknown = _unknown(step, mine) or [one.field for one in mine if self._found_ours(one, on)]
        if record is None or record.deleted:
            _end(step, "the object is no longer there")
            return
        notes = list(dict.fromkeys(f"{one.flow} {one.record} held it too, and is deleted" for one in on if one.deleted))
        step.sending = {}
        for one in mine if not unknown else ():
            keeper = next((other for other in reversed(on) if _keeps(other, one)), None)
            if keeper is not None:
                notes.append(f"{one.field} is still held by {keeper.flow} {keeper.record}")
            if one.original is ...:
                continue
            held, wanted = record.fields.get(one.field), one.original if keeper is None else keeper.wish
            if same(held, wanted):
                continue
            if self._shop.digester.value(held) in one.ours or same(held, one.wish):
                step.sending[one.field] = wanted
                if keeper is not None and keeper.busy:  # it may want something else by now, or have nothing to send
                    step.state, step.due = "owed", self._shop.clock.now() + TURN
            else:
                notes.append(f"{one.field} was changed by somebody else, and is left as it is")
        step.why = "; ".join(notes)
        if unknown:
            step.state, step.error = "failed", _not_known(step, unknown)
        elif not step.sending:
            _end(step, step.why or "what stood there before stands there")
        elif step.state == "owed":
            step.why = f"{place.full}: another record that holds it is being delivered"
        elif place.stream.conditional != "none" and record.guard is None:
            _changing(step, f"{place.full}: the object changed a moment ago")
        elif place.stream.conditional != "none":
            step.guard = record.guard

    def _found_ours(self, one: Hold, on: Sequence[Hold]) -> bool:
        """Whether what stood there before is a text of our own: the ledger that knew better was lost, or an older one was put
        back. Other values say nothing: a product may have been offline before."""
        found = one.original
        if not isinstance(found, str) or not found or any(_keeps(other, one) for other in on):
            return False
        return same(found, one.wish) or self._shop.digester.value(found) in one.ours

    # -- the others ----------------------------------------------------------------------------------------------------

    def _choose(self, place: Place, steps: Sequence[Step]) -> None:
        """Deleted where the object holds what `delete_if` says at a look directly before, else written to."""
        left = list(steps)
        for _ in range(ROUNDS):
            if not left:
                return
            names = {name for step in left for name in (step.ending.only_if if step.ending else None) or ()}
            live = self._sender.fetch(place, [step.target or "" for step in left], "key", left, names)
            delete, write = [], []
            for step in left:
                record = live.get(step.target or "")
                if record is None or record.deleted:
                    asked = DELETING in step.digests  # by ourselves, and the answer was lost
                    step.deleted = step.target if asked else None
                    _end(step, "deleted" if asked else "the object is no longer there")
                elif self._holds(record, (step.ending.only_if if step.ending else None) or {}):
                    step.guard = record.guard if place.stream.conditional != "none" else None
                    delete.append(step)
                else:
                    write.append(step)
            self._delete(place, delete)
            self._write(place, write)
            left = [step for step in delete if step.state == "ready"]
        for step in left:
            _changing(step, f"{place.full}: the object changed at each of {ROUNDS} looks")

    def _holds(self, record: Record, wanted: Mapping[str, Any]) -> bool:
        def alike(held: Any, value: Any) -> bool:
            by_name = isinstance(value, Ref) and held == value.name
            return by_name or same(held, value)

        return all(alike(record.fields.get(name), value) for name, value in wanted.items())

    def _delete(self, place: Place, steps: Sequence[Step]) -> None:
        for step in steps:
            step.sending = {}
        try:
            self._sender.call_all(place, "delete", steps)
        finally:
            for step in steps:
                if step.state == "sent" or isinstance(step.error, Gone):
                    step.deleted = step.target
                    _end(step, "deleted")
                elif step.uncertain is not None and step.state in ("failed", "owed"):
                    step.digests = {DELETING: NULL}  # it may vanish later: whoever asks for it again must wait that out

    def _write(self, place: Place, steps: Sequence[Step]) -> None:
        for step in steps:
            policies, fields = step.wanted.spec.leaves, step.ending.fields if step.ending else {}
            wanted = {n: v for n, v in fields.items() if v is not None or name_digest(n) in step.digests}
            step.claimable = {n: v for n, v in wanted.items() if policies.get(n) == "until-claimed"}
            step.sending = {n: v for n, v in wanted.items() if n not in step.claimable}

        def look(asking: Sequence[Step]) -> Mapping[str, Record]:
            return self._sender.fetch(place, [step.target or "" for step in asking], "key", asking)

        for wave in rounds(place, steps, None, look):
            self._sender.call_all(place, "update", wave)
        for step in steps:
            if (step.state in ("sent", "unchanged") and step.wish is None) or isinstance(step.error, Gone):
                _end(step, "")


def _kind(step: Step) -> str:
    return step.ending.kind if step.ending is not None else ""


def _keeps(other: Hold, one: Hold) -> bool:
    """Whether another line still holds the same field. One that does not know what stood there has not written yet."""
    known = other.original is not ...
    return known and other.field == one.field and other.name != one.name and not other.given_up


def _unknown(step: Step, mine: Sequence[Hold]) -> list[str]:
    """Fields that were written before the mapping said that they are to be put back."""
    digests = step.before.digests if step.before is not None and step.before.state != "ended" else {}
    known = {name_digest(one.field) for one in mine if one.original is not ...}
    if not mine and digests:
        return ["its fields"]
    return [one.field for one in mine if name_digest(one.field) in digests and name_digest(one.field) not in known]


def _not_known(step: Step, fields: Sequence[str]) -> MappingFault:
    return MappingFault(
        f"{step.place.full} {step.target}: what {', '.join(fields)} held before our first write is not known",
        field=fields[0] if len(fields) == 1 else "",
        remedy="it was written before the mapping said `undo`, or by a ledger that was lost or put back since: put back by hand "
        "what stood there, then drop the record (connector parked drop)",
        code="undo",
    )


def _changing(step: Step, why: str) -> None:
    step.state = "failed"
    step.error = Conflict(why, code="changing", remedy="retry when nobody and nothing saves the object all the time")


def _end(step: Step, why: str) -> None:
    """What its ending asks for is done: it holds nothing any more, and may begin anew."""
    if step.state != "sent":
        step.state = "unchanged"
    step.ended, step.error, step.uncertain, step.kept, step.why = True, None, None, None, why
    if step.deleted is not None or _kind(step) == "undo":
        step.digests = {}


def returned(step: Step, now: datetime) -> None:
    """A line that is asked for again while the answer to its deletion is owed: it may stand, vanish yet, or be gone. That is
    waited out; then it is looked for under its key, and made anew if it is gone."""
    before = step.before
    assert before is not None, "only of lines whose deletion was tried"
    due = None if before.uncertain is None else before.uncertain + timedelta(seconds=step.place.stream.proof_after)
    if due is not None and due > now:
        step.state, step.due = "owed", due
        step.why = f"{step.place.full}: its deletion got no answer and may still arrive"
    elif step.makes:
        step.target, step.deleted = None, before.target
