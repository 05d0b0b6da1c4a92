"""HTTP: the only user of requests and tenacity. Deadlines, own CA, in-call retries, redaction, faults as our errors.

`Http.request` is for adapters that speak HTTP themselves; `Http.session` gives a vendor's library a session under the same
rules. Plain http is for loopback only, redirects are never followed, the environment's proxies and .netrc are ignored.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import tenacity
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3 import Timeout
from urllib3.exceptions import HTTPError

from connector.adapter import Clock
from connector.errors import Misconfigured, Transient, Unavailable
from connector.http_clocks import clock_problems
from connector.http_deadline import CURRENT, POOLS, Call
from connector.http_faults import Intent, Response, Unreachable, network_fault, never_sent
from connector.http_settings import Seconds, Timeouts, check_url, is_loopback
from connector.http_tokens import Denials, SingleFlightToken, TokenSource
from connector.secret import redact

__all__ = [
    "Denials",
    "Http",
    "Intent",
    "Response",
    "Seconds",
    "SingleFlightToken",
    "Timeouts",
    "TokenSource",
    "check_url",
    "clock_problems",
    "is_loopback",
    "redact",
]

_AGAIN = frozenset({408, 429, 502, 503, 504})
"""Statuses that a repeatable call tries again within the call. 500 is not among them: it seldom passes in a second."""
_LONGEST_RETRY_AFTER = 5.0
"""Seconds of Retry-After that a call sits out itself; longer waits are the engine's."""
_LEAST = 0.01
"""Seconds below which a call is not begun: timers of sockets fire a little early, and it could not end."""
_STALE = 15.0
"""Seconds after which an idle connection is not trusted: the peer may be closing it while we write."""


class Http:
    """The way to one remote system. Safe to use from several threads: each call borrows a session of its own.

    `stop` (or `close`) ends waits between tries at once. `largest` bounds a body in bytes.
    """

    def __init__(
        self,
        name: str,
        *,
        clock: Clock,
        timeouts: Timeouts | None = None,
        ca_file: str | None = None,
        tries: int = 3,
        stop: threading.Event | None = None,
        largest: int = 64 << 20,
    ) -> None:
        self.name, self.clock, self.tries, self.largest = name, clock, tries, largest
        self.timeouts = timeouts or Timeouts()
        self._verify: bool | str = ca_file or True
        self._stop = stop or threading.Event()
        self._lock = threading.Lock()
        self._idle: list[_Session] = []
        self._calls = 0
        self._local = _Frame()

    def request(
        self,
        method: str,
        url: str,
        *,
        intent: Intent,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        decode: bool = True,
    ) -> Response:
        """Send and read the answer whole, whatever its status but a redirect. With `decode` a 2xx answer is whole JSON.

        `read` and `update` are tried again, a few times and within the total deadline, after a broken connection, broken
        JSON, 502, 503, 504, and 429 whose Retry-After is short; `once` never. A connection that cannot be made is not
        tried again. Raises Unavailable, Transient(uncertain) for a write whose outcome is unknown, or Misconfigured for a
        refused URL; what a status means is for the adapter, `Response.fault()` helps.
        """
        with self.within(self.timeouts.total):

            def attempt() -> Response:
                with self.intent(intent), self._borrow() as session:
                    raw = session.request(method, url, data=body, headers=headers, params=params)
                response = self._response(raw, method, intent)
                if decode and 200 <= response.status < 300 and response.status != 204:
                    response.json()
                return response

            response = attempt() if intent == "once" or self.tries < 2 else self._retrying()(attempt)
        if 300 <= response.status < 400:
            raise response.fault()
        return response

    @contextlib.contextmanager
    def within(self, seconds: float, end: datetime | None = None) -> Iterator[None]:
        """All calls that this thread makes in the block end within so many seconds together, and by `end`. What would go out
        later is Unreachable, also if the process was stopped meanwhile. Nested, the earlier end wins."""
        if end is not None:
            seconds = min(seconds, (end - self.clock.now()).total_seconds())
        before = self._local.until
        until = time.monotonic() + seconds
        self._local.until = until if before is None else min(before, until)
        try:
            yield
        finally:
            self._local.until = before

    @contextlib.contextmanager
    def intent(self, intent: Intent) -> Iterator[None]:
        """What the calls of this thread in the block do; for `session()`, which else judges by the method (GET reads)."""
        before = self._local.intent
        self._local.intent = intent
        try:
            yield
        finally:
            self._local.intent = before

    def retrying(self, call: Callable[[], Any], *, intent: Intent = "read") -> Any:
        """Run a vendor library's call under our retry rules and total deadline; it must use `session()`."""
        with self.within(self.timeouts.total), self.intent(intent):
            return call() if intent == "once" or self.tries < 2 else self._retrying()(call)

    def session(self, on_response: Callable[[int, Mapping[str, str]], None] | None = None) -> requests.Session:
        """A requests session for a vendor's library: the same deadlines, TLS, loopback rule, counts and errors on every call.

        Shareable by threads. `on_response` hears status and headers of every answer. Never follows a redirect.
        """
        return _Facade(self, on_response)

    @property
    def calls(self) -> int:
        """Requests sent so far, retries and sign-ins included."""
        return self._calls

    def close(self) -> None:
        """End waits between tries and give idle connections back."""
        self._stop.set()
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def _retrying(self) -> tenacity.Retrying:
        until = self._local.until
        left = max(0.0, until - time.monotonic()) if until is not None else self.timeouts.total
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_passes) | tenacity.retry_if_result(_asks_again),
            wait=_wait,
            stop=tenacity.stop_after_attempt(self.tries)
            | tenacity.stop_before_delay(left)
            | tenacity.stop_when_event_set(self._stop),
            sleep=tenacity.sleep_using_event(self._stop),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )

    def _response(self, raw: requests.Response, method: str, intent: Intent) -> Response:
        where = f"{self.name}: {method} {urlsplit(str(raw.url)).path}"
        return Response(raw.status_code, raw.headers, raw.content, where, intent, self.clock.now())

    @contextlib.contextmanager
    def _borrow(self) -> Iterator[_Session]:
        with self._lock:
            session = self._idle.pop() if self._idle else None
        if session is None:
            session = _Session(self, self._verify)
        elif time.monotonic() - session.used > _STALE:
            session.close()  # closes its idle connections; the session itself stays usable
        try:
            yield session
        finally:
            session.used = time.monotonic()
            with self._lock:
                closed = self._stop.is_set()
                if not closed:
                    self._idle.append(session)
            if closed:
                session.close()

    def begin(self, request: requests.PreparedRequest) -> tuple[Call, Intent]:
        """The frame of a call that a session is about to send: counted, its deadline set."""
        url = str(request.url)
        if url[:5].lower() == "http:" and not is_loopback(urlsplit(url).hostname):
            raise Misconfigured(
                f"{self.name}: plain http to {urlsplit(url).hostname} is refused",
                remedy="use https://; http:// is for loopback addresses only",
            )
        now = time.monotonic()
        until = self._local.until
        until = now + self.timeouts.total if until is None else min(until, now + self.timeouts.total)
        if until - now < _LEAST:
            raise Unreachable(f"{self.name}: the call's total time was used up before anything was sent")
        with self._lock:
            self._calls += 1
        writes = request.method not in ("GET", "HEAD", "OPTIONS")
        return Call(self.timeouts.connect, self.timeouts.read, until), self._local.intent or (
            "once" if writes else "read"
        )


