"""What every adapter promises about its writes: creates under our key, updates by id, appends that are never doubled."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.adapter import Adapter
from connector.errors import Changed, Gone, Unavailable
from connector.model import Record, Result, Select, Write
from connector.testing.adapter_hooks import AdapterHooks, keys


def our_key(number: int, flow: str = "orders-to-cases") -> str:
    return f"{flow}:_ref_arch:{number:08}"


class CreateContract(AdapterHooks):
    """For `stream` when it takes creates and updates. `names` are two fields that we may write."""

    def create(self, adapter: Adapter, *numbers: int, text: str = "first") -> Sequence[Result]:
        return adapter.write(
            self.stream, [Write("create", our_key(number), self.fields(f"{text} {number}")) for number in numbers]
        )

    def fields(self, text: str) -> Mapping[str, Any]:
        """A whole payload of a create; override it where the system requires more fields."""
        return {self.names[0]: text, self.names[1]: "kept"}

    def live(self, adapter: Adapter, target: str | None) -> Record:
        assert target is not None
        return adapter.fetch(self.stream, [target], select=Select())[target]

    def test_every_create_has_its_result_in_order(self, adapter: Adapter) -> None:
        numbers = range(min(3, adapter.streams[self.stream].batch))
        results = self.create(adapter, *numbers)
        assert len(results) == len(numbers)
        for number, result in zip(numbers, results, strict=True):
            assert (result.error, result.existed) == (None, False)
            live = self.live(adapter, result.target)
            assert live.fields[self.names[0]] == f"first {number}"
            assert live.our_key == our_key(number)

    def test_what_we_made_is_found_by_our_key(self, adapter: Adapter) -> None:
        (result,) = self.create(adapter, 1)
        found = adapter.fetch(self.stream, [our_key(1), our_key(2)], by="our_key", select=Select())
        assert {key: record.key for key, record in found.items()} == {our_key(1): result.target}

    def test_a_second_create_of_a_key_makes_nothing_and_changes_nothing(self, adapter: Adapter) -> None:
        """Never an upsert: it would put our first values over what a person has decided since."""
        if adapter.streams[self.stream].create != "exclusive":
            pytest.fail("the suite is for streams whose create is exclusive; for `plain` ones override this test")
        (first,) = self.create(adapter, 1)
        results = self.create(adapter, 1, 2, text="again")[:2]
        assert [result.error for result in results] == [None, None]
        assert [result.existed for result in results] == [True, False], "its neighbour passes"
        again = adapter.fetch(self.stream, [our_key(1)], by="our_key", select=Select())[our_key(1)]
        assert results[0].target == first.target, "the engine goes on with the object that stands"
        assert again.key == first.target
        assert again.fields[self.names[0]] == "first 1"

    def test_nothing_is_sent_once_its_time_is_over(self, adapter: Adapter) -> None:
        """Its row may be somebody else's by then: whoever was stopped on the way must not go on as if nothing had been."""
        late = Write("create", our_key(1), self.fields("late"), until=datetime(2000, 1, 1, tzinfo=UTC))
        with pytest.raises(Unavailable) as raised:
            adapter.write(self.stream, [late])
        assert not raised.value.uncertain
        assert adapter.fetch(self.stream, [our_key(1)], by="our_key", select=Select()) == {}

    def test_an_update_changes_what_it_sends_and_nothing_else(self, adapter: Adapter) -> None:
        (made,) = self.create(adapter, 1)
        (result,) = adapter.write(
            self.stream, [Write("update", our_key(1), {self.names[0]: "second"}, target=made.target)]
        )
        assert (result.error, result.target) == (None, made.target)
        live = self.live(adapter, made.target)
        assert (live.fields[self.names[0]], live.fields[self.names[1]]) == ("second", "kept")
        assert live.our_key == our_key(1)

    def test_null_clears_a_field(self, adapter: Adapter) -> None:
        (made,) = self.create(adapter, 1)
        adapter.write(self.stream, [Write("update", our_key(1), {self.names[1]: None}, target=made.target)])
        assert self.live(adapter, made.target).fields.get(self.names[1]) is None

    def test_an_update_of_what_is_gone_says_so_and_its_neighbours_pass(self, adapter: Adapter, tmp_path: Path) -> None:
        made = self.create(adapter, 1, 2)
        targets = [made[0].target, self.missing(), made[1].target]
        results = adapter.write(
            self.stream, [Write("update", our_key(1), {self.names[0]: "second"}, target=target) for target in targets]
        )
        assert [type(result.error) for result in results] == [type(None), Gone, type(None)]
        assert self.live(adapter, made[1].target).fields[self.names[0]] == "second"

    def missing(self) -> str:
        """An id that is well-formed and that nothing has."""
        return "R-none"

    def test_a_read_for_answers_brings_only_what_bears_our_key(self, adapter: Adapter) -> None:
        self.save(adapter, "R-theirs", self.at(0), {self.names[0]: "theirs"})
        made = self.create(adapter, 1, 2)
        other = adapter.write(
            self.stream, [Write("create", our_key(1, "returns-to-cases"), self.fields("another flow's"))]
        )
        assert other[0].error is None
        self.clock.forward(minutes=10)  # out of any margin that an adapter keeps before now
        found = keys(self.read(adapter, key_prefix="orders-to-cases:"))
        assert sorted(found) == sorted(str(result.target) for result in made)


