"""Values on their way into columns and out again; what SQLite or orjson would refuse must not stop the page it comes with.

Half of a surrogate pair (a text that was cut within an emoji) has no UTF-8 form; it is kept as a blob, which compares and
orders like the text that it stands for. Documents that orjson cannot write (such a text, a number beyond 64 bits) are
written by json, after a space that tells `load` so.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, overload

import orjson


@overload
def bound(text: str) -> str | bytes: ...
@overload
def bound(text: str | None) -> str | bytes | None: ...
def bound(text: str | None) -> str | bytes | None:
    """A text as a parameter of a statement."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def shown(value: Any) -> Any:
    """What `bound` was given, from a column."""
    return value.decode("utf-8", "surrogatepass") if type(value) is bytes else value


def dump(document: Any) -> bytes:
    """A JSON document for the ledger. TypeError when it is none."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:
        return b" " + json.dumps(document, separators=(",", ":")).encode()


def load(body: bytes) -> Any:
    """The document that `dump` was given."""
    return json.loads(body) if body[:1] == b" " else orjson.loads(body)


@overload
def at_time(seconds: float) -> datetime: ...
@overload
def at_time(seconds: float | None) -> datetime | None: ...
def at_time(seconds: float | None) -> datetime | None:
    """A time from a column."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def marks(count: int) -> str:
    """`?,?,?` for an IN list."""
    return ",".join("?" * count)
