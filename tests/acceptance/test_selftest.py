"""`connector selftest` as a user runs it, and its judge on real systems: what is planted there is named."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from connector.cli.selftesting.evidence import Evidence, gathered
from connector.cli.selftesting.findings import Finding
from connector.cli.selftesting.stage import Stage
from connector.cli.selftesting.verdict import judged
from tests.acceptance.processes import run

MAPPINGS = str(Path(__file__).parents[2] / "mappings" / "salesforce")


def test_a_short_storm_loses_nothing_and_tells_how_to_see_it_again(tmp_path: Path) -> None:
    given = ["--seed", "11", "--records", "60", "--seconds", "10", "--kill-every", "4", "--rate", "2-10"]
    ended = run(tmp_path, "selftest", *given, "--folder", str(tmp_path / "run"), "--mappings", MAPPINGS, within=700)
    assert ended.code == 0, ended.said
    assert "nothing lost, nothing twice, the books balance" in ended.out
    assert "kills: 0" not in ended.out
    assert f"the same plan again: connector selftest {' '.join(given)}" in ended.out
    assert "said again after a kill" in ended.out


@pytest.mark.parametrize("rate", ["ten", "10-1", "0-101"])
def test_rates_that_mean_nothing_are_refused(tmp_path: Path, rate: str) -> None:
    ended = run(tmp_path, "selftest", "--rate", rate)
    assert ended.code == 2
    assert "two percentages" in ended.err


def note_again(stage: Stage) -> None:
    """Somebody posts a note of ours once more."""
    note = stage.control.notes()[0]
    form = {"grant_type": "client_credentials"}
    with requests.Session() as session:
        session.trust_env = False
        url = stage.box.sfcc_url
        token = session.post(f"{url}/dwsso/oauth2/access_token", auth=("bench", "secret"), data=form, timeout=10).json()
        session.post(
            f"{url}/s/RefArch/dw/shop/v24_5/orders/{note['order_no']}/notes",
            json={"subject": note["subject"], "text": note["text"]},
            headers={"Authorization": f"Bearer {token['access_token']}"},
            timeout=10,
        ).raise_for_status()


def case_again(stage: Stage) -> None:
    """A second case under the key of the first, in an org whose key field is not unique."""
    stage.control.set(unique_key=False)
    case = next(each for each in stage.control.cases() if each["Type"] == "Return")
    stage.control.agent_create(fields={"Subject": case["Subject"], "Commerce_Key__c": case["Commerce_Key__c"]})


def disputed(stage: Stage) -> str:
    """The first order of a dispute."""
    return str(json.loads(stage.control.objects(kind="Dispute")[0]["c_orderNos"])[0])


def wrong_book(stage: Stage) -> None:
    with sqlite3.connect(stage.folder / "ledger.db") as ledger:
        ledger.execute("UPDATE flow SET done = done + 1 WHERE name = 'returns-to-cases'")
    ledger.close()


PLANTED: dict[str, tuple[Callable[[Stage], object], str, str]] = {
    "lost order": (lambda s: s.control.place_order(site="RefArch", c_addressMismatch=True), "lost", "never read"),
    "lost comment": (
        lambda s: s.control.complaint_message(key="CP-1", text="Hello?"),
        "lost",
        "a message of the customer is no comment",
    ),
    "older version": (
        lambda s: s.control.change_order(number=s.control.notes()[0]["order_no"], c_riskScore=101),
        "stale",
        "older risk score",
    ),
    "lost word": (
        lambda s: s.control.customer_says(kind="Dispute", key="DP-1", text="And?"),
        "lost",
        "disputes-to-cases:_ref_arch:_d_p-1:messages",
    ),
    "older payment": (
        lambda s: s.control.change_order(number=disputed(s), payment_status="part_paid"),
        "stale",
        "older payments",
    ),
    "product on sale": (
        lambda s: s.control.change_product(number="TG250", online_flag={"default": True}),
        "lost",
        "held by a recall",
    ),
    "recall never lifted": (
        lambda s: s.control.agent_lift(case=s.control.product(number="701642")["c_recallCase"]),
        "lost",
        "held by no recall",
    ),
    "doubled note": (note_again, "twice", "a note"),
    "duplicate case": (case_again, "twice", "a case"),
    "unbalanced book": (wrong_book, "books", "returns-to-cases"),
}
"""Thing that is planted → how, and what the judge must say of it. Each stays, and the next comes on top."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A shop and a desk at rest after the whole way, and no daemon any more."""
    data = [
        "--orders",
        "12",
        "--returns",
        "4",
        "--complaints",
        "3",
        "--disputes",
        "3",
        "--exceptions",
        "1",
        "--shop-code",
        "0.1",
    ]
    folder = tmp_path_factory.mktemp("judged") / "run"
    with Stage.set_up(folder, data, records=22, mappings=MAPPINGS, config="config.yaml") as made:
        made.control.agent_recall(products=["TG250", "701642"], notice="Stop.")
        made.command("sync")
        for number, case in enumerate(made.control.cases()):
            if case["Type"] == "Recall":
                continue
            amount = {"amount": 10.0 + number} if case["Type"] == "Return" else {}
            more = {"more": {"Credit_Amount__c": 5.0 + number}} if case["Type"] == "Dispute" else {}
            decision = {"Return": "Refund", "Complaint": "Exchange", "Dispute": "Credit"}.get(case["Type"], "Hold")
            made.control.agent_decide(case=case["Id"], resolution=decision, **amount, **more)
        for _ in range(3):  # decisions, what the shop makes of them, and what that shows on the cases
            made.command("sync")
        yield made


def of(sort: str, what: str, found: list[Finding]) -> list[Finding]:
    return [each for each in found if each.sort == sort and what in str(each)]


def test_the_judge_finds_nothing_on_systems_at_rest_and_names_each_thing_that_is_planted(stage: Stage) -> None:
    before: Evidence = gathered(stage)
    assert judged(before) == []
    assert len(before.notes) >= 10, "there was something to lose"
    assert before.refunds
    assert before.given
    assert sum("c_recallCase" in product for product in before.products) == 2
    for name, (plant, sort, what) in PLANTED.items():
        assert not of(sort, what, judged(gathered(stage))), name
        plant(stage)
        assert of(sort, what, judged(gathered(stage))), name
