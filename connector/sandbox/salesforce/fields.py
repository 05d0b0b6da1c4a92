"""Kinds of fields, and what each refuses. Lengths and picklists of Case: Object Reference, and the sample org's own fields."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connector.sandbox.salesforce.problem import Problem

_EMAIL = re.compile(r"[^@\s,;<>()\"]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+\Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
_DATETIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column. `kind` is the describe type."""

    name: str
    kind: str = "string"
    length: int = 0
    label: str = ""
    createable: bool = True
    updateable: bool = True
    filterable: bool = True
    values: tuple[str, ...] = ()
    restricted: bool = False
    external_id: bool = False
    unique: bool = False
    custom: bool = False
    refers: tuple[str, ...] = ()
    default: Any = None
    numbers: str = ""
    """How the platform counts it (`CO-{000000}`)."""
    check: Callable[[Any], Any] = field(init=False, repr=False, compare=False)

    @property
    def plain(self) -> bool:
        """A text that only its length can spoil."""
        return self.kind in ("string", "textarea", "phone") or (self.kind == "picklist" and not self.restricted)

    def __post_init__(self) -> None:
        object.__setattr__(self, "check", _CHECKS.get(self.kind, _text)(self))


_USUAL = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z\Z")


def unreadable(name: str, wanted: str, value: Any) -> Problem:
    """JSON of the wrong type refuses the whole call, since it cannot be read at all."""
    return Problem(
        "JSON_PARSER_ERROR", f"Cannot deserialize instance of {wanted} from {value!r} for {name}", whole=True
    )


def _text(f: Field) -> Callable[[Any], Any]:
    name, longest = f.name, f.length

    def check(value: Any) -> Any:
        if type(value) is not str:
            raise unreadable(name, "string", value)
        if longest and len(value) > longest:
            raise Problem("STRING_TOO_LONG", f"{name}: data value too large: {value} (max length={longest})", [name])
        return value or None

    return check


def _email(f: Field) -> Callable[[Any], Any]:
    text = _text(f)

    def check(value: Any) -> Any:
        if text(value) is None:
            return None
        if not _EMAIL.match(value):
            raise Problem("INVALID_EMAIL_ADDRESS", f"{f.name}: invalid email address: {value}", [f.name])
        return value

    return check


def _picklist(f: Field) -> Callable[[Any], Any]:
    if not f.restricted:
        return _text(f)
    text, name, values = _text(f), f.name, frozenset(f.values)

    def check(value: Any) -> Any:
        if text(value) is None:
            return None
        if value not in values:
            raise Problem(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"{f.label or name}: bad value for restricted picklist field: {value}",
                [name],
            )
        return value

    return check


def _number(f: Field) -> Callable[[Any], Any]:
    name = f.name

    def check(value: Any) -> Any:
        kind = type(value)
        if kind is str:
            try:
                value = float(value)
            except ValueError as error:
                raise unreadable(name, "double", value) from error
        elif kind is not int and kind is not float:
            raise unreadable(name, "double", value)
        if not math.isfinite(value) or abs(value) >= 1e16:
            raise Problem("NUMBER_OUTSIDE_VALID_RANGE", f"{name}: value outside of valid range", [name])
        return float(value)

    return check


def _boolean(f: Field) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) is not bool:
            raise unreadable(f.name, "boolean", value)
        return value

    return check


def _datetime(f: Field) -> Callable[[Any], Any]:
    name = f.name

    def check(value: Any) -> Any:
        if type(value) is not str:
            raise unreadable(name, "datetime", value)
        if _USUAL.match(value):  # without taking it apart; stored times have whole seconds
            return value[:-4] + "000+0000"
        moment = instant(value)
        if moment is None:
            raise unreadable(name, "datetime", value)
        return moment

    return check


def _date(f: Field) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) is not str or not _DAY.match(value) or instant(value) is None:
            raise unreadable(f.name, "date", value)
        return value

    return check


def instant(text: str) -> str | None:
    """A date-time or date as `2026-11-20T10:02:00.000+0000`; None when it is none."""
    match = _DATETIME.match(text)
    if not match:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    try:
        at = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC)
    except ValueError:
        return None
    if zone and zone != "Z":
        shift = (int(zone[1:3]) * 60 + int(zone[-2:])) * 60
        at = datetime.fromtimestamp(at.timestamp() - (shift if zone[0] == "+" else -shift), UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def stamp(at: float) -> str:
    """Epoch seconds as a stored stamp: whole seconds."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _blob(f: Field) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) is not str and type(value) is not bytes:  # bytes: the part of a multipart body
            raise unreadable(f.name, "base64Binary", value)
        return value or None

    return check


_CHECKS: dict[str, Callable[[Field], Callable[[Any], Any]]] = {
    "email": _email,
    "picklist": _picklist,
    "double": _number,
    "boolean": _boolean,
    "datetime": _datetime,
    "date": _date,
    "base64": _blob,
}
