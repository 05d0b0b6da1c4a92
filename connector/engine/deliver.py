"""One chunk of leased rows: enriched, mapped late, planned, sent in waves, settled in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.adapter import Clock
from connector.digests import Digester
from connector.engine.brake import Brake
from connector.engine.confirmation import end
from connector.engine.enrich import Enrichment
from connector.engine.fetch import Stopped, fetch_all
from connector.engine.flips import Flipping, remedy, stop_loop
from connector.engine.health import Health, Tell
from connector.engine.origins import shared_by
from connector.engine.outcome import settle_work
from connector.engine.places import Places
from connector.engine.plan import Step, Work, prepare
from connector.engine.planner import Planner
from connector.engine.renewal import followed, look, look_for_main
from connector.engine.report import Tally
from connector.engine.send import Sender
from connector.engine.several import together
from connector.engine.sharing import join
from connector.engine.states import OVER
from connector.engine.targets import Targets
from connector.engine.telling import Telling, with_told
from connector.errors import MappingFault, Rejected, RemoteError
from connector.flow import Flow
from connector.retry import Policy, Retry, decide
from connector.store import Leased, LeaseToken, Settle, Store


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every delivery of one flow works with."""

    flow: Flow
    answered: Flow | None
    places: Places
    store: Store
    clock: Clock
    policy: Policy
    health: Health
    digester: Digester
    brake: Brake
    targets: Targets
    tell: Tell
    stopping: Callable[[], bool]
    flows: Mapping[str, Flow]
    """All that are configured."""


def enrichment(shop: Workshop) -> Enrichment:
    """What completes rows of this flow."""
    return Enrichment(shop.flow, shop.answered, shop.places, shop.store, shop.clock, shop.health)


