"""The lines that a record asks for: rules, routes, fields and their forms, elements, keys, targets, main.id."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connector.errors import MappingFault
from connector.flow import Mapping
from connector.mapping.compiled import CompiledMapping
from connector.mapping.spec import LineSpec, Lookup
from connector.model import Record, Ref
from tests.unit.mappings import compiled, of, parked, record, value


def made(mapping: CompiledMapping, number: int = 0, /, **fields: Any) -> dict[str, Any]:
    values = mapping.map(record(**fields)).lines[number].values
    assert values is not None
    return values


def test_a_compiled_mapping_is_what_the_engine_asks_for() -> None:
    mapping: Mapping = compiled("summary: S\nfields: {A: 1}\n")
    assert (mapping.file, mapping.summary) == ("m.yaml", "S")
    assert mapping.lines == (LineSpec(id="main", policies={"A": "always"}),)
    assert mapping.lookups == ()
    assert mapping.uses_origin is False


def test_the_version_is_a_digest_of_the_file() -> None:
    first, again, other = (compiled(text) for text in ("fields: {A: 1}", "fields: {A: 1}", "fields: {A: 2}"))
    assert first.version == again.version != other.version


def test_the_same_record_gives_the_same_lines() -> None:
    mapping = of({"fields": {"A": "{{ a }}"}, "also": [
        {"id": "b", "to": "destination.X", "for": "{{ l }}", "key": "{{ this }}", "fields": {"F": "{{ this }}"}}]})  # fmt: skip
    assert mapping.map(record(a=1, l=[1, 2])) == mapping.map(record(a=1, l=[1, 2]))


# --- what is read -------------------------------------------------------------------------------------------------


def test_only_the_fields_that_expressions_read_are_selected() -> None:
    mapping = compiled(
        """
when: "{{ a or record.b }}"
lookups: {order: {stream: source.orders, key: "{{ c }}"}, whole: {stream: source.orders, key: "{{ c }}"}}
routes: [{when: "{{ d }}", queue: "{{ e }}"}]
fields:
  A: "{{ f.g }}"
  Q: "{{ route.queue }}"
  K: "{{ record.key }}"
  O: "{{ order.total }} {{ order['tax'] }}"
  W: "{{ whole }}"
also:
  - {id: x, to: destination.X, for: "{{ h }}", as: item, key: "{{ item.i }}", when: "{{ j }}", target: "{{ k }}",
     fields: {F: "{{ origin.m }}{{ origin.key }}"}}
"""
    )
    assert mapping.fields == frozenset("abcdefhjk")
    assert {lookup.name: lookup.fields for lookup in mapping.lookups} == {
        "order": frozenset({"total", "tax"}),
        "whole": None,
    }
    assert mapping.uses_origin
    assert mapping.origin_fields == frozenset({"m"})


def test_a_record_that_is_used_whole_is_selected_whole() -> None:
    assert of({"fields": {"A": "{{ record }}"}}).fields is None
    assert of({"fields": {"A": "{{ record[x] }}"}}).fields is None
    assert value("{{ record[x] }}", x="y", y=5) == 5


# --- when, routes, lookups ----------------------------------------------------------------------------------------


def test_when_decides_entry_and_no_longer_filters_what_has_entered() -> None:
    mapping = of({"when": "{{ a > 1 }}", "fields": {"A": "{{ a }}"}})
    left_out = mapping.map(record(a=1))
    assert (left_out.lines, left_out.filtered) == ([], "when")
    assert mapping.map(record(a=1), entered=True).filtered is None
    assert mapping.map(record(a=2)).filtered is None
    assert mapping.map(record()).filtered == "when", "null is not true"


def test_the_first_route_that_matches_wins_and_is_named() -> None:
    mapping = of({
        "routes": [
            {"when": "{{ a > 5 }}", "queue": "High", "hot": True},
            {"when": "{{ a > 1 }}", "queue": "{{ 'Q' ~ a }}"},
        ],
        "fields": {"Q": "{{ route.queue }}", "H": "{{ route.hot }}"},
    })  # fmt: skip
    assert mapping.map(record(a=9)).route == "queue=High hot=true"
    assert made(mapping, a=9) == {"Q": "High", "H": True}
    assert mapping.map(record(a=2)).route == "queue=Q2"
    assert made(mapping, a=2) == {"Q": "Q2", "H": None}
    assert mapping.map(record(a=1)).route == "no route"
    assert made(mapping, a=1) == {"Q": None, "H": None}


def test_a_mapping_without_routes_has_no_route() -> None:
    assert of({"fields": {"A": 1}}).map(record()).route == ""


def test_lookups_say_what_to_fetch() -> None:
    mapping = compiled(
        """
