"""What people do to rows by hand: parked ones back on their way, objects made anew, rows given up."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.store.sqlite_fights import forget_flips
from connector.store.sqlite_ingest import add_to_books
from connector.store.sqlite_schema import DROPPED, OWED, PARKED, PENDING
from connector.store.sqlite_values import bound, dump, load, shown


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows are meant; None: any. `field` is that of the reason, "" for none."""

    flow: str | None = None
    key: str | None = None
    reason: str | None = None
    field: str | None = None

    def where(self, state: int) -> tuple[str, list[str | bytes]]:
        """As a condition on `row`, with its parameters."""
        wanted: list[str] = [f"state={state}"]
        given: list[str | bytes] = []
        for clause, value in (
            ("flow=(SELECT id FROM flow WHERE name=?)", self.flow),
            ("key=?", self.key),
            ("reason=?", self.reason),
            ("coalesce(field, '')=?", self.field),
        ):
            if value is not None:
                wanted.append(clause)
                given.append(bound(value))
        return " AND ".join(wanted), given


def replay_rows(db: sqlite3.Connection, choice: Choice, at: float, *, dropped: bool, recreate: bool) -> int:
    """Parked (or dropped) rows become pending; how many. `recreate`: only rows whose object of ours is gone, and it is
    forgotten.

    What bears our key is an answer, and is fetched again before it counts: its object may have been deleted since, and
    another one made in its place.
    """
    where, given = choice.where(DROPPED if dropped else PARKED)
    anew: list[tuple[int]] = []
    if recreate:
        where += ' AND EXISTS (SELECT 1 FROM line WHERE line."row"="row".id AND line.gone)'
        anew = db.execute(f'SELECT id FROM "row" WHERE {where}', given).fetchall()
    flows = _by_flow(db, where, given)
    forget_flips(db, where, given)
    db.execute(f'DELETE FROM record WHERE "row" IN (SELECT id FROM "row" WHERE {where} AND our_key IS NOT NULL)', given)
    db.execute(
        f'UPDATE "row" SET state={PENDING}, due=?, since=?, attempts=0, token=NULL, reason=NULL, field=NULL, remedy=NULL '
        f"WHERE {where}",
        (at, at, *given),
    )
    for (row,) in anew:
        _forget_gone(db, row, at)
    left = "dropped" if dropped else "parked"
    for number, count in flows:
        add_to_books(db, number, {left: -count, "pending": count, "settled": -count, "open": count})
    return sum(count for _, count in flows)


def drop_rows(db: sqlite3.Connection, choice: Choice, why: str) -> int:
    """Parked rows are given up for this reason; how many."""
    where, given = choice.where(PARKED)
    flows = _by_flow(db, where, given)
    db.execute(
        f'UPDATE "row" SET state={DROPPED}, reason=?, field=NULL, remedy=NULL WHERE {where}', (bound(why), *given)
    )
    for number, count in flows:
        add_to_books(db, number, {"parked": -count, "dropped": count})
    return sum(count for _, count in flows)


def audited(db: sqlite3.Connection, what: str, at: float, facts: Mapping[str, str]) -> None:
    """Remember who did what, in the transaction that does it."""
    db.execute("INSERT INTO audit (at, what, facts) VALUES (?,?,?)", (at, bound(what), dump(dict(facts)).decode()))


def _by_flow(db: sqlite3.Connection, where: str, given: Sequence[str | bytes]) -> list[tuple[int, int]]:
    return db.execute(f'SELECT flow, count(*) FROM "row" WHERE {where} GROUP BY flow', given).fetchall()


def _forget_gone(db: sqlite3.Connection, row: int, at: float) -> None:
    """Lines that wrote to an object which is gone begin anew, as if nothing had been sent; those on other objects stay.

    `sent_at` ends a doubt that stands on the row: it was about the object that is gone. The ids stay in `forgotten`, for an
    adapter may find the old object in a recycle bin under our key.
    """
    lines = db.execute('SELECT id, key, target, gone, forgotten FROM line WHERE "row"=?', (row,)).fetchall()
    dead = {target for _, _, target, gone, _ in lines if gone and target is not None}
    _begin_anew(db, row, lines, dead, at)


def forget_objects(db: sqlite3.Connection, row: int, dead: Collection[str | bytes], at: float) -> None:
    """The same for lines on these objects, whether or not a delivery has found them gone."""
    lines = db.execute('SELECT id, key, target, gone, forgotten FROM line WHERE "row"=?', (row,)).fetchall()
    _begin_anew(db, row, [line for line in lines if line[2] in dead], dead, at)


def _begin_anew(
    db: sqlite3.Connection, row: int, lines: Sequence[tuple[Any, ...]], dead: Collection[str | bytes], at: float
) -> None:
    for name, key, target, gone, forgotten in lines:
        if not gone and target not in dead:
            continue
        ids = [*(load(forgotten) if forgotten else ()), *([] if target is None else [shown(target)])]
        db.execute(
            f"UPDATE line SET state={OWED}, target=NULL, digests=x'', history=NULL, uncertain=NULL, sent_at=?, reason=NULL, "
            'field=NULL, remedy=NULL, gone=0, forgotten=? WHERE "row"=? AND id=? AND key=?',
            (at, dump(list(dict.fromkeys(ids))), row, name, key),
        )
