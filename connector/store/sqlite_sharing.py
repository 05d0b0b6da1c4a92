"""Objects that several records share, in the SQLite ledger: found by the key of their main lines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from connector.model import Row
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_rows import read_rows
from connector.store.sqlite_schema import DEAD
from connector.store.sqlite_values import at_time, bound, marks, shown

_SHARING = (
    'SELECT line.key, line."row" FROM line INDEXED BY line_shared JOIN "row" ON "row".id=line."row" '
    "WHERE line.id='main' AND line.key<>'' AND line.key IN ({}) AND \"row\".flow=? ORDER BY line.\"row\""
)
_JOINED = (
    'SELECT line.key, max(sent_at) FROM line INDEXED BY line_joined JOIN "row" ON "row".id=line."row" '
    "WHERE line.id='main' AND line.key<>'' AND sent_at>=? AND \"row\".flow=? GROUP BY line.key"
)
_CUT_OFF = (
    'SELECT max(uncertain) FROM "row" INDEXED BY row_uncertain WHERE state=0 AND uncertain IS NOT NULL AND flow=?'
)
_DEAD = 'SELECT 1 FROM "row" INDEXED BY row_due WHERE state=0 AND flow=? AND due=0 AND token=? LIMIT 1'


class SqliteSharing(LedgerFile):
    """Part of SqliteStore."""

    def sharing(self, flow: str, keys: Collection[str]) -> Mapping[str, Sequence[Row]]:
        number, asked = self._prepare(flow), [bound(key) for key in keys]
        pairs: list[tuple[str, int]] = []
        rows: dict[int, Row] = {}
        with self._snapshot() as db:
            for start in range(0, len(asked), 500):
                part = asked[start : start + 500]
                pairs += db.execute(_SHARING.format(marks(len(part))), (*part, number)).fetchall()
            numbers = sorted({row for _, row in pairs})
            for start in range(0, len(numbers), 500):
                some = numbers[start : start + 500]
                rows |= {
                    row.id: row for row in read_rows(self._words, db, f'"row".id IN ({marks(len(some))})', some, -1)
                }
        found: dict[str, list[Row]] = {}
        for key, row in pairs:
            found.setdefault(shown(key), []).append(rows[row])
        return found

    def joined(self, flow: str, since: datetime) -> Mapping[str, datetime]:
        number = self._prepare(flow)
        with self._read() as db:
            found = db.execute(_JOINED, (since.timestamp(), number)).fetchall()
        return {shown(key): at_time(at) for key, at in found}

    def cut_off(self, flow: str, now: datetime) -> datetime | None:
        number = self._prepare(flow)
        with self._read() as db:
            if db.execute(_DEAD, (number, DEAD)).fetchone():
                return now
            (latest,) = db.execute(_CUT_OFF, (number,)).fetchone()
        found: datetime | None = at_time(latest)
        return found
