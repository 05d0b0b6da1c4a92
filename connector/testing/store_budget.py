"""Promises of a store about the calls of the last 24 hours: counted once, by whomever, over restarts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from connector.budget import SLOTS, slot
from connector.model import Usage
from connector.store import Store
from connector.testing.store_hooks import NOW, StoreHooks, later


class BudgetPromises(StoreHooks):
    """What `spend` adds, `spent` tells."""

    def test_calls_are_added_up_by_connection_and_slot(self, store: Store) -> None:
        store.spend({"shop": 3, "service": 1}, {}, NOW)
        store.spend({"shop": 4, "service": 0}, {}, later(minutes=1))
        after = store.spend({"shop": 5}, {}, later(minutes=11))
        here = slot(NOW)
        assert after["shop"].slots == {here: 7, here + 1: 5}
        assert after["service"].slots == {here: 1}
        assert store.spent(later(minutes=11)) == after

    def test_a_restart_forgets_no_call_and_no_count_of_the_server(self, opened: Callable[[], Store]) -> None:
        usage = Usage(500, 1000, 7, NOW)
        store = opened()
        store.spend({"shop": 3}, {"service": usage}, NOW)
        store.close()
        again = opened()
        found = again.spent(NOW)
        assert found["shop"].own(NOW) == 3
        assert found["service"].usage == usage

    def test_calls_of_two_processes_are_counted_together(self, opened: Callable[[], Store]) -> None:
        one, two = opened(), opened()

        def spend(store: Store) -> None:
            for _ in range(20):
                store.spend({"shop": 1}, {}, NOW)

        threads = [threading.Thread(target=spend, args=[store]) for store in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert one.spent(NOW)["shop"].own(NOW) == 40

    def test_calls_older_than_a_day_are_forgotten(self, store: Store) -> None:
        store.spend({"shop": 3}, {}, NOW)
        assert store.spend({}, {}, NOW + timedelta(seconds=600 * SLOTS))["shop"].slots
        assert store.spend({}, {}, NOW + timedelta(seconds=600 * (SLOTS + 1))) == {}

    def test_calls_that_a_wrong_clock_counted_far_ahead_are_forgotten(self, store: Store) -> None:
        store.spend({"shop": 3}, {"shop": Usage(9, 10, None, later(days=365))}, later(days=365))
        after = store.spend({"shop": 1}, {"shop": Usage(1, 10, None, NOW)}, NOW)
        assert after["shop"].slots == {slot(NOW): 1}
        assert after["shop"].usage == Usage(1, 10, None, NOW)

    def test_an_older_count_of_the_server_does_not_replace_a_newer_one(self, store: Store) -> None:
        newer, older = Usage(50, 100, None, later(minutes=1)), Usage(40, 100, None, NOW)
        store.spend({}, {"shop": newer}, later(minutes=1))
        assert store.spend({}, {"shop": older}, later(minutes=2))["shop"].usage == newer
