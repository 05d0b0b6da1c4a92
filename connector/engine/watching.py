"""Looked-up records that changed: whoever looked them up is looked at again.

At the beginning of a pass, before any of its rows is leased, the changes of each watched stream are read from a cursor of their
own: keys and stamps, a call a page, however many rows watch. The ledger knows who looked at which version (`Watches.wake`). What
changes after that is met by the next pass; what surfaces later still, by the sweep.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from connector.engine.deliver import Workshop
from connector.engine.fetch import Stopped, stop
from connector.engine.origins import joined_name, shared_by
from connector.engine.places import Place
from connector.engine.report import Tally
from connector.errors import ConnectionFault, Misconfigured, RecordFault
from connector.model import Cursor, Page, Record, Select
from connector.stamps import parse, stamp
from connector.store import Watching

_LATE = timedelta(minutes=1)
"""So long a settle may take from its time to its commit."""
_SURE = timedelta(hours=1)
"""A first read begins so long before now at the latest, whatever our clock was then."""


def look_again(shop: Workshop, tally: Tally) -> None:
    """Rows whose looked-up records changed since the last look are due. A remote fault ends it, and the next pass goes on."""
    try:
        _joined(shop)
        for place, at in _watched(shop):
            since = at.cursor or min(at.since, shop.clock.now() - _SURE)
            for page in _pages(shop, place, since, shop.flow.overlap):
                shop.store.wake(shop.flow.id, place.full, page.records, shop.clock.now(), cursor=page.cursor)
                if shop.stopping():
                    return
    except Stopped as stopped:  # health knows
        tally.stopped_by(stopped.problem)


def sweep_again(shop: Workshop, width: float) -> None:
    """The same for what surfaced up to `width` seconds late; the cursor stays. Raises Stopped."""
    flow, store = shop.flow, shop.store
    wide = width > flow.sweep_width
    for place, at in _watched(shop):
        if at.cursor is None:
            continue
        woken, since = 0, (at.swept_wide if wide else at.swept) or at.since
        for page in _pages(shop, place, since, width):
            woken += store.wake(flow.id, place.full, page.records, shop.clock.now(), cursor=None)
            if shop.stopping():
                return
        store.watch_swept(flow.id, place.full, at.cursor, wide=wide)
        if woken:
            shop.tell("sweep_found", flow=flow.name, records=woken)


def _joined(shop: Workshop) -> None:
    """Answers to an object that another record has joined since: that one is to be answered too. No call is made."""
    flow, answered, store = shop.flow, shop.answered, shop.store
    if answered is None or not shared_by(flow, answered):
        return
    name, now = joined_name(answered), shop.clock.now()
    at = next((at for at in store.watching(flow.id) if at.stream == name), None)
    if at is None:
        return
    since = min(now, parse(at.cursor) if at.cursor else at.since)
    joined = store.joined(answered.id, since - _LATE)
    if joined or at.cursor is None or now - since > _SURE / 4:
        records = [Record(key, {}, stamp(moment + _LATE)) for key, moment in joined.items()]
        store.wake(flow.id, name, records, now, cursor=stamp(now))


def _watched(shop: Workshop) -> Iterator[tuple[Place, Watching]]:
    """Streams that a lookup watches, and that some row has looked at."""
    places = {
        place.full: place
        for lookup in shop.flow.mapping.lookups
        if lookup.watch
        for place in (shop.places.named(shop.flow, lookup.stream),)
    }
    for at in shop.store.watching(shop.flow.id) if places else ():
        if at.stream in places:
            yield places[at.stream], at


def _pages(shop: Workshop, place: Place, since: Cursor | datetime, overlap: float) -> Iterator[Page]:
    select = Select(fields=place.stream.needs, keys_only=True)
    try:
        for page in place.adapter.read(place.name, since, select=select, overlap=overlap):
            shop.places.hear(place.connection, page.read_at)
            yield page
        shop.health.works(f"connection:{place.connection}")
    except (ConnectionFault, Misconfigured, RecordFault) as problem:
        raise stop(place, shop.flow.id, shop.health, problem) from problem
