"""Flows by state: each hit is evaluated once, decided by what is so at the poll, and never over a person's hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Rejected, Transient, Unavailable
from connector.model import Ref, Stay
from connector.stamps import stamp
from connector.states import OwnTime
from connector.testing import FrozenClock
from tests.unit.engine.world import Killed, World

ESCALATE = """
summary: a case that nobody has claimed for 15 minutes
target: "{{ record.key }}"
once_per: "{{ record.key }}:{{ queued_since }}"
fields:
  Priority: {from: High, write: until-claimed}
  OwnerId: {ref: queue, name: Escalation, write: until-claimed}
  Waited_Until: {from: "{{ now }}", write: until-claimed}
"""
WAITS = {"open": True, "claimed": False, "waiting_longer_than": 900.0}
FLOW = "escalate"


class Desk(World):
    """A desk whose cases wait in queues."""

    def __init__(self, folder: Path, mapping: str = ESCALATE, **where: Any) -> None:
        super().__init__(folder)
        self.flow(FLOW, "desk.Case", "desk.Case", mapping, by_state=True, where=where or WAITS)
        self.restart()

    def case(self, key: str = "C1", **fields: Any) -> None:
        self.desk.put("Case", key, Id=key, **{"OwnerId": "Returns", "Priority": "Low", **fields})

    def poll(self, minutes: float = 1) -> None:
        self.clock.forward(minutes=minutes)
        self.engine.run_pass(FLOW)

    def fields(self, key: str = "C1") -> dict[str, object]:
        return self.desk.objects["Case"][key].fields


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_case_that_waits_too_long_is_escalated_once_for_each_stay_in_the_queue(desk: Desk) -> None:
    desk.case()
    desk.poll(0)
    desk.poll(14)
    assert desk.fields()["Priority"] == "Low"
    desk.poll(1)
    assert desk.fields()["Priority"] == "High"
    assert desk.fields()["OwnerId"] == Ref("queue", "Escalation")
    desk.case(Priority="Medium", OwnerId="Returns", claimed_by="Ines")  # she takes it, and gives it back an hour later
    desk.poll(60)
    desk.case(OwnerId="Returns", Priority="Medium", claimed_by=None)
    for _ in range(14):
        desk.poll()
        assert desk.fields()["Priority"] == "Medium"
    desk.poll()
    assert desk.fields()["Priority"] == "High"
    assert len(list(desk.store.rows(flow=FLOW))) == 2


def test_a_case_with_a_time_of_its_own_waits_by_that(tmp_path: Path) -> None:
    desk = Desk(tmp_path, open=True, claimed=False, waiting_longer_than=OwnTime("Target", 60.0, 900.0))
    for key, target in (("C1", 5), ("C2", 60), ("C3", None), ("C4", "soon")):
        desk.case(key, Target=target)
    for minutes, late in ((0, ""), (4, ""), (1, "C1"), (9, "C1"), (1, "C1 C3 C4"), (45, "C1 C2 C3 C4")):
        desk.poll(minutes)
        assert [key for key in ("C1", "C2", "C3", "C4") if desk.fields(key)["Priority"] == "High"] == late.split()


def test_who_shortens_the_time_of_a_case_is_heard_at_the_next_poll(tmp_path: Path) -> None:
    desk = Desk(tmp_path, open=True, claimed=False, waiting_longer_than=OwnTime("Target", 60.0))
    desk.case()
    desk.poll(0)
    desk.poll(100)
    assert desk.fields()["Priority"] == "Low", "it has none"
    desk.case(Target=30)
    desk.poll()
    assert desk.fields()["Priority"] == "High"


def test_a_case_that_was_forgotten_is_not_evaluated_again_in_another_stay(desk: Desk) -> None:
    desk.case()
    desk.poll(0)
    desk.poll(15)
    (row,) = desk.store.rows(flow=FLOW)
    desk.store.forget([row.id], {"C1"}, desk.clock.now(), by="ada")
    desk.case(OwnerId="Payments", Priority="Low")
    desk.poll()
    desk.poll(20)
    assert desk.fields()["Priority"] == "Low"
    assert list(desk.store.rows(flow=FLOW)) == []
    assert desk.store.stays("desk.Case", ["C1"]) == {}


def test_our_own_change_of_owner_does_not_begin_another_stay(desk: Desk) -> None:
    desk.case()
    desk.poll(0)
    desk.poll(15)
    for _ in range(4):
        desk.poll(15)
    assert desk.fields()["OwnerId"] == Ref("queue", "Escalation")
    assert len(list(desk.store.rows(flow=FLOW))) == 1


def test_a_person_who_moves_a_case_to_another_queue_begins_another_stay(desk: Desk) -> None:
    desk.case()
    desk.poll(0)
    desk.case(OwnerId="Payments")
    desk.poll(14)
    assert desk.fields()["Priority"] == "Low"
    desk.poll(1)  # by difference: it has been there at most since that poll
    desk.poll(14)
    assert desk.fields()["Priority"] == "High"


def test_a_history_tells_more_exactly_than_two_reads(desk: Desk) -> None:
    came, moved = stamp(desk.clock.now()), desk.clock.now()
    desk.clock.forward(minutes=30)
    desk.desk.histories["Case"]["C1"] = [
        Stay("q1", "Returns", False, came, stamp(moved)),
        Stay("q2", "Escalation", False, stamp(moved), None, ours=True),
    ]
    desk.case()
    desk.poll(0)
    assert desk.fields()["Priority"] == "High", "it has waited since before it was moved by us"


def test_now_is_the_instant_of_the_poll_whenever_the_mapping_is_run(desk: Desk) -> None:
    desk.case()
    desk.poll(0)
    desk.desk.fail("write", Unavailable("down"), times=1)
    desk.poll(15)
    polled = stamp(desk.clock.now())
    desk.clock.forward(minutes=5)
    desk.engine.run_pass(FLOW)
    assert desk.fields()["Waited_Until"] == polled


def test_what_was_over_before_it_could_be_acted_on_is_left_alone(desk: Desk) -> None:
    desk.case()
    desk.poll(0)
    desk.desk.fail("write", Unavailable("down"), times=1)
    desk.desk.fail("fetch", Unavailable("down"), times=1)
    desk.poll(15)
    desk.case(claimed_by="Ines")
    desk.poll(30)
    (row,) = desk.store.rows(flow=FLOW)
    assert (row.state, row.reason) == ("filtered", "was no longer so when it could be acted on")
    assert desk.fields()["Priority"] == "Low"


def test_who_claims_it_between_poll_and_write_keeps_it(desk: Desk) -> None:
    desk.case()
    desk.poll(0)
    desk.clock.forward(minutes=15)
    desk.desk.meanwhile(lambda: desk.case(claimed_by="Ines"), call=2, after=True)
    desk.engine.run_pass(FLOW)
    assert (desk.fields()["Priority"], desk.fields()["claimed_by"]) == ("Low", "Ines")
    (row,) = desk.store.rows(flow=FLOW)
    assert (row.state, row.reason, row.lines) == ("filtered", "was no longer so when it could be acted on", ())


@pytest.mark.parametrize("verb", ["ingest", "settle"])
def test_a_kill_anywhere_escalates_once(desk: Desk, verb: str) -> None:
    desk.case()
    desk.poll(0)
    desk.clock.forward(minutes=15)
    desk.killed_pass(FLOW, at=verb)
    desk.poll(0)
    desk.poll(1)
    desk.poll(5)  # the doubt about what was not answered has ended
    assert desk.fields()["Priority"] == "High"
    (row,) = desk.store.rows(flow=FLOW)
    assert row.state == "done"


def test_an_idle_poll_is_one_call(desk: Desk) -> None:
    for number in range(20):
        desk.case(f"C{number}")
    desk.poll(0)
    desk.poll(15)
    before = desk.desk.calls()
    desk.poll()
    desk.poll()
    assert desk.desk.calls() - before <= 2 + 1, "what we changed ourselves is asked about once"


def test_one_that_cannot_say_what_it_is_evaluated_for_parks_and_the_others_pass(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ESCALATE.replace("{{ record.key }}:{{ queued_since }}", "{{ Shift }}"))
    desk.case("C1")
    desk.case("C2", Shift="night")
    desk.poll(0)
    desk.poll(15)
    assert {row.key: row.state for row in desk.store.rows(flow=FLOW)} == {"C1": "parked", "C2:night": "done"}


def test_a_value_of_once_per_that_comes_back_is_not_evaluated_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ESCALATE.replace("{{ queued_since }}", "{{ Shift }}"))
    for shift in ("day", "night", "day"):
        desk.case(Shift=shift, Priority="Low", OwnerId="Returns")
        desk.poll(0)
        desk.poll(15)
    assert [row.key for row in desk.store.rows(flow=FLOW)] == ["C1:night", "C1:day"]
    assert desk.fields()["Priority"] == "Low"


def test_a_refused_one_parks_alone_and_a_retry_sends_it(desk: Desk) -> None:
    desk.case("C1")
    desk.case("C2")
    desk.poll(0)
    desk.desk.fail("write", Rejected("no such queue"), when=lambda write: write.target == "C1")
    desk.poll(15)
    assert {row.key.split(":")[0]: row.state for row in desk.store.rows(flow=FLOW)} == {"C1": "parked", "C2": "done"}
    desk.store.replay(desk.clock.now())
    desk.poll()
    assert desk.fields("C1")["Priority"] == "High"


def test_the_books_balance_and_the_cursor_stays(desk: Desk) -> None:
    desk.case()
    for _ in range(3):
        desk.poll(15)
    (books,) = [books for books in desk.store.counts() if books.flow == FLOW]
    assert books.balanced
    assert desk.store.cursor(FLOW) is None
    assert desk.engine.sweep(FLOW, width=1800).read == 0


def test_a_case_without_one_of_the_wanted_values_is_no_hit(tmp_path: Path) -> None:
    desk = Desk(tmp_path, open=True, claimed=False, waiting_longer_than=60.0, Origin=["Web", "Phone"])
    desk.case("C1", Origin="Web")
    desk.case("C2", Origin="Email")
    desk.case("C3", Origin="Phone", closed=True)
    desk.poll(0)
    desk.poll(2)
    assert [row.key.split(":")[0] for row in desk.store.rows(flow=FLOW)] == ["C1"]


def test_a_changed_record_tells_who_has_it_since_when(tmp_path: Path) -> None:
    mapping = """
