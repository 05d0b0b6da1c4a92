"""Promises of a store about work in hand: leases, settles, and holders that died."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector.model import Line
from connector.store import LineSettle, Moved, Store
from connector.testing.store_hooks import FLOW, MAPPING, NOW, StoreHooks, books, later, only, order, outcome, page

SENT = LineSettle("main", "", "service.Case", "sent", target="500A", digests={b"name": b"valueval"})


class LeasePromises(StoreHooks):
    """One row is in one hand."""

    def test_rows_leased_by_their_page_are_never_seen_unleased(self, store: Store, opened: Callable[[], Store]) -> None:
        other = opened()
        _, leased = self.bring(store, order("1"), order("2"))
        assert [one.key for one in leased] == ["1", "2"]
        assert self.take(other) == []
        assert self.take(store) == []

    def test_a_lease_stands_before_it_is_handed_out(self, store: Store, opened: Callable[[], Store]) -> None:
        store.ingest(FLOW, page(order("1"), order("2"), order("3")), NOW)
        other = opened()
        assert [one.key for one in self.take(store, limit=2)] == ["1", "2"]
        assert [one.key for one in self.take(other)] == ["3"]
        assert only(other, key="1").leased_until == later(minutes=5)

    def test_due_rows_come_oldest_due_first_and_not_before_they_are_due(self, store: Store) -> None:
        token, leased = self.bring(store, order("1"), order("2"), order("3"))
        due = [later(minutes=3), later(minutes=1), later(minutes=30)]
        settles = [outcome(one, "pending", due=when) for one, when in zip(leased, due, strict=True)]
        store.settle(FLOW, token, settles, NOW, mapping=MAPPING)
        assert self.take(store, later(seconds=59)) == []
        assert [one.key for one in self.take(store, later(minutes=10))] == ["2", "1"]
        assert self.take(store, later(minutes=10)) == []

    def test_what_is_still_being_delivered_is_leased_to_nobody_whatever_the_clock_says(self, store: Store) -> None:
        token, _ = self.bring(store, order("1"))
        store.ingest(FLOW, page(order("2")), NOW)
        late = later(hours=2)
        _, leased = store.lease(FLOW, late, seconds=60, limit=9, flying=[token])
        assert [one.key for one in leased] == ["2"]
        again = store.ingest(FLOW, page(order("1", minute=1)), late, lease=60, flying=[token])
        assert (again.changed, again.leased) == (1, [])
        assert [one.key for one in self.take(store, late)] == ["1"], "its delivery ended: it is due, and in doubt"

    def test_after_a_clock_was_put_back_nothing_waits_for_a_time_that_it_never_was(self, store: Store) -> None:
        ahead = later(hours=5)
        store.ingest(FLOW, page(order("1"), order("2"), order("3"), cursor="c"), ahead)
        token, (one, two, three) = store.lease(FLOW, ahead, seconds=300, limit=9)
        doubt = LineSettle("note", "", "shop.orders.notes", "owed", uncertain=ahead)
        outcomes = [
            outcome(one, "pending", due=later(hours=6)),
            outcome(two, "pending", due=ahead, uncertain=ahead, lines=[doubt], created=4),
            outcome(three),
        ]
        store.settle(FLOW, token, outcomes, ahead, mapping=MAPPING)

        assert store.put_back("other", NOW) == 0
        assert store.put_back(FLOW, NOW) == 5 * 3600
        assert store.put_back(FLOW, NOW) == 0

        leased = {each.key: each for each in self.take(store)}
        assert leased.keys() == {"1", "2"}
        assert leased["2"].uncertain == NOW
        assert leased["2"].lines[("note", "")].uncertain == NOW
        assert store.created(FLOW, later(minutes=-60)) == 4
        assert store.created(FLOW, later(minutes=2)) == 0
        assert store.cursor(FLOW) == "c"
        assert books(store).balanced

    def test_clocks_that_differ_a_little_change_nothing(self, store: Store) -> None:
        store.ingest(FLOW, page(order("1"), cursor="c"), later(seconds=59))
        assert store.put_back(FLOW, NOW) == 0
        assert self.take(store) == []

    def test_flows_do_not_lease_each_others_rows(self, store: Store) -> None:
        store.ingest("other", page(order()), NOW)
        assert self.take(store) == []

    def test_a_leased_row_brings_what_its_delivery_needs(self, store: Store) -> None:
        store.ingest(FLOW, page(order()), NOW)
        token, (first,) = store.lease(FLOW, NOW, seconds=60, limit=1)
        kept = outcome(first, "pending", due=NOW, attempts=3, entered=True, lines=[SENT])
        store.settle(FLOW, token, [kept], NOW, mapping=MAPPING)
        (again,) = self.take(store, later(minutes=1))
        assert (again.row, again.rev, again.site, again.key) == (first.row, 1, "RefArch", order().key)
        assert (again.record, again.fields, again.first_seen) == (order(), None, NOW)
        assert (again.attempts, again.entered, again.uncertain) == (3, True, None)
        assert again.lines[("main", "")].target == "500A"
        assert again.lines[("main", "")].digests == {b"name": b"valueval"}

    def test_a_changed_row_leased_by_its_page_brings_its_lines(self, store: Store) -> None:
        self.settled(store, "done", order(), entered=True, lines=[SENT])
        _, (leased,) = self.bring(store, order(minute=1))
        assert (leased.rev, leased.entered, leased.attempts) == (2, True, 0)
        assert leased.lines[("main", "")].target == "500A"

    # -- settle --------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("state", ["done", "filtered", "parked", "foreign"])
    def test_a_settled_row_is_not_due_again(self, store: Store, state: Any) -> None:
        self.settled(store, state, order(), route="queue=Orders", reason="why", field="Reason", remedy="how")
        row = only(store)
        assert (row.state, row.route, row.reason, row.field, row.remedy) == (
            state,
            "queue=Orders",
            "why",
            "Reason",
            "how",
        )
        assert (row.mapping, row.leased_until) == (MAPPING, None)
        assert self.take(store, later(days=9)) == []

    def test_lines_are_kept_whole(self, store: Store) -> None:
        lines = [
            LineSettle("main", "", "service.Case", "sent", target="500A", digests={b"aaaa": b"12345678"}),
            LineSettle("note", "n-1", "shop.orders.notes", "owed", uncertain=later(minutes=-1)),
            LineSettle("refund", "", "shop.refunds", "rejected", reason="too much", field="c_amount", remedy="less"),
        ]
        self.settled(store, "parked", order(), lines=lines)
        assert {line.id: line for line in only(store).lines} == {
            "main": Line(
                "main", "", "service.Case", "sent", "500A", {b"aaaa": b"12345678"}, sent_at=NOW
            ),
            "note": Line("note", "n-1", "shop.orders.notes", "owed", uncertain=later(minutes=-1)),
            "refund": Line(
                "refund", "", "shop.refunds", "rejected", reason="too much", field="c_amount", remedy="less"
            ),
        }  # fmt: skip
        assert [row.key for row in store.rows(target="500A")] == ["00001301"]

    def test_a_line_that_was_answered_and_goes_once_more_remembers_both(self, store: Store) -> None:
        token, (one,) = self.bring(store, order())
        line = replace(SENT, state="owed", answered=True, uncertain=NOW)
        settle = outcome(one, "pending", due=later(minutes=9), lines=[line])
        store.settle(FLOW, token, [settle], later(minutes=1), mapping=MAPPING)
        (kept,) = only(store).lines
        assert (kept.state, kept.uncertain, kept.sent_at) == ("owed", NOW, later(minutes=1))

    def test_a_line_that_is_not_settled_stays_as_it_was(self, store: Store) -> None:
        self.settled(store, "done", order(), lines=[SENT, LineSettle("note", "1", "s", "sent", target="n")])
        changed = LineSettle("note", "1", "s", "owed", target="n", uncertain=NOW)
        self.settled(store, "done", order(minute=1), now=later(minutes=1), lines=[changed])
        lines = {line.id: line for line in only(store).lines}
        assert (lines["main"].state, lines["main"].target, lines["main"].sent_at) == ("sent", "500A", NOW)
        assert (lines["note"].state, lines["note"].uncertain, lines["note"].sent_at) == ("owed", NOW, NOW)

    def test_a_row_that_entered_once_has_entered(self, store: Store) -> None:
        self.settled(store, "done", order(), entered=True)
        self.settled(store, "filtered", order(minute=1), entered=False)
        assert only(store).entered

    def test_a_settle_under_a_lease_that_passed_on_writes_nothing(self, store: Store) -> None:
        token, (zombie,) = self.bring(store, order())
        (heir,) = self.take(store, later(minutes=6))
        before = only(store), books(store), store.created(FLOW, NOW)
        settle = outcome(zombie, "done", lines=[SENT], created=1, keep_record=False)
        assert store.settle(FLOW, token, [settle], later(minutes=7), mapping=MAPPING) == Moved(0, 1)
        assert (only(store), books(store), store.created(FLOW, NOW)) == before
        assert store.records([heir.row])

    def test_a_settle_of_an_older_version_records_its_lines_and_leaves_the_row_due(self, store: Store) -> None:
        token, (older,) = self.bring(store, order(fields={"n": 1}))
        assert store.ingest(FLOW, page(order(minute=1, fields={"n": 2})), NOW, lease=60).leased == []
        assert self.take(store) == []  # the delivery of the older version is still under way
        settle = outcome(older, "done", attempts=5, entered=True, lines=[SENT], created=1, keep_record=False)
        assert store.settle(FLOW, token, [settle], later(minutes=1), mapping=MAPPING) == Moved(0, 1)
        row = only(store)
        assert (row.state, row.due, row.attempts, row.entered, row.leased_until) == (
            "pending", later(minutes=1), 0, True, None,
        )  # fmt: skip
        (leased,) = self.take(store, later(minutes=1))
        assert (leased.rev, leased.record) == (2, order(minute=1, fields={"n": 2}))
        assert leased.lines[("main", "")].target == "500A"
        assert leased.uncertain is None
        assert store.created(FLOW, NOW) == 1
        assert (books(store).superseded, books(store).open, books(store).settled) == (1, 1, 0)

    def test_a_new_version_of_a_row_that_waits_is_due_at_once(self, store: Store) -> None:
        self.settled(store, "done", order("0"))
        token, (leased,) = self.bring(store, order())
        waits = outcome(leased, "pending", due=later(hours=1), attempts=7, reason="locked")
        store.settle(FLOW, token, [waits], NOW, mapping=MAPPING)
        store.ingest(FLOW, page(order(minute=1)), later(minutes=2))
        row = only(store, state="pending")
        assert (row.due, row.attempts, row.reason) == (later(minutes=2), 0, "")

    def test_a_settle_twice_in_one_call_counts_once(self, store: Store) -> None:
        token, (leased,) = self.bring(store, order())
        moved = store.settle(FLOW, token, [outcome(leased), outcome(leased)], NOW, mapping=MAPPING)
        assert moved == Moved(1, 1)
        assert books(store).balanced
        assert (books(store).done, books(store).pending) == (1, 0)

    def test_a_record_that_is_not_to_be_kept_is_gone_and_its_row_stays(self, store: Store) -> None:
        token, (leased,) = self.bring(store, order())
        store.settle(FLOW, token, [outcome(leased, "filtered", keep_record=False)], NOW, mapping=MAPPING)
        assert store.records([leased.row]) == {}
        assert (only(store).state, only(store).stored) == ("filtered", False)
        assert store.ingest(FLOW, page(order()), NOW).repeated == 1

    # -- leases that nobody settled ------------------------------------------------------------------------------------

    def test_a_lease_that_ran_out_makes_its_row_uncertain_since_its_end(self, store: Store) -> None:
        self.bring(store, order())
        assert self.take(store, later(seconds=299)) == []
        (again,) = self.take(store, later(minutes=30))
        assert again.uncertain == later(minutes=5)
        (third,) = self.take(store, later(hours=2))  # not settled either: its last send is the one to wait out
        assert third.uncertain == later(minutes=35)

    def test_a_new_version_after_a_lease_that_ran_out_is_uncertain_too(self, store: Store) -> None:
        self.bring(store, order())
        _, (leased,) = self.bring(store, order(minute=1), now=later(minutes=6))
        assert leased.uncertain == later(minutes=5)
        assert only(store).uncertain == later(minutes=5)

    def test_a_settle_ends_the_doubt_or_keeps_it(self, store: Store) -> None:
        self.bring(store, order())
        token, (leased,) = store.lease(FLOW, later(minutes=6), seconds=60, limit=1)
        kept = outcome(leased, "pending", due=later(minutes=7), uncertain=leased.uncertain)
        store.settle(FLOW, token, [kept], later(minutes=6), mapping=MAPPING)
        token, (leased,) = store.lease(FLOW, later(minutes=7), seconds=60, limit=1)
        assert leased.uncertain == later(minutes=5)
        store.settle(FLOW, token, [outcome(leased, "done")], later(minutes=7), mapping=MAPPING)
        assert only(store).uncertain is None

    def test_doubt_survives_a_new_version(self, store: Store) -> None:
        token, (leased,) = self.bring(store, order())
        store.settle(FLOW, token, [outcome(leased, "parked", uncertain=NOW)], NOW, mapping=MAPPING)
        _, (again,) = self.bring(store, order(minute=1), now=later(minutes=1))
        assert again.uncertain == NOW

    def test_rows_of_a_dead_holder_are_due_at_once_and_uncertain(
        self, store: Store, opened: Callable[[], Store]
    ) -> None:
        store.ingest("other", page(order()), NOW, lease=300)
        self.bring(store, order("1"))
        store.close()
        heir = opened()
        assert self.take(heir, later(seconds=10)) == []
        with heir.hold(f"flow:{FLOW}"):
            (leased,) = self.take(heir, later(seconds=20))
            assert (leased.key, leased.uncertain) == ("1", later(seconds=20))
            assert heir.lease("other", later(seconds=20), seconds=60, limit=9)[1] == []

    def test_a_settle_that_comes_after_the_heir_took_over_writes_nothing(
        self, store: Store, opened: Callable[[], Store]
    ) -> None:
        token, (leased,) = self.bring(store, order())
        heir = opened()
        with heir.hold(f"flow:{FLOW}"):
            assert store.settle(FLOW, token, [outcome(leased)], NOW, mapping=MAPPING) == Moved(0, 1)
        assert only(store).state == "pending"

    def test_a_new_version_for_a_row_of_a_dead_holder_is_uncertain_and_leased(
        self, store: Store, opened: Callable[[], Store]
    ) -> None:
        self.bring(store, order())
        heir = opened()
        with heir.hold(f"flow:{FLOW}"):
            _, (leased,) = self.bring(heir, order(minute=1), now=later(seconds=20))
        assert leased.uncertain == later(seconds=20)

    def test_whoever_holds_again_keeps_its_own_leases(self, store: Store) -> None:
        with store.hold(f"flow:{FLOW}"):
            token, (leased,) = self.bring(store, order())
        with store.hold(f"flow:{FLOW}"):
            assert self.take(store) == []
            assert store.settle(FLOW, token, [outcome(leased)], NOW, mapping=MAPPING) == Moved(1, 0)

    def test_leases_are_kept_to_the_second(self, store: Store) -> None:
        store.ingest(FLOW, page(order()), NOW)
        self.take(store, seconds=0.5)
        assert self.take(store, NOW + timedelta(milliseconds=499)) == []
        assert len(self.take(store, NOW + timedelta(milliseconds=500))) == 1
