"""Writing to a shop over real HTTP: once, under our key, and what a refusal means."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from connector.errors import Conflict, Gone, Misconfigured, Rejected, Transient, Unavailable
from connector.model import Ref, Write
from connector.sandbox import Sandbox
from tests.contract.sfcc_shop import ALL, Shop, shop

RETURNS = "custom_objects/ReturnRequest"
REFUNDS = "custom_objects/RefundRequest"
KEY = "returns-to-cases:_ref_arch:_r_r-1:refund"
REFUND = {"c_returnId": "RR-1", "c_orderNo": "00001301", "c_amount": Decimal("59.90"), "c_currency": "EUR"}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(orders=20, returns=5, shop_code=0) as made:
        yield made


@pytest.fixture
def ref(box: Sandbox) -> Iterator[Shop]:
    with shop(box, timeouts={"connect": 5, "read": 2, "total": 10}) as made:
        yield made


def note(ref: Shop, number: str, key: str = "k:1", **fields: Any) -> Any:
    return ref.write("orders.notes", "append", key, {"subject": "Decided", "text": "Refund", **fields}, target=number)


def test_custom_attributes_of_an_order_are_written_and_cleared(ref: Shop) -> None:
    number = ref.numbers()[0]
    fields = {"c_caseNumber": "00001000", "c_riskScore": Decimal("7.5"), "c_caseDecision": "HOLD"}
    result = ref.write("orders", "update", "k", fields, target=number)
    assert (result.target, result.error) == (number, None)
    order = ref.control.order(number)
    assert (order["c_caseNumber"], order["c_riskScore"], order["c_caseDecision"]) == ("00001000", 7.5, "HOLD")
    assert ref.write("orders", "update", "k", {"c_caseNumber": None}, target=number).error is None
    assert "c_caseNumber" not in ref.control.order(number)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"status": "cancelled"}, "status"),
        ({"c_unknown": 1}, "c_unknown"),
        ({"c_caseDecision": "MAYBE"}, "c_caseDecision"),
        ({"c_riskScore": "high"}, "c_riskScore"),
        ({"c_caseOwner": Ref("user", "ada")}, "c_caseOwner"),
    ],
)
def test_a_refused_attribute_is_named(ref: Shop, fields: dict[str, Any], field: str) -> None:
    result = ref.write("orders", "update", "k", fields, target=ref.numbers()[0])
    assert isinstance(result.error, Rejected)
    assert result.error.field == field
    assert result.error.remedy


def test_an_order_that_is_no_more_is_gone(ref: Shop) -> None:
    result = ref.write("orders", "update", "k", {"c_caseNumber": "1"}, target="99999999")
    assert isinstance(result.error, Gone)


def test_orders_that_are_no_more_park_as_one_cause(ref: Shop) -> None:
    said = {str(ref.write("orders", "update", "k", {"c_caseNumber": "1"}, target=no).error) for no in ("9998", "9999")}
    assert said == {"shop: PATCH /sites/*/orders/*: 404 OrderNotFoundException, siteId RefArch"}


def test_a_note_is_appended_once_however_often_it_is_sent(ref: Shop) -> None:
    number = ref.numbers()[0]
    first = note(ref, number)
    assert (first.error, first.existed) == (None, False)
    again = note(ref, number, text="Other words")
    assert again.existed
    (kept,) = ref.control.notes(number)
    assert again.target == kept["id"]
    assert kept["subject"] == "Decided [k:1]"
    assert kept["text"] == "Refund"
    assert note(ref, number, key="k:2").existed is False
    assert len(ref.control.notes(number)) == 2


def test_a_note_whose_answer_was_lost_is_found_again(ref: Shop) -> None:
    number = ref.numbers()[0]
    ref.control.fault(kind="drop_after", system="sfcc", method="POST", path="/notes", times=1)
    with pytest.raises(Transient) as caught:
        note(ref, number)
    assert caught.value.uncertain
    (result,) = ref.adapter.write(
        "orders.notes", [Write("append", "k:1", {"subject": "Decided", "text": "Refund"}, number, uncertain=True)]
    )
    assert result.existed
    assert len(ref.control.notes(number)) == 1


def test_a_long_note_is_cut_and_keeps_its_key(ref: Shop) -> None:
    number = ref.numbers()[0]
    key = "k" * 200
    assert note(ref, number, key, subject="s" * 500, text="t" * 5000).error is None
    (kept,) = ref.control.notes(number)
    assert kept["subject"].endswith(f" [{key}]")
    assert (len(kept["subject"]), len(kept["text"])) == (256, 4000)
    assert note(ref, number, key).existed


def test_a_note_on_an_order_that_is_no_more_is_gone(ref: Shop) -> None:
    assert isinstance(note(ref, "99999999").error, Gone)


@pytest.mark.parametrize("fields", [{"text": None}, {"text": "  "}, {"author": "me"}, {"text": Ref("user", "x")}])
def test_a_note_that_cannot_be_sent_is_refused_before_the_wire(ref: Shop, fields: dict[str, Any]) -> None:
    before = ref.adapter.calls()
    assert isinstance(note(ref, ref.numbers()[0], **fields).error, Rejected)
    assert ref.adapter.calls() == before


def test_a_custom_object_is_created_under_our_key_and_money_arrives_exactly(ref: Shop) -> None:
    assert ref.adapter.fetch(REFUNDS, [KEY], by="our_key", select=ALL) == {}
    result = ref.write(REFUNDS, "create", KEY, {**REFUND, "c_status": "REQUESTED"})
    assert (result.target, result.error, result.existed) == (KEY, None, False)
    (made,) = ref.control.objects("RefundRequest")
    assert (made["key_value_string"], made["site_id"], made["c_amount"]) == (KEY, "RefArch", 59.9)
    found = ref.adapter.fetch(REFUNDS, [KEY], by="our_key", select=ALL)
    assert found[KEY].our_key == KEY


@pytest.mark.parametrize("kind", ["drop_after", "truncate", "hang", "html200"])
def test_a_create_whose_answer_was_lost_does_not_overwrite_what_the_shop_did_since(ref: Shop, kind: str) -> None:
    ref.control.fault(kind=kind, system="sfcc", method="PUT", path="RefundRequest", times=1, seconds=5, commit=True)
    with pytest.raises(Transient) as caught:
        ref.write(REFUNDS, "create", KEY, REFUND)
    assert caught.value.uncertain
    assert ref.requests() == 2  # the sign-in and the create: it was not sent again
    ref.write(REFUNDS, "update", KEY, {"c_status": "EXECUTED"}, target=KEY)
    result = ref.write(REFUNDS, "create", KEY, REFUND, uncertain=True)
    assert (result.existed, result.target) == (True, KEY)
    (made,) = ref.control.objects("RefundRequest")
    assert made["c_status"] == "EXECUTED"


def test_an_update_of_a_custom_object_is_one_call_and_harms_no_other_attribute(ref: Shop) -> None:
    key = ref.control.objects("ReturnRequest")[0]["key_value_string"]
    ref.control.fault(
        kind="meanwhile", system="sfcc", method="PATCH", path="ReturnRequest", times=1,
        act="customer_says", arguments={"kind": "ReturnRequest", "key": key, "text": "somebody's"},
    )  # fmt: skip
    before = ref.requests()
    assert ref.write(RETURNS, "update", "k", {"c_status": "APPROVED"}, target=key).target == key
    assert ref.requests() == before + 2  # the sign-in and the PATCH
    shown = {o["key_value_string"]: o for o in ref.control.objects("ReturnRequest")}[key]
    assert shown["c_status"] == "APPROVED"
    assert "somebody's" in shown["c_messages"]


def test_a_conflict_that_the_shop_sees_is_the_records(ref: Shop) -> None:
    key = ref.control.objects("ReturnRequest")[0]["key_value_string"]
    ref.control.fault(
        kind="error", system="sfcc", method="PATCH", path="ReturnRequest", status=409,
        code="ResourceStateConflictException", times=1,
    )  # fmt: skip
    result = ref.write(RETURNS, "update", "k", {"c_status": "REJECTED"}, target=key)
    assert isinstance(result.error, Conflict)


def test_a_custom_object_that_is_no_more_is_gone(ref: Shop) -> None:
    assert isinstance(ref.write(RETURNS, "update", "k", {"c_status": "X"}, target="RR-none").error, Gone)


def test_an_update_whose_answer_was_lost_is_sent_again_within_the_call(ref: Shop) -> None:
    number, key = ref.numbers()[0], ref.control.objects("ReturnRequest")[0]["key_value_string"]
    ref.control.fault(kind="drop_after", system="sfcc", method="PATCH", path="/orders/", times=1)
    ref.control.fault(kind="drop_after", system="sfcc", method="PATCH", path="/ReturnRequest/", times=1)
    assert ref.write("orders", "update", "k", {"c_caseNumber": "1"}, target=number).error is None
    assert ref.write(RETURNS, "update", "k", {"c_status": "EXCHANGE"}, target=key).error is None
    assert ref.control.order(number)["c_caseNumber"] == "1"
    assert {o["key_value_string"]: o for o in ref.control.objects("ReturnRequest")}[key]["c_status"] == "EXCHANGE"
    assert [rule["fired"] for rule in ref.control.faults()] == [1, 1]


def test_keys_may_hold_any_character(ref: Shop) -> None:
    key = "RR/1 ?ü%:x"
    assert ref.write(RETURNS, "create", key, {"c_orderNo": "1"}).error is None
    assert ref.write(RETURNS, "update", key, {"c_status": "NEW"}, target=key).error is None
    assert ref.adapter.fetch(RETURNS, [key], select=ALL)[key].fields["c_status"] == "NEW"


@pytest.mark.parametrize("key", [".", ".."])
def test_a_key_that_would_name_another_resource_reaches_nobody_and_harms_nobody(ref: Shop, key: str) -> None:
    number = ref.numbers()[0]
    before = ref.requests()
    for stream, op in (("orders", "update"), ("orders.notes", "append"), (RETURNS, "update")):
        fields = {"subject": "s", "text": "t"} if op == "append" else {"c_caseNumber": "1"}
        assert isinstance(ref.write(stream, op, "k", fields, target=key).error, Rejected)
    assert ref.adapter.fetch("orders", [key, ""], select=ALL) == {}
    assert ref.adapter.fetch(RETURNS, [key, ""], select=ALL) == {}
    assert ref.requests() == before
    assert list(ref.adapter.fetch("orders", [number, key], select=ALL)) == [number]


def test_a_key_that_the_shop_calls_malformed_is_absent(ref: Shop) -> None:
    code = "MalformedKeyParameterException"
    ref.control.fault(kind="error", system="sfcc", method="GET", status=400, code=code, message="malformed", times=2)
    assert ref.adapter.fetch("orders", ["x" * 300], select=ALL) == {}
    assert ref.adapter.fetch(RETURNS, ["x" * 300], select=ALL) == {}


def test_many_custom_objects_are_fetched_in_one_call(ref: Shop) -> None:
    keys = [o["key_value_string"] for o in ref.control.objects("ReturnRequest") if o["site_id"] == "RefArch"]
    ref.adapter.check()
    before = ref.adapter.calls()
    assert sorted(ref.adapter.fetch(RETURNS, keys, select=ALL)) == sorted(keys)
    assert ref.adapter.calls() - before == (1 if len(keys) > 4 else len(keys))


@pytest.mark.parametrize(("stream", "op"), [("orders", "create"), ("orders.notes", "update"), (RETURNS, "append")])
def test_a_kind_of_write_that_a_stream_does_not_take_is_said(ref: Shop, stream: str, op: str) -> None:
    with pytest.raises(Misconfigured, match=f"takes no {op}") as caught:
        ref.write(stream, op, "k", {"c_x": 1}, target="1")
    assert caught.value.remedy


def test_notes_are_written_and_never_read(ref: Shop) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        ref.read("orders.notes")


@pytest.mark.parametrize(("kind", "uncertain"), [("drop_before", True), ("truncate", True), ("hang", True)])
def test_a_note_without_an_answer_is_uncertain(ref: Shop, kind: str, uncertain: bool) -> None:
    ref.control.fault(kind=kind, system="sfcc", method="POST", path="/notes", seconds=5)
    with pytest.raises(Transient) as caught:
        note(ref, ref.numbers()[0])
    assert caught.value.uncertain is uncertain


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_gateways_error_on_a_note_is_uncertain(ref: Shop, status: int) -> None:
    ref.control.fault(kind="status", system="sfcc", method="POST", path="/notes", status=status, form="html")
    result = note(ref, ref.numbers()[0])
    assert isinstance(result.error, Transient)
    assert result.error.uncertain


def test_a_note_that_met_a_503_is_uncertain_and_nobodys_fault(ref: Shop) -> None:
    ref.control.fault(kind="status", system="sfcc", method="POST", path="/notes", status=503)
    with pytest.raises(Unavailable) as caught:
        note(ref, ref.numbers()[0])
    assert caught.value.uncertain


def test_a_look_that_fails_leaves_nothing_uncertain(ref: Shop) -> None:
    ref.control.fault(kind="status", system="sfcc", method="GET", path="/notes", status=503)
    with pytest.raises(Unavailable) as caught:
        note(ref, ref.numbers()[0])
    assert not caught.value.uncertain


def test_writes_before_a_fault_of_the_call_keep_their_results(ref: Shop) -> None:
    numbers = ref.numbers()
    ref.control.fault(kind="drop_before", system="sfcc", method="PATCH", path=numbers[1])
    writes = [Write("update", "k", {"c_caseNumber": "1"}, number) for number in numbers[:2]]
    first, second = ref.adapter.write("orders", writes)
    assert first.target == numbers[0]
    assert isinstance(second.error, Transient)


def test_a_write_ends_within_its_longest_call(ref: Shop) -> None:
    assert ref.adapter.longest_call() == 10
