"""Pull, push, settle: no HTTP, no SQL, no clock of its own, no scheduler.

`Engine.run_pass` does one pass of one flow: pages are stored with the cursor in one transaction and leased by it, chunks
are delivered by up to `concurrency` threads while the next page is read, then what else is due is delivered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial, reduce

from connector.adapter import Adapter, Clock
from connector.budget import Lane, Limits
from connector.digests import Digester
from connector.engine.brake import Brake
from connector.engine.budget import Allowance, Budgets, lane_of
from connector.engine.chunks import alone
from connector.engine.company import MANY, Company
from connector.engine.crew import Crew, Pool, Threads
from connector.engine.deliver import Delivery, Workshop
from connector.engine.fetch import Stopped, fetch_all, stop
from connector.engine.health import Health, Tell
from connector.engine.looking import Looking
from connector.engine.places import Place, Places
from connector.engine.pull import Presence, check_presence, names_of, select_for, surfaced
from connector.engine.remap import Remapping
from connector.engine.report import Change, DryRun, PassReport, PlannedWrite, Preview, Progress, Tally
from connector.engine.targets import Targets
from connector.engine.watching import look_again, sweep_again
from connector.errors import ConnectionFault, Misconfigured, RecordFault
from connector.flow import Flow
from connector.model import Page, Record, Select
from connector.retry import Policy
from connector.store import Leased, LeaseToken, Store

__all__ = ["Change", "DryRun", "Engine", "PassReport", "PlannedWrite", "Preview", "Progress"]

OnProgress = Callable[[Progress], None]


class Engine:
    """All flows of one ledger. Its methods may be called from several threads, one pass of a flow at a time (Busy)."""

    def __init__(
        self,
        *,
        store: Store,
        connections: Mapping[str, Adapter],
        flows: Mapping[str, Flow],
        clock: Clock,
        policy: Policy,
        tell: Tell,
        stop: threading.Event | None = None,
        limits: Mapping[str, Limits] | None = None,
        crew: Crew | None = None,
    ) -> None:
        self.store, self.flows, self.clock, self._policy, self._tell = store, flows, clock, policy, tell
        self._stop = stop or threading.Event()
        self.crew: Crew = crew or Threads()
        self.places = Places(connections, store, clock)
        self.health = Health(store=store, clock=clock, policy=policy, tell=tell)
        self.budgets = Budgets(store=store, connections=connections, limits=limits or {}, clock=clock, tell=tell)
        self._digester = Digester(store.digest_key)
        self._targets = Targets()
        self._brakes: dict[str, Brake] = {}
        self._presence: dict[str, Presence] = {}

    # -- parts of a flow -----------------------------------------------------------------------------------------------

    def answered(self, flow: Flow) -> Flow | None:
        """The flow that this one answers."""
        return self.flows[flow.answers] if flow.answers else None

    def selection(self, flow: Flow) -> Select:
        """What this flow reads of its source."""
        asked = [other.mapping.origin_fields for other in self.flows.values() if other.answers == flow.name]
        none: frozenset[str] | None = frozenset()
        together = reduce(lambda a, b: None if a is None or b is None else a | b, asked, none)
        return select_for(flow, self.places.source(flow), self.answered(flow), together)

    def workshop(self, flow: Flow) -> Workshop:
        brake = self._brakes.get(flow.id)
        if brake is None or brake.limit != flow.brake:
            brake = self._brakes[flow.id] = Brake(flow.id, flow.brake, self.store, self.clock)
        return Workshop(
            flow=flow,
            answered=self.answered(flow),
            places=self.places,
            store=self.store,
            clock=self.clock,
            policy=self._policy,
            health=self.health,
            digester=self._digester,
            brake=brake,
            targets=self._targets,
            tell=self._tell,
            stopping=self._stop.is_set,
            flows=self.flows,
        )

    def calls_of(self, flow: Flow) -> dict[str, int]:
        """Calls so far of the connections that a flow works with."""
        return {name: self.places.connections[name].calls() for name in {flow.source[0], flow.destination[0]}}

    # -- one pass ------------------------------------------------------------------------------------------------------

    def run_pass(self, name: str, *, progress: OnProgress | None = None) -> PassReport:
        """Pull, push and settle one flow until nothing is due or nothing moves. Raises Busy and LedgerError."""
        flow = self.flows[name]
        started, before = self.clock.now(), self.calls_of(flow)
        tally = Tally()
        with self.store.hold(f"flow:{flow.id}"):
            self.health.look()
            if ahead := self.store.put_back(flow.id, started):
                self._brakes.pop(flow.id, None)
                self._tell("clock_put_back", flow=flow.name, seconds=round(ahead))
            self.workshop(flow).brake.look()
            run = _Pass(self, self.workshop(flow), tally, progress, lane_of(flow))
            if not run.blocked(f"flow:{flow.id}"):
                run.run()
        return self._report(flow, tally, started, before)

    def pending(self, flow: Flow) -> int:
        """Rows of this flow that are still owed something."""
        return next((books.pending for books in self.store.counts() if books.flow == flow.id), 0)

    def _report(self, flow: Flow, tally: Tally, started: datetime, before: Mapping[str, int]) -> PassReport:
        self.budgets.note(now=True)
        for (reason, field), rows in tally.parked.items():
            remedy = tally.remedies[(reason, field)]
            self._tell("parked", flow=flow.name, rows=rows, reason=reason, field=field, remedy=remedy)
        counts = dict(tally.counts)
        counts.pop("deleted", None)
        counts["waiting"] = self.pending(flow)  # by the ledger: also what nobody has tried in this pass
        calls = {name: after - before[name] for name, after in self.calls_of(flow).items()}
        seconds = (self.clock.now() - started).total_seconds()
        return PassReport(flow.name, **counts, calls=calls, seconds=seconds, problem=tally.problem, delays=tally.delays)

    def sweep(self, name: str, *, width: float) -> PassReport:
        """Re-read keys and stamps of the last `width` seconds and take in what surfaced late; the cursor stays."""
        flow = self.flows[name]
        started, before = self.clock.now(), self.calls_of(flow)
        tally = Tally()
        with self.store.hold(f"flow:{flow.id}"):
            run = _Pass(self, self.workshop(flow), tally, None, "sweep")
            if not run.blocked(f"flow:{flow.id}") and self.store.cursor(flow.id) is not None:
                run.sweep(width)
        return self._report(flow, tally, started, before)

    # -- looking without sending ---------------------------------------------------------------------------------------

    def dry_run(self, name: str, *, progress: OnProgress | None = None) -> DryRun:
        """Read from the flow's cursor, map on real data and count by outcome and route; sends and stores nothing."""
        flow = self.flows[name]
        before = self.calls_of(flow)
        looking = Looking(self.workshop(flow), self.selection(flow))
        result = looking.dry_run(self.store.cursor(flow.id) or flow.start, progress)
        calls = {name: after - before[name] for name, after in self.calls_of(flow).items()}
        return DryRun(flow.name, *result, calls=calls, problem=looking.problem)

    def preview(self, name: str, records: Sequence[Record], *, live: bool = True) -> list[Preview]:
        """What would be written for these records, with a diff against the live objects; nothing is sent."""
        flow = self.flows[name]
        return Looking(self.workshop(flow), self.selection(flow)).preview(records, live=live)

    def remapping(self, name: str) -> Remapping:
        """What a changed mapping would do to what was settled before it; sends and stores nothing."""
        flow = self.flows[name]
        return Remapping(self.workshop(flow), self.selection(flow))

    def record(self, name: str, key: str) -> Record | None:
        """One record of a flow's source, fetched. Raises RemoteError."""
        flow = self.flows[name]
        place = self.places.source(flow)
        return place.adapter.fetch(place.name, [key], by="key", select=self.selection(flow)).get(key)

    def presence(self, flow: Flow) -> Presence:
        return self._presence.setdefault(flow.id, Presence())

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()


