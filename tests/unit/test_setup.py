"""`connector setup`: what it writes for an administrator follows from the configured flows, and from nothing else."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from connector.adapters.salesforce.metadata import NAMESPACE, Unknown, field, queue
from connector.adapters.sfcc.permissions import needed
from connector.cli import main
from connector.model import Attribute, FieldUse, StreamUse
from tests.written_docs import ROOT

ENVIRON = {
    "SFCC_URL": "https://shop.example.com",
    "SFCC_CLIENT_ID": "CLIENT_ID",
    "SFCC_CLIENT_SECRET": "hunter2-shop",
    "SALESFORCE_URL": "https://org.example.com",
    "SALESFORCE_CLIENT_ID": "hunter2-app",
    "SALESFORCE_CLIENT_SECRET": "hunter2-org",
}
SETS = "service/force-app/main/default/permissionsets"
FIELDS = "service/force-app/main/default/objects/Case/fields"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped configuration, mappings and declarations, without the files made from them."""
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    shutil.copy(ROOT / "config.example.yaml", tmp_path / "config.yaml")
    shutil.copytree(ROOT / "mappings", tmp_path / "mappings")
    (tmp_path / "setup").mkdir()
    shutil.copy(ROOT / "setup" / "attributes.yaml", tmp_path / "setup")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path) -> dict[str, str]:
    """Every file below setup/ but the declarations."""
    paths = [path for path in (folder / "setup").rglob("*") if path.is_file() and path.name != "attributes.yaml"]
    return {path.relative_to(folder / "setup").as_posix(): path.read_text() for path in paths}


def permitted(text: str) -> dict[str, bool]:
    """Field → may it be edited, of a permission set."""
    found = re.findall(r"<editable>(\w+)</editable>\s*<field>Case\.(\w+)</field>", text)
    return {name: editable == "true" for editable, name in found}


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


def test_the_committed_files_are_what_the_command_writes_for_the_shipped_flows(folder: Path) -> None:
    assert main(["setup"]) == 0
    assert written(folder) == written(ROOT), "make setup"


def test_a_second_run_changes_nothing_and_check_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["setup", "--check"]) == 1
    assert not written(folder)
    assert main(["setup"]) == 0
    first = written(folder)
    assert main(["setup", "--check"]) == 0
    assert main(["setup"]) == 0
    assert written(folder) == first
    assert "unchanged" in capsys.readouterr().out


def test_check_finds_a_file_that_somebody_changed_and_one_that_nobody_needs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["setup"])
    (folder / "setup/service/mine.txt").write_text("kept")
    assert main(["setup", "--check"]) == 0
    change(folder, f"setup/{FIELDS}/Order_No__c.field-meta.xml", "<length>255</length>", "<length>20</length>")
    capsys.readouterr()
    assert main(["setup", "--check"]) == 1
    told = capsys.readouterr().out
    assert "changed  force-app/main/default/objects/Case/fields/Order_No__c.field-meta.xml" in told
    assert "not ours mine.txt" in told
    main(["setup"])
    assert (folder / "setup/service/mine.txt").read_text() == "kept"


def test_no_secret_is_in_any_file(folder: Path) -> None:
    main(["setup"])
    assert "hunter2" not in "".join(written(folder).values())


def test_our_user_edits_what_the_flows_write_and_reads_the_rest(folder: Path) -> None:
    main(["setup"])
    ours = permitted(written(folder)[f"{SETS}/Commerce_Case_Connector.permissionset-meta.xml"])
    assert ours["Commerce_Key__c"] is ours["Order_No__c"] is ours["Reason"] is True
    assert ours["Resolution__c"] is ours["Refund_Amount__c"] is ours["ClosedDate"] is False
    assert not ours.keys() & {"Status", "OwnerId", "CaseNumber", "IsClosed"}, "the platform refuses these"


def test_our_user_may_do_with_an_object_what_the_flows_do(folder: Path) -> None:
    example = (folder / "config.yaml").read_text()
    main(["setup"])
    path = f"{SETS}/Commerce_Case_Connector.permissionset-meta.xml"
    assert re.findall(r"<allow(\w+)>true", written(folder)[path]) == ["Create", "Edit", "Read"] * 2, (
        "cases, their orders"
    )
    begin, end = example.index("  returns-to-cases:"), example.index("defaults:")
    reads = "  back: {from: service.Case, to: shop.orders, mapping: back.yaml, start: now}\n\n"
    (folder / "config.yaml").write_text(example[: example.index("  orders-to-cases:")] + reads + example[end:])
    assert begin < end
    (folder / "back.yaml").write_text(
        "summary: back\ntarget: '{{ Order_No__c }}'\nfields: {c_caseStatus: '{{ Status }}'}\n"
    )
    assert main(["setup"]) == 0
    assert re.findall(r"<allow(\w+)>true", written(folder)[path]) == ["Read"]


