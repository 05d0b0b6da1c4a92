"""Several cases of one order, both ways: exception, review and delivery have their own, and one flow moves the order."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.shipped import shop
from tests.acceptance.stage import Stage

FLOWS = (
    "orders-to-cases",
    "reviews-to-cases",
    "fulfilments-to-cases",
    "cases-to-orders",
    "cases-to-reviews",
    "cases-to-fulfilments",
)
ASKED = "Please call us and tell us who you are."


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Stage]:
    """A shop with one order in which everything is wrong at once."""
    with shop(tmp_path, FLOWS, orders=0, returns=0) as made:
        made.box.control.place_order(
            exception=False, status="new", confirmation_status="not_confirmed", shipping_status="not_shipped",
            order_total=80.0, c_addressMismatch=True, c_riskScore=82, c_riskIndicators="velocity; proxy",
            c_fulfillmentStatus="DELAYED", c_customerGroup="GÖLD",
            c_events='[{"id": "e1", "text": "placed"}, {"id": "e2", "text": "address check: no match"}]',
        )  # fmt: skip
        made.settle()
        yield made


def order(where: Stage) -> dict[str, Any]:
    (found,) = where.box.control.orders("RefArch")
    return dict(found)


def cases(where: Stage) -> dict[str, dict[str, Any]]:
    """Open and closed ones by kind."""
    return {case["Type"]: case for case in where.box.control.cases()}


def decide(where: Stage, kind: str, resolution: str, **more: Any) -> None:
    where.box.control.agent_decide(cases(where)[kind]["Id"], resolution, **more)


def told(where: Stage, kind: str) -> list[str]:
    every = where.box.control.comments(cases(where)[kind]["Id"])
    return [one["CommentBody"].partition("\n")[0] for one in every]


def notices(where: Stage, kind: str) -> list[dict[str, Any]]:
    return [one for one in where.box.control.objects("CustomerNotice") if one["c_kind"] == kind]


def test_three_cases_of_one_order_have_keys_of_their_own_and_their_decisions_stand_side_by_side(where: Stage) -> None:
    found = cases(where)
    number = order(where)["order_no"]
    assert {kind: case["Commerce_Key__c"] for kind, case in found.items()} == {
        "Order Exception": f"orders-to-cases:_ref_arch:{number}",
        "Fraud Review": f"reviews-to-cases:_ref_arch:{number}",
        "Fulfilment Exception": f"fulfilments-to-cases:_ref_arch:{number}",
    }
    assert found["Fraud Review"]["Risk_Indicators__c"] == "velocity;proxy"
    assert found["Fulfilment Exception"]["Priority"] == "High", "a good customer, however the group is written"
    assert told(where, "Order Exception") == ["placed", "address check: no match"]
    shown = order(where)
    assert shown["c_fraudFlag"] == "REVIEW"
    assert shown["c_caseNumber"] == found["Order Exception"]["CaseNumber"]
    assert shown["c_reviewCaseNumber"] == found["Fraud Review"]["CaseNumber"]
    assert shown["c_fulfilmentCaseNumber"] == found["Fulfilment Exception"]["CaseNumber"]

    decide(where, "Fulfilment Exception", "Wait", note="It leaves on Monday.")
    where.box.control.agent_edit(
        cases(where)["Fulfilment Exception"]["Id"], {"Document_Links__c": "https://docs.example.org/a.pdf"}
    )
    where.settle()
    decide(where, "Order Exception", "Hold")
    where.settle()
    assert order(where)["confirmation_status"] == "not_confirmed"
    decide(where, "Fraud Review", "Approve")
    where.settle()

    shown = order(where)
    assert (shown["status"], shown["confirmation_status"]) == ("new", "confirmed"), "the last decision of a person"
    assert (shown["c_caseDecision"], shown["c_fraudFlag"], shown["c_fulfilmentOutcome"]) == ("HOLD", "APPROVED", "WAIT")
    assert shown["c_fulfilmentNote"] == "It leaves on Monday."
    assert shown["c_fulfilmentDocuments"] == "https://docs.example.org/a.pdf"
    number = cases(where)["Fulfilment Exception"]["CaseNumber"]
    assert shown["external_order_status"] == f"fulfilment wait, case {number}"
    said = sorted(note["subject"].partition(": ")[2].partition(" [")[0] for note in where.box.control.notes())
    assert said == ["Approve", "Hold", "Wait"]
    assert not any(books.parked for books in where.books().values())
    where.assert_nothing_twice()


def test_a_verification_holds_the_order_and_asks_the_customer_once(where: Stage) -> None:
    where.box.control.change_order(order(where)["order_no"], confirmation_status="confirmed")
    decide(where, "Fraud Review", "Verify", close=False)
    where.settle()
    assert notices(where, "VERIFICATION_WANTED") == []
    (why,) = told(where, "Fraud Review")
    assert why.endswith("the resolution note does not say what the customer shall do.")

    decide(where, "Fraud Review", "Verify", note=ASKED, close=False)
    for _ in range(2):
        where.settle()
        where.box.control.touch(cases(where)["Fraud Review"]["Id"])
    shown = order(where)
    assert (shown["c_fraudFlag"], shown["confirmation_status"]) == ("VERIFY", "not_confirmed")
    (notice,) = notices(where, "VERIFICATION_WANTED")
    assert notice["c_text"] == ASKED
    assert len(notices(where, "DELIVERY_LATE")) == 1
    assert notice["c_email"] == shown["customer_info"]["email"]

    decide(where, "Fraud Review", "Reject", note="Nobody answered.")
    where.settle()
    shown = order(where)
    assert (shown["c_fraudFlag"], shown["status"]) == ("REJECTED", "cancelled")
    assert len(where.box.control.objects("CustomerNotice")) == 2
    where.assert_nothing_twice()


def test_what_is_too_late_for_one_case_is_told_there_and_the_others_are_heard(where: Stage) -> None:
    shown_before = order(where)["c_caseNumber"]
    by_hand = where.box.control.agent_create(
        {"Type": "Order Exception", "Order_No__c": order(where)["order_no"], "Subject": "by phone"}
    )
    where.box.control.agent_decide(by_hand, "Hold")
    where.box.control.change_order(order(where)["order_no"], status="completed", shipping_status="shipped")
    decide(where, "Fraud Review", "Reject")
    decide(where, "Fulfilment Exception", "Wait")
    where.settle()
    number = order(where)["order_no"]
    assert told(where, "Fraud Review") == [f"Order {number} was NOT cancelled: it has been shipped already."]
    assert told(where, "Fulfilment Exception") == []
    shown = order(where)
    assert (shown["status"], shown["c_fulfilmentOutcome"], shown["c_fraudFlag"]) == ("completed", "WAIT", "REJECTED")
    assert where.books()["cases-to-orders"].parked == 1
    assert shown["c_caseNumber"] == shown_before, "a case that was opened by hand"
    assert shown["confirmation_status"] == "not_confirmed", "moves the order all the same"
    assert "c_caseDecision" not in shown


GOOD = {"Order Exception": "Release", "Fraud Review": "Approve", "Fulfilment Exception": "Wait"}
OTHER = {"Order Exception": "Hold", "Fraud Review": "Verify", "Fulfilment Exception": "Reship"}


def whole_way(where: Stage, settle: Callable[[], None] | None = None) -> dict[str, Any]:
    """Every order to its cases, every decision back. What was failed and is released may become a review then."""
    control, settle = where.box.control, settle or where.settle
    settle()
    several = {no for no, count in Counter(case["Order_No__c"] for case in control.cases()).items() if count > 1}
    for case in control.cases():
        again = int(case["Order_No__c"]) % 2 and case["Order_No__c"] not in several
        resolution = (OTHER if again else GOOD)[case["Type"]]
        control.agent_decide(case["Id"], resolution, note=ASKED, close=resolution != "Verify")
    settle()
    while left := [case["Id"] for case in control.cases() if not case["IsClosed"]]:
        for case in left:
            control.agent_decide(case, "Approve")
        settle()
    where.assert_nothing_twice()
    assert not any(books.parked for books in where.books().values())
    attributes = ("status", "confirmation_status", "c_caseDecision", "c_fraudFlag", "c_fulfilmentOutcome")
    return {
        "cases": sorted(case["Commerce_Key__c"] for case in control.cases()),
        "orders": {one["order_no"]: [one.get(name) for name in attributes] for one in control.orders("RefArch")},
        "notes": Counter(note["order_no"] for note in control.notes()),
        "notices": sorted((one["c_kind"], one["c_orderNo"]) for one in control.objects("CustomerNotice")),
    }


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How both systems end when nothing goes wrong."""
    with shop(tmp_path_factory.mktemp("calm"), FLOWS, orders=40, returns=0) as where:
        found = whole_way(where)
    kinds = Counter(key.partition(":")[0] for key in found["cases"])
    assert min(kinds[name] for name in FLOWS[:3]) >= 3, kinds
    assert found["notices"]
    return found


