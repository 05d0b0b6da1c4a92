"""Promises of a store about what stays: replay, pruning, counts of new objects, health, looking."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from connector.errors import LedgerError
from connector.store import Leased, LineSettle, Store
from connector.testing.store_hooks import FLOW, MAPPING, NOW, StoreHooks, books, later, only, order, outcome, page

DAY = 86_400.0
LINE = LineSettle("main", "", "service.Case", "sent", target="500A")


class KeepingPromises(StoreHooks):
    """By hand and by clock."""

    def test_replay_makes_parked_rows_due_with_fresh_attempts(self, store: Store) -> None:
        self.settled(store, "parked", order("1"), order("2"), attempts=9, reason="no queue", field="f", remedy="r")
        self.settled(store, "parked", order("3"), reason="too long")
        self.settled(store, "done", order("4"))
        assert store.replay(later(minutes=1), flow=FLOW, reason="no queue") == 2
        assert books(store).balanced
        rows = {row.key: row for row in store.rows()}
        assert [rows[key].state for key in "1234"] == ["pending", "pending", "parked", "done"]
        again = rows["1"]
        assert (again.attempts, again.reason, again.field, again.remedy) == (0, "", "", "")
        assert again.due == later(minutes=1)
        assert [one.key for one in self.take(store, later(minutes=1))] == ["1", "2"]

    def test_replay_of_one_key_or_another_flow_touches_nothing_else(self, store: Store) -> None:
        self.settled(store, "parked", order("1"), order("2"))
        assert store.replay(NOW, flow="other") == 0
        assert store.replay(NOW, key="2") == 1
        assert [row.key for row in store.rows(state="parked")] == ["1"]
        assert store.replay(NOW) == 1
        assert (books(store).pending, books(store).parked) == (2, 0)

    def test_replay_keeps_doubt_and_lines(self, store: Store) -> None:
        self.settled(store, "parked", order(), uncertain=NOW, entered=True, lines=[LINE])
        store.replay(later(minutes=1))
        (leased,) = self.take(store, later(minutes=1))
        assert (leased.uncertain, leased.entered, leased.lines[("main", "")].target) == (NOW, True, "500A")

    # -- fields that go back and forth ---------------------------------------------------------------------------------

    def fighting(self, store: Store) -> LineSettle:
        """A parked row whose line has a history, and values for people: one sent, then another one not sent."""
        sent = replace(LINE, history=b"h" * 16, fight={"Mood": ("calm", ...), "Total": (1.5, ...)})
        self.settled(store, "done", order("1"), lines=[sent])
        stopped = replace(LINE, state="rejected", history=b"!" + b"h" * 16, fight={"Mood": (..., "angry")})
        self.settled(store, "parked", order("1", minute=1), lines=[stopped])
        return stopped

    def test_what_the_loop_breaker_remembers_comes_with_the_lease_and_the_values_are_shown(self, store: Store) -> None:
        stopped = self.fighting(store)
        (line,) = only(store).lines
        assert (line.history, dict(line.fight)) == (stopped.history, {"Mood": ("calm", "angry"), "Total": (1.5, ...)})
        done = store.ingest(FLOW, page(order("1", minute=2)), NOW, lease=60)
        assert [one.history for leased in done.leased for one in leased.lines.values()] == [stopped.history]
        assert only(store).lines[0].fight == line.fight, "a newer version takes nothing away"

    def test_null_is_a_value_that_a_field_may_go_back_to(self, store: Store) -> None:
        self.settled(store, "done", order("1"), lines=[replace(LINE, fight={"Mood": ("calm", ...)})])
        self.settled(store, "parked", order("1", minute=1), lines=[replace(LINE, fight={"Mood": (..., None)})])
        assert only(store).lines[0].fight == {"Mood": ("calm", None)}
        self.settled(store, "done", order("1", minute=2), lines=[replace(LINE, fight={"Mood": (None, ...)})])
        assert only(store).lines[0].fight == {"Mood": (None, ...)}

    def test_what_is_sent_in_the_end_replaces_what_was_not(self, store: Store) -> None:
        self.fighting(store)
        self.settled(store, "done", order("1", minute=2), lines=[replace(LINE, fight={"Mood": ("sad", ...)})])
        (line,) = only(store).lines
        assert (line.history, line.fight["Mood"]) == (b"", ("sad", ...))

    def test_replay_makes_the_loop_breaker_forget_that_row_alone(self, store: Store) -> None:
        self.fighting(store)
        self.settled(store, "done", order("2"), lines=[replace(LINE, history=b"x" * 16, fight={"Mood": ("calm", ...)})])
        assert store.replay(NOW) == 1
        lines = {row.key: row.lines[0] for row in store.rows()}
        assert (lines["1"].history, lines["1"].fight, lines["1"].target) == (b"", {}, "500A")
        assert (lines["2"].history, lines["2"].fight) == (b"x" * 16, {"Mood": ("calm", ...)})

    def test_the_values_go_with_the_stored_record(self, store: Store) -> None:
        self.fighting(store)
        store.prune(later(days=100), delivered=7 * DAY, parked=90 * DAY, audit=400 * DAY)
        assert only(store).lines[0].fight == {}
        self.settled(store, "done", order("3"), lines=[replace(LINE, fight={"Mood": ("calm", ...)})])
        self.settled(store, "filtered", order("3", minute=1), keep_record=False)
        assert next(row for row in store.rows(key="3")).lines[0].fight == {}

    # -- pruning -------------------------------------------------------------------------------------------------------

    def test_pruning_takes_stored_records_and_never_rows_or_lines(self, store: Store) -> None:
        self.settled(store, "done", order("1"), lines=[LINE])
        self.settled(store, "filtered", order("2"))
        self.settled(store, "foreign", order("3"))
        rows = {row.key: row for row in store.rows()}
        assert store.prune(later(days=8), delivered=7 * DAY, parked=90 * DAY, audit=400 * DAY) == 3
        assert store.records(row.id for row in rows.values()) == {}
        for row in store.rows():
            assert not row.stored
            assert (row.lines, row.rev, row.stamp) == (rows[row.key].lines, rows[row.key].rev, rows[row.key].stamp)
        assert books(store).balanced
        assert store.ingest(FLOW, page(order("1")), later(days=8)).repeated == 1

    def test_pruning_keeps_what_is_pending_and_what_is_young(self, store: Store) -> None:
        self.settled(store, "done", order("young"), now=later(days=2))
        self.settled(store, "parked", order("parked"))
        self.bring(store, order("leased"))
        store.ingest(FLOW, page(order("waiting")), NOW)
        assert store.prune(later(days=8), delivered=7 * DAY, parked=90 * DAY, audit=400 * DAY) == 0
        assert all(row.stored for row in store.rows())
        assert store.prune(later(days=91), delivered=7 * DAY, parked=90 * DAY, audit=400 * DAY) == 2
        assert {row.key for row in store.rows() if row.stored} == {"leased", "waiting"}

    def test_a_row_without_its_record_is_leased_all_the_same(self, store: Store) -> None:
        self.settled(store, "parked", order())
        store.prune(later(days=91), delivered=DAY, parked=DAY, audit=DAY)
        store.replay(later(days=91))
        (leased,) = self.take(store, later(days=91))
        assert leased.record is None
        assert leased.key == "00001301"

    # -- counts of new objects -----------------------------------------------------------------------------------------

    def test_new_objects_are_counted_for_the_brake(self, store: Store) -> None:
        for minute, created in ((0, 2), (30, 3), (59, 1)):
            now = later(minutes=minute)
            token, (leased,) = self.bring(store, order(str(minute)), now=now)
            store.settle(FLOW, token, [outcome(leased, created=created)], now, mapping=MAPPING)
        assert store.created(FLOW, later(minutes=59) - timedelta(hours=1)) == 6
        assert store.created(FLOW, later(minutes=1)) == 4
        assert store.created(FLOW, later(minutes=60)) == 0
        assert store.created("other", NOW) == 0
        store.prune(later(minutes=60), delivered=DAY, parked=DAY, audit=DAY)
        assert store.created(FLOW, NOW) == 6

    def test_what_was_made_for_a_row_that_failed_after_all_is_counted(self, store: Store) -> None:
        token, (leased,) = self.bring(store, order())
        store.settle(FLOW, token, [outcome(leased, "parked", created=1)], NOW, mapping=MAPPING)
        assert store.created(FLOW, NOW) == 1

    # -- health --------------------------------------------------------------------------------------------------------

    def test_health_remembers_since_when_a_state_has_stood(self, store: Store) -> None:
        store.health("connection:shop", "down", NOW, "503", "wait")
        store.health("connection:shop", "down", later(minutes=5), "refused", "look at the firewall")
        assert store.healths() == {"connection:shop": ("down", NOW, "refused", "look at the firewall")}
        store.health("connection:shop", "ok", later(minutes=6))
        store.health("flow:a", "paused", NOW)
        assert store.healths() == {
            "connection:shop": ("ok", later(minutes=6), "", ""),
            "flow:a": ("paused", NOW, "", ""),
        }

    # -- looking -------------------------------------------------------------------------------------------------------

    def test_rows_are_found_by_what_a_person_knows(self, store: Store) -> None:
        self.settled(store, "done", order("A-1"), lines=[LINE])
        self.settled(store, "parked", order("A-2"), order("B-1"))
        store.ingest("other", page(order("A-1")), NOW)
        assert [(row.flow, row.key) for row in store.rows(key="A-1")] == [("other", "A-1"), (FLOW, "A-1")]
        assert [row.key for row in store.rows(flow=FLOW)] == ["B-1", "A-2", "A-1"]
        assert [row.key for row in store.rows(flow=FLOW, limit=2)] == ["B-1", "A-2"]
        assert [row.key for row in store.rows(flow=FLOW, key_prefix="A-")] == ["A-2", "A-1"]
        assert [row.key for row in store.rows(state="parked")] == ["B-1", "A-2"]
        assert only(store, target="500A").key == "A-1"
        assert list(store.rows(flow="unknown")) == []

    def test_looking_stands_in_nobodys_way(self, store: Store) -> None:
        store.ingest(FLOW, page(order("1"), order("2")), NOW)
        looking = store.rows(flow=FLOW)
        assert next(looking).key == "2"
        taken: list[Leased] = []
        worker = threading.Thread(target=lambda: taken.extend(self.take(store)), daemon=True)
        worker.start()
        worker.join(timeout=10)
        assert [one.key for one in taken] == ["1", "2"], "whoever has read only some of the rows holds up all others"
        assert [row.key for row in looking] == ["1"]

    def test_counts_tell_flows_apart(self, store: Store) -> None:
        store.ingest("a", page(order("1"), order("2")), NOW)
        store.ingest("b", page(order("1")), NOW)
        assert {each.flow: each.rows for each in store.counts()} == {"a": 2, "b": 1}

    def test_a_renamed_flow_keeps_rows_cursor_lines_and_books(self, store: Store) -> None:
        self.settled(store, "done", order("1"), lines=[LINE])
        cursor = store.cursor(FLOW)
        assert store.rename(FLOW, "renamed", NOW) == 1
        assert store.rename(FLOW, "renamed", NOW) == 0
        assert (store.cursor("renamed"), store.cursor(FLOW)) == (cursor, None)
        (row,) = store.rows(flow="renamed")
        assert (row.key, row.state, row.lines[0].target) == ("1", "done", "500A")
        assert all(each.balanced for each in store.counts())

    def test_a_flow_that_has_read_one_stream_does_not_go_on_with_another(self, store: Store) -> None:
        assert store.reads(FLOW, "orders") is None
        assert store.reads(FLOW, "returns") is None, "nothing was read yet"
        self.settled(store, "done", order("1"))
        assert store.reads(FLOW, "returns") is None
        assert store.reads(FLOW, "orders") == "returns"
        assert store.reads(FLOW, "returns") is None, "what it read stays what it reads"
        store.rename(FLOW, "renamed", NOW)
        assert store.reads("renamed", "orders") == "returns"
        assert store.reads(FLOW, "orders") is None, "the old name is free"

    def test_a_flow_whose_delivery_was_cut_off_is_not_renamed(self, store: Store) -> None:
        self.bring(store, order("1"))
        with pytest.raises(LedgerError, match="cut off"):
            store.rename(FLOW, "renamed", NOW)
        assert [row.flow for row in store.rows()] == [FLOW]

    @pytest.mark.parametrize("state", ["pending", "parked"])
    def test_a_flow_with_a_write_that_got_no_answer_is_not_renamed(
        self, store: Store, state: Literal["pending", "parked"]
    ) -> None:
        """What was lost bears the old key: under another one it would be made, or posted, a second time."""
        self.settled(
            store, state, order("1"), lines=[LineSettle("note", "", "shop.orders.notes", "owed", uncertain=NOW)]
        )
        with pytest.raises(LedgerError, match=r"1 record .* --uncertain"):
            store.rename(FLOW, "renamed", NOW)
        assert [row.flow for row in store.rows()] == [FLOW]

    def test_a_doubt_beside_an_answer_keeps_no_flow_from_its_name(self, store: Store) -> None:
        self.settled(store, "done", order("1"), lines=[replace(LINE, uncertain=NOW)])
        assert store.rename(FLOW, "renamed", NOW) == 1

    def test_a_flow_is_not_renamed_to_one_that_owns_rows(self, store: Store) -> None:
        self.settled(store, "done", order("1"))
        store.ingest("renamed", page(order("1")), NOW)
        with pytest.raises(LedgerError, match="owns 1 rows"):
            store.rename(FLOW, "renamed", NOW)
