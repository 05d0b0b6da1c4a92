"""A changed mapping and what was settled before it: what would become of those rows, and putting them back on their way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.engine.deliver import Workshop
from connector.engine.enrich import no_longer
from connector.engine.looking import Looking
from connector.engine.origins import no_origin
from connector.engine.report import Preview, Progress, Remapped
from connector.errors import RemoteError
from connector.flow import Flow
from connector.model import Record, Row, Select
from connector.store import Leased, Store

_CHUNK = 200
_KEYS = 3
_REASONS = 50
"""Reasons told apart: those that name their record are as many as there are records."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows: only those left out, only this record, at most so many."""

    filtered: bool = False
    key: str | None = None
    limit: int | None = None


def put_back(
    store: Store, flow: Flow, choice: Choice, now: datetime, progress: Callable[[Progress], None] | None = None
) -> int:
    """Rows settled under another version of the flow's mapping: pending again, a chunk a transaction. The next pass maps
    them anew and sends what differs. Cut off in between, what is done stays done and the next call does the rest."""
    moved = 0
    for rows in _chunks(store, flow, choice):
        moved += store.remap(flow.id, [row.id for row in rows], flow.mapping.version, now)
        if progress is not None:
            progress(Progress(flow.name, moved, moved, 0, None))
    return moved


def _chunks(store: Store, flow: Flow, choice: Choice) -> Iterator[Sequence[Row]]:
    """By row id, so that a row that somebody settles meanwhile is not met twice."""
    after, left = 0, choice.limit
    while left is None or left > 0:
        size = _CHUNK if left is None else min(_CHUNK, left)
        rows = store.stale(
            flow.id, flow.mapping.version, filtered=choice.filtered, key=choice.key, after=after, limit=size
        )
        if not rows:
            return
        yield rows
        after, left = rows[-1].id, None if left is None else left - len(rows)


class Remapping:
    """Maps what one flow settled under another version of its mapping, and counts; sends and stores nothing."""

    def __init__(self, shop: Workshop, select: Select) -> None:
        self._shop = shop
        self._looking = Looking(shop, select)
        self._gone = {no_longer(shop.places.source(shop.flow))}
        if shop.answered is not None:
            self._gone.add(no_origin(shop.places.source(shop.answered)))
        self._rows = 0
        self._outcomes: Counter[str] = Counter()
        self._fields: Counter[tuple[str, str, str, str]] = Counter()
        self._routes: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._keys: dict[str, list[str]] = {}

    def run(self, choice: Choice, progress: Callable[[Progress], None] | None = None) -> Remapped:
        """A remote fault ends it; `problem` names it, and what was counted until then stands."""
        shop, problem, before = self._shop, None, self._calls()
        try:
            for rows in _chunks(shop.store, shop.flow, choice):
                for row, preview in zip(rows, self._looking.plan(self._leased(rows), live=False), strict=True):
                    self._count(row, preview)
                if progress is not None:
                    progress(Progress(shop.flow.name, self._rows, self._rows, self._outcomes["parked"], None))
                if shop.stopping():
                    break
        except RemoteError as fault:
            problem = fault
        calls = {name: after - before[name] for name, after in self._calls().items()}
        return Remapped(
            shop.flow.name,
            self._rows,
            self._outcomes,
            self._fields,
            self._routes,
            self._reasons,
            self._keys,
            calls,
            problem,
        )

    def _calls(self) -> Mapping[str, int]:
        return {name: adapter.calls() for name, adapter in self._shop.places.connections.items()}

    def _leased(self, rows: Sequence[Row]) -> list[Leased]:
        """These rows as a pass would lease them."""
        stored = self._shop.store.records(row.id for row in rows)
        return [_as_leased(row, *stored.get(row.id, (None, None))) for row in rows]

    def _count(self, row: Row, preview: Preview) -> None:
        outcome = self._outcome(row, preview)
        self._rows += 1
        self._outcomes[outcome] += 1
        some = self._keys.setdefault(outcome, [])
        if len(some) < _KEYS:
            some.append(row.key)
        if outcome in ("parked", "waiting", "left out"):
            known = preview.reason in self._reasons or len(self._reasons) < _REASONS
            self._reasons[preview.reason if known else "(other reasons)"] += 1
        if preview.writes:
            self._routes[preview.route] += 1
        for write in preview.writes:
            names = [change.field for change in write.changes] if write.op == "update" else [""]
            self._fields.update({(write.line, write.stream, write.op, name): 1 for name in names})

    def _outcome(self, row: Row, preview: Preview) -> str:
        if preview.reason in self._gone:
            return "gone"
        out_before = row.state == "filtered"
        if preview.outcome == "write":
            return "entered" if out_before and not row.entered else "changed"
        if preview.outcome == "filtered":
            return "still out" if out_before else "left out"
        return preview.outcome


def _as_leased(row: Row, record: Record | None, fields: frozenset[str] | None) -> Leased:
    lines = {(line.id, line.key): line for line in row.lines}
    return Leased(
        row.id, row.rev, row.site, row.key, record, fields, 0, row.entered, row.uncertain, row.first_seen, row.last_seen,
        lines, "filtered" if row.state == "filtered" else "done",
    )  # fmt: skip
