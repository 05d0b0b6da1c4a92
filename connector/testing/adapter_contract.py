"""What every adapter promises, as suites for pytest. Take those that your streams can do:

    class TestShop(AdapterContract):
        stream, page, names = "orders", 3, ("customer_name", "status")

        def make(self, folder, clock): ...
        def save(self, adapter, key, at, fields): ...

`AdapterContract` is for a stream that is read; `CreateContract` and `AppendContract` (connector.testing.adapter_writing)
for streams that are written.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta

import orjson
import pytest

from connector.adapter import Adapter
from connector.model import Select, StreamUse
from connector.stamps import normal, stamp
from connector.testing.adapter_hooks import AdapterHooks, keys, last_cursor, records


class AdapterContract(AdapterHooks):
    """Check, read, fetch, and the numbers that the engine relies on."""

    # -- facts ---------------------------------------------------------------------------------------------------------

    def test_it_is_an_adapter_and_knows_its_stream(self, adapter: Adapter) -> None:
        assert isinstance(adapter, Adapter)
        stream = adapter.streams[self.stream]
        assert stream.name == self.stream
        assert stream.key
        assert min(stream.batch, stream.fetch_batch) >= 1
        assert stream.settle_after >= 0
        assert stream.key_length > 34, "a field that is shorter cannot carry our key"

    def test_a_name_that_cannot_be_a_stream_is_a_key_error(self, adapter: Adapter) -> None:
        with pytest.raises(KeyError):
            adapter.streams["no such stream!"]

    def test_a_lease_can_be_held_against_its_longest_call(self, adapter: Adapter) -> None:
        assert 0 < adapter.longest_call() < 300

    def test_check_is_well_when_the_system_is(self, adapter: Adapter) -> None:
        report = adapter.check([StreamUse(self.stream)])
        assert report.well, report.problems

    def test_every_call_is_counted(self, adapter: Adapter) -> None:
        adapter.check()
        for pages in (1, 2):
            self.saved(adapter, self.page * (pages - 1) + 1)
            before = adapter.calls()
            assert len(self.read(adapter)) == pages
            assert adapter.calls() - before == pages, "one page is one call"
        before = adapter.calls()
        adapter.fetch(self.stream, ["R00000"], select=Select())
        assert adapter.calls() > before

    # -- read ----------------------------------------------------------------------------------------------------------

    def test_an_empty_stream_is_one_empty_page(self, adapter: Adapter) -> None:
        (page,) = self.read(adapter)
        assert list(page.records) == []

    def test_all_records_come_once_and_oldest_first(self, adapter: Adapter) -> None:
        saved = self.saved(adapter, self.page * 2 + 1)
        pages = self.read(adapter)
        assert keys(pages) == saved
        assert max(len(page.records) for page in pages) <= self.page

    def test_records_are_plain(self, adapter: Adapter) -> None:
        """What the ledger stores and the mapping reads: JSON values, stamps of one form, aware times."""
        saved = self.saved(adapter, 2)
        (page,) = self.read(adapter)
        assert page.read_at.utcoffset() == timedelta(0)
        for number, record in enumerate(page.records):
            assert record.key == saved[number]
            assert record.fields[self.names[0]] == f"text {number}"
            assert orjson.loads(orjson.dumps(record.fields)) == record.fields
            assert record.stamp == normal(record.stamp)
            if adapter.streams[self.stream].order == "stamp":
                assert record.stamp == stamp(self.at(number * 10))
            assert not record.own
            assert not record.deleted
            assert record.claimed_by is None

    @pytest.mark.parametrize("apart", [10.0, 0.0], ids=["one after the other", "all at one moment"])
    def test_nothing_is_lost_when_a_read_begins_again_at_any_cursor(self, adapter: Adapter, apart: float) -> None:
        """A pass may end after any page: what it had not seen yet is behind the cursor that it saved."""
        saved = set(self.saved(adapter, self.page * 3 + 1, apart=apart))
        pages = self.read(adapter)
        assert set(keys(pages)) == saved
        for end in range(1, len(pages) + 1):
            seen, cursor = set(keys(pages[:end])), last_cursor(pages[:end])
            for overlap in (60.0, 0.0):
                again = self.read(adapter, cursor, overlap=overlap)
                assert seen | set(keys(again)) == saved

    def test_a_cursor_moves_on(self, adapter: Adapter) -> None:
        """Else every pass reads everything again."""
        saved = self.saved(adapter, self.page * 2 + 1, apart=3600.0 / (self.page * 2))
        cursor = last_cursor(self.read(adapter))
        assert cursor is not None
        assert set(keys(self.read(adapter, cursor))) <= set(saved[self.page :])

    def test_what_is_saved_after_a_read_comes_with_the_next(self, adapter: Adapter) -> None:
        saved = self.saved(adapter, self.page + 1)
        cursor = last_cursor(self.read(adapter))
        self.save(adapter, saved[0], self.at(1000), {self.names[0]: "changed"})
        self.save(adapter, "R-new", self.at(1000), {self.names[0]: "new"})
        found = {record.key: record.fields[self.names[0]] for record in records(self.read(adapter, cursor))}
        assert found["R-new"] == "new"
        assert found[saved[0]] == "changed"

    def test_what_surfaces_late_comes_within_the_overlap(self, adapter: Adapter) -> None:
        self.saved(adapter, self.page + 1)
        cursor = last_cursor(self.read(adapter))
        self.save(adapter, "R-late", self.at(self.page * 10 - 30), {self.names[0]: "late"})
        assert "R-late" in keys(self.read(adapter, cursor, overlap=60.0))

    def test_what_surfaces_behind_a_read_that_stands_still_comes_with_the_next(self, adapter: Adapter) -> None:
        """Its later pages are asked for late, and do not look again where the earlier ones did."""
        now = self.clock.now()
        for number in range(self.page * 2 + 1):
            self.save(adapter, f"R{number:05}", now + timedelta(seconds=number - 20), {self.names[0]: "early"})
        reading = adapter.read(self.stream, None, select=Select(), overlap=60.0)
        pages = [next(reading)]
        self.clock.forward(seconds=170)
        self.save(adapter, "R-late", now - timedelta(seconds=21), {self.names[0]: "late"})
        self.save(adapter, "R-new", now + timedelta(seconds=160), {self.names[0]: "new"})
        pages.extend(reading)
        pages.extend(self.read(adapter, last_cursor(pages), overlap=60.0))
        assert {"R-late", "R-new"} <= set(keys(pages))

    def test_a_record_that_changes_during_a_read_pushes_none_out(self, adapter: Adapter) -> None:
        """It moves from the first page to the end, and all others move up by one."""
        saved = self.saved(adapter, self.page * 2 + 1)
        reading = adapter.read(self.stream, None, select=Select())
        pages = [next(reading)]
        self.save(adapter, saved[0], self.at(1000), {self.names[0]: "changed"})
        pages.extend(reading)
        assert set(keys(pages)) == set(saved)
        again = [*pages, *self.read(adapter, last_cursor(pages))]
        assert any(record.fields[self.names[0]] == "changed" for record in records(again) if record.key == saved[0])

    def test_a_read_from_an_instant_begins_there_less_the_overlap(self, adapter: Adapter) -> None:
        saved = self.saved(adapter, 4, apart=3600.0)
        since = self.at(2 * 3600.0)
        assert keys(self.read(adapter, since, overlap=0.0)) == saved[2:]
        assert keys(self.read(adapter, since, overlap=3600.0)) == saved[1:]
        assert keys(self.read(adapter, since.astimezone(UTC) + timedelta(days=2))) == []

    def test_a_read_brings_what_was_selected(self, adapter: Adapter) -> None:
        self.saved(adapter, 1)
        needs = adapter.streams[self.stream].needs
        (record,) = records(self.read(adapter, fields=(*needs, self.names[1])))
        assert record.fields[self.names[1]] == "same"
        assert self.names[0] not in record.fields

    def test_a_sweep_brings_keys_and_stamps(self, adapter: Adapter) -> None:
        self.saved(adapter, self.page + 1)
        needs = adapter.streams[self.stream].needs
        seen = [(record.key, record.stamp) for record in records(self.read(adapter, fields=needs, keys_only=True))]
        assert seen == [(record.key, record.stamp) for record in records(self.read(adapter))]

    # -- fetch ---------------------------------------------------------------------------------------------------------

    def test_fetch_brings_what_is_there_and_leaves_out_the_rest(self, adapter: Adapter) -> None:
        saved = self.saved(adapter, 3)
        found = adapter.fetch(self.stream, [saved[2], "R-none", saved[0]], select=Select())
        assert set(found) == {saved[0], saved[2]}
        read = {record.key: record for record in records(self.read(adapter))}
        for key, record in found.items():
            assert (record.key, record.site, record.stamp) == (key, read[key].site, read[key].stamp)
            assert record.fields[self.names[0]] == read[key].fields[self.names[0]]

    def test_fetch_of_nothing_or_only_of_what_is_missing_is_empty(self, adapter: Adapter) -> None:
        assert dict(adapter.fetch(self.stream, [], select=Select())) == {}
        assert dict(adapter.fetch(self.stream, ["R-none"], select=Select())) == {}
        assert dict(adapter.fetch(self.stream, ["f:s:none"], by="our_key", select=Select())) == {}

    def test_fetch_takes_as_many_keys_as_it_says(self, adapter: Adapter) -> None:
        saved = self.saved(adapter, 2)
        many = [*(f"R-none-{number}" for number in range(adapter.streams[self.stream].fetch_batch - 2)), *saved]
        assert set(adapter.fetch(self.stream, many, select=Select())) == set(saved)

    def test_several_threads_may_call_at_once(self, adapter: Adapter) -> None:
        saved = self.saved(adapter, self.page + 1)

        def look(number: int) -> bool:
            key = saved[number % len(saved)]
            return key in adapter.fetch(self.stream, [key], select=Select()) and keys(self.read(adapter)) == saved

        with ThreadPoolExecutor(max_workers=8) as pool:
            assert all(pool.map(look, range(16)))
