"""A careless system between the connector and the sandbox: now and then it answers with an error that repeats all it was sent."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Answer = tuple[int, Mapping[str, str], bytes]


def _as_json(document: object) -> bytes:
    return json.dumps(document).encode()


def _answers(echo: str) -> list[tuple[str, Answer]]:
    """By name, what such systems say when they fail."""
    json_head = {"Content-Type": "application/json"}
    html_head = {"Content-Type": "text/html", "Set-Cookie": f"trace={echo[:40]!r}", "X-Echo": echo[:200]}
    page = f"<html><title>{echo}</title><body>{echo}</body></html>".encode()
    ocapi = {"fault": {"type": "HookStatusException", "message": echo, "arguments": {"statusMsg": "no", "value": echo}}}
    return [
        ("refused row", (400, json_head, _as_json([{"message": echo, "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION"}]))),
        ("unknown code", (400, json_head, _as_json([{"message": echo, "errorCode": "SOMETHING_NEW", "fields": ["Subject"]}]))),
        ("too long", (400, json_head, _as_json([{"message": f"Subject: data value too large: {echo} (max length=255)",
                                                  "errorCode": "STRING_TOO_LONG"}]))),
        ("hook", (400, json_head, _as_json(ocapi))),
        ("unknown fault", (422, json_head, _as_json({"fault": {"type": "NewException", "message": echo}}))),
        ("who are you", (401, json_head, _as_json({"error": "invalid_grant", "error_description": echo}))),
        ("not allowed", (403, json_head, _as_json([{"message": "no access", "errorCode": "INSUFFICIENT_ACCESS"}]))),
        ("elsewhere", (302, {"Location": f"https://login.example/?token={echo[:300].encode().hex()}"}, b"")),
        ("crash", (500, html_head, page)),
        ("maintenance", (503, {**html_head, "Retry-After": "0"}, page)),
        ("page with 200", (200, html_head, page)),
        ("cut off", (200, json_head, _as_json({"hits": [echo], "records": [echo]})[:-30])),
        ("nonsense", (200, json_head, _as_json({"hits": echo, "records": echo, "results": echo, "access_token": None}))),
    ]  # fmt: skip


def _rows(path: str, body: bytes, echo: str) -> list[tuple[str, Answer]]:
    """Rows of a collection that are refused one by one, inside an answer of 200."""
    if "/composite/sobjects" not in path:
        return []
    count = len(json.loads(body)["records"])
    found: list[tuple[str, Answer]] = []
    for code in ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "STRING_TOO_LONG", "SOMETHING_NEW", "DUPLICATE_VALUE"):
        row = {"success": False, "errors": [{"statusCode": code, "message": echo[:900], "fields": []}]}
        found.append((f"row {code}", (200, {"Content-Type": "application/json"}, _as_json([row] * count))))
    return found


@dataclass
class Careless:
    """The proxy's memory: tokens that passed, what it said how often, and whether it may misbehave."""

    upstream: str
    secret: str
    customer: Sequence[str]
    hostile: bool = False
    tokens: set[str] = field(default_factory=set)
    said: Counter[str] = field(default_factory=Counter)
    url: str = ""
    _turns: Counter[bool] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if self.hostile:
            writes = method != "GET" and not re.search("search|token|query", path)
            with self._lock:
                self._turns[writes] += 1
                turn = self._turns[writes]
            if turn % (2 if writes else 3) == 0:
                sent = body.decode("utf-8", "replace")
                about = [each for each in self.customer if each in sent]
                echo = f"{' '.join(about)} {headers.get('Authorization', '')} {sent} {path} {dict(headers)}"
                answers = [*_rows(path, body, echo), *_answers(echo)]
                name, answer = answers[turn // 2 % len(answers)]
                self.said[f"{name}, {'writing' if writes else 'reading'}"] += 1
                return answer
        return self._passed_on(method, path, headers, body)

    def _passed_on(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What the sandbox answers; our secret becomes the one that it knows."""
        basic = base64.b64encode(f"bench:{self.secret}".encode()).decode()
        known = base64.b64encode(b"bench:secret").decode()
        sent = {name: text.replace(basic, known) for name, text in headers.items() if name.lower() != "host"}
        body = body.replace(self.secret.encode(), b"secret")
        sent["Content-Length"] = str(len(body))
        host = urlsplit(self.upstream)
        connection = HTTPConnection(str(host.hostname), host.port, timeout=30)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        text = content.decode("utf-8", "replace") + str(sent)
        self.tokens |= set(re.findall(r'(?:access_token"\s*:\s*"|Bearer )([^"\']{12,})', text))
        content = content.replace(self.upstream.encode(), self.url.encode())  # Salesforce says where to go on
        kept = {
            name: value
            for name, value in answer.getheaders()
            if name.lower() not in ("content-length", "transfer-encoding")
        }
        return answer.status, kept, content


@contextmanager
def careless(upstream: str, secret: str, customer: Sequence[str]) -> Iterator[Careless]:
    """Such a system in front of `upstream`, on a port of its own."""
    memory = Careless(upstream, secret, customer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = memory.answer(self.command, self.path, dict(self.headers.items()), body)
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("date", "server", "connection"):
                    self.send_header(
                        name, value.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace").decode("latin-1")
                    )
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815  # names that http.server asks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    memory.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
