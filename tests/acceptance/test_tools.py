"""The tools of operators as real commands on real HTTP, beside a running daemon where that is what they are for."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connector.sandbox.client import Process
from tests.acceptance.processes import COMMAND, PATIENCE, Daemon, Ended, environment, run
from tests.acceptance.stage import ROOT, stage

CONFIG = """
connections:
  shop:
    adapter: sfcc
    url: {sfcc}
    auth_url: {sfcc}
    site: RefArch
    client_id: bench
    client_secret: secret
    page: 10
    index_lag: 0
  service:
    adapter: salesforce
    url: {salesforce}
    auth: {{grant: client_credentials, client_id: bench, client_secret: secret}}
    key_field: Commerce_Key__c
    settle_after: 300ms
store: sqlite:///ledger.db
flows:
  orders-to-cases:
    {{from: shop.orders, to: service.Case, mapping: {mappings}/order-exception-to-case.yaml, start: {start}, brake: none}}
  cases-to-orders:
    {{from: service.Case, to: shop.orders, mapping: {mappings}/case-to-order.yaml, answers: orders-to-cases}}
defaults: {{every: 500ms, overlap: 1s}}
retry: {{first: 300ms, outage: 300ms}}
daemon: {{jitter: 0s}}
web: {{listen: none}}
"""


def lay_out(folder: Path, box: Any, *, start: str = "now") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    mappings = ROOT / "mappings" / "salesforce"
    text = CONFIG.format(sfcc=box.sfcc_url, salesforce=box.salesforce_url, mappings=mappings, start=start)
    (folder / "config.yaml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def full() -> Iterator[Process]:
    """A shop with a past: 120 orders that need a person."""
    with Process("--orders", "120", "--returns", "0", "--exceptions", "1") as box:
        yield box


@pytest.fixture
def shop() -> Iterator[Process]:
    with Process("--orders", "0", "--returns", "0") as box:
        yield box


def wait_until(so: Any) -> None:
    """Ask again until it is so."""
    wait = threading.Event()
    for _ in range(int(PATIENCE / 0.1)):
        if so():
            return
        wait.wait(0.1)
    raise AssertionError("it did not come to that")


def cursor(folder: Path) -> Any:
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        return db.execute("SELECT cursor FROM flow WHERE name='orders-to-cases'").fetchone()


def audit(folder: Path) -> list[tuple[str, dict[str, str]]]:
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        return [(what, json.loads(facts)) for what, facts in db.execute("SELECT what, facts FROM audit ORDER BY id")]


# -- backfill ----------------------------------------------------------------------------------------------------------


def test_a_backfill_beside_the_daemon_is_killed_and_goes_on_and_live_orders_pass_meanwhile(
    full: Process, tmp_path: Path
) -> None:
    folder, control = lay_out(tmp_path / "late", full), full.control
    window = ("backfill", "orders-to-cases", "--from", "beginning")
    assert run(folder, "sync").code == 0
    before = cursor(folder)
    dry = run(folder, *window, "--dry-run")
    assert dry.code == 0, dry.said
    assert "120 read, nothing sent, nothing stored" in dry.out
    assert "queue=" in dry.out
    expected = next(int(line.split()[1]) for line in dry.out.splitlines() if line.startswith("  write"))
    assert (control.cases(), cursor(folder)) == ([], before)

    with Daemon(folder) as daemon:
        daemon.wait_for("started")
        control.fault(kind="slow", seconds=0.4, system="salesforce", method="POST", path="composite/sobjects", times=30)
        with subprocess.Popen(
            [*COMMAND, *window], cwd=folder, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            wait_until(control.cases)
            live = control.place_order(c_addressMismatch=True)["order_no"]
            wait_until(lambda: any(case["Order_No__c"] == live for case in control.cases()))
            assert process.poll() is None, "it went on while a live order passed"
            process.send_signal(signal.SIGKILL)
        made = len(control.cases())
        assert made <= expected
        assert "backfill of orders-to-cases not ended: beginning to now" in run(folder, "status").out

        again = run(folder, *window)
        assert again.code == 0, again.said
        assert "goes on where it stopped: beginning to now" in again.err
        assert "route" in again.out
        wait_until(lambda: len(control.cases()) == expected + 1)
        assert not daemon.named("poll_busy"), "no poll was refused for it"

        calls = full.control.requests()["salesforce"]
        third = run(folder, *window)
        assert third.code == 0, third.said
        assert "nothing to do: all of it was known already" in third.out
        posts = [path for path, count in full.control.requests()["salesforce"].items() if count != calls.get(path)]
        assert not [path for path in posts if "composite" in path], "known and unchanged costs only the read"
        daemon.signal()
        assert daemon.ended() == 0
    assert not any(control.duplicates().values())
    assert [facts["asked"] for what, facts in audit(folder) if what == "backfill"] == ["beginning to now"] * 2
    assert "DOES NOT BALANCE" not in run(folder, "status").out


def test_a_backfill_says_what_it_cannot_do(full: Process, tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "wrong", full)
    for arguments, says in (
        (("orders-to-cases",), "Missing option '--from'"),
        (("orders-to-cases", "--from", "yesterday"), "--from: 'yesterday' is no time; write beginning, now, 7d"),
        (("orders-to-cases", "--from", "1d", "--to", "2d"), "the window ends before it begins"),
        (("orders", "--from", "1d"), "no flow 'orders'; known: cases-to-orders, orders-to-cases"),
    ):
        ended = run(folder, "backfill", *arguments)
        assert (ended.code, says in ended.err) == (2, True), ended.said


# -- forget ------------------------------------------------------------------------------------------------------------


def bytes_of(folder: Path) -> bytes:
    """All that stands in the ledger's files."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("ledger.db*")))


