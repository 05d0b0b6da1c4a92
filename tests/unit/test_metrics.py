"""/metrics: what it shows, how it is named, and that docs and registry are one."""

from __future__ import annotations

import gzip
import math
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from connector.budget import Limits
from connector.config.values import Address
from connector.document import load
from connector.errors import LedgerError, Misconfigured, Unavailable
from connector.metrics import Metrics
from connector.store import Store, open_store
from connector.web.server import WebServer
from tests.unit.engine.world import World
from tests.unit.test_runner_web import Vitals

DOCS = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
FLOW = "orders-to-cases"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, brake=1000)
    yield world
    world.store.close()


@pytest.fixture
def looking(tmp_path: Path, world: World) -> Iterator[Store]:
    with closing(open_store("sqlite:///ledger.db", base=tmp_path)) as store:
        yield store


@pytest.fixture
def metrics(world: World, looking: Store) -> Metrics:
    metrics = Metrics(world.flows, world.clock)
    metrics.look_at(looking, world.engine.places.connections, {"desk": Limits(1000)})
    return metrics


def families(metrics: Metrics, accept: str = "") -> dict[str, Metric]:
    body, _ = metrics.render(accept, "")
    return {family.name: family for family in plain(body.decode())}


def value(metrics: Metrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(name, labels)
    assert found is not None, f"{name} {labels} is not there"
    return found


def shown(metrics: Metrics) -> dict[str, tuple[str, set[str]]]:
    """Our metrics as a scraper sees them: name → kind and labels."""
    found = {}
    for family in families(metrics).values():
        if family.name.startswith("connector_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = (family.type, {label for each in family.samples for label in each.labels} - {"le"})
    return found


def documented() -> dict[str, tuple[str, set[str]]]:
    rows = re.findall(r"^\| `(connector_\w+)` \| (\w+) \| ([^|]*)\|", DOCS, re.MULTILINE)
    assert len(rows) == len({name for name, *_ in rows}), "a metric stands twice"
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


# -- the list -----------------------------------------------------------------------------------------------------------


def test_every_metric_is_documented_with_kind_and_labels_and_no_other(metrics: Metrics) -> None:
    assert shown(metrics) == documented()


def test_the_words_of_bounded_labels_are_documented(metrics: Metrics) -> None:
    for family in families(metrics).values():
        for sample in family.samples:
            for label in {"state", "outcome", "op", "result"} & sample.labels.keys():
                assert f"`{sample.labels[label]}`" in DOCS, sample


def test_what_the_library_tells_of_the_process_is_documented(metrics: Metrics) -> None:
    others = {name for name in families(metrics) if not name.startswith("connector_")}
    named = {name.removesuffix("_total") for name in re.findall(r"`(process_\w+)`", DOCS)}
    assert others == named


def test_the_alerts_ask_for_metrics_that_there_are(metrics: Metrics) -> None:
    block = DOCS.split("## Alerts")[1].split("```yaml\n")[1].split("```")[0]
    rules = load("alerts.yaml", block)
    assert rules.faults == []
    exprs = [rule["expr"] for rule in rules.data["groups"][0]["rules"]]
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for expr in exprs for name in re.findall(r"connector_\w+", expr)}
    assert names
    assert names <= shown(metrics).keys()


# -- conventions --------------------------------------------------------------------------------------------------------


def test_names_follow_the_conventions(metrics: Metrics) -> None:
    """https://prometheus.io/docs/practices/naming/: base units, a unit at the end, `total` for what only counts up."""
    for name, (kind, labels) in shown(metrics).items():
        assert re.fullmatch(r"connector_[a-z]+(_[a-z]+)*", name)
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"milli|micro|minutes|hours|days|kilo|mega|_ms\b|percent", name), name
        if kind == "histogram" or "duration" in name or "timestamp" in name:
            assert name.endswith("_seconds"), name
        assert labels <= {"flow", "connection", "state", "outcome", "op", "result", "event", "version", "python"}


def test_every_metric_says_what_it_is(metrics: Metrics) -> None:
    assert not [name for name, family in families(metrics).items() if not family.documentation.strip()]


def test_both_formats_can_be_read_back(world: World, metrics: Metrics) -> None:
    world.order("0001")
    metrics.measured(world.engine).run_pass(FLOW)
    body, headers = metrics.render("application/openmetrics-text; version=1.0.0", "")
    assert "openmetrics" in headers["Content-Type"]
    assert body.endswith(b"# EOF\n")
    read = openmetrics.text_string_to_metric_families(body.decode())  # type: ignore[no-untyped-call]
    assert {family.name for family in read} == families(metrics).keys()


# -- what it says ------------------------------------------------------------------------------------------------------


