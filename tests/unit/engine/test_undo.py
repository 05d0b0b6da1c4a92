"""`while` and `undo: restore`: what stood there before our first write is put back, once, and only where it is still ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Transient, Unavailable
from connector.model import Line, Page
from connector.store import Ingested, Settle
from connector.store.sqlite import SqliteStore
from tests.unit.engine.world import World

RECALL = """
summary: products of a recall are taken off, and come back when it is lifted
each: {of: "{{ Products | split(';') }}", as: product}
target: "{{ product }}"
when: "{{ Type == 'Recall' }}"
while: "{{ not Lifted }}"
undo: restore
fields: {online: false, notice: "{{ Notice }}"}
"""
FLOW = "recalls"


class Recalls(World):
    """`desk` has recalls as cases, `shop` the products (its returns stand in for them)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.flow(FLOW, "desk.Case", "shop.orders", RECALL, brake=None)
        self.restart()
        self.shop.put("orders", "P1", online=True)
        self.shop.put("orders", "P2", online=False, notice="sold out")

    def recall(self, key: str = "C1", **fields: Any) -> None:
        self.clock.forward(minutes=1)
        self.desk.put("Case", key, **{"Type": "Recall", "Products": "P1;P2", "Notice": f"by {key}", **fields})

    def lift(self, key: str = "C1") -> None:
        self.recall(key, Lifted=True)

    def product(self, key: str) -> tuple[Any, Any]:
        fields = self.shop.objects["orders"][key].fields
        return fields.get("online"), fields.get("notice")

    def line(self, product: str = "P1", key: str = "C1") -> Line:
        row = self.store.row(FLOW, "", key)
        assert row is not None
        return next(line for line in row.lines if line.key == product)

    def held(self) -> int:
        rows = [row.id for row in self.store.rows(flow=FLOW)]
        return sum(len(holds) for holds in self.store.holds(rows).values())


@pytest.fixture
def recalls(tmp_path: Path) -> Iterator[Recalls]:
    made = Recalls(tmp_path)
    yield made
    made.store.close()


def test_a_lifted_recall_gives_back_what_was_there_and_an_offline_product_stays_offline(recalls: Recalls) -> None:
    recalls.recall()
    recalls.tick(FLOW)
    assert (recalls.product("P1"), recalls.product("P2")) == ((False, "by C1"), (False, "by C1"))
    assert recalls.held() == 4

    recalls.lift()
    recalls.tick(FLOW)

    assert (recalls.product("P1"), recalls.product("P2")) == ((True, None), (False, "sold out"))
    assert recalls.states(FLOW) == {"C1": "done"}
    assert recalls.held() == 0
    writes = recalls.shop.count("write")
    recalls.lift()
    recalls.tick(FLOW)
    assert recalls.shop.count("write") == writes, "it is put back once"


def test_a_product_that_is_no_longer_named_comes_back_alone(recalls: Recalls) -> None:
    recalls.recall()
    recalls.tick(FLOW)
    recalls.recall(Products="P2")
    recalls.tick(FLOW)

    assert (recalls.product("P1"), recalls.product("P2")) == ((True, None), (False, "by C1"))
    assert recalls.line("P1").state == "ended"


def test_a_recall_that_was_lifted_before_it_was_seen_writes_nothing(recalls: Recalls) -> None:
    recalls.lift()
    recalls.tick(FLOW)
    assert recalls.states(FLOW) == {"C1": "filtered"}
    assert recalls.shop.count("write") == 0


def test_a_product_of_two_recalls_stays_held_until_the_last_is_lifted(recalls: Recalls) -> None:
    recalls.recall("C1")
    recalls.tick(FLOW)
    recalls.recall("C2", Products="P1")
    recalls.tick(FLOW)
    assert recalls.product("P1") == (False, "by C2")

    recalls.lift("C2")
    recalls.tick(FLOW)
    assert recalls.product("P1") == (False, "by C1"), "the other one's notice comes back"
    assert "still held by recalls C1" in recalls.line("P1", "C2").reason

    recalls.lift("C1")
    recalls.tick(FLOW)
    assert recalls.product("P1") == (True, None), "what stood there before both"
    assert recalls.held() == 0


