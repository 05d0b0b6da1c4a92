"""Our YAML files as plain data with positions: what is written is what is read, every fault has a place.

Differences from YAML 1.1 as PyYAML reads it: only `true` and `false` are booleans (`NO` stays a country);
dates, times, `1e5` and numbers with a leading zero stay text (`00001301` is an order number); keys are always
text, and a key may stand only once. Refused: tags, merge keys, several documents, wide aliases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from connector.errors import Fault, Place
from connector.nearest import nearest

LARGEST = 1_000_000
"""Bytes that a file may have."""
MOST_NODES = 50_000
"""Values that a file may hold, each alias counted as what it stands for."""
DEEPEST = 40

Key = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\Z")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}(?:[eE][-+]?[0-9]{1,2})?\Z")
_WORDS: dict[str, bool | None] = {
    word: value
    for name, value in (("true", True), ("false", False), ("null", None))
    for word in (name, name.title(), name.upper())
} | {"~": None, "": None}
_STR_TAGS = ("tag:yaml.org,2002:str", "!")


@dataclass(frozen=True, slots=True)
class _Scalar:
    place: Place
    style: str
    one_line: bool


@dataclass(slots=True)
class Document:
    """One file: its data (dict, list, str, int, float, bool, None) and where each value and key stands.

    With `faults` that stop the reading `data` is None; duplicate keys leave the first value in it.
    """

    file: str
    data: Any = None
    faults: list[Fault] = field(default_factory=list)
    text: str = ""
    _values: dict[Key, Place] = field(default_factory=dict, repr=False)
    _keys: dict[Key, Place] = field(default_factory=dict, repr=False)
    _scalars: dict[Key, _Scalar] = field(default_factory=dict, repr=False)

    def place(self, path: Iterable[str | int]) -> Place:
        """Where the value at `path` stands; where there is none, its nearest parent."""
        return self._nearest(self._values, tuple(path))

    def key_place(self, path: Iterable[str | int]) -> Place:
        """Where the key at the end of `path` stands; an element of a list has none, so its value's place."""
        path = tuple(path)
        return self._keys.get(path) or self.place(path)

    def inside(self, path: Iterable[str | int], offset: int) -> Place:
        """Where the character at `offset` of the text at `path` is, as near as its way of writing allows."""
        path = tuple(path)
        scalar, text = self._scalars.get(path), self._at(path)
        if scalar is None or not isinstance(text, str):
            return self.place(path)
        place = scalar.place
        if scalar.one_line and scalar.style not in ("|", ">"):
            return Place(self.file, place.line, place.column + offset + (1 if scalar.style else 0))
        if scalar.style != "|":
            return place
        before = text[:offset]
        line = place.line + 1 + before.count("\n")
        lines = self.text.splitlines()
        source = lines[line - 1] if line <= len(lines) else ""
        start = before.rfind("\n") + 1
        indent = source.find(text[start:].split("\n", 1)[0]) if source else 0
        return Place(self.file, line, max(indent, 0) + offset - start + 1)

    def fault(self, path: Iterable[str | int], message: str, remedy: str = "", *, key: bool = False) -> Fault:
        """A Fault at the value of `path`, or at its key."""
        return Fault(self.key_place(path) if key else self.place(path), message, remedy)

    def _nearest(self, places: dict[Key, Place], path: Key) -> Place:
        for end in range(len(path), -1, -1):
            if path[:end] in places:
                return places[path[:end]]
        return Place(self.file)

    def _at(self, path: Key) -> Any:
        value = self.data
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The remedy for a word that we do not know: the nearest that we do, and all of them."""
    names = sorted(set(known))
    near = nearest(word, names)
    listed = ", ".join(names[:40]) + (", …" if len(names) > 40 else "")
    said = f"known: {listed}" if listed else ""
    return f"did you mean '{near}'? {said}" if near else said


def load(file: str, text: str | None = None) -> Document:
    """Read `file`, or `text` as if it stood in `file`. Bad content does not raise: see `faults`."""
    document = Document(file)
    if text is None:
        text = _read(document)
    elif len(text.encode("utf-8", "replace")) > LARGEST:
        document.faults.append(_too_large(file))
        text = None
    if text is None:
        return document
    document.text = text
    _Reader(document, text).read()
    return document


def _read(document: Document) -> str | None:
    path = Path(document.file)
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError as error:
        remedy = ""
        if isinstance(error, FileNotFoundError) and path.parent.is_dir():
            siblings = [each.name for each in path.parent.iterdir() if each.suffix in (".yaml", ".yml")]
            remedy = did_you_mean(path.name, siblings)
        document.faults.append(Fault(Place(document.file), f"cannot be read: {error.strerror or error}", remedy))
        return None
    if len(raw) > LARGEST:
        document.faults.append(_too_large(document.file))
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        place = Place(document.file, line, column)
        document.faults.append(Fault(place, "not UTF-8 text", "save the file with the encoding UTF-8"))
        return None


def _too_large(file: str) -> Fault:
    return Fault(Place(file), f"larger than {LARGEST:,} bytes", "split the file")


class _UnreadableError(Exception):
    """Reading cannot go on; its fault is in the document already."""


class _Reader:
    """Builds plain data from the parser's events, so that nesting and aliases are bounded in time."""

    def __init__(self, document: Document, text: str) -> None:
        self.document, self.text = document, text
        self.nodes = 0
        self.anchors: dict[str, tuple[Any, int] | None] = {}

    def read(self) -> None:
        loader: Any = None
        try:
            loader = _LOADER(self.text)
            self.loader = loader
            loader.get_event()
            if not isinstance(loader.get_event(), yaml.StreamEndEvent):
                self.document.data = self._node((), loader.get_event())
                loader.get_event()
                following = loader.get_event()
                if not isinstance(following, yaml.StreamEndEvent):
                    self._stop(following, "a second document begins here", "one file holds one document")
        except _UnreadableError:
            self.document.data = None
        except (yaml.YAMLError, UnicodeEncodeError) as error:
            self.document.data = None
            self.document.faults.append(self._syntax(error))
        finally:
            if loader is not None:
                loader.dispose()
        self.document.faults.sort(key=lambda fault: (fault.place.line, fault.place.column))

    def _node(self, path: Key, event: Any) -> Any:
        self.document._values[path] = self._place(event)
        if len(path) > DEEPEST:
            self._stop(event, f"nested deeper than {DEEPEST} levels", "flatten this part")
        self._count(event, 1)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._check_tag(event)
        before, anchor = self.nodes, event.anchor
        if anchor:
            self.anchors[anchor] = None
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(path, event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(path)
        else:
            value = self._mapping(path)
        if anchor:
            self.anchors[anchor] = (value, self.nodes - before)
        return value

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            remedy = did_you_mean(event.anchor, self.anchors) or "a value that begins with '*' needs quotes"
            self._stop(event, f"unknown alias '*{event.anchor}'", remedy)
        known = self.anchors[event.anchor]
        if known is None:
            self._stop(event, f"alias '*{event.anchor}' contains itself", "write the value out")
        value, size = known
        self._count(event, size)
        return value

    def _scalar(self, path: Key, event: Any) -> Any:
        one_line = event.start_mark.line == event.end_mark.line
        style = event.style or ""
        self.document._scalars[path] = _Scalar(self._place(event), style, one_line)
        text: str = event.value
        if style or event.tag:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.match(text):
            return int(text)
        return float(text) if _FLOAT.match(text) else text

    def _sequence(self, path: Key) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := self.loader.get_event(), yaml.SequenceEndEvent):
            values.append(self._node((*path, len(values)), event))
        return values

    def _mapping(self, path: Key) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := self.loader.get_event(), yaml.MappingEndEvent):
            key, place = self._key(event), self._place(event)
            here = (*path, key)
            if key in values:
                remedy = f"it stands on line {self.document._keys[here].line} already; keep one"
                self.document.faults.append(Fault(place, f"key '{key}' stands twice", remedy))
                self._skip(self.loader.get_event())
                continue
            self.document._keys[here] = place
            values[key] = self._node(here, self.loader.get_event())
        return values

    def _key(self, event: Any) -> str:
        self._count(event, 1)
        if not isinstance(event, yaml.ScalarEvent):
            self._stop(event, "a key must be text", 'braces at the start of a value need quotes: "{{ … }}"')
        if event.value == "<<" and not event.style:
            self._stop(event, "merge keys ('<<') are not supported", "write the keys out")
        self._check_tag(event)
        if event.value == "" and not event.style:
            self._stop(event, "a key is missing before ':'", "name the key")
        return str(event.value)

    def _skip(self, event: Any) -> None:
        """Pass over a value that is not kept, with its places."""
        depth = 0
        while True:
            self._count(event, 1)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth == 0:
                return
            event = self.loader.get_event()

    def _check_tag(self, event: Any) -> None:
        tag = event.tag
        if not tag or (tag in _STR_TAGS and isinstance(event, yaml.ScalarEvent)):
            return
        name = tag.replace("tag:yaml.org,2002:", "!!")
        self._stop(event, f"tag '{name}' is not supported", "write plain values; quotes make text")

    def _count(self, event: Any, more: int) -> None:
        self.nodes += more
        if self.nodes > MOST_NODES:
            remedy = "split the file; aliases count as what they stand for"
            self._stop(event, f"more than {MOST_NODES:,} values", remedy)

    def _place(self, event: Any) -> Place:
        mark = event.start_mark
        return Place(self.document.file, mark.line + 1, mark.column + 1)

    def _stop(self, event: Any, message: str, remedy: str) -> NoReturn:
        self.document.faults.append(Fault(self._place(event), message, remedy))
        raise _UnreadableError

    def _syntax(self, error: Exception) -> Fault:
        if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
            return self._unreadable(error)
        mark = error.problem_mark
        place = Place(self.document.file, mark.line + 1, mark.column + 1)
        lines = self.text.splitlines()
        line = lines[mark.line] if mark.line < len(lines) else ""
        remedy = "check indentation, colons and quotes here and on the line above"
        if "\t" in line[: mark.column + 1]:
            remedy = "tabs cannot indent YAML; use spaces"
        elif "{{" in line or "}}" in line:
            remedy = "text with braces, ': ' or ' #' needs quotes: \"{{ … }}\""
        context = f" {error.context}" if error.context else ""
        return Fault(place, f"not YAML: {error.problem}{context}", remedy)

    def _unreadable(self, error: Exception) -> Fault:
        """A character that YAML forbids; the C reader gives its position, not its line."""
        found = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", self.text)
        if found is None:
            return Fault(Place(self.document.file), f"not YAML: {error}")
        line = self.text.count("\n", 0, found.start()) + 1
        column = found.start() - self.text.rfind("\n", 0, found.start())
        remedy = "remove the character, or write it as an escape in double quotes"
        message = f"character U+{ord(found.group()):04X} is not allowed"
        return Fault(Place(self.document.file, line, column), message, remedy)
