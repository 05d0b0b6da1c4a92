"""What a store says of objects that several records share: a main line under a `key:` of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from connector.model import Row


class Shared(Protocol):
    """Every verb is one transaction."""

    def sharing(self, flow: str, keys: Collection[str]) -> Mapping[str, Sequence[Row]]:
        """By key of a main line, the rows of this flow that have one under it, the oldest first."""
        ...

    def joined(self, flow: str, since: datetime) -> Mapping[str, datetime]:
        """Keys of main lines that were sent since, and when the last one was."""
        ...

    def cut_off(self, flow: str, now: datetime) -> datetime | None:
        """Since when the latest delivery of a pending row of this flow may have made something that no line tells of; `now` for
        one whose holder is dead and that nobody has taken over."""
        ...
