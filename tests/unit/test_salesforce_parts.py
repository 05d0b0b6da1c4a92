"""Settings, literals, cursors, streams and `check`."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connector.adapter import Adapter, adapter_class
from connector.adapters.salesforce import Salesforce, cursor, soql
from connector.adapters.salesforce.cursor import Position
from connector.adapters.salesforce.records import stamp_of
from connector.errors import Unavailable
from connector.model import FieldUse, Ref, StreamUse
from tests.unit.salesforce_wire import BASE, KEY, QUERY, URL, Answer, found, json_answer, org, refusal, settings


def test_defaults_are_those_that_the_page_promises() -> None:
    plain = settings()
    assert (plain.version, plain.settle_after, plain.batch, plain.page, plain.margin) == ("66.0", 600, 200, 2000, 5)
    assert plain.token_url == f"{URL}/services/oauth2/token"


def test_durations_may_be_written_for_people() -> None:
    written = settings(settle_after="10m", margin="2s", timeouts={"read": 3})
    assert (written.settle_after, written.margin, written.timeouts.read) == (600, 2, 3)


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"urll": "x"}, "urll"),
        ({"key_field": "Commerce Key"}, "key_field"),
        ({"version": "66"}, "66.0"),
        ({"version": "31.0"}, "46.0"),
        ({"batch": 201}, "batch"),
        ({"page": 0}, "page"),
        ({"settle_after": "ten minutes"}, "settle_after"),
        ({"auth": {"grant": "password"}}, "client_credentials"),
        ({"auth": {"grant": "jwt", "client_id": "x"}}, "private_key"),
        ({"auth": {"grant": "client_credentials", "client_id": "x", "client_secret": ""}}, "client_secret"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(over: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        settings(**over)


def test_the_adapter_comes_through_the_entry_point_and_satisfies_the_seam() -> None:
    assert adapter_class("salesforce") is Salesforce
    with org() as (adapter, _, _):
        seam: Adapter = adapter
        assert isinstance(seam, Adapter)


def test_streams_are_any_object_and_case_is_known() -> None:
    with org(settle_after=3) as (adapter, _, _):
        assert list(adapter.streams) == ["Case"]
        case = adapter.streams["Case"]
        assert (case.key, case.create, case.claims, case.settle_after) == ("Id", "exclusive", True, 3)
        assert case.writes == {"create", "update", "delete"}
        assert case.lengths["Subject"] == 255
        assert {"Id", "SystemModstamp", "OwnerId", KEY} <= set(case.needs)
        other = adapter.streams["Dispute__c"]
        assert (other.create, other.claims) == ("exclusive", False)
        for name in ("orders.notes", "a b", "", "x'"):
            with pytest.raises(KeyError):
                adapter.streams[name]
        assert "Case" in adapter.streams
        assert "x y" not in adapter.streams


def test_a_lease_outlives_the_longest_write() -> None:
    with org(timeouts={"total": 20}) as (adapter, _, _):
        assert adapter.longest_call() == 60


@given(st.text())
def test_no_text_ends_its_quotes(text: str) -> None:
    for quoted in (soql.text(text), soql.prefix(text)):
        inner = quoted[1:-1]
        rest = inner.replace("\\\\", "")
        assert "'" not in rest.replace("\\'", "")
        assert not rest.endswith("\\")
        assert "\n" not in inner


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (Decimal("1.50"), "1.50"),
        ("O'Brien", "'O\\'Brien'"),
    ],
)
def test_literals_are_those_of_soql(value: Any, literal: str) -> None:
    assert soql.literal(value) == literal


def test_instants_are_utc_whatever_zone_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    begin = cursor.begin(datetime(2026, 11, 20, 10, 0, 0, 250_000, tzinfo=UTC), 0)
    assert begin is not None
    assert soql.instant(begin.stamp) == "2026-11-20T10:00:00.250Z"
    assert soql.instant("2026-11-20T10:00:00.000Z") == "2026-11-20T10:00:00Z"


def test_a_cursor_survives_being_saved() -> None:
    position = Position("2026-11-20T10:00:00.000Z", "500A")
    assert cursor.parse(position.text()) == position


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"stamp":"yesterday","id":""}', '{"stamp":null,"id":""}', "2026"])
def test_a_cursor_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a Salesforce cursor"):
        cursor.parse(text)


STAMPS = st.integers(0, 50).map(lambda number: f"2026-11-20T10:00:{number:02d}.000Z")
POSITIONS = st.builds(Position, STAMPS, st.sampled_from(["", "500A", "500B"]))


@given(POSITIONS, st.none() | POSITIONS, st.none() | POSITIONS)
def test_a_saved_cursor_never_passes_what_was_read_nor_the_cap_and_never_goes_back(
    reached: Position, cap: Position | None, before: Position | None
) -> None:
    saved = cursor.to_save(reached, cap, before)
    if saved is not None:
        assert saved <= reached
        assert cap is None or saved <= cap
        assert before is None or saved > before


def test_times_of_the_rest_api_take_the_one_form() -> None:
    assert stamp_of("2026-11-20T10:15:30.000+0000") == "2026-11-20T10:15:30.000Z"
    assert stamp_of("2026-11-20T11:15:30.000+0100") == "2026-11-20T10:15:30.000Z"
    assert stamp_of(None) is None


DESCRIBE = BASE + "sobjects/Case/describe"


NEEDED = [
    {"name": "Id"},
    {"name": "SystemModstamp"},
    {"name": "IsClosed"},
    {"name": "OwnerId", "relationshipName": "Owner"},
]
MADE = StreamUse("Case", writes=frozenset({"create"}))


def described(**over: Any) -> Answer:
    field = {"name": KEY, "externalId": True, "unique": True, "length": 255, "createable": True}
    return json_answer({"fields": [*NEEDED, field | over]})


def test_check_makes_one_call_and_one_more_for_each_stream() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", BASE + "limits", json_answer({}))
        wire.script("GET", DESCRIBE, described())
        assert adapter.check().well
        assert adapter.calls() == 2  # the token, the call
        report = adapter.check([StreamUse("Case")])
        assert report.well
        assert adapter.calls() == 4
        assert report.facts["api version"] == "66.0"
        assert report.facts["instance"] == "acme.my.salesforce.com"


@pytest.mark.parametrize(
    ("answer", "says", "remedy"),
    [
        (json_answer({"fields": NEEDED}), f"no field {KEY}", "External ID"),
        (described(externalId=False), "no External ID", "tick External ID"),
        (described(unique=False), "not unique", "tick Unique"),
        (described(length=80), "80 characters", "lengthen"),
        (described(createable=False), "may not be written", "edit access"),
        (refusal(404, "NOT_FOUND", "The requested resource does not exist"), "no object Case", "stream's name"),
    ],
)
def test_check_says_what_keeps_a_stream_from_carrying_our_key(answer: Answer, says: str, remedy: str) -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", BASE + "limits", json_answer({}))
        wire.script("GET", DESCRIBE, answer)
        [problem] = adapter.check([MADE]).problems
        assert says in problem.message
        assert remedy in problem.remedy
        assert problem.stream == "Case"


def test_check_does_not_need_the_right_to_see_the_limits_but_a_version_that_lives() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", BASE + "limits", refusal(403, "INSUFFICIENT_ACCESS", "no"))
        assert adapter.check().well
        wire.script("GET", BASE + "limits", refusal(410, "UNSUPPORTED_API_VERSION", "retired"))
        assert "retired" in adapter.check().problems[0].message


def test_two_owners_of_one_name_are_one_problem_each() -> None:
    owners = (Ref("queue", "Returns"), Ref("user", "Ada Lee"))
    field = FieldUse("OwnerId", creates=True, refs=owners)
    queues = found(*(
        {"QueueId": f"00G{at}", "SobjectType": "Case", "Queue": {"DeveloperName": f"Returns_{at}", "Name": "Returns"}}
        for at in (1, 2)
    ))  # fmt: skip
    users = found(*(
        {"Id": f"005{at}", "Username": f"ada{at}@acme.example", "Name": "Ada Lee", "IsActive": at < 3} for at in (1, 2, 3)
    ))  # fmt: skip
    with org() as (adapter, wire, _):
        wire.script("GET", BASE + "limits", json_answer({}))
        wire.script("GET", DESCRIBE, described())
        wire.script("GET", QUERY, queues, users)
        problems = adapter.check([StreamUse("Case", fields={"OwnerId": field})]).problems
    assert [problem.message for problem in problems] == [
        "2 queues have the label 'Returns'",
        "2 active users are called 'Ada Lee'",
    ]


@pytest.mark.parametrize("body", [{}, [], {"fields": None}])
def test_an_answer_that_describes_nothing_is_no_answer(body: Any) -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", BASE + "limits", json_answer({}))
        wire.script("GET", DESCRIBE, json_answer(body))
        with pytest.raises(Unavailable, match="without fields"):
            adapter.check([StreamUse("Case")])


def test_a_queue_that_our_user_may_not_see_is_one_that_is_not_there() -> None:
    field = FieldUse("OwnerId", creates=True, refs=(Ref("queue", "Returns"),))
    with org() as (adapter, wire, _):
        wire.script("GET", BASE + "limits", json_answer({}))
        wire.script("GET", DESCRIBE, described())
        wire.script("GET", QUERY, found({"QueueId": "00G1", "SobjectType": "Case", "Queue": None}), found())
        [problem] = adapter.check([StreamUse("Case", fields={"OwnerId": field})]).problems
    assert problem.message == "there is no queue 'Returns'"
