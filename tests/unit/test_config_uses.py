"""What flows do with each stream is known from their mappings alone, with the place that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.config import SystemClock, load_config
from connector.config.uses import Uses, collect
from connector.document import load
from connector.mapping.written import Reader, Written
from connector.model import Ref

CONFIG = """\
connections:
  shop: {adapter: sfcc, url: "https://shop.example", site: RefArch, client_id: a, client_secret: b}
  service:
    adapter: salesforce
    url: https://acme.my.salesforce.com
    auth: {grant: client_credentials, client_id: a, client_secret: b}
    key_field: Commerce_Key__c
store: sqlite:///ledger.db
flows:
  in: {from: shop.orders, to: service.Case, mapping: in.yaml}
  out: {from: service.Case, to: shop.orders, mapping: out.yaml, answers: in}
"""
IN = """\
when: "{{ c_score > 5 }}"
lookups:
  customer: {stream: source.custom_objects/Customer, key: "{{ customer_no }}"}
routes:
  - {when: "{{ total > 50 }}", queue: Concierge, priority: High}
  - {queue: Orders, priority: Low}
fields:
  Subject: "{{ ('Order ' ~ order_no) | truncate(40) }}"
  Description: "{{ note | truncate }}"
  Priority: {from: "{{ route.priority }}", write: until-claimed}
  OwnerId: {ref: queue, name: "{{ route.queue }}"}
  Origin: {from: Web, write: on-create}
  Reason: {from: "{{ reason }}", map: {LATE: Late, DAMAGED: Damaged}, otherwise: Other}
  Total__c: "{{ total | money(currency) }}"
  Ordered__c: "{{ created | instant }}"
  Group__c: "{{ customer.group }}"
  Vip__c: "{{ total > 1000 }}"
also:
  - id: parts
    to: destination.Part__c
    for: "{{ parts }}"
    key: "{{ this }}"
    fields: {Case__c: "{{main.id}}", State__c: "{{ this }}", Also__c: {from: "{{ main.id }}"}, Text__c: "of {{ main.id }}"}
"""
OUT = """\
fields: {c_caseStatus: "{{ Status }}"}
also:
  - id: note
    to: destination.orders.notes
    key: "{{ ClosedDate }}"
    fields: {subject: Closed, text: "{{ Note__c ~ origin.order_no }}"}
  - {id: refund, to: destination.custom_objects/Refund, write: once, fields: {c_amount: 5}}
