"""Promises of a store about who had which record when: kept as told, found by key, forgotten with the record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from connector.model import Stay
from connector.stamps import stamp
from connector.store import Store
from connector.testing.store_hooks import NOW, StoreHooks, later, only, order

CASES = "service.Case"


def stay(owner: str, since: float, until: float | None = None, *, person: bool = False, ours: bool = False) -> Stay:
    """Of these minutes after NOW."""
    ends = None if until is None else stamp(later(minutes=until))
    return Stay(owner, f"{owner}'s name", person, stamp(later(minutes=since)), ends, ours)


TAKEN = [stay("q1", 0, 10), stay("ada", 10, person=True)]
RETURNED = [stay("q1", 0, 10), stay("ada", 10, 30, person=True), stay("q2", 30, 40), stay("q3", 40, 50, ours=True)]


class StaysPromises(StoreHooks):
    """What is told of a queue is what was seen."""

    def test_stays_come_back_as_they_were_noted_with_the_stamp_of_the_record(self, store: Store) -> None:
        store.note_stays(CASES, {"1": ("s1", TAKEN), "2": (None, RETURNED)})
        assert store.stays(CASES, ["1", "2", "3"]) == {"1": ("s1", TAKEN), "2": (None, RETURNED)}
        assert store.stays("other.Case", ["1"]) == {}

    def test_what_is_noted_anew_replaces_what_was_known(self, store: Store) -> None:
        store.note_stays(CASES, {"1": ("s1", RETURNED)})
        store.note_stays(CASES, {"1": ("s2", TAKEN)})
        assert store.stays(CASES, ["1"]) == {"1": ("s2", TAKEN)}

    def test_they_outlive_the_process(self, opened: Callable[[], Store]) -> None:
        opened().note_stays(CASES, {"1": ("s1", TAKEN)})
        assert opened().stays(CASES, ["1"]) == {"1": ("s1", TAKEN)}

    def test_stays_in_queues_are_told_with_how_they_ended(self, store: Store) -> None:
        store.note_stays(CASES, {"1": ("s", TAKEN), "2": ("s", RETURNED), "3": ("s", [stay("q1", 5)])})
        found = list(store.waits(NOW, later(days=1)))
        assert [(wait.queue, wait.went, wait.returned) for wait in found] == [
            ("q1's name", "claimed", False),
            ("q1's name", "claimed", False),
            ("q1's name", "waiting", False),
            ("q2's name", "moved", True),
            ("q3's name", "closed", False),
        ]
        assert [wait.queue for wait in store.waits(later(minutes=30), later(minutes=40))] == ["q2's name"]

    def test_stays_that_ended_long_ago_go_with_the_audit(self, store: Store) -> None:
        store.note_stays(CASES, {"1": ("s", TAKEN)})
        store.prune(NOW + timedelta(days=401), delivered=0, parked=0, audit=400 * 86400)
        assert [one.owner for one in store.stays(CASES, ["1"])["1"][1]] == ["ada"]

    def test_forgetting_a_record_forgets_who_had_it(self, store: Store) -> None:
        store.note_stays(CASES, {"1": ("s", TAKEN), "500A": ("s", TAKEN), "2": ("s", TAKEN)})
        self.settled(store, "done", order("1"))
        store.forget([only(store).id], {"500A"}, NOW, by="ada")
        assert set(store.stays(CASES, ["1", "2", "500A"])) == {"2"}
