"""Reading a shop over real HTTP: everything, in order, in as few calls as pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.errors import Misconfigured
from connector.model import Select
from connector.sandbox import Sandbox
from tests.contract.sfcc_shop import ALL, Shop, shop, uses

RETURNS = "custom_objects/ReturnRequest"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(orders=450, returns=40) as made:
        yield made


@pytest.fixture
def ref(box: Sandbox) -> Iterator[Shop]:
    with shop(box, page=50) as made:
        yield made


def test_a_backlog_is_read_whole_oldest_first_in_one_call_a_page(box: Sandbox) -> None:
    with shop(box) as ref:
        ref.adapter.check()
        before = ref.adapter.calls()
        records = ref.read()
        assert sorted(record.key for record in records) == ref.numbers()
        assert [record.stamp for record in records] == sorted(record.stamp or "" for record in records)
        assert ref.adapter.calls() - before == 3
        assert {record.site for record in records} == {"RefArch"}


def test_the_adapter_counts_what_the_shop_counts(ref: Shop) -> None:
    ref.control.clear_journal()
    before = ref.adapter.calls()
    ref.read()
    assert ref.adapter.calls() - before == ref.requests()


def test_an_idle_poll_is_one_call(ref: Shop) -> None:
    cursor = ref.cursor()
    before = ref.adapter.calls()
    ref.read(since=cursor)
    assert ref.adapter.calls() - before == 1


def test_a_read_needs_no_deeper_paging_than_the_shop_allows(box: Sandbox) -> None:
    with shop(box, page=50, deep_paging=60) as ref:
        ref.control.set(paging_cap=60)
        assert sorted(record.key for record in ref.read()) == ref.numbers()


def test_only_the_needed_fields_travel(ref: Shop) -> None:
    needed = ref.read(select=Select(fields=("order_total", "shipments", "c_riskScore")))
    assert sorted(record.key for record in needed) == ref.numbers()
    for record in needed:
        assert set(record.fields) <= {
            "_type", "_resource_state", "order_no", "last_modified", "site_id", "order_total", "shipments", "c_riskScore",
        }  # fmt: skip
        assert record.fields["shipments"][0]["shipment_id"]


def test_of_an_order_no_more_comes_than_the_parts_that_are_asked_for(ref: Shop) -> None:
    asked = ("customer_info.email", "product_items.product_id", "shipments.shipping_address.city", "c_riskScore")
    whole = {record.key: record.fields for record in ref.read()}
    found = ref.read(select=Select(fields=asked))
    assert set(whole) == {record.key for record in found}
    for record in found:
        order, shown = whole[record.key], _without_types(record.fields)
        assert shown["customer_info"] == {"email": order["customer_info"]["email"]}
        assert shown["product_items"] == [{"product_id": item["product_id"]} for item in order["product_items"]]
        assert shown["shipments"] == [
            {"shipping_address": {"city": each["shipping_address"]["city"]}} for each in order["shipments"]
        ]
        assert not {"billing_address", "payment_instruments", "customer_name"} & set(shown)


def _without_types(value: Any) -> Any:
    """Without what passes every selector. Source: OCAPI property selection."""
    if isinstance(value, list):
        return [_without_types(each) for each in value]
    if isinstance(value, dict):
        return {
            name: _without_types(each) for name, each in value.items() if name not in ("_type", "_v", "_resource_state")
        }
    return value


def test_whole_documents_travel_where_selectors_are_refused(box: Sandbox) -> None:
    with shop(box, select="all") as ref:
        assert all(record.fields["billing_address"] for record in ref.read(select=Select(fields=("order_total",))))


def test_a_sweep_reads_keys_and_stamps_and_saves_no_cursor(ref: Shop) -> None:
    pages = list(ref.adapter.read("orders", None, select=Select(keys_only=True), overlap=0))
    assert all(page.cursor is None for page in pages)
    record = pages[0].records[0]
    assert set(record.fields) == {"_type", "_resource_state", "order_no", "last_modified", "site_id"}


def test_a_changed_order_comes_again(ref: Shop) -> None:
    cursor = ref.cursor()
    number = ref.numbers()[0]
    changed = ref.control.change_order(number, c_riskScore=99)
    found = {record.key: record for record in ref.read(since=cursor)}
    assert found[number].fields["c_riskScore"] == 99
    assert found[number].stamp == changed["last_modified"]


def test_an_order_that_reaches_the_index_late_is_found_by_the_overlap(ref: Shop) -> None:
    ref.control.set(index_lag=20)
    late = ref.control.place_order()["order_no"]
    ref.control.advance(10)
    ref.control.set(index_lag=0)
    ref.control.place_order()
    cursor = ref.cursor()
    assert late not in {record.key for record in ref.read(since=cursor)}
    ref.control.advance(15)
    assert late in {record.key for record in ref.read(since=cursor)}


def test_other_sites_orders_stay_there(box: Sandbox) -> None:
    with shop(box, site="RefArchGlobal") as ref:
        records = ref.read()
        assert len(records) == 45
        assert {record.site for record in records} == {"RefArchGlobal"}


def test_where_narrows_the_read(ref: Shop) -> None:
    wanted = ref.read(select=Select(where={"payment_status": "not_paid"}))
    assert wanted
    assert {record.fields["payment_status"] for record in wanted} == {"not_paid"}
    either = ref.read(select=Select(where={"status": ["new", "open"], "currency_code": "EUR"}))
    assert {record.fields["status"] for record in either} == {"new", "open"}
    with pytest.raises(Misconfigured) as caught:
        ref.read(select=Select(where={"c_nonsense": 1}))
    assert caught.value.remedy


@pytest.mark.parametrize("knobs", [{"minute_dates": True}, {"show_next": False}, {"paging_cap": 10_000}])
def test_habits_of_other_versions_lose_nothing(ref: Shop, knobs: dict[str, Any]) -> None:
    ref.control.set(**knobs)
    assert sorted({record.key for record in ref.read()}) == ref.numbers()


def test_a_start_is_an_instant_less_the_overlap(ref: Shop) -> None:
    stamps = sorted(order["last_modified"] for order in ref.control.orders("RefArch"))
    start = datetime.fromisoformat(stamps[225])
    keys = ref.read(since=start, overlap=0)
    assert len(keys) == sum(stamp >= stamps[225][:19] for stamp in stamps)


def test_an_empty_first_poll_sticks(ref: Shop) -> None:
    ref.control.advance(3600)
    cursor = ref.cursor(since=datetime.now(UTC) + timedelta(minutes=30))
    number = ref.control.place_order()["order_no"]
    assert number in {record.key for record in ref.read(since=cursor)}


def test_orders_are_fetched_by_number(ref: Shop) -> None:
    numbers = ref.numbers()
    before = ref.adapter.calls()
    few = ref.adapter.fetch("orders", [*numbers[:2], "99999999"], select=ALL)
    assert sorted(few) == numbers[:2]
    assert ref.adapter.calls() - before == 3 + 1  # each directly, and the sign-in
    before = ref.adapter.calls()
    many = ref.adapter.fetch("orders", numbers[:50], select=Select(fields=("customer_info",)))
    assert sorted(many) == numbers[:50]
    assert ref.adapter.calls() - before == 1
    assert all(record.fields["customer_info"]["email"] for record in many.values())


def test_an_order_that_the_index_lacks_is_fetched_directly(ref: Shop) -> None:
    ref.control.set(index_lag=3600)
    late = ref.control.place_order()["order_no"]
    wanted = [*ref.numbers()[:9], late, "99999999"]
    found = ref.adapter.fetch("orders", wanted, select=ALL)
    assert sorted(found) == sorted({*wanted} - {"99999999"})


def test_orders_bear_none_of_our_keys(ref: Shop) -> None:
    before = ref.adapter.calls()
    assert ref.adapter.fetch("orders", ["orders:_ref:1"], by="our_key", select=ALL) == {}
    with pytest.raises(Misconfigured, match="no key of ours"):
        ref.read(select=Select(key_prefix="orders:"))
    assert ref.adapter.calls() == before


@pytest.mark.parametrize("dates", [True, False])
def test_custom_objects_are_read_whether_they_show_their_dates_or_not(ref: Shop, dates: bool) -> None:
    ref.control.set(object_dates=dates)
    wanted = sorted(o["key_value_string"] for o in ref.control.objects("ReturnRequest") if o["site_id"] == "RefArch")
    records = ref.read(RETURNS)
    assert sorted(record.key for record in records) == wanted
    assert {record.stamp is None for record in records} == {not dates}
    assert {record.site for record in records} == {"RefArch"}


@pytest.mark.parametrize("dates", [True, False])
def test_a_new_return_is_found_once_the_cursor_stands(ref: Shop, dates: bool) -> None:
    ref.control.set(object_dates=dates)
    ref.control.advance(600)
    cursor = ref.cursor(RETURNS)
    before = ref.adapter.calls()
    assert ref.read(RETURNS, cursor) == [] or dates
    assert ref.adapter.calls() - before == 1
    made = ref.control.place_return()
    fields = ("c_orderNo", "c_reason", "c_amount")
    (found,) = [record for record in ref.read(RETURNS, cursor, Select(fields=fields)) if record.key == made["key"]]
    assert found.fields["c_orderNo"] == made["c_orderNo"]


def test_custom_objects_beyond_the_paging_cap_are_read_by_narrower_windows(box: Sandbox) -> None:
    with shop(box, page=5, deep_paging=20) as ref:
        ref.control.set(object_dates=False, paging_cap=20)
        placed = set()
        for _ in range(60):
            ref.control.advance(60)
            placed.add(ref.control.place_return()["key"])
        ref.control.advance(600)
        since = datetime.now(UTC) + timedelta(seconds=61)
        assert {record.key for record in ref.read(RETURNS, since)} == placed


def test_a_run_of_equal_stamps_beyond_the_paging_cap_is_said_loudly(box: Sandbox) -> None:
    def run(house: Any) -> None:
        orders = house.world.shop.orders.sites["RefArch"]
        for number in house.world.shop.orders.shown("RefArch")[:30]:
            orders.put(number["order_no"], "RefArch", {**number, "last_modified": "2026-01-01T00:00:00.000Z"}, 0.0)

    with shop(box, page=5, deep_paging=20) as ref:
        ref.control.set(paging_cap=20)
        box.run(run)
        with pytest.raises(Misconfigured, match="more than 20 records") as caught:
            ref.read()
        assert "deep_paging" in caught.value.remedy
        assert "2026-01-01T00:00:00.000Z" in str(caught.value)


def test_our_custom_objects_are_found_by_key_prefix(ref: Shop) -> None:
    refunds = "custom_objects/RefundRequest"
    for key in ("returns:_ref_arch:_r_r-1:refund", "other:_ref_arch:_r_r-1:refund"):
        assert ref.write(refunds, "create", key, {"c_returnId": "RR-1"}).target == key
    records = ref.read(refunds, select=Select(key_prefix="returns:"))
    assert [record.our_key for record in records] == ["returns:_ref_arch:_r_r-1:refund"]


def test_an_unknown_type_is_said_with_a_way_out(ref: Shop) -> None:
    with pytest.raises(Misconfigured) as caught:
        ref.read("custom_objects/Nonsense")
    assert "custom object type" in caught.value.remedy


def test_check_is_one_call_and_tells_facts(ref: Shop) -> None:
    report = ref.adapter.check()
    assert report.well
    assert report.facts["token"] == "1799 s"
    assert report.facts["site"] == "RefArch"
    assert ref.adapter.calls() == 2  # the sign-in and one search
    assert ref.adapter.check(uses("orders", "orders.notes", RETURNS, "custom_objects/RefundRequest")).well


def test_check_tells_what_an_administrator_must_do(ref: Shop) -> None:
    report = ref.adapter.check(uses("orders", "custom_objects/Nonsense"))
    (problem,) = report.problems
    assert problem.stream == "custom_objects/Nonsense"
    assert problem.remedy
    ref.control.set(indexing=False)
    (problem,) = ref.adapter.check().problems
    assert "Order Incremental Indexing" in problem.remedy
