"""Complaints of the sample shop: about orders, with a correspondence that grows, the same for the same seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from connector.sandbox import Sandbox


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(orders=20, returns=0, complaints=12) as box:
        yield box


@pytest.fixture
def box(shared: Sandbox) -> Sandbox:
    shared.control.reset()
    return shared


def messages(one: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(one.get("c_messages", "[]"))
    return found


def test_complaints_are_about_orders_and_tell_what_was_said_in_order(box: Sandbox) -> None:
    every = box.control.objects("Complaint")
    assert len(every) == 12
    for one in every:
        order = box.control.order(one["c_orderNo"])
        assert set(one["c_skus"].split(";")) <= {line["product_id"] for line in order["product_items"]}
        assert one["c_email"] == order["customer_info"]["email"]
        said = messages(one)
        assert [each["at"] for each in said] == sorted(each["at"] for each in said)
        assert len({each["id"] for each in said}) == len(said)
        assert all(each["at"] <= one["last_modified"] for each in said)
    assert {len(messages(one)) for one in every} >= {0, 1, 2, 3}


def test_the_same_seed_makes_the_same_complaints(box: Sandbox) -> None:
    def told(which: Sandbox) -> list[tuple[Any, ...]]:
        every = which.control.objects("Complaint")
        return [(one["key_value_string"], one["c_orderNo"], one["c_kind"], one["c_comment"]) for one in every]

    with Sandbox(orders=20, returns=0, complaints=12) as again:
        assert told(again) == told(box)


def test_nobody_complains_unless_asked_to() -> None:
    with Sandbox(orders=20) as box:
        assert box.control.objects("Complaint") == []


def test_a_customer_complains_and_adds_to_it(box: Sandbox) -> None:
    made = box.control.place_complaint("00001303", c_severity="HIGH", c_messages="[]")
    assert (made["c_orderNo"], made["c_severity"], made["site"]) == ("00001303", "HIGH", "RefArch")
    box.control.complaint_message(made["key"], "Hello?")
    said = box.control.complaint_message(made["key"], "We are looking.", sender="shop")
    assert [(each["id"], each["from"], each["text"]) for each in said] == [
        ("m1", "customer", "Hello?"),
        ("m2", "shop", "We are looking."),
    ]
    held = next(one for one in box.control.objects("Complaint") if one["key_value_string"] == made["key"])
    assert messages(held) == said
    with pytest.raises(KeyError, match="CP-404"):
        box.control.complaint_message("CP-404", "nobody")
