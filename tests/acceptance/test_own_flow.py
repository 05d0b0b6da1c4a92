"""A flow that is not shipped, by somebody who has the installed command, an empty folder and a text editor."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.sandbox import Process
from tests.acceptance.processes import Daemon, Ended
from tests.acceptance.processes import run as run_command

INSTALLED = (str(Path(sys.executable).with_name("connector")),)
CONFIG = """\
connections:
  shop: {{adapter: sfcc, url: "{sfcc}", auth_url: "{sfcc}", site: RefArch, client_id: bench, client_secret: secret, index_lag: 0}}
  service:
    adapter: salesforce
    url: {salesforce}
    auth: {{grant: client_credentials, client_id: bench, client_secret: secret}}
    key_field: Commerce_Key__c
store: sqlite:///ledger.db
flows:
  gift-cards: {{from: shop.custom_objects/GiftCardProblem, to: service.Case, mapping: there.yaml, start: beginning}}
  gift-cards-back: {{from: service.Case, to: shop.custom_objects/GiftCardProblem, mapping: back.yaml, answers: gift-cards}}
defaults: {{every: 1s}}
web: {{listen: none}}
log: {{format: json}}
"""
THERE = """\
summary: A gift card that was not taken, or shows another balance than its owner expects, becomes a case.
when: "{{ c_kind in ['REFUSED', 'BALANCE'] }}"
routes:
  - {when: "{{ c_balance | money('EUR') >= 500 }}", queue: Gift Cards, priority: High}
  - {queue: Gift Cards, priority: Medium}
fields:
  Subject: "Gift card {{ c_cardNo | mask }}: {{ c_kind | lower }}"
  Description: "{{ c_comment }}"
  Status: {from: New, write: on-create}
  Priority: {from: "{{ route.priority }}", write: until-claimed}
  OwnerId: {ref: queue, name: "{{ route.queue }}", write: until-claimed}
  SuppliedEmail: {from: "{{ c_email }}", write: on-create}
  Card_Balance__c: "{{ c_balance | money('EUR') }}"
also:
  - id: messages
    to: destination.CaseComment
    for: "{{ c_messages | json }}"
    key: "{{ this.id }}"
    fields: {ParentId: "{{ main.id }}", CommentBody: "{{ this.text }}", IsPublished: true}
tests:
  - name: a refused card becomes a case
    record:
      key: GC-1
      fields: {c_kind: REFUSED, c_cardNo: "6006490000001234", c_balance: 25, c_messages: '[{"id": "m1", "text": "hello"}]'}
    main_id: 500000000000001AAA
    writes:
      - to: destination.Case
        fields: {Subject: "Gift card ************1234: refused", Priority: Medium, Card_Balance__c: 25.00}
      - {to: destination.CaseComment, fields: {CommentBody: hello}}
  - name: a card that is worth much is urgent
    record: {key: GC-2, fields: {c_kind: BALANCE, c_cardNo: "6006490000001234", c_balance: 500}}
    route: queue=Gift Cards priority=High
    writes: [{to: destination.Case, fields: {Priority: High}}]
  - name: a question is no problem
    record: {key: GC-3, fields: {c_kind: QUESTION}}
    filtered: true
"""
BACK = """\
summary: What the agent decided goes back to the gift card's problem; a new card is asked for once.
when: "{{ IsClosed }}"
fields:
  c_outcome:
    from: "{{ Card_Decision__c }}"
    map: {New card: REPLACED, Balance corrected: CORRECTED, Nothing wrong: NONE}
    otherwise: park
  c_caseNumber: "{{ CaseNumber }}"
also:
  - id: card
    to: destination.custom_objects/GiftCardRequest
    when: "{{ Card_Decision__c == 'New card' }}"
    write: once
    fields:
      c_problem: "{{ origin.key }}"
      c_amount: {from: "{{ Card_Balance__c | money('EUR') }}", required: true}
      c_status: REQUESTED
tests:
  - name: a new card is asked for with its balance
    record:
      key: 500000000000001AAA
      fields: {IsClosed: true, Card_Decision__c: New card, Card_Balance__c: 25, CaseNumber: "00001001"}
    origin: {key: GC-1, fields: {c_cardNo: "6006490000001234"}}
    writes:
      - {line: main, fields: {c_outcome: REPLACED}}
      - {line: card, fields: {c_problem: GC-1, c_amount: 25.00, c_status: REQUESTED}}
"""
DECLARED = """\
sfcc:
  custom_objects/GiftCardProblem:
    c_balance: {label: Balance, type: double, description: What is left on the card}
    c_messages: {label: Messages, type: text, description: What the customer wrote so far}
