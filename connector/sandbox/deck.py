"""Chances that come in turn, like cards: each as often as its share says, however few are drawn."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from random import Random


class Decks:
    """One deck per place where something is drawn, each dealt to its end and shuffled again.

    Independent draws would now and then leave out a choice of one in five in two dozen draws, and what somebody wants to
    see of it.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self._decks: dict[Hashable, list[str]] = {}

    def draw(self, place: Hashable, shares: Mapping[str, int]) -> str:
        """The next card of a place. `shares`: how many cards of each choice a full deck of it has, the same at every call."""
        deck = self._decks.setdefault(place, [])
        if not deck:
            deck.extend(choice for choice, share in shares.items() for _ in range(share))
            self.random.shuffle(deck)
        return deck.pop()
