"""Uncertain writes, for `connector status`: since when, what will be looked up, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from connector.cli.table import plural, text

if TYPE_CHECKING:
    from connector.adapter import Adapter, Stream
    from connector.config import Config
    from connector.flow import Flow
    from connector.model import Line, Row
    from connector.store import Store

SHOWN = 100


def uncertain(store: Store, config: Config, now: datetime) -> Iterator[str]:
    """A block for each row, the longest in doubt first."""
    from connector.config import SystemClock

    counts = store.doubted()
    if not counts:
        yield "nothing is uncertain: every write that was sent has been answered, or was found"
        return
    flows = {flow.id: flow for flow in config.flows.values()}
    adapters = {name: connection.open(SystemClock()) for name, connection in config.connections.items()}
    rows = store.doubts(limit=SHOWN)
    for row in rows:
        flow = flows.get(row.flow)
        yield f"{flow.name if flow else row.flow}: {row.key}, {_when(row, now)}"
        lines = [line for line in row.lines if line.uncertain is not None and line.state != "sent"]
        for line in lines:
            yield f"  {_named(line)}: {line.stream}{' ' + line.target if line.target else ''}"
            yield f"    went without an answer {text(line.uncertain)}; {_recovery(row, line, flow, adapters)}"
        if row.uncertain is not None and row.state == "pending" and not lines:
            yield f"  a delivery was cut off {text(row.uncertain)}; {_cut_off(flow, adapters)}"
    for adapter in adapters.values():
        adapter.close()
    left = sum(count for count, _ in counts.values()) - len(rows)
    if left > 0:
        yield f"… and {plural(left, 'more record')}"


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


def _recovery(row: Row, line: Line, flow: Flow | None, adapters: dict[str, Adapter]) -> str:
    """What happens before anything is sent again, by what the stream can do."""
    stream = _stream(line.stream, adapters)
    if stream is None or line.uncertain is None:
        return "its stream is not configured any more"
    until = text(line.uncertain + timedelta(seconds=stream.proof_after))
    key = _our_key(row, line, flow, stream)
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


def _our_key(row: Row, line: Line, flow: Flow | None, stream: Stream) -> str:
    """The key that the line's object or text bears, in an answering flow that of the origin."""
    from connector import keys

    site, record = row.site, row.key
    ours = keys.parse(row.our_key or "") if flow is not None and flow.answers else None
    if flow is not None and flow.answers:
        if ours is None:
            return "the key of its record"
        site, record = ours.site, ours.record
    if line.id == "main":
        return keys.make(row.flow, site, line.key or record, longest=stream.key_length)
    return keys.make(row.flow, site, record, line.id, line.key, longest=stream.key_length)
