"""The flows between the two systems, and what they ought to bring about, worked out a second time in plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from connector.adapter import Stream
from connector.document import load
from connector.flow import Flips, Flow
from connector.mapping.compile import compile_mapping
from connector.model import Op
from tests.simulation import trade

SITE, SITE_IN_KEYS = "RefArch", "_ref_arch"
MAPPINGS = {
    "orders": """
summary: an order that needs a person becomes a case, what was said about it its comments
when: "{{ care }}"
fields:
  Subject: "Order {{ record.key }}: {{ word }}"
  Total: "{{ total }}"
  Note: "{{ note }}"
  Status: {from: New, write: on-create}
  Priority: {from: "{{ priority }}", write: until-claimed}
  OwnerId: {ref: queue, name: "{{ queue }}", write: until-claimed}
also:
  - id: messages
    to: destination.CaseComment
    for: "{{ messages }}"
    key: "{{ this.id }}"
    fields: {ParentId: "{{ main.id }}", CommentBody: "{{ this.text }}"}
  - id: alert
    to: destination.Alert
    when: "{{ alert }}"
    write: once
    fields: {Amount: "{{ alert }}", About: "{{ record.key }}"}
""",
    "cases": """
summary: who works on a case is shown on its order; what they decide is carried out, then shown, then noted
fields:
  c_state: "{{ Status }}"
  c_agent: "{{ Agent }}"
also:
  - id: step
    to: destination.orders.status
    when: "{{ IsClosed and Resolution in ['Release', 'Cancel'] }}"
    key: "{{ Episode }}"
    fields:
      status: {from: "{{ Resolution }}", map: {Release: open, Cancel: cancelled}}
      only_from: "{{ 'created, failed' if Resolution == 'Release' else 'created, open' }}"
      or_already: "{{ 'open, shipped' if Resolution == 'Release' else 'failed' }}"
  - id: shown
    to: main
    after: [step]
    fields:
      c_decision: "{{ Resolution if IsClosed else none }}"
  - id: note
    to: destination.orders.notes
    when: "{{ IsClosed and Resolution }}"
    key: "{{ Episode }}"
    after: [step]
    fields: {subject: "Decided", text: "{{ Resolution }} for {{ origin.key }}"}
  - id: refund
    to: destination.requests
    when: "{{ IsClosed and Refund }}"
    write: once
    fields: {amount: "{{ Refund }}", order_no: "{{ origin.key }}"}
refused:
  to: source.CaseComment
  fields:
    CommentBody: "{{ refused.line }}|{{ refused.key | default('') }}|{{ refused.code }}|{{ refused.reason }}"
""",
    "comments": """
summary: what agents answer in public goes back
when: "{{ IsPublished }}"
also:
  - id: said
    to: destination.replies
    key: "{{ record.key }}"
    fields: {text: "{{ CommentBody }}", order_no: "{{ origin.key }}"}
""",
    "returns": """
summary: a return becomes a case once its order is there
lookups:
  order: {stream: source.orders, key: "{{ order_no }}", missing: {wait: 5m, then: park}}
fields:
  Subject: "Return {{ record.key }} of {{ order.order_no }}"
  Note: "{{ reason }}"
""",
}
ENDS = {
    "orders": (("shop", "orders"), ("desk", "Case")),
    "cases": (("desk", "Case"), ("shop", "orders")),
    "comments": (("desk", "CaseComment"), ("shop", "orders")),
    "returns": (("shop", "returns"), ("desk", "Case")),
    **trade.ENDS,
}
ANSWERS = {"cases": "orders", "comments": "orders", **trade.ANSWERS}
STEPS = {"Release": "open", "Cancel": "cancelled"}
"""Decision → the status that carries it out."""
CONDITIONS = frozenset({"only_from", "or_already"})


@cache
def _compiled(name: str) -> Any:
    return compile_mapping(load(f"{name}.yaml", MAPPINGS[name]), answers=name in ANSWERS)


def flows(names: tuple[str, ...], settings: Mapping[str, Any]) -> dict[str, Flow]:
    """The flows of a world by name, which is their id."""
    flips, lease, overlap = settings["flips"], settings["lease"], settings["overlap"]
    return {
        name: Flow(
            name, name, *ENDS[name], _compiled(name) if name in MAPPINGS else trade.compiled(name, settings),
            brake=settings["brake"] if name in MAPPINGS and name not in ANSWERS else None,
            lease=lease, concurrency=settings["concurrency"], overlap=overlap,
            answers=ANSWERS.get(name),
            flips=None if flips is None or name not in MAPPINGS else Flips(flips, 86400.0),
        )
        for name in names
    }  # fmt: skip


def shop_streams(settings: Mapping[str, Any]) -> list[Stream]:
    """What an adapter says of the shop."""
    made: frozenset[Op] = frozenset({"create", "update"})
    return [
        Stream("orders", "order_no", writes=frozenset({"update"}), fetch_batch=5, settle_after=120),
        Stream("orders.notes", "id", writes=frozenset({"append"}), object="orders", order="none", settle_after=120),
        Stream("orders.status", "order_no", writes=frozenset({"update"}), object="orders", order="none",
               conditions=CONDITIONS, settle_after=120),
        Stream("returns", "id", fetch_batch=5, settle_after=120),
        Stream("requests", "id", writes=made, create="plain", fetch="indexed", settle_after=120),
        Stream("replies", "id", writes=made, create="plain", settle_after=120),
        *trade.shop_streams(settings),
    ]  # fmt: skip


def desk_streams(settings: Mapping[str, Any]) -> list[Stream]:
    """What an adapter says of the service desk."""
    batch, conditional = settings["batch"], settings["conditional"]
    made: frozenset[Op] = frozenset({"create", "update"})
    return [
        Stream("Case", "Id", writes=made, batch=batch, fetch_batch=5, create="exclusive", claims=True,
               conditional=conditional, settle_after=600),
        Stream("CaseComment", "Id", writes=frozenset({"append"}), batch=batch, fetch_batch=5, object="Case",
               names_object="ParentId", settle_after=600),
        Stream("Alert", "Id", writes=made, batch=batch, create="exclusive", settle_after=600),
        *trade.desk_streams(settings),
    ]  # fmt: skip


def key_of(flow: str, record: str, *line: str) -> str:
    """Our key, as docs/keys.md says; ids here need no escapes."""
    return ":".join((flow, SITE_IN_KEYS, record, *line))


def case_wish(order: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What an order's case ought to show."""
    return {
        "Subject": f"Order {order}: {fields.get('word') or ''}",
        "Total": fields.get("total"),
        "Note": fields.get("note"),
    }


def claimable_wish(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What it ought to show until somebody takes it."""
    return {"Priority": fields.get("priority"), "OwnerId": fields.get("queue")}


def order_wish(case: Mapping[str, Any]) -> dict[str, Any]:
    """What a case's order ought to show."""
    return {
        "c_state": case.get("Status"),
        "c_agent": case.get("Agent"),
        "c_decision": case.get("Resolution") if case.get("IsClosed") else None,
    }


def step_wish(case: Mapping[str, Any]) -> tuple[str, str] | None:
    """Episode and status that a decision asks for."""
    status = STEPS.get(str(case.get("Resolution")))
    return (str(case["Episode"]), status) if case.get("IsClosed") and status else None
