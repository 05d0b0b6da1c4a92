"""`connector check --live` against a shop: what is well, and what is not with the place in the mapping that says it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.stage import ROOT, Stage, stage


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, orders=3, returns=1) as made:
        yield made


def misspell(where: Stage, old: str, new: str) -> int:
    """Copy case-to-order with one text changed; the line in which that stands."""
    text = (ROOT / "mappings/salesforce/case-to-order.yaml").read_text()
    assert old in text
    (where.folder / "back.yaml").write_text(text.replace(old, new))
    config = where.folder / "config.yaml"
    config.write_text(re.sub(r"mapping: \S+case-to-order\.yaml", "mapping: back.yaml", config.read_text()))
    return text[: text.index(old)].count("\n") + 1


def test_the_shipped_mappings_fit_the_sample_shop(where: Stage) -> None:
    ended = where.run("check", "--live")
    assert ended.code == 0, ended.out
    assert "shop: ok" in ended.out


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("c_caseOwner:", "c_caseOwnr:", "did you mean c_caseOwner?"),
        ("{Release: RELEASE,", "{Release: RELEASED,", "did you mean RELEASE?"),
        ("only_from: failed", "only_from: faild", "known: created, new"),
    ],
)
def test_a_name_or_value_that_the_shop_does_not_have_is_told_with_its_place(
    where: Stage, old: str, new: str, told: str
) -> None:
    line = misspell(where, old, new)
    ended = where.run("check", "--live")
    assert ended.code == 1, ended.out
    assert told in ended.out
    assert f"back.yaml:{line}:" in ended.out


def test_a_permission_that_the_flows_need_is_told_with_the_entry_to_add(where: Stage) -> None:
    entries = [{"resource_id": "/order_search", "methods": ["post"]}]
    where.box.control.set(permissions={"bench": entries})
    ended = where.run("check", "--live")
    assert ended.code == 1
    for resource, method in (
        ("/sites/*/orders/*", "patch"),
        ("/sites/*/orders/*/status", "put"),
        ("/sites/*/orders/*/confirmation_status", "put"),
        ("/orders/*/notes", "post"),
        ("/sites/*/custom_objects/*/*", "patch"),
        ("/system_object_definitions/*/attribute_definitions", "get"),
    ):
        assert f'{{"resource_id": "{resource}", "methods": ["{method}"]}}' in ended.out, (resource, ended.out)