"""


@pytest.fixture
def uses(tmp_path: Path) -> Uses:
    for name, text in (("config.yaml", CONFIG), ("in.yaml", IN), ("out.yaml", OUT)):
        (tmp_path / name).write_text(text)
    config = load_config(tmp_path / "config.yaml", environ={})
    adapters = {name: one.open(SystemClock()) for name, one in config.connections.items()}
    document = load(str(config.path))
    return collect(config.flows, adapters, lambda flow: document.place(("flows", flow, "mapping")))


def test_kinds_constants_and_bounds_are_read_from_the_mapping(uses: Uses) -> None:
    fields = uses.streams["service", "Case"].fields
    assert fields["Subject"].kinds == {"text"}
    assert fields["Subject"].longest == 40
    assert fields["Description"].longest == 32_000, "truncate without a length takes the remote field's"
    assert (fields["Priority"].values, fields["Priority"].closed) == (("High", "Low"), True)
    assert fields["Priority"].reads is False
    assert fields["OwnerId"].refs == (Ref("queue", "Concierge"), Ref("queue", "Orders"))
    assert (fields["Origin"].values, fields["Origin"].creates, fields["Origin"].updates) == (("Web",), True, False)
    assert fields["Reason"].values == ("Late", "Damaged", "Other")
    assert fields["Total__c"].kinds == {"number"}
    assert fields["Ordered__c"].kinds == {"instant"}
    assert fields["Vip__c"].kinds == {"boolean"}
    assert (fields["Group__c"].kinds, fields["Group__c"].closed) == (frozenset(), False), (
        "a looked-up value may be anything"
    )


def test_what_is_done_with_each_stream_is_known(uses: Uses) -> None:
    case, orders = uses.streams["service", "Case"], uses.streams["shop", "orders"]
    assert (case.changes, case.keyed, sorted(case.writes)) == (True, True, ["create", "update"])
    assert (orders.changes, orders.keyed, orders.fetches, sorted(orders.writes)) == (True, False, True, ["update"])
    assert uses.streams["shop", "orders.notes"].writes == {"append"}
    assert uses.streams["shop", "custom_objects/Refund"].writes == {"create"}
    customer = uses.streams["shop", "custom_objects/Customer"]
    assert (customer.fetches, customer.changes, sorted(customer.fields)) == (True, False, ["group"])
    assert {use.stream for use in uses.of("service")} == {"Case", "Part__c"}
    assert case.fields["Status"].reads
    assert not case.fields["Status"].updates
    assert orders.fields["c_score"].reads
    assert orders.fields["order_no"].reads, "of the origin too"


def test_a_field_that_holds_the_main_object_is_none_that_is_changed(uses: Uses) -> None:
    """Details of an object keep their master, and a check that took it for a change would refuse the mapping."""
    fields = uses.streams["service", "Part__c"].fields
    assert all(field.creates for field in fields.values())
    assert {name for name, field in fields.items() if field.updates} == {"State__c", "Text__c"}


@pytest.mark.parametrize(
    ("stream", "field", "value", "places"),
    [
        ("Case", "Priority", None, ["in.yaml:10:3"]),
        ("Case", "Priority", "High", ["in.yaml:5:60"]),
        ("Case", "Reason", "Damaged", ["in.yaml:13:61"]),
        ("Case", "OwnerId", Ref("queue", "Orders"), ["in.yaml:6:13"]),
        ("Case", "Status", None, ["out.yaml:1:28"]),
        ("orders", "c_score", None, ["in.yaml:1:11"]),
        ("custom_objects/Customer", "group", None, ["in.yaml:16:17"]),
        ("orders.notes", "subject", "Closed", ["out.yaml:6:23"]),
    ],
)
def test_every_use_has_its_place(
    uses: Uses, tmp_path: Path, stream: str, field: str, value: object, places: list[str]
) -> None:
    connection = "service" if stream == "Case" else "shop"
    found = [str(place).replace(f"{tmp_path}/", "") for place in uses.places(connection, stream, field, value)]
    assert found == places


def test_a_field_that_nobody_names_has_the_place_of_its_stream(uses: Uses, tmp_path: Path) -> None:
    found = [str(place).replace(f"{tmp_path}/", "") for place in uses.places("shop", "orders.notes", "author")]
    assert found == ["out.yaml:4:9"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Web", Written(frozenset({"text"}), longest=3)),
        (None, Written()),
        ("{{ a or b }}", Written(None, closed=False, longest=None)),
        ("{{ x | default(none) }}", Written(None, closed=False, longest=None)),
        ("{{ 5 if x else 7.5 }}", Written(frozenset({"number"}), longest=0)),
        ("{{ true if x else 'no' }}", Written(frozenset({"boolean", "text"}), longest=2)),
        ("{% filter truncate(9) %}\n{{ x }}\n{% endfilter %}\n", Written(frozenset({"text"}), closed=False, longest=9)),
        ("{{ x }} and more", Written(frozenset({"text"}), closed=False, longest=None)),
        ("{{ x | truncate(y) }}", Written(frozenset({"text"}), closed=False, longest=None)),
        ("{{ broken", Written(None, closed=False, longest=None)),
    ],
)
def test_what_cannot_be_known_stays_open(written: object, expected: Written) -> None:
    found = Reader({}).field(("fields", "F"), written, None)
    assert (found.kinds, found.closed, found.longest) == (expected.kinds, expected.closed, expected.longest)


def test_a_stream_is_shown_where_the_flow_names_it(tmp_path: Path) -> None:
    for name, text in (("config.yaml", CONFIG), ("in.yaml", IN), ("out.yaml", OUT)):
        (tmp_path / name).write_text(text)
    config = load_config(tmp_path / "config.yaml", environ={})
    adapters = {name: one.open(SystemClock()) for name, one in config.connections.items()}
    document = load(str(config.path))
    uses = collect(
        config.flows,
        adapters,
        lambda flow: document.place(("flows", flow)),
        lambda flow, end: document.place(("flows", flow, end)),
    )
    orders = [(place.line, place.column) for place in uses.places("shop", "orders")]
    case = [(place.line, place.column) for place in uses.places("service", "Case")]
    assert orders == [(10, 14), (11, 33)], "from of the one, to of the other"
    assert case == [(10, 31), (11, 15)]


def test_what_is_switched_off_need_not_be_there_yet(tmp_path: Path) -> None:
    off = CONFIG.replace("mapping: out.yaml,", "mapping: out.yaml, enabled: false,")
    for name, text in (("config.yaml", off), ("in.yaml", IN), ("out.yaml", OUT)):
        (tmp_path / name).write_text(text)
    config = load_config(tmp_path / "config.yaml", environ={})
    adapters = {name: each.open(SystemClock()) for name, each in config.connections.items()}
    document = load(str(config.path))
    asked = [
        collect(config.flows, adapters, lambda flow: document.place(("flows", flow, "mapping")), disabled=disabled)
        for disabled in (True, False)
    ]
    assert [("shop", "orders.notes") in each.streams for each in asked] == [True, False]
    assert all(("service", "Case") in each.streams for each in asked)
