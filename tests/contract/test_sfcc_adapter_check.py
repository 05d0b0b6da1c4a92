"""What `check` finds in a shop: compared with what the flows do, by the shop's own description, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.adapters.sfcc import Sfcc
from connector.adapters.sfcc.checking import NOBODY
from connector.adapters.sfcc.client import Client
from connector.adapters.sfcc.definitions import Definitions
from connector.errors import AuthFailed, Unavailable
from connector.model import FieldUse, Kind, Op, Problem, StreamUse
from connector.sandbox import Sandbox
from tests.contract.sfcc_shop import Shop, SystemClock, shop, uses

RETURNS, REFUNDS = "custom_objects/ReturnRequest", "custom_objects/RefundRequest"
EVERY = {
    "/order_search": ["post"],
    "/orders/*": ["get"],
    "/orders/*/notes": ["get", "post"],
    "/sites/*/orders/*": ["patch"],
    "/sites/*/orders/*/status": ["put"],
    "/custom_objects_search/*": ["post"],
    "/sites/*/custom_objects/*/*": ["get", "put", "patch"],
    "/system_object_definitions/*/attribute_definitions": ["get"],
    "/system_object_definitions/*/attribute_definitions/*": ["get"],
    "/custom_object_definitions/*/attribute_definitions": ["get"],
    "/custom_object_definitions/*/attribute_definitions/*": ["get"],
}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(orders=5, returns=2, shop_code=0) as made:
        yield made


@pytest.fixture
def ref(box: Sandbox) -> Iterator[Shop]:
    with shop(box, tries=1) as made:
        yield made


def allow(ref: Shop, style: int = 403, **left_out: str) -> None:
    """Everything that the flows need but for one method of one resource."""
    entries = {resource: list(methods) for resource, methods in EVERY.items()}
    if left_out:
        entries[left_out["resource"]].remove(left_out["method"])
    permissions = [{"resource_id": resource, "methods": methods} for resource, methods in entries.items()]
    ref.control.set(permissions={"bench": permissions}, permission_style=style)


def writes(stream: str, name: str, *kinds: Kind, op: Op = "update", **facts: Any) -> StreamUse:
    field = FieldUse(name, creates=op != "update", updates=op == "update", kinds=frozenset(kinds), **facts)
    return StreamUse(stream, writes=frozenset({op}), fields={name: field})


def reads(stream: str, *names: str) -> StreamUse:
    fields = {name: FieldUse(name, reads=True) for name in names}
    return StreamUse(stream, changes=True, fetches=True, fields=fields)


ALL_OF_IT = [
    StreamUse(
        "orders",
        changes=True,
        fetches=True,
        writes=frozenset({"update"}),
        fields={
            "c_riskScore": FieldUse("c_riskScore", reads=True),
            "status": FieldUse("status", reads=True),
            "c_caseDecision": FieldUse(
                "c_caseDecision", updates=True, kinds=frozenset({"text"}), values=("RELEASE", "HOLD"), closed=True
            ),
            "c_caseDecidedAt": FieldUse("c_caseDecidedAt", updates=True, kinds=frozenset({"instant"})),
        },
    ),
    writes("orders.notes", "text", "text", op="append"),
    writes("orders.status", "status", "text", values=("cancelled",), closed=True),
    StreamUse(RETURNS, changes=True, fetches=True, writes=frozenset({"update"})),
    writes(REFUNDS, "c_amount", "number", op="create"),
]


def problems(ref: Shop, *asked: StreamUse) -> list[Problem]:
    return list(ref.adapter.check(asked).problems)


def only(ref: Shop, *asked: StreamUse) -> Problem:
    (problem,) = problems(ref, *asked)
    assert problem.remedy
    return problem


def test_a_shop_that_has_everything_is_well(ref: Shop) -> None:
    allow(ref)
    assert problems(ref, *ALL_OF_IT) == []


def test_nothing_is_written_to_find_out_what_may_be_written(ref: Shop) -> None:
    before = (ref.control.orders(), ref.control.objects("ReturnRequest"), ref.control.objects("RefundRequest"))
    problems(ref, *ALL_OF_IT)
    assert (ref.control.orders(), ref.control.objects("ReturnRequest"), ref.control.objects("RefundRequest")) == before
    assert ref.control.notes() == []


def test_a_probe_would_change_nothing_even_if_its_record_were_there(ref: Shop) -> None:
    def place(house: Any) -> None:
        house.world.place_order(order_no=NOBODY)
        house.world.shop.objects.put("RefArch", "ReturnRequest", NOBODY, {}, "")

    ref.box.run(place)
    ref.control.set(permissions={})
    before = {k: v for k, v in ref.control.order(NOBODY).items() if k not in ("last_modified", "_resource_state")}
    assert problems(ref, *ALL_OF_IT) == []
    after = {k: v for k, v in ref.control.order(NOBODY).items() if k not in ("last_modified", "_resource_state")}
    assert after == before
    assert ref.control.notes() == []


@pytest.mark.parametrize("style", [401, 403])
@pytest.mark.parametrize(
    ("resource", "method"), [(resource, method) for resource, methods in EVERY.items() for method in methods]
)
def test_every_missing_permission_is_found_with_the_entry_to_add(
    ref: Shop, resource: str, method: str, style: int
) -> None:
    allow(ref, style, resource=resource, method=method)
    found = problems(ref, *ALL_OF_IT)
    if (resource, method) == ("/sites/*/custom_objects/*/*", "put"):
        assert found == []  # it would make an object, so nobody tries it
        return
    if resource == "/custom_object_definitions/*/attribute_definitions/*":
        assert found == []  # no constant is written to an enumeration there
        return
    entry = f'{{"resource_id": "{resource}", "methods": ["{method}"]}}'
    assert any(entry in problem.remedy for problem in found), found
    assert all(entry in problem.remedy for problem in found), "one fault is told once"


def test_without_the_definitions_the_rest_is_checked(ref: Shop) -> None:
    allow(ref, resource="/system_object_definitions/*/attribute_definitions", method="get")
    found = problems(ref, reads("orders", "c_missing", "statsu"), writes("orders.status", "status", values=("neu",)))
    assert [problem.field for problem in found] == ["statsu", "", "status"]


@pytest.mark.parametrize(
    ("use", "field", "words", "remedy"),
    [
        (reads("orders", "c_riskScor"), "c_riskScor", "Order has no attribute", "did you mean c_riskScore?"),
        (reads("orders", "statsu"), "statsu", "has no field statsu", "did you mean status?"),
        (writes("orders", "c_caseStat", "text"), "c_caseStat", "has no attribute", "did you mean c_caseStatus?"),
        (writes("orders", "status", "text"), "status", "cannot be written", "orders.status"),
        (reads(RETURNS, "c_orderNumber"), "c_orderNumber", "ReturnRequest has no attribute", "did you mean c_orderNo?"),
        (reads(RETURNS, "order_no"), "order_no", "has no field", "c_"),
        (writes("orders", "c_riskScore", "text"), "c_riskScore", "of type double, and a mapping writes text", "number"),
        (writes("orders", "c_caseOwner", "number"), "c_caseOwner", "of type string", "text"),
        (writes("orders", "c_addressMismatch", "text"), "c_addressMismatch", "of type boolean", "boolean"),
        (writes("orders", "c_caseDecidedAt", "date"), "c_caseDecidedAt", "of type datetime", "instant"),
        (writes("orders", "c_caseDecidedAt", "instant", "number"), "c_caseDecidedAt", "writes number", "instant"),
        (writes("orders.notes", "author", "text", op="append"), "author", "no field of a note", "subject and text"),
        (writes("orders.status", "c_caseOwner", "text"), "c_caseOwner", "has no field", "only_from"),
        (
            writes("orders.external_status", "external_status", "text", longest=4000),
            "external_status",
            "4000 characters",
            "truncate",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_told_with_its_field(
    ref: Shop, use: StreamUse, field: str, words: str, remedy: str
) -> None:
    problem = only(ref, use)
    assert (problem.stream, problem.field) == (use.stream, field)
    assert words in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("use", "value", "remedy"),
    [
        (writes("orders", "c_caseDecision", "text", values=("HOLD", "RELEASED")), "RELEASED", "did you mean RELEASE?"),
        (writes("orders.status", "status", "text", values=("cancelled", "canceled")), "canceled", "cancelled"),
        (writes("orders.status", "only_from", "text", values=("new, opne",)), "new, opne", "known: created, new, open"),
        (writes("orders.export_status", "export_status", "text", values=("exported",)), "exported", "may_export"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_constant_that_cannot_be_is_told_itself(ref: Shop, use: StreamUse, value: str, remedy: str) -> None:
    problem = only(ref, use)
    assert (problem.field, problem.value) == (next(iter(use.fields)), value)
    assert remedy in problem.remedy


def test_what_a_mapping_leaves_open_is_no_problem(ref: Shop) -> None:
    assert problems(ref, writes("orders", "c_riskScore"), writes("orders.status", "status")) == []


def test_a_field_that_a_real_order_shows_is_there_though_no_page_names_it(ref: Shop) -> None:
    for number in ref.numbers():
        ref.control.change_order(number, brand_new_field=1)
    assert problems(ref, reads("orders", "brand_new_field")) == []


def test_a_type_that_is_not_there_is_told_once(ref: Shop) -> None:
    problem = only(ref, reads("custom_objects/ReturnReqest", "c_orderNo", "c_reason"))
    assert "ObjectTypeNotFoundException" in problem.message


def test_definitions_on_many_pages_are_all_read(ref: Shop) -> None:
    client = Client("shop", ref.adapter.settings, SystemClock())
    whole = Definitions(client).of("Order")
    assert {"c_caseDecision", "c_riskScore", "orderNo"} <= set(whole)
    assert Definitions(client, page=3).of("Order") == whole
    assert len(whole) > 9
    client.http.close()


@pytest.mark.parametrize("skew", [61, -61, 3600])
def test_clocks_that_are_apart_are_told(skew: int) -> None:
    with Sandbox(orders=1, returns=0, shop_code=0, clock_skew=skew) as box, shop(box) as ref:
        problem = only(ref)
        assert ("behind the shop's" if skew > 0 else "ahead of the shop's") in problem.message
        assert "NTP" in problem.remedy


def test_a_second_between_clocks_is_nothing() -> None:
    with Sandbox(orders=1, returns=0, shop_code=0, clock_skew=30) as box, shop(box) as ref:
        assert problems(ref) == []


class Moved:
    """Our own clock, an hour late."""

    def now(self) -> datetime:
        return datetime.now(UTC) - timedelta(hours=1)


def test_it_is_our_clock_that_is_compared(ref: Shop) -> None:
    adapter = Sfcc("shop", ref.adapter.settings, clock=Moved())
    (problem,) = adapter.check().problems
    assert "behind the shop's" in problem.message
    adapter.close()


def test_flows_that_only_write_to_orders_need_no_search(ref: Shop) -> None:
    allow(ref, resource="/order_search", method="post")
    assert problems(ref, *(use for use in ALL_OF_IT if use.stream != "orders")) == []


def test_a_health_check_is_one_call(ref: Shop) -> None:
    ref.adapter.check()
    before = ref.adapter.calls()
    ref.adapter.check()
    assert ref.adapter.calls() - before == 1


def test_what_a_check_costs_is_counted(ref: Shop) -> None:
    ref.adapter.check()
    before = ref.adapter.calls()
    ref.adapter.check(ALL_OF_IT)
    assert ref.adapter.calls() - before <= 18


def test_a_shop_that_refuses_us_is_no_list_of_problems(ref: Shop) -> None:
    ref.control.fault(kind="expired_token", system="sfcc", path="/dw/")
    with pytest.raises(AuthFailed):
        ref.adapter.check(uses("orders"))


def test_a_shop_that_is_away_is_no_list_of_problems(ref: Shop) -> None:
    ref.control.fault(kind="status", system="sfcc", path="orders/", status=503)
    with pytest.raises(Unavailable):
        ref.adapter.check(uses("orders.notes"))