OBJECT = "service/force-app/main/default/objects/Case_Order__c"


def test_an_object_that_the_flows_fill_is_written_as_a_detail_of_its_case(folder: Path) -> None:
    main(["setup"])
    made = written(folder)
    text = made[f"{OBJECT}/Case_Order__c.object-meta.xml"]
    assert "<sharingModel>ControlledByParent</sharingModel>" in text
    assert "<displayFormat>CO-{000000}</displayFormat>" in text
    assert "<label>Case Order</label>" in text
    link = made[f"{OBJECT}/fields/Case__c.field-meta.xml"]
    assert "<type>MasterDetail</type>" in link
    assert "<reparentableMasterDetail>false" in link
    key = made[f"{OBJECT}/fields/Commerce_Key__c.field-meta.xml"]
    assert "<externalId>true" in key
    assert "<unique>true" in key
    for name in ("Connector", "Agent"):
        text = made[f"{SETS}/Commerce_Case_{name}.permissionset-meta.xml"]
        assert "Case_Order__c.Order_No__c" in text
        assert "Case_Order__c.Case__c" not in text, "the platform refuses it: whoever has the object sees its master"
        assert "<object>Case</object>" in text, "who reads a detail must be given its master"
    assert made[f"{SETS}/Commerce_Case_Agent.permissionset-meta.xml"].count("<allowRead>true") == 2
    assert "<allowCreate>true" not in made[f"{SETS}/Commerce_Case_Agent.permissionset-meta.xml"]
    assert "`Case Orders`" in made["service/README.md"]


def test_an_object_that_nobody_declared_is_guessed_to_be_a_detail_of_the_case_that_it_names(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "setup/attributes.yaml").unlink()
    assert main(["setup"]) == 0
    assert "guessed  Case_Order__c Case__c: MasterDetail(Case)" in capsys.readouterr().out
    assert "ControlledByParent" in written(folder)[f"{OBJECT}/Case_Order__c.object-meta.xml"]


@pytest.mark.parametrize(
    ("stream", "kind", "told"),
    [("Case_Order__c", "MasterDetail()", "MasterDetail(Object)"), ("Case", "MasterDetail(Case)", "write Lookup(Case)")],
)
def test_a_relation_that_cannot_be_is_refused_where_it_is_declared(
    folder: Path, capsys: pytest.CaptureFixture[str], stream: str, kind: str, told: str
) -> None:
    name = "Case__c" if stream == "Case_Order__c" else "Order_No__c"
    old = {
        "Case__c": "type: MasterDetail(Case)",
        "Order_No__c": "type: Text(255), description: Order number in the shop",
    }
    change(folder, "setup/attributes.yaml", old[name], f"type: {kind}")
    assert main(["setup"]) == 2
    assert told in capsys.readouterr().err


def test_people_edit_what_the_flows_only_read(folder: Path) -> None:
    main(["setup"])
    people = permitted(written(folder)[f"{SETS}/Commerce_Case_Agent.permissionset-meta.xml"])
    assert {name for name, editable in people.items() if editable} == {
        "Resolution__c",
        "Resolution_Note__c",
        "Refund_Amount__c",
        "Credit_Amount__c",
        "Credit_Points__c",
        "Correction__c",
        "Product_Ids__c",
        "Notice__c",
        "Recall_Lifted__c",
        "Document_Links__c",
        "Refund_Kind__c",
        "Refund_Lines__c",
        "New_Street__c",
        "New_Postal_Code__c",
        "New_City__c",
        "New_State__c",
        "New_Country__c",
    }
    assert people.keys() == {path.split("/")[-1].split(".")[0] for path in written(folder) if path.startswith(FIELDS)}


