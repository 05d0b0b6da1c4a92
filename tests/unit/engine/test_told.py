"""What was refused for good is told at the source: in words, once for each refusal, whatever happens around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.errors import ConnectorError, Gone, Misconfigured, Rejected, Transient, Unavailable
from connector.model import Line, Write
from tests.unit.engine.world import World

TELLING = """
summary: a decision is carried out, then shown; what the shop refuses is told
fields:
  c_state: {from: "{{ State }}", map: {Closed: CLOSED, Open: OPEN}}
also:
  - id: cancel
    to: destination.orders.status
    when: "{{ Resolution == 'Cancel' }}"
    key: "{{ Decided }}"
    fields: {status: cancelled, only_from: "created, new"}
  - id: shown
    to: main
    after: [cancel]
    fields: {c_decision: "{{ Resolution }}"}
refused:
  to: source.Remark
  key: "{{ Decided }}"
  words: {ONLY_FROM: it has gone too far, ONLY_FROM/completed: it has been shipped, failing: the shop does not take it,
          unclear: nobody knows}
  fields:
    Public: false
    Body: "{{ refused.line | default('nothing') }} of {{ origin.key }}: {{ refused.words | default(refused.reason) }}"
"""
SHIPPED = Rejected("status is completed", field="status", code="ONLY_FROM/completed", remedy="decide anew")
FROZEN = Rejected("409 frozen", field="status", code="Frozen")
LOST = Transient("the connection was reset", uncertain=True, code="reset")


@pytest.fixture
def telling(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, answers=TELLING)
    for key in ("0001", "0002"):
        made.order(key)
    made.tick()
    yield made
    made.store.close()


def moves(write: Write) -> bool:
    return "status" in write.fields


def tells(write: Write) -> bool:
    return write.op == "append" and "Body" in write.fields


def decide(
    world: World, decided: str = "1", key: str = "0001", resolution: str = "Cancel", state: str = "Closed"
) -> None:
    world.desk.put("Case", world.case_id(key), Resolution=resolution, Decided=decided, State=state)


def remarks(world: World, key: str = "0001") -> list[str]:
    return [fields["Body"] for _, fields in world.desk.appended["Remark"][world.case_id(key)]]


def state(world: World, key: str = "0001") -> str:
    return world.states("cases-to-orders")[world.case_id(key)]


def reason(world: World, key: str = "0001") -> str:
    row = world.store.row("cases-to-orders", "", world.case_id(key))
    assert row is not None
    return row.reason


def told(world: World, key: str = "0001") -> list[Line]:
    row = world.store.row("cases-to-orders", "", world.case_id(key))
    assert row is not None
    return [line for line in row.lines if line.id == "told"]


def pass_(world: World, minutes: float = 3) -> None:
    world.tick("cases-to-orders", minutes=minutes)


def retry(world: World) -> None:
    assert world.store.replay(world.clock.now(), flow="cases-to-orders") == 1
    pass_(world)


def test_a_refused_line_is_told_in_the_words_of_the_mapping_and_its_row_parks_for_its_own_reason(
    telling: World,
) -> None:
    telling.shop.fail("write", SHIPPED, when=moves)
    decide(telling)
    pass_(telling)
    assert remarks(telling) == ["cancel of 0001: it has been shipped"]
    assert (state(telling), reason(telling)) == ("parked", "status is completed")
    (line,) = told(telling)
    assert (line.state, line.stream) == ("sent", "desk.Remark")
    ((key, fields),) = telling.desk.appended["Remark"][telling.case_id("0001")]
    assert key.startswith("cases-to-orders:_ref_arch:0001:told:1-cancel-"), (
        "it bears the origin's key, so that it is ours"
    )
    assert fields["Public"] is False
    assert telling.events("parked")[-1]["reason"] == "status is completed"


def test_what_cannot_be_mapped_is_remembered_as_an_attempt_though_it_was_told(telling: World) -> None:
    decide(telling, state="Nonsense")
    pass_(telling)
    assert len(remarks(telling)) == 1
    (row,) = telling.store.rows(flow="cases-to-orders", state="parked")
    (attempt,) = telling.store.attempts([row.id])[row.id]
    assert (attempt.line, attempt.fault, attempt.reason) == ("", "MappingFault", row.reason)


def test_a_decision_that_goes_through_tells_nothing(telling: World) -> None:
    decide(telling)
    pass_(telling)
    assert (remarks(telling), state(telling), told(telling)) == ([], "done", [])


def test_all_refusals_of_a_chunk_are_told_in_one_call(telling: World) -> None:
    telling.shop.fail("write", SHIPPED, times=2, when=moves)
    for key in ("0001", "0002"):
        decide(telling, key=key)
    pass_(telling)
    assert [count for verb, stream, count in telling.desk.log if (verb, stream) == ("write", "Remark")] == [2]


def test_a_retry_that_fails_for_the_same_reason_tells_nothing_more(telling: World) -> None:
    telling.shop.fail("write", SHIPPED, times=2, when=moves)
    decide(telling)
    pass_(telling)
    retry(telling)
    assert len(remarks(telling)) == 1
    assert state(telling) == "parked"


def test_a_retry_that_fails_for_another_reason_is_told(telling: World) -> None:
    telling.shop.fail("write", SHIPPED, when=moves)
    decide(telling)
    pass_(telling)
    telling.shop.fail("write", FROZEN, when=moves)
    retry(telling)
    assert remarks(telling) == ["cancel of 0001: it has been shipped", "cancel of 0001: 409 frozen"]


def test_a_retry_that_goes_through_ends_it(telling: World) -> None:
    telling.shop.fail("write", SHIPPED, when=moves)
    decide(telling)
    pass_(telling)
    retry(telling)
    assert (state(telling), len(remarks(telling))) == ("done", 1)
    assert telling.shop.objects["orders"]["0001"].fields["status"] == "cancelled"


def test_the_same_refusal_of_a_new_decision_is_told_again(telling: World) -> None:
    telling.shop.fail("write", SHIPPED, times=2, when=moves)
    for decided in ("1", "2"):
        decide(telling, decided)
        pass_(telling)
    assert len(remarks(telling)) == 2


def test_a_change_of_the_case_that_decides_nothing_new_tells_nothing_more(telling: World) -> None:
    """As our own comment may be, where it moves the case's stamp."""
    telling.shop.fail("write", SHIPPED, times=3, when=moves)
    decide(telling)
    pass_(telling)
    for owner in ("Ada", "Bob"):
        telling.desk.put("Case", telling.case_id("0001"), Owner=owner)
        pass_(telling)
    assert len(remarks(telling)) == 1


