"""By which number people name a record that has another key: a case by its number"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from connector.model import Record
from connector.store.sqlite_values import bound
from connector.store.sqlite_words import Words

LONGEST = 80
"""Characters; longer texts are no numbers."""
_ADD = 'INSERT OR IGNORE INTO number SELECT ?, id FROM "row" WHERE key=? AND flow=? AND site=?'
NUMBERED = '"row".id IN (SELECT "row" FROM number WHERE text=?)'


def remember_numbers(words: Words, db: sqlite3.Connection, flow: int, records: Iterable[Record], field: str) -> None:
    """In the transaction that stores their page; also of records that were stored before numbers were kept."""
    found = []
    for record in records:
        number = record.fields.get(field)
        if isinstance(number, (str, int)) and not isinstance(number, bool) and 0 < len(str(number)) <= LONGEST:
            found.append((bound(str(number)), bound(record.key), flow, words.number(record.site)))
    if found:
        db.executemany(_ADD, found)
