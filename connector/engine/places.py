"""Streams by name: from what a mapping or a flow writes to the adapter that serves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from connector.adapter import Adapter, Clock, Stream
from connector.engine.states import Attending, asks
from connector.errors import Misconfigured
from connector.flow import Flow
from connector.store import Store


@dataclass(frozen=True, slots=True)
class Place:
    """One stream of one connection."""

    connection: str
    name: str
    adapter: Adapter
    stream: Stream

    @property
    def full(self) -> str:
        return f"{self.connection}.{self.name}"


class Places:
    """Resolves stream names; what it found is kept, since facts of a stream do not change."""

    def __init__(self, connections: Mapping[str, Adapter], store: Store, clock: Clock) -> None:
        self.connections, self._store, self._clock = connections, store, clock
        self._known: dict[tuple[str, str], Place] = {}
        self._sources: dict[str, Place] = {}
        self._ahead: dict[str, timedelta] = {}

    def hear(self, connection: str, read_at: datetime) -> None:
        """A page has told its system's clock."""
        self._ahead[connection] = read_at - self._clock.now()

    def time(self, connection: str) -> datetime | None:
        """What its system's clock says now; None: no page has told."""
        ahead = self._ahead.get(connection)
        return None if ahead is None else self._clock.now() + ahead

    def at(self, connection: str, name: str) -> Place:
        """Misconfigured when the system has no such stream."""
        known = self._known.get((connection, name))
        if known is None:
            adapter = self.connections[connection]
            try:
                stream = adapter.streams[name]
            except KeyError as error:
                raise Misconfigured(
                    f"connection {connection} has no stream {name!r}",
                    remedy=f"known: {', '.join(sorted(adapter.streams))}",
                ) from error
            known = self._known[(connection, name)] = Place(connection, name, adapter, stream)
        return known

    def source(self, flow: Flow) -> Place:
        """What a flow reads; told who has its records where it asks for that."""
        known = self._sources.get(flow.id)
        if known is None:
            known = self.at(*flow.source)
            if asks(flow, known.stream):
                attending = Attending(flow, known.adapter, known.stream, self._store, self._clock)
                known = replace(known, adapter=cast("Adapter", attending))  # all of one but its settings
            self._sources[flow.id] = known
        return known

    def named(self, flow: Flow, text: str | None) -> Place:
        """A stream as a mapping of this flow writes it: `destination.Case`, `shop.orders.notes`; None: its destination."""
        if text is None or text == "main":
            return self.at(*flow.destination)
        connection, _, name = text.partition(".")
        if connection == "destination":
            connection = flow.destination[0]
        elif connection == "source":
            connection = flow.source[0]
        return self.at(connection, name)