def test_a_decision_that_cannot_be_mapped_is_told(telling: World) -> None:
    decide(telling, state="Odd")
    pass_(telling)
    (text,) = remarks(telling)
    assert text.startswith("nothing of 0001: ")
    assert "'Odd' is not in `map`" in text
    assert state(telling) == "parked"


def test_a_line_that_fails_too_often_is_told_when_it_parks_and_not_before(telling: World) -> None:
    telling.policy = replace(telling.policy, attempts=3)
    telling.restart()
    telling.shop.fail("write", Transient("503", code="503"), times=3, when=moves)
    decide(telling)
    for _ in range(2):
        pass_(telling, 60)
        assert remarks(telling) == []
    pass_(telling, 60)
    assert remarks(telling) == ["cancel of 0001: the shop does not take it"]
    assert state(telling) == "parked"


def test_nobody_is_told_that_nothing_happened_where_nobody_knows(telling: World) -> None:
    """The first try got no answer, and all others none that says more."""
    telling.policy = replace(telling.policy, attempts=3)
    telling.restart()
    telling.shop.fail("write", LOST, when=moves)
    telling.shop.fail("write", Transient("503", code="503"), times=2, when=moves)
    decide(telling)
    for _ in range(3):
        pass_(telling, 60)
    assert remarks(telling) == ["cancel of 0001: nobody knows"]
    assert state(telling) == "parked"


def test_its_row_waits_until_it_is_told_and_the_refused_line_is_not_sent_again(telling: World) -> None:
    telling.shop.fail("write", SHIPPED, times=1, when=moves)  # a second try would go through
    telling.desk.fail("write", Transient("row locked"), when=tells)
    decide(telling)
    pass_(telling)
    assert (remarks(telling), state(telling)) == ([], "pending")
    assert reason(telling).startswith("refused, and not told at desk.Remark yet: row locked")
    pass_(telling, 60)
    assert remarks(telling) == ["cancel of 0001: it has been shipped"], (
        "in the same words, although nobody was asked again"
    )
    assert (state(telling), reason(telling)) == ("parked", "status is completed")
    assert telling.shop.objects["orders"]["0001"].fields["status"] == "new"


@pytest.mark.parametrize("error", [Unavailable("503"), Misconfigured("may not append", remedy="give the permission")])
def test_what_cannot_be_told_now_is_told_later(telling: World, error: Unavailable | Misconfigured) -> None:
    telling.shop.fail("write", SHIPPED, when=moves)
    decide(telling)
    telling.clock.forward(minutes=1)
    telling.desk.fail("write", error)
    telling.engine.run_pass("cases-to-orders")
    assert (remarks(telling), state(telling)) == ([], "pending")
    pass_(telling, 10)
    assert (len(remarks(telling)), state(telling)) == (1, "parked")


def test_a_shop_that_goes_down_after_the_refusal_loses_no_telling(tmp_path: Path) -> None:
    """One row is refused and nothing else is owed of it; then the connection stops for its neighbour."""
    alone = TELLING.replace(TELLING[TELLING.index("  - id: shown") : TELLING.index("refused:")], "")
    world = World(tmp_path, answers=alone)
    for key in ("0001", "0002"):
        world.order(key)
    world.tick()
    for key in ("0001", "0002"):
        decide(world, key=key)
    world.shop.fail("write", SHIPPED, when=moves)
    world.shop.meanwhile(lambda: world.shop.fail("write", Unavailable("down")), call=3)
    pass_(world)
    assert [state(world, key) for key in ("0001", "0002")] == ["pending", "pending"]
    assert reason(world).startswith("refused, and not told")
    pass_(world, 30)
    assert [state(world, key) for key in ("0001", "0002")] == ["parked", "done"]
    assert (len(remarks(world)), len(remarks(world, "0002"))) == (1, 0)
    world.store.close()


