"""The adapter to copy: files in, files out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.adapters.jsonl import Jsonl, JsonlSettings
from connector.errors import Gone, Misconfigured
from connector.model import Page, Record, Ref, Select, StreamUse, Write

NOW = datetime(2026, 11, 20, 10, 2, tzinfo=UTC)
ALL = Select()


class Noon:
    def now(self) -> datetime:
        return NOW


@pytest.fixture
def files(tmp_path: Path) -> Jsonl:
    return Jsonl("files", JsonlSettings(folder=tmp_path, page=2), clock=Noon())


def put(folder: Path, stream: str, *lines: Mapping[str, Any]) -> None:
    with (folder / f"{stream}.jsonl").open("a") as out:
        out.writelines(json.dumps(line) + "\n" for line in lines)


def read(files: Jsonl, since: str | datetime | None = None, select: Select = ALL) -> tuple[list[Record], str | None]:
    pages: list[Page] = list(files.read("orders", since, select=select))
    return [record for page in pages for record in page.records], pages[-1].cursor


def test_records_come_in_pages_and_the_cursor_goes_on_behind_them(files: Jsonl, tmp_path: Path) -> None:
    put(tmp_path, "orders", *[{"key": str(number), "total": number} for number in range(5)])
    assert [len(page.records) for page in files.read("orders", None, select=ALL)] == [2, 2, 1]
    records, cursor = read(files)
    assert [record.key for record in records] == ["0", "1", "2", "3", "4"]
    assert records[3].fields == {"total": 3}
    put(tmp_path, "orders", {"key": "5"})
    again, _ = read(files, cursor)
    assert [record.key for record in again] == ["5"]


def test_an_idle_read_is_one_empty_page(files: Jsonl) -> None:
    records, cursor = read(files)
    assert records == []
    pages = list(files.read("orders", cursor, select=ALL))
    assert [list(page.records) for page in pages] == [[]]


def test_a_line_that_is_still_being_written_waits_for_its_end(files: Jsonl, tmp_path: Path) -> None:
    put(tmp_path, "orders", {"key": "1"})
    with (tmp_path / "orders.jsonl").open("a") as out:
        out.write('{"key": "2", "to')
    records, cursor = read(files)
    assert [record.key for record in records] == ["1"]
    with (tmp_path / "orders.jsonl").open("a") as out:
        out.write('tal": 7}\n')
    records, _ = read(files, cursor)
    assert [record.fields for record in records] == [{"total": 7}]


def test_a_replaced_file_is_read_from_its_beginning(files: Jsonl, tmp_path: Path) -> None:
    put(tmp_path, "orders", {"key": "1"}, {"key": "2"}, {"key": "3"})
    _, cursor = read(files)
    (tmp_path / "orders.jsonl").unlink()
    put(tmp_path, "orders", {"key": "9"})
    records, _ = read(files, cursor)
    assert [record.key for record in records] == ["9"]


def test_an_instant_leaves_out_what_is_older_less_the_overlap(files: Jsonl, tmp_path: Path) -> None:
    put(
        tmp_path,
        "orders",
        {"key": "old", "stamp": "2026-11-20T09:00:00Z"},
        {"key": "overlap", "stamp": "2026-11-20T10:01:30Z"},
        {"key": "new", "stamp": "2026-11-20T10:03:00.000Z"},
    )
    records, _ = read(files, NOW)
    assert [record.key for record in records] == ["overlap", "new"]


def test_a_broken_line_names_its_place_and_the_remedy(files: Jsonl, tmp_path: Path) -> None:
    (tmp_path / "orders.jsonl").write_text('{"key": "1"}\n{oops\n')
    with pytest.raises(Misconfigured, match=r"orders.jsonl, byte 13: not JSON") as raised:
        read(files)
    assert raised.value.remedy == "correct or remove that line"


@pytest.mark.parametrize("line", [{"no": "key"}, {"key": 7}, {"key": ""}, {"key": "1", "stamp": "yesterday"}])
def test_a_line_without_a_proper_key_or_stamp_is_refused(files: Jsonl, tmp_path: Path, line: dict[str, Any]) -> None:
    put(tmp_path, "orders", line)
    with pytest.raises(Misconfigured):
        read(files)


def test_a_create_carries_our_key_and_a_second_one_writes_nothing(files: Jsonl, tmp_path: Path) -> None:
    write = Write("create", "o:s:1", {"total": Decimal("59.90"), "owner": Ref("queue", "Orders")})
    (first,) = files.write("orders", [write])
    (second,) = files.write("orders", [write])
    assert (first.target, first.existed) == ("o:s:1", False)
    assert (second.target, second.existed) == ("o:s:1", True)
    assert len((tmp_path / "orders.jsonl").read_text().splitlines()) == 1
    (record,) = files.fetch("orders", ["o:s:1"], by="our_key", select=ALL).values()
    assert record.fields == {"total": 59.9, "owner": "Orders"}
    assert record.our_key == "o:s:1"


def test_another_process_that_created_first_is_noticed(files: Jsonl, tmp_path: Path) -> None:
    other = Jsonl("other", files.settings, clock=Noon())
    other.write("orders", [Write("create", "k", {"n": 1})])
    (result,) = files.write("orders", [Write("create", "k", {"n": 2})])
    assert result.existed


def test_the_same_key_twice_in_one_batch_is_created_once(files: Jsonl) -> None:
    first, second = files.write("orders", [Write("create", "k", {}), Write("create", "k", {})])
    assert (first.existed, second.existed) == (False, True)


def test_an_update_keeps_the_other_fields_and_null_clears(files: Jsonl) -> None:
    files.write("orders", [Write("create", "k", {"a": 1, "b": 2})])
    (result,) = files.write("orders", [Write("update", "k", {"b": None, "c": 3}, target="k")])
    assert result.error is None
    assert files.fetch("orders", ["k"], select=ALL)["k"].fields == {"a": 1, "c": 3}


def test_an_update_of_what_a_person_deleted_says_so(files: Jsonl, tmp_path: Path) -> None:
    put(tmp_path, "orders", {"key": "1"}, {"key": "1", "deleted": True})
    missing, deleted = files.write("orders", [Write("update", "", {}, target=key) for key in ("0", "1")])
    assert isinstance(missing.error, Gone)
    assert isinstance(deleted.error, Gone)
    assert files.fetch("orders", ["1"], select=ALL) == {}


def test_an_append_is_written_once_and_comes_back_as_our_own(files: Jsonl) -> None:
    note = Write("append", "n1", {"text": "hello"}, target="00001301", uncertain=True)
    files.write("orders.notes", [note])
    files.write("orders.notes", [note])
    records = [record for page in files.read("orders.notes", None, select=ALL) for record in page.records]
    assert [(record.own, record.fields) for record in records] == [(True, {"text": "hello"})]


def test_a_selection_narrows_fields_and_keys(files: Jsonl, tmp_path: Path) -> None:
    put(tmp_path, "orders", {"key": "1", "our_key": "a:s:1", "x": 1, "y": 2}, {"key": "2", "our_key": "b:s:2", "x": 3})
    records, _ = read(files, select=Select(fields=("x",), key_prefix="a:"))
    assert [(record.key, record.fields) for record in records] == [("1", {"x": 1})]
    records, _ = read(files, select=Select(keys_only=True))
    assert [record.fields for record in records] == [{}, {}]


def test_check_wants_the_folder(files: Jsonl, tmp_path: Path) -> None:
    assert files.check([StreamUse("orders")]).well
    gone = Jsonl("gone", JsonlSettings(folder=tmp_path / "nowhere"), clock=Noon())
    (problem,) = gone.check().problems
    assert "nowhere" in problem.message


def test_check_names_the_stream_whose_file_is_broken(files: Jsonl, tmp_path: Path) -> None:
    (tmp_path / "orders.jsonl").write_text("nonsense\n")
    (problem,) = files.check([StreamUse("orders"), StreamUse("returns")]).problems
    assert problem.stream == "orders"


@pytest.mark.parametrize("name", ["../passwd", "/etc/passwd", "a//b", "a b", "", ".hidden"])
def test_a_stream_cannot_leave_the_folder(files: Jsonl, name: str) -> None:
    with pytest.raises(KeyError):
        files.streams[name]
    with pytest.raises(KeyError):
        files.write(name, [Write("create", "k", {})])


def test_a_notes_stream_belongs_to_its_object(files: Jsonl) -> None:
    assert files.streams["orders.notes"].object == "orders"
    assert files.streams["orders"].object is None


def test_a_cursor_in_the_future_of_a_shorter_file_begins_again(files: Jsonl, tmp_path: Path) -> None:
    put(tmp_path, "orders", {"key": "1"})
    _, cursor = read(files)
    identity = str(cursor).partition(":")[0]
    records, _ = read(files, f"{identity}:99999")
    assert [record.key for record in records] == ["1"]


def test_it_counts_its_calls(files: Jsonl) -> None:
    before = files.calls()
    read(files, NOW - timedelta(days=1))
    assert files.calls() == before + 1
