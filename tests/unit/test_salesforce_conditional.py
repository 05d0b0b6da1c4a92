"""Conditional updates on the wire: what is sent, what each part's answer means, and when a record is too fresh to be guarded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from requests import PreparedRequest

from connector.adapters.salesforce.conditional import guard
from connector.errors import Changed, Gone, Rejected, Transient
from connector.model import Ref, Result, Select, Write
from tests.unit.salesforce_wire import BASE, QUERY, Answer, Wire, case, found, html, json_answer, org, row_id, update

COMPOSITE = BASE + "composite"
STAMP = "2026-11-20T09:00:00.000Z"


def guarded(number: int, **fields: Any) -> Write:
    return Write("update", f"k{number}", fields or {"Status": "Working"}, row_id(number), unless_changed=STAMP)


def answers(*parts: tuple[int, Any]) -> Answer:
    told = [
        {"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": f"r{at}"}
        for at, (status, body) in enumerate(parts)
    ]
    return json_answer({"compositeResponse": told})


def refused(code: str, message: str = "", *fields: str) -> list[dict[str, Any]]:
    return [{"errorCode": code, "message": message, "fields": list(fields)}]


def sent(wire: Wire) -> bytes:
    body = wire.sent(COMPOSITE)[0].body
    assert isinstance(body, bytes)
    return body


def parts(wire: Wire, call: int = -1) -> list[dict[str, Any]]:
    body = orjson.loads(wire.sent(COMPOSITE)[call].body or b"")
    assert body["allOrNone"] is False
    made: list[dict[str, Any]] = body["compositeRequest"]
    return made


def test_each_row_is_a_patch_with_its_own_condition_and_no_assignment_rules() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COMPOSITE, answers((204, None), (204, None)))
        results = adapter.write(
            "Case", [guarded(1, Status="Working", Amount__c=Decimal("12345678901234567.10")), guarded(2)]
        )
        assert results == [Result(row_id(1)), Result(row_id(2))]
        assert parts(wire)[1] == {
            "method": "PATCH",
            "url": f"/services/data/v66.0/sobjects/Case/{row_id(2)}",
            "referenceId": "r1",
            "httpHeaders": {"If-Unmodified-Since": "Fri, 20 Nov 2026 09:00:00 GMT", "Sforce-Auto-Assign": "FALSE"},
            "body": {"Status": "Working"},
        }
        assert b'"Amount__c":12345678901234567.10' in sent(wire)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (412, None, Changed),
        (412, refused("ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE"), Changed),
        (404, refused("ENTITY_IS_DELETED"), Gone),
        (404, refused("NOT_FOUND"), Gone),
        (400, refused("STRING_TOO_LONG", "Subject: data value too large", "Subject"), Rejected),
        (400, refused("UNABLE_TO_LOCK_ROW"), Transient),
        (400, refused("PROCESSING_HALTED"), Transient),
        (500, None, Transient),
    ],
)
def test_what_a_part_says_is_said_of_its_row_alone(status: int, body: Any, kind: type[Exception]) -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COMPOSITE, answers((204, None), (status, body), (204, None)))
        results = adapter.write("Case", [guarded(1), guarded(2), guarded(3)])
        assert [type(result.error) for result in results] == [type(None), kind, type(None)]
        if isinstance(error := results[1].error, Transient):
            assert error.uncertain is (status >= 500)


@pytest.mark.parametrize(
    "answer",
    [
        json_answer([]),
        json_answer({"compositeResponse": [{"httpStatusCode": 204, "referenceId": "r1"}]}),
        json_answer({"compositeResponse": [{"httpStatusCode": "?", "referenceId": "r0"}]}),
    ],
)
def test_an_answer_that_does_not_name_every_row_leaves_them_in_doubt(answer: Answer) -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COMPOSITE, answer)
        with pytest.raises(Transient) as caught:
            adapter.write("Case", [guarded(1)])
        assert caught.value.uncertain


def test_an_outage_amid_composites_stops_the_rest_and_what_was_answered_counts() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COMPOSITE, answers(*[(204, None)] * 25), html(503))
        results = adapter.write("Case", [*(guarded(number) for number in range(60)), update(99)])
        assert [result.error is None for result in results] == [True] * 25 + [False] * 36
        assert len(wire.sent(COMPOSITE)) == 2
        assert all(isinstance(result.error, Transient) for result in results[25:])


def test_a_name_that_means_another_id_by_now_goes_again_under_the_same_condition() -> None:
    ids = iter(["00G000000000001AAA", "00G000000000007AAA"])

    def queues(_: PreparedRequest) -> Answer:
        return found({"attributes": {}, "Id": next(ids), "DeveloperName": "Orders", "Name": "Orders queue"})

    with org() as (adapter, wire, _):
        wire.on("GET", QUERY, queues)
        stale = refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", "OwnerId")
        wire.script("POST", COMPOSITE, answers((400, stale)), answers((204, None)))
        assert adapter.write("Case", [guarded(1, OwnerId=Ref("queue", "Orders"))]) == [Result(row_id(1))]
        assert [parts(wire, call)[0]["body"]["OwnerId"][14] for call in (0, 1)] == ["1", "7"]
        assert parts(wire)[0]["httpHeaders"]["If-Unmodified-Since"] == "Fri, 20 Nov 2026 09:00:00 GMT"


def test_two_rows_on_one_record_are_one_part() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COMPOSITE, answers((204, None)))
        results = adapter.write("Case", [guarded(1, Status="a"), guarded(1, Status="b", Priority="High")])
        assert results == [Result(row_id(1))] * 2
        (part,) = parts(wire)
        assert part["body"] == {"Status": "b", "Priority": "High"}


# -- when a stamp guards -----------------------------------------------------------------------------------------------


def at(second: float) -> datetime:
    return datetime(2026, 11, 20, 9, 0, tzinfo=UTC) + timedelta(seconds=second)


@pytest.mark.parametrize(
    ("looked", "guards"),
    [(at(0), False), (at(0.9), False), (at(1), True), (at(60), True), (at(-5), False), (None, False)],
)
def test_a_stamp_guards_only_what_was_looked_at_in_a_later_second(looked: datetime | None, guards: bool) -> None:
    assert guard(STAMP, looked) == (STAMP if guards else None)
    assert guard(None, looked) is None


def test_the_look_is_placed_by_the_servers_clock_before_the_call_began() -> None:
    """Its Date is told in whole seconds when the answer leaves, and the answer took a while."""
    with org() as (adapter, wire, clock):

        def slowly(_: PreparedRequest) -> Answer:
            clock.forward(seconds=2)
            return found(case(1, "2026-11-20T09:59:58.000+0000"), case(2, "2026-11-20T09:59:57.000+0000"))

        wire.on("GET", QUERY, slowly)  # answered at 10:00:00
        seen = adapter.fetch("Case", [row_id(1), row_id(2)], select=Select(fields=("Status",)))
        assert [record.guard is not None for record in seen.values()] == [False, True]


def test_without_a_date_nothing_is_guarded() -> None:
    with org() as (adapter, wire, _):
        status, headers, body = found(case(1))
        wire.script("GET", QUERY, (status, {name: v for name, v in headers.items() if name != "Date"}, body))
        (record,) = adapter.fetch("Case", [row_id(1)], select=Select(fields=("Status",))).values()
        assert record.guard is None