@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_reply_tells_once(telling: World, committed: bool) -> None:
    telling.shop.fail("write", SHIPPED, when=moves)
    decide(telling)
    telling.clock.forward(minutes=1)
    telling.desk.fail("write", LOST, committed=committed)
    telling.engine.run_pass("cases-to-orders")
    assert state(telling) == "pending"
    for _ in range(3):
        pass_(telling, 15)
    assert (len(remarks(telling)), state(telling)) == (1, "parked")


def test_a_kill_before_the_settle_tells_once(telling: World) -> None:
    telling.shop.fail("write", SHIPPED, times=2, when=moves)
    decide(telling)
    telling.clock.forward(minutes=1)
    telling.killed_pass("cases-to-orders")
    assert len(remarks(telling)) == 1
    for _ in range(3):
        pass_(telling, 15)
    assert (len(remarks(telling)), state(telling)) == (1, "parked")


def test_a_ledger_that_is_lost_tells_nothing_twice_under_the_same_key(telling: World) -> None:
    telling.shop.fail("write", SHIPPED, times=2, when=moves)
    decide(telling)
    pass_(telling)
    telling.store.close()
    for path in telling.folder.glob("ledger.db*"):
        path.unlink()
    telling.restart()
    telling.tick()
    pass_(telling)
    keys = {key for key, _ in telling.desk.appended["Remark"][telling.case_id("0001")]}
    assert len(keys) == 1, "whoever looks first finds it"


@pytest.mark.parametrize("error", [Rejected("too long", field="Body"), Gone("deleted", code="404")])
def test_a_telling_that_is_refused_parks_plainly_and_is_told_nowhere(telling: World, error: ConnectorError) -> None:
    assert isinstance(error, Rejected | Gone)
    telling.shop.fail("write", SHIPPED, when=moves)
    telling.desk.fail("write", error, when=tells)
    decide(telling)
    pass_(telling)
    assert (remarks(telling), state(telling), reason(telling)) == ([], "parked", "status is completed")
    (line,) = told(telling)
    assert (line.state, line.reason) == ("rejected", str(error))
    pass_(telling, 600)
    assert remarks(telling) == []

    telling.shop.fail("write", SHIPPED, when=moves)
    retry(telling)
    assert len(remarks(telling)) == 1, "a retry tells what could not be told"


def test_a_telling_that_cannot_be_worked_out_parks_plainly(tmp_path: Path) -> None:
    world = World(tmp_path, answers=TELLING.replace("{{ refused.line | default('nothing') }}", "{{ Resolution + 1 }}"))
    world.order("0001")
    world.tick()
    world.shop.fail("write", SHIPPED, when=moves)
    decide(world)
    pass_(world)
    assert (remarks(world), state(world), reason(world)) == ([], "parked", "status is completed")
    (line,) = told(world)
    assert "cannot be" in line.reason
    world.store.close()


def test_a_flow_that_is_told_to_keep_quiet_tells_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, answers=TELLING)
    world.flow(
        "cases-to-orders", "desk.Case", "shop.orders", TELLING, answers="orders-to-cases", brake=None, tell=False
    )
    world.restart()
    world.order("0001")
    world.tick()
    world.shop.fail("write", SHIPPED, when=moves)
    decide(world)
    pass_(world)
    assert (remarks(world), state(world), told(world)) == ([], "parked", [])
    world.store.close()


def test_refusals_that_when_leaves_out_are_not_told(tmp_path: Path) -> None:
    world = World(tmp_path, answers=TELLING + "  when: \"{{ refused.line == 'shown' }}\"\n")
    world.order("0001")
    world.tick()
    world.shop.fail("write", SHIPPED, when=moves)
    decide(world)
    pass_(world)
    assert (remarks(world), state(world)) == ([], "parked")
    world.store.close()


def test_a_changed_mapping_that_parks_what_was_settled_calls_nobody(telling: World) -> None:
    decide(telling)
    pass_(telling)
    flow = telling.flows["cases-to-orders"]
    changed = TELLING.replace("Closed: CLOSED, ", "")
    telling.flow("cases-to-orders", "desk.Case", "shop.orders", changed, answers="orders-to-cases", brake=None)
    telling.restart()
    rows = [row.id for row in telling.store.rows(flow="cases-to-orders", key=telling.case_id("0001"))]
    assert (
        telling.store.remap(flow.id, rows, telling.flows["cases-to-orders"].mapping.version, telling.clock.now()) == 1
    )
    pass_(telling)
    assert (state(telling), remarks(telling)) == ("parked", [])


def test_telling_costs_one_call_a_chunk_and_nothing_where_nothing_is_refused(telling: World) -> None:
    before = len(telling.desk.log)
    decide(telling)
    pass_(telling)
    assert [verb for verb, *_ in telling.desk.log[before:]] == ["read"]
