"""A set of documents with a search index of its own that may lag behind.

Documents are kept as encoded bytes: a read of everything joins bytes. The index is two parallel lists in order of
(last_modified, key), so that a page of changed documents costs no more than the page.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

import orjson

from connector.sandbox.clock import Dial


class Doc:
    """One document: `body` is the truth, `hit` what search shows, `place` where search finds it."""

    __slots__ = ("body", "flat", "hit", "key", "place", "seen", "site")

    def __init__(self, key: str, site: str, body: bytes) -> None:
        self.key = key
        self.site = site
        self.body: bytes | None = body
        self.hit: bytes | None = None
        self.place = ""
        self.flat: dict[str, Any] | None = None
        self.seen = -1  # the write that the index shows

    def document(self) -> dict[str, Any]:
        assert self.body is not None
        decoded: dict[str, Any] = orjson.loads(self.body)
        return decoded


class Documents:
    """Documents of one site or type."""

    def __init__(self, clock: Dial, project: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        self.clock = clock
        self.project = project
        self.docs: dict[str, Doc] = {}
        self.places: list[str] = []
        self.hits: list[bytes] = []
        self._pending: list[tuple[float, int, str, bytes | None, str]] = []
        self._order = count()
        self.writes = 0

    def load(self, loaded: Iterable[tuple[str, str, str, bytes]]) -> None:
        """Takes many (key, site, last_modified, body) at once, already indexed."""
        for key, site, stamp, body in loaded:
            doc = self.docs[key] = Doc(key, site, body)
            doc.hit, doc.place = body, stamp + "|" + key
        self.places = sorted(d.place for d in self.docs.values() if d.place)
        self.hits = [self.docs[place[25:]].hit or b"" for place in self.places]

    def get(self, key: str) -> Doc | None:
        doc = self.docs.get(key)
        return None if doc is None or doc.body is None else doc

    def put(self, key: str, site: str, document: dict[str, Any], lag: float) -> Doc:
        """Stores a document under the stamp that it carries; search learns of it `lag` seconds later."""
        body = orjson.dumps(document)
        self.writes += 1
        doc = self.docs.get(key)
        if doc is None:
            doc = self.docs[key] = Doc(key, site, body)
        else:
            doc.body = body
        self._later(key, body, document["last_modified"], lag)
        return doc

    def delete(self, key: str, lag: float) -> bool:
        doc = self.get(key)
        if doc is None:
            return False
        doc.body = None
        self._later(key, None, "", lag)
        return True

    def _later(self, key: str, body: bytes | None, stamp: str, lag: float) -> None:
        if lag <= 0 and not self._pending:
            self._index(next(self._order), key, body, stamp)
        else:
            heapq.heappush(self._pending, (self.clock.now() + lag, next(self._order), key, body, stamp))

    def catch_up(self) -> None:
        """Brings into the index what is due."""
        now = self.clock.now()
        while self._pending and self._pending[0][0] <= now:
            _, write, key, body, stamp = heapq.heappop(self._pending)
            self._index(write, key, body, stamp)

    def _index(self, write: int, key: str, body: bytes | None, stamp: str) -> None:
        doc = self.docs[key]
        if write < doc.seen:  # overtaken by a later write of the same document
            return
        doc.seen = write
        if doc.place:
            at = bisect_left(self.places, doc.place)
            del self.places[at], self.hits[at]
        doc.flat, doc.hit = None, body
        doc.place = "" if body is None else stamp + "|" + key
        if body is not None:
            at = bisect_left(self.places, doc.place)
            self.places.insert(at, doc.place)
            self.hits.insert(at, body)

    def flat(self, doc: Doc) -> dict[str, Any]:
        """The searchable values of a document as the index has it, decoded once."""
        if doc.flat is None:
            assert doc.hit is not None
            doc.flat = self.project(orjson.loads(doc.hit))
            doc.flat["site_id"] = doc.site or None
            doc.flat["_key"] = doc.key
        return doc.flat

    @property
    def waiting(self) -> int:
        """Writes that search does not show yet."""
        self.catch_up()
        return len(self._pending)
