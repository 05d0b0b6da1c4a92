"""A host of files for tests: what it serves is said path by path, and every request is counted."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PDF = b"%PDF-1.7\n" + b"a receipt\n" * 20
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@dataclass
class Served:
    """One answer. `endless`: bytes go on until the other side closes. `stall`: nothing more comes after the first bytes."""

    body: bytes = b""
    kind: str | None = "application/pdf"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    endless: bool = False
    stall: bool = False


class FileHost:
    """`paths`: what stands where; anything else is a 404."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.paths: dict[str, Served] = {}
        self.asked: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.sent = 0
        self.ended = threading.Event()
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                host.asked[self.path] += 1
                host.headers.append({name.lower(): value for name, value in self.headers.items()})
                served = host.paths.get(self.path, Served(b"no such file", "text/plain", 404))
                with contextlib.suppress(OSError):
                    self._answer(served)

            def _answer(self, served: Served) -> None:
                self.send_response(served.status)
                if served.kind is not None:
                    self.send_header("Content-Type", served.kind)
                for name, value in served.headers.items():
                    self.send_header(name, value)
                if served.endless:
                    self.send_header("Connection", "close")
                    self.close_connection = True
                else:
                    self.send_header(
                        "Content-Length", str(len(served.body) if served.length is None else served.length)
                    )
                self.end_headers()
                self.wfile.write(served.body)
                host.sent += len(served.body)
                while served.endless and not host.ended.is_set():
                    self.wfile.write(bytes(65536))
                    host.sent += 65536
                if served.stall:
                    host.ended.wait(20)
                if served.length is not None and served.length > len(served.body):
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def serve(self, path: str, body: bytes = PDF, kind: str | None = "application/pdf", **more: object) -> str:
        """Put a file there; its URL."""
        self.paths[path] = Served(body, kind, **more)  # type: ignore[arg-type]
        return self.url + path


@contextlib.contextmanager
def file_host(tls: ssl.SSLContext | None = None) -> Iterator[FileHost]:
    host = FileHost(tls)
    thread = threading.Thread(target=host.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        host.ended.set()
        host.server.shutdown()
        host.server.server_close()
        thread.join(10)