def test_a_pass_is_counted_and_the_ledger_says_the_same(world: World, metrics: Metrics) -> None:
    for number in range(7):
        world.order(f"{number:04}", needs_care=number < 5)
    metrics.measured(world.engine).run_pass(FLOW)

    books = next(each for each in world.store.counts() if each.flow == FLOW)
    assert value(metrics, "connector_rows", flow=FLOW, state="done") == books.done == 5
    assert value(metrics, "connector_rows", flow=FLOW, state="filtered") == books.filtered == 2
    assert value(metrics, "connector_records_read_total", flow=FLOW) == books.read == 7
    assert value(metrics, "connector_records_settled_total", flow=FLOW, outcome="done") == 5
    assert value(metrics, "connector_writes_total", flow=FLOW, op="create") == 5
    assert value(metrics, "connector_passes_total", flow=FLOW, result="ok") == 1
    assert value(metrics, "connector_pass_duration_seconds_count", flow=FLOW) == 1
    assert value(metrics, "connector_delivery_seconds_count", flow=FLOW) == 5
    assert value(metrics, "connector_created_last_hour", flow=FLOW) == 5
    assert value(metrics, "connector_remote_calls_total", connection="desk") == world.desk.calls()


def test_series_are_there_before_anything_happens(metrics: Metrics) -> None:
    assert value(metrics, "connector_passes_total", flow=FLOW, result="failed") == 0
    assert value(metrics, "connector_events_total", event="brake") == 0
    assert value(metrics, "connector_rows", flow=FLOW, state="parked") == 0
    assert value(metrics, "connector_oldest_pending_seconds", flow=FLOW) == 0


def test_after_a_restart_counters_begin_anew_and_gauges_are_right_at_once(
    world: World, looking: Store, metrics: Metrics
) -> None:
    world.order("0001")
    metrics.measured(world.engine).run_pass(FLOW)
    again = Metrics(world.flows, world.clock)
    again.look_at(looking, world.engine.places.connections)
    assert value(again, "connector_writes_total", flow=FLOW, op="create") == 0
    assert value(again, "connector_rows", flow=FLOW, state="done") == 1


def test_how_long_the_oldest_row_waits_and_who_is_ill(world: World, metrics: Metrics) -> None:
    world.order("0001")
    world.desk.fail("write", Unavailable("503"))
    metrics.measured(world.engine).run_pass(FLOW)
    world.clock.forward(minutes=20)

    assert value(metrics, "connector_oldest_pending_seconds", flow=FLOW) == 1200
    assert value(metrics, "connector_connection_up", connection="desk") == 0
    assert value(metrics, "connector_connection_state", connection="desk", state="down") == 1
    assert value(metrics, "connector_connection_up", connection="shop") == 1
    assert value(metrics, "connector_passes_total", flow=FLOW, result="problem") == 1

    metrics.measured(world.engine).run_pass(FLOW)
    assert value(metrics, "connector_oldest_pending_seconds", flow=FLOW) == 0
    assert value(metrics, "connector_connection_up", connection="desk") == 1
    assert value(metrics, "connector_delivery_seconds_bucket", flow=FLOW, le="900.0") == 0
    assert value(metrics, "connector_delivery_seconds_bucket", flow=FLOW, le="3600.0") == 1
    assert value(metrics, "connector_delivery_seconds_sum", flow=FLOW) == 1200


def test_the_last_success_is_that_of_the_last_pass_without_a_problem(world: World, metrics: Metrics) -> None:
    began = world.clock.now().timestamp()
    assert value(metrics, "connector_last_success_timestamp_seconds", flow=FLOW) == began
    world.shop.fail("read", Misconfigured("no index"))
    world.clock.forward(minutes=1)
    metrics.measured(world.engine).run_pass(FLOW)
    assert value(metrics, "connector_last_success_timestamp_seconds", flow=FLOW) == began
    assert value(metrics, "connector_flow_paused", flow=FLOW) == 1
    world.clock.forward(minutes=5)
    metrics.measured(world.engine).run_pass(FLOW)
    assert value(metrics, "connector_last_success_timestamp_seconds", flow=FLOW) == began + 360
    assert value(metrics, "connector_flow_paused", flow=FLOW) == 0


def test_a_pass_that_ends_with_an_error_is_counted_and_one_that_another_process_has_is_not(
    world: World, metrics: Metrics
) -> None:
    class Broken:
        def run_pass(self, flow: str, **_: Any) -> Any:
            raise LedgerError("disk full")

        sweep = run_pass

    for verb in ("run_pass", "sweep"):
        with pytest.raises(LedgerError):
            getattr(metrics.measured(Broken()), verb)(FLOW, **({"width": 1} if verb == "sweep" else {}))
    with world.store.hold(f"flow:{FLOW}"), pytest.raises(Exception, match="at work"):
        metrics.measured(world.engine).run_pass(FLOW)
    assert value(metrics, "connector_passes_total", flow=FLOW, result="failed") == 1
    assert value(metrics, "connector_sweeps_total", flow=FLOW, result="failed") == 1
    assert value(metrics, "connector_passes_total", flow=FLOW, result="ok") == 0


