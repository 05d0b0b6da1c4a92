"""The JSON Schemas: what the code says, what the shipped files keep, and never stricter than the code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, cast

import jsonschema
import pytest
from pydantic import BaseModel, ConfigDict

from connector.adapter import Adapter, adapter_class
from connector.config import load_config
from connector.config.json_schema import config_schema
from connector.config.values import Address, Brake, Start, brake, duration, listen, start, time_of_day, written
from connector.document import load
from connector.errors import ConfigFault
from connector.mapping import compile as compiling
from connector.mapping import fields, lines, own_tests
from connector.mapping.compile import load_mapping
from tests import written_docs

ROOT = written_docs.ROOT
SCHEMAS = {name: json.loads(path.read_text()) for name, path in written_docs.SCHEMAS.items()}
VALIDATORS = {name: jsonschema.Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
MAPPINGS = sorted([*ROOT.glob("mappings/**/*.yaml"), *ROOT.glob("bench/*.yaml")])
SHIPPED = {
    path.relative_to(ROOT): name
    for name, paths in (("config", [ROOT / "config.example.yaml"]), ("mapping", MAPPINGS))
    for path in paths
}
NOT_OURS = {Path("compose.example.yaml")}
MODEL = "# yaml-language-server: $schema="

GOOD_MAPPING = """\
summary: Everything that may stand in a mapping.
when: "{{ a > 1 }}"
lookups:
  order: {stream: source.orders, key: "{{ no }}", missing: {wait: 15m, then: null}, watch: false}
  orders: {stream: shop.orders, keys: "{{ nos }}"}
routes:
  - {when: "{{ a }}", queue: Returns, priority: 4}
  - {queue: Orders}
fields:
  Subject: Order {{ record.key }}
  Total: 5
  Flag: true
  Nothing: null
  Reason: {from: "{{ r }}", map: {1: One, true: "Yes"}, otherwise: park, write: once, required: true, omit: "{{ b }}"}
  Owner: {ref: queue, name: "{{ route.queue }}", write: until-claimed}
  Priority: {choice: "{{ route.priority }}"}
also:
  - id: lines
    to: destination.CaseComment
    for: "{{ list }}"
    as: element
    key: "{{ element.id }}"
    target: "{{ t }}"
    when: true
    after: [main]
    write: on-create
    fields: {Text: "{{ element.text }}"}
  - {id: late, to: main, fields: {Subject: late}}
tests:
  - name: all of it
    record: {key: 1, stamp: 2026-11-20T10:00:00Z, site: s, fields: {a: 2}}
    lookups: {order: null, orders: [{x: 1}]}
    origin: {key: o}
    entered: true
    main_id: 7
    route: queue=Returns priority=4
    writes: [{line: main, key: k, target: t, fields: {Total: 5}, absent: [Reason]}, {to: main}]
  - {name: left out, record: {}, filtered: when}
  - {name: parks, record: {}, parked: true}
"""
CONFIG = """\
connections:
  shop: {adapter: jsonl, folder: "${FOLDER}", page: "${PAGE}"}
  desk:
    adapter: sfcc
    url: ${URL}
    site: RefArch
    client_id: a
    client_secret: ${file:secret}
    budget: {calls_per_day: "${PAGE}"}
    margin: 5s
    index_lag: 30
    timeouts: {connect: 5, read: 500ms, total: "${TOTAL}"}
  service:
    adapter: salesforce
    url: https://acme.my.salesforce.com
    auth: {grant: jwt, client_id: a, username: b, private_key: "${URL}"}
    key_field: Commerce_Key__c
    budget: {calls_per_day: 5, reserve: 20%}
store: sqlite:///ledger.db
flows:
  one: {from: shop.orders, to: service.Case, mapping: m.yaml, every: "${EVERY}", start: 2026-11-01T00:00:00Z, brake: none}
