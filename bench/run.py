"""The figures of the connector, beside a bare loop without any ledger where that is at hand.

    python -m bench.run                       what `make bench` runs
    python -m bench.run --bare PATH/bare.py   the yardstick: a loop that reads pages, maps 25 fields and upserts them

Each round measures both, one after the other, on the same sandbox brought back to its start; ratios are within a round, and
the median of the rounds counts. The yardstick asks for whole order documents, the connector, as by default, for the
attributes that its mapping reads. What a process needs to start is measured apart and left out of the records a second, since
a daemon starts once: for the connector what a pass takes that finds nothing new (it loads all libraries, signs in and makes one
call), for the yardstick its imports. Nothing here is a test: machines differ and are shared.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.desk import desk
from bench.growth import growth
from bench.processes import Run, Sandbox, run, sandbox

HERE = Path(__file__).parent
YARDSTICK = HERE.parent.parent / "shared" / "bench" / "bare.py"
CONFIG = """
connections:
  shop: {{adapter: sfcc, url: {sfcc}, auth_url: {sfcc}, site: RefArch, client_id: bench, client_secret: secret}}
  service:
    adapter: salesforce
    url: {salesforce}
    auth: {{grant: client_credentials, client_id: bench, client_secret: secret}}
    key_field: Commerce_Key__c
store: sqlite:///ledger.db
flows:
  orders-to-cases: {{from: shop.orders, to: service.Case, mapping: {mapping}, start: beginning}}
