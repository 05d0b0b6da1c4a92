"""What an org's objects can do as streams. Any object's API name is a stream; Case is known in more detail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from connector.adapter import Stream
from connector.adapters.salesforce import comments, documents
from connector.adapters.salesforce.ownership import ATTENDED
from connector.adapters.salesforce.records import CLAIM_COLUMNS
from connector.adapters.salesforce.settings import API_NAME, Settings
from connector.model import Op
from connector.states import BESIDE, FACTS, WORDS

CASE_LENGTHS: Mapping[str, int] = {
    "Subject": 255,
    "Description": 32_000,
    "Status": 255,
    "Origin": 255,
    "Reason": 255,
    "Type": 255,
    "Priority": 255,
    "SuppliedName": 80,
    "SuppliedEmail": 80,
    "SuppliedPhone": 40,
    "SuppliedCompany": 80,
    "Comments": 4_000,
}
"""Object Reference, "Case"."""
READ_ONLY = frozenset(
    {"CaseHistory", "ContentDocument", "ContentDocumentLink", "EmailMessage", "FeedItem", "Group", "User"}
)
"""Objects that cannot carry a key field of ours, so that a second create could not be told from the first."""


PLAIN = frozenset({"Event", "Task"})
"""Activities. Whether a custom field of theirs can be unique, no public page says: so a look goes before each create, by our key
in a text field of Activity."""
ACTIVITY_LENGTHS: Mapping[str, int] = {"Subject": 255, "Description": 32_000}


class Streams(Mapping[str, Stream]):
    """Answers for every name that could be an object's; lists the one that every org has."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, Stream] = {}

    def __getitem__(self, name: str) -> Stream:
        stream = self._made.get(name)
        if stream is None:
            if not re.match(API_NAME, name):
                raise KeyError(name)
            stream = self._made[name] = self._make(name)
        return stream

    def __iter__(self) -> Iterator[str]:
        return iter(("Case",))

    def __len__(self) -> int:
        return 1

    def _make(self, name: str) -> Stream:
        settings = self._settings
        if name == comments.STREAM:
            return comments.stream(settings)
        if name == documents.STREAM:
            return documents.stream(settings)
        keyed = name not in READ_ONLY
        needs = ["Id", "SystemModstamp", *([settings.key_field] if keyed else [])]
        writes: frozenset[Op] = frozenset({"create", "update", "delete"}) if keyed else frozenset()
        return Stream(
            name,
            key="Id",
            needs=tuple([*needs, *CLAIM_COLUMNS] if name == "Case" else needs),
            writes=writes,
            batch=settings.batch,
            fetch_batch=200,
            create="exclusive" if keyed and name not in PLAIN else "plain",
            fetch="direct",
            settle_after=settings.settle_after,
            claims=name == "Case",
            conditional="1s" if keyed else "none",
            lengths=CASE_LENGTHS if name == "Case" else ACTIVITY_LENGTHS if name in PLAIN else {},
            number="CaseNumber" if name == "Case" else None,
            bears=settings.key_field if keyed else None,
            states=frozenset(WORDS) if name == "Case" else frozenset(),
            facts=frozenset({*FACTS, BESIDE}) if name == "Case" else frozenset(),
            attended=ATTENDED if name == "Case" else (),
        )