def flows(folder: Path) -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = json.loads(run(folder, "status", "--format", "json").out)["flows"]
    return told


def test_a_customer_is_forgotten_beside_the_daemon_and_nothing_is_made_of_them_again(
    shop: Process, tmp_path: Path
) -> None:
    folder, control = lay_out(tmp_path / "forget", shop, start="beginning"), shop.control
    with Daemon(folder) as daemon:
        daemon.wait_for("started")
        order = control.place_order(c_addressMismatch=True)
        number, email = order["order_no"], order["customer_info"]["email"]
        wait_until(control.cases)
        (case,) = control.cases()
        control.agent_decide(case=case["Id"], resolution="Hold")
        wait_until(control.notes)
        other = control.place_order(c_addressMismatch=True)["order_no"]
        wait_until(lambda: len(control.cases()) == 2)
        for name in (number, email, case["Id"]):
            assert name.encode() in bytes_of(folder), f"{name} stands in the ledger before"

        dry = run(folder, "forget", number, "--dry-run")
        assert dry.code == 0, dry.said
        assert "2 records would be erased; nothing was changed" in dry.out
        ended = run(folder, "forget", case["Id"])
        assert ended.code == 0, ended.said
        assert "2 records erased" in ended.out
        assert ["service.Case", case["Id"], case["Commerce_Key__c"]] in [
            line.split() for line in ended.out.splitlines()
        ]
        assert "the ledger's file was written anew" in ended.out
        left = bytes_of(folder)
        assert not [name for name in (number, email, case["Id"], case["Commerce_Key__c"]) if name.encode() in left]
        assert other.encode() in left

        repeated = {name: one["repeated"] for name, one in flows(folder).items()}
        control.change_order(number=number, c_fulfillmentStatus="DELAYED")
        control.agent_reopen(case=case["Id"])
        wait_until(lambda: all(one["repeated"] > repeated[name] for name, one in flows(folder).items()))
        assert len(control.cases()) == 2
        assert number.encode() not in bytes_of(folder).replace(b'"id":"%b"' % number.encode(), b"")
        assert f"{number}: was forgotten" in run(folder, "explain", number).err + run(folder, "explain", number).out
        assert run(folder, "forget", number).code == 0, "again: only the file is written anew"
        assert run(folder, "forget", other, "nobody").code == 1, "one that is not known: none of them"
        assert other.encode() in bytes_of(folder)
        daemon.signal()
        assert daemon.ended() == 0
        assert not [line for line in daemon.lines if email in line]
    assert len(control.notes()) == 1
    assert [what for what, _ in audit(folder)] == ["forget"]
    assert "DOES NOT BALANCE" not in run(folder, "status").out


# -- reconcile, backup, restore ----------------------------------------------------------------------------------------


