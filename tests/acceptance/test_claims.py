"""The real command on cases that wait, are taken and given back: escalated in time, once, and never out of a person's hand."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stage import ROOT, Stage, stage

IN_TIME = """\
  in-time:
    from: service.Case
    to: service.Case
    every: 60s
    by: state
    where: {{open: true, claimed: false, waiting_longer_than: {{minutes: Response_Target__c, otherwise: 15m}}, Reason: Payment}}
    mapping: {mappings}/waiting-case-to-escalation.yaml
"""
MIRROR = """\
  claims:
    from: service.Case
    to: shop.orders
    start: beginning
    mapping: {mappings}/claim-to-order.yaml
"""
BACK = """\
  idle:
    from: service.Case
    to: service.Case
    by: state
    where: {{open: true, claimed: true, idle_longer_than: 4h}}
    mapping: {mappings}/idle-case-to-queue.yaml
  given-back:
    from: service.Case
    to: service.Case
    by: state
    where: {{open: true, claimed: true, Return_To_Queue__c: true}}
    mapping: {mappings}/idle-case-to-queue.yaml
"""
MINUTES = 60.0


def add_flows(where: Stage, flows: str) -> None:
    config = where.folder / "config.yaml"
    added = flows.format(mappings=ROOT / "mappings/salesforce")
    config.write_text(config.read_text().replace("defaults: {", f"{added}defaults: {{", 1))


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Stage]:
    """A shop with one declined payment, whose case waits in the queue Payments."""
    with stage(tmp_path, orders=0, returns=0) as made:
        add_flows(made, IN_TIME)
        made.box.control.place_order(
            exception=False, status="new", payment_status="not_paid", c_paymentError="declined"
        )
        made.settle()
        yield made


def case(where: Stage) -> dict[str, Any]:
    found: list[dict[str, Any]] = where.box.control.cases()
    return found[0]


def owner(where: Stage) -> str:
    """The last name in the history of the case's owner; that of its first queue before any."""
    names = [
        row["NewValue"]
        for row in where.box.control.history(case(where)["Id"])
        if row["Field"].startswith("owner") or row["Field"] == "Owner"
    ]
    return str(names[-2]) if names else "Payments"


def test_a_declined_payment_that_nobody_takes_in_15_minutes_is_escalated_once_for_each_stay(where: Stage) -> None:
    where.box.control.advance(14 * MINUTES)
    where.settle()
    assert (owner(where), case(where)["LastModifiedDate"]) == ("Payments", case(where)["CreatedDate"])
    where.box.control.advance(2 * MINUTES)
    where.settle()
    assert (owner(where), case(where)["Priority"]) == ("Escalation", "High")
    where.box.control.advance(60 * MINUTES)
    where.settle()
    modified = case(where)["LastModifiedDate"]
    where.settle()
    assert case(where)["LastModifiedDate"] == modified, "our own change of owner began no other stay"
    assert where.books()["in-time"].rows == 1

    where.box.control.agent_take(case(where)["Id"])
    where.box.control.advance(60 * MINUTES)
    where.settle()
    assert owner(where) == "Ines Agent"
    where.box.control.agent_return_to_queue(case(where)["Id"], queue="Payments")
    where.box.control.advance(14 * MINUTES)
    where.settle()
    assert owner(where) == "Payments"
    where.box.control.advance(2 * MINUTES)
    where.settle()
    assert owner(where) == "Escalation"
    assert where.books()["in-time"].rows == 2
    explained = where.run("explain", case(where)["CaseNumber"]).out
    assert f"in-time: {case(where)['Id']}:" in explained
    where.assert_nothing_twice()


def test_a_case_with_a_target_of_its_own_is_escalated_by_that(where: Stage) -> None:
    where.box.control.agent_edit(case(where)["Id"], {"Response_Target__c": 60})
    where.box.control.advance(59 * MINUTES)
    where.settle()
    assert owner(where) == "Payments"
    where.box.control.advance(2 * MINUTES)
    where.settle()
    assert (owner(where), case(where)["Priority"]) == ("Escalation", "High")
    where.box.control.agent_return_to_queue(case(where)["Id"], queue="Payments")
    where.box.control.agent_edit(case(where)["Id"], {"Response_Target__c": 5})
    where.box.control.advance(6 * MINUTES)
    where.settle()
    assert owner(where) == "Escalation"


