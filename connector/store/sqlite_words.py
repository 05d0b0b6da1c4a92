"""Interned texts of the SQLite ledger: sites, streams, routes, selections, mapping versions and flows by number."""

from __future__ import annotations

import sqlite3

import orjson

from connector.store.sqlite_faults import Damaged
from connector.store.sqlite_values import bound, shown


class Words:
    """Numbers for texts that repeat. Texts are given numbers outside of transactions, so that a roll-back cannot take
    back a number which is remembered here. The caller holds the connection's lock."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, str] = {}
        self._flows: dict[str, int] = {}

    def number(self, text: str) -> int:
        known = self._numbers.get(text)
        if known is None:
            if self._conn.in_transaction:
                raise AssertionError(f"{text!r} must be interned before the transaction")
            self._conn.execute("INSERT OR IGNORE INTO word (text) VALUES (?)", (bound(text),))
            known = int(self._conn.execute("SELECT id FROM word WHERE text=?", (bound(text),)).fetchone()[0])
            self._numbers[text] = known
            self._texts[known] = text
        return known

    def text(self, number: int | None) -> str:
        """ "" for None."""
        if number is None:
            return ""
        known = self._texts.get(number)
        if known is None:
            found = self._conn.execute("SELECT text FROM word WHERE id=?", (number,)).fetchone()
            if found is None:
                raise Damaged(f"word {number} is missing")
            known = self._texts[number] = str(shown(found[0]))
        return known

    def selection(self, number: int | None) -> frozenset[str] | None:
        """The fields that a record was read with; None: all."""
        return None if number is None else frozenset(orjson.loads(self.text(number)))

    def flow(self, name: str) -> int:
        known = self._flows.get(name)
        if known is None:
            self._conn.execute("INSERT OR IGNORE INTO flow (name) VALUES (?)", (name,))
            known = int(self._conn.execute("SELECT id FROM flow WHERE name=?", (name,)).fetchone()[0])
            self._flows[name] = known
        return known

    def forget_flows(self) -> None:
        """A flow got another name."""
        self._flows.clear()
