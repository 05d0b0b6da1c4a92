"""The filters of expressions: few, documented in docs/mapping.md (a test holds the table and this module together).

Every filter but `default` gives null for null. Wrong says what does not fit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from connector import stamps
from connector.mapping.values import LARGEST_TEXT, Wrong, bounded, decimal, get, kind, same, text

_ZONED = re.compile(r"T.*(?:[Zz]|[+-]\d\d:?\d\d)\Z|\s[Zz]\Z")
_NUMERIC = re.compile(r"-?\d{1,15}(?:\.\d{1,10})?\Z")

# ISO 4217: digits after the point where they are not two.
_WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Wrong("not text", kinds=(kind(value),))
    return value


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise Wrong("not a list", kinds=(kind(value),))
    return value


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name (`Europe/Vienna`); Wrong if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Wrong(f"unknown time zone '{name}'", remedy="write a name like Europe/Vienna or UTC") from None


def _moment(value: Any, zone: Any) -> datetime:
    written = _text(value)
    try:
        at = stamps.parse(written)
    except ValueError:
        raise Wrong("not a date", remedy="dates are ISO 8601: 2026-11-20T10:02:00Z") from None
    if zone is None or _ZONED.search(written):
        return at
    return at.replace(tzinfo=zone_of(_text(zone))).astimezone(UTC)


def instant(value: Any, zone: Any = None) -> str | None:
    if value is None:
        return None
    try:
        return stamps.stamp(_moment(value, zone))
    except OverflowError:
        raise Wrong("a date beyond the calendar") from None


def date(value: Any, zone: Any = None) -> str | None:
    if value is None:
        return None
    at = _moment(value, zone)
    return f"{at.astimezone(zone_of(_text(zone))) if zone is not None else at:%Y-%m-%d}"


def _digits(currency: Any) -> int:
    code = _text(currency)
    if len(code) != 3 or not (code.isascii() and code.isalpha()):
        raise Wrong("not a currency code", remedy="three letters, such as EUR")
    code = code.upper()
    return 0 if code in _WHOLE else 3 if code in _THREE else 2


def money(value: Any, currency: Any) -> Decimal | None:
    if value is None or currency is None:
        return None
    number = Decimal(value) if type(value) is str and _NUMERIC.match(value) else decimal(value)
    try:
        return number.quantize(Decimal(1).scaleb(-_digits(currency)), ROUND_HALF_UP)
    except InvalidOperation:
        raise Wrong("an amount beyond every currency") from None


def minor_units(value: Any, currency: Any) -> int | None:
    amount = money(value, currency)
    return None if amount is None else int(amount.scaleb(_digits(currency)))


def json(value: Any) -> Any:
    if type(value) is not str:
        if value is None or type(value) in (list, dict):
            return value
        raise Wrong("not JSON text", kinds=(kind(value),))
    if not value.strip():
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Wrong(f"not JSON (line {error.lineno}, column {error.colno})") from None


def split(value: Any, separator: Any = ",") -> list[str] | None:
    if value is None:
        return None
    if not _text(separator):
        raise Wrong("an empty separator")
    return [part for each in _text(value).split(separator) if (part := each.strip())]


def where(value: Any, field: Any, wanted: Any) -> list[Any] | None:
    if value is None:
        return None
    name = _text(field)
    found = []
    for each in _list(value):
        has = get(each, name)
        if has is not None and wanted is not None and same(has, wanted):
            found.append(each)
    return found


def map_(value: Any, field: Any) -> list[Any] | None:
    if value is None:
        return None
    name = _text(field)
    return [each.get(name) if each.__class__ is dict else get(each, name) for each in _list(value)]


def first(value: Any) -> Any:
    return next(iter(_list(value)), None) if value is not None else None


def join(value: Any, separator: Any = "") -> str | None:
    if value is None:
        return None
    between = _text(separator)
    pieces = [each if each.__class__ is str else text(each) for each in _list(value) if each is not None]
    if sum(map(len, pieces)) + len(between) * len(pieces) > LARGEST_TEXT + len(between):
        raise Wrong(f"text longer than {LARGEST_TEXT:,} characters")
    return between.join(pieces) or None


def lower(value: Any) -> str | None:
    return None if value is None else _text(value).lower()


def fold(value: Any) -> str | None:
    if value is None:
        return None
    spread = unicodedata.normalize("NFKD", _text(value))
    return bounded("".join(each for each in spread if not unicodedata.combining(each)).casefold())


def truncate(value: Any, length: Any = None) -> str | None:
    if value is None:
        return None
    said = text(value)
    if length is None:
        return said
    if type(length) is not int or not 0 < length <= LARGEST_TEXT:
        raise Wrong("truncate needs a whole number above 0")
    return said if len(said) <= length else said[: length - 1] + "…"


def mask(value: Any, show: Any = 4) -> str | None:
    if value is None:
        return None
    if type(show) is not int or not 0 <= show <= 10:
        raise Wrong("mask shows 0 to 10 characters")
    said = text(value)
    kept = said[len(said) - show :] if len(said) > 2 * show else ""
    return "*" * (len(said) - len(kept)) + kept


def default(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def length(value: Any) -> int | None:
    if value is None:
        return None
    if type(value) not in (str, list, dict):
        raise Wrong("has no length", kinds=(kind(value),))
    return len(value)


@dataclass(frozen=True, slots=True)
class Filter:
    """`args`: how many values it takes in brackets, at least and at most. `says` is its line in the documentation."""

    work: Callable[..., Any]
    args: tuple[int, int]
    says: str


FILTERS: dict[str, Filter] = {
    "date": Filter(date, (0, 1), "the day of an instant, `2026-11-20`, in `zone` (UTC)"),
    "default": Filter(default, (1, 1), "another value for null"),
    "first": Filter(first, (0, 0), "a list's first element; null if it is empty"),
    "fold": Filter(fold, (0, 0), "without case and accents, for comparing"),
    "instant": Filter(
        instant, (0, 1), "a time in the one form, `2026-11-20T10:02:00.000Z`; text without zone is in `zone` (UTC)"
    ),
    "join": Filter(join, (0, 1), "a list's elements as one text, nulls left out; null if nothing is left"),
    "json": Filter(json, (0, 0), "JSON text as a value; what is a list or an object already stays"),
    "length": Filter(length, (0, 0), "how many characters, elements or keys"),
    "lower": Filter(lower, (0, 0), "in lower case"),
    "map": Filter(map_, (1, 1), "one field of every element"),
    "mask": Filter(mask, (0, 1), "stars but for the last characters (4)"),
    "minor_units": Filter(minor_units, (1, 1), "an amount as a whole number of cents (by currency)"),
    "money": Filter(money, (1, 1), "an exact decimal, rounded half up to the currency's digits"),
    "split": Filter(split, (0, 1), "text as a list, parts stripped, empty ones left out"),
    "truncate": Filter(
        truncate,
        (0, 1),
        "at most so many characters, the last one then `…`; by default as many as the remote field takes",
    ),
    "where": Filter(where, (2, 2), "the elements whose field has this value"),
}