def test_replies_lost_on_the_way_and_rows_locked_lose_and_double_nothing(tmp_path: Path, calm: dict[str, Any]) -> None:
    with shop(tmp_path, FLOWS, orders=40, returns=0) as where:
        control = where.box.control
        lost = control.fault(kind="drop_after", probability=0.1, seed=3, path="composite/sobjects$|/notes$|/sites/")
        locked = control.fault(kind="row_locked", share=0.2, per_key=1, path="composite/sobjects$")
        control.fault(kind="status", status=503, every=23, system="sfcc")
        assert whole_way(where) == calm
        fired = {one["id"]: one["fired"] for one in control.faults()}
        assert fired[lost] >= 5
        assert fired[locked] >= 1


def test_kills_right_after_a_write_lose_and_double_nothing(tmp_path: Path, calm: dict[str, Any]) -> None:
    """After the first cases, after an order was moved and after a customer was asked, each time a process dies."""
    writes = [("POST", "composite/sobjects$"), ("PUT", "/status$"), ("PUT", "/custom_objects/CustomerNotice/")]
    with shop(tmp_path, FLOWS, orders=40, returns=0) as where:
        control = where.box.control

        def settle() -> None:
            for method, path in tuple(writes):
                process = where.start("sync")
                control.fault(kind="kill", pid=process.pid, commit=True, path=path, method=method, times=1)
                if where.finish(process).code == -signal.SIGKILL:
                    writes.remove((method, path))
                control.clear_faults()
            where.settle()

        assert whole_way(where, settle) == calm
        assert writes == [], "it died at each of them"
