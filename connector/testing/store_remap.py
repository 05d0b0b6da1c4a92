"""Promises of a store about rows put back for a changed mapping."""

from __future__ import annotations

from connector.store import LineSettle, Store
from connector.testing.store_hooks import FLOW, MAPPING, NOW, StoreHooks, books, later, only, order, outcome, page

LINE = LineSettle("main", "", "service.Case", "sent", target="500A")


class RemapPromises(StoreHooks):
    """Only what was settled under another mapping version moves, and nothing of it is forgotten."""

    def put_back(self, store: Store, *, filtered: bool = False, mapping: str = "v2") -> int:
        rows = [row.id for row in store.stale(FLOW, mapping, filtered=filtered)]
        return store.remap(FLOW, rows, mapping, later(hours=1))

    def mixed(self, store: Store) -> None:
        self.settled(store, "done", order("done"), lines=[LINE], entered=True)
        self.settled(store, "filtered", order("left out"), reason="when", keep_record=False)
        self.settled(store, "foreign", order("foreign"))
        self.settled(store, "parked", order("parked"), reason="no queue")
        store.ingest(FLOW, page(order("pending")), NOW)
        store.ingest("other", page(order("other")), NOW)

    def test_rows_of_another_mapping_are_found_in_the_order_of_their_coming(self, store: Store) -> None:
        self.mixed(store)
        assert [row.key for row in store.stale(FLOW, "v2")] == ["done", "left out"]
        assert [row.key for row in store.stale(FLOW, "v2", filtered=True)] == ["left out"]
        assert [row.key for row in store.stale(FLOW, "v2", key="done")] == ["done"]
        assert store.stale(FLOW, MAPPING) == []
        first = store.stale(FLOW, "v2", limit=1)[0]
        assert (first.key, first.lines[0].target) == ("done", "500A")
        assert [row.key for row in store.stale(FLOW, "v2", after=first.id)] == ["left out"]

    def test_what_is_put_back_is_due_with_fresh_attempts_its_lines_and_what_it_was(self, store: Store) -> None:
        self.mixed(store)
        assert self.put_back(store) == 2
        assert books(store).balanced
        assert (books(store).done, books(store).filtered, books(store).pending) == (0, 0, 3)
        leased = {one.key: one for one in self.take(store, later(hours=1))}
        done, left_out = leased["done"], leased["left out"]
        assert (done.was, left_out.was, leased["pending"].was) == ("done", "filtered", "")
        assert (done.attempts, done.entered, done.lines[("main", "")].target) == (0, True, "500A")
        assert left_out.record is None
        assert done.record is not None
        assert done.record.own is done.record.deleted is False

    def test_what_is_pending_parked_foreign_or_held_is_not_disturbed(self, store: Store) -> None:
        self.mixed(store)
        every = [row.id for row in store.rows(flow=FLOW)]
        assert store.remap(FLOW, every, "v2", later(hours=1)) == 2
        states = {row.key: row.state for row in store.rows(flow=FLOW)}
        assert (states["parked"], states["foreign"]) == ("parked", "foreign")
        held = self.take(store, later(hours=1))
        assert store.remap(FLOW, [one.row for one in held], "v2", later(hours=1)) == 0
        assert self.take(store, later(hours=1)) == []

    def test_rows_of_another_flow_are_not_put_back(self, store: Store) -> None:
        self.settled(store, "done", order("1"))
        assert store.remap("other", [only(store).id], "v2", NOW) == 0
        assert only(store).state == "done"

    def test_once_settled_with_the_new_mapping_there_is_nothing_more_to_do(self, store: Store) -> None:
        self.mixed(store)
        self.put_back(store)
        token, leased = store.lease(FLOW, later(hours=1), seconds=60, limit=9)
        settles = [outcome(one, "done" if one.key == "done" else "filtered") for one in leased]
        store.settle(FLOW, token, settles, later(hours=1), mapping="v2")
        assert store.stale(FLOW, "v2") == []
        assert self.put_back(store) == 0
        assert books(store).balanced

    def test_what_a_row_was_lasts_until_it_is_settled(self, store: Store) -> None:
        self.settled(store, "filtered", order("1"), keep_record=False)
        self.put_back(store)
        token, (leased,) = store.lease(FLOW, later(hours=1), seconds=60, limit=9)
        wait = outcome(leased, "pending", due=later(hours=2), reason="waits")
        store.settle(FLOW, token, [wait], later(hours=1), mapping="v2")
        token, (leased,) = store.lease(FLOW, later(hours=2), seconds=60, limit=9)
        assert leased.was == "filtered"
        store.settle(FLOW, token, [outcome(leased, "parked")], later(hours=2), mapping="v2")
        store.replay(later(hours=3))
        assert self.take(store, later(hours=3))[0].was == ""

    def test_a_new_version_of_what_was_put_back_is_an_ordinary_one(self, store: Store) -> None:
        self.settled(store, "filtered", order("1"), keep_record=False)
        self.put_back(store)
        (leased,) = store.ingest(FLOW, page(order("1", minute=90)), later(minutes=90), lease=60).leased
        assert (leased.rev, leased.was) == (2, "")
        assert leased.record is not None
        assert books(store).balanced
        assert (books(store).superseded, books(store).open) == (1, 1)