lookups:
  order: {stream: source.orders, key: "{{ c_orderNo }}", missing: {wait: 2m, then: null}, watch: false}
  others: {stream: shop.orders, keys: "{{ c_list | json }}", missing: {then: skip}}
  third: {stream: source.orders, key: "{{ origin.c_orderNo }}-{{ record.key }}"}
fields: {A: "{{ order.a }}"}
"""
    )
    assert mapping.lookups == (
        Lookup("order", "source.orders", wait=120.0, then="null", fields=frozenset({"a"})),
        Lookup("others", "shop.orders", many=True, then="skip", fields=frozenset()),
        Lookup("third", "source.orders", fields=frozenset()),
    )
    origin = Record("O-1", {"c_orderNo": "7"})
    keys = mapping.lookup_keys(record(c_orderNo="0001", c_list='["1", null, 2]'), origin=origin)
    assert keys == {"order": "0001", "others": ["1", "2"], "third": "7-RR-1"}
    assert mapping.lookup_keys(record(c_orderNo=""))["order"] is None
    assert mapping.lookup_keys(record())["others"] is None
    with pytest.raises(MappingFault, match="c_list"):
        mapping.lookup_keys(record(c_list="[{"))
    assert compiled("fields: {A: 1}").lookup_keys(record()) == {}


def test_a_record_that_when_leaves_out_looks_nothing_up() -> None:
    text = """
