"""Promises of a store about the tools of operators: backfills, repairs, forgetting, backups."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from connector.digests import name_digest
from connector.errors import Busy, LedgerError
from connector.model import Row
from connector.store import LineSettle, Mend, Store, open_store
from connector.testing.store_hooks import FLOW, MAPPING, NOW, StoreHooks, books, later, only, order, outcome, page

ASKED = "30d to now"
SUBJECT, STATUS = name_digest("Subject"), name_digest("Status")
CASE = LineSettle("main", "", "service.Case", "sent", target="500A", digests={SUBJECT: b"s" * 8, STATUS: b"t" * 8})
NOTE = LineSettle("note", "1", "service.CaseComment", "sent", target="500A", digests={SUBJECT: b"s" * 8})
OURS = "orders-to-cases:_ref_arch:00001301"


class ToolsPromises(StoreHooks):
    """Nothing that an operator does by hand loses a record, or does one twice."""

    # -- backfills -----------------------------------------------------------------------------------------------------

    def test_a_backfill_moves_its_own_cursor_and_leaves_that_of_the_flow(self, store: Store) -> None:
        store.ingest(FLOW, page(order("1"), cursor="live"), NOW)
        store.begin_backfill(FLOW, ASKED, NOW, begins=None, ends=later(days=1))
        store.ingest(FLOW, page(order("2"), order("3"), cursor="old"), NOW, move=False, backfill=ASKED)
        store.ingest(FLOW, page(order("4")), NOW, move=False, backfill=ASKED)
        kept = store.backfill(FLOW, ASKED)
        assert kept is not None
        assert (kept.cursor, kept.read, kept.begins, kept.ends) == ("old", 3, None, later(days=1))
        assert store.cursor(FLOW) == "live"
        assert [each.asked for each in store.backfills()] == [ASKED]
        store.end_backfill(FLOW, ASKED, NOW)
        assert (store.backfill(FLOW, ASKED), store.backfills()) == (None, [])

    def test_a_page_of_a_backfill_that_was_given_up_is_not_stored(self, store: Store) -> None:
        with pytest.raises(LedgerError, match="not under way"):
            store.ingest(FLOW, page(order("1"), cursor="old"), NOW, move=False, backfill=ASKED)
        assert list(store.rows()) == []
        assert store.backfill(FLOW, ASKED) is None

    def test_a_flow_its_turn_and_its_backfill_are_held_apart(self, opened: Callable[[], Store]) -> None:
        one, other = opened(), opened()
        with one.hold(f"flow:{FLOW}"), other.hold(f"turn:{FLOW}"), other.hold(f"backfill:{FLOW}"):
            for what in ("flow", "turn", "backfill"):
                with pytest.raises(Busy), other.hold(f"{what}:{FLOW}"):
                    pass
            with other.hold("flow:another"):
                pass

    def test_pulses_tell_when_a_cursor_moved_and_when_a_row_is_due(self, store: Store) -> None:
        token, leased = self.bring(store, order("1"), order("2"))
        store.ingest(FLOW, page(cursor="c"), later(minutes=1))
        settles = [outcome(one, "pending", due=later(minutes=5 + at)) for at, one in enumerate(leased)]
        store.settle(FLOW, token, settles, NOW, mapping=MAPPING)
        store.ingest("idle", page(), NOW)
        assert store.pulses() == {FLOW: (later(minutes=1), later(minutes=5)), "idle": (None, None)}

    def test_new_objects_are_told_by_the_end_of_their_minute(self, store: Store) -> None:
        self.settled(store, "done", order("1"), order("2"), created=1)
        self.settled(store, "done", order("3"), created=1, now=later(minutes=2))
        assert store.created_by_minute(FLOW, NOW) == [(later(minutes=1), 2), (later(minutes=3), 1)]
        assert store.created_by_minute(FLOW, later(minutes=1)) == [(later(minutes=3), 1)]

    # -- repairs -------------------------------------------------------------------------------------------------------

    def mended(self, store: Store, **given: object) -> Row:
        row = only(store)
        mend = Mend(row.id, row.rev, {("main", ""): [SUBJECT]}, **given)  # type: ignore[arg-type]
        assert store.mend(FLOW, [mend], later(minutes=1), "reconcile") == 1
        assert books(store).balanced
        return only(store)

    def test_a_row_is_walked_by_its_id_from_a_stamp_on(self, store: Store) -> None:
        store.ingest(FLOW, page(order("1"), order("2", minute=5), order("3", minute=None)), NOW)
        found = store.walk(FLOW, since="2026-11-20T10:05:00.000Z")
        assert [row.key for row in found] == ["2", "3"]
        assert [row.key for row in store.walk(FLOW, after=found[0].id)] == ["3"]
        assert len(store.walk(FLOW, limit=1)) == 1

    def test_a_mended_row_is_due_and_the_field_counts_as_sent_with_another_value(self, store: Store) -> None:
        self.settled(store, "done", order("1"), lines=[CASE, NOTE], entered=True)
        row = self.mended(store)
        assert (row.state, row.reason, row.attempts) == ("pending", "reconcile", 0)
        (leased,) = self.take(store, later(minutes=1))
        assert leased.was == "done"
        main = leased.lines[("main", "")]
        assert main.digests[STATUS] == b"t" * 8
        assert main.digests[SUBJECT] not in (b"s" * 8, b"\0" * 8)
        assert leased.lines[("note", "1")].digests == {SUBJECT: b"s" * 8}

    def test_lines_on_an_object_that_is_gone_begin_anew(self, store: Store) -> None:
        self.settled(store, "done", order("1"), lines=[CASE, NOTE], entered=True)
        row = self.mended(store, gone=["500A"])
        assert {(line.id, line.state, line.target, line.forgotten) for line in row.lines} == {
            ("main", "owed", None, ("500A",)),
            ("note", "owed", None, ("500A",)),
        }

    def test_what_changed_since_it_was_looked_at_or_is_under_way_is_not_mended(self, store: Store) -> None:
        self.settled(store, "done", order("1"), lines=[CASE])
        row = only(store)
        store.ingest(FLOW, page(order("1", minute=5)), later(minutes=5))
        for rev in (row.rev, row.rev + 1):
            assert store.mend(FLOW, [Mend(row.id, rev, {})], later(minutes=6), "reconcile") == 0
        assert books(store).balanced

    # -- forgetting ----------------------------------------------------------------------------------------------------

    def forget(self, store: Store, *names: str) -> None:
        rows = [row.id for name in names for row in store.rows(key=name)]
        store.forget(rows, names, later(hours=1), by="uid 7")
        assert all(each.balanced for each in store.counts())

    def test_a_forgotten_record_is_gone_and_the_books_balance(self, store: Store) -> None:
        self.settled(store, "done", order(), lines=[CASE, NOTE])
        store.ingest(FLOW, page(order("00001302"), order("00001303")), NOW)
        store.ingest("cases-to-orders", page(order("500A", our_key=OURS)), NOW)
        assert [row.key for row in store.bearing([OURS])] == ["500A"]
        rows = [row.id for key in ("00001301", "00001302", "500A") for row in store.rows(key=key)]
        done = store.forget(rows, [OURS], later(hours=1), by="uid 7")
        assert done.rows == {FLOW: 2, "cases-to-orders": 1}
        assert [row.key for row in store.rows()] == ["00001303"]
        assert list(store.rows(target="500A")) == []
        assert all(each.balanced for each in store.counts())
        assert (books(store).rows, books(store).pending, books(store).open) == (1, 1, 1)

    def test_what_was_forgotten_is_not_taken_in_again_nor_what_bears_its_key(self, store: Store) -> None:
        self.settled(store, "done", order())
        self.forget(store, "00001301", OURS)
        done = store.ingest(FLOW, page(order(minute=5), order("2")), later(minutes=5), lease=60)
        assert (done.repeated, [one.key for one in done.leased]) == (1, ["2"])
        done = store.ingest("cases-to-orders", page(order("500A", our_key=OURS)), NOW, lease=60)
        assert (done.repeated, done.leased) == (1, [])
        assert store.ingest("another", page(order()), NOW).changed == 1, "in another flow it was never known"
        assert all(each.balanced for each in store.counts())
        stamp = store.known(FLOW, [("RefArch", "00001301"), ("RefArch", "never")])
        assert list(stamp) == [("RefArch", "00001301")], "the sweep need not fetch it"
        assert str(stamp["RefArch", "00001301"]) > "2999"
        assert store.is_forgotten(FLOW, [("RefArch", "00001301"), ("RefArch", "2")]) == {("RefArch", "00001301")}

    def test_texts_of_others_name_it_no_more(self, store: Store) -> None:
        reason, remedy = "shop.orders has no 00001301 yet", "00001301 was looked for; not 000013011"
        self.settled(store, "parked", order("RR-1"), reason=reason, remedy=remedy, lines=[])
        self.settled(store, "done", order())
        store.health("flow:x", "paused", NOW, f"odd: {OURS}")
        store.audit("parked drop", NOW, by="uid 7", key="00001301", why="Ada rang")
        self.forget(store, OURS, "00001301")
        row = only(store)
        assert row.reason == "shop.orders has no (forgotten) yet"
        assert row.remedy == "(forgotten) was looked for; not 000013011"
        assert store.healths()["flow:x"][2] == "odd: (forgotten)"

    def test_a_row_that_a_worker_holds_is_not_forgotten_under_its_hands(self, store: Store) -> None:
        self.bring(store, order())
        with pytest.raises(Busy, match="nothing was erased"):
            store.forget([only(store).id], ["00001301"], later(minutes=1), by="uid 7")
        assert only(store).state == "pending"
        assert store.forget([only(store).id], ["00001301"], later(minutes=6), by="uid 7").rows == {FLOW: 1}

    # -- backups -------------------------------------------------------------------------------------------------------

    def test_a_backup_is_the_ledger_and_what_was_pending_in_it_is_in_doubt(
        self, opened: Callable[[], Store], tmp_path: Path
    ) -> None:
        store, path = opened(), tmp_path / "copy"
        self.settled(store, "done", order("1"), lines=[CASE])
        store.ingest(FLOW, page(order("2"), cursor="c"), NOW)
        assert store.backup(path, later(minutes=1)) > 0
        store.ingest(FLOW, page(order("3")), NOW)
        with closing(open_store(f"sqlite:///{path}")) as copy:
            assert {row.key for row in copy.rows()} == {"1", "2"}
            assert (copy.cursor(FLOW), copy.digest_key) == ("c", store.digest_key)
            (leased,) = self.take(copy, later(minutes=2))
            assert (leased.key, leased.uncertain) == ("2", later(minutes=2))
            assert books(copy).balanced
        assert self.take(store, later(minutes=2))[0].uncertain is None, "the ledger itself knows better"
        with pytest.raises(LedgerError, match="name a file that is not there"):
            store.backup(path, NOW)
