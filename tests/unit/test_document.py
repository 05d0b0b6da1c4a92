"""Our YAML files: what is written is what is read, and every fault has a place."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.document import LARGEST, did_you_mean, load


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("true", True),
        ("False", False),
        ("NO", "NO"),
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("00001301", "00001301"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        ("2026-11-20", "2026-11-20"),
        ("2026-11-20T10:02:00.000Z", "2026-11-20T10:02:00.000Z"),
        ("1_000", "1_000"),
        ("1e5", "1e5"),
        (".inf", ".inf"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("42", 42),
        ("-7", -7),
        ("0", 0),
        ("59.90", 59.9),
        ("1.5e3", 1500.0),
        ("~", None),
        ("null", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
    ],
)
def test_a_scalar_is_read_as_it_is_written(written: str, read: object) -> None:
    document = load("f.yaml", f"a: {written}\n")
    assert document.faults == []
    assert document.data == {"a": read}
    assert type(document.data["a"]) is type(read)


def test_keys_are_always_text() -> None:
    assert load("f.yaml", "1: a\ntrue: b\nno: c\n").data == {"1": "a", "true": "b", "no": "c"}


def test_every_value_and_key_has_its_place() -> None:
    document = load("f.yaml", "flows:\n  one:\n    from: a.b\n    list: [x,   y]\n")
    assert str(document.place(("flows", "one", "from"))) == "f.yaml:3:11"
    assert str(document.key_place(("flows", "one", "from"))) == "f.yaml:3:5"
    assert str(document.place(("flows", "one", "list", 1))) == "f.yaml:4:17"
    assert str(document.key_place(("flows", "one", "list", 1))) == "f.yaml:4:17"


def test_the_place_of_what_is_missing_is_its_nearest_parent() -> None:
    document = load("f.yaml", "flows:\n  one: {a: 1}\n")
    assert str(document.place(("flows", "one", "to", "x"))) == "f.yaml:2:8"
    assert str(document.place(("nothing",))) == "f.yaml:1:1"
    assert str(load("f.yaml", "").place(("a",))) == "f.yaml"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: x{{ y }}\n", "f.yaml:1:5"),
        ('a: "x{{ y }}"\n', "f.yaml:1:6"),
        ("b: 1\na: |\n   1\n   x{{ y }}\n", "f.yaml:4:5"),
        ("a: >\n   x{{ y }}\n", "f.yaml:1:4"),
    ],
)
def test_a_character_inside_text_has_its_place(text: str, place: str) -> None:
    document = load("f.yaml", text)
    assert str(document.inside(("a",), document.data["a"].index("{{"))) == place


def test_a_duplicate_key_is_a_fault_at_its_second_place_and_reading_goes_on() -> None:
    document = load("f.yaml", "a: 1\nb:\n  c: 1\n  c: {d: [2, {e: 3}]}\n  c: 4\na: 5\nz: 6\n")
    assert [str(fault.place) for fault in document.faults] == ["f.yaml:4:3", "f.yaml:5:3", "f.yaml:6:1"]
    assert "stands twice" in document.faults[0].message
    assert "line 3" in document.faults[0].remedy
    assert document.data == {"a": 1, "b": {"c": 1}, "z": 6}


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("a:\n\tb: 1", "f.yaml:2:1", "tabs"),
        ("a: {{ x }}", "f.yaml:1:5", "quotes"),
        ('a: "{{ x }}" b', "f.yaml:1:14", "quotes"),
        ("a: [1, 2", "f.yaml:2:1", "not YAML"),
        ("a: 'x", "f.yaml:1:6", "not YAML"),
        ("a: !!python/object:os.system {}", "f.yaml:1:4", "tag '!!python/object:os.system'"),
        ("a: !env X", "f.yaml:1:4", "tag '!env'"),
        ("<<: {a: 1}", "f.yaml:1:1", "merge keys"),
        ("a: *x", "f.yaml:1:4", "unknown alias"),
        ("a: &x [*x]", "f.yaml:1:8", "contains itself"),
        ("a: 1\n---\nb: 2", "f.yaml:2:1", "second document"),
        ("? [a]\n: b", "f.yaml:1:3", "key must be text"),
        ("? \n: b", "f.yaml:1:2", "key is missing"),
        ("a: \x01", "f.yaml:1:4", "U+0001"),
        ("a: 1\nb: \ud800", "f.yaml:2:4", "U+D800"),
        ("[" * 100_000, "f.yaml:1:42", "nested deeper"),
        ("%YAML 1.1\n%YAML 1.1\n--- a", "f.yaml:2:1", "not YAML"),
    ],
)
def test_what_is_not_our_yaml_is_one_fault_with_place_and_remedy(text: str, place: str, says: str) -> None:
    document = load("f.yaml", text)
    assert document.data is None
    (fault,) = document.faults
    assert str(fault.place) == place
    assert says in f"{fault.message} {fault.remedy}"
    assert fault.remedy


def test_aliases_that_expand_beyond_a_bound_are_refused() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    document = load("f.yaml", "\n".join(lines))
    assert document.data is None
    assert "more than" in document.faults[0].message


def test_an_alias_is_the_value_it_names() -> None:
    assert load("f.yaml", "a: &x {b: 1}\nc: *x\n").data == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_file_that_cannot_be_read_is_a_fault_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: 1\n")
    document = load(str(tmp_path / "confg.yaml"))
    assert document.data is None
    assert document.faults[0].place.file.endswith("confg.yaml")
    assert "No such file" in document.faults[0].message
    assert "did you mean 'config.yaml'?" in document.faults[0].remedy
    assert "cannot be read" in load(str(tmp_path)).faults[0].message


def test_a_file_that_is_not_utf8_or_too_large_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes("a: 1\nb: ä\n".encode("latin-1"))
    assert str(load(str(path)).faults[0].place).endswith("f.yaml:2:4")
    path.write_bytes(b"a" * (LARGEST + 1))
    assert "larger than" in load(str(path)).faults[0].message
    assert "larger than" in load("f.yaml", "a" * (LARGEST + 1)).faults[0].message


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load(str(path)).data == {"a": 1}


def test_did_you_mean_names_the_nearest_word_and_all_known_ones() -> None:
    assert did_you_mean("servicenw", ["sfcc", "servicenow"]) == "did you mean 'servicenow'? known: servicenow, sfcc"
    assert did_you_mean("CASE", ["Case"]) == "did you mean 'Case'? known: Case"
    assert did_you_mean("zzz", ["Case"]) == "known: Case"
    assert did_you_mean("zzz", []) == ""
