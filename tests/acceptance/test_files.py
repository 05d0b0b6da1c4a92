"""Documents of a claim, on the real command and two real servers: each a file of the case, once, whatever breaks between."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.acceptance.stage import ROOT, Stage, stage
from tests.file_host import JPEG, PDF, FileHost, file_host

CLAIM = """
summary: A warranty claim with its documents (hard case a of the grammar).
lookups: {order: {stream: source.orders, key: "{{ c_orderNo }}"}}
fields:
  Subject: "Claim {{ record.key }}"
  Description: "{{ order.product_items | where('item_id', c_itemId) | map('product_name') | first }}"
also:
  - {id: files, to: destination.ContentVersion, for: "{{ c_documents | json }}", key: "{{ this.id }}", write: once,
     fields: {Title: "{{ this.name }}", FirstPublishLocationId: "{{ main.id }}",
              VersionData: {file: "{{ this.url }}", types: [application/pdf, image/jpeg], largest: 10MB}}}
"""
FLOWS = """
  claims:
    {from: shop.custom_objects/ReturnRequest, to: service.Case, mapping: claim.yaml, start: beginning}
defaults:"""
KEY = "claims:_ref_arch:_w-1"
UPLOAD = {"system": "salesforce", "method": "POST", "path": "sobjects/ContentVersion$"}


@pytest.fixture
def host() -> Iterator[FileHost]:
    with file_host() as running:
        running.serve("/receipt.pdf")
        running.serve("/photo.jpg", JPEG * 700, "image/jpeg")
        yield running


@pytest.fixture
def where(tmp_path: Path, host: FileHost) -> Iterator[Stage]:
    with stage(tmp_path, orders=3, returns=0) as made:
        config = tmp_path / "config.yaml"
        first, rest = config.read_text().split("flows:\n")
        first = first.replace("files: {hosts: [", f'files: {{hosts: ["127.0.0.1:{host.port}", ')
        config.write_text(first + "flows:" + FLOWS + rest.split("\ndefaults:")[1])
        (tmp_path / "claim.yaml").write_text(CLAIM)
        yield made


def claim(where: Stage, key: str, *documents: tuple[str, str]) -> None:
    papers = [{"id": f"d{at + 1}", "name": f"{name}", "url": url} for at, (name, url) in enumerate(documents)]
    where.box.control.place_return(key=key, c_documents=orjson.dumps(papers).decode())


def held(where: Stage, key: str = KEY) -> dict[str, bytes]:
    """The files of a case by their names: what they hold."""
    control = where.box.control
    files: list[dict[str, Any]] = control.files(key)
    return {file["Title"]: base64.b64decode(control.file_data(file["Id"])) for file in files}


def test_each_document_is_a_file_of_its_case_and_one_that_may_not_be_had_parks_alone(
    where: Stage, host: FileHost
) -> None:
    inline = "data:application/pdf;base64," + base64.b64encode(PDF + b"inline").decode()
    claim(where, "W-1", ("Receipt", f"{host.url}/receipt.pdf"), ("Photo", f"{host.url}/photo.jpg"), ("Inline", inline),
          ("Evil", "https://169.254.169.254/latest/meta-data/"), ("Late", f"{host.url}/late.pdf?sig=0a1b2c3d"))  # fmt: skip
    claim(where, "W-2", ("Receipt", f"{host.url}/receipt.pdf"))
    where.settle()
    assert held(where) == {"Receipt": PDF, "Photo": JPEG * 700, "Inline": PDF + b"inline"}
    assert held(where, "claims:_ref_arch:_w-2") == {"Receipt": PDF}, "its neighbour passes"
    shown = where.run("parked", "show", "W-1").out
    assert "169.254.169.254 is not among the hosts" in shown
    assert "answered 404" in shown
    assert "0a1b2c3d" not in shown + where.run("explain", "W-1").out
    host.serve("/late.pdf?sig=0a1b2c3d")
    papers = [("Receipt", "receipt.pdf"), ("Photo", "photo.jpg")]
    assert [host.asked[f"/{name}"] for _, name in papers] == [2, 1]
    retried = where.run("parked", "retry", "--key", "W-1")
    assert retried.code == 0, retried.err
    where.settle()
    assert held(where).keys() == {"Receipt", "Photo", "Inline", "Late"}
    assert [host.asked[f"/{name}"] for _, name in papers] == [2, 1], "what is there is not fetched again"
    where.assert_nothing_twice()
    ledger = b"".join(path.read_bytes() for path in where.folder.glob("ledger.db*"))
    assert JPEG[:64] not in ledger, "what was fetched is stored nowhere"


@pytest.mark.parametrize("kind", ["drop_after", "hang", "half_json", "status"])
def test_a_lost_reply_makes_no_second_file(where: Stage, host: FileHost, kind: str) -> None:
    more = {"hang": {"seconds": 30}, "status": {"status": 502, "commit": True}}.get(kind, {})
    where.box.control.fault(kind=kind, times=2, **UPLOAD, **more)
    claim(where, "W-1", ("Receipt", f"{host.url}/receipt.pdf"), ("Photo", f"{host.url}/photo.jpg"))
    where.settle()
    assert held(where) == {"Receipt": PDF, "Photo": JPEG * 700}
    assert where.books()["claims"].done == 1
    where.assert_nothing_twice()


@pytest.mark.parametrize("commit", [False, True])
def test_a_kill_between_two_files_makes_each_once(where: Stage, host: FileHost, commit: bool) -> None:
    claim(where, "W-1", ("Receipt", f"{host.url}/receipt.pdf"), ("Photo", f"{host.url}/photo.jpg"))
    process = where.start("sync")
    where.box.control.fault(kind="kill", nth=2, pid=process.pid, signal=9, commit=commit, **UPLOAD)
    assert where.finish(process).code == -9
    assert len(held(where)) == (2 if commit else 1)
    where.settle()
    assert held(where) == {"Receipt": PDF, "Photo": JPEG * 700}
    where.assert_nothing_twice()
    asked = sum(host.asked.values())
    assert asked <= 3 + (not commit), "what is known to be there is not fetched again"


def test_a_host_that_is_down_holds_up_nobody_else(where: Stage, host: FileHost) -> None:
    host.serve("/busy.pdf", b"", status=503)
    claim(where, "W-1", ("Busy", f"{host.url}/busy.pdf"), ("Receipt", f"{host.url}/receipt.pdf"))
    claim(where, "W-2", ("Photo", f"{host.url}/photo.jpg"))
    assert where.run("sync").code in (0, 1, 3)
    assert held(where).keys() == {"Receipt"}
    assert held(where, "claims:_ref_arch:_w-2").keys() == {"Photo"}
    assert where.books()["claims"].pending == 1
    host.serve("/busy.pdf")
    where.settle()
    assert held(where).keys() == {"Busy", "Receipt"}


BACK = """
  returns-to-cases:
    {{from: shop.custom_objects/ReturnRequest, to: service.Case, mapping: {mappings}/return-to-case.yaml, start: beginning}}
  comments-to-returns:
    {{from: service.CaseComment, to: shop.orders, mapping: {mappings}/comment-to-note.yaml, answers: returns-to-cases}}
  files-to-returns:
    from: service.ContentVersion
    to: shop.custom_objects/CaseDocument
    mapping: {mappings}/file-to-document.yaml
    answers: returns-to-cases
