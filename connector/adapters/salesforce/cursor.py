"""Where a read goes on: a place in the order of (SystemModstamp, Id).

SystemModstamp is kept in whole seconds and a collection of 200 shares one, so that the time alone would skip or stand still.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from connector import stamps
from connector.model import Cursor


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Behind the record `id` of this stamp; with id "" before all records of the stamp. Compares in reading order."""

    stamp: str
    id: str = ""

    def text(self) -> Cursor:
        """As it is saved."""
        return orjson.dumps({"stamp": self.stamp, "id": self.id}).decode()


def parse(cursor: Cursor) -> Position:
    """A saved cursor. ValueError if it is not one of ours."""
    try:
        found = orjson.loads(cursor)
        return Position(stamps.stamp(stamps.parse(str(found["stamp"]))), str(found["id"]))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"not a Salesforce cursor: {cursor[:80]!r}") from error


def begin(since: Cursor | datetime | None, overlap: float) -> Position | None:
    """Where the first query of a read begins: `overlap` seconds before `since`; None: at the beginning."""
    if since is None:
        return None
    if isinstance(since, str):
        saved = parse(since)
        if overlap <= 0:
            return saved
        since = stamps.parse(saved.stamp)
    return Position(stamps.stamp(since - timedelta(seconds=max(overlap, 0))))


def to_save(reached: Position | None, cap: Position | None, before: Position | None) -> Position | None:
    """What may be saved: how far the page reached, not beyond the cap, never behind `before`. None: nothing new.

    Records newer than the cap are delivered now and read again, because others of the same time may still be committed.
    """
    if reached is None:
        return None
    saved = min(reached, cap) if cap is not None else reached
    return saved if before is None or saved > before else None


def earlier(cap: Position | None, bound: Position | None) -> Position | None:
    """The earlier of two caps; None bounds nothing."""
    return min(cap, bound) if cap is not None and bound is not None else cap or bound


def may_grow_behind(reached: Position | None, cap: Position | None, overlap: float) -> bool:
    """Whether rows may still be committed behind what a page reached, as late as the overlap bears. Pages that follow are
    asked for later and do not look there again, so this page's cap holds for them too: else a read that pauses between two
    pages (its deliveries are slow) would save a time behind which nobody has looked.
    """
    if reached is None or cap is None:
        return False
    return reached.stamp > stamps.stamp(stamps.parse(cap.stamp) - timedelta(seconds=max(overlap, 0)))
