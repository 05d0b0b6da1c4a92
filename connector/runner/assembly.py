"""A configuration brought to life: ledger opened, connections built, engine over both. No network yet."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from connector.adapter import Adapter, Clock
from connector.config import Config, SystemClock
from connector.document import did_you_mean
from connector.engine import Engine
from connector.errors import ConfigFault, Fault, LedgerError, Place
from connector.flow import Flow
from connector.runner.memory import frugal
from connector.store import Store, open_store
from connector.telemetry import Tell


@dataclass(frozen=True, slots=True)
class Assembly:
    """Everything that a command or the daemon works with. Set `stop` to end a pass between two calls."""

    config: Config
    store: Store
    connections: Mapping[str, Adapter]
    engine: Engine
    clock: Clock
    stop: threading.Event
    tell: Tell


@contextmanager
def assembled(config: Config, *, tell: Tell, clock: Clock | None = None) -> Iterator[Assembly]:
    """Open it, give it, close it. LedgerError says what is wrong with the ledger."""
    frugal()
    clock = clock or SystemClock()
    stop = threading.Event()
    with ExitStack() as stack:
        store = open_store(config.store, base=config.folder, keys=config.record_keys)
        stack.callback(store.close)
        connections = {}
        for name, connection in config.connections.items():
            connections[name] = connection.open(clock)
            stack.callback(connections[name].close)
        engine = Engine(
            store=store,
            connections=connections,
            flows=config.flows,
            clock=clock,
            policy=config.policy,
            tell=tell,
            stop=stop,
            limits=config.limits,
        )
        stack.callback(_note_calls, engine, tell)
        yield Assembly(config, store, connections, engine, clock, stop, tell)


def _note_calls(engine: Engine, tell: Tell) -> None:
    """What was called since the last note is still to be counted; a ledger that takes it no more ends nothing else."""
    try:
        engine.budgets.note(now=True)
    except LedgerError as error:
        tell("budget_lost", error=str(error))


def refuse_lost_flows(assembly: Assembly) -> None:
    """An id that still owns rows must be configured, or named by `moved_from` of the flow that its rows go to: without it
    their keys would be made again under another name. And whoever has read one stream does not go on with another. Raises
    ConfigFault, LedgerError and Busy."""
    config, store = assembly.config, assembly.store
    held = {books.flow for books in store.counts() if books.rows}
    for flow in config.flows.values():
        for old in held & set(flow.moved_from):
            with store.hold(f"flow:{old}"):
                rows = store.rename(old, flow.id, assembly.clock.now())
            assembly.tell("flow_moved", flow=flow.name, old=old, rows=rows)
    known = {flow.id for flow in config.flows.values()}
    faults = [
        _other_stream(config, flow, before)
        for flow in config.flows.values()
        if (before := store.reads(flow.id, flow.source[1]))
    ]
    faults += [
        Fault(
            Place(str(config.path)),
            f"the ledger holds {books.rows} records of flow id '{books.flow}', which is not configured",
            f"give the flow `id: {books.flow}`, or `moved_from: [{books.flow}]` to the flow that takes its records over, "
            f"or keep it with `enabled: false`. {did_you_mean(books.flow, known)}",
        )
        for books in assembly.store.counts()
        if books.rows and books.flow not in known
    ]
    if faults:
        raise ConfigFault(faults)


def _other_stream(config: Config, flow: Flow, before: str) -> Fault:
    return Fault(
        Place(str(config.path)),
        f"flow '{flow.name}' reads {flow.source[1]}, but the ledger's records of flow id '{flow.id}' are of {before}: "
        "what is older than its cursor would never be read",
        f"give the flow that reads {flow.source[1]} a name (or `id`) of its own, and keep this one for {before}, "
        "with `enabled: false` if it is not needed any more",
    )
