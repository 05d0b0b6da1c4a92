"""`while`, `leave`, `undo` and `gone`: what a record still asks for, and what becomes of the rest."""

from __future__ import annotations

import pytest

from connector.mapping.own_tests import run_tests
from connector.mapping.spec import Ending
from connector.model import Ref
from tests.unit.mappings import compiled, only_fault, record

RECALL = """
each: {of: "{{ Products | split(';') }}", as: product}
target: "{{ product }}"
when: "{{ Type == 'Recall' }}"
while: "{{ not Lifted }}"
undo: restore
fields: {online: false}
"""
LINES = """
fields: {A: "{{ a }}"}
also:
  - id: lines
    to: destination.Part
    for: "{{ lines }}"
    key: "{{ this.id }}"
    gone: {delete_if: {State: {choice: Draft}}, else: {State: {choice: Cancelled}, Why: "{{ why }}"}}
    fields: {Q: "{{ this.q }}"}
"""
FIELDS = "fields: {A: 1}\n"
CARE = 'while: "{{ x }}"\n'
AT = 'target: "{{ t }}"\n'
EACH = 'each: {of: "{{ l }}", as: n}\n'


def also(more: str, to: str = "destination.X") -> str:
    return FIELDS + "also: [{id: a, to: " + to + ", " + more + "}]\n"


def test_a_record_that_entered_is_under_care_until_while_turns_false() -> None:
    mapping = compiled(RECALL)
    known = {"Type": "Recall", "Products": "P1"}
    assert len(mapping.map(record(**known)).lines) == 1
    before = mapping.map(record(**known, Lifted=True))
    assert (before.lines, before.filtered, before.care) == ([], "while", False)
    after = mapping.map(record(**known, Lifted=True), entered=True)
    assert (after.lines, after.filtered, after.care) == ([], None, False)


def test_an_end_says_what_is_to_be_done() -> None:
    assert compiled(RECALL).ending("main", "P1", record()) == Ending("undo")
    made = compiled(LINES).ending("lines", "a", record(why="late"))
    assert made == Ending(
        "choose", {"State": Ref("choice", "Cancelled"), "Why": "late"}, {"State": Ref("choice", "Draft")}
    )
    assert compiled(LINES).ending("main", "", record()) is None
    kept = compiled(also("gone: keep, fields: {A: 1}"))
    assert kept.ending("a", "", record()) is None
    assert not kept.ends


def test_the_last_words_read_the_record_the_route_and_the_element() -> None:
    mapping = compiled(
        'each: {of: "{{ l }}", as: n}\nwhile: "{{ open }}"\nroutes: [{queue: Q}]\n'
        'fields: {A: "{{ route.queue }}"}\nleave: {B: "{{ n }} {{ a }} {{ route.queue }}"}\n'
    )
    assert mapping.ending("main", "x", record(a=1)) == Ending("leave", {"B": "x 1 Q"})


def test_gone_fields_may_name_the_main_object() -> None:
    mapping = compiled(also('for: "{{ x }}", key: "{{ this }}", gone: {P: "{{ main.id }}"}, fields: {A: 1}'))
    assert mapping.ending("a", "x", record(), main_id="C-1") == Ending("write", {"P": "C-1"})


def test_what_ends_is_a_fact_of_the_line() -> None:
    (recall,) = compiled(RECALL).lines
    assert (recall.ends, recall.each, recall.leaves) == ("undo", True, {})
    lines = compiled(LINES).lines[1]
    assert (lines.ends, set(lines.leaves)) == ("choose", {"State", "Why"})
    assert compiled(RECALL).undoes
    assert not compiled(FIELDS).ends


OWN = """
tests:
  - name: lifted
    entered: true
    had: [{key: P1}, {line: main, key: P2}]
    record: {fields: {Type: Recall, Products: P1;P2, Lifted: true}}
    writes: []
    ends: [{key: P1, how: restore}, {key: P2}]
  - name: one element less
    entered: true
    had: [{key: P1}, {key: P2}]
    record: {fields: {Type: Recall, Products: P2}}
    writes: [{line: main, key: P2}]
    ends: [{key: P1}]
"""


