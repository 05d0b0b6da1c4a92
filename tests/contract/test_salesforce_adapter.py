"""The Salesforce adapter against an org that behaves: over real HTTP, with people at work and faults on the way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connector.adapters.salesforce import Salesforce
from connector.errors import AuthFailed, Gone, Misconfigured, RateLimited, Rejected, Transient, Unavailable
from connector.model import Record, Ref, Result, Select, StreamUse, Write
from connector.sandbox.box import Sandbox
from connector.sandbox.options import Options
from tests.contract.salesforce_org import KEY, creates, open_

FIELDS = Select(fields=("Status", "Subject", "Owner"))


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(Options(orders=1)) as box:
        yield box


@pytest.fixture
def box(shared: Sandbox) -> Sandbox:
    shared.control.reset()
    return shared


@pytest.fixture
def service(box: Sandbox) -> Iterator[Salesforce]:
    adapter = open_(box)
    yield adapter
    adapter.close()


def updates(results: list[Result], **fields: Any) -> list[Write]:
    return [Write("update", f"k{at}", fields, target=result.target) for at, result in enumerate(results)]


def everything(service: Salesforce, since: Any = None, select: Select = FIELDS) -> list[Record]:
    return [record for page in service.read("Case", since, select=select) for record in page.records]


def test_a_thousand_cases_are_made_in_five_calls_and_stay_in_their_queue(box: Sandbox, service: Salesforce) -> None:
    owner = Ref("queue", "Returns")
    results = list(service.write("Case", creates(1000, OwnerId=owner, Order_Total__c=Decimal("59.90"))))
    assert all(result.error is None and not result.existed for result in results)
    assert box.control.requests()["salesforce"]["total"] == 7  # and a token, and the queues
    service.write("Case", updates(results[:200], Status="Working"))
    cases = box.control.cases()
    assert len({case[KEY] for case in cases}) == 1000
    assert {case["OwnerId"][:3] for case in cases} == {"00G"}
    assert cases[0]["Order_Total__c"] == 59.9


def test_a_lost_reply_makes_one_case_and_leaves_it_with_the_agent_who_took_it(
    box: Sandbox, service: Salesforce
) -> None:
    box.control.fault(kind="drop_after", method="POST", path="composite/sobjects", nth=1)
    with pytest.raises(Transient) as caught:
        service.write("Case", creates(3, Status="New"))
    assert caught.value.uncertain
    taken = box.control.agent_take("orders:_ref:00001")
    again = list(service.write("Case", creates(4, Status="New")))
    assert [result.existed for result in again] == [True, True, True, False]
    assert len(box.control.cases()) == 4
    assert box.control.duplicates()["cases"] == {}
    now = box.control.case("orders:_ref:00001")
    assert (now["OwnerId"], now["Status"], again[1].target) == (taken["OwnerId"], "Working", taken["Id"])


@pytest.mark.parametrize(
    "fault",
    [{"kind": "truncate"}, {"kind": "html200", "commit": True}, {"kind": "status", "status": 504, "commit": True}],
)
def test_a_write_whose_answer_cannot_be_read_is_uncertain_and_found_afterwards(
    box: Sandbox, service: Salesforce, fault: dict[str, Any]
) -> None:
    box.control.fault(method="POST", path="composite/sobjects", nth=1, **fault)
    with pytest.raises(Transient) as caught:
        service.write("Case", creates(2))
    assert caught.value.uncertain
    assert all(result.existed for result in service.write("Case", creates(2)))


def test_rows_rejected_inside_http_200_are_rejected_alone(box: Sandbox, service: Salesforce) -> None:
    box.control.fault(
        kind="row_rejected", path="composite/sobjects", share=0.1, field="Reason", message="No reason given"
    )
    results = service.write("Case", creates(200))
    bad = [result.error for result in results if result.error]
    assert 5 < len(bad) < 40
    assert all(
        isinstance(error, Rejected) and error.field == "Reason" and "No reason given" in str(error) for error in bad
    )
    assert len(box.control.cases()) == 200 - len(bad)


def test_locked_rows_are_certain_and_pass_when_the_lock_is_gone(box: Sandbox, service: Salesforce) -> None:
    results = list(service.write("Case", creates(10)))
    box.control.fault(kind="row_locked", method="PATCH", share=0.5, per_key=1)
    first = service.write("Case", updates(results, Status="Working"))
    locked = [result.error for result in first if result.error]
    assert locked
    assert all(isinstance(error, Transient) and not error.uncertain for error in locked)
    assert all(result.error is None for result in service.write("Case", updates(results, Status="Working")))


def test_a_chunk_with_too_many_batch_retries_goes_through_in_parts(box: Sandbox, service: Salesforce) -> None:
    box.control.fault(kind="too_many_retries", path="composite/sobjects", rows=50)
    results = service.write("Case", creates(200))
    assert all(result.error is None for result in results)
    assert len(box.control.cases()) == 200
    box.control.clear_faults()
    box.control.fault(kind="too_many_retries", path="composite/sobjects", rows=1)
    more = [Write("create", f"more:{number}", {"Subject": "x"}) for number in range(60)]
    assert all(result.error is None for result in service.write("Case", more))
    assert box.control.duplicates()["created"] == {}


def test_a_deleted_and_a_merged_case_are_gone(box: Sandbox, service: Salesforce) -> None:
    results = list(service.write("Case", creates(3)))
    box.control.agent_delete("orders:_ref:00000")
    box.control.agent_merge("orders:_ref:00002", "orders:_ref:00001")
    first, second, third = service.write("Case", updates(results, Status="Working"))
    assert isinstance(first.error, Gone)
    assert isinstance(second.error, Gone)
    assert third.error is None
    missing = [Write("update", "k", {"Status": "Working"}, target="500gK000000ZZZZIA2")]
    [result] = service.write("Case", missing)
    assert isinstance(result.error, Gone)


@pytest.mark.parametrize("answered", ["call", "row"])
def test_a_field_that_is_not_there_is_named_however_the_org_says_so(
    box: Sandbox, service: Salesforce, answered: str
) -> None:
    box.control.set(unknown_field=answered)
    with pytest.raises(Misconfigured, match="Nope__c"):
        service.write("Case", creates(2, Nope__c=1))
    with pytest.raises(Misconfigured, match="Nope__c"):
        everything(service, select=Select(fields=("Nope__c",)))
    with pytest.raises(Misconfigured):
        list(service.read("Nope__c", None, select=FIELDS))


def test_a_value_that_spoils_the_whole_call_is_a_record_s_fault(service: Salesforce) -> None:
    with pytest.raises(Rejected):
        service.write("Case", [*creates(2), Write("create", "k", {"Order_Total__c": {"much": "money"}})])


@pytest.mark.parametrize(
    ("field", "value"),
    [("Subject", "Ada Lovelace " * 30), ("SuppliedEmail", "Ada Lovelace"), ("Resolution__c", "Ada Lovelace")],
)
def test_what_a_field_refuses_is_said_without_the_value(service: Salesforce, field: str, value: str) -> None:
    good, bad = service.write("Case", [*creates(1), Write("create", "k", {field: value})])
    assert good.error is None
    assert isinstance(bad.error, Rejected)
    assert bad.error.field == field
    assert bad.error.remedy
    assert "Ada" not in str(bad.error)


def test_queues_and_users_are_found_by_name_and_a_wrong_queue_names_those_that_exist(
    box: Sandbox, service: Salesforce
) -> None:
    users = [
        Write("create", f"k{at}", {"Subject": "x", "OwnerId": Ref("user", name)})
        for at, name in enumerate(("agent1@acme.example", "Omar O'Neil", "Former Colleague"))
    ]
    first, second, third = service.write("Case", users)
    assert {box.control.case(result.target)["OwnerId"][:3] for result in (first, second)} == {"005"}
    assert isinstance(third.error, Rejected)
    with pytest.raises(Misconfigured, match="Concierge, Escalation, Orders, Payments, Returns, Reviews"):
        service.write("Case", creates(1, OwnerId=Ref("queue", "Everybody")))


def test_claims_are_people_and_neither_queues_nor_ourselves(box: Sandbox, service: Salesforce) -> None:
    service.write("Case", [*creates(2), Write("create", "k", {"OwnerId": Ref("queue", "Orders")})])
    box.control.agent_take("orders:_ref:00001", agent=2)
    claimed = {record.our_key: record.claimed_by for record in everything(service)}
    assert claimed == {"orders:_ref:00000": None, "orders:_ref:00001": "Noël Dupré", "k": None}
    box.control.agent_return_to_queue("orders:_ref:00001")
    fetched = service.fetch("Case", ["orders:_ref:00001"], by="our_key", select=FIELDS)
    record = fetched["orders:_ref:00001"]
    assert record.claimed_by is None
    assert record.fields["Owner"] == {"Name": "Orders", "Type": "Queue"}


def test_every_case_is_read_once_although_all_of_a_page_share_one_stamp(box: Sandbox) -> None:
    service = open_(box, page=70)
    service.write("Case", creates(400))
    keys = [record.our_key for record in everything(service)]
    assert len(keys) == len(set(keys)) == 400
    service.close()


def test_pages_that_the_server_cuts_short_are_read_to_their_end(box: Sandbox, service: Salesforce) -> None:
    service.write("Case", creates(400))
    box.control.set(page_size=150)
    assert len({record.key for record in everything(service)}) == 400
    found = service.fetch("Case", [write.key for write in creates(400)], by="our_key", select=FIELDS)
    assert len(found) == 400


def test_an_idle_poll_is_one_call(box: Sandbox, service: Salesforce) -> None:
    service.write("Case", creates(5))
    *_, last = service.read("Case", None, select=FIELDS)
    box.control.advance(300)
    before = service.calls()
    [page] = service.read("Case", last.cursor, select=FIELDS)
    assert service.calls() == before + 1
    assert page.cursor is not None
    assert page.cursor > (last.cursor or "")


def test_a_case_committed_late_is_read_within_the_overlap(box: Sandbox, service: Salesforce) -> None:
    service.write("Case", creates(2))
    box.control.advance(30)
    box.control.agent_take("orders:_ref:00001", visible_after=20)  # a transaction of 20 seconds, stamped at its start
    box.control.advance(15)
    *_, page = service.read("Case", None, select=FIELDS)
    assert page.cursor is not None
    box.control.advance(30)
    assert "Working" in {record.fields["Status"] for record in everything(service, since=page.cursor)}


def test_the_saved_cursor_follows_the_server_s_clock_not_ours(box: Sandbox, service: Salesforce) -> None:
    box.control.advance(7200)
    service.write("Case", creates(1))
    *_, page = service.read("Case", None, select=FIELDS)
    ahead = (datetime.now(UTC) + timedelta(seconds=7100)).strftime("%Y-%m-%dT%H:%M")
    assert page.cursor is not None
    assert page.cursor[10:26] >= ahead


def test_a_session_that_ends_in_the_middle_of_a_read_loses_nothing(box: Sandbox) -> None:
    service = open_(box, page=50)
    service.write("Case", creates(200))
    box.control.fault(kind="expired_token", system="salesforce", path="/query", nth=2)
    assert len({record.key for record in everything(service)}) == 200
    assert box.control.journal()["tokens"]["salesforce"] == 2
    service.close()


def test_eight_threads_with_an_ended_session_sign_in_once_and_write_everything(
    box: Sandbox, service: Salesforce
) -> None:
    service.check()
    box.control.end_tokens("salesforce")
    chunks = [[Write("create", f"t{thread}:{row}", {"Subject": "x"}) for row in range(50)] for thread in range(8)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda chunk: service.write("Case", chunk), chunks))
    assert all(result.error is None for chunk in results for result in chunk)
    assert box.control.journal()["tokens"]["salesforce"] == 2
    assert len(box.control.cases()) == 400


def test_a_short_trouble_is_sat_out_by_reads_and_updates_but_never_by_creates(
    box: Sandbox, service: Salesforce
) -> None:
    results = list(service.write("Case", creates(2)))
    for kind in ("drop_before", "truncate"):
        box.control.fault(kind=kind, method="GET", path="/query", nth=1)
        assert len(everything(service)) == 2
    box.control.fault(kind="status", status=503, form="html", method="PATCH", nth=1)
    assert service.write("Case", updates(results, Status="Working"))[0].error is None
    box.control.clear_journal()
    box.control.fault(kind="status", status=503, method="POST", path="composite", nth=1)
    with pytest.raises(Unavailable):
        service.write("Case", creates(1))
    assert box.control.requests()["salesforce"]["total"] == 1


def test_the_day_s_limit_is_obeyed_and_the_server_s_count_is_told(box: Sandbox, service: Salesforce) -> None:
    box.control.set(daily_calls=20)
    for called in range(20):
        usage = service.usage()
        assert usage is None or (usage.used, usage.allowed) == (called, 20)
        everything(service)
    with pytest.raises(RateLimited, match="used up") as caught:
        everything(service)
    assert caught.value.until is not None


def test_an_org_that_is_away_is_unavailable_and_a_wrong_password_is_not(box: Sandbox, service: Salesforce) -> None:
    service.check()
    box.outage("salesforce")
    try:
        with pytest.raises(Unavailable, match="cannot reach"):
            everything(service)
    finally:
        box.outage("salesforce", down=False)
    assert everything(service) == []
    wrong = open_(box, auth={"grant": "client_credentials", "client_id": "bench", "client_secret": "guess"})
    with pytest.raises(AuthFailed) as caught:
        wrong.check()
    assert "guess" not in f"{caught.value} {caught.value.remedy}"
    wrong.close()


def test_a_key_signs_in_by_jwt(box: Sandbox) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    box.control.set(public_keys={"app": public.decode()})
    auth = {"grant": "jwt", "client_id": "app", "username": "integration@acme.example", "private_key": private.decode()}
    service = open_(box, auth=auth)
    assert service.check([StreamUse("Case")]).well
    service.close()
    stranger = open_(box, auth=auth | {"username": "nobody@acme.example"})
    with pytest.raises(AuthFailed, match="invalid_grant"):
        stranger.check()
    stranger.close()


def test_check_describes_the_streams_it_is_given(service: Salesforce) -> None:
    report = service.check([StreamUse("Case")])
    assert report.well
    assert report.facts["user"].startswith("005")
    assert "of 5,000,000" in report.facts["calls left"]
    [problem] = service.check([StreamUse("Cases")]).problems
    assert problem.stream == "Cases"
    assert problem.remedy


def test_everything_of_a_case_can_be_read_without_naming_its_fields(box: Sandbox, service: Salesforce) -> None:
    [result] = service.write("Case", creates(1, Description="Ça va — «très» bien", SuppliedName='O\'Neil "Ines"'))
    record = service.fetch("Case", [str(result.target)], select=Select())[str(result.target)]
    assert record.fields["Description"] == "Ça va — «très» bien"
    assert record.fields["SuppliedName"] == 'O\'Neil "Ines"'
    assert set(box.control.case(result.target)) <= set(record.fields)


def test_only_cases_of_our_flow_are_read_when_a_prefix_is_given(box: Sandbox, service: Salesforce) -> None:
    box.control.agent_create({"Subject": "by hand"})
    service.write("Case", [*creates(2), Write("create", "orders:xref:1", {"Subject": "x"})])
    keys = {
        record.our_key for record in everything(service, select=Select(fields=("Status",), key_prefix="orders:_ref:"))
    }
    assert keys == {"orders:_ref:00000", "orders:_ref:00001"}


@pytest.mark.parametrize("path", ["oauth2/token", "/query", "composite/sobjects"])
def test_no_call_outlives_its_deadline_sign_in_included(box: Sandbox, path: str) -> None:
    service = open_(box, timeouts={"connect": 1, "read": 0.3, "total": 0.6})
    box.control.fault(kind="hang", path=path, seconds=30)
    before = monotonic()
    verb = (lambda: everything(service)) if path == "/query" else (lambda: list(service.write("Case", creates(1))))
    with pytest.raises((Unavailable, Transient)):
        verb()
    assert monotonic() - before < 15, "half as long as it says nothing"
    service.close()
    box.control.clear_faults()


def test_a_write_in_many_parts_ends_in_time_and_blames_no_row_for_what_was_not_sent(box: Sandbox) -> None:
    service = open_(box, timeouts={"connect": 1, "read": 1, "total": 0.5})
    box.control.fault(kind="too_many_retries", path="composite/sobjects", rows=1)
    box.control.fault(kind="slow", path="composite/sobjects", seconds=0.2)
    before = monotonic()
    results = service.write("Case", creates(50))
    assert monotonic() - before < service.longest_call() + 1
    made = [result for result in results if result.error is None]
    left = [result.error for result in results if result.error is not None]
    assert len(left) > 20
    assert all(isinstance(error, Transient) for error in left)
    uncertain = sum(isinstance(error, Transient) and error.uncertain for error in left)
    assert uncertain <= 1  # the one that was under way when the time was up
    assert len(made) <= len(box.control.cases()) <= len(made) + uncertain
    service.close()


def test_a_create_is_not_repeated_while_the_key_field_would_take_it_twice(box: Sandbox, service: Salesforce) -> None:
    box.control.set(unique_key=False)
    box.control.fault(kind="drop_after", system="salesforce", method="POST", path="composite/sobjects", times=1)
    with pytest.raises(Transient) as lost:
        service.write("Case", creates(3))
    assert lost.value.uncertain
    again = [Write(one.op, one.key, one.fields, uncertain=True) for one in creates(3)]
    with pytest.raises(Misconfigured, match="not unique") as refused:
        service.write("Case", again)
    assert "tick Unique" in refused.value.remedy
    assert len(box.control.cases()) == 3
    box.control.set(unique_key=True)
    assert all(result.existed for result in service.write("Case", again))
    before = service.calls()
    service.write("Case", again)
    assert service.calls() - before == 3, "asked once: here are the recycle bin, the create, and who bears the keys"
    assert len(box.control.cases()) == 3


def test_a_case_that_a_person_deleted_after_a_lost_answer_is_not_made_again(box: Sandbox, service: Salesforce) -> None:
    box.control.fault(kind="drop_after", system="salesforce", method="POST", path="composite/sobjects", times=1)
    with pytest.raises(Transient):
        service.write("Case", creates(4))
    first, second, *_ = (write.key for write in creates(4))
    box.control.agent_delete(first)
    box.control.agent_merge(creates(4)[3].key, second)
    again = [Write(one.op, one.key, one.fields, uncertain=True) for one in creates(5)]
    results = service.write("Case", again)
    assert [isinstance(result.error, Gone) for result in results] == [True, True, False, False, False]
    assert [result.existed for result in results[2:]] == [True, True, False]
    assert len(box.control.cases()) == 3
    certain = service.write("Case", creates(1))
    assert certain[0].error is None, "who is certain that it made none may make it"


def test_a_deleted_case_that_was_forgotten_says_nothing_about_a_lost_reply(box: Sandbox, service: Salesforce) -> None:
    """A person asked for a new one in its place; its create is in doubt now."""
    (first,) = service.write("Case", creates(1))
    (create,) = creates(1)
    box.control.agent_delete(create.key)
    assert first.target is not None
    anew = Write("create", create.key, create.fields, uncertain=True)
    (result,) = service.write("Case", [anew])
    assert (result.target, type(result.error)) == (first.target, Gone), "its id is told, so that it can be forgotten"
    anew = Write("create", create.key, create.fields, uncertain=True, forgotten=(first.target[:15],))
    (second,) = service.write("Case", [anew])
    assert (second.error, second.existed) == (None, False)
    (again,) = service.write("Case", [anew])
    assert (again.target, again.existed) == (second.target, True)
    box.control.agent_delete(create.key)
    (result,) = service.write("Case", [anew])
    assert (result.target, type(result.error)) == (second.target, Gone)
