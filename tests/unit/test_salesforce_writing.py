"""Creates under our key, updates by Id: every row's own result, and what is done about the rows that fail."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import orjson
import pytest
import requests
from requests import PreparedRequest

from connector.errors import Conflict, Gone, Misconfigured, RateLimited, Rejected, Transient, Unavailable
from connector.model import Ref, Result, Write
from tests.unit.salesforce_wire import (
    COLLECTIONS,
    KEY,
    QUERY,
    Answer,
    Wire,
    create,
    done,
    failed,
    found,
    html,
    json_answer,
    org,
    refusal,
    row_id,
    update,
)

TAKEN = "duplicate value found: Commerce_Key__c duplicates value on record with id: 500XXXXXXXXXXXX"


def held(number: int, key: str) -> dict[str, Any]:
    return {"attributes": {"type": "Case"}, "Id": row_id(number), KEY: key}


def test_a_create_carries_the_key_in_its_body_and_upserts_nothing() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([done(1), done(2)]))
        results = adapter.write("Case", [create("k1", Subject="a"), create("k2", Subject="b")])
        assert results == [Result(row_id(1)), Result(row_id(2))]
        assert wire.records() == [
            {"attributes": {"type": "Case"}, "Subject": "a", KEY: "k1"},
            {"attributes": {"type": "Case"}, "Subject": "b", KEY: "k2"},
        ]
        body = orjson.loads(wire.sent(COLLECTIONS)[0].body or b"")
        assert body["allOrNone"] is False


def test_a_mapping_cannot_overwrite_our_key_or_the_target() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([done(1)]))
        adapter.write("Case", [create("k1", **{KEY: "another"})])
        assert wire.records()[0][KEY] == "k1"
        wire.script("PATCH", COLLECTIONS, json_answer([done(1)]))
        adapter.write("Case", [update(1, id="500ANOTHER")])
        assert wire.records()[0]["id"] == row_id(1)


def test_five_calls_make_a_thousand_cases() -> None:
    with org() as (adapter, wire, _):

        def answer(request: PreparedRequest) -> Answer:
            rows = orjson.loads(request.body or b"")["records"]
            return json_answer([done(int(row[KEY][1:])) for row in rows])

        wire.on("POST", COLLECTIONS, answer)
        results = adapter.write("Case", [create(f"k{number}") for number in range(1000)])
        assert [result.target for result in results] == [row_id(number) for number in range(1000)]
        assert len(wire.sent(COLLECTIONS)) == 5


def test_http_200_with_errors_inside_counts_as_errors_of_their_rows_alone() -> None:
    with org() as (adapter, wire, _):
        bad = failed("REQUIRED_FIELD_MISSING", "Required fields are missing: [Origin]", ["Origin"])
        wire.script("POST", COLLECTIONS, json_answer([done(1), bad, done(3)]))
        first, second, third = adapter.write("Case", [create("k1"), create("k2"), create("k3")])
        assert (first.target, third.target) == (row_id(1), row_id(3))
        assert isinstance(second.error, Rejected)
        assert second.error.field == "Origin"


def test_keys_that_exist_are_found_in_one_query_and_linked_not_written() -> None:
    with org() as (adapter, wire, _):
        taken = failed("DUPLICATE_VALUE", TAKEN)
        wire.script("POST", COLLECTIONS, json_answer([taken, done(2), taken]))
        wire.script("GET", QUERY, found(held(31, "k3"), held(11, "k1")))
        results = adapter.write("Case", [create("k1"), create("k2"), create("k3")])
        assert results == [
            Result(row_id(11), existed=True),
            Result(row_id(2)),
            Result(row_id(31), existed=True),
        ]
        assert wire.queries() == [f"SELECT Id,{KEY} FROM Case WHERE {KEY} IN ('k1','k3') ORDER BY Id"]
        assert len(wire.sent(COLLECTIONS)) == 1


def test_the_id_in_the_duplicate_message_is_never_believed() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([failed("DUPLICATE_VALUE", TAKEN)]))
        wire.script("GET", QUERY, found())
        [result] = adapter.write("Case", [create("k1")])
        assert isinstance(result.error, Conflict)
        assert result.target is None


def test_two_records_with_one_key_give_the_older_one_each_time() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([failed("DUPLICATE_EXTERNAL_ID", "more than one record")]))
        wire.script("GET", QUERY, found(held(3, "k1"), held(9, "k1")))
        assert adapter.write("Case", [create("k1")]) == [Result(row_id(3), existed=True)]


@pytest.mark.parametrize(
    "error",
    [
        failed("DUPLICATE_VALUE", "duplicate value found: Order_No__c duplicates value on record with id: 5", []),
        failed("DUPLICATE_VALUE", "duplicate value found", ["Order_No__c"]),
    ],
)
def test_a_duplicate_of_another_field_is_refused_without_a_look_up(error: dict[str, Any]) -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([error]))
        [result] = adapter.write("Case", [create("k1", Order_No__c="00001301")])
        assert isinstance(result.error, Rejected)
        assert result.error.field == "Order_No__c"
        assert wire.queries() == []


def test_a_duplicate_that_names_no_field_is_looked_up_before_it_is_refused() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([failed("DUPLICATE_VALUE", "doppelter Wert")] * 2))
        wire.script("GET", QUERY, found(held(7, "k1")))
        first, second = adapter.write("Case", [create("k1"), create("k2")])
        assert first == Result(row_id(7), existed=True)
        assert isinstance(second.error, Rejected)


def test_a_look_up_that_fails_leaves_the_other_rows_results_standing() -> None:
    with org(timeouts={"total": 1}) as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([failed("DUPLICATE_VALUE", TAKEN), done(2)]))
        wire.script("GET", QUERY, html(500))
        first, second = adapter.write("Case", [create("k1"), create("k2")])
        assert second == Result(row_id(2))
        assert isinstance(first.error, Transient)
        assert not first.error.uncertain


def test_a_look_up_that_fails_for_all_rows_is_the_connection_s_fault() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([failed("DUPLICATE_VALUE", TAKEN)]))
        wire.script("GET", QUERY, html(500))
        with pytest.raises(Unavailable):
            adapter.write("Case", [create("k1")])


def test_the_same_key_or_target_twice_in_a_call_is_sent_once_and_later_fields_win() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([done(1), done(2)]))
        twice = [create("k1", Subject="old", Origin="Web"), create("k2"), create("k1", Subject="new")]
        assert adapter.write("Case", twice) == [Result(row_id(1)), Result(row_id(2)), Result(row_id(1))]
        assert wire.records()[0] == {"attributes": {"type": "Case"}, "Subject": "new", "Origin": "Web", KEY: "k1"}
        wire.script("PATCH", COLLECTIONS, json_answer([done(1)]))
        short = Write("update", "k1", {"Priority": "High"}, target=row_id(1)[:15])
        assert adapter.write("Case", [update(1, Status="Working"), short]) == [Result(row_id(1))] * 2
        assert wire.records() == [
            {"attributes": {"type": "Case"}, "Status": "Working", "Priority": "High", "id": row_id(1)}
        ]


@pytest.mark.parametrize(
    "error",
    [
        failed("ENTITY_IS_DELETED", "entity is deleted"),
        failed("NOT_FOUND", "Provided external ID field does not exist or is not accessible"),
        failed("MALFORMED_ID", "malformed id 500", ["Id"]),
        failed("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
    ],
)
def test_an_update_of_a_deleted_or_merged_case_says_gone(error: dict[str, Any]) -> None:
    with org() as (adapter, wire, _):
        wire.script("PATCH", COLLECTIONS, json_answer([error, done(2)]))
        first, second = adapter.write("Case", [update(1), update(2)])
        assert isinstance(first.error, Gone)
        assert second.error is None


def test_a_wrong_owner_in_an_update_is_not_taken_for_a_deleted_case() -> None:
    with org() as (adapter, wire, _):
        error = failed("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        wire.script("PATCH", COLLECTIONS, json_answer([error]))
        [result] = adapter.write("Case", [update(1, OwnerId="005000000000009AAA")])
        assert isinstance(result.error, Rejected)


class Entangled:
    """Fails a whole chunk while it holds a bad row and more than one: "Too many batch retries"."""

    TEXT = "Too many batch retries in the presence of Apex triggers and partial failures."

    def __init__(self, bad: set[str], *, whole: bool) -> None:
        self.bad, self.whole, self.sizes = bad, whole, list[int]()

    def __call__(self, request: PreparedRequest) -> Answer:
        rows = [row[KEY] for row in orjson.loads(request.body or b"")["records"]]
        self.sizes.append(len(rows))
        if len(rows) > 1 and self.bad & set(rows):
            if self.whole:
                return refusal(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", self.TEXT)
            return json_answer([failed("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", self.TEXT)] * len(rows))
        return json_answer([failed("STRING_TOO_LONG", "x") if key in self.bad else done(int(key[1:])) for key in rows])


@pytest.mark.parametrize("whole", [False, True])
def test_too_many_batch_retries_splits_200_into_50_and_those_into_single_rows(whole: bool) -> None:
    with org() as (adapter, wire, _):
        entangled = Entangled({"k60"}, whole=whole)
        wire.on("POST", COLLECTIONS, entangled)
        results = adapter.write("Case", [create(f"k{number}") for number in range(200)])
        assert [number for number, result in enumerate(results) if result.error] == [60]
        assert isinstance(results[60].error, Rejected)
        assert entangled.sizes == [200, 50, 50, 50, 50] + [1] * 50


def test_several_tangled_chunks_are_all_taken_apart() -> None:
    with org() as (adapter, wire, _):
        entangled = Entangled({"k10", "k160"}, whole=False)
        wire.on("POST", COLLECTIONS, entangled)
        results = adapter.write("Case", [create(f"k{number}") for number in range(200)])
        assert [number for number, result in enumerate(results) if result.error] == [10, 160]
        assert entangled.sizes == [200, 50, 50, 50, 50] + [1] * 100


def test_an_outage_while_splitting_sends_no_further_chunk_and_blames_no_row() -> None:
    with org() as (adapter, wire, _):
        tangled = json_answer([failed("X", Entangled.TEXT)] * 200)
        ok = json_answer([done(number) for number in range(50)])
        wire.script("POST", COLLECTIONS, tangled, ok, html(503))
        results = adapter.write("Case", [create(f"k{number}") for number in range(200)])
        assert [result.error is None for result in results] == [True] * 50 + [False] * 150
        errors = [result.error for result in results[50:]]
        assert all(isinstance(error, Transient) for error in errors)
        assert [getattr(error, "uncertain", None) for error in errors] == [True] * 50 + [False] * 100
        assert len(wire.sent(COLLECTIONS)) == 3


def test_money_is_sent_with_exactly_its_digits() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([done(1)]))
        adapter.write(
            "Case", [create("k1", Order_Total__c=Decimal("12345678901234567.10"), Refund_Amount__c=Decimal("1E+3"))]
        )
        body = wire.sent(COLLECTIONS)[0].body
        assert isinstance(body, bytes)
        assert b'"Order_Total__c":12345678901234567.10,' in body
        assert b'"Refund_Amount__c":1000,' in body


@pytest.mark.parametrize("value", [Decimal("NaN"), "half a \ud800 character", {1, 2}, 2**70])
def test_a_value_that_json_has_no_word_for_harms_its_own_row_only(value: Any) -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([done(2)]))
        first, second = adapter.write("Case", [create("k1", Description=value), create("k2")])
        assert isinstance(first.error, Rejected)
        assert first.error.field == "Description"
        assert second == Result(row_id(2))
        assert [row[KEY] for row in wire.records()] == ["k2"]


def queues(*names: str, start: int = 1) -> Answer:
    return found(
        *(
            {"Id": f"00G{start + at:012d}AAA", "DeveloperName": name, "Name": f"{name} queue"}
            for at, name in enumerate(names)
        )
    )


def answer_rows(wire: Wire, method: str = "POST") -> None:
    wire.on(
        method, COLLECTIONS, lambda request: json_answer([done(1)] * len(orjson.loads(request.body or b"")["records"]))
    )


def test_a_queue_is_named_by_developer_name_or_label_and_asked_for_once() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, queues("Orders", "Returns"))
        answer_rows(wire)
        for _ in range(2):
            adapter.write(
                "Case",
                [create("k1", OwnerId=Ref("queue", "Returns")), create("k2", OwnerId=Ref("queue", "Orders queue"))],
            )
        assert [row["OwnerId"] for row in wire.records()] == ["00G000000000002AAA", "00G000000000001AAA"]
        assert wire.queries() == ["SELECT Id,DeveloperName,Name FROM Group WHERE Type = 'Queue'"]


def test_eight_threads_that_need_a_queue_ask_for_it_once() -> None:
    together = threading.Barrier(8, timeout=10)
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, queues("Orders"))
        answer_rows(wire)

        def write(number: int) -> Result:
            together.wait()
            return adapter.write("Case", [create(f"k{number}", OwnerId=Ref("queue", "Orders"))])[0]

        with ThreadPoolExecutor(8) as pool:
            assert all(result.error is None for result in pool.map(write, range(8)))
        assert len(wire.queries()) == 1


def test_an_unknown_queue_pauses_the_stream_and_names_those_that_exist() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, queues("Orders", "Returns"))
        with pytest.raises(Misconfigured, match=r"no queue 'Retruns'.*Orders, Returns"):
            adapter.write("Case", [create("k1", OwnerId=Ref("queue", "Retruns"))])
        assert wire.sent(COLLECTIONS) == []


def test_a_queue_made_after_the_first_look_is_found() -> None:
    with org() as (adapter, wire, _):
        answer_rows(wire)
        wire.script("GET", QUERY, queues("Orders"), queues("Orders", "Returns"))
        adapter.write("Case", [create("k1", OwnerId=Ref("queue", "Orders"))])
        adapter.write("Case", [create("k2", OwnerId=Ref("queue", "Returns"))])
        assert wire.records()[0]["OwnerId"] == "00G000000000002AAA"


def test_a_queue_that_was_made_anew_is_looked_up_again_and_the_row_goes_through() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, queues("Orders"), queues("Orders", start=7))
        stale = failed("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ["OwnerId"])
        wire.script("POST", COLLECTIONS, json_answer([stale, done(2)]), json_answer([done(1)]))
        results = adapter.write("Case", [create("k1", OwnerId=Ref("queue", "Orders")), create("k2")])
        assert results == [Result(row_id(1)), Result(row_id(2))]
        assert wire.records()[0]["OwnerId"] == "00G000000000007AAA"


def test_a_queue_that_does_not_take_the_object_pauses_the_stream_and_parks_nothing() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, queues("Orders"))
        stale = failed("INVALID_CROSS_REFERENCE_KEY", "owner cannot be of this type", ["OwnerId"])
        wire.script("POST", COLLECTIONS, json_answer([stale]), json_answer([done(1), stale]))
        owned = create("k1", OwnerId=Ref("queue", "Orders"))
        with pytest.raises(Misconfigured, match="queue Orders"):
            adapter.write("Case", [owned])
        assert len(wire.sent(COLLECTIONS)) == 1
        first, second = adapter.write("Case", [create("k2"), owned])
        assert first == Result(row_id(1))
        assert isinstance(second.error, Transient)


def test_a_wrong_parent_beside_a_queue_is_the_row_s_own_fault() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, queues("Orders"))
        wire.script("POST", COLLECTIONS, json_answer([failed("INVALID_CROSS_REFERENCE_KEY", "bad", ["ParentId"])]))
        [result] = adapter.write("Case", [create("k1", OwnerId=Ref("queue", "Orders"), ParentId="500x")])
        assert isinstance(result.error, Rejected)
        assert result.error.field == "ParentId"


def test_a_user_is_named_by_username_or_name_and_an_unknown_one_harms_its_row_only() -> None:
    with org() as (adapter, wire, _):
        answer_rows(wire)

        def users(request: PreparedRequest) -> Answer:
            query = str(request.params["q"])  # type: ignore[attr-defined]
            if "Username IN" in query:
                return found({"Id": "005A", "Username": "ada@acme.example"})
            return found({"Id": "005B", "Name": "Bo"}, {"Id": "005C", "Name": "Twin"}, {"Id": "005D", "Name": "Twin"})

        wire.on("GET", QUERY, users)
        named = ["Ada@acme.example", "Bo", "Twin", "Nobody"]
        results = adapter.write("Case", [create(f"k{at}", OwnerId=Ref("user", name)) for at, name in enumerate(named)])
        assert [row["OwnerId"] for row in wire.records()] == ["005A", "005B"]
        assert [result.error is None for result in results] == [True, True, False, False]
        assert all(isinstance(result.error, Rejected) for result in results[2:])


def test_a_choice_is_sent_by_its_label_and_an_unknown_kind_is_refused() -> None:
    with org() as (adapter, wire, _):
        answer_rows(wire)
        adapter.write("Case", [create("k1", Status=Ref("choice", "Working"))])
        assert wire.records()[0]["Status"] == "Working"
        with pytest.raises(Misconfigured, match="customer_account"):
            adapter.write("Case", [create("k1", AccountId=Ref("customer_account", "x"))])


def test_a_full_org_pauses_writing_instead_of_parking_everything() -> None:
    with org() as (adapter, wire, _):
        full = failed("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded")
        wire.script("POST", COLLECTIONS, json_answer([full, full]), json_answer([done(1), full]))
        with pytest.raises(RateLimited):
            adapter.write("Case", [create("k1"), create("k2")])
        first, second = adapter.write("Case", [create("k1"), create("k2")])
        assert first.error is None
        assert isinstance(second.error, Transient)


def test_an_unknown_field_told_row_by_row_is_the_stream_s_fault_as_well() -> None:
    with org() as (adapter, wire, _):
        row = failed("INVALID_FIELD", "No such column 'foo' on sobject of type Case")
        wire.script("POST", COLLECTIONS, json_answer([row, row]))
        with pytest.raises(Misconfigured, match="foo"):
            adapter.write("Case", [create("k1", foo=1), create("k2", foo=2)])


def test_a_call_that_fails_after_another_went_through_leaves_the_first_results_standing() -> None:
    with org(batch=2) as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([done(1), done(2)]), requests.ConnectionError("reset"))
        results = adapter.write("Case", [create("k1"), create("k2"), create("k3")])
        assert [result.target for result in results] == [row_id(1), row_id(2), None]
        assert isinstance(results[2].error, Transient)
        assert results[2].error.uncertain


@pytest.mark.parametrize("body", [{}, [], [1], [{}], [{"success": True}], [done(1), done(2)], None])
def test_an_answer_that_is_not_row_by_row_leaves_the_write_uncertain(body: Any) -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer(body))
        with pytest.raises(Transient, match="every row") as caught:
            adapter.write("Case", [create("k1")])
        assert caught.value.uncertain


@pytest.mark.parametrize("key", ["..", ".", "a/b?c#d", "x.inc", "ä ö"])
def test_no_key_ever_stands_in_a_path(key: str) -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([failed("DUPLICATE_VALUE", TAKEN)]))
        wire.script("GET", QUERY, found(held(1, key)))
        assert adapter.write("Case", [create(key)]) == [Result(row_id(1), existed=True)]
        assert wire.records()[0][KEY] == key


def test_kinds_of_write_that_a_stream_does_not_take_are_a_programming_error() -> None:
    with org() as (adapter, _, _):
        with pytest.raises(ValueError, match="takes one kind"):
            adapter.write("Case", [Write("append", "k", {}, target=row_id(1))])
        with pytest.raises(ValueError, match="takes one kind"):
            adapter.write("Case", [create("k1"), update(1)])
        with pytest.raises(ValueError, match="target"):
            adapter.write("Case", [Write("update", "k1", {"Status": "New"})])
        assert adapter.write("Case", []) == []
