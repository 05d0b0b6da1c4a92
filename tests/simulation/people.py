"""People on both sides: who changes orders, who works on cases, and who operates the connector."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.simulation.course import Act, one_of
from tests.simulation.systems import GOES, System, Thing, claimed
from tests.simulation.traders import Traders

if TYPE_CHECKING:
    from tests.simulation.world import World

WORDS = ("late", "torn", "paid twice", "lost")
NOTES = (None, "call back", "vip", None, "angry")
QUEUES = ("Orders", "Fraud")
AGENTS = ("agent Ada", "agent Bo")


class People:
    """What they do to a world; acts that make no sense at their time do nothing."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._number = 0
        self.acts = 0
        self._traders = Traders(world, self._said, self._next)
        self.recreated: list[float] = []
        self.dropped = False
        self.retried: list[tuple[float, frozenset[tuple[str, str]]]] = []
        """When parked rows were put back on their way, and which (flow, key)."""
        self.looping: set[str] = set()
        """Orders whose two systems undo by themselves what we write."""

    def do(self, act: Act) -> None:
        """One act of the plan."""
        if self._world.calm:
            return
        kind, _, what = act.what.partition(" ")
        if kind == "order":
            self._order(act, what)
        elif kind == "return":
            self._return(act, what)
        elif kind == "case":
            self._case(act, what)
        elif kind in self._traders.kinds:
            self._traders.do(act, kind, what)
        elif kind == "loop":
            self.looping.add(f"000{act.who}")
            self._said("admin", "loop", key=f"000{act.who}")
        else:
            self._operator(act.what)

    def react(self, stream: str, target: str, fields: Mapping[str, Any]) -> None:
        """Automations of both systems, some seconds after a write of ours: the case's status follows its subject, and the
        order's word turns with the state that it is shown. Each is sensible alone."""
        shop, desk = self._world.systems["shop"], self._world.systems["desk"]
        later = self._world.scheduler.now + 2.0
        if stream == "shop.orders" and "c_state" in fields and target in self.looping:
            word = "late" if fields["c_state"] == "Waiting" else "torn"
            lag = self._world.plan.settings["lag"]
            self._world.scheduler.at(later, partial(self._automatic, shop, "orders", target, {"word": word}, lag))
        case = desk.all("Case").get(target) if stream == "desk.Case" and "Subject" in fields else None
        if case is not None and (case.key or "").rpartition(":")[2] in self.looping and not case.fields.get("IsClosed"):
            status = "Working" if str(fields["Subject"]).endswith("late") else "Waiting"
            self._world.scheduler.at(later, partial(self._automatic, desk, "Case", target, {"Status": status}, 0.0))

    def _automatic(self, system: System, stream: str, target: str, fields: dict[str, Any], lag: float) -> None:
        thing = system.all(stream).get(target)
        if self.looping and thing is not None and any(thing.fields.get(n) != v for n, v in fields.items()):
            system.save(stream, target, fields, by="automation", lag=lag)
            self._world.tell(system.name, "automation", key=target, fields=fields)

    def _said(self, who: str, what: str, **facts: Any) -> None:
        self.acts += 1
        self._world.history.counts[f"act {what}"] += 1
        self._world.tell(who, what, **facts)

    def _next(self, of: str) -> str:
        self._number += 1
        return f"{of}{self._number}"

    # -- the shop --------------------------------------------------------------------------------------------------------

    def _order(self, act: Act, what: str) -> None:
        shop, x = self._world.systems["shop"], act.x
        known = sorted(shop.all("orders"))
        key = f"000{act.who}" if what == "new" or not known else known[act.who % len(known)]
        lag = self._world.plan.settings["lag"]
        if what == "new":
            if key in shop.all("orders"):
                return
            fields = {
                "care": x < 0.85,
                "word": one_of(WORDS, x),
                "total": round(x * 100, 1),
                "priority": one_of(("High", "Low"), x),
                "queue": one_of(QUEUES, x),
                "messages": [],
                "status": "created",
                "note": one_of(NOTES, x),
            }
            shop.make("orders", fields, name=key, lag=lag)
            self._said("shop", "order new", key=key, fields=fields)
            return
        order = shop.all("orders").get(key)
        if order is None:
            return
        changed = self._change(order, what, x)
        if not changed:
            return
        began = None
        if what == "late":
            # it was free to be saved then; and under one stamp, two versions are one to everybody who looks after the overlap
            began = max(self._world.scheduler.now - 10 - 140 * x, order.saved + 1, order.stamp + 1)
        elif (
            what == "same stamp"
            and self._world.scheduler.now - order.stamp + lag < self._world.plan.settings["overlap"]
        ):
            began = order.stamp
        shop.save("orders", key, changed, lag=lag, began=began)
        self._said("shop", f"order {what}", key=key, fields=changed, began=began)

    def _change(self, order: Thing, what: str, x: float) -> dict[str, Any]:
        fields = order.fields
        match what:
            case "word" | "late" | "same stamp":
                return {"word": one_of(WORDS, x), "total": round(x * 50, 1)}
            case "swing":
                return {"word": "torn" if fields["word"] == "late" else "late"}
            case "swing note":
                return {"note": None if fields["note"] else "vip"}
            case "note":
                return {"note": one_of(NOTES, x)}
            case "priority":
                return {"priority": one_of(("High", "Low", "Medium"), x), "queue": one_of(QUEUES, (x * 7) % 1)}
            case "message":
                new = [{"id": self._next("m"), "text": f"text {n}"} for n in range(1 + int(x * 3))]
                if x > 0.93:
                    new[0]["text"] = "a bad word"
                return {"messages": [*fields["messages"], *new]}
            case "alert":
                return {"alert": one_of((5, 7, None, 5), x)}
            case "care":
                return {"care": not fields["care"]}
            case "bad" | "poison":
                mended = set(fields["word"].split()) & {"bad", "poison"}
                return {"word": one_of(WORDS, x) if mended else f"{what} {self._next('w')}"}
            case "status":
                may = sorted(GOES[fields["status"]] - {"created"})
                return {"status": one_of(may, x)} if may else {}
            case "back" if self._settled() and "created" in GOES[fields["status"]]:
                return {"status": "created"}
        return {}

    def _settled(self) -> bool:
        """Whether nothing is under way that could still carry a decision out."""
        world = self._world
        flow = "SELECT id FROM flow WHERE name='cases'"
        open_rows = world.ledger(
            f'SELECT count(*) FROM "row" WHERE flow=({flow}) AND (state=0 OR uncertain IS NOT NULL)'
        )
        return not open_rows[0][0] and world.late_until < world.scheduler.now and world.doubts == 0

    def _return(self, act: Act, what: str) -> None:
        shop, key = self._world.systems["shop"], f"r{act.who}"
        fields: dict[str, Any] = {"reason": one_of(WORDS, act.x)}
        if what == "new" and key not in shop.all("returns"):
            fields["order_no"] = one_of(("0000", "0001", "0099"), act.x)
            shop.make("returns", fields, name=key)
        elif what == "reason" and key in shop.all("returns"):
            shop.save("returns", key, fields)
        else:
            return
        self._said("shop", f"return {what}", key=key, fields=fields)

    # -- the desk --------------------------------------------------------------------------------------------------------

    def _case(self, act: Act, what: str) -> None:
        desk, x = self._world.systems["desk"], act.x
        cases = [case for case in desk.all("Case").values() if (case.key or "").startswith("orders:")]
        if not cases:
            return
        case = cases[act.who % len(cases)]
        if "comment" in what:
            self._comment(case, what, x)
            return
        if what == "delete":
            if x < 0.5:
                desk.remove("Case", case.id)
                self._said("agent", "case delete", case=case.id)
            return
        fields = self._work(case, what, x)
        if fields:
            desk.save("Case", case.id, fields)
            self._said("agent", f"case {what}", case=case.id, fields=fields)

    def _work(self, case: Thing, what: str, x: float) -> dict[str, Any]:
        agent = one_of(AGENTS, x)
        closed, taken = case.fields.get("IsClosed"), claimed(case)
        match what:
            case "take" | "reassign" if not closed:
                return {
                    "OwnerId": agent,
                    "Agent": agent,
                    "Status": "Working",
                    **({"Priority": "Urgent"} if x > 0.5 else {}),
                }
            case "release" if taken and not closed:
                return {"OwnerId": one_of(QUEUES, x), "Agent": None, "Status": "New"}
            case "close" | "close and refund" if not closed:
                decision = {"Resolution": one_of(("Release", "Cancel", "Nothing"), x), "Episode": self._next("e")}
                refund = {"Refund": 20 + int(x * 2)} if "refund" in what else {}
                return {"IsClosed": True, "Status": "Closed", **decision, **refund}
            case "reopen" if closed:
                return {"IsClosed": False, "Status": "Reopened"}
            case "swing" if not closed:
                return {"Status": "Waiting" if case.fields.get("Status") == "Working" else "Working"}
            case "touch":
                return {"Seen": self._next("s")}
        return {}

    def _comment(self, case: Thing, what: str, x: float) -> None:
        desk = self._world.systems["desk"]
        theirs = [one for one in desk.all("CaseComment").values() if one.parent == case.id and one.mark is None]
        if what == "edit comment":
            if theirs:
                desk.save("CaseComment", theirs[-1].id, {"CommentBody": f"edited {self._next('c')}"})
                self._said("agent", "case edit comment", comment=theirs[-1].id)
            return
        fields = {"CommentBody": f"says {self._next('c')}", "IsPublished": what == "comment"}
        comment = desk.make("CaseComment", fields, name=self._next("comment"))
        comment.parent = case.id
        self._said("agent", f"case {what}", comment=comment.id, case=case.id)

    # -- operators -------------------------------------------------------------------------------------------------------

    def _operator(self, what: str) -> None:
        world = self._world
        alive = [process for process in world.processes if not process.away and not process.retired]
        if not alive:
            return
        now, ledger = alive[-1].engine.clock.now(), alive[-1].ledger
        actor, ledger_verb = world.scheduler.me, alive[-1]._verbs
        ledger_verb[actor.number] = "ledger.by hand"
        try:
            if what == "drop":
                count = ledger.drop(now, why="no use", by="operator")
                self.dropped = self.dropped or bool(count)
            else:
                parked = self._parked()
                count = ledger.replay(now, recreate=what == "recreate")
                self.put_back(parked - self._parked())
                if what == "recreate" and count:
                    self.recreated.append(world.scheduler.now)
        finally:
            ledger_verb.pop(actor.number, None)
        self._said("operator", what, rows=count)

    def _parked(self) -> frozenset[tuple[str, str]]:
        statement = 'SELECT name, "row".key FROM "row" JOIN flow ON flow.id=flow WHERE state=3'
        return frozenset((flow, key) for flow, key in self._world.ledger(statement))

    def put_back(self, rows: frozenset[tuple[str, str]]) -> None:
        """These are on their way again, and what went back and forth in them is counted anew; no other row's loop is."""
        self.retried.append((self._world.scheduler.now, rows))
        self._world.watch_over.loops -= rows
