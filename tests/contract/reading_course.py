"""Any course of events around one reader: records are saved, commit late, vanish; pages are taken in one by one; the process
dies between two of them and its cursor goes through its text. What was taken in at the end must be what is there.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from connector.adapter import Adapter
from connector.engine.pull import surfaced
from connector.errors import Unavailable
from connector.model import Page, Record, Select

OVERLAP, WIDTH = 60.0, 1800.0
Act = tuple[str, Any]


def examples(count: int) -> settings:
    """Settings of a course's test: so many examples, times what CONNECTOR_EXAMPLES says (`make test` leaves it at 1)."""
    times = float(os.environ.get("CONNECTOR_EXAMPLES", "1"))
    quick = set(Phase) - {Phase.explain}
    return settings(
        max_examples=int(count * times), deadline=None, suppress_health_check=list(HealthCheck), phases=quick
    )


def acts(*, late: float) -> st.SearchStrategy[list[Act]]:
    """What happens: `late` is the longest that a save may take to be seen. Most waits end within it, so that reads fall between
    a save and its being seen. First a backlog, older than the overlap."""
    waits = [0.3, 1.0, late / 6, late / 6, late / 2, late / 1.2, 400.0]
    people: list[st.SearchStrategy[Act]] = [
        st.tuples(st.just("save"), st.integers(1, 6)),
        st.tuples(st.just("late"), st.sampled_from([late, late, 0.8 * late, 0.3 * late])),
        st.tuples(st.just("wait"), st.sampled_from(waits)),
    ]
    during = st.lists(st.one_of(*people, st.tuples(st.just("delete"), st.none())), max_size=3)
    machines: list[st.SearchStrategy[Act]] = [
        st.tuples(st.just("page"), during),
        st.tuples(st.just("page"), during),
        st.tuples(st.just("read"), st.none()),
        st.tuples(st.sampled_from(["crash", "expire", "sweep", "delete"]), st.none()),
    ]
    backlog = st.integers(0, 8).map(lambda count: [("save", 3), ("wait", 50.0)] * count)
    return st.builds(operator.add, backlog, st.lists(st.one_of(*people, *machines), min_size=15, max_size=50))


class System(Protocol):
    """One of the simulated systems, as a course acts on it."""

    def save(self, number: int) -> None:
        """So many records change or come to be, at once."""

    def late(self, seconds: float) -> None:
        """One changes now, and shows it so much later."""

    def delete(self) -> None: ...
    def expire(self) -> None:
        """Tokens end."""

    def wait(self, seconds: float) -> None: ...
    def during(self, act: Callable[[], None]) -> None:
        """To be called in the middle of the next call."""

    def truth(self) -> dict[str, Any]:
        """What is there, by key: what identifies its last version."""

    def version(self, record: Record) -> Any:
        """What identifies the version of a record as it was read."""

    def open(self) -> Adapter: ...


class Course:
    """One reader, what it has taken in (by the ledger's rules: newest wins), and what happens to it."""

    def __init__(
        self, system: System, stream: str, *, since: datetime | None, fields: Sequence[str], sweeps: bool
    ) -> None:
        self.system, self.stream, self.since, self.sweeps = system, stream, since, sweeps
        self.select = Select(fields=tuple(fields))
        self.adapter = system.open()
        self.cursor: str | None = None
        self.swept: str | None = None
        self.held: dict[str, tuple[str | None, Any]] = {}
        self._reading: Iterator[Page] | None = None

    def run(self, events: Sequence[Act]) -> None:
        for what, given in events:
            self._happen(what, given)

    def _happen(self, what: str, given: Any) -> None:
        match what:
            case "save" | "late" | "wait":
                getattr(self.system, what)(given)
            case "delete" | "expire":
                getattr(self.system, what)()
            case "page":
                self.system.during(lambda: self.run(given))
                self.page()
            case "read":
                while self.page():
                    pass
            case "crash":
                self.crash()
            case "sweep" if self.sweeps:
                self.sweep()

    def page(self) -> bool:
        """Take in the next page and save its cursor; whether the read has more."""
        if self._reading is None:
            since = self.cursor or self.since
            self._reading = self.adapter.read(self.stream, since, select=self.select, overlap=OVERLAP)
        try:
            page = next(self._reading, None)
        except Unavailable:  # outrun: read again later, from the cursor
            page = None
        if page is None:
            self._reading = None
            return False
        self._take_in(page)
        self.swept = self.swept or self.cursor or page.cursor
        self.cursor = page.cursor or self.cursor
        return True

    def crash(self) -> None:
        """The process ends between two pages; another one goes on from the cursor that was saved."""
        if self._reading is not None:
            self._reading.close()  # type: ignore[attr-defined]
            self._reading = None
        self.adapter.close()
        self.adapter = self.system.open()

    def sweep(self) -> None:
        """As `Engine.sweep` does it."""
        if self.cursor is None:
            return
        assert self.swept is not None
        at = self.cursor
        keys_only = Select(fields=self.adapter.streams[self.stream].needs, keys_only=True)
        for page in self.adapter.read(self.stream, self.swept, select=keys_only, overlap=WIDTH):
            known = {
                (record.site, record.key): self.held[record.key][0]
                for record in page.records
                if record.key in self.held
            }
            late = surfaced(page.records, known)
            found = self.adapter.fetch(self.stream, late, select=self.select) if late else {}
            self._take_in(Page(list(found.values()), None, page.read_at))
        self.swept = at

    def finish(self, seconds: float) -> None:
        """Everything surfaces, and the reader reads up twice: what it had under way, and once more from its cursor."""
        self.system.during(lambda: None)
        self.system.wait(seconds)
        for _ in range(2):
            while self.page():
                pass
        if self.sweeps:
            self.sweep()

    def _take_in(self, page: Page) -> None:
        for record in page.records:
            old = self.held.get(record.key)
            if old is None or old[0] is None or record.stamp is None or record.stamp >= old[0]:
                self.held[record.key] = (record.stamp, self.system.version(record))

    def judge(self) -> None:
        """Nothing that is there is missing or older than it is."""
        truth = self.system.truth()
        lost = {key: (self.held.get(key), version) for key, version in truth.items() if key not in self.held}
        assert not lost, f"never delivered: {lost}"
        stale = {key: (self.held[key], version) for key, version in truth.items() if self.held[key][1] != version}
        assert not stale, f"an older version was delivered last: {stale}"

    def close(self) -> None:
        if self._reading is not None:
            self._reading.close()  # type: ignore[attr-defined]
        self.adapter.close()