def reconciled(folder: Path, differences: int, *between: str) -> Ended:
    """A look, as soon as one finds so many: what changed shortly before the last poll, or a moment ago, is the next poll's."""
    end, found = time.monotonic() + 120, -1
    while found != differences and time.monotonic() < end:
        assert not between or run(folder, *between).code == 0
        found = len(json.loads(run(folder, "reconcile", "orders-to-cases", "--format", "json").out)["differences"])
    return run(folder, "reconcile", "orders-to-cases")


def test_a_lost_ledger_is_reconciled_without_a_second_case(shop: Process, tmp_path: Path) -> None:
    folder, control = lay_out(tmp_path / "lost", shop, start="beginning"), shop.control
    for _ in range(24):
        control.place_order(c_addressMismatch=True)
    assert [run(folder, "sync").code for _ in range(2)] == [0, 0]
    cases = {case["Commerce_Key__c"]: case for case in control.cases()}
    agreed = run(folder, "reconcile", "orders-to-cases")
    assert agreed.code == 0, agreed.said

    for path in folder.glob("ledger.db*"):
        path.unlink()
    looked = reconciled(folder, len(cases))
    assert looked.code == 1, looked.said
    row = next(line for line in looked.out.splitlines() if "its object stands, no row knows it" in line)
    assert f" {len(cases)} " in row
    assert "nothing was changed; to queue the repairs: --apply" in looked.out
    mass = run(folder, "reconcile", "orders-to-cases", "--apply")
    assert mass.code == 1, mass.said
    assert "Nothing was queued: add --yes, or --limit 20 to begin with a few" in mass.err
    assert "not run yet" in run(folder, "status").out.splitlines()[0] or flows(folder)["orders-to-cases"]["rows"] == 0
    queued = run(folder, "reconcile", "orders-to-cases", "--apply", "--yes")
    assert queued.code == 0, queued.said
    assert len(control.cases()) == len(cases)
    assert run(folder, "sync").code == 0

    assert run(folder, "sync").code == 0
    some = sorted(cases)
    control.agent_delete(case=cases[some[0]]["Id"])
    control.agent_edit(case=cases[some[1]]["Id"], fields={"Subject": "typed over", "Order_Status__c": "over"})
    looked = reconciled(folder, 2, "sync")
    assert looked.code == 1, looked.said
    found = json.loads(run(folder, "reconcile", "orders-to-cases", "--apply", "--recreate", "--format", "json").out)
    assert sorted((each["kind"], each["told"]) for each in found["differences"])[0] == ("differs", "Order_Status__c")
    assert {each["kind"] for each in found["differences"]} == {"differs", "gone"}
    assert (found["repairs"], found["queued"]) == (2, 2)
    assert run(folder, "sync").code == 0
    now = {case["Commerce_Key__c"]: case for case in control.cases()}
    assert now[some[1]]["Order_Status__c"] == cases[some[1]]["Order_Status__c"]
    assert now[some[1]]["Subject"] == "typed over", "until-claimed: what people moved is theirs"
    assert now[some[0]]["Id"] != cases[some[0]]["Id"]
    assert len(now) == len(cases) == len(control.cases())
    twice = control.duplicates()
    assert (twice["cases"], twice["created"]) == ({}, {some[0]: 2}), "made twice because a person deleted one and asked"
    assert [what for what, _ in audit(folder)] == ["reconcile", "reconcile"]


def test_a_restored_older_ledger_and_a_lost_one_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    with stage(tmp_path, orders=6, returns=4) as where:
        control, ledger = where.box.control, where.folder / "ledger.db"
        where.settle()
        control.place_order(c_addressMismatch=True)  # pending nowhere yet: the copy does not know it
        saved = where.run("backup", str(where.folder / "backup.db"))
        assert saved.code == 0, saved.err
        where.settle()
        where.decide_all()
        where.settle()
        for order in list(control.orders("RefArch"))[:3]:
            control.change_order(order["order_no"], c_fulfillmentStatus="DELAYED")
        where.settle()
        before, journal = where.outcome(), {case["Id"]: case["Subject"] for case in control.cases()}

        for lost in (False, True):
            for path in where.folder.glob("ledger.db*"):
                path.unlink()
            if not lost:
                (where.folder / "backup.db").rename(ledger)
            where.settle()
            assert where.outcome() == before
            assert {case["Id"]: case["Subject"] for case in control.cases()} == journal
            where.assert_nothing_twice()