"""


@pytest.fixture
def box() -> Iterator[Process]:
    with Process("--bare", "--orders", "0", "--shop-code", "0") as made:
        yield made


def run(folder: Path, *words: str) -> Ended:
    return run_command(folder, *words, command=INSTALLED)


def administrate(box: Process, setup: Path) -> None:
    """What the two administrators do with the files of `connector setup`, as the pages beside them say."""
    org = {str(path.relative_to(setup / "service")): path for path in (setup / "service").rglob("*") if path.is_file()}
    box.control.deploy_salesforce(files={name: path.read_text() for name, path in org.items() if name != "README.md"})
    for path in org.values():
        if path.name.endswith(".permissionset-meta.xml"):
            box.control.assign_permission_set(name=path.name.partition(".")[0])
    for field, values in re.findall(r"^   - (\w+): (.*)$", org["README.md"].read_text(), re.MULTILINE):
        box.control.add_picklist_values(field=field, values=values.split(", "))
    metadata = (setup / "shop" / "meta").iterdir()
    box.control.import_shop(files={f"meta/{path.name}": path.read_text() for path in metadata})
    for kind in ("shop", "data"):
        box.control.ocapi_settings(
            kind=kind, document=json.loads((setup / "shop" / f"ocapi-settings.{kind}.json").read_text())
        )


def test_one_more_flow_both_ways_is_yaml_alone_in_an_empty_folder(tmp_path: Path, box: Process) -> None:
    config = CONFIG.format(sfcc=box.urls["sfcc"], salesforce=box.urls["salesforce"])
    for name, text in (("config.yaml", config), ("there.yaml", THERE), ("back.yaml", BACK)):
        (tmp_path / name).write_text(text)

    told = run(tmp_path, "check")
    assert (told.code, told.err) == (0, ""), told.said
    assert "2 flows, 2 connections, no faults" in told.out
    told = run(tmp_path, "test", "there.yaml", "back.yaml")
    assert told.code == 0, told.said
    assert "none failed" in told.out

    told = run(tmp_path, "check", "--live")
    assert told.code == 3, "nothing is allowed, and nothing is there"
    told = run(tmp_path, "setup")
    assert told.code == 0, told.said
    assert "guessed  custom_objects/GiftCardProblem c_balance: " in told.out, "what nobody has declared is told"
    (tmp_path / "setup" / "attributes.yaml").write_text(DECLARED)
    told = run(tmp_path, "setup")
    assert told.code == 0, told.said
    assert "GiftCardProblem c_balance: " not in told.out
    administrate(box, tmp_path / "setup")
    told = run(tmp_path, "check", "--live")
    assert told.code == 0, told.said

    messages = json.dumps([{"id": "m1", "text": "It says refused."}, {"id": "m2", "text": "Hello?"}])
    for number, kind, balance in (("GC-1", "REFUSED", 25), ("GC-2", "BALANCE", 600), ("GC-3", "QUESTION", 5)):
        box.control.place_object(
            kind="GiftCardProblem", key=number, c_kind=kind, c_balance=balance, c_cardNo="6006490000001234",
            c_email="ada@example.org", c_messages=messages,
        )  # fmt: skip
    told = run(tmp_path, "sync", "--dry-run")
    assert told.code == 0, told.said
    assert not box.control.cases(), "a dry run sends nothing"
    told = run(tmp_path, "sync")
    assert told.code == 0, told.said
    cases = {case["Commerce_Key__c"].rpartition(":")[2]: case for case in box.control.cases()}
    assert sorted(case["Card_Balance__c"] for case in cases.values()) == [25, 600]
    assert all(len(box.control.comments(case=case["Id"])) == 2 for case in cases.values())
    (much,) = (case for case in cases.values() if case["Card_Balance__c"] == 600)
    (little,) = (case for case in cases.values() if case["Card_Balance__c"] == 25)
    assert (much["Priority"], little["Priority"]) == ("High", "Medium")

    box.control.agent_edit(case=little["Id"], fields={"Card_Decision__c": "New card", "Status": "Closed"})
    with Daemon(tmp_path, command=INSTALLED) as daemon:
        daemon.wait_for("poll", flow="gift-cards-back", done=1)
        daemon.signal()
        assert daemon.ended() == 0
    box.control.agent_edit(case=much["Id"], fields={"Card_Decision__c": "Nothing wrong", "Status": "Closed"})
    assert run(tmp_path, "sync").code == 0
    problems = {one["key_value_string"]: one for one in box.control.objects(kind="GiftCardProblem")}
    assert {number: one.get("c_outcome") for number, one in problems.items()} == {
        "GC-1": "REPLACED", "GC-2": "NONE", "GC-3": None,
    }  # fmt: skip
    (request,) = box.control.objects(kind="GiftCardRequest")
    assert (request["c_problem"], request["c_amount"], request["c_status"]) == ("GC-1", 25, "REQUESTED")
    assert not any(box.control.duplicates().values())

    story = run(tmp_path, "explain", "GC-1")
    assert story.code == 0, story.said
    assert "gift-cards-back" in story.out, "the decision is part of the record's story"
    assert little["Id"] in story.out
    assert "when" in run(tmp_path, "explain", "GC-3").out, "why nothing became of it"
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} & {".py"} == set()