def test_a_field_that_nobody_declared_is_guessed_and_the_place_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = "mappings/salesforce/order-exception-to-case.yaml"
    change(folder, mapping, "  Type: Order Exception\n", "  Type: Order Exception\n  Kind__c: Fraud\n  Sum__c: 4.5\n")
    assert main(["setup"]) == 0
    told = capsys.readouterr().out
    assert "guessed  Case Kind__c: Picklist" in told
    assert "guessed  Case Sum__c: Number(16, 2)" in told
    line = (folder / mapping).read_text().splitlines().index("  Kind__c: Fraud") + 1
    assert f"{mapping}:{line}:" in told
    made = written(folder)
    assert "<fullName>Fraud</fullName>" in made[f"{FIELDS}/Kind__c.field-meta.xml"]
    assert permitted(made[f"{SETS}/Commerce_Case_Connector.permissionset-meta.xml"])["Kind__c"]


def test_without_declarations_every_type_is_guessed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "setup/attributes.yaml").unlink()
    assert main(["setup"]) == 0
    told = capsys.readouterr().out
    assert "guessed  Case Order_Date__c: DateTime" in told
    assert "guessed  orders c_caseDecidedAt: datetime" in told
    assert "Commerce_Key__c: " not in told, "we know what our key is"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "type: DateTime, description: When the order was placed",
            "type: Tme",
            "Order_Date__c: 'Tme' cannot be its type",
        ),
        (
            "type: Text(255), description: Site of the shop",
            "type: Text(300)",
            "Site__c: 'Text(300)' cannot be its type",
        ),
        (
            "type: datetime, description: When the agent",
            "type: time, description: When",
            "c_decidedAt: 'time' cannot be",
        ),
        ("{label: Commerce Key, type: Text(255)", "{label: Commerce Key, type: Text(80)", "the key field is Text(255)"),
        ("label: Site,", "lable: Site,", "unknown key 'lable'"),
        ("{label: Site, type: Text(255)", "{label: Site, typ: Text(255)", "type must be text"),
        (
            "type: boolean, description: The return is",
            "type: boolean, values: [x], description: The",
            "enum-of-string has",
        ),
    ],
)
def test_a_wrong_declaration_is_said_with_its_place_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, told: str
) -> None:
    change(folder, "setup/attributes.yaml", old, new)
    assert main(["setup"]) == 2
    said = capsys.readouterr().err
    assert told in said
    line = next(
        n for n, text in enumerate((folder / "setup/attributes.yaml").read_text().splitlines(), 1) if new in text
    )
    assert f"attributes.yaml:{line}:" in said
    assert not written(folder)


def test_all_faults_of_the_declarations_come_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine.yaml").write_text(
        "salesforce: {Case: {A__c: Text, B__c: {type: 5}, C__c: {type: Picklist, values: Fraud}}}\nsfcc: []\n"
    )
    assert main(["setup", "--attributes", "mine.yaml"]) == 2
    assert "4 faults" in capsys.readouterr().err


def test_a_system_that_takes_no_files_has_nothing_to_set_up(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "config.yaml").write_text(
        "connections: {files: {adapter: jsonl, folder: data}}\nstore: sqlite:///ledger.db\n"
        "flows: {copy: {from: files.a, to: files.b, mapping: m.yaml, start: now}}\n"
    )
    (folder / "m.yaml").write_text("summary: copies\nfields: {Subject: '{{ record.key }}'}\n")
    assert main(["setup"]) == 0
    assert capsys.readouterr().out == "files: nothing to set up\n"
    assert not written(folder)


def test_the_files_of_two_connections_of_one_kind_are_apart(folder: Path) -> None:
    example = (folder / "config.yaml").read_text()
    begin, end = example.index("  service:"), example.index("  # files:")
    second = example[begin:end].replace("  service:", "  desk:").replace("Commerce_Key__c ", "Our_Key__c ")
    (folder / "config.yaml").write_text(example.replace("  # files:", f"{second}  # files:", 1))
    assert main(["setup"]) == 0
    assert not [path for path in written(folder) if path.startswith("desk/") and "__c" in path], "no flow uses it"


@pytest.mark.parametrize(
    ("use", "wanted"),
    [
        (StreamUse("orders", changes=True), {"/order_search post", "/orders/* get"}),
        (
            StreamUse("orders", fetches=True, writes=frozenset({"update"})),
            {"/order_search post", "/orders/* get", "/sites/*/orders/* patch"},
        ),
        (
            StreamUse("orders.status", writes=frozenset({"update"})),
            {"/order_search post", "/orders/* get", "/sites/*/orders/*/status put"},
        ),
        (
            StreamUse("orders.notes", writes=frozenset({"append"})),
            {"/order_search post", "/orders/*/notes get", "/orders/*/notes post"},
        ),
        (
            StreamUse("custom_objects/RefundRequest", writes=frozenset({"create"})),
            {"/custom_objects_search/* post", "/sites/*/custom_objects/*/* get", "/sites/*/custom_objects/*/* put"},
        ),
        (
            StreamUse("custom_objects/ReturnRequest", changes=True, writes=frozenset({"update"})),
            {"/custom_objects_search/* post", "/sites/*/custom_objects/*/* get", "/sites/*/custom_objects/*/* patch"},
        ),
    ],
)
def test_a_client_may_call_what_the_flows_need_and_no_more(use: StreamUse, wanted: set[str]) -> None:
    allowed = {f"{resource} {method}" for _, resource, method in needed(use) if "definitions" not in resource}
    assert allowed == wanted


