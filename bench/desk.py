"""How long a person waits at a large ledger: status, explain and parked as commands, beside what starting Python costs.

    python -m bench.desk [--rows 200000]

The ledger is made through the store's own verbs: half of its rows delivered with a case, a fifth parked for six causes, a
fifth pending, the rest left out. `work` is what a command takes of a CPU beyond the same command on a ledger of ten rows.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.processes import Run, run
from connector.model import Page, Record
from connector.stamps import stamp
from connector.store import Leased, LineSettle, Settle, Store, open_store

HERE = Path(__file__).parent
FLOW = "orders-to-cases"
CONFIG = """
connections:
  shop: {{adapter: jsonl, folder: shop}}
  desk: {{adapter: jsonl, folder: desk}}
store: sqlite:///ledger.db
flows:
  orders-to-cases: {{from: shop.orders, to: desk.Case, mapping: {mapping}}}
"""
COMMANDS = {
    "status": ["status"],
    "explain KEY": ["explain", "{middle}"],
    "explain CASE": ["explain", "500{middle}"],
    "parked list": ["parked", "list"],
    "parked show CAUSE": ["parked", "show", "{cause}"],
    "remap, nothing to do": ["remap", "--key", "nobody"],
}
_PAGE = 2000


def ledger(folder: Path, rows: int) -> str:
    """A folder with a configuration and a ledger of so many rows; the name of its largest cause, "" if nothing is parked."""
    folder.mkdir(parents=True)
    (folder / "shop").mkdir()
    (folder / "desk").mkdir()
    (folder / "config.yaml").write_text(CONFIG.format(mapping=HERE / "mapping-25.yaml"))
    with closing(open_store("sqlite:///ledger.db", base=folder)) as store:
        for start in range(0, rows, _PAGE):
            _fill(store, start, min(rows, start + _PAGE))
        from connector.cli.causes import named

        return next((named(cause) for cause in store.causes("parked")), "")


def _fill(store: Store, start: int, end: int) -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC) + timedelta(seconds=start)
    body = {"note": "x" * 500}
    records = [
        Record(f"{number:08}", {**body, "order_no": number}, stamp(now), "RefArch") for number in range(start, end)
    ]
    done = store.ingest(FLOW, Page(records, str(end), now), now, lease=300.0)
    assert done.token is not None
    settles = list(_settled(done.leased, now))
    store.settle(FLOW, done.token, settles, now, mapping="v1")


def _settled(leased: Sequence[Leased], now: datetime) -> Iterator[Settle]:
    for one in leased:
        line = LineSettle("main", "", "desk.Case", "sent", f"500{one.key}", {b"Subject1": b"digest-of-12"})
        match int(one.key) % 10:
            case 5 | 6:
                yield Settle(one.row, one.rev, "parked", reason=f"no value for field {one.row % 6}", field="Subject")
            case 7:
                yield Settle(
                    one.row, one.rev, "pending", due=now + timedelta(hours=1), reason="held by the brake: 1000"
                )
            case 8:
                yield Settle(one.row, one.rev, "pending", due=now, reason="")
            case 9:
                yield Settle(one.row, one.rev, "filtered", reason="when", keep_record=False)
            case _:
                yield Settle(one.row, one.rev, "done", route="queue=Orders", entered=True, lines=[line])


def desk(rows: int, rounds: int, scratch: Path) -> None:
    """The table."""
    cause = ledger(scratch / "large", rows)
    small = ledger(scratch / "small", 10)
    python = statistics.median(run([sys.executable, "-c", "pass"]).wall for _ in range(rounds))
    print(
        f"\na person's wait at a ledger of {rows:,} rows, median of {rounds} (python itself starts in {python * 1000:.0f} ms)"
    )
    print(f"  {'command':<24}{'ms':>8}{'CPU, ms':>10}{'work, CPU ms':>14}   at most 100")
    for name, words in COMMANDS.items():
        middle = f"{rows // 20 * 10:08}"
        large = [word.format(middle=middle, cause=cause) for word in words]
        few = [word.format(middle=f"{0:08}", cause=small) for word in words]
        took = [(_run(scratch / "large", large), _run(scratch / "small", few)) for _ in range(rounds)]
        wall = statistics.median(large.wall for large, _ in took)
        cpu = statistics.median(large.cpu for large, _ in took)
        work = statistics.median(large.cpu - small.cpu for large, small in took)
        print(f"  {name:<24}{wall * 1000:>8.0f}{cpu * 1000:>10.0f}{work * 1000:>14.0f}")


def _run(folder: Path, words: Sequence[str]) -> Run:
    done = run([sys.executable, "-m", "connector.cli", *words], cwd=folder)
    if done.code:
        raise SystemExit(f"connector {' '.join(words)} ended with {done.code}:\n{done.out}")
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        desk(given.rows, given.rounds, Path(scratch))


if __name__ == "__main__":
    main()
