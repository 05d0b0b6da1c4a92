"""The eight rules that a first sketch of the engine broke, and what a kill at each place leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from connector.engine.deliver import Delivery
from connector.engine.report import Tally
from connector.errors import Transient, Unavailable
from connector.model import Write
from connector.store import Settle
from tests.unit.engine.world import World


def test_rule_1_a_case_whose_settle_was_lost_and_which_closed_at_once_is_answered(world: World) -> None:
    world.order("0001")
    world.killed_pass()
    world.desk.put("Case", world.case_id("0001"), Resolution="RELEASE", Decided="1")

    world.tick("cases-to-orders")  # before the other flow ever settled its row

    assert world.shop.objects["orders"]["0001"].fields["c_decision"] == "RELEASE"
    assert world.notes("0001") == ["RELEASE for 0001 over 10.5"]


def test_rule_2_a_change_that_comes_during_a_delivery_is_delivered_after_it(world: World) -> None:
    world.order("0001", status="first")

    def meanwhile(stream: str, batch: Sequence[Write]) -> None:
        world.clock.forward(seconds=1)
        world.order("0001", status="second")
        page = next(
            iter(world.shop.read("orders", None, select=world.engine.selection(world.flows["orders-to-cases"])))
        )
        world.store.ingest("orders-to-cases", page, world.clock.now())

    world.desk.during(meanwhile)
    world.tick()
    world.tick()

    assert world.cases()["0001"]["Subject"] == "Order 0001 is second"
    assert max(world.desk.created.values()) == 1


def test_rule_2_a_worker_that_comes_back_past_its_lease_cannot_overwrite_the_new_owner(world: World) -> None:
    world.order("0001")
    flow = world.flows["orders-to-cases"]
    page = next(iter(world.shop.read("orders", None, select=world.engine.selection(flow))))
    now = world.clock.now()
    zombie = world.store.ingest(flow.id, page, now, lease=flow.lease)
    world.clock.forward(seconds=flow.lease + 1)

    world.tick()  # the new owner delivers it
    assert zombie.token is not None
    outcome = Settle(zombie.leased[0].row, 1, "parked", reason="the zombie's opinion")
    moved = world.store.settle(flow.id, zombie.token, [outcome], world.clock.now(), mapping="m")

    assert (moved.settled, moved.lost) == (0, 1)
    assert world.states() == {"0001": "done"}


def test_rule_2_a_delivery_past_its_lease_sends_nothing(world: World) -> None:
    world.order("0001")
    flow = world.flows["orders-to-cases"]
    page = next(iter(world.shop.read("orders", None, select=world.engine.selection(flow))))
    leased = world.store.ingest(flow.id, page, world.clock.now(), lease=flow.lease)
    until = world.clock.now() + timedelta(seconds=flow.lease)
    assert leased.token is not None
    late = Delivery(world.engine.workshop(flow), leased.token, leased.leased, until, Tally())
    world.clock.forward(seconds=flow.lease - world.desk.deadline + 0.1)  # a call might outlive the lease

    late.run()

    assert world.desk.count("write") == 0


def test_rule_3_a_retry_that_is_due_at_once_does_not_spin(world: World) -> None:
    world.order("0001")
    world.desk.deadline = world.flows["orders-to-cases"].lease + 1  # every send is refused: no lease is long enough

    world.tick()

    assert world.desk.count("write") == 0
    assert world.states() == {"0001": "pending"}


def test_rule_4_our_own_write_back_moves_the_date_and_writes_nothing(world: World) -> None:
    world.order("0001")
    world.tick()
    world.desk.put("Case", world.case_id("0001"), Resolution="RELEASE", Decided="1")
    world.tick("cases-to-orders", minutes=1)
    before = world.desk.count("write"), world.shop.count("write")

    report = world.tick(minutes=1)

    assert report.changed == 1
    assert (world.desk.count("write"), world.shop.count("write")) == before


def test_rule_5_a_hundred_ticks_of_outage_cost_two_calls_each_and_no_record(world: World) -> None:
    for number in range(150):  # one page, one chunk
        world.order(f"{number:04}")
    world.desk.fail("write", Unavailable("503"), times=1000)

    for _ in range(100):
        before = len(world.desk.log) + len(world.shop.log)
        world.tick(minutes=0.5)
        assert len(world.desk.log) + len(world.shop.log) - before <= 2

    assert max(row.attempts for row in world.store.rows(limit=1000)) == 0
    assert len(world.events("connection_down")) == 1
    world.desk._scripts.clear()
    world.tick(minutes=10)
    assert len(world.cases()) == 150
    assert len(world.events("connection_up")) == 1


def test_rule_6_a_kill_after_the_note_was_sent_does_not_send_it_twice(world: World) -> None:
    world.order("0001")
    world.tick()
    world.desk.put("Case", world.case_id("0001"), Resolution="RELEASE", Decided="1")
    world.clock.forward(minutes=1)
    world.killed_pass("cases-to-orders")
    assert len(world.notes("0001")) == 1

    world.tick("cases-to-orders")
    assert world.states("cases-to-orders") == {world.case_id("0001"): "pending"}  # it waits: the reply may still commit
    looked_before = world.shop.count("write")
    world.tick("cases-to-orders", minutes=1.9)
    assert world.shop.count("write") == looked_before, "looked up earlier than sent + settle_after"
    world.tick("cases-to-orders", minutes=0.2)

    assert len(world.notes("0001")) == 1
    assert world.states("cases-to-orders") == {world.case_id("0001"): "done"}


def test_rule_6_a_note_whose_reply_was_lost_is_looked_up_before_it_is_sent_again(world: World) -> None:
    world.order("0001")
    world.tick()
    world.desk.put("Case", world.case_id("0001"), Resolution="RELEASE", Decided="1")
    world.shop.during(lambda stream, batch: None)  # the update passes
    world.clock.forward(minutes=1)
    world.tick("cases-to-orders")
    world.desk.put("Case", world.case_id("0001"), Resolution="HOLD", Decided="2")
    world.clock.forward(minutes=1)
    world.shop.fail("write", Transient("reset", uncertain=True), committed=True, times=2)

    for _ in range(12):
        world.tick("cases-to-orders", minutes=1)

    assert world.notes("0001") == ["RELEASE for 0001 over 10.5", "HOLD for 0001 over 10.5"]


def test_rule_7_a_repeated_create_leaves_the_agents_hand_alone(world: World) -> None:
    world.order("0001")
    world.killed_pass()
    world.desk.put("Case", world.case_id("0001"), Status="Working", OwnerId="ann", claimed_by="ann")

    world.tick()

    assert world.cases()["0001"]["Status"] == "Working"
    assert world.cases()["0001"]["OwnerId"] == "ann"
    assert max(world.desk.created.values()) == 1
    assert {write.op for _, write in world.desk.sent} <= {"create", "update"}


def test_rule_8_what_we_wrote_ourselves_is_never_mapped(world: World) -> None:
    from dataclasses import replace

    world.order("0001")
    world.shop.objects["orders"]["0001"] = replace(world.shop.objects["orders"]["0001"], own=True)

    report = world.tick()

    assert report.filtered == 1
    assert world.cases() == {}


def test_a_page_that_cannot_be_stored_moves_no_cursor(world: World) -> None:
    world.order("0001")

    world.killed_pass(at="ingest")

    assert world.store.cursor("orders-to-cases") is None
    world.tick()
    assert len(world.cases()) == 1


def test_a_kill_before_the_write_was_sent_delivers_it_after_the_restart(world: World) -> None:
    world.order("0001")

    world.desk.fail("write", Transient("never sent"), committed=False)  # stands for the kill: nothing was committed
    world.tick()
    world.restart()

    world.tick(minutes=5)

    assert len(world.cases()) == 1
    assert max(world.desk.created.values()) == 1


def test_a_second_pass_right_after_the_first_makes_no_write(world: World) -> None:
    for number in range(450):
        world.order(f"{number:04}")
    world.tick()
    writes = world.desk.count("write")

    report = world.tick()

    assert world.desk.count("write") == writes
    assert report.repeated == report.read == 450


def test_a_kill_does_not_let_in_what_the_mapping_leaves_out(world: World) -> None:
    world.order("0001", needs_care=False)
    world.order("0002")
    world.killed_pass()

    world.tick()

    assert set(world.cases()) == {"0002"}
    assert world.states() == {"0001": "filtered", "0002": "done"}


def test_a_record_that_was_sent_before_a_kill_and_is_left_out_now_stays_under_care(world: World) -> None:
    world.order("0001")
    world.killed_pass()
    world.clock.forward(minutes=1)
    world.order("0001", needs_care=False, status="mended")

    world.tick()

    assert world.cases()["0001"]["Subject"] == "Order 0001 is mended"


def test_a_worker_that_is_stopped_past_its_lease_right_before_its_call_sends_nothing(world: World) -> None:
    world.order("0001")
    asked = world.desk.longest_call

    def stopped() -> float:
        """The last thing that is asked before a call goes out."""
        world.desk.longest_call = asked  # type: ignore[method-assign]
        world.clock.forward(seconds=world.flows["orders-to-cases"].lease + 1)
        return asked()

    world.desk.longest_call = stopped  # type: ignore[method-assign]
    world.tick()
    assert world.cases() == {}, "its row may be somebody else's by now"
    world.tick(minutes=6)
    assert list(world.cases()) == ["0001"]
    assert max(world.desk.created.values()) == 1
