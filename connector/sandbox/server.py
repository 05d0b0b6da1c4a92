"""HTTP/1.1 on an asyncio loop: parse with httptools, hand a request over, write the reply when its latency has passed.

No framework: the sandbox shares two cores with what is measured against it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from httptools import HttpParserError, HttpRequestParser

JSON: Final = b"application/json;charset=UTF-8"
_STATUS: Final = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\nDate: ".encode() for s in HTTPStatus}
_STATUS[420] = b"HTTP/1.1 420 Edge Routing\r\nDate: "


class Request:
    """One request as it came in. Header names are lower case; `target` is the raw path with its query."""

    __slots__ = ("body", "headers", "keep", "method", "path", "query", "target")

    def __init__(self, method: str, target: str, headers: dict[bytes, bytes], body: bytes, keep: bool = True):
        self.method = method
        self.target = target
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.body = body
        self.keep = keep

    def header(self, name: bytes) -> str:
        value = self.headers.get(name)
        return "" if value is None else value.decode("latin-1")

    def params(self) -> dict[str, str]:
        if not self.query:
            return {}
        return {k: v[-1] for k, v in parse_qs(self.query, keep_blank_values=True).items()}

    def form(self) -> dict[str, str]:
        return {k: v[-1] for k, v in parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True).items()}


class Reply:
    """One answer. `headers` are further header lines, each ended by CRLF."""

    __slots__ = ("body", "headers", "kind", "status")

    def __init__(self, status: int, body: bytes = b"", headers: bytes = b"", kind: bytes = JSON):
        self.status = status
        self.body = body
        self.headers = headers
        self.kind = kind

    def head(self, date: bytes, keep: bool) -> bytes:
        kind = b"" if not self.kind or self.status == 204 else b"\r\nContent-Type: " + self.kind
        size = b"" if self.status == 204 else b"\r\nContent-Length: %d" % len(self.body)
        close = b"" if keep else b"Connection: close\r\n"
        return _STATUS[self.status] + date + kind + size + b"\r\n" + self.headers + close + b"\r\n"


Take = Callable[["Connection", Request], None]
"""Called with every request; answers through `Connection.send`, `cut` or `close`, now or later."""


class Connection(asyncio.Protocol):
    """One client connection. Requests on it are answered one after the other."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.transport: asyncio.Transport | None = None
        self.parser = HttpRequestParser(self)
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._chunks: list[bytes] = []
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None
        self.taken = 0.0

    # asyncio
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.listener.connections.add(self)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, error: Exception | None) -> None:
        self.listener.connections.discard(self)
        self.transport = None
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except HttpParserError:
            self._write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.close()

    # httptools
    def on_message_begin(self) -> None:
        self._url, self._headers, self._chunks = b"", {}, []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        chunks = self._chunks
        request = Request(
            self.parser.get_method().decode(),
            self._url.decode("latin-1"),
            self._headers,
            chunks[0] if len(chunks) == 1 else b"".join(chunks),
            self.parser.should_keep_alive(),
        )
        if self._current is None:
            self._start(request)
        else:
            self._waiting.append(request)

    def _start(self, request: Request) -> None:
        self._current = request
        self.taken = self.listener.loop.time()
        self.listener.take(self, request)

    # answering
    def send(self, reply: Reply, after: float = 0.0) -> None:
        """Writes the reply, not earlier than `after` seconds after its request came in."""
        wait = self.taken + after - self.listener.loop.time() if after else 0.0
        if wait > 0.0002:
            self.listener.loop.call_later(wait, self._finish, reply)
        else:
            self._finish(reply)

    def cut(self, reply: Reply, after: float = 0.0) -> None:
        """Announces the whole reply, sends half of its body and closes."""
        whole = reply.head(self.listener.date(), True) + reply.body[: len(reply.body) // 2]
        self.listener.loop.call_later(after, self._last, whole)

    def _last(self, data: bytes) -> None:
        self._write(data)
        self.close()

    def close(self, after: float = 0.0, *, reset: bool = False) -> None:
        """Closes without an answer, at once or later; `reset` breaks the connection instead of ending it."""
        if after > 0:
            self.listener.loop.call_later(after, lambda: self.close(reset=reset))
        elif self.transport is not None:
            if reset:  # nothing lingers: the other side gets RST and not FIN
                sock = self.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.transport.abort()
            else:
                self.transport.close()

    def _finish(self, reply: Reply) -> None:
        request, self._current = self._current, None
        if request is not None and request.method not in ("GET", "HEAD") and self._is_left():
            self.listener.unread(request)
        keep = request is None or request.keep
        body = b"" if request is not None and request.method == "HEAD" else reply.body
        self._write(reply.head(self.listener.date(), keep) + body)
        if not keep:
            self.close()
        elif self._waiting:
            self._start(self._waiting.popleft())

    def _is_left(self) -> bool:
        """Whether the client has hung up. A loop that is behind hears of that only after it has answered, so it is asked."""
        if self.transport is None or self.transport.is_closing():
            return True
        with socket.fromfd(
            self.transport.get_extra_info("socket").fileno(), socket.AF_INET, socket.SOCK_STREAM
        ) as sock:
            try:
                return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True

    def _write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)


class Listener:
    """One port, kept until it is closed. It can be taken down (connections are refused) and put up again."""

    def __init__(
        self,
        sock: socket.socket,
        take: Take,
        date: Callable[[], bytes],
        unread: Callable[[Request], None] = lambda _: None,
    ) -> None:
        self.address: tuple[str, int] = sock.getsockname()[:2]
        self.take = take
        self.date = date
        self.unread = unread
        """Called with a write whose answer nobody could read any more."""
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self._sock: socket.socket | None = sock
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    async def up(self) -> None:
        if self._sock is not None:
            sock, self._sock = self._sock, None
            self._server = await self.loop.create_server(lambda: Connection(self), sock=sock, backlog=512)

    async def down(self) -> None:
        """Refuses new connections and breaks the open ones. A socket that does not listen holds the port meanwhile: else a
        client anywhere on this machine might be given it as its own."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            self._sock = bind(*self.address)
        await self._break_off()

    async def close(self) -> None:
        """Breaks the open connections and gives the port back."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()
        await self._break_off()

    async def _break_off(self) -> None:
        for connection in list(self.connections):
            if connection.transport is not None:
                connection.transport.abort()
        while self.connections:  # connection_lost is called in the next turn of the loop
            await asyncio.sleep(0)


def bind(host: str, port: int) -> socket.socket:
    """A socket on a port that is its own, before the data is made, so that documents can carry their own address."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