class _Frame(threading.local):
    until: float | None = None
    intent: Intent | None = None


class _Transport(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def close(self) -> None:
        pools = self.poolmanager.pools
        for pool in [pools[key] for key in list(pools.keys())]:
            pool.close()  # urllib3 leaves it to the garbage collector, which may take its time
        super().close()


class _Session(requests.Session):
    """Used by one thread at a time. Keeps connections, but no cookies and nothing else of an answer."""

    def __init__(self, owner: Http, verify: bool | str) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = verify
        self.cookies = _NoCookies()
        self.used = time.monotonic()
        self._owner = owner
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Transport(pool_connections=4, pool_maxsize=1, max_retries=0))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        call, intent = self._owner.begin(request)
        kwargs |= {"stream": True, "allow_redirects": False, "verify": self.verify, "proxies": {}}
        kwargs["timeout"] = Timeout(connect=call.connect, read=call.read)  # the deadline works in the connection
        CURRENT.call = call
        try:
            response = super().send(request, **kwargs)
            try:
                response._content = _whole(response, self._owner, intent)
            finally:
                response.close()
        except (requests.RequestException, HTTPError, OSError) as error:
            url = urlsplit(str(request.url))
            raise network_fault(
                error,
                name=self._owner.name,
                host=url.netloc,
                where=f"{request.method} {url.path}",
                intent=intent,
                sent=call.phase == "sent" or (call.phase == "new" and not never_sent(error)),
            ) from error
        finally:
            CURRENT.call = None
        return response


class _Facade(requests.Session):
    """What a vendor's library holds: borrows one of our sessions for each call."""

    def __init__(self, owner: Http, on_response: Callable[[int, Mapping[str, str]], None] | None) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies = _NoCookies()
        self._owner, self._on_response = owner, on_response

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        with self._owner._borrow() as session:
            response = session.send(request)
        if self._on_response is not None:
            self._on_response(response.status_code, response.headers)
        return response


class _NoCookies(RequestsCookieJar):
    """Answers set no cookies: a session must not carry one call's state into another's."""

    def set_cookie(self, cookie: Any, *args: Any, **kwargs: Any) -> None:
        return None


def _whole(response: requests.Response, owner: Http, intent: Intent) -> bytes:
    """The body, decoded from its transfer; the deadline works underneath, in the connection."""
    parts, size = [], 0
    while part := response.raw.read(1 << 18, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > owner.largest:
            text = f"{owner.name}: the answer is larger than {owner.largest >> 20} MB"
            if intent == "read":
                raise Misconfigured(text, remedy="read smaller pages")
            raise Transient(text, uncertain=True)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _passes(error: BaseException) -> bool:
    """Whether a try again within the call may help: the connection broke, but it had been made."""
    return isinstance(error, Transient | Unavailable) and not isinstance(error, Unreachable)


def _asks_again(answer: Any) -> bool:
    if not isinstance(answer, Response) or answer.status not in _AGAIN:
        return False
    if answer.status == 429 and answer.retry_at is None:
        return False
    return _retry_after(answer) <= _LONGEST_RETRY_AFTER


def _retry_after(answer: Response) -> float:
    return (answer.retry_at - answer.now).total_seconds() if answer.retry_at else 0.0


_jitter = tenacity.wait_random_exponential(multiplier=0.2, max=2)


def _wait(state: tenacity.RetryCallState) -> float:
    """The server's wish, or a short random wait."""
    outcome = state.outcome
    if outcome is not None and not outcome.failed and isinstance(outcome.result(), Response):
        return max(_retry_after(outcome.result()), _jitter(state))
    return _jitter(state)
