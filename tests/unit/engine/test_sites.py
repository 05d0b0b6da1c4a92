"""Two sites and two case systems in one configuration: the same order number four times, and nobody meets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.document import load
from connector.engine import Engine
from connector.flow import Flow
from connector.mapping.compile import compile_mapping
from connector.retry import Policy
from connector.store import Store, open_store
from connector.testing import ScriptedAdapter
from tests.unit.engine.world import ANSWERS, ORDERS, World


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[Engine, dict[str, ScriptedAdapter], Store]]:
    """Orders of DE go to both case systems, those of FR to the first one; each is answered by its own cases."""
    (tmp_path / "facts").mkdir()
    world = World(tmp_path / "facts")
    systems = {
        "de": ScriptedAdapter(world.clock, list(world.shop.streams.values()), site="DE"),
        "fr": ScriptedAdapter(world.clock, list(world.shop.streams.values()), site="FR"),
        "one": ScriptedAdapter(world.clock, list(world.desk.streams.values())),
        "two": ScriptedAdapter(world.clock, list(world.desk.streams.values())),
    }
    flows: dict[str, Flow] = {}
    for shop, desk in (("de", "one"), ("fr", "one"), ("de", "two")):
        to, back = f"{shop}-{desk}", f"{desk}-{shop}"
        flows[to] = Flow(
            to, to, (shop, "orders"), (desk, "Case"), compile_mapping(load("o.yaml", ORDERS), answers=False)
        )
        flows[back] = Flow(
            back, back, (desk, "Case"), (shop, "orders"), compile_mapping(load("a.yaml", ANSWERS), answers=True), answers=to
        )  # fmt: skip
    store = open_store("sqlite:///ledger.db", base=tmp_path)
    engine = Engine(
        store=store, connections=systems, flows=flows, clock=world.clock, policy=Policy(), tell=lambda *_, **__: None
    )
    yield engine, systems, store
    store.close()
    world.store.close()


def test_the_same_order_number_at_two_sites_makes_cases_of_its_own_and_hears_its_own_decision(
    sites: tuple[Engine, dict[str, ScriptedAdapter], Store],
) -> None:
    engine, systems, store = sites
    for shop in ("de", "fr"):
        systems[shop].put("orders", "1", needs_care=True, status="new", total=1)
    for flow in engine.flows:
        engine.run_pass(flow)
    keys = {name: sorted(systems[name].by_our_key("Case")) for name in ("one", "two")}
    assert keys == {"one": ["de-one:_d_e:1", "fr-one:_f_r:1"], "two": ["de-two:_d_e:1"]}

    for ours, record in systems["one"].by_our_key("Case").items():
        systems["one"].put("Case", record.key, Resolution=ours.split(":")[0], Decided="1")
    for flow in engine.flows:
        engine.run_pass(flow)
    for shop in ("de", "fr"):
        assert systems[shop].objects["orders"]["1"].fields["c_decision"] == f"{shop}-one"
        assert [fields["text"] for _, fields in systems[shop].appended["orders.notes"]["1"]] == [
            f"{shop}-one for 1 over 1"
        ]
    assert all(books.balanced for books in store.counts())
    assert {row.state for row in store.rows()} <= {"done", "filtered", "foreign"}
