"""A mapping's own tests."""

from __future__ import annotations

import pytest

from connector.mapping.own_tests import run_tests
from tests.unit.mappings import compiled

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