def test_the_first_of_two_recalls_is_lifted_first(recalls: Recalls) -> None:
    recalls.recall("C1")
    recalls.tick(FLOW)
    recalls.recall("C2", Products="P1")
    recalls.tick(FLOW)

    recalls.lift("C1")
    recalls.tick(FLOW)
    assert recalls.product("P1") == (False, "by C2")
    assert recalls.product("P2") == (False, "sold out")
    recalls.lift("C2")
    recalls.tick(FLOW)
    assert recalls.product("P1") == (True, None)


def test_a_recall_whose_case_was_deleted_or_merged_holds_nothing_against_others(recalls: Recalls) -> None:
    recalls.recall("C1", Products="P1")
    recalls.tick(FLOW)
    recalls.recall("C2", Products="P1")
    recalls.tick(FLOW)
    recalls.desk.remove("Case", "C1")  # two cases of one recall: an agent merges them
    recalls.lift("C2")
    recalls.tick(FLOW)

    assert recalls.product("P1") == (True, None), "what stood there before the first of them"
    assert "recalls C1 held it too, and is deleted" in recalls.line("P1", "C2").reason
    assert recalls.states(FLOW) == {"C1": "done", "C2": "done"}


def test_a_recall_of_another_flow_whose_case_was_deleted_holds_nothing_either(recalls: Recalls) -> None:
    other = RECALL.replace("'Recall'", "'Stop'")
    recalls.flow("stops", "desk.Case", "shop.orders", other, brake=None)
    recalls.restart()
    recalls.recall("C1", Products="P1", Type="Stop")
    recalls.tick("stops")
    recalls.recall("C2", Products="P1")
    recalls.tick(FLOW)
    recalls.desk.remove("Case", "C1")
    recalls.restart()
    recalls.lift("C2")
    recalls.tick(FLOW)
    assert recalls.product("P1") == (True, None)


def test_a_recall_that_cannot_be_looked_for_goes_on_holding_until_it_can(recalls: Recalls) -> None:
    recalls.recall("C1", Products="P1")
    recalls.tick(FLOW)
    recalls.recall("C2", Products="P1")
    recalls.tick(FLOW)
    recalls.lift("C2")
    recalls.desk.fail("fetch", Unavailable("down"))
    recalls.tick(FLOW)
    assert recalls.product("P1") == (False, "by C2")
    assert recalls.states(FLOW)["C2"] == "pending"
    recalls.tick(FLOW, minutes=10)
    assert recalls.product("P1") == (False, "by C1")


def test_a_recall_that_ends_while_the_other_holder_is_being_delivered_waits_and_puts_that_ones_wish_back(
    recalls: Recalls,
) -> None:
    recalls.recall("C1", Products="P1")
    recalls.tick(FLOW)
    recalls.recall("C2", Products="P1")
    recalls.tick(FLOW)
    recalls.recall("C1", Products="P1", Notice="do not eat")
    recalls.tick(FLOW)
    recalls.lift("C1")
    store = recalls.store
    other, leased = SqliteStore(recalls.folder / "ledger.db"), list[Ingested]()

    class Meanwhile:
        """Another delivery leases the other recall between plan and look."""

        def __getattr__(self, name: str) -> Any:
            if name == "holders":
                recalls.recall("C2", Products="P1", Seen=1)
                page = Page([recalls.desk.objects["Case"]["C2"]], None, recalls.clock.now())
                leased.append(other.ingest(FLOW, page, recalls.clock.now(), lease=60, move=False))
            return getattr(store, name)

    recalls.engine.store = Meanwhile()
    recalls.tick(FLOW)
    (done,) = leased
    assert done.token is not None, "it has nothing to send"
    settled = Settle(done.leased[0].row, done.leased[0].rev, "done", entered=True)
    other.settle(FLOW, done.token, [settled], recalls.clock.now(), mapping=recalls.flows[FLOW].mapping.version)
    other.close()
    recalls.restart()
    for _ in range(3):
        recalls.tick(FLOW, minutes=3)
    assert recalls.product("P1") == (False, "by C2")
    assert recalls.held() == 2


