"""Files by URL, for adapters that write them: fetched from hosts that the configuration names, and from nowhere else.

A URL comes out of a record, so somebody outside may have written it. It is https to a named host; the name is resolved once,
every address that it gives must be a public one, and the connection goes to the very address that was looked at, also after
each redirect. No cookie, no credential and no proxy goes along; size, type and time are bounded while the bytes come in.
A file that may not or cannot be had is Rejected (its line parks); a host that does not answer is Transient (its record tries
again), and one that goes on so is left alone for a while: files of other hosts wait behind it. No message shows more of a URL
than its host.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import requests.utils
from urllib3 import HTTPConnectionPool, Timeout
from urllib3.exceptions import HTTPError, LocationValueError
from urllib3.response import BaseHTTPResponse

from connector.errors import Rejected, Transient
from connector.files import Bytes, type_of
from connector.http_addresses import Address, PinnedPlainPool, PinnedTlsPool, loopback_address, public_address
from connector.http_deadline import CURRENT, Call
from connector.http_faults import network_fault
from connector.http_settings import FileSettings
from connector.model import File
from connector.secret import redact

_MOST_REDIRECTS = 5
_CHUNK = 1 << 16
_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")
_PORTS = {"https": 443, "http": 80}
_GONE_FOR_NOW = frozenset({408, 425, 429})
_PATIENCE = 2
"""So many times as long as one file may take, a host may take without any answer."""
_LEFT_ALONE = 60.0
"""Seconds for which it is not asked then."""
_MOST_HOSTS = 1000
"""That are remembered: below *.example.com a record may name any."""
_Hop = tuple[str | None, str, bytearray]

Resolve = Callable[..., Sequence[tuple[Any, ...]]]
"""As `socket.getaddrinfo`."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file as it was had: of one of the types that were asked for."""

    type: str
    data: Bytes


