"""Where flows stand in the SQLite ledger: cursors, sweeps, flows that got another name."""

from __future__ import annotations

from datetime import datetime

from connector.errors import LedgerError
from connector.model import Cursor
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_hand import audited
from connector.store.sqlite_schema import PARKED, PENDING
from connector.store.sqlite_values import bound, shown

_DOUBTED = (
    'SELECT count(DISTINCT "row".id) FROM line INDEXED BY line_uncertain JOIN "row" ON "row".id=line."row" '
    f'WHERE line.uncertain IS NOT NULL AND line.state<>1 AND "row".flow=? AND "row".state IN ({PENDING}, {PARKED})'
)


_READS = "reads "
"""Before a flow's name in `meta`: the stream that it reads."""


class Cursors(LedgerFile):
    """Part of SqliteStore."""

    def cursor(self, flow: str) -> Cursor | None:
        with self._read() as db:
            found = db.execute("SELECT cursor FROM flow WHERE name=?", (flow,)).fetchone()
        return shown(found[0]) if found else None

    def swept(self, flow: str, *, wide: bool = False) -> Cursor | None:
        column = "swept_wide" if wide else "swept"
        with self._read() as db:
            found = db.execute(f"SELECT {column} FROM flow WHERE name=?", (flow,)).fetchone()
        return shown(found[0]) if found else None

    def sweep_done(self, flow: str, cursor: Cursor, *, wide: bool = False) -> None:
        column = "swept_wide" if wide else "swept"
        with self._write() as db:
            db.execute(f"UPDATE flow SET {column}=? WHERE name=?", (bound(cursor), flow))

    def reads(self, flow: str, stream: str) -> str | None:
        name = _READS + flow
        with self._read() as db:
            before = db.execute("SELECT value FROM meta WHERE name=?", (bound(name),)).fetchone()
            if before is not None and shown(before[0]) == stream:
                return None
        with self._write() as db:
            known = db.execute('SELECT cursor IS NOT NULL OR "rows">0 FROM flow WHERE name=?', (flow,)).fetchone()
            if before is not None and known is not None and known[0]:
                return str(shown(before[0]))
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (bound(name), bound(stream)))
        return None

    def rename(self, old: str, new: str, now: datetime) -> int:
        with self._write() as db:
            found = db.execute('SELECT id, "rows" FROM flow WHERE name=?', (old,)).fetchone()
            if found is None:
                return 0
            cut_off = (
                'SELECT count(*) FROM "row" WHERE flow=? AND state=0 AND (token IS NOT NULL OR uncertain IS NOT NULL)'
            )
            open_rows = db.execute(cut_off, (found[0],)).fetchone()[0]
            doubted = db.execute(_DOUBTED, (found[0],)).fetchone()[0]
            if doubted:
                raise LedgerError(
                    f"{doubted} record{'s' if doubted > 1 else ''} of flow id {old!r} wrote something that got no answer "
                    f"(connector status --uncertain); under {new!r} that would be made or posted once more: run it under {old!r} "
                    "until none of them is pending, retry or drop what is parked, then move it"
                )
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
            db.execute("UPDATE OR REPLACE meta SET name=? WHERE name=?", (bound(_READS + new), bound(_READS + old)))
            audited(db, "flow moved", now.timestamp(), {"from": old, "to": new})
            self._words.forget_flows()
        return int(found[1])