defaults:"""


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Stage]:
    """The shipped mappings: documents of a return to its case, files of agents back to the return."""
    with stage(tmp_path, orders=3, returns=0) as made:
        config = tmp_path / "config.yaml"
        first, rest = config.read_text().split("flows:\n")
        flows = BACK.format(mappings=ROOT / "mappings/salesforce")
        config.write_text(first + "flows:" + flows + rest.split("\ndefaults:")[1])
        yield made


def test_what_agents_attach_comes_back_once_as_a_link_and_what_we_attached_never(both: Stage) -> None:
    control = both.box.control
    url = f"{both.box.sfcc_url}/on/demandware.static/W-1/receipt.pdf"
    order = control.place_return(
        key="W-1", c_withinPolicy=False, c_documents=f'[{{"id": "d1", "name": "Receipt", "url": "{url}"}}]'
    )["c_orderNo"]
    both.settle()
    case = "returns-to-cases:_ref_arch:_w-1"
    assert held(both, case).keys() == {"Receipt"}
    control.fault(kind="drop_after", system="sfcc", method="PUT", path="custom_objects/CaseDocument", times=1)
    control.fault(kind="drop_after", system="sfcc", method="POST", path="/notes", times=1)
    label = control.agent_attach(case, "Label \u202e.pdf", text="%PDF-1.4 label")
    control.agent_attach(case, "Credit check.pdf", internal=True)
    document = next(file["ContentDocumentId"] for file in control.files(case) if file["Id"] == label)
    for _ in range(3):
        both.settle()
    again = control.agent_attach(case, "Label.pdf", text="%PDF-1.4 another", document=document)
    for _ in range(2):
        both.settle()
    shown = sorted(
        (one["c_path"].rpartition("/")[2], one["c_about"], one["c_orderNo"]) for one in control.objects("CaseDocument")
    )
    assert shown == sorted([(label, "W-1", order), (again, "W-1", order)])
    notes = [note["text"] for note in control.notes(order) if "/sfc/servlet" in note["text"]]
    assert sorted(note.rpartition("/")[2].split()[0] for note in notes) == sorted([label, again])
    assert held(both, case)["Receipt"].startswith(b"%PDF"), "the customer's own is there, and came back to nobody"
    assert {row.state for row in _rows(both)} == {"done", "filtered"}
    both.assert_nothing_twice()


def _rows(where: Stage) -> list[Any]:
    with where.ledger() as store:
        return list(store.rows(flow="files-to-returns"))


def test_public_comments_on_a_return_are_notes_of_its_order_once_each(both: Stage) -> None:
    control, case = both.box.control, "returns-to-cases:_ref_arch:_w-1"
    said = orjson.dumps([{"id": "m1", "from": "customer", "text": "It broke."}]).decode()
    order = control.place_return(key="W-1", c_withinPolicy=False, c_messages=said)["c_orderNo"]
    both.settle()
    control.fault(kind="drop_after", system="sfcc", method="POST", path="/notes", times=1)
    control.agent_comment(case, "Send it back, please.", public=True)
    control.agent_comment(case, "He is always like that.")
    for _ in range(3):
        both.settle()
    assert [note["text"].partition("\n")[0] for note in control.notes(order)] == ["Send it back, please."]
    both.assert_nothing_twice()
