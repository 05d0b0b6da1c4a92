"""Metrics by Prometheus's conventions: what this process counts, and what the ledger says when it is asked.

Fed at the seams that there are: the runner's passes (`Metrics.measured`), events (`Metrics.heard`), and on each scrape the
ledger's counters and the connections' own count of calls. Labels come from the configuration and are bounded by it.
docs/metrics.md is the list, and a test holds it to the registry.
Source: https://prometheus.io/docs/practices/naming/ and https://prometheus.io/docs/instrumenting/writing_exporters/
"""

from __future__ import annotations

import gzip
import platform
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from itertools import accumulate
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder, gzip_accepted

from connector.adapter import Adapter, Clock
from connector.budget import Limits
from connector.engine.report import PassReport, Progress
from connector.errors import Busy
from connector.flow import Flow
from connector.metrics.ledger import LedgerCollector
from connector.store import Store
from connector.telemetry import EVENTS, Tell

PASS_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
DELIVERY_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
OUTCOMES = ("done", "filtered", "foreign", "parked")
OPS = {"create": "created", "update": "updated", "append": "appended"}


class Metrics:
    """One registry a process, and what feeds it. `render` answers a scrape, from any thread."""

    def __init__(self, flows: Mapping[str, Flow], clock: Clock) -> None:
        self._flows, self._clock = flows, clock
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, of use to nobody here
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        build = Gauge(
            "connector_build_info", "Always 1; its labels say what runs.", ["version", "python"], registry=registry
        )
        build.labels(version("commerce-case-connector"), platform.python_version()).set(1)
        self._events = Counter("connector_events_total", "Events told, by name.", ["event"], registry=registry)
        self._passes = Counter(
            "connector_passes_total", "Passes that ended, by result: ok, stopped by a problem, or failed.",
            ["flow", "result"], registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "connector_pass_duration_seconds",
            "How long passes took.",
            ["flow"],
            buckets=PASS_SECONDS,
            registry=registry,
        )
        self._success = Gauge(
            "connector_last_success_timestamp_seconds",
            "When the last pass without a problem ended; when this process started, until there is one.",
            ["flow"], registry=registry,
        )  # fmt: skip
        self._sweeps = Counter(
            "connector_sweeps_total", "Sweeps that ended, by result.", ["flow", "result"], registry=registry
        )
        self._found = Counter(
            "connector_sweep_found_total",
            "Records that a sweep found and no poll had shown.",
            ["flow"],
            registry=registry,
        )
        self._settled = Counter(
            "connector_records_settled_total",
            "Deliveries that came to an outcome.",
            ["flow", "outcome"],
            registry=registry,
        )
        self._writes = Counter(
            "connector_writes_total", "Writes that a remote system took, by kind.", ["flow", "op"], registry=registry
        )
        self._delays = _Delays()
        registry.register(self._delays)
        self._start_at_nothing()

    def _start_at_nothing(self) -> None:
        """Every series is there from the first scrape: an increase from nothing is no increase to Prometheus."""
        now = self._clock.now().timestamp()
        for event in EVENTS:
            self._events.labels(event)
        for name, flow in self._flows.items():
            if not flow.enabled:
                continue
            self._success.labels(name).set(now)
            self._seconds.labels(name)
            self._found.labels(name)
            self._delays.add(name, {})
            for result in ("ok", "problem", "failed"):
                self._passes.labels(name, result)
                self._sweeps.labels(name, result)
            for outcome in OUTCOMES:
                self._settled.labels(name, outcome)
            for op in OPS:
                self._writes.labels(name, op)

    # -- what feeds it -------------------------------------------------------------------------------------------------

    def heard(self, tell: Tell) -> Tell:
        """The same `tell`, counted."""

        def counted(event: str, **facts: object) -> None:
            if event in EVENTS:
                self._events.labels(event).inc()
            tell(event, **facts)

        return counted

    def measured(self, passes: Passes) -> Passes:
        """The same passes, measured."""
        return _Measured(self, passes)

    def passed(self, flow: str, report: PassReport | None, *, sweep: bool = False) -> None:
        """One pass or sweep ended; None: with an error."""
        ended = self._sweeps if sweep else self._passes
        if report is None:
            ended.labels(flow, "failed").inc()
            return
        ended.labels(flow, "problem" if report.problem else "ok").inc()
        for outcome in OUTCOMES:
            self._settled.labels(flow, outcome).inc(getattr(report, outcome))
        for op, name in OPS.items():
            self._writes.labels(flow, op).inc(getattr(report, name))
        self._delays.add(flow, report.delays)
        if sweep:
            self._found.labels(flow).inc(report.changed)
            return
        self._seconds.labels(flow).observe(report.seconds)
        if report.problem is None:
            self._success.labels(flow).set(self._clock.now().timestamp())

    def look_at(
        self, store: Store, connections: Mapping[str, Adapter], limits: Mapping[str, Limits] | None = None
    ) -> None:
        """Ask this ledger on every scrape. It should be opened for this alone: what delivers must not wait for a scrape,
        nor a scrape for what delivers."""
        self.registry.register(LedgerCollector(store, connections, self._flows, self._clock, limits or {}))

    # -- what it answers -----------------------------------------------------------------------------------------------

    def render(self, accept: str, accept_encoding: str) -> tuple[bytes, Mapping[str, str]]:
        """Body and headers in the format that the scraper asks for."""
        encode, content_type = choose_encoder(accept)
        body, headers = encode(self.registry), {"Content-Type": content_type}
        if gzip_accepted(accept_encoding):
            return gzip.compress(body, compresslevel=1), {**headers, "Content-Encoding": "gzip"}
        return body, headers


