"""Configuration: everything that is wrong is said at once, with place and remedy, and nothing secret is repeated."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.budget import Limits
from connector.config import Config, load_config
from connector.config.schema import Retry
from connector.errors import ConfigFault, Fault
from connector.retry import Policy

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

MAPPING = """\
summary: An order becomes a case.
fields:
  Subject: "Order {{ record.key }}"
  Total: "{{ total }}"
"""
BACK = """\
summary: The decision goes back.
when: "{{ Decision }}"
fields:
  c_decision: "{{ Decision }}"
"""
CONFIG = """\
connections:
  shop:
    adapter: jsonl
    folder: shop
  desk:
    adapter: jsonl
    folder: desk
store: sqlite:///ledger.db
flows:
  orders-to-cases: {from: shop.orders, to: desk.cases, mapping: order.yaml, every: 30s, start: 7d}
  cases-to-orders: {from: desk.cases, to: shop.orders, mapping: back.yaml, answers: orders-to-cases}
"""


class Folder:
    """A folder with a configuration that is right; tests make it wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("config.yaml", CONFIG)
        self.write("order.yaml", MAPPING)
        self.write("back.yaml", BACK)

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text)

    def load(self, environ: Mapping[str, str] | None = None) -> Config:
        return load_config(self.path / "config.yaml", environ=environ or {}, now=NOW)

    def faults(self, config: str | None = None, environ: Mapping[str, str] | None = None) -> list[Fault]:
        if config is not None:
            self.write("config.yaml", config)
        with pytest.raises(ConfigFault) as raised:
            self.load(environ)
        return list(raised.value.faults)

    def fault(self, config: str | None = None, environ: Mapping[str, str] | None = None) -> Fault:
        (fault,) = self.faults(config, environ)
        return fault

    def at(self, fault: Fault) -> str:
        place = fault.place
        return f"{Path(place.file).name}:{place.line}:{place.column}"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_right_configuration_becomes_flows_and_connections(folder: Folder) -> None:
    config = folder.load()
    flow = config.flows["orders-to-cases"]
    assert (flow.id, flow.source, flow.destination) == ("orders-to-cases", ("shop", "orders"), ("desk", "cases"))
    assert (flow.every, flow.overlap, flow.concurrency, flow.brake, flow.lease) == (30.0, 60.0, 8, 1000, 300.0)
    assert config.connections["shop"].settings.model_dump()["folder"] == Path("shop")
    assert config.folder == folder.path
    assert config.web.listen is not None
    assert config.web.listen.port == 8080


def test_defaults_are_those_of_the_policy_that_they_become(folder: Folder) -> None:
    assert folder.load().policy == Policy()
    assert list(Retry.model_fields) == [each.name for each in fields(Policy)]


def test_a_flow_says_what_differs_from_the_defaults(folder: Folder) -> None:
    text = CONFIG.replace("start: 7d}", "brake: none, overlap: 0s, sweep: {every: 5m}, enabled: false, id: o2c}")
    folder.write("config.yaml", text + "defaults: {every: 2m, brake: 5/h, concurrency: 2, sweep: {width: 1h}}\n")
    config = folder.load()
    flow, back = config.flows["orders-to-cases"], config.flows["cases-to-orders"]
    assert (flow.id, flow.brake, flow.overlap, flow.enabled, flow.every) == ("o2c", None, 0.0, False, 30.0)
    assert (flow.sweep_every, flow.sweep_width) == (300.0, 3600.0)
    assert (back.brake, back.every, back.concurrency) == (5, 120.0, 2)


@pytest.mark.parametrize(
    ("written", "begins"),
    [
        ("start: 7d", datetime(2026, 11, 13, 10, 0, tzinfo=UTC)),
        ("start: now", NOW),
        ("start: beginning", None),
        ("start: 2026-11-01T00:00:00Z", datetime(2026, 11, 1, tzinfo=UTC)),
        ("enabled: true", NOW),
    ],
)
def test_an_answering_flow_starts_with_the_flow_it_answers(folder: Folder, written: str, begins: datetime) -> None:
    folder.write("config.yaml", CONFIG.replace("start: 7d", written))
    config = folder.load()
    assert [flow.start for flow in config.flows.values()] == [begins, begins]


