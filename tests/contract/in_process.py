"""Both simulated systems without a port: requests of the adapters are answered in this thread, and time stands still between
acts. Hundreds of courses of events a second, on the same state that the real sandbox serves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any, cast

import responses
from requests import PreparedRequest
from requests.exceptions import ConnectionError as Broken

from connector.sandbox.clock import Clock
from connector.sandbox.gate import Gate
from connector.sandbox.options import Options
from connector.sandbox.server import Connection, Reply, Request
from connector.sandbox.world import World

SHOP, ORG = "http://127.0.0.1:81", "http://127.0.0.1:82"
Answer = tuple[int, dict[str, str], bytes]


class StillClock(Clock):
    """The systems' time, which passes only when a test says so."""

    def __init__(self, at: datetime = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)) -> None:
        super().__init__()
        self.at = at.timestamp()

    def now(self) -> float:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += seconds
        self.run_due()


class OurClock:
    """Our time: the systems' less `ahead` seconds, by which theirs runs ahead."""

    def __init__(self, theirs: StillClock, ahead: float) -> None:
        self._theirs, self._ahead = theirs, ahead

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._theirs.at, UTC) - timedelta(seconds=self._ahead)


class _Answered:
    """Stands where the sandbox has a connection, and keeps the answer."""

    def __init__(self) -> None:
        self.reply: Reply | None = None

    def send(self, reply: Reply, after: float = 0.0) -> None:
        self.reply = reply

    def close(self, after: float = 0.0) -> None:
        """The connection breaks without an answer."""


class InProcess:
    """`world` is the sandbox's. `during` is called in the middle of every read: after the answer was made, before it is sent."""

    def __init__(self, options: Options) -> None:
        self.clock = StillClock()
        self.world = World(options, SHOP, ORG, self.clock)
        self.during: Callable[[], None] = lambda: None
        self.calls = 0
        self._gates = {SHOP: Gate(self.world, self.world.shop), ORG: Gate(self.world, self.world.org)}
        self._lock = threading.RLock()

    def ours(self, ahead: float = 0.0) -> OurClock:
        return OurClock(self.clock, ahead)

    def answer(self, asked: PreparedRequest) -> Answer:
        """One request, answered as the sandbox would over its port. Raises what a broken connection raises."""
        url = str(asked.url)
        gate = next(gate for base, gate in self._gates.items() if url.startswith(base))
        body = asked.body or b""
        headers = {name.lower().encode(): value.encode() for name, value in _texts(asked.headers)}
        request = Request(
            str(asked.method),
            url[len(SHOP) :],
            headers,
            body if isinstance(body, bytes) else str(body).encode(),
        )
        with self._lock:
            self.calls += 1
            held = _Answered()
            gate.take(cast(Connection, held), request)
            if "token" not in request.path:
                self.during()
            reply = held.reply
            date = formatdate(self.clock.at, usegmt=True)
        if reply is None:
            raise Broken("the connection broke")
        told = {"Date": date, "Content-Type": reply.kind.decode()}
        told |= dict(line.split(": ", 1) for line in reply.headers.decode().split("\r\n") if line)
        return reply.status, told, reply.body


def _texts(headers: Any) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        yield name, value if isinstance(value, str) else value.decode()


@contextmanager
def in_process(options: Options) -> Iterator[InProcess]:
    """Every request of this process goes to these systems until the block ends."""
    systems = InProcess(options)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for base in (SHOP, ORG):
            for method in (responses.GET, responses.POST, responses.PATCH, responses.PUT, responses.DELETE):
                mock.add_callback(method, _anything_below(base), systems.answer, content_type=None)
        yield systems


def _anything_below(base: str) -> Any:
    import re

    return re.compile(re.escape(base) + "/.*")
