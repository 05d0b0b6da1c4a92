"""Sends one wave of steps: grouped by stream and kind of write, in the system's own batches, every answer read row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from connector.digests import Digester
from connector.engine import late
from connector.engine.adoption import adopt_once, compare
from connector.engine.claims import gone, refused, rounds
from connector.engine.confirmation import look_for
from connector.engine.endings import Endings
from connector.engine.fetch import Stopped, fetch_all, stop
from connector.engine.holds import Holding
from connector.engine.places import Place
from connector.engine.plan import NOTHING_SENT, Step, doubted, sent_digests
from connector.engine.report import Tally
from connector.engine.sharing import after, apart, one_each
from connector.errors import (
    Changed,
    Conflict,
    ConnectionFault,
    Gone,
    Misconfigured,
    RecordFault,
    Rejected,
    RemoteError,
    Transient,
    Unavailable,
)
from connector.model import Op, Record, Result, Write
from connector.store import LeaseToken

if TYPE_CHECKING:
    from connector.engine.deliver import Workshop

_DONE: dict[Op, str] = {"create": "created", "update": "updated", "append": "appended", "delete": "deleted"}


class Sender:
    """Sends steps that are `ready`; leaves each of them sent, unchanged, failed or owed. Raises Stopped."""

    def __init__(self, shop: Workshop, until: datetime, tally: Tally, token: LeaseToken) -> None:
        self._shop, self._until, self._tally, self._token = shop, until, tally, token
        self._watches = any(lookup.watch for lookup in shop.flow.mapping.lookups)

    def send(self, wave: Sequence[Step]) -> None:
        groups: dict[tuple[str, Op], list[Step]] = {}
        if self._shop.flow.mapping.ends:
            wave = Endings(self, self._token).wave(wave)
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
                self._update(place, self._not_overtaken(place, steps) if place.stream.conditions else steps)

    # -- kinds ---------------------------------------------------------------------------------------------------------

    def _braked(self, wave: Sequence[Step]) -> Sequence[Step]:
        """The wave without creates that the brake holds back."""
        shop = self._shop
        if shop.brake.limit is None:
            return wave
        creates = [step for step in wave if step.create and not step.append]
        creates = [step for step in creates if not step.granted]
        granted = shop.brake.take(len(creates)) if creates else 0
        for step in creates[:granted]:
            step.granted = True
        if granted == len(creates):
            return list(wave)
        held = creates[granted:]
        due = shop.brake.again_at()
        for step in held:
            step.state, step.due = "owed", due
            step.why = f"held by the brake: {shop.brake.limit} new objects an hour"
        if shop.brake.first_held():
            shop.tell("brake", flow=shop.flow.name, waiting=len(held), limit=shop.brake.limit)
        return [step for step in wave if step.state == "ready"]

    def _settled_since(self, steps: Sequence[Step]) -> list[Step]:
        """Steps that may be looked up now: an unread answer may still commit for a while, so these wait it out. Where an index
        is asked it may be as late again: one that commits at the last moment must have had its time to be shown."""
        now, go = self._shop.clock.now(), []
        for step in steps:
            due = step.uncertain + timedelta(seconds=step.place.stream.proof_after) if step.uncertain else now
            if due > now:
                step.state, step.due = "owed", due
            else:
                go.append(step)
        return go

    def _not_overtaken(self, place: Place, steps: Sequence[Step]) -> list[Step]:
        """Guarded steps whose object no other wish of ours can still reach: one whose answer was not read may commit after
        this one, and the object would show the older decision. Such a step waits that out, and then looks. What a delivery
        that was cut off had wished, nobody knows."""
        now, go = self._shop.clock.now(), []
        for step in steps:
            doubts = [step.work.leased.uncertain, *(line.uncertain for line in step.rivals(self.digester))]
            others = [since for since in doubts if since is not None]
            due = max(others) + timedelta(seconds=place.stream.settle_after) if others else now
            if due > now:
                step.state, step.due = "owed", due
                step.why = f"{place.full}: an earlier wish whose answer was not read may still arrive"
            else:
                go.append(step)
        return go

    def _create(self, place: Place, steps: Sequence[Step]) -> None:
        steps, rest = one_each(steps)
        self._create_each(place, steps)
        if rest:
            more, standing = after(steps, rest)
            self._update(place, standing)
            self._create(place, more)

    def _create_each(self, place: Place, steps: Sequence[Step]) -> None:
        existing: list[tuple[Step, Record | None]] = []
        if place.stream.create == "plain":
            steps = self._settled_since(steps)
            found = self._fetch(place, [step.key for step in steps], "our_key", steps)
            existing = [(step, found[step.key]) for step in steps if step.key in found]
            steps = [step for step in steps if step.key not in found]
        try:
            self._call_all(place, "create", steps)
            existing += [(step, None) for step in steps if step.looked]
            if existing:
                self._adopt(place, existing)
        except Stopped:
            self._not_looked_at([*steps, *(step for step, _ in existing)])
            raise

    def _adopt(self, place: Place, existing: list[tuple[Step, Record | None]]) -> None:
        """Objects that stand under our keys already: an earlier try made them. From here on they are updated."""
        for step, record in existing:
            before = step.before
            step.found = before is not None and before.uncertain is not None and before.target is None
            if record is not None:
                step.target = record.key
        steps = [step for step, _ in existing]
        live = self._fetch(place, [step.target or "" for step in steps], "key", steps)
        for step in steps:
            step.create, step.looked, step.state = False, True, "ready"
            record = live.get(step.target or "")
            if record is None and step.joins:
                step.state, step.error = "failed", gone(step)
            elif record is None:  # what it holds is not known, so nothing may be written over it
                step.state = "failed"
                step.error = Conflict(
                    f"{place.full}: what bears our key is not shown",
                    code="hidden",
                    remedy="let the client see all records",
                )
            elif step.wanted.spec.once:
                adopt_once(step, record, self.digester)
            else:
                compare(step, record, self.digester)
        self._update(place, [step for step in steps if step.state == "ready"], live)

    def _not_looked_at(self, steps: Sequence[Step]) -> None:
        """Of these some stand already, and what they hold is not known: their creation is asked for once more, so that they are
        looked at then. It may have been this very call that made them, if somebody on the way sent it twice."""
        unknown = [step for step in steps if step.create and step.state == "ready"]
        self._doubt([step for step in unknown if step.looked])
        for step in unknown:
            step.target = None

    def _update(self, place: Place, steps: Sequence[Step], live: dict[str, Record] | None = None) -> None:
        """Until-claimed fields are decided by a look directly before the write, and again when it came too late."""
        if live is None and (standing := [step for step in steps if step.stands]):
            self._adopt(place, [(step, None) for step in standing])
            steps = [step for step in steps if not step.stands]

        def live_ones(asking: Sequence[Step]) -> Mapping[str, Record]:
            return self._fetch(place, [step.target or "" for step in asking], "key", asking)

        if self._shop.flow.mapping.undoes:
            steps = Holding(self._shop, self._token).take(place, steps, live_ones)

        look = look_for(self._shop.flow, self._shop.places, self._shop.health, place, live_ones)
        for wave in rounds(place, steps, live, look):
            self._call_all(place, "update", wave)

    # -- calls ---------------------------------------------------------------------------------------------------------

    @property
    def shop(self) -> Workshop:
        """What it works with."""
        return self._shop

    def call_all(self, place: Place, op: Op, steps: Sequence[Step]) -> None:
        """Send these in the system's batches. Raises Stopped."""
        self._call_all(place, op, steps)

    def fetch(
        self,
        place: Place,
        wanted: Sequence[str],
        by: Literal["key", "our_key"],
        steps: Sequence[Step],
        more: Iterable[str] = (),
    ) -> dict[str, Record]:
        """Live objects with the fields that these steps write, and more. Raises Stopped."""
        names = {name for step in steps for name in step.wished} | set(more)
        return fetch_all(place, wanted, flow=self._shop.flow.id, health=self._shop.health, fields=names, by=by)

    @property
    def digester(self) -> Digester:
        """Of the ledger."""
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
        left: Sequence[Step] = steps
        while left:  # a call names an object once: systems refuse to change it twice in one
            now, left = (left, ()) if op == "append" else apart(left)
            for start in range(0, len(now), place.stream.batch):
                self._call(place, op, now[start : start + place.stream.batch])

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
            Write(
                op,
                step.key,
                step.body,
                None if op == "create" else step.target,
                step.uncertain is not None,
                fresh=op == "append" and step.fresh,
                unless_changed=step.guard,
                forgotten=step.forgotten,
                until=self._until,
            )
            for step in steps
        ]
        try:
            results = place.adapter.write(place.name, writes)
        except (TypeError, ValueError, OverflowError) as error:  # a value that the adapter cannot write down
            kind = type(error).__name__
            fault = Rejected(
                f"cannot be sent to {place.full} ({kind})", code=kind, remedy="look at the record's values"
            )
            for half in self._halves(steps, fault):
                self._call(place, op, half)
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
                self._doubt(steps)
            raise stopped from problem
        else:
            shop.health.works(f"connection:{place.connection}")
            shop.health.works(f"stream:{place.full}")
            for step, result in zip(steps, results, strict=True):
                self._take(op, step, result, now)
            self._tally.add(**{_DONE[op]: sum(step.state == "sent" for step in steps)})

    def _take(self, op: Op, step: Step, result: Result, began: datetime) -> None:
        """`began`: before the call. What may arrive later than that may arrive after it, however late we read the answer."""
        if (error := result.error) is None:
            if op != "append":
                step.target = result.target or step.target
            if op == "create" and step.uncertain is not None:
                late.created(step, began)
            if result.existed and op == "create":
                step.looked = True  # its object stands already; what differs goes as an update
                return
            if op == "create":
                step.digests = NOTHING_SENT  # of a try that made nothing
            elif op == "update" and (step.uncertain or step.kept) and not step.place.stream.conditions:
                late.answered(step, began, self.digester, watches=self._watches)
            sent_digests(step, step.body, self.digester)
            step.state, step.uncertain = "sent", None
            step.created = op == "create"
            return
        if isinstance(error, Changed) and step.guard is not None:
            refused(step)
            return
        if isinstance(error, Gone) and step.deleted_by_us and step.makes and (lost := result.target or step.target):
            # the delivery that was cut off may have ended this line: it is asked for again, so it is made anew
            step.state, step.due, step.deleted, step.target = "owed", self._shop.clock.now(), lost, None
            return
        if isinstance(error, Gone) and step.ours:
            error, step.target = gone(step, error.code), result.target or step.target
        step.state, step.error = "failed", error
        if isinstance(error, Transient) and error.uncertain:
            self._doubt([step])

    def _doubt(self, steps: Sequence[Step]) -> None:
        """These may have been sent. What was tried is remembered, and goes again as long as the doubt lasts."""
        now = self._shop.clock.now()
        for step in steps:
            step.uncertain, step.unclear = now, True
            doubted(step, self.digester)
            late.lost(step, self.digester)

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
        if fault.uncertain:
            self._doubt(steps)
        alone = len(steps) == 1 and steps[0].work.leased.attempts > 0  # it may be this record that breaks its call
        again = not alone and shop.health.failed_again(f"stream:{place.full}")
        try:
            place.adapter.check()
        except RemoteError as error:
            problem: RemoteError | None = error
        else:
            problem = None
            if not again or len(steps) == 1:  # the next pass begins with another one, and may get on
                for step in steps:
                    step.state, step.error = "failed", fault
            if again:
                told = f"{place.full} failed twice in a row: {fault}"
                problem = Unavailable(told, code=fault.code, uncertain=fault.uncertain)
        if problem is None:
            return
        stopped = self._stopped(place, problem)
        for step in steps:
            if step.state == "ready":
                step.state, step.due = "owed", stopped.until
        raise stopped