def test_a_recall_that_ends_does_not_say_an_old_notice_again_while_another_process_is_changing_it(
    recalls: Recalls,
) -> None:
    recalls.flow("quality", "desk.Ticket", "shop.orders", RECALL, brake=None)
    recalls.restart()
    recalls.desk.put("Ticket", "T1", Type="Recall", Products="P1", Notice="by T1")
    recalls.tick("quality")
    recalls.recall("C1", Products="P1")
    recalls.tick(FLOW)
    recalls.lift("C1")
    recalls.desk.put("Ticket", "T1", Notice="by T1, anew")
    ledger, leased, looked = SqliteStore(recalls.folder / "ledger.db"), threading.Event(), threading.Event()

    class Slow:
        """The other process has leased its recall, and goes on once this one has looked at the product."""

        def __getattr__(self, name: str) -> Any:
            if name == "hold_fields":
                leased.set()
                assert looked.wait(30)
            return getattr(ledger, name)

    engine = recalls.engine_on(Slow())
    other = threading.Thread(target=engine.run_pass, args=("quality",))
    other.start()
    assert leased.wait(30)

    def it_goes_on() -> None:
        looked.set()
        other.join()

    recalls.shop.meanwhile(it_goes_on, after=True)
    recalls.tick(FLOW)
    ledger.close()
    assert recalls.product("P1") == (False, "by T1, anew")
    recalls.tick(FLOW, minutes=1)
    assert recalls.product("P1") == (False, "by T1, anew")
    assert recalls.states(FLOW) == {"C1": "done"}


def test_a_recall_that_was_refused_before_the_product_was_there_keeps_nothing(recalls: Recalls) -> None:
    recalls.recall("C1", Products="P9")
    recalls.tick(FLOW)
    recalls.shop.put("orders", "P9", online=True, notice="new")
    recalls.recall("C2", Products="P9")
    recalls.tick(FLOW)
    assert recalls.product("P9") == (False, "by C2")
    recalls.lift("C2")
    recalls.tick(FLOW)
    assert recalls.product("P9") == (True, "new")

    recalls.store.replay(recalls.clock.now())
    recalls.tick(FLOW)
    assert recalls.product("P9") == (False, "by C1")
    recalls.lift("C1")
    recalls.tick(FLOW)
    assert recalls.product("P9") == (True, "new")


def test_a_product_that_comes_between_look_and_write_is_not_written_to_before_it_is_known(recalls: Recalls) -> None:
    def it_comes() -> None:
        recalls.shop.put("orders", "P9", online=True, notice="new")

    recalls.recall(Products="P9")
    recalls.shop.meanwhile(it_comes, after=True)
    recalls.tick(FLOW)
    assert recalls.product("P9") == (True, "new")
    assert recalls.states(FLOW) == {"C1": "parked"}
    recalls.store.replay(recalls.clock.now())
    recalls.tick(FLOW)
    assert recalls.product("P9") == (False, "by C1")
    recalls.lift()
    recalls.tick(FLOW)
    assert recalls.product("P9") == (True, "new")


def lose_the_ledger(recalls: Recalls) -> None:
    recalls.store.close()
    for path in recalls.folder.glob("ledger.db*"):
        path.unlink()
    recalls.restart()


def test_what_we_wrote_ourselves_is_not_put_back_as_what_stood_there_before(recalls: Recalls) -> None:
    """The ledger was lost, or an older one was put back: what is found then are our own values."""
    recalls.recall("C1")
    recalls.tick(FLOW)
    lose_the_ledger(recalls)
    recalls.tick(FLOW)
    recalls.lift("C1")
    recalls.tick(FLOW)

    assert recalls.states(FLOW) == {"C1": "parked"}, "a person must know that the product is off still"
    assert recalls.line().reason == "shop.orders P1: what notice held before our first write is not known"
    assert "ledger" in recalls.line().remedy
    assert recalls.product("P1") == (False, "by C1")


@pytest.mark.parametrize("order", ["C1 C2", "C2 C1"])
def test_nor_is_what_another_of_us_wrote(recalls: Recalls, order: str) -> None:
    for key in ("C1", "C2"):
        recalls.recall(key, Products="P1")
        recalls.tick(FLOW)
    lose_the_ledger(recalls)
    for _ in range(3):
        recalls.tick(FLOW, minutes=1)
    first, last = order.split()
    recalls.lift(first)
    recalls.tick(FLOW)
    recalls.lift(last)
    recalls.tick(FLOW)
    assert recalls.states(FLOW)[last] == "parked"
    assert recalls.product("P1")[0] is False


