"""The daemon on two cases of one order that two people have: both are told, once, whatever fails and whoever is killed."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import PATIENCE, Daemon
from tests.acceptance.stage import Stage, stage
from tests.acceptance.test_claims import add_flows

DOUBLE = """\
  double-claims:
    from: service.Case
    to: service.Case
    every: 300ms
    by: state
    where: {{open: true, claimed: true, claimed_beside: Order_No__c}}
    mapping: {mappings}/double-claim-to-comment.yaml
"""
INES, OMAR = "Ines Agent", "Omar O'Neil"


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Stage]:
    """A shop with one order, which has a case of its own and one that an agent opened by hand."""
    with stage(tmp_path, orders=0, returns=0) as made:
        add_flows(made, DOUBLE)
        config = made.folder / "config.yaml"
        config.write_text(config.read_text().replace("log: {format: json}", "log: {format: json, level: debug}"))
        made.box.control.place_order(
            exception=False, status="new", payment_status="not_paid", c_paymentError="declined"
        )
        made.settle()
        yield made


def told(where: Stage, case: str) -> list[str]:
    """What the case says of others, the first line of each comment."""
    found = where.box.control.comments(case)
    assert not any(one["IsPublished"] for one in found)
    return [one["CommentBody"].split("\n")[0] for one in found if " is with two people: " in one["CommentBody"]]


def rest(where: Stage, daemon: Daemon, count: int = 2) -> None:
    """Until nothing is owed and so many polls of these cases found nothing new: what came before them is done."""
    since, end = len(daemon.events()), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        daemon.wait_for_more("poll_idle", 1)
        if daemon.idle_polls(since)["double-claims"] >= count and not where.books()["double-claims"].pending:
            return
    raise AssertionError("no further poll, or something is owed:\n" + "\n".join(daemon.lines[-50:]))


def test_both_are_told_once_through_faults_and_a_kill_and_again_when_it_begins_anew(where: Stage) -> None:
    control = where.box.control
    (first,) = control.cases()
    number = first["Order_No__c"]
    a = first["Id"]
    b = control.agent_create({"Subject": "Called about her order", "Order_No__c": number}, agent=1)
    names = {one["Id"]: one["CaseNumber"] for one in control.cases()}
    with Daemon(where.folder) as daemon:
        rest(where, daemon)
        assert (told(where, a), told(where, b)) == ([], []), "one of them waits in its queue"
        control.fault(
            kind="kill", pid=daemon.process.pid, commit=True, system="salesforce", method="POST",
            body="is with two people", times=1,
        )  # fmt: skip
        control.agent_take(a)
        assert daemon.ended() == -signal.SIGKILL
    for kind, more in (("status", {"status": 503}), ("drop_after", {}), ("html200", {})):
        control.fault(kind=kind, system="salesforce", probability=0.3, times=3, **more)
    with Daemon(where.folder) as daemon:
        rest(where, daemon, 4)
        assert told(where, a) == [
            f"Order {number} is with two people: {OMAR} has its case {names[b]} (Called about her order), {INES} has this one."
        ]
        (said,) = told(where, b)
        assert said.startswith(f"Order {number} is with two people: {INES} has its case {names[a]} (")

        control.advance(2)  # the second in which it began names a claim
        control.agent_edit(a, {"Priority": "High"})  # nobody's claim ends
        control.agent_take(b, agent=0)  # both are hers now
        rest(where, daemon)
        assert (len(told(where, a)), len(told(where, b))) == (1, 1)
        control.advance(2)
        control.agent_take(b, agent=1)
        rest(where, daemon)
        assert (len(told(where, a)), len(told(where, b))) == (2, 2)

        control.advance(2)
        control.agent_close(b, agent=1)
        rest(where, daemon)
        control.advance(2)
        control.agent_reopen(b, agent=1)
        rest(where, daemon)
        assert (len(told(where, a)), len(told(where, b))) == (3, 3)
        control.clear_faults()
        shown = where.run("preview", "double-claims", "--key", a)
        assert (shown.code, shown.out.startswith(f"{a}:{b}:")) == (0, True), shown
        control.agent_return_to_queue(a)
        rest(where, daemon)
        daemon.signal()
        assert daemon.ended() == 0
    assert (len(told(where, a)), len(told(where, b))) == (3, 3)
    assert where.books()["double-claims"].done == 6
    where.assert_nothing_twice()
