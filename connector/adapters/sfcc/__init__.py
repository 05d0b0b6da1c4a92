"""Salesforce B2C Commerce, over either of its APIs: `ocapi.py` speaks OCAPI, `scapi/` the Commerce API (SCAPI).

Records come in one vocabulary, OCAPI's, and writes go by it, so that a mapping works with both where the API can do it; what
SCAPI cannot, `check` says. docs/adapters/sfcc.md says what a shop must set up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import BaseModel

from connector.adapter import Clock, Declared, Stream
from connector.adapters.sfcc.ocapi import Ocapi
from connector.adapters.sfcc.scapi import Scapi
from connector.adapters.sfcc.settings import SfccSettings
from connector.model import Cursor, Page, Problem, Record, Report, Result, Select, Setup, StreamUse, Write

__all__ = ["Sfcc", "SfccSettings"]


class Sfcc:
    """One site of one instance, over the API that its settings name."""

    Settings: ClassVar[type[BaseModel]] = SfccSettings
    streams: Mapping[str, Stream]
    limits: Callable[[Sequence[StreamUse]], Sequence[Problem]]
    """What of these uses the configured API can never do. There only where it has such limits (`connector.adapter.Limited`)."""

    def __init__(self, name: str, settings: SfccSettings, *, clock: Clock) -> None:
        self.name, self.settings, self.clock = name, settings, clock
        self._api: Ocapi | Scapi = (Scapi if settings.api == "scapi" else Ocapi)(name, settings, clock=clock)
        self.streams = self._api.streams
        if isinstance(self._api, Scapi):
            self.limits = self._api.limits

    def check(self, uses: Sequence[StreamUse] = ()) -> Report:
        """One cheap call. For `uses`: may we, and does the instance have what the flows read and write?

        Raises ConnectionFault.
        """
        return self._api.check(uses)

    def read(
        self, stream: str, since: Cursor | datetime | None, *, select: Select, overlap: float = 60.0
    ) -> Iterator[Page]:
        """Changed records, oldest first, from the cursor less `overlap`."""
        return self._api.read(stream, since, select=select, overlap=overlap)

    def fetch(
        self, stream: str, keys: Sequence[str], *, by: Literal["key", "our_key"] = "key", select: Select
    ) -> Mapping[str, Record]:
        """Records by key. Orders bear none of our keys; a custom object that we made stands under ours."""
        return self._api.fetch(stream, keys, by=by, select=select)

    def write(self, stream: str, batch: Sequence[Write]) -> Sequence[Result]:
        """One call, or a look and a call, for each Write; within `longest_call` seconds together."""
        return self._api.write(stream, batch)

    def setup(self, uses: Sequence[StreamUse], declared: Declared) -> Setup:
        """Attributes and object types to import, what the API client must be given, and a page that says where."""
        return self._api.setup(uses, declared)

    def calls(self) -> int:
        return self._api.calls()

    def longest_call(self) -> float:
        return self.settings.timeouts.total

    def close(self) -> None:
        self._api.close()
