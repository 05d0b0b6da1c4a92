"""Flows whose lines come and go: lists of lines, what ends and is undone, objects that several records share, watched lookups.

Beside them, what they ought to bring about, worked out a second time in plain Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from connector.adapter import Stream
from connector.document import load
from connector.mapping.compile import compile_mapping
from connector.model import Op

_GONE = {
    "delete": "delete",
    "choose": "{delete_if: {State: Draft}, else: {State: Cancelled}}",
    "write": "{State: Cancelled}",
}
MAPPINGS = {
    "recalls": """
summary: products of a recall are taken off, and come back when it is lifted
each: {of: "{{ products }}", as: product}
target: "{{ product }}"
while: "{{ not lifted }}"
undo: restore
fields: {online: false, notice: "{{ notice }}"}
""",
    "baskets": """
summary: what stands in a basket becomes parts of its ticket
when: "{{ care }}"
while: "{{ not shut }}"
leave: {Status: Closed, Outcome: "{{ outcome }}"}
fields:
  Subject: "Basket {{ record.key }}: {{ word }}"
  Status: {from: New, write: on-create}
also:
  - id: parts
    to: destination.Part
    for: "{{ parts }}"
    key: "{{ this.id }}"
    gone: GONE
    fields: {Ticket: "{{ main.id }}", Quantity: "{{ this.qty }}", State: {from: Draft, write: on-create}}
  - {id: submit, to: main, after: [parts], when: "{{ complete }}", write: once, fields: {Stage: Sent}}
""",
    "parcels": """
summary: each piece of a parcel is a box that shows its depots
each: {of: "{{ pieces }}", as: piece}
gone: GONE
lookups:
  depot: {stream: source.depots, key: "{{ depot_no }}", missing: {wait: 1m, then: THEN}, watch: true}
  hubs: {stream: source.depots, keys: "{{ hub_nos }}", missing: {wait: 1m, then: "null"}, watch: true}
fields:
  Label: "{{ piece }} from {{ depot.town }}"
  Hubs: "{{ hubs | map('town') | join(', ') }}"
  State: {from: Draft, write: on-create}
""",
    "claims": """
summary: all claims about an order are one folder
key: "{{ order_no }}"
fields:
  Subject: {from: "Order {{ order_no }}", write: on-create}
  Priority: {from: "{{ priority }}", write: until-claimed}
also:
  - {id: entry, to: destination.Entry, fields: {Folder: "{{ main.id }}", Text: "{{ record.key }}: {{ word }}"}}
""",
    "verdicts": """
summary: what is decided in a folder goes to each of its claims
fields: {c_verdict: "{{ Verdict }}"}
""",
}
ENDS = {
    "recalls": (("desk", "Recall"), ("shop", "products")),
    "baskets": (("shop", "baskets"), ("desk", "Ticket")),
    "parcels": (("shop", "parcels"), ("desk", "Box")),
    "claims": (("shop", "claims"), ("desk", "Folder")),
    "verdicts": (("desk", "Folder"), ("shop", "claims")),
}
ANSWERS = {"verdicts": "claims"}
WATCHED = {"parcels": ("shop", "depots")}
GOES_WITH = {"claims": ("verdicts",)}
"""Flows that make no sense without another."""
MEMBERS = {"desk.Part": ("baskets", "parts"), "desk.Box": ("parcels", "main")}
"""Where lines that come and go make objects: their flow, and the id of the line."""
PLAIN: Mapping[str, Any] = {"gone": "delete", "create": "exclusive", "then": "null", "guarded": "none"}
"""How these flows and systems are, unless a course says otherwise. `guarded`: whether products, parts and boxes take updates
on condition; `create`: of parts and folders; `then`: what is done without a depot."""


@cache
def _compiled(name: str, gone: str, then: str) -> Any:
    text = MAPPINGS[name].replace("GONE", _GONE[gone]).replace("THEN", f'"{then}"')
    return compile_mapping(load(f"{name}.yaml", text), answers=name in ANSWERS)


def compiled(name: str, settings: Mapping[str, Any]) -> Any:
    """One of these mappings, as a course has it."""
    return _compiled(name, settings["gone"], settings["then"])


def shop_streams(settings: Mapping[str, Any]) -> list[Stream]:
    """What an adapter says of the shop."""
    updated: frozenset[Op] = frozenset({"update"})
    return [
        Stream("products", "id", writes=updated, fetch_batch=5, conditional=settings["guarded"], settle_after=120),
        Stream("baskets", "id", fetch_batch=5, settle_after=120),
        Stream("parcels", "id", fetch_batch=5, settle_after=120),
        Stream("depots", "id", fetch_batch=5, settle_after=120),
        Stream("claims", "id", writes=updated, fetch_batch=5, settle_after=120),
    ]


def desk_streams(settings: Mapping[str, Any]) -> list[Stream]:
    """What an adapter says of the service desk."""
    made: frozenset[Op] = frozenset({"create", "update"})
    batch, guarded, create = settings["batch"], settings["guarded"], settings["create"]
    return [
        Stream("Recall", "Id", fetch_batch=5, settle_after=600),
        Stream("Ticket", "Id", writes=made, batch=batch, create="exclusive", settle_after=600),
        Stream("Part", "Id", writes=made | {"delete"}, batch=batch, create=create, conditional=guarded, settle_after=600),
        Stream("Box", "Id", writes=made | {"delete"}, batch=batch, create="exclusive", conditional=guarded,
               settle_after=600),
        Stream("Folder", "Id", writes=made, batch=batch, create=create, claims=True,
               conditional=settings["conditional"], settle_after=600),
        Stream("Entry", "Id", writes=made, batch=batch, create="exclusive", settle_after=600),
    ]  # fmt: skip


# -- what ought to be ----------------------------------------------------------------------------------------------------


def names(recall: Mapping[str, Any], product: str) -> bool:
    """Whether a recall, as it was saved, takes a product off."""
    return not recall["lifted"] and product in recall["products"]


def members(stream: str, fields: Mapping[str, Any]) -> Sequence[str]:
    """Keys of the lines that a record asks for."""
    return [part["id"] for part in fields["parts"]] if stream == "desk.Part" else list(fields["pieces"])


def box_wish(piece: str, fields: Mapping[str, Any], depots: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What a box ought to show."""
    depot = depots.get(fields["depot_no"] or "")
    hubs = [depots[number]["town"] for number in fields["hub_nos"] if number in depots]
    return {"Label": f"{piece} from {depot['town'] if depot else ''}", "Hubs": ", ".join(hubs) or None}
