"""Layout of the SQLite ledger, as forward-only migrations; each runs in one transaction with the row that records it.

Layout decides speed: stored records stand in a table of their own, written once and never touched by lease or settle;
rows come in time order; books are counters moved in the same transaction as the rows; long words that repeat (sites,
streams, routes, selections, mapping versions) are interned in `word`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.model import LineState, RowState
from connector.store.sqlite_steps import Steps

if TYPE_CHECKING:
    from sqlite_utils import Database

ledger = Steps("ledger")

PENDING, DONE, FILTERED, PARKED, DROPPED, FOREIGN = range(6)
STATES: tuple[RowState, ...] = ("pending", "done", "filtered", "parked", "dropped", "foreign")
OWED, SENT, REJECTED = range(3)
OWN, DELETED, WAS_DONE, WAS_FILTERED, OVERTAKEN = 1, 2, 4, 8, 16
"""Flags of a row: what its record is; what it was settled as before `remap` put it back (until it is settled again); and that
this version came while an older one was being delivered."""
DEAD = "dead"
"""The token of a row whose holder is gone: due now, and uncertain."""
LINE_STATES: tuple[LineState, ...] = ("owed", "sent", "rejected", "ended")

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE flow (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, cursor TEXT, cursor_at REAL, polled_at REAL,
  done INTEGER NOT NULL DEFAULT 0, filtered INTEGER NOT NULL DEFAULT 0, "foreign" INTEGER NOT NULL DEFAULT 0,
  parked INTEGER NOT NULL DEFAULT 0, pending INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,
  "rows" INTEGER NOT NULL DEFAULT 0, "read" INTEGER NOT NULL DEFAULT 0, repeated INTEGER NOT NULL DEFAULT 0,
  superseded INTEGER NOT NULL DEFAULT 0, settled INTEGER NOT NULL DEFAULT 0, "open" INTEGER NOT NULL DEFAULT 0);
CREATE TABLE "row" (
  id INTEGER PRIMARY KEY, flow INTEGER NOT NULL, site INTEGER NOT NULL, key TEXT NOT NULL,
  rev INTEGER NOT NULL, stamp TEXT, content BLOB NOT NULL, our_key TEXT, flags INTEGER NOT NULL DEFAULT 0,
  state INTEGER NOT NULL, due REAL NOT NULL, token TEXT, attempts INTEGER NOT NULL DEFAULT 0,
  uncertain REAL, entered INTEGER NOT NULL DEFAULT 0, mapping INTEGER, route INTEGER,
  first_seen REAL NOT NULL, last_seen REAL NOT NULL, reason TEXT, field TEXT, remedy TEXT);
CREATE UNIQUE INDEX row_key ON "row" (key, flow, site);
CREATE INDEX row_due ON "row" (flow, due) WHERE state = 0;
CREATE INDEX row_parked ON "row" (flow, id) WHERE state = 3;
CREATE TABLE record (
  "row" INTEGER PRIMARY KEY, body BLOB NOT NULL, claimed_by TEXT, selection INTEGER, at REAL NOT NULL);
CREATE INDEX record_at ON record (at);
CREATE TABLE line (
  "row" INTEGER NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL, stream INTEGER NOT NULL, state INTEGER NOT NULL,
  target TEXT, digests BLOB NOT NULL, uncertain REAL, sent_at REAL, reason TEXT, field TEXT, remedy TEXT,
  PRIMARY KEY ("row", id, key)) WITHOUT ROWID;
CREATE INDEX line_target ON line (target) WHERE target IS NOT NULL;
CREATE TABLE created (flow INTEGER NOT NULL, minute INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (flow, minute))
  WITHOUT ROWID;
CREATE TABLE audit (id INTEGER PRIMARY KEY, at REAL NOT NULL, what TEXT NOT NULL, facts TEXT NOT NULL);
CREATE TABLE health (
  scope TEXT PRIMARY KEY, state TEXT NOT NULL, since REAL NOT NULL, message TEXT NOT NULL, remedy TEXT NOT NULL)
  WITHOUT ROWID;
"""


@ledger()
def m001_first(db: Database) -> None:
    for statement in SCHEMA.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)
    db.conn.execute("INSERT INTO meta VALUES ('digest_key', randomblob(32))")


@ledger()
def m002_gone(db: Database) -> None:
    """What people deleted, and the objects in whose place they asked for new ones (a JSON list of ids)."""
    db.conn.execute("ALTER TABLE line ADD COLUMN gone INTEGER NOT NULL DEFAULT 0")
    db.conn.execute("ALTER TABLE line ADD COLUMN forgotten BLOB")


