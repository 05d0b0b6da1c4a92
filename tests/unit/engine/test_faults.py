"""Whose fault is it? What the engine does with each class of error."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from connector.engine.health import Health
from connector.errors import AuthFailed, Conflict, Gone, Misconfigured, RateLimited, Rejected, Transient, Unavailable
from connector.model import Write
from connector.retry import Policy
from tests.unit.engine.world import ORDERS, RETURNS, World


def of(order: str):  # type: ignore[no-untyped-def]
    return lambda write: write.key.endswith(":" + order)


def test_a_row_that_is_refused_parks_at_once_with_reason_and_field_and_its_neighbours_pass(world: World) -> None:
    for number in range(10):
        world.order(f"{number:04}")
    world.desk.fail("write", Rejected("bad value", field="Subject", remedy="correct it"), when=of("0003"))

    report = world.tick()

    assert (report.done, report.parked) == (9, 1)
    row = next(iter(world.store.rows(state="parked")))
    assert (row.key, row.reason, row.field, row.remedy) == ("0003", "bad value", "Subject", "correct it")
    assert world.events("parked")[0]["rows"] == 1


def test_a_parked_row_maps_again_when_it_is_retried(world: World) -> None:
    world.order("0001")
    world.desk.fail("write", Rejected("bad"), when=of("0001"))
    world.tick()

    assert world.store.replay(world.clock.now()) == 1
    world.tick()

    assert world.states() == {"0001": "done"}


def test_a_new_version_of_a_parked_record_is_tried(world: World) -> None:
    world.order("0001")
    world.desk.fail("write", Rejected("bad"), when=of("0001"))
    world.tick()
    world.clock.forward(minutes=1)
    world.order("0001", status="mended")

    world.tick()

    assert world.states() == {"0001": "done"}


def test_a_chunk_that_is_refused_whole_is_halved_until_one_row_stands_alone(world: World) -> None:
    for number in range(64):
        world.order(f"{number:04}")
    real = world.desk.write

    class Picky(type(world.desk)):  # type: ignore[misc]
        def write(self, stream, batch):  # type: ignore[no-untyped-def]
            if any(write.key.endswith(":0013") for write in batch):
                self.log.append(("write", stream, len(batch)))
                raise Rejected("the call is refused for one row", field="Total")
            return real(stream, batch)

    world.desk.__class__ = Picky
    report = world.tick()

    assert (report.done, report.parked) == (63, 1)
    assert world.states()["0013"] == "parked"
    assert world.desk.count("write") <= 2 * 7


@pytest.mark.parametrize("bad", [0, 99, 123, 199])
def test_one_row_that_spoils_two_hundred_costs_two_calls_a_halving(world: World, bad: int) -> None:
    """At most 1 + 2 · log2(200): each half is asked, and only the bad one is halved again."""
    for number in range(200):
        world.order(f"{number:04}")
    real = world.desk.write

    class Picky(type(world.desk)):  # type: ignore[misc]
        def write(self, stream, batch):  # type: ignore[no-untyped-def]
            if any(write.key.endswith(f":{bad:04}") for write in batch):
                self.log.append(("write", stream, len(batch)))
                raise Rejected("an unknown field", field="Total", remedy="add the field")
            return real(stream, batch)

    world.desk.__class__ = Picky
    report = world.tick()

    assert (report.done, report.parked) == (199, 1)
    assert [key for key, state in world.states().items() if state == "parked"] == [f"{bad:04}"]
    calls = [count for verb, _, count in world.desk.log if verb == "write"]
    assert calls[0] == 200
    assert len(calls) <= 1 + 2 * 8
    assert max(world.desk.created.values()) == 1


def test_an_unclear_answer_of_a_well_system_burns_one_attempt_of_these_records(world: World) -> None:
    world.order("0001")
    world.desk.fail("write", Transient("timeout", uncertain=True), committed=True)

    world.tick()
    row = world.store.row("orders-to-cases", "RefArch", "0001")
    assert row is not None
    assert (row.state, row.attempts) == ("pending", 1)
    assert row.lines[0].uncertain == world.clock.now()

    world.tick(minutes=1)
    assert max(world.desk.created.values()) == 1
    assert world.states() == {"0001": "done"}


def test_an_unclear_answer_of_an_ill_system_burns_no_attempt(world: World) -> None:
    world.order("0001")
    world.desk.fail("write", Transient("timeout", uncertain=True))
    world.desk.fail("check", Unavailable("503"))

    world.tick()

    row = world.store.row("orders-to-cases", "RefArch", "0001")
    assert row is not None
    assert (row.state, row.attempts) == ("pending", 0)
    assert world.events("connection_down")


def test_whoever_hears_that_a_system_is_down_or_back_finds_it_in_the_ledger(world: World) -> None:
    scope, heard = "connection:desk", []

    def tell(event: str, **_: object) -> None:
        heard.append((event, world.store.healths()[scope][0]))

    health = Health(store=world.store, clock=world.clock, policy=Policy(), tell=tell)
    health.broken(scope, Unavailable("503"))
    health.works(scope)
    assert heard == [("connection_down", "down"), ("connection_up", "ok")]


def test_two_chunks_that_fail_in_a_row_make_the_stream_unavailable(world: World) -> None:
    for number in range(600):
        world.order(f"{number:04}")
    world.desk.fail("write", Transient("500"), times=50)

    world.tick()

    assert world.desk.count("write") <= 8  # those in flight, not one after another
    assert world.events("connection_down")
    world.desk._scripts.clear()
    for _ in range(40):
        world.tick(minutes=5)
    assert len(world.cases()) == 600


def test_records_that_fail_for_ever_park_after_their_attempts(world: World) -> None:
    world.order("0001")
    world.order("0002")
    world.desk.fail("write", Transient("row locked"), when=of("0001"), times=1000)

    for _ in range(30):
        world.tick(minutes=70)

    assert world.states() == {"0001": "parked", "0002": "done"}
    row = next(iter(world.store.rows(state="parked")))
    assert row.reason.startswith("still failing after 12 attempts")


def test_a_limit_is_obeyed_until_the_system_says(world: World) -> None:
    world.order("0001")
    until = world.clock.now() + timedelta(minutes=7)
    world.desk.fail("write", RateLimited("429", until=until))

    world.tick()
    world.tick(minutes=6.9)
    assert world.desk.count("write") == 1
    world.tick(minutes=0.2)

    assert len(world.cases()) == 1


def test_refused_credentials_are_said_once_and_burn_nothing(world: World) -> None:
    world.order("0001")
    world.desk.fail("write", AuthFailed("invalid_client"), times=20)

    for _ in range(20):
        world.tick(minutes=1)

    assert len(world.events("connection_down")) == 1
    row = world.store.row("orders-to-cases", "RefArch", "0001")
    assert row is not None
    assert row.attempts == 0
    assert world.store.healths()["connection:desk"][0] == "refused"


def test_what_an_administrator_must_change_pauses_the_flow_parks_nothing_and_resumes_by_itself(world: World) -> None:
    world.order("0001")
    world.desk.fail("write", Misconfigured("no field Total", remedy="create it"), times=3)

    for _ in range(3):
        world.tick(minutes=1.1)
    assert world.states() == {"0001": "pending"}
    assert [facts["remedy"] for facts in world.events("flow_paused")] == ["create it"]

    world.tick(minutes=2)
    assert world.states() == {"0001": "done"}
    assert len(world.events("flow_resumed")) == 1


def test_a_source_that_is_down_moves_no_cursor_and_loses_nothing(world: World) -> None:
    world.order("0001")
    world.tick()
    cursor = world.store.cursor("orders-to-cases")
    world.clock.forward(minutes=1)
    world.order("0002")
    world.shop.fail("read", Unavailable("refused"), times=2)

    world.tick()
    assert world.store.cursor("orders-to-cases") == cursor
    world.tick(minutes=5)
    world.tick(minutes=5)

    assert set(world.cases()) == {"0001", "0002"}


def test_a_case_that_was_deleted_parks_and_is_not_made_again(world: World) -> None:
    world.order("0001")
    world.tick()
    world.desk.remove("Case", world.case_id("0001"))
    world.clock.forward(minutes=1)
    world.order("0001", status="late")

    world.tick()

    assert world.states() == {"0001": "parked"}
    assert world.desk.objects["Case"] == {}


@pytest.mark.parametrize("error", [Conflict("changed"), Gone("gone")])
def test_faults_of_a_record_never_touch_its_connection(world: World, error: Conflict | Gone) -> None:
    world.order("0001")
    world.order("0002")
    world.desk.fail("write", error, when=of("0001"))

    world.tick()

    assert world.states()["0002"] == "done"
    assert not world.events("connection_down")


def test_a_conflict_is_decided_again_soon_and_bounded(world: World) -> None:
    world.order("0001")
    world.desk.fail("write", Conflict("state changed"), when=of("0001"), times=2)

    world.tick()
    world.tick(minutes=0.1)
    world.tick(minutes=0.1)

    assert world.states() == {"0001": "done"}


def test_the_brake_bounds_new_objects_an_hour_also_across_a_restart(tmp_path: Path) -> None:
    world = World(tmp_path, orders=ORDERS, brake=100)
    for number in range(250):
        world.order(f"{number:04}")

    world.tick()
    world.restart()
    world.tick(minutes=11)
    assert len(world.cases()) == 100
    assert len(world.events("brake")) == 2, "said once by each process"
    held = list(world.store.rows(state="pending"))
    assert {row.reason for row in held} == {"held by the brake: 100 new objects an hour"}

    world.tick(minutes=61)
    world.tick(minutes=61)
    assert len(world.cases()) == 250
    world.store.close()


def test_a_stopping_process_sends_nothing_more_and_owes_what_it_did_not_send(world: World) -> None:
    for number in range(450):
        world.order(f"{number:04}")

    def stop(stream: str, batch: object) -> None:
        world.stop.set()

    world.desk.during(stop)
    world.engine.run_pass("orders-to-cases")
    sent = len(world.cases())
    assert 0 < sent < 450

    world.stop.clear()
    world.restart()
    world.tick()
    assert len(world.cases()) == 450
    assert max(world.desk.created.values()) == 1


def test_one_row_is_answered_for_each_write(world: World) -> None:
    seen: list[Write] = []
    world.order("0001")
    world.desk.during(lambda stream, batch: seen.extend(batch))

    world.tick()

    assert [write.key for write in seen] == ["orders-to-cases:_ref_arch:0001"]


def test_a_fault_that_a_dead_process_left_in_the_ledger_heals_with_the_first_call_that_succeeds(world: World) -> None:
    world.order("0001")
    world.desk.fail("write", Unavailable("refused"))
    world.tick()
    assert world.store.healths()["connection:desk"][0] == "down"
    world.restart()

    world.tick(minutes=5)

    assert world.store.healths()["connection:desk"][0] == "ok"
    assert [facts["connection"] for facts in world.events("connection_up")] == ["desk"]


def test_a_fault_that_another_process_found_heals_beside_it(world: World) -> None:
    world.tick()
    world.store.health("connection:shop", "down", world.clock.now(), "refused")

    world.tick(minutes=1)

    assert world.store.healths()["connection:shop"][0] == "ok"


def test_a_paused_flow_stays_paused_in_the_ledger_until_what_it_could_not_send_is_sent(world: World) -> None:
    world.order("0001")
    world.desk.fail("write", Misconfigured("no such field", remedy="create it"))
    world.tick()
    world.restart()

    report = world.tick()
    assert (report.waiting, world.store.healths()["flow:orders-to-cases"][0]) == (1, "paused")
    world.tick(minutes=5)

    assert world.store.healths()["flow:orders-to-cases"][0] == "ok"
    assert set(world.cases()) == {"0001"}


def test_a_paused_flow_is_well_when_what_it_could_not_send_is_sent_though_something_else_waits(world: World) -> None:
    world.order("0001")
    world.desk.fail("write", Misconfigured("no such field", remedy="create it"))
    world.tick()
    world.restart()
    world.tick()
    assert world.store.healths()["flow:orders-to-cases"][0] == "paused"
    world.clock.forward(minutes=5)
    world.order("0002")
    world.desk.fail("write", Transient("row locked"), when=of("0002"), times=1000)

    report = world.tick()

    assert (report.waiting, set(world.cases())) == (1, {"0001"})
    assert world.store.healths()["flow:orders-to-cases"][0] == "ok"


def test_records_that_are_stored_while_the_destination_is_down_are_told_as_waiting(world: World) -> None:
    world.order("0001")
    world.desk.fail("write", Unavailable("refused"), times=2)
    world.tick()
    world.order("0002")

    report = world.tick(minutes=0.1)

    assert (report.changed, report.done, report.waiting) == (1, 0, 2)


def test_a_backlog_behind_the_brake_costs_no_look_ups_every_minute(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.flow("r", "shop.returns", "desk.Case", RETURNS, brake=1)
    world.restart()
    for number in range(30):
        world.order(f"{number:04}")
        world.shop.put("returns", f"R{number}", order_no=f"{number:04}")
    world.tick("r")
    fetches = world.shop.count("fetch")

    for _ in range(9):
        world.tick("r", minutes=1)

    assert world.shop.count("fetch") == fetches
    world.store.close()
