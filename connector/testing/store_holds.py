"""Promises of a store about fields that are held for a while: what stood there before the first of those who hold them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from connector.model import Ref
from connector.store import Ended, Hold, Leased, LineSettle, Store
from connector.testing.store_hooks import FLOW, MAPPING, NOW, StoreHooks, later, only, order, outcome

SHOP = "shop.products"
LINE = LineSettle("main", "P1", SHOP, "ended", target="P1")


def wish(leased: Leased, value: Any = False, field: str = "online", *, ours: bytes = b"digest01") -> Hold:
    return Hold(leased.row, "main", "P1", SHOP, "P1", field, value, (ours,))


def ended(store: Store, token: str, leased: Leased) -> None:
    """The line has come to its end."""
    settle = outcome(leased, "done", lines=[LINE], ended=[Ended("main", "P1")])
    store.settle(FLOW, token, [settle], NOW, mapping=MAPPING)


class HoldPromises(StoreHooks):
    """The value of before is known as long as anybody holds the field, and to each of them alike."""

    def one(self, store: Store, key: str = "1") -> tuple[str, Leased]:
        token, (leased,) = self.bring(store, order(key))
        return token, leased

    def test_what_is_held_is_stored_before_its_original_is_known(
        self, store: Store, opened: Callable[[], Store]
    ) -> None:
        token, one = self.one(store)
        (held,) = store.hold_fields(token, [wish(one)], NOW)
        assert (held.original, held.wish, held.since) == (..., False, NOW)
        store.found(token, [replace(held, original=None)])
        other = opened()
        (again,) = other.holds([one.row])[one.row]
        assert (again.original, again.flow, again.record) == (None, FLOW, "1")
        store.found(token, [replace(held, original="another")])
        assert other.holds([one.row])[one.row][0].original is None, "the first one stands"

    def test_every_kind_of_value_comes_back_as_it_was(self, store: Store) -> None:
        token, one = self.one(store)
        values = [True, None, 5, "Zoë \ud83d", ["a"], {"b": 1}, Decimal("1.50"), Ref("queue", "Q")]
        for at, value in enumerate(values):
            field = f"f{at}"
            store.hold_fields(token, [wish(one, value, field)], NOW)
            store.found(token, [replace(wish(one, field=field), original=value)])
        assert {held.field: (held.wish, held.original) for held in store.holds([one.row])[one.row]} == {
            f"f{at}": (value, value) for at, value in enumerate(values)
        }

    def test_a_second_holder_takes_over_what_the_first_had_found(self, store: Store) -> None:
        token, first = self.one(store)
        store.hold_fields(token, [wish(first)], NOW)
        store.found(token, [replace(wish(first), original=True)])
        other, second = self.one(store, "2")
        held = store.hold_fields(other, [wish(second, "x", ours=b"digest02")], later(minutes=1))
        assert [(each.row, each.original, each.ours) for each in held] == [
            (first.row, True, (b"digest01",)),
            (second.row, True, (b"digest02",)),
        ]
        ended(store, token, first)
        (left,) = store.holders([(SHOP, "P1")])
        assert (left.row, left.original) == (second.row, True)

    def test_what_somebody_has_saved_since_takes_its_place_for_all_who_know(self, store: Store) -> None:
        token, first = self.one(store)
        store.hold_fields(token, [wish(first), wish(first, field="notice")], NOW)
        store.found(token, [replace(wish(first), original=True), replace(wish(first, field="notice"), original="a")])
        other, second = self.one(store, "2")
        store.hold_fields(other, [wish(second, field="notice")], NOW)
        store.saved_since("passed on", [replace(wish(first, field="notice"), original="b")])
        assert {one.field: one.original for one in store.holds([first.row])[first.row]} == {
            "online": True,
            "notice": "a",
        }
        store.saved_since(token, [replace(wish(first, field="notice"), original="b")])
        known = {one.field: one.original for one in store.holds([first.row])[first.row]}
        assert known == {"online": True, "notice": "b"}
        assert [one.original for one in store.holds([second.row])[second.row]] == ["b"]

    def test_all_values_that_may_be_ours_are_known(self, store: Store) -> None:
        token, one = self.one(store)
        for digest in (b"digest01", b"digest02", b"digest01"):
            store.hold_fields(token, [wish(one, digest.decode(), ours=digest)], NOW)
        (held,) = store.holds([one.row])[one.row]
        assert (held.wish, set(held.ours)) == ("digest01", {b"digest01", b"digest02"})

    def test_a_lease_that_has_passed_on_holds_nothing(self, store: Store) -> None:
        token, one = self.one(store)
        assert list(store.hold_fields("another", [wish(one)], NOW)) == []
        store.hold_fields(token, [wish(one)], NOW)
        store.found("another", [replace(wish(one), original=1)])
        assert store.holds([one.row])[one.row][0].original is ...
        store.intend("another", [(one.row, "lines", "a", SHOP, None)])
        assert only(store, key="1").lines == ()

    def test_who_is_busy_in_doubt_or_given_up_is_said(self, store: Store) -> None:
        token, one = self.one(store)
        store.hold_fields(token, [wish(one)], NOW)
        (held,) = store.holders([(SHOP, "P1")], "another")
        assert (held.busy, held.doubt, held.given_up) == (True, None, False)
        assert not store.holders([(SHOP, "P1")], token)[0].busy
        lost = LineSettle("main", "P1", SHOP, "owed", target="P1", uncertain=NOW)
        store.settle(FLOW, token, [outcome(one, "parked", lines=[lost], reason="x")], NOW, mapping=MAPPING)
        (held,) = store.holders([(SHOP, "P1")], "another")
        assert (held.busy, held.doubt, held.given_up) == (False, NOW, False)
        store.drop(NOW, why="a mistake", by="ada", flow=FLOW)
        assert store.holders([(SHOP, "P1")], "another")[0].given_up

    def test_an_end_forgets_what_was_held_in_the_same_transaction(self, store: Store) -> None:
        token, one = self.one(store)
        store.hold_fields(token, [wish(one), wish(one, "x", "notice")], NOW)
        ended(store, token, one)
        assert store.holds([one.row]) == {}
        assert [(line.key, line.state) for line in only(store, key="1").lines] == [("P1", "ended")]

    def test_an_object_that_was_deleted_is_known_as_given_up(self, store: Store) -> None:
        token, one = self.one(store)
        gone = LineSettle("main", "P1", SHOP, "ended")
        settle = outcome(one, "done", lines=[gone], ended=[Ended("main", "P1", "id-1")])
        store.settle(FLOW, token, [settle], NOW, mapping=MAPPING)
        (line,) = only(store, key="1").lines
        assert (line.target, line.forgotten) == (None, ("id-1",))

    def test_lines_that_will_be_sent_are_owed_and_what_is_known_of_them_stays(self, store: Store) -> None:
        token, one = self.one(store)
        store.intend(token, [(one.row, "lines", "a", SHOP, None), (one.row, "lines", "b", SHOP, "B")])
        assert {(line.key, line.state, line.target) for line in only(store, key="1").lines} == {
            ("a", "owed", None),
            ("b", "owed", "B"),
        }
        sent = LineSettle("lines", "a", SHOP, "sent", target="A", digests={b"name": b"valueval"})
        store.settle(FLOW, token, [outcome(one, "pending", due=NOW, lines=[sent])], NOW, mapping=MAPPING)
        token, _ = store.lease(FLOW, NOW, seconds=300.0, limit=9)
        store.intend(token, [(one.row, "lines", "a", SHOP, None)])
        line = next(line for line in only(store, key="1").lines if line.key == "a")
        assert (line.state, line.target) == ("sent", "A")

    def test_a_line_that_has_ended_is_owed_again_once_it_will_be_sent(self, store: Store) -> None:
        token, one = self.one(store)
        settle = outcome(one, "pending", due=NOW, lines=[LINE], ended=[Ended("main", "P1")])
        store.settle(FLOW, token, [settle], NOW, mapping=MAPPING)
        token, _ = store.lease(FLOW, NOW, seconds=300.0, limit=9)
        store.intend(token, [(one.row, "main", "P1", SHOP, "P1")])
        assert [(line.key, line.state) for line in only(store, key="1").lines] == [("P1", "owed")]
