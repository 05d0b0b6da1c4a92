"""What SCAPI cannot do is refused with our files, at the place that needs it, with the reason and the way round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connector.adapter import Limited
from connector.config import load_config
from connector.document import load
from connector.errors import ConfigFault
from connector.mapping.awaited import awaited

ROOT = Path(__file__).resolve().parents[2]
MAPPINGS = ROOT / "mappings" / "salesforce"
HEAD = """\
connections:
  shop:
    adapter: sfcc
    api: {api}
    url: https://zzte.api.commercecloud.salesforce.com
    site: RefArch
    client_id: id
    client_secret: secret
    {more}
  service:
    adapter: salesforce
    url: https://acme.my.salesforce.com
    auth: {{grant: client_credentials, client_id: id, client_secret: secret}}
    key_field: Commerce_Key__c
store: sqlite:///ledger.db
flows:
{flows}
"""
ORDERS = "  orders-to-cases: {{from: shop.orders, to: service.Case, mapping: {mapping}{more}}}"
BACK = "  cases-to-orders: {{from: service.Case, to: shop.orders, mapping: {mapping}, answers: orders-to-cases{more}}}"
PLACED = ", where: {status: [new, completed, cancelled]}"


def said(folder: Path, *flows: str, api: str = "scapi", more: str = "organization: f_ecom_zzte_053") -> list[str]:
    """The faults of such a configuration, as `check` prints them."""
    (folder / "config.yaml").write_text(
        HEAD.format(api=api, more=more if api == "scapi" else "", flows="\n".join(flows))
    )
    try:
        load_config(folder / "config.yaml", environ={})
    except ConfigFault as fault:
        return [str(each) for each in fault.faults]
    return []


def mapping(folder: Path, text: str, name: str = "m.yaml") -> str:
    (folder / name).write_text(text)
    return name


def shipped(name: str) -> str:
    return str(MAPPINGS / name)


def line_of(name: str, text: str) -> int:
    lines = (MAPPINGS / name).read_text().split("\n")
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_what_the_shipped_order_flow_needs_and_scapi_has_not_is_refused_with_its_place(tmp_path: Path) -> None:
    faults = said(
        tmp_path,
        ORDERS.format(mapping=shipped("order-exception-to-case.yaml"), more=""),
        BACK.format(mapping=shipped("case-to-order.yaml"), more=""),
    )
    assert len(faults) == 2, faults
    notes, failed = sorted(faults, key=lambda text: "no orders that are" in text)
    line, rule = (
        line_of("case-to-order.yaml", "to: destination.orders.notes"),
        line_of("order-exception-to-case.yaml", "when:"),
    )
    assert notes.startswith(
        f"{shipped('case-to-order.yaml')}:{line}:9  connection 'shop': SCAPI has no notes on orders"
    )
    assert "without:" in notes
    assert "api: ocapi" in notes
    assert failed.startswith(
        f"{shipped('order-exception-to-case.yaml')}:{rule}:7  SCAPI lists no orders that are failed"
    )
    assert "where: {status: [new, completed, cancelled]}" in failed


def test_done_without_what_it_cannot_the_shipped_flow_is_taken(tmp_path: Path) -> None:
    flows = (
        ORDERS.format(mapping=shipped("order-exception-to-case.yaml"), more=PLACED),
        BACK.format(mapping=shipped("case-to-order.yaml"), more=", without: [decision]"),
    )
    assert said(tmp_path, *flows) == []


def test_over_ocapi_nothing_of_it_is_a_fault_and_nothing_is_looked_at(tmp_path: Path) -> None:
    flows = (
        ORDERS.format(mapping=shipped("order-exception-to-case.yaml"), more=""),
        BACK.format(mapping=shipped("case-to-order.yaml"), more=""),
    )
    assert said(tmp_path, *flows, api="ocapi") == []
    config = load_config(tmp_path / "config.yaml", environ={})
    adapter = config.connections["shop"].open(None)  # type: ignore[arg-type]
    assert not isinstance(adapter, Limited)
    adapter.close()


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("c_caseNumber: null", "does not filter by c_caseNumber"),
        ("customer_email: x", "does not filter by customer_email"),
        ("status: failed", "lists no orders whose status is failed"),
        ("payment_status: [paid, part_paid, not_paid]", ""),
        ("export_status: [not_exported, exported, ready]", ""),
        ("confirmation_status: confirmed", ""),
        ("external_order_status: [a, b]", "takes 1 values of external_order_status"),
        ("external_order_status: null", "is null"),
    ],
)
def test_where_takes_what_the_list_filters_by(tmp_path: Path, where: str, expected: str) -> None:
    made = mapping(tmp_path, "fields: {Subject: x}")
    faults = said(tmp_path, ORDERS.format(mapping=made, more=f", where: {{{where}}}"))
    assert len(faults) == bool(expected), faults
    if expected:
        assert expected in faults[0]
        assert faults[0].startswith(str(tmp_path / "config.yaml") + ":17:")


def test_a_status_that_scapi_does_not_set_is_refused_at_its_value(tmp_path: Path) -> None:
    made = mapping(tmp_path, "fields: {Subject: x}", "there.yaml")
    back = mapping(tmp_path, "also:\n  - {id: s, to: destination.orders.status, fields: {status: open}}", "back.yaml")
    (fault,) = said(tmp_path, ORDERS.format(mapping=made, more=""), BACK.format(mapping=back, more=""))
    assert "SCAPI sets no order to open" in fault
    assert fault.startswith(str(tmp_path / "back.yaml") + ":2:61")


def test_a_scope_that_the_flows_need_and_nobody_asked_for_is_said_at_the_setting(tmp_path: Path) -> None:
    made = mapping(tmp_path, "fields: {Subject: x}", "there.yaml")
    back = mapping(tmp_path, "fields: {c_caseNumber: x}", "back.yaml")
    flows = ORDERS.format(mapping=made, more=""), BACK.format(mapping=back, more="")
    more = "organization: f_ecom_zzte_053\n    scopes: [sfcc.orders]"
    (fault,) = said(tmp_path, *flows, more=more)
    assert "needs the scope sfcc.orders.rw" in fault
    assert ":10:" in fault
    assert said(tmp_path, *flows, more=more.replace("sfcc.orders", "sfcc.orders.rw")) == []


def test_order_events_are_of_scapi_alone(tmp_path: Path) -> None:
    made = mapping(tmp_path, "fields: {Subject: x}", "there.yaml")
    fields = "{type: refund, status: completed, occurred_at: x}"
    line = f"{{id: e, to: destination.orders.events, key: k, write: once, fields: {fields}}}"
    back = mapping(tmp_path, f"also:\n  - {line}", "back.yaml")
    flows = ORDERS.format(mapping=made, more=""), BACK.format(mapping=back, more="")
    (fault,) = said(tmp_path, *flows, api="ocapi")
    assert "OCAPI takes no order events" in fault
    assert said(tmp_path, *flows) == []


def test_a_line_that_is_left_out_must_be_there(tmp_path: Path) -> None:
    back = BACK.format(mapping=shipped("case-to-order.yaml"), more=", without: [decisions]")
    (fault, _) = sorted(
        said(tmp_path, ORDERS.format(mapping=shipped("order-exception-to-case.yaml"), more=PLACED), back),
        key=lambda text: "notes" in text,
    )
    assert "has no line 'decisions'" in fault
    assert "did you mean 'decision'?" in fault


def test_rows_remember_that_a_line_was_left_out(tmp_path: Path) -> None:
    there = ORDERS.format(mapping=shipped("order-exception-to-case.yaml"), more=PLACED)
    versions = {}
    for left in ("decision", "decision, shown"):
        back = BACK.format(mapping=shipped("case-to-order.yaml"), more=f", without: [{left}]")
        assert said(tmp_path, there, back) == []
        made = load_config(tmp_path / "config.yaml", environ={}).flows["cases-to-orders"].mapping
        assert not {"decision"} & {line.id for line in made.lines}
        versions[left] = made.version
    assert len(set(versions.values())) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{{ status == 'failed' or a and record.status in ['new', 'open'] }}",
            [("status", "failed"), ("status", "new"), ("status", "open")],
        ),
        ("{{ not status in ['cancelled'] and status != 'new' }}", []),
        ("{{ status not in ['cancelled'] }}", []),
        ("{{ order.status == 'failed' }}", []),
        ("{{ order == 'x' }}", []),
        ("{{ n == 3 }}", [("n", 3)]),
        ("plain", []),
    ],
)
def test_what_lets_a_record_in_is_read_from_when(tmp_path: Path, text: str, expected: list[tuple[str, Any]]) -> None:
    lookups = "lookups: {order: {stream: source.orders, key: x}}"
    found = awaited(load(str(tmp_path / mapping(tmp_path, f'when: "{text}"\n{lookups}\n'))))
    assert [(one.field, one.value) for one in found] == expected
