"""What a flow by state may say, and what its `where` means: misuse is refused with its place and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.config import load_config
from connector.errors import ConfigFault
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
    assert text.count("by: state") == 4, "the shipped flows write what order-exception-to-case writes until-claimed"
    other = CONFIG + "  other: {from: desk.Case, to: desk.Case, mapping: other.yaml}\n"
    (tmp_path / "other.yaml").write_text('target: "{{ Id }}"\nfields: {Priority: Low}\n')
    (tmp_path / "m.yaml").write_text(MAPPING)
    (tmp_path / "config.yaml").write_text(other)
    assert set(load_config(tmp_path / "config.yaml").flows) == {"waits", "other"}
    always = MAPPING.replace("{from: High, write: until-claimed}", "High")
    assert any("both write Priority of desk.Case" in one for one in faults(tmp_path, other, always))