summary: the order knows that its case is worked on
fields: {c_by: "{{ claimed_by }}", c_since: "{{ claimed_since }}", c_from: "{{ claimed_from }}"}
"""
    desk = Desk(tmp_path)
    desk.flow("mirror", "desk.Case", "shop.orders", mapping, answers="orders-to-cases")
    desk.restart()
    desk.shop.put("orders", "1", order_no="1", status="new", needs_care=True)
    desk.engine.run_pass("orders-to-cases")
    (case,) = desk.desk.by_our_key("Case").values()
    desk.engine.run_pass("mirror")
    assert desk.shop.objects["orders"]["1"].fields.get("c_by") is None
    desk.clock.forward(minutes=5)
    desk.case(case.key, claimed_by="Ines")
    taken = stamp(desk.clock.now())
    desk.clock.forward(minutes=5)
    desk.engine.run_pass("mirror")
    desk.case(case.key, Comment="working on it")
    desk.clock.forward(minutes=5)
    desk.engine.run_pass("mirror")
    seen = desk.shop.objects["orders"]["1"].fields
    assert (seen["c_by"], seen["c_since"], seen["c_from"]) == ("Ines", taken, "Orders")
    desk.case(case.key, claimed_by=None)
    desk.engine.run_pass("mirror")
    assert desk.shop.objects["orders"]["1"].fields["c_by"] is None


def test_what_is_learnt_outlives_the_process(desk: Desk) -> None:
    desk.case()
    desk.poll(0)
    desk.restart()
    desk.poll(15)
    assert desk.fields()["Priority"] == "High"


def test_a_case_that_waits_for_longer_than_its_stays_are_kept_is_escalated_once_all_the_same(desk: Desk) -> None:
    desk.case()
    for _ in range(3):
        desk.poll(15)
    desk.clock.forward(days=40)
    desk.store.prune(desk.clock.now(), delivered=86400, parked=86400, audit=30 * 86400)
    for _ in range(2):
        desk.poll(15)
    assert len(list(desk.store.rows(flow=FLOW))) == 1


def went(desk: Desk) -> dict[str, int]:
    """How the stays in queues that the ledger knows ended."""
    now = desk.clock.now()
    found = desk.store.dwell(now - timedelta(days=1), now, now)
    ends = {name: sum(getattr(one, name) for one in found) for name in ("claimed", "closed", "waiting", "moved")}
    return {name: count for name, count in ends.items() if count}


def test_where_a_case_went_that_is_out_of_sight_is_looked_up_once(desk: Desk) -> None:
    desk.case("C1")
    desk.case("C2")
    desk.poll(0)
    desk.case("C1", claimed_by="Ines")
    desk.desk.remove("Case", "C2")
    desk.poll(5)
    assert went(desk) == {"claimed": 1, "closed": 1}
    before = desk.desk.calls()
    desk.poll(5)
    assert desk.desk.calls() - before == 1


def test_where_a_case_went_is_looked_up_after_a_restart_too(desk: Desk) -> None:
    desk.case()
    desk.poll(0)
    desk.case(claimed_by="Ines")
    desk.restart()
    desk.poll(5)
    assert went(desk) == {"claimed": 1}


def second(desk: Desk, **where: Any) -> None:
    """Another flow by state that reads cases, and does nothing to them."""
    desk.flow("second", "desk.Case", "desk.Case", SAYS, by_state=True, where={**where, "waiting_longer_than": 1e9})
    desk.restart()


def test_a_flow_that_is_off_hides_from_no_other_that_a_case_waits_anew(desk: Desk) -> None:
    second(desk, **WAITS)
    desk.case()
    desk.engine.run_pass("second")  # and never again: it is turned off
    desk.poll(0)
    desk.poll(15)
    desk.case(claimed_by="Ines")
    desk.poll(10)
    assert went(desk) == {"claimed": 1}
    desk.case(claimed_by=None, Priority="Low")
    desk.poll()
    desk.poll(15)
    assert desk.fields()["Priority"] == "High"


@pytest.mark.parametrize("restarted", [False, True])
def test_a_case_that_was_given_back_is_in_sight_until_another_flow_sees_it(tmp_path: Path, *, restarted: bool) -> None:
    desk = Desk(tmp_path)
    second(desk, open=True, claimed=True)
    desk.case(claimed_by="Ines")
    desk.engine.run_pass("second")
    desk.case(claimed_by=None)
    desk.clock.forward(seconds=30)
    desk.engine.run_pass("second")
    if restarted:
        desk.restart()
    desk.case(claimed_by="Omar", closed=True)
    desk.poll()
    desk.engine.run_pass("second")
    assert went(desk) == {"claimed": 1}


def test_a_case_that_another_flow_sees_is_looked_after_no_more(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    second(desk, open=True, claimed=True)
    desk.case(claimed_by="Ines")
    desk.engine.run_pass("second")
    desk.case(claimed_by=None)
    desk.engine.run_pass("second")
    desk.poll()
    before = desk.desk.calls()
    desk.engine.run_pass("second")
    assert desk.desk.calls() - before == 1


@pytest.mark.parametrize("reads", ["edited", "nothing"])
def test_a_flow_that_reads_what_changed_takes_no_case_out_of_sight(desk: Desk, reads: str) -> None:
    desk.flow("mirror", "desk.Case", "desk.Ticket", 'summary: who has it\nfields: {by: "{{ claimed_by }}"}\n')
    desk.restart()
    desk.case()
    desk.poll(0)
    if reads == "edited":
        desk.clock.forward(seconds=30)
        desk.case(Comment="seen by the other flow first")
        desk.engine.run_pass("mirror")
    desk.restart()
    desk.desk.remove("Case", "C1")
    desk.poll()
    assert went(desk) == {"closed": 1}


GIVE_BACK = """
summary: a case that nobody has worked on for 4 hours goes back
target: "{{ record.key }}"
once_per: "{{ record.key }}:{{ active_since }}"
fields:
  claimed_by: {from: "", write: until-claimed}
  OwnerId: {ref: queue, name: "{{ claimed_from }}", write: until-claimed}
