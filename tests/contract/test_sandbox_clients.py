"""Clients that we did not write pass against the sandbox: simple-salesforce, sfcc-connector; and a bare loop of requests."""

from __future__ import annotations

import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, format_external_id, format_soql
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from connector.sandbox import Client, Process, Sandbox
from tests.contract.sandbox_caller import Caller

with warnings.catch_warnings():  # written for an older pydantic
    warnings.simplefilter("ignore")
    from apiclient.exceptions import ClientError
    from sfcc_connector import SFCCClient

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with Sandbox(orders=40, returns=0, public_keys={"app": PUBLIC}) as box:
        yield box


@pytest.fixture
def box(house: Sandbox) -> Sandbox:
    house.control.reset()
    return house


class Rewrite(HTTPAdapter):
    """simple-salesforce builds https URLs whatever it is told; this sends them to the sandbox."""

    def __init__(self, url: str) -> None:
        self.netloc = urlsplit(url).netloc
        super().__init__()

    def send(self, request: requests.PreparedRequest, timeout: Any = None, **more: Any) -> requests.Response:  # type: ignore[override]
        parts = urlsplit(str(request.url))
        request.url = urlunsplit(("http", self.netloc, parts.path, parts.query, ""))
        request.headers["Host"] = parts.netloc
        return super().send(request, timeout=timeout or 10, **more)


@pytest.fixture
def session(box: Sandbox) -> Iterator[requests.Session]:
    made = requests.Session()
    made.trust_env = False
    made.mount("https://", Rewrite(box.salesforce_url))
    yield made
    made.close()


@pytest.fixture
def sf(session: requests.Session) -> Any:
    return Salesforce(consumer_key="bench", consumer_secret="secret", domain="acme.my", session=session, version="66.0")


# simple-salesforce
def test_simple_salesforce_signs_in_with_client_credentials(sf: Any) -> None:
    assert sf.limits()["DailyApiRequests"]["Remaining"] > 0
    assert sf.api_usage["api-usage"].used >= 1


def test_simple_salesforce_signs_in_with_an_assertion(session: requests.Session) -> None:
    sf = Salesforce(
        username="integration@acme.example", consumer_key="app", privatekey=PRIVATE, domain="login",
        instance_url="acme.my", session=session, version="66.0",
    )  # fmt: skip
    assert sf.query("SELECT Id FROM Case")["totalSize"] == 0


def test_simple_salesforce_is_refused_with_a_wrong_secret(session: requests.Session) -> None:
    with pytest.raises(SalesforceAuthenticationFailed):
        Salesforce(consumer_key="bench", consumer_secret="wrong", domain="acme.my", session=session, version="66.0")


def test_simple_salesforce_works_with_rows(box: Sandbox, sf: Any) -> None:
    made = sf.Case.create({"Subject": "x", "Commerce_Key__c": "K 1/é"})
    assert sf.Case.get(made["id"])["Subject"] == "x"
    assert sf.Case.update(made["id"], {"Subject": "y"}) == 204
    path = format_external_id("Commerce_Key__c", "K 1/é")
    assert sf.Case.upsert(path, {"Subject": "z"}) == 200
    assert sf.Case.upsert(format_external_id("Commerce_Key__c", "new"), {"Subject": "n"}) == 201
    assert sf.Case.describe()["name"] == "Case"
    assert sf.Case.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        sf.Case.get(made["id"])


def test_simple_salesforce_sends_conditions_in_a_composite(box: Sandbox, sf: Any) -> None:
    case = sf.Case.create({"Subject": "x", "Commerce_Key__c": "K1"})["id"]
    for since, status, subject in ((0, 412, "x"), (4102444800, 204, "y")):
        part = {
            "method": "PATCH",
            "url": f"/services/data/v66.0/sobjects/Case/{case}",
            "referenceId": "c0",
            "httpHeaders": {"If-Unmodified-Since": formatdate(since, usegmt=True)},
            "body": {"Subject": "y"},
        }
        answers = sf.restful("composite", method="POST", json={"allOrNone": False, "compositeRequest": [part]})
        assert answers["compositeResponse"][0]["httpStatusCode"] == status
        assert box.control.case("K1")["Subject"] == subject


