"""What expressions mean: absent is null, kinds are strict, money is decimal, a lone expression keeps its type."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connector.errors import MappingFault
from connector.model import Record
from tests.unit.mappings import compiled, of, parked, record, value


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("Web", "Web"),
        ("  two  ", "  two  "),
        (5, 5),
        (True, True),
        (None, None),
        (2.5, 2.5),
        ("{ x }", "{ x }"),
        ("a }} b", "a }} b"),
    ],
)
def test_text_without_braces_stays_as_it_stands(written: Any, made: Any) -> None:
    got = value(written, x=1)
    assert got == made
    assert type(got) is type(made)


@pytest.mark.parametrize(
    "kept", [5, 2.5, True, False, None, "text", "1e5", "007", [1, {"a": None}], {"a": 1}, 59.9, ""]
)
def test_a_lone_expression_keeps_its_type(kept: Any) -> None:
    for expression in ("{{ x }}", "{{x}}", " {{ x }}\n", "{{- x -}}"):
        got = value(expression, x=kept)
        assert got == kept
        assert type(got) is type(kept)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (59.9, "59.9"),
        (1e-7, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (1e300, "1E+300"),
        ("a", "a"),
    ],
)
def test_a_value_within_text_reads_as_people_write_it(shown: Any, text: str) -> None:
    assert value("<{{ x }}>", x=shown) == f"<{text}>"
    assert value("{{ '<' ~ x ~ '>' }}", x=shown) == f"<{text}>"


def test_lists_and_objects_have_no_text() -> None:
    assert "x is a list: has no text" in str(parked("<{{ x }}>", x=[1]))
    assert "an object" in str(parked("{{ x ~ 'a' }}", x={}))


# --- null ---------------------------------------------------------------------------------------------------------


def test_absent_is_null() -> None:
    assert value("{{ nowhere }}") is None
    assert value("{{ a.b.c['d'][0].e }}", a={"b": {}}) is None
    assert value("{{ record.nowhere }}") is None
    assert value("{{ x[5] }}", x=[1]) is None
    assert value("{{ x[-1] }}", x=[1, 2]) == 2


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
def test_every_comparison_with_null_is_false(operator: str) -> None:
    for left, right in (("nowhere", "1"), ("1", "nowhere"), ("nowhere", "nowhere"), ("'a'", "none")):
        assert value(f"{{{{ {left} {operator} {right} }}}}") is False


def test_only_is_none_is_true_of_null() -> None:
    assert value("{{ nowhere is none }}") is True
    assert value("{{ nowhere is not none }}") is False
    assert value("{{ x is not none }}", x=0) is True


def test_not_in_with_null_is_false_and_in_with_null_is_null() -> None:
    assert value("{{ nowhere not in ['a'] }}") is False
    assert value("{{ 'a' not in nowhere }}") is False
    assert value("{{ nowhere in ['a'] }}") is None
    assert value("{{ 'a' in nowhere }}") is None
    assert value("{{ not ('a' in nowhere) }}") is True


def test_not_null_is_true() -> None:
    assert value("{{ not nowhere }}") is True
    assert value("{{ 'yes' if nowhere else 'no' }}") == "no"
    assert value("{{ 'yes' if nowhere }}") is None


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "//", "%"])
def test_arithmetic_with_null_is_null(operator: str) -> None:
    assert value(f"{{{{ nowhere {operator} 2 }}}}") is None
    assert value(f"{{{{ 2 {operator} nowhere }}}}") is None


def test_signs_of_null_are_null() -> None:
    assert value("{{ -nowhere }}") is None
    assert value("{{ +nowhere }}") is None


def test_loops_over_null_write_nothing() -> None:
    assert value("a{% for each in nowhere %}b{% endfor %}c") == "ac"


# --- kinds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("{{ t == 1 }}", "t is text, 1 is a number: cannot be compared"),
        ("{{ t != true }}", "t is text, true is true or false"),
        ("{{ t >= 1 }}", "t is text, 1 is a number"),
        ("{{ 1 < t }}", "t is text"),
        ("{{ b == 1 }}", "b is true or false, 1 is a number"),
        ("{{ b > false }}", "cannot be compared"),
        ("{{ l == 'a' }}", "l is a list"),
        ("{{ l < l }}", "cannot be compared"),
        ("{{ 1 in t }}", "1 is a number, t is text"),
        ("{{ 1 in n }}", "n is a number"),
        ("{{ 'a' in b }}", "b is true or false"),
        ("{{ t + 1 }}", "t is text, 1 is a number: cannot be calculated with"),
        ("{{ o.t + 1 }}", "o.t is text"),
        ("{{ b * 2 }}", "b is true or false"),
        ("{{ -t }}", "t is text: not a number"),
        ("{{ t.x }}", "t is text: has no field 'x'"),
        ("{{ l.x }}", "l is a list: has no field 'x'"),
        ("{{ l['x'] }}", "has no field 'x'"),
        ("{{ t[0] }}", "t is text, 0 is a number: cannot be indexed so"),
        ("{{ l[t] }}", "cannot be indexed so"),
        ("{% for x in t %}{% endfor %}", "t is text: cannot be looped over"),
        ("{{ n / 0 }}", "division by zero"),
        ("{{ n // 0 }}", "division by zero"),
    ],
)
def test_mixed_kinds_park_and_name_the_field(expression: str, says: str) -> None:
    fault = parked(expression, t="Zoë O'Neill", n=5, b=True, l=["a"], o={"t": "x"})
    assert says in str(fault)
    assert fault.field == "F"
    assert fault.place is not None
    assert fault.place.file == "m.yaml"
    assert "Zoë" not in str(fault), "reasons are logged, customers' data is not"


def test_a_fault_has_file_line_and_column_of_its_expression() -> None:
    mapping = compiled("fields:\n  A: x\n  B: |\n    one\n    two {{ nice }} {{ 1 < c_reason }}\n")
    with pytest.raises(MappingFault) as caught:
        mapping.map(record(c_reason="DAMAGED"))
    assert str(caught.value.place) == "m.yaml:5:23"
    assert str(caught.value).startswith("m.yaml:5:23: B: 1 is a number, c_reason is text")
    assert "in `one two {{ nice }} {{ 1 < c_reason }}`" in str(caught.value)


def test_a_fault_inside_a_loop_has_the_place_of_its_expression() -> None:
    mapping = compiled('fields:\n  A: "{% for i in x %}{{ i.a }}{{ i.b - 1 }}{% endfor %}"\n')
    with pytest.raises(MappingFault) as caught:
        mapping.map(record(x=[{"a": 1, "b": 2}, {"b": "no"}]))
    assert str(caught.value.place) == "m.yaml:2:35"
    assert "i.b is text" in str(caught.value)


def test_numbers_of_all_sorts_compare_exactly() -> None:
    assert value("{{ a == b }}", a=5, b=5.0) is True
    assert value("{{ a == 59.9 }}", a=59.9) is True
    assert value("{{ a + 0 == 59.9 }}", a=59.9) is True
    assert value("{{ a in [59.9, 'x'] }}", a=Decimal("59.9")) is True
    assert value("{{ 1 in [true] }}") is False
    assert value("{{ 1 < a <= 3 }}", a=3) is True
    assert value("{{ 1 < a <= 3 }}", a=4) is False


def test_comparison_of_texts_and_lists() -> None:
    assert value("{{ '2026-11-20' < '2026-11-21' }}") is True
    assert value("{{ 'DAMAGED' in c_reason }}", c_reason="VERY DAMAGED") is True
    assert value("{{ 'a' in x and 'b' not in x }}", x={"a": 1}) is True
    assert value("{{ x == ['a', 1] }}", x=["a", 1]) is True
    assert value("{{ x or y or 'z' }}", x="", y=0) == "z"


# --- numbers ------------------------------------------------------------------------------------------------------


def test_arithmetic_is_decimal_and_exact() -> None:
    got = value("{{ a + b }}", a=0.1, b=0.2)
    assert got == Decimal("0.3")
    assert type(got) is Decimal
    assert value("{{ a * 3 }}", a=59.9) == Decimal("179.7")
    assert value("{{ 7 // 2 }}{{ 7 % 2 }}{{ 7 / 2 }}{{ -7 + 1 }}{{ +7 - 1 }}") == "313.5-66"


def test_a_number_that_nothing_touches_stays_what_it_is() -> None:
    assert type(value("{{ a }}", a=59.9)) is float
    assert type(value("{{ a if a > 1 else 0 }}", a=59.9)) is float


def test_two_texts_can_be_added() -> None:
    assert value("{{ a + 'b' }}", a="a") == "ab"


# --- text ---------------------------------------------------------------------------------------------------------


def test_a_template_of_several_lines_reads_as_it_looks() -> None:
    mapping = compiled(
        """
