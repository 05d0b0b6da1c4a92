"""The real command tells the agent, on the case, what the shop refused for good: in plain words, and once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.stage import Stage, stage

TOLD = (
    "Order {} was NOT cancelled: it has been shipped already.\n"
    "Open the case again and decide anew, or settle it with whoever runs the shop.\n"
)


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Stage]:
    """A shop with one order that is shipped while an agent decides to cancel it."""
    with stage(tmp_path, orders=0, returns=0) as made:
        number = made.box.control.place_order(exception=False, status="new", c_addressMismatch=True)["order_no"]
        made.settle()
        made.box.control.change_order(number, status="completed")
        (case,) = made.box.control.cases()
        made.box.control.agent_decide(case["Id"], "Cancel")
        yield made


def comments(where: Stage) -> list[str]:
    """Comments on the case; each is internal and ends in our key."""
    (case,) = where.box.control.cases()
    found = where.box.control.comments(case["Id"])
    assert not any(each["IsPublished"] for each in found)
    return [str(each["CommentBody"]).rpartition("[cases-to-orders:")[0] for each in found]


def number(where: Stage) -> str:
    (order,) = where.box.control.orders("RefArch")
    return str(order["order_no"])


def test_an_order_that_was_shipped_is_told_once_to_the_agent_who_cancelled_it(where: Stage) -> None:
    where.settle()
    assert comments(where) == [TOLD.format(number(where))]
    assert where.books()["cases-to-orders"].parked == 1
    assert (
        "shop.orders.status is completed; cancelled may follow created, new, open only"
        in where.run("parked", "list").out
    )

    (case,) = where.box.control.cases()
    for name in (number(where), case["CaseNumber"], case["Id"], case["Commerce_Key__c"]):
        explained = where.run("explain", name).out
        assert f"orders-to-cases: {number(where)} of RefArch is done" in explained
        assert f"cases-to-orders: {case['Id']} is parked: shop.orders.status is completed" in explained
        assert f"cases-to-orders {case['Id']}: cancel " in explained.split("in order of time:")[1]
        assert "failed, Rejected ONLY_FROM/completed" in explained

    where.settle()  # our own comment is nobody's answer, and says nothing twice
    assert where.run("parked", "retry", "--all").code == 0
    where.settle()
    where.box.control.agent_edit(case["Id"], {"Subject": "what now?"})
    where.settle()
    assert len(comments(where)) == 1

    where.box.control.agent_reopen(case["Id"])
    where.settle()
    where.box.control.advance(5)
    where.box.control.agent_decide(case["Id"], "Cancel")  # a new decision, and the same answer
    where.settle()
    assert comments(where) == [TOLD.format(number(where))] * 2
    where.assert_nothing_twice()


def test_a_kill_after_the_comment_leaves_one(where: Stage) -> None:
    process = where.start("sync")
    path = "composite/sobjects$"
    where.box.control.fault(
        kind="kill", pid=process.pid, commit=True, system="salesforce", method="POST", path=path, times=1
    )
    assert where.finish(process).code == -signal.SIGKILL
    assert len(comments(where)) == 1
    where.settle()
    assert comments(where) == [TOLD.format(number(where))]
    where.assert_nothing_twice()


def test_a_kill_before_the_settle_leaves_one(where: Stage) -> None:
    """The answering flow is the first whose rows are settled: nothing has changed in the others."""
    assert where.run("sync", "cases-to-orders", place="before:settle:1").code == -signal.SIGKILL
    assert len(comments(where)) == 1
    where.settle()
    assert comments(where) == [TOLD.format(number(where))]
    where.assert_nothing_twice()


def test_a_flow_that_keeps_quiet_tells_nothing(where: Stage) -> None:
    config = where.folder / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("answers: orders-to-cases}", "answers: orders-to-cases, tell: false}"))
    where.settle()
    assert comments(where) == []
    assert where.books()["cases-to-orders"].parked == 1
