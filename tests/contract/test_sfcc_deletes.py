"""Custom objects are deleted over real HTTP, over either API, once, and only where that is allowed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.adapters.sfcc.permissions import needed
from connector.errors import Gone, Rejected, Transient
from connector.model import StreamUse
from connector.sandbox import Sandbox
from tests.contract.scapi_shop import scapi_shop
from tests.contract.sfcc_shop import ALL, Shop, shop

RETURNS = "custom_objects/ReturnRequest"
KEY = "flow:_ref_arch:_r-1:lines:a"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(orders=2, returns=1, shop_code=0) as made:
        yield made


@pytest.fixture
def ref(box: Sandbox) -> Iterator[Shop]:
    with shop(box, tries=1) as made:
        yield made


@pytest.fixture(params=[shop, scapi_shop], ids=["ocapi", "scapi"])
def either(box: Sandbox, request: pytest.FixtureRequest) -> Iterator[Shop]:
    with request.param(box, tries=1) as made:
        yield made


def test_an_object_is_deleted_and_can_be_made_again_under_its_key(either: Shop) -> None:
    assert either.write(RETURNS, "create", KEY, {"c_reason": "LATE"}).error is None
    assert either.write(RETURNS, "delete", KEY, {}, target=KEY).error is None
    assert either.adapter.fetch(RETURNS, [KEY], select=ALL) == {}
    again = either.write(RETURNS, "delete", KEY, {}, target=KEY).error
    assert again is None or isinstance(again, Gone), "what is gone is gone"
    assert either.write(RETURNS, "create", KEY, {"c_reason": "DAMAGED"}).error is None
    assert either.adapter.fetch(RETURNS, [KEY], select=ALL)[KEY].fields["c_reason"] == "DAMAGED"


def test_a_deletion_whose_answer_was_lost_may_be_said_again(either: Shop) -> None:
    assert either.write(RETURNS, "create", KEY, {"c_reason": "LATE"}).error is None
    either.control.fault(kind="drop_after", system="sfcc", method="DELETE", times=1)
    with pytest.raises(Transient):
        either.write(RETURNS, "delete", KEY, {}, target=KEY)
    assert either.adapter.fetch(RETURNS, [KEY], select=ALL) == {}
    again = either.write(RETURNS, "delete", KEY, {}, target=KEY).error
    assert again is None or isinstance(again, Gone)


def test_a_key_that_names_no_object_is_refused(either: Shop) -> None:
    assert isinstance(either.write(RETURNS, "delete", KEY, {}, target="..").error, Rejected)


def test_over_scapi_the_right_to_delete_is_asked_for_and_named_where_it_is_missing(box: Sandbox) -> None:
    use = StreamUse(RETURNS, writes=frozenset({"delete"}))
    with scapi_shop(box) as made:
        assert not made.adapter.check([use]).problems
        made.control.fault(kind="status", system="sfcc", method="DELETE", status=403)
        (problem,) = made.adapter.check([use]).problems
    assert "sfcc.custom-objects.rw" in problem.remedy


def test_the_right_to_delete_is_asked_for_and_named_where_it_is_missing(ref: Shop) -> None:
    use = StreamUse(RETURNS, writes=frozenset({"update", "delete"}))
    assert ("data", "/sites/*/custom_objects/*/*", "delete") in list(needed(use))
    assert ref.adapter.check([use]).problems == ()
    entries = [
        {"resource_id": resource, "methods": [method]} for _, resource, method in needed(use) if method != "delete"
    ]
    ref.control.set(permissions={"bench": entries}, permission_style=403)
    (problem,) = ref.adapter.check([use]).problems
    assert '"methods": ["delete"]' in problem.remedy
