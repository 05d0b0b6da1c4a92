"""What the daemon does for its ledger beside deliveries: old records go, others come under the configured key.

It leaves the ledger alone for as long as it had it: a delivery waits for one small transaction at most, and one that is
waiting comes next.
"""

from __future__ import annotations

import threading
import time

from connector.adapter import Clock
from connector.config.schema import Keep
from connector.errors import LedgerError
from connector.store import Store
from connector.telemetry import Tell

_SHORTEST = 0.01
_SMALL = 100 * 2**20
"""Bytes of a ledger that is written anew in about a second."""


class Upkeep:
    """Called by the runner now and then; returns how many stored records were removed."""

    def __init__(self, store: Store, keep: Keep, clock: Clock, stop: threading.Event, tell: Tell) -> None:
        self._store, self._keep, self._clock, self._stop, self._tell = store, keep, clock, stop, tell

    def __call__(self) -> int:
        """LedgerError when records cannot be removed; a key that cannot be changed is told as an event."""
        now, keep = self._clock.now(), self._keep
        gone = self._store.prune(
            now,
            delivered=keep.delivered_records,
            parked=keep.parked,
            audit=keep.audit,
            go_on=_Between(self._stop),
        )
        try:
            done = self._store.rekey(now, go_on=_Between(self._stop))
        except LedgerError as error:
            self._tell("rekey_failed", error=str(error))
            return gone
        if not done.left and (done.records or done.retired):
            self._tell("rekeyed", records=done.records, retired=done.retired)
            self._clear()
        return gone

    def _clear(self) -> None:
        """A small ledger is written anew at once; for a large one somebody chooses the time (`connector rekey`)."""
        extent = self._store.extent()
        if extent.remnants and extent.total < _SMALL and not self._stop.is_set():
            self._store.compact()


class _Between:
    """Waits between two transactions for as long as the last one took; false once the process is stopping."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop, self._began = stop, time.monotonic()

    def __call__(self) -> bool:
        stopping = self._stop.wait(max(_SHORTEST, time.monotonic() - self._began))
        self._began = time.monotonic()
        return not stopping
