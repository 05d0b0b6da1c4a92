"""Migrations of the SQLite ledger: which were applied, asked without a library, and applying what is missing (sqlite-utils)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

Step = Callable[["Database"], None]


class Steps:
    """Forward-only steps in the order of their definition, each applied once. sqlite-utils keeps the record; it is loaded only
    where a step is missing, since loading it costs more than most commands."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._steps: list[Step] = []

    def __call__(self) -> Callable[[Step], Step]:
        """Declares a step: `@ledger()`."""

        def declare(step: Step) -> Step:
            self._steps.append(step)
            return step

        return declare

    def applied(self, conn: sqlite3.Connection) -> set[str]:
        """Names of the steps that this file has seen."""
        table = "SELECT 1 FROM sqlite_master WHERE name='_sqlite_migrations'"
        if conn.execute(table).fetchone() is None:
            return set()
        found = conn.execute("SELECT name FROM _sqlite_migrations WHERE migration_set=?", (self._name,)).fetchall()
        return {name for (name,) in found}

    def apply(self, conn: sqlite3.Connection, *, stop_before: str | None = None) -> None:
        """Apply what is missing, within the caller's transaction; `stop_before` a step, as a version that had not got it."""
        from sqlite_utils import Database, Migrations

        migrations = Migrations(self._name)
        for step in self._steps:
            migrations()(step)
        # by default it has a REPLACE fire triggers of deletions, on this connection alone
        db = Database(conn, execute_plugins=False, recursive_triggers=False)
        migrations.apply(db, stop_before=stop_before)
