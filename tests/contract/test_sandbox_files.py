"""Files of the sandbox's org: what makes one, what comes of it, and what the platform refuses; written from its pages."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest

from connector.sandbox import Sandbox
from tests.contract.sandbox_caller import Caller, error, made, refused
from tests.contract.test_sandbox_clients import Rewrite

PDF = b"%PDF-1.7 a receipt \x00\xff\r\n--x"


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with Sandbox(orders=1, returns=0) as box:
        yield box


@pytest.fixture
def box(house: Sandbox) -> Sandbox:
    house.control.reset()
    return house


@pytest.fixture
def caller(box: Sandbox) -> Iterator[Caller]:
    client = Caller(box)
    yield client
    client.close()


@pytest.fixture
def case(caller: Caller) -> str:
    return made(caller.create({"Subject": "Claim", "Commerce_Key__c": "K1"}))


def version(case: str | None, data: bytes = PDF, **fields: Any) -> dict[str, Any]:
    encoded = base64.b64encode(data).decode()
    given = {"Title": "Receipt", "PathOnClient": "receipt.pdf", "VersionData": encoded, "FirstPublishLocationId": case}
    return {name: value for name, value in {**given, **fields}.items() if value is not None}


def post(caller: Caller, record: dict[str, Any]) -> requests.Response:
    return caller.org("POST", "/sobjects/ContentVersion", record)


def form(caller: Caller, **parts: Any) -> requests.Response:
    """A multipart body as requests builds it."""
    return caller.org("POST", "/sobjects/ContentVersion", files=parts)


def content(fields: dict[str, Any]) -> tuple[None, bytes, str]:
    return None, orjson.dumps(fields), "application/json"


def test_a_version_makes_its_document_and_the_links(caller: Caller, case: str) -> None:
    file = made(post(caller, version(case)))
    (row,) = caller.rows(
        "SELECT Title, FileExtension, FileType, ContentSize, VersionNumber, IsLatest, ContentDocumentId, Checksum, VersionData "
        f"FROM ContentVersion WHERE Id = '{file}'"
    )
    assert (row["Title"], row["FileExtension"], row["FileType"], row["ContentSize"]) == (
        "Receipt",
        "pdf",
        "PDF",
        len(PDF),
    )
    assert (row["VersionNumber"], row["IsLatest"]) == ("1", True)
    assert row["Checksum"] == hashlib.md5(PDF, usedforsecurity=False).hexdigest()
    assert row["VersionData"].endswith(f"/sobjects/ContentVersion/{file}/VersionData")
    links = caller.rows(
        "SELECT LinkedEntityId, ShareType, Visibility, ContentDocument.LatestPublishedVersionId FROM ContentDocumentLink "
        f"WHERE ContentDocumentId = '{row['ContentDocumentId']}'"
    )
    assert {link["LinkedEntityId"][:3] for link in links} == {"005", "500"}, "its maker's, and the case"
    assert {link["ContentDocument"]["LatestPublishedVersionId"] for link in links} == {file}
    assert caller.rows(f"SELECT Id FROM ContentDocumentLink WHERE LinkedEntityId IN ('{case}')")


def test_its_bytes_come_back_as_they_were(caller: Caller, case: str) -> None:
    file = made(post(caller, version(case)))
    assert caller.org("GET", f"/sobjects/ContentVersion/{file}/VersionData").content == PDF
    assert caller.box.control.file_data(file) == base64.b64encode(PDF).decode()


def test_a_multipart_body_says_the_same_without_base64(caller: Caller, case: str) -> None:
    fields = {"Title": "Receipt", "PathOnClient": "receipt.pdf", "FirstPublishLocationId": case}
    reply = form(caller, entity_content=content(fields), VersionData=("receipt.pdf", PDF, "application/pdf"))
    assert reply.status_code == 201
    assert caller.org("GET", f"/sobjects/ContentVersion/{made(reply)}/VersionData").content == PDF


@pytest.mark.parametrize(
    "parts",
    [
        {"VersionData": ("receipt.pdf", PDF, "application/pdf")},
        {"entity_content": content({"Title": "x"})},
        {"entity_content": content({"Title": "x"}), "VersionData": (None, PDF, "application/pdf")},
        {"entity_content": content({"Title": "x"}), "a": ("a", PDF, "a/b"), "b": ("b", PDF, "a/b")},
    ],
)
def test_a_multipart_body_has_a_record_and_one_blob_with_a_name(caller: Caller, parts: dict[str, Any]) -> None:
    assert error(form(caller, **parts)) == (400, "INVALID_MULTIPART_REQUEST")


@pytest.mark.parametrize(
    ("over", "code"),
    [
        ({"PathOnClient": None}, "REQUIRED_FIELD_MISSING"),
        ({"VersionData": None}, "REQUIRED_FIELD_MISSING"),
        ({"VersionData": "no base64!"}, "JSON_PARSER_ERROR"),
        ({"VersionData": 7}, "JSON_PARSER_ERROR"),
        ({"VersionData": "A" * 37_500_001}, "INVALID_FIELD"),
        ({"FirstPublishLocationId": "500gK00000ZZZZZEAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"ContentDocumentId": "069gK00000ZZZZZEAA", "FirstPublishLocationId": None}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"Title": "x" * 256}, "STRING_TOO_LONG"),
        ({"FileType": "PDF"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_what_is_no_file_is_refused(caller: Caller, case: str, over: dict[str, Any], code: str) -> None:
    given = {**version(case), **over}
    reply = post(caller, {name: value for name, value in given.items() if value is not None})
    assert error(reply) == (400, code)
    assert caller.box.control.files() == []


def test_a_document_and_a_place_exclude_one_another(caller: Caller, case: str) -> None:
    post(caller, version(case))
    document = caller.box.control.files()[0]["ContentDocumentId"]
    assert error(post(caller, version(case, ContentDocumentId=document))) == (400, "FIELD_INTEGRITY_EXCEPTION")


def test_our_key_is_unique_and_free_again_once_its_document_is_deleted(caller: Caller, box: Sandbox, case: str) -> None:
    first = made(post(caller, version(case, Commerce_Key__c="K1:f")))
    assert error(post(caller, version(case, Commerce_Key__c="k1:F"))) == (400, "DUPLICATE_VALUE")
    box.control.agent_delete_file(first)
    assert caller.rows("SELECT Id FROM ContentVersion") == []
    reply = caller.org("GET", "/queryAll", params={"q": "SELECT Id, IsDeleted FROM ContentVersion"})
    assert [row["IsDeleted"] for row in reply.json()["records"]] == [True]
    assert made(post(caller, version(case, Commerce_Key__c="K1:f"))) != first


def test_a_new_version_of_a_document_leaves_the_old_one_behind_it(caller: Caller, case: str) -> None:
    first = made(post(caller, version(case)))
    document = caller.box.control.files()[0]["ContentDocumentId"]
    second = made(post(caller, version(None, b"%PDF again", ContentDocumentId=document)))
    rows = caller.rows("SELECT Id, VersionNumber, IsLatest FROM ContentVersion ORDER BY Id")
    assert [(row["Id"], row["VersionNumber"], row["IsLatest"]) for row in rows] == [
        (first, "1", False),
        (second, "2", True),
    ]
    assert len(caller.box.control.files(case)) == 2


def test_content_and_place_cannot_be_changed_later(caller: Caller, case: str) -> None:
    file = made(post(caller, version(case)))
    path = f"/sobjects/ContentVersion/{file}"
    assert caller.org("PATCH", path, {"Title": "Bill"}).status_code == 204
    for field, value in (("VersionData", "QUJD"), ("FirstPublishLocationId", case), ("PathOnClient", "x.pdf")):
        assert error(caller.org("PATCH", path, {field: value})) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


def test_links_are_never_asked_for_all_at_once(caller: Caller, case: str) -> None:
    post(caller, version(case))
    for where in ("", " WHERE ShareType = 'V'", f" WHERE LinkedEntityId = '{case}' OR ShareType = 'V'",
                  f" WHERE LinkedEntityId != '{case}'"):  # fmt: skip
        assert error(caller.query(f"SELECT Id FROM ContentDocumentLink{where}")) == (400, "MALFORMED_QUERY")


def test_a_document_is_linked_to_a_record_once(caller: Caller, case: str) -> None:
    post(caller, version(case))
    other = made(caller.create({"Subject": "Another"}))
    link = {"ContentDocumentId": caller.box.control.files()[0]["ContentDocumentId"], "ShareType": "V"}
    assert made(caller.org("POST", "/sobjects/ContentDocumentLink", {**link, "LinkedEntityId": other}))
    assert len(caller.box.control.files(other)) == 1
    again = caller.org("POST", "/sobjects/ContentDocumentLink", {**link, "LinkedEntityId": other})
    assert error(again) == (400, "DUPLICATE_VALUE")


def test_collections_take_files_as_base64_each_with_its_own_result(caller: Caller, case: str) -> None:
    good, bad = version(case), version(case)
    del bad["PathOnClient"]
    answers = caller.create(good, bad, kind="ContentVersion").json()
    assert answers[0]["success"]
    assert refused(answers[1]) == "REQUIRED_FIELD_MISSING"


def test_simple_salesforce_puts_a_file_on_a_case(box: Sandbox, caller: Caller, case: str) -> None:
    session = requests.Session()
    session.mount("https://", Rewrite(box.salesforce_url))
    caller.sign_in_org()
    client = Salesforce(
        session_id=caller.org_token, instance_url="https://acme.my.salesforce.com", version="66.0", session=session
    )
    answer = client.ContentVersion.create(version(case))
    assert answer["success"]
    assert base64.b64decode(box.control.file_data(answer["id"])) == PDF
    with pytest.raises(SalesforceMalformedRequest):
        client.ContentVersion.create({"Title": "no content"})
    session.close()


def test_an_agent_s_file_and_the_journal_s_count(box: Sandbox, caller: Caller, case: str) -> None:
    box.control.agent_attach("K1", "Answer.pdf", text="%PDF-1.4")
    assert [file["Title"] for file in box.control.files("K1")] == ["Answer"]
    assert box.control.journal()["files"] == 1
    assert box.control.duplicates()["files"] == {}
