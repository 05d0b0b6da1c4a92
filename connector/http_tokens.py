"""Access tokens shared by threads: fetched by one, ahead of their end, and once more after a refusal."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable, Hashable, Iterator
from datetime import datetime, timedelta
from typing import Protocol

from connector.adapter import Clock


class TokenSource(Protocol):
    """Gives the token to send, and hears when one was refused."""

    def token(self) -> str:
        """The token to send now; signs in if need be. Raises ConnectionFault."""
        ...

    def refused(self, token: str) -> None:
        """The system refused this token: the next `token()` is another one."""
        ...


class SingleFlightToken:
    """A token that all threads share.

    `fetch` signs in and returns the token and its lifetime in seconds (None: unknown, kept until refused). However many
    threads ask, one signs in and the others wait for its outcome, its failure included. A refused token is replaced once:
    threads that come late with the same refusal get the replacement. Never loops: who is refused twice gives up.
    """

    def __init__(self, fetch: Callable[[], tuple[str, float | None]], clock: Clock, *, ahead: float = 60.0) -> None:
        self._fetch, self._clock, self._ahead = fetch, clock, ahead
        self._lock = threading.Lock()
        self._current: tuple[str, datetime | None] | None = None
        self._flights = 0
        self._failure: tuple[int, Exception] | None = None
        self.lifetime: float | None = None
        """Seconds that the last token was given for."""
        self.waiting = 0
        """Threads that sign in or wait for who does: the failure of one flight is theirs."""
        self._count = threading.Lock()

    def token(self) -> str:
        """The current token, or a new one. Raises what `fetch` raised."""
        fresh = self._fresh()
        if fresh is not None:
            return fresh
        seen = self._flights
        with self._queue(), self._lock:
            fresh = self._fresh()
            if fresh is not None:
                return fresh
            if self._failure is not None and self._failure[0] > seen:
                raise copy.copy(self._failure[1])  # the flight that we waited for failed: one call said so for all
            return self._fly()

    @contextlib.contextmanager
    def _queue(self) -> Iterator[None]:
        with self._count:
            self.waiting += 1
        try:
            yield
        finally:
            with self._count:
                self.waiting -= 1

    def refused(self, token: str) -> None:
        """Forget this token, unless another thread has replaced it already."""
        with self._lock:
            if self._current is not None and self._current[0] == token:
                self._current = None

    def _fresh(self) -> str | None:
        current = self._current  # read once: another thread may replace it
        if current is None:
            return None
        token, renew_at = current
        return token if renew_at is None or self._clock.now() < renew_at else None

    def _fly(self) -> str:
        self._current = None
        try:
            token, lifetime = self._fetch()
        except Exception as error:
            self._flights += 1
            self._failure = (self._flights, error)
            raise
        self._flights += 1
        self._failure = None
        self.lifetime = lifetime
        renew_at = None
        if lifetime is not None:
            renew_at = self._clock.now() + timedelta(seconds=lifetime - min(self._ahead, lifetime / 10))
        self._current = token, renew_at
        return token


class Denials:
    """Calls that a token was refused for although it was fresh: one more sign-in would change nothing, so the next is not tried
    before `again` seconds have passed. It is tried then: what was taken for a missing right may have been a token that the
    system had forgotten, and no other call may ever find that out."""

    def __init__(self, clock: Clock, *, again: float = 60.0) -> None:
        self._clock, self._again = clock, timedelta(seconds=again)
        self._since: dict[Hashable, tuple[str, datetime]] = {}

    def holds(self, call: Hashable, token: str) -> bool:
        """Whether another token is not worth a try yet."""
        denied = self._since.get(call)
        return denied is not None and denied[0] == token and self._clock.now() < denied[1] + self._again

    def note(self, call: Hashable, token: str) -> None:
        """This call was refused with a token that had just been fetched."""
        if not self.holds(call, token):
            self._since[call] = token, self._clock.now()

    def end(self, call: Hashable) -> None:
        """It was answered."""
        self._since.pop(call, None)
