"""Is every flow still polling? The question behind /healthz, answered from memory and without the scheduler's help."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from connector.flow import Flow

_SWEEPING = 3600.0
"""Seconds that a sweep may take before its flow counts as stuck."""


class Pulse:
    """When each enabled flow last gave a sign of life: began or ended a pass, or moved on within one."""

    def __init__(self, flows: Iterable[Flow], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now = monotonic
        self._lock = threading.Lock()
        self._allowed = {flow.name: flow.idle_after for flow in flows if flow.enabled}
        self._last = dict.fromkeys(self._allowed, monotonic())
        self._sweeping: set[str] = set()

    def beat(self, flow: str) -> None:
        """A sign of life."""
        with self._lock:
            self._last[flow] = self._now()

    @contextmanager
    def sweeping(self, flow: str) -> Iterator[None]:
        """A sweep shows no progress of its own: more patience while it runs."""
        self.beat(flow)
        with self._lock:
            self._sweeping.add(flow)
        try:
            yield
        finally:
            with self._lock:
                self._sweeping.discard(flow)
            self.beat(flow)

    def unhealthy(self) -> Mapping[str, float]:
        """Flows without a sign of life for too long, with the seconds since the last one."""
        now = self._now()
        with self._lock:
            silent = {flow: now - last for flow, last in self._last.items()}
            return {
                flow: round(seconds, 1)
                for flow, seconds in silent.items()
                if seconds > (max(_SWEEPING, self._allowed[flow]) if flow in self._sweeping else self._allowed[flow])
            }
