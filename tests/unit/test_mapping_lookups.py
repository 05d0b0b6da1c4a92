"""Hard cases (e) and (f) as the contract writes them, with tests inside; and who may be watched."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.config import load_config
from connector.document import load
from connector.errors import ConfigFault
from connector.mapping.compile import compile_mapping
from connector.mapping.own_tests import run_tests
from connector.model import Record

SEVERAL = """\
lookups: {orders: {stream: source.orders, keys: "{{ c_orderNos | json }}", watch: true}}
fields: {Subject: "Dispute {{ record.key }} over {{ orders | length }} orders"}
also:
  - {id: orders, to: destination.Case_Order__c, for: "{{ orders }}", key: "{{ this.order_no }}",
     fields: {Case__c: "{{ main.id }}", Order_No__c: "{{ this.order_no }}"}}
tests:
  - name: two orders
    record: {key: D-1, fields: {c_orderNos: '["1", "2", "1"]'}}
    lookups: {orders: [{order_no: "1"}, {order_no: "2"}]}
    main_id: 500A
    writes:
      - {line: main, fields: {Subject: Dispute D-1 over 2 orders}}
      - {line: orders, key: "1", fields: {Case__c: 500A, Order_No__c: "1"}}
      - {line: orders, key: "2", fields: {Order_No__c: "2"}}
"""
BY_HAND = """\
when: "{{ Order_No__c and not Commerce_Key__c }}"
target: "{{ Id }}"
lookups: {order: {stream: shop.orders, key: "{{ Order_No__c }}", missing: {wait: 1h, then: skip}, watch: true}}
fields: {Order_Total__c: "{{ order.order_total }}", Payment_Status__c: "{{ order.payment_status }}"}
tests:
  - name: its order's context
    record: {key: 500A, fields: {Id: 500A, Order_No__c: "1"}}
    lookups: {order: {order_total: 10.5, payment_status: paid}}
    writes: [{target: 500A, fields: {Order_Total__c: 10.5, Payment_Status__c: paid}}]
  - name: a case of ours
    record: {key: 500B, fields: {Id: 500B, Order_No__c: "1", Commerce_Key__c: "orders:x:1"}}
    filtered: when
"""
CONFIG = """\
connections:
  shop: {adapter: sfcc, url: "https://shop.example", site: RefArch, client_id: me, client_secret: s}
  desk: {adapter: jsonl, folder: desk}
store: sqlite:///ledger.db
flows:
  one: {from: shop.orders, to: desk.cases, mapping: one.yaml}
"""


@pytest.mark.parametrize("text", [SEVERAL, BY_HAND], ids=["e", "f"])
def test_the_hard_cases_of_lookups_compile_as_written_and_pass_their_own_tests(text: str) -> None:
    mapping = compile_mapping(load("hard.yaml", text), answers=False)
    assert [lookup.watch for lookup in mapping.lookups] == [True]
    outcomes = run_tests(mapping)
    assert outcomes
    assert [failure for each in outcomes for failure in each.failures] == []


def test_keys_are_asked_for_in_their_order_and_each_once() -> None:
    mapping = compile_mapping(load("hard.yaml", SEVERAL), answers=False)
    asked = mapping.lookup_keys(Record("D-1", {"c_orderNos": '["3", "1", "3", 2]'}))
    assert asked == {"orders": ["3", "1", "2"]}


@pytest.mark.parametrize(("stream", "well"), [("shop.orders", True), ("shop.orders.status", False)])
def test_only_a_stream_that_shows_what_changed_may_be_watched(tmp_path: Path, stream: str, well: bool) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    lookup = f'lookups:\n  order: {{stream: {stream}, key: "{{{{ order_no }}}}", watch: true}}\n'
    (tmp_path / "one.yaml").write_text(f'summary: s\n{lookup}fields: {{Total: "{{{{ order.total }}}}"}}\n')
    if well:
        assert load_config(tmp_path / "config.yaml").flows
        return
    with pytest.raises(ConfigFault) as caught:
        load_config(tmp_path / "config.yaml")
    (fault,) = caught.value.faults
    assert str(fault.place).endswith("one.yaml:3:69")
    assert fault.message == "'shop.orders.status' does not tell what has changed, so nobody can watch it"


def test_the_element_of_an_answered_line_stands_in_a_test_as_origin_this() -> None:
    text = """\
also: [{id: note, to: destination.orders.notes, key: "{{ Outcome }}", fields: {text: "{{ origin.this.item }}: {{ Outcome }}"}}]
tests:
  - name: what becomes of a line
    record: {key: L1, fields: {Outcome: SHIPPED}}
    origin: {key: "1", this: {item: A}}
    writes: [{line: note, fields: {text: "A: SHIPPED"}}]
"""
    mapping = compile_mapping(load("line.yaml", text), answers=True)
    assert mapping.uses_this
    assert mapping.origin_fields == frozenset()
    assert [failure for each in run_tests(mapping) for failure in each.failures] == []
