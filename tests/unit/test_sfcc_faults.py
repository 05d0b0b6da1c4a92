"""What a refused OCAPI call means: its type decides, never its message."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from connector.adapters.sfcc.faults import RULES, Resource, fault_of, translate
from connector.errors import AuthFailed, Conflict, Gone, Misconfigured, RateLimited, Rejected, Transient, Unavailable
from connector.http import Intent, Response

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
PATCH = Resource("Data", "/sites/*/orders/*", "PATCH")
SEARCH = Resource("Shop", "/order_search", "POST")


def refused(
    status: int, kind: str = "", intent: Intent = "update", message: str = "secret words", **arguments: Any
) -> Response:
    document = {"_v": "24.5", "fault": {"type": kind, "message": message, "arguments": arguments}}
    content = orjson.dumps(document) if kind else b"<html>"
    return Response(status, {}, content, "shop: PATCH /orders/1", intent, NOW)


def write(status: int, kind: str = "", **arguments: Any) -> Any:
    return translate(refused(status, kind, **arguments), PATCH, "client", writing=True)


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "HookStatusException", Rejected),
        (400, "InvalidCustomPropertyException", Rejected),
        (400, "EnumConstraintViolationException", Rejected),
        (400, "TypeMissmatchException", Rejected),
        (409, "OrderPreviouslyIntegratedStatusException", Rejected),
        (409, "OrderStatusTransitionException", Rejected),
        (409, "ResourceStateConflictException", Conflict),
        (404, "OrderNotFoundException", Gone),
        (404, "CustomObjectNotFoundException", Gone),
        (404, "SiteNotFoundException", Misconfigured),
        (404, "ObjectTypeNotFoundException", Misconfigured),
        (404, "", Misconfigured),
        (400, "InvalidVersionException", Misconfigured),
        (400, "InvalidClientIdException", AuthFailed),
        (403, "ClientAccessForbiddenException", Misconfigured),
        (403, "", Misconfigured),
        (401, "ClientAccessForbiddenException", Misconfigured),
        (429, "", RateLimited),
        (503, "", Unavailable),
        (500, "InternalServerErrorException", Transient),
        (400, "SomethingNewException", Rejected),
        (409, "SomethingNewException", Rejected),
    ],
)
def test_a_refused_write_is(status: int, kind: str, error: type[Exception]) -> None:
    assert type(write(status, kind)) is error


@pytest.mark.parametrize("kind", sorted(RULES))
def test_the_message_decides_nothing_and_is_not_shown(kind: str) -> None:
    one = write(400, kind)
    other = translate(refused(400, kind, message="No order could be found"), PATCH, "client", writing=True)
    assert (type(one), str(one), one.code) == (type(other), str(other), kind)
    assert "secret words" not in str(one)


@pytest.mark.parametrize("kind", sorted(RULES))
def test_a_read_is_never_a_records_fault(kind: str) -> None:
    error = translate(refused(400, kind, "read"), SEARCH, "client", writing=False)
    assert not isinstance(error, Rejected)


def test_every_refusal_has_a_way_out() -> None:
    assert [kind for kind in RULES if not write(400, kind).remedy] == ["ResourceStateConflictException"]
    assert write(400, "SomethingNewException").remedy


@pytest.mark.parametrize("name", ["property", "field", "attribute", "parameter", "name"])
@pytest.mark.parametrize("value", ["c_caseStatus", {"type": "string", "value": "c_caseStatus"}])
def test_the_refused_field_is_named(name: str, value: Any) -> None:
    error = write(400, "InvalidCustomPropertyException", **{name: value})
    assert isinstance(error, Rejected)
    assert error.field == "c_caseStatus"
    assert "c_caseStatus" in str(error)


def test_a_hooks_veto_is_told_without_the_customer() -> None:
    error = write(
        400,
        "HookStatusException",
        extensionPoint="dw.ocapi.shop.order.beforePATCH",
        statusCode="LOCKED",
        statusMsg="order of ada@example.org is being packed",
        statusDetails={"type": "Map", "value": {"customer": "Ada Lee"}},
    )
    assert "is being packed" in str(error)
    assert "beforePATCH" in str(error)
    assert "ada@" not in str(error)
    assert "Ada Lee" not in str(error)


def test_the_value_that_was_refused_is_not_shown() -> None:
    error = write(400, "EnumConstraintViolationException", name="c_status", value="Ada Lee", enumValue="Ada Lee")
    assert "Ada" not in str(error)


def test_a_missing_permission_names_resource_and_method() -> None:
    error = write(403, "ClientAccessForbiddenException")
    assert '"resource_id": "/sites/*/orders/*", "methods": ["patch"]' in error.remedy
    assert "Data" in error.remedy


def test_a_fault_500_of_the_order_search_is_an_index_that_is_off() -> None:
    error = translate(refused(500, "InternalServerErrorException", "read"), SEARCH, "client", writing=False)
    assert isinstance(error, Misconfigured)
    assert "Order Incremental Indexing" in error.remedy
    page = translate(refused(500, "", "read"), SEARCH, "client", writing=False)
    assert type(page) is Unavailable


@pytest.mark.parametrize("status", [400, 404, 409])
def test_half_a_fault_is_no_verdict_on_the_record_or_the_configuration(status: int) -> None:
    whole = refused(status, "CustomObjectNotFoundException").content
    for end in (1, len(whole) // 2, len(whole) - 1):
        answer = Response(status, {}, whole[:end], "shop: PUT /custom_objects/1", "update", NOW)
        error = translate(answer, PATCH, "client", writing=True)
        assert type(error) is Transient
        assert error.uncertain
        looked = Response(status, {}, whole[:end], "shop: GET /custom_objects/1", "read", NOW)
        assert type(translate(looked, PATCH, "client", writing=True)) is Unavailable


@pytest.mark.parametrize(("status", "kind"), [(401, Misconfigured), (429, RateLimited), (503, Unavailable)])
def test_a_status_that_says_it_all_needs_no_whole_document(status: int, kind: type[Exception]) -> None:
    answer = Response(status, {}, b'{"fault": {"ty', "shop: PUT /custom_objects/1", "update", NOW)
    assert type(translate(answer, PATCH, "client", writing=True)) is kind


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b"17", b'{"fault": null}', b'{"fault": {"arguments": 5}}', b'{"error": "x"}']
)
def test_a_body_that_is_no_fault_has_no_type(content: bytes) -> None:
    assert fault_of(Response(400, {}, content, "x", "read", NOW)).type == ""
