"""A recall end to end: cases by script, products of a shop over real HTTP, a real ledger (hard case (b) of the grammar)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.adapter import Stream
from connector.document import load
from connector.engine import Engine
from connector.flow import Flow
from connector.mapping.compile import compile_mapping
from connector.retry import Policy
from connector.sandbox import Sandbox
from connector.store import open_store
from connector.testing import ScriptedAdapter
from tests.contract.sfcc_shop import Shop, shop

MAPPING = """
each: {of: "{{ Product_Ids__c | split(';') }}", as: product}
target: "{{ product }}"
when: "{{ Type == 'Recall' }}"
while: "{{ not Recall_Lifted__c }}"
undo: restore
fields: {"online_flag[default@RefArch]": false, c_recallNotice: "{{ Notice__c }}"}
"""
TIE, MUG, POSTER = "701642", "701643", "sku_ß1"
POLICY = Policy()


class Ahead:
    """The real time, and what was waited for since."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.seconds, UTC)


class Recalls:
    """One flow from cases to products."""

    def __init__(self, folder: Path, ref: Shop) -> None:
        self.ref, self.clock = ref, Ahead()
        self.desk = ScriptedAdapter(self.clock, [Stream("Case", "Id")])
        self.store = open_store("sqlite:///ledger.db", base=folder)
        mapping = compile_mapping(load("recall.yaml", MAPPING))
        flow = Flow("recalls", "recalls", ("desk", "Case"), ("shop", "products"), mapping, brake=None)
        self.engine = Engine(
            store=self.store,
            connections={"desk": self.desk, "shop": ref.adapter},
            flows={"recalls": flow},
            clock=self.clock,
            policy=POLICY,
            tell=lambda event, **facts: None,
        )

    def recall(self, key: str = "C1", **fields: Any) -> None:
        self.clock.seconds += 1
        given = {"Type": "Recall", "Product_Ids__c": f"{TIE};{POSTER}", "Notice__c": f"see {key}"}
        self.desk.put("Case", key, **{**given, **fields})

    def tick(self, *, after: float = 1.0) -> None:
        self.clock.seconds += after
        self.engine.run_pass("recalls")

    def product(self, number: str) -> tuple[Any, Any]:
        product = self.ref.control.product(number)
        return product["online_flag"].get("default@RefArch"), product.get("c_recallNotice")

    def states(self) -> dict[str, str]:
        return {row.key: row.state for row in self.store.rows(flow="recalls")}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(orders=2, returns=0, shop_code=0) as made:
        yield made


@pytest.fixture
def recalls(tmp_path: Path, box: Sandbox) -> Iterator[Recalls]:
    with shop(box, tries=1, settle_after=60) as ref:
        made = Recalls(tmp_path, ref)
        yield made
        made.store.close()


def test_products_are_suppressed_on_one_site_and_come_back_as_they_were(recalls: Recalls) -> None:
    recalls.ref.control.change_product(POSTER, online_flag={"default": True, "default@RefArch": False})
    recalls.recall()
    recalls.tick()
    assert (recalls.product(TIE), recalls.product(POSTER)) == ((False, "see C1"), (False, "see C1"))
    assert recalls.ref.control.product(TIE)["online_flag"]["default"] is True, "other sites sell it"

    recalls.recall(Recall_Lifted__c=True)
    recalls.tick()
    assert (recalls.product(TIE), recalls.product(POSTER)) == ((None, None), (False, None))
    assert recalls.states() == {"C1": "done"}


def test_an_unknown_product_parks_and_the_others_pass(recalls: Recalls) -> None:
    recalls.recall(Product_Ids__c=f"{TIE};nowhere;{MUG}")
    recalls.tick()
    assert recalls.states() == {"C1": "parked"}
    assert recalls.product(TIE)[0] is recalls.product(MUG)[0] is False


def test_a_product_of_two_recalls_is_sold_again_after_the_last_one(recalls: Recalls) -> None:
    recalls.recall("C1")
    recalls.tick()
    recalls.recall("C2", Product_Ids__c=TIE)
    recalls.tick()
    recalls.recall("C1", Recall_Lifted__c=True)
    recalls.tick()
    assert (recalls.product(TIE), recalls.product(POSTER)) == ((False, "see C2"), (None, None))
    recalls.recall("C2", Product_Ids__c=TIE, Recall_Lifted__c=True)
    recalls.tick()
    assert recalls.product(TIE) == (None, None)


def test_a_merchandiser_s_own_words_stay(recalls: Recalls) -> None:
    recalls.recall(Product_Ids__c=TIE)
    recalls.tick()
    recalls.ref.control.change_product(TIE, c_recallNotice="ask our shop in Graz")
    recalls.recall(Product_Ids__c=TIE, Recall_Lifted__c=True)
    recalls.tick()
    assert recalls.product(TIE) == (None, "ask our shop in Graz")


@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_a_reply_that_was_lost_on_either_way_loses_nothing(recalls: Recalls, kind: str) -> None:
    recalls.ref.control.change_product(TIE, c_recallNotice="new season")
    for lifted in (False, True):
        recalls.ref.control.fault(kind=kind, system="sfcc", method="PATCH", nth=1, times=1)
        recalls.recall(Product_Ids__c=TIE, Recall_Lifted__c=lifted)
        for _ in range(6):
            recalls.tick(after=70)
        assert recalls.product(TIE) == ((None, "new season") if lifted else (False, "see C1"))
        recalls.ref.control.clear_faults()
    assert recalls.states() == {"C1": "done"}


def test_somebody_who_saves_the_product_between_look_and_write_is_not_overwritten(recalls: Recalls) -> None:
    recalls.recall(Product_Ids__c=TIE)
    recalls.tick()
    recalls.recall(Product_Ids__c=TIE, Recall_Lifted__c=True)
    person = {"number": TIE, "c_recallNotice": "a person's"}
    recalls.ref.control.fault(
        kind="meanwhile", method="PATCH", path="/products/", nth=1, act="change_product", arguments=person
    )
    recalls.tick()
    assert recalls.product(TIE) == (None, "a person's")
    assert recalls.states() == {"C1": "done"}
