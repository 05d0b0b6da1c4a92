"""Digests of what was sent: equal on the wire is equal here, and everything else differs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.digests import NULL, Digester, Packed, name_digest, pack, unpack
from connector.model import Ref

DIGESTER = Digester(b"k" * 32 + b"t" * 16)
OLDER = Digester(b"k" * 32)
"""Of a ledger that has one key for all."""
digest = DIGESTER.value

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, Decimal("1.00")),
        (0, Decimal("0.0")),
        (-17, Decimal(-17)),
        (59.9, Decimal("59.90")),
        (Decimal("100"), Decimal("1E+2")),
        (2**53 - 1, float(2**53 - 1)),
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}),
        ([Decimal("1.5")], [1.5]),
        (Ref("queue", "Orders"), Ref("queue", "Orders")),
    ],
)
def test_what_is_the_same_on_the_wire_has_one_digest(one: Any, other: Any) -> None:
    assert digest(one) == digest(other)
    assert OLDER.value(one) == OLDER.value(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (None, ""),
        (None, 0),
        (None, False),
        (None, "null"),
        (1, True),
        (0, False),
        (1, "1"),
        (59.9, "59.9"),
        ("a", "A"),
        ("", " "),
        ([], {}),
        ([1, 2], [2, 1]),
        ({"a": None}, {}),
        (2**53, 2**53 + 1),
        (2**70, 2**70 + 1),
        (-(2**70), 2**70),
        ("\ud83d", "\ud83e"),
        (Ref("queue", "Orders"), Ref("queue", "Returns")),
        (Ref("queue", "Orders"), Ref("user", "Orders")),
        (Ref("queue", "Orders"), "Orders"),
        (Ref("queue", "Orders"), {"kind": "queue", "name": "Orders"}),
    ],
)
def test_what_differs_on_the_wire_differs_here(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)
    assert OLDER.value(one) != OLDER.value(other)


def test_null_has_a_digest_of_its_own() -> None:
    assert digest(None) == NULL
    assert len(NULL) == 8


@given(values)
def test_any_value_has_eight_bytes_and_the_same_ones_again(value: Any) -> None:
    assert len(digest(value)) == 8
    assert digest(value) == digest(value)
    assert (digest(value) == NULL) == (value is None)


def test_another_ledgers_key_makes_other_digests() -> None:
    assert Digester(b"x" * 32).value("Ada") != OLDER.value("Ada")
    assert Digester(b"k" * 32 + b"x" * 16).value("Ada") != digest("Ada")


def test_a_ledger_with_one_key_for_all_keeps_the_digests_that_it_has() -> None:
    """As they were made on November 20, 2026: what was sent then does not count as changed."""
    assert (OLDER.value("Ada").hex(), OLDER.value("Zoë \ud83d").hex()) == ("0edb25e89de7c8f1", "5895f39c3de1cc2b")
    assert OLDER.fields({"Name": "Ada"}) == {name_digest("Name"): OLDER.value("Ada")}


def test_a_value_that_has_no_json_form_is_named() -> None:
    with pytest.raises(TypeError, match="object"):
        digest(object())


def test_fields_are_kept_by_the_digest_of_their_name() -> None:
    assert DIGESTER.fields({"Subject": "x", "Reason": None}) == {
        name_digest("Subject"): digest("x"),
        name_digest("Reason"): NULL,
    }


def test_names_of_four_bytes_do_not_meet_in_a_large_mapping() -> None:
    assert len({name_digest(f"Custom_Field_{n}__c") for n in range(5000)}) == 5000


@given(st.dictionaries(st.binary(min_size=4, max_size=4), st.binary(min_size=8, max_size=8), max_size=30))
def test_digests_come_back_from_the_ledger(digests: dict[bytes, bytes]) -> None:
    assert unpack(pack(digests)) == digests
    assert len(pack(digests)) == 12 * len(digests)


@given(st.dictionaries(st.text(max_size=6), values, max_size=6), st.sampled_from([DIGESTER, OLDER]))
def test_digests_that_are_made_as_the_ledger_keeps_them_are_the_same_ones(fields: dict[str, Any], of: Digester) -> None:
    packed = of.packed(fields)
    assert pack(packed) == pack(of.fields(fields))
    assert dict(packed) == of.fields(fields)
    assert (len(packed), bool(packed)) == (len(of.fields(fields)), bool(of.fields(fields)))
    assert packed == Packed(packed.blob)
    assert hash(packed) == hash(Packed(packed.blob))
    assert packed.get(name_digest("no such field")) is None
