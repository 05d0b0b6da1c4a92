"""What the SQLite ledger keeps of forgotten records: keyed digests, by which a page passes over them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from hashlib import blake2b

from connector.store.sqlite_values import bound, marks
from connector.store.tools import Name


def any_forgotten(db: sqlite3.Connection) -> bool:
    """Whether there is anything to pass over: asked once a page."""
    return db.execute("SELECT 1 FROM forgotten LIMIT 1").fetchone() is not None


def forgotten_among(
    db: sqlite3.Connection,
    key: bytes,
    flow: int,
    sites: Callable[[str], int],
    records: Iterable[tuple[str, str, str | None]],
) -> set[Name]:
    """Those of these (site, key, our key) that were forgotten, by record or by our key on them. `sites`: numbers of sites."""
    asked: dict[bytes, set[Name]] = {}
    for site, name, ours in records:
        asked.setdefault(digest(key, "record", str(flow), str(sites(site)), name), set()).add((site, name))
        if ours:
            asked.setdefault(digest(key, "ours", ours), set()).add((site, name))
    found: set[Name] = set()
    digests = list(asked)
    for start in range(0, len(digests), 500):
        part = digests[start : start + 500]
        for (one,) in db.execute(f"SELECT digest FROM forgotten WHERE digest IN ({marks(len(part))})", part):
            found |= asked[one]
    return found


def names_forgotten(db: sqlite3.Connection, key: bytes, names: Iterable[str]) -> set[str | bytes]:
    """Those of these names that were forgotten, as they are bound."""
    asked = "SELECT 1 FROM forgotten WHERE digest=?"
    return {bound(name) for name in names if db.execute(asked, (digest(key, "ours", name),)).fetchone()}


def digest(key: bytes, *parts: str) -> bytes:
    """What stays of a forgotten name, under the ledger's own key."""
    told = "\0".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(told, key=key, digest_size=16, person=b"forgotten").digest()
