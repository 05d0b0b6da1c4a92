"""Complaints, both ways: the correspondence as comments in order and once each, agents' answers and outcomes back, no echo."""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.acceptance.stage import ROOT, Stage, stage

FLOWS = """
  complaints-to-cases:
    {{from: shop.custom_objects/Complaint, to: service.Case, mapping: {mappings}/complaint-to-case.yaml, start: beginning}}
  cases-to-complaints:
    from: service.Case
    to: shop.custom_objects/Complaint
    mapping: {mappings}/case-to-complaint.yaml
    answers: complaints-to-cases
  comments-to-complaints:
    from: service.CaseComment
    to: shop.custom_objects/ComplaintMessage
    mapping: {mappings}/comment-to-complaint.yaml
    answers: complaints-to-cases
defaults:"""
KEY = "complaints-to-cases:_ref_arch:_c_p-{}"
COMMENTS = {"method": "POST", "path": "composite/sobjects$", "body": '"CaseComment"'}


@contextmanager
def shop(folder: Path, *, complaints: int = 6, **more: Any) -> Iterator[Stage]:
    """A shop with complaints, and nothing else that needs a person."""
    with stage(folder, orders=12, returns=0, complaints=complaints, seed=11, **more) as where:
        config = folder / "config.yaml"
        first, rest = config.read_text().split("flows:\n")
        flows = FLOWS.format(mappings=ROOT / "mappings/salesforce")
        config.write_text(first + "flows:" + flows + rest.split("\ndefaults:")[1])
        yield where


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Stage]:
    with shop(tmp_path) as made:
        yield made


def complaint(where: Stage, key: str) -> dict[str, Any]:
    return next(one for one in where.box.control.objects("Complaint") if one["key_value_string"] == key)


def comments(where: Stage, case: str) -> list[str]:
    """What is said at a case, in the order in which Salesforce shows it, without heads and our marks."""
    every = sorted(where.box.control.comments(case), key=lambda one: (one["CreatedDate"], one["Id"]))
    return [one["CommentBody"].partition(":\n")[2].rpartition("\n")[0] or one["CommentBody"] for one in every]


def answers(where: Stage) -> dict[str, list[str]]:
    """Texts of the messages that came back, by complaint."""
    found = defaultdict(list)
    for one in where.box.control.objects("ComplaintMessage"):
        found[one["c_complaintId"]].append(one["c_text"])
    return {key: sorted(texts) for key, texts in found.items()}


def correspondence(where: Stage) -> dict[str, list[str]]:
    """What was said so far, by complaint, as the shop has it."""
    return {
        one["key_value_string"]: [said["text"] for said in orjson.loads(one.get("c_messages") or "[]")]
        for one in where.box.control.objects("Complaint")
        if one["site_id"] == "RefArch"
    }


def said_at_cases(where: Stage) -> dict[str, list[str]]:
    return {f"CP-{number}": comments(where, KEY.format(number)) for number in numbers(where)}


def numbers(where: Stage) -> list[int]:
    return sorted(int(key.removeprefix("CP-")) for key in correspondence(where))


def test_the_correspondence_becomes_comments_in_order_and_once_each(where: Stage) -> None:
    where.settle()
    where.settle()
    expected = correspondence(where)
    assert sum(len(texts) > 1 for texts in expected.values()) >= 2, "the shop's data must have some"
    assert said_at_cases(where) == expected
    every = where.box.control.comments()
    assert all(one["IsPublished"] for one in every)
    case = where.box.control.case(KEY.format(1))
    told = complaint(where, "CP-1")
    assert (case["Type"], case["Skus__c"]) == ("Complaint", told["c_skus"])
    assert case["Priority"] == told["c_severity"].capitalize()
    where.assert_nothing_twice()


def test_what_the_customer_adds_is_one_comment_more_and_never_comes_back(where: Stage) -> None:
    where.settle()
    where.box.control.complaint_message("CP-1", "And another thing…")
    for _ in range(3):
        where.settle()
    assert comments(where, KEY.format(1)) == correspondence(where)["CP-1"]
    assert comments(where, KEY.format(1))[-1] == "And another thing…"
    assert answers(where) == {}, "our own comments are no answers"
    books = where.books()["comments-to-complaints"]
    assert books.rows == books.filtered == len(where.box.control.comments())
    where.assert_nothing_twice()


def test_an_agent_s_public_comment_comes_back_once_and_an_internal_one_never(where: Stage) -> None:
    where.settle()
    control, case = where.box.control, KEY.format(2)
    control.agent_comment(case, "It left yesterday — «promised».", public=True, agent=1)
    control.agent_comment(case, "And arrives today.", public=True)
    control.agent_comment(case, "He always complains.")
    for _ in range(3):
        where.settle()
    assert answers(where) == {"CP-2": ["And arrives today.", "It left yesterday — «promised»."]}
    one = next(each for each in control.objects("ComplaintMessage") if each["c_text"].startswith("It left"))
    assert (one["c_author"], one["c_direction"]) == ("Omar O'Neil", "ANSWER")
    assert said_at_cases(where)["CP-2"][-3:] == [
        "It left yesterday — «promised».",
        "And arrives today.",
        "He always complains.",
    ], "nothing came back to the case"


