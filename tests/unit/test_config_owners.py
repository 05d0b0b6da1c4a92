"""Two flows may guard an order in the same way; they may not both move the same status of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.config import load_config
from connector.errors import ConfigFault

CONFIG = """\
connections:
  shop: {adapter: sfcc, url: "https://shop.example", site: RefArch, client_id: me, client_secret: s}
  desk: {adapter: jsonl, folder: desk}
store: sqlite:///ledger.db
flows:
  one: {from: desk.cases, to: shop.orders, mapping: one.yaml}
  two: {from: desk.cases, to: shop.orders, mapping: two.yaml}
"""
MAPPING = """\
summary: A guarded line.
also:
  - id: move
    to: destination.orders.%s
    target: "{{ order_no }}"
    fields: {%s: %s, only_from: "%s"}
"""


def lay_out(folder: Path, *others: tuple[str, str, str]) -> Path:
    for name, (status, value, guard) in zip(("one", "two"), others, strict=True):
        (folder / f"{name}.yaml").write_text(MAPPING % (status, status, value, guard))
    (folder / "config.yaml").write_text(CONFIG)
    return folder / "config.yaml"


def test_two_flows_may_guard_different_statuses_with_the_same_condition(tmp_path: Path) -> None:
    path = lay_out(tmp_path, ("status", "cancelled", "new"), ("confirmation_status", "confirmed", "not_confirmed"))
    assert set(load_config(path).flows) == {"one", "two"}


def test_two_flows_may_not_move_one_status(tmp_path: Path) -> None:
    path = lay_out(tmp_path, ("status", "cancelled", "new"), ("status", "open", "new"))
    with pytest.raises(ConfigFault) as caught:
        load_config(path)
    (fault,) = caught.value.faults
    assert fault.message == "'one' and 'two' both write status of shop.orders"


# -- several sites, several case systems, cases of others ---------------------------------------------------------------

SITES = """\
connections:
  de: {adapter: sfcc, url: "https://de.example", site: DE, client_id: me, client_secret: s}
  fr: {adapter: sfcc, url: "https://fr.example", site: FR, client_id: me, client_secret: s}
  service:
    {adapter: salesforce, url: "https://one.example", key_field: Commerce_Key__c,
     auth: {grant: client_credentials, client_id: me, client_secret: s}}
  second:
    {adapter: salesforce, url: "https://two.example", key_field: Commerce_Key__c,
     auth: {grant: client_credentials, client_id: me, client_secret: s}}
store: sqlite:///ledger.db
flows:
  de-orders: {from: de.orders, to: service.Case, mapping: order.yaml}
  fr-orders: {from: fr.orders, to: service.Case, mapping: order.yaml}
  de-second: {from: de.orders, to: second.Case, mapping: order.yaml}
  de-back: {from: service.Case, to: de.orders, mapping: back.yaml, answers: de-orders}
  fr-back: {from: service.Case, to: fr.orders, mapping: back.yaml, answers: fr-orders}
"""
ORDER = 'summary: s\nfields:\n  Subject: "{{ order_no }}"\n  Order_Total__c: "{{ order_total }}"\n'
BACK = 'summary: s\nwhen: "{{ IsClosed }}"\nfields:\n  c_caseDecision: "{{ Resolution__c }}"\n'
BY_HAND = """\
summary: s
when: "{{ Order_No__c and %s }}"
target: "{{ Id }}"
lookups: {order: {stream: de.orders, key: "{{ Order_No__c }}", watch: true}}
fields:
  Order_Total__c: "{{ order.order_total }}"
