"""Life in the shop: new orders, changed orders and returns at a steady rate, seeded."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connector.sandbox.world import World


class Traffic:
    """One change at a time, evenly spread over the minute; half of them new orders that need a person."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = Random(world.options.seed + 4)
        self.made = 0
        self._per_minute = 0.0
        self._round = 0

    def run(self, per_minute: float) -> None:
        """Sets the rate; 0 stops."""
        self._per_minute = per_minute
        self._round += 1
        self._next(self._round)

    def _next(self, number: int) -> None:
        if self._per_minute > 0 and number == self._round:
            self.world.clock.after(60 / self._per_minute, lambda: self._change(number))

    def _change(self, number: int) -> None:
        if number != self._round:
            return
        drawn = self.random.random()
        if drawn < 0.5:
            self.world.place_order(exception=True)
        elif drawn < 0.9:
            docs = self.world.shop.orders.sites["RefArch"].docs
            order = list(docs)[int(self.random.random() * len(docs))]
            self.world.change_order(order, c_riskScore=int(self.random.random() * 100))
        else:
            self.world.place_return()
        self.made += 1
        self._next(number)