class AppendContract(AdapterHooks):
    """For an append stream. `appends` is its name."""

    appends: str

    @abstractmethod
    def target(self, adapter: Adapter) -> str:
        """The object that is appended to."""

    @abstractmethod
    def texts(self, adapter: Adapter, target: str) -> list[str]:
        """What stands at that object now, in order."""

    def fields(self, text: str) -> Mapping[str, Any]:
        """A whole payload."""
        return {"subject": "Decided", "text": text}

    def append(self, adapter: Adapter, number: int, text: str, *, uncertain: bool = False) -> Result:
        write = Write(
            "append", f"{our_key(number)}:note", self.fields(text), target=self.target(adapter), uncertain=uncertain
        )
        (result,) = adapter.write(self.appends, [write])
        return result

    def test_the_stream_says_that_it_appends_and_to_what(self, adapter: Adapter) -> None:
        stream = adapter.streams[self.appends]
        assert stream.writes == {"append"} or "append" in stream.writes
        assert stream.object == self.stream

    def test_what_is_appended_stands_there(self, adapter: Adapter) -> None:
        for number, text in enumerate(["one", "two"]):
            result = self.append(adapter, number, text)
            assert (result.error, result.existed) == (None, False)
        assert self.texts(adapter, self.target(adapter)) == ["one", "two"]

    def test_a_doubtful_append_that_had_arrived_is_not_sent_again(self, adapter: Adapter) -> None:
        self.append(adapter, 1, "one")
        result = self.append(adapter, 1, "one", uncertain=True)
        assert (result.error, result.existed) == (None, True)
        assert self.texts(adapter, self.target(adapter)) == ["one"]

    def test_a_doubtful_append_that_never_arrived_is_sent(self, adapter: Adapter) -> None:
        self.append(adapter, 1, "one")
        result = self.append(adapter, 2, "two", uncertain=True)
        assert (result.error, result.existed) == (None, False)
        assert self.texts(adapter, self.target(adapter)) == ["one", "two"]


