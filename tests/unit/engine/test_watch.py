"""`watch: true`: a record is looked at again when one that it looks up has changed, without a version of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Misconfigured, Transient, Unavailable
from connector.testing.clock import FrozenClock
from tests.unit.engine.world import World

RETURNS = """
summary: returns with the total of their order
when: "{{ reason }}"
lookups:
  order: {stream: source.orders, key: "{{ order_no }}", missing: {wait: 15m, then: park}, watch: true}
fields:
  Subject: "Return {{ record.key }} for {{ order.status }}"
  Total: "{{ order.total }}"
"""
DISPUTES = """
summary: one case for several orders
lookups:
  orders: {stream: source.orders, keys: "{{ order_nos }}", missing: {wait: 0s, then: skip}, watch: true}
fields: {Subject: "{{ orders | length }} orders"}
also:
  - id: orders
    to: destination.Comment
    for: "{{ orders }}"
    key: "{{ this.order_no }}"
    fields: {ParentId: "{{ main.id }}", Total: "{{ this.total }}"}
"""
TICKETED = """
summary: returns with the state of their ticket
lookups:
  ticket: {stream: destination.Ticket, key: "{{ ticket }}", missing: {wait: 0s, then: park}, watch: true}
fields: {Subject: "{{ ticket.State }}"}
"""
FLOW = "returns-to-cases"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.flow(FLOW, "shop.returns", "desk.Case", RETURNS, brake=None)
    made.restart()
    made.shop.put("orders", "1", order_no="1", status="new", total=10)
    yield made
    made.store.close()


def entered(world: World, *keys: str) -> None:
    """Returns of order 1 that have their case, and a shop in which nothing has happened for a while."""
    for key in keys or ("r1",):
        world.shop.put("returns", key, reason="late", order_no="1")
    world.tick(FLOW, minutes=5)
    world.tick(FLOW, minutes=5)


def change(world: World, key: str = "1", **fields: Any) -> None:
    world.shop.put("orders", key, **fields)


def subjects(world: World) -> dict[str, str]:
    return {key: fields["Subject"] for key, fields in world.cases().items()}


def test_a_looked_up_record_that_changed_is_sent_without_a_version_of_its_own(world: World) -> None:
    entered(world, "r1", "r2")
    before = next(books for books in world.store.counts() if books.flow == FLOW)
    change(world, total=25)
    world.tick(FLOW, minutes=1)

    assert [dict(write.fields) for _, write in world.desk.sent[-2:]] == [{"Total": 25}, {"Total": 25}]
    after = next(books for books in world.store.counts() if books.flow == FLOW)
    assert (after.read - after.repeated, after.settled) == (before.read - before.repeated, before.settled)


def test_what_the_mapping_does_not_read_of_it_costs_no_write(world: World) -> None:
    entered(world)
    sent = len(world.desk.sent)
    change(world, colour="red")
    world.tick(FLOW, minutes=1)
    assert len(world.desk.sent) == sent


def test_an_idle_poll_costs_one_call_a_watched_stream_however_many_rows_watch(world: World) -> None:
    entered(world, *(f"r{n}" for n in range(30)))
    calls = len(world.shop.log)
    world.tick(FLOW, minutes=1)
    assert [(verb, stream) for verb, stream, _ in world.shop.log[calls:]] == [("read", "orders"), ("read", "returns")]
    change(world, total=25)
    calls = len(world.shop.log)
    world.tick(FLOW, minutes=1)
    assert [(verb, stream) for verb, stream, _ in world.shop.log[calls:]] == [
        ("read", "orders"),
        ("read", "returns"),
        ("fetch", "orders"),
    ]


def test_nothing_is_read_before_somebody_watches(world: World) -> None:
    world.tick(FLOW)
    world.shop.put("returns", "r1", reason=None, order_no="1")
    world.tick(FLOW, minutes=1)
    world.tick(FLOW, minutes=1)
    assert ("read", "orders", 0) not in world.shop.log


def test_a_change_is_looked_at_once_although_reads_overlap(world: World) -> None:
    entered(world)
    change(world, status="late")
    world.clock.forward(seconds=0.25)
    change(world, total=25)
    world.tick(FLOW)
    fetched = world.shop.count("fetch")
    for _ in range(5):
        world.tick(FLOW, minutes=0.2)
    assert world.shop.count("fetch") == fetched


def test_of_two_changes_in_one_second_the_second_is_seen_although_their_stamps_are_the_same(world: World) -> None:
    entered(world)
    change(world, total=25)
    world.tick(FLOW)
    change(world, total=26)
    world.tick(FLOW, minutes=0.5)
    assert world.cases()["r1"]["Total"] == 26
    fetched = world.shop.count("fetch")
    for _ in range(3):
        world.tick(FLOW, minutes=1)
    assert world.shop.count("fetch") <= fetched + 1


@pytest.mark.parametrize("ahead", [-15, 15])
def test_of_two_changes_in_one_second_the_second_is_seen_however_the_clock_of_its_system_is_set(
    world: World, ahead: int
) -> None:
    world.shop.clock = theirs = FrozenClock(world.clock.now() + timedelta(minutes=ahead))

    def tick(minutes: float) -> None:
        theirs.forward(minutes=minutes)
        world.tick(FLOW, minutes=minutes)

    change(world, "2", order_no="2", status="new", total=10)
    world.shop.put("returns", "r1", reason="late", order_no="2")
    tick(5)
    change(world, "2", total=25)
    tick(0)
    change(world, "2", total=26)
    tick(0.5)
    assert world.cases()["r1"]["Total"] == 26
    fetched = world.shop.count("fetch")
    for _ in range(5):
        tick(1)
    assert world.shop.count("fetch") <= fetched + 1


def test_of_two_changes_in_one_second_the_second_is_seen_where_no_page_has_told_its_systems_clock(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    world.flow(FLOW, "shop.returns", "desk.Case", TICKETED, brake=None)
    world.restart()
    world.desk.clock = FrozenClock(world.clock.now() - timedelta(minutes=15))
    world.desk.put("Ticket", "t1", State="new")
    world.shop.put("returns", "r1", ticket="t1")
    world.tick(FLOW)
    world.desk.put("Ticket", "t1", State="open")
    world.tick(FLOW)
    assert subjects(world) == {"r1": "open"}
    world.store.close()


def test_a_change_that_commits_late_while_the_look_for_it_stands_still_is_seen_by_the_next_one(world: World) -> None:
    entered(world)
    at = world.clock.forward(minutes=5)
    for key in ("2", "3"):
        world.shop.put("orders", key, at=at, total=1)
    world.shop.page = 1

    def stood_still() -> None:
        world.clock.forward(seconds=170)
        world.shop.put("orders", "1", at=at, order_no="1", status="new", total=26)
        world.shop.put("orders", "4", total=1)

    world.shop.meanwhile(stood_still, call=2, after=True)
    world.tick(FLOW)
    assert world.cases()["r1"]["Total"] == 10
    world.tick(FLOW, minutes=1)
    assert world.cases()["r1"]["Total"] == 26


def test_a_change_right_after_it_was_looked_up_is_not_lost(world: World) -> None:
    entered(world)
    change(world, total=25)
    world.desk.during(lambda stream, batch: change(world, total=26))
    world.tick(FLOW, minutes=1)
    world.tick(FLOW, minutes=1)
    assert world.cases()["r1"]["Total"] == 26


@pytest.mark.parametrize("verb", ["wake", "lease", "settle"])
def test_a_kill_at_any_moment_loses_no_change(world: World, verb: str) -> None:
    entered(world)
    change(world, total=25)
    world.clock.forward(minutes=1)
    world.killed_pass(FLOW, at=verb)
    world.tick(FLOW, minutes=1)
    world.tick(FLOW, minutes=15)
    assert world.cases()["r1"]["Total"] == 25
    assert len(world.cases()) == 1
    assert world.states(FLOW) == {"r1": "done"}


def test_an_update_of_a_killed_process_that_commits_late_loses_to_what_the_looked_up_record_says_now(
    world: World,
) -> None:
    entered(world)
    change(world, total=25)
    world.clock.forward(minutes=1)
    world.desk.fail("write", Transient("no answer", uncertain=True))
    world.killed_pass(FLOW)
    change(world, total=30)
    world.tick(FLOW, minutes=1)
    (case,) = world.desk.objects["Case"]
    world.desk.put("Case", case, Total=25)
    for _ in range(3):
        world.tick(FLOW, minutes=2)
    assert [fields["Total"] for fields in world.cases().values()] == [30]
    assert set(world.states(FLOW).values()) == {"done"}


def test_a_kill_before_the_first_settle_watches_all_the_same(world: World) -> None:
    world.shop.put("returns", "r1", reason="late", order_no="1")
    world.killed_pass(FLOW)
    change(world, total=25)
    world.tick(FLOW, minutes=1)
    world.tick(FLOW, minutes=1)
    assert world.cases()["r1"]["Total"] == 25


def test_a_missing_one_that_comes_at_last_brings_the_parked_record_back(world: World) -> None:
    world.shop.put("returns", "r1", reason="late", order_no="9")
    world.tick(FLOW)
    world.tick(FLOW, minutes=20)
    assert world.states(FLOW) == {"r1": "parked"}
    change(world, "9", order_no="9", status="new", total=3)
    world.tick(FLOW, minutes=60)
    assert subjects(world) == {"r1": "Return r1 for new"}
    assert world.states(FLOW) == {"r1": "done"}


def test_a_record_that_names_another_one_watches_only_that(world: World) -> None:
    entered(world)
    change(world, "2", order_no="2", status="open", total=2)
    world.shop.put("returns", "r1", order_no="2")
    world.tick(FLOW, minutes=5)
    world.tick(FLOW, minutes=5)
    fetched = world.shop.count("fetch")
    change(world, "1", total=99)
    world.tick(FLOW, minutes=1)
    assert world.shop.count("fetch") == fetched
    change(world, "2", total=98)
    world.tick(FLOW, minutes=1)
    assert world.cases()["r1"]["Total"] == 98


def test_what_was_left_out_without_looking_anything_up_is_not_looked_at_again(world: World) -> None:
    world.shop.put("returns", "r1", reason=None, order_no="1")
    entered(world, "r2")
    change(world, total=25)
    report = world.tick(FLOW, minutes=1)
    assert (report.done, report.filtered) == (1, 0)


def test_a_record_left_out_for_what_it_looked_up_enters_when_that_has_changed(world: World) -> None:
    mapping = RETURNS.replace('when: "{{ reason }}"', "when: \"{{ order.status == 'failed' }}\"")
    world.flow(FLOW, "shop.returns", "desk.Case", mapping, brake=None)
    world.restart()
    entered(world)
    assert world.states(FLOW) == {"r1": "filtered"}
    change(world, status="failed")
    world.tick(FLOW, minutes=1)
    assert subjects(world) == {"r1": "Return r1 for failed"}


def test_a_record_that_is_gone_itself_stays_what_it_was(world: World) -> None:
    entered(world)
    del world.shop.objects["returns"]["r1"]
    world.store.prune(world.clock.now(), delivered=0, parked=0, audit=0)
    change(world, total=25)
    world.tick(FLOW, minutes=1)
    assert world.states(FLOW) == {"r1": "done"}


def test_a_fault_of_the_watched_system_is_made_up_for_later(world: World) -> None:
    entered(world)
    change(world, total=25)
    world.shop.fail("read", Unavailable("503"))
    report = world.tick(FLOW, minutes=1)
    assert report.problem is not None
    world.tick(FLOW, minutes=10)
    assert world.cases()["r1"]["Total"] == 25


def test_a_watched_stream_that_may_not_be_read_pauses_the_flow_and_says_so(world: World) -> None:
    entered(world)
    world.shop.fail("read", Misconfigured("order_search: 403", remedy="allow it"))
    assert str(world.tick(FLOW, minutes=1).problem) == "order_search: 403"
    change(world, total=25)
    world.tick(FLOW, minutes=10)
    assert world.cases()["r1"]["Total"] == 25


def test_the_sweep_finds_a_change_that_surfaced_late(world: World) -> None:
    entered(world)
    world.tick(FLOW, minutes=1)
    at = world.clock.now()
    world.clock.forward(minutes=3)
    change(world, "5", order_no="5")
    world.tick(FLOW)
    world.shop.put("orders", "1", at=at, total=25)
    world.tick(FLOW, minutes=3)
    assert world.cases()["r1"]["Total"] == 10
    world.engine.sweep(FLOW, width=1800)
    world.tick(FLOW)
    assert world.cases()["r1"]["Total"] == 25
    fetched = world.shop.count("fetch")
    world.engine.sweep(FLOW, width=1800)
    world.tick(FLOW)
    assert world.shop.count("fetch") == fetched


@pytest.fixture
def disputes(world: World) -> World:
    world.flow(FLOW, "shop.returns", "desk.Case", DISPUTES, brake=None)
    world.restart()
    for number in ("2", "3"):
        world.shop.put("orders", number, order_no=number, total=int(number))
    return world


def orders_of(world: World) -> dict[str, object]:
    return {key.rsplit(":", 1)[1]: one.fields["Total"] for key, one in world.desk.by_our_key("Comment").items()}


def test_one_case_for_several_orders_is_kept_current_with_each_of_them(disputes: World) -> None:
    world = disputes
    world.shop.put("returns", "d1", order_nos=["2", "1", "2"])
    world.tick(FLOW, minutes=5)
    assert (world.cases()["d1"]["Subject"], orders_of(world)) == ("2 orders", {"2": 2, "1": 10})
    assert len({one.fields["ParentId"] for one in world.desk.by_our_key("Comment").values()}) == 1
    change(world, "2", total=22)
    world.tick(FLOW, minutes=5)
    assert orders_of(world) == {"2": 22, "1": 10}


def test_a_missing_one_of_several_is_left_out_and_joins_when_it_comes(disputes: World) -> None:
    world = disputes
    world.shop.put("returns", "d1", order_nos=["2", "9"])
    world.tick(FLOW, minutes=5)
    assert (world.cases()["d1"]["Subject"], orders_of(world)) == ("1 orders", {"2": 2})
    change(world, "9", order_no="9", total=9)
    world.tick(FLOW, minutes=5)
    assert (world.cases()["d1"]["Subject"], orders_of(world)) == ("2 orders", {"2": 2, "9": 9})


@pytest.mark.parametrize(("then", "state"), [("park", "parked"), ("skip", "filtered"), ("null", "done")])
def test_without_any_of_several_it_is_as_the_mapping_says(disputes: World, then: str, state: str) -> None:
    world = disputes
    world.flow(FLOW, "shop.returns", "desk.Case", DISPUTES.replace("then: skip", f"then: {then}"), brake=None)
    world.restart()
    world.shop.put("returns", "d1", order_nos=["8", "9"])
    world.shop.put("returns", "d2", order_nos=[])
    world.tick(FLOW, minutes=5)
    assert world.states(FLOW) == {"d1": state, "d2": "done"}
    assert world.cases()["d2"]["Subject"] == "0 orders"


def test_several_are_waited_for_until_all_are_there_or_the_time_is_over(disputes: World) -> None:
    world = disputes
    mapping = DISPUTES.replace("wait: 0s", "wait: 15m")
    world.flow(FLOW, "shop.returns", "desk.Case", mapping, brake=None)
    world.restart()
    world.shop.put("returns", "d1", order_nos=["2", "9"])
    world.tick(FLOW)
    assert world.states(FLOW) == {"d1": "pending"}
    change(world, "9", order_no="9", total=9)
    world.tick(FLOW, minutes=5)
    assert world.cases()["d1"]["Subject"] == "2 orders"
    world.shop.put("returns", "d2", order_nos=["2", "7"])
    world.tick(FLOW, minutes=5)
    world.tick(FLOW, minutes=16)
    assert world.cases()["d2"]["Subject"] == "1 orders"


def test_a_change_between_two_lookups_of_one_record_is_looked_at_again(world: World) -> None:
    twice = RETURNS.replace(
        "fields:\n",
        '  also: {stream: source.orders, keys: "{{ order_nos }}", missing: {wait: 0s, then: "null"}, watch: true}\nfields:\n',
    ).replace("Total:", "Also: \"{{ also | map('total') | first }}\"\n  Total:")
    world.flow(FLOW, "shop.returns", "desk.Case", twice, brake=None)
    world.restart()
    world.shop.put("returns", "r1", reason="late", order_no="1", order_nos=["1"])
    world.tick(FLOW, minutes=5)
    world.tick(FLOW, minutes=5)
    world.clock.forward(seconds=0.25)  # where stamps are whole seconds what was just made is looked at again anyway
    change(world, total=25)

    def meanwhile() -> None:
        world.clock.forward(seconds=1)
        change(world, total=30)

    world.shop.meanwhile(meanwhile, call=3, after=True)
    world.tick(FLOW, minutes=5)
    assert (world.cases()["r1"]["Total"], world.cases()["r1"]["Also"]) == (25, 30), "the first saw it before"
    world.tick(FLOW, minutes=5)
    world.tick(FLOW, minutes=5)
    assert (world.cases()["r1"]["Total"], world.cases()["r1"]["Also"]) == (30, 30)
