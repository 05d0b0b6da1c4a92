"""What is checked of lines that come and go while it happens: ends that are not due, what is put back, hands of people."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.simulation.history import Effect
from tests.simulation.systems import US, Thing
from tests.simulation.trade import MEMBERS, members, names

if TYPE_CHECKING:
    from tests.simulation.world import World

SHARED = ("desk.Folder",)
MAKES = ("desk.Part", "desk.Box", "desk.Folder", "desk.Entry", "desk.Ticket")
RECALLED = ("online", "notice")


class TradeWatch:
    """Looks at each write of these flows."""

    def __init__(self, world: World, broken: Callable[[str, str], None]) -> None:
        self._world, self._broken = world, broken

    def effect(self, effect: Effect) -> None:
        match effect.stream, effect.outcome:
            case "shop.products", "updated":
                self._put_back(effect)
            case (("desk.Part" | "desk.Box"), "deleted"):
                self._deleted(effect)
            case (("desk.Part" | "desk.Box"), "updated"):
                self._cancelled(effect)
            case "desk.Ticket", "updated":
                self._once(effect)

    def may_make(self, effect: Effect, older: list[Effect]) -> bool:
        """Whether another object may be made where a person, or we, deleted one: its line was gone in between, or may have
        been deleted by a process that could not say so."""
        if effect.stream in SHARED:  # whoever shares it may come before an answer is read, or noted
            return self._world.doubts > 0 or not self._world.deliveries.done_before(older[-1], effect.sent)
        if effect.stream not in MEMBERS:
            return False
        last = next(thing for thing in self._world.systems["desk"].bin if thing.id == older[-1].target)
        return last.removed_by == US or self._world.doubts > 0 or self.was_gone(effect.stream, effect.key, effect.at)

    def is_said_again(self, effect: Effect) -> bool:
        """What one line says of an object that others write to as well, or at its end, is no echo by what it said last."""
        if effect.stream == "shop.products":
            return any(effect.before[name] != value for name, value in effect.fields.items())
        if effect.stream in SHARED and set(effect.fields) == {"Priority"}:
            return True  # another record's wish
        return effect.stream in MEMBERS and effect.fields.get("State") == "Cancelled"

    # -- whose line it is ------------------------------------------------------------------------------------------------

    def source(self, stream: str, key: str) -> tuple[Thing | None, str]:
        """The record that a line's object belongs to, and the key of its element."""
        flow, _, record, _, member = key.split(":")
        return self._world.systems["shop"].all(flow).get(record), member

    def was_gone(self, stream: str, key: str, before: float) -> bool:
        """Whether its record was ever saved without it, after it had it."""
        thing, member = self.source(stream, key)
        if thing is None:
            return True
        here = [
            member in members(stream, fields)
            for fields, (at, _) in zip(thing.versions, thing.saves, strict=True)
            if at <= before
        ]
        return True in here and False in here[here.index(True) :]

    # -- gone ------------------------------------------------------------------------------------------------------------

    def _deleted(self, effect: Effect) -> None:
        gone = self._world.plan.settings["gone"]
        if gone == "write" or not self.was_gone(effect.stream, effect.key, effect.sent):
            self._broken("only what is gone is deleted", f"{effect.key}: {effect.target}")
        window = self._world.plan.settings["guarded"] == "none" and self._saved(effect, effect.looked)
        if gone == "choose" and effect.before.get("State") != "Draft" and not window:
            self._broken(
                "a person's work is not deleted", f"{effect.key}: {effect.target} was {effect.before['State']}"
            )

    def _cancelled(self, effect: Effect) -> None:
        if effect.fields.get("State") is None:
            return
        gone = self._world.plan.settings["gone"]
        if gone == "delete" or not self.was_gone(effect.stream, effect.key, effect.sent):
            self._broken("only what is gone is cancelled", f"{effect.key}: {effect.target} {effect.fields}")
        same = [one for one in self._world.history.effects[: effect.number]
                if one.stream == effect.stream and one.key == effect.key and one.target == effect.target
                and one.outcome == "updated" and "State" in one.fields]  # fmt: skip
        if len(same) >= self._absences(effect) + 2 * self._world.doubts:
            self._broken("an end is written once", f"{effect.key}: {len(same) + 1} times")

    def _absences(self, effect: Effect) -> int:
        """How often its record was saved without it after it had it."""
        thing, member = self.source(effect.stream, effect.key)
        here = [member in members(effect.stream, fields) for fields in thing.versions] if thing else []
        return sum(was and not now for was, now in pairwise(here))

    def _saved(self, effect: Effect, since: float) -> bool:
        """Whether a person saved its object between the look and the write."""
        system, _, stream = effect.stream.partition(".")
        known = self._world.systems[system]
        things = [*known.bin, *known.all(stream).values()]
        thing = next(thing for thing in things if thing.id == effect.target)
        return any(since <= at <= effect.at and by != US for at, by in thing.saves)

    # -- once ------------------------------------------------------------------------------------------------------------

    def _once(self, effect: Effect) -> None:
        if "Stage" not in effect.fields:
            return
        same = [one for one in self._world.history.effects[: effect.number]
                if one.key == effect.key and one.outcome == "updated" and one.target == effect.target]  # fmt: skip
        if len(same) > self._world.doubts:
            self._broken("what is sent once stays", f"{effect.key}: {effect.fields} again")

    # -- undo ------------------------------------------------------------------------------------------------------------

    def _put_back(self, effect: Effect) -> None:
        """What goes back is neither over a person's hand nor while another recall holds it."""
        record = effect.key.split(":")[2]
        for name, value in effect.fields.items():
            if name == "online" and value is False:
                continue  # a recall's own wish, or that of one which holds it on
            if name == "notice" and str(value).startswith(f"by {record} "):
                continue
            self._over_a_hand(effect, name)
            if not str(value).startswith("by "):
                self._while_held(effect, name, record)

    def _over_a_hand(self, effect: Effect, name: str) -> None:
        held = effect.before[name]
        ours = [one.fields[name] for one in self._world.history.effects[: effect.number]
                if one.stream == effect.stream and one.target == effect.target and name in one.fields]  # fmt: skip
        window = self._world.plan.settings["guarded"] == "none" and self._saved(effect, effect.looked)
        if name == "online" and held is False:
            return  # a recall's wish, whoever saved it: nobody can tell
        if held not in ours and held != effect.fields[name] and not window:
            self._broken("a person's hand stays", f"{name} of {effect.target}: {held!r} became {effect.fields[name]!r}")

    def _while_held(self, effect: Effect, name: str, record: str) -> None:
        if self._world.people.dropped:
            return
        for recall in self._world.systems["desk"].all("Recall").values():
            wrote = [one.at for one in self._world.history.effects[: effect.number]
                     if one.stream == effect.stream and one.target == effect.target and one.outcome == "updated"
                     and one.key.split(":")[2] == recall.id and self._wished(one, recall.id)]  # fmt: skip
            if recall.id == record or not wrote or wrote[-1] > effect.sent:
                continue
            if all(names(fields, effect.target) for fields in versions_since(recall, wrote[-1], effect.at)):
                self._broken(
                    "what another holds is not put back",
                    f"{name} of {effect.target}: {effect.fields[name]!r} by {record}, {recall.id} holds it",
                )

    @staticmethod
    def _wished(one: Effect, record: str) -> bool:
        """Whether a write was a recall's own wish, and not what it put back."""
        return one.fields.get("online") is False or str(one.fields.get("notice")).startswith(f"by {record} ")


def versions_since(thing: Thing, since: float, until: float) -> list[dict[str, Any]]:
    """What it held at any time between two moments."""
    held = [fields for fields, (at, _) in zip(thing.versions, thing.saves, strict=True) if at <= since][-1:]
    return held + [fields for fields, (at, _) in zip(thing.versions, thing.saves, strict=True) if since < at <= until]
