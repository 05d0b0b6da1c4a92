"""The shop's data, its own code, and the people who work on cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from time import monotonic
from typing import Any

import orjson
import pytest

from connector.sandbox import Options, Sandbox
from connector.sandbox.agent import DECISIONS, FIRST
from connector.sandbox.clock import iso
from connector.sandbox.data.orders import OrderMaker
from connector.sandbox.options import Options as Knobs
from tests.contract.sandbox_caller import DATA, Caller

OBJECTS = f"{DATA}/sites/RefArch/custom_objects"


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with Sandbox(orders=20, returns=4, shop_code=0, agent_rate=1, agent_delay=5) as box:
        yield box


@pytest.fixture
def box(house: Sandbox) -> Sandbox:
    house.control.reset()
    return house


@pytest.fixture
def caller(box: Sandbox) -> Iterator[Caller]:
    made = Caller(box)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shop() -> list[dict[str, Any]]:
    made = OrderMaker(Knobs(orders=2000, seed=7), "http://shop").all(1_800_000_000)
    return [orjson.loads(body) for *_, body in made]


# data
def test_the_same_seed_makes_the_same_shop(shop: list[dict[str, Any]]) -> None:
    opaque = {"_resource_state", "payment_instruments"}

    def plain(order: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in order.items() if k not in opaque}

    again = [orjson.loads(b) for *_, b in OrderMaker(Knobs(orders=2000, seed=7), "http://shop").all(1_800_000_000)]
    assert [plain(o) for o in again] == [plain(o) for o in shop]
    other = [orjson.loads(b) for *_, b in OrderMaker(Knobs(orders=2000, seed=8), "http://shop").all(1_800_000_000)]
    assert [plain(o) for o in other] != [plain(o) for o in shop]


def test_the_shop_has_sites_currencies_guests_and_hard_names(shop: list[dict[str, Any]]) -> None:
    assert Counter(o["site_id"] for o in shop) == {"RefArch": 2000, "RefArchGlobal": 200}
    assert {o["currency"] for o in shop} == {"EUR", "USD", "GBP", "JPY"}
    guests = [o for o in shop if "customer_no" not in o["customer_info"]]
    assert 0.3 < len(guests) / len(shop) < 0.5
    names = "".join(o["customer_name"] for o in shop)
    for hard in ("'", '"', "é", "Ł", "山", "🌸", "<b>", "&"):
        assert hard in names
    assert all(isinstance(o["order_total"], int) for o in shop if o["currency"] == "JPY")


def test_orders_have_one_to_fifty_lines(shop: list[dict[str, Any]]) -> None:
    lines = [len(o["product_items"]) for o in shop]
    assert min(lines) == 1
    assert 40 <= max(lines) <= 50
    assert sum(lines) / len(lines) < 5


def test_orders_add_up(shop: list[dict[str, Any]]) -> None:
    for order in shop[:200]:
        assert sum(i["price"] for i in order["product_items"]) == pytest.approx(order["product_total"])
        assert order["product_total"] + order["shipping_total"] == pytest.approx(order["order_total"])
        assert order["creation_date"] < order["last_modified"]


def test_stamps_are_spread_with_runs_of_equal_ones(shop: list[dict[str, Any]]) -> None:
    stamps = Counter(o["last_modified"] for o in shop)
    assert max(stamps.values()) > 3
    days = {s[:10] for s in stamps}
    assert 28 <= len(days) <= 32


def test_a_share_of_the_orders_needs_a_person(shop: list[dict[str, Any]]) -> None:
    def broken(o: dict[str, Any]) -> str:
        if o["payment_status"] == "not_paid":
            return "payment"
        if o["c_addressMismatch"]:
            return "address"
        if o["c_fulfillmentStatus"] != "COMPLETE":
            return "fulfilment"
        return "risk" if o["c_riskScore"] >= 75 else ""

    kinds = Counter(broken(o) for o in shop)
    assert set(kinds) == {"", "payment", "address", "fulfilment", "risk"}
    assert 0.75 < kinds[""] / len(shop) < 0.85
    none = OrderMaker(Knobs(orders=200, exceptions=0.0), "http://shop").all(1_800_000_000)
    assert not any(broken(orjson.loads(b)) for *_, b in none)


def test_returns_are_about_orders(box: Sandbox) -> None:
    orders = {o["order_no"]: o for o in box.control.orders()}
    returns = box.control.objects("ReturnRequest")
    assert len(returns) == 4
    for one in returns:
        order = orders[one["c_orderNo"]]
        (line,) = orjson.loads(one["c_lines"])
        assert line["product_id"] in [i["product_id"] for i in order["product_items"]]
        assert (one["c_currency"], one["site_id"], one["c_status"]) == (order["currency"], order["site_id"], "NEW")
    with pytest.raises(ValueError, match="ReturnRequest"):
        box.control.objects("Nothing")


def test_shop_life_goes_on(box: Sandbox, caller: Caller) -> None:
    order = box.control.place_order(c_riskScore=99, order_total=5000.0)
    assert caller.shop("GET", f"/orders/{order['order_no']}").json()["c_riskScore"] == 99
    box.control.change_order(order["order_no"], payment_status="paid", c_riskScore=None)
    assert "c_riskScore" not in box.control.order(order["order_no"])
    assert len(box.control.place_orders(5)) == 5
    wanted = box.control.place_return(order["order_no"], c_amount=700.0, key="RR-x")
    assert wanted["c_orderNo"] == order["order_no"]
    assert caller.shop("GET", f"{OBJECTS}/ReturnRequest/RR-x").json()["c_amount"] == 700.0
    with pytest.raises(KeyError, match="no order"):
        box.control.order("0")


def test_a_moment_right_before_a_second_is_not_shown_as_its_last_thousandth() -> None:
    assert iso(1795168802.9999997) == "2026-11-20T10:00:02.999Z"
    assert iso(1795168803.0) == "2026-11-20T10:00:03.000Z"


def test_traffic_is_steady_and_stops(box: Sandbox) -> None:
    before = len(box.control.orders())
    begin = monotonic()
    box.control.traffic(60.0)
    for _ in range(60):
        box.control.advance(1.01)
    placed = box.control.traffic(0)
    assert 59 <= placed <= 60 * 1.01 + (monotonic() - begin) + 1, "the machine's own time passes too"
    assert len(box.control.orders()) > before
    made = len(box.control.orders())
    box.control.advance(60)
    assert len(box.control.orders()) == made


# the shop's own code
def test_a_refund_is_executed_once_whatever_is_sent_again(box: Sandbox, caller: Caller) -> None:
    where = f"{OBJECTS}/RefundRequest/refund-1"
    request = {"c_returnId": "RR-1", "c_amount": 10.0, "c_currency": "EUR", "c_status": "REQUESTED"}
    caller.shop("PUT", where, request)
    assert box.control.shop_run() == 1
    executed = caller.shop("GET", where).json()
    assert (executed["c_status"], executed["c_executedKey"]) == ("EXECUTED", "refund-1")
    caller.shop("PUT", where, request)
    assert box.control.shop_run() == 0
    assert caller.shop("GET", where).json()["c_status"] == "EXECUTED"
    told = box.control.refunds()
    assert told["executed"]["refund-1"]["c_amount"] == 10.0
    assert told["refused"] == ["refund-1"]
    caller.shop("PUT", f"{OBJECTS}/RefundRequest/refund-2", request)
    assert box.control.duplicates()["refunds"] == {"RR-1": 2}


def test_the_shops_code_runs_by_itself() -> None:
    with Sandbox(orders=0, returns=0, shop_code=2) as box:
        caller = Caller(box)
        caller.shop("PUT", f"{OBJECTS}/RefundRequest/r", {"c_returnId": "1", "c_status": "REQUESTED"})
        box.control.advance(2.1)
        assert box.control.journal()["refunds_executed"] == 1
        caller.close()


# people
def test_an_agent_takes_returns_decides_and_reopens(box: Sandbox, caller: Caller) -> None:
    caller.upsert({"Commerce_Key__c": "K", "Type": "Return"})
    taken = box.control.agent_take("K", agent=1)
    assert taken["OwnerId"].startswith("005")
    assert taken["Status"] == "Working"
    back = box.control("agent.return_to_queue", case="K", queue="Returns")
    assert back["OwnerId"].startswith("00G")
    closed = box.control.agent_decide(back["CaseNumber"], "Refund", amount=12.5, note="ok")
    assert (closed["IsClosed"], closed["Resolution__c"], closed["Refund_Amount__c"]) == (True, "Refund", 12.5)
    assert closed["LastModifiedById"] != closed["CreatedById"]
    assert box.control.agent_reopen("K")["IsClosed"] is False
    assert box.control.agent_decide("K", "Hold", close=False)["IsClosed"] is False
    assert box.control.agent_close("K")["IsClosed"]
    assert box.control.agent_edit("K", {"Order_No__c": "42"})["Order_No__c"] == "42"
    assert [h["Field"] for h in box.control.history("K")].count("Status") == 5


def test_an_agent_comments_opens_deletes_and_merges(box: Sandbox, caller: Caller) -> None:
    caller.upsert({"Commerce_Key__c": "A"}, {"Commerce_Key__c": "B"})
    box.control.agent_comment("B", "called the customer", public=True)
    by_hand = box.control.agent_create({"Subject": "by hand", "Order_No__c": "00001301"})
    box.control.agent_merge("A", "B")
    assert [c["CommentBody"] for c in box.control.comments("A")] == ["called the customer"]
    box.control.agent_delete(by_hand)
    assert [c["Commerce_Key__c"] for c in box.control.cases()] == ["A"]
    assert len(box.control.cases(deleted=True)) == 3
    with pytest.raises(KeyError, match="no case"):
        box.control.agent_take("nobody")


def test_an_agents_save_may_become_visible_late(box: Sandbox, caller: Caller) -> None:
    caller.upsert({"Commerce_Key__c": "A"})
    box.control.agent_decide("A", "Hold", visible_after=30)
    assert caller.rows("SELECT Status FROM Case")[0]["Status"] == "New"
    box.control.advance(31)
    assert caller.rows("SELECT Status FROM Case")[0]["Status"] == "Closed"


def test_automatic_agents_work_through_the_cases(box: Sandbox, caller: Caller) -> None:
    kinds = ("Order Exception", "Return", "Complaint")
    caller.upsert(*[{"Commerce_Key__c": str(i), "Type": kinds[i % 3], "Currency__c": "EUR"} for i in range(12)])
    assert box.control.agents(on=True) == 0
    caller.upsert({"Commerce_Key__c": "late", "Type": "Return"})
    for _ in range(40):
        box.control.advance(1)
    cases = box.control.cases()
    assert all(c["IsClosed"] for c in cases)
    assert box.control.agents(on=False) == 13
    for case in cases:
        allowed = (
            {"Release", "Hold", "Cancel"} if case["Type"] == "Order Exception" else {"Refund", "Exchange", "Rejected"}
        )
        assert case["Resolution__c"] in allowed
        assert (case["Resolution__c"] == "Refund") == ("Refund_Amount__c" in case)
    caller.upsert({"Commerce_Key__c": "after"})
    box.control.advance(20)
    assert not box.control.case("after")["IsClosed"]


@pytest.mark.parametrize("kind", sorted(DECISIONS))
def test_the_first_ten_decisions_of_automatic_agents_are_all_that_there_are(
    box: Sandbox, caller: Caller, kind: str
) -> None:
    caller.upsert(*[{"Commerce_Key__c": str(i), "Type": kind, "Currency__c": "EUR"} for i in range(10)])
    box.control.agents(on=True)
    for _ in range(40):
        box.control.advance(1)
    taken = Counter(case["Resolution__c"] for case in box.control.cases())
    asked = sum(share for choice, share in DECISIONS[kind].items() if choice in FIRST)
    assert {choice for choice in DECISIONS[kind] if choice not in FIRST} == set(taken)
    assert all(0 <= taken[choice] - share <= asked for choice, share in DECISIONS[kind].items() if choice not in FIRST)


def test_automatic_agents_cancel_nothing_that_was_shipped(box: Sandbox, caller: Caller) -> None:
    for status in ("completed", "new"):
        caller.upsert(
            *[
                {"Commerce_Key__c": f"{status}-{i}", "Type": "Order Exception", "Order_Status__c": status}
                for i in range(30)
            ]
        )
    box.control.agents(on=True)
    for _ in range(120):
        box.control.advance(1)
    decided: dict[str, set[str]] = {"completed": set(), "new": set()}
    for case in box.control.cases():
        decided[case["Order_Status__c"]].add(case["Resolution__c"])
    assert "Cancel" in decided["new"]
    assert "Cancel" not in decided["completed"]


def test_automatic_agents_come_back_to_a_case_that_somebody_is_saving(box: Sandbox, caller: Caller) -> None:
    caller.upsert({"Commerce_Key__c": "locked", "Type": "Return"}, {"Commerce_Key__c": "free", "Type": "Return"})
    box.control.agent_edit("locked", {"Subject": "saving"}, visible_after=5)
    box.control.agents(on=True)
    for _ in range(20):
        box.control.advance(1)
    assert [case["IsClosed"] for case in box.control.cases()] == [True, True]
    assert box.control.agents(on=False) == 2


# the control itself
def test_reset_brings_the_first_day_back(box: Sandbox, caller: Caller) -> None:
    first = box.control.orders()
    caller.upsert({"Commerce_Key__c": "A"})
    number = box.control.place_order()["order_no"]
    caller.shop("POST", f"/orders/{number}/notes", {"subject": "s", "text": "t"})
    box.control.set(latency_ms=1)
    box.control.fault(kind="status")
    box.control.reset()
    assert len(box.control.orders()) == len(first)
    assert (box.control.cases(), box.control.notes(), box.control.faults()) == ([], [], [])
    assert box.control.knobs()["latency_ms"] == 0
    assert box.control.requests()["sfcc"] == {"total": 0}
    assert caller.search().status_code == 200  # the token is still good


def test_requests_are_counted_by_family(box: Sandbox, caller: Caller) -> None:
    numbers = caller.numbers(count=3)
    box.control.clear_journal()
    for number in numbers:
        caller.shop("GET", f"/orders/{number}")
        caller.shop("GET", f"/orders/{number}/notes")
    caller.shop("GET", f"{OBJECTS}/ReturnRequest/RR-1")
    made = caller.upsert({"Commerce_Key__c": "A"}).json()[0]["id"]
    caller.org("GET", f"/sobjects/Case/{made}")
    caller.org("GET", "/sobjects/Case/Commerce_Key__c/A")
    shop, org = box.control.requests()["sfcc"], box.control.requests()["salesforce"]
    assert shop["GET /s/RefArch/dw/shop/v24_5/orders/{}"] == 3
    assert shop["GET /s/RefArch/dw/shop/v24_5/orders/{}/notes"] == 3
    assert shop["GET /s/-/dw/data/v25_6/sites/{}/custom_objects/ReturnRequest/{}"] == 1
    assert shop["total"] == 7
    assert org["PATCH /services/data/v66.0/composite/sobjects/Case/Commerce_Key__c"] == 1
    assert org["GET /services/data/v66.0/sobjects/Case/{}"] == 1
    assert org["GET /services/data/v66.0/sobjects/Case/Commerce_Key__c/{}"] == 1
    told = box.control.journal()
    assert (told["cases_created"], told["cases_updated"], told["rows"]) == (1, 0, {"written": 1, "refused": 0})


def test_a_knob_that_is_not_there_is_named(box: Sandbox) -> None:
    with pytest.raises(ValueError, match="no such knob: latency"):
        box.control.set(latency=5)
    with pytest.raises(ValueError, match="unknown_field is call or row"):
        box.control.set(unknown_field="rows")
    with pytest.raises(ValueError, match="negative"):
        box.control.set(latency_ms=-1)
    with pytest.raises(ValueError, match="share"):
        Options(exceptions=20)
    with pytest.raises(ValueError, match="0 to 500 cases a second"):
        box.control.set(agent_rate=2000)
    with pytest.raises(ValueError, match="resource_id"):
        box.control.set(permissions={"bench": [{"methods": ["get"]}]})
    with pytest.raises(AttributeError, match="no verb"):
        box.control.fly()
    with pytest.raises(KeyError, match="no verb"):
        box.control("fly")


def test_options_start_with_faults() -> None:
    with Sandbox(Options(orders=1, faults=({"kind": "status", "path": "order_search", "nth": 1},))) as box:
        caller = Caller(box)
        assert [caller.search().status_code for _ in range(2)] == [503, 200]
        caller.close()


def test_a_taken_port_is_told_to_the_caller(box: Sandbox) -> None:
    port = int(box.sfcc_url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"), Sandbox(orders=0, sfcc_port=port):
        pass
