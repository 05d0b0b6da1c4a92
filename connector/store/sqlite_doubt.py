"""What may have been written without our having read the answer, answered from indexes that hold nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from connector.model import Row
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_rows import read_rows
from connector.store.sqlite_values import at_time, bound, marks

_DOUBT = (
    'SELECT "row".id AS id, "row".flow AS flow, line.uncertain AS since FROM line INDEXED BY line_uncertain '
    'JOIN "row" ON "row".id=line."row" WHERE line.uncertain IS NOT NULL AND line.state<>1 AND "row".state IN (0, 3) '
    'UNION ALL SELECT id, flow, uncertain FROM "row" INDEXED BY row_uncertain WHERE state=0 AND uncertain IS NOT NULL '
    'AND NOT EXISTS (SELECT 1 FROM line WHERE line."row"="row".id AND sent_at >= "row".uncertain)'
)
"""Lines of rows that are not settled or parked, but those that were answered since (what was lost may still arrive, and nothing
is to be done about it); and rows whose delivery was cut off and that were not sent since."""
DOUBTED = f"SELECT name, count(DISTINCT doubt.id), min(since) FROM ({_DOUBT}) AS doubt JOIN flow ON flow.id=flow GROUP BY flow"
DOUBTS = f"SELECT id FROM ({_DOUBT}) AS doubt WHERE {{}} GROUP BY id ORDER BY min(since), id LIMIT ?"


class Doubts(LedgerFile):
    """Part of SqliteStore."""

    def doubted(self) -> Mapping[str, tuple[int, datetime]]:
        with self._read() as db:
            found = db.execute(DOUBTED).fetchall()
        return {name: (rows, at_time(since)) for name, rows, since in found}

    def doubts(self, *, flow: str | None = None, limit: int = 100) -> Sequence[Row]:
        where, given = ("1", []) if flow is None else ("flow=(SELECT id FROM flow WHERE name=?)", [bound(flow)])
        with self._snapshot() as db:
            ids = [row[0] for row in db.execute(DOUBTS.format(where), (*given, limit)).fetchall()]
            among = f'"row".id IN ({marks(len(ids))})'
            rows = {row.id: row for row in read_rows(self._words, db, among, ids, limit)} if ids else {}
        return [rows[each] for each in ids]
