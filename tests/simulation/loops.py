"""The loop breaker and what is told of refusals, judged from what people and systems did and from what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tests.simulation.flows import case_wish, claimable_wish, key_of, order_wish, step_wish
from tests.simulation.systems import US, Thing

if TYPE_CHECKING:
    from tests.simulation.world import World

BROKEN = "went back and forth"
SITES = {"orders": "RefArch", "cases": ""}


def returns_of(values: Iterable[Any]) -> int:
    """How often a value came back after another one."""
    seen: list[Any] = []
    times, last = 0, object()
    for value in values:
        if value == last:
            continue
        times += value in seen
        seen.append(value)
        last = value
    return times


class Loops:
    """Which rows may be parked for a loop, which must, and what stands there for people."""

    def __init__(
        self, world: World, broken: Callable[[str, str], None], reasons: Mapping[tuple[str, str], str]
    ) -> None:
        self._world, self._broken, self._reasons = world, broken, reasons
        self._most: int | None = world.plan.settings["flips"]

    def has(self, flow: str, key: str) -> bool:
        """Whether the row stands there for a loop."""
        return BROKEN in self._reasons.get((flow, key), "")

    def judge(self, *, released: bool) -> None:
        """`released`: the loop was ended by whoever runs the systems, and a person put the rows back on their way."""
        for flow, key in self._reasons:
            if self.has(flow, key):
                if released:
                    self._broken("retry releases what a loop parked", f"{flow} {key}: {self._reasons[flow, key]}")
                else:
                    self._parked(flow, key)
        if not released:
            self._bounded()

    def _parked(self, flow: str, key: str) -> None:
        world = self._world
        row = world.processes[-1].ledger.row(flow, SITES[flow], key)
        assert row is not None, "it is parked"
        values = self._asked(flow, key, row.field)
        if self._most is None or returns_of(values) <= self._most:
            self._broken("nothing parks without need", f"{flow} {key}: {row.reason}; it held {values}")
        if not row.remedy:
            self._broken("every record can be explained", f"{flow} {key}: nothing says what to do about its loop")
        if world.plan.settings["prune"]:  # they are a customer's, and go with the stored record
            return
        pairs = [line.fight[row.field] for line in row.lines if row.field in line.fight]
        if len(pairs) != 1:
            self._broken("a loop shows both values", f"{flow} {key}: {row.field} has {pairs}")
            return
        sent, wanted = pairs[0]
        if sent == wanted or sent not in values or wanted not in values:
            self._broken("a loop shows both values", f"{flow} {key}: {row.field} has {pairs[0]}, it held {values}")
        last = [effect.fields[row.field] for effect in self._of(flow, key) if row.field in effect.fields]
        if last and last[-1] != sent and not world.doubts:
            self._broken("a loop shows both values", f"{flow} {key}: {row.field} shows {sent!r}, {last[-1]!r} was sent")

    def _asked(self, flow: str, key: str, name: str) -> list[Any]:
        """What the source asked for of a field, version by version."""
        system, stream = ("shop", "orders") if flow == "orders" else ("desk", "Case")
        thing = self._world.systems[system].all(stream).get(key)
        gone = [one for one in self._world.systems[system].bin if one.id == key]
        versions = (thing or gone[-1]).versions
        if flow == "orders":
            return [{**case_wish(key, fields), **claimable_wish(fields)}[name] for fields in versions]
        return [order_wish(fields)[name] for fields in versions]

    def _of(self, flow: str, key: str) -> list[Any]:
        case = self._world.systems["desk"].all("Case").get(key)
        place, number = (
            ("desk.Case", key) if flow == "orders" else ("shop.orders", str(case and case.key).split(":")[-1])
        )
        begin = key_of(flow, number)
        return [
            one for one in self._world.history.effects
            if one.stream == place and one.outcome in ("made", "updated") and f"{one.key}:".startswith(f"{begin}:")
        ]  # fmt: skip

    def _begin(self, flow: str, key: str) -> str:
        """How the keys begin under which a row writes: an answering flow's name the record that is answered."""
        desk = self._world.systems["desk"]
        cases = [*desk.all("Case").values(), *desk.bin] if flow == "cases" else []
        number = next((str(case.key).rsplit(":", 1)[1] for case in cases if case.id == key), key)
        return key_of(flow, number)

    def _bounded(self) -> None:
        """No field that was written came back more often than it may; a `retry` begins anew, and what a process could not note
        before it ended is not counted: such a value spares two returns, its own and that of the value around it."""
        if self._most is None:
            return
        courses: dict[tuple[str, str, str, str, int], list[Any]] = {}
        retried = [(at, {self._begin(*row) for row in rows}) for at, rows in self._world.people.retried]
        for one in self._world.history.effects:
            if one.outcome not in ("made", "updated") or one.stream not in ("desk.Case", "shop.orders"):
                continue
            if not self._world.deliveries.known(one):
                continue
            begun = sum(at <= one.at and ":".join(one.key.split(":")[:3]) in begins for at, begins in retried)
            for name, value in one.fields.items():
                courses.setdefault((one.stream, one.key, one.target, name, begun), []).append(value)
        for (stream, key, _, name, _), values in courses.items():
            if returns_of(values) > self._most + self._world.doubts:
                self._broken("a loop is broken", f"{key} in {stream}: {name} was sent as {values}")

    def still_parked(self, rows: Mapping[tuple[str, str], str]) -> None:
        """A row whose loop was broken waits for a person, whatever newer version comes."""
        for flow, key in self._world.watch_over.loops:
            if rows.get((flow, key)) not in ("parked", "dropped"):
                self._broken("a broken loop waits for a person", f"{flow} {key} is {rows.get((flow, key))}")