fields:
  F: |
    {% for line in product_items %}
    {{ line.quantity }} x {{ line.product_name }}
    {% if line.gift %}
      (gift)
    {% elif line.bonus %}
      (bonus)
    {% else %}
      -
    {% endif %}
    {% endfor %}
"""
    )
    items = [{"quantity": 2, "product_name": "Tie", "gift": True}, {"quantity": 1, "product_name": "Hat"}]
    values = mapping.map(record(product_items=items)).lines[0].values
    assert values == {"F": "2 x Tie\n  (gift)\n1 x Hat\n  -"}


def test_loops_can_choose_and_nest_and_their_names_end_with_them() -> None:
    expression = "{% for a in x if a.n > 1 %}{% for b in a.l %}{{ a.n }}{{ b }} {% endfor %}{% endfor %}{{ a }}"
    assert value(expression, x=[{"n": 1, "l": [9]}, {"n": 2, "l": [7, 8]}], a="end") == "27 28 end"


def test_a_loop_goes_through_what_is_put_together_or_picked_for_it() -> None:
    made = "{% for x in (a ~ ';' ~ (b | first).c) | split(';') if (x ~ '') != 'n' %}<{{ (x ~ d[0].e) }}>{% endfor %}"
    assert value(made, a="m;n", b=[{"c": "o"}], d=[{"e": 1}]) == "<m1><o1>"
    nested = "{% for x in xs %}{% for y in (x.ys | where('n', 1)) %}{{ (y.z | first).n }}{% endfor %}{% endfor %}"
    assert value(nested, xs=[{"ys": [{"n": 1, "z": [{"n": "p"}]}, {"n": 2}]}, {"ys": None}]) == "p"


def test_a_filter_takes_a_whole_block() -> None:
    assert (
        value("{% filter truncate(4) %}{{ a }}{% if b %}{{ b }}{% endif %}{% endfilter %}", a="abc", b="def") == "abc…"
    )
    assert value("{% filter lower | truncate(3) %}{{ a }}{% endfilter %}", a="ABCD") == "ab…"


def test_comments_are_nothing() -> None:
    assert value("a{# {{ x.y() }} #}b") == "ab"


def test_many_values_in_one_text() -> None:
    assert value("".join("{{ x }}-" for _ in range(30)), x="ab") == "ab-" * 30


# --- names --------------------------------------------------------------------------------------------------------


def test_a_field_called_like_a_method_is_the_field() -> None:
    fields: dict[str, Any] = {"items": 1, "values": 2, "keys": 3, "get": 4, "update": 5, "pop": 6}
    for name, kept in fields.items():
        assert value(f"{{{{ {name} }}}}", **fields) == kept
        assert value(f"{{{{ x.{name} }}}}", x=fields) == kept
        assert value(f"{{{{ x.{name} }}}}", x={}) is None


def test_record_gives_key_stamp_and_every_field() -> None:
    mapping = of(
        {"fields": {"K": "{{ record.key }}", "S": "{{ record.stamp }}", "R": "{{ record.route }}", "X": "{{ key }}"}}
    )
    got = mapping.map(Record("RR-1", {"route": "r", "key": "own"}, "2026-11-20T10:02:00.000Z")).lines[0].values
    assert got == {"K": "RR-1", "S": "2026-11-20T10:02:00.000Z", "R": "r", "X": "own"}
    assert mapping.fields == frozenset({"route", "key"})


def test_a_lookup_wins_over_a_field() -> None:
    assert value("{{ order.total }}", lookups={"order": {"total": 1}}, order={"total": 2}) == 1
    assert value("{{ record.order.total }}", lookups={"order": {"total": 1}}, order={"total": 2}) == 2


def test_a_lookup_that_found_nothing_is_null() -> None:
    assert value("{{ order.customer.email }}", lookups={"order": None}) is None


def test_several_records_looked_up_are_a_list() -> None:
    found = [{"no": "1"}, {"no": "2"}]
    assert value("{{ orders | length }} {{ orders | map('no') | join(',') }}", lookups={"orders": found}) == "2 1,2"


def test_the_record_is_never_changed() -> None:
    fields: dict[str, Any] = {"x": {"a": [1]}, "l": [3, 1, 2]}
    mapping = of({"fields": {"F": "{{ l | first }}{{ x.a | map('y') if false }}", "G": "{{ x }}"}})
    mapping.map(record(**fields))
    assert fields == {"x": {"a": [1]}, "l": [3, 1, 2]}
