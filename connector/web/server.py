"""/healthz, /readyz and /metrics, served by uvicorn in a thread beside the runner.

/healthz: should this process be started again? 503 with the flows that are stuck. A remote system that is down is no
reason. /readyz: is the ledger open and are the flows loaded? The state of connections stands in the body, for people.
/metrics: numbers, in the format that the scraper asks for.
"""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.config.values import Address
from connector.errors import ConnectorError

_WAITING = 64
"""Connections that may wait to be taken."""


class CannotListen(ConnectorError):  # our errors are named after what is so
    """The address of `web.listen` cannot be used."""


class Vitals(Protocol):
    """What the process knows about itself."""

    def unhealthy(self) -> Mapping[str, float]:
        """Flows that are stuck, with seconds since their last sign of life."""
        ...

    def ready(self) -> tuple[bool, Mapping[str, Any]]:
        """Whether the ledger can be read, and the body for people. May touch the disk; raises LedgerError."""
        ...


Render = Callable[[str, str], tuple[bytes, Mapping[str, str]]]
"""/metrics: the headers Accept and Accept-Encoding → body and headers. Runs in a thread of its own."""


def application(vitals: Vitals, metrics: Render | None = None) -> Starlette:
    """The pages."""

    async def healthz(request: Request) -> Response:
        stuck = vitals.unhealthy()
        return _json(503 if stuck else 200, {"healthy": not stuck, "stuck_flows": dict(stuck)})

    async def readyz(request: Request) -> Response:
        try:
            ready, body = await run_in_threadpool(vitals.ready)
        except ConnectorError as error:
            ready, body = False, {"ledger": str(error)}
        return _json(200 if ready else 503, {"ready": ready, **body})

    async def scraped(request: Request) -> Response:
        assert metrics is not None
        asked = [", ".join(request.headers.getlist(name)) for name in ("accept", "accept-encoding")]
        body, headers = await run_in_threadpool(metrics, *asked)  # it asks the ledger, and /healthz must not wait
        return Response(body, headers={"Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding", **headers})

    routes = [Route("/healthz", healthz), Route("/readyz", readyz)]
    return Starlette(routes=[*routes, Route("/metrics", scraped)] if metrics else routes)


class WebServer:
    """Listens from `__enter__` to `__exit__`. `address` is where, with the port that the machine chose for 0."""

    def __init__(self, listen: Address, vitals: Vitals, metrics: Render | None = None) -> None:
        self._listen, self._vitals, self._metrics = listen, vitals, metrics
        self.address = ""

    def __enter__(self) -> WebServer:
        self._socket = self._bind()
        host, port = self._socket.getsockname()[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        config = uvicorn.Config(
            application(self._vitals, self._metrics),
            log_config=None,
            access_log=False,
            lifespan="off",
            backlog=_WAITING,  # without a file handle left, asyncio tries as often as that every second
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        run = {"sockets": [self._socket]}
        self._thread = threading.Thread(target=self._server.run, kwargs=run, name="web", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._socket.close()

    def _bind(self) -> socket.socket:
        """Bound here, because uvicorn ends the process when it cannot."""
        host, port = self._listen.host, self._listen.port
        place = f"web.listen {host}:{port}"
        try:
            family, kind, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        except OSError as error:
            raise CannotListen(f"{place}: no such address; write for example 127.0.0.1:8080") from error
        sock = socket.socket(family, kind)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(target)
            sock.listen(_WAITING)
        except OSError as error:
            sock.close()
            remedy = "another process listens there" if error.errno == errno.EADDRINUSE else str(error.strerror)
            raise CannotListen(f"{place} cannot be used: {remedy}; change web.listen in the configuration") from error
        return sock


def _json(status: int, body: Mapping[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(orjson.dumps(body, default=str), status, headers, media_type="application/json")
