"""A sandbox that nobody has prepared takes an administrator's files, and refuses what sf, Setup and Business Manager refuse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.adapters.salesforce import Salesforce
from connector.adapters.salesforce.metadata import custom_object, field, permission_set, queue
from connector.adapters.salesforce.settings import Settings
from connector.adapters.sfcc.metadata import extensions, object_types
from connector.model import Attribute, FieldUse, Op, StreamUse
from connector.sandbox import Options, Sandbox
from connector.testing.clock import FrozenClock
from tests.contract.sandbox_caller import Caller

PROJECT = {"sfdx-project.json": '{"packageDirectories": [{"path": "force-app"}], "sourceApiVersion": "66.0"}'}
DEFAULT = "force-app/main/default"
NUMBER = f"{DEFAULT}/objects/Case/fields/Order_No__c.field-meta.xml"
SET = f"{DEFAULT}/permissionsets/Ours.permissionset-meta.xml"
TEXT = field("Order_No__c", Attribute("Text(40)", "Order No"))
MAY = permission_set("Ours", "", fields={}, objects={"Case": ("create", "update")})
EXTENSION, TYPES = "meta/system-objecttype-extensions.xml", "meta/custom-objecttype-definitions.xml"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(Options(orders=5, bare=True, shop_code=0)) as made:
        yield made


@pytest.fixture
def call(box: Sandbox) -> Iterator[Caller]:
    made = Caller(box)
    yield made
    made.close()


def deployed(box: Sandbox, **files: str) -> list[str]:
    names: list[str] = box.control.deploy_salesforce({**PROJECT, **files})
    return names


def allow(box: Sandbox, **fields: bool) -> None:
    text = permission_set(
        "Ours",
        "",
        fields={f"Case.{name}": edit for name, edit in fields.items()},
        objects={"Case": ("create", "update")},
    )
    deployed(box, **{SET: text})
    box.control.assign_permission_set("Ours")


def names(call: Caller) -> dict[str, dict[str, Any]]:
    """The fields of Case that the API describes."""
    return {each["name"]: each for each in call.org("GET", "/sobjects/Case/describe").json()["fields"]}


def test_a_bare_org_has_neither_our_fields_nor_our_queues(call: Caller) -> None:
    assert not [name for name in names(call) if name.endswith("__c")]
    assert call.rows("SELECT Id FROM Group WHERE Type = 'Queue'") == []
    assert [each["value"] for each in names(call)["Origin"]["picklistValues"]] == ["Phone", "Email", "Web"]


def test_a_deployed_field_is_seen_once_a_permission_set_names_it(box: Sandbox, call: Caller) -> None:
    assert deployed(box, **{NUMBER: TEXT}) == ["CustomField Case.Order_No__c"]
    assert "Order_No__c" not in names(call)
    refused = call.org("POST", "/sobjects/Case", {"Order_No__c": "1"})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_FIELD")
    allow(box, Order_No__c=False)
    assert names(call)["Order_No__c"]["createable"] is False
    refused = call.org("POST", "/sobjects/Case", {"Order_No__c": "1"})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    allow(box, Order_No__c=True)
    assert call.org("POST", "/sobjects/Case", {"Order_No__c": "1"}).status_code == 201
    assert [row["Order_No__c"] for row in call.rows("SELECT Order_No__c FROM Case")] == ["1"]


def test_a_query_does_not_tell_of_a_field_that_its_user_may_not_see(box: Sandbox, call: Caller) -> None:
    deployed(box, **{NUMBER: TEXT})
    for text in ("SELECT Order_No__c FROM Case", "SELECT Id FROM Case WHERE Order_No__c = '1'"):
        assert call.org("GET", "/query", params={"q": text}).json()[0]["errorCode"] == "INVALID_FIELD"


def test_people_work_with_a_field_that_the_api_user_only_reads(box: Sandbox, call: Caller) -> None:
    deployed(box, **{NUMBER: TEXT})
    allow(box, Order_No__c=False)
    made = call.org("POST", "/sobjects/Case", {"Subject": "x"}).json()["id"]
    assert box.control.agent_edit(made, {"Order_No__c": "7"})["Order_No__c"] == "7"


def test_a_key_field_that_is_not_unique_lets_two_cases_have_one_key(box: Sandbox, call: Caller) -> None:
    path = f"{DEFAULT}/objects/Case/fields/Commerce_Key__c.field-meta.xml"
    deployed(box, **{path: field("Commerce_Key__c", Attribute("Text(255)"))})
    allow(box, Commerce_Key__c=True)
    for status in (201, 201):
        assert call.org("POST", "/sobjects/Case", {"Commerce_Key__c": "K"}).status_code == status


def test_a_queue_takes_cases_after_its_deployment_and_stands_once(box: Sandbox, call: Caller) -> None:
    path = f"{DEFAULT}/queues/Late_Orders.queue-meta.xml"
    for _ in range(2):
        deployed(box, **{path: queue("Late orders", ["Case"], "66.0")})
    (group,) = call.rows("SELECT Id, DeveloperName FROM Group WHERE Type = 'Queue'")
    assert group["DeveloperName"] == "Late_Orders"
    made = call.org("POST", "/sobjects/Case", {"OwnerId": group["Id"]}, headers={"Sforce-Auto-Assign": "FALSE"})
    assert made.status_code == 201


@pytest.mark.parametrize(
    "kind",
    ["Text(1)", "Text(255)", "LongTextArea(256)", "LongTextArea(131072)", "Number(16, 2)", "Number(18)", "Currency(16, 2)",
     "Checkbox", "Date", "DateTime", "Email", "Phone", "Url", "TextArea", "Picklist"],
)  # fmt: skip
def test_every_type_that_can_be_declared_can_be_deployed(box: Sandbox, call: Caller, kind: str) -> None:
    values = ("One", "Two") if kind == "Picklist" else ()
    deployed(box, **{NUMBER: field("Order_No__c", Attribute(kind, "Order No", "said", values))})
    allow(box, Order_No__c=True)
    assert [each["value"] for each in names(call)["Order_No__c"]["picklistValues"]] == list(values)


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        (NUMBER, TEXT.replace("<length>40", "<lenght>40").replace("40</length>", "40</lenght>"), "Element lenght invalid"),
        (NUMBER, TEXT.replace("<length>40", "<length>300"), "length is a number from 1 to 255"),
        (NUMBER, TEXT.replace("    <label>Order No</label>\n", ""), "Required field is missing: label"),
        (NUMBER, TEXT.replace("Order_No__c", "Order_Nr__c"), "fullName is Order_Nr__c"),
        (NUMBER, TEXT.replace("Text<", "Blob<"), "Unknown field type"),
        (NUMBER, TEXT.replace("metadata", "metadate"), "not CustomField of the Metadata API"),
        (NUMBER, TEXT[:-5], "unclosed token"),
        (f"{DEFAULT}/things/Case.thing-meta.xml", TEXT, "could not infer a metadata type"),
        (NUMBER.replace("/Case/", "/CaseComment/"), TEXT, "CaseComment cannot have custom fields"),
        (NUMBER.replace("/Case/", "/Order/"), TEXT, "Entity of type Order cannot be found"),
        (NUMBER.replace("/Case/", "/Task/"), TEXT, "bad value for restricted picklist field: Task"),
        (SET, permission_set("Ours", "", fields={"Activity.Commerce_Key__c": True}), "no CustomField named Activity"),
        (NUMBER, field("Order_No__c", Attribute("Picklist", values=("a", "A"))), "Duplicate value"),
        (SET, permission_set("Ours", "", fields={"Case.Missing__c": True}), "no CustomField named Case.Missing__c found"),
        (SET, permission_set("Ours", "", fields={"Case.Status": True}), "You cannot deploy to a required field: Case.Status"),
        (SET, permission_set("Ours", "", fields={"Case.ClosedDate": True}), "is not editable"),
        (SET, permission_set("Ours", "", fields={}, objects={"CaseComment": ()}), "has no object permissions"),
        (SET, permission_set("Ours", "", fields={}, system=["Anything"]), "Unknown user permission"),
        (SET, MAY.replace("<allowRead>true", "<allowRead>false"),
         "Permission Create Case depends on permission\\(s\\): Read Case"),
        (f"{DEFAULT}/queues/Two__Lines.queue-meta.xml", queue("x", ["Case"], "66.0"), "no developer name"),
        (f"{DEFAULT}/queues/Orders.queue-meta.xml", queue("Orders", ["Order"], "66.0"), "cannot be assigned to a queue"),
    ],
)  # fmt: skip
def test_what_the_metadata_api_refuses_is_refused(box: Sandbox, path: str, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        deployed(box, **{path: text})


# custom objects
ORDERS = f"{DEFAULT}/objects/Case_Order__c"
HOME, LINK = f"{ORDERS}/Case_Order__c.object-meta.xml", f"{ORDERS}/fields/Case__c.field-meta.xml"
NAMED = f"{ORDERS}/fields/Order_No__c.field-meta.xml"
DETAIL = custom_object("Case_Order__c", detail=True)
TO_CASE = field("Case__c", Attribute("MasterDetail(Case)"), of="Case_Order__c")
WHOLE_OBJECT = {HOME: DETAIL, LINK: TO_CASE, NAMED: TEXT}
MAKE = frozenset[Op]({"create"})
RIGHTS = permission_set(
    "Ours", "", fields={"Case_Order__c.Order_No__c": True}, objects={"Case": MAKE, "Case_Order__c": MAKE}
)


def test_an_object_that_was_deployed_is_there_for_whom_a_permission_set_lets_in(box: Sandbox, call: Caller) -> None:
    made = deployed(box, **WHOLE_OBJECT, **{SET: RIGHTS})
    assert made[:3] == [
        "CustomObject Case_Order__c",
        "CustomField Case_Order__c.Case__c",
        "CustomField Case_Order__c.Order_No__c",
    ]
    assert call.org("GET", "/sobjects/Case_Order__c/describe").status_code == 404
    query = {"q": "SELECT Id FROM Case_Order__c"}
    assert call.org("GET", "/query", params=query).json()[0]["errorCode"] == "INVALID_TYPE"
    box.control.assign_permission_set("Ours")
    case = call.org("POST", "/sobjects/Case", {}).json()["id"]
    child = call.org("POST", "/sobjects/Case_Order__c", {"Case__c": case, "Order_No__c": "1"})
    assert child.status_code == 201
    said = call.org("GET", "/sobjects/Case_Order__c/describe").json()
    assert (said["createable"], said["updateable"], said["deletable"]) == (True, False, False)
    where = f"/sobjects/Case_Order__c/{child.json()['id']}"
    assert call.org("PATCH", where, {"Order_No__c": "2"}).json()[0]["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    assert call.org("DELETE", where).json()[0]["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    assert deployed(box, **WHOLE_OBJECT, **{SET: RIGHTS}), "a second time changes nothing"
    assert [row["Name"] for row in call.rows("SELECT Name FROM Case_Order__c")] == ["CO-000001"]


def test_a_lookup_is_cleared_when_its_case_goes_and_its_object_has_an_owner(box: Sandbox, call: Caller) -> None:
    path = f"{DEFAULT}/objects/Paper__c"
    files = {
        f"{path}/Paper__c.object-meta.xml": custom_object("Paper__c", detail=False),
        f"{path}/fields/Case__c.field-meta.xml": field("Case__c", Attribute("Lookup(Case)"), of="Paper__c"),
        SET: permission_set(
            "Ours", "", fields={"Paper__c.Case__c": True}, objects={"Case": (), "Paper__c": ("create", "update")}
        ),
    }
    deployed(box, **files)
    box.control.assign_permission_set("Ours")
    case = box.control.agent_create({"Subject": "x"})
    assert call.org("POST", "/sobjects/Paper__c", {"Case__c": case}).status_code == 201
    box.control.agent_delete(case)
    (row,) = call.rows("SELECT Case__c, OwnerId FROM Paper__c")
    assert row["Case__c"] is None
    assert row["OwnerId"]


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        (LINK, None, "sharingModel to ControlledByParent on a CustomObject without a MasterDetail"),
        (HOME, custom_object("Case_Order__c", detail=False), "sharingModel to Read on a CustomObject with a MasterDetail"),
        (HOME, DETAIL.replace("Deployed", "Ready"), "deploymentStatus is Deployed or InDevelopment"),
        (HOME, DETAIL.replace("<pluralLabel>Case Orders</pluralLabel>", ""), "Required field is missing: pluralLabel"),
        (HOME, DETAIL.replace("CO-{000000}", "CO"), "AutoNumber with a displayFormat"),
        (HOME, DETAIL.replace("visibility", "visible"), "Element visible invalid"),
        (HOME, None, "Entity of type Case_Order__c cannot be found"),
        (LINK, TO_CASE.replace("<referenceTo>Case", "<referenceTo>Nothing__c"), "no CustomObject named Nothing__c found"),
        (LINK, TO_CASE.replace("<referenceTo>Case", "<referenceTo>User"), "cannot be a detail of User"),
        (LINK, TO_CASE.replace("    <referenceTo>Case</referenceTo>\n", ""), "Required field is missing: referenceTo"),
        (NAMED, TEXT.replace("<label>", "<relationshipName>x</relationshipName><label>"), "relationshipName is not for Text"),
        (SET, permission_set("Ours", "", fields={"Case_Order__c.Case__c": True}),
         "You cannot deploy to a required field: Case_Order__c.Case__c"),
        (SET, permission_set("Ours", "", fields={}, objects={"Case_Order__c": ()}), "depends on permission\\(s\\): Read Case"),
        (SET, permission_set("Ours", "", fields={}, objects={"Case": (), "Case_Order__c": ()}).replace(
            "<viewAllRecords>true", "<viewAllRecords>false", 1), "depends on permission\\(s\\): View All Case"),
    ],
)  # fmt: skip
def test_what_no_org_takes_of_an_object_is_refused(
    box: Sandbox, call: Caller, path: str, text: str | None, told: str
) -> None:
    files = {**WHOLE_OBJECT, path: text or ""}
    with pytest.raises(ValueError, match=told):
        deployed(box, **{name: content for name, content in files.items() if content})
    assert call.org("GET", "/sobjects/Case_Order__c/describe").status_code == 404


def test_elements_of_one_name_that_do_not_stand_together_are_refused(box: Sandbox) -> None:
    text = permission_set("Ours", "", fields={"Case.Reason": True, "Case.Origin": True})
    first, second = text.split("    <fieldPermissions>\n")[1:]
    apart = text.replace(first, first + "    <label>Ours</label>\n", 1)
    assert apart != text
    assert second
    with pytest.raises(ValueError, match="fieldPermissions is duplicated"):
        deployed(box, **{SET: apart})


def test_a_deployment_of_which_one_part_fails_changes_nothing(box: Sandbox, call: Caller) -> None:
    wrong = permission_set("Ours", "", fields={"Case.Missing__c": True})
    with pytest.raises(ValueError, match=SET):
        deployed(box, **{NUMBER: TEXT, SET: wrong})
    with pytest.raises(KeyError, match="no permission set"):
        box.control.assign_permission_set("Ours")
    assert deployed(box, **{NUMBER: TEXT})


def test_a_queue_of_a_newer_version_says_what_the_hierarchy_sees(box: Sandbox) -> None:
    newer = {"sfdx-project.json": PROJECT["sfdx-project.json"].replace("66.0", "67.0")}
    path = f"{DEFAULT}/queues/Orders.queue-meta.xml"
    with pytest.raises(ValueError, match="doesIncludeBosses"):
        box.control.deploy_salesforce({**newer, path: queue("Orders", ["Case"], "66.0")})
    box.control.deploy_salesforce({**newer, path: queue("Orders", ["Case"], "67.0")})


def test_the_adapter_s_files_of_any_flow_can_be_deployed(box: Sandbox) -> None:
    """Also where nobody declared anything, and a value would break a careless file."""
    auth = {"grant": "client_credentials", "client_id": "bench", "client_secret": "secret"}
    settings = Settings.model_validate({"url": box.salesforce_url, "auth": auth, "key_field": "Commerce_Key__c"})
    adapter = Salesforce("service", settings, clock=FrozenClock(datetime(2026, 11, 20, tzinfo=UTC)))
    uses = {
        "Kind__c": FieldUse("Kind__c", creates=True, kinds=frozenset({"text"}), values=("A & B", "<c>"), closed=True),
        "Long__c": FieldUse("Long__c", updates=True, kinds=frozenset({"text"}), longest=900),
        "Any__c": FieldUse("Any__c", reads=True),
        "Subject": FieldUse("Subject", creates=True),
        "Status": FieldUse("Status", creates=True),
    }
    made = adapter.setup(
        [StreamUse("Case", writes=frozenset({"create"}), fields=uses), StreamUse("CaseComment", keyed=True)], {}
    )
    adapter.close()
    assert box.control.deploy_salesforce(dict(made.files))
    assert made.guessed == {
        ("Case", "Kind__c"): "Picklist",
        ("Case", "Long__c"): "LongTextArea(900)",
        ("Case", "Any__c"): "Text(255)",
    }


def test_values_are_added_to_a_standard_picklist_once(box: Sandbox, call: Caller) -> None:
    for _ in range(2):
        box.control.add_picklist_values("Origin", ["Commerce", "Web"])
    assert [each["value"] for each in names(call)["Origin"]["picklistValues"]] == ["Phone", "Email", "Web", "Commerce"]
    with pytest.raises(KeyError, match="no picklist"):
        box.control.add_picklist_values("Subject", ["x"])


# the shop
def test_a_bare_shop_lets_a_client_do_nothing_until_its_settings_are_saved(box: Sandbox, call: Caller) -> None:
    assert call.shop("GET", "/orders/00001301").status_code == 401
    entry = {"resource_id": "/orders/*", "methods": ["get"]}
    document = {"_v": "24.5", "clients": [{"client_id": "bench", "resources": [entry]}]}
    box.control.ocapi_settings("data", document)
    assert call.shop("GET", "/orders/00001301").status_code == 401, "settings are for one API"
    box.control.ocapi_settings("shop", document)
    order = call.shop("GET", "/orders/00001301")
    assert order.status_code == 200
    assert not [name for name in order.json() if name.startswith("c_")]


@pytest.mark.parametrize(
    "document",
    [{}, {"_v": "24.5", "clients": [], "more": 1}, {"_v": "x", "clients": []},
     {"_v": "24.5", "clients": [{"client_id": "bench", "secret": "x", "resources": []}]},
     {"_v": "24.5", "clients": [{"client_id": "bench", "resources": [{"resource_id": "/orders/*"}]}]},
     {"_v": "24.5", "clients": [{"client_id": "bench", "resources": [{"resource_id": "/x", "methods": ["GET"]}]}]}],
)  # fmt: skip
def test_settings_that_business_manager_does_not_save_are_refused(box: Sandbox, document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        box.control.ocapi_settings("shop", document)


def test_imported_definitions_are_what_the_shop_checks_writes_against(box: Sandbox) -> None:
    with pytest.raises(ValueError, match="no custom object type"):
        box.control.objects("Claim")
    attributes = {"c_sum": Attribute("double"), "c_state": Attribute("enum-of-string", values=("A", "B"))}
    box.control.import_shop({EXTENSION: extensions({"Order": attributes}), TYPES: object_types({"Claim": attributes})})
    assert box.control.objects("Claim") == []
    box.control.import_shop({EXTENSION: extensions({"Order": {"c_more": Attribute("text")}})})
    declared = box.run(lambda house: house.world.shop.declared)
    assert set(declared.orders) == {"c_sum", "c_state", "c_more"}
    assert declared.orders["c_state"].values == ("A", "B")
    assert declared.types["Claim"].key == "requestId"


WHOLE = extensions(
    {"Order": {"c_sum": Attribute("double", "Sum", "said"), "c_state": Attribute("enum-of-string", values=("A",))}}
)
KIND = object_types({"Claim": {"c_sum": Attribute("double")}})


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        (EXTENSION, WHOLE.replace("2006-10-31", "2006-10-32"), "the root is metadata"),
        (EXTENSION, WHOLE.replace("mandatory-flag", "mandatory"), "mandatory is not allowed in attribute-definition"),
        (EXTENSION, WHOLE.replace("<type>double", "<type>decimal"), "has the type 'decimal'"),
        (EXTENSION, WHOLE.replace(' xml:lang="x-default"', ""), "needs xml:lang"),
        (EXTENSION, WHOLE.replace("flag>false", "flag>no"), "is true or false"),
        (EXTENSION, WHOLE.replace("<type>enum-of-string", "<type>string"), "enum-of-string has value-definitions"),
        (
            EXTENSION,
            WHOLE.replace('<attribute attribute-id="sum"', '<attribute attribute-id="som"'),
            "which is not declared",
        ),
        (EXTENSION, WHOLE.replace('type-id="Order"', 'type-id="Catalog"'), "extends Order, Product and Profile alone"),
        (TYPES, KIND.replace("<storage-scope>site</storage-scope>", ""), "storage-scope of Claim"),
        (TYPES, KIND.replace("key-definition", "key"), "key is not allowed in custom-type"),
        ("order.xml", KIND, "no file in meta/"),
    ],
)
def test_what_the_import_refuses_is_refused(box: Sandbox, path: str, text: str, told: str) -> None:
    assert text not in (WHOLE,)
    with pytest.raises(ValueError, match=told):
        box.control.import_shop({path: text})


def test_elements_in_another_order_than_the_schema_s_are_refused(box: Sandbox) -> None:
    flag = "                <mandatory-flag>false</mandatory-flag>\n"
    moved = WHOLE.replace(flag, "").replace("                <type>", f"{flag}                <type>")
    with pytest.raises(ValueError, match="type stands too late in attribute-definition"):
        box.control.import_shop({EXTENSION: moved})


def test_an_attribute_s_type_cannot_be_changed_and_a_refused_import_changes_nothing(box: Sandbox) -> None:
    box.control.import_shop({EXTENSION: extensions({"Order": {"c_sum": Attribute("double")}})})
    both = {TYPES: KIND, EXTENSION: extensions({"Order": {"c_sum": Attribute("string")}})}
    with pytest.raises(ValueError, match="cannot be changed"):
        box.control.import_shop(both)
    with pytest.raises(ValueError, match="no custom object type"):
        box.control.objects("Claim")


def test_a_new_order_bears_what_the_shop_has_declared(box: Sandbox) -> None:
    assert not [name for name in box.control.place_order() if name.startswith("c_")]
    every = {
        f"c_{name}": Attribute("string")
        for name in ("addressMismatch", "paymentError", "fulfillmentStatus", "riskScore")
    }
    box.control.import_shop({EXTENSION: extensions({"Order": every})})
    assert [name for _ in range(5) for name in box.control.place_order() if name.startswith("c_")]
