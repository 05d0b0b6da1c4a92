"""What a clock that ran ahead has left in the SQLite ledger, set right when it has been put back."""

from __future__ import annotations

from datetime import datetime

from connector.store.sqlite_file import LedgerFile

_APART = 60.0
"""Seconds by which clocks may differ without anybody having put one back."""
_LAST = "SELECT coalesce(max(cursor_at, polled_at), cursor_at, polled_at) FROM flow WHERE id=?"
_PUT_BACK = (
    'UPDATE line SET uncertain=:now WHERE uncertain>:now AND EXISTS (SELECT 1 FROM "row" WHERE id=line."row" AND flow=:flow)',
    'UPDATE line SET sent_at=:now-1 WHERE sent_at>:now AND EXISTS (SELECT 1 FROM "row" WHERE id=line."row" AND flow=:flow)',
    'UPDATE "row" SET uncertain=:now WHERE flow=:flow AND uncertain>:now',
    'UPDATE "row" SET due=:now WHERE flow=:flow AND state=0 AND due>:now',
    "INSERT INTO created SELECT flow, :minute, sum(n) FROM created WHERE flow=:flow AND minute>:minute AND minute>:hour "
    "GROUP BY flow ON CONFLICT (flow, minute) DO UPDATE SET n=n+excluded.n",
    "DELETE FROM created WHERE flow=:flow AND minute>:minute",
)
"""What lies ahead is now; new objects of the last hour before the clock was put back were made just now. What was sent is a
second older than what is in doubt: which came first, nobody knows any more, and a doubt too many only costs a look."""


class PutBack(LedgerFile):
    """Part of SqliteStore."""

    def put_back(self, flow: str, now: datetime) -> float:
        at, number = now.timestamp(), self._prepare(flow)
        with self._read() as db:
            last = db.execute(_LAST, (number,)).fetchone()[0]
        if last is None or last - at <= _APART:
            return 0.0
        with self._write() as db:
            db.execute("UPDATE flow SET cursor_at=min(cursor_at, ?), polled_at=? WHERE id=?", (at, at, number))
            given = {"now": at, "flow": number, "minute": int(at // 60), "hour": int(last // 60) - 60}
            for statement in _PUT_BACK:
                db.execute(statement, given)
        return float(last - at)