def test_all_faults_of_all_files_come_at_once_in_file_order(folder: Folder) -> None:
    folder.write("order.yaml", MAPPING.replace("fields:", "feilds:"))
    faults = folder.faults(
        CONFIG.replace("folder: shop", "foldr: shop").replace("every: 30s", "evry: 30s") + "keep: {parked: soon}\n"
    )
    places = [folder.at(fault) for fault in faults]
    assert [(place.split(":")[0], int(place.split(":")[1])) for place in places] == [
        ("config.yaml", 3),  # folder is missing
        ("config.yaml", 4),  # foldr
        ("config.yaml", 10),  # evry
        ("config.yaml", 12),  # soon
        ("order.yaml", 1),  # writes nothing
        ("order.yaml", 2),  # feilds
    ], [str(fault) for fault in faults]


def test_an_unknown_key_points_at_the_key_and_says_which_was_meant(folder: Folder) -> None:
    fault = folder.fault(CONFIG.replace("every: 30s", "evry: 30s"))
    assert folder.at(fault) == "config.yaml:10:77"
    assert fault.message == "unknown key 'evry'"
    assert fault.remedy.startswith("did you mean 'every'? known: answers, brake, by, concurrency")


def test_an_unknown_key_of_a_connection_lists_the_adapters_settings(folder: Folder) -> None:
    fault = next(
        each for each in folder.faults(CONFIG.replace("folder: shop", "foldr: shop")) if "foldr" in each.message
    )
    assert folder.at(fault) == "config.yaml:4:5"
    assert "did you mean 'folder'?" in fault.remedy


def test_a_missing_setting_is_named_with_its_meaning(folder: Folder) -> None:
    fault = folder.fault(CONFIG.replace("    folder: shop\n", ""))
    assert fault.message == "key 'folder' is missing"
    assert "the folder of the files" in fault.remedy


def test_an_unknown_section_is_a_fault(folder: Folder) -> None:
    fault = folder.fault(CONFIG + "conections: {}\n")
    assert fault.remedy.startswith("did you mean 'connections'?")


def test_a_missing_section_is_a_fault(folder: Folder) -> None:
    assert "key 'store' is missing" in folder.fault(CONFIG.replace("store: sqlite:///ledger.db\n", "")).message


@pytest.mark.parametrize("text", ["", "# only a comment\n", "- a\n- list\n", "just text\n"])
def test_a_file_without_a_configuration_says_how_to_begin(folder: Folder, text: str) -> None:
    assert "begin with connections" in folder.fault(text).remedy


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("")
    with pytest.raises(ConfigFault, match=r"config.yaml  cannot be read: No such file") as raised:
        load_config(tmp_path / "config.yaml")
    assert "did you mean 'config.yml'?" in raised.value.faults[0].remedy
    assert "; copy config.example.yaml to begin, or name the file with --config" in raised.value.faults[0].remedy


def test_duplicate_keys_are_faults(folder: Folder) -> None:
    fault = folder.fault(CONFIG.replace("    folder: shop\n", "    folder: shop\n    folder: other\n"))
    assert folder.at(fault) == "config.yaml:5:5"
    assert fault.message == "key 'folder' stands twice"


def test_an_unknown_connection_is_named_with_the_known_ones(folder: Folder) -> None:
    fault = folder.fault(CONFIG.replace("from: shop.orders", "from: shp.orders"))  # and the flow that answers is right
    assert folder.at(fault) == "config.yaml:10:27"
    assert fault.message == "unknown connection 'shp'"
    assert fault.remedy == "did you mean 'shop'? known: desk, shop"


def test_a_stream_without_its_connection_is_refused(folder: Folder) -> None:
    fault = folder.fault(
        CONFIG.replace("from: shop.orders", "from: orders").replace("answers: orders-to-cases", "enabled: true")
    )
    assert "connection.stream" in fault.remedy


def test_a_stream_that_the_system_cannot_have_is_refused(folder: Folder) -> None:
    fault = folder.fault(
        CONFIG.replace("to: desk.cases,", "to: desk.../cases,", 1).replace("answers: orders-to-cases", "enabled: true")
    )
    assert "has no stream '../cases'" in fault.message