class Delivery:
    """Delivers one chunk. `works`: its rows, enriched already. Raises LedgerError only; every remote fault ends in a settle."""

    def __init__(
        self,
        shop: Workshop,
        token: LeaseToken,
        leased: Sequence[Leased],
        until: datetime,
        tally: Tally,
        works: list[Work] | None = None,
    ) -> None:
        self._shop, self._token, self._until, self._tally = shop, token, until, tally
        self._enriched = works is not None
        self._works = [Work(one, one.record) for one in leased] if works is None else works
        self._planner = Planner(shop.flow, shop.answered, shop.places, shop.clock.now())
        self._alone: dict[tuple[str, str], Work] = {}
        self._telling = Telling(shop.flow, self._planner, shop.policy)
        self._shares = any(spec.id == "main" and spec.has_key for spec in shop.flow.mapping.lines)
        self._beside = any(spec.needs_main for spec in shop.flow.mapping.lines)
        self._named = shop.flow.mapping.ends or any(spec.has_target for spec in shop.flow.mapping.lines)
        self._followed: list[Step] = []
        self._joined = shared_by(shop.flow, shop.answered)
        self._watches = self._joined or any(lookup.watch for lookup in shop.flow.mapping.lookups)

    def run(self) -> int:
        """Rows that reached an outcome in this delivery (they will not be due again at once)."""
        try:
            return self._run()
        finally:  # not before the ledger knows what became of it
            self._shop.targets.give_back(self)

    def _run(self) -> int:
        shop = self._shop
        try:
            complete = enrichment(shop)
            if not self._enriched:
                complete.run(self._works)
            complete.holds(self._works)
            self._plan()
            self._send()
        except Stopped as stopped:
            self._snooze(stopped.problem, stopped.until)
        finally:
            if shop.brake.limit is not None:
                steps = [step for work in self._works for step in work.steps]
                shop.brake.give_back(sum(step.granted and not (step.created or step.found) for step in steps))
        try:
            return self._settle()
        finally:
            for work in self._works:  # steps name their work: without this, records live on until a garbage collection
                work.steps.clear()
                work.told.clear()

    def put_off(self, problem: RemoteError, until: datetime | None = None) -> int:
        """Nothing may be called now, or before `until`: the rows stay due, as if they had never been leased."""
        self._snooze(problem, until or self._shop.clock.now())
        return self._settle()

    def _plan(self) -> None:
        for work in self._works:
            if work.settle is None:
                self._map(work)
        self._look_for_entered([work for work in self._works if self._planner.may_have_entered(work)])
        if self._shares:
            join(self._shop, self, self._works)
        if self._named or self._shop.answered is not None:
            for step in (step for work in self._works for step in work.steps):
                busy = step.wanted.target is not None or (self._shop.answered is not None and not step.create)
                if busy and step.target and not self._takes(step, step.target):
                    step.state, step.due = "owed", self._shop.clock.now() + timedelta(seconds=1)

        for work in self._works if not (self._telling.on or self._shop.flow.by_state) else ():
            if not (self._beside and any(step.wanted.values is None for step in work.steps)):
                work.record = work.leased.record = None  # mapped: thousands of decoded orders need not wait for answers

    def _takes(self, step: Step, target: str) -> bool:
        """Whether its object is free for this delivery, and where what it finds is to be put back, for its row alone."""
        shop = self._shop
        if not shop.targets.take(self, step.place, target):
            return False
        if not shop.flow.mapping.undoes:
            return True
        return self._alone.setdefault((step.place.full, target), step.work) is step.work

    def _map(self, work: Work) -> None:
        try:
            self._planner.map(work)
        except MappingFault as fault:
            work.ends("parked", str(fault), field=fault.field, remedy=fault.remedy)

    def _look_for_entered(self, works: Sequence[Work]) -> None:
        """Rows of a lease that was never settled and that are left out now: an object under their key says that an earlier
        version was sent, so they stay under care. One look in batches, after a kill only."""
        if not works:
            return
        shop = self._shop
        keys = {self._planner.main_key(work): work for work in works}
        place = self._planner.place(None)
        try:
            found = fetch_all(place, keys, flow=shop.flow.id, health=shop.health, fields=(), by="our_key")
        except Stopped:
            for work in works:  # a look that failed is no proof of absence
                work.settle = None
            raise
        for key, work in keys.items():
            if key in found:
                work.leased.entered, work.settle = True, None
                self._map(work)
            elif work.leased.overtaken and work.leased.uncertain is not None:  # what was cut off may still make it
                due = work.leased.uncertain + timedelta(seconds=place.stream.proof_after)
                if due > shop.clock.now():
                    work.ends("pending", f"{place.full}: what an earlier version asked for may still appear", due=due)

    def _send(self) -> None:
        """Waves: each sends what waits for nothing any more, until a wave has nothing to send."""
        sender = Sender(self._shop, self._until, self._tally, self._token)
        while True:
            wave = [step for work in self._works if work.settle is None for step in self._next(work)]
            if not wave:
                break
            if self._followed:
                look(sender, self._followed)
                wave, self._followed = [step for step in wave if step.state == "ready"], []
            sender.send(wave)
            if self._beside:
                look_for_main(sender, wave)
        if self._telling.on:
            self._telling.send(self._works, sender, self._shop.clock.now())

    def _next(self, work: Work) -> list[Step]:
        """Steps of a row that may go now; those whose main or predecessor failed stay waiting and are owed.

        Elements of one appended line go one after another: a wave takes the next one of each row, so that a call that fails
        in part, or is not made, leaves no gap that a later element has passed.
        """
        if self._shop.flow.by_state and any(step.why == OVER for step in work.steps):
            end(work)
            return []
        if len(work.steps) == 1:  # by far most rows: it waits for nobody, and nobody for it
            (only,) = work.steps
            if only.state == "waiting":
                self._prepare(only)
            return [only] if only.state == "ready" else []
        while True:
            unfinished = {step.wanted.spec.id for step in work.steps if self._unfinished(step)}
            held: set[str] = set()
            freed = False
            for step in work.steps:
                line = step.wanted.spec.id
                if step.state == "waiting" and line not in held and self._free(step, unfinished):
                    freed = self._prepare(step) or freed
                if step.append and self._to_come(step):
                    held.add(line)
            if not freed:  # what had nothing to send frees others at once
                return [step for step in work.steps if step.state == "ready"]

    def _unfinished(self, step: Step) -> bool:
        """Whether it is still to be done. What a flow by state found is acted on with its until-claimed fields: while these are
        owed, nothing is told of it."""
        return step.state not in ("sent", "unchanged") or (self._shop.flow.by_state and step.wish is not None)

    def _prepare(self, step: Step) -> bool:
        """Decide what it sends; whether that is nothing."""
        try:
            self._planner.complete(step)
            prepare(step, self._shop.digester)
            if step.before is not None:
                stop_loop(step, self._shop.digester, self._shop.flow.flips, self._shop.clock.now())
                if self._beside and followed(step, self._shop.digester):
                    step.state = "ready"
                    self._followed.append(step)
        except (MappingFault, Rejected) as fault:
            step.state, step.error = "failed", fault
        return step.state == "unchanged"

    def _to_come(self, step: Step) -> bool:
        """Whether an appended line has still to go, now or on a later try; one that was refused for good has not."""
        if step.state != "failed" or step.error is None:
            return step.state in ("waiting", "ready", "owed")
        shop = self._shop
        return isinstance(decide(step.error, step.work.leased.attempts, shop.clock.now(), shop.policy), Retry)

    @staticmethod
    def _free(step: Step, unfinished: set[str]) -> bool:
        """Whether all that this line waits for has been sent; lines that the record does not ask for hold nobody up."""
        spec = step.wanted.spec
        return not unfinished & {*spec.after, *(("main",) if spec.needs_main or spec.to == "main" else ())}

    def _snooze(self, problem: RemoteError, until: datetime) -> None:
        """A whole connection or flow stopped: what was not tried waits, and burns no attempt."""
        self._tally.stopped_by(problem)
        for work in self._works:
            if work.settle is None and not work.steps:
                work.ends("pending", due=until)
            for step in work.steps:
                if step.state in ("waiting", "ready"):
                    step.state, step.due = "owed", until
        for step in self._telling.plan(self._works, self._shop.clock.now()):
            if step.state in ("waiting", "ready"):
                step.state, step.due = "owed", until

    def _tell_loops(self) -> None:
        """Loops that were broken just now: who else writes there, as far as the ledger knows, and one line for each field."""
        shop, broken = self._shop, Counter[tuple[str, str]]()
        for step in [step for work in self._works for step in work.steps if step.error is not None]:
            fault = step.error
            if not isinstance(fault, Flipping) or fault.again:
                continue
            places = {step.work.leased.key: ".".join(shop.flow.source), step.target or "": step.place.full}
            writers = {
                row.flow: line.stream
                for target, stream in places.items()
                for row in shop.store.rows(target=target, limit=20)
                for line in row.lines
                if line.target == target and line.stream.startswith(stream) and row.flow != shop.flow.id
            }
            fault.remedy = remedy(writers)
            broken[fault.field, fault.remedy] += 1
        for (field, what), rows in broken.items():
            shop.tell(
                "loop_broken", flow=shop.flow.name, rows=rows, field=field, limit=str(shop.flow.flips), remedy=what
            )

    def _settle(self) -> int:
        shop = self._shop
        now = shop.clock.now()
        self._tell_loops()
        settles: Sequence[Settle] = [
            work.settle or settle_work(work, now, shop.policy, shop.flow.flips) for work in self._works
        ]
        if self._watches:
            for work, settle in zip(self._works, settles, strict=True):
                settle.watched = None if settle.state == "pending" else work.watched or ()
        if self._telling.on:
            for work, settle in zip(self._works, settles, strict=True):
                if work.told:
                    with_told(work, settle, now, shop.policy)
        works: Sequence[Work] = self._works
        if self._joined or shop.flow.by is not None:
            works, settles = together(works, settles)
        moved = shop.store.settle(shop.flow.id, self._token, settles, now, mapping=shop.flow.mapping.version)
        counts: dict[str, int] = {}
        for settle in settles:
            name = "waiting" if settle.state == "pending" else settle.state
            counts[name] = counts.get(name, 0) + 1
            if settle.state == "parked":
                self._tally.park(settle.reason, settle.field, settle.remedy)
        self._tally.add(**counts)
        self._tally.by_route(settles)
        done = [work.leased for work, settle in zip(works, settles, strict=True) if settle.state == "done"]
        self._tally.delivered(Counter(one.last_seen for one in done if not one.was), now)
        if moved.lost:
            shop.tell("lease_lost", flow=shop.flow.name, rows=moved.lost)
        return sum(1 for settle in settles if settle.state != "pending" or (settle.due or now) > now)
