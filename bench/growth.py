"""What a record costs in a ledger of a million rows, beside one of ten thousand.

    python -m bench.growth [--rows 1000000] [--pages 20] [--rounds 5]

Both ledgers are filled by SQL, alike but for their number of rows: nine of ten delivered with a case, the rest filtered or
parked, stored records for the last twentieth of them. Then pages of the same kinds go through both in turn, as a pass does
it: taken in with a lease, settled with a line of 25 digests, transactions on the disk. Figures are CPU time of this one
process, which other work on the machine moves little; ratios are made within a round, and the median is shown.

The aim is about the same traffic on a larger ledger. `changed, of any age` is another traffic, the worst that there is: each
record of a page lies elsewhere in the file. What it costs more is small beside a whole record (`CPU µs a record` of bench.run).
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from bench.processes import own_peak
from connector.model import Page, Record
from connector.stamps import stamp
from connector.store import Leased, LineSettle, Settle, Store, open_store

FLOW = "orders-to-cases"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = 200
DIGESTS = {number.to_bytes(4, "big"): number.to_bytes(8, "big") for number in range(25)}
LATELY = 5_000
"""Rows, the newest ones, that change and are read again: as many in both."""
KINDS = ("new", "changed lately", "changed, of any age", "repeated")

_ROWS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
INSERT INTO "row" (id, flow, site, key, rev, stamp, content, state, due, entered, mapping, route, first_seen, last_seen, since,
                   reason, field, remedy)
SELECT i, 1, 1, printf('%08d', i), 1, '2026-01-01T00:00:00.000Z', randomblob(8),
       iif(i % 100 = 0, 3, iif(i % 10 = 0, 2, 1)), :at + i, i % 10 <> 0, 2, 3, :at + i, :at + i, :at + i,
       iif(i % 100 = 0, 'no value for a required field', iif(i % 10 = 0, 'when', NULL)),
       iif(i % 100 = 0, 'Subject', NULL), iif(i % 100 = 0, 'correct the record', NULL) FROM n
"""
_LINES = """
INSERT INTO line ("row", id, key, stream, state, target, digests, sent_at)
SELECT id, 'main', '', 4, 1, printf('500%015d', id), randomblob(300), first_seen FROM "row" WHERE state = 1
"""
_RECORDS = """
INSERT INTO record ("row", body, at)
SELECT id, CAST('{"text":"' || hex(randomblob(900)) || '"}' AS BLOB), first_seen FROM "row"
WHERE state IN (1, 3) AND id > :rows - :rows / 20
"""
_BOOKS = """
UPDATE flow SET "rows" = :rows, read = :rows, settled = :rows, parked = :rows / 100, filtered = :rows / 10 - :rows / 100,
  done = :rows - :rows / 10
"""


