"""Templates cannot leave the record or eat the memory: what Jinja lets through by default is refused here."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from connector.errors import ConfigFault, MappingFault
from connector.mapping.compiled import MOST_LINES
from connector.mapping.functions import namespace
from connector.mapping.values import LARGEST_TEXT
from tests.unit.mappings import compiled, of, parked, record, value

REFUSED_WHEN_READ = [
    # attributes and methods, the way out of every Python sandbox
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ x['__class__']['__init__']['__globals__'] }}",
    "{{ __builtins__ }}",
    "{{ record.__class__ }}",
    "{{ x.update({'a': 1}) }}",
    "{{ x.items() }}",
    "{{ x.pop('a') }}",
    "{{ x.append(1) }}",
    "{{ ''.join(x) }}",
    "{{ '{:>999999999}'.format('a') }}",
    "{{ '{0.__class__}'.format(x) }}",
    "{{ x() }}",
    "{{ (x | first)() }}",
    "{{ record.fields.clear() }}",
    # globals and filters of Jinja
    "{{ range(10**9) }}",
    "{{ range(1000000000) | length }}",
    "{{ lipsum(1000) }}",
    "{{ lipsum.__globals__ }}",
    "{{ cycler('a').next() }}",
    "{{ joiner(',') }}",
    "{{ namespace(a=1) }}",
    "{{ dict(a=1) }}",
    "{{ config }}{{ self.__init__ }}",
    "{{ self._TemplateReference__context() }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ 'a' | center(1000000000) }}",
    "{{ 'a' | indent(1000000000) }}",
    "{{ x | batch(1, 'a') }}",
    "{{ x | xmlattr }}",
    "{{ x | pprint }}",
    "{{ x | urlize }}",
    "{{ x | random }}",
    "{{ x | attr('__class__') }}",
    "{{ x | map(attribute='__class__') }}",
    "{{ x | selectattr('a') }}",
    "{{ 'a' | replace('a', 'b' * 1000000000) }}",
    "{{ x | tojson }}",
    # powers and slices
    "{{ 9 ** 9 ** 9 }}",
    "{{ 2 ** 10 }}",
    "{{ x[::-1] }}",
    "{{ 'abc'[0:2] }}",
    # statements
    "{% set x = 1 %}",
    "{% set x %}a{% endset %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% call x() %}{% endcall %}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% from 'os' import system %}",
    "{% extends 'base' %}",
    "{% block a %}{% endblock %}",
    "{% with a = 1 %}{% endwith %}",
    "{% do x.append(1) %}",
    "{% filter indent(1000000000) %}a{% endfilter %}",
    "{% for a in x recursive %}{{ loop(a) }}{% endfor %}",
    "{% for a, b in x %}{% endfor %}",
    "{% for a in x %}{% else %}b{% endfor %}",
    "{% for a in x %}{{ loop.index }}{% endfor %}",
    "{% while true %}{% endwhile %}",
    "{% autoescape true %}{% endautoescape %}",
    # tests that call, and odd literals
    "{{ x is callable }}",
    "{{ x is defined }}",
    "{{ 1e999 }}",
    "{{ " + "9" * 5000 + " }}",
    "{{ {'a': 1}.a }}",
    # nesting
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "not " * 3000 + "x }}",
    "{{ " + "+".join(["1"] * 500) + " }}",
    "{{ x" + ".a" * 500 + " }}",
    "{{ " + "[" * 200 + "]" * 200 + " }}",
    "{{ x" + " | lower" * 200 + " }}",
    "{% if x %}" * 200 + "{% endif %}" * 200,
    "{{ " + "+".join(["1"] * 9_000) + " }}",
    "{% filter " + "lower|" * 2_500 + "lower %}a{% endfilter %}",
    "{{ '" + "a" * 30_000 + "' }}",
]


@pytest.mark.parametrize("template", REFUSED_WHEN_READ, ids=lambda each: each[:60])
def test_a_hostile_template_is_refused_when_the_file_is_read(template: str) -> None:
    with pytest.raises(ConfigFault) as caught:
        of({"fields": {"F": template}})
    assert all(fault.place.line == 1 and fault.place.column > 1 for fault in caught.value.faults)


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a' * (2 * 10 ** 0 * 1000000000) }}".replace("10 ** 0 * ", ""),
        "{{ 2000000000 * 'a' }}",
        "{{ [1] * 2000000000 }}",
        "{{ x * 2000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 't' % x }}",
        "{{ ''.items }}",
        "{{ [].append }}",
        "{{ (1).real }}",
        "{{ true.real }}",
        "{{ 'a'[1000000000] }}",
        "{{ 1000000000 | minor_units('EUR') | truncate(1) | split('') }}",
        "{{ x | truncate(-1) }}",
        "{{ 1" + "0" * 300 + " | money('EUR') }}",
        "{{ (1000000000000000000 | json) }}",
        "{{ t | instant('../../../etc/passwd') }}",
        "{{ t | date('/etc/passwd') }}",
    ],
)
def test_a_hostile_template_parks_the_record(template: str) -> None:
    parked(template, x=[1, 2, 3], t="2026-11-20T10:00:00")


@pytest.mark.parametrize("name", ["items", "values", "keys", "get", "update", "pop", "copy", "format", "join"])
def test_a_method_is_never_found_where_a_key_is_looked_for(name: str) -> None:
    assert value(f"{{{{ x.{name} }}}}", x={}) is None
    assert value(f"{{{{ x['{name}'] }}}}", x={}) is None
    assert value(f"{{{{ record.{name} }}}}") is None
    assert value(f"{{{{ {name} }}}}") is None


def _grown(expression: str, times: int) -> str:
    for _ in range(times):
        expression = f"({expression} ~ {expression})"
    return f"{{{{ {expression} }}}}"


@pytest.mark.parametrize(
    "template",
    [
        "{{ x ~ x }}",
        "{{ x + x }}",
        "{{ [x, x] | join }}",
        "{% for a in l %}{{ x }}{% endfor %}",
        "{% for a in l %}{% for b in l %}{% for c in l %}{% for d in l %}.{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ x }}" * 30,
        _grown("t", 8).replace("t", "x"),
    ],
)
def test_text_that_grows_beyond_all_bounds_parks_before_it_costs_memory(template: str) -> None:
    fields: dict[str, Any] = {"x": "a" * 600_000, "l": list(range(100)), "t": "ab"}
    mapping = of({"fields": {"F": template}})
    tracemalloc.start()
    try:
        with pytest.raises(MappingFault, match=r"longer than 1,000,000 characters|more than 100,000 steps"):
            mapping.map(record(**fields))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * LARGEST_TEXT


@pytest.mark.parametrize("template", ["{{ x }}", "{{ x | default('') }}", "{{ x if x else '' }}"])
def test_a_giant_text_that_a_record_holds_parks_before_it_is_sent(template: str) -> None:
    mapping = of({"fields": {"A": 1, "F": template}})
    assert mapping.map(record(x="a" * LARGEST_TEXT)).lines[0].values == {"A": 1, "F": "a" * LARGEST_TEXT}
    with pytest.raises(MappingFault, match="F: text longer than 1,000,000 characters") as caught:
        mapping.map(record(x="a" * (LARGEST_TEXT + 1)))
    assert (caught.value.field, caught.value.remedy) == ("F", "shorten it with truncate")


def test_a_record_that_is_known_to_be_short_is_not_measured_value_by_value_but_what_it_looked_up_is() -> None:
    giant = "a" * (LARGEST_TEXT + 1)
    of_record, of_lookup = of({"fields": {"F": "{{ x }}"}}), of(
        {"lookups": {"o": {"stream": "source.orders", "key": "{{ x }}"}}, "fields": {"F": "{{ o.x }}"}}
    )  # fmt: skip
    for mapping, given, looked_up, size in (
        (of_record, giant, {}, LARGEST_TEXT + 9),
        (of_lookup, "1", {"o": {"x": giant}}, 9),
    ):
        with pytest.raises(MappingFault, match="F: text longer than 1,000,000 characters"):
            mapping.map(record(x=given), lookups=looked_up, size=size)
    assert of_record.map(record(x="a"), size=9).lines[0].values == {"F": "a"}


def test_a_record_cannot_ask_for_endless_lines() -> None:
    mapping = of(
        {"also": [{"id": "a", "to": "destination.X", "for": "{{ l }}", "key": "{{ this }}", "fields": {"F": 1}}]}
    )
    with pytest.raises(MappingFault, match="more than 10,000 lines"):
        mapping.map(record(l=list(range(MOST_LINES + 1))))


def test_values_of_a_record_are_never_templates() -> None:
    """Customers write comments; what they write is data."""
    evil = "{{ record }}{% for a in b %}{{ 9 ** 9 }}{% endfor %}${HOME}"
    assert value("{{ c }}", c=evil) == evil
    assert value("<{{ c }}>", c=evil) == f"<{evil}>"
    assert value("{{ c | lower }}", c="{{ X }}") == "{{ x }}"


def test_quotes_and_code_in_a_mapping_are_text() -> None:
    for text in ("'); import os #", '"""', "\\", "\x00", "{x}", "%s", "{{ '\\'' }}x"):
        assert value(text) == (text if "{{" not in text else "'x")
    assert value({"from": "{{ a }}", "map": {"__import__('os')": "b"}}, a="__import__('os')") == "b"
    fields = {"F'] + x['": "{{ a }}"}
    assert of({"fields": fields}).map(record(a=1)).lines[0].values == {"F'] + x['": 1}


def test_generated_code_reaches_operators_and_filters_only() -> None:
    reach = namespace()
    assert reach["__builtins__"] == {}
    modules = {
        getattr(work, "__module__", "") for name, work in reach.items() if work not in ({}, str, dict, int, float)
    }
    assert modules == {"connector.mapping.values", "connector.mapping.filters"}


def test_nothing_of_the_file_is_worked_out_before_a_record_comes() -> None:
    mapping = compiled("fields: {F: \"{{ 'a' ~ (1 / 0) }}\"}\n")
    with pytest.raises(MappingFault, match="division by zero"):
        mapping.map(record())