also:
  - {id: told, to: destination.Remark, target: "{{ record.key }}", fields: {text: "taken from {{ claimed_by }}"}, write: once}
  - {id: task, to: destination.Ticket, fields: {owner: "{{ claimed_by }}"}}
"""
IDLE = {"open": True, "claimed": True, "idle_longer_than": 4 * 3600.0}


@pytest.fixture
def idle(tmp_path: Path) -> Desk:
    """A case that Ines took an hour after it came, and left alone."""
    desk = Desk(tmp_path, GIVE_BACK, **IDLE)
    desk.flow("seen", "desk.Case", "desk.Case", ESCALATE.replace("Waited_Until", "Waited"), by_state=True,
              where={"open": True, "claimed": False, "waiting_longer_than": 1e9})  # fmt: skip
    desk.restart()
    desk.case()
    desk.engine.run_pass("seen")
    desk.clock.forward(minutes=60)
    desk.case(claimed_by="Ines")
    desk.poll(0)
    return desk


def told(desk: Desk) -> tuple[int, int]:
    """Remarks on the case, and tickets."""
    return len(desk.desk.appended["Remark"]["C1"]), len(desk.desk.objects["Ticket"])


def test_what_nobody_works_on_goes_back_and_is_told_once(idle: Desk) -> None:
    idle.poll(239)
    assert (idle.fields()["claimed_by"], told(idle)) == ("Ines", (0, 0))
    idle.poll(1)
    assert (idle.fields()["claimed_by"], idle.fields()["OwnerId"]) == ("", Ref("queue", "Returns"))
    for _ in range(3):
        idle.poll(60)
    assert told(idle) == (1, 1)
    assert idle.desk.appended["Remark"]["C1"][0][1] == {"text": "taken from Ines"}


def test_who_does_something_keeps_it(idle: Desk) -> None:
    idle.poll(200)
    idle.desk.activity["Case"]["C1"] = stamp(idle.clock.now())
    idle.poll(100)
    assert idle.fields()["claimed_by"] == "Ines"
    idle.poll(140)
    assert idle.fields()["claimed_by"] == ""


def test_who_does_something_between_poll_and_write_keeps_it_and_nothing_is_told(idle: Desk) -> None:
    idle.clock.forward(minutes=240)

    def act() -> None:
        idle.desk.activity["Case"]["C1"] = stamp(idle.clock.now())
        idle.case(Comment="on it")

    calls = len(idle.desk.log)
    idle.desk.meanwhile(act, call=3)
    idle.engine.run_pass(FLOW)
    assert [verb for verb, _, _ in idle.desk.log[calls : calls + 2]] == ["read", "active"]
    assert (idle.fields()["claimed_by"], told(idle)) == ("Ines", (0, 0))
    (row,) = idle.store.rows(flow=FLOW)
    assert (row.state, row.reason, row.lines) == ("filtered", "was no longer so when it could be acted on", ())


def test_one_who_saves_between_look_and_write_is_asked_again(idle: Desk) -> None:
    idle.clock.forward(minutes=240)
    calls = {"write": 0}

    def save() -> None:
        calls["write"] += 1
        idle.case(Comment="a save of somebody that is no activity")

    idle.desk.meanwhile(save, call=5)
    idle.engine.run_pass(FLOW)
    assert calls["write"] == 1
    assert idle.fields()["claimed_by"] == ""
    assert told(idle) == (1, 1)


@pytest.mark.parametrize("verb", ["ingest", "settle"])
def test_a_kill_anywhere_gives_back_once_and_tells_once(idle: Desk, verb: str) -> None:
    idle.clock.forward(minutes=240)
    idle.killed_pass(FLOW, at=verb)
    idle.poll(0)
    for _ in range(4):
        idle.poll(10)
    assert idle.fields()["claimed_by"] == ""
    assert told(idle) == (1, 1)


def test_a_lost_reply_gives_back_once_and_tells_once(idle: Desk) -> None:
    idle.desk.fail("write", Transient("no answer", uncertain=True), committed=True)
    idle.poll(240)
    assert idle.fields()["claimed_by"] == ""
    for _ in range(4):
        idle.poll(10)
    assert told(idle) == (1, 1)


def test_a_kill_after_the_write_still_tells_when_the_telling_has_to_wait(idle: Desk) -> None:
    """The remark is in doubt too, and looked up later: by then its case has been back in the queue for long."""

    def die(stream: str, batch: object) -> None:
        raise Killed

    idle.clock.forward(minutes=240)
    idle.desk.during(die)
    with pytest.raises(Killed):
        idle.engine.run_pass(FLOW)
    idle.restart()
    assert (idle.fields()["claimed_by"], told(idle)) == ("", (0, 0))
    for _ in range(4):
        idle.poll(10)
    assert told(idle) == (1, 1)


SAYS = """
summary: says that a case waits
once_per: "{{ record.key }}:{{ queued_since }}"
also: [{id: told, to: destination.Remark, target: "{{ record.key }}", fields: {text: it waits}}]
"""


def test_what_was_over_before_it_could_be_said_is_not_said(tmp_path: Path) -> None:
    """A line that no look comes before."""
    desk = Desk(tmp_path, SAYS)
    desk.case("C1")
    desk.case("C2")
    desk.poll(0)
    desk.desk.fail("write", Unavailable("down"), times=1)
    desk.poll(15)
    desk.case("C1", claimed_by="Ines")
    desk.poll(30)
    said = {key: len(notes) for key, notes in desk.desk.appended["Remark"].items()}
    assert said == {"C2": 1}


WAITS_AND_SAYS = """
summary: a case that nobody has claimed for 15 minutes
target: "{{ record.key }}"
once_per: "{{ record.key }}:{{ queued_since }}"
fields:
  OwnerId: {ref: queue, name: Escalation, write: until-claimed}
