"""Rows and lines of the SQLite ledger: reading them for people, and settling them in one transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from connector.digests import pack, unpack
from connector.model import Line, Row
from connector.store import LineSettle, Moved, Settle
from connector.store.sqlite_attempts import Failure, failures, remember_attempts
from connector.store.sqlite_bodies import Bodies
from connector.store.sqlite_fights import with_fights, write_fights
from connector.store.sqlite_holds import write_ends
from connector.store.sqlite_links import write_watches
from connector.store.sqlite_many import write_many
from connector.store.sqlite_schema import DELETED, LINE_STATES, OWN, PENDING, STATES
from connector.store.sqlite_values import at_time, bound, load, marks, shown
from connector.store.sqlite_words import Words

_LINES = (
    'SELECT "row", id, key, stream, state, target, digests, uncertain, reason, field, remedy, sent_at, '
    "gone, forgotten, code, history FROM line "
    'WHERE "row" IN ({})'
)
_ROWS = (
    'SELECT "row".id, flow.name, site, "row".key, rev, stamp, state, attempts, due, first_seen, last_seen, entered, '
    'mapping, route, reason, field, remedy, uncertain, token, record."row" IS NOT NULL, our_key '
    'FROM "row" JOIN flow ON flow.id = "row".flow LEFT JOIN record ON record."row" = "row".id '
    'WHERE {} ORDER BY "row".id {} LIMIT ?'
)
_SETTLE = (
    'UPDATE "row" SET state=new.column2, due=new.column3, token=NULL, attempts=new.column4, entered=max(entered, new.column5), '
    "mapping=new.column6, route=new.column7, reason=new.column8, field=new.column9, remedy=new.column10, "
    'uncertain=new.column11, flags=flags & new.column12 FROM (VALUES {}) AS new WHERE "row".id=new.column1'
)
_WELL = (
    'UPDATE "row" SET due=?, mapping=?, token=NULL, attempts=0, reason=NULL, field=NULL, remedy=NULL, uncertain=NULL, '
    f"flags=flags & {OWN | DELETED}, state=new.column2, entered=max(entered, new.column3), route=new.column4 "
    'FROM (VALUES {}) AS new WHERE "row".id=new.column1'
)
"""Rows of which nothing is left to say. To bind twelve values a row, nine of them the same for all, took a third longer."""
_LINE = (
    'INSERT INTO line ("row", id, key, stream, state, target, digests, sent_at{more}) VALUES {{}} '
    "ON CONFLICT DO UPDATE SET stream=excluded.stream, "
    "state=excluded.state, target=excluded.target, digests=excluded.digests, uncertain=excluded.uncertain, "
    "sent_at=coalesce(excluded.sent_at, sent_at), reason=excluded.reason, field=excluded.field, remedy=excluded.remedy, "
    "gone=excluded.gone, code=excluded.code, history=excluded.history"
)
_LINE_WELL = _LINE.format(more="")
_LINE_TOLD = _LINE.format(more=", uncertain, reason, field, remedy, gone, code, history")
"""With the columns that are there only where something is to be told of a line."""
_FORGET = 'DELETE FROM record WHERE "row" IN (VALUES {})'
_ALL = -1


def lines_of(words: Words, db: sqlite3.Connection, rows: Sequence[int]) -> dict[int, list[Line]]:
    """Lines by row id."""
    found: dict[int, list[Line]] = {}
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        for row in db.execute(_LINES.format(marks(len(part))), part).fetchall():
            found.setdefault(row[0], []).append(
                Line(
                    id=shown(row[1]),
                    key=shown(row[2]),
                    stream=words.text(row[3]),
                    state=LINE_STATES[row[4]],
                    target=shown(row[5]),
                    digests=unpack(row[6]),
                    uncertain=at_time(row[7]),
                    reason=shown(row[8]) or "",
                    field=shown(row[9]) or "",
                    remedy=shown(row[10]) or "",
                    sent_at=at_time(row[11]),
                    gone=bool(row[12]),
                    forgotten=tuple(load(row[13])) if row[13] else (),
                    code=shown(row[14]) or "",
                    history=row[15] or b"",
                )
            )
    return found


def read_rows(
    words: Words,
    db: sqlite3.Connection,
    where: str,
    given: Sequence[Any],
    limit: int,
    *,
    after: int | None = None,
    bodies: Bodies | None = None,
) -> Iterator[Row]:
    """Rows with their lines, newest first; with `after`, those beyond this row in the order of their ids; with `bodies` also the
    values that the loop breaker shows."""
    if after is None:
        rows = db.execute(_ROWS.format(where, "DESC"), (*given, limit)).fetchall()
    else:
        rows = db.execute(_ROWS.format(f'{where} AND "row".id>?', ""), (*given, after, limit)).fetchall()
    lines = lines_of(words, db, [row[0] for row in rows])
    if bodies is not None:
        with_fights(db, bodies, lines)
    for row in rows:
        due = at_time(row[8])
        yield Row(
            id=row[0],
            flow=row[1],
            site=words.text(row[2]),
            key=shown(row[3]),
            rev=row[4],
            stamp=row[5],
            state=STATES[row[6]],
            attempts=row[7],
            due=due,
            first_seen=at_time(row[9]),
            last_seen=at_time(row[10]),
            entered=bool(row[11]),
            mapping=words.text(row[12]),
            route=words.text(row[13]),
            reason=shown(row[14]) or "",
            field=shown(row[15]) or "",
            remedy=shown(row[16]) or "",
            uncertain=at_time(row[17]),
            leased_until=due if row[18] is not None and row[6] == PENDING else None,
            lines=tuple(lines.get(row[0], ())),
            stored=bool(row[19]),
            our_key=shown(row[20]),
        )


def settle_rows(
    words: Words,
    db: sqlite3.Connection,
    bodies: Bodies,
    flow: int,
    token: str,
    settles: Sequence[Settle],
    at: float,
    mapping: str,
) -> tuple[Moved, dict[str, int]]:
    """Write outcomes where lease token and rev still match; returns what the books move by."""
    held = _held(db, token, [one.row for one in settles])
    rows: list[tuple[Any, ...]] = []
    well: list[tuple[Any, ...]] = []
    lines: list[tuple[Any, ...]] = []
    telling: list[tuple[Any, ...]] = []
    forgotten: list[tuple[int]] = []
    failed: list[Failure] = []
    fights: list[tuple[int, LineSettle]] = []
    watched: list[Settle] = []
    ended: list[Settle] = []
    left: Counter[str] = Counter()
    version = words.number(mapping)
    created = lost = 0
    for one in settles:
        rev = held.pop(one.row, None)
        if rev is None:  # the lease has passed to somebody else, who will look before sending again
            lost += 1
            continue
        created += one.created
        for line in one.lines:
            if told := _told(line):
                telling.append(_line(words, one.row, line, at) + told)
            else:
                lines.append(_line(words, one.row, line, at))
        if one.state != "done":
            failed.extend(failures(one))
        fights.extend((one.row, line) for line in one.lines if line.fight)
        if one.ended:
            ended.append(one)
        uncertain = one.uncertain.timestamp() if one.uncertain else None
        if rev != one.rev:  # a newer version came during the delivery: it is due now, whatever became of this one
            lost += 1
            flags = OWN | DELETED
            rows.append((one.row, PENDING, at, 0, one.entered, None, None, None, None, None, uncertain, flags))
            continue
        if one.watched is not None:
            watched.append(one)
        state = STATES.index(one.state)
        if state != PENDING:
            left[one.state] += 1
            if not one.keep_record:
                forgotten.append((one.row,))
        route = words.number(one.route) if one.route else None
        if state != PENDING and not (one.due or one.attempts or one.reason or one.field or one.remedy or uncertain):
            well.append(
                (one.row, state, 1 if one.entered else 0, route)
            )  # the driver asks a bool how it is to be adapted
            continue
        due = at if one.due is None else one.due.timestamp()
        rows.append(
            (one.row, state, due, one.attempts, one.entered, version, route,
             bound(one.reason or None), bound(one.field or None), bound(one.remedy or None), uncertain,
             _ALL if state == PENDING else OWN | DELETED)
        )  # fmt: skip
    write_many(db, _SETTLE, rows)
    write_many(db, _WELL, well, (at, version))
    write_many(db, _LINE_WELL, lines)
    write_many(db, _LINE_TOLD, telling)
    if fights:
        write_fights(db, bodies, fights)
    if ended:
        write_ends(db, ended)
    if watched:
        write_watches(words, db, flow, watched, at)
    write_many(db, _FORGET, forgotten)
    if created:
        db.execute(
            "INSERT INTO created VALUES (?,?,?) ON CONFLICT DO UPDATE SET n=n+excluded.n",
            (flow, int(at // 60), created),
        )
    remember_attempts(db, failed, at)
    moved = sum(left.values())
    return Moved(len(settles) - lost, lost), {**left, "pending": -moved, "open": -moved, "settled": moved}


def _held(db: sqlite3.Connection, token: str, rows: Sequence[int]) -> dict[int, int]:
    """By row its rev, as one row of two lists: at each row that it yields, the driver gives the interpreter's lock away."""
    held: dict[int, int] = {}
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        ids, revs = db.execute(
            f'SELECT json_group_array(id), json_group_array(rev) FROM "row" WHERE token=? AND id IN ({marks(len(part))})',
            (token, *part),
        ).fetchone()
        held.update(zip(orjson.loads(ids), orjson.loads(revs), strict=True))
    return held


def _line(words: Words, row: int, line: Any, at: float) -> tuple[Any, ...]:
    return (
        row, bound(line.id), bound(line.key), words.number(line.stream), LINE_STATES.index(line.state), bound(line.target),
        bytearray(pack(line.digests or {})), at if line.state == "sent" or line.answered else None,
    )  # fmt: skip


def _told(line: LineSettle) -> tuple[Any, ...]:
    """What there is to tell of a line, if anything."""
    if not (line.uncertain or line.reason or line.field or line.remedy or line.gone or line.code or line.history):
        return ()
    return (
        line.uncertain.timestamp() if line.uncertain else None,
        bound(line.reason or None), bound(line.field or None), bound(line.remedy or None),
        line.gone, bound(line.code or None), line.history or None,
    )  # fmt: skip