def test_its_own_tests_say_what_ends() -> None:
    assert [outcome.failures for outcome in run_tests(compiled(RECALL + OWN))] == [(), ()]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("how: restore", "how: delete", "expected delete, got restore"),
        (", {key: P2}]\n  - name", "]\n  - name", "line 'main P2' ends by restore too"),
        ("ends: [{key: P1}]", "ends: [{key: P2}]", "expected line 'main P2' to end"),
    ],
)
def test_an_end_that_was_not_expected_fails_its_test(old: str, new: str, says: str) -> None:
    failures = [
        str(each) for outcome in run_tests(compiled((RECALL + OWN).replace(old, new))) for each in outcome.failures
    ]
    assert any(says in each for each in failures), failures


def test_what_a_line_writes_at_its_end_is_compared_in_its_tests() -> None:
    text = LINES + (
        "tests:\n  - name: gone\n    had: [{line: lines, key: b}]\n    record: {fields: {lines: [{id: a}], why: late}}\n"
        "    writes: [{line: lines, key: a}]\n"
        "    ends: [{line: lines, key: b, how: choose, delete_if: {State: {choice: Draft}}, fields: {Why: %s}}]\n"
    )
    assert [outcome.failures for outcome in run_tests(compiled(text % "late"))] == [()]
    (outcome,) = run_tests(compiled(text % "early"))
    assert "expected 'early', got 'late'" in str(outcome.failures[0])


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("while: x\n" + FIELDS, "1:8", "while needs one expression in braces"),
        ("leave: {A: 2}\n" + FIELDS, "1:1", "'leave' needs 'while'"),
        (CARE + "leave: {}\n" + FIELDS, "2:8", "leave needs fields"),
        (CARE + "leave: {A: {from: 1, write: once}}\n" + FIELDS, "2:12", "`write: once` means nothing here"),
        (CARE + AT + "leave: {A: 1}\nundo: restore\n" + FIELDS, "4:1", "'undo' stands beside 'leave'"),
        (CARE + AT + "undo: all\n" + FIELDS, "3:7", "undo is 'restore'"),
        (AT + "undo: restore\n" + FIELDS, "2:1", "'undo' needs 'while' or 'each'"),
        (CARE + "undo: restore\n" + FIELDS, "2:1", "held nothing before"),
        (CARE + AT + "undo: restore\nfields: {A: {ref: queue, name: Q}}\n", "4:10", "cannot be put back"),
        ("gone: delete\n" + FIELDS, "1:1", "'gone' needs 'each'"),
        (EACH + "gone: remove\n" + FIELDS, "2:7", "unknown ending 'remove'"),
        (also("gone: {delete_if: {A: 1}}, fields: {A: 1}"), "2:41", "gone needs 'else' too"),
        (also("gone: [], fields: {A: 1}"), "2:41", "gone is keep, delete"),
        (also("gone: {A: 2}, fields: {A: 1}", "main"), "2:26", "has no end of its own"),
        (also("target: x, gone: {A: 2}, fields: {text: 1}", "source.orders.notes"), "2:52", "has no end of its own"),
        (also('for: "{{ l }}", key: "{{ this }}", gone: {B: "{{ this }}"}, fields: {A: 1}'),
         "2:84", "'this' is known in lines with `for` only"),
        (FIELDS + "tests: [{name: t, record: {}, ends: [], writes: []}]\n", "2:31", "'ends' needs 'had'"),
    ],
)  # fmt: skip
def test_misuse_is_refused_where_it_stands(text: str, place: str, says: str) -> None:
    fault = only_fault(text)
    assert says in fault.message
    assert (fault.place.line, fault.place.column) == tuple(map(int, place.split(":")))
