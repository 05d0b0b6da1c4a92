"""Recalls on the real daemon: products go off with a notice and come back as they were, whatever breaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.after_sales import Life, life

FLOWS = ("recalls-to-products",)
TIE, CAMERA, JACKET = "701642", "TG250", "750518"
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "drop_after", "system": "sfcc", "method": "PATCH", "path": "/products/", "every": 2, "times": 4},
    {"kind": "status", "system": "sfcc", "path": "/products/", "status": 503, "form": "html", "every": 5, "times": 3},
    {
        "kind": "status",
        "system": "salesforce",
        "path": "/query",
        "status": 429,
        "retry_after": 0,
        "every": 7,
        "times": 3,
    },
)


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Life]:
    with life(tmp_path, FLOWS, orders=2) as made:
        made.control.change_product(CAMERA, online_flag={"default": True, "default@RefArch": False})
        yield made


def shelf(lived: Life) -> dict[str, Any]:
    """What may change of every product."""
    return {
        one["id"]: (one["online_flag"], one.get("c_recallNotice"), one.get("c_recallCase"))
        for one in lived.control.products()
    }


def off(lived: Life, product: str, notice: str) -> bool:
    one = lived.control.product(product)
    sites = [one["online_flag"].get(f"default@{site}") for site in ("RefArch", "RefArchGlobal")]
    return sites == [False, False] and one.get("c_recallNotice") == notice


@pytest.mark.parametrize("dying", ["going off", "coming back", None])
def test_products_go_off_and_come_back_as_they_were(lived: Life, dying: str | None) -> None:
    before = shelf(lived)
    rule = {"system": "sfcc", "method": "PATCH", "path": "/products/"}
    if dying == "going off":
        lived.kill_at(**rule)
    for fault in FAULTS:
        lived.control.fault(**fault)
    case = lived.control.agent_recall([TIE, CAMERA], "Do not use it.")
    lived.until(lambda: off(lived, TIE, "Do not use it.") and off(lived, CAMERA, "Do not use it."))
    lived.rest()
    if dying == "coming back":
        lived.control.clear_faults()
        lived.kill_at(**rule)  # first: the first rule that a request meets shapes its answer
        for fault in FAULTS:
            lived.control.fault(**fault)
    assert shelf(lived)[JACKET] == before[JACKET]
    lived.control.agent_lift(case)
    lived.until(lambda: shelf(lived) == before)
    lived.rest()
    assert shelf(lived) == before, "the camera was offline before and stays so"
    lived.assert_well()
    assert lived.kills == bool(dying)
    fired = {rule["kind"]: rule["fired"] for rule in lived.control.faults()}
    assert fired["drop_after"]


def test_a_product_of_two_recalls_stays_off_until_both_are_lifted_and_others_hands_are_respected(lived: Life) -> None:
    before = shelf(lived)
    first = lived.control.agent_recall([TIE, JACKET], "First.")
    lived.until(lambda: off(lived, TIE, "First.") and off(lived, JACKET, "First."))
    lived.rest()
    second = lived.control.agent_recall([TIE], "Second.")
    lived.until(lambda: off(lived, TIE, "Second."))
    lived.rest()
    lived.control.agent_lift(first)
    lived.until(lambda: shelf(lived)[JACKET] == before[JACKET])
    lived.rest()
    assert off(lived, TIE, "Second."), "the second recall holds it"
    lived.control.change_product(TIE, c_recallNotice="Ask our shop.")
    lived.control.agent_lift(second)
    lived.until(lambda: shelf(lived)[TIE][0] == before[TIE][0])
    lived.rest()
    assert shelf(lived)[TIE] == (before[TIE][0], "Ask our shop.", None), "a merchandiser's notice stays"
    lived.assert_well()


def test_a_product_that_the_shop_does_not_know_is_told_and_one_struck_off_comes_back(lived: Life) -> None:
    before = shelf(lived)
    case = lived.control.agent_recall([TIE, "TG25O", JACKET], "Do not use it.", Site__c="RefArch")
    lived.until(lambda: lived.control.comments(case))
    (said,) = lived.control.comments(case)
    assert said["CommentBody"].startswith("Product TG25O was NOT taken off: the shop does not know this product.")
    lived.until(lambda: shelf(lived)[JACKET][1])
    assert shelf(lived)[JACKET][0] == {"default": True, "default@RefArch": False}, "the other site goes on selling it"
    lived.control.agent_edit(case, {"Product_Ids__c": TIE})
    lived.until(lambda: shelf(lived)[JACKET] == before[JACKET])
    lived.rest()
    assert shelf(lived)[TIE][1] == "Do not use it."
    lived.assert_well()
    assert len(lived.control.comments(case)) == 1


def test_agents_recall_and_lift_and_all_is_as_before(tmp_path: Path) -> None:
    with life(tmp_path, FLOWS, orders=2, recalls=6, agent_delay=0.6) as lived:
        lived.until(lambda: len(lived.control.cases()) == 6)
        lived.until(lambda: all(case["Recall_Lifted__c"] for case in lived.control.cases()))
        lived.until(lambda: all(one["online_flag"] == {"default": True} for one in lived.control.products()))
        lived.rest()
        assert not [one for one in lived.control.products() if "c_recallNotice" in one or "c_recallCase" in one]
        lived.assert_well()
