"""What the demo tells while it happens, and its verdict."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import click

from connector.cli.demonstration.stage import Stage
from connector.cli.demonstration.sums import ORDERS, Count, count
from connector.cli.table import table

PAUSE = 0.25
"""Seconds between two looks."""


class Failed(click.ClickException):
    """The demo cannot go on."""

    exit_code = 1


def tell(stage: Stage, *, within: float, stay: bool) -> int:
    """The whole story; 0 if it adds up."""
    story = _Story(stage, until=stage.began + within)
    story.opening()
    story.first_case()
    story.a_customer_now()
    story.a_complaint_now()
    last = story.until_settled()
    well = _verdict(last)
    _look_further(stage, last)
    if stay:
        _stay(stage)
    code = stage.stop()
    if code != 0:
        click.echo(f"the daemon ended with exit code {code}; see {stage.log}")
    return 0 if well and code == 0 else 1


class _Story:
    def __init__(self, stage: Stage, *, until: float) -> None:
        self.stage, self.until = stage, until

    def say(self, text: str) -> None:
        click.echo(f"{time.monotonic() - self.stage.began:6.1f} s  {text}")

    def wait(self, what: str, look: Callable[[], Any]) -> Any:
        """Look until there is something to see; Failed when the daemon ended or time is up."""
        while True:
            if found := look():
                return found
            if self.stage.daemon.poll() is not None:
                raise Failed(f"the daemon ended by itself; the last lines of {self.stage.log}:\n{self._last_words()}")
            if time.monotonic() > self.until:
                raise Failed(f"waited too long for {what}; the last lines of {self.stage.log}:\n{self._last_words()}")
            time.sleep(PAUSE)

    def opening(self) -> None:
        """Who is on the stage."""
        urls = self.stage.urls
        click.echo(f"shop         {urls['sfcc']} (simulated)")
        click.echo(f"case system  {urls['salesforce']} (simulated)")
        started = self.wait("the daemon", self.stage.started)
        click.echo(f"daemon       process {self.stage.daemon.pid}, health http://{started['listen']}/healthz")
        click.echo(f"ledger       {self.stage.folder / 'ledger.db'}")
        click.echo("")

    def first_case(self) -> None:
        case = self.wait("the first case", lambda: next(iter(self._cases()), None))
        seconds = time.monotonic() - self.stage.began
        self.say(f"case {case['CaseNumber']}: {case['Subject']}")
        click.echo(f"first case {seconds:.1f} seconds after the daemon's start")
        agents = self.stage.control.agents
        agents(on=True)
        for waiting in self._cases():  # the automatic agents see what comes from now on; these are decided by hand
            self._decide(waiting)

    def a_customer_now(self) -> None:
        """Two records that are made while everything runs, followed on their way."""
        ask = self.stage.control
        order = ask.place_order(site="RefArch", exception=False, c_addressMismatch=True)["order_no"]
        back = ask.place_return(number=order, c_withinPolicy=False)
        key = back["key"]
        self.say(f"a customer places order {order} and asks to return part of it: {key}")
        case = self.wait(f"the case of order {order}", lambda: self._case_of(order))
        self.say(f"order {order} is case {case['CaseNumber']}: {case['Subject']}")
        decided = self.wait("a decision", lambda: self._closed(case["Id"]))
        self.say(f"an agent decides case {case['CaseNumber']}: {decided['Resolution__c']}")
        shown = self.wait("the decision in the shop", lambda: ask.order(number=order).get("c_caseDecision"))
        self.say(f"the shop shows {shown} on order {order}")

    def a_complaint_now(self) -> None:
        """One more, with the words that go to and fro about it."""
        ask = self.stage.control
        key = ask.place_complaint()["key"]
        ask.complaint_message(key=key, text="Where is it?")
        self.say(f"a customer complains: {key}")
        said = self.wait(f"the words of {key}", lambda: self._comment_of(key))
        case = ask.case(case=said["ParentId"])
        self.say(f"complaint {key} is case {case['CaseNumber']}, with what was said so far as comments")
        ask.agent_comment(case=case["Id"], text="It left yesterday.", public=True)
        self.say("an agent answers: It left yesterday.")
        self.wait("the answer in the shop", lambda: ask.objects(kind="ComplaintMessage"))
        self.say(f"the shop shows the answer on complaint {key}")

    def until_settled(self) -> Count:
        """Until everything has arrived, or the time is up."""
        shown = ""
        while True:
            now = count(self.stage)
            told = (
                f"{len(now.orders)} orders, {len(now.returns)} returns, {len(now.complaints)} complaints "
                f"→ {len(now.cases)} cases → {len(now.decided)} decided "
                f"→ {now.arrived} decisions in the shop, {now.journal['refunds_executed']} refunds"
            )
            if told != shown:
                self.say(told)
                shown = told
            if now.settled or time.monotonic() > self.until:
                return now
            if self.stage.daemon.poll() is not None:
                raise Failed(f"the daemon ended by itself; the last lines of {self.stage.log}:\n{self._last_words()}")
            time.sleep(PAUSE)

    def _decide(self, case: Mapping[str, Any]) -> None:
        refundable = case.get("Type") != "Order Exception"
        more = {"amount": 20.0} if refundable else {}
        if not case["IsClosed"]:
            resolution = "Refund" if refundable else "Release"
            self.stage.control.agent_decide(case=case["Id"], resolution=resolution, **more)

    def _cases(self) -> list[dict[str, Any]]:
        return [case for case in self.stage.control.cases() if case.get("Commerce_Key__c")]

    def _case_of(self, order: str) -> dict[str, Any] | None:
        """The case of the order itself: those of its return and of complaints name the order, too."""
        mine = (case for case in self._cases() if case["Commerce_Key__c"].startswith(ORDERS))
        return next((case for case in mine if case.get("Order_No__c") == order), None)

    def _comment_of(self, complaint: str) -> dict[str, Any] | None:
        """The comment with the customer's words."""
        cases = {case["Id"] for case in self._cases() if f" {complaint} " in case["Subject"]}
        found = (each for each in self.stage.control.comments() if each["ParentId"] in cases)
        return next((each for each in found if "Where is it?" in each["CommentBody"]), None)

    def _closed(self, case: str) -> dict[str, Any] | None:
        found: dict[str, Any] = self.stage.control.case(case=case)
        return found if found["IsClosed"] else None

    def _last_words(self) -> str:
        return "\n".join(self.stage.log.read_text().splitlines()[-8:])


