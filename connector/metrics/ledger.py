"""What the ledger and the connections say on each scrape: right at once after a restart, whichever process did the work."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from connector.adapter import Adapter, Clock
from connector.budget import Limits, Spent, bounds, ends_at, tightest
from connector.errors import LedgerError
from connector.flow import Flow
from connector.store import Books, Store

STATES = ("done", "filtered", "foreign", "parked", "pending", "dropped")
ILL = ("down", "refused", "limited")
HOUR = timedelta(hours=1)
Families = dict[str, GaugeMetricFamily | CounterMetricFamily]
GAUGES: tuple[tuple[str, str, list[str]], ...] = (
    ("connector_ledger_up", "1 if the ledger could be read for this scrape.", []),
    ("connector_ledger_size_bytes", "What the ledger takes on its disk.", []),
    ("connector_ledger_free_bytes", "Part of it that is free for what comes.", []),
    ("connector_ledger_log_bytes", "Part of it that is the log of what was written last.", []),
    ("connector_ledger_records", "Stored records, until keep removes them.", []),
    ("connector_ledger_rekeying", "1 while stored records may be under another key than the configured one.", []),
    ("connector_rows", "Rows in the ledger, by state.", ["flow", "state"]),
    (
        "connector_oldest_pending_seconds",
        "How long the longest waiting row has been pending; 0 if none is.",
        ["flow"],
    ),
    ("connector_uncertain_rows", "Rows with a write whose answer was not read.", ["flow"]),
    ("connector_flow_paused", "1 while a flow waits for an administrator.", ["flow"]),
    ("connector_brake_limit", "New objects an hour that the flow may make.", ["flow"]),
    ("connector_created_last_hour", "New objects that the flow made in the last hour.", ["flow"]),
    ("connector_calls_day", "Requests sent in the last 24 hours, by every process on the ledger.", ["connection"]),
    (
        "connector_budget_calls",
        "Calls that the budget gives in 24 hours: ours, or those of the system less the reserve.",
        ["connection"],
    ),
    ("connector_budget_left", "Calls of it that are left now.", ["connection"]),
    (
        "connector_budget_ends_seconds",
        "Seconds until it ends at the rate of the last hour; +Inf if not within 24 hours.",
        ["connection"],
    ),
    ("connector_connection_up", "1 unless a remote system is known not to work.", ["connection"]),
    ("connector_connection_state", "1 for the fault that a connection has, if any.", ["connection", "state"]),
)
COUNTERS: tuple[tuple[str, str, list[str]], ...] = (
    ("connector_records_read", "Versions of records read, those of before included.", ["flow"]),
    ("connector_records_repeated", "Versions read that were known.", ["flow"]),
    ("connector_records_superseded", "Versions replaced before they were delivered.", ["flow"]),
    ("connector_remote_calls", "Requests sent to a remote system, sign-in included.", ["connection"]),
)


class LedgerCollector:
    """What the ledger and the connections say on a scrape. A ledger that cannot be read says just that."""

    def __init__(
        self,
        store: Store,
        connections: Mapping[str, Adapter],
        flows: Mapping[str, Flow],
        clock: Clock,
        limits: Mapping[str, Limits],
    ) -> None:
        self._store, self._connections, self._flows, self._clock = store, connections, flows, clock
        self._limits = limits

    def describe(self) -> Iterator[Metric]:
        return iter(self._families().values())

    @staticmethod
    def _families() -> Families:
        found: Families = {}
        for name, told, labels in GAUGES:
            found[name] = GaugeMetricFamily(name, told, labels=labels)
        for name, told, labels in COUNTERS:
            found[name] = CounterMetricFamily(name, told, labels=labels)
        return found

    def collect(self) -> Iterator[Metric]:
        families = self._families()
        for name, adapter in self._connections.items():
            families["connector_remote_calls"].add_metric([name], adapter.calls())
        up = 1
        try:
            self._read(families)
        except LedgerError:
            up = 0
        families["connector_ledger_up"].add_metric([], up)
        return iter(families.values())

    def _read(self, families: Families) -> None:
        store, now = self._store, self._clock.now()
        books = {each.flow: each for each in store.counts()}
        oldest, healths, extent = store.oldest(), store.healths(), store.extent()
        doubted = store.doubted()
        created = {flow.id: store.created(flow.id, now - HOUR) for flow in self._flows.values()}
        for what, value in (
            ("size_bytes", extent.total),
            ("free_bytes", extent.free),
            ("log_bytes", extent.log),
            ("records", extent.records),
            ("rekeying", extent.rekeying),
        ):
            families[f"connector_ledger_{what}"].add_metric([], value)
        self._budgets(families, now)
        for name in self._connections:
            state = healths.get(f"connection:{name}", ("ok", now, "", ""))[0]
            families["connector_connection_up"].add_metric([name], state == "ok")
            for each in ILL:
                families["connector_connection_state"].add_metric([name, each], state == each)
        for name, flow in self._flows.items():
            waits = (now - oldest[flow.id]).total_seconds() if flow.id in oldest else 0
            paused = healths.get(f"flow:{flow.id}", ("ok", now, "", ""))[0] != "ok"
            families["connector_oldest_pending_seconds"].add_metric([name], max(0, waits))
            families["connector_uncertain_rows"].add_metric([name], doubted[flow.id][0] if flow.id in doubted else 0)
            families["connector_flow_paused"].add_metric([name], paused)
            families["connector_created_last_hour"].add_metric([name], created[flow.id])
            if flow.brake is not None:
                families["connector_brake_limit"].add_metric([name], flow.brake)
            self._counters(families, name, books.get(flow.id))

    def _budgets(self, families: Families, now: datetime) -> None:
        spent = self._store.spent(now)
        for name in self._connections:
            one = spent.get(name, Spent())
            families["connector_calls_day"].add_metric([name], one.own(now))
            bound = tightest(bounds(self._limits.get(name), one, now))
            if bound is not None:
                ends = ends_at(bound, one, now)
                seconds = (ends - now).total_seconds() if ends else math.inf
                families["connector_budget_calls"].add_metric([name], bound.budget)
                families["connector_budget_left"].add_metric([name], bound.left)
                families["connector_budget_ends_seconds"].add_metric([name], seconds)

    @staticmethod
    def _counters(families: Families, name: str, books: Books | None) -> None:
        for state in STATES:
            families["connector_rows"].add_metric([name, state], getattr(books, state) if books else 0)
        for what in ("read", "repeated", "superseded"):
            families[f"connector_records_{what}"].add_metric([name], getattr(books, what) if books else 0)