def test_two_recalls_of_one_poll_take_turns(recalls: Recalls) -> None:
    recalls.recall("C1", Products="P1")
    recalls.recall("C2", Products="P1")
    recalls.tick(FLOW)
    recalls.tick(FLOW, minutes=1)
    assert recalls.held() == 4

    recalls.lift("C1")
    recalls.lift("C2")
    for _ in range(3):
        recalls.tick(FLOW, minutes=1)
    assert recalls.product("P1") == (True, None)
    assert recalls.held() == 0


def test_one_is_lifted_and_another_comes_in_one_poll(recalls: Recalls) -> None:
    recalls.recall("C1", Products="P1")
    recalls.tick(FLOW)
    recalls.lift("C1")
    recalls.recall("C2", Products="P1")
    for _ in range(3):
        recalls.tick(FLOW, minutes=1)
    assert recalls.product("P1") == (False, "by C2")
    recalls.lift("C2")
    recalls.tick(FLOW)
    assert recalls.product("P1") == (True, None)


def test_what_a_person_has_changed_meanwhile_stays_and_explain_says_so(recalls: Recalls) -> None:
    recalls.recall(Products="P1")
    recalls.tick(FLOW)
    recalls.shop.put("orders", "P1", notice="a merchandiser's")
    recalls.lift()
    recalls.tick(FLOW)

    assert recalls.product("P1") == (True, "a merchandiser's")
    assert recalls.line().reason == "notice was changed by somebody else, and is left as it is"


def test_a_product_that_a_person_put_back_already_is_left_alone(recalls: Recalls) -> None:
    recalls.recall(Products="P1")
    recalls.tick(FLOW)
    recalls.shop.put("orders", "P1", online=True, notice=None)
    writes = recalls.shop.count("write")
    recalls.lift()
    recalls.tick(FLOW)
    assert recalls.shop.count("write") == writes
    assert recalls.line().state == "ended"


def test_a_reopened_recall_begins_anew_with_what_stands_there_then(recalls: Recalls) -> None:
    recalls.recall(Products="P1")
    recalls.tick(FLOW)
    recalls.lift()
    recalls.tick(FLOW)
    recalls.shop.put("orders", "P1", notice="new season")
    recalls.recall(Products="P1", Lifted=False)
    recalls.tick(FLOW)
    assert recalls.product("P1") == (False, "by C1")

    recalls.lift()
    recalls.tick(FLOW)
    assert recalls.product("P1") == (True, "new season")


def test_a_changed_notice_keeps_what_was_there_first(recalls: Recalls) -> None:
    recalls.recall(Products="P2")
    recalls.tick(FLOW)
    recalls.recall(Products="P2", Notice="do not eat")
    recalls.tick(FLOW)
    assert recalls.product("P2") == (False, "do not eat")
    recalls.lift()
    recalls.tick(FLOW)
    assert recalls.product("P2") == (False, "sold out")


@pytest.mark.parametrize("at", ["hold_fields", "found", "settle"])
def test_killed_while_it_is_taken_off_it_comes_back_all_the_same(recalls: Recalls, at: str) -> None:
    recalls.recall(Products="P1")
    recalls.killed_pass(FLOW, at=at)
    recalls.lift()
    for _ in range(3):
        recalls.tick(FLOW, minutes=4)
    assert recalls.product("P1") == (True, None)
    assert recalls.held() == 0
    assert set(recalls.states(FLOW).values()) <= {"done", "filtered"}


@pytest.mark.parametrize("at", ["hold_fields", "found", "settle"])
def test_killed_while_it_is_taken_off_it_is_taken_off_and_the_original_is_kept(recalls: Recalls, at: str) -> None:
    recalls.recall(Products="P2")
    recalls.killed_pass(FLOW, at=at)
    recalls.tick(FLOW, minutes=4)
    assert recalls.product("P2") == (False, "by C1")
    recalls.lift()
    recalls.tick(FLOW, minutes=4)
    assert recalls.product("P2") == (False, "sold out")


