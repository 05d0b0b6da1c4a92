"""Stamps: every precision and zone that a vendor documents becomes one form, whose text order is the order of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.stamps import normal, parse, stamp

moments = st.datetimes(
    datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.integers(-14 * 60, 14 * 60).map(
        lambda minutes: timezone(timedelta(minutes=minutes))
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("2026-11-20T10:02:00.000Z", "2026-11-20T10:02:00.000Z"),  # OCAPI, SCAPI
        ("2026-11-20T10:02:00Z", "2026-11-20T10:02:00.000Z"),
        ("2026-11-20T10:02Z", "2026-11-20T10:02:00.000Z"),  # OCAPI, to the minute
        ("2026-11-20T10:02:03.1Z", "2026-11-20T10:02:03.100Z"),
        ("2026-11-20T10:02:03.123456Z", "2026-11-20T10:02:03.123Z"),
        ("2026-11-20T10:02:03.123456789Z", "2026-11-20T10:02:03.123Z"),
        ("2026-11-20T10:02:03,250Z", "2026-11-20T10:02:03.250Z"),
        ("2026-11-20T10:02:00.000+0000", "2026-11-20T10:02:00.000Z"),  # Salesforce REST
        ("2026-11-20T10:02:00.000+00:00", "2026-11-20T10:02:00.000Z"),
        ("2026-11-20T12:02:00+02:00", "2026-11-20T10:02:00.000Z"),
        ("2026-11-20T04:32:00-0530", "2026-11-20T10:02:00.000Z"),
        ("2026-11-20 10:02:00", "2026-11-20T10:02:00.000Z"),  # ServiceNow, UTC
        ("2026-11-20T10:02:00", "2026-11-20T10:02:00.000Z"),
        ("2026-11-20", "2026-11-20T00:00:00.000Z"),
        (" 2026-11-20T10:02:00z ", "2026-11-20T10:02:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("2026-03-01T00:30:00+01:00", "2026-02-28T23:30:00.000Z"),
    ],
)
def test_every_documented_form_is_read(written: str, form: str) -> None:
    assert normal(written) == form
    assert stamp(parse(written)) == form


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "20261120", "2026-11", "2026-13-01", "2026-02-30", "2026-11-20T25:00Z", "2026-11-20T10:61Z",
        "2026-11-20T10:02:61Z", "2026-11-20T10", "2026-11-20T10:02:00.Z", "2026-11-20T10:02:00 Europe/Berlin",
        "2026-11-20T10:02:00+1", "2026-11-20T10:02:00+99:00", "2026-11-20T10:02:00ZZ", "1795168920", "0000-01-01",
        "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2026-11-20T10:02:00Z; DROP",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)
    with pytest.raises(ValueError):
        normal(text)


def test_no_stamp_stays_none() -> None:
    assert normal(None) is None


@given(moments)
def test_a_stamp_is_read_back_to_the_millisecond(at: datetime) -> None:
    assert parse(stamp(at)) == at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)
    assert normal(stamp(at)) == stamp(at)
    assert parse(stamp(at)).tzinfo is UTC


@given(moments, moments)
def test_the_order_of_stamps_is_the_order_of_time(one: datetime, other: datetime) -> None:
    if stamp(one) < stamp(other):
        assert one < other
    elif stamp(one) == stamp(other):
        assert abs(one - other) < timedelta(milliseconds=1)
    else:
        assert one > other


@given(moments)
def test_every_zone_says_the_same_moment(at: datetime) -> None:
    assert stamp(at) == stamp(at.astimezone(UTC))
    assert parse(at.isoformat()) == at
