"""What a process that sent something could note of it: where it was killed, or came back too late, the ledger knows nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.model import Write
from connector.store import LeaseToken, Settle
from tests.simulation.history import Effect


@dataclass
class _Delivery:
    """Writes of one actor until it settles. `noted`: rows with stream and target of their lines, once that is in the ledger."""

    noted: set[tuple[int, str, str | None]] = field(default_factory=set)
    done: set[tuple[int, str, str | None]] = field(default_factory=set)
    """Of these, what was answered."""
    settled: float = float("inf")


class Deliveries:
    """All of one world."""

    def __init__(self) -> None:
        self._under_way: dict[int, _Delivery] = {}
        self._writes: dict[int, tuple[Write, _Delivery]] = {}
        self._of: dict[int, _Delivery] = {}

    def sends(self, actor: int, batch: Sequence[Write]) -> None:
        """An actor is about to send these."""
        delivery = self._under_way.setdefault(actor, _Delivery())
        self._writes |= {id(write): (write, delivery) for write in batch}

    def effect(self, effect: Effect, write: Write) -> None:
        """One of them has arrived."""
        self._of[effect.number] = self._writes[id(write)][1]

    def settled(
        self, actor: int, token: LeaseToken, settles: Sequence[Settle], held: Mapping[int, Any], now: float
    ) -> None:
        """The actor said what became of its rows. `held`: under which leases they were."""
        delivery = self._under_way.pop(actor, None) or _Delivery()
        delivery.settled = now
        for one in settles:
            for line in one.lines if held.get(one.row) == token else ():
                place = (one.row, line.stream, line.target)
                delivery.noted.add(place)
                if line.state in ("sent", "ended"):
                    delivery.done.add(place)

    def done_before(self, effect: Effect, sent: float) -> bool:
        """Whether the ledger knew that an effect had been carried out when another request left."""
        delivery = self._of[effect.number]
        places = {(stream, target) for _, stream, target in delivery.done}
        return delivery.settled < sent and (effect.stream, effect.target) in places

    def noted(self, effect: Effect, row: int) -> bool:
        """Whether this row's lines say of an effect that it happened, or may have. One that found its object standing sent
        nothing: what it wanted there counts as ours once the object was compared with it."""
        if effect.outcome == "existed":
            return self.answered(effect, row)
        return self._among(self._of[effect.number].noted, effect, row)

    def known(self, effect: Effect) -> bool:
        """Whether the ledger knows of an effect at all, whichever row it was of."""
        noted = self._of[effect.number].noted
        return any(self._among(noted, effect, row) for row, _, _ in noted)

    def answered(self, effect: Effect, row: int) -> bool:
        """Whether this row's lines say that it happened."""
        return self._among(self._of[effect.number].done, effect, row)

    @staticmethod
    def _among(known: set[tuple[int, str, str | None]], effect: Effect, row: int) -> bool:
        targets = (effect.target, None) if effect.op == "create" else (effect.target,)
        return any((row, effect.stream, target) in known for target in targets)
