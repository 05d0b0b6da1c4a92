"""Reading one flow's source: what is asked for, and what it is odd to miss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from connector import keys
from connector.adapter import Stream
from connector.engine.places import Place
from connector.engine.selection import both, fields_of, read_by
from connector.errors import Misconfigured
from connector.flow import Flow
from connector.model import Page, Record, Select


def select_for(flow: Flow, place: Place, answered: Flow | None, origin_fields: frozenset[str] | None) -> Select:
    """What a read must bring: what the mapping uses, what the flows that answer this one use of it, what the stream needs.

    A flow that answers reads only records that bear a key of the answered flow.
    """
    used = read_by(flow.mapping, place.stream)
    fields: tuple[str, ...] = ()
    if flow.by is not None:
        used = both(used, flow.by.fields)
    if used is not None and origin_fields is not None:
        fields = tuple(sorted({*used, *origin_fields, *place.stream.needs, *names_of(flow, place.stream)}))
    prefix = None
    if answered is not None and flow.by is None:  # keys of several ids have no beginning in common: any key will do
        prefix = "" if answered.moved_from else keys.prefix(answered.id)
    return Select(fields=fields, key_prefix=prefix, where=flow.where)


def names_of(flow: Flow, stream: Stream) -> tuple[str, ...]:
    """Fields by which people name a record of this flow beside its key; flows that only create never pay for it."""
    if flow.by_state:  # the key is that of an evaluation
        return tuple(filter(None, (stream.key, stream.number)))
    return (stream.number,) if flow.answers is not None and stream.number else ()


class Presence:
    """Notices a selected attribute that a whole page suddenly lacks: a lost permission looks just like that, and
    mapping it as null would clear the field on every case. Source: OCAPI settings trim what a client may not read."""

    ENOUGH = 24
    USUAL = 0.9
    PAGE = 20
    SAMPLE = 24
    """Records looked at in a page: the whole of it would cost as much as mapping it."""
    NEARLY = 0.05
    """A page also shows records of before again (the overlap), which may still have it."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._witness: dict[str, str] = {}
        self._records = 0

    def suspects(self, page: Sequence[Record], fields: Sequence[str]) -> dict[str, str]:
        """Attributes that most records had and this page lacks, each with the key of a record that had it."""
        sample = page[:: max(1, len(page) // self.SAMPLE)]
        here = Counter(name for record in sample for name in fields if record.fields.get(name) is not None)
        found = {}
        if len(page) >= self.PAGE and self._records >= self.ENOUGH:
            for name, key in self._witness.items():
                usual = self._seen[name] >= self.USUAL * self._records
                if usual and name in fields and here[name] <= self.NEARLY * len(sample):
                    found[name] = key
        if not found:
            self._seen.update(here)
            self._records += len(sample)
            for record in sample[-1:]:
                self._witness |= {name: record.key for name in fields if record.fields.get(name) is not None}
        return found

    def honest(self, names: Iterable[str]) -> None:
        """These are still shown where they were set: the page's records really lack them. Counting begins anew."""
        for name in names:
            self._seen[name] = 0
            self._witness.pop(name, None)


def check_presence(presence: Presence, place: Place, page: Page, select: Select) -> None:
    """Misconfigured when attributes that most records had are missing in a whole page, and also in records that had them: the
    client may no longer read them."""
    looked_at = [each for each in fields_of(select.fields) if each not in place.stream.facts]
    suspects = presence.suspects(page.records, looked_at)
    if not suspects:
        return
    had = place.adapter.fetch(place.name, list(set(suspects.values())), by="key", select=select)
    lost = [name for name, key in suspects.items() if key in had and had[key].fields.get(name) is None]
    if lost:
        names = ", ".join(sorted(lost))
        raise Misconfigured(
            f"{place.full} shows {names} no more, neither in a page of {len(page.records)} records nor where it was set",
            remedy=f"give the client permission to read {names} again; nothing of this page was taken in",
        )
    presence.honest(suspects)


def surfaced(records: Sequence[Record], known: Mapping[tuple[str, str], str | None]) -> list[str]:
    """Keys of a sweep's records that the ledger does not know (`known`: stamps by site and key) or may know older: where no
    stamp is shown, only the whole record tells."""
    late = []
    for record in records:
        stamp = known.get((record.site, record.key))
        if stamp is None or record.stamp is None or record.stamp > stamp:
            late.append(record.key)
    return late
