"""What waits for a person, in a person's hands: given up with a reason, taken back, made anew."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import files
from tests.acceptance.processes import run
from tests.acceptance.stage import stage

GONE = "service.Case: the object was deleted or merged by a person"


@pytest.fixture(scope="module")
def synced_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = files.lay_out(tmp_path_factory.mktemp("parked") / "connector")
    assert run(folder, "sync").code == 1
    return folder


@pytest.fixture
def synced(synced_once: Path, tmp_path: Path) -> Path:
    """A folder after one pass: the order 00001301 is parked."""
    return Path(shutil.copytree(synced_once, tmp_path / "connector"))


def audit(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        return [(what, json.loads(facts)) for what, facts in db.execute("SELECT what, facts FROM audit ORDER BY id")]


def test_what_is_dropped_is_explained_audited_and_left_alone(synced: Path) -> None:
    meant = run(synced, "parked", "drop", "--key", "00001301", "--reason", "settled by phone", "--dry-run")
    assert meant.code == 0
    assert "00001301: " in meant.out
    assert "1 record would be dropped; nothing was changed" in meant.out
    assert audit(synced) == []

    ended = run(synced, "parked", "drop", "--key", "00001301", "--reason", "settled by phone")
    assert ended.code == 0, ended.said
    assert "1 record dropped" in ended.out
    ((what, facts),) = audit(synced)
    assert what == "parked drop"
    assert (facts["why"], facts["key"], facts["rows"]) == ("settled by phone", "00001301", "1")
    assert facts["by"].startswith("uid ")

    order = {"key": "00001301", "stamp": files.STAMP.format(9), "total": 30, "email": "now@example.org"}
    files.put(synced, "shop/orders", order)
    assert run(synced, "sync").code == 0
    explained = run(synced, "explain", "00001301").out
    assert "00001301 is dropped: settled by phone" in explained
    assert "to take it back: connector parked retry --dropped --key 00001301" in explained
    assert len(files.lines(synced, "desk/cases")) == 1
    assert "0 pending + 1 dropped" in run(synced, "status").out
    assert run(synced, "parked", "list").out == "nothing is parked\n"


def test_what_was_dropped_is_taken_back_by_its_reason(synced: Path) -> None:
    run(synced, "parked", "drop", "--flow", "orders-to-cases", "--reason", "by mistake")
    assert run(synced, "parked", "retry", "--all").code == 1, "a plain retry leaves it alone"
    listed = run(synced, "parked", "list", "--dropped").out
    assert "1 record: by mistake" in listed
    files.replace(synced, "mappings/order.yaml", "required: true", "required: false")
    ended = run(synced, "parked", "retry", "--dropped", "--cause", listed.split()[0])
    assert ended.code == 0, ended.said
    assert run(synced, "sync").code == 0
    assert len(files.lines(synced, "desk/cases")) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("drop", "--key", "00001301"), "--reason"),
        (("drop", "--reason", "x"), "say which"),
        (("drop", "--key", "00001301", "--reason", " "), "must say something"),
        (("drop", "--cause", "nothing", "--reason", "x"), "connector parked list"),
        (("retry", "--all", "--recreate"), "name the records"),
        (("retry", "--key", "00001301", "--recreate", "--dropped"), "name the records"),
        (("retry", "--dropped", "--cause", "nothing"), "connector parked list --dropped"),
    ],
)
def test_a_command_that_does_not_say_enough_changes_nothing(
    synced: Path, arguments: tuple[str, ...], says: str
) -> None:
    ended = run(synced, "parked", *arguments)
    assert ended.code == 2
    assert says in ended.err
    assert audit(synced) == []
    assert "1 parked + 0 pending + 0 dropped" in run(synced, "status").out


def test_what_nobody_deleted_is_not_made_anew(synced: Path) -> None:
    ended = run(synced, "parked", "retry", "--key", "00001301", "--recreate")
    assert ended.code == 1
    assert "object that a person deleted" in ended.err
    assert "1 parked" in run(synced, "status").out


def test_a_deleted_case_is_made_anew_once_although_the_reply_is_lost(tmp_path: Path) -> None:
    """The old case lies in the recycle bin under the same key."""
    with stage(tmp_path, orders=0, returns=0) as where:
        control = where.box.control
        number, other = (control.place_order(c_addressMismatch=True)["order_no"] for _ in range(2))
        where.settle()
        old = {case["Order_No__c"]: case for case in control.cases()}
        control.agent_delete(old[number]["Id"])
        control.agent_merge(old[other]["Id"], control.agent_create({"Subject": "a twin"}))
        control.change_order(number, payment_status="not_paid", c_paymentError="declined")
        where.settle()
        shown = where.run("parked", "list")
        assert f"1 record: {GONE}" in shown.out
        assert "connector parked retry --recreate" in shown.out
        assert where.run("parked", "retry", "--key", number).code == 0
        where.settle()
        assert f"1 record: {GONE}" in where.run("parked", "list").out, "a plain retry parks again"

        assert where.run("parked", "retry", "--key", number, "--recreate", "--dry-run").code == 0
        ended = where.run("parked", "retry", "--key", number, "--recreate")
        assert "1 record will be tried again in the next pass, each with a new object" in ended.out
        control.fault(kind="drop_after", method="POST", path="composite/sobjects$", nth=1)
        where.settle()

        now = [case for case in control.cases() if case.get("Order_No__c") == number]
        assert len(now) == 1
        assert now[0]["Id"] != old[number]["Id"]
        assert now[0]["Commerce_Key__c"] == old[number]["Commerce_Key__c"]
        explained = where.run("explain", number).out
        assert f"main: service.Case → {now[0]['Id']}  sent" in explained
        assert f"made anew by hand, in place of {old[number]['Id']}" in explained
        assert control.duplicates()["cases"] == {}
        assert [what for what, _ in audit(where.folder)] == ["parked retry", "parked retry --recreate"]

        control.agent_delete(now[0]["Id"])
        control.change_order(number, c_fulfillmentStatus="PARTIAL", payment_status="paid", c_paymentError=None)
        where.settle()
        assert f"1 record: {GONE}" in where.run("parked", "list").out
        assert where.run("parked", "drop", "--key", number, "--reason", "nobody wants it").code == 0
        control.change_order(number, c_fulfillmentStatus="DELAYED")
        where.settle()
        assert not [case for case in control.cases() if case.get("Order_No__c") == number]
