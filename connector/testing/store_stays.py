"""Promises of a store about who had which record when: kept as told, found by key, forgotten with the record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from connector.model import Stay
from connector.stamps import stamp
from connector.store import Held, Store
from connector.testing.store_hooks import FLOW, NOW, StoreHooks, later, only, order

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
        store.note_stays(CASES, {"1": Held("s1", TAKEN), "2": Held(None, RETURNED)})
        assert store.stays(CASES, ["1", "2", "3"]) == {"1": Held("s1", TAKEN), "2": Held(None, RETURNED)}
        assert store.stays("other.Case", ["1"]) == {}

    def test_what_is_noted_anew_replaces_what_was_known(self, store: Store) -> None:
        store.note_stays(CASES, {"1": Held("s1", RETURNED)})
        store.note_stays(CASES, {"1": Held("s2", TAKEN)})
        assert store.stays(CASES, ["1"]) == {"1": Held("s2", TAKEN)}

    def test_a_flow_has_in_view_what_it_watches_and_what_has_not_ended(self, store: Store) -> None:
        over = Held("s", [stay("q1", 0, 10)], watched=True)
        store.note_stays(
            CASES, {"1": Held("s", RETURNED[:1] + TAKEN[1:], watched=True), "2": over, "3": Held("s", TAKEN)}, flow=FLOW
        )
        assert store.in_view(FLOW) == ["1"]
        assert store.stays(CASES, ["1"])["1"].watched
        store.note_stays(CASES, {"1": Held("s", TAKEN)}, flow="another")
        assert (store.in_view(FLOW), store.in_view("another")) == ([], [])

    def test_a_flow_looks_after_what_left_its_view_until_another_has_it_in_view(self, store: Store) -> None:
        store.note_stays(CASES, {"1": Held("s", [stay("q1", 0)], left=True)}, flow=FLOW)
        assert (store.in_view(FLOW), store.stays(CASES, ["1"])["1"].watched) == (["1"], False)
        store.note_stays(CASES, {"1": Held("t", TAKEN, watched=None)}, flow="another")
        assert (store.in_view(FLOW), store.in_view("another")) == (["1"], []), "as it was"
        store.note_stays(CASES, {"1": Held("t", TAKEN, watched=True)}, flow="another")
        assert (store.in_view(FLOW), store.in_view("another")) == ([], ["1"])
        store.note_stays(CASES, {"1": Held("u", RETURNED, watched=None)})
        assert store.in_view("another") == [], "its last stay has ended"

    def test_they_outlive_the_process(self, opened: Callable[[], Store]) -> None:
        opened().note_stays(CASES, {"1": Held("s1", TAKEN)})
        assert opened().stays(CASES, ["1"]) == {"1": Held("s1", TAKEN)}

    def test_stays_in_queues_are_told_with_how_they_ended(self, store: Store) -> None:
        store.note_stays(CASES, {"1": Held("s", TAKEN), "2": Held("s", RETURNED), "3": Held("s", [stay("q1", 5)])})
        found = store.dwell(NOW, later(days=1), later(minutes=65))
        assert [
            (one.queue, one.stays, one.claimed, one.moved, one.closed, one.waiting, one.returned) for one in found
        ] == [
            ("q1's name", 3, 2, 0, 0, 1, 0),
            ("q2's name", 1, 0, 1, 0, 0, 1),
            ("q3's name", 1, 0, 0, 1, 0, 0),
        ]
        assert found[0].p50 == 600.0
        assert abs(found[0].max - 3600.0) < 0.01, "who waits still has waited until now"
        assert [one.queue for one in store.dwell(later(minutes=30), later(minutes=40), NOW)] == ["q2's name"]
        assert [one.stays for one in store.dwell(NOW, later(days=1), NOW, queue="q1's name")] == [3]

    def test_percentiles_are_waits_that_occurred_by_day_and_queue(self, store: Store) -> None:
        waits = [stay("q", day * 1440, day * 1440 + minutes) for day in (0, 1) for minutes in range(1, 101)]
        store.note_stays(CASES, {str(number): Held("s", [one]) for number, one in enumerate(waits)})
        first, second = store.dwell(NOW, later(days=2), NOW)
        assert (first.day, second.day) == ("2026-11-20", "2026-11-21")
        assert (first.stays, first.p50, first.p90, first.p95, first.max) == (100, 3000.0, 5400.0, 5700.0, 6000.0)
        (alone,) = store.dwell(NOW, later(days=1), NOW)
        assert alone == first

    def test_stays_that_ended_long_ago_go_with_the_audit(self, store: Store) -> None:
        closed, again = (
            [stay("q1", 0, 10), stay("ada", 10, 30, person=True)],
            [*RETURNED[:3], stay("q3", 40, ours=True)],
        )
        handed = [*TAKEN[:1], stay("ada", 10, 30, person=True), stay("bob", 30, person=True)]
        store.note_stays(
            CASES, {"1": Held("s", closed), "2": Held("s", again), "3": Held("s", TAKEN), "4": Held("s", handed)}
        )
        store.prune(NOW + timedelta(days=401), delivered=0, parked=0, audit=400 * 86400)
        left = {
            key: [one.owner for one in held.stays] for key, held in store.stays(CASES, ["1", "2", "3", "4"]).items()
        }
        assert left == {"2": ["q2", "q3"], "3": ["q1", "ada"], "4": ["q1", "bob"]}, (
            "since when, and from where, is still told"
        )

    def test_two_records_stand_beside_one_another_since_the_later_claim_for_as_long_as_it_goes_on(
        self, opened: Callable[[], Store]
    ) -> None:
        store, pair = opened(), ("1", "2")
        at = [stamp(later(minutes=each)) for each in range(6)]
        assert store.meet(FLOW, {pair: at[0]}, at[1], whole=True) == {pair: at[0]}
        assert store.meet(FLOW, {pair: at[0]}, at[2], whole=True) == {pair: at[0]}
        assert store.meet(FLOW, {}, at[3], whole=False) == {}
        assert opened().meet(FLOW, {pair: at[0]}, at[3], whole=True) == {pair: at[0]}, "what was not looked at goes on"
        assert opened().meet("another", {pair: at[2]}, at[3], whole=True) == {pair: at[2]}

    def test_what_ended_and_began_anew_is_told_as_another_time(self, store: Store) -> None:
        pair, other = ("1", "2"), ("1", "3")
        at = [stamp(later(minutes=each)) for each in range(9)]
        store.meet(FLOW, {pair: at[0], other: at[0]}, at[1], whole=True)
        assert store.meet(FLOW, {other: at[0]}, at[2], whole=True) == {other: at[0]}
        assert store.meet(FLOW, {pair: at[0], other: at[0]}, at[3], whole=True) == {pair: at[3], other: at[0]}
        assert store.meet(FLOW, {pair: at[0], other: at[4]}, at[5], whole=True) == {pair: at[3], other: at[4]}
        store.meet(FLOW, {}, at[6], whole=True)
        assert store.meet(FLOW, {pair: at[7]}, at[8], whole=True) == {pair: at[7]}, "a claim since then says when"

    def test_forgetting_a_record_forgets_what_stood_beside_it_and_what_the_other_one_was_told_of_it(
        self, store: Store
    ) -> None:
        at = stamp(NOW)
        store.meet(FLOW, {("1", "2"): at, ("1", "3"): at}, at, whole=True)
        self.settled(store, "done", order("1:2:x"), order("2:1:x"), order("1:3:x"), order("3:1:x"))
        rows = {row.key: row.id for row in store.rows(flow=FLOW)}
        store.forget([rows["2:1:x"]], {"00001002"}, NOW, by="ada")
        assert {row.key for row in store.rows(flow=FLOW)} == {"1:3:x", "3:1:x"}
        assert store.is_name_forgotten("2"), "by whichever of its names it was found"
        assert not store.is_name_forgotten("1")
        later_on = stamp(later(minutes=9))
        assert store.meet(FLOW, {("1", "2"): at, ("1", "3"): at}, later_on, whole=True) == {
            ("1", "2"): at,
            ("1", "3"): at,
        }

    def test_forgetting_a_record_forgets_who_had_it(self, store: Store) -> None:
        store.note_stays(CASES, {"1": Held("s", TAKEN), "500A": Held("s", TAKEN), "2": Held("s", TAKEN)})
        self.settled(store, "done", order("1"))
        store.forget([only(store).id], {"500A"}, NOW, by="ada")
        assert set(store.stays(CASES, ["1", "2", "500A"])) == {"2"}

    def test_who_has_a_record_that_was_forgotten_is_not_remembered_again(self, store: Store) -> None:
        """It is read for as long as it stands: by flows that ask who has it, and by reports of the queues."""
        self.settled(store, "done", order("1"))
        store.forget([only(store).id], {"500A"}, NOW, by="ada")
        store.note_stays(CASES, {"500A": Held("s", TAKEN), "2": Held("s", TAKEN)}, flow=FLOW)
        assert set(store.stays(CASES, ["500A", "2"])) == {"2"}
