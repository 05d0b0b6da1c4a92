"""What people write in a configuration, read into plain values: `60s`, `1000/h`, `7d`, `127.0.0.1:8080`.

Each reader raises ValueError with what is wrong and an example of what is right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from connector import stamps
from connector.flow import Flips
from connector.secret import Secret, key_bytes

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)\Z")
_RATE = re.compile(r"(\d+)/h\Z")
_FLIPS = re.compile(r"(\d{1,2})/([mhd])\Z")
_LISTEN = re.compile(r"(?:\[([0-9a-fA-F:]+)\]|([^:\[\]]+)):(\d{1,5})\Z")
_LONGEST = 400 * 366 * 86400.0


def duration(value: Any) -> float:
    """Seconds of `500ms`, `60s`, `15m`, `2h` or `7d`."""
    match = _DURATION.match(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("not a duration; write a number with its unit: 500ms, 60s, 15m, 2h or 7d")
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST:
        raise ValueError("longer than 400 years; write a number with its unit: 60s, 15m, 2h or 7d")
    return seconds


def some_time(value: Any) -> float:
    """A duration above zero."""
    if (seconds := duration(value)) <= 0:
        raise ValueError("must be longer than zero, for example 60s")
    return seconds


@dataclass(frozen=True, slots=True)
class Brake:
    """New objects an hour; None: no bound."""

    per_hour: int | None


def brake(value: Any) -> Brake:
    """`1000/h`, or `none`."""
    if isinstance(value, Brake):
        return value
    if value == "none":
        return Brake(None)
    match = _RATE.match(value) if isinstance(value, str) else None
    if not match or int(match[1]) == 0:
        raise ValueError("not a brake; write new objects an hour, for example 1000/h, or none")
    return Brake(int(match[1]))


@dataclass(frozen=True, slots=True)
class FlipsLimit:
    """How often a value may go back and forth; None: no bound."""

    limit: Flips | None


def flips(value: Any) -> FlipsLimit:
    """`10/h`, `3/m`, `50/d`, or `none`."""
    if isinstance(value, FlipsLimit):
        return value
    if value == "none":
        return FlipsLimit(None)
    match = _FLIPS.match(value) if isinstance(value, str) else None
    if not match or int(match[1]) == 0:
        raise ValueError(
            "not a limit of flips; write how often in a minute, an hour or a day: 3/m, 10/h, 50/d, or none"
        )
    return FlipsLimit(Flips(int(match[1]), _UNITS[match[2]]))


@dataclass(frozen=True, slots=True)
class Start:
    """Where a flow without a cursor begins: `beginning`, an instant, or so many seconds before now (0: now)."""

    at: Literal["beginning"] | datetime | float

    def resolve(self, now: datetime) -> datetime | None:
        """The instant, None for the beginning."""
        if isinstance(self.at, datetime):
            return self.at
        return None if isinstance(self.at, str) else now - timedelta(seconds=self.at)


def start(value: Any) -> Start:
    """`beginning`, `now`, an instant (`2026-11-01T00:00:00Z`) or a duration before now (`7d`)."""
    if isinstance(value, Start):
        return value
    if value == "beginning":
        return Start("beginning")
    if value == "now":
        return Start(0.0)
    if isinstance(value, str) and _DURATION.match(value):
        return Start(duration(value))
    try:
        return Start(stamps.parse(value))
    except (ValueError, AttributeError, TypeError):
        raise ValueError("not a start; write beginning, now, 7d or 2026-11-01T00:00:00Z") from None


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 lets the machine choose."""

    host: str
    port: int


def listen(value: Any) -> Address | None:
    """`host:port`, or `none` for no web server."""
    if isinstance(value, Address):
        return value
    if value == "none":
        return None
    match = _LISTEN.match(value) if isinstance(value, str) else None
    if not match or int(match[3]) > 65535:
        raise ValueError("not an address; write for example 127.0.0.1:8080, [::1]:8080 or none")
    return Address(match[1] or match[2], int(match[3]))


def time_of_day(value: Any) -> tuple[int, int]:
    """Hour and minute of `02:30`, UTC."""
    match = re.match(r"([01]\d|2[0-3]):([0-5]\d)\Z", value) if isinstance(value, str) else None
    if not match:
        raise ValueError("not a time of day; write for example 02:30 (UTC)")
    return int(match[1]), int(match[2])


def encryption_key(value: Any) -> Any:
    """A key of 32 bytes, written in base64 or hex; it stays a text until it is used."""
    if isinstance(value, str):
        key_bytes(value)
    return value


def share(value: Any) -> Any:
    """`20%` as 0.2; a number between 0 and 1 as it is."""
    match = re.match(r"(\d{1,2}(?:\.\d+)?) ?%\Z", value) if isinstance(value, str) else None
    return float(match[1]) / 100 if match else value


def written(value: Any) -> str:
    """A value of one of the kinds below as people write it."""
    match value:
        case Brake():
            return "none" if value.per_hour is None else f"{value.per_hour}/h"
        case FlipsLimit():
            return "none" if value.limit is None else str(value.limit)
        case Start():
            if isinstance(value.at, float):
                return written(value.at) if value.at else "now"
            return value.at if isinstance(value.at, str) else stamps.stamp(value.at)
        case Address():
            return f"[{value.host}]:{value.port}" if ":" in value.host else f"{value.host}:{value.port}"
        case (hour, minute):
            return f"{hour:02d}:{minute:02d}"
    unit = next((unit for unit in ("d", "h", "m", "s") if value and value % _UNITS[unit] == 0), "s")
    return f"{value / _UNITS[unit]:g}{unit}"


def _form(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern})$", "examples": list(examples)})


_TIME = r"\d+(?:\.\d+)?(?:ms|s|m|h|d)"
_INSTANT = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?\s*(?:[Zz]|[+-]\d\d:?\d\d)?)?"

Duration = Annotated[float, BeforeValidator(duration), _form(_TIME, "60s", "15m", "7d")]
Interval = Annotated[float, BeforeValidator(some_time), _form(r"(?=[\d.]*[1-9])" + _TIME, "60s", "15m", "7d")]
BrakeValue = Annotated[Brake, BeforeValidator(brake), _form(r"0*[1-9]\d*/h|none", "1000/h", "none")]
FlipsValue = Annotated[FlipsLimit, BeforeValidator(flips), _form(r"0*[1-9]\d?/[mhd]|none", "10/h", "none")]
StartValue = Annotated[
    Start,
    BeforeValidator(start),
    _form(f"beginning|now|{_TIME}|{_INSTANT}", "beginning", "now", "7d", "2026-11-01T00:00:00Z"),
]
Listen = Annotated[
    Address | None,
    BeforeValidator(listen),
    _form(r"none|(?:\[[0-9a-fA-F:]+\]|[^:\[\]]+):\d{1,5}", "127.0.0.1:8080", "[::1]:8080", "none"),
]
EncryptionKey = Annotated[Secret, BeforeValidator(encryption_key)]
TimeOfDay = Annotated[tuple[int, int], BeforeValidator(time_of_day), _form(r"(?:[01]\d|2[0-3]):[0-5]\d", "02:30")]

_SHARE = [
    {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
    {"type": "string", "pattern": r"^\d{1,2}(?:\.\d+)? ?%$"},
]
Share = Annotated[
    float, BeforeValidator(share), Field(ge=0, lt=1), WithJsonSchema({"anyOf": _SHARE, "examples": ["20%", 0.2]})
]