def fill(folder: Path, rows: int) -> None:
    """A ledger of so many rows, as if they had come one a second."""
    with closing(open_store("sqlite:///ledger.db", base=folder)) as store:
        store.ingest(FLOW, Page([], None, BEGAN), BEGAN)
    given = {"rows": rows, "at": BEGAN.timestamp()}
    with closing(sqlite3.connect(folder / "ledger.db", isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-200000")
        db.execute("BEGIN")
        for text in ("RefArch", "v1", "queue=Orders", "desk.Case"):
            db.execute("INSERT INTO word (text) VALUES (?)", (text,))
        for statement in (_ROWS, _LINES, _RECORDS, _BOOKS):
            db.execute(statement, given)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


class Ledger:
    """One of the two, and where its next pages come from."""

    def __init__(self, folder: Path, rows: int, seed: int) -> None:
        folder.mkdir()
        filling = get_context("spawn").Process(target=fill, args=(folder, rows))  # its memory is not ours
        filling.start()
        filling.join()
        if filling.exitcode:
            raise SystemExit("the ledger could not be filled")
        self.store: Store = open_store("sqlite:///ledger.db", base=folder)
        self.rows, self.next, self.random = rows, rows, random.Random(seed)
        self.now = BEGAN + timedelta(seconds=rows)
        self.body = {"text": "x" * 1800}

    def page(self, kind: str) -> list[Record]:
        """Two hundred records of a kind."""
        self.now += timedelta(seconds=60)
        if kind == "new":
            numbers: Sequence[int] = range(self.next + 1, self.next + 1 + PAGE)
            self.next += PAGE
        elif kind == "changed, of any age":
            numbers = self.random.sample(range(1, self.rows), PAGE)
        else:
            numbers = self.random.sample(range(self.next - LATELY, self.next), PAGE)
        fields = {**self.body, "at": self.now.timestamp()}
        return [Record(f"{number:08}", {**fields, "no": number}, stamp(self.now), "RefArch") for number in numbers]

    def deliver(self, records: Sequence[Record]) -> None:
        """What a pass does with a page: take it in with a lease, settle what was leased."""
        done = self.store.ingest(FLOW, Page(records, str(self.now), self.now), self.now, lease=300.0)
        if done.leased:
            assert done.token is not None
            settles = [self._settled(one) for one in done.leased]
            self.store.settle(FLOW, done.token, settles, self.now, mapping="v1")

    @staticmethod
    def _settled(one: Leased) -> Settle:
        line = LineSettle("main", "", "desk.Case", "sent", f"500{one.row:015}", DIGESTS)
        return Settle(one.row, one.rev, "done", route="queue=Orders", entered=True, lines=[line])

    def cost(self, kind: str, pages: int) -> float:
        """CPU microseconds a record."""
        made = [self.page("changed lately" if kind == "repeated" else kind) for _ in range(pages)]
        if kind == "repeated":
            for records in made:
                self.deliver(records)
            made = [self._as_known(records) for records in made]
        began = time.process_time()
        for records in made:
            self.deliver(records)
        return (time.process_time() - began) / (pages * PAGE) * 1e6

    def _as_known(self, records: Sequence[Record]) -> list[Record]:
        """The same records as the ledger knows them now: a later page may have shown one again."""
        return [record for record in records if self._stamp(record) == record.stamp]

    def _stamp(self, record: Record) -> str | None:
        return self.store.known(FLOW, [("RefArch", record.key)])[("RefArch", record.key)]


def growth(rows: int, small: int, pages: int, rounds: int, scratch: Path, out: Callable[[str], None] = print) -> None:
    """The table."""
    began = time.perf_counter()
    large, few = Ledger(scratch / "large", rows, 1), Ledger(scratch / "small", small, 1)
    filled = time.perf_counter() - began
    out(
        f"\na record's cost in the ledger, {rows:,} rows beside {small:,}, median of {rounds} (filled in {filled:.0f} s)"
    )
    out(f"  {'':<22}{'CPU µs, large':>15}{'small':>8}{'more':>8}{'ratio':>8}")
    for kind in KINDS:
        few.cost(kind, 2)
    peak = own_peak()
    for kind in KINDS:
        large.cost(kind, 2)
    for kind in KINDS:
        took = [(large.cost(kind, pages), few.cost(kind, pages)) for _ in range(rounds)]
        ratio = statistics.median(a / b for a, b in took)
        more = statistics.median(a - b for a, b in took)
        costs = [statistics.median(each) for each in zip(*took, strict=True)]
        aim = "   at most 1.20" if kind != "changed, of any age" else ""
        out(f"  {kind:<22}{costs[0]:>15.1f}{costs[1]:>8.1f}{more:>8.1f}{ratio:>8.2f}{aim}")
    extent, total = large.store.extent(), large.store.size()
    out(f"  the large one: {total / 2**20:,.0f} MiB on disk, {extent.log / 2**20:.1f} of it its log")
    out(f"  peak memory, MiB: {peak:.0f} with the small one alone, {own_peak():.0f} with both")
    for ledger in (large, few):
        ledger.store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--pages", type=int, default=20, help="pages of 200 records of each kind in a round")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        growth(given.rows, given.small, given.pages, given.rounds, Path(scratch))


if __name__ == "__main__":
    main()
