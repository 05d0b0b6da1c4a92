"""`connector run`: the process from its first line to its exit code."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from connector.config import Config, SystemClock
from connector.errors import Busy
from connector.runner.assembly import Assembly, assembled, refuse_lost_flows
from connector.runner.embedded import EmbeddedRunner
from connector.runner.leaps import Leaps
from connector.runner.pulse import Pulse
from connector.runner.signals import Signals
from connector.runner.turns import Turns
from connector.runner.upkeep import Upkeep
from connector.store import Store, open_store
from connector.telemetry import Tell

if TYPE_CHECKING:
    from connector.metrics import Metrics


_LOOK = 5.0
"""Seconds between two looks at the machine's clock."""
_PATIENCE = 10.0
"""Seconds that a poll waits for a backfill to let it in."""


class Vitals:
    """What /healthz and /readyz answer from."""

    def __init__(self, assembly: Assembly, looking: Store, pulse: Pulse) -> None:
        self._assembly, self._looking, self._pulse = assembly, looking, pulse

    def unhealthy(self) -> Mapping[str, float]:
        return self._pulse.unhealthy()

    def ready(self) -> tuple[bool, Mapping[str, Any]]:
        healths = self._looking.healths()
        connections = {}
        for name in self._assembly.connections:
            state, since, message, remedy = healths.get(f"connection:{name}", ("no trouble known", None, "", ""))
            connections[name] = {"state": state, "since": since, "message": message, "remedy": remedy}
        flows = {name: "on" if flow.enabled else "off" for name, flow in self._assembly.config.flows.items()}
        stopping = self._assembly.stop.is_set()
        return not stopping, {"stopping": stopping, "ledger": "open", "flows": flows, "connections": connections}


def serve(config: Config, signals: Signals, tell: Tell) -> int:
    """Run until a signal comes. 0: everything in flight ended. Raises Busy when another daemon has this ledger."""
    with ExitStack() as stack:
        metrics = _metrics(config)
        tell = metrics.heard(tell) if metrics else tell
        assembly = stack.enter_context(assembled(config, tell=tell))
        _hold_runner(stack, assembly)
        refuse_lost_flows(assembly)
        flows = config.flows
        turns = Turns(assembly.engine, assembly.store, flows, assembly.stop, patience=_PATIENCE)
        runner = EmbeddedRunner(
            passes=metrics.measured(turns) if metrics else turns,
            flows=flows,
            timings=config.daemon,
            tell=tell,
            stop=assembly.stop,
            prune=Upkeep(assembly.store, config.keep, assembly.clock, assembly.stop, tell),
        )
        address = _listen(stack, assembly, runner.pulse, metrics)
        for name, flow in flows.items():
            if not flow.enabled:
                tell("flow_disabled", flow=name)
        enabled = sum(flow.enabled for flow in flows.values())
        tell("started", flows=enabled, connections=len(config.connections), listen=address, store=config.store)
        if assembly.store.extent().readable:
            tell("ledger_readable", store=config.store)
        runner.start()
        leaps = Leaps()
        while not signals.wait(_LOOK):
            if leap := leaps.seconds():
                tell("clock_leapt", seconds=round(abs(leap)), way="forward" if leap > 0 else "back")
                runner.clock_leapt()
        return _stop(runner, config.daemon.stop_grace, signals, tell)


def _hold_runner(stack: ExitStack, assembly: Assembly) -> None:
    """One daemon a ledger. The hold ends with the process, however it ends."""
    try:
        stack.enter_context(assembly.store.hold("runner"))
    except Busy as busy:
        raise Busy(
            f"another process runs the daemon on this ledger ({assembly.config.store}): stop that one first, "
            "or give this one a `store` of its own"
        ) from busy


def _metrics(config: Config) -> Metrics | None:
    """What counts, if there is a page to show it on."""
    if config.web.listen is None:
        return None
    from connector.metrics import Metrics

    return Metrics(config.flows, SystemClock())


def _listen(stack: ExitStack, assembly: Assembly, pulse: Pulse, metrics: Metrics | None) -> str:
    """Start the web server, if one is wanted; where it listens."""
    listen = assembly.config.web.listen
    if listen is None or metrics is None:
        return "none"
    from connector.web.server import WebServer  # a daemon without pages needs no web server

    # The pages look through a connection of their own: a question never waits for a delivery, or the other way round.
    config = assembly.config
    looking = open_store(config.store, base=config.folder, keys=config.record_keys)
    stack.callback(looking.close)
    metrics.look_at(looking, assembly.connections, assembly.config.limits)
    return stack.enter_context(WebServer(listen, Vitals(assembly, looking, pulse), metrics.render)).address


def _stop(runner: EmbeddedRunner, grace: float, signals: Signals, tell: Tell) -> int:
    """Let passes end; 0 when all did, else the process ends here with 1."""
    began = time.monotonic()
    tell("stopping", signal=signals.name, grace=round(grace))
    left = runner.drain(grace)
    if left:
        why = f"not ended within {grace:g} s: {', '.join(left)}"
        tell("stopped_hard", flows=len(left), why=why)
        logging.shutdown()
        os._exit(1)  # threads are still at work: closing the ledger under them would be worse than ending now
    tell("stopped", seconds=round(time.monotonic() - began, 1))
    return 0