@pytest.mark.parametrize("at", ["holders", "settle"])
def test_killed_while_it_is_put_back_it_is_put_back_once(recalls: Recalls, at: str) -> None:
    recalls.recall(Products="P2")
    recalls.tick(FLOW)
    recalls.lift()
    recalls.killed_pass(FLOW, at=at)
    if at == "settle":
        assert recalls.product("P2") == (False, "sold out")
        recalls.shop.put("orders", "P2", notice="a person's")
    for _ in range(3):
        recalls.tick(FLOW, minutes=4)
    assert recalls.product("P2") == (False, "a person's" if at == "settle" else "sold out")
    assert recalls.held() == 0


@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_reply_while_it_is_taken_off(recalls: Recalls, committed: bool) -> None:
    recalls.shop.fail("write", Transient("no answer", uncertain=True), committed=committed)
    recalls.recall(Products="P2")
    recalls.tick(FLOW)
    recalls.lift()
    for _ in range(4):
        recalls.tick(FLOW, minutes=2)
    assert recalls.product("P2") == (False, "sold out")
    assert recalls.held() == 0


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("others", [0, 1])
def test_what_a_person_saves_before_a_recall_without_an_answer_is_said_again_comes_back(
    recalls: Recalls, committed: bool, others: int
) -> None:
    """Nobody knows whether the recall arrived; what the person saved is of neither."""
    if others:
        recalls.recall("C0", Products="P1;P2")
        recalls.tick(FLOW)
    recalls.shop.fail("write", Transient("no answer", uncertain=True), committed=committed)
    recalls.recall(Products="P2")
    recalls.tick(FLOW)
    recalls.shop.put("orders", "P2", online=True, notice="a person's")
    for _ in range(2):
        recalls.tick(FLOW, minutes=2)
    assert recalls.product("P2") == (False, "by C1")
    recalls.lift()
    recalls.lift("C0") if others else None
    for _ in range(4):
        recalls.tick(FLOW, minutes=2)
    assert recalls.product("P2") == (True, "a person's")
    assert recalls.held() == 0


@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_reply_while_it_is_put_back(recalls: Recalls, committed: bool) -> None:
    recalls.recall(Products="P1")
    recalls.tick(FLOW)
    recalls.shop.fail("write", Transient("no answer", uncertain=True), committed=committed)
    recalls.lift()
    recalls.tick(FLOW)
    assert recalls.states(FLOW) == {"C1": "pending"}
    for _ in range(4):
        recalls.tick(FLOW, minutes=2)
    assert recalls.product("P1") == (True, None)
    assert recalls.held() == 0


def test_the_end_waits_until_a_lost_write_can_no_longer_arrive(recalls: Recalls) -> None:
    recalls.shop.fail("write", Transient("no answer", uncertain=True))
    recalls.recall(Products="P1")
    recalls.tick(FLOW)
    recalls.lift()
    recalls.tick(FLOW)
    row = recalls.store.row(FLOW, "", "C1")
    assert row is not None
    assert (row.state, recalls.product("P1")[0]) == ("pending", True)
    recalls.shop.put("orders", "P1", online=False, notice="by C1")  # the lost write arrives late
    for _ in range(3):
        recalls.tick(FLOW, minutes=2)
    assert recalls.product("P1") == (True, None)


def test_a_shop_that_is_down_while_it_is_put_back_costs_nothing(recalls: Recalls) -> None:
    recalls.recall(Products="P1")
    recalls.tick(FLOW)
    recalls.shop.fail("fetch", Unavailable("down"))
    recalls.lift()
    recalls.tick(FLOW)
    row = recalls.store.row(FLOW, "", "C1")
    assert row is not None
    assert (row.state, row.attempts) == ("pending", 0)
    recalls.tick(FLOW, minutes=5)
    assert recalls.product("P1") == (True, None)


def test_a_product_that_is_no_more_ends_quietly(recalls: Recalls) -> None:
    recalls.recall(Products="P1")
    recalls.tick(FLOW)
    recalls.shop.remove("orders", "P1")
    recalls.lift()
    recalls.tick(FLOW)
    assert recalls.states(FLOW) == {"C1": "done"}
    assert recalls.line().reason == "the object is no longer there"
    assert recalls.held() == 0


