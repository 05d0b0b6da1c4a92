"""The real command carries out what agents decide on orders, and shows it only then."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stage import Stage, stage


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Stage]:
    """A shop with one new order that needs a person, whose case is there."""
    with stage(tmp_path, orders=0, returns=0) as made:
        made.box.control.place_order(
            exception=False, status="new", confirmation_status="not_confirmed", c_addressMismatch=True
        )
        made.settle()
        yield made


def order(where: Stage) -> dict[str, Any]:
    (found,) = where.box.control.orders("RefArch")
    return dict(found)


def decide(where: Stage, resolution: str) -> None:
    (case,) = where.box.control.cases()
    where.box.control.agent_decide(case["Id"], resolution)


def notes(where: Stage) -> list[str]:
    return [str(note["text"]).partition(" in case")[0] for note in where.box.control.notes()]


def status_calls(where: Stage) -> int:
    asked = where.box.control.requests().get("sfcc", {})
    return sum(calls for path, calls in asked.items() if path.endswith("status"))


@pytest.mark.parametrize(
    ("was", "resolution", "status", "confirmation"),
    [
        ("new", "Release", "new", "confirmed"),
        ("failed", "Release", "created", "confirmed"),
        ("new", "Hold", "new", "not_confirmed"),
        ("open", "Cancel", "cancelled", "not_confirmed"),
        ("failed", "Cancel", "failed", "not_confirmed"),
    ],
)
def test_a_decision_moves_the_order_and_is_shown(
    where: Stage, was: str, resolution: str, status: str, confirmation: str
) -> None:
    where.box.control.change_order(order(where)["order_no"], status=was)
    decide(where, resolution)
    where.settle()
    found = order(where)
    assert (found["status"], found["confirmation_status"]) == (status, confirmation)
    assert found["c_caseDecision"] == resolution.upper()
    assert notes(where) == [resolution]
    assert where.books()["cases-to-orders"].done == 1


def test_an_order_that_was_handed_over_parks_with_the_reason_and_shows_no_decision_until_the_retry(
    where: Stage,
) -> None:
    number = order(where)["order_no"]
    where.box.control.set(frozen_orders=[number])
    decide(where, "Cancel")
    where.settle()

    found = order(where)
    assert (found["status"], found["c_caseStatus"]) == ("new", "Closed")
    assert "c_caseDecision" not in found
    assert notes(where) == []
    told = where.run("parked", "show", where.box.control.cases()[0]["Id"]).out
    assert "OrderPreviouslyIntegratedStatusException, new → cancelled" in told
    assert "to do: " in told

    where.box.control.set(frozen_orders=[])
    assert where.run("parked", "retry", "--all").code == 0
    where.settle()
    assert order(where)["c_caseDecision"] == "CANCEL"
    assert order(where)["status"] == "cancelled"
    assert notes(where) == ["Cancel"]


def test_an_order_that_its_customer_cancelled_meanwhile_is_not_revived(where: Stage) -> None:
    number = order(where)["order_no"]
    where.box.control.lag(number, 3600)  # the search does not know it yet
    where.box.control.change_order(number, status="cancelled")
    decide(where, "Release")
    where.settle()

    found = order(where)
    assert (found["status"], found["confirmation_status"]) == ("cancelled", "not_confirmed")
    assert "c_caseDecision" not in found
    assert notes(where) == []
    assert status_calls(where) == 0
    assert "shop.orders.status is cancelled; created may follow failed only" in where.run("parked", "list").out


def test_a_reply_that_is_lost_cancels_once(where: Stage) -> None:
    where.box.control.fault(kind="drop_after", system="sfcc", method="PUT", path="/status$", times=1)
    decide(where, "Cancel")
    where.settle()
    assert order(where)["status"] == "cancelled"
    assert order(where)["c_caseDecision"] == "CANCEL"
    assert notes(where) == ["Cancel"]
    assert status_calls(where) == 1


def test_a_kill_between_the_cancellation_and_its_note_loses_and_doubles_nothing(where: Stage) -> None:
    decide(where, "Cancel")
    process = where.start("sync")
    where.box.control.fault(kind="kill", pid=process.pid, commit=True, method="PUT", path="/status$", times=1)
    assert where.finish(process).code == -signal.SIGKILL
    assert order(where)["status"] == "cancelled"
    assert "c_caseDecision" not in order(where)

    where.settle()

    assert order(where)["c_caseDecision"] == "CANCEL"
    assert notes(where) == ["Cancel"]
    assert status_calls(where) == 1
    where.assert_nothing_twice()


def test_a_case_that_is_opened_again_takes_back_what_is_shown_and_moves_nothing(where: Stage) -> None:
    decide(where, "Hold")
    where.settle()
    (case,) = where.box.control.cases()
    where.box.control.agent_reopen(case["Id"])
    where.settle()
    found = order(where)
    assert "c_caseDecision" not in found
    assert found["confirmation_status"] == "not_confirmed"

    where.box.control.advance(5)
    decide(where, "Cancel")
    where.settle()
    assert order(where)["status"] == "cancelled"
    assert notes(where) == ["Hold", "Cancel"]


def test_a_client_that_may_not_move_orders_is_told_the_entry_and_loses_no_decision(where: Stage) -> None:
    every = [
        {"resource_id": each, "methods": ["get", "post", "patch"]}
        for each in ("/order_search", "/orders/*", "/orders/*/notes", "/sites/*/orders/*", "/custom_objects_search/*")
    ]
    where.box.control.set(permissions={"bench": every})
    decide(where, "Cancel")
    told = where.run("sync", "cases-to-orders")
    assert '"resource_id": "/sites/*/orders/*/status", "methods": ["put"]' in (told.out + told.err).replace('\\"', '"')
    assert where.books()["cases-to-orders"].parked == 0

    where.box.control.set(permissions={})
    where.settle()
    assert order(where)["c_caseDecision"] == "CANCEL"
