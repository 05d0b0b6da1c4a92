"""Promises of a store about what people and scrapes ask: causes, what waits longest, how large it is."""

from __future__ import annotations

from connector.model import Attempt
from connector.store import LineSettle, Store
from connector.testing.store_hooks import FLOW, MAPPING, NOW, StoreHooks, later, order, outcome, page


class DeskPromises(StoreHooks):
    """Answers by cause, however many rows there are."""

    def test_parked_rows_are_told_by_cause_with_the_longest_waiting_as_examples(self, store: Store) -> None:
        self.settled(store, "parked", order("late"), now=later(minutes=9), reason="no queue", field="f", remedy="late")
        five = [order(str(number), minute=number) for number in range(5)]
        self.settled(store, "parked", *five, reason="no queue", field="f", remedy="add it")
        self.settled(store, "parked", order("other"), reason="no queue", field="g")
        self.settled(store, "parked", order("bare"), order("naked"))
        self.settled(store, "done", order("done"), reason="no queue")
        first, second, third = store.causes("parked")
        assert (first.flow, first.reason, first.field, first.remedy) == (FLOW, "no queue", "f", "add it")
        assert (first.rows, first.oldest, first.newest, len(first.keys)) == (6, NOW, later(minutes=9), 3)
        assert set(first.keys) < {"0", "1", "2", "3", "4"}
        assert (second.reason, second.field, second.rows, set(second.keys)) == ("", "", 2, {"bare", "naked"})
        assert (third.reason, third.field, third.remedy, third.keys) == ("no queue", "g", "", ("other",))
        assert [cause.rows for cause in store.causes("parked", limit=1)] == [6]
        assert store.causes("parked", flow="other") == []

    def test_rows_of_a_cause_are_its_own_and_the_longest_waiting_when_there_are_more(self, store: Store) -> None:
        self.settled(store, "parked", order("young"), now=later(minutes=9), reason="no queue", field="f")
        self.settled(store, "parked", order("old"), order("as old"), reason="no queue", field="f")
        self.settled(store, "parked", order("another"), reason="no queue")
        cause = store.causes("parked")[0]
        assert {row.key for row in store.rows(cause=cause)} == {"young", "old", "as old"}
        assert {row.key for row in store.rows(cause=cause, limit=2)} == {"old", "as old"}
        bare = store.causes("parked")[1]
        assert [row.key for row in store.rows(cause=bare)] == ["another"]

    def test_pending_rows_are_told_by_what_they_wait_for(self, store: Store) -> None:
        for number in range(3):
            self.waiting(store, str(number), "held by the brake")
        self.waiting(store, "l", "waits for lookup 'order'")
        store.ingest(FLOW, page(order("a"), order("b")), later(minutes=2))
        store.ingest("other", page(order("c")), later(minutes=2))
        told = [(each.flow, each.reason, each.rows, each.oldest) for each in store.causes("pending")]
        assert told[:2] == [(FLOW, "held by the brake", 3, NOW), (FLOW, "", 2, later(minutes=2))]
        assert sorted(told[2:]) == [
            (FLOW, "waits for lookup 'order'", 1, NOW),
            ("other", "", 1, later(minutes=2)),
        ]
        assert set(store.causes("pending", flow=FLOW, limit=2)[1].keys) == {"a", "b"}

    def waiting(self, store: Store, key: str, reason: str) -> None:
        token, (leased,) = self.bring(store, order(key))
        store.settle(FLOW, token, [outcome(leased, "pending", due=later(hours=1), reason=reason)], NOW, mapping=MAPPING)

    def test_what_is_settled_or_tried_again_waits_for_nothing_any_more(self, store: Store) -> None:
        self.waiting(store, "1", "waits for lookup 'order'")
        token, (leased,) = store.lease(FLOW, later(hours=1), seconds=60, limit=9)
        store.settle(FLOW, token, [outcome(leased)], later(hours=1), mapping=MAPPING)
        self.settled(store, "parked", order("2"), reason="no queue")
        store.replay(later(hours=1))
        assert [(each.reason, each.keys) for each in store.causes("pending")] == [("", ("2",))]
        assert store.causes("parked") == []

    def test_what_is_tried_again_tells_how_often_and_who_holds_it_until_when(self, store: Store) -> None:
        assert store.tries(FLOW) == {}
        token, (first, second) = self.bring(store, order("1"), order("2"))
        self.settled(store, "done", order("3"))
        store.ingest("other", page(order("1")), NOW)
        held = {row: until for row, (_, until) in store.tries(FLOW).items()}
        assert set(held) == {first.row, second.row}
        assert all(until is not None and until > NOW for until in held.values())
        store.settle(FLOW, token, [outcome(first, "pending", attempts=3)], NOW, mapping=MAPPING)
        assert store.tries(FLOW)[first.row] == (3, None)
        assert store.tries(FLOW)[second.row][0] == 0

    def test_what_is_pending_longest_is_told_by_flow(self, store: Store) -> None:
        assert store.oldest() == {}
        self.bring(store, order("1"))
        store.ingest(FLOW, page(order("2", minute=5)), later(minutes=5))
        store.ingest("other", page(order("1")), later(minutes=7))
        self.settled(store, "done", order("3"), now=NOW)
        assert store.oldest() == {FLOW: NOW, "other": later(minutes=7)}
        store.ingest(FLOW, page(order("1", minute=9)), later(minutes=9))
        assert store.oldest()[FLOW] == NOW, "a record that keeps changing waits all the same"

    def test_what_was_put_back_by_hand_waits_from_then_on(self, store: Store) -> None:
        self.settled(store, "parked", order("1"))
        store.replay(later(hours=5))
        assert store.oldest() == {FLOW: later(hours=5)}
        self.settled(store, "done", order("2"))
        store.remap(FLOW, [row.id for row in store.stale(FLOW, "v2")], "v2", later(hours=4))
        assert store.oldest() == {FLOW: later(hours=4)}
        self.settled(store, "done", order("3"))
        store.ingest(FLOW, page(order("3", minute=60)), later(hours=1))
        assert store.oldest() == {FLOW: later(hours=1)}

    def test_the_ledger_knows_how_large_it_is(self, store: Store) -> None:
        before = store.size()
        store.ingest(FLOW, page(*(order(str(n), fields={"note": "x" * 1000}) for n in range(200))), NOW)
        assert store.size() > before + 100_000

    def test_a_record_is_found_by_the_number_that_people_use_and_by_our_key_on_it(self, store: Store) -> None:
        case = order("500A", fields={"No": "00001001"}, our_key="orders-to-cases:_ref_arch:1")
        for _ in range(2):  # read again, it keeps its one number
            store.ingest(FLOW, page(case, order("500B", fields={"No": None})), NOW, number="No")
        assert [row.key for row in store.rows(number="00001001")] == ["500A"]
        assert [row.key for row in store.rows(our_key="orders-to-cases:_ref_arch:1")] == ["500A"]
        assert [row.our_key for row in store.rows(key="500A")] == ["orders-to-cases:_ref_arch:1"]
        assert [*store.rows(number="00001002"), *store.rows(number="500A"), *store.rows(number="")] == []

    def test_a_record_that_was_stored_without_its_number_gets_it_when_it_is_read_again(self, store: Store) -> None:
        case = order("500A", fields={"No": "00001001"})
        store.ingest(FLOW, page(case), NOW)
        assert list(store.rows(number="00001001")) == []
        assert store.ingest(FLOW, page(case), NOW, number="No").repeated == 1
        assert [row.key for row in store.rows(number="00001001")] == ["500A"]

    def test_what_is_no_number_is_not_kept(self, store: Store) -> None:
        odd = [True, "", "x" * 81, {"a": 1}, ["1"], 1.5]
        store.ingest(
            FLOW, page(*(order(str(at), fields={"No": what}) for at, what in enumerate(odd))), NOW, number="No"
        )
        store.ingest(FLOW, page(order("seven", fields={"No": 7})), NOW, number="No")
        assert [list(store.rows(number=str(what))) for what in odd] == [[]] * len(odd)
        assert [row.key for row in store.rows(number="7")] == ["seven"]

    def test_attempts_that_failed_are_remembered_with_their_cause_and_what_went_is_not(self, store: Store) -> None:
        token, (one, two) = self.bring(store, order("1"), order("2"))
        failed = LineSettle("main", "", "desk.Case", "owed", reason="locked", code="LOCK", failed="Transient")
        waits = LineSettle("note", "", "desk.Note", "owed", reason="held by the brake")
        sent = LineSettle("main", "", "desk.Case", "sent", "500A")
        settles = [
            outcome(one, "pending", due=NOW, attempts=1, lines=[failed, waits]),
            outcome(two, "done", lines=[sent]),
        ]
        store.settle(FLOW, token, settles, NOW, mapping=MAPPING)
        token, (again,) = store.lease(FLOW, later(minutes=1), seconds=60, limit=9)
        lost = LineSettle("main", "", "desk.Case", "rejected", reason="no queue", field="OwnerId", failed="Rejected")
        store.settle(FLOW, token, [outcome(again, "parked", lines=[lost])], later(minutes=1), mapping=MAPPING)
        assert store.attempts([one.row, two.row]) == {
            one.row: [
                Attempt(NOW, "main", "", "Transient", "LOCK", "locked"),
                Attempt(later(minutes=1), "main", "", "Rejected", "", "no queue", "OwnerId"),
            ]
        }

    def test_a_record_that_could_not_be_mapped_is_an_attempt_without_a_line(self, store: Store) -> None:
        self.settled(store, "parked", order("1"), reason="'x' is not in `map`", field="Reason")
        (row,) = store.rows()
        (attempt,) = store.attempts([row.id])[row.id]
        assert (attempt.line, attempt.fault, attempt.reason, attempt.field) == (
            "",
            "MappingFault",
            "'x' is not in `map`",
            "Reason",
        )

    def test_the_last_attempts_of_a_row_are_kept_and_no_more(self, store: Store) -> None:
        store.ingest(FLOW, page(order("1")), NOW)
        for number in range(30):
            token, (one,) = store.lease(FLOW, NOW, seconds=60, limit=9)
            line = LineSettle("main", "", "desk.Case", "owed", reason=f"try {number}", failed="Transient")
            store.settle(FLOW, token, [outcome(one, "pending", due=NOW, lines=[line])], NOW, mapping=MAPPING)
        kept = store.attempts([one.row])[one.row]
        assert kept[-1].reason == "try 29"
        assert 5 <= len(kept) <= 20

    def test_attempts_go_with_the_records_of_parked_rows(self, store: Store) -> None:
        self.settled(store, "parked", order("1"), reason="no queue")
        (row,) = store.rows()
        store.prune(later(days=89), delivered=0, parked=90 * 86400, audit=1e9)
        assert store.attempts([row.id])
        store.prune(later(days=91), delivered=0, parked=90 * 86400, audit=1e9)
        assert store.attempts([row.id]) == {}

    def test_rows_in_doubt_are_those_with_an_uncertain_line_or_a_delivery_that_was_cut_off(self, store: Store) -> None:
        token, leased = self.bring(
            store, *(order(key) for key in ("lost", "parked", "past", "cut", "sent since", "well"))
        )
        lost, parked, past, cut, since, well = leased
        line = LineSettle("note", "1", "shop.orders.notes", "owed", uncertain=later(minutes=-2))
        gone = LineSettle("note", "1", "shop.orders.notes", "rejected", uncertain=later(minutes=-3), reason="no")
        sent = LineSettle("main", "", "desk.Case", "sent", "500A")
        settles = [
            outcome(lost, "pending", due=NOW, lines=[line, sent]),
            outcome(parked, "parked", reason="no", lines=[gone]),
            outcome(past, "done", lines=[line]),
            outcome(cut, "pending", due=NOW, uncertain=later(minutes=-1)),
            outcome(since, "pending", due=NOW, uncertain=later(minutes=-5), lines=[sent]),
            outcome(well, lines=[sent]),
        ]
        store.settle(FLOW, token, settles, NOW, mapping=MAPPING)
        assert store.doubted() == {FLOW: (3, later(minutes=-3))}
        rows = store.doubts()
        assert [row.key for row in rows] == ["parked", "lost", "cut"]
        assert [each.uncertain for each in rows[1].lines if each.id == "note"] == [later(minutes=-2)]
        assert [row.key for row in store.doubts(limit=1)] == ["parked"]
        assert store.doubts(flow="other") == []

    def test_nothing_is_in_doubt_where_everything_was_answered(self, store: Store) -> None:
        self.settled(store, "done", order("1"))
        assert (store.doubted(), store.doubts()) == ({}, [])
