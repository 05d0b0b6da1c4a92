"""The section `refused`: what is told at the source when a line was refused for good."""

from __future__ import annotations

from typing import Any

import pytest

from connector.errors import MappingFault
from connector.mapping.own_tests import run_tests
from connector.mapping.spec import Refusal
from connector.model import Record
from tests.unit.mappings import compiled, only_fault

SECTION = """
fields: {c_x: "{{ X }}"}
refused:
  to: source.CaseComment
  words: {ONLY_FROM: too late, ONLY_FROM/completed: shipped}
  fields:
    IsPublished: false
    CommentBody: "{{ refused.line }} of {{ origin.key }}: {{ refused.words | default(refused.reason) }}"
"""
TEST = """
tests:
  - name: told
    record: {key: "1"}
    origin: {key: "0001"}
    refused: {line: cancel, code: ONLY_FROM/completed, reason: technical}
"""


def refusal(code: str = "", reason: str = "technical", line: str = "cancel", key: str = "") -> Refusal:
    return Refusal(line, key, "shop.orders.status", reason, code=code)


def told(text: str = SECTION, what: Refusal | None = None, **fields: Any) -> str | None:
    origin = Record("0001", {})
    wanted = compiled(text).tell(Record("500A", fields), what or refusal(), origin=origin)
    return None if wanted is None or wanted.values is None else wanted.values["CommentBody"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ONLY_FROM/completed", "shipped"),
        ("ONLY_FROM/replaced", "too late"),
        ("ONLY_FROM", "too late"),
        ("ONLY_FROMAGE", "technical"),
        ("", "technical"),
    ],
)
def test_a_code_is_said_in_words_by_itself_or_its_beginning(code: str, said: str) -> None:
    assert told(what=refusal(code)) == f"cancel of 0001: {said}"


def test_a_mapping_without_the_section_tells_nothing() -> None:
    mapping = compiled('fields: {c_x: "{{ X }}"}')
    assert mapping.told is None
    assert mapping.tell(Record("500A", {}), refusal()) is None


def test_when_leaves_refusals_out() -> None:
    text = SECTION + "  when: \"{{ refused.line != 'cancel' }}\"\n"
    assert told(text) is None
    assert told(text, refusal(line="main")) == "main of 0001: technical"


def test_the_name_of_a_refusal_is_that_of_its_line_and_reason() -> None:
    names = [
        refusal().name,
        refusal(code="other").name,
        refusal("", "another reason").name,
        refusal(line="main").name,
        refusal(key="2").name,
    ]
    assert names[0] == names[1], "other words for it make it no other refusal"
    assert len(set(names)) == 4
    assert refusal().name == "cancel-26b7484d896e", "it stands on remote objects: it never changes"
    assert refusal(line="").name.startswith("record-")


def test_the_keys_own_part_names_the_episode() -> None:
    mapping = compiled(SECTION + '  key: "at-{{ At }}"\n')
    wanted = mapping.tell(Record("500A", {"At": 1}), refusal())
    assert wanted is not None
    assert wanted.key == f"at-1-{refusal().name}"


def test_the_origins_key_alone_is_no_reason_to_fetch_origins() -> None:
    assert compiled(SECTION).uses_origin is False
    mapping = compiled(SECTION.replace("origin.key", "origin.c_name"))
    assert (mapping.uses_origin, mapping.origin_fields) == (True, frozenset({"c_name"}))
    read = compiled(SECTION.replace('"{{ X }}"', '"{{ origin.key }}"'))
    assert read.uses_origin, "elsewhere it is: the record must still be there"


def test_what_it_reads_of_the_record_is_selected() -> None:
    assert compiled(SECTION.replace("refused.line }}", "CaseNumber }}")).fields == frozenset({"X", "CaseNumber"})


def test_an_expression_that_fails_names_its_place() -> None:
    with pytest.raises(MappingFault) as caught:
        told(SECTION.replace("{{ refused.line }}", "{{ A + 1 }}"), A="x")
    assert str(caught.value).startswith("m.yaml:8:")
    assert caught.value.field == "CommentBody"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("refused.line", "refused.lin", "'refused' has no 'lin'"),
        ("to: source.CaseComment", "into: source.CaseComment", "'refused' has no 'into'"),
        ("too late", '"{{ X }}"', "words stand without braces"),
        ("refused.line", "main.id", "'main.id' is not known here"),
        ("refused.line", "route.x", "'route' is not known here"),
        ("source.CaseComment", "CaseComment", "is not the name of a stream"),
        ("refused:", "also: [{id: told, to: source.x, fields: {a: b}}]\nrefused:", "'told' is the id of"),
    ],
)
def test_a_fault_of_the_section_is_said_with_its_place(old: str, new: str, says: str) -> None:
    text = SECTION.replace(old, new, 1)
    if "into" in new:
        text = text.replace("  words", "  to: source.CaseComment\n  words")
    assert says in only_fault(text).message


def test_its_own_tests_compare_what_is_told() -> None:
    for expected, passes in (
        ("{fields: {CommentBody: 'cancel of 0001: shipped', IsPublished: false}}", True),
        ("{fields: {CommentBody: 'cancel of 0001: too late'}}", False),
        ("{fields: {}}", True),
        ("false", False),
    ):
        (outcome,) = run_tests(compiled(f"{SECTION}{TEST}    told: {expected}\n"))
        assert outcome.passed is passes, outcome


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("", "a test expects one of writes, filtered, parked or told"),
        ("    told: {fields: {Body: x}}\n", "'refused' does not write 'Body'"),
        ("    told: {body: x}\n", "what is told has no 'body'"),
    ],
)
def test_a_test_of_it_that_means_nothing_is_a_fault(more: str, says: str) -> None:
    from tests.unit.mappings import faults

    assert says in [fault.message for fault in faults(f"{SECTION}{TEST}{more}")]
