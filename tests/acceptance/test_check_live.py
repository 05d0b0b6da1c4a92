"""`connector check --live`: everything that is wrong between our files and the systems, at once, with place and remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.sandbox.box import Sandbox
from connector.sandbox.options import Options
from tests.acceptance import files
from tests.acceptance.processes import Ended, run
from tests.acceptance.stage import Stage

CONFIG = """\
connections:
  shop: {{adapter: sfcc, url: "{sfcc}", auth_url: "{sfcc}", site: RefArch, client_id: bench, client_secret: secret}}
  service:
    adapter: salesforce
    url: {salesforce}
    auth: {{grant: client_credentials, client_id: bench, client_secret: secret}}
    key_field: Commerce_Key__c
store: sqlite:///ledger.db
flows:
  orders:
    from: shop.orders
    to: service.Case
    mapping: order.yaml
  back:
    from: service.Case
    to: shop.orders
    answers: orders
    mapping: back.yaml
  returns:
    from: shop.custom_objects/ReturnRequest
    to: service.Cases
    mapping: return.yaml
"""
ORDER = """\
routes:
  - {when: "{{ c_riskScore > 50 }}", queue: Risk, priority: Urgent}
  - {queue: Concierge, priority: Low}
fields:
  Subject: "{{ ('Order ' ~ order_no) | truncate(300) }}"
  Priority: "{{ route.priority }}"
  OwnerId: {ref: queue, name: "{{ route.queue }}"}
  Order_Total__c: "{{ order_total | money(currency) }}"
  Order_Date__c: yesterday
  Site__c: "{{ site_id }}"
  IsClosed: false
  Fulfillment__c: "{{ c_fulfillmentStatus }}"
also:
  - {id: later, to: main, when: "{{ c_paid }}", fields: {Site__c: paid}}
"""
BACK = """\
fields:
  c_caseStatus: "{{ staus }}"
  c_caseOwner: "{{ Owner.Name }}"
"""
RETURN = """\
fields:
  Subject: "Return {{ record.key }}"
"""
SAID = """\
service: FAIL  …
config.yaml:3:3  the clock of this machine is 3,600 s behind Salesforce's
                 let this machine keep its time by NTP
config.yaml:7:16  Commerce_Key__c of Case is not unique
                  tick Unique on Commerce_Key__c: without it two creates at the same time make two records
config.yaml:21:9  there is no object Cases, or the integration user may not see it (NOT_FOUND)
                  correct the stream's name, or give the user's permission set access to Cases
back.yaml:2:21  Case has no field staus, or the integration user may not see it
                did you mean Status? else create it, or let the integration user read it
order.yaml:2:45  there is no queue 'Risk'
                 create the queue, or name one of these: Concierge, Escalation, Orders, Payments, Returns, Reviews
order.yaml:2:61  'Urgent' is no active value of the picklist Priority of Case
                 active values: High, Medium, Low
order.yaml:3:13  the queue 'Concierge' does not take Case
                 add Case to the supported objects of the queue
order.yaml:5:3  texts of up to 300 characters are written into Subject of Case, which takes 255
                write `| truncate(255)`, or lengthen Subject
order.yaml:8:3  the integration user may not write Order_Total__c of Case
                give its permission set edit access to Order_Total__c; what nobody can edit, take out of the mapping
order.yaml:9:18  Order_Date__c of Case is a date and time, not 'yesterday'
                 write what a field of type datetime takes, or name another field
order.yaml:10:3  Case has no field Site__c, or the integration user may not see it
                 create it, or let the integration user read and edit it
                 also at order.yaml:14:58
order.yaml:11:3  the integration user may not write IsClosed of Case
                 give its permission set edit access to IsClosed; what nobody can edit, take out of the mapping
order.yaml:12:3  Case has no field Fulfillment__c, or the integration user may not see it
                 did you mean Fulfilment__c? else create it, or let the integration user read and edit it
what is missing in a system, connector setup writes as files for its administrator
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(Options(orders=3, returns=1, shop_code=0, foreign_queues=frozenset({"Concierge"}))) as box:
        yield box


@pytest.fixture
def box(shared: Sandbox) -> Sandbox:
    shared.control.reset()
    return shared


@pytest.fixture
def folder(tmp_path: Path, box: Sandbox) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG.format(sfcc=box.sfcc_url, salesforce=box.salesforce_url))
    for name, text in (("order.yaml", ORDER), ("back.yaml", BACK), ("return.yaml", RETURN)):
        (tmp_path / name).write_text(text)
    return tmp_path


def service_part(ended: Ended) -> str:
    """What was printed, without figures that differ from run to run and without what the shop found."""
    assert ended.err == ""
    text = re.sub(
        r"^service: FAIL  .*$", "service: FAIL  …", ended.out[ended.out.index("service: ") :], flags=re.MULTILINE
    )
    return re.sub(r"machine is 3,\d\d\d s", "machine is 3,600 s", text)


def test_a_broken_org_and_broken_mappings_are_told_whole_in_the_order_of_the_places(box: Sandbox, folder: Path) -> None:
    box.control.set(
        unique_key=False, hidden_fields=["Case.Site__c"], readonly_fields=["Case.Order_Total__c"]
    )  # fmt: skip
    box.control.advance(3600)
    ended = run(folder, "check", "--live")
    assert service_part(ended).splitlines() == SAID.splitlines()
    assert ended.code == 1


def test_without_live_no_system_is_asked(box: Sandbox, folder: Path) -> None:
    assert run(folder, "check").code == 0
    assert box.control.requests()["salesforce"].get("total", 0) == 0


def test_a_system_that_is_down_hides_nothing_of_the_other(box: Sandbox, folder: Path) -> None:
    box.outage("sfcc")
    try:
        ended = run(folder, "check", "--live")
    finally:
        box.outage("sfcc", down=False)
    assert ended.code == 3
    assert "shop: FAIL  Unreachable" in ended.out
    assert "order.yaml:9:18  Order_Date__c" in ended.out


def test_the_shipped_mappings_fit_the_sample_systems(tmp_path: Path) -> None:
    """A false alarm here is a defect of the check."""
    with Sandbox(Options(orders=3, returns=1, shop_code=0)) as box:
        stage = Stage(box, tmp_path)
        ended = run(tmp_path, "check", "--live")
        assert (ended.code, ended.err) == (0, ""), ended.out
        assert [line.split("  ")[0] for line in ended.out.splitlines()[1:]] == ["shop: ok", "service: ok"]
        assert stage.box.control.requests()["salesforce"]["total"] == 6, (
            "token, limits, describe of cases, comments and files, queues"
        )


def test_a_misspelled_key_field_is_shown_in_the_configuration(box: Sandbox, folder: Path) -> None:
    files.replace(folder, "config.yaml", "key_field: Commerce_Key__c", "key_field: Comerce_Key__c")
    ended = run(folder, "check", "--live")
    assert ended.code == 1
    assert "\nconfig.yaml:7:16  Case has no field Comerce_Key__c" in ended.out
