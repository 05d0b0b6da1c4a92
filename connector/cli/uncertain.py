"""Uncertain writes, for `connector status`: since when, what will be looked up, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from connector.cli.table import plural, text

if TYPE_CHECKING:
    from connector.adapter import Adapter, Stream
    from connector.config import Config
    from connector.flow import Flow
    from connector.model import Line, Row
    from connector.store import Store

SHOWN = 100


def uncertain(store: Store, config: Config, now: datetime) -> Iterator[str]:
    """For people: a block for each row, the longest in doubt first."""
    told = doubts(store, config, now)
    if not told["records"]:
        yield "nothing is uncertain: every write that was sent has been answered, or was found"
        return
    for one in told["shown"]:
        yield f"{one['flow']}: {one['key']}, {one['next']}"
        for write in one["writes"]:
            yield f"  {write['line']}: {write['stream']}{' ' + write['target'] if write['target'] else ''}"
            yield f"    went without an answer {text(write['since'])}; {write['recovery']}"
        if one["cut_off"]:
            yield f"  a delivery was cut off {text(one['cut_off']['since'])}; {one['cut_off']['recovery']}"
    left = told["records"] - len(told["shown"])
    if left > 0:
        yield f"… and {plural(left, 'more record')}"


def doubts(store: Store, config: Config, now: datetime) -> dict[str, Any]:
    """For machines: how many records are in doubt, and of the oldest each write with what happens to it."""
    from connector.config import SystemClock
    from connector.engine.origins import scoped_by

    records = sum(count for count, _ in store.doubted().values())
    if not records:
        return {"records": 0, "shown": []}
    flows = {flow.id: flow for flow in config.flows.values()}
    adapters = {name: connection.open(SystemClock()) for name, connection in config.connections.items()}
    try:
        scoped = {flow.id for flow in flows.values() if scoped_by(flow, config.flows.get(flow.answers or ""))}
        shown = [_told(row, flows.get(row.flow), adapters, now, scoped) for row in store.doubts(limit=SHOWN)]
    finally:
        for adapter in adapters.values():
            adapter.close()
    return {"records": records, "shown": shown}


def _told(row: Row, flow: Flow | None, adapters: dict[str, Adapter], now: datetime, scoped: set[str]) -> dict[str, Any]:
    writes = [
        {
            "line": _named(line),
            "stream": line.stream,
            "target": line.target,
            "since": line.uncertain,
            "recovery": _recovery(row, line, flow, adapters, row.flow in scoped),
        }
        for line in row.lines
        if line.uncertain is not None and line.state != "sent"
    ]
    cut_off = None
    if row.uncertain is not None and row.state == "pending" and not writes:
        cut_off = {"since": row.uncertain, "recovery": _cut_off(flow, adapters)}
    name = flow.name if flow else row.flow
    return {"flow": name, "key": row.key, "next": _when(row, now), "writes": writes, "cut_off": cut_off}


def _when(row: Row, now: datetime) -> str:
    if row.state == "parked":
        return f"parked: {row.reason}; looked up when it is retried"
    if row.leased_until is not None:
        return f"in the hands of a worker until {text(row.leased_until)}"
    return "due: the next pass looks" if row.due <= now else f"next looked at {text(row.due)}"


def _named(line: Line) -> str:
    return f"{line.id} {line.key}" if line.key else line.id


def _stream(name: str, adapters: dict[str, Adapter]) -> Stream | None:
    connection, _, stream = name.partition(".")
    try:
        return adapters[connection].streams[stream]
    except KeyError:
        return None


def _recovery(row: Row, line: Line, flow: Flow | None, adapters: dict[str, Adapter], scoped: bool) -> str:
    """What happens before anything is sent again, by what the stream can do."""
    stream = _stream(line.stream, adapters)
    if stream is None or line.uncertain is None:
        return "its stream is not configured any more"
    until = text(line.uncertain + timedelta(seconds=stream.proof_after))
    key = _our_key(row, line, flow, stream, scoped)
    if "append" in stream.writes:
        return f"looked for by {key}, not before {until}; sent only if it is not there"
    if line.target is not None:
        return "its fields go again to the same object, which then shows what it should"
    if stream.create == "exclusive":
        return f"created again under {key}: the system refuses a second one, and the first is linked"
    return f"looked up by {key}, not before {until}; created only if it is not there"


def _cut_off(flow: Flow | None, adapters: dict[str, Adapter]) -> str:
    settle = 0.0
    for line in flow.mapping.lines if flow else ():
        connection, _, name = (line.to or "").partition(".")
        own = {"source": flow.source[0], "destination": flow.destination[0]}.get(connection, connection) if flow else ""
        stream = _stream(f"{own}.{name}", adapters) if name else None
        waits = stream is not None and ("append" in stream.writes or stream.conditions)
        settle = max(settle, stream.settle_after if stream and waits else 0.0)
    wait = f"; appends and guarded steps not before {timedelta(seconds=settle)} have passed" if settle else ""
    return f"each of its lines is looked up by its key, or said again to the same object{wait}"


def _our_key(row: Row, line: Line, flow: Flow | None, stream: Stream, scoped: bool) -> str:
    """The key that the line's object or text bears, in an answering flow that of the origin."""
    from connector import keys

    site, record = row.site, row.key
    if scoped:
        site, record, key = keys.answered(line.key)
        return keys.make(row.flow, site, record, "" if line.id == "main" else line.id, key, longest=stream.key_length)
    ours = keys.parse(row.our_key or "") if flow is not None and flow.answers else None
    if flow is not None and flow.answers:
        if ours is None:
            return "the key of its record"
        site, record = ours.site, ours.record
    if line.id == "main":
        return keys.make(row.flow, site, line.key or record, longest=stream.key_length)
    return keys.make(row.flow, site, record, line.id, line.key, longest=stream.key_length)
