"""The cursor of the Salesforce adapter skips nothing, whatever happens between two pages."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connector.adapters.salesforce import Salesforce
from connector.adapters.salesforce.settings import Settings
from connector.model import Record
from connector.sandbox.options import Options
from connector.sandbox.salesforce.problem import Problem
from tests.contract.in_process import ORG, InProcess, in_process
from tests.contract.reading_course import OVERLAP, WIDTH, Act, Course, acts, examples


class Org:
    """Cases of the simulated org. A case's subject counts its versions."""

    def __init__(self, systems: InProcess, *, page: int, ahead: float = 0.0) -> None:
        self.systems, self.world, self._page, self._ahead = systems, systems.world, page, ahead
        self.cases: list[str] = []
        self.versions = 0

    def _subject(self) -> str:
        self.versions += 1
        return f"version {self.versions}"

    def save(self, number: int) -> None:
        """Every other one is a case that is there already; all get one stamp."""
        for turn in range(number):
            self._save(turn % 2 == 1)

    def _save(self, again: bool) -> None:
        agents = self.world.agents
        if again and self.cases:
            with contextlib.suppress(Problem):  # somebody else is saving it
                agents.edit(self.cases[self.versions % len(self.cases)], {"Subject": self._subject()})
        else:
            self.cases.append(agents.create({"Subject": self._subject()}))

    def late(self, seconds: float) -> None:
        self.wait(1.0)  # so that it does not share its second with what it changes
        self.world.org.late = seconds
        try:
            self._save(self.versions % 3 == 0)
        finally:
            self.world.org.late = 0.0

    def delete(self) -> None:
        if self.cases:
            with contextlib.suppress(Problem):
                self.world.agents.delete(self.cases[self.versions % len(self.cases)])

    def expire(self) -> None:
        self.world.org.sessions.sessions.clear()

    def wait(self, seconds: float) -> None:
        self.systems.clock.advance(seconds)

    def during(self, act: Callable[[], None]) -> None:
        def once() -> None:
            self.systems.during = lambda: None
            act()

        self.systems.during = once

    def truth(self) -> dict[str, Any]:
        return {row.values["Id"]: row.values["Subject"] for row in self.world.org.cases if not row.values["IsDeleted"]}

    def version(self, record: Record) -> Any:
        return record.fields["Subject"]

    def open(self) -> Salesforce:
        given: dict[str, Any] = {
            "url": ORG,
            "auth": {"grant": "client_credentials", "client_id": "bench", "client_secret": "secret"},
            "key_field": "Commerce_Key__c",
            "page": self._page,
        }
        return Salesforce("service", Settings.model_validate(given), clock=self.systems.ours(self._ahead))


@contextmanager
def course(*, page: int, shown: int = 2000, ahead: float = 0.0, sweeps: bool = False) -> Iterator[Course]:
    """A reader of an org whose answers hold `shown` rows at most. `ahead`: seconds that the org's clock runs ahead."""
    with in_process(Options(orders=0, returns=0, page_size=shown, cursor_lifetime=0)) as systems:
        org = Org(systems, page=page, ahead=ahead)
        made = Course(org, "Case", since=None, fields=("Subject",), sweeps=sweeps)
        try:
            yield made
        finally:
            made.close()


PAGES = st.integers(1, 5)
AHEAD = st.sampled_from([0.0, 0.0, 900.0, -900.0])


@examples(30)
@given(acts(late=OVERLAP), PAGES, st.integers(1, 4), AHEAD)
def test_what_commits_within_the_overlap_is_read(events: list[Act], page: int, shown: int, ahead: float) -> None:
    with course(page=page, shown=shown, ahead=ahead) as reader:
        reader.run(events)
        reader.finish(OVERLAP)
        reader.judge()


@examples(20)
@given(acts(late=WIDTH), PAGES, AHEAD)
def test_what_commits_later_is_found_by_the_next_sweep(events: list[Act], page: int, ahead: float) -> None:
    with course(page=page, ahead=ahead, sweeps=True) as reader:
        reader.run(events)
        reader.finish(WIDTH)
        reader.judge()