also: [{id: told, to: destination.Remark, target: "{{ record.key }}", fields: {text: it was escalated}, write: once}]
"""


@pytest.fixture
def just_saved(tmp_path: Path) -> Desk:
    """A case that waits too long, and was saved within the second of the look: the system cannot tell whether it was saved since,
    so that what is to be done waits."""
    desk = Desk(tmp_path, WAITS_AND_SAYS)
    desk.desk.streams = {**desk.desk.streams, "Case": replace(desk.desk.streams["Case"], conditional="1s")}
    desk.restart()
    desk.case()
    desk.poll(0)
    desk.clock.forward(minutes=15)
    desk.case(Comment="anybody's")
    desk.poll(0)
    return desk


def test_nothing_is_told_of_what_had_to_wait_and_then_was_not_done(just_saved: Desk) -> None:
    just_saved.case(claimed_by="Ines")
    just_saved.poll()
    assert (just_saved.fields()["OwnerId"], just_saved.desk.appended["Remark"]["C1"]) == ("Returns", [])
    (row,) = just_saved.store.rows(flow=FLOW)
    assert (row.state, row.reason) == ("filtered", "was no longer so when it could be acted on")


def test_what_had_to_wait_is_told_when_it_is_done_and_once(just_saved: Desk) -> None:
    assert just_saved.desk.appended["Remark"]["C1"] == []
    for _ in range(2):
        just_saved.poll()
    assert just_saved.fields()["OwnerId"] == Ref("queue", "Escalation")
    assert len(just_saved.desk.appended["Remark"]["C1"]) == 1


def test_the_remote_clock_tells_what_is_so_also_before_a_write(idle: Desk) -> None:
    ahead = timedelta(hours=8)
    moment = idle.clock.now()
    idle.desk.clock = FrozenClock(moment + ahead)
    idle.desk.histories["Case"]["C1"] = [
        Stay("q", "Returns", False, stamp(moment)),
        Stay("i", "Ines", True, stamp(moment + timedelta(hours=3))),
    ]
    idle.case(Comment="seen by its clock")
    idle.poll(1)
    assert idle.fields()["claimed_by"] == ""
    assert told(idle) == (1, 1)


def put_back(desk: Desk, hours: float) -> None:
    """Our clock is; theirs goes on."""
    desk.desk.clock = FrozenClock(desk.clock.now())
    desk.clock.forward(hours=-hours)


def test_a_clock_that_is_put_back_keeps_no_evaluation_waiting_for_hours(desk: Desk) -> None:
    desk.case()
    desk.poll(0)
    desk.desk.fail("write", Unavailable("down"))
    desk.poll(15)
    put_back(desk, 5)
    desk.poll(0)
    assert desk.fields()["Priority"] == "High"
    assert desk.events("clock_put_back")


def test_what_was_over_when_the_clock_was_put_back_is_not_said(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SAYS, **WAITS)
    desk.case()
    desk.poll(0)
    desk.desk.fail("write", Unavailable("down"))
    desk.poll(15)
    desk.case(claimed_by="Ines")
    put_back(desk, 5)
    desk.poll(0)
    assert desk.desk.appended["Remark"]["C1"] == []
