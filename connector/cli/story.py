"""One record over all flows: its rows and those of its answers, found by any of its names, and what happened in order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from connector.cli.table import text

if TYPE_CHECKING:
    from connector.config import Config
    from connector.flow import Flow
    from connector.model import Attempt, Line, Row
    from connector.store import Store

MOST = 200
"""Rows of one story: a key that stands for more (an order with a thousand comments) is told as far as that."""
_EACH = 100
"""Rows that one question to the ledger may bring."""


def find(store: Store, key: str, *, flow: str | None = None) -> list[Row]:
    """Rows by record key, by the id of what they wrote, by the number that people use, or by our key."""
    from connector import keys

    found = {row.id: row for row in store.rows(flow=flow, key=key, limit=_EACH)}
    found |= {row.id: row for row in store.rows(flow=flow, target=key, limit=_EACH)}
    found |= {row.id: row for row in store.rows(flow=flow, number=key, limit=_EACH)}
    ours = keys.parse(key)
    if not found and (ours is not None or keys.hashed(key)):
        found = {row.id: row for row in store.rows(flow=flow, our_key=key, limit=_EACH)}
        row = store.row(ours.flow, ours.site, ours.record) if ours is not None else None
        found |= {row.id: row} if row and flow in (None, ours.flow if ours else None) else {}
    return list(found.values())


def story(store: Store, config: Config, key: str) -> list[Row]:
    """The rows of a key, what they answer and what answers them; a record stands before its answers, the older one first."""
    found = {row.id: row for row in find(store, key)}
    queue = list(found.values())
    flows = {flow.id: flow for flow in config.flows.values()}
    while queue and len(found) < MOST:
        for row in _near(store, config, flows, queue.pop(0)):
            if row.id not in found:
                found[row.id] = row
                queue.append(row)
    answers = {flow.id for flow in config.flows.values() if flow.answers}
    return sorted(found.values(), key=lambda row: (row.flow in answers, row.first_seen, row.id))[:MOST]


def _near(store: Store, config: Config, flows: dict[str, Flow], row: Row) -> Iterator[Row]:
    """Rows of other flows about the same record: the one that this answers, those that answer it."""
    from connector import keys

    flow = flows.get(row.flow)
    answered = config.flows[flow.answers] if flow and flow.answers else None
    if answered is not None:
        ours = keys.parse(row.our_key or "")
        if ours is not None and (origin := store.row(answered.id, ours.site, ours.record)):
            yield origin
        elif ours is not None and (sharing := store.sharing(answered.id, [ours.record]).get(ours.record)):
            yield from sharing[:_EACH]
        else:  # a key that was cut: by what the origin wrote
            yield from store.rows(flow=answered.id, target=row.key, limit=_EACH)
        if row.our_key:
            yield from store.rows(our_key=row.our_key, limit=_EACH)
    back = [each.id for each in config.flows.values() if flow and each.answers == flow.name]
    if not back:
        return
    for target in {line.target for line in row.lines if line.target}:
        for each in back:
            yield from (one for one in store.rows(flow=each, key=target, limit=_EACH) if one.state != "foreign")
    for name in {line.key for line in row.lines if line.id == "main"} | {row.key}:
        yield from store.rows(our_key=keys.make(row.flow, row.site, name or row.key), limit=_EACH)


def timeline(store: Store, rows: Sequence[Row], config: Config) -> Iterator[str]:
    """What the ledger remembers of these rows, in order of time: reads, sends, and each attempt that failed with its cause."""
    names = {flow.id: name for name, flow in config.flows.items()}
    attempts = store.attempts([row.id for row in rows])
    events: list[tuple[datetime, int, str]] = []
    for at, row in enumerate(rows):
        who = f"{names.get(row.flow, row.flow)} {row.key}"
        events += [(when, at, f"{who}: {what}") for when, what in _of_row(row, attempts.get(row.id, ()))]
    for when, _, what in sorted(events, key=lambda event: event[:2]):
        yield f"  {text(when)}  {what}"


def _of_row(row: Row, attempts: Iterable[Attempt]) -> Iterator[tuple[datetime, str]]:
    yield row.first_seen, "read for the first time"
    if row.rev > 1:
        yield row.last_seen, f"read in version {row.rev}"
    for line in row.lines:
        if line.sent_at:
            yield line.sent_at, f"{_named(line.id, line.key)} sent to {line.stream}{_target(line)}"
        if line.uncertain:
            yield line.uncertain, f"{_named(line.id, line.key)} went to {line.stream} without an answer"
    if row.uncertain:
        yield row.uncertain, "a delivery was cut off: what it wrote is looked up before anything is repeated"
    for attempt in attempts:
        what = _named(attempt.line, attempt.key) if attempt.line else "the record"
        field = f" (field {attempt.field})" if attempt.field else ""
        code = f" {attempt.code}" if attempt.code and attempt.code not in attempt.reason else ""
        yield attempt.at, f"{what} failed, {attempt.fault}{code}: {attempt.reason}{field}"


def _named(line: str, key: str) -> str:
    return f"{line} {key}" if key else line


def _target(line: Line) -> str:
    return f" {line.target}" if line.target else ""
