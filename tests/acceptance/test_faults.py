"""The real command against systems that fail: what is lost, what is doubled, what an operator is told. All: nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import PATIENCE
from tests.acceptance.stage import Stage, stage


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How both systems end when nothing goes wrong."""
    with stage(tmp_path_factory.mktemp("calm")) as where:
        return whole_way(where)


def whole_way(where: Stage, meanwhile: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Orders and returns to cases, decisions, and back."""
    where.settle()
    meanwhile()
    where.decide_all()
    where.settle()
    where.assert_nothing_twice()
    return where.outcome()


def until(what: Callable[[], Any], *, seconds: float = PATIENCE) -> Any:
    """Poll a running system until something is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it never came to be")


def test_replies_lost_after_the_commit_lose_and_double_nothing(tmp_path: Path, calm: dict[str, Any]) -> None:
    with stage(tmp_path) as where:
        rule = where.box.control.fault(
            kind="drop_after", probability=0.1, seed=3, path="composite/sobjects$|/notes$|/sites/"
        )
        assert whole_way(where) == calm
        fired = next(one["fired"] for one in where.box.control.faults() if one["id"] == rule)
        assert fired >= 5


def test_rows_refused_inside_http_200_park_with_reason_and_field_and_the_others_are_delivered(tmp_path: Path) -> None:
    with stage(tmp_path, orders=200, returns=0) as where:
        where.box.control.fault(
            kind="row_rejected", share=0.1, seed=5, field="Order_Total__c", path="composite/sobjects$"
        )

        ended = where.run("sync", "orders-to-cases")

        books = where.books()["orders-to-cases"]
        cases = len(where.box.control.cases())
        assert ended.code == 1
        assert books.parked > 5
        assert books.done == cases
        assert books.done + books.parked + books.filtered == 200
        with where.ledger() as store:
            rows = list(store.rows(state="parked"))
        assert {row.field for row in rows} == {"Order_Total__c"}
        assert all("FIELD_CUSTOM_VALIDATION_EXCEPTION" in row.reason for row in rows)

        where.box.control.clear_faults()
        assert where.run("parked", "retry", "--all").code == 0
        where.settle()
        assert where.books()["orders-to-cases"].parked == 0
        assert len(where.box.control.cases()) == books.done + books.parked


def test_an_outage_of_a_minute_burns_no_attempt_and_is_said_once(tmp_path: Path) -> None:
    with stage(tmp_path) as where:
        where.box.control.fault(kind="status", status=503, system="salesforce")
        process = where.start("run")
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        try:
            until(lambda: any(books.rows == 24 and books.pending for books in where.books().values()))
            calls = where.box.control.requests()["salesforce"].get("total", 0)
            time.sleep(60)  # the outage itself: a real minute, so that what it costs can be counted
            cost = where.box.control.requests()["salesforce"]["total"] - calls
            with where.ledger() as store:
                attempts = max(row.attempts for row in store.rows(limit=1000))
            where.box.control.clear_faults()
            until(lambda: len(where.box.control.cases()) == 21)  # of 12 orders that need a person, and of 9 returns
        finally:
            process.terminate()
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert attempts == 0
        assert cost <= 200, "a minute, a pause of at most 1 s, up to three tries of a read: no record counts"
        log = out + err
        assert log.count('"connection_down"') == 1
        assert log.count('"connection_up"') == 1


def test_a_token_that_expires_between_two_pages_loses_nothing(tmp_path: Path, calm: dict[str, Any]) -> None:
    with stage(tmp_path) as where:
        where.box.control.fault(
            kind="expired_token", every=3, times=8, path="order_search|query|composite|custom_objects"
        )
        assert whole_way(where) == calm


def test_an_agent_who_takes_a_case_between_a_lost_reply_and_the_retry_keeps_it(tmp_path: Path) -> None:
    with stage(tmp_path, returns=0) as where:
        where.box.control.fault(kind="drop_after", times=2, path="composite/sobjects$")
        where.run("sync", "orders-to-cases")
        cases = where.box.control.cases()
        assert cases
        taken = {case["Id"]: where.box.control.agent_take(case["Id"])["OwnerId"] for case in cases}

        where.settle()

        after = {case["Id"]: case for case in where.box.control.cases()}
        assert {key: after[key]["OwnerId"] for key in taken} == taken
        assert {after[key]["Status"] for key in taken} == {"Working"}
        where.assert_nothing_twice()


def test_an_order_that_changes_during_its_delivery_is_delivered_again(tmp_path: Path) -> None:
    with stage(tmp_path, returns=0) as where:
        where.box.control.fault(kind="slow", seconds=1.5, times=1, path="composite/sobjects$")
        process = where.start("sync", "orders-to-cases")
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        until(lambda: where.box.control.faults()[0]["fired"])
        for order in where.box.control.orders("RefArch"):
            where.box.control.change_order(order["order_no"], order_total=4321.0)
        process.communicate(timeout=60)

        where.settle()

        assert {float(case["Order_Total__c"]) for case in where.box.control.cases()} == {4321.0}
        where.assert_nothing_twice()


def test_a_second_run_right_after_the_first_writes_nothing(tmp_path: Path) -> None:
    with stage(tmp_path) as where:
        where.settle()
        where.settle()
        where.box.control.clear_journal()

        where.run("sync")

        asked = {path for system in where.box.control.requests().values() for path in system if path != "total"}
        assert all("token" in path or "search" in path or "/query" in path for path in asked), asked


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 429, "retry_after": 1},
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 502, "form": "html"},
        {"kind": "status", "status": 504, "form": "empty"},
        {"kind": "html200"},
        {"kind": "truncate"},
        {"kind": "drop_before"},
        {"kind": "hang", "seconds": 3},
        {"kind": "commit_later", "seconds": 0.2, "reply": "drop"},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_every_fourth_call_going_wrong_loses_and_doubles_nothing(
    fault: dict[str, Any], tmp_path: Path, calm: dict[str, Any]
) -> None:
    with stage(tmp_path, read=1.0, total=2.0) as where:
        rule = where.box.control.fault(
            every=4, times=12, path="order_search|custom_objects|query|sobjects|/notes|/sites/", **fault
        )
        assert whole_way(where) == calm
        assert next(one["fired"] for one in where.box.control.faults() if one["id"] == rule) >= 5


def test_rows_that_are_locked_are_tried_again_alone(tmp_path: Path, calm: dict[str, Any]) -> None:
    with stage(tmp_path) as where:
        where.box.control.fault(kind="row_locked", share=0.3, per_key=2, path="composite/sobjects$")
        assert whole_way(where) == calm
