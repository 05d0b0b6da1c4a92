"""Between the port and a system: counts a request, lets it go wrong where a fault rule says so, and answers after the latency."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from connector.sandbox.clock import Clock
from connector.sandbox.faults import BESIDE_KINDS, Faults, Rule
from connector.sandbox.journal import Journal
from connector.sandbox.options import Options
from connector.sandbox.server import Connection, Reply, Request

HTML = b"text/html; charset=UTF-8"
_PAGE = b"<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>"


class System(Protocol):
    """One simulated system, as the gate sees it."""

    name: str

    def handle(self, request: Request) -> Reply: ...
    def error(self, request: Request, status: int, code: str, message: str, arguments: Mapping[str, Any]) -> Reply:
        """An error in the vendor's own form."""

    def end_token(self, request: Request) -> None:
        """Ends the token that the request bears."""

    def under(self, rules: Sequence[Rule]) -> None:
        """The rules that shape the rows, the visibility or the index of the one request that is handled next."""


class World(Protocol):
    """What a gate needs of the rest."""

    options: Options
    clock: Clock
    faults: Faults
    journal: Journal

    def act(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """A person does something: a control verb by name."""

    def stir(self, system: str, count: int, path: str) -> None:
        """Somebody saves so many records of the kind that the path reads."""


class Gate:
    """One per system: `take` is called with every request."""

    def __init__(self, world: World, system: System) -> None:
        self.world = world
        self.system = system
        self._shown: dict[str, Reply] = {}
        """Place → what the last page of that search or query showed, once a rule asks for it."""

    def take(self, connection: Connection, request: Request) -> None:
        world = self.world
        world.clock.run_due()  # a loop that is behind hears of a request before its timers are rung
        world.journal.request(self.system.name, request.method, request.path)
        latency = world.options.latency_ms / 1000
        if world.faults.rules:
            fired = world.faults.fired(self.system.name, request.method, request.target, request.body)
            if fired:
                self._wrong(connection, request, fired, latency)
                return
            if any(rule.kind == "page_again" for rule in world.faults.rules):
                connection.send(self._remembered(request, self._handle(request, ())), latency)
                return
        connection.send(self._handle(request, ()), latency)

    def _handle(self, request: Request, late: Sequence[Rule]) -> Reply:
        """What the system answers. A fault of the sandbox itself is loud, and no client waits for ever."""
        if late:
            self.system.under(late)
        try:
            self._people(late, "before", request.path)
            reply = self.system.handle(request)
            self._people(late, "after", request.path)
        except Exception:  # noqa: BLE001 - whatever it is: it is ours, is printed, counted and answered
            traceback.print_exc(file=sys.stderr)
            self.world.journal.fault("sandbox broke")
            return Reply(500, b"the sandbox broke: " + traceback.format_exc(limit=-1).encode(), kind=b"text/plain")
        else:
            return reply
        finally:
            if late:
                self.system.under(())

    def _people(self, rules: Sequence[Rule], when: str, path: str) -> None:
        for rule in rules:
            if rule.kind == "meanwhile" and rule.when == when:
                self.world.act(rule.act, rule.arguments)
            elif rule.kind == "moving" and when == "before":
                self.world.stir(self.system.name, rule.rows or 1, path)

    def _wrong(self, connection: Connection, request: Request, fired: list[Rule], latency: float) -> None:
        for rule in fired:
            self.world.journal.fault(rule.kind)
        inner = [r for r in fired if r.kind in BESIDE_KINDS]
        outer = [r for r in fired if r not in inner]
        if not outer:
            connection.send(self._handle(request, inner), latency)
            return
        self.unread(request)
        rule = outer[0]
        act: Callable[..., None] = getattr(self, f"_{rule.kind}")
        act(connection, request, rule, inner, latency)

    def unread(self, request: Request) -> None:
        """A request that gets no proper answer."""
        self.world.journal.struck(request.method, request.target, request.body)

    def _unheard(self, request: Request, inner: Sequence[Rule]) -> Reply:
        """Carries a request out whose answer nobody will read."""
        with self.world.journal.unheard():
            return self._handle(request, inner)

    def _remembered(self, request: Request, reply: Reply) -> Reply:
        place = page_of(request)
        if place and reply.status == 200:
            self._shown[place] = reply
        return reply

    def _page_again(self, c: Connection, request: Request, rule: Rule, inner: list[Rule], latency: float) -> None:
        before = self._shown.get(page_of(request))
        if before is None:
            c.send(self._remembered(request, self._handle(request, inner)), latency)
        else:
            c.send(before, latency)

    def _half_json(self, c: Connection, request: Request, rule: Rule, inner: list[Rule], latency: float) -> None:
        reply = self._unheard(request, inner)
        c.send(Reply(reply.status, reply.body[: len(reply.body) // 2], reply.headers, reply.kind), latency)

    def _status(self, c: Connection, request: Request, rule: Rule, inner: list[Rule], latency: float) -> None:
        if rule.commit:
            self._unheard(request, inner)
        c.send(self._refusal(request, rule), latency)

    _error = _status

    def _refusal(self, request: Request, rule: Rule) -> Reply:
        if rule.form == "html":
            title = str(rule.status).encode()
            reply = Reply(rule.status, _PAGE % (title, title), kind=HTML)
        elif rule.form == "empty":
            reply = Reply(rule.status, b"")
        else:
            reply = self.system.error(request, rule.status, rule.code, rule.message, rule.arguments)
        if rule.retry_after is not None:
            reply.headers += b"Retry-After: %g\r\n" % rule.retry_after
        return reply

    def _html200(self, c: Connection, request: Request, rule: Rule, inner: list[Rule], latency: float) -> None:
        if rule.commit:
            self._unheard(request, inner)
        c.send(Reply(200, _PAGE % (b"Down for maintenance", b"We will be back soon"), kind=HTML), latency)

    def _hang(self, c: Connection, request: Request, rule: Rule, inner: list[Rule], latency: float) -> None:
        if rule.commit:
            self._unheard(request, inner)
        c.close(rule.seconds)

    def _slow(self, c: Connection, request: Request, rule: Rule, inner: list[Rule], latency: float) -> None:
        c.send(self._handle(request, inner), latency + rule.seconds)

    def _drop_before(self, c: Connection, request: Request, rule: Rule, inner: list[Rule], latency: float) -> None:
        c.close(latency, reset=rule.reset)

    def _drop_after(self, c: Connection, request: Request, rule: Rule, inner: list[Rule], latency: float) -> None:
        self._unheard(request, inner)
        c.close(latency, reset=rule.reset)

    def _truncate(self, c: Connection, request: Request, rule: Rule, inner: list[Rule], latency: float) -> None:
        c.cut(self._unheard(request, inner), latency)

    def _expired_token(self, c: Connection, request: Request, rule: Rule, inner: list[Rule], latency: float) -> None:
        self.system.end_token(request)
        c.send(self._handle(request, inner), latency)

    def _commit_later(self, c: Connection, request: Request, rule: Rule, inner: list[Rule], latency: float) -> None:
        self.world.clock.after(rule.seconds, lambda: void(self._unheard(request, inner)))
        if rule.reply == "hang":
            c.close(rule.seconds + latency)
        elif rule.reply == "drop":
            c.close(latency)
        else:
            c.send(self.system.error(request, int(rule.reply), "", "", {}), latency)

    def _kill(self, c: Connection, request: Request, rule: Rule, inner: list[Rule], latency: float) -> None:
        if rule.when == "after":
            c.send(self._handle(request, inner))
            self._end(rule)
            return
        if rule.commit:
            self._handle(request, inner)
        self._end(rule)
        c.close()

    def _end(self, rule: Rule) -> None:
        assert rule.pid is not None  # Rule refuses a kill without one
        try:
            os.kill(rule.pid, rule.signal)
        except ProcessLookupError:
            self.world.journal.fault("kill:no such process")


_KEYED = re.compile(r"%20IN%20|\+IN\+| IN |IN%28|IN \(")
_LITERAL = re.compile(r"%27.*?%27|'.*?'|\d{4}-\d\d-\d\dT[\d:.%A-Z+-]*")
_START = re.compile(rb'"(?:start|offset)":\d+')
_OFFSET = re.compile(r"offset=\d+")
_SEARCH = re.compile(r"[_-]search\b")


def page_of(request: Request) -> str:
    """Which search or query a request reads a page of: its words without the place; empty for anything else. A look-up by
    keys has no pages."""
    if request.method == "GET" and request.path.endswith(("/query", "/query/", "/queryAll")):
        return "" if _KEYED.search(request.query) else _LITERAL.sub("?", request.query)
    if request.method == "POST" and _SEARCH.search(request.path) and b'"one_of"' not in request.body:
        return request.path + _START.sub(b"", request.body).decode("utf-8", "replace")
    if request.method == "GET" and request.path.endswith("/orders") and "offset=" in request.query:
        return request.path + _OFFSET.sub("", request.query)
    return ""


def void(_: object) -> None:
    """Lets a lambda that is run for its effect give nothing back."""


def json_reply(status: int, document: Any, headers: bytes = b"") -> Reply:
    return Reply(status, orjson.dumps(document), headers)