def test_an_unknown_product_parks_and_its_end_has_nothing_to_undo(recalls: Recalls) -> None:
    recalls.recall(Products="P1;nowhere")
    recalls.tick(FLOW)
    assert recalls.states(FLOW) == {"C1": "parked"}
    recalls.lift()
    recalls.tick(FLOW)
    assert recalls.states(FLOW) == {"C1": "done"}
    assert recalls.product("P1") == (True, None)
    assert recalls.held() == 0


def test_a_recall_that_was_given_up_holds_nothing_any_more(recalls: Recalls) -> None:
    recalls.recall("C1", Products="P1;nowhere")
    recalls.tick(FLOW)
    recalls.store.drop(recalls.clock.now(), why="a mistake", by="ada", flow=FLOW)
    recalls.recall("C2", Products="P1")
    recalls.tick(FLOW)
    recalls.lift("C2")
    recalls.tick(FLOW)
    assert recalls.product("P1") == (True, None), "and what stood there first is still known"


def test_lines_that_were_sent_before_the_mapping_said_undo_park_at_their_end(recalls: Recalls) -> None:
    recalls.flow(FLOW, "desk.Case", "shop.orders", RECALL.replace("undo: restore\n", ""), brake=None)
    recalls.restart()
    recalls.recall(Products="P1")
    recalls.tick(FLOW)
    recalls.flow(FLOW, "desk.Case", "shop.orders", RECALL, brake=None)
    recalls.restart()
    recalls.lift()
    recalls.tick(FLOW)
    assert recalls.states(FLOW) == {"C1": "parked"}
    assert "not known" in recalls.line().reason
    assert recalls.product("P1") == (False, "by C1")


def test_two_flows_that_hold_one_product_give_it_back_once_both_are_done(recalls: Recalls) -> None:
    recalls.flow("quality", "desk.Ticket", "shop.orders", RECALL, brake=None)
    recalls.restart()
    recalls.recall("C1", Products="P1")
    recalls.tick(FLOW)
    recalls.desk.put("Ticket", "T1", Type="Recall", Products="P1", Notice="by T1")
    recalls.tick("quality")
    recalls.lift("C1")
    recalls.tick(FLOW)
    assert recalls.product("P1") == (False, "by T1")
    recalls.clock.forward(minutes=1)
    recalls.desk.put("Ticket", "T1", Lifted=True)
    recalls.tick("quality")
    assert recalls.product("P1") == (True, None)


def test_a_preview_shows_what_would_be_put_back(recalls: Recalls) -> None:
    recalls.recall(Products="P1")
    recalls.tick(FLOW)
    recalls.lift()
    record = recalls.engine.record(FLOW, "C1")
    assert record is not None
    (preview,) = recalls.engine.preview(FLOW, [record])
    (write,) = preview.writes
    assert (write.op, write.target) == ("undo", "P1")
    assert {change.field: (change.live, change.wanted) for change in write.changes} == {
        "online": (False, True),
        "notice": ("by C1", None),
    }


def test_a_new_recall_waits_while_the_end_of_an_older_one_may_still_arrive(recalls: Recalls) -> None:
    recalls.recall("C1", Products="P1")
    recalls.tick(FLOW)
    recalls.shop.fail("write", Transient("no answer", uncertain=True))
    recalls.lift("C1")
    recalls.tick(FLOW)
    recalls.recall("C2", Products="P1")
    recalls.tick(FLOW)
    row = recalls.store.row(FLOW, "", "C2")
    assert row is not None
    assert row.state == "pending"
    recalls.shop.put("orders", "P1", online=True, notice=None)  # what was put back arrives late
    for _ in range(4):
        recalls.tick(FLOW, minutes=2)
    assert recalls.product("P1") == (False, "by C2")
    recalls.lift("C2")
    recalls.tick(FLOW, minutes=2)
    assert recalls.product("P1") == (True, None)
    assert recalls.held() == 0


def test_a_reopened_recall_holds_also_what_was_offline_before(recalls: Recalls) -> None:
    recalls.recall(Products="P2", Notice="sold out")
    recalls.tick(FLOW)
    recalls.lift()
    recalls.tick(FLOW)
    recalls.recall(Products="P2", Notice="sold out", Lifted=False)
    recalls.tick(FLOW)
    assert recalls.held() == 2, "a second recall must find that it is held"
