"""Files by URL: from where, of what kind, how large, and what no URL can make us do."""

from __future__ import annotations

import base64
import gzip
import io
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connector.errors import Rejected, Transient
from connector.files import TYPES, safe_name, type_of
from connector.http import Timeouts
from connector.http_files import Content, Files
from connector.http_settings import FileSettings
from connector.model import File
from tests.file_host import JPEG, PDF, PNG, FileHost, file_host
from tests.unit.test_http_wire import Act, Peer, certificate

TYPED = ("application/pdf", "image/jpeg")


@pytest.fixture
def host() -> Iterator[FileHost]:
    with file_host() as running:
        yield running


def files(host: FileHost | None = None, *more: str, loopback: bool = True, **settings: Any) -> Files:
    resolve, monotonic = settings.pop("resolve", socket.getaddrinfo), settings.pop("monotonic", time.monotonic)
    hosts = [*more, *([f"127.0.0.1:{host.port}"] if host else [])]
    made = FileSettings.model_validate({"hosts": hosts, "loopback": loopback, **settings})
    return Files("service", made, resolve=resolve, monotonic=monotonic)


def at(url: str, *types: str, largest: int = 100_000) -> File:
    return File(url, types or TYPED, largest)


def refused(opener: Files, file: File) -> Rejected:
    with pytest.raises(Rejected) as caught:
        opener.open(file, field="VersionData")
    assert caught.value.field == "VersionData"
    assert caught.value.remedy
    return caught.value


def answers(*addresses: str) -> Any:
    """A resolver that gives these, and counts how often it was asked."""

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        resolve.asked.append(host)  # type: ignore[attr-defined]
        families = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in addresses]
        rests = [(each, port, 0, 0) if ":" in each else (each, port) for each in addresses]
        return [(family, socket.SOCK_STREAM, 6, "", rest) for family, rest in zip(families, rests, strict=True)]

    resolve.asked = []  # type: ignore[attr-defined]
    return resolve


# -- what is had -------------------------------------------------------------------------------------------------------


def test_a_file_is_had_whole_with_its_type(host: FileHost) -> None:
    got = files(host).open(at(host.serve("/r.pdf", PDF, "application/pdf; charset=binary")))
    assert (got.type, bytes(got.data)) == ("application/pdf", PDF)


def test_nothing_of_ours_goes_along(host: FileHost) -> None:
    files(host).open(at(host.serve("/r.pdf")))
    assert host.headers[0].keys() == {"host", "accept", "accept-encoding", "user-agent"}
    assert host.headers[0]["accept-encoding"] == "identity"


def test_a_name_with_blanks_and_accents_is_asked_for_as_a_url_needs_it(host: FileHost) -> None:
    host.serve("/re%C3%A7u%201.pdf?a=b%20c")
    assert files(host).open(at(f"{host.url}/reçu 1.pdf?a=b c#top")).type == "application/pdf"


@pytest.mark.parametrize(
    "declared", [None, "application/octet-stream", "binary/octet-stream", "IMAGE/JPEG", "image/jpg"]
)
def test_where_nothing_is_declared_the_bytes_decide(host: FileHost, declared: str | None) -> None:
    assert files(host).open(at(host.serve("/x", JPEG, declared))).type == "image/jpeg"


def test_a_file_that_stands_in_the_record_is_taken_from_there() -> None:
    text = base64.b64encode(JPEG).decode()
    for source in (text, f"{text[:40]}\r\n {text[40:]}", f"data:image/jpeg;base64,{text}", f"data:;base64,{text}"):
        assert files().open(at(source)) == Content("image/jpeg", JPEG)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("not base64!", "FILE/BASE64"),
        ("AAA", "FILE/BASE64"),
        ("data:image/jpeg,%ff%d8", "FILE/BASE64"),
        ("data:text/html;base64," + base64.b64encode(JPEG).decode(), "FILE/TYPE"),
        (base64.b64encode(JPEG + bytes(100_000)).decode(), "FILE/SIZE"),
        ("data:;base64,", "FILE/EMPTY"),
        ("/etc/passwd", "FILE/BASE64"),
    ],
)
def test_what_is_no_file_is_refused(source: str, code: str) -> None:
    assert refused(files(), at(source)).code == code


def test_a_redirect_is_followed_to_a_host_that_is_named(host: FileHost) -> None:
    target = host.serve("/real.pdf")
    host.serve("/1", b"", status=302, headers={"Location": "/2"})
    host.serve("/2", b"", status=307, headers={"Location": target})
    assert files(host).open(at(host.url + "/1")).type == "application/pdf"