"""
SHARED = 'summary: s\nkey: "{{ order_no }}"\nfields:\n  Subject: {from: "{{ order_no }}", write: on-create}\n'


def sites(folder: Path, flows: str = "", **files: str) -> Path:
    for name, text in {"order": ORDER, "back": BACK, **files}.items():
        (folder / f"{name}.yaml").write_text(text)
    (folder / "config.yaml").write_text(SITES + flows)
    return folder / "config.yaml"


def fault_of(path: Path) -> tuple[str, str, str]:
    with pytest.raises(ConfigFault) as caught:
        load_config(path)
    (fault,) = caught.value.faults
    return str(fault.place).removeprefix(f"{path.parent}/"), fault.message, fault.remedy.replace(f"{path.parent}/", "")


def test_several_sites_and_several_case_systems_stand_in_one_configuration(tmp_path: Path) -> None:
    assert len(load_config(sites(tmp_path)).flows) == 5


def test_two_who_answer_into_one_field_are_told_with_both_places(tmp_path: Path) -> None:
    path = sites(
        tmp_path,
        "  de-other: {from: second.Case, to: de.orders, mapping: other.yaml, answers: de-second}\n",
        other="summary: s\nfields: {c_caseDecision: '{{ Status }}'}\n",
    )
    place, message, remedy = fault_of(path)
    assert (place, message) == (
        "other.yaml:2:10",
        "'de-back' and 'de-other' both write c_caseDecision of de.orders",
    )
    assert remedy.startswith("'de-back' writes it at back.yaml:4:3; one field of one object has one writing flow")


def test_one_mapping_of_two_flows_is_told_at_the_second_flow(tmp_path: Path) -> None:
    path = sites(tmp_path, "  de-other: {from: second.Case, to: de.orders, mapping: back.yaml, answers: de-second}\n")
    place, message, _ = fault_of(path)
    assert place.startswith("config.yaml:17:")
    assert message == "'de-back' and 'de-other' both write c_caseDecision of de.orders"


def test_context_for_cases_without_our_key_meets_no_flow_that_creates_cases(tmp_path: Path) -> None:
    flow = "  context: {from: service.Case, to: service.Case, mapping: hand.yaml}\n"
    assert load_config(sites(tmp_path, flow, hand=BY_HAND % "not Commerce_Key__c")).flows
    with pytest.raises(ConfigFault) as caught:
        load_config(sites(tmp_path, flow, hand=BY_HAND % "true"))
    assert [fault.message for fault in caught.value.faults] == [
        f"'{other}' and 'context' both write Order_Total__c of service.Case" for other in ("de-orders", "fr-orders")
    ]
    assert {str(fault.place) for fault in caught.value.faults} == {f"{tmp_path}/hand.yaml:6:3"}


def test_two_flows_that_write_context_to_the_same_cases_do_meet(tmp_path: Path) -> None:
    flows = "".join(f"  {name}: {{from: service.Case, to: service.Case, mapping: hand.yaml}}\n" for name in ("a", "b"))
    _, message, _ = fault_of(sites(tmp_path, flows, hand=BY_HAND % "not Commerce_Key__c"))
    assert message == "'a' and 'b' both write Order_Total__c of service.Case"


def test_a_shared_key_begins_with_its_flow_and_meets_no_other(tmp_path: Path) -> None:
    path = sites(tmp_path, "  shared: {from: de.orders, to: service.Case, mapping: shared.yaml}\n", shared=SHARED)
    assert len(load_config(path).flows) == 6


ANSWERS = "  hand-back: {from: service.Case, to: de.orders, mapping: note.yaml, answers: %s}\n"
NOTE = 'summary: s\nalso: [{id: n, to: destination.orders.notes, key: "{{ Id }}", fields: {text: "%s"}}]\n'


def test_an_answer_may_say_by_what_it_finds_its_record(tmp_path: Path) -> None:
    written = '{flow: de-orders, by: "{{ Order_No__c }}"}'
    flow = load_config(sites(tmp_path, ANSWERS % written, note=NOTE % "x")).flows["hand-back"]
    assert flow.by is not None
    assert flow.by.fields == frozenset({"Order_No__c"})
    assert flow.answers == "de-orders"


@pytest.mark.parametrize(
    ("written", "text", "place", "message"),
    [
        ("{flow: de-order}", "x", "config.yaml:17:86", "unknown flow 'de-order'"),
        ("{flow: de-orders, by: x}", "x", "config.yaml:17:101", "`by` reads nothing of the record"),
        ('{flow: de-orders, by: "{{ a | lowr }}"}', "x", "config.yaml:17:105", "unknown filter 'lowr'"),
        ("{flow: de-orders, line: lines}", "x", "config.yaml:17:103", "'de-orders' has no line 'lines'"),
        ("{flow: de-orders, line: main}", "x", "config.yaml:17:103", "the main line is answered without `line`"),
        ("{flow: de-orders, lin: a}", "x", "config.yaml:17:97", "unknown key 'lin'"),
        ("de-orders", "{{ origin.this.a }}", "note.yaml:2:82", "'hand-back' answers no line"),
    ],
)
def test_what_is_wrong_with_an_answer_is_told_at_its_place(
    tmp_path: Path, written: str, text: str, place: str, message: str
) -> None:
    found, said, _ = fault_of(sites(tmp_path, ANSWERS % written, note=NOTE % text))
    assert said.startswith(message)
    assert found == place


def test_a_line_is_answered_where_its_objects_are_read(tmp_path: Path) -> None:
    lines = (
        ORDER
        + "also: [{id: lines, to: destination.Line__c, for: '{{ items }}', key: '{{ this.id }}', fields: {A: b}}]\n"
    )
    answers = (
        "  lines-back: {from: service.%s, to: de.orders, mapping: note.yaml, answers: {flow: de-orders, line: lines}}\n"
    )
    well = sites(tmp_path, answers % "Line__c", note=NOTE % "{{ origin.this.a }}", order=lines)
    assert load_config(well).flows["lines-back"].of_line == "lines"
    _, message, _ = fault_of(sites(tmp_path, answers % "Case", note=NOTE % "x", order=lines))
    assert message == "reads service.Case, but line 'lines' of 'de-orders' writes to service.Line__c"
