"""Erasing records from the SQLite ledger: every table, the texts of other rows, the audit, and the file's own remnants.

What stays is a keyed digest of each record and of each of our keys, so that reading them again makes nothing anew. Whoever has
the ledger, and its key with it, can tell whether a name that they know was forgotten; no name can be read from it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache

from connector.errors import Busy
from connector.states import record_key
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_hand import audited
from connector.store.sqlite_ingest import add_to_books
from connector.store.sqlite_mend import standing_alone
from connector.store.sqlite_schema import DEAD, PENDING, STATES
from connector.store.sqlite_stays import forget_stays, told_of, watched
from connector.store.sqlite_tombstones import any_forgotten, digest, forgotten_among
from connector.store.sqlite_values import bound, dump, load, marks, shown
from connector.store.tools import Forgotten, Name

GONE = "(forgotten)"
_TEXTS = ("reason", "remedy", "message")
"""Columns that may name a record in words."""
_LARGE = 200_000_000
"""Bytes above which the file is written anew by way of a temporary file, not of memory."""


class Forgetting(LedgerFile):
    """Part of SqliteStore."""

    def forget(self, rows: Sequence[int], names: Collection[str], now: datetime, *, by: str) -> Forgotten:
        with self._write() as db:
            db.execute("PRAGMA secure_delete=ON")
            found = _rows(db, rows, now.timestamp())
            digests = [digest(self.digest_key, "record", str(flow), site, key) for _, flow, site, key, *_ in found]
            own = {*names, *watched(db, [record_key(key) for _, _, _, key, *_ in found])}
            digests += [digest(self.digest_key, "ours", name) for name in sorted(own)]
            found += _rows(db, sorted(set(told_of(db, own)) - set(rows)), now.timestamp())
            at = now.timestamp()
            db.executemany("INSERT OR IGNORE INTO forgotten VALUES (?,?)", [(each, at) for each in digests])
            forget_stays(db, own)
            erased = _erase(db, found)
            db.executemany("DELETE FROM watch WHERE key=?", [(bound(name),) for name in names])
            texts, entries = _without(db, names), _without_in_audit(db, names)
            told = {"by": by, "rows": str(len(found)), "flows": ", ".join(erased)}
            audited(db, "forget", at, told)
        return Forgotten(erased, entries, texts)

    def is_forgotten(self, flow: str, names: Sequence[Name]) -> Collection[Name]:
        with self._read() as db:
            number = db.execute("SELECT id FROM flow WHERE name=?", (flow,)).fetchone()
            if number is None or not any_forgotten(db):
                return set()

            def known(site: str) -> int:
                found = db.execute("SELECT id FROM word WHERE text=?", (bound(site),)).fetchone()
                return int(found[0]) if found else 0

            asked = [(site, key, None) for site, key in names]
            return forgotten_among(db, self.digest_key, int(number[0]), cache(known), asked)

    def is_name_forgotten(self, name: str) -> bool:
        with self._read() as db:
            found = db.execute("SELECT 1 FROM forgotten WHERE digest=?", (digest(self.digest_key, "ours", name),))
            return found.fetchone() is not None

    def scrub(self) -> bool:
        with self._mutex, self._faults():
            large = self.path.stat().st_size > _LARGE
            self._conn.execute("PRAGMA secure_delete=ON")
            self._conn.execute(f"PRAGMA temp_store={'FILE' if large else 'MEMORY'}")
            self._conn.execute("VACUUM")
            busy, *_ = self._conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy


def _rows(db: sqlite3.Connection, rows: Sequence[int], at: float) -> list[tuple[int, int, str, str, int]]:
    """Id, flow, site, key and state of each; Busy when a worker holds one."""
    found = []
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        for number, flow, site, key, state, due, token in db.execute(
            f'SELECT id, flow, site, key, state, due, token FROM "row" WHERE id IN ({marks(len(part))})', part
        ).fetchall():
            if state == PENDING and token is not None and token != DEAD and due > at:
                raise Busy("a worker holds one of its rows right now; nothing was erased, give the command again")
            found.append((number, flow, str(site), shown(key), state))
    return found


def _erase(db: sqlite3.Connection, rows: Sequence[tuple[int, int, str, str, int]]) -> dict[str, int]:
    """Every table that knows a row loses it; how many of each flow."""
    tables = db.execute(
        "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type='table' AND c.name='row'"
    ).fetchall()
    numbers = [(row[0],) for row in rows]
    for (table,) in tables:
        db.executemany(f'DELETE FROM "{table}" WHERE "row"=?', numbers)
    db.executemany('DELETE FROM "row" WHERE id=?', numbers)
    erased: dict[str, int] = {}
    for _, flow, _, _, state in rows:
        pending = int(state == PENDING)
        add_to_books(db, flow, {"rows": -1, STATES[state]: -1, "open": -pending, "settled": pending})
        name = str(db.execute("SELECT name FROM flow WHERE id=?", (flow,)).fetchone()[0])
        erased[name] = erased.get(name, 0) + 1
    return erased


def _without(db: sqlite3.Connection, names: Collection[str]) -> int:
    """The names are taken out of every text that tells of other rows, of faults, or of routes; how many texts."""
    pattern = standing_alone(names)
    if pattern is None:
        return 0
    db.create_function("named", 1, lambda text: text is not None and pattern.search(shown(text)) is not None)
    db.create_function("unnamed", 1, lambda text: bound(pattern.sub(GONE, shown(text))))
    count = 0
    for table, column in db.execute(
        "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c "
        f"WHERE m.type='table' AND c.name IN ({marks(len(_TEXTS))})",
        _TEXTS,
    ).fetchall():
        change = (
            f'UPDATE "{table}" SET "{column}"=unnamed("{column}") WHERE "{column}" IS NOT NULL AND named("{column}")'
        )
        count += db.execute(change).rowcount
    found = db.execute("SELECT id FROM word WHERE named(text)").fetchall()
    # a number that another process remembers must stay a number, so the word stays and says nothing
    silent = "UPDATE word SET text='(forgotten ' || id || ')' WHERE id=?"
    return count + db.executemany(silent, [word for word in found if not _ours(db, word[0])]).rowcount


def _ours(db: sqlite3.Connection, word: int) -> bool:
    """Whether a word comes from a configuration: a site, a stream, fields. A record may be named so, and others need it."""
    return any(
        db.execute(f'SELECT 1 FROM "{table}" WHERE "{column}"=? LIMIT 1', (word,)).fetchone()
        for table, column in (("row", "site"), ("row", "mapping"), ("line", "stream"), ("record", "selection"))
    )


def _without_in_audit(db: sqlite3.Connection, names: Collection[str]) -> int:
    """Entries about one of the names keep who, when and what; what they said of it goes. Of others, the names go."""
    pattern, count = standing_alone(names), 0
    for number, facts in db.execute("SELECT id, facts FROM audit").fetchall():
        told = load(shown(facts).encode("utf-8", "surrogatepass"))
        if told.get("key") in names:
            kept = {name: value if name in ("by", "rows", "flow") else GONE for name, value in told.items() if value}
        elif pattern is not None and pattern.search(shown(facts)):
            kept = {name: pattern.sub(GONE, str(value)) for name, value in told.items()}
        else:
            continue
        db.execute("UPDATE audit SET facts=? WHERE id=?", (dump(kept).decode(), number))
        count += 1
    return count
