"""Holes that a hostile reader found: what was sent twice, lost, stuck or written over before they were closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Rejected, Transient, Unavailable
from connector.model import Record, Ref, Result, Write
from connector.testing import ScriptedAdapter
from tests.unit.engine.test_lines import ONCE
from tests.unit.engine.world import RETURNS, World

ONCE_NOTE = """
summary: once
when: "{{ Resolution == 'Refund' }}"
also:
  - id: note
    to: destination.orders.notes
    write: once
    fields: {subject: "Decided", text: "Refund"}
"""


def test_doubt_survives_being_left_out(tmp_path: Path) -> None:
    """kill after the note was sent; Resolution is cleared, then set again"""
    world = World(tmp_path, answers=ONCE_NOTE)
    world.order("0001")
    world.tick()
    case = world.case_id("0001")
    world.desk.put("Case", case, Resolution="Refund", Decided="1")
    world.clock.forward(minutes=1)
    world.killed_pass("cases-to-orders")
    assert len(world.notes("0001")) == 1
    world.desk.put("Case", case, Resolution=None)
    world.tick("cases-to-orders", minutes=1)
    world.desk.put("Case", case, Resolution="Refund")
    for _ in range(6):
        world.tick("cases-to-orders", minutes=1)
    n = len(world.notes("0001"))
    world.store.close()
    assert n == 1


def test_an_outage_does_not_use_up_the_brake(tmp_path: Path) -> None:
    world = World(tmp_path, brake=5)
    for n in range(3):
        world.order(f"{n:04}")
    world.desk.fail("write", Unavailable("503"), times=4)
    for _ in range(12):
        world.tick(minutes=5)
    n = len(world.cases())
    world.store.close()
    assert n == 3


def test_waiting_plain_creates_do_not_use_up_the_brake(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.flow("t", "shop.orders", "desk.Ticket", 'summary: t\nfields: {Subject: "{{ status }}"}\n', brake=3)
    world.restart()
    for n in range(2):
        world.order(f"{n:04}")
    world.desk.fail("write", Transient("x", uncertain=True), times=1)
    for _ in range(12):
        world.tick("t", minutes=0.6)
    n = len(world.desk.objects["Ticket"])
    told = [event for event, _ in world.told]
    world.store.close()
    assert n == 2
    assert "brake" not in told


MIXED = """
summary: two further lines
fields:
  Subject: "Order {{ record.key }}"
also:
  - id: bad
    to: destination.Comment
    fields: {Body: "bad"}
  - id: note
    to: shop.orders.notes
    target: "{{ record.key }}"
    fields: {subject: "x", text: "seen"}
