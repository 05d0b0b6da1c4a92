"""/metrics of the real daemon, scraped while it works and compared with its ledger."""

from __future__ import annotations

import itertools
import sqlite3
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from connector.store import open_store
from tests.acceptance import files
from tests.acceptance.processes import PATIENCE, Daemon, run

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
ORDERS = 400


def scrape(daemon: Daemon) -> Samples:
    connection = HTTPConnection(daemon.wait_for("started")["listen"], timeout=10)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
    finally:
        connection.close()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[(name, frozenset(labels.items()))]


def test_what_a_scrape_says_is_what_the_ledger_holds(tmp_path: Path) -> None:
    folder = files.lay_out(tmp_path / "connector")
    for number in range(ORDERS):
        email = {"email": "ada@example.org"} if number % 4 else {}
        files.put(folder, "shop/orders", {"key": f"M{number}", "stamp": files.STAMP.format(4), "total": 60, **email})
    flow, until, seen = "orders-to-cases", time.monotonic() + PATIENCE, []
    with Daemon(folder) as daemon:
        while True:
            samples = scrape(daemon)
            seen.append(samples)
            states = {
                state: value(samples, "connector_rows", flow=flow, state=state)
                for state in ("done", "filtered", "foreign", "parked", "pending", "dropped")
            }
            counted = (
                value(samples, "connector_records_settled_total", flow=flow, outcome="done"),
                value(samples, "connector_records_settled_total", flow=flow, outcome="parked"),
                value(samples, "connector_writes_total", flow=flow, op="create"),
                value(samples, "connector_delivery_seconds_count", flow=flow),
            )
            if (states["done"], states["pending"]) == (301, 0) and counted == (301, 101, 301, 301):
                break  # a pass is counted one number after the other, and a scrape may come between two
            assert time.monotonic() < until, (states, counted)
        store = open_store("sqlite:///ledger.db", base=folder)
        books = next(each for each in store.counts() if each.flow == flow)
        store.close()
        assert states == {state: getattr(books, state) for state in states}
        assert value(samples, "connector_records_settled_total", flow=flow, outcome="parked") == books.parked == 101
        assert value(samples, "connector_writes_total", flow=flow, op="create") == 301
        assert value(samples, "connector_delivery_seconds_count", flow=flow) == 301
        assert value(samples, "connector_events_total", event="parked") >= 1
        assert value(samples, "connector_oldest_pending_seconds", flow=flow) == 0
        assert value(samples, "connector_ledger_size_bytes") > 0
        assert value(samples, "connector_connection_up", connection="desk") == 1
        assert value(samples, "process_resident_memory_bytes") > 0
        for before, after in itertools.pairwise(seen):
            falls = [
                name
                for name in before
                if name[0].endswith(("_total", "_count", "_bucket")) and after[name] < before[name]
            ]
            assert not falls, "what is counted never falls"
        daemon.signal()
        assert daemon.ended() == 0

    assert run(folder, "parked", "retry", "--all").code == 0
    with Daemon(folder) as daemon:
        again = scrape(daemon)
        assert value(again, "connector_rows", flow=flow, state="done") == 301, (
            "gauges are right at once after a restart"
        )
        assert (
            value(again, "connector_rows", flow=flow, state="parked")
            + value(again, "connector_rows", flow=flow, state="pending")
            == 101
        )
        assert value(again, "connector_writes_total", flow=flow, op="create") == 0


def test_a_scrape_is_answered_while_another_process_holds_the_ledger(tmp_path: Path) -> None:
    folder = files.lay_out(tmp_path / "connector")
    with Daemon(folder) as daemon:
        daemon.wait_for("poll", created=1)
        with closing(sqlite3.connect(folder / "ledger.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            until = time.monotonic() + 2.0  # the daemon polls twice a second, and waits for the ledger from then on
            while time.monotonic() < until:
                assert value(scrape(daemon), "connector_rows", flow="orders-to-cases", state="done") == 1
                assert daemon.get("/readyz")[0] == 200
            other.execute("ROLLBACK")
        daemon.signal()
        assert daemon.ended() == 0


def test_a_daemon_without_pages_has_none(tmp_path: Path) -> None:
    folder = files.lay_out(tmp_path / "connector")
    files.replace(folder, "config.yaml", 'web: {listen: "127.0.0.1:0"}', "web: {listen: none}")
    with Daemon(folder) as daemon:
        assert daemon.wait_for("started")["listen"] == "none"
        daemon.wait_for("poll", created=1)
        daemon.signal()
        assert daemon.ended() == 0
