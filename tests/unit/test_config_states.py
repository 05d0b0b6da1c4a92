"""What a flow by state may say, and what its `where` means: misuse is refused with its place and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.config import SystemClock, load_config
from connector.config.uses import collect
from connector.document import load
from connector.errors import ConfigFault
from connector.states import OwnTime
from tests.acceptance.stage import ROOT

CONFIG = """\
connections:
  shop: {adapter: sfcc, url: "https://shop.example", site: RefArch, client_id: me, client_secret: s}
  desk:
    adapter: salesforce
    url: https://desk.example
    key_field: Key__c
    auth: {grant: client_credentials, client_id: me, client_secret: s}
store: sqlite:///ledger.db
flows:
  waits:
    from: desk.Case
    to: desk.Case
    by: state
    where: {open: true, claimed: false, waiting_longer_than: 15m, Origin: [Web, Phone]}
    mapping: m.yaml
"""
WHERE = "    where: {open: true, claimed: false, waiting_longer_than: 15m, Origin: [Web, Phone]}\n"
MAPPING = """\
summary: A case that waits.
target: "{{ Id }}"
once_per: "{{ Id }}:{{ queued_since }}"
fields:
  Priority: {from: High, write: until-claimed}
  Note__c: {from: "{{ now }}", write: until-claimed}
"""


def faults(folder: Path, config: str = CONFIG, mapping: str = MAPPING) -> list[str]:
    (folder / "m.yaml").write_text(mapping)
    (folder / "config.yaml").write_text(config)
    with pytest.raises(ConfigFault) as caught:
        load_config(folder / "config.yaml")
    return [f"{fault.place.line}:{fault.place.column} {fault.message}; {fault.remedy}" for fault in caught.value.faults]


def test_durations_become_seconds_and_fields_stay(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MAPPING)
    (tmp_path / "config.yaml").write_text(CONFIG)
    flow = load_config(tmp_path / "config.yaml").flows["waits"]
    assert flow.by_state
    assert flow.where == {"open": True, "claimed": False, "waiting_longer_than": 900.0, "Origin": ["Web", "Phone"]}
    assert flow.mapping.fields == frozenset({"Id", "queued_since"})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("open: true", "open: yes", "14:19 open is true or false"),
        ("waiting_longer_than: 15m", "waiting_longer_than: 15", "14:62 waiting_longer_than: not a duration"),
        ("claimed: false", "claimd: false", "14:25 'claimd' is no state of Case; did you mean 'claimed'?"),
        (WHERE, "", "11:5 a flow by state needs `where`"),
        ("    by: state\n", "    by: state\n    start: 7d\n", "14:5 a flow by state has no 'start'"),
        ("    by: state\n", "", "once_per' is for flows by state"),
        ("    by: state\n", "    by: states\n", "by"),
        ("desk.Case\n    to", "shop.orders\n    to", "'shop.orders' cannot be read by state"),
    ],
)  # fmt: skip
def test_what_a_flow_by_state_cannot_say_is_refused_where_it_stands(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert CONFIG.count(old) == 1
    assert any(said in one for one in faults(tmp_path, CONFIG.replace(old, new)))


BESIDE = "    where: {open: true, claimed: true, claimed_beside: Order_No__c}\n"
TELLS = """\
once_per: "{{ Id }}:{{ beside.key }}:{{ beside.since }}"
also: [{id: told, to: destination.CaseComment, write: once,
  fields: {CommentBody: "{{ beside.claimed_by }} {{ beside.CaseNumber }}"}}]
