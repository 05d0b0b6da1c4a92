"""Promises of a store about objects that several records share: who shares them, and what may be on its way to them."""

from __future__ import annotations

from collections.abc import Callable

from connector.store import LineSettle, Store
from connector.testing.store_hooks import FLOW, NOW, StoreHooks, later, order, outcome, page


class SharingPromises(StoreHooks):
    """Rows are found by the key of their main line, and by no other."""

    def test_rows_that_share_a_key_are_found_by_it_the_oldest_first(self, store: Store) -> None:
        line = LineSettle("main", "A", "desk.Case", "sent", target="500A")
        self.settled(store, "done", order("1"), lines=[line])
        self.settled(store, "done", order("2"), lines=[line, LineSettle("part", "B", "desk.Part", "sent")])
        self.settled(store, "done", order("3"), lines=[LineSettle("main", "", "desk.Case", "sent", target="500B")])
        found = store.sharing(FLOW, ["A", "B", "C"])
        assert {key: [row.key for row in rows] for key, rows in found.items()} == {"A": ["1", "2"]}
        assert [line.target for line in found["A"][0].lines] == ["500A"]
        assert store.sharing(FLOW, []) == {}
        assert store.sharing("other", ["A"]) == {}

    def test_what_was_cut_off_is_told_until_it_is_settled(self, store: Store) -> None:
        assert store.cut_off(FLOW, NOW) is None
        self.bring(store, order("1"))
        assert store.cut_off(FLOW, NOW) is None
        token, (leased,) = store.lease(FLOW, later(minutes=10), seconds=60, limit=1)
        assert store.cut_off(FLOW, later(minutes=10)) == leased.uncertain
        store.settle(FLOW, token, [outcome(leased)], later(minutes=11), mapping="v1")
        assert store.cut_off(FLOW, later(minutes=11)) is None

    def test_what_a_dead_process_held_counts_from_now_until_it_is_taken_over(self, opened: Callable[[], Store]) -> None:
        dead, next_one = opened(), opened()
        self.bring(dead, order("1"))
        with next_one.hold(f"flow:{FLOW}"):
            assert next_one.cut_off(FLOW, later(minutes=3)) == later(minutes=3)
            next_one.ingest(FLOW, page(order("2")), later(minutes=3))
            self.take(next_one, later(minutes=4))
            assert next_one.cut_off(FLOW, later(minutes=5)) == later(minutes=4)
