"""Times as remote systems write them, brought into one form that compares as text: `2026-11-20T10:02:00.000Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|z|[+-]\d\d:?\d\d)?)?\Z"
)


def parse(text: str) -> datetime:
    """An aware UTC datetime from ISO 8601 in every precision the vendors document: day, minute, second, millisecond.

    Without a zone it is UTC. ValueError for anything else.
    """
    match = _ISO.match(text.strip())
    if not match:
        raise ValueError(f"not a date: {text!r}")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    tz: timezone = UTC
    if zone and zone not in "Zz":
        digits = zone[1:].replace(":", "")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        tz = timezone(offset if zone[0] == "+" else -offset)
    at = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro, tz)
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"not a date that UTC can hold: {text!r}") from error


def stamp(at: datetime) -> str:
    """The one form of an aware datetime; microseconds are cut, as vendors cut them."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def normal(text: str | None) -> str | None:
    """A vendor's date in the one form; None stays None. The usual form passes through unparsed."""
    if text is None:
        return None
    if len(text) == 24 and text[23] == "Z" and text[19] == "." and text[10] == "T":
        return text
    return stamp(parse(text))
