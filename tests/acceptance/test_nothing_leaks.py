"""Secrets, tokens and a customer planted everywhere; then everything that the connector says is searched for them.

The remote systems are careless ones: every third answer is an error that repeats the request, its headers and its body.
"""

from __future__ import annotations

import base64
import itertools
import re
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from connector.sandbox.box import Sandbox
from connector.sandbox.options import Options
from tests.acceptance.echo import Careless, careless
from tests.acceptance.processes import Daemon, run
from tests.acceptance.stage import CONFIG, ROOT

SHOP_SECRET, DESK_SECRET = "Shop-Plant-7Qz4", "Desk-Plant-9Xw2"
KEY = base64.b64encode(b"Plant of a key for the records..").decode()
PAYMENT = "Card of Zyxwvut Quellstein, +49 170 99988776655443322, declined"
TEXTS = ("Zyxwvut Quellstein", "zyxwvut@quellstein.example", "+49 170 99988776655443322")
CUSTOMER: dict[str, object] = {
    "customer_name": "Zyxwvut Quellstein",
    "customer_info": {"customer_no": "C-77", "email": "zyxwvut@quellstein.example", "customer_name": "Zyxwvut Quellstein"},
    "c_paymentError": PAYMENT,
    "c_addressMismatch": True,
}  # fmt: skip
PLANTS = ("zyxwvut", "quellstein", "99988776655443322", SHOP_SECRET.lower(), DESK_SECRET.lower(), KEY.lower())


@pytest.fixture
def systems(tmp_path: Path) -> Iterator[tuple[Sandbox, Careless, Careless]]:
    with (
        Sandbox(Options(orders=24, returns=6, exceptions=1.0, shop_code=0)) as box,
        careless(box.sfcc_url, SHOP_SECRET, TEXTS) as shop,
        careless(box.salesforce_url, DESK_SECRET, TEXTS) as desk,
    ):
        config = CONFIG.format(
            sfcc=shop.url, host=shop.url.rpartition("/")[2],
            salesforce=desk.url, mappings=ROOT / "mappings/salesforce",
            read=10, total=20, lease=120,
        )  # fmt: skip
        config = config.replace("client_secret: secret", "client_secret: ${SHOP_SECRET}", 1)
        config = config.replace("client_secret: secret", "client_secret: '${file:desk.secret}'", 1)
        config = config.replace("web: {listen: none}", "web: {listen: 127.0.0.1:0}")
        config = config.replace("log: {format: json}", "log: {format: json, level: debug}")
        config += "keep: {encrypt: {key: '${RECORD_KEY}'}}\ndaemon: {prune_every: 1s, jitter: 0s}\n"
        (tmp_path / "config.yaml").write_text(config)
        (tmp_path / "desk.secret").write_text(DESK_SECRET + "\n")
        for order in box.control.orders("RefArch"):
            box.control.change_order(order["order_no"], **CUSTOMER)
        yield box, shop, desk


def leaks(said: str, tokens: Sequence[str]) -> list[str]:
    """What of the plants stands in a text, each with what is around it."""
    low = said.lower()
    wanted = [*PLANTS, *(token.lower() for token in tokens if len(token) >= 12)]
    wanted.append(base64.b64encode(f"bench:{SHOP_SECRET}".encode()).decode().lower())
    return [said[max(0, at - 150) : at + 60] for each in wanted if (at := low.find(each)) >= 0]


def test_nothing_that_was_planted_is_said_anywhere(tmp_path: Path, systems: tuple[Sandbox, Careless, Careless]) -> None:
    box, shop, desk = systems
    env = {"SHOP_SECRET": SHOP_SECRET, "RECORD_KEY": KEY}
    said: dict[str, str] = {}
    for name, arguments in (("check", ["check", "--live"]), ("sync", ["sync"])):  # all is well: tokens, cases, records
        said[name] = run(tmp_path, *arguments, env=env).said
    assert box.control.cases(), said["sync"]
    shop.hostile = desk.hostile = True
    for order in box.control.orders("RefArch"):
        box.control.change_order(order["order_no"], c_paymentError=f"{PAYMENT} again")
    box.control.place_orders(12, exception=True)
    for number in range(1):
        said[f"hostile sync {number}"] = run(tmp_path, "--debug", "sync", env=env).said
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().replace("format: json", "format: text"))
    with Daemon(tmp_path, env=env) as daemon:
        address = listening(daemon)
        end = time.monotonic() + 300
        for round_ in itertools.count():
            if (round_ >= 8 and len(shop.said) + len(desk.said) >= 15) or time.monotonic() > end:
                break
            for order in box.control.orders("RefArch")[:12]:
                box.control.change_order(order["order_no"], **{**CUSTOMER, "c_paymentError": f"{PAYMENT} {round_}"})
            time.sleep(0.3)
            said[f"pages {round_}"] = "\n".join(fetched(address, path) for path in ("/healthz", "/readyz", "/metrics"))
        ours = psutil.Process(daemon.process.pid)
        said["arguments"] = "\n".join(" ".join(each.cmdline()) for each in [ours, *ours.children(recursive=True)])
        assert b"zyxwvut" not in on_disk(tmp_path).lower(), "a customer can be read from the ledger's files"
        daemon.signal()
        daemon.ended()
        said["daemon"] = "\n".join(daemon.lines)
    key = box.control.orders("RefArch")[0]["order_no"]
    for arguments in (
        ["status"],
        ["parked", "list"],
        ["explain", key],
        ["check", "--live"],
        ["rekey"],
        ["remap", "--dry-run"],
    ):
        said[" ".join(arguments)] = run(tmp_path, *arguments, env=env).said
    for cause in re.findall(r"^([0-9a-f]{6})  ", said["parked list"], re.MULTILINE)[:4]:
        said[f"parked show {cause}"] = run(tmp_path, "parked", "show", cause, env=env).said
    said["wrong key"] = run(
        tmp_path, "status", env={**env, "RECORD_KEY": base64.b64encode(KEY[:32].encode()).decode()}
    ).said
    said["no key"] = run(tmp_path, "status", env={**env, "RECORD_KEY": KEY[:-8]}).said
    assert len(shop.said) + len(desk.said) >= 15, (shop.said, desk.said)
    tokens = [*shop.tokens, *desk.tokens]
    assert tokens
    found = {name: some for name, text in said.items() if (some := leaks(text, tokens))}
    assert not found, "\n".join(f"{name}: {text}" for name, texts in found.items() for text in texts)
    disk = on_disk(tmp_path)
    assert not [each for each in (*PLANTS, *tokens) if each.lower().encode() in disk.lower()]
    assert "not configured" in said["wrong key"]
    assert "openssl rand" in said["no key"]


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("ledger.db*"))


def listening(daemon: Daemon) -> str:
    """Where the pages are, from a log for people."""
    for _ in range(300):
        for line in list(daemon.lines):
            if match := re.search(r"/metrics at: (\S+)", line):
                return match[1]
        time.sleep(0.1)
    raise AssertionError("\n".join(daemon.lines))


def fetched(address: str, path: str) -> str:
    connection = HTTPConnection(address, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return f"{answer.getheaders()} {answer.read().decode()}"
    finally:
        connection.close()
