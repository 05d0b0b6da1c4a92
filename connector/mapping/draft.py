"""What the parts of a mapping share while it is compiled: the document, the faults found so far, the code so far."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connector.document import Document, did_you_mean
from connector.errors import Fault
from connector.mapping.emit import Emitter
from connector.mapping.functions import Module
from connector.mapping.scope import Reads, Scope
from connector.mapping.sites import Site, Spot

Path = tuple[str | int, ...]
Lengths = Callable[[str, str], int | None]
Appends = Callable[[str], bool]

_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)\Z")
_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_STREAM = re.compile(r"[A-Za-z][\w-]*\.[A-Za-z][\w./-]*\Z")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}\Z")


class Draft:
    """Reads the YAML of one mapping; every method reports what is wrong and goes on with something harmless."""

    def __init__(self, document: Document, *, lengths: Lengths | None, appends: Appends, answers: bool | None) -> None:
        self.document, self.appends, self.answers = document, appends, answers
        self.lengths: Lengths = lengths or (lambda stream, field: None)
        self.faults: list[Fault] = list(document.faults)
        self.module = Module()
        self.sites: list[Site] = [Site(())]
        self.reads = Reads()
        self.when_answers = False
        """Whether `when` reads what is answered, or the keys of lookups do."""

    def fault(self, path: Path, offset: int | None, message: str, remedy: str = "", *, key: bool = False) -> None:
        """Remember a fault at the value of `path`, at a character of its text, or at its key."""
        if key:
            place = self.document.key_place(path)
        else:
            place = self.document.place(path) if offset is None else self.document.inside(path, offset)
        self.faults.append(Fault(place, message, remedy))

    def emitter(self, scope: Scope) -> Emitter:
        return Emitter(scope, self.reads, self.sites, self.fault)

    def keys(self, path: Path, value: Any, known: Iterable[str], later: Iterable[str], what: str) -> dict[str, Any]:
        """An object with these keys only; an unknown or not yet supported one is a fault at the key."""
        if not isinstance(value, dict):
            self.fault(path, None, f"{what} is an object, not {_said(value)}", f"keys: {', '.join(known)}")
            return {}
        known, later = list(known), list(later)
        for key in value:
            if key in later:
                self.fault((*path, key), None, f"'{key}' is not supported yet", f"known: {', '.join(known)}", key=True)
            elif key not in known:
                self.fault((*path, key), None, f"{what} has no '{key}'", did_you_mean(key, known), key=True)
        return value

    def names(self, path: Path, value: Any, what: str) -> dict[str, Any]:
        """An object with names of the author's own; absent is empty."""
        if value is None or isinstance(value, dict):
            return value or {}
        self.fault(path, None, f"{what} is an object, not {_said(value)}")
        return {}

    def sequence(self, path: Path, value: Any, what: str) -> list[Any]:
        """A list; absent is empty."""
        if value is None or isinstance(value, list):
            return value or []
        self.fault(path, None, f"{what} is a list, not {_said(value)}")
        return []

    def text(self, path: Path, value: Any, what: str) -> str:
        if isinstance(value, str):
            return value
        self.fault(path, None, f"{what} is text, not {_said(value)}")
        return ""

    def flag(self, path: Path, value: Any, what: str) -> bool:
        if not isinstance(value, bool):
            self.fault(path, None, f"{what} is true or false, not {_said(value)}")
        return value is True

    def one_of(self, path: Path, value: Any, known: Iterable[str], what: str) -> str:
        """A word of a list; the first one stands in for an unknown one."""
        known = list(known)
        if value not in known:
            said = value if isinstance(value, str) else _said(value)
            self.fault(path, None, f"unknown {what} '{said}'", did_you_mean(str(value), known))
            return known[0]
        return str(value)

    def stream(self, path: Path, value: Any) -> str:
        """`connection.stream`, with `source` and `destination` for the flow's own two."""
        if not isinstance(value, str) or not _STREAM.match(value):
            said = f"'{value}'" if isinstance(value, str) else _said(value)
            remedy = "write source.orders, destination.Case or connection.stream"
            self.fault(path, None, f"{said} is not the name of a stream", remedy)
            return ""
        return value

    def seconds(self, path: Path, value: Any) -> float:
        match = _DURATION.match(value) if isinstance(value, str) else None
        if match is None:
            self.fault(path, None, f"{_said(value)} is not a duration", "write 30s, 15m, 2h or 1d")
            return 0.0
        return float(int(match[1]) * _UNIT[match[2]])

    def identifier(self, path: Path, name: str, what: str, taken: Iterable[str]) -> bool:
        """Whether an expression can say `name`; a fault at the key if not."""
        if name in taken:
            self.fault(path, None, f"{what} cannot be called '{name}': the word has a meaning", key=True)
        elif not _IDENTIFIER.match(name) or name in ("true", "false", "none", "not", "and", "or", "in", "is", "if"):
            self.fault(path, None, f"{what} '{name}' is not a name", "letters, digits and _", key=True)
        else:
            return True
        return False

    def line_id(self, path: Path, value: Any, taken: Mapping[str, Any]) -> str:
        """A line's id, new within the mapping."""
        if not isinstance(value, str) or not _ID.match(value):
            self.fault(path, None, "a line's id is 1 to 40 letters, digits, _ or -", "keys are made of it")
            return ""
        if value == "main" or value in taken:
            message = "'main' is the id of the main line" if value == "main" else f"id '{value}' stands twice"
            self.fault(path, None, message, "give each line an id of its own")
            return ""
        return value

    def spot(self, path: Path, field: str = "", length: int | None = None) -> Spot:
        return Spot(path, field, length)


def _said(value: Any) -> str:
    kinds: dict[type, str] = {
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        type(None): "nothing",
    }
    return kinds.get(type(value), type(value).__name__)
