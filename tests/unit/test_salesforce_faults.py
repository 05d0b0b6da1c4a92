"""The table of row errors: whose fault, which field, and nothing of a customer in the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from connector.adapters.salesforce.codes import ADMIN_TEXT, PASSING, PERMANENT
from connector.adapters.salesforce.faults import KeyTaken, row_fault
from connector.errors import Conflict, Gone, RecordFault, Rejected, Transient

KEY = "Commerce_Key__c"


def fault(
    code: str, message: str = "", fields: Sequence[str] = (), *, update: bool = False, **sent: Any
) -> RecordFault:
    errors: list[Mapping[str, Any]] = [{"statusCode": code, "message": message, "fields": list(fields)}]
    return row_fault(errors, sent=sent, key_field=KEY, update=update)


@pytest.mark.parametrize("code", sorted(PASSING))
def test_what_may_pass_is_tried_again_and_was_certainly_not_committed(code: str) -> None:
    found = fault(code)
    assert isinstance(found, Transient)
    assert not found.uncertain
    assert found.code == code


@pytest.mark.parametrize("code", sorted(set(PERMANENT) - {"ENTITY_IS_DELETED", "MALFORMED_ID"}))
def test_what_is_refused_for_good_parks_with_a_remedy(code: str) -> None:
    for update in (False, True):
        found = fault(code, OwnerId="x", update=update)
        assert type(found).__mro__.index(Rejected) >= 0
        assert found.remedy


@pytest.mark.parametrize("code", ["CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER"])
def test_a_trigger_that_met_a_lock_may_pass_and_one_that_refused_may_not(code: str) -> None:
    for inner in ("UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT"):
        assert isinstance(fault(code, f"CaseTrigger: execution of AfterInsert caused by: {inner}, x"), Transient)
    found = fault(
        code, "CaseTrigger: execution of AfterInsert caused by: no order for Ada Lovelace", Name="Ada Lovelace"
    )
    assert isinstance(found, Rejected)
    assert "no order for …" in str(found)


@pytest.mark.parametrize(
    ("code", "message", "fields", "field"),
    [
        ("STRING_TOO_LONG", "Subject: data value too large: Ada Lovelace (max length=255)", ["Subject"], "Subject"),
        ("STRING_TOO_LONG", "Subject: data value too large: Ada Lovelace (max length=255)", [], "Subject"),
        ("INVALID_EMAIL_ADDRESS", "Email: invalid email address: Ada Lovelace", ["SuppliedEmail"], "SuppliedEmail"),
        ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Status: bad value: Ada Lovelace", ["Status"], "Status"),
        ("REQUIRED_FIELD_MISSING", "Required fields are missing: [Origin, Type]", [], "Origin"),
        ("INVALID_FIELD", "No such column 'foo' on sobject of type Case", [], "foo"),
        ("INVALID_FIELD", 'Foreign key external ID: Ada Lovelace not found for field Ext__c', [], ""),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Hello Ada Lovelace, ada@example.org is wrong", ["Reason"], "Reason"),
        ("SOMETHING_NEW", "unheard of: Ada Lovelace", [], ""),
    ],
)  # fmt: skip
def test_a_refusal_names_its_field_and_never_the_customer(
    code: str, message: str, fields: list[str], field: str
) -> None:
    found = fault(code, message, fields, Subject="Ada Lovelace", SuppliedEmail="ada@example.org")
    assert isinstance(found, Rejected)
    assert found.field == field
    assert "Ada" not in str(found)
    assert "ada@" not in str(found)
    assert code in str(found)


def test_a_text_that_is_too_long_says_how_long_it_may_be() -> None:
    assert "max length=255" in str(fault("STRING_TOO_LONG", "Subject: data value too large: x (max length=255)"))


def test_an_administrator_s_own_words_are_passed_on() -> None:
    assert "Choose a reason first" in str(fault("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Choose a reason first"))
    assert "FIELD_CUSTOM_VALIDATION_EXCEPTION" in ADMIN_TEXT


def test_a_refusal_for_good_outweighs_what_may_pass_in_the_same_row() -> None:
    errors = [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": ""}, {"statusCode": "STRING_TOO_LONG", "message": "x"}]
    assert isinstance(row_fault(errors, sent={}, key_field=KEY, update=False), Rejected)


def test_a_row_that_failed_without_a_reason_is_tried_again() -> None:
    assert isinstance(row_fault([], sent={}, key_field=KEY, update=False), Transient)


def test_a_record_locked_by_an_approval_is_read_and_decided_again() -> None:
    assert isinstance(fault("ENTITY_IS_LOCKED", update=True), Conflict)


@pytest.mark.parametrize("code", ["ENTITY_IS_DELETED", "NOT_FOUND", "MALFORMED_ID", "INVALID_CROSS_REFERENCE_KEY"])
def test_codes_of_a_missing_record_mean_gone_on_updates_only(code: str) -> None:
    assert isinstance(fault(code, update=True, Status="New"), Gone)
    assert isinstance(fault(code, Status="New"), Rejected)


def test_a_missing_parent_is_not_a_missing_record() -> None:
    assert isinstance(fault("MALFORMED_ID", "bad", ["ParentId"], update=True, ParentId="x"), Rejected)
    assert isinstance(fault("INVALID_CROSS_REFERENCE_KEY", "bad", update=True, Order__c="801000000000001"), Rejected)


def test_a_duplicate_names_our_key_in_its_fields_or_in_its_text() -> None:
    for found in (
        fault("DUPLICATE_VALUE", f"duplicate value found: {KEY} duplicates value on record with id: 500"),
        fault("DUPLICATE_VALUE", "valeur en double", [KEY]),
    ):
        assert isinstance(found, KeyTaken)
        assert found.certain


def test_a_duplicate_in_an_update_is_never_a_matter_of_our_key() -> None:
    assert isinstance(fault("DUPLICATE_VALUE", f"duplicate value found: {KEY}", update=True), Rejected)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Lovelace is not known to us", "… is not known to us"),
        ("call +49 170 9998877 first", "call +49 … … first"),
        ("mail ada@example.org", "mail …"),
        ("A case must be released first", "A case must be released first"),
        ('unexpected {"SuppliedName": "Somebody Else"}', "unexpected"),
        ("failed for\nSomebody Else", "failed for"),
    ],
)
def test_parts_of_what_was_sent_are_left_out_of_an_unknown_refusal(text: str, told: str) -> None:
    sent = {
        "SuppliedName": "Ada Lovelace",
        "SuppliedEmail": "ada@example.org",
        "Description": "The customer may be reached at +49 170 9998877, case by case",
        "Status": "New",
    }
    fault = row_fault([{"statusCode": "SOMETHING_NEW", "message": text}], sent=sent, key_field="K", update=True)
    assert str(fault) == f"SOMETHING_NEW: refused by Salesforce: {told}".rstrip()
