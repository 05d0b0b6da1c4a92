"""Customers of the sample shop after they have bought: they answer when asked, once a question; mails go once a notice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from connector.sandbox import Sandbox

NOTICE = {"c_kind": "RETURN_DECISION", "c_subject": "Yes", "c_text": "…", "c_status": "NEW"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(orders=6, returns=2, shop_code=0) as box:
        yield box


@pytest.fixture
def box(shared: Sandbox) -> Sandbox:
    shared.control.reset()
    return shared


def ask(box: Sandbox, asked_at: str) -> None:
    box.run(
        lambda house: house.world.shop.objects.patch(
            "RefArch", "ReturnRequest", "RR-1", {"c_evidenceAskedAt": asked_at}, ""
        )
    )


def returned(box: Sandbox) -> dict[str, Any]:
    return next(one for one in box.control.objects("ReturnRequest") if one["key_value_string"] == "RR-1")


def notify(box: Sandbox, key: str, **more: Any) -> None:
    box.run(lambda house: house.world.shop.objects.put("RefArch", "CustomerNotice", key, {**NOTICE, **more}, ""))


def test_an_answer_names_the_question_and_is_saved_with_what_was_said(box: Sandbox) -> None:
    ask(box, "2026-11-20T09:00:00.000Z")
    box.control.customer_answers("ReturnRequest", "RR-1", "Here it is.", document=True)
    box.control.customer_says("ReturnRequest", "RR-1", "And?")
    told = returned(box)
    assert told["c_evidenceAnswered"] == told["c_evidenceAskedAt"]
    assert [(one["id"], one["from"], one["text"]) for one in json.loads(told["c_messages"])] == [
        ("m1", "customer", "Here it is."),
        ("m2", "customer", "And?"),
    ]
    (paper,) = json.loads(told["c_documents"])
    assert paper["url"].startswith(box.sfcc_url)


def test_nobody_answers_what_nobody_has_asked(box: Sandbox) -> None:
    with pytest.raises(ValueError, match="nobody has asked"):
        box.control.customer_answers("ReturnRequest", "RR-1", "Here it is.")
    with pytest.raises(KeyError, match="RR-9"):
        box.control.customer_says("ReturnRequest", "RR-9", "Hello?")


def test_customers_who_look_by_themselves_answer_each_question_once() -> None:
    with Sandbox(orders=6, returns=2, customers=1000) as box:
        for minute in ("00", "30"):
            ask(box, f"2026-11-20T09:{minute}:00.000Z")
            box.control.advance(1001)
            box.control.advance(1001)
        assert len(json.loads(returned(box)["c_messages"])) == 2
        assert returned(box)["c_evidenceAnswered"] == "2026-11-20T09:30:00.000Z"


def test_the_mailer_sends_a_notice_once_and_says_so(box: Sandbox) -> None:
    notify(box, "one")
    notify(box, "two", c_subject="No")
    assert box.control.shop_run() == 2
    assert box.control.shop_run() == 0
    assert [one["c_status"] for one in box.control.objects("CustomerNotice")] == ["SENT", "SENT"]
    assert [one["c_subject"] for one in box.control.mails()["sent"].values()] == ["Yes", "No"]


def test_a_notice_that_comes_again_is_not_mailed_again(box: Sandbox) -> None:
    notify(box, "one")
    box.control.shop_run()
    notify(box, "one")
    assert box.control.shop_run() == 0
    assert box.control.mails() == {"sent": {"one": box.control.mails()["sent"]["one"]}, "refused": ["one"]}
