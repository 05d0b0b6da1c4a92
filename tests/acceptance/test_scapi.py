"""The shipped order and return flows over SCAPI, as far as it can do them: real processes, faults, a kill."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector import keys
from tests.acceptance.stage import ROOT, Stage, stage

LISTED = ("new", "completed", "cancelled")
FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "path": r"/checkout/.*/orders\?", "status": 503, "every": 7},
    {"kind": "status", "path": "/checkout/", "status": 429, "retry_after": 0, "every": 11},
    {"kind": "expired_token", "path": "/checkout/", "every": 13},
    {"kind": "drop_after", "path": "/checkout/", "method": "PUT", "every": 4},
    {"kind": "drop_after", "path": "/checkout/", "method": "PATCH", "every": 5},
    {"kind": "commit_later", "path": "/custom-object/", "method": "PUT", "reply": "504", "seconds": 0.1, "every": 3},
    {"kind": "half_json", "path": r"/checkout/.*/orders\?", "every": 9},
    {"kind": "drop_after", "system": "salesforce", "path": "composite", "every": 3},
    {"kind": "moving", "path": r"/checkout/.*/orders\?.*offset=", "rows": 2, "every": 4, "times": 6},
]


@contextmanager
def over_scapi(folder: Path, *, without: bool = True, **more: Any) -> Iterator[Stage]:
    """The stage with its shop over the other API; what SCAPI cannot is left out as `check` says."""
    with stage(folder, **{"orders": 40, **more}) as made:
        config = folder / "config.yaml"
        text = config.read_text().replace(
            "client_id: bench\n", "client_id: bench-scapi\n    api: scapi\n    organization: f_ecom_zzte_053\n", 1
        )
        if without:
            text = text.replace("start: beginning}", f"start: beginning, where: {{status: [{', '.join(LISTED)}]}}}}", 1)
            text = text.replace("answers: orders-to-cases}", "answers: orders-to-cases, without: [decision]}")
            text = text.replace("answers: returns-to-cases", "answers: returns-to-cases\n    without: [note]")
        config.write_text(text)
        yield made


def ended(where: Stage) -> dict[str, Any]:
    outcome = where.outcome()
    assert not outcome.pop("notes")
    where.assert_nothing_twice()
    return outcome


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How both systems end when nothing goes wrong."""
    with over_scapi(tmp_path_factory.mktemp("calm")) as where:
        live = where.run("check", "--live")
        assert live.code == 0, live.out + live.err
        assert "api scapi orders v1" in live.out
        where.settle()
        listed = [one for one in where.box.control.orders("RefArch") if one["status"] in LISTED]
        keys = {case["Commerce_Key__c"].rpartition(":")[2] for case in where.box.control.cases()}
        assert len(keys & {one["order_no"] for one in listed}) >= 5
        assert not keys & {one["order_no"] for one in where.box.control.orders("RefArch") if one["status"] == "failed"}
        where.decide_all()
        where.settle()
        assert not any(books.parked for books in where.books().values())
        outcome = ended(where)
        decided = [shown for shown, *_ in outcome["orders"].values()]
        assert set(decided) == {"RELEASE", "HOLD", "CANCEL"}
        assert outcome["refunds"]
        asked = where.box.control.requests()["sfcc"]
        assert not [path for path in asked if "/dw/" in path], "nothing went over the other API"
        return outcome


def test_what_it_cannot_is_refused_by_check_with_the_places(tmp_path: Path) -> None:
    with over_scapi(tmp_path, without=False, orders=1, returns=0) as where:
        refused = where.run("check")
        assert refused.code == 2
        for name, told in (
            ("case-to-order.yaml:", "SCAPI has no notes on orders"),
            ("case-to-return.yaml:", "SCAPI has no notes on orders"),
            ("order-exception-to-case.yaml:", "SCAPI lists no orders that are failed"),
        ):
            assert any(name in line and told in line for line in refused.err.split("\n")), refused.err


def test_with_faults_on_both_sides_it_ends_as_without(tmp_path: Path, calm: dict[str, Any]) -> None:
    with over_scapi(tmp_path) as where:
        for fault in FAULTS:
            where.box.control.fault(**fault)
        where.settle(tries=60)
        where.decide_all()
        where.settle(tries=60)
        where.box.control.clear_faults()
        where.run("parked", "retry", "--all")
        where.settle()
        assert ended(where) == calm
        assert {"status", "expired_token", "drop_after", "commit_later", "half_json"} <= set(
            where.box.control.journal()["faults"]
        )


