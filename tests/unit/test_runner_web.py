"""/healthz and /readyz over real HTTP, on a port that the machine chose."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from typing import Any

import pytest

from connector.config.values import Address
from connector.errors import LedgerError
from connector.web.server import CannotListen, WebServer


class Vitals:
    def __init__(self) -> None:
        self.stuck: dict[str, float] = {}
        self.broken: LedgerError | None = None
        self.is_ready = True

    def unhealthy(self) -> Mapping[str, float]:
        return self.stuck

    def ready(self) -> tuple[bool, Mapping[str, Any]]:
        if self.broken:
            raise self.broken
        return self.is_ready, {"ledger": "open", "connections": {"shop": {"state": "down"}}}


@pytest.fixture
def vitals() -> Vitals:
    return Vitals()


@pytest.fixture
def server(vitals: Vitals) -> Iterator[WebServer]:
    with WebServer(Address("127.0.0.1", 0), vitals) as server:
        yield server


def get(server: WebServer, path: str) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection(server.address, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_living_process_is_healthy_although_a_remote_system_is_down(server: WebServer) -> None:
    assert get(server, "/healthz") == (200, {"healthy": True, "stuck_flows": {}})
    status, body = get(server, "/readyz")
    assert status == 200
    assert body["connections"]["shop"]["state"] == "down"


def test_a_stuck_flow_is_named_with_503(server: WebServer, vitals: Vitals) -> None:
    vitals.stuck = {"orders-to-cases": 312.0}
    assert get(server, "/healthz") == (503, {"healthy": False, "stuck_flows": {"orders-to-cases": 312.0}})


def test_a_ledger_that_cannot_be_read_is_not_ready_and_says_why(server: WebServer, vitals: Vitals) -> None:
    vitals.broken = LedgerError("disk full: make room")
    assert get(server, "/readyz") == (503, {"ready": False, "ledger": "disk full: make room"})
    assert get(server, "/healthz")[0] == 200


def test_a_process_that_is_stopping_is_not_ready(server: WebServer, vitals: Vitals) -> None:
    vitals.is_ready = False
    assert get(server, "/readyz")[0] == 503


def test_a_port_in_use_is_an_error_with_its_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port} cannot be used: another process"):
            WebServer(Address("127.0.0.1", port), Vitals()).__enter__()


def test_the_port_is_free_again_afterwards(vitals: Vitals) -> None:
    with WebServer(Address("127.0.0.1", 0), vitals) as server:
        port = int(server.address.rpartition(":")[2])
    with WebServer(Address("127.0.0.1", port), vitals) as server:
        assert get(server, "/healthz")[0] == 200
