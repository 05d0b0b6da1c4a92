"""`each`: one main line for every element of a list, its key the element."""

from __future__ import annotations

import pytest

from connector.errors import MappingFault
from connector.mapping.own_tests import run_tests
from tests.unit.mappings import compiled, only_fault, record

RECALL = """
each: {of: "{{ Products | split(';') }}", as: product}
target: "{{ product }}"
when: "{{ Type == 'Recall' }}"
fields: {online: false, notice: "{{ product }} is recalled"}
"""
FIELDS = "fields: {A: 1}\n"


def test_each_element_makes_a_main_line_of_its_own() -> None:
    mapped = compiled(RECALL).map(record(Type="Recall", Products="P1; P2"))
    assert [(line.spec.id, line.key, line.target) for line in mapped.lines] == [
        ("main", "P1", "P1"),
        ("main", "P2", "P2"),
    ]
    assert [line.values for line in mapped.lines] == [
        {"online": False, "notice": "P1 is recalled"},
        {"online": False, "notice": "P2 is recalled"},
    ]


def test_an_element_that_stands_twice_is_one_line() -> None:
    mapped = compiled(RECALL).map(record(Type="Recall", Products="P1;P1;;P2;P1"))
    assert [line.key for line in mapped.lines] == ["P1", "P2"]


def test_no_element_makes_no_line_and_null_has_none() -> None:
    for products in (None, "", " ; "):
        mapped = compiled(RECALL).map(record(Type="Recall", Products=products))
        assert (mapped.lines, mapped.filtered) == ([], None)


def test_a_rule_that_knows_no_element_decides_entry_of_the_record() -> None:
    mapping = compiled(RECALL)
    assert mapping.map(record(Type="Other", Products="P1")).filtered == "when"
    assert len(mapping.map(record(Type="Other", Products="P1"), entered=True).lines) == 1


def test_a_rule_that_reads_the_element_chooses_among_them_also_later() -> None:
    mapping = compiled('each: {of: "{{ l }}", as: n}\nwhen: "{{ n > 5 }}"\nfields: {A: "{{ n }}"}\n')
    assert [line.key for line in mapping.map(record(l=[1, 7, 9])).lines] == ["7", "9"]
    assert mapping.map(record(l=[1, 2])).filtered == "when"
    later = mapping.map(record(l=[1, 2]), entered=True)
    assert (later.lines, later.filtered) == ([], None)


def test_without_a_name_the_element_is_this() -> None:
    mapping = compiled('each: {of: "{{ l }}"}\nfields: {A: "{{ this }}"}\n')
    assert [line.values for line in mapping.map(record(l=[1, "b"])).lines] == [{"A": 1}, {"A": "b"}]


def test_an_element_without_a_text_parks() -> None:
    with pytest.raises(MappingFault, match="has no text") as caught:
        compiled('each: {of: "{{ l }}"}\nfields: {A: 1}\n').map(record(l=[{"id": 1}]))
    assert caught.value.place is not None
    assert caught.value.place.line == 1


def test_further_lines_go_beside_those_of_the_elements() -> None:
    text = RECALL + 'also: [{id: note, to: destination.Note, after: [main], write: once, fields: {T: "{{ Type }}"}}]\n'
    mapped = compiled(text).map(record(Type="Recall", Products="P1"))
    assert [line.spec.id for line in mapped.lines] == ["main", "note"]


def test_its_own_tests_name_the_element_as_key() -> None:
    text = (
        RECALL
        + """
tests:
  - name: two products
    record: {key: C-1, fields: {Type: Recall, Products: P1;P2}}
    writes: [{line: main, key: P1, target: P1, fields: {online: false}}, {line: main, key: P2}]
"""
    )
    assert all(outcome.passed for outcome in run_tests(compiled(text)))


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ('each: "{{ l }}"\n' + FIELDS, "1:7", "each is an object"),
        ("each: {as: x}\n" + FIELDS, "1:1", "each needs 'of'"),
        ("each: {of: x}\n" + FIELDS, "1:12", "of needs one expression in braces"),
        ('each: {of: "{{ l }}", in: 1}\n' + FIELDS, "1:23", "each has no 'in'"),
        ('each: {of: "{{ l }}", as: route}\n' + FIELDS, "1:23", "cannot be called 'route'"),
        ('each: {of: "{{ l }}"}\nalso: [{id: a, to: destination.X, fields: {A: 1}}]\n', "1:1", "'each' needs main fields"),
        ('each: {of: "{{ l }}"}\n' + FIELDS + "also: [{id: a, to: main, fields: {A: 1}}]\n",
         "3:20", "'to: main' needs main fields"),
        ('each: {of: "{{ l }}"}\n' + FIELDS + 'also: [{id: a, to: destination.X, fields: {A: "{{ main.id }}"}}]\n',
         "3:51", "'main.id' is not known here"),
        ('each: {of: "{{ l }}"}\nfields: {A: "{{ main.id }}"}\n', "2:17", "'main.id' is not known here"),
    ],
)  # fmt: skip
def test_misuse_is_refused_where_it_stands(text: str, place: str, says: str) -> None:
    fault = only_fault(text)
    assert says in fault.message
    assert (fault.place.line, fault.place.column) == tuple(map(int, place.split(":")))


def test_an_answering_flow_says_where_each_element_goes() -> None:
    fault = only_fault('each: {of: "{{ l }}"}\n' + FIELDS, answers=True)
    assert "the one record that is answered" in fault.message
    compiled('each: {of: "{{ l }}"}\ntarget: "{{ this }}"\n' + FIELDS, answers=True)