def test_simple_salesforce_queries_and_pages(box: Sandbox, sf: Any) -> None:
    box.control.set(page_size=30)
    rows = [{"attributes": {"type": "Case"}, "Commerce_Key__c": f"it's {i:03d}"} for i in range(100)]
    answers = sf.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": rows})
    assert all(a["success"] for a in answers)
    since = datetime.now(UTC) - timedelta(days=1)
    soql = format_soql(
        "SELECT Commerce_Key__c FROM Case WHERE Commerce_Key__c LIKE '{:like}%' AND SystemModstamp >= {}"
        " ORDER BY SystemModstamp, Id",
        "it's",
        since,
    )
    assert [r["Commerce_Key__c"] for r in sf.query_all_iter(soql)] == [f"it's {i:03d}" for i in range(100)]
    assert len(sf.query_all(soql)["records"]) == 100
    one = sf.query(format_soql("SELECT Id FROM Case WHERE Commerce_Key__c IN {}", ["it's 001", "x"]))
    assert one["totalSize"] == 1
    window = (since, datetime.now(UTC) + timedelta(seconds=5))
    assert len(sf.Case.updated(*window)["ids"]) == 100


def test_simple_salesforce_raises_its_own_errors(box: Sandbox, sf: Any) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        sf.Case.create({"Nope__c": 1})
    assert caught.value.content[0]["errorCode"] == "INVALID_FIELD"
    with pytest.raises(SalesforceMalformedRequest):
        sf.query("SELECT FROM Case")
    box.control.set(unique_key=False)
    for _ in range(2):
        sf.Case.create({"Commerce_Key__c": "twice"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        sf.Case.upsert("Commerce_Key__c/twice", {"Subject": "x"})
    box.control.fault(kind="status", status=503, system="salesforce", times=1)
    with pytest.raises(SalesforceGeneralError):
        sf.limits()
    box.control.set(daily_calls=1)
    with pytest.raises(SalesforceRefusedRequest):
        sf.limits()


def test_simple_salesforce_gives_a_person_a_task_about_a_case(box: Sandbox, sf: Any) -> None:
    case = sf.Case.create({"Subject": "x", "Commerce_Key__c": "K1"})["id"]
    queue = sf.query("SELECT Id FROM Group WHERE Type = 'Queue' AND Name = 'Orders'")["records"][0]["Id"]
    user = sf.query("SELECT Id FROM User WHERE Username = 'agent1@acme.example'")["records"][0]["Id"]
    described = {field["name"]: field for field in sf.Task.describe()["fields"]}
    assert described["OwnerId"]["referenceTo"] == ["User"]
    assert not described["Commerce_Key__c"]["unique"], "of a field of Activity nobody says that it can be"

    given = {
        "OwnerId": user,
        "WhatId": case,
        "Subject": "Look again",
        "Commerce_Key__c": "T1",
        "ActivityDate": "2026-11-27",
    }
    made = sf.Task.create(given)
    shown = sf.Task.get(made["id"])
    assert (shown["Status"], shown["Priority"], shown["ActivityDate"]) == ("Not Started", "Normal", "2026-11-27")
    assert sf.Task.create(given)["success"], "a second one under the same key"
    found = sf.query_all("SELECT Id, What.CaseNumber, Owner.Name FROM Task WHERE Commerce_Key__c = 'T1' ORDER BY Id")[
        "records"
    ]
    assert next(row["Id"] for row in found) == made["id"]
    assert {row["What"]["CaseNumber"] for row in found} == {box.control.case(case)["CaseNumber"]}
    assert sf.Task.update(made["id"], {"Status": "Completed"}) == 204
    assert sf.query("SELECT Id FROM Task WHERE Status = 'Completed'")["totalSize"] == 1
    with pytest.raises(SalesforceMalformedRequest):
        sf.Task.create({**given, "OwnerId": queue})
    assert sf.Task.delete(made["id"]) == 204
    assert [task["Id"] for task in box.control.tasks() if not task["IsDeleted"]] == [found[1]["Id"]]


def test_simple_salesforce_keeps_orders_of_a_case_as_records_of_a_custom_object(box: Sandbox, sf: Any) -> None:
    case = sf.Case.create({"Subject": "x", "Commerce_Key__c": "K1"})["id"]
    described = {field["name"]: field for field in sf.Case_Order__c.describe()["fields"]}
    assert described["Case__c"]["referenceTo"] == ["Case"]
    by_key = "Commerce_Key__c/O1"
    assert sf.Case_Order__c.upsert(by_key, {"Case__c": case, "Order_No__c": "1"}) == 201
    assert sf.Case_Order__c.upsert(by_key, {"Order_No__c": "2"}) == 200
    with pytest.raises(SalesforceMalformedRequest) as caught:
        sf.Case_Order__c.upsert(by_key, {"Case__c": case})
    assert caught.value.content[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE", "a detail keeps its master"
    for given, code in (
        ({"Case__c": case, "Colour__c": "x"}, "INVALID_FIELD"),
        ({"Order_No__c": "3"}, "REQUIRED_FIELD_MISSING"),
        ({"Case__c": case, "Commerce_Key__c": "o1"}, "DUPLICATE_VALUE"),
        ({"Case__c": "005gK0000000000"}, "MALFORMED_ID"),
    ):
        with pytest.raises(SalesforceMalformedRequest) as caught:
            sf.Case_Order__c.create(given)
        assert caught.value.content[0]["errorCode"] == code
    found = sf.query("SELECT Name, Order_No__c, Case__r.Commerce_Key__c FROM Case_Order__c")["records"]
    assert [(row["Name"], row["Order_No__c"], row["Case__r"]["Commerce_Key__c"]) for row in found] == [
        ("CO-000001", "2", "K1")
    ]
    assert sf.Case.delete(case) == 204
    assert sf.query("SELECT Id FROM Case_Order__c")["totalSize"] == 0
    assert box.control.records("Case_Order__c", deleted=True)[0]["IsDeleted"]


def test_simple_salesforce_reads_who_accepted_what_where_omni_channel_is_on(
    box: Sandbox, sf: Any, session: requests.Session
) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        sf.query("SELECT Id FROM AgentWork")
    assert caught.value.content[0]["errorCode"] == "INVALID_TYPE"
    with Sandbox(orders=1, returns=0, omni_channel=True) as routed:
        session.mount("https://", Rewrite(routed.salesforce_url))
        sf = Salesforce(
            consumer_key="bench", consumer_secret="secret", domain="acme.my", session=session, version="66.0"
        )
        queue = sf.query("SELECT Id FROM Group WHERE Type = 'Queue' AND Name = 'Orders'")["records"][0]["Id"]
        case = sf.Case.create({"Subject": "x", "OwnerId": queue}, headers={"Sforce-Auto-Assign": "FALSE"})["id"]
        routed.control.advance(60)
        owner = routed.control.agent_take(case, agent=1)["OwnerId"]
        work = sf.query(
            "SELECT UserId, WorkItemId, OriginalQueueId, Status, RequestDateTime, AcceptDateTime, User.Name FROM AgentWork"
            f" WHERE WorkItemId IN ('{case}') ORDER BY AcceptDateTime"
        )["records"]
        (row,) = work
        assert (row["UserId"], row["WorkItemId"], row["OriginalQueueId"]) == (owner, case, queue)
        accepted, asked = (datetime.fromisoformat(row[name]) for name in ("AcceptDateTime", "RequestDateTime"))
        assert timedelta(seconds=59) <= accepted - asked <= timedelta(seconds=90)
        assert row["User"]["Name"]
        assert {"AcceptDateTime", "WorkItemId"} <= {field["name"] for field in sf.AgentWork.describe()["fields"]}
        with pytest.raises(SalesforceMalformedRequest):
            sf.AgentWork.create({"WorkItemId": case, "UserId": owner})


def test_simple_salesforce_sees_an_expired_session(box: Sandbox, session: requests.Session) -> None:
    caller = Caller(box)
    token = caller.sign_in_org()["access_token"]
    caller.close()
    sf = Salesforce(session_id=token, instance="acme.my.salesforce.com", session=session, version="66.0")
    sf.limits()
    box.control.end_tokens("salesforce")
    with pytest.raises(SalesforceExpiredSession):
        sf.limits()


# sfcc-connector
@pytest.fixture
def sfcc(box: Sandbox) -> Any:
    return SFCCClient(
        {"domain": urlsplit(box.sfcc_url).netloc, "use_ssl": False, "ocapi_version": "v24_5", "site_id": "RefArch",
         "username": "manager", "password": "manager-pw", "client_id": "bench", "client_password": "secret"}
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # the client never closes its sessions
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_sfcc_connector_signs_in_searches_and_reads(box: Sandbox, sfcc: Any) -> None:
    answer = sfcc.authenticate()
    assert answer["expires_in"] == 1799
    begin, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
    found = sfcc.get_orders(begin, end, custom_select="(count,total,start,hits.(data.(order_no,creation_date)))")
    found = found if isinstance(found, dict) else found[0]
    assert (found["total"], found["count"]) == (40, 25)
    assert [h["data"]["order_no"] for h in found["hits"]] == sorted(
        o["order_no"] for o in box.control.orders("RefArch")
    )[:25]
    number = found["hits"][0]["data"]["order_no"]
    assert sfcc.get_order(number)["order_no"] == number


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_sfcc_connector_reads_faults(box: Sandbox, sfcc: Any) -> None:
    with pytest.raises(ClientError, match="OrderNotFoundException"):
        sfcc.get_order("99999999")
    box.control.end_tokens("sfcc")
    with pytest.raises(ClientError, match="InvalidAccessTokenException"):
        sfcc.get_order("99999999")


# a bare loop, and the sandbox as a process
def test_a_bare_loop_moves_every_order_into_a_case() -> None:
    with Process("--orders", "450", "--seed", "7", "--client", "loop:s3cret") as box:
        caller = Caller(box, "loop", "s3cret")  # type: ignore[arg-type]
        sorts = [{"field": "last_modified", "sort_order": "asc"}, {"field": "order_no", "sort_order": "asc"}]
        for start in range(0, 450, 200):
            hits = caller.search(sorts=sorts, start=start, count=200).json()["hits"]
            records = [
                {"Commerce_Key__c": h["data"]["order_no"], "Order_Total__c": h["data"]["order_total"],
                 "Order_Modified__c": h["data"]["last_modified"], "SuppliedName": h["data"]["customer_name"],
                 "SuppliedEmail": h["data"]["customer_info"]["email"], "Currency__c": h["data"]["currency"]}
                for h in hits
            ]  # fmt: skip
            assert all(r["success"] and r["created"] for r in caller.upsert(*records).json())
        cases = box.control.cases()
        assert {c["Commerce_Key__c"] for c in cases} == {o["order_no"] for o in box.control("orders", site="RefArch")}
        names = {o["order_no"]: o["customer_name"] for o in box.control.orders(site="RefArch")}
        assert all(c["SuppliedName"] == names[c["Commerce_Key__c"]] for c in cases)
        assert box.control.duplicates()["cases"] == {}
        box.outage("sfcc")
        with pytest.raises(requests.exceptions.ConnectionError):
            caller.search()
        box.outage("sfcc", down=False)
        assert caller.search().status_code == 200
        caller.close()


def test_the_control_port_says_what_it_does_not_take() -> None:
    with Process("--orders", "1") as box:
        assert box.control.urls() == box.urls
        for verb, arguments, says in (
            ("fly", {}, "no verb"),
            ("set", {"latency": 1}, "no such knob"),
            ("fault", {"kind": "meteor"}, "unknown kind"),
            ("agent_take", {"case": "x"}, "no case"),
            ("order", {}, "missing"),
        ):
            with pytest.raises(ValueError, match=says):
                box.control(verb, **arguments)
    with pytest.raises(ValueError, match="plain http"):
        Client("file:///etc/passwd")


def test_the_process_ends_on_sigterm_and_refuses_bad_arguments() -> None:
    command = [sys.executable, "-m", "connector.sandbox", "--orders", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b'"salesforce"' in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    wrong = (
        ["--client", "nocolon"],
        ["--fault", "{"],
        ["--fault", '{"kind": "meteor"}'],
        ["--fault", '{"colour": "red"}'],
        ["--public-key", "a:/does/not/exist"],
        ["--unknown-field", "rows"],
    )
    for arguments in wrong:
        refused = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=30, check=False)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
    with pytest.raises(RuntimeError, match="did not start"), Process("--orders", "many"):
        pass
