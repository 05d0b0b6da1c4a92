"""Conditional updates inside composites, and people who act at a given moment: what races are tested with."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest

from connector.sandbox import Sandbox
from tests.contract.sandbox_caller import SERVICE, Caller, error, made


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with Sandbox(orders=0, returns=0) as box:
        yield box


@pytest.fixture
def box(house: Sandbox) -> Sandbox:
    house.control.reset()
    return house


@pytest.fixture
def caller(box: Sandbox) -> Iterator[Caller]:
    made = Caller(box)
    made.sign_in_org()
    yield made
    made.close()


def parts(*cases: str, since: str, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    given = {"If-Unmodified-Since": since, "Sforce-Auto-Assign": "FALSE"} if headers is None else headers
    return [
        {"method": "PATCH", "url": f"{SERVICE}/sobjects/Case/{case}", "referenceId": f"c{at}",
         "httpHeaders": given, "body": {"Priority": "High"}}
        for at, case in enumerate(cases)
    ]  # fmt: skip


def opened(caller: Caller, *keys: str) -> list[str]:
    queue = caller.rows("SELECT Id FROM Group WHERE DeveloperName = 'Returns'")[0]["Id"]
    return [made(caller.create({"Commerce_Key__c": key, "OwnerId": queue})) for key in keys]


def composite(caller: Caller, made: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    reply = caller.org("POST", "/composite", {"allOrNone": False, "compositeRequest": made}, **more)
    assert reply.status_code == 200, reply.text
    answers: list[dict[str, Any]] = reply.json()["compositeResponse"]
    return answers


def test_each_part_has_its_own_condition(box: Sandbox, caller: Caller) -> None:
    one, two = opened(caller, "K1", "K2")
    since = caller.org("GET", f"/sobjects/Case/{one}").headers["Last-Modified"]
    box.control.advance(2)
    box.control.agent_edit("K2", {"Subject": "changed"})
    before = box.control.requests()["salesforce"]["total"]
    first, second = composite(caller, parts(one, two, since=since))
    assert (first["httpStatusCode"], first["body"]) == (204, None)
    assert second["httpStatusCode"] == 412
    assert isinstance(second["body"], list)
    assert (box.control.case("K1")["Priority"], box.control.case("K2")["Priority"]) == ("High", "Medium")
    assert box.control.requests()["salesforce"]["total"] == before + 1
    (refused,) = composite(caller, parts(one, since="yesterday"))
    assert refused["httpStatusCode"] == 400


def test_the_condition_is_as_coarse_as_a_second(box: Sandbox, caller: Caller) -> None:
    (one,) = opened(caller, "K1")
    box.control.agent_edit("K1", {"Subject": "changed"})
    since = caller.org("GET", f"/sobjects/Case/{one}").headers["Last-Modified"]
    box.control.agent_edit("K1", {"Subject": "in the same second, or in the next"})
    same = caller.org("GET", f"/sobjects/Case/{one}").headers["Last-Modified"] == since
    assert (composite(caller, parts(one, since=since))[0]["httpStatusCode"] == 204) is same


def test_a_part_has_only_the_headers_that_it_gives(box: Sandbox, caller: Caller) -> None:
    """The caller's own Sforce-Auto-Assign goes for the whole call; a part without it runs the assignment rules."""
    one, two = opened(caller, "K1", "K2")
    since = formatdate(4102444800, usegmt=True)
    composite(caller, parts(one, since=since), assign="FALSE")
    composite(caller, parts(two, since=since, headers={}), assign="FALSE")
    owners = [box.control.case(key)["OwnerId"][:3] for key in ("K1", "K2")]
    assert owners == ["00G", "005"]


@pytest.mark.parametrize("name", ["Accept", "authorization", "Content-Type"])
def test_headers_that_belong_to_the_whole_fail_it(caller: Caller, name: str) -> None:
    (one,) = opened(caller, "K1")
    body = {"compositeRequest": parts(one, since="", headers={name: "x"})}
    assert error(caller.org("POST", "/composite", body))[0] == 400
    assert caller.org("GET", f"/sobjects/Case/{one}").json()["Priority"] == "Medium"


@pytest.mark.parametrize(("when", "seen"), [("before", "005"), ("after", "00G")])
def test_a_person_acts_right_before_or_after_a_request(box: Sandbox, caller: Caller, when: str, seen: str) -> None:
    (one,) = opened(caller, "K1")
    query = f"SELECT OwnerId FROM Case WHERE Id = '{one}'"
    box.control.fault(kind="meanwhile", path="/query", nth=2, act="agent_take", arguments={"case": "K1"}, when=when)
    assert [row["OwnerId"][:3] for _ in range(3) for row in caller.rows(query)] == ["00G", seen, "005"]


def test_a_person_acts_although_the_answer_is_lost(box: Sandbox, caller: Caller) -> None:
    opened(caller, "K1")
    box.control.fault(
        kind="meanwhile", path="/limits", nth=1, act="agent_close", arguments={"case": "K1"}, when="after"
    )
    box.control.fault(kind="status", path="/limits", nth=1, commit=True)
    assert caller.org("GET", "/limits").status_code == 503
    assert box.control.case("K1")["Status"] == "Closed"


def test_only_people_act_meanwhile(box: Sandbox) -> None:
    for wrong in ({"act": "reset"}, {}, {"act": "agent_take", "when": "later"}):
        with pytest.raises(ValueError, match=r"act of a person|moment"):
            box.control.fault(kind="meanwhile", **wrong)