defaults: {{brake: none}}
web: {{listen: none}}
log: {{format: json}}
"""


@dataclass(frozen=True)
class Pass:
    """One measured pass: records a second, calls, CPU microseconds a record here and at the sandbox, peak MiB."""

    rate: float
    calls: int
    cpu: float
    remote_cpu: float
    peak: float
    wall: float


def folder(box: Sandbox, where: Path) -> Path:
    """A folder with a configuration for this sandbox and no ledger yet."""
    where.mkdir(parents=True)
    text = CONFIG.format(sfcc=box.sfcc, salesforce=box.salesforce, mapping=HERE / "mapping-25.yaml")
    (where / "config.yaml").write_text(text)
    return where


def connector(where: Path, *arguments: str) -> Run:
    """One command of the connector in this folder."""
    done = run([sys.executable, "-m", "connector.cli", *arguments, "--config", str(where / "config.yaml")])
    if done.code not in (0, 3):
        raise SystemExit(f"connector {' '.join(arguments)} ended with {done.code}:\n{done.out}")
    return done


def measured(box: Sandbox, orders: int, command: list[str], start_up: float) -> Pass:
    """Run a command on a sandbox brought back to its start."""
    box.ask("reset")
    box.ask("clear_journal")
    remote = box.cpu()
    done = run(command, cwd=Path(tempfile.mkdtemp()))
    if done.code:
        raise SystemExit(f"{command} ended with {done.code}:\n{done.out}")
    remote = box.cpu() - remote
    journal = box.ask("journal")
    if journal["rows"]["written"] != orders:
        raise SystemExit(f"{journal['rows']} rows were written, not {orders}:\n{done.out}")
    calls = sum(paths["total"] for paths in journal["requests"].values())
    busy = max(done.wall - start_up, 0.001)
    return Pass(orders / busy, calls, done.cpu / orders * 1e6, remote / orders * 1e6, done.peak, done.wall)


def median(passes: list[Pass], what: str) -> float:
    return float(statistics.median(getattr(each, what) for each in passes))


def rounds(box: Sandbox, orders: int, count: int, bare: Path | None, scratch: Path) -> None:
    """Both in turn, and the table."""
    python = sys.executable
    idle = folder(box, scratch / "idle")
    connector(idle, "sync")
    start_ours = statistics.median(connector(idle, "sync").wall for _ in range(3))
    start_bare = statistics.median(run([python, "-c", "import argparse, requests"]).wall for _ in range(3))
    ours: list[Pass] = []
    theirs: list[Pass] = []
    for number in range(count):
        where = folder(box, scratch / f"round-{number}")
        command = [python, "-m", "connector.cli", "sync", "--config", str(where / "config.yaml")]
        ours.append(measured(box, orders, command, start_ours))
        if bare is not None:
            urls = ["--sfcc", box.sfcc, "--salesforce", box.salesforce]
            yardstick = [python, str(bare), *urls, "--orders", str(orders), "--threads", "4"]
            theirs.append(measured(box, orders, yardstick, start_bare))
        print(
            f"  round {number + 1}: {ours[-1].rate:,.0f}/s" + (f", bare-4 {theirs[-1].rate:,.0f}/s" if theirs else "")
        )
    print(f"\norder → ledger → case, {orders:,} orders, 25 fields, pages of 200, median of {count}")
    print(f"  records a second            {median(ours, 'rate'):>10,.0f}   (start-up of {start_ours:.2f} s left out)")
    if theirs:
        ratio = statistics.median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True))
        print(
            f"  bare-4 in the same rounds   {median(theirs, 'rate'):>10,.0f}   (start-up of {start_bare:.2f} s left out)"
        )
        print(f"  ratio within a round        {ratio:>10.2f}   aim 0.65")
        print(f"  bare-4's CPU µs a record    {median(theirs, 'cpu'):>10.1f}")
    else:
        print("  bare-4                      not at hand: no ratio (--bare PATH)")
    print(f"  CPU µs a record             {median(ours, 'cpu'):>10.1f}   (whole process, start-up included)")
    print(
        f"  the sandbox's CPU µs        {median(ours, 'remote_cpu'):>10.1f}   (must be below ours, or it is measured)"
    )
    print(f"  calls per 1,000 new cases   {median(ours, 'calls') / orders * 1000:>10.1f}   at most 12")
    print(f"  peak memory, MiB            {median(ours, 'peak'):>10.0f}")


def asked(box: Sandbox) -> dict[str, int]:
    """Calls since the journal was cleared, by path; a daemon signs in twice an hour, so that is left out."""
    calls: Counter[str] = Counter()
    for system in box.ask("requests").values():
        calls.update({path: n for path, n in system.items() if path != "total" and "token" not in path})
    return calls


def idle_poll(box: Sandbox, scratch: Path) -> None:
    """A second and a third pass right after the first: one call, and no write."""
    where = folder(box, scratch / "again")
    box.ask("reset")
    connector(where, "sync")
    connector(where, "sync")
    box.ask("clear_journal")
    connector(where, "sync")
    calls = asked(box)
    print(f"  calls of an idle poll       {sum(calls.values()):>10}   at most 1 ({', '.join(sorted(calls))})")


def steady(scratch: Path, overlap: int, minutes: int = 10) -> None:
    """A shop at 100 changes a minute, spread evenly, polled once a minute: 60 new orders and 40 changed ones each time. Each
    poll goes back by the overlap, so it reads the changes of more than a minute before again."""
    with sandbox("--orders", "1000", "--returns", "0", "--exceptions", "1") as box:
        where = folder(box, scratch / f"steady-{overlap}")
        config = (where / "config.yaml").read_text()
        (where / "config.yaml").write_text(config.replace("brake: none", f"brake: none, overlap: {overlap}s"))
        connector(where, "sync")
        known = iter([order["order_no"] for order in box.ask("orders", site="RefArch")])
        box.ask("clear_journal")
        for _ in range(minutes):
            for part in range(20):
                box.ask("advance", seconds=3)  # both systems' clocks, by which cursors go
                box.ask("place_orders", count=3, exception=True)
                for _ in range(2):
                    box.ask("change_order", number=next(known), order_total=1000.5 + part)
            connector(where, "sync")
        calls = asked(box)
        done = box.ask("journal")["rows"]["written"]
        if done != 100 * minutes:
            raise SystemExit(f"{done} rows were written, not {100 * minutes}")
    each = ", ".join(f"{path} {n}" for path, n in sorted(calls.items()))
    rate = sum(calls.values()) / done * 1000
    print(f"  calls per 1,000 changes     {rate:>10.1f}   at 100 a minute, overlap {overlap} s, at most 30 ({each})")


def pending(orders: int, scratch: Path) -> None:
    """Peak memory while a backlog waits for a case system that is down, and while it is then delivered. Every order needs
    a person; all of them are pending at once."""
    with sandbox("--orders", str(orders), "--returns", "0", "--exceptions", "1") as box:
        where = folder(box, scratch / f"pending-{orders}")
        box.ask("fault", kind="status", status=503, system="salesforce")
        stored = connector(where, "sync")
        box.ask("clear_faults")
        print(f"  peak MiB, {orders:,} pending   {stored.peak:>10.0f}   at most 120 (case system down, all stored)")
        delivered = connector(where, "sync")
        print(f"  peak MiB, delivering them   {delivered.peak:>10.0f}   at most 120")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=int, default=20, help="milliseconds that the sandbox adds to every answer")
    parser.add_argument("--bare", type=Path, default=YARDSTICK if YARDSTICK.exists() else None)
    parser.add_argument("--pending", type=int, nargs="*", default=[1_000, 500_000], help="rows of the memory figures")
    parser.add_argument(
        "--desk", type=int, default=200_000, help="rows at which people's commands are timed; 0: leave it out"
    )
    parser.add_argument(
        "--growth", type=int, default=1_000_000, help="rows of the ledger beside one of 10,000; 0: leave it out"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        options = ("--orders", str(given.orders), "--returns", "0", "--latency-ms", str(given.latency))
        with sandbox(*options) as box:
            rounds(box, given.orders, given.rounds, given.bare, Path(scratch))
            idle_poll(box, Path(scratch))
        for overlap in (60, 45):
            steady(Path(scratch), overlap)
        for orders in given.pending:
            pending(orders, Path(scratch))
        if given.desk:
            desk(given.desk, given.rounds, Path(scratch) / "desk")
        if given.growth:
            (Path(scratch) / "growth").mkdir()
            growth(given.growth, 10_000, 20, given.rounds, Path(scratch) / "growth")


if __name__ == "__main__":
    main()
