"""A mapping's own tests, and what `explain` shows of one record."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connector.mapping.explain import explain
from connector.mapping.own_tests import run_tests
from connector.model import Record, Ref
from tests.unit.mappings import compiled, record

MAPPING = """\
summary: An order becomes a case.
when: "{{ status == 'failed' }}"
lookups:
  customer: {stream: source.customers, key: "{{ customer_no }}"}
routes:
  - {when: "{{ total >= 100 }}", queue: High}
  - {queue: Low}
fields:
  Subject: "Order {{ order_no }}"
  OwnerId: {ref: queue, name: "{{ route.queue }}", write: until-claimed}
  Total__c: {from: "{{ total | money('EUR') }}", omit: "{{ not total }}"}
  Email: "{{ customer.email }}"
  Kind: {from: "{{ kind }}", map: {A: one}}
also:
  - {id: lines, to: destination.Line__c, for: "{{ items }}", key: "{{ this.id }}",
     fields: {Case__c: "{{ main.id }}", Q: "{{ this.q }}"}}
"""
RECORD = (
    "record: {key: K, fields: {status: failed, order_no: '7', total: 120.5, items: [{id: a, q: 1}, {id: b, q: 2}]}}"
)


def failures(test: str) -> list[str]:
    (outcome,) = run_tests(compiled(f"{MAPPING}tests:\n  - name: T\n    {test}\n"))
    assert outcome.name == "T"
    assert outcome.passed == (not outcome.failures)
    return [f"{failure.place.line}:{failure.place.column} {failure.message}" for failure in outcome.failures]


@pytest.mark.parametrize(
    "expected",
    [
        "writes: [{to: destination.Case, fields: {Subject: Order 7}}]",
        "writes: [{line: main, fields: {OwnerId: {ref: queue, name: High}, Total__c: 120.5, Email: null}}]",
        "writes: [{to: main, fields: {Total__c: 120.50}}]\n    route: queue=High",
        "writes: [{to: destination.Case}, {to: destination.Line__c, key: a, fields: {Q: 1}}]\n    main_id: 500",
        "writes: [{to: destination.Line__c, key: b, fields: {Case__c: '500', Q: 2}}]\n    main_id: '500'",
        "writes: [{line: lines, fields: {Q: 2}}]\n    main_id: 500",
    ],
)
def test_expected_writes_are_a_subset_in_order(expected: str) -> None:
    assert failures(f"{RECORD}\n    {expected}") == []


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("writes: [{to: destination.Case, fields: {Subject: Order 8}}]", "20:55 Subject: expected 'Order 8', got 'Order 7'"),
        ("writes: [{line: main, fields: {OwnerId: {ref: queue, name: Low}}}]",
         "20:45 OwnerId: expected {'ref': 'queue', 'name': 'Low'}, got {'ref': 'queue', 'name': 'High'}"),
        ("writes: [{line: main, fields: {Email: x}}]", "20:43 Email: expected 'x', got null"),
        ("writes: [{line: main, fields: {Total__c: '120.50'}}]", "20:46 Total__c: expected '120.50', got 120.50"),
        ("writes: [{line: main, absent: [Total__c]}]", "20:36 Total__c: expected to be left alone, got 120.50"),
        ("writes: []", "20:13 expected no writes, got main, lines, lines"),
        ("writes: [{line: lines, key: a}, {line: lines, key: a}]", "20:56 key: expected 'a', got 'b'"),
        ("writes: [{line: lines, key: b}, {line: main}]", "20:37 expected a write to 'main', got main, lines, lines"),
        ("writes: [{line: lines, fields: {Q: 1}}]", "20:14 line 'lines' waits for main.id"),
        ("filtered: true", "20:15 filtered: expected true, got 3 writes"),
        ("filtered: when", "20:15 filtered: expected 'when', got 3 writes"),
        ("parked: nothing", "20:13 expected the record to park, got 3 writes"),
        ("writes: [{line: main}]\n    route: queue=Low", "21:12 route: expected 'queue=Low', got 'queue=High'"),
    ],
)  # fmt: skip
def test_a_mismatch_says_what_was_expected_what_came_and_where_the_test_stands(expected: str, said: str) -> None:
    assert failures(f"{RECORD}\n    {expected}") == [said]


def test_filtered_and_parked_records_are_outcomes_too() -> None:
    assert failures("record: {fields: {status: new}}\n    filtered: true") == []
    assert failures("record: {fields: {status: new}}\n    filtered: when") == []
    assert failures("record: {fields: {status: failed, kind: B}}\n    parked: \"'B' is not in `map`\"") == []
    assert failures("record: {fields: {status: failed, kind: B}}\n    parked: true") == []
    assert failures("record: {fields: {status: new}}\n    entered: true\n    writes: [{line: main}]") == []
    assert failures("record: {fields: {status: new}}\n    writes: [{line: main}]") == [
        "18:5 the record is filtered by when"
    ]
    (parks,) = failures("record: {fields: {status: failed, kind: B}}\n    writes: [{line: main}]")
    assert parks.startswith("18:5 the record parks: m.yaml:13:16: Kind: 'B' is not in `map`")
    (other,) = failures("record: {fields: {status: failed, kind: B}}\n    parked: no value")
    assert other.startswith("20:13 parks for another reason: expected 'no value', got 'm.yaml:13:16")
    assert failures("record: {fields: {status: failed}}\n    writes: [{line: main, absent: [Total__c]}]") == []
    assert failures("record: {fields: {status: failed}}\n    writes: [{line: main, fields: {Total__c: null}}]") == [
        "20:46 Total__c: expected null, but it is left alone"
    ]


def test_a_test_may_give_lookups_and_an_origin() -> None:
    lookup = "record: {fields: {status: failed}}\n    lookups: {customer: {email: a@example.org}}\n    "
    assert failures(lookup + "writes: [{line: main, fields: {Email: a@example.org}}]") == []
    (outcome,) = run_tests(
        compiled(
            "fields: {A: '{{ origin.key }} {{ origin.c }}'}\n"
            "tests: [{name: T, record: {}, origin: {key: RR-1, fields: {c: 5}}, writes: [{fields: {A: RR-1 5}}]}]"
        )
    )
    assert outcome.passed


def test_a_mapping_without_tests_has_no_outcomes() -> None:
    assert run_tests(compiled("fields: {A: 1}")) == []


# --- explain ------------------------------------------------------------------------------------------------------


def test_explain_says_rule_route_and_every_field_with_expression_place_and_value() -> None:
    mapping = compiled(MAPPING)
    fields = {"status": "failed", "order_no": "7", "customer_no": "C1", "items": [{"id": "a", "q": 1}]}
    shown = explain(mapping, Record("K", fields))
    assert (shown.record, shown.filtered, shown.fault) == ("K", None, None)
    assert str(shown.rule) == "m.yaml:2:7"
    assert (shown.route, str(shown.route_place)) == ("queue=Low", "m.yaml:7:5")
    assert shown.lookups == {"customer": "C1"}
    main, line = shown.lines
    assert main.fields is not None
    subject, owner, email, kind = main.fields
    assert (subject.name, subject.value, subject.written) == ("Subject", "Order 7", "Order {{ order_no }}")
    assert str(subject.place) == "m.yaml:9:12"
    assert (owner.value, owner.policy, owner.written) == (Ref("queue", "Low"), "until-claimed", "{{ route.queue }}")
    assert (email.value, kind.value) == (None, None)
    assert main.left_alone == ("Total__c",)
    assert (line.id, line.to, line.key, line.fields) == ("lines", "destination.Line__c", "a", None)
    assert str(line.place) == "m.yaml:15:5"


def test_explain_says_which_rule_left_a_record_out() -> None:
    shown = explain(compiled(MAPPING), record(status="new"))
    assert (shown.filtered, str(shown.rule), shown.lines) == ("when", "m.yaml:2:7", ())


def test_explain_says_why_a_record_parks() -> None:
    shown = explain(compiled(MAPPING), record(status="failed", total="much"))
    assert shown.fault is not None
    assert str(shown.rule) == "m.yaml:6:16"
    assert "total is text, 100 is a number" in str(shown.fault)


def test_explain_shows_lines_that_wait_for_main_once_its_id_is_known() -> None:
    shown = explain(compiled(MAPPING), record(status="failed", total=1, items=[{"id": "a", "q": 1}]), main_id="500")
    assert shown.lines[1].fields is not None
    assert [field.value for field in shown.lines[1].fields] == ["500", 1]
    assert shown.lines[0].fields is not None
    assert shown.lines[0].fields[2].value == Decimal("1.00")