def test_over_tls_the_certificate_must_be_that_of_the_name_and_the_connection_goes_where_we_looked(
    tmp_path: Path,
) -> None:
    """The name is asked once; what it would answer a moment later does not matter."""
    authority, server = certificate(tmp_path, "media.example")
    resolve = answers("127.0.0.1")
    with file_host(server) as host:
        host.serve("/r.pdf")
        opener = files(None, f"media.example:{host.port}", resolve=resolve, ca_file=str(authority))
        assert opener.open(at(f"https://media.example:{host.port}/r.pdf")).type == "application/pdf"
        assert resolve.asked == ["media.example"]
        other = files(None, f"other.example:{host.port}", resolve=resolve, ca_file=str(authority))
        with pytest.raises(Transient, match="certificate"):
            other.open(at(f"https://other.example:{host.port}/r.pdf"))


# -- hostile URLs ------------------------------------------------------------------------------------------------------

PRIVATE = (
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.5", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.100.100.200",
    "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::",
    "::ffff:127.0.0.1", "::ffff:10.0.0.5", "::ffff:169.254.169.254", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
    "fec0::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "::127.0.0.1", "2001:db8::1",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_to_a_private_address_is_refused_whatever_clothes_it_wears(address: str) -> None:
    opener = files(None, "media.example", loopback=False, resolve=answers(address))
    assert refused(opener, at("https://media.example/r.pdf")).code == "FILE/ADDRESS"


def test_one_private_address_among_public_ones_is_enough() -> None:
    opener = files(None, "media.example", loopback=False, resolve=answers("93.184.216.34", "10.0.0.5"))
    assert refused(opener, at("https://media.example/r.pdf")).code == "FILE/ADDRESS"


def test_loopback_for_a_sandbox_opens_no_other_private_address() -> None:
    for address in ("10.0.0.5", "169.254.169.254", "fd00::1"):
        opener = files(None, "media.example", resolve=answers(address))
        assert refused(opener, at("https://media.example/r.pdf")).code == "FILE/ADDRESS"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://evil.example/r.pdf", "FILE/HOST"),
        ("https://media.example.evil.example/r.pdf", "FILE/HOST"),
        ("https://evilmedia.example/r.pdf", "FILE/HOST"),
        ("https://media.example./r.pdf", "FILE/HOST"),
        ("https://media.example:8443/r.pdf", "FILE/HOST"),
        ("https://2130706433/r.pdf", "FILE/HOST"),
        ("https://0x7f000001/r.pdf", "FILE/HOST"),
        ("https://0177.0.0.1/r.pdf", "FILE/HOST"),
        ("https://127.1/r.pdf", "FILE/HOST"),
        ("https://[::1]/r.pdf", "FILE/HOST"),
        ("https://[::ffff:127.0.0.1]/r.pdf", "FILE/HOST"),
        ("https://localhost/r.pdf", "FILE/HOST"),
        ("https://169.254.169.254/latest/meta-data/", "FILE/HOST"),
        ("https://media%2eexample/r.pdf", "FILE/HOST"),
        ("https://ｍedia.example/r.pdf", "FILE/HOST"),
        ("https://media.example@evil.example/r.pdf", "FILE/URL"),
        ("https://user:secret@media.example/r.pdf", "FILE/URL"),
        ("https://media.example\\@evil.example/r.pdf", "FILE/URL"),
        ("https://evil.example\\.media.example/r.pdf", "FILE/URL"),
        ("https://media.example/r\r\nX-Evil: 1.pdf", "FILE/URL"),
        ("https://media.ex\tample/r.pdf", "FILE/URL"),
        ("https://media.example:99999/r.pdf", "FILE/URL"),
        ("https://[::1/r.pdf", "FILE/URL"),
        ("https:///r.pdf", "FILE/URL"),
        ("http://media.example/r.pdf", "FILE/SCHEME"),
        ("ftp://media.example/r.pdf", "FILE/SCHEME"),
        ("file:///etc/passwd", "FILE/URL"),
        ("gopher://media.example/_r", "FILE/SCHEME"),
        ("HTTPS://MEDIA.EXAMPLE:1/r.pdf", "FILE/HOST"),
    ],
)
def test_a_url_that_is_not_plainly_one_of_ours_is_never_asked(url: str, code: str) -> None:
    resolve = answers("93.184.216.34")
    assert refused(files(None, "media.example", loopback=False, resolve=resolve), at(url)).code == code
    assert resolve.asked == []