class ConditionContract(AdapterHooks):
    """For `stream` when its updates can be made to depend on the object being unchanged. `names` are fields that we may write."""

    @abstractmethod
    def change(self, adapter: Adapter, target: str, fields: Mapping[str, str]) -> None:
        """A person saves this object now."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Time passes at the remote system."""

    def missing(self) -> str:
        """An id that is well-formed and that nothing has."""
        return "R-none"

    def made(self, adapter: Adapter, count: int) -> list[str]:
        """Ids of so many objects of ours, at rest."""
        writes = [
            Write("create", our_key(number), {self.names[0]: f"first {number}", self.names[1]: "kept"})
            for number in range(count)
        ]
        targets = [str(result.target) for result in adapter.write(self.stream, writes)]
        self.wait(3)
        return targets

    def looked(self, adapter: Adapter, targets: Sequence[str]) -> Mapping[str, Record]:
        return adapter.fetch(self.stream, targets, select=Select())

    def update(self, adapter: Adapter, seen: Mapping[str, Record], *, text: str = "second") -> Sequence[Result]:
        """One conditional write of all that was seen."""
        return adapter.write(
            self.stream,
            [
                Write("update", f"k{target}", {self.names[0]: text}, target=target, unless_changed=record.guard)
                for target, record in seen.items()
            ],
        )

    def texts(self, adapter: Adapter, targets: Sequence[str]) -> list[Any]:
        live = self.looked(adapter, targets)
        return [live[target].fields[self.names[0]] for target in targets]

    def test_the_stream_says_so_and_an_object_at_rest_has_a_guard(self, adapter: Adapter) -> None:
        assert adapter.streams[self.stream].conditional != "none"
        targets = self.made(adapter, 2)
        assert all(record.guard for record in self.looked(adapter, targets).values())

    def test_what_is_unchanged_is_written_and_nothing_else_of_it(self, adapter: Adapter) -> None:
        targets = self.made(adapter, 2)
        results = self.update(adapter, self.looked(adapter, targets))
        assert [(result.error, result.target) for result in results] == [(None, target) for target in targets]
        live = self.looked(adapter, targets)
        assert {(one.fields[self.names[0]], one.fields[self.names[1]]) for one in live.values()} == {("second", "kept")}

    def test_what_a_person_saved_since_the_look_is_not_written_and_its_neighbours_are(self, adapter: Adapter) -> None:
        targets = self.made(adapter, 3)
        seen = self.looked(adapter, targets)
        self.change(adapter, targets[1], {self.names[0]: "a person's"})
        results = self.update(adapter, seen)
        assert [type(result.error) for result in results] == [type(None), Changed, type(None)]
        assert self.texts(adapter, targets) == ["second", "a person's", "second"]

    def test_another_look_is_another_condition(self, adapter: Adapter) -> None:
        (target,) = self.made(adapter, 1)
        seen = self.looked(adapter, [target])
        self.change(adapter, target, {self.names[0]: "a person's"})
        assert isinstance(self.update(adapter, seen)[0].error, Changed)
        self.wait(3)
        assert self.update(adapter, self.looked(adapter, [target]))[0].error is None
        assert self.texts(adapter, [target]) == ["second"]

    def test_what_is_gone_is_gone(self, adapter: Adapter) -> None:
        (target,) = self.made(adapter, 1)
        (record,) = self.looked(adapter, [target]).values()
        writes = [
            Write("update", "k", {self.names[0]: "x"}, target=each, unless_changed=record.guard)
            for each in (self.missing(), target)
        ]
        assert [type(result.error) for result in adapter.write(self.stream, writes)] == [Gone, type(None)]

    def test_a_whole_batch_may_be_with_and_without_conditions(self, adapter: Adapter) -> None:
        targets = self.made(adapter, min(60, adapter.streams[self.stream].batch))
        seen = self.looked(adapter, targets)
        for target in targets[:4]:
            self.change(adapter, target, {self.names[0]: "a person's"})
        writes = [
            Write(
                "update", f"k{at}", {self.names[0]: str(at)}, target=target,
                unless_changed=seen[target].guard if at % 2 else None,
            )
            for at, target in enumerate(targets)
        ]  # fmt: skip
        results = adapter.write(self.stream, writes)
        assert [at for at, result in enumerate(results) if isinstance(result.error, Changed)] == [1, 3]
        assert [result.error for at, result in enumerate(results) if at not in (1, 3)] == [None] * (len(targets) - 2)
        expected = ["a person's" if at in (1, 3) else str(at) for at in range(len(targets))]
        assert self.texts(adapter, targets) == expected