class Tellings:
    """Exactly one for each refusal, and none without."""

    def __init__(self, world: World, broken: Callable[[str, str], None]) -> None:
        self._world, self._broken = world, broken

    def judge(self, case: Thing, state: str, reason: str) -> None:
        number = (case.key or "").rsplit(":", 1)[1]
        told = self._told(case, number)
        for body in dict.fromkeys(told):
            if told.count(body) > 1:
                self._broken("a refusal is told once", f"case {case.id}, {told.count(body)} times: {body}")
            if not self._refused(case, number, *body.split("|")[:3]):
                self._broken("only refusals are told", f"case {case.id}: {body}")
        if state == "parked" and not any(body.endswith(f"|{reason}") for body in told):
            self._broken("a refusal is told", f"case {case.id} is parked, nobody was told: {reason}")
        step = step_wish(case.fields)
        refused = state == "parked" and step is not None and self._refused(case, number, "step", step[0], "")
        if refused and not any(body.startswith(f"step|{step[0]}|") for body in told if step):
            self._broken("a refusal is told", f"case {case.id}: nobody was told of {step}: {told}")

    def _told(self, case: Thing, number: str) -> Sequence[str]:
        begin = f"{key_of('cases', number, 'told')}:"
        return [
            str(one.fields["CommentBody"]) for one in self._world.systems["desk"].all("CaseComment").values()
            if one.parent == case.id and one.by == US and (one.mark or "").startswith(begin)
        ]  # fmt: skip

    def _refused(self, case: Thing, number: str, line: str, key: str, code: str) -> bool:
        """Whether it happened."""
        effects = self._world.history.effects
        if code == "flips":
            # whoever was killed after it told, and before it could note why, has told the truth
            return ("cases", case.id) in self._world.watch_over.looped or bool(self._world.blind)
        if line == "step":
            whole = key_of("cases", number, "step", key)
            return any(one.key == whole and one.outcome == "refused" for one in effects)
        if line == "refund":
            # a case that was made anew answers under the key of the one that is deleted, whose refund stands
            whole = key_of("cases", number, "refund")
            stands = {one.fields["amount"] for one in effects if one.key == whole and one.outcome == "made"}
            amounts = ({fields.get("Refund") for fields in case.versions} | stands) - {None}
            return code.startswith("once") and len(amounts) > 1
        return False
