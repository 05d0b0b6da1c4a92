"""The processes of the demo: sandbox and daemon, each started as a user would start it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

import connector
from connector.sandbox.client import Client, Process

SHIPPED = (
    "order-exception-to-case",
    "return-to-case",
    "complaint-to-case",
    "case-to-order",
    "case-to-return",
    "case-to-complaint",
    "comment-to-complaint",
)

_FLOWS = """\
  orders-to-cases: {from: shop.orders, to: service.Case, mapping: MAPPINGS/order-exception-to-case.yaml}
  returns-to-cases: {from: shop.custom_objects/ReturnRequest, to: service.Case, mapping: MAPPINGS/return-to-case.yaml}
  complaints-to-cases: {from: shop.custom_objects/Complaint, to: service.Case, mapping: MAPPINGS/complaint-to-case.yaml}
  cases-to-orders: {from: service.Case, to: shop.orders, mapping: MAPPINGS/case-to-order.yaml, answers: orders-to-cases}
  cases-to-returns:
    from: service.Case
    to: shop.custom_objects/ReturnRequest
    mapping: MAPPINGS/case-to-return.yaml
    answers: returns-to-cases
  cases-to-complaints:
    from: service.Case
    to: shop.custom_objects/Complaint
    mapping: MAPPINGS/case-to-complaint.yaml
    answers: complaints-to-cases
  comments-to-complaints:
    from: service.CaseComment
    to: shop.custom_objects/ComplaintMessage
    mapping: MAPPINGS/comment-to-complaint.yaml
    answers: complaints-to-cases"""

CONFIG = """\
# Made by `connector demo`; the systems behind it are simulated.
connections:
  shop:
    adapter: sfcc
    url: {sfcc}
    auth_url: {sfcc}
    site: RefArch
    client_id: bench
    client_secret: secret
    index_lag: 0
    settle_after: 2
  service:
    adapter: salesforce
    url: {salesforce}
    auth: {{grant: client_credentials, client_id: bench, client_secret: secret}}
    key_field: Commerce_Key__c
    settle_after: 2s
store: sqlite:///ledger.db
flows:
{flows}
defaults: {{every: 1s, start: beginning, brake: none}}
daemon: {{jitter: 100ms}}
web: {{listen: "127.0.0.1:0"}}
"""


@dataclass(slots=True)
class Stage:
    """Everything that was started, and where it stands."""

    folder: Path
    urls: dict[str, str]
    control: Client
    daemon: subprocess.Popen[bytes]
    began: float = field(default_factory=time.monotonic)

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def log(self) -> Path:
        return self.folder / "daemon.log"

    @staticmethod
    @contextmanager
    def set_up(folder: str | None, mappings: str | None, orders: int, *, config: str) -> Iterator[Stage]:
        """Sandbox first, then the daemon against it; both end with the block."""
        shipped = find_mappings(mappings, config)
        place = Path(folder or tempfile.mkdtemp(prefix="connector-demo-")).resolve()
        place.mkdir(parents=True, exist_ok=True)
        if (place / "ledger.db").exists():
            raise click.UsageError(f"{place} holds the ledger of an earlier demo; name an empty folder")
        data = {"orders": orders, "returns": max(4, orders // 10), "complaints": max(4, orders // 10)}
        options = [word for name, number in data.items() for word in (f"--{name}", str(number))]
        with Process(*options, "--agent-rate", "10") as box:
            text = CONFIG.format(sfcc=box.sfcc_url, salesforce=box.salesforce_url, flows=flows(shipped))
            (place / "config.yaml").write_text(text)
            with (place / "daemon.log").open("wb") as log:
                command = [sys.executable, "-m", "connector.cli", "--config", str(place / "config.yaml"), "run"]
                # A session of its own: Ctrl-C in the terminal is for us, and we ask the daemon to stop.
                daemon = subprocess.Popen(command, stderr=log, start_new_session=True)  # noqa: S603  # our own command
            stage = Stage(place, box.urls, box.control, daemon)
            try:
                yield stage
            finally:
                stage.stop()

    def started(self) -> dict[str, Any] | None:
        """The daemon's `started` event, once it was said."""
        return next((event for event in self.events() if event.get("event") == "started"), None)

    def events(self) -> Iterator[dict[str, Any]]:
        """What the daemon has said so far."""
        for line in self.log.read_text().splitlines():
            if line.startswith("{"):
                yield json.loads(line)

    def stop(self) -> int:
        """SIGTERM, and the daemon's exit code."""
        if self.daemon.poll() is None:
            self.daemon.terminate()
        try:
            return self.daemon.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            return self.daemon.wait()


def flows(mappings: Path) -> str:
    """Orders, returns and complaints, both ways, as lines of a configuration."""
    return _FLOWS.replace("MAPPINGS", str(mappings))


def find_mappings(given: str | None, config: str) -> Path:
    """The folder with the shipped mappings: as given, or `mappings/salesforce` here, beside the configuration or the package."""
    folders = [Path(), Path(config).parent, Path(connector.__file__).resolve().parent.parent]
    places = [Path(given)] if given else list(dict.fromkeys(folder / "mappings" / "salesforce" for folder in folders))
    for place in places:
        if all((place / f"{name}.yaml").is_file() for name in SHIPPED):
            return place.resolve()
    looked = " or ".join(str(place) for place in places)
    raise click.UsageError(f"the shipped mappings are not in {looked}; name their folder with --mappings")
