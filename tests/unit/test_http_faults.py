"""What an answer means by its status, for a read, an update by id, and a write that must not be repeated."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from connector.errors import AuthFailed, Misconfigured, RateLimited, Rejected, RemoteError, Transient, Unavailable
from connector.http import Intent, Response
from connector.http_faults import network_fault

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def answer(
    status: int, intent: Intent = "read", content: bytes = b"", headers: Mapping[str, str] | None = None
) -> Response:
    return Response(status, headers or {}, content, "shop: POST /order_search", intent, NOW)


@pytest.mark.parametrize(
    ("status", "intent", "kind", "uncertain"),
    [
        (429, "read", RateLimited, False),
        (429, "once", RateLimited, False),
        (503, "read", Unavailable, False),
        (503, "update", Unavailable, False),
        (503, "once", Unavailable, True),
        (500, "read", Unavailable, False),
        (502, "read", Unavailable, False),
        (500, "update", Transient, True),
        (502, "once", Transient, True),
        (504, "once", Transient, True),
        (408, "once", Transient, True),
        (401, "read", AuthFailed, False),
        (403, "once", Misconfigured, None),
        (400, "read", Misconfigured, None),
        (400, "once", Rejected, None),
        (302, "read", Unavailable, False),
        (302, "once", Unavailable, False),
    ],
)
def test_a_status_means(status: int, intent: Intent, kind: type[RemoteError], uncertain: bool | None) -> None:
    error = answer(status, intent).fault()
    assert type(error) is kind
    assert getattr(error, "uncertain", None) is uncertain
    assert error.code == str(status)
    assert str(status) in str(error)


def test_retry_after_in_seconds_is_heard() -> None:
    error = answer(429, headers={"Retry-After": "17"}).fault()
    assert isinstance(error, RateLimited)
    assert error.until == NOW + timedelta(seconds=17)


def test_retry_after_as_a_date_is_measured_by_the_servers_own_clock() -> None:
    headers = {"Retry-After": "Fri, 20 Nov 2026 12:01:00 GMT", "Date": "Fri, 20 Nov 2026 12:00:30 GMT"}
    error = answer(429, headers=headers).fault()
    assert isinstance(error, RateLimited)
    assert error.until == NOW + timedelta(seconds=30)


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5.2"])
def test_a_retry_after_that_says_nothing_is_none(text: str) -> None:
    error = answer(429, headers={"Retry-After": text}).fault()
    assert isinstance(error, RateLimited)
    assert error.until is None


def test_a_retry_after_of_years_is_bounded_by_a_day() -> None:
    error = answer(429, headers={"Retry-After": "999999999"}).fault()
    assert isinstance(error, RateLimited)
    assert error.until == NOW + timedelta(days=1)


def test_a_retry_after_in_the_past_is_now() -> None:
    error = answer(429, headers={"Retry-After": "Fri, 20 Nov 2020 12:01:00 GMT"}).fault()
    assert isinstance(error, RateLimited)
    assert error.until == NOW


def test_the_servers_date_is_read() -> None:
    assert answer(200, headers={"Date": "Fri, 20 Nov 2026 12:00:30 GMT"}).date == datetime(
        2026, 11, 20, 12, 0, 30, tzinfo=UTC
    )
    assert answer(200, headers={"Date": "yesterday"}).date is None
    assert answer(200).date is None


@pytest.mark.parametrize(
    "content", [b'{"hits":[{"data"', b"", b"<!DOCTYPE html><p>maintenance", b"\n <html>", b'{"a":1}trailing']
)
def test_a_body_that_is_no_whole_json_document_is_no_answer(content: bytes) -> None:
    with pytest.raises(Unavailable) as read:
        answer(200, content=content).json()
    assert not read.value.uncertain
    with pytest.raises(Transient) as written:
        answer(200, "once", content).json()
    assert written.value.uncertain


def test_html_is_called_html() -> None:
    with pytest.raises(Unavailable, match="HTML page"):
        answer(200, content=b"<html>").json()


def test_details_of_the_vendor_are_redacted() -> None:
    error = answer(400, "once").fault("no customer ada@example.org, token=abc")
    assert "ada@" not in str(error)
    assert "abc" not in str(error)


def test_a_redirect_names_its_target_without_the_query() -> None:
    error = answer(302, headers={"Location": "https://login.example.org/sso?token=abc"}).fault()
    assert "https://login.example.org/sso" in str(error)
    assert "abc" not in str(error)
    assert "url" in error.remedy


def test_half_an_emoji_in_one_record_does_not_make_its_page_unreadable() -> None:
    assert answer(200, content=b'{"text": "\\ud83d", "n": 1.5}').json() == {"text": "\ud83d", "n": 1.5}


@pytest.mark.parametrize(
    ("content", "decoded"),
    [
        (b'{"n": 1e400, "t": "\\ud83d"}', {"n": "1e400", "t": "\ud83d"}),
        (b'{"n": ' + b"9" * 5000 + b', "t": "\\ud83d"}', {"n": "9" * 5000, "t": "\ud83d"}),
        (b'{"n": -1E999}', {"n": "-1E999"}),
    ],
    ids=["beyond a float", "beyond an integer", "below a float"],
)
def test_a_number_that_no_float_holds_stays_text_and_spoils_no_page(content: bytes, decoded: object) -> None:
    assert answer(200, content=content).json() == decoded


@pytest.mark.parametrize("content", [b'{"n": NaN}', b'{"n": Infinity}', b"[" * 100_000 + b"]" * 100_000])
def test_what_is_not_json_or_nested_without_end_is_said_so(content: bytes) -> None:
    with pytest.raises(Unavailable, match="no whole JSON document"):
        answer(200, content=content).json()


def test_a_machine_without_file_handles_is_no_fault_of_the_system_that_was_called() -> None:
    error = OSError(errno.EMFILE, "Too many open files")
    fault = network_fault(error, name="shop", host="shop.example", where="GET /x", intent="once", sent=False)
    assert isinstance(fault, Unavailable)
    assert "no further file handle" in str(fault)
    assert "ulimit -n" in fault.remedy
