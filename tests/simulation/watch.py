"""What is checked while it happens: no promise may be broken for a moment and be mended later."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from connector.model import Record, Write
from connector.stamps import parse
from connector.stamps import stamp as stamp_of
from connector.store import Settle
from tests.simulation.flows import ENDS, SITE_IN_KEYS, STEPS, key_of
from tests.simulation.history import Effect
from tests.simulation.judgement import Judgement
from tests.simulation.loops import BROKEN
from tests.simulation.systems import EPOCH, US, Thing
from tests.simulation.trade import WATCHED
from tests.simulation.trade_watch import TradeWatch

if TYPE_CHECKING:
    from tests.simulation.ledger import SimulatedLedger
    from tests.simulation.process import Process
    from tests.simulation.world import World

CLAIMABLE = ("OwnerId", "Priority")
OF_OTHERS = ("cases", "comments", "verdicts", "claims")
"""Flows whose keys name another record than their row's: the one that is answered, or what several share."""
STATES = ("pending", "done", "filtered", "parked", "dropped", "foreign")
PENDING = 0


class Watch:
    """Looks on, and says so in the history when something is wrong."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: dict[tuple[str, str], dict[str, tuple[str, float]]] = {}
        """The version of each record that was shown last, and when it was shown first."""
        self._ended: dict[tuple[str, str], dict[str, float]] = {}
        """When a page was first shown that ends at this cursor."""
        self._pages: dict[tuple[str, str], dict[str, list[dict[str, str]]]] = {}
        self.attempted: dict[tuple[str, str], set[str]] = {}
        """Fields that we tried to give a value, by stream and target or key."""
        self.acknowledged: dict[tuple[str, str], dict[str, Any]] = {}
        self._said_to: dict[tuple[str, str], str] = {}
        self.echoes: Counter[tuple[str, str]] = Counter()
        self.refused: set[tuple[str, str]] = set()
        self.loops: set[tuple[str, str]] = set()
        """Rows (flow, key) that a loop has parked, and that nobody has put back on their way since."""
        self.looped: set[tuple[str, str]] = set()
        """The same, of all times."""
        self._trade = TradeWatch(world, self._broken)

    def _broken(self, promise: str, why: str) -> None:
        self._world.history.broken(promise, why)

    # -- reading ---------------------------------------------------------------------------------------------------------

    def listed(self, system: str, stream: str, records: Sequence[Record], cursor: str | None) -> None:
        """These were shown to a reader, with this cursor."""
        here = {record.key: record.stamp or "" for record in records}
        now, seen = self._world.scheduler.now, self._seen.setdefault((system, stream), {})
        seen |= {key: (version, now) for key, version in here.items() if key not in seen or seen[key][0] != version}
        if cursor is not None:
            self._ended.setdefault((system, stream), {}).setdefault(cursor, now)
            self._pages.setdefault((system, stream), {}).setdefault(cursor, []).append(here)

    def taken_in(self, flow: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """A page was stored."""
        for key, stamp in before.items():
            if after.get(key, "") < stamp:
                self._broken("an older version is refused", f"{flow} {key}: {stamp} became {after.get(key)}")

    def ledger_holds(self) -> None:
        """As a crash would find the ledger now: what the cursor has passed is stored, and the books balance."""
        for name, cursor in self._world.ledger("SELECT name, cursor FROM flow"):
            if cursor is None or name not in ENDS:
                continue
            passed, source = json.loads(cursor), ENDS[name][0]
            stored = dict(
                self._world.ledger('SELECT key, stamp FROM "row" JOIN flow ON flow.id=flow WHERE name=?', name)
            )
            things, again = self._standing(*source), self._again(passed)
            for key, (stamp, shown) in self._seen.get(source, {}).items():
                if key not in things or self._moved_on(source[0], things[key], passed):
                    continue
                if stamp >= again and shown > self._ended[source].get(cursor, shown):
                    continue  # it came late behind a cursor that had passed; whoever had it in hand is dead, and reads it again
                if stamp < passed and (stored.get(key) or "") < stamp:
                    self._broken("the cursor passes nothing unstored", f"{name}: {key} at {stamp}, cursor {passed}")
            pages = self._pages.get(source, {}).get(cursor, [])
            if pages and not any(
                all((stored.get(k) or "") >= s for k, s in page.items() if k in things) for page in pages
            ):
                self._broken("the cursor passes nothing unstored", f"{name}: no page that ends at {passed} is stored")
        self._books()

    def _standing(self, system: str, stream: str) -> dict[str, Thing]:
        """What a reader may find: a comment goes with its case."""
        cases = self._world.systems[system].all("Case")
        things = self._world.systems[system].all(stream)
        return {key: thing for key, thing in things.items() if thing.parent is None or thing.parent in cases}

    def _again(self, passed: str) -> str:
        """Where the next read begins."""
        return stamp_of(parse(passed) - timedelta(seconds=self._world.plan.settings["overlap"]))

    def _moved_on(self, system: str, thing: Thing, passed: str) -> bool:
        """Whether a newer version stands behind the cursor and will be read, whoever has seen the older one."""
        at = thing.stamp + self._world.systems[system].skew
        if self._world.whole_seconds or system == "desk":
            at = float(int(at))
        return stamp_of(EPOCH + timedelta(seconds=at)) >= passed

    def _books(self) -> None:
        for number, name, *books in self._world.ledger(
            'SELECT id, name, "rows", pending, done, filtered, parked, dropped, "foreign", "read", repeated, superseded, '
            'settled, "open" FROM flow'
        ):
            rows, *states = books[:7]
            read, repeated, superseded, settled, still_open = books[7:]
            counted = dict(self._world.ledger('SELECT state, count(*) FROM "row" WHERE flow=? GROUP BY state', number))
            truth = [counted.get(state, 0) for state in range(len(STATES))]
            if [rows, *states] != [sum(truth), *truth] or rows != sum(states):
                self._broken("the books balance", f"{name}: {rows} rows, {states} by state, counted {truth}")
            if read != repeated + superseded + settled + still_open or still_open != states[0]:
                self._broken(
                    "the books balance", f"{name}: read {read}, {repeated}, {superseded}, {settled}, {still_open}"
                )

    def taken_over(self, flow: str, ledger: SimulatedLedger) -> None:
        """A process holds a flow: what another one had leased is due at once, for that one is dead or has let go."""
        kind, _, name = flow.partition(":")
        if kind != "flow":
            return
        now = self._world.scheduler.now + EPOCH.timestamp() + 1
        left = [token for token, _ in ledger.tokens("name=? AND due>? AND token IS NOT NULL", (name, now)) if token]
        if any(not ledger.is_mine(token) for token in left):
            self._broken(
                "what a dead process had leased goes on at once", f"{flow}: {len(left)} rows wait for its lease"
            )

    # -- writing ---------------------------------------------------------------------------------------------------------

    def before_writing(self, process: Process, stream: str, batch: Sequence[Write]) -> None:
        """Right before a request leaves: its lease is committed, is its sender's own, and its end goes along."""
        for write in batch:
            for name in (write.target or write.key, write.key):
                tried = self.attempted.setdefault((stream, name), set())
                tried |= {field for field, value in write.fields.items() if value is not None}
            if process.stopped:  # what it did not notice, nobody can hold against it
                continue
            flow, site, record = write.key.split(":")[:3]
            where, given = 'name=? AND "row".key=?', (flow, record)
            if flow in OF_OTHERS:
                where, given = "name=? AND ? IS NOT NULL", (flow, record)
            rows = process.ledger.tokens(where, given)
            mine = [end for token, end in rows if token and process.ledger.is_mine(token)]
            if not mine or site != ("" if flow == "recalls" else SITE_IN_KEYS):
                self._broken("a lease is committed before the first byte", f"{write.op} {write.key}: leases {rows}")
            elif write.until is None or write.until.timestamp() > max(mine) + 1:
                self._broken("nothing is sent after the end of a lease", f"{write.op} {write.key}: until {write.until}")

    def effect(self, effect: Effect) -> None:
        """One write took effect."""
        self._trade.effect(effect)
        match effect.outcome:
            case "refused":
                self.refused.add((effect.key, effect.target))
                self._world.record_faults.add(effect.key)
            case "made":
                self._made(effect)
            case "appended":
                self._appended(effect)
            case "updated":
                self._updated(effect)
        if effect.stream == "shop.orders.status":
            self._guarded(effect)
        if effect.stream == "shop.replies":
            comment = self._world.systems["desk"].all("CaseComment").get(effect.key.rsplit(":", 1)[1])
            if comment is not None and comment.by == US:
                self._broken("own comments never come back", f"{effect.key} was written to the shop")
        if effect.outcome in ("made", "updated"):
            self._echo(effect)
        if effect.outcome in ("appended", "updated") and effect.key.startswith("cases:"):
            self._shown(effect)

    def _made(self, effect: Effect) -> None:
        system, _, stream = effect.stream.partition(".")
        older = [one for one in self._world.history.effects[: effect.number]
                 if one.outcome == "made" and one.key == effect.key and one.stream == effect.stream]  # fmt: skip
        self._braked(effect)
        bin_ = {thing.id: thing.removed_at for thing in self._world.systems[system].bin}
        older = [
            one for one in older if effect.sent >= bin_.get(one.target, 0.0)
        ]  # sent before somebody deleted the other
        alive = [one for one in older if one.target in self._world.systems[system].all(stream)]
        recreated = self._world.people.recreated
        again = older and not any(at >= older[-1].at for at in recreated) and not self._trade.may_make(effect, older)
        if alive or again:
            self._broken(
                "nothing is made twice", f"{effect.key} in {effect.stream}: {effect.target}, before {older[-1].target}"
            )

    def _braked(self, effect: Effect) -> None:
        """New cases of one flow in an hour; what a process made and could not note before it ended is not counted."""
        brake, flow = self._world.plan.settings["brake"], effect.key.partition(":")[0]
        if brake is None or effect.stream != "desk.Case":
            return
        lately = [one for one in self._world.history.effects if one.outcome == "made" and one.at > effect.at - 3500
                  and one.stream == effect.stream and one.key.startswith(f"{flow}:")]  # fmt: skip
        if len(lately) > brake and not self._world.doubts:
            self._broken("a wrong mapping is braked", f"{len(lately)} new cases of {flow} in an hour, {brake} may be")

    def _appended(self, effect: Effect) -> None:
        older = [one for one in self._world.history.effects[: effect.number]
                 if one.outcome == "appended" and one.stream == effect.stream and one.target == effect.target]  # fmt: skip
        if any(one.key == effect.key for one in older):
            self._broken("nothing is appended twice", f"{effect.key} on {effect.target}")
        if effect.stream == "desk.CaseComment" and effect.key.startswith("orders:"):
            older = [one for one in older if one.key.startswith("orders:")]
            later = [one.key for one in older if _number(one.key) > _number(effect.key)]
            if later and not any(key == effect.key for key, _ in self.refused):
                self._broken("appends keep their order", f"{effect.key} after {later[-1]}")

    def _guarded(self, effect: Effect) -> None:
        """A decision is carried out once; once that is known, the order is not even looked at for it again."""
        older = [one for one in self._world.history.effects[: effect.number]
                 if one.outcome in ("updated", "already") and one.stream == effect.stream and one.key == effect.key]  # fmt: skip
        twice = effect.outcome == "updated" and any(one.outcome == "updated" for one in older)
        if twice or any(self._world.deliveries.done_before(one, effect.sent) for one in older):
            self._broken("a guarded step goes once", f"{effect.key}: {effect.outcome} {effect.fields}")

    def _updated(self, effect: Effect) -> None:
        if effect.stream in ("desk.Alert", "shop.requests"):
            self._broken("what is sent once stays", f"{effect.key}: {effect.fields}")
        if effect.stream == "desk.Case" and "Status" in effect.fields:
            self._broken("a human's hand", f"the status of {effect.target} is for its creation only")
        if effect.stream in ("desk.Case", "desk.Folder") and effect.claimed is not None:
            window = self._world.plan.settings["conditional"] == "none" and effect.claimed_at >= effect.looked
            for name in CLAIMABLE:
                if name in effect.fields and effect.fields[name] != effect.before[name] and not window:
                    self._broken("a human's hand", f"{name} of {effect.target}, which {effect.claimed} has")
        stream = effect.stream.partition(".")[2]
        for name, value in effect.fields.items():
            tried = self.attempted.get((stream, effect.target), set()) | self.attempted.get((stream, effect.key), set())
            if value is None and name not in tried:
                self._broken("nothing is cleared that we did not send", f"{name} of {effect.target} in {effect.stream}")

    def _shown(self, effect: Effect) -> None:
        """A decision is shown, and noted, after it was carried out."""
        order, said = effect.key.split(":")[2], str(effect.fields.get("c_decision") or effect.fields.get("text") or "")
        status = STEPS.get(said.split(" ")[0])
        if status is None:
            return
        step = key_of("cases", order, "step")
        if effect.outcome == "appended":
            step = key_of("cases", order, "step", effect.key.rsplit(":", 1)[1])
        carried = [one for one in self._world.history.effects[: effect.number] if one.key.startswith(step)
                   and one.outcome in ("updated", "already") and one.fields.get("status") == status]  # fmt: skip
        if not carried:
            self._broken("a decision is shown after it was carried out", f"{effect.key} says {said}")

    def _echo(self, effect: Effect) -> None:
        """Whether a write says something that this line had not said to this object before: one made anew knows nothing."""
        if self._trade.is_said_again(effect):
            return
        place = (effect.stream, effect.key)
        said = self.acknowledged.setdefault(place, {})
        if self._said_to.setdefault(place, effect.target) != effect.target:
            said.clear()
            self._said_to[place] = effect.target
        news = {name: value for name, value in effect.fields.items() if name not in said or said[name] != value}
        if effect.outcome == "made":
            said.clear()
        said.update(effect.fields)
        if effect.outcome == "updated" and not news:
            self.echoes[place] += 1
            if self.echoes[place] > 3 * self._world.doubts:
                self._broken("no echo", f"{effect.key} said {dict(effect.fields)} to {effect.stream} again")

    # -- settling --------------------------------------------------------------------------------------------------------

    def settled(
        self,
        process: Process,
        token: str,
        settles: Sequence[Settle],
        before: Mapping[int, Any],
        after: Mapping[int, Any],
    ) -> None:
        """A settle ended: it changed what was its own, and took no newer version for the one that was sent."""
        for one in settles:
            was, now = before.get(one.row), after.get(one.row)
            if was is None or now is None:
                self._broken("rows stay", f"row {one.row} is gone")
                continue
            (_, rev, _, held, _, attempts), state, due = was, now[2], now[4]
            if held != token:
                if was != now:
                    self._broken("a lease that has passed on settles nothing", f"row {one.row}: {was} became {now}")
            elif one.state == "parked" and rev == one.rev and BROKEN in one.reason:
                [(flow, key)] = self._world.ledger(
                    'SELECT name, "row".key FROM "row" JOIN flow ON flow.id=flow WHERE "row".id=?', one.row
                )
                self.loops.add((flow, key))
                self.looped.add((flow, key))
            elif rev != one.rev and (state != PENDING or due > process.engine.clock.now().timestamp() + 1):
                self._broken("a newer version is delivered", f"row {one.row}: rev {rev} settled as {STATES[state]}")
            elif (
                one.attempts > attempts
                and all(line.state != "rejected" for line in one.lines)
                and not self._had_a_fault(one)
            ):
                self._broken("outages burn no attempt", f"row {one.row}: {attempts} → {one.attempts}, {one.reason}")
            if state == PENDING and one.rev == rev and held == token and one.due is None:
                self._broken("a retry has its time", f"row {one.row} is due at once: {one.reason}")

    def _had_a_fault(self, settle: Settle) -> bool:
        """Whether something befell this record's own writes, or an object of its lines. Where keys name another record than
        their row's, any of its flow."""
        if any((line.stream, line.target) in self._world.object_faults for line in settle.lines):
            return True
        [(flow, key)] = self._world.ledger(
            'SELECT name, "row".key FROM "row" JOIN flow ON flow.id=flow WHERE "row".id=?', settle.row
        )
        befell = [one.split(":")[:3] for one in self._world.record_faults]
        return any(of == flow and (flow in OF_OTHERS or record == key) for of, _, record in befell)

    # -- the end ---------------------------------------------------------------------------------------------------------

    def idle_calls(self, calls: int) -> None:
        """A round in which nothing changed: a read a page and flow, and nothing else."""
        flows = self._world.plan.flows
        read = [ENDS[flow][0] for flow in flows] + [WATCHED[flow] for flow in flows if flow in WATCHED]
        most = sum(2 + len(self._world.systems[system].all(stream)) for system, stream in read)
        if calls > most:
            self._broken("an idle poll costs little", f"{calls} calls in a round without a change")

    def judge(self, *, released: bool = False) -> None:
        """Everything is quiet: what is there is what ought to be there. `released`: loops were ended, and their rows are on
        their way again."""
        self.ledger_holds()
        if not self._world.history.found:
            Judgement(self._world, self._broken).judge(released=released)


def _number(key: str) -> int:
    return int("".join(char for char in key.rsplit(":", 1)[1] if char.isdigit()) or 0)
