"""Comments on cases against an org that behaves: appended once, read back, and never taken for an answer when they are ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connector import keys
from connector.adapter import Adapter
from connector.adapters.salesforce import Salesforce
from connector.adapters.salesforce.comments import LONGEST
from connector.errors import Gone, Misconfigured, Rejected, Transient
from connector.model import Record, Result, Select, StreamUse, Write
from connector.sandbox.box import Sandbox
from connector.sandbox.options import Options
from connector.sandbox.salesforce.writes import Transaction
from connector.testing import AppendContract, FrozenClock
from connector.testing.adapter_writing import our_key
from tests.contract.salesforce_org import open_

NEEDED = Select(fields=("CommentBody", "IsPublished"))


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(Options(orders=1)) as box:
        yield box


@pytest.fixture
def box(shared: Sandbox) -> Sandbox:
    shared.control.reset()
    return shared


@pytest.fixture
def service(box: Sandbox) -> Iterator[Salesforce]:
    adapter = open_(box)
    yield adapter
    adapter.close()


class TestComments(AppendContract):
    stream, page, names = "Case", 10, ("Subject", "Reason")
    appends = "CaseComment"

    @pytest.fixture(autouse=True)
    def _org(self, box: Sandbox) -> None:
        self.box = box

    def make(self, folder: Path, clock: FrozenClock) -> Adapter:
        return open_(self.box, clock=clock)

    def save(self, adapter: Adapter, key: str, at: datetime, fields: dict[str, str]) -> None:
        adapter.write("Case", [Write("create", key, fields)])

    def target(self, adapter: Adapter) -> str:
        self.save(adapter, "complaints:_ref:1", self.at(0), {"Subject": "x"})
        return str(self.box.control.case("complaints:_ref:1")["Id"])

    def fields(self, text: str) -> Mapping[str, Any]:
        return {"CommentBody": text}

    def texts(self, adapter: Adapter, target: str) -> list[str]:
        return [one["CommentBody"].partition("\n")[0] for one in self.box.control.comments(target)]


def cases(service: Salesforce, count: int) -> list[str]:
    made = service.write("Case", [Write("create", key(number), {"Subject": "x"}) for number in range(count)])
    return [str(result.target) for result in made]


def key(number: int) -> str:
    return keys.make("complaints", "RefArch", f"CP-{number}")


def said(number: int, case: str, text: str = "Hello", message: str = "m1", **more: Any) -> Write:
    return Write(
        "append",
        f"{key(number)}:messages:{message}",
        {"CommentBody": text, "IsPublished": True},
        case,
        **more,
    )


def read(service: Salesforce, **select: Any) -> list[Record]:
    wanted = Select(**{"fields": NEEDED.fields, **select})
    return [record for page in service.read("CaseComment", None, select=wanted) for record in page.records]


def test_a_thousand_comments_are_ten_calls_and_five_on_cases_just_made(box: Sandbox, service: Salesforce) -> None:
    made = cases(service, 1000)
    before = service.calls()
    for start in range(0, 1000, 200):
        writes = [said(number, made[number]) for number in range(start, start + 200)]
        assert all(result == Result(result.target) for result in service.write("CaseComment", writes))
    assert service.calls() - before == 10
    for start in range(0, 1000, 200):
        writes = [said(number, made[number], message="m2", fresh=True) for number in range(start, start + 200)]
        service.write("CaseComment", writes)
    assert service.calls() - before == 15
    assert len(box.control.comments()) == 2000


def test_a_lost_reply_makes_no_second_comment(box: Sandbox, service: Salesforce) -> None:
    made = cases(service, 3)
    writes = [said(number, made[number]) for number in range(3)]
    box.control.fault(kind="drop_after", method="POST", path="composite/sobjects", nth=1)
    with pytest.raises(Transient) as lost:
        service.write("CaseComment", writes)
    assert lost.value.uncertain
    again = service.write("CaseComment", [*writes, said(0, made[0], message="m2")])
    assert [result.existed for result in again] == [True, True, True, False]
    assert len(box.control.comments()) == 4
    assert box.control.duplicates()["comments"] == {}


def test_comments_of_one_call_stand_in_its_order(box: Sandbox, service: Salesforce) -> None:
    [case] = cases(service, 1)
    service.write("CaseComment", [said(0, case, f"text {number}", f"m{number}") for number in range(20)])
    texts = [one["CommentBody"].partition("\n")[0] for one in sorted(box.control.comments(), key=lambda one: one["Id"])]
    assert texts == [f"text {number}" for number in range(20)]


@pytest.mark.parametrize("letter", ["a", "é", "届", "🫖"])
def test_a_long_text_is_cut_by_bytes_and_keeps_its_key(box: Sandbox, service: Salesforce, letter: str) -> None:
    [case] = cases(service, 1)
    [result] = service.write("CaseComment", [said(0, case, letter * LONGEST)])
    assert result.error is None
    [body] = [one["CommentBody"] for one in box.control.comments()]
    text, _, mark = body.rpartition("\n")
    assert LONGEST - 4 < len(body.encode()) <= LONGEST
    assert mark == f"[{said(0, case).key}]"
    assert text == letter * (len(text) - 1) + "…"
    [again] = service.write("CaseComment", [said(0, case, letter * LONGEST)])
    assert again.existed


def test_a_comment_that_cannot_be_sent_harms_none_of_its_neighbours(box: Sandbox, service: Salesforce) -> None:
    one, two = cases(service, 2)
    box.control.agent_delete(two)
    bad = [
        said(0, one, "  \n "),
        Write("append", "complaints:_ref:1:messages:m5", {"CommentBody": None}, one),
        Write("append", "complaints:_ref:1:messages:m6", {"CommentBody": "x", "ParentId": two}, one),
        said(0, one, "half \ud800 a character", "m7"),
        said(0, two, "Hello", "m8"),
        Write("append", "complaints:_ref:1:messages:m9", {"CommentBody": {"a": 1}}, one),
    ]
    *refused, good = service.write("CaseComment", [*bad, said(0, one, "Hello", "m10")])
    assert [type(result.error) for result in refused] == [Rejected, Rejected, Rejected, Rejected, Gone, Rejected]
    assert all(result.error and (result.error.remedy or result.error.code) for result in refused[:5])
    assert good.error is None
    assert len(box.control.comments()) == 1


@pytest.mark.parametrize("target", ["00001001", "CP-1", "500'", "005000000000001AAA"])
def test_a_target_that_is_no_case_harms_none_of_its_neighbours(box: Sandbox, service: Salesforce, target: str) -> None:
    [case] = cases(service, 1)
    results = service.write("CaseComment", [said(0, case), said(0, target, message="m2")])
    assert results[0] == Result(results[0].target)
    assert isinstance(results[1].error, Gone | Rejected)
    assert len(box.control.comments()) == 1


def test_a_comment_without_a_case_says_which_key_of_the_line_is_missing(service: Salesforce) -> None:
    [result] = service.write("CaseComment", [Write("append", "a:b:c:d", {"CommentBody": "x"})])
    assert isinstance(result.error, Rejected)
    assert "target:" in result.error.remedy


def test_a_locked_case_is_tried_again_and_was_not_written(box: Sandbox, service: Salesforce) -> None:
    made = cases(service, 4)
    box.control.fault(kind="row_locked", method="POST", path="composite/sobjects", share=0.5, per_key=1)
    writes = [said(number, made[number]) for number in range(4)]
    errors = [result.error for result in service.write("CaseComment", writes) if result.error]
    assert errors
    assert all(isinstance(error, Transient) and not error.uncertain for error in errors)
    assert all(result.error is None for result in service.write("CaseComment", writes))
    assert len(box.control.comments()) == 4


def test_comments_bear_the_key_of_their_case_and_are_selected_by_it(box: Sandbox, service: Salesforce) -> None:
    one, _ = cases(service, 2)
    by_hand = box.control.agent_create({"Subject": "by hand"})
    box.control.agent_comment(one, "for a complaint", public=True)
    box.control.agent_comment(by_hand, "for nobody of ours")
    assert {record.our_key for record in read(service)} == {key(0), None}
    assert [record.our_key for record in read(service, key_prefix="complaints:_ref_arch:")] == [key(0)]
    assert [record.our_key for record in read(service, key_prefix="")] == [key(0)]
    assert read(service, key_prefix="returns:") == []
    [record] = read(service, key_prefix="complaints:", fields=("CommentBody", "CreatedBy", "CreatedDate"))
    assert record.fields["CreatedBy"] == {"Name": "Ines Agent"}


def test_a_sweep_reads_keys_and_stamps_and_no_texts(box: Sandbox, service: Salesforce) -> None:
    [case] = cases(service, 1)
    box.control.agent_comment(case, "public", public=True)
    needs = service.streams["CaseComment"].needs
    [record] = read(service, fields=needs, keys_only=True, key_prefix="complaints:")
    assert record.key
    assert record.stamp
    assert "CommentBody" not in record.fields
    fetched = service.fetch("CaseComment", [record.key], select=Select(fields=needs))
    assert fetched[record.key].our_key == key(0)
    assert fetched[record.key].fields["CommentBody"] == "public"


def test_what_we_appended_is_our_own_and_an_agent_s_quote_of_it_is_not(box: Sandbox, service: Salesforce) -> None:
    [case] = cases(service, 1)
    service.write("CaseComment", [said(0, case, "Where is it?\n[not:a:key] really")])
    [ours] = box.control.comments()
    box.control.agent_comment(case, ours["CommentBody"] + "\nTomorrow.", public=True)
    box.control.agent_comment(case, "See there:\n" + ours["CommentBody"], public=True)
    box.control.agent_comment(case, "It is [done].", public=True)
    assert [record.own for record in read(service)] == [True, False, False, False]


def test_a_key_that_was_cut_marks_a_comment_as_well(box: Sandbox, service: Salesforce) -> None:
    [case] = cases(service, 1)
    length = service.streams["CaseComment"].key_length
    long = keys.make("complaints", "RefArch", "CP-0", "messages", "m" * 300, longest=length)
    writes = [Write("append", long, {"CommentBody": "Hello"}, case)]
    service.write("CaseComment", writes)
    assert keys.hashed(long)
    assert [record.own for record in read(service)] == [True]
    assert [result.existed for result in service.write("CaseComment", writes)] == [True]


def test_a_comment_of_our_user_without_a_key_is_not_our_own(box: Sandbox, service: Salesforce) -> None:
    """Somebody who works by hand as the integration user, or another integration that does."""
    [case] = cases(service, 1)
    user = service.check().facts["user"]

    def comment(house: Any) -> None:
        org = house.world.org
        transaction = Transaction(org, user, assign=False)
        for text in ("by hand", "[by hand]", "x\n[two:parts]"):
            change = transaction.create(org.comments, {"ParentId": case, "CommentBody": text, "IsPublished": True})
            transaction.commit(change)

    box.run(comment)
    assert [record.own for record in read(service)] == [False, False, False]


def test_a_former_user_of_ours_can_be_named(box: Sandbox, service: Salesforce) -> None:
    [case] = cases(service, 1)
    box.control.agent_comment(case, "old\n[complaints:_ref_arch:_c_p-0:messages:m1]", public=True)
    assert [record.own for record in read(service)] == [False]
    for name in ("Ines Agent", box.control.comments()[0]["CreatedById"]):
        other = open_(box, unclaimed_owners=[name])
        assert [record.own for record in read(other)] == [True]
        other.close()


def test_a_merged_case_takes_its_answers_to_the_one_that_was_kept(box: Sandbox, service: Salesforce) -> None:
    kept, gone = cases(service, 2)
    box.control.agent_comment(gone, "before the merge", public=True)
    box.control.agent_merge(kept, gone)
    assert [record.our_key for record in read(service)] == [key(0)]
    [result] = service.write("CaseComment", [said(1, gone)])
    assert isinstance(result.error, Gone)


def test_a_comment_has_no_key_of_ours_to_fetch_by(service: Salesforce) -> None:
    with pytest.raises(Misconfigured, match="no key of ours"):
        service.fetch("CaseComment", [our_key(1)], by="our_key", select=NEEDED)


def test_check_asks_comments_for_no_key_field(service: Salesforce) -> None:
    assert service.check([StreamUse("CaseComment")]).well