"""


def test_a_refused_line_does_not_hold_up_a_sibling_whose_system_is_down(tmp_path: Path) -> None:
    world = World(tmp_path, orders=MIXED)
    world.order("0001")
    world.desk.fail("write", Rejected("no"), when=lambda w: w.fields.get("Body") == "bad", times=100)
    world.shop.fail("write", Unavailable("503"), times=1)
    for _ in range(10):
        world.tick(minutes=2)
    notes, states = world.notes("0001"), world.states()
    world.store.close()
    assert (len(notes), states) == (1, {"0001": "parked"})


def test_a_refused_line_does_not_hold_up_a_sibling_that_waits_out_its_doubt(tmp_path: Path) -> None:
    world = World(tmp_path, orders=MIXED)
    world.order("0001")
    world.desk.fail("write", Rejected("no"), when=lambda w: w.fields.get("Body") == "bad", times=100)
    world.killed_pass()
    world.shop.appended["orders.notes"]["0001"].clear()  # never arrived
    for _ in range(10):
        world.tick(minutes=2)
    notes, states = world.notes("0001"), world.states()
    world.store.close()
    assert (len(notes), states) == (1, {"0001": "parked"})


def test_a_lost_refund_whose_amount_changes_parks_with_both(tmp_path: Path) -> None:
    world = World(tmp_path, answers=ONCE)
    world.order("0001")
    world.tick()
    case = world.case_id("0001")
    world.desk.put("Case", case, Resolution="Refund", Amount=10)
    world.clock.forward(minutes=1)
    world.shop.fail("write", Transient("reset", uncertain=True), committed=True)
    world.tick("cases-to-orders", minutes=1)
    world.desk.put("Case", case, Amount=20)
    for _ in range(6):
        world.tick("cases-to-orders", minutes=1)
    amounts = [r.fields["amount"] for r in world.shop.objects["returns"].values()]
    states = world.states("cases-to-orders")
    world.store.close()
    assert amounts == [10]
    assert states == {case: "parked"}


def test_a_look_that_fails_is_no_proof_of_absence(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.order("0001")
    world.killed_pass()
    world.clock.forward(minutes=1)
    world.order("0001", needs_care=False, status="mended")
    world.desk.fail("fetch", Unavailable("503"))
    world.tick()
    for _ in range(5):
        world.tick(minutes=3)
    subject, states = world.cases()["0001"]["Subject"], world.states()
    world.store.close()
    assert subject == "Order 0001 is mended", states


class Poisoned(ScriptedAdapter):
    def write(self, stream: str, batch: Sequence[Write]) -> Sequence[Result]:
        if any("0666" in w.key for w in batch):
            self.log.append(("write", stream, len(batch)))
            raise Transient("500 from a trigger")
        return super().write(stream, batch)


def test_one_record_that_breaks_its_call_parks_in_the_end(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.desk.__class__ = Poisoned
    world.order("0666")
    for _ in range(60):
        world.tick(minutes=70)
    states = world.states()
    downs = len(world.events("connection_down"))
    world.store.close()
    assert (states, downs) == ({"0666": "parked"}, 0)


def test_its_neighbours_pass(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.desk.__class__ = Poisoned
    for n in range(600, 700):
        world.order(f"{n:04}")
    for _ in range(40):
        world.tick(minutes=70)
    done = len(world.cases())
    states = world.states()
    world.store.close()
    assert done == 99
    assert states["0666"] == "parked"


class Choking(ScriptedAdapter):
    """Its encoder cannot write one value."""

    def write(self, stream: str, batch: Sequence[Write]) -> Sequence[Result]:
        if any("0666" in w.key for w in batch):
            raise TypeError("str is not valid UTF-8: surrogates not allowed")
        return super().write(stream, batch)


def test_a_value_that_cannot_be_encoded_harms_nobody(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.desk.__class__ = Choking
    for n in range(664, 668):
        world.order(f"{n:04}")
    for _ in range(6):
        world.tick(minutes=10)
    done = len(world.cases())
    states = world.states()
    world.store.close()
    assert done == 3, states


class Blind(ScriptedAdapter):
    """Lets us create and update but shows nothing (a lagging read replica)."""

    def fetch(self, stream: str, keys: Sequence[str], **_: Any) -> Mapping[str, Record]:
        self.log.append(("fetch", stream, len(keys)))
        return {}


def test_an_object_that_cannot_be_seen_is_not_written_over(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.order("0001")
    world.killed_pass()
    case = world.case_id("0001")
    world.desk.put("Case", case, Status="Working", claimed_by="Ada")
    world.desk.__class__ = Blind
    world.tick(minutes=1)
    status = world.desk.objects["Case"][case].fields["Status"]
    world.store.close()
    assert status == "Working"


def test_an_attribute_that_records_honestly_lack_pauses_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    for n in range(200):
        world.order(f"{n:04}", queue="A")
    world.tick()
    world.clock.forward(minutes=10)
    for n in range(200, 230):
        world.order(f"{n:04}")  # honestly without a queue
    for _ in range(20):
        world.tick(minutes=2)
    n = len(world.cases())
    world.store.close()
    assert n == 230


def test_a_lookup_is_waited_for_from_the_version_that_names_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.flow("r", "shop.returns", "desk.Ticket", RETURNS, brake=None)
    world.restart()
    world.order("0001")
    world.shop.put("returns", "R1", order_no="0001")
    world.tick("r")
    world.clock.forward(hours=5)
    world.shop.put("returns", "R1", order_no="0002")
    world.tick("r")
    st = world.states("r")
    world.store.close()
    assert st == {"R1": "pending"}


def test_a_lost_ledger_puts_nothing_back_over_a_persons_hand(tmp_path: Path) -> None:
    world = World(tmp_path)
    for number in ("0001", "0002"):
        world.order(number)
    world.tick()
    world.desk.put("Case", world.case_id("0001"), OwnerId=Ref("queue", "Concierge"))

    world.store.close()
    for file in tmp_path.glob("ledger.db*"):
        file.unlink()
    world.restart()
    sent = len(world.desk.sent)
    world.tick()
    assert world.states() == {"0001": "done", "0002": "done"}
    assert max(world.desk.created.values()) == 1
    assert world.cases()["0001"]["OwnerId"] == Ref("queue", "Concierge"), "moved by a person, and our wish is the same"
    assert all(write.op == "create" for _, write in world.desk.sent[sent:]), "nothing was to be changed"

    world.order("0001", queue="Payments")
    world.tick(minutes=2)
    assert world.cases()["0001"]["OwnerId"] == Ref("queue", "Payments"), (
        "a wish that changes is sent: nobody has claimed it"
    )
    world.store.close()


def test_a_wish_that_changed_after_a_lost_reply_still_goes(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.order("0001")
    world.desk.fail("write", Transient("lost", uncertain=True), committed=True)
    world.tick()
    world.order("0001", queue="Payments")
    world.tick(minutes=5)
    assert world.cases()["0001"]["OwnerId"] == Ref("queue", "Payments")
    world.store.close()


NOTED = """
summary: with a remark
fields: {Subject: "Order {{ record.key }}", Remark: "{{ remark }}"}
"""


@pytest.mark.parametrize("kind", ["create", "update"])
def test_a_value_whose_reply_was_lost_is_cleared_when_it_is_gone_before_the_next_try(tmp_path: Path, kind: str) -> None:
    world = World(tmp_path, orders=NOTED)
    if kind == "update":
        world.order("0001")
        world.tick()
        world.clock.forward(minutes=2)
    world.order("0001", remark="fragile")
    world.desk.fail("write", Unavailable("no answer", uncertain=True), committed=True)
    world.tick()
    assert world.cases()["0001"]["Remark"] == "fragile"
    world.clock.forward(minutes=5)
    world.order("0001", remark=None)
    world.tick()
    assert world.cases()["0001"].get("Remark") is None
    assert world.states() == {"0001": "done"}
    world.store.close()


def test_a_create_that_made_nothing_clears_nothing_later(tmp_path: Path) -> None:
    world = World(tmp_path, orders=NOTED)
    world.order("0001", remark="fragile")
    world.desk.fail("write", Unavailable("no answer", uncertain=True))
    world.tick()
    world.order("0001", remark=None)
    world.tick(minutes=5)
    world.desk.put("Case", world.case_id("0001"), Remark="a person's words")
    world.order("0001", total=2)
    world.tick(minutes=5)
    assert world.cases()["0001"]["Remark"] == "a person's words"
    world.store.close()


def test_cases_that_people_deleted_park_as_one_cause(tmp_path: Path) -> None:
    world = World(tmp_path)
    for number in ("0001", "0002"):
        world.order(number)
    world.tick()
    for number in ("0001", "0002"):
        world.desk.remove("Case", world.case_id(number))
        world.order(number, queue="Payments")
    world.tick(minutes=2)
    rows = list(world.store.rows(state="parked"))
    assert [row.reason for row in rows] == ["desk.Case: the object was deleted or merged by a person"] * 2
    world.store.close()


LOOKING_NOTE = """
summary: once, if the other order is there
when: "{{ Resolution == 'Refund' }}"
lookups:
  other: {stream: destination.orders, key: "{{ Other }}", missing: {wait: 0s, then: skip}}
also:
  - id: note
    to: destination.orders.notes
    write: once
    fields: {subject: "Decided", text: "Refund with {{ other.status }}"}
"""


def test_doubt_survives_a_look_up_that_leaves_the_record_out(tmp_path: Path) -> None:
    world = World(tmp_path, answers=LOOKING_NOTE)
    world.order("0001")
    world.tick()
    case = world.case_id("0001")
    world.desk.put("Case", case, Resolution="Refund", Other="0001")
    world.clock.forward(minutes=1)
    world.killed_pass("cases-to-orders")
    assert len(world.notes("0001")) == 1
    world.desk.put("Case", case, Other="0404")
    world.tick("cases-to-orders", minutes=1)
    assert world.states("cases-to-orders") == {case: "filtered"}
    world.desk.put("Case", case, Other="0001")
    for _ in range(6):
        world.tick("cases-to-orders", minutes=1)

    assert len(world.notes("0001")) == 1
    world.store.close()