def test_what_the_shop_refuses_is_told_to_the_agent_in_a_sentence(tmp_path: Path) -> None:
    """An order that order management has taken over meanwhile: SCAPI says `conflict` and no more."""
    with over_scapi(tmp_path, orders=0, returns=0) as where:
        control = where.box.control
        number = control.place_order(exception=False, status="new", c_addressMismatch=True)["order_no"]
        where.settle()
        (case,) = control.cases()
        control.set(frozen_orders=[number])
        control.agent_decide(case["Id"], "Cancel")
        where.settle()
        (said,) = control.comments(case["Id"])
        assert said["CommentBody"].rpartition("[")[0] == (
            f"Order {number} was NOT cancelled: in the state it is in, the shop does not let it go that way.\n"
            "Open the case again and decide anew, or settle it with whoever runs the shop.\n"
        )
        assert where.books()["cases-to-orders"].parked == 1
        where.settle()
        assert len(control.comments(case["Id"])) == 1


def events_too(where: Stage, **settings: Any) -> None:
    """With the flow that reports refunds to whoever subscribes to order events."""
    config = where.folder / "config.yaml"
    data = yaml.safe_load(config.read_text())
    data["connections"]["shop"].update(settings)
    data["flows"]["refunds-to-events"] = {
        "from": "shop.custom_objects/RefundRequest",
        "to": "shop.orders",
        "mapping": str(ROOT / "mappings/salesforce/refund-to-event.yaml"),
        "start": "beginning",
    }
    config.write_text(yaml.safe_dump(data, sort_keys=False))


def refunded(where: Stage) -> dict[str, Any]:
    """Returns are refunded, and the shop's own code has done so."""
    for order in where.box.control.orders("RefArch"):
        where.box.control.place_return(order["order_no"], c_withinPolicy=False)
    where.settle()
    for case in where.box.control.cases():
        if case["Type"] == "Return":
            where.box.control.agent_decide(case["Id"], "Refund", amount=10.5)
    where.settle()
    where.box.control.shop_run()
    executed: dict[str, Any] = where.box.control.refunds()["executed"]
    assert len(executed) == 3
    return executed


def test_what_the_shop_refunded_is_reported_once_as_an_order_event(tmp_path: Path) -> None:
    with over_scapi(tmp_path, orders=3, returns=0) as where:
        events_too(where)
        executed = refunded(where)
        assert where.box.control.events() == [], "nothing is reported before it is known"
        where.settle()
        sent = where.box.control.events()
        assert sorted(event["order_no"] for event in sent) == sorted(str(one["c_orderNo"]) for one in executed.values())
        for event in sent:
            adjustment = event["adjustment"]
            assert (adjustment["type"], adjustment["status"]) == ("refund", "completed")
            (request,) = (r for r in where.box.control.objects("RefundRequest") if adjustment["id"].startswith(
                keys.make("refunds-to-events", "RefArch", r["key_value_string"], "event")))  # fmt: skip
            minor = 1 if request["c_currency"] == "JPY" else 100
            assert adjustment["totals"] == [{"type": "product", "amount": -int(request["c_executedAmount"] * minor)}]
        assert len({event["adjustment"]["id"] for event in sent}) == len(sent)
        where.settle()
        assert where.box.control.events() == sent


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("kill", [False, True])
def test_an_event_whose_answer_was_lost_parks_unless_subscribers_know_events_by_their_id(
    tmp_path: Path, repeats: bool, kill: bool
) -> None:
    """One lost answer is one event in doubt; a kill leaves all that were in flight in doubt, since nobody can look."""
    with over_scapi(tmp_path, orders=3, returns=0) as where:
        events_too(where, repeat_events=repeats)
        refunded(where)
        process = where.start("sync")
        sent = {"path": "/oms-status-events"}
        if kill:  # while the other two are under way
            where.box.control.fault(kind="kill", pid=process.pid, commit=True, nth=3, **sent)
            where.box.control.fault(kind="slow", seconds=8, **sent)
        else:
            where.box.control.fault(kind="drop_after", nth=2, **sent)
        assert (where.finish(process).code == -signal.SIGKILL) == kill
        where.box.control.clear_faults()
        where.settle()
        ids = [event["adjustment"]["id"] for event in where.box.control.events()]
        if repeats:
            assert len(set(ids)) == 3
            assert where.books()["refunds-to-events"].parked == 0
        else:
            assert len(ids) == len(set(ids)) == 3
            assert where.books()["refunds-to-events"].parked == (3 if kill else 1)
            assert "SCAPI does not show whether an order event arrived" in where.run("parked", "list").out


@pytest.mark.parametrize("back", [False, True])
def test_a_kill_after_the_shop_or_the_org_has_written_loses_nothing_and_sends_nothing_twice(
    tmp_path: Path, calm: dict[str, Any], back: bool
) -> None:
    with over_scapi(tmp_path) as where:
        if back:
            where.settle()
            where.decide_all()
        process = where.start("sync")
        path = "/checkout/.*status" if back else "composite/sobjects$"
        where.box.control.fault(kind="kill", pid=process.pid, commit=True, nth=2, path=path, body="^.")
        assert where.finish(process).code == -signal.SIGKILL
        where.settle()
        if not back:
            where.decide_all()
            where.settle()
        assert ended(where) == calm
        assert not any(books.parked for books in where.books().values())
