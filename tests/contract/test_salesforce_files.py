"""Files on cases against an org that behaves: each there once under its key, whole; and those of agents read with their case."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from connector.adapters.salesforce import Salesforce
from connector.errors import Gone, Misconfigured, Rejected, RemoteError, Transient
from connector.model import FieldUse, File, Result, Select, StreamUse, Write
from connector.sandbox.box import Sandbox
from connector.sandbox.options import Options
from tests.contract.salesforce_org import KEY, open_
from tests.file_host import JPEG, PDF, FileHost, file_host

UPLOADS = "sobjects/ContentVersion$"


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(Options(orders=1)) as box:
        yield box


@pytest.fixture
def box(shared: Sandbox) -> Sandbox:
    shared.control.reset()
    return shared


@pytest.fixture
def host() -> Iterator[FileHost]:
    with file_host() as running:
        yield running


@pytest.fixture
def service(box: Sandbox, host: FileHost) -> Iterator[Salesforce]:
    adapter = open_(box, files={"hosts": [f"127.0.0.1:{host.port}"], "loopback": True})
    yield adapter
    adapter.close()


@pytest.fixture
def case(service: Salesforce) -> str:
    (made,) = service.write("Case", [Write("create", "claims:_ref:0001", {"Subject": "Claim"})])
    assert made.target is not None
    return made.target


def upload(case: str, source: str, name: str = "d1", *, uncertain: bool = False, **fields: Any) -> Write:
    file = File(source, ("application/pdf", "image/jpeg"), 1_000_000)
    return Write(
        "create",
        f"claims:_ref:0001:files:{name}",
        {"Title": f"Receipt {name}", "FirstPublishLocationId": case, "VersionData": file, **fields},
        uncertain=uncertain,
    )


def sent(service: Salesforce, write: Write) -> Result:
    (result,) = service.write("ContentVersion", [write])
    return result


def content(box: Sandbox, version: str) -> bytes:
    return base64.b64decode(box.control.file_data(version))


def test_a_file_goes_to_its_case_whole_under_our_key(
    service: Salesforce, box: Sandbox, host: FileHost, case: str
) -> None:
    data = JPEG * 300  # more than a piece
    before = service.calls()
    result = sent(service, upload(case, host.serve("/photo", data, "image/jpeg"), Title="../Fo\u202eto\n1"))
    assert result.error is None
    assert service.calls() == before + 1
    (file,) = box.control.files(case)
    assert file["Id"] == result.target
    assert (file[KEY], file["Title"], file["PathOnClient"]) == (
        "claims:_ref:0001:files:d1",
        "../Fo\u202eto\n1",
        "_Fo to 1.jpg",
    )
    assert content(box, file["Id"]) == data


def test_a_file_that_stands_in_the_record_goes_the_same_way(service: Salesforce, box: Sandbox, case: str) -> None:
    result = sent(service, upload(case, base64.b64encode(PDF).decode()))
    assert content(box, result.target or "") == PDF


def test_what_we_made_is_found_by_our_key(service: Salesforce, host: FileHost, case: str) -> None:
    """Asked for everything that we sent, as the engine asks: what a file holds is not among it."""
    made = sent(service, upload(case, host.serve("/r.pdf")))
    select = Select(fields=("FirstPublishLocationId", "Title", "VersionData"))
    keys = ["claims:_ref:0001:files:d1", "claims:_ref:0001:files:d2"]
    found = service.fetch("ContentVersion", keys, by="our_key", select=select)
    assert {key: record.key for key, record in found.items()} == {keys[0]: made.target}
    assert "VersionData" not in found[keys[0]].fields


def test_a_second_try_finds_the_first_and_asks_the_host_for_nothing(
    service: Salesforce, box: Sandbox, host: FileHost, case: str
) -> None:
    url = host.serve("/r.pdf")
    box.control.fault(system="salesforce", kind="drop_after", method="POST", path=UPLOADS, times=1)
    with pytest.raises(Transient) as caught:
        service.write("ContentVersion", [upload(case, url)])
    assert caught.value.uncertain
    result = sent(service, upload(case, url, uncertain=True))
    assert result.existed
    assert [file["Id"] for file in box.control.files(case)] == [result.target]
    assert host.asked["/r.pdf"] == 1


def test_the_same_key_again_is_refused_by_the_org_and_found(
    service: Salesforce, box: Sandbox, host: FileHost, case: str
) -> None:
    url = host.serve("/r.pdf")
    first, second = sent(service, upload(case, url)), sent(service, upload(case, url))
    assert (second.target, second.existed) == (first.target, True)
    assert len(box.control.files(case)) == 1


def test_a_token_that_ended_costs_one_more_try_and_the_body_goes_again_whole(
    service: Salesforce, box: Sandbox, host: FileHost, case: str
) -> None:
    box.control.end_tokens("salesforce")
    result = sent(service, upload(case, host.serve("/photo", JPEG * 300, "image/jpeg")))
    assert content(box, result.target or "") == JPEG * 300
    assert host.asked["/photo"] == 1


@pytest.mark.parametrize(
    ("write", "code"),
    [
        ({"VersionData": None}, "FILE/NONE"),
        ({"VersionData": "no file"}, "FILE/NONE"),
        ({"FirstPublishLocationId": "500gK00000ZZZZZEAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"Title": "x" * 256}, "STRING_TOO_LONG"),
        ({"Checksum": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_what_the_org_refuses_parks_with_its_field(
    service: Salesforce, box: Sandbox, host: FileHost, case: str, write: dict[str, Any], code: str
) -> None:
    result = sent(service, upload(case, host.serve("/r.pdf"), **write))
    assert isinstance(result.error, Rejected)
    assert result.error.code == code
    assert result.error.field == next(iter(write))
    assert not box.control.files(case)


def test_a_field_that_the_org_has_not_pauses_the_flow(service: Salesforce, host: FileHost, case: str) -> None:
    with pytest.raises(Misconfigured, match="Nope__c"):
        sent(service, upload(case, host.serve("/r.pdf"), Nope__c="x"))


def test_a_file_that_cannot_be_had_is_its_row_s_fault_and_costs_no_call(
    service: Salesforce, host: FileHost, case: str
) -> None:
    before = service.calls()
    missing = sent(service, upload(case, host.url + "/nothing"))
    assert isinstance(missing.error, Rejected)
    assert (missing.error.code, missing.error.field) == ("FILE/MISSING", "VersionData")
    host.serve("/busy", b"", status=503)
    busy = sent(service, upload(case, host.url + "/busy"))
    assert isinstance(busy.error, Transient)
    assert not busy.error.uncertain
    assert service.calls() == before


def test_full_storage_pauses_the_stream_and_parks_nothing(
    service: Salesforce, box: Sandbox, host: FileHost, case: str
) -> None:
    arguments = {"code": "STORAGE_LIMIT_EXCEEDED", "message": "storage limit exceeded", "status": 400}
    box.control.fault(system="salesforce", kind="error", method="POST", path=UPLOADS, times=1, **arguments)
    with pytest.raises(RemoteError) as caught:
        sent(service, upload(case, host.serve("/r.pdf")))
    assert caught.value.code == "STORAGE_LIMIT_EXCEEDED"


def test_a_file_whose_document_a_person_deleted_is_not_made_again(
    service: Salesforce, box: Sandbox, host: FileHost, case: str
) -> None:
    made = sent(service, upload(case, host.serve("/r.pdf")))
    box.control.agent_delete_file(made.target or "")
    again = sent(service, upload(case, host.url + "/r.pdf", uncertain=True))
    assert isinstance(again.error, Gone)
    assert not box.control.files(case)


def test_a_create_is_not_repeated_where_the_key_is_not_unique(
    service: Salesforce, box: Sandbox, host: FileHost, case: str
) -> None:
    box.control.set(unique_key=False)
    with pytest.raises(Misconfigured, match="not unique"):
        sent(service, upload(case, host.serve("/r.pdf"), uncertain=True))


# -- reading -----------------------------------------------------------------------------------------------------------


def read(service: Salesforce, prefix: str | None = "claims:", *fields: str) -> dict[str, Any]:
    select = Select(
        fields=fields or ("Title", "FileExtension", "ContentSize", "LinkedEntityId", "Visibility"), key_prefix=prefix
    )
    return {
        record.key: record for page in service.read("ContentVersion", None, select=select) for record in page.records
    }


def test_what_an_agent_attaches_is_read_with_the_key_of_its_case(service: Salesforce, box: Sandbox, case: str) -> None:
    version = box.control.agent_attach(case, "Answer.pdf", text="%PDF-1.4 hello")
    (record,) = read(service).values()
    assert (record.key, record.our_key, record.own) == (version, "claims:_ref:0001", False)
    assert {name: record.fields[name] for name in ("Title", "FileExtension", "ContentSize", "LinkedEntityId")} == {
        "Title": "Answer", "FileExtension": "pdf", "ContentSize": 14.0, "LinkedEntityId": case,
    }  # fmt: skip


def test_who_sees_a_file_is_said_by_its_link_to_the_case(service: Salesforce, box: Sandbox, case: str) -> None:
    box.control.agent_attach(case, "Answer.pdf")
    box.control.agent_attach(case, "Credit check.pdf", internal=True)
    shown = {record.fields["Title"]: record.fields["Visibility"] for record in read(service).values()}
    assert shown == {"Answer": "AllUsers", "Credit check": "InternalUsers"}


def test_a_file_on_two_cases_belongs_to_the_first_that_is_ours(service: Salesforce, box: Sandbox, case: str) -> None:
    other = box.control.agent_create({"Subject": "by hand"})
    version = box.control.agent_attach(other, "Answer.pdf")
    assert read(service) == {}
    document = box.control.files(other)[0]["ContentDocumentId"]
    box.control.agent_link(document, case)
    found = read(service)
    assert (list(found), found[version].our_key, found[version].fields["LinkedEntityId"]) == (
        [version],
        "claims:_ref:0001",
        case,
    )


def test_what_we_put_there_ourselves_is_our_own(service: Salesforce, box: Sandbox, host: FileHost, case: str) -> None:
    made = sent(service, upload(case, host.serve("/r.pdf")))
    (record,) = read(service).values()
    assert (record.key, record.own) == (made.target, True)


def test_files_of_other_records_are_none_of_a_flow_s(service: Salesforce, box: Sandbox, case: str) -> None:
    other = box.control.agent_create({"Subject": "by hand"})
    box.control.agent_attach(other, "other.pdf")
    service.write("Case", [Write("create", "orders:_ref:1", {"Subject": "An order"})])
    box.control.agent_attach("orders:_ref:1", "order.pdf")
    assert read(service) == {}
    assert len(read(service, None)) == 2


def test_a_new_version_is_another_file_of_the_same_case(service: Salesforce, box: Sandbox, case: str) -> None:
    first = box.control.agent_attach(case, "Answer.pdf")
    document = box.control.files(case)[0]["ContentDocumentId"]
    second = box.control.agent_attach(case, "Answer.pdf", text="%PDF-1.4 again", document=document)
    found = read(service)
    assert sorted(found) == sorted([first, second])
    assert {record.our_key for record in found.values()} == {"claims:_ref:0001"}


def test_a_sweep_and_a_fetch_show_the_same_files(service: Salesforce, box: Sandbox, case: str) -> None:
    version = box.control.agent_attach(case, "Answer.pdf")
    needs = service.streams["ContentVersion"].needs
    keys_only = Select(fields=needs, key_prefix="claims:", keys_only=True)
    (page,) = service.read("ContentVersion", None, select=keys_only)
    assert [record.key for record in page.records] == [version]
    found = service.fetch("ContentVersion", [version], select=Select(fields=("Title",)))
    assert (found[version].our_key, found[version].fields["Title"]) == ("claims:_ref:0001", "Answer")


def test_a_page_costs_two_calls_more_whatever_it_holds(service: Salesforce, box: Sandbox, case: str) -> None:
    for number in range(30):
        box.control.agent_attach(case, f"{number}.pdf")
    before = service.calls()
    assert len(read(service)) == 30
    assert service.calls() == before + 3


def test_the_check_takes_what_the_link_says_for_no_field_of_the_file(service: Salesforce) -> None:
    fields = {name: FieldUse(name, reads=True) for name in ("Title", "LinkedEntityId", "Visibility", "Nope")}
    report = service.check([StreamUse("ContentVersion", changes=True, keyed=True, fields=fields)])
    assert [problem.field for problem in report.problems] == ["Nope"]


def test_the_check_says_where_files_may_come_from(service: Salesforce, box: Sandbox, host: FileHost) -> None:
    writes = {"VersionData": FieldUse("VersionData", creates=True, kinds=frozenset({"file"}))}
    use = StreamUse("ContentVersion", writes=frozenset({"create"}), fields=writes)
    assert service.check([use]).facts["files from"] == f"127.0.0.1:{host.port}"
    assert "files from" not in service.check([StreamUse("Case")]).facts
    bare = open_(box)
    assert bare.check([use]).facts["files from"] == "no host (files.hosts names none)"
    bare.close()


def test_the_check_finds_a_key_field_that_is_missing_on_files(box: Sandbox, host: FileHost) -> None:
    box.control.set(hidden_fields=["ContentVersion.Commerce_Key__c"])
    adapter = open_(box)
    try:
        report = adapter.check([StreamUse("ContentVersion", writes=frozenset({"create"}))])
        assert [problem.message for problem in report.problems if KEY in problem.message]
    finally:
        adapter.close()
        box.control.set(hidden_fields=[])
