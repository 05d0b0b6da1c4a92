"""Calls of the last 24 hours in the SQLite ledger: added up by every process that works on it, kept over restarts."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from connector.budget import SLOTS, Spent, slot
from connector.model import Usage
from connector.store.sqlite_file import LedgerFile
from connector.store.sqlite_values import at_time, bound, shown

_ADD = "INSERT INTO spent VALUES (?,?,?) ON CONFLICT (connection, slot) DO UPDATE SET calls = calls + excluded.calls"
_HEARD = (
    "INSERT INTO usage VALUES (?,?,?,?,?) ON CONFLICT (connection) DO UPDATE SET used=excluded.used, "
    "allowed=excluded.allowed, app=excluded.app, at=excluded.at WHERE excluded.at >= at OR at > ?"
)
"""A newer count replaces an older one, and one that was heard by a clock that ran ahead."""


class BudgetBook(LedgerFile):
    """Part of SqliteStore."""

    def spend(self, calls: Mapping[str, int], usages: Mapping[str, Usage], now: datetime) -> Mapping[str, Spent]:
        at, here = now.timestamp(), slot(now)
        with self._write() as db:
            db.executemany(_ADD, [(bound(name), here, count) for name, count in calls.items() if count])
            db.executemany(
                _HEARD,
                [(bound(name), one.used, one.allowed, one.app, one.at.timestamp(), at) for name, one in usages.items()],
            )
            db.execute("DELETE FROM spent WHERE slot < ? OR slot > ?", (here - SLOTS, here + SLOTS))
            return _spent(db)

    def spent(self, now: datetime) -> Mapping[str, Spent]:
        with self._snapshot() as db:
            return _spent(db)


def _spent(db: sqlite3.Connection) -> Mapping[str, Spent]:
    slots: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for name, at, calls in db.execute("SELECT connection, slot, calls FROM spent").fetchall():
        slots[shown(name)][at] = calls
    found = db.execute("SELECT connection, used, allowed, app, at FROM usage").fetchall()
    usages = {shown(row[0]): Usage(row[1], row[2], row[3], at_time(row[4])) for row in found}
    return {name: Spent(slots.get(name, {}), usages.get(name)) for name in slots.keys() | usages.keys()}
