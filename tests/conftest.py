"""For all tests: nothing leaves this machine, and time passes only when a test says so."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from connector.testing import FrozenClock

settings.register_profile("unhurried", parent=settings(), deadline=None)  # no test is about how fast a machine is
settings.load_profile("unhurried")

_LOCAL_NAMES = {"localhost", "", None}
_NEVER_RESOLVES = (".invalid", ".test", ".example")


class LeftTheMachine(BaseException):
    """A test reached for the network. Not an Exception: code that handles a system being down must not swallow it."""


def _loopback(host: object) -> bool:
    if host in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    """Sockets of this process connect to loopback only; processes that tests start are configured with loopback URLs."""
    connect, connect_ex, resolve = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def allowed(sock: socket.socket, address: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6) and not _loopback(address[0]):
            raise LeftTheMachine(f"a test connects to {address}; use the sandbox on 127.0.0.1")

    def guarded_connect(sock: socket.socket, address: Any) -> None:
        allowed(sock, address)
        connect(sock, address)

    def guarded_connect_ex(sock: socket.socket, address: Any) -> int:
        allowed(sock, address)
        return connect_ex(sock, address)

    def guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if isinstance(name, str) and name.rstrip(".").endswith(_NEVER_RESOLVES):  # RFC 2606: a resolver says no
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if not _loopback(name):
            raise LeftTheMachine(f"a test looks up {name!r}; use 127.0.0.1, or a name under .invalid to be refused")
        return resolve(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_resolve)
        yield


@pytest.fixture
def clock() -> FrozenClock:
    """2026-11-20 10:00 UTC until the test lets it pass."""
    return FrozenClock()
