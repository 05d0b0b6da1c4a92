"""Promises of a store about keys of its stored records: given, changed, taken away, wrong, lost."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.errors import LedgerError
from connector.secret import RecordKeys, Secret
from connector.store import Store, open_store
from connector.testing.store_hooks import FLOW, MAPPING, NOW, StoreHooks, books, later, order, outcome, page

MANY = 450
"""More records than one step of a change of keys takes."""

Opens = Callable[..., Store]


def key_of(number: int) -> Secret:
    """A key, another one for each number."""
    return Secret(base64.b64encode(bytes(range(number, number + 32))).decode())


class KeyPromises(StoreHooks):
    """Stored records under a key. Rows, lines and links are never under one."""

    @pytest.fixture
    def opens(self, tmp_path: Path) -> Iterator[Opens]:
        """Opens the test's ledger, one store at a time: `opens(1, 2)` with key 1, and 2 as an old one; `opens(None)` without."""
        stores: list[Store] = []

        def opens(key: int | None, *old: int, beside: bool = False, lost: bool = False) -> Store:
            while stores and not beside:
                stores.pop().close()
            keys = RecordKeys(None if key is None else key_of(key), [key_of(each) for each in old], lost)
            stores.append(open_store(self.url(tmp_path), keys=keys))
            return stores[-1]

        yield opens
        for store in stores:
            store.close()

    def _names(self, store: Store) -> set[str]:
        """What the stored records say, as far as they can be read."""
        records = store.records([row.id for row in store.rows(limit=10_000)]).values()
        return {record.fields["name"] for record, _ in records}

    def _bring_named(self, store: Store, *names: str) -> None:
        self.bring(store, *(order(name, fields={"name": name}) for name in names))

    def test_a_record_under_a_key_comes_back_whole(self, opens: Opens) -> None:
        given = {"name": "Zoë \ud83d", "total": 2**70, "text": "\0\u202e", "": [None, {"a": 1.5}]}
        record = order(fields=given, claimed_by="005A", our_key="k", own=True)
        opens(1).ingest(FLOW, page(record), NOW)
        store = opens(1)
        assert store.ingest(FLOW, page(record), NOW).repeated == 1
        (leased,) = self.take(store)
        assert leased.record == record
        ((found, _),) = store.records([leased.row]).values()
        assert found == record
        assert store.extent().encrypted

    @pytest.mark.parametrize("key", [None, 2])
    def test_without_its_key_a_ledger_is_refused_and_not_harmed(self, opens: Opens, key: int | None) -> None:
        self._bring_named(opens(1), "Ada")
        with pytest.raises(LedgerError, match=r"not configured.*keep\.encrypt\.key.*Nothing was changed"):
            opens(key)
        store = opens(1)
        assert self._names(store) == {"Ada"}
        assert books(store).balanced

    def test_an_old_key_is_read_until_all_is_under_the_new_one(self, opens: Opens) -> None:
        self._bring_named(opens(1), "Ada", "Bob")
        store = opens(2, 1)
        assert self._names(store) == {"Ada", "Bob"}
        self._bring_named(store, "Eve")
        assert store.extent().rekeying
        done = store.rekey(NOW)
        assert (done.records, done.forgotten, done.retired, done.left) == (2, 0, 1, False)
        assert not store.extent().rekeying
        assert store.rekey(NOW).records == 0
        assert self._names(opens(2)) == {"Ada", "Bob", "Eve"}

    @pytest.mark.parametrize(("before", "keys"), [(None, (1,)), (1, (None, 1)), (1, (2, 1))])
    def test_a_configured_key_that_nobody_has_begun_to_use_is_told(
        self, opens: Opens, before: int | None, keys: tuple[int | None, ...]
    ) -> None:
        self._bring_named(opens(before), "Ada")
        store = opens(*keys)
        assert store.extent().rekeying, "a command that only reads, before the daemon was started again"
        store.rekey(NOW)
        assert not store.extent().rekeying
        assert not opens(keys[0]).extent().rekeying

    def test_a_new_key_alone_does_not_do_while_something_is_under_the_old_one(self, opens: Opens) -> None:
        self._bring_named(opens(1), "Ada")
        with pytest.raises(LedgerError, match="old_keys"):
            opens(2)

    def test_encryption_turned_on_takes_in_what_is_there_and_turned_off_gives_it_back(self, opens: Opens) -> None:
        names = {f"name-{number}" for number in range(MANY)}
        self._bring_named(opens(None), *names)
        assert opens(1).rekey(NOW).records == MANY
        store = opens(1)
        assert (store.extent().encrypted, self._names(store)) == (True, names)
        done = opens(None, 1).rekey(NOW)
        assert (done.records, done.retired) == (MANY, 1)
        store = opens(None)
        assert (store.extent().encrypted, self._names(store)) == (False, names)

    def test_a_change_of_keys_that_was_cut_off_goes_on_where_it_was(self, opens: Opens) -> None:
        names = {f"name-{number}" for number in range(MANY)}
        self._bring_named(opens(1), *names)
        first = opens(2, 1).rekey(NOW, go_on=lambda: False)
        assert first.left
        assert 0 < first.records < MANY
        with pytest.raises(LedgerError, match="old_keys"):
            opens(2)
        store = opens(2, 1)
        assert self._names(store) == names
        rest = store.rekey(NOW)
        assert (first.records + rest.records, rest.retired) == (MANY, 1)
        assert self._names(opens(2)) == names

    def test_a_key_that_was_changed_back_half_way_loses_nothing(self, opens: Opens) -> None:
        names = {f"name-{number}" for number in range(MANY)}
        self._bring_named(opens(1), *names)
        opens(2, 1).rekey(NOW, go_on=lambda: False)
        assert opens(1, 2).rekey(NOW).retired == 1
        assert self._names(opens(1)) == names

    def test_whoever_was_started_with_the_key_of_before_writes_nothing_any_more(self, opens: Opens) -> None:
        before = opens(1)
        self._bring_named(before, "Ada")
        now = opens(2, 1, beside=True)
        now.rekey(NOW)
        with pytest.raises(LedgerError, match="start this one again"):
            self._bring_named(before, "Bob")
        with pytest.raises(LedgerError, match="not configured"):
            before.records([row.id for row in before.rows()])
        assert self._names(now) == {"Ada"}
        assert books(now).rows == 1

    def test_whoever_looks_with_a_new_key_changes_nothing(self, opens: Opens) -> None:
        before = opens(1)
        self._bring_named(before, "Ada")
        looking = opens(2, 1, beside=True)
        assert self._names(looking) == {"Ada"}
        self._bring_named(before, "Bob")
        assert self._names(looking) == {"Ada", "Bob"}

    def test_records_whose_key_is_lost_are_forgotten_on_request_and_their_rows_stay(self, opens: Opens) -> None:
        store = opens(1)
        token, (done, waits) = self.bring(store, order("done"), order("waits"))
        store.settle(FLOW, token, [outcome(done), outcome(waits, "pending", due=NOW)], NOW, mapping=MAPPING)
        found = opens(2, lost=True).rekey(NOW)
        assert (found.records, found.forgotten, found.retired) == (0, 2, 1)
        store = opens(2)
        assert {row.key: (row.state, row.stored) for row in store.rows()} == {
            "done": ("done", False),
            "waits": ("pending", False),
        }
        (leased,) = self.take(store, later(minutes=1))
        assert (leased.key, leased.record) == ("waits", None)
