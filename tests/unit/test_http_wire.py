"""Faults of the wire on real sockets: what cannot be shown with recorded answers."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connector.errors import Misconfigured, RemoteError, Transient, Unavailable
from connector.http import Http, Intent, Timeouts
from connector.testing import FrozenClock

Act = Callable[[socket.socket], object]
PATIENT = Timeouts(connect=10, read=10, total=30)
"""Where the peer ends it: reached only when the test fails."""
QUICK = Timeouts(connect=5, read=0.5, total=1.5)
"""Where the time that is used up ends it."""


class Peer:
    """A server by script: the n-th request meets the n-th act, the last one for ever."""

    def __init__(self, *acts: Act, tls: ssl.SSLContext | None = None) -> None:
        self.acts, self.tls = acts, tls
        self.requests: list[bytes] = []
        self._threads: list[threading.Thread] = []
        self._some = threading.Condition()
        self.ended = threading.Event()

    def __enter__(self) -> Peer:
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.port = self._sock.getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/orders/1?secret=x"
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            pass  # wakes the accepting thread
        for thread in list(self._threads):
            thread.join(10)
        self._sock.close()

    def _begin(self, target: Callable[[], object]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.ended.is_set():
            connection, _ = self._sock.accept()
            self._begin(lambda connection=connection: self._serve(connection))  # type: ignore[misc]

    def _serve(self, plain: socket.socket) -> None:
        with plain:
            plain.settimeout(5)
            try:
                connection = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
            except OSError:
                return  # the client did not like the certificate
            with connection, contextlib.suppress(OSError):
                while self._answer(connection):
                    pass

    def _answer(self, connection: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                return False
            data += part
        with self._some:
            act = self.acts[min(len(self.requests), len(self.acts) - 1)]
            self.requests.append(data)
            self._some.notify_all()
        return act(connection) is not False

    def heard(self) -> int:
        """How many requests came, once there is one: who gave up waiting may have done so before we read what was sent."""
        with self._some:
            self._some.wait_for(lambda: self.requests, PATIENT.total)
            return len(self.requests)


def reply(body: bytes = b'{"ok":true}', status: str = "200 OK", headers: str = "") -> Act:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode()
    return lambda connection: connection.sendall(head + body)


def reset(connection: socket.socket) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang_up(connection: socket.socket) -> bool:
    return False


def broken_off(connection: socket.socket) -> bool:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"hits":')
    return False


def silent(connection: socket.socket) -> bool:
    with contextlib.suppress(OSError):
        while connection.recv(65536):  # the body may come after the head; then until the client goes away
            pass
    return False


TRICKLE = 10.0
"""Seconds that a trickling answer takes, if nobody ends it."""


def trickle(first: bytes) -> Act:
    """One byte every 50 ms, always within the read time-out: only a deadline for the whole ends it."""

    def act(connection: socket.socket) -> bool:
        ended = threading.Event()
        connection.sendall(first)
        for _ in range(int(TRICKLE / 0.05)):
            connection.sendall(b"x")
            ended.wait(0.05)
        return False

    return act


@contextlib.contextmanager
def http(timeouts: Timeouts = PATIENT, **options: Any) -> Iterator[Http]:
    made = Http("shop", clock=FrozenClock(), timeouts=timeouts, **options)
    try:
        yield made
    finally:
        made.close()


def fault(peer: Peer, intent: Intent, timeouts: Timeouts = PATIENT, **options: Any) -> tuple[RemoteError, Http]:
    with http(timeouts, **options) as client, pytest.raises(RemoteError) as caught:
        client.request("POST", peer.url, intent=intent, body=b"{}")
    return caught.value, client


@pytest.mark.parametrize("act", [reset, hang_up, broken_off, silent])
def test_a_write_without_an_answer_is_uncertain_and_sent_once(act: Act) -> None:
    with Peer(act) as peer:
        error, client = fault(peer, "once", QUICK if act is silent else PATIENT)
        assert type(error) is Transient
        assert error.uncertain
        assert peer.heard() == client.calls == 1


@pytest.mark.parametrize("act", [reset, hang_up, broken_off])
def test_a_read_without_an_answer_is_tried_again_and_then_unavailable(act: Act) -> None:
    with Peer(act) as peer:
        error, client = fault(peer, "read")
        assert type(error) is Unavailable
        assert not error.uncertain
        assert len(peer.requests) == client.calls == 3


def test_an_update_by_id_is_tried_again_and_stays_uncertain() -> None:
    with Peer(reset) as peer:
        error, _ = fault(peer, "update")
        assert type(error) is Transient
        assert error.uncertain
        assert len(peer.requests) == 3


@pytest.mark.parametrize("act", [reset, broken_off, reply(b'{"hits":'), reply(b"<html>", "502 Bad Gateway")])
def test_a_read_gets_over_one_fault_within_the_call(act: Act) -> None:
    with Peer(act, reply()) as peer, http() as client:
        assert client.request("POST", peer.url, intent="read", body=b"{}").json() == {"ok": True}
        assert len(peer.requests) == 2


def test_a_read_waits_as_long_as_a_short_retry_after_asks() -> None:
    busy = reply(b"", "429 Too Many Requests", "Retry-After: 1\r\n")
    with Peer(busy, reply()) as peer, http() as client:
        begin = time.monotonic()
        assert client.request("GET", peer.url, intent="read").status == 200
        assert time.monotonic() - begin >= 1


@pytest.mark.parametrize("header", ["Retry-After: 60\r\n", ""])
def test_a_long_retry_after_is_left_to_the_engine(header: str) -> None:
    with Peer(reply(b"", "429 Too Many Requests", header)) as peer, http() as client:
        assert client.request("GET", peer.url, intent="read").status == 429
        assert len(peer.requests) == 1


def test_a_500_is_not_hammered() -> None:
    with Peer(reply(b"{}", "500 Internal Server Error")) as peer, http() as client:
        assert client.request("GET", peer.url, intent="read").status == 500
        assert len(peer.requests) == 1


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_a_trickling_answer_ends_at_the_total_deadline(first: bytes) -> None:
    with Peer(trickle(first)) as peer:
        begin = time.monotonic()
        error, _ = fault(peer, "once", QUICK)
        assert time.monotonic() - begin < TRICKLE / 2
        assert type(error) is Transient
        assert error.uncertain
        assert "in time" in str(error)


def test_tries_share_one_deadline() -> None:
    with Peer(silent) as peer:
        begin = time.monotonic()
        fault(peer, "read", Timeouts(read=0.4, total=0.6), tries=50)
        assert time.monotonic() - begin < 50 * 0.4 / 2


def test_calls_of_a_block_share_one_deadline_and_send_nothing_after_it() -> None:
    with Peer(silent, reply()) as peer, http() as client, client.within(1):
        with pytest.raises(Transient):
            client.request("POST", peer.url, intent="once", body=b"{}")
        with pytest.raises(Unavailable) as caught:
            client.request("POST", peer.url, intent="once", body=b"{}")
        assert not caught.value.uncertain
        assert peer.heard() == 1
        assert client.calls == 1


def test_whoever_was_stopped_past_the_end_of_a_block_sends_nothing_of_it() -> None:
    with Peer(reply()) as peer, http() as client:
        ended = client.clock.now() - dt.timedelta(seconds=1)
        with client.within(20, ended), pytest.raises(Unavailable, match="before anything was sent") as raised:
            client.request("PATCH", peer.url, intent="update")
        assert not raised.value.uncertain
        with client.within(20, ended + dt.timedelta(seconds=10)):
            assert client.request("PATCH", peer.url, intent="update").status == 200
    assert len(peer.requests) == 1


def test_closing_ends_the_wait_between_tries() -> None:
    busy = reply(b"", "503 Service Unavailable", "Retry-After: 5\r\n")
    with Peer(busy) as peer, http(Timeouts(read=5, total=60)) as client:
        answers: list[int] = []
        begin = time.monotonic()
        thread = threading.Thread(target=lambda: answers.append(client.request("GET", peer.url, intent="read").status))
        thread.start()
        while not peer.requests:
            thread.join(0.01)
        client.close()
        thread.join(10)
        assert answers == [503]
        assert time.monotonic() - begin < 4


def test_a_redirect_is_not_followed() -> None:
    with Peer(reply()) as target, Peer(reply(b"", "302 Found", f"Location: {target.url}\r\n")) as peer:
        error, _ = fault(peer, "once")
        assert type(error) is Unavailable
        assert "127.0.0.1" in str(error)
        assert target.requests == []


def test_a_body_beyond_the_bound_is_refused() -> None:
    with Peer(reply(b" " * 2_000_000)) as peer:
        error, _ = fault(peer, "read", Timeouts(read=5, total=10), largest=1_000_000)
        assert type(error) is Misconfigured
    with Peer(reply(b" " * 2_000_000)) as peer:
        error, _ = fault(peer, "once", Timeouts(read=5, total=10), largest=1_000_000)
        assert type(error) is Transient


def test_plain_http_leaves_the_machine_never() -> None:
    with http() as client:
        for url in (
            "http://example.org/",
            "http://127.0.0.1.example.org/",
            "HTTP://10.0.0.1/",
            "http://[2001:db8::1]/",
        ):
            with pytest.raises(Misconfigured, match="plain http"):
                client.request("GET", url, intent="read")
            with pytest.raises(Misconfigured, match="plain http"):
                client.session().get(url)
        assert client.calls == 0


def test_a_refused_connection_is_certain_and_not_tried_again() -> None:
    with socket.socket() as taken, http() as client:
        taken.bind(("127.0.0.1", 0))  # ours, so that nobody else listens there meanwhile, and we do not
        port = taken.getsockname()[1]
        for intent in ("read", "once"):
            with pytest.raises(Unavailable, match="connection refused") as caught:
                client.request("POST", f"http://127.0.0.1:{port}/", intent=intent, body=b"{}")
            assert not caught.value.uncertain
            assert caught.value.remedy
        assert client.calls == 2


def test_a_name_that_does_not_resolve_is_said_so() -> None:
    with http() as client, pytest.raises(Unavailable, match="does not resolve"):
        client.request("GET", "https://nowhere.invalid/", intent="read")


def test_connections_are_kept_and_given_back() -> None:
    with Peer(reply()) as peer, http(Timeouts(read=5, total=10)) as client:
        for _ in range(5):
            client.request("GET", peer.url, intent="read")
        assert len(peer.requests) == 5
        assert len(peer._threads) == 2  # one accepts, one serves the one connection


def test_environment_proxies_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Peer(reply()) as peer, http() as client:
        assert client.request("GET", peer.url, intent="read").status == 200
        assert client.session().get(peer.url).status_code == 200


def test_answers_set_no_cookies() -> None:
    with Peer(reply(headers="Set-Cookie: session=1; Path=/\r\n")) as peer, http() as client:
        session = client.session()
        for _ in range(2):
            client.request("GET", peer.url, intent="read")
            session.get(peer.url)
        assert all(b"cookie" not in request.lower() for request in peer.requests)


def test_errors_carry_no_query_and_no_header() -> None:
    with Peer(reset) as peer:
        error, _ = fault(peer, "once")
        assert "secret" not in str(error)
        assert "/orders/1" in str(error)


def test_a_vendors_library_lives_under_the_same_rules() -> None:
    heard: list[tuple[int, str | None]] = []
    with Peer(reply(headers="X-Left: 7\r\n"), silent) as peer, http(Timeouts(read=1, total=20)) as client:
        session = client.session(lambda status, headers: heard.append((status, headers.get("X-Left"))))
        assert session.get(peer.url, timeout=None).json() == {"ok": True}
        with pytest.raises(Transient) as caught:
            session.post(peer.url, json={"a": 1})
        assert caught.value.uncertain
        with client.intent("read"), pytest.raises(Unavailable):
            session.post(peer.url, json={"a": 1})
        assert heard == [(200, "7")]
        assert client.calls == 3


def test_a_vendors_read_is_tried_again() -> None:
    with Peer(reset, reply()) as peer, http() as client:
        assert client.retrying(lambda: client.session().get(peer.url).json()) == {"ok": True}


def certificate(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 (and for names) that nobody has signed."""
    held: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *map(x509.DNSName, names)]
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(held), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return pem, context


def test_a_certificate_is_trusted_only_by_its_own_authority(tmp_path: Path) -> None:
    pem, context = certificate(tmp_path)
    with Peer(reply(), tls=context) as peer:
        with http(Timeouts(total=10)) as client, pytest.raises(Unavailable, match="not trusted") as caught:
            client.request("POST", peer.url, intent="once", body=b"{}")
        assert not caught.value.uncertain
        assert "ca_file" in caught.value.remedy
        with http(Timeouts(total=10), ca_file=str(pem)) as client:
            assert client.request("POST", peer.url, intent="once", body=b"{}").json() == {"ok": True}
            assert client.session().get(peer.url).status_code == 200
        assert len(peer.requests) == 2


def test_a_trickling_answer_over_tls_ends_at_the_deadline(tmp_path: Path) -> None:
    pem, context = certificate(tmp_path)
    with Peer(trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"), tls=context) as peer:
        begin = time.monotonic()
        error, _ = fault(peer, "once", QUICK, ca_file=str(pem))
        assert time.monotonic() - begin < TRICKLE / 2
        assert type(error) is Transient
