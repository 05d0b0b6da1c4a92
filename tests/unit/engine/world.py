"""A shop and a service desk by script, a real ledger, a clock that stands still: what every engine test works with."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Literal

import pytest

from connector.adapter import Stream
from connector.document import load
from connector.engine import Engine, PassReport
from connector.flow import Flow
from connector.mapping.compile import compile_mapping
from connector.retry import Policy
from connector.states import BESIDE, FACTS, WORDS
from connector.store import Store, open_store
from connector.testing import FrozenClock, ScriptedAdapter

ORDERS = """
summary: orders that need a person
when: "{{ needs_care }}"
fields:
  Subject: "Order {{ record.key }} is {{ status }}"
  Total: "{{ total }}"
  Status: {from: New, write: on-create}
  OwnerId: {ref: queue, name: "{{ queue | default('Orders') }}", write: until-claimed}
"""
ANSWERS = """
summary: the decision goes back
when: "{{ Resolution }}"
fields:
  c_decision: "{{ Resolution }}"
also:
  - id: note
    to: destination.orders.notes
    key: "decided-{{ Decided }}"
    fields: {subject: "Decided", text: "{{ Resolution }} for {{ origin.key }} over {{ origin.total }}"}
"""
RETURNS = """
summary: returns
lookups:
  order: {stream: source.orders, key: "{{ order_no }}", missing: {wait: 15m, then: park}}
fields:
  Subject: "Return {{ record.key }} for {{ order.status }}"
"""


class Killed(BaseException):
    """The process ends here."""


class Dying:
    """A ledger whose process ends when it calls one verb: what was sent is sent, nothing after it is written."""

    def __init__(self, store: Store, verb: str) -> None:
        self._store, self._verb = store, verb

    def __getattr__(self, name: str) -> Any:
        if name == self._verb:
            raise Killed
        return getattr(self._store, name)


OPENED: list[World] = []
"""Worlds whose ledgers the test that made them leaves open; `conftest` closes them when it is over."""


class World:
    """`shop` has orders, notes and returns; `desk` has cases and comments (exclusive create), remarks on cases
    (append) and tickets (plain create); parts (exclusive) and slips (plain) can be deleted."""

    def __init__(
        self,
        folder: Path,
        *,
        orders: str = ORDERS,
        answers: str = ANSWERS,
        conditional: Literal["none", "1s", "exact"] = "exact",
        **settings: Any,
    ) -> None:
        self.clock = FrozenClock()
        self.folder = folder
        self.shop = ScriptedAdapter(
            self.clock,
            [
                Stream("orders", "order_no", writes=frozenset({"update"}), batch=10, settle_after=120),
                Stream("orders.notes", "id", writes=frozenset({"append"}), batch=10, object="orders", settle_after=120),
                Stream(
                    "orders.status",
                    "order_no",
                    writes=frozenset({"update"}),
                    object="orders",
                    order="none",
                    conditions=frozenset({"only_from"}),
                ),
                Stream("returns", "id", writes=frozenset({"create", "update"}), batch=10, settle_after=120),
            ],
            site="RefArch",
        )
        self.desk = ScriptedAdapter(
            self.clock,
            [
                Stream(
                    "Case",
                    "Id",
                    writes=frozenset({"create", "update"}),
                    batch=200,
                    create="exclusive",
                    claims=True,
                    conditional=conditional,
                    states=frozenset(WORDS),
                    facts=frozenset({*FACTS, BESIDE}),
                    attended=("OwnerId", "closed"),
                ),
                Stream("Remark", "Id", writes=frozenset({"append"}), batch=200, object="Case", names_object="ParentId"),
                Stream("Comment", "Id", writes=frozenset({"create", "update"}), batch=200, create="exclusive"),
                Stream(
                    "Part",
                    "Id",
                    writes=frozenset({"create", "update", "delete"}),
                    batch=200,
                    create="exclusive",
                    conditional="exact",
                    settle_after=120,
                ),
                Stream(
                    "Slip",
                    "Id",
                    writes=frozenset({"create", "update", "delete"}),
                    batch=50,
                    create="plain",
                    settle_after=120,
                ),
                Stream(
                    "Ticket", "Id", writes=frozenset({"create", "update"}), batch=50, create="plain", settle_after=120
                ),
            ],
        )
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.stop = threading.Event()
        self.policy = Policy()
        self.flows: dict[str, Flow] = {}
        self.flow("orders-to-cases", "shop.orders", "desk.Case", orders, **{"brake": None, **settings})
        self.flow("cases-to-orders", "desk.Case", "shop.orders", answers, answers="orders-to-cases", brake=None)
        self.store: Store = open_store("sqlite:///ledger.db", base=folder)
        OPENED.append(self)
        self.engine = self._engine()

    def flow(self, name: str, source: str, destination: str, mapping: str, **settings: Any) -> None:
        """Declare a flow, or declare it anew; call `restart` for the engine to see it."""
        compiled = compile_mapping(load(f"{name}.yaml", mapping), answers="answers" in settings)
        ends = [tuple(end.split(".", 1)) for end in (source, destination)]
        self.flows[name] = Flow(name, name, (ends[0][0], ends[0][1]), (ends[1][0], ends[1][1]), compiled, **settings)

    def _engine(self) -> Engine:
        return self.engine_on(self.store)

    def engine_on(self, store: Store) -> Engine:
        """Another process: its engine, over a ledger that it has opened."""
        return Engine(
            store=store,
            connections={"shop": self.shop, "desk": self.desk},
            flows=self.flows,
            clock=self.clock,
            policy=self.policy,
            tell=lambda event, **facts: self.told.append((event, facts)),
            stop=self.stop,
        )

    def killed_pass(self, flow: str = "orders-to-cases", *, at: str = "settle") -> None:
        """A pass whose process dies when it calls this verb of the ledger, and a new process on the same ledger."""
        self.engine.store = Dying(self.store, at)
        with pytest.raises(Killed):
            self.engine.run_pass(flow)
        self.restart()

    def restart(self) -> None:
        """Another process on the same ledger."""
        self.store.close()
        self.store = open_store("sqlite:///ledger.db", base=self.folder)
        self.engine = self._engine()

    def order(self, key: str, **fields: Any) -> None:
        """The shop saves an order that needs care."""
        self.shop.put("orders", key, **{"needs_care": True, "status": "new", "total": 10.5, **fields})

    def tick(self, flow: str = "orders-to-cases", *, minutes: float = 0) -> PassReport:
        """One pass, after some time."""
        self.clock.forward(minutes=minutes)
        report = self.engine.run_pass(flow)
        assert all(books.balanced for books in self.store.counts()), self.store.counts()
        return report

    def cases(self) -> dict[str, dict[str, Any]]:
        """Fields of the cases by the order they came from."""
        return {key.rsplit(":", 1)[1]: record.fields for key, record in self.desk.by_our_key("Case").items()}

    def case_id(self, order: str) -> str:
        return next(r.key for k, r in self.desk.by_our_key("Case").items() if k.endswith(":" + order))

    def notes(self, order: str) -> list[str]:
        """Our notes on an order: their texts."""
        return [fields["text"] for _, fields in self.shop.appended["orders.notes"][order]]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [facts for event, facts in self.told if event == name]

    def states(self, flow: str = "orders-to-cases") -> dict[str, str]:
        return {row.key: row.state for row in self.store.rows(flow=flow, limit=10_000)}
