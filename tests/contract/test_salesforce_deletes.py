"""Rows that are deleted over real HTTP, in collections: each with its own answer, and none twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.adapters.salesforce import Salesforce
from connector.errors import Gone, Rejected
from connector.model import Select, Write
from connector.sandbox import Sandbox
from tests.contract.salesforce_org import creates, open_


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(orders=0, returns=0) as made:
        yield made


@pytest.fixture
def org(box: Sandbox) -> Iterator[Salesforce]:
    box.control.reset()
    adapter = open_(box)
    yield adapter
    adapter.close()


def deletes(*ids: str | None) -> list[Write]:
    return [Write("delete", f"k:{at}", {}, one) for at, one in enumerate(ids)]


def test_each_row_has_its_own_answer_and_what_is_gone_is_gone(org: Salesforce) -> None:
    first, second, third = (result.target for result in org.write("Case", creates(3)))
    assert [result.error for result in org.write("Case", deletes(first, second))] == [None, None]
    again = org.write("Case", deletes(second, third))
    assert isinstance(again[0].error, Gone)
    assert again[1].error is None
    assert org.fetch("Case", [first or "", second or "", third or ""], select=Select()) == {}


def test_many_go_in_one_call(org: Salesforce) -> None:
    made = [result.target for result in org.write("Case", creates(200))]
    before = org.calls()
    assert all(result.error is None for result in org.write("Case", deletes(*made)))
    assert org.calls() == before + 1


def test_a_deleted_row_can_be_made_again_under_its_key(org: Salesforce) -> None:
    (made,) = org.write("Case", creates(1))
    org.write("Case", deletes(made.target))
    (again,) = [
        org.write("Case", [Write("create", write.key, write.fields, uncertain=True, forgotten=(made.target or "",))])[0]
        for write in creates(1)
    ]
    assert again.error is None
    assert again.target not in (None, made.target)


def test_an_id_that_names_nothing_is_refused_alone(org: Salesforce) -> None:
    (made,) = org.write("Case", creates(1))
    wrong, right = org.write("Case", deletes("500000000000zzz", made.target))
    assert isinstance(wrong.error, Gone | Rejected)
    assert right.error is None