def test_plain_http_goes_to_this_machine_only_even_in_a_sandbox() -> None:
    opener = files(None, "media.example:80", resolve=answers("93.184.216.34"))
    assert refused(opener, at("http://media.example/r.pdf")).code == "FILE/SCHEME"


def test_without_hosts_nothing_is_fetched() -> None:
    fault = refused(files(loopback=False), at("https://media.example/r.pdf"))
    assert (fault.code, fault.remedy[:40]) == ("FILE/HOST", "add it to connections.service.files.hosts"[:40])


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("https://evil.example/r.pdf", "FILE/HOST"),
        ("http://169.254.169.254/latest/", "FILE/HOST"),
        ("//evil.example/r.pdf", "FILE/HOST"),
        ("file:///etc/passwd", "FILE/URL"),
        ("https://inside.example/r.pdf", "FILE/ADDRESS"),
        ("http://user:pw@127.0.0.1/", "FILE/URL"),
        ("http://[::1", "FILE/URL"),
    ],
)
def test_a_redirect_is_looked_at_as_the_url_itself(host: FileHost, target: str, code: str) -> None:
    def resolve(name: str, port: int, **_: Any) -> Any:
        return answers("10.0.0.5" if name == "inside.example" else "127.0.0.1")(name, port)

    host.serve("/1", b"", status=302, headers={"Location": target})
    assert refused(files(host, "inside.example", resolve=resolve), at(host.url + "/1")).code == code


def test_a_url_with_half_a_character_is_no_url(host: FileHost) -> None:
    for url in (host.url + "/\ud800.pdf", host.url + "/r.pdf?x=\udfff"):
        assert refused(files(host), at(url)).code == "FILE/URL"


def test_redirects_without_end_end(host: FileHost) -> None:
    host.serve("/1", b"", status=302, headers={"Location": "/1"})
    assert refused(files(host), at(host.url + "/1")).code == "FILE/REDIRECTS"
    assert host.asked["/1"] == 6


# -- hostile bodies ----------------------------------------------------------------------------------------------------


def test_what_says_that_it_is_too_large_is_not_read(host: FileHost) -> None:
    url = host.serve("/r.pdf", PDF, length=100_001, stall=True)
    assert refused(files(host), at(url)).code == "FILE/SIZE"


def test_a_body_without_end_is_cut_at_the_size_that_is_allowed(host: FileHost) -> None:
    assert refused(files(host), at(host.serve("/r.pdf", PDF, endless=True))).code == "FILE/SIZE"
    host.ended.set()
    assert host.sent < 20_000_000


def test_a_file_of_exactly_the_largest_size_passes(host: FileHost) -> None:
    exact = PDF + bytes(1000)
    assert files(host).open(at(host.serve("/r.pdf", exact), largest=len(exact))).type == "application/pdf"
    assert refused(files(host), at(host.url + "/r.pdf", largest=len(exact) - 1)).code == "FILE/SIZE"


def test_a_packed_body_is_not_unpacked(host: FileHost) -> None:
    bomb = gzip.compress(PDF + bytes(50_000_000))
    url = host.serve("/r.pdf", bomb, headers={"Content-Encoding": "gzip"})
    assert refused(files(host), at(url, largest=100_000)).code == "FILE/ENCODING"


@pytest.mark.parametrize(
    ("body", "declared"),
    [
        (b"<html><script>1</script></html>", "application/pdf"),
        (PDF, "text/html"),
        (PNG, "image/jpeg"),
        (PNG, "image/png"),
        (PDF, "image/jpeg"),
        (b"MZ\x90\x00", None),
        (b"MZ\x90\x00", "application/pdf"),
    ],
)
def test_type_and_bytes_must_both_be_what_is_allowed(host: FileHost, body: bytes, declared: str | None) -> None:
    assert refused(files(host), at(host.serve("/x", body, declared))).code == "FILE/TYPE"


@pytest.mark.parametrize("status", [204, 206, 304, 401, 403, 404, 410])
def test_what_cannot_be_had_parks(host: FileHost, status: int) -> None:
    assert refused(files(host), at(host.serve("/x", b"", status=status))).code == "FILE/MISSING"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_host_in_trouble_is_asked_again_later(host: FileHost, status: int) -> None:
    with pytest.raises(Transient) as caught:
        files(host).open(at(host.serve("/x", b"", status=status)))
    assert not caught.value.uncertain


