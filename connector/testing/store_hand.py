"""Promises of a store about what people do by hand: rows given up and taken back, and objects made anew."""

from __future__ import annotations

from connector.model import Line
from connector.store import LineSettle, Store
from connector.testing.store_hooks import FLOW, MAPPING, NOW, StoreHooks, books, later, only, order, outcome, page

CASE = LineSettle("main", "", "service.Case", "rejected", target="500A", digests={b"nnnn": b"vvvvvvvv"}, gone=True)
COMMENT = LineSettle("comment", "1", "service.CaseComment", "sent", target="500A", digests={b"nnnn": b"vvvvvvvv"})
NOTE = LineSettle("note", "", "shop.orders.notes", "sent", target="00001301", digests={b"nnnn": b"vvvvvvvv"})
NEVER = LineSettle("other", "", "service.Dispute__c", "rejected", gone=True)


class HandPromises(StoreHooks):
    """Dropped, and made anew."""

    def test_a_dropped_row_is_given_up_with_its_reason_and_the_books_balance(self, store: Store) -> None:
        self.settled(store, "parked", order("1"), order("2"), reason="no queue", field="f", remedy="r", lines=[NOTE])
        self.settled(store, "parked", order("3"), reason="no queue")
        assert store.drop(NOW, why="settled by phone", by="uid 7", flow=FLOW, reason="no queue", field="f") == 2
        assert (books(store).dropped, books(store).parked, books(store).pending) == (2, 1, 0)
        assert books(store).balanced
        rows = {row.key: row for row in store.rows()}
        assert [(rows[key].state, rows[key].reason) for key in "123"] == [
            ("dropped", "settled by phone"), ("dropped", "settled by phone"), ("parked", "no queue")]  # fmt: skip
        assert rows["1"].lines[0].target == "00001301", "what it has written stays known"
        assert store.drop(NOW, why="again", by="uid 7", key="1") == 0, "only what is parked is dropped"
        assert self.take(store) == []

    def test_a_dropped_row_stays_dropped_whatever_comes_and_keeps_its_reason(self, store: Store) -> None:
        self.settled(store, "parked", order("1"), reason="no queue")
        store.drop(NOW, why="settled by phone", by="uid 7", key="1")
        done = store.ingest(FLOW, page(order("1", minute=5)), later(minutes=5), lease=60)
        assert done.leased == []
        row = only(store)
        assert (row.state, row.reason, row.rev) == ("dropped", "settled by phone", 2)
        assert self.take(store, later(days=1)) == []
        assert books(store).balanced
        assert store.prune(later(days=9), delivered=86_400, parked=90 * 86_400, audit=400 * 86_400) == 1
        assert not only(store).stored

    def test_a_dropped_row_is_taken_back_with_the_version_that_it_has_now(self, store: Store) -> None:
        self.settled(store, "parked", order("1"), order("2"), reason="no queue", attempts=4)
        store.drop(NOW, why="by mistake", by="uid 7")
        store.ingest(FLOW, page(order("1", minute=5)), later(minutes=5))
        assert store.replay(later(minutes=6), key="1") == 0, "a plain retry leaves it alone"
        assert store.replay(later(minutes=6), key="1", dropped=True, reason="by mistake", field="") == 1
        (leased,) = self.take(store, later(minutes=6))
        assert (leased.key, leased.rev, leased.attempts) == ("1", 2, 0)
        assert [row.state for row in store.rows()] == ["dropped", "pending"]
        assert books(store).balanced

    def test_a_row_whose_object_is_gone_begins_anew_on_it_and_on_nothing_else(self, store: Store) -> None:
        lines = [CASE, COMMENT, NOTE]
        self.settled(store, "parked", order("1"), reason="deleted", lines=lines, entered=True, uncertain=NOW)
        self.settled(store, "parked", order("2"), reason="deleted")
        assert store.replay(later(minutes=1), recreate=True) == 1
        assert books(store).balanced
        (leased,) = self.take(store, later(minutes=1))
        case, comment, note = (leased.lines[name] for name in (("main", ""), ("comment", "1"), ("note", "")))
        for line in (case, comment):
            assert (line.state, line.target, line.digests, line.gone) == ("owed", None, {}, False)
            assert line.forgotten == ("500A",)
            assert line.uncertain is None
            assert line.sent_at is not None, "no doubt from before is left on it"
            assert line.sent_at > NOW
        assert (note.state, note.target, note.forgotten) == ("sent", "00001301", ())
        assert note.digests == {b"nnnn": b"vvvvvvvv"}
        assert (leased.key, leased.entered) == ("1", True)

    def test_what_was_forgotten_stays_known_whatever_is_written_since(self, store: Store) -> None:
        self.settled(store, "parked", order("1"), lines=[CASE])
        for made, minute in (("500B", 1), ("500C", 2)):
            store.replay(later(minutes=minute), recreate=True)
            token, (leased,) = store.lease(FLOW, later(minutes=minute), seconds=60, limit=1)
            again = LineSettle("main", "", "service.Case", "rejected", target=made, gone=True)
            store.settle(
                FLOW, token, [outcome(leased, "parked", lines=[again])], later(minutes=minute), mapping=MAPPING
            )
        line: Line = only(store).lines[0]
        assert (line.target, line.gone, line.forgotten) == ("500C", True, ("500A", "500B"))

    def test_a_gone_object_whose_id_nobody_knows_begins_anew_too(self, store: Store) -> None:
        self.settled(store, "parked", order("1"), lines=[NEVER, NOTE])
        assert store.replay(NOW, key="1", recreate=True) == 1
        lines = {line.id: line for line in only(store).lines}
        assert (lines["other"].state, lines["other"].gone, lines["other"].forgotten) == ("owed", False, ())
        assert lines["note"].state == "sent"