defaults: {every: 60s, start: 7d, concurrency: 3, sweep: {every: 10m}}
daemon: {nightly_at: "23:59", jitter: 0s}
web: {listen: "[::1]:8080"}
log: {level: debug}
"""
ENVIRON = {"FOLDER": "x", "PAGE": "9", "URL": "https://x.example", "TOTAL": "9s", "EVERY": "5m"}


def refused(name: str, data: Any) -> bool:
    return not VALIDATORS[name].is_valid(data)


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for each in schema.values():
            yield from nodes(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from nodes(each)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schema_is_what_the_command_prints(name: str) -> None:
    assert written_docs.SCHEMAS[name].read_text() == written_docs.schema(name), "make docs"
    VALIDATORS[name].check_schema(SCHEMAS[name])


def test_every_shipped_file_is_checked() -> None:
    beside = {path.relative_to(ROOT) for path in ROOT.glob("*.yaml") if not path.name.startswith("config.yaml")}
    assert SHIPPED.keys() >= beside - NOT_OURS
    assert len(MAPPINGS) >= 5


@pytest.mark.parametrize(("path", "name"), SHIPPED.items(), ids=str)
def test_a_shipped_file_names_its_schema_first_and_keeps_to_it(path: Path, name: str) -> None:
    first = (ROOT / path).read_text().splitlines()[0]
    assert first.startswith(MODEL)
    assert (ROOT / path).parent.joinpath(first.removeprefix(MODEL)).resolve() == written_docs.SCHEMAS[name]
    assert [error.message for error in VALIDATORS[name].iter_errors(load(str(ROOT / path)).data)] == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_says_what_it_is_for_and_no_other_key_may_stand_beside_them(name: str) -> None:
    for node in nodes(SCHEMAS[name]):
        properties = node.get("properties")
        if not isinstance(properties, dict) or "additionalProperties" not in node:
            continue
        undescribed = [key for key, said in properties.items() if "description" not in said and "const" not in said]
        assert not undescribed
        assert node["additionalProperties"] is False or node is SCHEMAS["mapping"]["$defs"]["route"]


@pytest.mark.parametrize(
    ("of", "keys"),
    [
        ((), compiling._KEYS),
        (("$defs", "lookup"), compiling._LOOKUP),
        (("$defs", "line"), lines._KEYS),
        *((("$defs", way), (*keys, *fields._ALWAYS)) for way, keys in fields._WAYS.items()),
        (("$defs", "test"), own_tests._KEYS),
        (("$defs", "test", "properties", "record"), own_tests._RECORD),
        (("$defs", "test", "properties", "origin"), own_tests._ORIGIN),
        (("$defs", "write"), own_tests._WRITE),
    ],
)
def test_the_mapping_s_schema_knows_the_keys_that_the_compiler_knows(
    of: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    schema = SCHEMAS["mapping"]
    for step in of:
        schema = schema[step]
    assert set(schema["properties"]) == set(keys)


def test_words_of_a_list_are_the_compiler_s() -> None:
    defs = SCHEMAS["mapping"]["$defs"]
    assert defs["policy"]["enum"] == list(fields.POLICIES)
    missing = defs["lookup"]["properties"]["missing"]["properties"]
    assert set(missing["then"]["enum"]) == {*compiling._THEN, None}
    assert set(missing) == {"wait", "then"}


def compiles(folder: Path, text: str) -> bool:
    (folder / "m.yaml").write_text(text)
    try:
        load_mapping(str(folder / "m.yaml"))
    except ConfigFault:
        return False
    return True


def test_everything_that_may_stand_in_a_mapping_passes_both(tmp_path: Path) -> None:
    assert compiles(tmp_path, GOOD_MAPPING)
    errors = VALIDATORS["mapping"].iter_errors(load("m.yaml", GOOD_MAPPING).data)
    assert [(error.json_path, error.message) for error in errors] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("summary: ", "sumary: "),
        ("summary: Everything that may stand in a mapping.", "summary: 5"),
        ('when: "{{ a > 1 }}"', "when: a > 1"),
        ('when: "{{ a > 1 }}"', "each: {of: x}"),
        ('when: "{{ a > 1 }}"', 'each: {as: x}'),
        ("stream: source.orders", "stream: orders"),
        ("lookups:\n  order:", "lookups:\n  record:"),
        ('key: "{{ no }}"', 'key: "{{ no }}", keys: "{{ no }}"'),
        ("wait: 15m", "wait: 15"),
        ("then: null", "then: wait"),
        ("watch: false", "watch: sometimes"),
        ("  - {queue: Orders}", "  - {}"),
        ("queue: Returns, priority: 4}", "queue: [Returns]}"),
        ("Total: 5", "Total: [5]"),
        ("write: once", "write: sometimes"),
        ("required: true", 'required: "yes"'),
        ("map: {1: One", 'map: {1: "{{ one }}"'),
        ("ref: queue, name", "ref: queue, choice: x, name"),
        ('{ref: queue, name: "{{ route.queue }}", write: until-claimed}', "{ref: queue}"),
        ("map: {1: One, true: \"Yes\"}, otherwise: park", "otherwise: park"),
        ('{choice: "{{ route.priority }}"}', "{write: once}"),
        ("id: lines", "id: main"),
        ("id: lines", "id: two words"),
        ("    to: destination.CaseComment\n", ""),
        ("    for: \"{{ list }}\"\n", ""),
        ('    key: "{{ element.id }}"\n', ""),
        ("after: [main]", "after: main"),
        ("write: on-create", "write: never"),
        ('    fields: {Text: "{{ element.text }}"}\n', ""),
        ("  - name: all of it\n    record:", "  - record:"),
        ("record: {}, filtered: when", "filtered: when"),
        ("record: {}, filtered: when", "record: {}"),
        ("record: {}, parked: true", "record: {}, parked: true, filtered: when"),
        ("site: s", "sites: s"),
        ("absent: [Reason]", "absent: Reason"),
    ],
)  # fmt: skip
def test_what_the_mapping_s_schema_refuses_the_compiler_refuses(tmp_path: Path, old: str, new: str) -> None:
    assert old in GOOD_MAPPING
    text = GOOD_MAPPING.replace(old, new, 1)
    assert refused("mapping", load("m.yaml", text).data)
    assert not compiles(tmp_path, text)


def loads(folder: Path, text: str) -> bool:
    """Whether the configuration has no faults but those of its mapping and its folder."""
    (folder / "config.yaml").write_text(text)
    (folder / "m.yaml").write_text("fields: {Subject: x}\n")
    (folder / "secret").write_text("s")
    try:
        load_config(folder / "config.yaml", environ=ENVIRON)
    except ConfigFault:
        return False
    return True


def test_a_configuration_with_references_everywhere_passes_both(tmp_path: Path) -> None:
    assert loads(tmp_path, CONFIG)
    errors = VALIDATORS["config"].iter_errors(load("config.yaml", CONFIG).data)
    assert [(error.json_path, error.message) for error in errors] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("store: sqlite", "stor: sqlite"),
        ("store: sqlite:///ledger.db\n", ""),
        ("adapter: jsonl", "adapter: jsnl"),
        ("adapter: jsonl, ", ""),
        ("  shop:", "  my shop:"),
        ("site: RefArch", "site: Ref Arch"),
        ("site: RefArch", "sites: RefArch"),
        ("    client_id: a\n", ""),
        ("margin: 5s", "margin: 5 seconds"),
        ("index_lag: 30", "index_lag: -1"),
        ("connect: 5", "connect: 0"),
        ("read: 500ms", "reed: 500ms"),
        ("grant: jwt", "grant: password"),
        ("username: b", "user: b"),
        ("key_field: Commerce_Key__c", "key_field: Commerce Key"),
        ("reserve: 20%", "reserve: 120%"),
        ("calls_per_day: 5", "calls_per_day: many"),
        ("from: shop.orders", "from: orders"),
        ("mapping: m.yaml, ", ""),
        ("brake: none", "brake: 0/h"),
        ("every: 60s", "every: 60"),
        ("every: 60s", "every: 0s"),
        ("start: 7d", "start: yesterday"),
        ("concurrency: 3", "concurrency: 65"),
        ("concurrency: 3", 'concurrency: "3"'),
        ("sweep: {every: 10m}", "sweep: {evry: 10m}"),
        ('nightly_at: "23:59"', 'nightly_at: "24:00"'),
        ('listen: "[::1]:8080"', "listen: here"),
        ("level: debug", "level: loud"),
        ("  one: {", "  one flow: {"),
        ("url: https://acme", "url: ftp://acme"),
    ],
)
def test_what_the_configuration_s_schema_refuses_the_connector_refuses(tmp_path: Path, old: str, new: str) -> None:
    assert old in CONFIG
    text = CONFIG.replace(old, new, 1)
    assert refused("config", load("config.yaml", text).data)
    assert not loads(tmp_path, text)


@pytest.mark.parametrize("text", ["500ms", "0.5s", "90s", "15m", "2h", "7d"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    assert duration(written(duration(text))) == duration(text)


def test_other_values_are_written_as_they_are_read() -> None:
    for value in (Brake(5), Brake(None)):
        assert brake(written(value)) == value
    for begin in ("beginning", "now", "7d", "2026-11-01T00:00:00Z"):
        assert start(written(start(begin))) == start(begin)
    for address in (Address("127.0.0.1", 80), Address("::1", 0)):
        assert listen(written(address)) == address
    assert time_of_day(written((2, 30))) == (2, 30)
    assert written(Start(0.0)) == "now"


def test_the_schema_offers_the_defaults_that_hold() -> None:
    defs = SCHEMAS["config"]["$defs"]
    defaults = load(str(ROOT / "config.example.yaml")).data["defaults"]
    assert duration(defs["Defaults"]["properties"]["every"]["default"]) == duration(defaults["every"])
    assert defs["Defaults"]["properties"]["brake"]["default"] == defaults["brake"]
    assert defs["Web"]["properties"]["listen"]["default"] == "127.0.0.1:8080"
    assert defs["salesforce"]["properties"]["batch"]["default"] == 200


class Strange:
    """A type that JSON Schema knows nothing of."""


class StrangeSettings(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    thing: Strange


class Stranger:
    Settings: ClassVar[type[BaseModel]] = StrangeSettings


def test_an_adapter_whose_settings_cannot_be_described_takes_any() -> None:
    made = config_schema({"strange": cast("type[Adapter]", Stranger), "jsonl": adapter_class("jsonl")})
    validator = jsonschema.Draft202012Validator(made)
    rest = {"store": "s", "flows": {}}
    assert validator.is_valid({"connections": {"a": {"adapter": "strange", "thing": 5}}, **rest})
    assert not validator.is_valid({"connections": {"a": {"adapter": "jsonl", "thing": 5}}, **rest})
    assert not validator.is_valid({"connections": {"a": {"adapter": "sfcc"}}, **rest}), "it is not among these"
