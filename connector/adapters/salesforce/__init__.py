"""Salesforce Service Cloud: Cases (and any other object) read by SystemModstamp, created under our key, updated by Id;
comments appended to cases.

docs/adapters/salesforce.md tells how to set an org up and which traps are closed here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel

from connector.adapter import Clock, Declared, Stream
from connector.adapters.salesforce.budget import Gauge
from connector.adapters.salesforce.settings import Settings as OrgSettings
from connector.adapters.salesforce.signin import SignIn
from connector.adapters.salesforce.streams import Streams
from connector.errors import Misconfigured
from connector.http import Http
from connector.model import Cursor, Page, Record, Report, Result, Select, Setup, Stay, StreamUse, Usage, Write

if TYPE_CHECKING:
    from connector.adapters.salesforce.parts import Parts

__all__ = ["Salesforce"]


class Salesforce:
    """One org. Building it touches no network and does not load simple-salesforce, which takes 0.3 s."""

    Settings: ClassVar[type[BaseModel]] = OrgSettings

    def __init__(self, name: str, settings: OrgSettings, *, clock: Clock) -> None:
        self.name, self._settings, self._clock = name, settings, clock
        self.streams: Mapping[str, Stream] = Streams(settings)
        self._http = Http(name, clock=clock, timeouts=settings.timeouts, ca_file=settings.ca_file)
        self._gauge = Gauge(clock)
        self._sign_in = SignIn(self._http, settings, clock)
        self._lock = threading.Lock()
        self._made: Parts | None = None

    def check(self, uses: Sequence[StreamUse] = ()) -> Report:
        """One authenticated call, a describe for each of `uses`, and a query for the queues and users that they name."""
        return self._parts.checker.report(uses)

    def read(
        self, stream: str, since: Cursor | datetime | None, *, select: Select, overlap: float = 60.0
    ) -> Iterator[Page]:
        """Rows whose SystemModstamp is not before `since` less the overlap, by (SystemModstamp, Id). One page is one call."""
        return self._parts.reader.pages(self._stream(stream), since, select, overlap)

    def fetch(
        self, stream: str, keys: Sequence[str], *, by: Literal["key", "our_key"] = "key", select: Select
    ) -> Mapping[str, Record]:
        """Rows by Id or by our key: one call for up to 200, as many as a URI holds. Deleted ones are missing."""
        return self._parts.reader.fetch(self._stream(stream), keys, by, select)

    def write(self, stream: str, batch: Sequence[Write]) -> Sequence[Result]:
        """Create, update or append in collections. Raises Rejected when a call was refused whole because of a record in it."""
        if not batch:
            return []
        target, op = self._stream(stream), batch[0].op
        if op not in target.writes or any(write.op != op for write in batch):
            raise ValueError(
                f"{stream} takes one kind of write in a call: {', '.join(sorted(target.writes)) or 'none'}"
            )
        if op == "create" and target.create == "exclusive" and any(write.uncertain for write in batch):
            self._parts.checker.must_refuse_a_second(stream)
        with self._http.within(2 * self._settings.timeouts.total, batch[0].until):
            if op == "append":
                return self._parts.comments.append(target, batch)
            return self._parts.writer.write(target, batch, op)

    def owner(self, stream: str, record: Record) -> Stay:
        """Who has a case, by its own fields. Makes no call."""
        return self._parts.ownership.owner(record)

    def stays(self, stream: str, records: Sequence[Record]) -> Mapping[str, Sequence[Stay]]:
        """Who had these cases since when: one query of CaseHistory for 200 of them; of AgentWork where that says nothing."""
        return self._parts.ownership.stays(records)

    def active(self, stream: str, records: Sequence[Record]) -> Mapping[str, str]:
        """When somebody last did something with these cases: two queries for 200 of them."""
        return self._parts.ownership.active(records)

    def setup(self, uses: Sequence[StreamUse], declared: Declared) -> Setup:
        """Fields, queues and permission sets in source format, and a page with the steps that remain."""
        from connector.adapters.salesforce.setup import setup

        return setup(self._settings, uses, declared)

    def calls(self) -> int:
        """Requests sent so far, sign-ins and tries again included."""
        return self._http.calls

    def usage(self) -> Usage | None:
        """How many calls the org has used of how many, by its last reply."""
        return self._gauge.usage

    def longest_call(self) -> float:
        """A write ends within twice the total time of a call, after at most one more in which another thread signs in."""
        return 3 * self._settings.timeouts.total

    def close(self) -> None:
        """Give connections back."""
        self._http.close()

    def _stream(self, name: str) -> Stream:
        try:
            return self.streams[name]
        except KeyError:
            raise Misconfigured(
                f"{self.name}: {name!r} cannot be an object of Salesforce", remedy="use its API name, as in Case"
            ) from None

    @property
    def _parts(self) -> Parts:
        """What does the work, made at the first call."""
        if self._made is None:
            with self._lock:
                if self._made is None:
                    from connector.adapters.salesforce.parts import Parts

                    self._made = Parts(
                        self._settings, self._clock, self._http, self._gauge, self._sign_in, self.streams
                    )
        return self._made