when: "{{ %s }}"
lookups: {order: {stream: source.orders, key: "{{ c }}"}}
fields: {A: "{{ order.a }}"}
"""
    mapping = compiled(text % "a")
    assert mapping.lookup_keys(record(c="1"), entered=False) == {"order": None}
    assert mapping.lookup_keys(record(c="1")) == {"order": "1"}
    assert mapping.lookup_keys(record(c="1", a=True), entered=False) == {"order": "1"}
    assert compiled(text % "order.a").lookup_keys(record(c="1"), entered=False) == {"order": "1"}


# --- fields -------------------------------------------------------------------------------------------------------


def test_map_translates_and_null_goes_to_otherwise() -> None:
    field = {
        "from": "{{ c }}",
        "map": {"DAMAGED": "Damaged", "LATE": None, "1": "one", "true": "yes"},
        "otherwise": "Other",
    }
    assert value(field, c="DAMAGED") == "Damaged"
    assert value(field, c="LATE") is None
    assert value(field, c=1) == "one"
    assert value(field, c=True) == "yes"
    assert value(field, c="nothing") == "Other"
    assert value(field) == "Other"


def test_otherwise_may_be_an_expression_that_is_worked_out_only_then() -> None:
    field = {"from": "{{ c }}", "map": {"A": 1}, "otherwise": "{{ c + 1 }}"}
    assert value(field, c="A") == 1
    assert value(field, c=4) == 5
    assert "c is text" in str(parked(field, c="B"))


def test_otherwise_park_parks_also_for_null() -> None:
    field = {"from": "{{ c }}", "map": {"A": 1}, "otherwise": "park"}
    assert "F: 'B' is not in `map`" in str(parked(field, c="B"))
    assert "F: null is not in `map`" in str(parked(field))
    assert "is a list" in str(parked(field, c=[]))
    assert len(str(parked(field, c="x" * 500))) < 200


def test_without_otherwise_null_stays_null_and_what_is_not_listed_parks() -> None:
    field = {"from": "{{ c }}", "map": {"A": 1}}
    assert value(field) is None
    assert "'B' is not in `map`" in str(parked(field, c="B"))


def test_references_are_by_name_and_null_is_no_reference() -> None:
    assert value({"ref": "queue", "name": "{{ q }}"}, q="Returns") == Ref("queue", "Returns")
    assert value({"ref": "queue", "name": "{{ q }}"}) is None
    assert value({"ref": "queue", "name": ""}) is None
    assert value({"choice": "Single order"}) == Ref("choice", "Single order")
    assert value({"choice": "{{ q }}", "write": "on-create"}, q="Draft") == Ref("choice", "Draft")


def test_a_required_field_without_a_value_parks_at_its_place() -> None:
    mapping = compiled('fields:\n  A: 1\n  B: {from: "{{ b }}", required: true}\n')
    assert mapping.lines[0].required == {"B"}
    assert made(mapping, b=0) == {"A": 1, "B": 0}
    for missing in ({}, {"b": None}, {"b": ""}):
        with pytest.raises(MappingFault) as caught:
            mapping.map(record(**missing))
        assert str(caught.value) == "m.yaml:3:13: B: no value for a required field in `{{ b }}`"
        assert caught.value.field == "B"
        assert caught.value.remedy


def test_an_omitted_field_is_left_alone_and_not_even_worked_out() -> None:
    mapping = of({"fields": {"A": {"from": "{{ a + 1 }}", "omit": "{{ b }}", "required": True}, "B": 2}})
    assert made(mapping, a=1) == {"A": 2, "B": 2}
    assert made(mapping, a="text", b=True) == {"B": 2}
    assert list(made(mapping, a=1)) == ["A", "B"], "in the order of the file"


def test_every_field_has_its_write_policy() -> None:
    mapping = of({
        "fields": {"A": 1, "B": {"from": 1, "write": "on-create"}, "C": {"ref": "queue", "name": "x", "write": "until-claimed"}},
        "also": [{"id": "l", "to": "destination.X", "write": "once", "fields": {"D": 1, "E": {"from": 1, "write": "always"}}}],
    })  # fmt: skip
    main, line = mapping.lines
    assert main.policies == {"A": "always", "B": "on-create", "C": "until-claimed"}
    assert line.policies == {"D": "once", "E": "always"}
    assert (main.once, line.once) == (False, True)


def test_money_of_a_mapping_is_decimal() -> None:
    assert value("{{ a | money('EUR') }}", a=59.9) == Decimal("59.90")


def test_a_field_may_name_a_variant() -> None:
    assert made(of({"fields": {"online_flag[default@RefArch]": False}})) == {"online_flag[default@RefArch]": False}


# --- lines --------------------------------------------------------------------------------------------------------

MESSAGES = {
    "fields": {"A": 1},
    "also": [
        {
            "id": "messages",
            "to": "destination.CaseComment",
            "for": "{{ c_messages | json }}",
            "key": "{{ this.id }}",
            "when": "{{ this.text != 'skip' }}",
            "fields": {"ParentId": "{{ main.id }}", "CommentBody": "{{ this.text }}"},
        }
    ],
}


def test_every_element_is_a_line_under_its_key() -> None:
    mapping = of(MESSAGES)
    text = '[{"id": 1, "text": "a"}, {"id": "x", "text": "skip"}, {"id": 2.5, "text": "c"}]'
    lines = mapping.map(record(c_messages=text), main_id="500").lines
    assert [(line.spec.id, line.key) for line in lines] == [("main", ""), ("messages", "1"), ("messages", "2.5")]
    assert lines[1].values == {"ParentId": "500", "CommentBody": "a"}
    assert mapping.lines[1] == LineSpec(
        id="messages",
        to="destination.CaseComment",
        policies={"ParentId": "always", "CommentBody": "always"},
        needs_main=True,
        has_key=True,
    )


def test_for_over_null_makes_no_line() -> None:
    assert len(of(MESSAGES).map(record()).lines) == 1
    assert len(of(MESSAGES).map(record(c_messages="[]")).lines) == 1


def test_for_over_something_else_parks() -> None:
    with pytest.raises(MappingFault, match="cannot be looped over"):
        of(MESSAGES).map(record(c_messages='{"id": 1}'))


def test_a_line_that_uses_main_id_waits_for_it() -> None:
    waiting = of(MESSAGES).map(record(c_messages='[{"id": 1, "text": "a"}]')).lines
    assert waiting[0].values == {"A": 1}
    assert waiting[1].key == "1"
    assert waiting[1].values is None


def test_a_target_may_wait_for_main_too() -> None:
    mapping = of(
        {
            "fields": {"A": 1},
            "also": [{"id": "l", "to": "destination.X", "target": "{{ main.id }}", "fields": {"F": 1}}],
        }
    )
    assert mapping.lines[1].needs_main
    waiting, known = (mapping.map(record(), main_id=main).lines[1] for main in (None, "500"))
    assert (waiting.target, waiting.values) == (None, None)
    assert (known.target, known.values) == ("500", {"F": 1})


def test_elements_may_have_a_name_of_their_own() -> None:
    mapping = of({"also": [{"id": "l", "to": "destination.X", "for": "{{ ids | split(';') }}", "as": "product",
                            "key": "{{ product }}", "target": "{{ product }}",
                            "fields": {"F": "{{ this_is_a_field }}{{ product }}"}}]})  # fmt: skip
    (line,) = mapping.map(record(ids="p1")).lines
    assert (line.key, line.target, line.values) == ("p1", "p1", {"F": "p1"})
    assert [spec.id for spec in mapping.lines] == ["l"], "a mapping may have no main fields"


def test_two_elements_with_one_key_park() -> None:
    with pytest.raises(MappingFault, match="two elements of line 'messages' have the same key") as caught:
        of(MESSAGES).map(record(c_messages='[{"id": 1, "text": "a"}, {"id": "1", "text": "b"}]'))
    assert caught.value.place is not None
    assert caught.value.place.line == 1


def test_a_key_or_target_without_a_value_parks() -> None:
    with pytest.raises(MappingFault, match="no value for the key of a line"):
        of(MESSAGES).map(record(c_messages='[{"text": "a"}]'))
    target = of({"also": [{"id": "l", "to": "destination.X", "target": "{{ t }}", "fields": {"F": 1}}]})
    with pytest.raises(MappingFault, match="no value for the target of a line"):
        target.map(record())


def test_a_line_may_have_a_key_and_a_condition_without_elements() -> None:
    mapping = of({"also": [{"id": "note", "to": "destination.orders.notes", "when": "{{ closed }}", "key": "decided-{{ at }}",
                            "target": "{{ origin.c_orderNo }}", "fields": {"text": "{{ origin.key }} {{ what }}"}}]})  # fmt: skip
    assert mapping.map(record()).lines == []
    assert mapping.map(record()).filtered is None
    (line,) = mapping.map(record(closed=True, at="now", what="ok"), origin=Record("RR-7", {"c_orderNo": "0001"})).lines
    assert (line.key, line.target, line.values) == ("decided-now", "0001", {"text": "RR-7 ok"})


def test_the_main_line_may_have_a_key_or_target_of_its_own() -> None:
    mapping = of({"key": "{{ group }}", "target": "{{ Id }}", "fields": {"A": {"from": 1, "write": "until-claimed"}}})
    (line,) = mapping.map(record(group=7, Id="500")).lines
    assert (line.key, line.target) == ("7", "500")
    assert (line.spec.has_key, line.spec.has_target) == (True, True)


def test_lines_say_after_which_lines_they_go() -> None:
    mapping = of({
        "fields": {"A": 1},
        "also": [{"id": "submit", "to": "main", "after": ["lines", "main"], "write": "once", "fields": {"A": 2}},
                 {"id": "lines", "to": "destination.X", "fields": {"A": 2}}],
    })  # fmt: skip
    assert mapping.lines[1].after == ("lines", "main")
    assert mapping.lines[1].to == "main"


def test_several_threads_may_map_at_once() -> None:
    from concurrent.futures import ThreadPoolExecutor

    mapping = of(MESSAGES)
    texts = [f'[{{"id": {number}, "text": "{number}"}}]' for number in range(200)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: mapping.map(record(c_messages=text), main_id="5").lines[1].key, texts))
    assert found == [str(number) for number in range(200)]