def test_a_host_that_is_not_there_or_has_no_name_is_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # ours, so that nobody else listens there meanwhile, and we do not
        port = taken.getsockname()[1]
        with pytest.raises(Transient, match="connection refused"):
            files(None, f"127.0.0.1:{port}").open(at(f"http://127.0.0.1:{port}/r.pdf"))

    def nowhere(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    with pytest.raises(Transient, match="does not resolve"):
        files(None, "media.example", resolve=nowhere).open(at("https://media.example/r.pdf"))


def test_a_body_that_breaks_off_is_no_file(host: FileHost) -> None:
    with pytest.raises(Transient, match="broke off"):
        files(host).open(at(host.serve("/r.pdf", PDF, length=len(PDF) + 10)))


def test_a_host_that_says_nothing_more_is_left_in_time(host: FileHost) -> None:
    url, began = host.serve("/r.pdf", PDF, length=len(PDF) + 10, stall=True), time.monotonic()
    with pytest.raises(Transient, match="no answer in time"):
        files(host, timeouts=Timeouts(connect=1, read=5, total=0.3)).open(at(url))
    assert time.monotonic() - began < 10, "it would have said nothing for twice as long"


def test_a_host_that_goes_on_saying_nothing_is_left_alone_and_others_are_asked(host: FileHost) -> None:
    """A hundred files of a dead host, half a minute each, would keep the files of all others waiting for an hour."""
    later = [0.0]
    dead = host.serve("/dead.pdf", PDF, length=len(PDF) + 10, stall=True)
    with file_host() as other:
        opener = files(
            host,
            f"127.0.0.1:{other.port}",
            timeouts=Timeouts(connect=1, read=5, total=0.3),
            monotonic=lambda: time.monotonic() + later[0],
        )
        for _ in range(20):
            with pytest.raises(Transient) as caught:
                opener.open(at(dead))
        assert "left alone" in str(caught.value)
        assert host.asked["/dead.pdf"] < 10
        assert opener.open(at(other.serve("/r.pdf"))).type == "application/pdf"
    host.serve("/dead.pdf")
    later[0] = 61.0
    assert opener.open(at(dead)).type == "application/pdf", "it is asked again, and answers"


def test_a_host_that_answers_in_between_is_asked_for_every_file(host: FileHost) -> None:
    slow, well = host.serve("/slow.pdf", PDF, length=len(PDF) + 10, stall=True), host.serve("/r.pdf")
    missing = host.url + "/missing.pdf"
    opener = files(host, timeouts=Timeouts(connect=1, read=5, total=0.3))
    for number in range(4):
        with pytest.raises(Transient, match="in time"):
            opener.open(at(slow))
        if number % 2:
            assert opener.open(at(well)).type == "application/pdf"
        else:
            assert refused(opener, at(missing)).code == "FILE/MISSING"


def test_no_message_shows_what_gives_access(host: FileHost) -> None:
    url = host.url + "/customer-4711/claim.pdf?sig=0a1b2c3d"
    for fault in (refused(files(host), at(url)), refused(files(), at(url))):
        assert not [part for part in ("4711", "claim", "0a1b2c3d") if part in f"{fault}{fault.remedy}"]
    assert repr(at(url)) == f"a file at {host.url}"


# -- hosts that speak no HTTP, or a little of it -----------------------------------------------------------------------


def said(*parts: bytes, headers: bytes = b"Transfer-Encoding: chunked\r\n") -> Act:
    """An answer as its host wrote it, after which it hangs up."""

    def act(connection: socket.socket) -> bool:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n" + headers + b"\r\n" + b"".join(parts)
        )
        return False

    return act


def from_(peer: Peer, path: str = "/r.pdf?sig=0a1b2c3d", largest: int = 100_000) -> Content:
    opener = files(None, f"127.0.0.1:{peer.port}", timeouts=Timeouts(connect=5, read=5, total=10))
    return opener.open(at(f"http://127.0.0.1:{peer.port}{path}", largest=largest))