"""


@pytest.mark.parametrize(
    ("where", "fields"), [("Order_No__c", ("Order_No__c",)), ("[Site__c, Order_No__c]", ("Site__c", "Order_No__c"))]
)
def test_a_flow_may_say_by_which_fields_records_belong_together(
    tmp_path: Path, where: str, fields: tuple[str, ...]
) -> None:
    (tmp_path / "m.yaml").write_text(TELLS)
    (tmp_path / "config.yaml").write_text(CONFIG.replace(WHERE, BESIDE.replace("Order_No__c", where)))
    flow = load_config(tmp_path / "config.yaml").flows["waits"]
    assert flow.where["claimed_beside"] == fields
    assert flow.mapping.fields == frozenset({"Id", "beside", "CaseNumber", "claimed_by"}), (
        "the other record is read with the same"
    )


@pytest.mark.parametrize(
    ("where", "mapping", "said"),
    [
        (BESIDE.replace("Order_No__c", "true"), TELLS, "14:56 claimed_beside names a field that both records have"),
        (BESIDE.replace("Order_No__c", "[]"), TELLS, "14:56 claimed_beside names a field that both records have"),
        (BESIDE.replace("claimed: true", "claimed: false"), TELLS, "nothing is ever both claimed_beside and claimed"),
        (BESIDE.replace("claimed: true", "waiting_longer_than: 15m"), TELLS, "take waiting_longer_than away"),
        (WHERE, TELLS, "14:12 m.yaml reads beside, and 'waits' finds no other record; write `claimed_beside: Order_No__c`"),
        (BESIDE, TELLS.replace("{{ beside.key }}:{{ beside.since }}", "{{ claimed_since }}"),
         "1:11 `once_per` does not name the other record"),
        (BESIDE, TELLS.replace("beside.since", "beside"), "beside alone has no value; write beside.key"),
        (BESIDE, TELLS.partition("\n")[2], "'beside' is not known here; only a flow by state has it"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_of_two_records_is_refused_where_it_stands(
    tmp_path: Path, where: str, mapping: str, said: str
) -> None:
    found = faults(tmp_path, CONFIG.replace(WHERE, where), mapping)
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    ("given", "means"),
    [
        ("{minutes: Response_Target__c, otherwise: 4h}", OwnTime("Response_Target__c", 60.0, 14_400.0)),
        ("{hours: Sla__c}", OwnTime("Sla__c", 3600.0)),
    ],
)
def test_a_duration_may_be_each_records_own(tmp_path: Path, given: str, means: OwnTime) -> None:
    (tmp_path / "m.yaml").write_text(MAPPING)
    (tmp_path / "config.yaml").write_text(CONFIG.replace("waiting_longer_than: 15m", f"waiting_longer_than: {given}"))
    assert load_config(tmp_path / "config.yaml").flows["waits"].where["waiting_longer_than"] == means


def test_what_where_reads_of_a_record_is_asked_for_live_and_set_up(tmp_path: Path) -> None:
    words = "claimed: true, claimed_beside: [Site__c, Order_No__c], claimed_longer_than: {minutes: Response_Target__c}"
    (tmp_path / "m.yaml").write_text(TELLS)
    (tmp_path / "config.yaml").write_text(CONFIG.replace(WHERE, f"    where: {{{words}, Origin: Web}}\n"))
    config = load_config(tmp_path / "config.yaml")
    adapters = {name: one.open(SystemClock()) for name, one in config.connections.items()}
    document = load(str(config.path))
    found = collect(
        config.flows, adapters, lambda flow: document.place(("flows", flow)),
        where=lambda flow, name: document.place(("flows", flow, "where", name)),
    )  # fmt: skip
    (use,) = [use for use in found.of("desk") if use.stream == "Case"]
    assert {"Site__c", "Order_No__c", "Response_Target__c"} <= use.fields.keys()
    assert use.selects == {"Origin": ("Web",)}
    (place,) = found.places("desk", "Case", "Response_Target__c")
    assert (place.line, "where" in config.path.read_text().split("\n")[place.line - 1]) == (14, True)
    without = collect(config.flows, adapters, lambda flow: document.place(("flows", flow)))
    assert "Site__c" in without.streams["desk", "Case"].fields, "setup writes it too"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{weeks: Sla__c}", "waiting_longer_than: a duration (15m), or {minutes: a field"),
        ("{minutes: 15}", "waiting_longer_than: a duration (15m), or {minutes: a field"),
        ("{minutes: Sla__c, hours: Sla__c}", "waiting_longer_than: a duration (15m), or {minutes: a field"),
        ("{minutes: Sla__c, otherwise: 4}", "waiting_longer_than: not a duration"),
    ],
)
def test_an_own_duration_that_names_no_field_is_refused_where_it_stands(tmp_path: Path, given: str, said: str) -> None:
    config = CONFIG.replace("waiting_longer_than: 15m", f"waiting_longer_than: {given}")
    assert any(f"14:62 {said}" in one for one in faults(tmp_path, config))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{{ queued_since }}", "{{ now }}", "3:24 'now' is not known here; each poll would be another"),
        ("{{ now }}", "{{ now.hour }}", "now has no parts"),
    ],
)
def test_a_mapping_by_state_says_what_it_is_evaluated_once_for(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert any(said in one for one in faults(tmp_path, mapping=MAPPING.replace(old, new)))


def test_a_flow_by_state_needs_once_per(tmp_path: Path) -> None:
    without = MAPPING.replace('once_per: "{{ Id }}:{{ queued_since }}"\n', "").replace("{{ now }}", "{{ Id }}")
    (fault,) = faults(tmp_path, mapping=without)
    assert "the mapping of a flow by state needs `once_per`" in fault


def test_now_is_known_in_flows_by_state_alone(tmp_path: Path) -> None:
    mapping = MAPPING.replace('once_per: "{{ Id }}:{{ queued_since }}"\n', "")
    config = CONFIG.replace("    by: state\n", "")
    assert any(
        "'now' is not known here; only a flow by state has it" in one for one in faults(tmp_path, config, mapping)
    )


def test_a_wish_of_a_flow_by_state_takes_turns_with_nobody_and_a_value_that_is_kept_up_does(tmp_path: Path) -> None:
    text = (ROOT / "config.example.yaml").read_text()
    assert text.count("by: state") == 5, "the shipped flows write what order-exception-to-case writes until-claimed"
    other = CONFIG + "  other: {from: desk.Case, to: desk.Case, mapping: other.yaml}\n"
    (tmp_path / "other.yaml").write_text('target: "{{ Id }}"\nfields: {Priority: Low}\n')
    (tmp_path / "m.yaml").write_text(MAPPING)
    (tmp_path / "config.yaml").write_text(other)
    assert set(load_config(tmp_path / "config.yaml").flows) == {"waits", "other"}
    always = MAPPING.replace("{from: High, write: until-claimed}", "High")
    assert any("both write Priority of desk.Case" in one for one in faults(tmp_path, other, always))
