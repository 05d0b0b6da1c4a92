"""Fault switches: what was asked to go wrong goes wrong, where and as often as asked, and nothing else."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from connector.sandbox import Sandbox
from tests.contract.sandbox_caller import Caller, error, fault, refused


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with Sandbox(orders=10, returns=2, shop_code=0) as box:
        yield box


@pytest.fixture
def box(house: Sandbox) -> Sandbox:
    house.control.reset()
    return house


@pytest.fixture
def caller(box: Sandbox) -> Iterator[Caller]:
    made = Caller(box)
    made.sign_in_org()
    made.sign_in_shop()
    yield made
    made.close()


def rows(count: int) -> list[dict[str, Any]]:
    return [{"Commerce_Key__c": f"K{i}", "Subject": str(i)} for i in range(count)]


# which request
def test_the_nth_request_and_only_that(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="status", system="salesforce", path="/limits", nth=2)
    assert [caller.org("GET", "/limits").status_code for _ in range(4)] == [200, 503, 200, 200]
    (rule,) = box.control.faults()
    assert (rule["seen"], rule["fired"]) == (2, 1)


def test_every_kth_skipped_and_limited(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="status", status=500, path="/limits", every=2, skip=1, times=2)
    assert [caller.org("GET", "/limits").status_code for _ in range(8)] == [200, 200, 500, 200, 500, 200, 200, 200]


def test_a_probability_is_drawn_from_a_seed(box: Sandbox, caller: Caller) -> None:
    def drawn(seed: int) -> list[int]:
        box.control.clear_faults()
        box.control.fault(kind="status", path="/limits", probability=0.5, seed=seed)
        return [caller.org("GET", "/limits").status_code for _ in range(20)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert {200, 503} == set(drawn(1))


def test_patterns_are_system_method_path_and_body(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="status", system="salesforce", method="PATCH", path=r"sobjects/Case", body="K7")
    assert caller.upsert({"Commerce_Key__c": "K6"}).status_code == 200
    assert caller.upsert({"Commerce_Key__c": "K7"}).status_code == 503
    assert caller.create({"Commerce_Key__c": "K7"}).status_code == 200
    assert caller.search().status_code == 200


def test_a_rule_that_means_nothing_is_refused(box: Sandbox) -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"kind": "meteor"},
        {"kind": "status", "system": "sap"},
        {"kind": "kill"},
        {"kind": "commit_later", "reply": "maybe"},
    )
    for rule in wrong:
        with pytest.raises(ValueError, match=r"unknown|needs"):
            box.control.fault(**rule)
    with pytest.raises(TypeError):
        box.control.fault(kind="status", colour="red")


def test_a_fault_of_the_sandbox_itself_is_loud(box: Sandbox, caller: Caller, capfd: pytest.CaptureFixture[str]) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("on purpose")

    def breaks(house: Any) -> None:
        house.world.shop.handle = broken

    def mends(house: Any) -> None:
        del house.world.shop.handle

    box.run(breaks)
    try:
        reply = caller.search()
    finally:
        box.run(mends)
    assert reply.status_code == 500
    assert "ZeroDivisionError" in reply.text
    assert "on purpose" in capfd.readouterr().err
    assert box.control.journal()["faults"] == {"sandbox broke": 1}


# what happens
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_statuses_come_in_the_vendors_form(box: Sandbox, caller: Caller, status: int) -> None:
    box.control.fault(kind="status", status=status, retry_after=7)
    reply = caller.org("GET", "/limits")
    assert error(reply)[0] == status
    assert reply.headers["Retry-After"] == "7"
    assert "Sforce-Limit-Info" in reply.headers
    assert fault(caller.search())[0] == status


def test_a_429_may_come_without_retry_after(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="status", status=429)
    assert "Retry-After" not in caller.search().headers


def test_pages_of_html(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="status", status=503, form="html", system="sfcc")
    reply = caller.search()
    assert reply.status_code == 503
    assert reply.headers["Content-Type"].startswith("text/html")
    box.control.fault(kind="html200", system="salesforce")
    reply = caller.upsert(*rows(1))
    assert reply.status_code == 200
    assert reply.text.startswith("<!DOCTYPE html>")
    assert box.control.cases() == []


def test_an_error_of_ones_own_choice(box: Sandbox, caller: Caller) -> None:
    text = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    box.control.fault(kind="error", system="salesforce", status=403, code="REQUEST_LIMIT_EXCEEDED", message=text)
    reply = caller.org("GET", "/limits")
    assert error(reply) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert reply.json()[0]["message"] == text
    told = {"extensionPoint": "dw.ocapi.shop.order.beforePATCH", "statusCode": "LOCKED", "statusMsg": "not today"}
    box.control.fault(kind="error", system="sfcc", status=400, code="HookStatusException", arguments=told)
    reply = caller.search()
    assert fault(reply) == (400, "HookStatusException")
    assert reply.json()["fault"]["arguments"] == told


def test_a_timeout_after_the_commit(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="status", status=504, commit=True, times=1)
    assert caller.upsert(*rows(2)).status_code == 504
    assert len(box.control.cases()) == 2


def test_a_hang_takes_effect_unless_told_not_to(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="hang", seconds=5, times=1)
    with pytest.raises(requests.exceptions.ReadTimeout):
        caller.upsert(*rows(1), timeout=0.2)
    assert caller.org("GET", "/limits").status_code == 200, "and what came before has been taken"
    assert len(box.control.cases()) == 1
    box.control.fault(kind="hang", seconds=0.05, commit=False, times=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        caller.upsert(*rows(2))
    assert len(box.control.cases()) == 1


def test_dropped_before_and_after_the_commit(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="drop_before", method="PATCH", times=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        caller.upsert(*rows(3))
    assert box.control.cases() == []
    box.control.fault(kind="drop_after", method="PATCH", times=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        caller.upsert(*rows(3))
    assert len(box.control.cases()) == 3


def test_a_lost_reply_to_a_note_shows_as_a_duplicate_when_it_is_sent_again(box: Sandbox, caller: Caller) -> None:
    number = caller.numbers(count=1)[0]
    note = {"subject": "Decision [cases:RefArch:1:note]", "text": "ok"}
    box.control.fault(kind="drop_after", path="/notes", times=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        caller.shop("POST", f"/orders/{number}/notes", note)
    assert box.control.duplicates()["notes"] == {}
    caller.shop("POST", f"/orders/{number}/notes", note)
    assert box.control.duplicates()["notes"] == {f"{number} cases:RefArch:1:note": 2}


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "half_json"])
def test_what_a_write_was_about_that_got_no_proper_answer_is_counted_committed_or_not(
    box: Sandbox, caller: Caller, kind: str
) -> None:
    order = box.control.orders()[0]["order_no"]
    case = box.control.agent_create(fields={"Subject": "by hand"})
    box.control.fault(kind=kind, method="PATCH", path="orders|Case", times=2)
    fields = {"allOrNone": False, "records": [{"attributes": {"type": "Case"}, "id": case, "Subject": "x"}]}
    writes: list[Callable[[], object]] = [
        lambda: caller.shop("PATCH", f"/orders/{order}", {"c_caseNumber": "1"}),
        lambda: caller.org("PATCH", "/sobjects/Case/Commerce_Key__c/orders-to-cases:_ref_arch:1", {"Subject": "x"}),
        lambda: caller.org("PATCH", "/composite/sobjects", fields),
    ]
    for write in writes:
        if kind == "half_json" or box.control.faults()[0]["fired"] == 2:
            write()
        else:
            with pytest.raises(requests.ConnectionError):
                write()
    assert box.control.unanswered() == {order: 1, "orders-to-cases:_ref_arch:1": 1}, "the third was answered"


def test_an_answer_that_comes_when_its_client_has_given_up_counts_as_none(box: Sandbox, caller: Caller) -> None:
    order = box.control.orders()[0]["order_no"]
    host, _, port = box.sfcc_url.rpartition("/")[2].partition(":")
    path = f"/s/-/dw/data/v25_6/sites/RefArch/orders/{order} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{{}}"
    sock = socket.create_connection((host, int(port)))

    def given_up_while_the_sandbox_is_busy(_: object) -> None:  # runs on its loop, which hears of both only afterwards
        sock.sendall(f"PATCH {path}".encode())
        sock.close()

    sock.sendall(f"GET {path}".encode())
    assert sock.recv(5) == b"HTTP/", "the sandbox has taken the connection"
    box.run(given_up_while_the_sandbox_is_busy)
    assert caller.shop("GET", f"/orders/{order}").status_code == 200
    assert box.control.unanswered() == {order: 1}


def test_half_an_answer(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="truncate", path="order_search", times=1)
    with pytest.raises(requests.exceptions.RequestException):
        caller.search()
    assert caller.search().json()["total"] == 10


def test_an_expired_token_stays_expired(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="expired_token", system="sfcc", path="order_search", nth=2)
    assert [caller.search().status_code for _ in range(3)] == [200, 401, 401]
    caller.sign_in_shop()
    assert caller.search().status_code == 200
    box.control.fault(kind="expired_token", system="salesforce", times=1)
    assert error(caller.org("GET", "/limits")) == (401, "INVALID_SESSION_ID")
    caller.sign_in_org()
    assert caller.org("GET", "/limits").status_code == 200


def test_rows_are_locked_as_often_as_asked(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="row_locked", system="salesforce", rows=2, per_key=2)

    def failed() -> list[bool]:
        return [not r["success"] for r in caller.upsert(*rows(4)).json()]

    assert failed() == [True, True, False, False]
    assert failed() == [True, True, False, False]
    assert failed() == [False, False, False, False]


def test_a_share_of_the_rows_is_rejected_and_always_the_same(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="row_rejected", share=0.1, seed=5, field="Order_Total__c")
    first = caller.upsert(*rows(200)).json()
    bad = {i for i, r in enumerate(first) if not r["success"]}
    assert 8 <= len(bad) <= 36
    sample = first[min(bad)]
    assert refused(sample) == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    assert sample["errors"][0]["fields"] == ["Order_Total__c"]
    shuffled = caller.upsert(*reversed(rows(200))).json()
    assert {199 - i for i, r in enumerate(shuffled) if not r["success"]} == bad
    assert caller.org("PATCH", f"/sobjects/Case/Commerce_Key__c/K{min(bad)}", {}).status_code == 400


def test_a_share_hits_the_same_records_by_id(box: Sandbox, caller: Caller) -> None:
    made = caller.upsert(*rows(100)).json()
    box.control.fault(kind="row_rejected", share=0.2, seed=5)
    by_key = [r["success"] for r in caller.upsert(*rows(100)).json()]
    records = [{"attributes": {"type": "Case"}, "id": r["id"], "Subject": "x"} for r in made]
    by_id = [r["success"] for r in caller.org("PATCH", "/composite/sobjects", {"records": records}).json()]
    assert by_id == by_key
    assert not all(by_id)


def test_any_row_error(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="row_error", rows=1, code="CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message="CaseTrigger: x")
    one, two = caller.upsert(*rows(2)).json()
    assert refused(one) == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    assert two["success"]


def test_too_many_retries_fail_every_row_of_a_large_chunk(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="too_many_retries", rows=50)
    answers = caller.upsert(*rows(51)).json()
    assert all("Too many batch retries" in a["errors"][0]["message"] for a in answers)
    assert all(a["success"] for a in caller.upsert(*rows(50)).json())


def test_a_request_may_be_committed_after_it_was_given_up(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="commit_later", seconds=60, reply="504", times=1, system="salesforce")
    assert caller.upsert(*rows(1)).status_code == 504
    box.control.fault(kind="commit_later", seconds=60, times=1, system="sfcc")
    number = box.control.orders()[0]["order_no"]
    with pytest.raises(requests.exceptions.ConnectionError):
        caller.shop("PATCH", f"/orders/{number}", {"c_caseNumber": "late"})
    assert box.control.cases() == []
    assert "c_caseNumber" not in box.control.order(number)
    box.control.advance(61)
    assert len(box.control.cases()) == 1
    assert box.control.order(number)["c_caseNumber"] == "late"


def test_one_write_may_reach_the_index_late(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="index_lag", system="sfcc", seconds=60, method="PATCH", times=1)
    one, two = caller.numbers(count=2)
    caller.shop("PATCH", f"/orders/{one}", {"c_caseNumber": "1"})
    caller.shop("PATCH", f"/orders/{two}", {"c_caseNumber": "2"})
    query = {"term_query": {"fields": ["c_caseNumber"], "operator": "is_not_null"}}
    assert caller.numbers(query) == [two]
    box.control.advance(61)
    assert set(caller.numbers(query)) == {one, two}


def test_a_slow_answer_does_not_hold_up_others(box: Sandbox, caller: Caller) -> None:
    box.control.fault(kind="slow", seconds=30, system="salesforce", times=1)
    with pytest.raises(requests.exceptions.ReadTimeout):
        caller.org("GET", "/limits", timeout=0.1)
    assert caller.org("GET", "/limits", timeout=5).status_code == 200


def test_latency_is_added_without_holding_up_others(box: Sandbox, caller: Caller) -> None:
    box.control.set(latency_ms=60)
    reply = caller.org("GET", "/limits")
    assert reply.elapsed.total_seconds() >= 0.055


@pytest.mark.parametrize("commit", [False, True])
def test_a_process_is_killed_before_or_after_the_commit(box: Sandbox, caller: Caller, commit: bool) -> None:
    victim = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        box.control.fault(kind="kill", pid=victim.pid, method="PATCH", nth=2, commit=commit)
        caller.upsert({"Commerce_Key__c": "one"})
        assert victim.poll() is None
        with pytest.raises(requests.exceptions.ConnectionError):
            caller.upsert({"Commerce_Key__c": "two"})
        assert victim.wait(timeout=10) == -signal.SIGKILL
    finally:
        victim.kill()
        victim.wait()
    assert len(box.control.cases()) == (2 if commit else 1)


def test_an_outage_refuses_connections_and_ends(box: Sandbox, caller: Caller) -> None:
    box.outage("salesforce")
    with pytest.raises(requests.exceptions.ConnectionError, match=r"refused|reset|aborted"):
        caller.org("GET", "/limits")
    with pytest.raises(requests.exceptions.ConnectionError, match="refused"):
        caller.org("GET", "/limits")
    assert caller.search().status_code == 200
    box.outage("salesforce", down=False)
    assert caller.org("GET", "/limits").status_code == 200


def test_nobody_else_gets_the_port_of_a_system_that_is_down() -> None:
    with Sandbox(orders=1, returns=0) as box, socket.socket() as other:
        box.outage("salesforce")
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", int(box.salesforce_url.rpartition(":")[2])))


def test_faults_are_counted_and_cleared(box: Sandbox, caller: Caller) -> None:
    rule = box.control.fault(kind="status", path="/limits")
    other = box.control.fault(kind="status", path="order_search")
    caller.org("GET", "/limits")
    assert box.control.journal()["faults"] == {"status": 1}
    box.control.clear_faults(rule)
    assert caller.org("GET", "/limits").status_code == 200
    assert [r["id"] for r in box.control.faults()] == [other]
    box.control.clear_faults()
    assert caller.search().status_code == 200