class Files:
    """Opens files for one connection. Safe for threads; nothing is kept but how long a host took and did not answer."""

    def __init__(
        self,
        name: str,
        settings: FileSettings,
        *,
        resolve: Resolve = socket.getaddrinfo,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._settings, self._resolve = name, settings, resolve
        self._ca = settings.ca_file or requests.utils.DEFAULT_CA_BUNDLE_PATH
        self._patience = _Patience(_PATIENCE * settings.timeouts.total, monotonic)

    @property
    def longest(self) -> float:
        """Seconds after which `open` has certainly ended, but for the time that the machine takes to resolve a name."""
        return self._settings.timeouts.total

    def open(self, file: File, *, field: str = "") -> Content:
        """The whole content, checked. Raises Rejected or Transient; `field` is named in it."""
        remote = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", file.source)
        declared, data = self._fetched(file, field) if remote else _inline(file, field)
        if not data:
            raise _refused("EMPTY", "the file is empty", field, "look at the file, then connector parked retry")
        kind = type_of(data, declared, file.types)
        if kind is None:
            said = redact(declared.partition(";")[0], longest=60) or "nothing"
            raise _refused(
                "TYPE",
                f"the file is none of {', '.join(file.types)} (declared: {said})",
                field,
                "allow its type in the mapping, or have the file replaced; then connector parked retry",
            )
        return Content(kind, data)

    def _fetched(self, file: File, field: str) -> tuple[str, Bytes]:
        times = self._settings.timeouts
        call = Call(times.connect, times.read, time.monotonic() + times.total)
        url, before = file.source, CURRENT.call
        CURRENT.call = call
        try:
            for _ in range(_MOST_REDIRECTS + 1):
                where = self._allowed(url, field)
                further, declared, data = self._patience.with_(where.netloc, self._hop, where, file, field)
                if further is None:
                    return declared, data
                url = _further(url, further, field)
        finally:
            CURRENT.call = before
        raise _refused("REDIRECTS", f"{where.hostname} redirects more than {_MOST_REDIRECTS} times", field, _LOOK)

    def _allowed(self, url: str, field: str) -> SplitResult:
        """The URL in parts, if it may be asked at all; its address is looked at when it is connected to."""
        try:
            where = urlsplit(url)
            host, port = where.hostname or "", where.port
        except ValueError:
            raise _refused("URL", "not a URL", field, _LOOK) from None
        if (
            _CONTROL.search(url.replace(" ", ""))
            or where.username is not None
            or where.password is not None
            or not host
        ):
            raise _refused("URL", "a URL with credentials, control characters or no host", field, _LOOK)
        plain = where.scheme == "http" and self._settings.loopback
        if where.scheme != "https" and not plain:
            raise _refused("SCHEME", f"files are fetched over https, not {redact(where.scheme)[:10]}", field, _LOOK)
        if not self._named(host, port or _PORTS[where.scheme], _PORTS[where.scheme]):
            said = host if re.match(r"[a-z0-9.-]{1,100}\Z", host) else "its host"
            at = f":{port}" if port else ""
            raise _refused(
                "HOST",
                f"{said}{at} is not among the hosts that files may come from",
                field,
                f"add it to connections.{self._name}.files.hosts if you trust it, then connector parked retry",
            )
        return where

    def _named(self, host: str, port: int, usual: int) -> bool:
        for each in self._settings.hosts:
            name, _, at = each.partition(":")
            fits = host.endswith(name[1:]) if name.startswith("*.") else host == name
            if fits and port == (int(at) if at else usual):
                return True
        return False

    def _addresses(self, host: str, port: int, field: str) -> list[Address]:
        """Where the host is, every address of it public. All are looked at: who may answer with one may answer with two."""
        try:
            found = self._resolve(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Transient(
                f"{host} does not resolve", code="DNS", remedy="it is tried again; check the name, and DNS"
            ) from error
        for _, _, _, _, address in found:
            if not public_address(address[0]) and not (self._settings.loopback and loopback_address(address[0])):
                raise _refused(
                    "ADDRESS",
                    f"{host} is not on the public internet (this machine, a private network or a cloud's metadata)",
                    field,
                    "files are never fetched from there; serve the file on a public host",
                )
        return [(family, address) for family, _, _, _, address in found]

    def _hop(self, where: SplitResult, file: File, field: str) -> _Hop:
        """One request: where it redirects to, or the declared type and the content."""
        host, port = where.hostname or "", where.port or _PORTS[where.scheme]
        addresses = self._addresses(host, port, field)
        try:
            path = quote(where.path or "/", safe="/%:@!$&'()*+,;=~-._")
            query = f"?{quote(where.query, safe='/%:@!$&()*+,;=~-._?')}" if where.query else ""
        except UnicodeEncodeError:
            raise _refused("URL", "a URL with half a character", field, _LOOK) from None
        if where.scheme == "http" and not all(loopback_address(address[0]) for _, address in addresses):
            raise _refused("SCHEME", "plain http is for this machine only, in a sandbox", field, _LOOK)
        try:
            pool: HTTPConnectionPool = (
                PinnedTlsPool(host, port, addresses=addresses, ca_certs=self._ca, cert_reqs="CERT_REQUIRED", maxsize=1)
                if where.scheme == "https"
                else PinnedPlainPool(host, port, addresses=addresses, maxsize=1)
            )
        except LocationValueError:  # below *.example.com a record may name anything
            raise _refused("URL", "a URL whose host can be none", field, _LOOK) from None
        times = self._settings.timeouts
        try:
            answer = pool.urlopen(
                "GET",
                path + query,
                headers={"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "commerce-case-connector"},
                redirect=False,
                retries=False,
                preload_content=False,
                assert_same_host=False,
                timeout=Timeout(connect=times.connect, read=times.read),
            )
            try:
                return self._taken(answer, host, file, field)
            finally:
                answer.close()
        except (HTTPError, OSError) as error:
            fault = network_fault(
                error, name=self._name, host=host, where=f"a file at {host}", intent="read", sent=True
            )
            raise Transient(
                str(fault), code="FETCH", remedy="it is tried again; look at the host of the file"
            ) from error
        finally:
            pool.close()

    def _taken(self, answer: BaseHTTPResponse, host: str, file: File, field: str) -> _Hop:
        status = answer.status
        if status in (301, 302, 303, 307, 308) and (target := answer.headers.get("Location")):
            return target, "", bytearray()
        if status >= 500 or status in _GONE_FOR_NOW:
            raise Transient(f"{host} answered {status} for a file", code=str(status))
        if status != 200:
            raise _refused("MISSING", f"{host} answered {status}: the file cannot be had", field, _LOOK)
        if (answer.headers.get("Content-Encoding") or "identity").strip().lower() != "identity":
            raise _refused("ENCODING", f"{host} packs the file, though asked not to", field, _LOOK)
        length = answer.headers.get("Content-Length") or ""
        if length.isascii() and length.isdigit() and int(length[:18]) > file.largest:
            raise _too_large(file, field)
        data = bytearray()
        while part := answer.read(_CHUNK, decode_content=False):
            data += part
            if len(data) > file.largest:
                raise _too_large(file, field)
        return None, answer.headers.get("Content-Type") or "", data


class _Patience:
    """Hosts that took `most` seconds and did not answer: a call to one ends at once for a while. Each of a hundred files there
    may take as long as a file may, and whatever is to be sent after them would wait for all."""

    def __init__(self, most: float, monotonic: Callable[[], float]) -> None:
        self._most, self._monotonic, self._lock = most, monotonic, threading.Lock()
        self._lost: dict[str, tuple[float, float]] = {}
        """By host: seconds lost since it last answered, and until when it is left alone."""

    def with_(self, host: str, call: Callable[..., _Hop], *args: Any) -> _Hop:
        """Make a call to a host. Raises what it raises, or Transient without making it."""
        began = self._monotonic()
        with self._lock:
            lost, until = self._lost.get(host, (0.0, 0.0))
        if began < until:
            told = f"{host} took {lost:.0f} s without any answer, and is left alone for a while"
            raise Transient(told, code="FETCH", remedy="it is tried again; look at the host of the file")
        try:
            answer = call(*args)
        except Transient:
            now = self._monotonic()
            with self._lock:
                if len(self._lost) >= _MOST_HOSTS:
                    self._lost.clear()
                lost = self._lost.get(host, (0.0, 0.0))[0] + now - began
                self._lost[host] = (lost, now + _LEFT_ALONE if lost >= self._most else 0.0)
            raise
        except Rejected:
            self._answered(host)
            raise
        self._answered(host)
        return answer

    def _answered(self, host: str) -> None:
        with self._lock:
            self._lost.pop(host, None)


_LOOK = "look at where the file is said to be; when that is put right, connector parked retry"


def _further(url: str, target: str, field: str) -> str:
    """Where a redirect leads; its host may send anything. Headers are read as Latin-1, and often sent as UTF-8."""
    with contextlib.suppress(UnicodeError):
        target = target.encode("latin-1").decode()
    try:
        return urljoin(url, target)
    except ValueError:
        raise _refused("URL", f"{urlsplit(url).hostname} redirects to what is no URL", field, _LOOK) from None


def _refused(code: str, message: str, field: str, remedy: str) -> Rejected:
    return Rejected(message, field=field, code=f"FILE/{code}", remedy=remedy)


def _too_large(file: File, field: str) -> Rejected:
    remedy = "raise `largest` in the mapping, or have the file replaced; then connector parked retry"
    return _refused("SIZE", f"the file is larger than {_size(file.largest)}", field, remedy)


def _size(number: int) -> str:
    return f"{number / 1e6:g} MB" if number >= 1_000_000 else f"{number / 1e3:g} KB"


def _inline(file: File, field: str) -> tuple[str, Bytes]:
    """The content that stands in the record: base64, or a data: URL that is base64."""
    declared, text = "", file.source
    if text[:5].lower() == "data:":
        head, comma, text = text[5:].partition(",")
        declared, _, coding = head.rpartition(";")
        if not comma or coding.strip().lower() != "base64":
            raise _refused("BASE64", "a data: URL that is not base64", field, _LOOK)
    text = "".join(text.split())
    if len(text) * 3 // 4 > file.largest + 2:
        raise _too_large(file, field)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _refused("BASE64", "neither an https URL nor base64", field, _LOOK) from None
    if len(data) > file.largest:
        raise _too_large(file, field)
    return declared, data
