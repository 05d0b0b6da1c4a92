"""The guard around all tests: what it lets through and what it stops."""

from __future__ import annotations

import socket

import pytest

from tests.conftest import LeftTheMachine


def test_a_test_cannot_reach_another_machine() -> None:
    with socket.socket() as sock, pytest.raises(LeftTheMachine, match="use the sandbox"):
        sock.connect(("192.0.2.1", 443))


def test_a_test_cannot_look_up_a_public_name() -> None:
    with pytest.raises(LeftTheMachine, match="shop"):
        socket.getaddrinfo("shop.demandware.net", 443)


def test_a_name_under_invalid_is_refused_as_a_resolver_does() -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("nowhere.invalid", 443)


def test_loopback_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()[:2]) as client:
        assert client.getpeername() == server.getsockname()
