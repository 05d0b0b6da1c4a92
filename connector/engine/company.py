"""Rows that go in small chunks, for their system takes few writes in a call or one: what they need before they can be mapped is
fetched for many of them at once, a call each for lookups and origins, and not one for every row.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.engine.deliver import Workshop, enrichment
from connector.engine.fetch import Stopped
from connector.engine.plan import Work
from connector.store import Leased

MANY = 200
"""Rows that are enriched together, at most: as many keys as a look takes with most systems."""


class Company:
    """Some leased rows, enriched. Remote faults stop all of them (`stopped`)."""

    def __init__(self, shop: Workshop, leased: Sequence[Leased]) -> None:
        works = [Work(one, one.record) for one in leased]
        self.stopped: Stopped | None = None
        try:
            enrichment(shop).run(works)
        except Stopped as stopped:
            self.stopped = stopped
        self._works: dict[int, list[Work]] = {}
        for work in works:
            self._works.setdefault(work.leased.row, []).append(work)

    def of(self, leased: Sequence[Leased]) -> list[Work]:
        """The works of these rows, which are theirs from now on."""
        return [work for one in leased for work in self._works.pop(one.row)]