def test_what_a_sweep_finds_is_counted_as_delivered_and_found(world: World, metrics: Metrics) -> None:
    world.order("0001")
    world.tick()
    world.clock.forward(minutes=10)
    late = world.clock.now()
    world.shop.put("orders", "0003", at=late, needs_care=True, status="new", total=1)
    metrics.measured(world.engine).sweep(FLOW, width=1800)
    assert value(metrics, "connector_sweep_found_total", flow=FLOW) == 1
    assert value(metrics, "connector_writes_total", flow=FLOW, op="create") == 1
    assert value(metrics, "connector_passes_total", flow=FLOW, result="ok") == 0


def test_events_are_counted_and_told(metrics: Metrics) -> None:
    told = []
    tell = metrics.heard(lambda event, **facts: told.append((event, facts)))
    tell("brake", flow=FLOW, waiting=3)
    tell("no such event")
    assert [event for event, _ in told] == ["brake", "no such event"]
    assert value(metrics, "connector_events_total", event="brake") == 1
    assert metrics.registry.get_sample_value("connector_events_total", {"event": "no such event"}) is None


def test_a_ledger_that_cannot_be_read_is_told_and_the_rest_is_shown(world: World) -> None:
    class Unreadable:
        def counts(self) -> Any:
            raise LedgerError("damaged")

    metrics = Metrics(world.flows, world.clock)
    metrics.look_at(Unreadable(), world.engine.places.connections)  # type: ignore[arg-type]
    assert value(metrics, "connector_ledger_up") == 0
    assert value(metrics, "connector_remote_calls_total", connection="shop") == 0
    assert metrics.registry.get_sample_value("connector_ledger_size_bytes") is None


def test_a_scrape_waits_for_no_delivery_and_no_other_process(world: World, metrics: Metrics) -> None:
    """The ledger is in the middle of a transaction, and its connection is taken."""
    store: Any = world.store
    bodies: list[bytes] = []
    scrape = threading.Thread(target=lambda: bodies.append(metrics.render("", "")[0]), daemon=True)
    with store._write():
        scrape.start()
        scrape.join(timeout=10)
        assert bodies, "the scrape waits"
    assert b"connector_ledger_up 1.0" in bodies[0]


# -- over HTTP ---------------------------------------------------------------------------------------------------------


def test_it_is_served_in_the_format_that_is_asked_for(metrics: Metrics) -> None:
    with WebServer(Address("127.0.0.1", 0), Vitals(), metrics.render) as server:
        answers = {}
        for accept, encoding in (("text/plain", "identity"), ("application/openmetrics-text; version=1.0.0", "gzip")):
            connection = HTTPConnection(server.address, timeout=10)
            connection.request("GET", "/metrics", headers={"Accept": accept, "Accept-Encoding": encoding})
            answer = connection.getresponse()
            answers[encoding] = (answer.status, answer.headers, answer.read())
            connection.close()
    status, headers, body = answers["identity"]
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert headers["Content-Type"].startswith("text/plain; version=")
    assert b"# TYPE connector_rows gauge" in body
    _, headers, body = answers["gzip"]
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body).endswith(b"# EOF\n")


def test_the_calls_of_the_day_and_what_the_budget_leaves_are_told_whichever_process_made_them(
    metrics: Metrics, world: World
) -> None:
    world.store.spend({"desk": 400, "shop": 7}, {}, world.clock.now())
    assert value(metrics, "connector_calls_day", connection="shop") == 7
    assert value(metrics, "connector_calls_day", connection="desk") == 400
    assert value(metrics, "connector_budget_calls", connection="desk") == 1000
    assert value(metrics, "connector_budget_left", connection="desk") == 600
    assert 3600 < value(metrics, "connector_budget_ends_seconds", connection="desk") < 3 * 3600
    world.clock.forward(hours=2)
    assert value(metrics, "connector_budget_ends_seconds", connection="desk") == math.inf


def test_a_write_without_an_answer_is_seen_until_it_is_found(world: World, metrics: Metrics) -> None:
    world.order("0001")
    world.desk.fail("write", Unavailable("reset", uncertain=True), committed=True)
    metrics.measured(world.engine).run_pass(FLOW)
    assert value(metrics, "connector_uncertain_rows", flow=FLOW) == 1
    world.clock.forward(minutes=20)
    metrics.measured(world.engine).run_pass(FLOW)
    assert value(metrics, "connector_uncertain_rows", flow=FLOW) == 0
