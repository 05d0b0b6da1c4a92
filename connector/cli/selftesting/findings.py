"""What the judge of a self-test says, and what each part of it goes by: cases by our key, comments by case."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from connector import keys
from connector.cli.selftesting.evidence import Document, Evidence
from connector.cli.selftesting.stage import SITE

Sort = Literal["lost", "twice", "stale", "unexplained", "books", "repeated", "burnt"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and about which record."""

    sort: Sort
    what: str
    key: str

    def __str__(self) -> str:
        return f"{self.sort}: {self.what}: {self.key}"


class Bench:
    """The evidence, sorted for those who judge it."""

    def __init__(self, evidence: Evidence) -> None:
        self.seen = evidence
        self.live = {c["Commerce_Key__c"]: c for c in evidence.cases if c["Commerce_Key__c"] and not c["IsDeleted"]}
        self.deleted = {c["Commerce_Key__c"] for c in evidence.cases if c["Commerce_Key__c"] and c["IsDeleted"]}
        self.ids = {c["Id"] for c in evidence.cases if not c["IsDeleted"]}
        self.marks = Counter(mark(note["subject"] or "") for note in evidence.notes)
        self.by_case: dict[str, list[Document]] = defaultdict(list)
        for comment in evidence.comments:
            self.by_case[comment["ParentId"]].append(comment)

    def case(self, flow: str, key: str) -> tuple[Document | None, list[Finding]]:
        """The live case of a record that needs one; findings if it is not there and nobody deleted it."""
        ours = keys.make(flow, SITE, key)
        case = self.live.get(ours)
        if case is not None or ours in self.deleted:
            return case, []
        row = self.seen.rows.get(flow, {}).get(key)
        why = "the ledger has never seen it" if row is None else f"the ledger says {row.state} {row.reason}".rstrip()
        return None, [Finding("lost", f"no case of {flow} ({why})", key)]

    def said(self, flow: str, line: str, key: str, told: str | None, case: Document) -> Iterator[Finding]:
        """Each element of a list that only grows is one comment of the case, in the order of the list."""
        wanted = [keys.make(flow, SITE, key, line, m["id"]) for m in json.loads(told or "[]") if m.get("text")]
        found = [mark(c["CommentBody"] or "") for c in self.by_case[case["Id"]]]
        ours = [one for one in found if one in set(wanted)]
        for one in wanted:
            if one not in ours:
                yield Finding("lost", MESSAGES[line], one)
        first = list(dict.fromkeys(ours))
        if first != [one for one in wanted if one in ours]:
            yield Finding("stale", "the comments stand in another order than the messages", key)

    def taken_back(self, case: Document, shows: object, values: Sequence[str]) -> bool:
        """A decision in the shop of a case that was reopened: sent by a process that was killed before it could note it."""
        return not case["IsClosed"] and shows in values and bool(self.seen.deaths)


MESSAGES = {
    "messages": "a message of the customer is no comment of the case",
    "events": "what the shop carried out is no comment of the case",
}
"""Line → what it means that one of its elements is missing."""


def mark(text: str) -> str:
    """Our key at the end of a note's subject or a comment."""
    text = text.rstrip()
    begin = text.rfind("[")
    return text[begin + 1 : -1] if text.endswith("]") and begin >= 0 else ""


def amount(value: object) -> float | None:
    return None if value is None else float(str(value))


def instant(stamp: str) -> str:
    """`2026-11-20T10:15:30.000+0000` as the mappings write it."""
    return datetime.fromisoformat(stamp.replace("+0000", "+00:00")).strftime("%Y-%m-%dT%H:%M:%S.000Z")
