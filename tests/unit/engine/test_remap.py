"""A changed mapping and what was settled before it: looked at without a trace, put back, and sent only where it differs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connector.engine.remap import Choice, put_back
from connector.errors import Unavailable
from tests.unit.engine.world import ANSWERS, ORDERS, RETURNS, World

FLOW = "orders-to-cases"
WIDER = ORDERS.replace('when: "{{ needs_care }}"', 'when: "{{ needs_care or total > 100 }}"')
RENAMED = ORDERS.replace("Order {{ record.key }} is", "{{ record.key }}:")


def changed(world: World, mapping: str, flow: str = FLOW, **settings: Any) -> None:
    """Somebody edits the mapping and starts the daemon again."""
    before = world.flows[flow]
    given = {"brake": None, **({"answers": before.answers} if before.answers else {}), **settings}
    world.flow(flow, ".".join(before.source), ".".join(before.destination), mapping, **given)
    world.restart()


def remapped(world: World, flow: str = FLOW, **choice: Any) -> int:
    moved = put_back(world.store, world.flows[flow], Choice(**choice), world.clock.now())
    assert all(books.balanced for books in world.store.counts())
    return moved


def looked(world: World, flow: str = FLOW, **choice: Any) -> Any:
    return world.engine.remapping(flow).run(Choice(**choice))


def test_a_widened_when_reaches_what_was_filtered_before(world: World) -> None:
    world.order("0001")
    world.order("0002", needs_care=False, total=500)
    world.order("0003", needs_care=False)
    world.tick()
    changed(world, WIDER)

    assert remapped(world) == 3
    report = world.tick()

    assert set(world.cases()) == {"0001", "0002"}
    assert world.states() == {"0001": "done", "0002": "done", "0003": "filtered"}
    assert (report.created, report.updated) == (1, 0)
    assert remapped(world) == 0, "what was settled with the new version is not found again"


def test_records_that_map_to_the_same_are_settled_with_the_new_version_without_a_write(world: World) -> None:
    for number in range(5):
        world.order(f"{number:04}")
    world.tick()
    writes = [call for call in world.desk.log if call[0] == "write"]
    changed(world, ORDERS + "# a comment\n")

    assert remapped(world) == 5
    report = world.tick()

    assert [call for call in world.desk.log if call[0] == "write"] == writes
    assert (report.done, report.created, report.updated) == (5, 0, 0)
    assert report.delays == {}, "how long ago these came says nothing of how quick we are"
    assert remapped(world) == 0


def test_only_the_field_whose_template_changed_goes_and_what_an_agent_holds_stays(world: World) -> None:
    world.order("0001")
    world.tick()
    case = world.case_id("0001")
    world.desk.put("Case", case, OwnerId="me", Status="Working", claimed_by="me")
    changed(world, RENAMED)

    remapped(world)
    world.tick()

    fields = world.cases()["0001"]
    assert (fields["Subject"], fields["OwnerId"], fields["Status"]) == ("0001: new", "me", "Working")


def test_a_dry_run_tells_what_would_become_of_each_and_leaves_no_trace(world: World) -> None:
    world.order("0001")
    world.order("0002", needs_care=False, total=500)
    world.order("0003", needs_care=False)
    world.order("0004", needs_care=False, total=900)
    world.tick()
    world.shop.remove("orders", "0004")
    changed(world, WIDER.replace("Order {{ record.key }} is", "{{ record.key }}:"))
    before, writes = world.states(), len([call for call in world.desk.log if call[0] == "write"])

    told = looked(world)

    assert told.outcomes == {"changed": 1, "entered": 1, "still out": 1, "gone": 1}
    assert told.fields == {
        ("main", "desk.Case", "update", "Subject"): 1,
        ("main", "desk.Case", "create", ""): 1,
    }
    assert told.keys["entered"] == ["0002"]
    assert told.problem is None
    assert world.states() == before
    assert len([call for call in world.desk.log if call[0] == "write"]) == writes
    assert looked(world).outcomes == told.outcomes


def test_a_dry_run_and_the_pass_agree(world: World) -> None:
    for number in range(450):
        world.order(f"{number:04}", needs_care=number % 3 == 0, total=number)
    world.tick()
    changed(world, WIDER)

    told = looked(world)
    remapped(world)
    report = world.tick()

    assert told.rows == 450
    assert (report.created, report.filtered) == (told.outcomes["entered"], told.outcomes["still out"])
    assert report.done == told.outcomes["entered"] + told.outcomes["unchanged"]


def test_records_are_fetched_again_in_batches(world: World) -> None:
    for number in range(120):
        world.order(f"{number:04}", needs_care=False)
    world.tick()
    changed(world, WIDER)
    before = world.shop.calls()

    told = looked(world)

    assert told.calls["shop"] == world.shop.calls() - before == 2


def test_what_is_no_longer_at_its_source_stays_what_it_was(world: World) -> None:
    world.order("0001")
    world.order("0002", needs_care=False)
    world.tick()
    world.store.prune(world.clock.now() + timedelta(days=30), delivered=1.0, parked=1.0, audit=1.0)
    world.shop.objects["orders"].clear()
    changed(world, WIDER)

    assert remapped(world) == 2
    report = world.tick()

    assert report.parked == 0
    rows = {row.key: row for row in world.store.rows(flow=FLOW)}
    assert (rows["0001"].state, rows["0002"].state) == ("done", "filtered")
    assert rows["0002"].reason == "shop.orders no longer has this record"
    assert rows["0001"].lines[0].target == world.case_id("0001")
    assert remapped(world) == 0


def test_what_was_never_settled_and_is_gone_still_calls_for_a_person(world: World) -> None:
    world.order("0001", total="no number")
    changed(world, ORDERS.replace("{{ total }}", "{{ total + 1 }}"))
    world.tick()
    assert world.states() == {"0001": "parked"}
    world.store.prune(world.clock.now() + timedelta(days=99), delivered=1.0, parked=1.0, audit=1.0)
    world.shop.objects["orders"].clear()
    world.store.replay(world.clock.now())

    world.tick()

    assert world.states() == {"0001": "parked"}


def test_new_objects_are_bounded_by_the_brake(world: World) -> None:
    for number in range(30):
        world.order(f"{number:04}", needs_care=False, total=500)
    world.tick()
    changed(world, WIDER, brake=10)

    remapped(world)
    world.tick()

    assert len(world.cases()) == 10
    assert len(world.events("brake")) == 1
    world.tick(minutes=61)
    assert len(world.cases()) == 20


def test_a_choice_is_kept_to(world: World) -> None:
    for number in range(6):
        world.order(f"{number:04}", needs_care=number % 2 == 0, total=500)
    world.tick()
    changed(world, WIDER)

    assert looked(world, filtered=True).rows == 3
    assert looked(world, key="0004").keys == {"unchanged": ["0004"]}
    assert looked(world, limit=2).rows == 2
    assert remapped(world, key="0004") == 1
    assert remapped(world, filtered=True, limit=2) == 2
    assert world.states() == {
        "0000": "done", "0001": "pending", "0002": "done", "0003": "pending", "0004": "pending", "0005": "filtered",
    }  # fmt: skip


def test_an_answer_with_another_mapping_goes_back_and_foreign_records_are_left_alone(world: World) -> None:
    world.order("0001")
    world.tick()
    case = world.case_id("0001")
    world.desk.put("Case", case, Resolution="RELEASE", Decided="1")
    world.desk.put("Case", "500FOREIGN", Resolution="RELEASE")
    world.tick("cases-to-orders")
    changed(world, ANSWERS.replace('"{{ Resolution }}"\nalso', '"{{ Resolution | lower }}"\nalso'), "cases-to-orders")

    told = looked(world, "cases-to-orders")
    assert told.fields == {("main", "shop.orders", "update", "c_decision"): 1}
    assert remapped(world, "cases-to-orders") == 1
    world.tick("cases-to-orders")

    assert world.shop.objects["orders"]["0001"].fields["c_decision"] == "release"
    assert len(world.notes("0001")) == 1, "a note is not appended again"


def test_an_answer_whose_order_the_shop_has_purged_stays_what_it_was(world: World) -> None:
    world.order("0001")
    world.tick()
    world.desk.put("Case", world.case_id("0001"), Resolution="Cancel", Decided="1")
    world.tick("cases-to-orders", minutes=1)
    world.store.prune(world.clock.now() + timedelta(days=99), delivered=1.0, parked=1.0, audit=1.0)
    world.shop.objects["orders"].clear()
    changed(world, ANSWERS.replace("summary: the", "summary: a"), "cases-to-orders")

    told = looked(world, "cases-to-orders")
    assert remapped(world, "cases-to-orders") == 1
    world.tick("cases-to-orders")

    assert told.outcomes == {"gone": 1}
    assert world.states("cases-to-orders") == {world.case_id("0001"): "done"}
    assert remapped(world, "cases-to-orders") == 0


def test_a_look_up_that_finds_nothing_for_an_old_record_does_not_wait(world: World) -> None:
    world.flow(
        "returns-to-cases", "shop.returns", "desk.Case", 'summary: s\nfields: {Subject: "{{ order_no }}"}\n', brake=None
    )
    world.restart()
    world.shop.put("returns", "R1", order_no="nowhere")
    world.tick("returns-to-cases")
    world.clock.forward(minutes=600)
    changed(world, RETURNS, "returns-to-cases")

    assert looked(world, "returns-to-cases").outcomes == {"parked": 1}
    remapped(world, "returns-to-cases")
    assert world.tick("returns-to-cases").parked == 1


def test_reasons_that_name_their_records_do_not_fill_the_memory(world: World) -> None:
    for number in range(120):
        world.order(f"{number:04}", needs_care=False)
    world.tick()
    changed(world, RETURNS.replace("order_no", "record.key").replace("source.orders", "source.returns"))

    told = looked(world)

    assert told.outcomes == {"waiting": 120}
    assert len(told.reasons) == 51
    assert told.reasons["(other reasons)"] == 70


def test_an_outage_ends_a_dry_run_with_what_was_counted(world: World) -> None:
    world.order("0001", needs_care=False)
    world.tick()
    changed(world, WIDER)
    world.shop.fail("fetch", Unavailable("down"))

    told = looked(world)

    assert isinstance(told.problem, Unavailable)
    assert told.rows == 0
    assert world.states() == {"0001": "filtered"}


def test_a_change_that_comes_meanwhile_is_delivered_as_any_other(world: World) -> None:
    world.order("0001", needs_care=False, total=500)
    world.tick()
    changed(world, WIDER)
    remapped(world)
    world.clock.forward(minutes=1)
    world.order("0001", needs_care=False, total=900)

    world.tick()

    assert world.cases()["0001"]["Total"] == 900
    assert world.states() == {"0001": "done"}
