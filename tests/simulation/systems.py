"""Two remote systems in memory, as their adapters see them: a shop like SFCC and a service desk like Salesforce.

What they do stands in their vendors' pages: exclusive and plain creates, a search index that lags, notes that are only
appended, statuses that may go some ways, stamps of whole seconds, updates on condition. They know nothing of the engine.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
US = "integration"
CLOSED = "closed"


def written(value: Any) -> Any:
    """A value as it stands in a document: references by name, decimals as numbers."""
    name = getattr(value, "name", None)
    if name is not None:
        return name
    return float(value) if type(value).__name__ == "Decimal" else value


@dataclass
class Thing:
    """One remote object. `seen_at`: when an index shows this version; `shown` is what it shows until then."""

    id: str
    fields: dict[str, Any]
    key: str | None = None
    by: str = "person"
    saved: float = 0.0
    stamp: float = 0.0
    version: int = 1
    deleted: bool = False
    seen_at: float = 0.0
    shown: Thing | None = None
    claimed_at: float = 0.0
    removed_at: float = 0.0
    removed_by: str = ""
    mark: str | None = None
    """Key of an appended one."""
    parent: str | None = None
    versions: list[dict[str, Any]] = field(default_factory=list)
    """What it held after each save."""
    saves: list[tuple[float, str]] = field(default_factory=list)
    """When and by whom each was made."""


@dataclass
class System:
    """Objects by stream and id. `skew`: seconds that its clock is ahead of the world's."""

    name: str
    now: Callable[[], float]
    skew: float = 0.0
    things: dict[str, dict[str, Thing]] = field(default_factory=dict)
    bin: list[Thing] = field(default_factory=list)
    number: int = 0

    def all(self, stream: str) -> dict[str, Thing]:
        return self.things.setdefault(stream, {})

    def clock(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now() + self.skew)

    def by_key(self, stream: str, key: str) -> Thing | None:
        return next((thing for thing in self.all(stream).values() if thing.key == key), None)

    def make(
        self, stream: str, fields: Mapping[str, Any], *, name: str = "", key: str | None = None, by: str = "person",
        lag: float = 0.0, began: float | None = None,
    ) -> Thing:  # fmt: skip
        """A new object. `began`: its transaction's time, which is its stamp, though it commits only now."""
        self.number += 1
        thing = Thing(name or f"{stream.lower()[:4]}{self.number}", dict(fields), key, by)
        self.all(stream)[thing.id] = thing
        self._saved(thing, None, lag, began, by)
        return thing

    def save(
        self, stream: str, name: str, fields: Mapping[str, Any], *, by: str = "person", lag: float = 0.0,
        began: float | None = None,
    ) -> Thing:  # fmt: skip
        """Somebody saves fields of an object."""
        thing = self.all(stream)[name]
        before = copy.copy(thing)
        before.fields, before.shown = dict(thing.fields), None
        taken = claimed(thing)
        thing.fields.update(fields)
        thing.version += 1
        if claimed(thing) and not taken:
            thing.claimed_at = self.now()
        self._saved(thing, before if thing.seen_at <= self.now() else thing.shown, lag, began, by)
        return thing

    def _saved(self, thing: Thing, shown: Thing | None, lag: float, began: float | None, by: str) -> None:
        now = self.now()
        thing.versions.append(dict(thing.fields))
        thing.saves.append((now, by))
        thing.saved = now
        thing.stamp = max(thing.stamp, now if began is None else began)
        thing.seen_at, thing.shown = now + lag, shown

    def remove(self, stream: str, name: str, *, by: str = "person") -> None:
        """A person deletes an object, or merges it into another one; or we do."""
        thing = self.all(stream).pop(name)
        thing.deleted, thing.removed_at, thing.removed_by = True, self.now(), by
        self.bin.append(thing)

    def in_index(self, stream: str) -> list[Thing]:
        """Objects as a search shows them: late."""
        now = self.now()
        found = []
        for thing in self.all(stream).values():
            if thing.seen_at <= now:
                found.append(thing)
            elif thing.shown is not None:
                found.append(thing.shown)
        return found


def claimed(thing: Thing) -> str | None:
    """Who has taken a case: the person who owns it, or CLOSED; None when it is open and a queue has it."""
    owner = thing.fields.get("OwnerId")
    if isinstance(owner, str) and owner.startswith("agent"):
        return owner
    return CLOSED if thing.fields.get("IsClosed") else None


def refuses(stream: str, fields: Mapping[str, Any]) -> tuple[str, str] | None:
    """What the system refuses for good: the field, and whether the row or the whole chunk is refused for it."""
    for name, value in fields.items():
        if isinstance(value, str) and "bad" in value.split():
            return name, "row"
        if isinstance(value, str) and "poison" in value.split():
            return name, "chunk"
    return None


GOES: Mapping[str, frozenset[str]] = {
    "created": frozenset({"open", "cancelled", "failed"}),
    "failed": frozenset({"open", "cancelled"}),
    "open": frozenset({"cancelled", "shipped", "created"}),
    "cancelled": frozenset({"created"}),
    "shipped": frozenset(),
}
"""Which status of an order may follow which, in the shop."""