@pytest.mark.parametrize("size", [b"-1", b"-5", b"-ffffffff"])
def test_a_chunk_of_less_than_nothing_does_not_fill_the_memory(size: bytes) -> None:
    """Python reads to the end for a size of -1: as much as comes in the time that a file may take."""
    sent = [0]

    def act(connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n")
        for _ in range(100):
            connection.sendall(bytes(1 << 20))
            sent[0] += 1 << 20
        return False

    with Peer(act) as peer, pytest.raises(Transient, match="broke off"):
        from_(peer)
    assert sent[0] < 50 << 20


def test_what_a_host_says_in_place_of_http_is_not_repeated() -> None:
    """It may be the file, or our URL come back; reasons go into ledger and log."""
    for line in (b"%PDF-1.7 Ada Lovelace\r\n", b"GET /r.pdf?sig=0a1b2c3d\r\n"):
        with Peer(lambda connection, line=line: connection.sendall(line)) as peer:  # type: ignore[misc]
            with pytest.raises(Transient, match="no HTTP") as caught:
                from_(peer)
            assert not [part for part in ("Ada", "0a1b2c3d") if part in f"{caught.value}{caught.value.remedy}"]


def test_a_header_that_cannot_be_read_puts_no_signed_url_into_the_log() -> None:
    log, logger = io.StringIO(), logging.getLogger("urllib3")
    handler = logging.StreamHandler(log)
    logger.addHandler(handler)
    try:
        with Peer(said(PDF, headers=b"this is no header, sid=4711\r\nX-More: 1\r\n")) as peer:
            assert from_(peer).type == "application/pdf"
    finally:
        logger.removeHandler(handler)
    assert not [part for part in ("0a1b2c3d", "4711") if part in log.getvalue()]


def test_a_redirect_to_a_name_in_utf_8_is_followed_to_it(host: FileHost) -> None:
    host.serve("/re%C3%A7u.pdf")
    host.serve("/1", b"", status=302, headers={"Location": "/reçu.pdf".encode().decode("latin-1")})
    assert files(host).open(at(host.url + "/1")).type == "application/pdf"


@pytest.mark.parametrize("name", ["a b", "\u2260", "xn--\u2260"])
def test_below_a_star_a_host_that_can_be_none_is_refused(name: str) -> None:
    opener = files(None, "*.media.example", loopback=False, resolve=answers("93.184.216.34"))
    assert refused(opener, at(f"https://{name}.media.example/r.pdf")).code == "FILE/URL"


def test_a_url_with_credentials_of_any_length_shows_its_host() -> None:
    assert repr(at(f"https://{'x' * 400}:secret@media.example/r.pdf")) == "a file at https://media.example"
    assert repr(at("data:;base64,QUJD")) == "a file of 17 characters in the record"


# -- settings, names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["*", "*.com", "https://media.example", "media.example/x", "a b", "", "*.*.example", "-a"]
)
def test_a_host_that_is_none_or_is_all_is_no_setting(name: str) -> None:
    with pytest.raises(ValidationError):
        FileSettings(hosts=[name])


def test_a_star_stands_for_any_name_below_and_not_for_the_domain_itself() -> None:
    opener = files(None, "*.Media.example", loopback=False, resolve=answers("10.0.0.5"))
    assert refused(opener, at("https://eu.media.example/r.pdf")).code == "FILE/ADDRESS"
    assert refused(opener, at("https://media.example/r.pdf")).code == "FILE/HOST"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("receipt", "receipt.pdf"),
        ("receipt.PDF", "receipt.pdf"),
        ("../../etc/passwd", "_etc_passwd.pdf"),
        ("a\x00b\r\nc\u202egpj.exe", "a b c gpj.exe.pdf"),
        ("", "file.pdf"),
        (".pdf", "pdf.pdf"),
        ('Reçu "42": <Ünï>', "Reçu _42_ _Ünï_.pdf"),
        ("x" * 500, "x" * 200 + ".pdf"),
    ],
)
def test_a_file_gets_a_name_that_no_system_trips_over(title: str, name: str) -> None:
    assert safe_name(title, "application/pdf") == name


def test_text_is_text_and_no_page() -> None:
    assert type_of("é;1\r\n".encode(), "text/csv", ("text/csv",)) == "text/csv"
    for hostile in (
        b"<svg onload=x>",
        b" <!DOCTYPE html>",
        b"<!-- --><script>",
        b"<iframe src=x>",
        b"a\x00b",
        b"\xff\xfe",
    ):
        assert type_of(hostile, "text/csv", ("text/csv",)) is None
    assert not [each for each in TYPES if "html" in each or "svg" in each or "javascript" in each]
