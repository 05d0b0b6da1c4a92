"""Two flows that undo each other's work, with the real command: the loop is broken, said, and shown with both values."""

from __future__ import annotations

from pathlib import Path

from connector.sandbox.box import Sandbox
from connector.sandbox.options import Options
from tests.acceptance.processes import Daemon, run

CONFIG = """
connections:
  shop: {{adapter: sfcc, url: {sfcc}, auth_url: {sfcc}, site: RefArch, client_id: bench, client_secret: secret, index_lag: 0}}
  service:
    adapter: salesforce
    url: {salesforce}
    auth: {{grant: client_credentials, client_id: bench, client_secret: secret}}
    key_field: Commerce_Key__c
store: sqlite:///ledger.db
flows:
  orders-to-cases: {{from: shop.orders, to: service.Case, mapping: to-case.yaml, start: beginning}}
  cases-to-orders: {{from: service.Case, to: shop.orders, mapping: to-order.yaml, answers: orders-to-cases}}
defaults: {{every: 300ms, flips: 2/h}}
daemon: {{jitter: 0s}}
web: {{listen: none}}
log: {{format: json, level: debug}}
"""
TO_CASE = """
summary: the order says how urgent its case is
fields:
  Subject: "Order {{ record.key }}"
  Priority: {from: "{{ c_caseStatus }}", map: {UP: High, DOWN: Low}, otherwise: Low}
"""
TO_ORDER = """
summary: the case says how urgent its order is, and means the opposite
fields:
  c_caseStatus: {from: "{{ Priority }}", map: {High: DOWN, Low: UP}, otherwise: park}
"""


def idle(daemon: Daemon, count: int) -> None:
    """Until each of the two flows has looked so often and found nothing new."""
    since = len(daemon.events())
    while not all(daemon.idle_polls(since)[flow] >= count for flow in ("orders-to-cases", "cases-to-orders")):
        daemon.wait_for_more("poll_idle", 1)


def test_two_flows_that_fight_park_with_both_values_and_cost_no_more_calls(tmp_path: Path) -> None:
    with Sandbox(Options(orders=1, returns=0, shop_code=0)) as box:
        (tmp_path / "config.yaml").write_text(CONFIG.format(sfcc=box.sfcc_url, salesforce=box.salesforce_url))
        (tmp_path / "to-case.yaml").write_text(TO_CASE)
        (tmp_path / "to-order.yaml").write_text(TO_ORDER)
        with Daemon(tmp_path) as daemon:
            broken = daemon.wait_for("loop_broken")
            idle(daemon, 2)  # the other flow has seen the last thing that was written
            before = (box.control.orders("RefArch"), box.control.cases())
            idle(daemon, 3)
            assert (box.control.orders("RefArch"), box.control.cases()) == before, "nothing is written any more"
        order = box.control.orders("RefArch")[0]["order_no"]

        assert broken["level"] == "warning"
        assert broken["limit"] == "2/h"
        other = {"orders-to-cases": "cases-to-orders", "cases-to-orders": "orders-to-cases"}[broken["flow"]]
        assert other in broken["remedy"]
        listed = run(tmp_path, "parked", "list")
        assert "went back and forth more than 2/h" in listed.out
        key = order if broken["flow"] == "orders-to-cases" else box.control.cases()[0]["Id"]
        shown = run(tmp_path, "parked", "show", key).out
        first, second = ("High", "Low") if broken["flow"] == "orders-to-cases" else ("UP", "DOWN")
        assert f"{first!r}" in shown
        assert f"{second!r}" in shown
        assert "was sent last" in shown
        assert f"flow {other!r}" in shown