def test_an_unknown_adapter_is_named_with_the_installed_ones(folder: Folder) -> None:
    faults = folder.faults(CONFIG.replace("adapter: jsonl", "adapter: josnl", 1))
    assert [each.message for each in faults] == ["unknown adapter 'josnl'"]
    assert faults[0].remedy.startswith("did you mean 'jsonl'?")
    assert folder.at(faults[0]) == "config.yaml:3:14"


def test_a_connection_without_an_adapter_is_refused(folder: Folder) -> None:
    assert folder.fault(CONFIG.replace("    adapter: jsonl\n", "", 1)).message == "key 'adapter' is missing"


def test_answers_to_an_unknown_flow_is_refused(folder: Folder) -> None:
    fault = folder.fault(CONFIG.replace("answers: orders-to-cases", "answers: order-to-cases"))
    assert fault.message == "unknown flow 'order-to-cases'"
    assert "did you mean 'orders-to-cases'?" in fault.remedy


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("answers: orders-to-cases", "answers: cases-to-orders", "cannot answer itself"),
        ("answers: orders-to-cases", "answers: orders-to-cases, start: now", "starts with the flow it answers"),
        ("from: desk.cases", "from: desk.tickets", "'orders-to-cases' writes to desk.cases"),
        ("to: shop.orders", "to: desk.orders", "'orders-to-cases' reads shop.orders"),
    ],
)
def test_an_answering_flow_must_fit_the_flow_it_answers(folder: Folder, old: str, new: str, said: str) -> None:
    assert said in folder.fault(CONFIG.replace(old, new)).message


def test_an_answering_flow_may_read_what_belongs_to_the_objects_of_the_flow_it_answers(folder: Folder) -> None:
    notes = CONFIG.replace("to: desk.cases", "to: desk.orders").replace("from: desk.cases", "from: desk.orders.notes")
    folder.write("config.yaml", notes)
    assert folder.load().flows["cases-to-orders"].source == ("desk", "orders.notes")
    elsewhere = notes.replace("from: desk.orders.notes", "from: shop.orders.notes")
    assert "'orders-to-cases' writes to desk.orders" in folder.fault(elsewhere).message


def test_a_missing_mapping_names_the_nearest_file(folder: Folder) -> None:
    fault = folder.fault(CONFIG.replace("mapping: order.yaml", "mapping: ordre.yaml"))
    assert fault.message == "mapping ordre.yaml does not exist"
    assert "did you mean 'order.yaml'?" in fault.remedy


def test_a_broken_template_has_its_place_in_the_mapping(folder: Folder) -> None:
    folder.write("order.yaml", MAPPING.replace("{{ total }}", "{{ total | }}"))
    fault = folder.fault()
    assert folder.at(fault).startswith("order.yaml:4:")


def test_a_mapping_that_names_an_unknown_connection_has_its_place_there(folder: Folder) -> None:
    folder.write("order.yaml", MAPPING + "also:\n  - {id: note, to: dsk.notes, key: n, fields: {text: hello}}\n")
    fault = folder.fault()
    assert folder.at(fault).startswith("order.yaml:6:")
    assert "did you mean 'desk'?" in fault.remedy


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("every: 30s", "every: 30", "not a duration"),
        ("every: 30s", "every: 0s", "must be longer than zero"),
        ("every: 30s", "every: 30 s", "not a duration"),
        ("start: 7d", "start: yesterday", "not a start"),
        ("start: 7d", "brake: 1000", "not a brake"),
        ("start: 7d", "brake: 0/h", "not a brake"),
        ("start: 7d", "concurrency: 0", "greater than or equal to 1"),
        ("start: 7d", "concurrency: true", "must be a whole number"),
        ("start: 7d", "enabled: yes", "must be true or false"),
        ("start: 7d", "lease: []", "not a duration"),
        ("start: 7d", "sweep: 5m", "must be a mapping"),
        ("start: 7d", "id: a:b", "not in the right form"),
        ("store: sqlite:///ledger.db", "store: 7", "must be text"),
    ],
)
def test_a_value_in_the_wrong_form_says_which_is_right(folder: Folder, old: str, new: str, said: str) -> None:
    fault = folder.fault(CONFIG.replace(old, new, 1))
    assert said in fault.message


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("web: {listen: 8080}", "not an address"),
        ("web: {listen: '127.0.0.1:99999'}", "not an address"),
        ("log: {level: verbose}", "level: is none of the known values"),
        ("daemon: {nightly_at: 25:00}", "not a time of day"),
        ("retry: {attempts: 0}", "greater than or equal to 1"),
        ("keep:", "keep: must be a mapping"),
    ],
)
def test_each_section_is_checked(folder: Folder, section: str, said: str) -> None:
    assert said in folder.fault(CONFIG + section + "\n").message


