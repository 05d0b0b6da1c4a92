"""The simulated shop describes its attributes as the Data API does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.sandbox import Sandbox
from tests.contract.sandbox_caller import DATA, Caller, fault

ORDER = f"{DATA}/system_object_definitions/Order/attribute_definitions"
RETURNS = f"{DATA}/custom_object_definitions/ReturnRequest/attribute_definitions"
EVERYTHING = "select=(**)"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(orders=1, returns=0, shop_code=0) as made:
        yield made


@pytest.fixture
def caller(box: Sandbox) -> Iterator[Caller]:
    box.control.reset()
    made = Caller(box)
    yield made
    made.close()


def by_name(caller: Caller, path: str) -> dict[str, Any]:
    return {each["effective_id"]: each for each in caller.shop("GET", f"{path}?count=200&{EVERYTHING}").json()["data"]}


def test_attributes_of_an_order_have_their_types(caller: Caller) -> None:
    found = by_name(caller, ORDER)
    types = {name: found[name]["value_type"] for name in ("c_riskScore", "c_addressMismatch", "c_caseOwner")}
    assert types == {"c_riskScore": "double", "c_addressMismatch": "boolean", "c_caseOwner": "string"}
    assert (found["c_caseDecision"]["id"], found["c_caseDecision"]["value_type"]) == ("caseDecision", "enum_of_string")
    assert found["orderNo"]["system"]
    assert not found["c_caseDecision"]["system"]


def test_a_custom_type_names_its_key(caller: Caller) -> None:
    found = by_name(caller, RETURNS)
    assert [name for name, each in found.items() if each["key"]] == ["c_requestId"]
    assert "c_orderNo" in found


def test_a_list_has_pages_and_its_next_is_a_url(box: Sandbox, caller: Caller) -> None:
    names: list[str] = []
    path = f"{ORDER}?count=4&{EVERYTHING}"
    while path:
        page = caller.shop("GET", path).json()
        names += [each["effective_id"] for each in page["data"]]
        assert page["count"] == len(page["data"])
        path = page.get("next", "").removeprefix(box.sfcc_url)
        path = f"{path}&{EVERYTHING}" if path else ""
    assert sorted(names) == sorted(by_name(caller, ORDER))
    assert len(names) == page["total"]


def test_a_list_without_a_count_has_twenty_five_and_without_a_selector_ids_only(caller: Caller) -> None:
    page = caller.shop("GET", ORDER).json()
    assert page["count"] <= 25
    assert set(page["data"][0]) <= {"_type", "id", "link"}


def test_values_of_an_enumeration_come_with_expand_only(caller: Caller) -> None:
    assert "value_definitions" not in by_name(caller, ORDER)["c_caseDecision"]
    assert "value_definitions" not in caller.shop("GET", f"{ORDER}/caseDecision").json()
    shown = caller.shop("GET", f"{ORDER}/caseDecision?expand=value&{EVERYTHING}").json()
    assert [each["value"] for each in shown["value_definitions"]] == ["RELEASE", "HOLD", "CANCEL"]


def test_what_is_not_there_is_not_described(caller: Caller) -> None:
    assert fault(caller.shop("GET", f"{ORDER}/nothing")) == (404, "AttributeDefinitionNotFoundException")
    for path in (
        f"{DATA}/custom_object_definitions/Nothing/attribute_definitions",
        f"{DATA}/custom_object_definitions/Order/attribute_definitions",
        f"{DATA}/system_object_definitions/ReturnRequest/attribute_definitions",
    ):
        assert fault(caller.shop("GET", path)) == (404, "ObjectTypeNotFoundException")
    assert fault(caller.shop("GET", f"{ORDER}?count=0")) == (400, "MalformedParameterException")
    assert fault(caller.shop("DELETE", ORDER))[0] == 405


def test_a_client_without_the_entry_may_not_ask(box: Sandbox, caller: Caller) -> None:
    lists = {"resource_id": "/system_object_definitions/*/attribute_definitions", "methods": ["get"]}
    box.control.set(permissions={"bench": [lists]}, permission_style=403)
    assert caller.shop("GET", ORDER).status_code == 200
    assert caller.shop("GET", f"{ORDER}/caseDecision").status_code == 403
    assert caller.shop("GET", RETURNS).status_code == 403


def test_a_status_needs_an_entry_of_its_own(box: Sandbox, caller: Caller) -> None:
    orders = {"resource_id": "/sites/*/orders/*", "methods": ["patch", "put"]}
    box.control.set(permissions={"bench": [orders]}, permission_style=403)
    number = box.control.orders("RefArch")[0]["order_no"]
    where = f"{DATA}/sites/RefArch/orders/{number}"
    assert caller.shop("PATCH", where, {"c_caseOwner": "a"}).status_code == 204
    assert caller.shop("PUT", f"{where}/confirmation_status", {"status": "confirmed"}).status_code == 403
