"""Promises of a store about what comes in: pages, cursors, versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from connector.model import Record
from connector.store import LineSettle, Store
from connector.testing.store_hooks import FLOW, NOW, StoreHooks, books, later, only, order, outcome, page

ODD_TEXTS = {
    "emoji": "Geschenk 🎁",
    "NUL": "a\0b",
    "a lone surrogate": "half \ud83d emoji",
    "quotes": """O'Neill "Bob" %_\\""",
    "line ends": "a\r\nb\u2028c",
    "long": "x" * 5000,
}


class IngestPromises(StoreHooks):
    """Pages and cursors."""

    def test_a_page_and_its_cursor_are_there_together(self, store: Store) -> None:
        assert store.cursor(FLOW) is None
        store.ingest(FLOW, page(order("1"), order("2"), cursor="c1"), NOW)
        assert store.cursor(FLOW) == "c1"
        assert [row.key for row in store.rows(flow=FLOW)] == ["2", "1"]

    @pytest.mark.parametrize(
        "broken",
        [
            page(order("2"), order("3", fields={"no": object()}), cursor="c2"),
            page(order("2"), cursor=cast(str, object())),
        ],
        ids=["a record that has no JSON form", "a cursor that cannot be stored"],
    )
    def test_a_page_that_cannot_be_stored_moves_neither_rows_nor_cursor(self, store: Store, broken: Any) -> None:
        store.ingest(FLOW, page(order("1"), cursor="c1"), NOW)
        before = books(store)
        with pytest.raises(Exception):  # noqa: B017, PT011 - which one is the store's business
            store.ingest(FLOW, broken, NOW)
        assert store.cursor(FLOW) == "c1"
        assert [row.key for row in store.rows(flow=FLOW)] == ["1"]
        assert books(store) == before
        store.ingest(FLOW, page(order("2"), cursor="c2"), NOW)
        assert (store.cursor(FLOW), books(store).rows) == ("c2", 2)

    def test_names_first_seen_in_a_page_that_failed_are_known_to_the_next(
        self, store: Store, opened: Callable[[], Store]
    ) -> None:
        for flow in ("a", "b"):
            with pytest.raises(Exception):  # noqa: B017, PT011
                store.ingest(
                    flow, page(order("1", site=f"site-{flow}", fields={"no": object()})), NOW, fields=frozenset({"no"})
                )
        for flow in ("b", "a"):
            store.ingest(flow, page(order("1", site=f"site-{flow}")), NOW, fields=frozenset({"no", flow}))
        for ledger in (store, opened()):
            assert {(row.flow, row.site) for row in ledger.rows()} == {("a", "site-a"), ("b", "site-b")}
            assert ledger.lease("a", NOW, seconds=0, limit=1)[1][0].fields == frozenset({"no", "a"})

    def test_a_cursor_outlives_its_process(self, store: Store, opened: Callable[[], Store]) -> None:
        store.ingest(FLOW, page(order(), cursor="c1"), NOW)
        store.close()
        again = opened()
        assert again.cursor(FLOW) == "c1"
        assert only(again).key == "00001301"

    def test_a_page_without_a_cursor_leaves_the_saved_one(self, store: Store) -> None:
        store.ingest(FLOW, page(cursor="c1"), NOW)
        store.ingest(FLOW, page(order("1")), NOW)
        store.ingest(FLOW, page(order("2"), cursor="backfill"), NOW, move=False)
        assert store.cursor(FLOW) == "c1"
        assert books(store).rows == 2

    # -- versions ------------------------------------------------------------------------------------------------------

    def test_the_same_version_read_again_changes_nothing(self, store: Store) -> None:
        store.ingest(FLOW, page(order()), NOW)
        again = store.ingest(FLOW, page(order()), later(minutes=1), lease=60)
        assert (again.read, again.repeated, again.changed, again.leased) == (1, 1, 0, [])
        assert only(store).rev == 1

    def test_other_content_under_an_equal_stamp_is_a_new_version(self, store: Store) -> None:
        store.ingest(FLOW, page(order(fields={"total": 1})), NOW)
        again = store.ingest(FLOW, page(order(fields={"total": 2})), NOW)
        assert (again.repeated, again.changed) == (0, 1)
        assert only(store).rev == 2
        assert self.take(store)[0].record == order(fields={"total": 2})

    def test_a_lower_stamp_is_refused(self, store: Store) -> None:
        store.ingest(FLOW, page(order(minute=5, fields={"total": 2})), NOW)
        again = store.ingest(FLOW, page(order(minute=4, fields={"total": 1})), NOW, lease=60)
        assert (again.repeated, again.changed, again.leased) == (1, 0, [])
        assert self.take(store)[0].record == order(minute=5, fields={"total": 2})

    def test_a_higher_stamp_is_a_new_version_though_nothing_else_differs(self, store: Store) -> None:
        store.ingest(FLOW, page(order(minute=0)), NOW)
        store.ingest(FLOW, page(order(minute=1)), NOW)
        assert (only(store).rev, only(store).stamp) == (2, order(minute=1).stamp)

    def test_a_record_without_a_stamp_is_new_when_its_content_is(self, store: Store) -> None:
        first, second = (order(minute=None, fields={"n": n}) for n in (1, 2))
        assert store.ingest(FLOW, page(first), NOW).changed == 1
        assert store.ingest(FLOW, page(first), NOW).repeated == 1
        assert store.ingest(FLOW, page(second), NOW).changed == 1
        assert self.take(store)[0].record == second

    @pytest.mark.parametrize("change", [{"claimed_by": "005A"}, {"deleted": True}, {"our_key": "f:s:1"}])
    def test_a_claim_a_deletion_or_our_key_makes_a_new_version(self, store: Store, change: dict[str, Any]) -> None:
        store.ingest(FLOW, page(order()), NOW)
        assert store.ingest(FLOW, page(order(**change)), NOW).changed == 1
        assert self.take(store)[0].record == order(**change)

    def test_twice_in_one_page_the_newest_counts(self, store: Store) -> None:
        newest = order("1", minute=2, fields={"n": 2})
        done = store.ingest(FLOW, page(order("1", fields={"n": 1}), newest, order("1", fields={"n": 0})), NOW, lease=60)
        assert (done.read, done.repeated, done.changed) == (3, 2, 1)
        assert [one.record for one in done.leased] == [newest]
        assert only(store).rev == 1
        assert books(store).balanced

    def test_one_key_in_two_sites_and_two_flows_is_four_rows(self, store: Store) -> None:
        for flow in ("a", "b"):
            store.ingest(flow, page(order("1", site="RefArch"), order("1", site="RefArchGlobal")), NOW)
        assert len(list(store.rows(key="1"))) == 4
        row = store.row("b", "RefArchGlobal", "1")
        assert row is not None
        assert (row.flow, row.site, row.key) == ("b", "RefArchGlobal", "1")
        assert store.row("b", "RefArch", "2") is None
        assert store.row("c", "RefArch", "1") is None

    def test_the_sweep_learns_which_stamps_are_known(self, store: Store) -> None:
        store.ingest(FLOW, page(order("1", minute=1), order("2", minute=None, site="")), NOW)
        store.ingest("other", page(order("3")), NOW)
        asked = [("RefArch", "1"), ("", "2"), ("RefArch", "3"), ("RefArchGlobal", "1")]
        known = store.known(FLOW, asked)
        assert {place: known[place] for place in asked if place in known} == {
            ("RefArch", "1"): order(minute=1).stamp,
            ("", "2"): None,
        }

    def test_the_first_sweeps_begin_where_the_first_read_ended_and_each_kind_then_by_its_own(
        self, store: Store
    ) -> None:
        assert (store.swept(FLOW), store.swept(FLOW, wide=True)) == (None, None)
        for cursor in ("c1", "c2"):
            store.ingest(FLOW, page(order(), cursor=cursor), NOW)
        assert (store.swept(FLOW), store.swept(FLOW, wide=True)) == ("c1", "c1")
        store.sweep_done(FLOW, "c2")
        assert (store.swept(FLOW), store.swept(FLOW, wide=True)) == ("c2", "c1")
        store.sweep_done(FLOW, "c3", wide=True)
        store.ingest(FLOW, page(order(), cursor="c4"), NOW)
        assert (store.swept(FLOW), store.swept(FLOW, wide=True), store.cursor(FLOW)) == ("c2", "c3", "c4")
        assert store.swept("other") is None

    # -- what is stored comes back -------------------------------------------------------------------------------------

    def test_a_record_comes_back_as_it_came(self, store: Store) -> None:
        fields = {"t": "x", "n": None, "b": True, "i": 7, "f": 1.5, "l": [1, {"a": []}], "o": {"deep": {"er": ""}}}
        came = Record("k", fields, order().stamp, "RefArch", "our:key:1", "005A", own=True, deleted=True)
        store.ingest(FLOW, page(came), NOW, fields=frozenset({"b", "a"}))
        (leased,) = self.take(store)
        assert leased.record == came
        assert leased.fields == frozenset({"a", "b"})
        assert store.records([leased.row, leased.row + 1]) == {leased.row: (came, frozenset({"a", "b"}))}

    @pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
    def test_no_text_is_lost_or_stops_a_page(self, store: Store, opened: Callable[[], Store], text: str) -> None:
        """Remote systems hold what people paste: half an emoji must not hold up the page that it came with."""
        odd = Record(text, {text: [text]}, None, text, text, text)
        store.ingest(FLOW, page(order("1"), odd, cursor="c"), NOW)
        assert store.ingest(FLOW, page(odd), NOW).repeated == 1
        for ledger in (store, opened()):
            row = ledger.row(FLOW, text, text)
            assert row is not None
            assert ledger.records([row.id])[row.id][0] == odd
            assert [each.id for each in ledger.rows(key=text)] == [row.id]
            assert ledger.known(FLOW, [(text, text)]) == {(text, text): None}
        assert [one.record for one in self.take(store)] == [order("1"), odd]

    def test_numbers_beyond_64_bits_come_back_exactly(self, store: Store) -> None:
        big = order(fields={"n": 2**80, "m": -(2**63) - 1, "f": 1e300})
        store.ingest(FLOW, page(big), NOW)
        (leased,) = self.take(store)
        assert leased.record == big

    def test_odd_texts_survive_as_lines_too(self, store: Store) -> None:
        text = "half \ud83d\0 'emoji'"
        token, leased = self.bring(store, order())
        line = LineSettle(text, text, text, "rejected", target=text, reason=text, field=text, remedy=text)
        settle = outcome(leased[0], "parked", lines=[line], route=text, reason=text, field=text, remedy=text)
        store.settle(FLOW, token, [settle], NOW, mapping=text)
        row = only(store, target=text)
        (kept,) = row.lines
        assert (row.route, row.mapping, row.reason, row.field, row.remedy) == (text,) * 5
        assert (kept.id, kept.key, kept.stream, kept.target, kept.reason, kept.field, kept.remedy) == (text,) * 7
        assert store.replay(NOW, flow=FLOW, key=row.key, reason=text) == 1
        store.health(text, text, NOW, text, text)
        assert store.healths() == {text: (text, NOW, text, text)}
        store.audit(text, NOW, **{text: text})
