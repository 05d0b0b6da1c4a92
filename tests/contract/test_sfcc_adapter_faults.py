"""A shop that fails: whose fault it is, and that nothing is lost by it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.errors import AuthFailed, Misconfigured, RateLimited, Unavailable
from connector.sandbox import Sandbox
from connector.testing import FrozenClock
from tests.contract.sfcc_shop import ALL, Shop, shop, uses

RETURNS = "custom_objects/ReturnRequest"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(orders=60, returns=5, clients={"bench": "secret", "second": "secret"}) as made:
        yield made


@pytest.fixture
def ref(box: Sandbox) -> Iterator[Shop]:
    with shop(box, page=20, timeouts={"connect": 5, "read": 2, "total": 15}) as made:
        yield made


def tokens(ref: Shop) -> int:
    given: int = ref.control.journal()["tokens"].get("sfcc", 0)
    return given


def test_a_token_that_ends_mid_read_loses_nothing(ref: Shop) -> None:
    ref.control.fault(kind="expired_token", system="sfcc", path="order_search", nth=2)
    assert sorted(record.key for record in ref.read()) == ref.numbers()
    assert tokens(ref) == 2


def test_sixteen_threads_with_an_ended_token_make_one_sign_in(ref: Shop) -> None:
    numbers = ref.numbers()
    ref.adapter.check()
    ref.control.end_tokens("sfcc")
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda number: ref.adapter.fetch("orders", [number], select=ALL), numbers[:48]))
    assert [list(one) for one in found] == [[number] for number in numbers[:48]]
    assert tokens(ref) == 2


def test_a_token_that_ended_by_the_shops_clock_is_replaced_once(ref: Shop) -> None:
    ref.adapter.check()
    ref.control.advance(1800)
    for _ in range(3):
        ref.read()
    assert tokens(ref) == 2


def test_a_wrong_secret_is_a_failed_sign_in_with_a_way_out(box: Sandbox) -> None:
    with shop(box, client_secret="wrong-and-private") as ref, pytest.raises(AuthFailed) as caught:
        ref.adapter.check()
    assert caught.value.code == "invalid_client"
    assert "client_secret" in caught.value.remedy
    assert "wrong-and-private" not in f"{caught.value} {caught.value.remedy}"


def test_a_sign_in_that_is_down_is_no_failed_sign_in(ref: Shop) -> None:
    ref.control.fault(kind="status", system="sfcc", path="access_token", status=503)
    with pytest.raises(Unavailable):
        ref.read()


def test_a_token_refused_everywhere_is_a_failed_sign_in_after_one_refresh(ref: Shop) -> None:
    ref.control.fault(kind="expired_token", system="sfcc", path="/dw/")
    with pytest.raises(AuthFailed) as caught:
        ref.read()
    assert caught.value.remedy
    assert tokens(ref) == 2


def test_two_tokens_that_were_refused_one_after_the_other_do_not_stop_the_connection_until_the_second_ends(
    box: Sandbox,
) -> None:
    clock = FrozenClock(datetime.now(UTC))
    with shop(box, clock=clock) as ref:
        ref.control.fault(kind="expired_token", system="sfcc", path="/dw/", times=2)
        for _ in range(3):
            with pytest.raises(AuthFailed):
                ref.read()
        assert tokens(ref) == 2, "one more sign-in is not worth a try yet"
        clock.forward(seconds=61)
        assert ref.read()
        assert tokens(ref) == 3


@pytest.mark.parametrize("style", [401, 403])
def test_a_missing_permission_is_said_and_no_reason_to_sign_in_again_and_again(ref: Shop, style: int) -> None:
    allowed = [{"resource_id": "/order_search", "methods": ["post"]}]
    ref.control.set(permission_style=style, permissions={"bench": allowed})
    number = ref.read()[0].key
    for _ in range(5):
        with pytest.raises(Misconfigured) as caught:
            ref.adapter.fetch("orders", [number], select=ALL)
        assert '"resource_id": "/orders/*", "methods": ["get"]' in caught.value.remedy
        ref.read()
    assert tokens(ref) <= 2
    report = ref.adapter.check(uses("orders", "orders.notes", RETURNS))
    assert [problem.stream for problem in report.problems] == ["orders.notes", RETURNS]


def test_a_permission_that_comes_back_is_used(ref: Shop) -> None:
    ref.control.set(permissions={"bench": [{"resource_id": "/order_search", "methods": ["post"]}]})
    number = ref.read()[0].key
    with pytest.raises(Misconfigured):
        ref.adapter.fetch("orders", [number], select=ALL)
    ref.control.set(permissions={})
    assert list(ref.adapter.fetch("orders", [number], select=ALL)) == [number]


def test_keys_that_a_client_may_not_read_are_said(ref: Shop) -> None:
    trimmed = {"resource_id": "/order_search", "methods": ["post"], "read_attributes": "(status)"}
    ref.control.set(permissions={"bench": [trimmed]})
    with pytest.raises(Misconfigured, match="order_no") as caught:
        ref.read()
    assert "read_attributes" in caught.value.remedy


def test_a_client_of_another_id_is_said(ref: Shop) -> None:
    ref.control.fault(kind="error", system="sfcc", path="order_search", status=400, code="InvalidClientIdException")
    with pytest.raises(AuthFailed) as caught:
        ref.read()
    assert "client_id" in caught.value.remedy


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"site": "Nowhere"}, "site"), ({"shop_version": "v19_1"}, "shop_version")],
)
def test_a_wrong_setting_is_said(box: Sandbox, changes: dict[str, Any], word: str) -> None:
    with shop(box, **changes) as ref:
        (problem,) = ref.adapter.check().problems
        assert word in problem.remedy


def test_an_index_that_is_off_pauses_and_is_not_hammered(ref: Shop) -> None:
    ref.control.set(indexing=False)
    with pytest.raises(Misconfigured) as caught:
        ref.read()
    assert "Order Incremental Indexing" in caught.value.remedy
    assert ref.requests() == 2


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncate", "html200"])
def test_one_broken_answer_is_got_over_within_the_call(ref: Shop, kind: str) -> None:
    ref.control.fault(kind=kind, system="sfcc", path="order_search", nth=2)
    assert sorted(record.key for record in ref.read()) == ref.numbers()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 503, "form": "html"},
        {"kind": "status", "status": 502, "form": "html"},
        {"kind": "status", "status": 504, "form": "empty"},
        {"kind": "status", "status": 500, "form": "html"},
        {"kind": "html200"},
        {"kind": "truncate"},
        {"kind": "drop_after"},
        {"kind": "hang", "seconds": 5},
    ],
)
def test_a_broken_shop_is_unavailable_and_costs_a_few_calls(ref: Shop, fault: dict[str, Any]) -> None:
    ref.adapter.check()
    before = ref.adapter.calls()
    ref.control.fault(system="sfcc", path="order_search", **fault)
    with pytest.raises(Unavailable) as caught:
        ref.read()
    assert not caught.value.uncertain
    assert ref.adapter.calls() - before <= 3


def test_a_shop_that_is_down_costs_one_call(ref: Shop) -> None:
    ref.adapter.check()
    before = ref.adapter.calls()
    ref.box.outage("sfcc")
    try:
        with pytest.raises(Unavailable, match="connection refused"):
            ref.read()
    finally:
        ref.box.outage("sfcc", down=False)
    assert ref.adapter.calls() - before == 1
    assert sorted(record.key for record in ref.read()) == ref.numbers()


def test_a_429_says_until_when(ref: Shop) -> None:
    ref.control.fault(kind="status", system="sfcc", path="order_search", status=429, retry_after=90)
    begin = datetime.now(UTC)
    with pytest.raises(RateLimited) as caught:
        ref.read()
    assert caught.value.until is not None
    assert begin <= caught.value.until - timedelta(seconds=90) <= datetime.now(UTC)


def test_a_429_without_a_date_says_nothing(ref: Shop) -> None:
    ref.control.fault(kind="status", system="sfcc", path="order_search", status=429)
    with pytest.raises(RateLimited) as caught:
        ref.read()
    assert caught.value.until is None


def test_a_fault_in_the_middle_of_a_read_keeps_the_pages_before_it(ref: Shop) -> None:
    ref.control.fault(kind="status", system="sfcc", path="order_search", status=503, skip=2)
    pages = ref.adapter.read("orders", None, select=ALL)
    first, second = next(pages), next(pages)
    with pytest.raises(Unavailable):
        next(pages)
    ref.control.clear_faults()
    stored = [record.key for page in (first, second) for record in page.records]
    rest = [record.key for record in ref.read(since=second.cursor)]
    assert sorted({*stored, *rest}) == ref.numbers()
    assert len(rest) < len(ref.numbers())