class Passes(Protocol):
    """What the runner needs of the engine."""

    def run_pass(self, flow: str, *, progress: Callable[[Progress], None] | None = None) -> PassReport: ...

    def sweep(self, flow: str, *, width: float) -> PassReport: ...


class _Measured:
    """Passes that are counted when they end. One that another process has (Busy) has not begun."""

    def __init__(self, metrics: Metrics, passes: Passes) -> None:
        self._metrics, self._passes = metrics, passes

    def run_pass(self, flow: str, *, progress: Callable[[Progress], None] | None = None) -> PassReport:
        return self._counted(flow, lambda: self._passes.run_pass(flow, progress=progress), sweep=False)

    def sweep(self, flow: str, *, width: float) -> PassReport:
        return self._counted(flow, lambda: self._passes.sweep(flow, width=width), sweep=True)

    def _counted(self, flow: str, work: Callable[[], PassReport], *, sweep: bool) -> PassReport:
        try:
            report = work()
        except Busy:
            raise
        except Exception:  # counted and raised on: whoever runs the pass says what it means
            self._metrics.passed(flow, None, sweep=sweep)
            raise
        self._metrics.passed(flow, report, sweep=sweep)
        return report


class _Delays:
    """A histogram that takes many equal values at once: a page's records come, and mostly go, together."""

    NAME = "connector_delivery_seconds"
    HELP = "From the coming of a record's version to its delivery; what a person had to retry counts from its coming."

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, list[int]] = {}
        self._sums: dict[str, int] = {}

    def add(self, flow: str, delays: Mapping[int, int]) -> None:
        with self._lock:
            rows = self._rows.setdefault(flow, [0] * (len(DELIVERY_SECONDS) + 1))
            for seconds, count in delays.items():
                rows[bisect_left(DELIVERY_SECONDS, seconds)] += count
            self._sums[flow] = self._sums.get(flow, 0) + sum(seconds * count for seconds, count in delays.items())

    def describe(self) -> Iterator[Metric]:
        yield HistogramMetricFamily(self.NAME, self.HELP, labels=["flow"])

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self.NAME, self.HELP, labels=["flow"])
        with self._lock:
            for flow, rows in self._rows.items():
                ends = [*(f"{float(end)}" for end in DELIVERY_SECONDS), "+Inf"]
                family.add_metric([flow], list(zip(ends, accumulate(rows), strict=True)), self._sums[flow])
        yield family