@ledger()
def m003_desk(db: Database) -> None:
    """What people and scrapes ask is answered from indexes. Only pending rows that have a reason, and parked ones, cost more.
    `since`: when a row became pending, which is not when its version came if somebody put it back."""
    for statement in (
        'ALTER TABLE "row" ADD COLUMN since REAL',
        'UPDATE "row" SET since = last_seen WHERE state = 0',
        "DROP INDEX row_due",
        'CREATE INDEX row_due ON "row" (flow, due, since) WHERE state = 0',
        'CREATE INDEX row_waits ON "row" (flow, reason, since) WHERE state = 0 AND reason IS NOT NULL',
        'CREATE INDEX row_cause ON "row" (flow, reason, field, last_seen) WHERE state = 3',
        'CREATE INDEX row_given_up ON "row" (flow, reason, field, last_seen) WHERE state = 4',
    ):
        db.conn.execute(statement)


@ledger()
def m004_encryption(db: Database) -> None:
    """Keys that stored records may be under: a salt, and a proof that tells whether a key is the right one."""
    db.conn.execute(
        "CREATE TABLE encryption (id INTEGER PRIMARY KEY AUTOINCREMENT, salt BLOB NOT NULL, proof BLOB NOT NULL, "
        "since REAL NOT NULL)"
    )


@ledger()
def m005_budget(db: Database) -> None:
    """Calls by connection in slots of ten minutes, and the server's own count: a restart forgets neither."""
    for statement in (
        "CREATE TABLE spent (connection TEXT NOT NULL, slot INTEGER NOT NULL, calls INTEGER NOT NULL, "
        "PRIMARY KEY (connection, slot)) WITHOUT ROWID",
        "CREATE TABLE usage (connection TEXT PRIMARY KEY, used INTEGER NOT NULL, allowed INTEGER NOT NULL, app INTEGER, "
        "at REAL NOT NULL) WITHOUT ROWID",
    ):
        db.conn.execute(statement)


@ledger()
def m006_tools(db: Database) -> None:
    """Backfills under way, and keyed digests of what was forgotten."""
    for statement in (
        "CREATE TABLE backfill (flow INTEGER NOT NULL, asked TEXT NOT NULL, begins REAL, ends REAL NOT NULL, cursor TEXT, "
        'since REAL NOT NULL, "read" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (flow, asked)) WITHOUT ROWID',
        "CREATE TABLE forgotten (digest BLOB PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID",
    ):
        db.conn.execute(statement)


@ledger()
def m007_told(db: Database) -> None:
    """What failed and when, a few times for each row (`n` counts on): written by settles that report a failure, and only
    by these. `code` is the system's own, so that what is told of a refusal can be told again in the same words."""
    for statement in (
        "ALTER TABLE line ADD COLUMN code TEXT",
        'CREATE TABLE attempt ("row" INTEGER NOT NULL, n INTEGER NOT NULL, at REAL NOT NULL, line TEXT NOT NULL, '
        "key TEXT NOT NULL, fault TEXT NOT NULL, code TEXT, reason TEXT NOT NULL, field TEXT, "
        'PRIMARY KEY ("row", n)) WITHOUT ROWID',
        "CREATE INDEX attempt_at ON attempt (at)",
    ):
        db.conn.execute(statement)


@ledger()
def m008_numbers(db: Database) -> None:
    """A record that bears our key is found by it, and one that people name by a number (a case) by that number."""
    for statement in (
        'CREATE TABLE number (text TEXT NOT NULL, "row" INTEGER NOT NULL, PRIMARY KEY (text, "row")) WITHOUT ROWID',
        'CREATE INDEX row_our_key ON "row" (our_key) WHERE our_key IS NOT NULL',
    ):
        db.conn.execute(statement)


@ledger()
def m009_doubt(db: Database) -> None:
    """Indexes of what is uncertain alone: small, however large the ledger."""
    for statement in (
        "CREATE INDEX line_uncertain ON line (uncertain) WHERE uncertain IS NOT NULL",
        'CREATE INDEX row_uncertain ON "row" (flow, uncertain) WHERE state = 0 AND uncertain IS NOT NULL',
    ):
        db.conn.execute(statement)


@ledger()
def m010_swept(db: Database) -> None:
    """Where the last whole sweeps began, by the cursor as it stood then."""
    db.conn.execute("ALTER TABLE flow ADD COLUMN swept TEXT")
    db.conn.execute("ALTER TABLE flow ADD COLUMN swept_wide TEXT")


