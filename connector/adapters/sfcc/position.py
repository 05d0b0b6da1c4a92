"""Where a read stands: the cursor, its cap, and the arithmetic of stamps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from connector import stamps
from connector.errors import Misconfigured
from connector.model import Cursor

EPOCH = "1970-01-01T00:00:00.000Z"
_OLDEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Position:
    """The last record that was read, by time and id."""

    at: str
    id: str = ""

    def cursor(self) -> Cursor:
        return orjson.dumps({"at": self.at, "id": self.id}).decode()


def position(since: Cursor | datetime | None) -> Position:
    """Where a read begins. Misconfigured when the cursor is not one of ours."""
    if since is None:
        return Position(EPOCH)
    if isinstance(since, datetime):
        return Position(stamps.stamp(max(since, _OLDEST)))
    try:
        saved = orjson.loads(since)
        return Position(stamps.stamp(stamps.parse(saved["at"])), str(saved.get("id", "")))
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise Misconfigured(
            "the saved cursor is not one of this adapter",
            remedy="the connection's adapter was changed: give the flow a new id, so that it begins at its start",
        ) from error


def lower_bound(at: str, overlap: float) -> str | None:
    """The first query's lower bound, on a whole second: search caches filters by their bounds. None: no bound."""
    begin = stamps.parse(at)
    if begin <= _OLDEST + timedelta(seconds=overlap):
        return None
    return stamps.stamp((begin - timedelta(seconds=overlap)).replace(microsecond=0))


def before(at: datetime, seconds: float) -> str:
    """The stamp so many seconds earlier."""
    return stamps.stamp(at - timedelta(seconds=seconds))


def just_after(stamp: str) -> str:
    """The next possible stamp."""
    return stamps.stamp(stamps.parse(stamp) + timedelta(milliseconds=1))


def unit_end(stamp: str, shown: str) -> str:
    """The last instant that is shown as `shown`: versions of the API show minutes, seconds or milliseconds."""
    text = shown.rstrip("Zz")
    width = timedelta(minutes=1) if len(text) <= 16 else timedelta(seconds=1) if len(text) <= 19 else None
    if width is None:
        return stamp
    return stamps.stamp(stamps.parse(stamp) + width - timedelta(milliseconds=1))


def middle(lower: str | None, upper: str) -> str | None:
    """The end of the first half of a window; None when it is a single stamp. An open lower end counts from 2000."""
    low, high = stamps.parse(lower or "2000-01-01"), stamps.parse(upper)
    half = stamps.stamp(low + (high - low) / 2)
    return half if (lower or "") <= half < upper else None


def onward(lower: str | None, upper: str, times: int) -> str | None:
    """The end of the next window, so many times as wide; None when the width is unknown."""
    if lower is None:
        return None
    begin, end = stamps.parse(lower), stamps.parse(upper)
    return stamps.stamp(end + times * (end - begin))
