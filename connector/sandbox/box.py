"""The sandbox as a whole: two systems and a control port on one loop, in a thread of this process or as a process of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Self, TypeVar

import orjson

from connector.sandbox import control
from connector.sandbox.control import Control
from connector.sandbox.gate import Gate, json_reply
from connector.sandbox.options import Options
from connector.sandbox.salesforce.problem import Problem
from connector.sandbox.server import Connection, Listener, Request, bind
from connector.sandbox.sfcc.fault import Fault
from connector.sandbox.world import World

T = TypeVar("T")


class House:
    """World and ports on the running loop."""

    def __init__(self, options: Options) -> None:
        socks: list[socket.socket] = []
        try:
            for port in (options.sfcc_port, options.salesforce_port, options.control_port):
                socks.append(bind(options.host, port))
        except OSError:
            for sock in socks:
                sock.close()
            raise
        urls = [f"http://{s.getsockname()[0]}:{s.getsockname()[1]}" for s in socks]
        try:
            self.world = World(options, urls[0], urls[1])
        except BaseException:
            for sock in socks:
                sock.close()
            raise
        self.world.clock.loop = asyncio.get_running_loop()
        self.control = Control(self.world)
        shop, org = self.world.shop, self.world.org
        gates = Gate(self.world, shop), Gate(self.world, org)
        self.sfcc = Listener(socks[0], gates[0].take, shop.clock.date, gates[0].unread)
        self.salesforce = Listener(socks[1], gates[1].take, org.clock.date, gates[1].unread)
        self.desk = Listener(socks[2], self._take, shop.clock.date)
        self.urls = {"sfcc": urls[0], "salesforce": urls[1], "control": urls[2]}

    async def open(self) -> None:
        for listener in (self.sfcc, self.salesforce, self.desk):
            await listener.up()
        self.world.start()

    async def close(self) -> None:
        self.world.clock.forget()
        self.world.clock.loop = None
        for listener in (self.sfcc, self.salesforce, self.desk):
            await listener.close()

    async def outage(self, system: str, down: bool) -> None:
        listener = {"sfcc": self.sfcc, "salesforce": self.salesforce}[system]
        await (listener.down() if down else listener.up())

    def _take(self, connection: Connection, request: Request) -> None:
        """The control port: POST /verb with arguments as a JSON object."""
        verb = request.path.strip("/").removeprefix("_sandbox/")
        self.world.clock.run_due()
        try:
            arguments = orjson.loads(request.body) if request.body else {}
            if verb == "outage":
                asyncio.get_running_loop().create_task(self._outage(connection, arguments))
                return
            answer = self.urls if verb == "urls" else control.call(self.control, verb, arguments)
            connection.send(json_reply(200, answer))
        except (KeyError, TypeError, ValueError, Problem, Fault) as error:
            text = error.message if isinstance(error, Problem | Fault) else str(error.args[0] if error.args else error)
            connection.send(json_reply(400, {"error": text}))

    async def _outage(self, connection: Connection, arguments: dict[str, Any]) -> None:
        await self.outage(**arguments)
        connection.send(json_reply(200, None))


class Verbs:
    """`box.control`: every verb as a method, from any thread; also `box.control("agent.take", case=…)`."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box

    def __call__(self, verb: str, **arguments: Any) -> Any:
        return self._box.run(lambda house: control.call(house.control, verb, arguments))

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        if verb not in control.VERBS:
            raise AttributeError(f"no verb {verb!r}; known: {', '.join(control.VERBS)}")

        def run(*positional: Any, **arguments: Any) -> Any:
            return self._box.run(lambda house: getattr(house.control, verb)(*positional, **arguments))

        return run


class Sandbox:
    """Both systems in a thread: `with Sandbox(Options(orders=20)) as box: … box.sfcc_url … box.control.cases()`."""

    def __init__(self, options: Options | None = None, **more: Any) -> None:
        self.options = options if options is not None else Options(**more)
        self.control = Verbs(self)
        self._house: House | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None

    def __enter__(self) -> Self:
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main(ready)), name="sandbox", daemon=True)
        self._thread.start()
        ready.result(timeout=120)
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=30)
        self._house = self._loop = self._thread = None

    async def _main(self, ready: Future[None]) -> None:
        try:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            house = House(self.options)
            await house.open()
        except BaseException as error:  # noqa: BLE001 - __enter__ raises it in the caller's thread
            ready.set_exception(error)
            return
        self._house = house
        ready.set_result(None)
        await self._stop.wait()
        await house.close()

    def run(self, act: Callable[[House], T]) -> T:
        """Runs something on the loop's thread and returns what it returns."""

        async def soon() -> T:
            return act(self._open)

        result: T = self._wait(soon())
        return result

    def _wait(self, soon: Any) -> Any:
        assert self._loop is not None, "the sandbox is not open: use it in a with statement"
        return asyncio.run_coroutine_threadsafe(soon, self._loop).result(timeout=60)

    @property
    def _open(self) -> House:
        assert self._house is not None, "the sandbox is not open: use it in a with statement"
        return self._house

    def outage(self, system: str, *, down: bool = True) -> None:
        """Takes a system away: connections are refused and broken until `down=False`."""
        made: Awaitable[None] = self._open.outage(system, down)
        self._wait(made)

    @property
    def urls(self) -> dict[str, str]:
        return self._open.urls

    @property
    def sfcc_url(self) -> str:
        return self._open.urls["sfcc"]

    @property
    def salesforce_url(self) -> str:
        return self._open.urls["salesforce"]

    @property
    def control_url(self) -> str:
        return self._open.urls["control"]
