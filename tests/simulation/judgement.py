"""What must be so when everything is quiet, worked out from what people did and from nothing that the connector says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tests.simulation.flows import case_wish, claimable_wish, key_of, order_wish, step_wish
from tests.simulation.history import Effect
from tests.simulation.loops import Loops, Tellings
from tests.simulation.systems import Thing, claimed, refuses
from tests.simulation.trade_judgement import TradeJudgement

if TYPE_CHECKING:
    from tests.simulation.world import World

STATES = ("pending", "done", "filtered", "parked", "dropped", "foreign")
Broken = Callable[[str, str], None]
Writer = tuple[str, str, str]
"""Flow and key of a row, and the stream that it writes to."""


class Judgement:
    """Of one world, once."""

    def __init__(self, world: World, broken: Broken) -> None:
        self._world, self._broken = world, broken
        self._shop, self._desk = world.systems["shop"], world.systems["desk"]
        self._effects = world.history.effects
        self._rows: dict[tuple[str, str], tuple[str, str]] = {}
        self._ids: dict[tuple[str, str], int] = {}
        for flow, key, state, reason, number in world.ledger(
            'SELECT name, "row".key, state, reason, "row".id FROM "row" JOIN flow ON flow.id=flow'
        ):
            self._rows[flow, key], self._ids[flow, key] = (STATES[state], reason or ""), number
        reasons = {row: reason for row, (state, reason) in self._rows.items() if state == "parked"}
        self._loops, self._tellings = Loops(world, broken, reasons), Tellings(world, broken)
        self._bin = {thing.key for thing in self._desk.bin}

    def judge(self, *, released: bool = False) -> None:
        """Every promise that speaks of what is there in the end."""
        self._loops.judge(released=released)
        self._loops.still_parked({row: state for row, (state, _) in self._rows.items()})
        for (flow, key), (state, reason) in self._rows.items():
            if state in ("parked", "filtered", "dropped", "foreign") and not reason:
                self._broken("every record can be explained", f"{flow} {key} is {state} without a reason")
        TradeJudgement(self._world, self._broken, self._rows, self._state, self._differs).judge()
        for order in self._shop.all("orders").values() if "orders" in self._world.plan.flows else ():
            self._order(order)
        if "returns" in self._world.plan.flows:
            for one in self._shop.all("returns").values():
                self._return(one)
        cases = [case for case in self._desk.all("Case").values() if (case.key or "").startswith("orders:")]
        for case in cases:
            if "cases" in self._world.plan.flows:
                self._case(case)
                self._tellings.judge(case, *self._rows.get(("cases", case.id), ("unknown", "")))
        if "comments" in self._world.plan.flows:
            for comment in self._desk.all("CaseComment").values():
                self._comment(comment)

    def _of(self, stream: str, key: str, *outcomes: str) -> list[Effect]:
        return [one for one in self._effects if one.stream == stream and one.key == key and one.outcome in outcomes]

    def _state(self, flow: str, key: str, may_park: Callable[[], str]) -> bool:
        """Whether a row is done; one that is parked must have had to be (`may_park` says why not)."""
        state, reason = self._rows.get((flow, key), ("unknown", ""))
        if state in ("done", "filtered"):
            return state == "done"
        if state == "dropped" and self._world.people.dropped:
            return False
        if state == "parked":
            why = may_park()
            if why:
                self._broken("nothing parks without need", f"{flow} {key}: {reason}; {why}")
            return False
        self._broken("nothing is lost", f"{flow} {key} is {state} {reason}")
        return False

    def _differs(self, what: str, wish: Mapping[str, Any], thing: Thing, promise: str, by: Writer) -> None:
        here = thing.fields
        wrong = {name: (here.get(name), value) for name, value in wish.items() if here.get(name) != value}
        wrong = {n: pair for n, pair in wrong.items() if pair[1] is not None or not self._nobody_knows(thing, n, by)}
        if wrong:
            self._broken(promise, f"{what}: " + ", ".join(f"{n} is {h!r}, wanted {w!r}" for n, (h, w) in wrong.items()))

    def _nobody_knows(self, thing: Thing, name: str, by: Writer) -> bool:
        """Whether what a field holds was sent, and no process that ever gave it a value could note that before it ended:
        to the ledger it might be a person's, and is not cleared."""
        flow, key, stream = by
        sent = [
            one for one in self._effects
            if one.stream == stream and one.target == thing.id and name in one.fields
            and one.outcome in ("made", "updated", "existed") and one.key.startswith(f"{flow}:")
        ]  # fmt: skip
        noted = [one for one in sent if self._world.deliveries.noted(one, self._ids[flow, key])]
        return not noted and any(one.fields[name] == thing.fields.get(name) for one in sent)

    # -- orders → cases --------------------------------------------------------------------------------------------------

    def _order(self, order: Thing) -> None:
        key = key_of("orders", order.id)
        case = self._desk.by_key("Case", key)
        if not self._state("orders", order.id, lambda: self._order_may_park(order, case)):
            state = self._rows.get(("orders", order.id), ("unknown", ""))[0]
            if self._loops.has("orders", order.id):
                # comments need the case to be as they found it: they wait with it
                self._alert(order, parked=True)
            elif state == "parked" and case is not None and key not in self._bin and not refuses("Case", order.fields):
                self._differs(f"case of {order.id}", case_wish(order.id, order.fields), case, "its other lines pass",
                              ("orders", order.id, "desk.Case"))  # fmt: skip
                self._messages(order, case)
            made = (
                self._of("desk.Case", key, "made") and key not in self._bin
            )  # a person deleted it: nothing is left to keep
            if state == "filtered" and (order.fields["care"] or made):
                self._broken("nothing is lost", f"order {order.id} was left out")
            return
        if case is None:
            if key not in self._bin:
                self._broken("nothing is lost", f"order {order.id} is done and has no case")
            return
        if self._came_back(key):  # known, and left
            return
        wish, by = case_wish(order.id, order.fields), ("orders", order.id, "desk.Case")
        self._differs(f"case of {order.id}", wish, case, "the newest wins", by)
        self._claimable(order, case, key)
        self._messages(order, case)
        self._alert(order)

    def _came_back(self, key: str) -> bool:
        """Whether a person deleted the case and a creation that was given up before it was made arrived after that."""
        made = self._of("desk.Case", key, "made")
        return key in self._bin and len(made) > 1 and made[-1].sent < made[-2].sent

    def _order_may_park(self, order: Thing, case: Thing | None) -> str:
        """Why this order may not be parked; empty when it may."""
        key = key_of("orders", order.id)
        if self._loops.has("orders", order.id):  # judged there
            return ""
        if refuses("Case", order.fields) or any(refuses("CaseComment", one) for one in order.fields["messages"]):
            return ""
        if key in self._bin:
            return ""
        alert = self._desk.by_key("Alert", key_of("orders", order.id, "alert"))
        if alert is not None and order.fields.get("alert") not in (None, alert.fields["Amount"]):
            return ""
        return "nothing about it is refused"

    def _claimable(self, order: Thing, case: Thing, key: str) -> None:
        """Fields until somebody takes the case: those of the newest wish, unless a person's hand was there."""
        if claimed(case) or case.claimed_at:
            return
        wish, row = claimable_wish(order.fields), self._ids["orders", order.id]
        for one in self._of("desk.Case", key, "made", "updated", "existed"):
            # a wish that was taken back while nobody knew whether it had arrived: known, and left
            if one.target == case.id and not self._world.deliveries.answered(one, row):
                wish = {n: v for n, v in wish.items() if n not in one.fields or one.fields[n] != case.fields.get(n)}
        self._differs(f"case of {order.id}", wish, case, "the newest wins", ("orders", order.id, "desk.Case"))

    def _messages(self, order: Thing, case: Thing) -> None:
        for one in order.fields["messages"]:
            if refuses("CaseComment", one):
                continue
            mark = key_of("orders", order.id, "messages", one["id"])
            standing = [c for c in self._desk.all("CaseComment").values() if c.mark == mark and c.parent == case.id]
            if len(standing) != 1:
                self._broken("nothing is lost" if not standing else "nothing is appended twice",
                             f"{mark}: {len(standing)} comments")  # fmt: skip

    def _alert(self, order: Thing, *, parked: bool = False) -> None:
        """`parked`: its row is, and another amount is one more reason for that."""
        wanted = order.fields.get("alert")
        alert = self._desk.by_key("Alert", key_of("orders", order.id, "alert"))
        if wanted and alert is None:
            self._broken("nothing is lost", f"the alert of {order.id}")
        if wanted and alert is not None and not parked:
            by = ("orders", order.id, "desk.Alert")
            self._differs(f"alert of {order.id}", {"Amount": wanted}, alert, "what is sent once stays", by)

    def _return(self, one: Thing) -> None:
        known = one.fields["order_no"] in self._shop.all("orders")
        case = self._desk.by_key("Case", key_of("returns", one.id))

        def may_park() -> str:  # an order that came after the wait is nobody's fault
            return "" if case is None or key_of("returns", one.id) in self._bin else "its order is there"

        if not self._state("returns", one.id, may_park):
            return
        if case is None or not known:
            self._broken("nothing is lost", f"return {one.id} is done, its case is {case and case.id}")
            return
        wish = {"Subject": f"Return {one.id} of {one.fields['order_no']}", "Note": one.fields["reason"]}
        self._differs(f"case of {one.id}", wish, case, "the newest wins", ("returns", one.id, "desk.Case"))

    # -- cases → orders --------------------------------------------------------------------------------------------------

    def _case(self, case: Thing) -> None:
        number = (case.key or "").rsplit(":", 1)[1]
        order = self._shop.all("orders")[number]
        step, by = step_wish(case.fields), ("cases", case.id, "shop.orders")
        if not self._state("cases", case.id, lambda: self._case_may_park(number, case, step)):
            state = self._rows.get(("cases", case.id), ("", ""))[0]
            if state == "filtered":
                self._broken("nothing is lost", f"case {case.id} was left out")
            if state == "parked" and self._loops.has("cases", case.id):
                self._beside_a_loop(number, case, step)
            elif state == "parked":
                main = {name: value for name, value in order_wish(case.fields).items() if name != "c_decision"}
                self._differs(f"order {number}", main, order, "its other lines pass", by)
            return
        if not self._came_back(case.key or ""):  # known, and left: what the deleted one said stays, or comes last
            self._differs(f"order {number}", order_wish(case.fields), order, "the newest wins", by)
        if step is not None:
            self._step(number, *step)
        if case.fields.get("IsClosed") and case.fields.get("Resolution"):
            self._note(number, case.fields["Episode"])
        if case.fields.get("IsClosed") and case.fields.get("Refund"):
            key = key_of("cases", number, "refund")
            made = self._shop.by_key("requests", key)
            if made is None:
                self._broken("nothing is lost", f"{key} was not made")
            else:
                by = ("cases", case.id, "shop.requests")
                self._differs(key, {"amount": case.fields["Refund"]}, made, "what is sent once stays", by)

    def _beside_a_loop(self, number: str, case: Thing, step: tuple[str, str] | None) -> None:
        """What does not need the fields that go back and forth."""
        if step is not None and self._of("shop.orders.status", key_of("cases", number, "step", step[0]), "refused"):
            return
        if step is not None:
            self._step(number, *step)
        if case.fields.get("IsClosed") and case.fields.get("Resolution"):
            self._note(number, case.fields["Episode"])

    def _case_may_park(self, number: str, case: Thing, step: tuple[str, str] | None) -> str:
        if self._loops.has("cases", case.id):  # judged there
            return ""
        if step is not None and self._of("shop.orders.status", key_of("cases", number, "step", step[0]), "refused"):
            return ""
        request = self._shop.by_key("requests", key_of("cases", number, "refund"))
        if request is not None and case.fields.get("Refund") not in (None, request.fields["amount"]):
            return ""
        return "nothing about it is refused"

    def _step(self, number: str, episode: str, status: str) -> None:
        """The last decision was carried out, or stood already; and no older one came after it."""
        key = key_of("cases", number, "step", episode)
        carried = self._of("shop.orders.status", key, "updated", "already")
        if not carried:
            self._broken("nothing is lost", f"{key}: the decision was never carried out")
            return
        for one in self._effects[carried[-1].number + 1 :]:
            if one.stream == "shop.orders.status" and one.outcome == "updated" and f":{number}:" in one.key:
                self._broken("the newest wins", f"{one.key} went to the order after {key}")

    def _note(self, number: str, episode: str) -> None:
        mark = key_of("cases", number, "note", episode)
        standing = [note for note in self._shop.all("orders.notes").values() if note.mark == mark]
        if len(standing) != 1:
            self._broken(
                "nothing is lost" if not standing else "nothing is appended twice", f"{mark}: {len(standing)} notes"
            )

    def _comment(self, comment: Thing) -> None:
        case = self._desk.all("Case").get(comment.parent or "")
        if case is None or not (case.key or "").startswith("orders:"):
            return
        if comment.mark is not None:
            if self._rows.get(("comments", comment.id), ("filtered", ""))[0] != "filtered":
                self._broken("own comments never come back", f"{comment.id} is {self._rows['comments', comment.id]}")
            return
        if not comment.fields.get("IsPublished"):
            return
        if not self._state("comments", comment.id, lambda: "nothing about it is refused"):
            return
        number = (case.key or "").rsplit(":", 1)[1]
        reply = self._shop.by_key("replies", key_of("comments", number, "said", comment.id))
        if reply is None:
            self._broken("nothing is lost", f"comment {comment.id} has no reply in the shop")
            return
        by = ("comments", comment.id, "shop.replies")
        self._differs(f"reply {comment.id}", {"text": comment.fields["CommentBody"]}, reply, "the newest wins", by)


def kinds_of(found: Iterable[str]) -> list[str]:
    """Promises that were broken, each once."""
    return list(dict.fromkeys(one.split(":", 1)[0] for one in found))
