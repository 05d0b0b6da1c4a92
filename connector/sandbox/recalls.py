"""Agents who recall products by themselves: one recall after the other, the next begun before the last is lifted."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from connector.sandbox.data.names import PRODUCTS

if TYPE_CHECKING:
    from connector.sandbox.world import World

_SHELF = tuple(number for number, _, _ in PRODUCTS[:6] if ";" not in number)
"""Few enough that recalls overlap."""


class Recalls:
    """As many as the option `recalls` says, each of two products, lifted after twice an agent's delay."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = Random(world.options.seed + 8)
        self.open: list[str] = []
        self.begun = self.lifted = 0

    def start(self) -> None:
        if self.world.options.recalls:
            self._later()

    def _later(self) -> None:
        self.world.clock.after(self.world.options.agent_delay, self._next)

    def _next(self) -> None:
        more = self.begun < self.world.options.recalls
        if self.open and (not more or len(self.open) > 1):
            self.world.agents.lift(self.open.pop(0))
            self.lifted += 1
        if more:
            self.begun += 1
            chosen = self.random.sample(_SHELF, 2)
            self.open.append(self.world.agents.recall(chosen, f"Recall {self.begun}: please do not use it."))
        if more or self.open:
            self._later()