def test_no_web_server_is_a_choice(folder: Folder) -> None:
    folder.write("config.yaml", CONFIG + "web: {listen: none}\n")
    assert folder.load().web.listen is None


def test_a_flow_name_that_could_not_begin_a_key_is_refused(folder: Folder) -> None:
    fault = folder.fault(CONFIG.replace("cases-to-orders:", "'cases to orders':"))
    assert folder.at(fault) == "config.yaml:11:3"
    assert "letters, digits" in fault.remedy


def test_two_flows_cannot_have_one_id(folder: Folder) -> None:
    fault = folder.fault(CONFIG.replace("answers:", "id: orders-to-cases, answers:"))
    assert "belongs to 'orders-to-cases' already" in fault.message
    assert folder.at(fault).startswith("config.yaml:11:")


def test_plain_http_is_refused_except_to_this_machine(folder: Folder) -> None:
    from connector.config.load import _insecure
    from connector.document import load

    document = load(
        str(folder.path / "config.yaml"), "a: {url: 'http://shop.example', auth: {url: 'HTTP://x.example'}}\n"
    )
    faults = _insecure(document, document.data["a"], ("a",))
    assert [fault.remedy for fault in faults] == ["write https://", "write https://"]
    for url in ("http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "https://shop.example"):
        assert _insecure(document, {"url": url}, ("a",)) == []


def test_references_are_resolved_on_values_and_never_in_the_text(folder: Folder) -> None:
    (folder.path / "secret").write_text("files: {with: colons}\n\n")
    text = CONFIG.replace("folder: shop", "folder: ${WHERE}/x").replace("folder: desk", "folder: ${file:secret}")
    folder.write("config.yaml", text)
    config = folder.load({"WHERE": 'a"b'})
    assert config.connections["shop"].settings.model_dump()["folder"] == Path('a"b/x')
    assert config.connections["desk"].settings.model_dump()["folder"] == Path("files: {with: colons}\n")


def test_a_dollar_can_be_written(folder: Folder) -> None:
    folder.write("config.yaml", CONFIG.replace("folder: shop", "folder: $${NOT}"))
    assert folder.load().connections["shop"].settings.model_dump()["folder"] == Path("${NOT}")


@pytest.mark.parametrize(
    ("reference", "said", "remedy"),
    [
        ("${MISSING}", "the environment variable MISSING is not set", "set MISSING where the command runs"),
        ("${EMPTY}", "the environment variable EMPTY is empty", "give EMPTY a value"),
        ("${MISING}", "the environment variable MISING is not set", "did you mean 'MISSPELT'"),
        ("${file:nowhere}", "the file nowhere cannot be read: No such file or directory", "mount the secret"),
        ("${file:empty}", "the file empty is empty", "write the secret into it"),
        ("${not a name}", "'${not a name}' is no reference", "write ${NAME}"),
        ("${UNCLOSED", "'${}' is no reference", "write ${NAME}"),
    ],
)
def test_a_missing_reference_is_one_fault_at_its_place(folder: Folder, reference: str, said: str, remedy: str) -> None:
    (folder.path / "empty").write_text("\n")
    environ = {"EMPTY": "", "MISSPELT": "x"} if reference == "${MISING}" else {"EMPTY": ""}
    if reference == "${MISING}":
        environ["MISINGS"] = "y"
        remedy = "did you mean 'MISINGS'?"
    fault = folder.fault(CONFIG.replace("folder: shop", f"folder: '{reference}'"), environ)
    assert fault.message == said
    assert remedy in fault.remedy
    assert folder.at(fault) == "config.yaml:4:13"


def test_keys_of_stored_records_are_read_in_both_ways_of_writing(folder: Folder) -> None:
    raw = bytes(range(32))
    for text in (raw.hex(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("=")):
        folder.write("config.yaml", CONFIG + "keep: {encrypt: {key: '${KEY}'}}\n")
        config = folder.load({"KEY": text})
        assert config.record_keys.first() == raw
        assert text not in repr(config)


@pytest.mark.parametrize(
    "key", ["secret", "A" * 43, "0" * 64, base64.b64encode(bytes(range(31))).decode(), "é" * 32, "!" * 44]
)
def test_what_is_no_key_is_refused_at_its_place_and_not_repeated(folder: Folder, key: str) -> None:
    folder.write("config.yaml", CONFIG + "keep:\n  encrypt:\n    key: ${KEY}\n    old_keys: ['${KEY}']\n")
    with pytest.raises(ConfigFault) as caught:
        folder.load({"KEY": key})
    said = str(caught.value)
    assert [fault.place.line for fault in caught.value.faults] == [14, 15]
    assert "openssl rand -base64 32" in said
    assert key not in said


def test_what_a_reference_stands_for_is_never_repeated(folder: Folder) -> None:
    faults = folder.faults(
        CONFIG + "log: {level: '${PASSWORD}'}\nweb: {listen: '${PASSWORD}'}\n", {"PASSWORD": "hunter2"}
    )
    assert len(faults) == 2
    assert "hunter2" not in "\n".join(str(fault) for fault in faults)


def test_two_flows_may_not_write_one_field_of_one_object(folder: Folder) -> None:
    other = "  again: {from: desk.cases, to: shop.orders, mapping: back.yaml, answers: orders-to-cases}\n"
    fault = folder.fault(CONFIG + other)
    assert fault.message == "'cases-to-orders' and 'again' both write c_decision of shop.orders"
    assert folder.at(fault).startswith("config.yaml:12:")


def test_flows_that_create_under_their_own_keys_cannot_meet(folder: Folder) -> None:
    other = "  returns-to-cases: {from: shop.returns, to: desk.cases, mapping: order.yaml}\n"
    folder.write("config.yaml", CONFIG + other)
    assert len(folder.load().flows) == 3


def test_a_flow_that_addresses_objects_may_not_write_what_their_creator_writes(folder: Folder) -> None:
    folder.write("touch.yaml", 'summary: x\ntarget: "{{ record.key }}"\nfields: {Total: "{{ 1 }}", Other: x}\n')
    other = "  touch: {from: desk.cases, to: desk.cases, mapping: touch.yaml}\n"
    fault = folder.fault(CONFIG + other)
    assert fault.message == "'orders-to-cases' and 'touch' both write Total of desk.cases"
    folder.write(
        "order.yaml", MAPPING.replace('Total: "{{ total }}"', 'Total: {from: "{{ total }}", write: on-create}')
    )
    assert len(folder.load().flows) == 3


def test_loading_touches_no_network(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert folder.load().flows


def test_a_lease_that_no_call_could_end_in_is_refused(folder: Folder) -> None:
    fault = folder.fault(CONFIG.replace("every: 30s", "every: 30s, lease: 1s"))
    assert "a lease of 1 s is not longer than a call of 'desk' may take" in fault.message
    assert fault.remedy.startswith("lease: ")


# -- budgets -----------------------------------------------------------------------------------------------------------


def budgeted(text: str) -> str:
    return CONFIG.replace("    folder: desk\n", f"    folder: desk\n    budget: {text}\n")


def test_a_budget_may_stand_beside_the_settings_of_any_adapter(folder: Folder) -> None:
    folder.write("config.yaml", budgeted("{calls_per_day: '${CALLS}', reserve: 12.5%}"))
    config = folder.load({"CALLS": "5000"})
    assert config.limits == {"desk": Limits(5000, 0.125)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{calls_per_day: 0}", "calls_per_day"),
        ("{calls_per_day: many}", "calls_per_day"),
        ("{calls_per_day: 5, reserve: 100%}", "reserve"),
        ("{calls_per_day: 5, resrve: 10%}", "resrve"),
        ("50000", "budget"),
        ("{reserve: 10%}", "a reserve alone holds nothing back"),
    ],
)
def test_a_wrong_budget_is_a_fault_with_its_place(folder: Folder, text: str, says: str) -> None:
    fault = folder.fault(budgeted(text))
    assert says in str(fault)
    assert fault.place.line == 8
