"""Agents who act while the real command updates their cases, at every call of the update: what they did stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stage import Stage, stage

LOOK, WRITE = r"/query\?.*FROM.Case", r"/composite$"
AGAIN = r"/composite(/sobjects)?$"
POINTS = [
    (LOOK, 1, "before"), (LOOK, 1, "after"), (WRITE, 1, "before"), (WRITE, 1, "after"),
    (LOOK, 2, "before"), (LOOK, 2, "after"), (AGAIN, 2, "before"), (AGAIN, 2, "after"),
]  # fmt: skip
"""The calls of one update, and of the second round that follows when somebody saved every case just before its write."""
ACTS = ("agent_take", "agent_close", "agent_return_to_queue", "agent_delete", "agent_merge")


def passes(where: Stage) -> None:
    """Passes of the one flow until nothing of it is pending."""
    for _ in range(25):
        ended = where.run("sync", "orders-to-cases")
        assert ended.code in (0, 1), ended.err
        if not where.books()["orders-to-cases"].pending:
            return
    raise AssertionError(f"still pending: {where.books()}")


def opened(where: Stage) -> dict[str, str]:
    """A case in the queue Orders for each act, made some seconds ago; act → our key."""
    control = where.box.control
    numbers = [control.place_order(c_addressMismatch=True, c_paymentError=None)["order_no"] for _ in ACTS]
    passes(where)
    control.advance(5)
    cases = {case["Order_No__c"]: case["Commerce_Key__c"] for case in control.cases()}
    for number in numbers:
        control.change_order(number, payment_status="not_paid", c_paymentError="declined", order_total=77.0)
    return dict(zip(ACTS, (cases[number] for number in numbers), strict=True))


def arranged(where: Stage, cases: dict[str, str], point: tuple[str, int, str]) -> None:
    control = where.box.control
    path, nth, when = point
    if nth == 2:  # else there is no second round
        for key in cases.values():
            control.fault(
                kind="meanwhile", path=WRITE, nth=1, act="agent_edit",
                arguments={"case": key, "fields": {"Resolution_Note__c": "just a note"}},
            )  # fmt: skip
    master = control.agent_create({"Subject": "the one that is kept"})
    for act, key in cases.items():
        arguments: dict[str, Any] = {"loser": key, "master": master} if act == "agent_merge" else {"case": key}
        if act == "agent_return_to_queue":
            arguments["queue"] = "Concierge"
        control.fault(kind="meanwhile", path=path, nth=nth, act=act, arguments=arguments, when=when)


@pytest.mark.parametrize(
    "point", POINTS, ids=lambda point: f"{point[2]}-{'look' if point[0] == LOOK else 'write'}{point[1]}"
)
def test_what_agents_do_while_a_case_is_updated_stands(tmp_path: Path, point: tuple[str, int, str]) -> None:
    with stage(tmp_path, orders=0, returns=0) as where:
        cases = opened(where)
        control = where.box.control
        ids = {act: control.case(key)["Id"] for act, key in cases.items()}
        arranged(where, cases, point)

        passes(where)

        assert all(rule["fired"] == 1 for rule in control.faults()), "everybody acted"
        now = {case["Id"]: case for case in control.cases()}
        queues = {name: where_is(where, name) for name in ("Orders", "Payments", "Concierge")}
        for act in ("agent_take", "agent_close", "agent_return_to_queue"):
            assert now[ids[act]]["Order_Total__c"] == 77.0, f"{act}: the facts arrive"
        assert now[ids["agent_take"]]["OwnerId"].startswith("005")
        assert now[ids["agent_close"]]["Status"] == "Closed"
        ours_was_first = point == (WRITE, 1, "after")
        assert now[ids["agent_close"]]["OwnerId"] == queues["Payments" if ours_was_first else "Orders"]
        if ours_was_first:
            assert now[ids["agent_return_to_queue"]]["OwnerId"] == queues["Concierge"]
        else:  # given back before our wish went: it goes once the case is at rest
            assert now[ids["agent_return_to_queue"]]["OwnerId"] == queues["Payments"]
        assert ids["agent_delete"] not in now
        assert ids["agent_merge"] not in now
        assert len(now) == 4, "nothing that a person deleted or merged was made again"
        with where.ledger() as store:
            states = sorted(row.state for row in store.rows(flow="orders-to-cases"))
            reasons = {row.reason for row in store.rows(state="parked")}
        if ours_was_first:
            assert states == ["done"] * 5
        else:
            assert states == ["done"] * 3 + ["parked"] * 2
            assert reasons == {"service.Case: the object was deleted or merged by a person"}
        where.assert_nothing_twice()


def where_is(where: Stage, queue: str) -> str:
    """The Id of a queue."""
    return where.box.run(lambda house: str(people_queue(house, queue)))


def people_queue(house: Any, queue: str) -> str:
    from connector.sandbox.salesforce import people

    return people.queue(house.world.org, queue)
