"""Where flows stand in the SQLite ledger: cursors, sweeps, a clock that was put back, flows that got another name."""

from __future__ import annotations

from datetime import datetime

from connector.errors import LedgerError
from connector.model import Cursor
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_hand import audited
from connector.store.sqlite_values import bound, shown

_APART = 60.0
"""Seconds by which clocks may differ without anybody having put one back."""
_PUT_BACK = (
    'UPDATE line SET uncertain=:now WHERE uncertain>:now AND "row" IN (SELECT id FROM "row" WHERE flow=:flow AND state=0)',
    'UPDATE "row" SET uncertain=:now WHERE flow=:flow AND state=0 AND uncertain>:now',
    'UPDATE "row" SET due=:now WHERE flow=:flow AND state=0 AND due>:now',
    "INSERT INTO created SELECT flow, :minute, sum(n) FROM created WHERE flow=:flow AND minute>:minute AND minute>:hour "
    "GROUP BY flow ON CONFLICT (flow, minute) DO UPDATE SET n=n+excluded.n",
    "DELETE FROM created WHERE flow=:flow AND minute>:minute",
)
"""What lies ahead is now; new objects of the last hour before the clock was put back were made just now."""


class Cursors(LedgerFile):
    """Part of SqliteStore."""

    def cursor(self, flow: str) -> Cursor | None:
        with self._read() as db:
            found = db.execute("SELECT cursor FROM flow WHERE name=?", (flow,)).fetchone()
        return shown(found[0]) if found else None

    def put_back(self, flow: str, now: datetime) -> float:
        at, number = now.timestamp(), self._prepare(flow)
        with self._read() as db:
            last = db.execute("SELECT cursor_at FROM flow WHERE id=?", (number,)).fetchone()[0]
        if last is None or last - at <= _APART:
            return 0.0
        with self._write() as db:
            db.execute("UPDATE flow SET cursor_at=? WHERE id=?", (at, number))
            given = {"now": at, "flow": number, "minute": int(at // 60), "hour": int(last // 60) - 60}
            for statement in _PUT_BACK:
                db.execute(statement, given)
        return float(last - at)

    def swept(self, flow: str, *, wide: bool = False) -> Cursor | None:
        column = "swept_wide" if wide else "swept"
        with self._read() as db:
            found = db.execute(f"SELECT {column} FROM flow WHERE name=?", (flow,)).fetchone()
        return shown(found[0]) if found else None

    def sweep_done(self, flow: str, cursor: Cursor, *, wide: bool = False) -> None:
        column = "swept_wide" if wide else "swept"
        with self._write() as db:
            db.execute(f"UPDATE flow SET {column}=? WHERE name=?", (bound(cursor), flow))

    def rename(self, old: str, new: str, now: datetime) -> int:
        with self._write() as db:
            found = db.execute('SELECT id, "rows" FROM flow WHERE name=?', (old,)).fetchone()
            if found is None:
                return 0
            cut_off = (
                'SELECT count(*) FROM "row" WHERE flow=? AND state=0 AND (token IS NOT NULL OR uncertain IS NOT NULL)'
            )
            open_rows = db.execute(cut_off, (found[0],)).fetchone()[0]
            taken = db.execute('SELECT "rows" FROM flow WHERE name=?', (new,)).fetchone()
            if open_rows:
                raise LedgerError(
                    f"{open_rows} deliveries of flow id {old!r} were cut off; run it under that id until nothing of it is "
                    f"pending, then move it to {new!r}"
                )
            if taken is not None and taken[0]:
                raise LedgerError(
                    f"flow id {new!r} owns {taken[0]} rows already, so those of {old!r} cannot become its own"
                )
            db.execute("DELETE FROM flow WHERE name=?", (new,))
            db.execute("UPDATE flow SET name=? WHERE id=?", (new, found[0]))
            audited(db, "flow moved", now.timestamp(), {"from": old, "to": new})
            self._words.forget_flows()
        return int(found[1])
