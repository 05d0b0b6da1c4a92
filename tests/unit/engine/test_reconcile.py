"""Both sides compared by key: what differs is found in batches, and repaired by the next pass alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.engine.differences import Reconciled, alike
from connector.engine.reconcile import Reconciling
from connector.errors import Unavailable
from connector.model import Ref
from connector.stamps import stamp
from tests.unit.engine.world import World

FLOW = "orders-to-cases"


@pytest.fixture
def settled(tmp_path: Path) -> World:
    """Five orders with a case each, all of an hour ago."""
    world = World(tmp_path)
    for key in "12345":
        world.order(key)
    world.tick()
    world.tick(minutes=60)
    world.tick("cases-to-orders")
    return world


def reconciling(world: World, begins: datetime | None = None, **given: Any) -> tuple[Reconciling, Reconciled]:
    before = dict(world.states()), len(world.desk.sent), len(world.shop.sent)
    one = Reconciling(world.engine, given.pop("flow", FLOW), begins, **given)
    found = one.run()
    assert (dict(world.states()), len(world.desk.sent), len(world.shop.sent)) == before, "looking changes nothing"
    return one, found


def kinds(found: Reconciled) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for each in found.differences:
        told.setdefault(each.kind, []).append(each.key)
    return {kind: sorted(keys) for kind, keys in told.items()}


def repaired(world: World, one: Reconciling, found: Reconciled) -> int:
    """Queue all repairs, let a pass send them, and see that nothing is left to repair."""
    count = one.apply(found.repairs)
    assert all(books.balanced for books in world.store.counts())
    world.tick()
    world.tick(minutes=60)
    again = reconciling(world)[1]
    assert not again.repairs, again.differences
    return count


def test_where_both_sides_agree_there_is_nothing_to_do_and_calls_are_in_batches(settled: World) -> None:
    _, found = reconciling(settled)
    assert (found.differences, found.same, found.records, found.rows, found.objects) == ([], 5, 5, 5, 5)
    assert found.calls == {"shop": 1, "desk": 2}, "one read, one fetch and one read by our keys"


def test_an_order_that_was_never_read_gets_its_case(settled: World) -> None:
    settled.shop.put("orders", "old", at=settled.clock.now() - timedelta(days=9), needs_care=True, total=1)
    one, found = reconciling(settled)
    assert kinds(found) == {"missing": ["old"]}
    assert repaired(settled, one, found) == 1
    assert "old" in settled.cases()


def test_an_order_that_is_left_out_is_no_difference(settled: World) -> None:
    settled.shop.put("orders", "old", at=settled.clock.now() - timedelta(days=9), needs_care=False)
    _, found = reconciling(settled)
    assert (found.differences, found.left["filtered"]) == ([], 1)


def test_a_version_that_was_never_read_is_found(settled: World) -> None:
    late = settled.clock.now() - timedelta(minutes=30)
    settled.shop.put("orders", "3", at=late, status="late")
    one, found = reconciling(settled)
    assert kinds(found) == {"behind": ["3"]}
    repaired(settled, one, found)
    assert settled.cases()["3"]["Subject"] == "Order 3 is late"


def test_what_was_changed_just_now_is_left_to_the_next_poll(settled: World) -> None:
    settled.order("new")
    settled.order("2", status="changed")
    assert reconciling(settled)[1].differences == []


def test_a_ledger_that_was_lost_finds_every_case_again_and_makes_none(settled: World, tmp_path: Path) -> None:
    settled.store.close()
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()
    settled.restart()
    one, found = reconciling(settled)
    assert kinds(found) == {"unlinked": ["1", "2", "3", "4", "5"]}
    sent = len(settled.desk.sent)
    assert repaired(settled, one, found) == 5
    assert all(count == 1 for count in settled.desk.created.values())
    assert {write.op for _, write in settled.desk.sent[sent:]} == {"create"}, (
        "refused by its key, and nothing else to say"
    )


def test_a_case_that_a_person_deleted_is_told_and_made_anew_only_if_asked(settled: World) -> None:
    case = settled.case_id("2")
    settled.desk.remove("Case", case)
    one, found = reconciling(settled)
    assert kinds(found) == {"gone": ["2"]}
    assert found.repairs == []
    one, found = reconciling(settled, recreate=True)
    assert repaired(settled, one, found) == 1
    assert settled.case_id("2") != case
    row = settled.store.row(FLOW, "RefArch", "2")
    assert row is not None
    assert row.lines[0].forgotten == (case,)


def test_a_field_that_the_flow_always_writes_is_put_right_and_what_people_own_is_not(settled: World) -> None:
    case = settled.case_id("2")
    settled.desk.put("Case", case, Subject="typed over", Status="Working", OwnerId="somebody")
    other = settled.case_id("3")
    settled.desk.put("Case", other, OwnerId=Ref("queue", "Concierge"), Status="Closed")
    one, found = reconciling(settled)
    assert kinds(found) == {"differs": ["2"]}
    assert found.differences[0].told == "Subject"
    repaired(settled, one, found)
    held = settled.cases()["2"]
    assert (held["Subject"], held["Status"], held["OwnerId"]) == ("Order 2 is new", "Working", "somebody")


def test_what_was_cleared_and_filled_in_again_is_cleared_again(tmp_path: Path) -> None:
    world = World(tmp_path, orders='summary: s\nfields: {Subject: "{{ record.key }}", Note: "{{ note }}"}')
    world.order("1", note="careful")
    world.tick()
    world.shop.put("orders", "1", note=None)
    world.tick()
    world.desk.put("Case", world.case_id("1"), Note="again")
    world.tick(minutes=60)
    one, found = reconciling(world)
    assert kinds(found) == {"differs": ["1"]}
    repaired(world, one, found)
    assert world.cases()["1"]["Note"] is None


def test_a_case_without_an_order_and_a_key_that_stands_twice_are_told(settled: World) -> None:
    settled.shop.objects["orders"].pop("4")
    settled.clock.forward(minutes=1)
    record = settled.desk.objects["Case"][settled.case_id("5")]
    twin = settled.desk.put("Case", "Case-twin", Subject="Order 5 is new")
    settled.desk.objects["Case"]["Case-twin"] = type(record)(
        "Case-twin", twin.fields, twin.stamp, record.site, record.our_key
    )
    settled.store.close()
    (settled.folder / "ledger.db").unlink()
    settled.restart()
    _, found = reconciling(settled)
    told = kinds(found)
    assert (told["orphan"], told["twice"]) == (["4"], ["5"])
    assert {each.kind for each in found.repairs} == {"unlinked"}


def test_a_record_that_is_deleted_at_its_source_is_counted(settled: World) -> None:
    settled.shop.objects["orders"].pop("4")
    _, found = reconciling(settled)
    assert (kinds(found), found.left["no longer at the source"]) == ({"orphan": ["4"]}, 1)


def test_what_waits_for_somebody_is_not_repaired(settled: World) -> None:
    settled.desk.remove("Case", settled.case_id("1"))
    settled.shop.put("orders", "1", status="changed")
    settled.tick()
    assert settled.states()["1"] == "parked"
    settled.tick(minutes=60)
    _, found = reconciling(settled, recreate=True)
    assert (found.differences, found.left["parked"]) == ([], 1)


def test_what_changed_between_look_and_repair_is_left_as_it_is(settled: World) -> None:
    settled.desk.put("Case", settled.case_id("2"), Subject="typed over")
    one, found = reconciling(settled)
    settled.shop.put("orders", "2", status="newest")
    settled.tick()
    assert one.apply(found.repairs) == 0
    assert settled.cases()["2"]["Subject"] == "Order 2 is newest"


def test_a_window_leaves_older_records_alone(settled: World) -> None:
    old = settled.clock.now() - timedelta(days=9)
    settled.shop.put("orders", "old", at=old, needs_care=True, total=1)
    assert reconciling(settled, settled.clock.now() - timedelta(days=1))[1].differences == []
    assert stamp(old) < stamp(settled.clock.now())


def test_answers_are_compared_on_what_they_answer(settled: World) -> None:
    settled.desk.put("Case", settled.case_id("1"), Resolution="Release", Decided="d1")
    settled.tick("cases-to-orders")
    settled.shop.put("orders", "1", c_decision="typed over")
    settled.tick("cases-to-orders", minutes=60)
    one, found = reconciling(settled, flow="cases-to-orders")
    assert [(each.kind, each.told) for each in found.differences] == [("differs", "c_decision")]
    assert one.apply(found.repairs) == 1
    settled.tick("cases-to-orders")
    assert settled.shop.objects["orders"]["1"].fields["c_decision"] == "Release"
    assert settled.notes("1") == ["Release for 1 over 10.5"], "the note is not said again"


def test_a_forgotten_record_is_no_difference(settled: World) -> None:
    row = settled.store.row(FLOW, "RefArch", "3")
    assert row is not None
    ours = settled.desk.objects["Case"][settled.case_id("3")].our_key or ""
    settled.store.forget([row.id], ["3", ours], settled.clock.now(), by="uid 7")
    _, found = reconciling(settled)
    assert (found.differences, found.left["forgotten"]) == ([], 1)


def test_a_system_that_is_down_ends_the_look_and_is_named(settled: World) -> None:
    settled.desk.fail("fetch", Unavailable("down"))
    assert isinstance(reconciling(settled)[1].problem, Unavailable)


@pytest.mark.parametrize(
    ("live", "wanted", "so"),
    [
        ("a", "a ", True),
        ("a\r\nb", "a\nb\n", True),
        (None, "", True),
        (10.5, 10.50, True),
        ("2026-11-20T10:15:30.000+0000", "2026-11-20T10:15:30Z", True),
        ("2026-11-20T10:15:30.000+0000", "2026-11-20T10:15:30.456Z", True),
        ("2026-11-20T10:15:30.000+0000", "2026-11-20T10:15:31Z", False),
        ("2026-11-20", "2026-11-20T10:15:31Z", True),
        ("a", "b", False),
        (None, "b", False),
        (True, "true", False),
    ],
)
def test_values_are_the_same_however_a_system_writes_them(live: Any, wanted: Any, so: bool) -> None:
    assert alike(live, wanted) is so


def test_a_dry_run_passes_over_what_was_forgotten(settled: World) -> None:
    row = settled.store.row(FLOW, "RefArch", "3")
    assert row is not None
    settled.store.forget([row.id], ["3"], settled.clock.now(), by="uid 7")
    dry = settled.engine.dry_run(FLOW)
    assert (dry.outcomes["filtered"], dry.reasons) == (1, {"it was forgotten (connector forget)": 1})


def test_an_object_that_several_records_share_is_nobodys_orphan(tmp_path: Path) -> None:
    world = World(tmp_path)
    mapping = 'summary: s\nkey: "{{ order_no }}"\nfields: {Subject: {from: x, write: on-create}}'
    world.flow("returns", "shop.returns", "desk.Case", mapping)
    world.restart()
    for key in ("a", "b"):
        world.shop.put("returns", key, order_no="77")
    world.tick("returns")
    world.tick("returns", minutes=60)
    found = Reconciling(world.engine, "returns", None).run()
    assert (kinds(found), found.same, found.objects) == ({}, 2, 1)
    world.store.close()