def test_a_preview_shows_what_is_so_now_also_where_the_mapping_reads_who_has_the_case(where: Stage) -> None:
    add_flows(where, MIRROR)
    name = case(where)["Id"]
    early = where.run("preview", "in-time", "--key", name)
    assert (early.code, early.out) == (1, "")
    assert early.err.strip() == f"{name}: service.Case has no such record, or what `where` says is not so of it now"
    config = where.folder / "config.yaml"  # a fetch goes by the clock of this machine, which nobody advances
    config.write_text(config.read_text().replace("otherwise: 15m", "otherwise: 1ms"))
    late = where.run("preview", "in-time", "--key", name)
    assert late.code == 0, late.err
    assert "queue Escalation" in late.out
    where.box.control.agent_take(name)
    claimed = where.run("preview", "claims", "--key", name)
    assert claimed.code == 0, claimed.err
    assert "c_handledBy     'Payments'" in claimed.out


@pytest.mark.parametrize("commit", [False, True], ids=["before the write", "after the write"])
def test_a_kill_escalates_once_and_takes_nothing_from_who_claimed_it_meanwhile(where: Stage, commit: bool) -> None:
    where.box.control.advance(16 * MINUTES)
    process = where.start("sync", "in-time")
    where.box.control.fault(
        kind="kill", pid=process.pid, commit=commit, system="salesforce", method="POST", path="composite$", times=1
    )
    ended = where.finish(process)
    assert ended.code == -signal.SIGKILL, ended.err
    assert owner(where) == ("Escalation" if commit else "Payments")
    where.box.control.agent_take(case(where)["Id"])
    where.settle()
    assert owner(where) == "Ines Agent"


@pytest.mark.parametrize("kind", ["drop_after", "status", "html200"])
def test_faults_of_the_org_escalate_late_and_once(where: Stage, kind: str) -> None:
    where.box.control.advance(16 * MINUTES)
    more = {"status": 503} if kind == "status" else {}
    where.box.control.fault(kind=kind, system="salesforce", times=6, probability=0.6, **more)
    where.settle()
    for _ in range(5):
        if owner(where) == "Escalation":
            break
        where.settle()
    rows = [row for row in where.box.control.history(case(where)["Id"]) if row["Field"] == "Owner"]
    assert (owner(where), len(rows)) == ("Escalation", 2)


def test_an_order_shows_that_it_is_being_handled_while_an_agent_has_its_case(where: Stage) -> None:
    add_flows(where, MIRROR)
    where.settle()
    assert handled(where) == (None, None)
    where.box.control.advance(10 * MINUTES)
    taken = where.box.control.agent_take(case(where)["Id"])["LastModifiedDate"]
    where.box.control.advance(10 * MINUTES)
    where.box.control.agent_edit(case(where)["Id"], {"Subject": "on it"})
    where.settle()
    by, since = handled(where)
    assert (by, str(since)[:19]) == ("Payments", taken[:19])
    where.box.control.agent_return_to_queue(case(where)["Id"], queue="Payments")
    where.settle()
    assert handled(where) == (None, None)
    report = where.run("report", "dwell", "--format", "json", "--to", "2099-01-01").out
    assert [(one["queue"], one["stays"], one["claimed"], one["returned"]) for one in json.loads(report)] == [
        ("Payments", 2, 1, 1)
    ]


def handled(where: Stage) -> tuple[Any, Any]:
    (order,) = where.box.control.orders("RefArch")
    return order.get("c_handledBy"), order.get("c_handledSince")


def test_a_claim_that_nobody_works_on_ends_and_is_told_once_to_the_case_and_its_owner(where: Stage) -> None:
    add_flows(where, BACK)
    key = case(where)["Id"]
    where.box.control.agent_take(key)
    where.box.control.advance(3 * 60 * MINUTES)
    where.box.control.agent_comment(key, "waiting for the customer")
    where.box.control.advance(3 * 60 * MINUTES)
    where.settle()
    assert owner(where) == "Ines Agent", "she did something three hours ago"
    where.box.control.advance(2 * 60 * MINUTES)
    process = where.start("sync", "idle")
    where.box.control.fault(
        kind="kill", pid=process.pid, commit=True, system="salesforce", method="POST", path="composite$", times=1
    )
    assert where.finish(process).code == -signal.SIGKILL
    assert owner(where) == "Payments"
    where.settle()
    where.settle()
    assert [task["Subject"] for task in where.box.control.tasks()] == [
        f"Case {case(where)['CaseNumber']} went back to Payments"
    ]
    assert sum("Back in the queue Payments" in one["CommentBody"] for one in where.box.control.comments(key)) == 1
    assert where.box.control.tasks()[0]["OwnerId"] != case(where)["OwnerId"]

    where.box.control.agent_take(key, agent=1)
    where.box.control.agent_edit(key, {"Return_To_Queue__c": True}, agent=1)
    where.settle()
    assert (owner(where), case(where)["Return_To_Queue__c"]) == ("Payments", False)
    assert len(where.box.control.tasks()) == 2
    assert sum("Given back by Omar O'Neil" in one["CommentBody"] for one in where.box.control.comments(key)) == 1
    where.assert_nothing_twice()
