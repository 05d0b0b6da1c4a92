"""Numbers take a short way where it says the same as the long one through exact decimals."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.values import Wrong, decimal, ge, gt, le, lt, text

WHOLE = st.integers(min_value=-(2**60), max_value=2**60)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
NEAR = WHOLE.map(lambda n: n + 0.5) | WHOLE.map(float) | FLOAT


@given(NEAR, WHOLE)
def test_a_float_compares_with_a_whole_number_as_its_exact_decimal_does(number: float, whole: int) -> None:
    exact = Decimal(repr(number))
    assert (lt(number, whole), le(number, whole)) == (exact < whole, exact <= whole)
    assert (gt(whole, number), ge(whole, number)) == (whole > exact, whole >= exact)


@given(FLOAT)
def test_a_float_reads_in_text_as_its_exact_decimal_does(number: float) -> None:
    exact = decimal(number)
    assert text(number) == (format(exact, "f") if -20 < exact.adjusted() < 30 else str(exact))


@pytest.mark.parametrize("odd", [float("inf"), float("-inf"), float("nan")])
def test_what_is_no_finite_number_is_refused_as_before(odd: float) -> None:
    with pytest.raises(Wrong, match="finite"):
        ge(odd, 5)
    with pytest.raises(Wrong, match="finite"):
        text(odd)
