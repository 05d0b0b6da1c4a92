"""Sforce-Limit-Info on every reply."""

from __future__ import annotations

import pytest

from connector.adapters.salesforce.budget import parse_usage
from connector.errors import RemoteError
from connector.model import Usage
from tests.unit.salesforce_wire import BASE, FIELDS, NOW, QUERY, json_answer, org, refusal


@pytest.mark.parametrize(
    ("header", "used", "allowed", "app"),
    [
        ("api-usage=10018/100000", 10018, 100000, None),
        ("api-usage=18/5000; api-bursts=1/750", 18, 5000, None),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-app)", 25, 5000, 17),
        ("api-bursts=1/750; per-app-api-usage=17/250(appName=x); api-usage=25/5000", 25, 5000, 17),
    ],
)
def test_the_limit_header_is_read_in_all_its_forms(header: str, used: int, allowed: int, app: int | None) -> None:
    assert parse_usage(header, NOW) == Usage(used, allowed, app, NOW)


@pytest.mark.parametrize("header", ["", "nonsense", "per-app-api-usage=17/250(appName=x)"])
def test_a_header_without_the_org_s_count_says_nothing(header: str) -> None:
    assert parse_usage(header, NOW) is None


def test_the_count_is_heard_from_every_reply_refusals_too() -> None:
    with org() as (adapter, wire, clock):
        assert adapter.usage() is None
        wire.script(
            "GET",
            QUERY,
            json_answer({"done": True, "records": []}, Sforce_Limit_Info="api-usage=800/1000"),
            refusal(400, "MALFORMED_QUERY", "", Sforce_Limit_Info="api-usage=950/1000"),
        )
        list(adapter.read("Case", None, select=FIELDS))
        assert adapter.usage() == Usage(800, 1000, None, clock.now())
        with pytest.raises(RemoteError):
            list(adapter.read("Case", None, select=FIELDS))
        assert adapter.usage() == Usage(950, 1000, None, clock.now())


def test_check_tells_the_calls_left() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", BASE + "limits", json_answer({}, Sforce_Limit_Info="api-usage=90/100"))
        assert adapter.check().facts["calls left"] == "10 of 100"