def test_settings_name_each_resource_once_with_all_its_methods(folder: Path) -> None:
    main(["setup"])
    for api in ("shop", "data"):
        (client,) = json.loads(written(folder)[f"shop/ocapi-settings.{api}.json"])["clients"]
        names = [each["resource_id"] for each in client["resources"]]
        assert names == sorted(set(names))


def test_a_custom_object_type_is_written_whole_and_an_order_only_as_far_as_it_is_used(folder: Path) -> None:
    change(folder, "setup/attributes.yaml", "  orders:\n", "  orders:\n    c_unused: {type: string}\n")
    main(["setup"])
    made = written(folder)
    assert 'attribute-id="executedKey"' in made["shop/meta/custom-objecttype-definitions.xml"]
    assert "unused" not in made["shop/meta/system-objecttype-extensions.xml"]


def test_a_queue_says_what_its_version_asks_for() -> None:
    assert "doesIncludeBosses" not in queue("Orders", ["Case"], "66.0")
    assert "<doesIncludeBosses>true</doesIncludeBosses>" in queue("Orders", ["Case"], "67.0")


def test_text_of_people_cannot_break_a_file() -> None:
    made = field("Note__c", Attribute("Text(10)", "A & B <c>", 'say "no"'))
    assert "<label>A &amp; B &lt;c&gt;</label>" in made
    assert made.startswith(f'<?xml version="1.0" encoding="UTF-8"?>\n<CustomField xmlns="{NAMESPACE}">')


@pytest.mark.parametrize(
    "kind", ["", "Text", "Text()", "Text(0)", "Text(2.5)", "Number(18, 2)", "Picklist", "Date(3)", "text(5)"]
)
def test_a_type_that_no_field_has_is_refused(kind: str) -> None:
    with pytest.raises(Unknown, match="write Text"):
        field("A__c", Attribute(kind))


def test_a_use_that_nothing_is_known_of_becomes_a_plain_text(folder: Path) -> None:
    assert FieldUse("X__c").kinds == frozenset()
    change(
        folder,
        "mappings/salesforce/order-exception-to-case.yaml",
        "  Type: Order",
        '  X__c: "{{ foo }}"\n  Type: Order',
    )
    main(["setup"])
    assert "<length>255</length>" in written(folder)[f"{FIELDS}/X__c.field-meta.xml"]


def test_over_scapi_the_scopes_of_the_flows_are_written_instead_of_ocapi_permissions(folder: Path) -> None:
    text = (folder / "config.yaml").read_text()
    begin, end = text.index("connections:"), text.index("  service:")
    scapi = """connections:
  shop:
    adapter: sfcc
    api: scapi
    url: ${SFCC_URL}
    organization: f_ecom_zzte_053
    site: RefArch
    client_id: ${SFCC_CLIENT_ID}
    client_secret: ${SFCC_CLIENT_SECRET}
"""
    flow = "flows:\n  returns-to-cases:\n    from: shop.custom_objects/ReturnRequest\n    to: service.Case\n"
    flow += "    mapping: mappings/salesforce/return-to-case.yaml\n"
    rest = text[end : text.index("flows:")] + flow
    (folder / "config.yaml").write_text(text[:begin] + scapi + rest)
    assert main(["setup"]) == 0
    made = written(folder)
    assert made["shop/scapi-scopes.txt"].split() == [
        "SALESFORCE_COMMERCE_API:zzte_053", "sfcc.custom-objects", "sfcc.orders",
    ]  # fmt: skip
    assert not [name for name in made if "ocapi" in name]
    assert "made for SCAPI" in made["shop/README.md"]
    assert "scapi-scopes.txt" in made["shop/README.md"]
    assert "hunter2" not in str({name: text for name, text in made.items() if name.startswith("shop/")})
