"""Which parts of a record a mapping reads: no more than it needs, and never less."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import MappingFault
from tests.unit.mappings import compiled, of, record
from tests.unit.test_mapping_any_input import EXPRESSIONS, VALUES


def read(*expressions: str) -> set[str] | None:
    mapping = of({"fields": {f"F{place}": each for place, each in enumerate(expressions)}})
    return None if mapping.paths is None else set(mapping.paths)


@pytest.mark.parametrize(
    ("expression", "paths"),
    [
        ("{{ customer_info.email }}", {"customer_info.email"}),
        ("{{ customer_info['email'] }}", {"customer_info.email"}),
        ("{{ record.customer_info.email }}", {"customer_info.email"}),
        ("{{ shipments[0].shipping_address.city }}", {"shipments.shipping_address.city"}),
        ("{{ shipments[-1].shipment_no }}", {"shipments.shipment_no"}),
        ("{{ (shipments | first).shipment_no }}", {"shipments.shipment_no"}),
        ("{{ items | map('id') | join(';') }}", {"items.id"}),
        ("{{ items | where('kind', kind) | map('id') | first }}", {"items.id", "items.kind", "kind"}),
        ("{% for i in items %}{{ i.id }} at {{ i.price.net }}{% endfor %}", {"items.id", "items.price.net"}),
        ("{% for i in items if i.open %}{{ i.id }}{% endfor %}", {"items.id", "items.open"}),
        ("{% for i in items | where('kind', 'x') %}{{ i.id }}{% endfor %}", {"items.id", "items.kind"}),
        ("{% for i in orders %}{% for j in i.items %}{{ j.id }}{% endfor %}{% endfor %}", {"orders.items.id"}),
        ("{{ 'x' if a.b is none else a.c | default(d.e) }}", {"a.b", "a.c", "d.e"}),
    ],
)
def test_a_part_that_is_named_is_read_alone(expression: str, paths: set[str]) -> None:
    assert read(expression) == paths


@pytest.mark.parametrize(
    ("expression", "paths"),
    [
        ("{{ items | length }}", {"items"}),
        ("{{ items[place].id }}", {"items", "place"}),
        ("{{ items | where(name, 'x') | map('id') | first }}", {"items", "name"}),
        ("{{ (a or b).c }}", {"a", "b"}),
        ("{{ note | json | map('id') | first }}", {"note"}),
        ("{% for i in items %}{{ i }}{% endfor %}", {"items"}),
        ("{% for i in items %}x{% endfor %}", {"items"}),
        ("{% for i in items if i %}{{ i.id }}{% endfor %}", {"items"}),
        ("{{ 'x' if customer_info else customer_info.email }}", {"customer_info"}),
        ("{{ a['b.c'].d }}", {"a"}),
        ("{{ record['a.b'] ~ c.d }}", {"a.b", "c"}),
    ],
)
def test_what_is_not_seen_through_is_read_whole(expression: str, paths: set[str]) -> None:
    assert read(expression) == paths


def test_a_record_that_is_read_as_a_whole_has_no_parts() -> None:
    assert read("{{ record | length }}", "{{ a.b }}") is None


def test_parts_stand_for_all_expressions_of_a_mapping_and_only_for_its_own_record() -> None:
    mapping = compiled("""
when: "{{ a.open }}"
lookups: {order: {stream: source.orders, key: "{{ a.order.no }}"}}
routes: [{when: "{{ b.total > 100 }}", queue: "{{ b.queue }}"}, {queue: Rest}]
fields: {F: "{{ order.customer_info.email }} {{ route.queue }} {{ origin.x.y }}"}
also:
  - {id: n, for: "{{ c.lines }}", key: "{{ this.id }}", to: destination.orders.notes, fields: {text: "{{ d.e }}"}}
""")
    assert mapping.paths == frozenset({"a.open", "a.order.no", "b.total", "b.queue", "c.lines", "d.e"})
    assert mapping.fields == frozenset("abcd")


def cut(value: Any, paths: set[tuple[str, ...]]) -> Any:
    """A document as a system answers that was asked for these parts of it."""
    if () in paths:
        return value
    if isinstance(value, list):
        return [cut(each, paths) for each in value]
    if not isinstance(value, dict):
        return value
    below = {name: {path[1:] for path in paths if path[0] == name} for name in value}
    return {name: cut(each, below[name]) for name, each in value.items() if below[name]}


LOOPS = st.builds("{{% for a in {} %}}{{{{ {} }}}}{{% endfor %}}".format, EXPRESSIONS, EXPRESSIONS)
WRITTEN = st.one_of(st.builds("{{{{ {} }}}}".format, EXPRESSIONS), LOOPS)


@settings(max_examples=400, deadline=None)
@given(WRITTEN, st.dictionaries(st.sampled_from("abcex"), VALUES))
def test_what_is_not_among_the_paths_makes_no_difference(written: str, fields: dict[str, Any]) -> None:
    mapping = of({"fields": {"F": written}})
    paths = {(*path.split("."),) for path in mapping.paths or ()}

    def outcome(known: dict[str, Any]) -> Any:
        try:
            return mapping.map(record(**known)).lines[0].values
        except MappingFault as fault:
            return str(fault)

    assert outcome(cut(fields, paths)) == outcome(fields)
