"""Many rows in one statement: `VALUES (…), (…)`.

SQLite's driver gives the interpreter's lock away at every step of a statement, and takes it back after: with a statement a row,
a page of 200 rows changes hands 200 times while other threads want the lock. One statement a page works without it throughout.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

_SIZES = (256, 200, 128, 64, 8, 1)
"""Rows of one statement: few sizes, so that each is parsed once and kept by the driver. 256 rows of 15 columns stay well
below the 32,766 parameters that a statement may have. Source: https://www.sqlite.org/limits.html, 9."""


@lru_cache(maxsize=256)
def _statement(sql: str, columns: int, count: int) -> str:
    row = f"({','.join('?' * columns)})"
    return sql.format(",".join([row] * count))


def write_many(db: sqlite3.Connection, sql: str, rows: Sequence[Sequence[Any]], same: Sequence[Any] = ()) -> None:
    """Run `sql`, whose `{}` is the list of rows behind VALUES, for all rows; each has as many values as the first. `same` are
    values that all rows share, for the `?` before the list: to bind a value costs as much as to store it."""
    start, left = 0, len(rows)
    for size in _SIZES:
        while left >= size:
            part = rows[start : start + size]
            db.execute(_statement(sql, len(part[0]), size), [*same, *chain.from_iterable(part)])
            start, left = start + size, left - size
