"""The books of a self-test, printed: what struck, what there is on each side, what was lost or twice, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from connector.cli.selftesting.evidence import Evidence
from connector.cli.selftesting.findings import Finding
from connector.cli.selftesting.sky import Sky
from connector.cli.selftesting.storm import Course
from connector.cli.selftesting.verdict import repetitions
from connector.cli.table import plural, table

SHOWN = 20
"""Findings that are named; the rest is counted."""


def struck(sky: Sky, course: Course, evidence: Evidence, did: Counter[str]) -> Iterator[str]:
    """What was done to the daemon, and what people did meanwhile."""
    asked = sum(paths["total"] for paths in evidence.requests.values())
    hit = sum(sky.struck.values())
    yield f"faults that struck: {hit:,} of {asked:,} requests"
    yield from table(["kind", "times"], sorted(sky.struck.items()), indent="  ")
    yield f"kills: {len(course.deaths)}"
    yield from table(["moment", "times"], sorted(course.kills.items()), indent="  ")
    yield "people: " + ", ".join(f"{name} {number:,}" for name, number in sorted(did.items()))


def sums(evidence: Evidence, course: Course, findings: Sequence[Finding]) -> Iterator[str]:
    """What there is, and what of it is lost or twice."""
    live = [case for case in evidence.cases if case["Commerce_Key__c"] and not case["IsDeleted"]]
    gone = sum(bool(case["Commerce_Key__c"] and case["IsDeleted"]) for case in evidence.cases)
    found = Counter(finding.sort for finding in findings)
    again = repetitions(evidence)
    in_flight = sum(len(death.in_flight) for death in course.deaths)
    shop = sum(map(len, (evidence.orders, evidence.returns, evidence.complaints, evidence.disputes)))
    recalls = [case for case in evidence.cases if case["Type"] == "Recall"]
    rows = [
        ("records in the shop", shop, ""),
        ("cases", len(live), f"deleted by people: {gone}"),
        ("decisions of agents", sum(bool(case["IsClosed"]) for case in live), ""),
        ("comments", len(evidence.comments), ""),
        ("answers in the shop", len(evidence.answers), ""),
        ("notes on orders", len(evidence.notes), ""),
        ("refund requests", len(evidence.refunds), f"{len(evidence.executed)} executed"),
        ("credits and corrections", len(evidence.given), ""),
        ("recalls", len(recalls), f"lifted: {sum(bool(case['Recall_Lifted__c']) for case in recalls)}"),
        ("files", len(evidence.files), ""),
        ("lost", found["lost"], ""),
        ("twice", found["twice"], ""),
        ("out of date", found["stale"], ""),
        ("unexplained", found["unexplained"], ""),
        ("books out of balance", found["books"], ""),
        ("attempts burnt by outages", evidence.attempts_burnt, ""),
        ("said again: answer lost", len(again["answer lost"]), "looked up first, or an update that changes nothing"),
        (
            "said again after a kill",
            len(again["kill"]),
            f"of {in_flight:,} rows in flight at {plural(len(course.deaths), 'kill')}",
        ),
        ("said again without a cause", len(again["no cause"]), ""),
    ]
    yield from table(["", "number", ""], rows)
    for reason, number in course.parked.items():
        yield f"parked until somebody mended it, then delivered: {number}: {reason}"
    parked = Counter(row.reason for rows in evidence.rows.values() for row in rows.values() if row.state == "parked")
    for reason, number in parked.items():
        yield f"parked at the end: {number}: {reason}"
    for books in evidence.books:
        parts = ("done", "filtered", "foreign", "parked", "pending", "dropped")
        told = " + ".join(f"{getattr(books, part):,} {part}" for part in parts)
        yield f"{books.flow}: {books.rows:,} rows = {told}"


def told(findings: Sequence[Finding]) -> Iterator[str]:
    """What is wrong, by name."""
    for finding in findings[:SHOWN]:
        yield f"WRONG  {finding}"
    if len(findings) > SHOWN:
        yield f"WRONG  and {len(findings) - SHOWN:,} more"