class _Pass:
    """One pass under way. Deliveries run in a pool; leasing, ingesting and reading happen in the calling thread."""

    def __init__(self, engine: Engine, shop: Workshop, tally: Tally, progress: OnProgress | None, lane: Lane) -> None:
        self._engine, self._shop, self._tally, self._progress = engine, shop, tally, progress
        self._allowance = Allowance(engine.budgets, lane, shop.flow, shop.places, tally)
        self._flow = shop.flow
        self._source: Place = shop.places.source(shop.flow)
        self._running: set[Future[int]] = set()
        self._tokens: dict[Future[int], LeaseToken] = {}
        self._stuck = False
        self.backfill: str | None = None
        self._total: int | None = None
        self._chunk = max(1, shop.places.at(*shop.flow.destination).stream.batch)

    def blocked(self, scope: str) -> bool:
        """Whether this scope must be left alone for now; the report then names the standing problem."""
        if self._shop.health.until(scope) is None:
            return False
        problem = self._shop.health.problem(scope)
        if problem is not None:
            self._tally.stopped_by(problem)
        return True

    def run(self) -> None:
        flow, shop, health = self._flow, self._shop, self._shop.health
        destination = f"connection:{flow.destination[0]}"
        with self._engine.crew.pool(max(1, flow.concurrency), flow.id) as pool:
            if not self.blocked(f"connection:{flow.source[0]}") and not self._allowance.held("source"):
                look_again(shop, self._tally)
                self._pull(pool)
            if not self.blocked(destination) and not self.blocked(f"flow:{flow.id}"):
                self._push(pool)
            self._wait_all()
        if self._tally.problem is None and not health.left(flow.id):  # what another process could not send is gone
            health.works(f"flow:{flow.id}")

    def _can_deliver(self) -> bool:
        """The destination is well: pages may be leased as they come. Else they are stored, and one chunk probes."""
        health, flow = self._shop.health, self._flow
        if health.probing(f"connection:{flow.destination[0]}") or health.probing(f"flow:{flow.id}"):
            return False
        return not self._allowance.held("delivery")

    # -- pull ----------------------------------------------------------------------------------------------------------

    def _pull(self, pool: Pool) -> None:
        shop, flow, place = self._shop, self._flow, self._source
        select = self._engine.selection(flow)
        since = shop.store.cursor(flow.id) or flow.start
        pages = place.adapter.read(place.name, since, select=select, overlap=flow.overlap)
        pages = self._engine.crew.ahead(pages, f"read-{place.full}")
        try:
            for page in pages:
                shop.health.works(f"connection:{place.connection}")
                shop.places.hear(place.connection, page.read_at)
                check_presence(self._engine.presence(flow), place, page, select)
                self._total = self._total or page.total
                self._take_in(pool, page, select)
                if shop.stopping() or self._allowance.held("source"):
                    return
        except (ConnectionFault, Misconfigured, RecordFault) as problem:
            stopped = stop(place, flow.id, shop.health, problem)
            self._tally.stopped_by(stopped.problem)
        finally:
            pages.close()  # type: ignore[attr-defined]

    def _take_in(self, pool: Pool, page: Page, select: Select, *, move: bool = True) -> None:
        """Store a page and hand its changed rows on; waits for a free worker first, so memory stays flat."""
        shop, flow = self._shop, self._flow
        deliver = self._can_deliver() and not shop.stopping()
        if deliver:
            self._wait_below(flow.concurrency)
        now = shop.clock.now()
        fields = frozenset(select.fields) if select.fields else None
        lease = flow.lease if deliver else None
        number = names_of(flow, self._source.stream)
        done = shop.store.ingest(flow.id, page, now, lease=lease, fields=fields, move=move, flying=self._flying(),
                                 backfill=self.backfill, number=number)  # fmt: skip
        self._tally.add(read=done.read, repeated=done.repeated, changed=done.changed)
        if done.token is not None:
            together = max(self._chunk, MANY)
            for start in range(0, len(done.leased), together):
                some = done.leased[start : start + together]
                parts = [some[at : at + self._chunk] for at in range(0, len(some), self._chunk)]
                self._hand_out(pool, done.token, some, parts, now)
        self._tell_progress()

    def sweep(self, width: float) -> None:
        """Keys and stamps first; only records that the ledger does not know, or may know older, are fetched and taken in.

        It reads from `width` before the place where the last whole one began, by the remote system's own clock: so what
        surfaces up to `width` late is found, however long ago that was and however our clock is set.
        """
        shop, flow, place = self._shop, self._flow, self._source
        wide = width > flow.sweep_width
        at = shop.store.cursor(flow.id)
        since = shop.store.swept(flow.id, wide=wide) or at
        select = self._engine.selection(flow)
        keys_only = Select(fields=place.stream.needs, key_prefix=select.key_prefix, where=select.where, keys_only=True)
        try:
            with self._engine.crew.pool(max(1, flow.concurrency), flow.id) as pool:
                if self._allowance.held("source"):
                    return
                for page in place.adapter.read(place.name, since, select=keys_only, overlap=width):
                    self._take_in_late(pool, page, select)
                    if shop.stopping() or self._allowance.held("source"):
                        self._wait_all()
                        return
                self._wait_all()
            if at is not None:
                shop.store.sweep_done(flow.id, at, wide=wide)
            sweep_again(shop, width)
        except Stopped as stopped:  # health knows
            self._tally.stopped_by(stopped.problem)
        except (ConnectionFault, Misconfigured, RecordFault) as problem:
            self._tally.stopped_by(stop(place, flow.id, shop.health, problem).problem)

    def _take_in_late(self, pool: Pool, page: Page, select: Select) -> None:
        shop, flow, place = self._shop, self._flow, self._source
        known = shop.store.known(flow.id, [(record.site, record.key) for record in page.records])
        late = surfaced(page.records, known)
        if not late:
            return
        found = fetch_all(place, late, flow=flow.id, health=shop.health, fields=select.fields or None)
        before = self._tally.counts["changed"]
        self._take_in(pool, Page(list(found.values()), None, page.read_at), select, move=False)
        if changed := self._tally.counts["changed"] - before:
            shop.tell("sweep_found", flow=flow.name, records=changed)

    # -- push ----------------------------------------------------------------------------------------------------------

    def _push(self, pool: Pool) -> None:
        """What is due: a chunk at a time while a connection is being probed, else up to `concurrency`; again only
        while there is progress, so that a row due at once cannot spin."""
        shop, flow = self._shop, self._flow
        while not shop.stopping() and not self._stuck:
            probing = not self._can_deliver()
            self._wait_below(1 if probing else flow.concurrency)
            if (
                self._allowance.held("delivery")
                or self.blocked(f"connection:{flow.destination[0]}")
                or self.blocked(f"flow:{flow.id}")
            ):
                return
            now = shop.clock.now()
            flying, limit = self._flying(), self._chunk if probing else max(self._chunk, MANY)
            token, leased = shop.store.lease(flow.id, now, seconds=flow.lease, limit=limit, flying=flying)
            if not leased:
                if not self._running:
                    return
                self._wait_below(1)
                continue
            self._hand_out(pool, token, leased, alone(leased, self._chunk), now)

    # -- workers -------------------------------------------------------------------------------------------------------

    def _hand_out(
        self, pool: Pool, token: LeaseToken, leased: Sequence[Leased], parts: Sequence[Sequence[Leased]], now: datetime
    ) -> None:
        """Parts of leased rows to free workers; where a part is a few of many, all are enriched together first."""
        until = now + timedelta(seconds=self._flow.lease)
        company = Company(self._shop, leased) if len(leased) > self._chunk else None
        for part in parts:
            self._wait_below(self._flow.concurrency)
            works = None if company is None else company.of(part)
            delivery = Delivery(self._shop, token, part, until, self._tally, works)
            if company is not None and company.stopped is not None:
                delivery.put_off(company.stopped.problem, company.stopped.until)
                continue
            future = pool.submit(partial(self._deliver, delivery))
            self._running.add(future)
            self._tokens[future] = token

    def _flying(self) -> set[LeaseToken]:
        """Leases under which something is still being delivered: it may be after their end, if the process was stopped for
        long or the clock was put forward, and nobody else may begin the same."""
        return {self._tokens[future] for future in self._running}

    def _deliver(self, delivery: Delivery) -> int:
        # of a large page, the chunks before it may have used up the rest
        if problem := self._allowance.problem("delivery"):
            return delivery.put_off(problem)
        for scope in (f"connection:{self._flow.destination[0]}", f"flow:{self._flow.id}"):  # or have met an outage
            until, met = self._shop.health.until(scope), self._shop.health.problem(scope)
            if until is not None and met is not None:
                return delivery.put_off(met, until)
        return delivery.run()

    def _wait_below(self, count: int) -> None:
        """Wait until fewer than `count` deliveries run; raises what a delivery raised."""
        while len(self._running) >= max(1, count):
            done, self._running = self._engine.crew.first(self._running)
            self._collect(done)
            self._tell_progress()
        done = {future for future in self._running if future.done()}
        self._running -= done
        self._collect(done)

    def _collect(self, done: set[Future[int]]) -> None:
        for future in done:
            del self._tokens[future]
            if future.result() == 0:
                self._stuck = True

    def _wait_all(self) -> None:
        self._wait_below(1)

    def _tell_progress(self) -> None:
        if self._progress is not None:
            counts = self._tally.counts
            delivered = counts["done"] + counts["filtered"] + counts["foreign"]
            self._progress(Progress(self._flow.name, counts["read"], delivered, counts["parked"], self._total))
