"""Stored documents on their way into the SQLite ledger and out again: under the configured key, or as they are.

`encryption` holds a line for every key that a stored document may still be under; `meta.encryption` is the number of the one
in use (0: none), `meta.rekey` the last row looked at while older ones are brought under it. A process that was started with
another key than the one in use writes nothing: what it wrote behind that row would be found by nobody.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from connector.errors import LedgerError
from connector.secret import RecordKeys
from connector.store import Rekeyed
from connector.store.encryption import MARKED, Sealed, number_of

Seal = Callable[[int, bytes], bytes]
_PART_BYTES = 2_000_000
_LOST = (
    "If that key is lost, `connector rekey --lost` forgets the records under it: rows and links stay, and what is needed "
    "again is fetched again"
)


class Bodies:
    """The one place where stored documents are sealed and opened. The caller holds the connection's lock."""

    def __init__(self, path: Path, db: sqlite3.Connection, keys: RecordKeys | None) -> None:
        """LedgerError when a document may lie there under a key that is not configured; nothing is written."""
        self._path, self._keys = path, keys or RecordKeys()
        self._known: dict[int, Sealed] = {}
        self._current: int | None = None
        missing = self._find(db)
        if missing and not self._keys.lost:
            raise self._refusal(*missing[0])

    def _find(self, db: sqlite3.Connection) -> list[tuple[int, float]]:
        """Match configured keys with those that the ledger names; what is left has none."""
        missing = []
        for number, salt, proof, since in db.execute("SELECT id, salt, proof, since FROM encryption ORDER BY id"):
            tried = (Sealed(number, key, salt) for key in self._keys.all())
            found = next((one for one in tried if one.proves(proof)), None)
            if found is None:
                missing.append((number, since))
            else:
                self._known[number] = found
        return missing

    def _refusal(self, number: int, since: float) -> LedgerError:
        day = datetime.fromtimestamp(since, UTC).date()
        return LedgerError(
            f"ledger {self._path}: stored records are encrypted with a key that is not configured (key {number}, in use since "
            f"{day}): give it as keep.encrypt.key, or among keep.encrypt.old_keys if another one has taken its place. "
            f"Nothing was changed. {_LOST}"
        )

    # -- out -----------------------------------------------------------------------------------------------------------

    def plain(self, db: sqlite3.Connection, row: int, body: bytes) -> bytes | None:
        """The document of a row as it was given; None when it was damaged, or put there from another row: it is fetched again.
        LedgerError when its key is not configured."""
        if not isinstance(body, bytes) or body[:1] != MARKED:  # of a damaged page SQLite gives whatever it finds there
            return body
        number = number_of(body)
        key = self._known.get(number)
        if key is None:  # another process has begun with it
            self._find(db)
            key = self._known.get(number)
        if key is None:
            since = db.execute("SELECT since FROM encryption WHERE id=?", (number,)).fetchone()
            raise self._refusal(number, since[0] if since else 0.0)
        return key.opened(row, body)

    # -- in ------------------------------------------------------------------------------------------------------------

    def adopt(self, db: sqlite3.Connection, at: float) -> None:
        """Begin to use the configured key, within the caller's transaction; call `adopted` once it is committed."""
        number = self._number(db, at)
        if number != self.in_use(db):
            db.execute("INSERT OR REPLACE INTO meta VALUES ('encryption', ?), ('rekey', 0)", (number,))

    def adopted(self, db: sqlite3.Connection) -> None:
        self._current = self.in_use(db)

    @property
    def fresh(self) -> bool:
        """Whether this process has not begun to write yet."""
        return self._current is None

    def seal(self, db: sqlite3.Connection) -> Seal | None:
        """What seals documents in this transaction; None: they lie there as they are."""
        if self.in_use(db) != self._current:
            raise LedgerError(
                f"ledger {self._path}: another process has changed the key of its records since this one started; "
                "start this one again with the configuration as it is now"
            )
        return self._known[self._current].seal if self._current else None

    def sealed(self, db: sqlite3.Connection, row: int, body: bytes) -> bytes | None:
        """A value that stands beside a row's document and goes with it; None where this process no longer has the key in use."""
        current = 0 if self.fresh and self._keys.first() is None else self._current
        if self.in_use(db) != current:
            return None
        return self._known[current].seal(row, body) if current else body

    @staticmethod
    def in_use(db: sqlite3.Connection) -> int:
        """The number of the key in use; 0: none."""
        found = db.execute("SELECT value FROM meta WHERE name='encryption'").fetchone()
        return int(found[0]) if found else 0

    def _number(self, db: sqlite3.Connection, at: float) -> int:
        """The configured key's number in this ledger, given now if it has none."""
        key = self._keys.first()
        if key is None:
            return 0
        for number, salt, proof in db.execute("SELECT id, salt, proof FROM encryption").fetchall():
            if (known := Sealed(number, key, salt)).proves(proof):
                self._known[number] = known
                return int(number)
        salt = os.urandom(16)
        found = db.execute("INSERT INTO encryption (salt, proof, since) VALUES (?, '', ?) RETURNING id", (salt, at))
        number = int(found.fetchone()[0])
        self._known[number] = Sealed(number, key, salt)
        db.execute("UPDATE encryption SET proof=? WHERE id=?", (self._known[number].proof(), number))
        return number

    # -- from one key to another ---------------------------------------------------------------------------------------

    def left(self, db: sqlite3.Connection) -> bool:
        """Whether documents may lie there under another key than the one in use, or than the configured one, which nobody who
        writes has begun to use yet."""
        if db.execute("SELECT 1 FROM meta WHERE name='rekey'").fetchone() is not None:
            return True
        key, current = self._keys.first(), self.in_use(db)
        found = db.execute("SELECT salt, proof FROM encryption WHERE id=?", (current,)).fetchone()
        begun = current == 0 if key is None else found and Sealed(current, key, found[0]).proves(found[1])
        return not begun and db.execute("SELECT 1 FROM record LIMIT 1").fetchone() is not None

    def rekey(self, db: sqlite3.Connection, limit: int) -> Rekeyed:
        """The next documents come under the key in use; after the last one the other keys are forgotten."""
        seal = self.seal(db)
        found = db.execute("SELECT value FROM meta WHERE name='rekey'").fetchone()
        if found is None:
            return Rekeyed()
        after, seen, size = int(found[0]), 0, 0
        new: list[tuple[bytes, int]] = []
        gone: list[tuple[int]] = []
        bare = False
        for row, body in db.execute(
            'SELECT "row", body FROM record WHERE "row">? ORDER BY "row" LIMIT ?', (after, limit)
        ):
            after, seen, size = row, seen + 1, size + len(body)
            number = number_of(body)
            if number != self._current:
                lost = body[:1] == MARKED and number not in self._known and self._keys.lost
                plain = None if lost else self.plain(db, row, body)
                if plain is None:
                    gone.append((row,))
                else:
                    new.append((seal(row, plain) if seal else plain, row))
                    bare = bare or body[:1] != MARKED
            if size > _PART_BYTES:
                break
        db.executemany('UPDATE record SET body=? WHERE "row"=?', new)
        db.executemany('DELETE FROM record WHERE "row"=?', gone)
        if bare:  # what SQLite moved about within its pages may be there a second time
            db.execute("INSERT OR REPLACE INTO meta VALUES ('remnants', 1)")
        retired = 0
        if seen:
            db.execute("UPDATE meta SET value=? WHERE name='rekey'", (after,))
        else:
            self._forget_fights(db)
            self._reseal_held(db, seal)
            retired = db.execute("DELETE FROM encryption WHERE id<>?", (self._current,)).rowcount
            db.execute("DELETE FROM meta WHERE name='rekey'")
        return Rekeyed(len(new), len(gone), retired, left=bool(seen))

    def _forget_fights(self, db: sqlite3.Connection) -> None:
        """What the loop breaker showed of values before the key was changed: few, and of use for a day."""
        found = db.execute('SELECT "row", sent, wanted FROM fight').fetchall()
        old = [(row,) for row, *values in found if any(v is not None and number_of(v) != self._current for v in values)]
        db.executemany('DELETE FROM fight WHERE "row"=?', old)

    def _reseal_held(self, db: sqlite3.Connection, seal: Seal | None) -> None:
        """What is held is needed as long as it is held, so it must not be lost with the old key."""
        for row, name, key, field, *values in db.execute(
            'SELECT "row", id, key, field, wish, original FROM held'
        ).fetchall():
            new = []
            for value in values:
                lost = value is not None and value[:1] == MARKED and number_of(value) not in self._known
                plain = None if value is None or (lost and self._keys.lost) else self.plain(db, row, value)
                new.append(plain if plain is None or seal is None else seal(row, plain))
            place = (row, name, key, field)
            change = 'UPDATE held SET wish=coalesce(?, wish), original=? WHERE "row"=? AND id=? AND key=? AND field=?'
            db.execute(change, (*new, *place))
