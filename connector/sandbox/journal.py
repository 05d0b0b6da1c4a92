"""What happened at the simulated systems: requests by path, writes by key, and what was done twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

_NUMBER = re.compile(r"/(?:\d[\w%.:-]*|500\w{12,15}|a0\w{13,16}|00[0-9aG]\w{12,15}|01g[\w-]+)(?=/|$)")
_AFTER = re.compile(r"(/(?:orders|sites|notes)/(?!v\d/)|/custom[_-]objects/(?!v\d/)\w+/|__c/)[^/?]+")
_MARKER = re.compile(r"\[([^\[\]\s]{6,})\]")
_NAMED = re.compile(
    r"\b(?:500|a0\w)[0-9A-Za-z]{15}\b|\b[a-z][a-z0-9-]*:[a-z0-9_-]+:[a-z0-9_:-]+|/(?:orders|products|custom[_-]objects/\w+)/(?!v\d/)[\w%.:-]+"
)
"""What a write names its objects by: Ids of cases and custom records, keys of ours, orders and custom objects in a path."""


def family(method: str, path: str) -> str:
    """A path without its keys: `PATCH /services/data/v66.0/composite/sobjects/Case/Commerce_Key__c` stays as it is,
    `GET …/orders/00001301/notes` becomes `GET …/orders/{}/notes`."""
    return method + " " + _AFTER.sub(r"\1{}", _NUMBER.sub("/{}", path))


def marker(subject: str, text: str) -> str:
    """What makes a note recognisable: a bracketed mark in it, else its subject."""
    found = _MARKER.search(subject) or _MARKER.search(text)
    return found[1] if found else subject


class Journal:
    """Counters, never reset but by `reset`. The state itself is asked from the systems."""

    def __init__(self) -> None:
        self._paths: dict[str, Counter[tuple[str, str]]] = {"sfcc": Counter(), "salesforce": Counter()}
        self.faults: Counter[str] = Counter()
        self.created: Counter[str] = Counter()
        self.updated: Counter[str] = Counter()
        self.keyless = 0
        self.notes: Counter[tuple[str, str]] = Counter()
        self.comments: Counter[tuple[str, str]] = Counter()
        self.files: Counter[tuple[str, str]] = Counter()
        self.executed: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self.round = 1
        self._written: dict[
            str, tuple[int, bool]
        ] = {}  # object → round of its last write, and whether that was answered
        self._again: dict[tuple[str, int], set[str]] = {}
        self.unanswered: Counter[str] = Counter()
        """What writes named to which a fault left no proper answer, whether they took effect or not."""
        self._unheard: list[str] | None = None

    def wrote(self, name: str, *, news: bool) -> None:
        """A client has written an object; without `news` it was there already, or nothing changed by it: said again.

        Why it was said again: the answer to the last write was lost by a fault, or its round (`next_round`: the client's
        process) is over, or there is no reason.
        """
        last = self._written.get(name)
        if not news and last is not None:
            number, answered = last
            why = "answer lost" if not answered else "client ended" if number < self.round else "no reason"
            self._again.setdefault((why, number), set()).add(name)
        if self._unheard is not None:
            self._unheard.append(name)
        if news or last is None or last[0] == self.round:
            self._written[name] = (self.round, self._unheard is None)

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """What is written within is answered to nobody."""
        self._unheard = []
        try:
            yield
        finally:
            for name in self._unheard:
                number, _ = self._written.get(name, (self.round, False))
                self._written[name] = (number, False)
            self._unheard = None

    def struck(self, method: str, target: str, body: bytes) -> None:
        """A request goes wrong."""
        if method != "GET" and "_search" not in target and "-search" not in target:
            said = unquote(target) + " " + body.decode("utf-8", "replace")
            self.unanswered.update({found.rpartition("/")[2] for found in _NAMED.findall(said)})

    def again(self) -> dict[str, dict[str, list[str]]]:
        """What was said again, by reason and by the round of the write that it repeats."""
        out: dict[str, dict[str, list[str]]] = {"answer lost": {}, "client ended": {}, "no reason": {}}
        for (why, number), names in self._again.items():
            out[why][str(number)] = sorted(names)
        return out

    def request(self, system: str, method: str, path: str) -> None:
        self._paths[system][method, path] += 1

    def fault(self, kind: str) -> None:
        self.faults[kind] += 1

    def requests(self) -> dict[str, dict[str, int]]:
        """Per system: requests by method and path family, and `total`."""
        out: dict[str, dict[str, int]] = {}
        for system, paths in self._paths.items():
            families: Counter[str] = Counter()
            for (method, path), n in paths.items():
                families[family(method, path)] += n
            out[system] = {**families, "total": sum(paths.values())}
        return out

    def shown(self) -> dict[str, Any]:
        return {
            "requests": self.requests(),
            "faults": dict(self.faults),
            "tokens": dict(self.tokens),
            "rows": dict(self.rows),
            "cases_created": sum(self.created.values()) + self.keyless,
            "cases_updated": sum(self.updated.values()),
            "notes": sum(self.notes.values()),
            "comments": sum(self.comments.values()),
            "files": sum(self.files.values()),
            "refunds_executed": sum(self.executed.values()),
        }