def test_an_agent_who_quotes_our_comment_and_adds_words_is_heard(where: Stage) -> None:
    where.box.control.complaint_message("CP-3", "Where is it?")
    where.settle()
    ours = where.box.control.comments(KEY.format(3))[-1]["CommentBody"]
    where.box.control.agent_comment(KEY.format(3), f"You wrote:\n{ours}", public=True)
    where.box.control.agent_comment(KEY.format(3), f"{ours}\nIt comes tomorrow.", public=True)
    where.settle()
    assert answers(where)["CP-3"] == sorted([f"You wrote:\n{ours}", f"{ours}\nIt comes tomorrow."])


def test_the_outcome_comes_back_and_is_taken_back_when_the_case_opens_again(where: Stage) -> None:
    where.settle()
    told = complaint(where, "CP-1")
    case = where.box.control.case(KEY.format(1))
    assert (told["c_caseNumber"], told["c_caseStatus"], told["c_status"]) == (case["CaseNumber"], "New", "IN_PROGRESS")
    where.box.control.agent_take(case["Id"])
    where.box.control.agent_decide(case["Id"], "Exchange", note="A new one is on its way.")
    where.settle()
    told = complaint(where, "CP-1")
    assert (told["c_status"], told["c_outcome"]) == ("CLOSED", "EXCHANGE")
    assert told["c_outcomeText"] == "A new one is on its way."
    assert told["c_decidedAt"]
    where.box.control.agent_reopen(case["Id"])
    where.settle()
    told = complaint(where, "CP-1")
    assert (told["c_status"], told["c_caseStatus"]) == ("IN_PROGRESS", "Working")
    assert not {"c_outcome", "c_outcomeText", "c_decidedAt"} & set(told)


def test_a_lost_reply_makes_no_second_comment(where: Stage) -> None:
    rule = where.box.control.fault(kind="drop_after", times=2, **COMMENTS)
    where.settle()
    assert next(one for one in where.box.control.faults() if one["id"] == rule)["fired"] == 2
    assert said_at_cases(where) == correspondence(where)
    where.assert_nothing_twice()


def test_a_comment_that_is_locked_out_does_not_let_a_later_one_pass(where: Stage) -> None:
    where.box.control.fault(kind="row_locked", share=0.6, per_key=1, **COMMENTS)
    where.settle()
    assert where.box.control.journal()["faults"]["row_locked"] > 0
    assert said_at_cases(where) == correspondence(where)
    where.assert_nothing_twice()


@dataclass(frozen=True)
class Moment:
    """Where a process dies: at a verb of the ledger, or at the n-th comments call, before or after it took effect."""

    place: str = "-"
    commit: bool | None = None
    nth: int = 1
    back: bool = False


MOMENTS = [
    Moment(commit=False),
    Moment(commit=True),
    Moment(commit=True, nth=2),
    Moment(place="before:settle:1"),
    Moment(place="after:settle:1"),
    Moment(place="before:settle:2", back=True),
    Moment(place="after:ingest:3", back=True),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda one: f"{one.place}-{one.commit}-{one.nth}-{one.back}")
def test_a_kill_loses_no_word_and_says_none_twice(where: Stage, moment: Moment) -> None:
    def die() -> None:
        process = where.start("sync", place=moment.place)
        if moment.commit is not None:
            rule = {"kind": "kill", "pid": process.pid, "commit": moment.commit, "nth": moment.nth}
            where.box.control.fault(**rule, **COMMENTS)
        assert where.finish(process).code == -signal.SIGKILL

    if not moment.back:
        die()
    where.settle()
    for number in numbers(where):
        where.box.control.agent_comment(KEY.format(number), f"Answer {number}", public=True)
        where.box.control.agent_decide(KEY.format(number), "Refund", amount=1.0)
    where.box.control.complaint_message("CP-1", "One word more")
    if moment.back:
        die()
    where.settle()
    where.settle()
    assert answers(where) == {f"CP-{number}": [f"Answer {number}"] for number in numbers(where)}
    spoken = {key: [*texts] for key, texts in correspondence(where).items()}
    at_cases = {
        key: [text for text in texts if not text.startswith("Answer")] for key, texts in said_at_cases(where).items()
    }
    assert at_cases == spoken
    assert all(
        one["c_outcome"] == "REFUND" for one in where.box.control.objects("Complaint") if one["site_id"] == "RefArch"
    )
    where.assert_nothing_twice()
    assert not any(books.parked for books in where.books().values())


def test_further_messages_cost_five_calls_a_thousand(tmp_path: Path) -> None:
    """Two hundred complaints with three messages each: one call for the cases, one for each message of all of them."""
    with shop(tmp_path, complaints=0) as where:
        config = tmp_path / "config.yaml"
        config.write_text(config.read_text().replace("batch: 10", "batch: 200").replace("page: 10", "page: 200"))
        order = where.box.control.orders("RefArch")[0]["order_no"]
        said = [{"id": f"m{number}", "text": f"text {number}"} for number in range(3)]
        for _ in range(200):
            where.box.control.place_complaint(order, c_messages=orjson.dumps(said).decode())
        where.box.control.clear_journal()
        assert where.run("sync", "complaints-to-cases").code == 0
        asked = where.box.control.requests()["salesforce"]
        assert asked["POST /services/data/v66.0/composite/sobjects"] == 4
        assert sum(count for path, count in asked.items() if "query" in path) <= 1, "the queues"
        assert len(where.box.control.comments()) == 600
