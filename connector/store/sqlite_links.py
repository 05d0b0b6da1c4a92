"""Which rows look at which records, in the SQLite ledger: links written with what was mapped from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from connector.store.nouns import Settle
from connector.store.sqlite_values import bound
from connector.store.sqlite_words import Words

_BEFORE = 3600.0
"""The first read begins so long before the first link: looked up before it was noted, by a clock that is not the remote one."""


def write_watches(words: Words, db: sqlite3.Connection, flow: int, settles: Sequence[Settle], at: float) -> None:
    """The links of rows that were settled, whole. A missing record keeps the stamp under which it was shown last."""
    for one in settles:
        links = {(words.number(each.stream), bound(each.key)): each.stamp for each in one.watched or ()}
        stale = [
            (flow, *name, one.row)
            for name in db.execute('SELECT stream, key FROM watch WHERE "row"=?', (one.row,)).fetchall()
            if name not in links
        ]
        db.executemany('DELETE FROM watch WHERE flow=? AND stream=? AND key=? AND "row"=?', stale)
        db.executemany(
            "INSERT INTO watch VALUES (?,?,?,?,?) ON CONFLICT DO UPDATE SET stamp=coalesce(excluded.stamp, stamp)",
            [(flow, *name, one.row, stamp) for name, stamp in links.items()],
        )
    streams = {words.number(each.stream) for one in settles for each in one.watched or ()}
    db.executemany(
        "INSERT OR IGNORE INTO watched (flow, stream, since) VALUES (?,?,?)",
        [(flow, stream, at - _BEFORE) for stream in streams],
    )
