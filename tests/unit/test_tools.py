"""What the tools of operators decide, without a process: what belongs to a record, what status says, which window is meant."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from connector.cli.backfill import window
from connector.cli.forget import belonging, unknown
from connector.cli.status import SECTIONS, Told
from connector.cli.story import story
from connector.config import Config, load_config
from connector.model import Record
from connector.runner.assembly import Assembly
from connector.store import LineSettle, Settle, Store
from connector.testing.store_hooks import NOW, later, order, page
from tests.acceptance import files
from tests.unit.engine.world import World

FLOW, BACK, COMMENTS = "orders-to-cases", "cases-to-orders", "comments-to-orders"
OURS = "orders-to-cases:_ref_arch:1"


# -- what belongs to a record ------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.flow(COMMENTS, "desk.Comment", "shop.orders", "summary: s\nfields: {a: b}", answers=FLOW)
    for key in "12":
        world.order(key)
    world.tick()
    return world


@pytest.fixture
def assembly(world: World, tmp_path: Path) -> Assembly:
    config = load_config(str(files.lay_out(tmp_path / "connector") / "config.yaml"))
    connections = {"shop": world.shop, "desk": world.desk}
    ours = replace(config, flows=world.flows)
    return Assembly(ours, world.store, connections, world.engine, world.clock, threading.Event(), lambda *_, **__: None)


def read_back(world: World, flow: str, key: str, our_key: str) -> None:
    world.store.ingest(flow, page(Record(key, {"text": "hello"}, None, "", our_key)), world.clock.now())


@pytest.mark.parametrize("asked", ["1", "case", "comment", OURS])
def test_a_record_its_case_and_what_was_said_there_are_found_from_either_end(
    world: World, assembly: Assembly, asked: str
) -> None:
    case = world.case_id("1")
    read_back(world, BACK, case, OURS)
    read_back(world, BACK, world.case_id("2"), OURS[:-1] + "2")
    read_back(world, COMMENTS, "comment", OURS)
    found = belonging(assembly, [case if asked == "case" else asked])
    assert {(row.flow, row.key) for row in found.rows.values()} == {(FLOW, "1"), (BACK, case), (COMMENTS, "comment")}
    assert found.names >= {"1", case, "comment", OURS}


def test_another_records_answer_that_wrote_to_the_order_is_named_and_not_taken_along(
    world: World, assembly: Assembly
) -> None:
    """A note of a return on its order: the return may still be under way."""
    done = world.store.ingest(COMMENTS, page(Record("a return's", {}, None, "")), world.clock.now(), lease=60)
    line = LineSettle("note", "", "shop.orders.notes", "sent", target="1")
    assert done.token is not None
    settle = Settle(done.leased[0].row, 1, "done", lines=[line])
    world.store.settle(COMMENTS, done.token, [settle], world.clock.now(), mapping="v1")
    found = belonging(assembly, ["1"])
    assert {row.key for row in found.rows.values()} == {"1"}
    assert {row.key for row in world.store.naming(found.names)} >= {"a return's"}


def test_a_case_that_others_share_is_not_forgotten_with_one_of_them(world: World, assembly: Assembly) -> None:
    mapping = 'summary: s\nkey: "{{ order_no }}"\nfields: {Subject: {from: x, write: on-create}}'
    world.flow("returns", "shop.returns", "desk.Case", mapping)
    world.flow("decisions", "desk.Case", "shop.returns", "summary: s\nfields: {a: b}", answers="returns")
    world.restart()
    for key in ("a1", "a2"):
        world.shop.put("returns", key, order_no="77")
    world.tick("returns")
    (case,) = (key for key, one in world.desk.objects["Case"].items() if (one.our_key or "").endswith(":77"))
    read_back(world, "decisions", case, "returns:_ref_arch:77")
    known = replace(
        assembly, store=world.store, engine=world.engine, config=replace(assembly.config, flows=world.flows)
    )

    found = belonging(known, ["a1"])
    assert {(row.flow, row.key) for row in found.rows.values()} == {("returns", "a1")}
    assert not found.names & {case, "returns:_ref_arch:77"}
    assert {(row.flow, row.key) for row in story(world.store, known.config, case)} == {
        ("returns", "a1"), ("returns", "a2"), ("decisions", case)
    }  # fmt: skip
    both = belonging(known, ["a1", "a2"])
    assert {row.flow for row in both.rows.values()} == {"returns", "decisions"}
    assert both.names >= {case, "returns:_ref_arch:77"}


def test_a_stored_record_that_names_it_is_found(world: World, assembly: Assembly) -> None:
    world.order("00001301")
    world.shop.put("orders", "other", needs_care=True, total=1, status="replaces 00001301")
    world.tick()
    found = belonging(assembly, ["00001301"])
    assert [row.key for row in world.store.naming(found.names) if row.id not in found.rows] == ["other"]


def test_one_mistyped_key_among_others_is_told_and_a_forgotten_one_is_not(world: World, assembly: Assembly) -> None:
    """It would be kept as forgotten, and a record of that name be passed over for ever."""
    row = belonging(assembly, ["2"])
    world.store.forget(list(row.rows), row.names, world.clock.now(), by="test")
    assert unknown(assembly, ["1", "mistyped", "2"]) == ["mistyped"]


# -- status ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(str(files.lay_out(tmp_path / "connector") / "config.yaml"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    from connector.store import open_store

    store = open_store("sqlite:///ledger.db", base=tmp_path)
    yield store
    store.close()


def told(config: Config, store: Store, now: datetime) -> dict[str, Told]:
    return {each.name: each for each in (section(config, store, now) for section in SECTIONS)}


def settle(store: Store, *records: Record, state: str = "done", **given: object) -> None:
    done = store.ingest(FLOW, page(*records, cursor="c"), NOW, lease=60)
    assert done.token is not None
    settles = [Settle(one.row, one.rev, state, **given) for one in done.leased]  # type: ignore[arg-type]
    store.settle(FLOW, done.token, settles, NOW, mapping="v1")


def test_all_is_well_with_a_pace_a_brake_and_a_total(config: Config, store: Store) -> None:
    settle(store, order("1"), order("2"), created=1)
    store.ingest(BACK, page(order("3")), NOW)
    said = told(config, store, later(minutes=10))
    assert max(each.code for each in said.values()) == 0
    one = said["flows"].data[FLOW]
    assert (one["done"], one["balanced"], one["cursor_moved"]) == (2, True, NOW)
    assert one["brake"] == {"limit": 1000, "last_hour": 2}
    assert said["flows"].data[BACK]["next_due"] == NOW
    assert said["total"].data["rows"] == 3
    lines = "\n".join(line for each in said.values() for line in each.lines)
    assert "  cursor moved 10 m ago" in lines
    assert "  due since 10 m" in lines
    assert "  brake: 2 of 1,000 new objects in the last hour" in lines
    assert "all flows\n  3 rows = 2 done" in lines


def test_a_flow_that_nobody_reads_any_more_is_said_to_be_silent_unless_its_system_is_down(
    config: Config, store: Store
) -> None:
    """Whatever ends the passes, a key that was changed or no daemon at all: the ledger alone cannot say that all is well."""
    settle(store, order("1"))

    def silent(minutes: float) -> tuple[bool, bool]:
        said = told(config, store, later(minutes=minutes))["flows"]
        return said.data[FLOW]["silent"], any("not read since, though due every" in line for line in said.lines)

    assert silent(4) == (False, False)
    assert silent(6) == (True, True)
    store.health("connection:shop", "down", NOW, "refused")
    assert silent(6) == (False, False)


def test_what_is_parked_or_paused_wants_a_look_and_a_system_that_is_down_counts_most(
    config: Config, store: Store
) -> None:
    settle(store, order("1"), state="parked", reason="no queue", field="Queue", remedy="make it")
    said = told(config, store, NOW)
    assert (said["flows"].code, said["health"].code) == (1, 0)
    assert said["flows"].data[FLOW]["causes_parked"][0]["keys"] == ["1"]
    assert any("1 record parked, as 1: no queue (field Queue)" in line for line in said["flows"].lines)
    store.health(f"flow:{BACK}", "paused", NOW, "no permission", "grant it")
    assert told(config, store, NOW)["health"].code == 1
    store.health("connection:desk", "down", NOW, "refused")
    said = told(config, store, NOW)
    assert (said["health"].code, said["health"].data["connections"]["desk"]["state"]) == (3, "down")
    store.health("connection:desk", "ok", NOW)
    assert told(config, store, NOW)["health"].code == 1


def test_a_backfill_that_was_cut_off_is_named(config: Config, store: Store) -> None:
    store.begin_backfill(FLOW, "30d to now", NOW, begins=None, ends=later(days=1))
    said = told(config, store, NOW)["backfills"]
    assert said.data[0]["asked"] == "30d to now"
    assert "backfill of orders-to-cases not ended: 30d to now" in said.lines[0]


# -- windows -----------------------------------------------------------------------------------------------------------


def test_a_window_is_written_as_start_is() -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    assert window("beginning", "now", now) == (None, now)
    assert window("7d", "1d", now) == (now - timedelta(days=7), now - timedelta(days=1))
    assert window("2026-11-01", "now", now)[0] == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("begin", "end", "says"),
    [
        ("soon", "now", "--from: 'soon' is no time"),
        ("7d", "beginning", "ends before it begins"),
        ("1d", "7d", "ends before it begins"),
        ("now", "now", "ends before it begins"),
    ],
)
def test_a_window_that_is_none_is_refused(begin: str, end: str, says: str) -> None:
    with pytest.raises(click.UsageError, match=says):
        window(begin, end, datetime(2026, 11, 20, tzinfo=UTC))
