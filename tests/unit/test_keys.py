"""Our keys: what goes in comes out, whatever a remote system does with upper and lower case; docs/keys.md is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from connector import keys
from connector.keys import Key

DOC = (Path(__file__).parents[2] / "docs" / "keys.md").read_text()
HASH = "0123456789abcdef" * 2

texts = st.text(st.characters(exclude_categories=()), max_size=30)
"""Half of a surrogate pair too: remote systems hold them."""
parts = st.one_of(texts, st.text("aAbB_:9-é", max_size=12))
names = parts.filter(bool)


def table(header: str) -> list[list[str]]:
    """The rows under a header of the page, cells without their ticks."""
    _, _, rest = DOC.partition(f"| {header}")
    assert rest, f"docs/keys.md has no table {header!r}"
    lines = rest.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("row", table("flow id"), ids=lambda row: row[-1])
def test_the_examples_in_the_docs_are_true(row: list[str]) -> None:
    flow, site, record, line, line_key, key = row
    assert keys.make(flow, site, record, line, line_key) == key
    assert keys.parse(key) == Key(flow, site, record, line, line_key)


@pytest.mark.parametrize("row", table("whole key"), ids=lambda row: row[-1])
def test_the_cut_keys_in_the_docs_are_true(row: list[str]) -> None:
    whole, longest, cut = row
    parsed = keys.parse(whole)
    assert parsed is not None
    made = keys.make(parsed.flow, parsed.site, parsed.record, parsed.line, parsed.line_key, longest=int(longest))
    assert made == cut
    assert len(cut) <= int(longest)


def test_the_examples_of_single_parts_in_the_docs_are_true() -> None:
    examples = re.findall(r"`([^`]+)` → `([^`]+)`", DOC)
    assert len(examples) == 4
    assert [keys.escape(part) for part, _ in examples] == [written for _, written in examples]


# -- parts -------------------------------------------------------------------------------------------------------------


@given(parts)
def test_a_part_comes_back_as_it_went_in(part: str) -> None:
    assert keys.unescape(keys.escape(part)) == part


@given(parts)
def test_a_part_is_written_over_few_characters(part: str) -> None:
    assert re.fullmatch(r"[a-z0-9_-]*", keys.escape(part))


@given(parts, parts)
@example("A", "a")
@example("_a", "A")
@example("__", "_")
@example("\u212a", "k")  # the Kelvin sign, whose lower case is k
@example("ß", "ss")
def test_two_parts_never_differ_by_case_alone(one: str, other: str) -> None:
    assume(one != other)
    assert keys.escape(one).lower() != keys.escape(other).lower()
    assert keys.escape(one).casefold() != keys.escape(other).casefold()


@pytest.mark.parametrize("text", ["A", "_", "a_", "_9", "_0", "_0g0", "_0c", "a:b", "ä", " "])
def test_what_no_part_can_look_like_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a part of a key"):
        keys.unescape(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ValueError):
        keys.unescape("_0ff")


# -- whole keys --------------------------------------------------------------------------------------------------------


@given(names, parts, names, parts, parts)
def test_a_key_comes_back_in_its_parts(flow: str, site: str, record: str, line: str, line_key: str) -> None:
    if not line:
        line_key = ""  # only a line has elements
    key = keys.make(flow, site, record, line, line_key, longest=100_000)
    assert keys.parse(key) == Key(flow, site, record, line, line_key)
    assert keys.parse(key.upper()) == Key(flow, site, record, line, line_key), "some systems give keys back in capitals"
    assert key.startswith(keys.prefix(flow, site))
    assert key.startswith(keys.prefix(flow))


@pytest.mark.parametrize("text", ["", "ORD-17", "a:b", "a:b:c:d:e:f", "a:b:Käse", "a:_9:b", "http://x/y:z", "a:b:_"])
def test_somebody_elses_text_is_no_key(text: str) -> None:
    assert keys.parse(text) is None


def test_a_record_that_ends_like_a_cut_key_is_read_like_any_other() -> None:
    """`x_9` and a hash: its underscore is doubled, and that tells it from our mark."""
    record = f"x_9{HASH}"
    key = keys.make("f", "s", record)
    assert not keys.hashed(key)
    assert keys.parse(key) == Key("f", "s", record)


# -- cut keys ----------------------------------------------------------------------------------------------------------


@given(st.text("aB_é", min_size=1, max_size=60), st.integers(35, 120))
def test_a_cut_key_fits_and_is_known_as_cut(record: str, longest: int) -> None:
    key = keys.make("flow", "Site", record, longest=longest)
    whole = keys.make("flow", "Site", record, longest=10_000)
    assert len(key) <= longest
    assert keys.hashed(key) == (len(whole) > longest)
    assert (key == whole) == (len(whole) <= longest)
    if len(whole) > longest:
        assert len(key) in (longest, longest - 1)
        assert keys.parse(key) is None
        assert keys.make("flow", "Site", record, longest=len(key)) == key, "found again by its own length"


@given(st.text("aB_é", min_size=20, max_size=60), st.text("aB_é", min_size=20, max_size=60))
def test_cut_keys_of_two_records_differ(one: str, other: str) -> None:
    assume(one != other)
    assert keys.make("f", "s", one, longest=40).lower() != keys.make("f", "s", other, longest=40).lower()


@given(names, parts, names, st.integers(35, 120))
def test_the_beginning_of_a_cut_key_leads_to_its_record(flow: str, site: str, record: str, longest: int) -> None:
    key = keys.make(flow, site, record, longest=longest)
    assume(keys.hashed(key))
    found = keys.beginning(key, flow)
    assert found is not None
    assert site.startswith(found[0])
    assert record.startswith(found[1])


def test_the_beginning_is_as_long_as_the_cut_allows() -> None:
    record = "R-" + "7" * 300
    key = keys.make("f", "s", record, longest=100)
    site, begin = keys.beginning(key, "f") or ("", "")
    assert site == "s"
    assert begin == "R-" + "7" * (100 - 34 - len("f:s:_r-"))


def test_a_cut_key_of_another_flow_is_told_apart() -> None:
    key = keys.make("returns-to-cases", "s", "7" * 300)
    assert keys.beginning(key, "orders-to-cases") is None
    assert keys.beginning(key, "returns-to-cases") == ("s", "7" * (255 - 34 - len("returns-to-cases:s:")))


def test_a_field_that_is_too_short_for_any_key_is_refused() -> None:
    with pytest.raises(ValueError, match="34 characters cannot carry"):
        keys.make("f", "s", "7" * 40, longest=34)
