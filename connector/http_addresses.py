"""Addresses that a URL out of a record may lead to, and connections that go to the very address that was looked at.

A name that is asked twice may answer twice: who resolves, checks and then connects by name has checked nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from connector.http_deadline import CURRENT, PlainConnection, TlsConnection

Address = tuple[Any, ...]
"""Family and socket address."""
_REFUSED = tuple(
    ipaddress.ip_network(each)
    for each in (
        "64:ff9b::/96",  # IPv4 addresses in IPv6 clothes: NAT64, 6to4, Teredo
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
        "100.64.0.0/10",  # behind a provider's NAT, where some clouds keep their metadata
        "168.63.129.16/32",  # a cloud's own services under a public address
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "fec0::/10",
    )
)


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def loopback_address(text: str) -> bool:
    """Whether an address is this machine's own."""
    return _ip(text).is_loopback


def public_address(text: str) -> bool:
    """Whether an address is one of the public internet's. IPv4 in the clothes of IPv6 is looked at as IPv4, or refused."""
    address = _ip(text)
    if any(address.version == network.version and address in network for network in _REFUSED):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified


class _Pinned:
    """Mixed into our connections: goes to the addresses that were looked at, whatever the name says by now."""

    host: str
    port: int
    timeout: float | None
    source_address: tuple[str, int] | None

    def __init__(self, *args: Any, addresses: Sequence[tuple[Any, ...]] = (), **kwargs: Any) -> None:
        self._addresses = addresses
        super().__init__(*args, **kwargs)

    def _new_conn(self) -> socket.socket:
        problem: OSError | None = None
        for family, address in self._addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(CURRENT.call.left(CURRENT.call.connect) if CURRENT.call else self.timeout)
                sock.connect(address)
            except OSError as error:
                sock.close()
                problem = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise NewConnectionError(self, str(problem or "no address")) from problem  # type: ignore[arg-type]


class _PinnedPlain(_Pinned, PlainConnection):  # type: ignore[misc]
    pass


class _PinnedTls(_Pinned, TlsConnection):  # type: ignore[misc]
    pass


class PinnedPlainPool(HTTPConnectionPool):
    """Plain HTTP to `addresses`."""

    ConnectionCls = _PinnedPlain


class PinnedTlsPool(HTTPSConnectionPool):
    """HTTPS to `addresses`; the certificate is that of the name."""

    ConnectionCls = _PinnedTls
