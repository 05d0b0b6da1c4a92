"""Sends one wave of steps: grouped by stream and kind of write, in the system's own batches, every answer read row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from connector.digests import Digester
from connector.engine.fetch import Stopped, fetch_all, stop
from connector.engine.places import Place
from connector.engine.plan import Step, sent_digests
from connector.engine.report import Tally
from connector.errors import (
    ConnectionFault,
    Misconfigured,
    RecordFault,
    RemoteError,
    Transient,
    Unavailable,
)
from connector.model import Op, Record, Result, Write

if TYPE_CHECKING:
    from connector.engine.deliver import Workshop

BRAKE_PAUSE = timedelta(seconds=60)
_DONE: dict[Op, str] = {"create": "created", "update": "updated", "append": "appended", "delete": "deleted"}


class Sender:
    """Sends steps that are `ready`; leaves each of them sent, unchanged, failed or owed. Raises Stopped."""

    def __init__(self, shop: Workshop, until: datetime, tally: Tally) -> None:
        self._shop, self._until, self._tally = shop, until, tally

    def send(self, wave: Sequence[Step]) -> None:
        groups: dict[tuple[str, Op], list[Step]] = {}
        for step in self._braked(wave):
            op: Op = "append" if step.append else "create" if step.create else "update"
            groups.setdefault((step.place.full, op), []).append(step)
        for (_, op), steps in groups.items():
            place = steps[0].place
            if op == "create":
                self._create(place, steps)
            elif op == "append":
                self._call_all(place, "append", self._settled_since(steps))
            else:
                self._update(place, steps)

    # -- kinds ---------------------------------------------------------------------------------------------------------

    def _braked(self, wave: Sequence[Step]) -> list[Step]:
        """The wave without creates that the brake holds back."""
        shop = self._shop
        creates = [step for step in wave if step.create and not step.append]
        granted = shop.brake.take(len(creates)) if creates else 0
        if granted == len(creates):
            return list(wave)
        held = creates[granted:]
        due = shop.clock.now() + BRAKE_PAUSE
        for step in held:
            step.state, step.due = "owed", due
        if shop.brake.first_held():
            shop.tell("brake", flow=shop.flow.name, waiting=len(held), limit=shop.brake.limit)
        return [step for step in wave if step.state == "ready"]

    def _settled_since(self, steps: Sequence[Step]) -> list[Step]:
        """Steps that may be looked up now: an unread answer may still commit for a while, so these wait it out."""
        now, go = self._shop.clock.now(), []
        for step in steps:
            due = step.uncertain + timedelta(seconds=step.place.stream.settle_after) if step.uncertain else now
            if due > now:
                step.state, step.due = "owed", due
            else:
                go.append(step)
        return go

    def _create(self, place: Place, steps: list[Step]) -> None:
        existing: list[tuple[Step, Record | None]] = []
        if place.stream.create == "plain":
            steps = self._settled_since(steps)
            found = self._fetch(place, [step.key for step in steps], "our_key", steps)
            existing = [(step, found[step.key]) for step in steps if step.key in found]
            steps = [step for step in steps if step.key not in found]
        self._call_all(place, "create", steps)
        existing += [(step, None) for step in steps if step.looked]
        if existing:
            self._shop.brake.give_back(len(existing))
            self._adopt(place, existing)

    def _adopt(self, place: Place, existing: list[tuple[Step, Record | None]]) -> None:
        """Objects that stand under our keys already: an earlier try made them. From here on they are updated."""
        for step, record in existing:
            if record is not None:
                step.target = record.key
            step.create, step.looked, step.state = False, True, "ready"
        steps = [step for step, _ in existing]
        changeable = [step for step in steps if not step.wanted.spec.once]
        for step in steps:
            values = step.wanted.values or {}
            if step.wanted.spec.once:
                sent_digests(step, {name: value for name, value in values.items() if value is not None}, self._digester)
                step.state = "unchanged"
        if not changeable:
            return
        live = self._fetch(place, [step.target or "" for step in changeable], "key", changeable)
        for step in changeable:
            record = live.get(step.target or "")
            if record is not None:
                self._compare(step, record)
        self._update(place, changeable, live)

    def _compare(self, step: Step, live: Record) -> None:
        """What of a create is still to be sent to the object that stands already; equal values need not go again."""
        policies = step.wanted.spec.policies
        step.sending, step.claimable = {}, {}
        for name, value in (step.wanted.values or {}).items():
            policy = policies.get(name, "always")
            if value is None or policy in ("on-create", "once") or live.fields.get(name) == value:
                if value is not None:
                    sent_digests(step, {name: value}, self._digester)
            elif policy == "until-claimed":
                step.claimable[name] = value
            else:
                step.sending[name] = value

    def _update(self, place: Place, steps: Sequence[Step], live: dict[str, Record] | None = None) -> None:
        """Until-claimed fields are decided by a fetch directly before the write."""
        asking = [step for step in steps if step.claimable]
        if asking and live is None:
            live = self._fetch(place, [step.target or "" for step in asking], "key", asking)
        for step in asking:
            record = (live or {}).get(step.target or "")
            if record is not None and record.claimed_by is None and not record.deleted:
                step.sending |= step.claimable
            step.claimable = {}
        for step in steps:
            if not step.sending:
                step.state = "unchanged"
        self._call_all(place, "update", [step for step in steps if step.state == "ready"])

    # -- calls ---------------------------------------------------------------------------------------------------------

    @property
    def _digester(self) -> Digester:
        return self._shop.digester

    def _fetch(
        self, place: Place, wanted: Sequence[str], by: Literal["key", "our_key"], steps: Sequence[Step]
    ) -> dict[str, Record]:
        """Live objects by id or by our key, in batches; Stopped when the connection fails."""
        names = {name for step in steps for name in step.wanted.values or {}}
        return fetch_all(place, wanted, flow=self._shop.flow.id, health=self._shop.health, fields=names, by=by)

    def _stopped(self, place: Place, problem: RemoteError) -> Stopped:
        return stop(place, self._shop.flow.id, self._shop.health, problem)

    def _call_all(self, place: Place, op: Op, steps: Sequence[Step]) -> None:
        for start in range(0, len(steps), place.stream.batch):
            self._call(place, op, steps[start : start + place.stream.batch])

    def _call(self, place: Place, op: Op, steps: Sequence[Step]) -> None:
        """One call, or none when the lease would not outlive it or the process is stopping."""
        if not steps:
            return
        shop = self._shop
        now = shop.clock.now()
        if shop.stopping() or now + timedelta(seconds=place.adapter.longest_call()) > self._until:
            for step in steps:
                step.state, step.due = "owed", now
            return
        writes = [
            Write(op, step.key, step.sending, None if op == "create" else step.target, step.uncertain is not None)
            for step in steps
        ]
        try:
            results = place.adapter.write(place.name, writes)
        except Transient as fault:
            self._unclear(place, steps, fault)
        except RecordFault as fault:
            for half in self._halves(steps, fault):
                self._call(place, op, half)
        except (ConnectionFault, Misconfigured) as problem:
            stopped = self._stopped(place, problem)
            for step in steps:
                step.state, step.due = "owed", stopped.until
                if isinstance(problem, ConnectionFault) and problem.uncertain:
                    step.uncertain = now
            raise stopped from problem
        else:
            shop.health.works(f"connection:{place.connection}")
            shop.health.works(f"stream:{place.full}")
            for step, result in zip(steps, results, strict=True):
                self._take(op, step, result)
            made = sum(1 for step in steps if step.state == "sent")
            self._tally.add(**{_DONE[op]: made})

    def _take(self, op: Op, step: Step, result: Result) -> None:
        if result.error is None:
            if op != "append":
                step.target = result.target or step.target
            if result.existed and op == "create":
                step.looked = True  # its object stands already; what differs goes as an update
                return
            sent_digests(step, step.sending, self._digester)
            step.state, step.uncertain = "sent", None
            step.created = op == "create"
            return
        error = result.error
        step.state, step.error = "failed", error
        if isinstance(error, Transient) and error.uncertain:
            step.uncertain = self._shop.clock.now()
        if op == "create":
            self._shop.brake.give_back(1)

    @staticmethod
    def _halves(steps: Sequence[Step], fault: RecordFault) -> Iterator[Sequence[Step]]:
        """A chunk refused whole is cut in two, until the row that spoils it stands alone."""
        if len(steps) == 1:
            steps[0].state, steps[0].error = "failed", fault
            return
        middle = len(steps) // 2
        yield steps[:middle]
        yield steps[middle:]

    def _unclear(self, place: Place, steps: Sequence[Step], fault: Transient) -> None:
        """No answer to a whole call: is the system well? Then these records retry; else nobody burns an attempt."""
        shop = self._shop
        now = shop.clock.now()
        for step in steps:
            if fault.uncertain:
                step.uncertain = now
        problem: RemoteError | None = None
        if shop.health.failed_again(f"stream:{place.full}"):
            problem = Unavailable(
                f"{place.full} failed twice in a row: {fault}", code=fault.code, uncertain=fault.uncertain
            )
        else:
            try:
                place.adapter.check()
            except RemoteError as error:
                problem = error
        if problem is None:
            for step in steps:
                step.state, step.error = "failed", fault
            return
        stopped = self._stopped(place, problem)
        for step in steps:
            step.state, step.due = "owed", stopped.until
        raise stopped
