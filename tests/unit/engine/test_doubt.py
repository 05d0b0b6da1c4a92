"""A write whose answer was not read, on every kind of stream: seen while it lasts, recovered once, and then forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connector.cli.uncertain import doubts, uncertain
from connector.config import Config
from connector.errors import Transient, Unavailable
from connector.model import Write
from connector.stamps import stamp
from tests.unit.engine.world import ORDERS, World

MAPPING = """
summary: one line of each kind
fields: {Subject: "{{ subject }}"}
also:
  - {id: ticket, to: destination.Ticket, when: "{{ kind in ['plain', 'indexed'] }}", fields: {Order: "{{ record.key }}"}}
  - {id: refund, to: destination.Ticket, when: "{{ kind == 'once' }}", write: once, fields: {Amount: 5}}
  - id: remark
    to: destination.Remark
    when: "{{ kind == 'append' }}"
    key: "1"
    fields: {ParentId: "{{ main.id }}", Body: hello}
  - id: status
    to: source.orders.status
    when: "{{ kind == 'guarded' }}"
    key: "1"
    target: "{{ record.key }}"
    fields: {status: held}
"""
TICKETS = """
summary: a ticket for each order
fields: {First: {from: "{{ first }}", write: once}, Subject: "{{ first }}"}
"""
RECOVERY = {
    "exclusive": "the system refuses a second one",
    "plain": "created only if it is not there",
    "indexed": "created only if it is not there",
    "once": "created only if it is not there",
    "append": "sent only if it is not there",
    "update": "its fields go again to the same object",
    "guarded": "its fields go again to the same object",
}
LAG = timedelta(seconds=60)
"""A search index knows an object so long after it was made; less than `settle_after`."""


def lagging(world: World) -> None:
    """Tickets are found by our key only when the index knows them."""
    real = world.desk.by_our_key

    def by_our_key(stream: str) -> dict[str, Any]:
        known = stamp(world.clock.now() - LAG)
        return {
            key: record for key, record in real(stream).items() if stream != "Ticket" or (record.stamp or "") <= known
        }

    world.desk.by_our_key = by_our_key  # type: ignore[method-assign]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, orders=MAPPING, conditional="none")
    yield made
    made.store.close()


def begin(world: World, kind: str) -> None:
    """The next write of the flow is of this kind."""
    if kind == "exclusive":
        world.order("0001", subject="one")
        return
    if kind == "indexed":
        lagging(world)
    world.order("0001", subject="one")
    world.tick()
    world.clock.forward(seconds=5)
    world.order("0001", subject="two" if kind == "update" else "one", kind=kind)


def system(world: World, kind: str) -> Any:
    return world.shop if kind == "guarded" else world.desk


def config_of(world: World) -> Config:
    connections = {name: SimpleNamespace(open=lambda clock, it=it: it) for name, it in
                   (("shop", world.shop), ("desk", world.desk))}  # fmt: skip
    return cast(Config, SimpleNamespace(flows=world.flows, connections=connections))


def listed(world: World) -> str:
    return "\n".join(uncertain(world.store, config_of(world), world.clock.now()))


def made(world: World, kind: str) -> list[Any]:
    """What stands there of this kind."""
    match kind:
        case "exclusive":
            return [record.fields["Subject"] for record in world.desk.objects["Case"].values()]
        case "update":
            return [record.fields["Subject"] for record in world.desk.objects["Case"].values()]
        case "append":
            return [fields["Body"] for _, fields in world.desk.appended["Remark"][world.case_id("0001")]]
        case "guarded":
            return [world.shop.objects["orders"]["0001"].fields["status"]]
        case _:
            return list(world.desk.objects["Ticket"].values())


def recovers(world: World, kind: str) -> None:
    for _ in range(8):
        world.tick(minutes=4)
    assert world.states() == {"0001": "done"}
    assert len(made(world, kind)) == 1
    if kind in ("update", "guarded"):
        assert made(world, kind) == ["two" if kind == "update" else "held"]
    assert max(world.desk.created.values()) == 1
    assert world.store.doubted() == {}
    assert world.store.doubts() == []
    assert listed(world).startswith("nothing is uncertain")


@pytest.mark.parametrize("committed", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("fault", [Transient, Unavailable])
@pytest.mark.parametrize("kind", RECOVERY)
def test_a_lost_reply_is_seen_and_recovered_once(
    world: World, kind: str, fault: type[Transient | Unavailable], committed: bool
) -> None:
    begin(world, kind)
    system(world, kind).fail("write", fault("reset", uncertain=True), committed=committed)
    lost = world.clock.now()
    world.engine.run_pass("orders-to-cases")
    assert world.store.doubted() == {"orders-to-cases": (1, lost)}
    said = listed(world)
    assert "orders-to-cases: 0001, next looked at 2026-" in said
    assert f"went without an answer {lost:%Y-%m-%d %H:%M:%S}Z; " in said
    assert RECOVERY[kind] in said
    told = doubts(world.store, config_of(world), world.clock.now())  # the same for machines
    assert (told["records"], [one["key"] for one in told["shown"]]) == (1, ["0001"])
    (write,) = told["shown"][0]["writes"]
    assert write["since"] == lost
    assert RECOVERY[kind] in write["recovery"]
    recovers(world, kind)


@pytest.mark.parametrize("kind", RECOVERY)
def test_a_delivery_that_was_cut_off_is_seen_and_recovered_once(world: World, kind: str) -> None:
    begin(world, kind)
    world.killed_pass()
    world.desk.fail("fetch", Unavailable("not yet"))  # so that its first look leaves it in doubt
    world.shop.fail("read", Unavailable("not yet"))
    world.desk.fail("write", Unavailable("not yet"))
    world.shop.fail("write", Unavailable("not yet"))
    world.engine.run_pass("orders-to-cases")
    assert [row.key for row in world.store.doubts()] == ["0001"]
    assert "went without an answer 2026-" in listed(world), "each line that was not sent since may have been"
    world.clock.forward(minutes=10)
    recovers(world, kind)


def test_a_row_that_was_cut_off_and_not_looked_at_since_is_seen(world: World) -> None:
    begin(world, "append")
    world.killed_pass()
    with world.store.hold("flow:orders-to-cases"):  # another process takes over, and is about to look
        world.store.lease("orders-to-cases", world.clock.now(), seconds=60, limit=9)
    assert world.store.doubted() == {"orders-to-cases": (1, world.clock.now())}
    assert "in the hands of a worker until 2026-" in listed(world)
    assert "a delivery was cut off 2026-" in listed(world)
    assert "appends and guarded steps not before 0:02:00 have passed" in listed(world)


def test_a_parked_row_in_doubt_is_told_as_such(world: World) -> None:
    world.policy = replace(world.policy, attempts=1)
    world.restart()
    begin(world, "append")
    world.desk.fail("write", Transient("reset", uncertain=True), committed=True)
    world.engine.run_pass("orders-to-cases")
    assert world.states() == {"0001": "parked"}
    assert "looked up when it is retried" in listed(world)
    world.store.replay(world.clock.now())
    recovers(world, "append")


def test_what_was_sent_since_is_in_doubt_no_more(world: World) -> None:
    """The doubt of a delivery that was cut off stays with its row for ever; what was sent after it is known."""
    begin(world, "update")
    world.killed_pass()
    recovers(world, "update")
    world.order("0001", subject="three")
    world.desk.fail("write", Unavailable("down"))
    world.engine.run_pass("orders-to-cases")
    assert world.states() == {"0001": "pending"}
    assert world.store.doubted() == {}


def test_a_line_that_was_answered_since_is_not_listed_beside_one_that_was_not(world: World) -> None:
    begin(world, "update")
    world.desk.fail("write", Transient("reset", uncertain=True))
    world.tick()
    world.tick(minutes=0.6)  # the same again: answered, and the lost one may still arrive
    world.order("0001", subject="two", kind="append")
    world.desk.fail("write", Transient("reset", uncertain=True))
    world.tick(minutes=0.1)
    assert "  remark 1: desk.Remark" in listed(world)
    assert "  main: " not in listed(world)


def test_what_committed_late_is_waited_for_until_the_index_shows_it(world: World) -> None:
    begin(world, "indexed")
    world.desk.streams = {**world.desk.streams, "Ticket": replace(world.desk.streams["Ticket"], fetch="indexed")}
    world.restart()
    world.desk.fail("write", Transient("reset", uncertain=True))
    world.tick()
    world.clock.forward(seconds=100)
    key = "orders-to-cases:_ref_arch:0001:ticket"
    world.desk.objects["Ticket"][key] = replace(world.desk.put("Ticket", key, Order="0001"), our_key=key)
    world.tick(minutes=0.5)  # more than `settle_after` since the request, less than the index needs since the commit
    assert not world.desk.created[key]
    recovers(world, "indexed")


def test_an_index_that_shows_late_what_came_late_is_believed_only_after_both(world: World) -> None:
    world.desk.streams = {**world.desk.streams, "Ticket": replace(world.desk.streams["Ticket"], fetch="indexed")}
    world.restart()
    begin(world, "indexed")
    world.desk.fail("write", Transient("no answer", uncertain=True), when=lambda write: "Order" in write.fields)
    world.tick()
    settle = world.desk.streams["Ticket"].settle_after
    world.clock.forward(seconds=settle - 1)
    ticket = world.desk.put("Ticket", "late", Order="0001")
    world.desk.objects["Ticket"]["late"] = replace(ticket, our_key="orders-to-cases:_ref_arch:0001:ticket")
    world.clock.forward(seconds=LAG.total_seconds() - 5)
    world.tick()
    for _ in range(8):
        world.tick(minutes=1)
    assert list(world.desk.objects["Ticket"]) == ["late"]


def test_what_a_lost_create_made_is_not_written_again_because_its_system_writes_times_another_way(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, orders=ORDERS + '  Placed: "{{ placed }}"\n  Asked: "{{ asked }}"\n')
    world.order("0001", placed="2026-11-20T10:15:30.000Z", asked="2026-11-20T10:15:31.000Z")
    world.desk.fail("write", Transient("reset", uncertain=True), committed=True)
    world.tick()
    case = world.case_id("0001")
    world.desk.put("Case", case, Placed="2026-11-20T11:15:30.000+0100", Asked="2026-11-20T10:15:30+0000")
    world.desk.sent.clear()

    world.tick(minutes=20)

    updates = [write.fields for _, write in world.desk.sent if write.op == "update"]
    assert updates == [{"Asked": "2026-11-20T10:15:31.000Z"}], "the one is the same instant, the other is not"


@pytest.mark.parametrize("note", ["back", None])
def test_what_a_create_that_was_carried_out_twice_said_is_ours_although_the_look_after_it_failed(
    tmp_path: Path, note: str | None
) -> None:
    """Somebody on the way sent the request again, and the second one's answer is all that we have: it exists."""
    world = World(tmp_path, orders=ORDERS + '  Note: "{{ note }}"\n')
    world.order("0001", note="vip", queue="Orders")
    ours = Write("create", "orders-to-cases:_ref_arch:0001", {"Note": "vip", "OwnerId": "Orders"})
    world.desk.meanwhile(lambda: void(world.desk.write("Case", [ours])))
    world.desk.fail("fetch", Unavailable("down"))
    world.tick()
    assert world.states() == {"0001": "pending"}
    world.desk.put("Case", world.case_id("0001"), OwnerId="Returns")
    world.order("0001", note=note, queue="Orders", status="late")
    world.tick(minutes=5)
    case = world.cases()["0001"]
    assert (case["Note"], case["Subject"]) == (note, "Order 0001 is late")
    assert case["OwnerId"] == "Returns", "where it was put meanwhile"
    assert (world.states(), len(world.desk.objects["Case"])) == ({"0001": "done"}, 1)
    world.store.close()


def test_what_an_earlier_ledger_made_is_looked_at_although_the_first_look_failed(world: World) -> None:
    world.flow("tickets", "shop.orders", "desk.Ticket", TICKETS)
    world.restart()
    world.order("0001", first="one")
    world.tick("tickets")
    world.store.close()
    (world.folder / "ledger.db").unlink()
    world.restart()
    world.order("0001", first="two")
    world.desk.meanwhile(lambda: world.desk.fail("fetch", Unavailable("down")), after=True)
    world.tick("tickets")
    assert world.states("tickets") == {"0001": "pending"}
    world.tick("tickets", minutes=5)
    assert world.states("tickets") == {"0001": "done"}
    (ticket,) = world.desk.objects["Ticket"].values()
    assert ticket.fields == {"First": "one", "Subject": "two"}, "what is sent once stands already"


def void(_: object) -> None:
    """Nothing."""