@ledger()
def m011_flips(db: Database) -> None:
    """What the loop breaker remembers of a line; and, for people, the values that a field goes back and forth between (JSON),
    which go with the stored record. `INSERT OR REPLACE` of a newer version is no deletion: it fires no trigger."""
    for statement in (
        "ALTER TABLE line ADD COLUMN history BLOB",
        'CREATE TABLE fight ("row" INTEGER NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL, field TEXT NOT NULL, sent BLOB, '
        'wanted BLOB, PRIMARY KEY ("row", id, key, field)) WITHOUT ROWID',
        'CREATE TRIGGER record_goes AFTER DELETE ON record BEGIN DELETE FROM fight WHERE "row"=OLD."row"; END',
    ):
        db.conn.execute(statement)


@ledger()
def m012_watches(db: Database) -> None:
    """Which row looked up which version of which record, and where each flow stands with the streams that its rows watch."""
    for statement in (
        "CREATE TABLE watch (flow INTEGER NOT NULL, stream INTEGER NOT NULL, key TEXT NOT NULL, "
        '"row" INTEGER NOT NULL, stamp TEXT, PRIMARY KEY (flow, stream, key, "row")) WITHOUT ROWID',
        'CREATE INDEX watch_row ON watch ("row")',
        "CREATE TABLE watched (flow INTEGER NOT NULL, stream INTEGER NOT NULL, since REAL NOT NULL, cursor TEXT, swept TEXT, "
        "swept_wide TEXT, PRIMARY KEY (flow, stream)) WITHOUT ROWID",
    ):
        db.conn.execute(statement)


@ledger()
def m013_shared(db: Database) -> None:
    """Main lines under a key of their own: several records may share the object. Other lines are not in the index."""
    db.conn.execute("CREATE INDEX line_shared ON line (key) WHERE id='main' AND key<>''")


@ledger()
def m014_stays(db: Database) -> None:
    """Who had a record from when to when, in order (`n`), and at which stamp of it that was last looked at (`seen`). `watch`:
    the flow by state that has it in view. `took`: its seconds, `went`: how it ended; `returned`: it came back from a person.
    What is asked about queues is answered from an index."""
    for statement in (
        "CREATE TABLE stay (stream INTEGER NOT NULL, key TEXT NOT NULL, n INTEGER NOT NULL, seen TEXT, owner TEXT NOT NULL, "
        "name TEXT NOT NULL, person INTEGER NOT NULL, since TEXT NOT NULL, until TEXT, ours INTEGER NOT NULL, "
        "took REAL, went INTEGER NOT NULL, returned INTEGER NOT NULL, watch INTEGER, PRIMARY KEY (stream, key, n)) WITHOUT ROWID",
        "CREATE INDEX stay_key ON stay (key)",
        "CREATE INDEX stay_waits ON stay (since, name, took, went, returned) WHERE person = 0",
        "CREATE INDEX stay_watch ON stay (watch) WHERE until IS NULL AND watch IS NOT NULL",
        "CREATE INDEX stay_until ON stay (until) WHERE until IS NOT NULL",
    ):
        db.conn.execute(statement)


@ledger()
def m015_holds(db: Database) -> None:
    """Fields that are written for a while, and what stood there before."""
    for statement in (
        'CREATE TABLE held ("row" INTEGER NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL, field TEXT NOT NULL, '
        "stream INTEGER NOT NULL, target TEXT NOT NULL, wish BLOB NOT NULL, ours BLOB NOT NULL, original BLOB, "
        'since REAL NOT NULL, PRIMARY KEY ("row", id, key, field)) WITHOUT ROWID',
        "CREATE INDEX held_object ON held (stream, target)",
    ):
        db.conn.execute(statement)


@ledger()
def m016_joined(db: Database) -> None:
    """Which of these were sent when: an answer is looked at again when another record has joined its object."""
    db.conn.execute("CREATE INDEX line_joined ON line (sent_at) WHERE id='main' AND key<>''")


@ledger()
def m017_beside(db: Database) -> None:
    """Pairs of records that say the same and that two people have claimed, as a flow by state found them: since when, and until
    when. The lower key stands first."""
    for statement in (
        "CREATE TABLE beside (flow INTEGER NOT NULL, key TEXT NOT NULL, other TEXT NOT NULL, since TEXT NOT NULL, until TEXT, "
        "PRIMARY KEY (flow, key, other)) WITHOUT ROWID",
        "CREATE INDEX beside_now ON beside (flow) WHERE until IS NULL",
    ):
        db.conn.execute(statement)


@ledger()
def m018_texts(db: Database) -> None:
    """A second key, for digests of texts, behind the first. A ledger with rows keeps to the one that it has: what it sent would
    count as changed."""
    db.conn.execute(
        "UPDATE meta SET value=randomblob(48) WHERE name='digest_key' "
        'AND NOT EXISTS (SELECT 1 FROM "row") AND NOT EXISTS (SELECT 1 FROM forgotten)'
    )


KNOWN = frozenset(name for name in globals() if name[:1] == "m" and name[1:4].isdigit())
"""Names of all migrations of this version."""
