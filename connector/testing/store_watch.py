"""Promises of a store about watched lookups: who looked at which version, and rows due again when one changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connector.store import Store, Watch
from connector.testing.store_hooks import FLOW, NOW, StoreHooks, books, later, only, order, outcome, page

STREAM = "shop.orders"
SEEN = "2026-11-20T10:00:00.000Z"
OLD = Watch(STREAM, "A", SEEN)


class WatchPromises(StoreHooks):
    """Only rows that looked at an older version are due again; their own version, lines and doubt stay."""

    def woken(self, store: Store, *records: Any, flow: str = FLOW, cursor: str | None = None) -> int:
        return store.wake(flow, STREAM, records, later(hours=1), cursor=cursor)

    def test_rows_that_looked_at_an_older_version_are_due_again_as_what_they_were(self, store: Store) -> None:
        self.settled(store, "done", order("1"), watched=[OLD], entered=True)
        self.settled(store, "filtered", order("2"), watched=[OLD], reason="when")
        self.settled(store, "parked", order("3"), watched=[OLD], reason="no queue", attempts=3)
        self.settled(store, "foreign", order("4"), watched=[OLD])
        self.settled(store, "done", order("5"))
        assert self.woken(store, order("A", minute=1)) == 3
        assert books(store).balanced
        assert (books(store).done, books(store).parked, books(store).pending) == (1, 0, 3)
        leased = {one.key: one for one in self.take(store, later(hours=1))}
        assert {key: one.was for key, one in leased.items()} == {"1": "done", "2": "filtered", "3": ""}
        assert {one.rev for one in leased.values()} == {1}
        assert (leased["3"].attempts, leased["1"].entered) == (0, True)

    def test_the_version_that_was_looked_at_wakes_nobody_and_neither_does_an_older_one(self, store: Store) -> None:
        self.settled(store, "done", order("1"), watched=[OLD])
        assert self.woken(store, order("A"), order("A", minute=-5), order("B", minute=5)) == 0
        assert self.woken(store, order("A", minute=1)) == 1

    def test_one_that_was_missing_wakes_when_it_comes(self, store: Store) -> None:
        self.settled(store, "parked", order("1"), watched=[Watch(STREAM, "A")], reason="missing")
        assert self.woken(store, order("A")) == 1

    def test_a_missing_one_that_is_shown_and_still_missing_wakes_once(self, store: Store) -> None:
        self.settled(store, "parked", order("1"), watched=[Watch(STREAM, "A")], reason="missing")
        self.woken(store, order("A"))
        token, (leased,) = store.lease(FLOW, later(hours=1), seconds=60, limit=9)
        again = outcome(leased, "parked", watched=[Watch(STREAM, "A")], reason="missing")
        store.settle(FLOW, token, [again], later(hours=1), mapping="v1")
        assert self.woken(store, order("A")) == 0

    def test_a_pending_row_is_left_alone_and_its_settle_says_what_it_looked_at(self, store: Store) -> None:
        token, (leased,) = self.bring(store, order("1"))
        assert self.woken(store, order("A", minute=1)) == 0
        store.settle(FLOW, token, [outcome(leased, watched=[OLD])], NOW, mapping="v1")
        assert self.woken(store, order("A", minute=1)) == 1

    def test_links_are_those_of_the_last_settle_that_said_so(self, store: Store) -> None:
        self.settled(store, "done", order("1"), watched=[OLD, Watch(STREAM, "B", SEEN)])
        self.settled(store, "done", order("1", minute=1), watched=[Watch(STREAM, "B", SEEN)])
        row = only(store)
        assert store.watches([row.id]) == {row.id: [Watch(STREAM, "B", SEEN)]}
        self.settled(store, "done", order("1", minute=2))
        assert len(store.watches([row.id])[row.id]) == 1
        self.settled(store, "done", order("1", minute=3), watched=())
        assert store.watches([row.id]) == {}

    def test_a_worker_that_lost_its_lease_changes_no_link(self, store: Store) -> None:
        token, (leased,) = self.bring(store, order("1"))
        other, (again,) = store.lease(FLOW, later(hours=1), seconds=60, limit=1)
        store.settle(FLOW, other, [outcome(again, watched=[OLD])], later(hours=1), mapping="v1")
        store.settle(FLOW, token, [outcome(leased, watched=())], later(hours=1), mapping="v1")
        assert store.watches([leased.row]) == {leased.row: [OLD]}

    def test_cursors_of_watched_streams_are_kept_and_begin_before_the_first_link(self, store: Store) -> None:
        assert store.watching(FLOW) == []
        self.settled(store, "done", order("1"), watched=[OLD])
        (at,) = store.watching(FLOW)
        assert (at.stream, at.cursor, at.swept) == (STREAM, None, None)
        assert at.since < NOW
        self.woken(store, cursor="c1")
        self.woken(store)
        store.watch_swept(FLOW, STREAM, "c0")
        store.watch_swept(FLOW, STREAM, "b", wide=True)
        (at,) = store.watching(FLOW)
        assert (at.cursor, at.swept, at.swept_wide) == ("c1", "c0", "b")

    def test_flows_watch_for_themselves(self, store: Store) -> None:
        self.settled(store, "done", order("1"), watched=[OLD])
        store.ingest("other", page(order("9")), NOW)
        assert self.woken(store, order("A", minute=1), flow="other") == 0
        assert store.watching("other") == []

    def test_what_is_forgotten_is_watched_by_nobody(self, store: Store) -> None:
        self.settled(store, "done", order("1"), order("2"), watched=[OLD, Watch(STREAM, "00009999", SEEN)])
        first, second = sorted(store.rows(), key=lambda row: row.key)
        store.forget([first.id], ["00009999"], NOW, by="me")
        left: Sequence[Watch] = store.watches([first.id, second.id])[second.id]
        assert left == [OLD]
        assert store.watches([first.id]) == {}