def _verdict(last: Count) -> bool:
    click.echo("")
    sums = list(last.sums())
    rows = [(each.what, each.left, each.left_of, each.right, each.right_of, _mark(each.right_so)) for each in sums]
    for line in table(["", "is", "says", "must be", "says", ""], rows):
        click.echo(line)
    for name, books in last.books.items():
        parts = ("done", "filtered", "foreign", "parked", "pending", "dropped")
        told = " + ".join(f"{getattr(books, part)} {part}" for part in parts)
        click.echo(f"{name}: {books.rows} rows = {told}")
    well = last.settled and all(each.right_so for each in sums)
    click.echo("everything adds up" if well else "THIS DOES NOT ADD UP")
    return well


def _mark(right: bool) -> str:
    return "ok" if right else "WRONG"


def _stay(stage: Stage) -> None:
    with contextlib.suppress(KeyboardInterrupt):  # the line itself may already be answered with Ctrl-C
        click.echo(f"everything stays up until Ctrl-C; control the sandbox at {stage.urls['control']}")
        stage.daemon.wait()


def _look_further(stage: Stage, last: Count) -> None:
    order = next((each["order_no"] for each in last.answered_orders), "KEY")
    click.echo("")
    click.echo(f"look further: connector --config {stage.config} status")
    click.echo(f"              connector --config {stage.config} explain {order}")
