"""A sandbox in a process of its own, seen from outside: start it, and call its control verbs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import orjson

PATIENCE = 600.0
"""Seconds for one control verb: a hundred thousand documents take their time on a busy machine."""


class Refused(ValueError):
    """The sandbox did not take a control verb; the text says why."""


class Client:
    """Control verbs over HTTP: `Client(urls["control"]).cases()`."""

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme != "http":
            raise ValueError(f"a control URL is plain http: {url}")
        self.url = url
        self._opener = build_opener(ProxyHandler({}))

    def __call__(self, verb: str, **arguments: Any) -> Any:
        target = f"{self.url}/{verb}"
        request = Request(target, data=orjson.dumps(arguments), method="POST")  # noqa: S310 - checked in __init__
        try:
            with self._opener.open(request, timeout=PATIENCE) as reply:
                return orjson.loads(reply.read())
        except HTTPError as error:
            with error:
                raise Refused(orjson.loads(error.read())["error"]) from error

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        if verb.startswith("_"):
            raise AttributeError(verb)
        return lambda **arguments: self(verb, **arguments)


class Process:
    """`with Process("--orders", "100") as box:` starts `python -m connector.sandbox` and waits until it is ready."""

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self.urls: dict[str, str] = {}

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "connector.sandbox", *self.arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - our own module
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._process.stdout.close()
            raise RuntimeError(f"the sandbox did not start: exit code {self._process.returncode}")
        self.urls = orjson.loads(line)
        self.control = Client(self.urls["control"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.terminate()
        self._process.wait(timeout=30)
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def sfcc_url(self) -> str:
        return self.urls["sfcc"]

    @property
    def salesforce_url(self) -> str:
        return self.urls["salesforce"]

    def outage(self, system: str, *, down: bool = True) -> None:
        self.control("outage", system=system, down=down)
