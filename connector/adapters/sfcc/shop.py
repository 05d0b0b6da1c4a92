"""A shop over either of its APIs, as far as both are alike: which stream is read, fetched and written by what."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from connector.adapter import Declared, Stream
from connector.adapters.sfcc.rows import one_by_one
from connector.adapters.sfcc.settings import SfccSettings
from connector.adapters.sfcc.streams import ORDERS, object_type
from connector.errors import Misconfigured
from connector.http import Http
from connector.model import Cursor, Page, Record, Report, Result, Select, Setup, StreamUse, Write

Send = Callable[[Write], Result]


class Polled(Protocol):
    """Orders, and custom objects of one type."""

    def read(self, since: Cursor | datetime | None, select: Select, overlap: float) -> Iterator[Page]: ...

    def fetch(self, keys: Sequence[str], select: Select) -> Mapping[str, Record]: ...

    def update(self, write: Write) -> Result: ...


class Objects(Polled, Protocol):
    """Custom objects: made and deleted as well."""

    def create(self, write: Write) -> Result: ...

    def delete(self, write: Write) -> Result: ...


class Direct(Protocol):
    """What is not polled: statuses of orders, products, customers."""

    def fetch(self, keys: Sequence[str]) -> Mapping[str, Record]: ...

    def update(self, write: Write) -> Result: ...


@dataclass(frozen=True, slots=True)
class Streams:
    """What stands behind the streams of one API but those of custom objects."""

    orders: Polled
    direct: Mapping[str, Direct]
    appends: Mapping[str, Send]


class Shop(ABC):
    """One site of a shop. A subclass says in `_served` what its API serves the streams by."""

    streams: Mapping[str, Stream]

    def __init__(self, name: str, settings: SfccSettings, http: Http, streams: Mapping[str, Stream]) -> None:
        self.name, self.settings, self.streams = name, settings, streams
        self._http = http

    @property
    @abstractmethod
    def _served(self) -> Streams: ...

    @abstractmethod
    def _objects(self, kind: str) -> Objects: ...

    @abstractmethod
    def check(self, uses: Sequence[StreamUse] = ()) -> Report: ...

    def read(
        self, stream: str, since: Cursor | datetime | None, *, select: Select, overlap: float = 60.0
    ) -> Iterator[Page]:
        """Changed records, oldest first, from the cursor less `overlap`; one page is one call."""
        if stream == ORDERS:
            if select.key_prefix is not None:
                raise Misconfigured(
                    "orders bear no key of ours, so a flow that reads them cannot answer another",
                    remedy="answer from the system in which the flow creates its objects",
                )
            return self._served.orders.read(since, select, overlap)
        return self._of_type(stream, "read").read(since, select, overlap)

    def fetch(
        self, stream: str, keys: Sequence[str], *, by: Literal["key", "our_key"] = "key", select: Select
    ) -> Mapping[str, Record]:
        """Records by key. Orders bear none of our keys; a custom object that we made stands under ours."""
        unique = list(dict.fromkeys(keys))
        direct = self._served.direct.get(stream)
        if direct is not None:
            return {} if by == "our_key" else direct.fetch(unique)
        if stream == ORDERS:
            return {} if by == "our_key" else self._served.orders.fetch(unique, select)
        return self._of_type(stream, "fetched").fetch(unique, select)

    def write(self, stream: str, batch: Sequence[Write]) -> Sequence[Result]:
        """One call, or a look and a call, for each Write; within `longest_call` seconds together."""
        send = [self._sender(stream, write) for write in batch]
        return one_by_one(self._http, self.longest_call(), batch, send)

    def setup(self, uses: Sequence[StreamUse], declared: Declared) -> Setup:
        """Attributes and object types to import, what the API client must be given, and a page that says where."""
        from connector.adapters.sfcc.setup import setup

        return setup(self.settings, uses, declared)

    def calls(self) -> int:
        return self._http.calls

    def longest_call(self) -> float:
        return self.settings.timeouts.total

    def close(self) -> None:
        self._http.close()

    def _sender(self, stream: str, write: Write) -> Send:
        declared = self.streams[stream]
        if write.op not in declared.writes:
            remedy = f"it takes: {', '.join(sorted(declared.writes))}"
            raise Misconfigured(f"{stream} takes no {write.op}", remedy=remedy)
        if stream == ORDERS:
            return self._served.orders.update
        if stream in self._served.appends:
            return self._served.appends[stream]
        direct = self._served.direct.get(stream)
        if direct is not None:
            return direct.update
        objects = self._of_type(stream, "written")
        return {"create": objects.create, "delete": objects.delete}.get(write.op, objects.update)

    def _of_type(self, stream: str, verb: str) -> Objects:
        kind = object_type(stream)
        if kind is None:
            raise Misconfigured(
                f"{self.name}.{stream} cannot be {verb}",
                remedy="streams: orders, custom_objects/<Type>; the others are not polled",
            )
        return self._objects(kind)
