"""Who has a case since when, as the adapter reads it from a sandbox org: history, Omni-Channel, or its own fields alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.adapters.salesforce import Salesforce
from connector.adapters.salesforce.ownership import ATTENDED
from connector.model import Record, Ref, Select, Stay, Write
from connector.sandbox import Options, Sandbox
from connector.states import facts
from tests.contract.salesforce_org import creates, open_

FIELDS = ("Id", "CaseNumber", *ATTENDED)


@pytest.fixture(params=[{}, {"omni_channel": True, "owner_tracking": False}], ids=["history", "agent-work"])
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(Options(orders=1, returns=0, **request.param)) as made:
        yield made


@pytest.fixture
def service(box: Sandbox) -> Iterator[Salesforce]:
    made = open_(box)
    yield made
    made.close()


def case(service: Salesforce) -> str:
    (made,) = service.write("Case", creates(1, OwnerId=Ref("queue", "Payments")))
    assert made.target is not None
    return made.target


def read(service: Salesforce, key: str) -> Record:
    return service.fetch("Case", [key], select=Select(fields=FIELDS))[key]


def stays(service: Salesforce, key: str) -> list[Stay]:
    record = read(service, key)
    return list(service.stays("Case", [record])[key])


def test_a_claim_is_told_with_who_since_when_and_from_which_queue(box: Sandbox, service: Salesforce) -> None:
    key = case(service)
    box.control.advance(600)
    taken = box.control.agent_take(key)["LastModifiedDate"]
    box.control.advance(60)
    box.control.agent_edit(key, {"Subject": "looked at"})
    queue, claim = stays(service, key)
    assert (queue.name, queue.person, claim.name, claim.person) == ("Payments", False, "Ines Agent", True)
    assert claim.since[:19] == taken[:19]
    assert (queue.until, claim.until) == (claim.since, None)
    told = facts([queue, claim])
    assert (told["claimed_by"], told["claimed_from"], told["queued_since"]) == ("Ines Agent", "Payments", None)


def test_a_closed_case_ends_its_last_stay(box: Sandbox, service: Salesforce) -> None:
    key = case(service)
    box.control.agent_take(key)
    box.control.advance(60)
    closed = box.control.agent_close(key)["ClosedDate"]
    assert (stays(service, key)[-1].until or "")[:19] == closed[:19]


def test_a_case_that_nobody_ever_took_waits_since_it_was_made(service: Salesforce) -> None:
    key = case(service)
    record = read(service, key)
    told = service.stays("Case", [record]).get(key) or [service.owner("Case", record)]
    assert [(stay.name, stay.since[:19]) for stay in told] == [("Payments", record.fields["CreatedDate"][:19])]


class TestHistory:
    """What only history tells."""

    @pytest.fixture
    def box(self) -> Iterator[Sandbox]:
        with Sandbox(Options(orders=1, returns=0)) as made:
            yield made

    def test_both_rows_of_a_change_are_read_as_one(self, box: Sandbox, service: Salesforce) -> None:
        key = case(service)
        box.control.agent_take(key, agent=1)
        box.control.advance(5)
        box.control.agent_return_to_queue(key, queue="Returns", agent=1)
        assert [stay.name for stay in stays(service, key)] == ["Payments", "Omar O'Neil", "Returns"]
        assert len(box.control.history(key)) == 2 * 2 + 2  # owners twice, status once each

    def test_our_own_change_of_owner_is_told_from_a_persons(self, box: Sandbox, service: Salesforce) -> None:
        key = case(service)
        box.control.advance(600)
        service.write("Case", [Write("update", "k", {"OwnerId": Ref("queue", "Escalation")}, target=key)])
        made = read(service, key).fields["CreatedDate"]
        told = stays(service, key)
        assert [(stay.name, stay.ours) for stay in told] == [("Payments", False), ("Escalation", True)]
        assert (facts(told)["queued_since"] or "")[:19] == made[:19]

    def test_an_org_without_owners_in_its_history_leaves_it_to_the_ledger(
        self, box: Sandbox, service: Salesforce
    ) -> None:
        box.control.set(owner_tracking=False)
        key = case(service)
        box.control.agent_take(key)
        record = read(service, key)
        before = box.control.requests()["salesforce"]["total"]
        assert service.stays("Case", [record]) == {}
        assert service.stays("Case", [record]) == {}
        assert box.control.requests()["salesforce"]["total"] - before == 2 + 1 + 1, "what is not there is asked once"
        assert service.owner("Case", record).name == "Ines Agent"

    def test_200_cases_are_one_call(self, box: Sandbox, service: Salesforce) -> None:
        keys = [made.target or "" for made in service.write("Case", creates(200, OwnerId=Ref("queue", "Orders")))]
        box.control.agent_take(keys[0])
        records = list(service.fetch("Case", keys, select=Select(fields=FIELDS)).values())
        before = box.control.requests()["salesforce"]["total"]
        assert len(service.stays("Case", records)) == 200
        assert box.control.requests()["salesforce"]["total"] - before == 1

    def test_activity_is_what_others_did(self, box: Sandbox, service: Salesforce) -> None:
        key = case(service)
        taken = box.control.agent_take(key)["LastModifiedDate"]
        box.control.advance(60)
        service.write("Case", [Write("update", "k", {"Subject": "ours"}, target=key)])
        assert service.active("Case", [read(service, key)])[key][:19] == taken[:19]
        box.control.advance(60)
        box.control.agent_comment(key, "still at it")
        assert service.active("Case", [read(service, key)])[key][:19] > taken[:19]


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ({"open": True, "claimed": False}, ["waits"]),
        ({"open": True, "claimed": True}, ["taken"]),
        ({"open": False}, ["closed"]),
        ({"open": True}, ["taken", "waits"]),
        ({"open": True, "Priority": "High"}, ["taken"]),
        ({"open": True, "idle_longer_than": 60.0}, ["taken"]),
    ],
)
def test_the_words_of_a_state_are_asked_of_the_org(
    box: Sandbox, service: Salesforce, where: dict[str, Any], names: list[str]
) -> None:
    keys = {}
    for name in ("waits", "taken", "closed"):
        (made,) = service.write(
            "Case", [Write("create", name, {"Subject": name, "Origin": "Web", "OwnerId": Ref("queue", "Orders")})]
        )
        keys[name] = made.target or ""
    box.control.agent_take(keys["taken"])
    box.control.agent_edit(keys["taken"], {"Priority": "High"})
    box.control.agent_close(keys["closed"])
    before = box.control.requests()["salesforce"]["total"]
    (page,) = service.read("Case", None, select=Select(fields=("Id", "Subject"), where=where))
    assert box.control.requests()["salesforce"]["total"] - before == 1
    assert sorted(record.fields["Subject"] for record in page.records) == names
