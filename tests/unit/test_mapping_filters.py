"""The filters, one by one, and the table that documents them."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.mapping.filters import FILTERS
from tests.unit.mappings import of, only_fault, parked, record, value

DOCS = Path(__file__).parents[2] / "docs" / "mapping.md"


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_every_filter_but_default_gives_null_for_null(name: str) -> None:
    arguments = {"where": "('a', 1)", "map": "('a')", "money": "('EUR')", "minor_units": "('EUR')", "default": "('d')"}
    assert value(f"{{{{ nowhere | {name}{arguments.get(name, '')} }}}}") == ("d" if name == "default" else None)


@pytest.mark.parametrize(
    ("written", "zone", "made"),
    [
        ("2026-11-20T10:15:30.000+0000", "", "2026-11-20T10:15:30.000Z"),
        ("2026-11-20T10:15:30Z", "", "2026-11-20T10:15:30.000Z"),
        ("2026-11-20T10:15:30.123456+02:00", "", "2026-11-20T08:15:30.123Z"),
        ("2026-11-20", "", "2026-11-20T00:00:00.000Z"),
        ("2026-11-20T10:15", "", "2026-11-20T10:15:00.000Z"),
        ("2026-11-20T10:15:30", "'Europe/Vienna'", "2026-11-20T09:15:30.000Z"),
        ("2026-07-20T10:15:30", "'Europe/Vienna'", "2026-07-20T08:15:30.000Z"),
        ("2026-11-20T10:15:30Z", "'Europe/Vienna'", "2026-11-20T10:15:30.000Z"),
        ("2026-11-20T10:15:30-0500", "'Europe/Vienna'", "2026-11-20T15:15:30.000Z"),
    ],
)
def test_instant_brings_every_precision_and_zone_into_one_form(written: str, zone: str, made: str) -> None:
    assert value(f"{{{{ x | instant{f'({zone})' if zone else ''} }}}}", x=written) == made


def test_date_is_the_day_where_people_are() -> None:
    assert value("{{ x | date }}", x="2026-11-20T23:30:00Z") == "2026-11-20"
    assert value("{{ x | date('Europe/Vienna') }}", x="2026-11-20T23:30:00Z") == "2026-11-21"


@pytest.mark.parametrize("written", ["20.11.2026", "yesterday", "", "2026-13-01", 1763600000, True])
def test_what_is_no_date_parks(written: Any) -> None:
    assert "F: " in str(parked("{{ x | instant }}", x=written))


def test_an_unknown_zone_parks_with_a_remedy() -> None:
    fault = parked("{{ x | instant('Vienna') }}", x="2026-11-20")
    assert "unknown time zone 'Vienna'" in str(fault)
    assert "Europe/Vienna" in fault.remedy


@pytest.mark.parametrize(
    ("amount", "currency", "made"),
    [
        (59.9, "EUR", "59.90"),
        (0.1, "EUR", "0.10"),
        (1.005, "EUR", "1.01"),  # a float of 1.00499…, but what was written is 1.005
        (2.5, "JPY", "3"),
        (1.2345, "KWD", "1.235"),
        ("12.5", "eur", "12.50"),
        (-1.005, "EUR", "-1.01"),
        (5, "EUR", "5.00"),
        (Decimal("7.999"), "USD", "8.00"),
    ],
)
def test_money_is_exact_and_rounded_to_the_currency(amount: Any, currency: str, made: str) -> None:
    got = value("{{ x | money(c) }}", x=amount, c=currency)
    assert type(got) is Decimal
    assert str(got) == made
    assert value("{{ x | money(c) }}", x=amount, c=None) is None


def test_minor_units_are_whole_numbers() -> None:
    assert value("{{ x | minor_units('EUR') }}", x=59.9) == 5990
    assert value("{{ x | minor_units('JPY') }}", x=59.9) == 60
    assert value("{{ x | minor_units('BHD') }}", x=1) == 1000
    assert type(value("{{ x | minor_units('EUR') }}", x=59.9)) is int


@pytest.mark.parametrize(
    ("amount", "currency"), [("12,50", "EUR"), ("x", "EUR"), (True, "EUR"), (1, "EURO"), (1, 978), (1e30, "EUR")]
)
def test_what_is_no_money_parks(amount: Any, currency: Any) -> None:
    parked("{{ x | money(c) }}", x=amount, c=currency)


def test_json_reads_text_and_leaves_what_is_a_value_already() -> None:
    assert value("{{ x | json }}", x='[{"id": 1}]') == [{"id": 1}]
    assert value("{{ x | json }}", x=[1]) == [1]
    assert value("{{ x | json }}", x=" ") is None
    assert "not JSON (line 1, column 3)" in str(parked("{{ x | json }}", x="[{"))
    assert "not JSON text" in str(parked("{{ x | json }}", x=5))


def test_split_gives_parts_without_blanks() -> None:
    assert value("{{ x | split(';') }}", x="a; b;;c ;") == ["a", "b", "c"]
    assert value("{{ x | split }}", x="a,b") == ["a", "b"]


def test_where_map_first_and_length_work_on_lists_of_objects() -> None:
    items = [{"id": "i1", "n": "Tie", "q": 1}, {"id": "i2", "n": "Hat"}, {"n": None}]
    assert value("{{ x | where('id', 'i2') | map('n') | first }}", x=items) == "Hat"
    assert value("{{ x | where('id', 'zz') | first }}", x=items) is None
    assert value("{{ x | where('q', '1') | length }}", x=items) == 0
    assert value("{{ x | where('q', 1.0) | length }}", x=items) == 1
    assert value("{{ x | map('n') }}", x=items) == ["Tie", "Hat", None]
    assert value("{{ x | length }}{{ 'abc' | length }}", x=items) == "33"


def test_join_leaves_nulls_out_and_gives_null_for_nothing() -> None:
    assert value("{{ x | join(', ') }}", x=["a", None, 1, 2.5, True]) == "a, 1, 2.5, true"
    assert value("{{ x | join }}", x=["a", "b"]) == "ab"
    assert value("{{ x | join(';') }}", x=[None]) is None
    assert value("{{ x | join(';') }}", x=[]) is None


def test_lower_and_fold() -> None:
    assert value("{{ x | lower }}", x="ÉTÉ") == "été"
    assert value("{{ x | fold }}", x="Été Straße") == "ete strasse"


def test_truncate_keeps_the_length_and_says_that_it_cut() -> None:
    assert value("{{ x | truncate(5) }}", x="abcde") == "abcde"
    assert value("{{ x | truncate(5) }}", x="abcdef") == "abcd…"
    assert value("{{ x | truncate(1) }}", x="abcdef") == "…"
    assert value("{{ x | truncate(3) }}", x=12345) == "12…"


def test_truncate_knows_the_length_of_the_remote_field() -> None:
    asked = []

    def lengths(stream: str, field: str) -> int | None:
        asked.append((stream, field))
        return {("destination", "Subject"): 5, ("destination.orders.notes", "text"): 3}.get((stream, field))

    document = {
        "fields": {"Subject": "{{ x | truncate }}", "Other": "{{ x | truncate }}"},
        "also": [
            {"id": "note", "to": "destination.orders.notes", "key": "{{ x }}",
             "fields": {"text": "{% filter truncate %}{{ x }}{% endfilter %}"}},
            {"id": "later", "to": "main", "fields": {"Subject": {"from": "{{ x | truncate }}", "map": {}}}},
        ],
    }  # fmt: skip
    document["also"][1]["fields"] = {"Subject": {"from": "{{ x | truncate }}"}}  # type: ignore[index]
    lines = of(document, lengths=lengths).map(record(x="abcdefgh")).lines
    assert lines[0].values == {"Subject": "abcd…", "Other": "abcdefgh"}
    assert lines[1].values == {"text": "ab…"}
    assert lines[2].values == {"Subject": "abcd…"}
    assert ("destination", "Other") in asked


def test_mask_shows_the_end_only() -> None:
    assert value("{{ x | mask }}", x="4111111111111111") == "************1111"
    assert value("{{ x | mask(2) }}", x="secret") == "****et"
    assert value("{{ x | mask }}", x="12345678") == "********"
    assert value("{{ x | mask(0) }}", x="abc") == "***"


def test_default_replaces_null_only() -> None:
    assert value("{{ x | default(0) }}", x=None) == 0
    assert value("{{ x | default('d') }}", x="") == ""
    assert value("{{ x | default('d') }}", x=False) is False


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("{{ x | lower }}", "x is a list: not text"),
        ("{{ x | split }}", "x is a list: not text"),
        ("{{ n | first }}", "n is a number: not a list"),
        ("{{ n | join(',') }}", "n is a number: not a list"),
        ("{{ n | length }}", "n is a number: has no length"),
        ("{{ x | map('a') }}", "has no field 'a'"),
        ("{{ x | join }}", "has no text"),
        ("{{ 'a' | split('') }}", "empty separator"),
        ("{{ 'a' | truncate('b') }}", "whole number"),
        ("{{ 'a' | mask(11) }}", "mask shows"),
    ],
)
def test_a_filter_on_another_kind_parks(expression: str, says: str) -> None:
    assert says in str(parked(expression, x=[[1]], n=5))


def test_an_unknown_filter_and_a_wrong_number_of_values_are_faults_of_the_file() -> None:
    fault = only_fault('fields: {F: "{{ x | trunkate }}"}')
    assert "unknown filter 'trunkate'" in fault.message
    assert fault.remedy.startswith("did you mean 'truncate'? known: date, default")
    assert "takes 1 values, not 0" in only_fault('fields: {F: "{{ x | money }}"}').message
    assert "takes 2 values, not 1" in only_fault("fields: {F: \"{{ x | where('a') }}\"}").message


def test_the_table_in_the_documentation_is_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)(?:\(([^)]*)\))?` \| (.+?) \|", DOCS.read_text("utf-8"), re.MULTILINE)
    table = {name: says for name, _, says in rows if name in FILTERS}
    assert table == {name: known.says for name, known in FILTERS.items()}
    for name, arguments, _ in rows:
        if name in FILTERS:
            given = [each for each in arguments.split(",") if each.strip()]
            least, most = FILTERS[name].args
            assert len(given) == most, name
            assert sum("=" not in each for each in given) == least, name
