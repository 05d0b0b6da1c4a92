"""Connections under one deadline: every connect, send and receive of a call ends by it, header and body trickling included.

urllib3 bounds the time between two bytes; a peer that sends a byte now and then holds a thread for ever. Here each
receive asks how much of the call's time is left. The call also notes how far it came, so that a fault says for certain
whether a byte may have been sent.
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any, Literal

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


@dataclass(slots=True)
class Call:
    """One request on the wire. `until` is on the monotonic clock; `phase` says how far it came."""

    connect: float
    read: float
    until: float
    phase: Literal["new", "connecting", "sent"] = "new"

    def left(self, bound: float) -> float:
        """Seconds that the next step may take; TimeoutError when the deadline has passed."""
        rest = self.until - time.monotonic()
        if rest <= 0:
            raise TimeoutError("the call's total time is used up")
        return min(bound, rest)


class _Current(threading.local):
    call: Call | None = None


CURRENT = _Current()
"""The call that this thread is making."""


class _Receiver(io.RawIOBase):
    """The receiving end of a socket, whose every read is bounded by the current call."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock = raw, sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if CURRENT.call is not None:
            self._sock.settimeout(CURRENT.call.left(CURRENT.call.read))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Reply(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw: Any = self.fp.detach()  # of the reader that makefile("rb") gave
        self.fp = io.BufferedReader(_Receiver(raw, sock), 65536)

    def _read_next_chunk_size(self) -> int:
        """Python takes a size below zero, and reads all that comes into memory. After a ValueError the answer broke off."""
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise ValueError("a chunk of less than nothing")
        return size


def _quotes_nothing(record: logging.LogRecord) -> bool:
    """urllib3 warns of a header that it cannot read, with the whole URL and the header; both may give access."""
    return not str(record.msg).startswith("Failed to parse headers")


logging.getLogger("urllib3.connection").addFilter(_quotes_nothing)


class _Bounded:
    """Mixed into urllib3's connections, plain and TLS."""

    response_class = _Reply
    sock: socket.socket | None
    timeout: float | None

    def connect(self) -> None:
        call = CURRENT.call
        if call is not None:
            call.phase = "connecting"
            self.timeout = call.left(call.connect)
        super().connect()  # type: ignore[misc]

    def send(self, data: Any) -> None:
        call = CURRENT.call
        if call is not None:
            if self.sock is None:
                self.connect()
            assert self.sock is not None
            if call.phase != "sent":
                call.phase = "connecting"  # a pooled connection: nothing is sent if the time is up already
            self.sock.settimeout(call.left(call.read))
            call.phase = "sent"
        super().send(data)  # type: ignore[misc]


class PlainConnection(_Bounded, HTTPConnection):  # type: ignore[misc]
    """Plain, for loopback."""


class TlsConnection(_Bounded, HTTPSConnection):  # type: ignore[misc]
    """TLS."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = TlsConnection


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _PlainPool, "https": _TlsPool}
"""For a urllib3 PoolManager's `pool_classes_by_scheme`."""
