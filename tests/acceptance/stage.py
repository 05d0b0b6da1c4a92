"""A sandbox and the real command on the shipped mappings: what every acceptance test works with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.sandbox.box import Sandbox
from connector.sandbox.options import Options
from connector.store import Books, Store, open_store

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
"""Longest time for everything to be settled; reached only when the test fails."""
STOPPED = re.compile(r"^[\w-]+: (?:Unavailable|RateLimited|AuthFailed|Misconfigured): ", re.MULTILINE)
"""What `sync` says of a flow that it could not read, or write, to its end."""
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
    settle_after: 0.3
    timeouts: {{connect: 2, read: {read}, total: {total}}}
  service:
    adapter: salesforce
    url: {salesforce}
    auth: {{grant: client_credentials, client_id: bench, client_secret: secret}}
    key_field: Commerce_Key__c
    batch: 10
    settle_after: 300ms
    files: {{hosts: ["{host}"], loopback: true}}
    timeouts: {{connect: 2, read: {read}, total: {total}}}
store: sqlite:///ledger.db
flows:
  orders-to-cases:
    {{from: shop.orders, to: service.Case, mapping: {mappings}/order-exception-to-case.yaml, start: beginning}}
  returns-to-cases:
    {{from: shop.custom_objects/ReturnRequest, to: service.Case, mapping: {mappings}/return-to-case.yaml, start: beginning}}
  cases-to-orders:
    {{from: service.Case, to: shop.orders, mapping: {mappings}/case-to-order.yaml, answers: orders-to-cases}}
  cases-to-returns:
    from: service.Case
    to: shop.custom_objects/ReturnRequest
    mapping: {mappings}/case-to-return.yaml
    answers: returns-to-cases
defaults: {{every: 1s, concurrency: 3, brake: none, lease: {lease}s}}
retry: {{first: 300ms, longest: 2s, outage: 300ms, outage_longest: 1s, limited: 300ms, auth: 300ms, misconfigured: 300ms}}
web: {{listen: none}}
log: {{format: json}}
"""


@dataclass(frozen=True)
class Ended:
    """One command that ran to its end."""

    code: int
    out: str
    err: str


class Stage:
    """A running sandbox, a folder with configuration and ledger, and the command."""

    def __init__(self, box: Sandbox, folder: Path, *, read: float = 10, total: float = 20, lease: float = 120) -> None:
        self.box, self.folder = box, folder
        folder.mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(
            sfcc=box.sfcc_url, host=box.sfcc_url.rpartition("/")[2],
            salesforce=box.salesforce_url, mappings=ROOT / "mappings/salesforce",
            read=read, total=total, lease=lease,
        )  # fmt: skip
        (folder / "config.yaml").write_text(text)

    def start(self, *arguments: str, place: str = "-") -> subprocess.Popen[str]:
        """A connector process that waits for `go`."""
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.acceptance.dying",
                place,
                *arguments,
                "--config",
                str(self.folder / "config.yaml"),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    @staticmethod
    def finish(process: subprocess.Popen[str], *, timeout: float = 120) -> Ended:
        """Let it go and wait for its end."""
        out, err = process.communicate("go\n", timeout=timeout)
        return Ended(process.returncode, out, err)

    def run(self, *arguments: str, place: str = "-") -> Ended:
        return self.finish(self.start(*arguments, place=place))

    @contextmanager
    def ledger(self) -> Iterator[Store]:
        store = open_store("sqlite:///ledger.db", base=self.folder)
        try:
            yield store
        finally:
            store.close()

    def books(self) -> dict[str, Books]:
        with self.ledger() as store:
            found = {books.flow: books for books in store.counts()}
        assert all(books.balanced for books in found.values()), found
        return found

    def settle(self, *, tries: int = 25) -> None:
        """Passes until nothing stopped one and nothing is pending; each is a new process on the same ledger.

        So many tries however long they take, and more while there is time: what waits to be tried again waits as long on a
        machine where a pass is quick.
        """
        end = time.monotonic() + PATIENCE
        while tries > 0 or time.monotonic() < end:
            tries -= 1
            ended = self.run("sync")
            assert ended.code in (0, 1, 3), ended.err
            if not STOPPED.search(ended.err) and not any(books.pending for books in self.books().values()):
                return
        raise AssertionError(f"still pending, or stopped: {self.books()}\n{ended.out}\n{ended.err}")

    def decide_all(self) -> None:
        """The agents decide every open case, each as its number says."""
        for case in sorted(self.box.control.cases(), key=lambda one: one["Commerce_Key__c"]):
            number = sum(case["Commerce_Key__c"].encode())
            if case["Type"] == "Return":
                resolution = ("Refund", "Exchange", "Rejected")[number % 3]
                amount = 10.5 if resolution == "Refund" else None
                self.box.control.agent_decide(case["Id"], resolution, amount=amount)
            else:
                shipped = case["Order_Status__c"] == "completed"  # what was shipped cannot be cancelled
                self.box.control.agent_decide(
                    case["Id"], ("Release", "Hold", "Hold" if shipped else "Cancel")[number % 3]
                )

    def outcome(self) -> dict[str, Any]:
        """What both systems hold in the end, without times and ids: to be compared with a run without faults."""
        control = self.box.control
        orders = {
            order["order_no"]: (order.get("c_caseDecision"), order["status"], order["confirmation_status"])
            for order in control.orders("RefArch")
            if order.get("c_caseNumber")
        }
        returns = {one["key_value_string"]: one.get("c_status") for one in control.objects("ReturnRequest")}
        return {
            "cases": sorted(case["Commerce_Key__c"] for case in control.cases()),
            "orders": orders,
            "returns": returns,
            "notes": Counter(note["order_no"] for note in control.notes()),
            "refunds": sorted(str(one["c_returnId"]) for one in control.objects("RefundRequest")),
        }

    def assert_nothing_twice(self) -> None:
        twice = self.box.control.duplicates()
        assert {"cases", "created", "notes", "comments", "files", "refunds"} <= twice.keys()
        assert not any(twice.values()), twice


@contextmanager
def stage(folder: Path, *, orders: int = 24, returns: int = 12, **more: Any) -> Iterator[Stage]:
    """A small shop in which every order needs a person."""
    timeouts = {name: more.pop(name) for name in ("read", "total", "lease") if name in more}
    with Sandbox(Options(orders=orders, returns=returns, exceptions=1.0, shop_code=0, **more)) as box:
        yield Stage(box, folder, **timeouts)
