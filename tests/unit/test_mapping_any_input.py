"""Whatever an author writes and whatever a record holds: a value, or a fault with its place."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import ConfigFault, Fault, MappingFault
from tests.unit.mappings import of, record

_OPERATORS = "+ - * / // % ~ == != < >= in and or".split(" ")  # noqa: SIM905 - reads better than a list of quotes
_FILTERS = (
    "lower",
    "fold",
    "json",
    "first",
    "length",
    "split",
    "join('-')",
    "map('k')",
    "where('k', a)",
    "default(b)",
    "mask",
    "money('EUR')",
    "money(a)",
    "minor_units('JPY')",
    "truncate(3)",
    "instant",
    "instant('Europe/Vienna')",
    "date('Europe/Vienna')",
)
_LEAVES = ("a", "b", "c.d", "e[0]", "x['k']", "'txt'", "1", "2.5", "true", "none", "record.key", "[a, b]")


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(_OPERATORS), inner),
        st.builds("({} | {})".format, inner, st.sampled_from(_FILTERS)),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("(not {})".format, inner),
        st.builds("(-{})".format, inner),
        st.builds("({}).k".format, inner),
    )


EXPRESSIONS = st.recursive(st.sampled_from(_LEAVES), _larger, max_leaves=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["2026-11-20", "[1]", "12.5", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["k", "d", "0"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(EXPRESSIONS, st.dictionaries(st.sampled_from("abcex"), VALUES))
def test_an_expression_gives_a_value_or_a_mapping_fault_with_a_place(expression: str, fields: dict[str, Any]) -> None:
    mapping = of({"fields": {"F": f"{{{{ {expression} }}}}", "G": f"<{{{{ {expression} }}}}>"}})
    fault: MappingFault | None = None
    values: dict[str, Any] | None = None
    try:
        values = mapping.map(record(**fields)).lines[0].values
    except MappingFault as raised:
        fault = raised
    if fault is None:
        assert values is not None
        assert isinstance(values["G"], str)
    else:
        assert fault.place is not None
        assert fault.place.line == 1
        assert fault.place.column > 1
        assert "cannot be worked out" not in str(fault), "every failure is foreseen and has words of its own"


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="ab{}%#|.()[]'\"-+*~<>=! ,:1\n\\", max_size=30))
def test_any_text_compiles_or_is_a_fault_with_a_place(text: str) -> None:
    faults: tuple[Fault, ...] = ()
    try:
        of({"fields": {"F": text}})
    except ConfigFault as raised:
        faults = raised.faults
    assert all(fault.place.line >= 1 and fault.message for fault in faults)
