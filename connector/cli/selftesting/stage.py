"""The processes of a self-test: the sandbox, and one daemon after the other on the same ledger."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from connector.cli.demonstration.stage import find_mappings, flows
from connector.sandbox.client import Client, Process
from connector.store import Store, open_store

FLOWS = (
    "orders-to-cases",
    "returns-to-cases",
    "complaints-to-cases",
    "cases-to-orders",
    "cases-to-returns",
    "cases-to-complaints",
    "comments-to-complaints",
    "disputes-to-cases",
    "cases-to-disputes",
    "recalls-to-products",
)
SITE = "RefArch"
CONCURRENCY = 3
SMALL = 2_000
"""Records up to which pages are small, so that there are many of them, and sweeps frequent."""
CONFIG = """\
# Made by `connector selftest`; the systems behind it are simulated, and everything is quicker than in life.
connections:
  shop:
    adapter: sfcc
    url: {sfcc}
    auth_url: {sfcc}
    site: RefArch
    client_id: bench
    client_secret: secret
    page: {page}
    margin: 1
    index_lag: 1
    settle_after: 3
    deep_paging: 10000
    timeouts: {{connect: 2, read: 3, total: 4}}
  service:
    adapter: salesforce
    url: {salesforce}
    auth: {{grant: client_credentials, client_id: bench, client_secret: secret}}
    key_field: Commerce_Key__c
    batch: {page}
    page: {query}
    margin: 1s
    settle_after: 3s
    budget: {{calls_per_day: 100000000}}
    files: {{hosts: ["{host}"], loopback: true}}
    timeouts: {{connect: 2, read: 3, total: 4}}
store: sqlite:///ledger.db
flows:
{flows}
  disputes-to-cases: {{from: shop.custom_objects/Dispute, to: service.Case, mapping: {mappings}/dispute-to-case.yaml}}
  cases-to-disputes:
    from: service.Case
    to: shop.custom_objects/Dispute
    mapping: {mappings}/case-to-dispute.yaml
    answers: disputes-to-cases
  recalls-to-products:
    from: service.Case
    to: shop.products
    mapping: {mappings}/recall-to-products.yaml
    where: {{Type: Recall}}
defaults:
  {{every: 1s, start: beginning, brake: none, concurrency: {concurrency}, lease: 60s, overlap: 5s,
    sweep: {{every: {sweep}s, width: 30m}}}}
retry:
  {{first: 500ms, longest: 2s, conflict: 500ms, conflicts: 12, outage: 200ms, outage_longest: 1s, auth: 300ms, limited: 300ms,
    misconfigured: 300ms}}
daemon: {{jitter: 0s, stop_grace: 15s}}
web: {{listen: none}}
log: {{format: json}}
"""


@dataclass(slots=True)
class Stage:
    """What was started, and where it stands."""

    folder: Path
    box: Process
    control: Client
    sweep: float
    """Seconds between two sweeps."""
    daemon: subprocess.Popen[bytes] | None = None
    _spoken: int = 0
    """Bytes of the log that earlier daemons have written."""

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def log(self) -> Path:
        return self.folder / "daemon.log"

    @staticmethod
    @contextmanager
    def set_up(
        folder: Path, options: Sequence[str], *, records: int, mappings: str | None, config: str
    ) -> Iterator[Stage]:
        """The sandbox, and a folder with a configuration for it; both processes end with the block."""
        shipped = find_mappings(mappings, config)
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "ledger.db").exists():
            raise click.UsageError(f"{folder} holds the ledger of an earlier run; name an empty folder")
        page, sweep = (20, 3.0) if records <= SMALL else (200, 60.0)
        with Process(*options) as box:
            text = CONFIG.format(
                sfcc=box.sfcc_url, host=box.sfcc_url.rpartition("/")[2],
                salesforce=box.salesforce_url, mappings=shipped, flows=flows(shipped),
                page=page, query=min(2000, 5 * page), concurrency=CONCURRENCY, sweep=sweep,
            )  # fmt: skip
            stage = Stage(folder, box, box.control, sweep)
            stage.config.write_text(text)
            try:
                yield stage
            finally:
                stage.kill()

    def start(self) -> int:
        """The next daemon; returns its process id."""
        with self.log.open("ab") as log:
            self._spoken = log.tell()
            command = [sys.executable, "-m", "connector.cli", "--config", str(self.config), "run"]
            # A session of its own: Ctrl-C in the terminal is for us.
            self.daemon = subprocess.Popen(command, stderr=log, start_new_session=True)  # noqa: S603  # our own command
        return self.daemon.pid

    @property
    def running(self) -> bool:
        return self.daemon is not None and self.daemon.poll() is None

    def started(self, *, within: float = 60.0) -> None:
        """Wait until the daemon polls; ClickException with its last words when it does not."""
        until = time.monotonic() + within
        while not any(b'"started"' in line for line in self._lines()):
            if not self.running or time.monotonic() > until:
                raise click.ClickException(f"the daemon did not start; it said:\n{self.last_words()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL, if it is there."""
        if self.daemon is not None:
            if self.daemon.poll() is None:
                self.daemon.kill()
            self.daemon.wait()

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        assert self.daemon is not None, "a daemon was started"
        self.daemon.terminate()
        return self.daemon.wait(timeout=60)

    def command(self, *arguments: str) -> str:
        """One command on the same configuration; what it printed."""
        words = [sys.executable, "-m", "connector.cli", *arguments, "--config", str(self.config)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
        if done.returncode > 1:
            raise click.ClickException(f"connector {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    @contextmanager
    def ledger(self) -> Iterator[Store]:
        store = open_store("sqlite:///ledger.db", base=self.folder)
        try:
            yield store
        finally:
            store.close()

    def last_words(self) -> str:
        return b"\n".join(self._lines()[-8:]).decode("utf-8", "replace")

    def _lines(self) -> list[bytes]:
        """What the present daemon has said."""
        with self.log.open("rb") as log:
            log.seek(self._spoken)
            return log.read().splitlines()


def scratch() -> Path:
    """A new folder of one's own."""
    return Path(tempfile.mkdtemp(prefix="connector-selftest-")).resolve()
